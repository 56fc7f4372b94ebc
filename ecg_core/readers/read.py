"""One way to read a record, whatever the format and wherever the bytes are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ecg_core.errors import RecordError
from ecg_core.readers.array_reader import open_array
from ecg_core.readers.csv_reader import open_csv
from ecg_core.readers.described import refuse_description
from ecg_core.readers.discover import ARRAY_SUFFIXES, CSV_SUFFIX, WFDB_SIGNALS, WFDB_SUFFIX
from ecg_core.readers.files import Files, FolderFiles, Upload, UploadFiles, as_uploads, base_name, explained
from ecg_core.readers.lead_names import clean
from ecg_core.readers.limits import MAX_CSV_BYTES, MAX_GAP_S, MAX_HEADER_BYTES, check_duration
from ecg_core.readers.recording import Recording
from ecg_core.readers.wfdb_reader import open_wfdb
from ecg_core.records import Record

Source = str | Path | Upload | Iterable[Upload] | Mapping[str, bytes]
Leads = str | Iterable[str]
MAX_RECORD_NAME = 100


@dataclass(frozen=True)
class Probe:
    """What a file says of itself before any sample is read."""

    name: str
    leads: tuple[str, ...]
    fs: float
    n_samples: int
    age: float | None = None
    sex: str | None = None

    @property
    def n_leads(self) -> int:
        """Number of leads."""
        return len(self.leads)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.fs


def read_record(
    source: Source,
    *,
    fs: float | None = None,
    unit: str | None = None,
    leads: Leads | None = None,
    name: str | None = None,
    max_gap_s: float = MAX_GAP_S,
) -> Record:
    """Read one record of 5 s to 1 h.

    Parameters
    ----------
    source : a path (for WFDB the header, a signal file, or the path without suffix), or a record's files in
        memory: one `Upload`, several, or a mapping of file names to bytes.
    fs, unit, leads : sampling rate in Hz, "mV", "uV" or "V", and lead names in order; required for ``.npy``,
        ``.npz`` (arrays of shape (n_leads, n_samples)) and ``.csv`` (one row per sample), refused for WFDB.
    name : what to call the record; the file's stem by default.
    max_gap_s : longest run of missing samples that is bridged, s.

    Returns
    -------
    The record in mV, with every lead of the file in its order; `ecg_core.records.twelve_leads` takes the twelve.

    Raises
    ------
    RecordError
        With one sentence, for anything that cannot be read as it stands.
    """
    recording = open_recording(source, fs=fs, unit=unit, leads=leads, name=name)
    recording.check(whole=True)
    return recording.record(0, recording.n_samples, max_gap_s)


def read_up_to(
    source: Source,
    longest_s: float,
    *,
    fs: float | None = None,
    unit: str | None = None,
    leads: Leads | None = None,
) -> Record | None:
    """Read one record as `read_record` does, its header once; None for one that is longer than `longest_s`.

    Raises
    ------
    RecordError
        As `read_record`.
    """
    recording = open_recording(source, fs=fs, unit=unit, leads=leads)
    recording.check(whole=False)
    if recording.duration_s > longest_s:
        return None
    recording.check(whole=True)
    return recording.record(0, recording.n_samples)


def read_blocks(
    source: Source,
    block_s: float = 600.0,
    *,
    overlap_s: float = 0.0,
    fs: float | None = None,
    unit: str | None = None,
    leads: Leads | None = None,
    name: str | None = None,
    max_gap_s: float = MAX_GAP_S,
) -> Iterator[Record]:
    """Read a recording of any length block by block; each block's `start_s` says where it lies.

    Checksums and the digest take one pass over the file before the first block. Consecutive blocks share
    `overlap_s` seconds; a remainder under 5 s joins the last block. The other parameters are `read_record`'s.

    Raises
    ------
    RecordError
        As `read_record`, at once for what the header shows, and when a block is reached for its gaps.
    """
    return open_blocks(
        source, block_s, overlap_s=overlap_s, fs=fs, unit=unit, leads=leads, name=name, max_gap_s=max_gap_s
    )()


def open_blocks(
    source: Source,
    block_s: float = 600.0,
    *,
    overlap_s: float = 0.0,
    fs: float | None = None,
    unit: str | None = None,
    leads: Leads | None = None,
    name: str | None = None,
    max_gap_s: float = MAX_GAP_S,
) -> Callable[[], Iterator[Record]]:
    """Return what reads a recording block by block as `read_blocks` does, from its start each time it is called.

    However often that is, header, checksums and digest are read once.

    Raises
    ------
    RecordError
        As `read_blocks`.
    """
    recording = open_recording(source, fs=fs, unit=unit, leads=leads, name=name)
    recording.check(whole=False)
    spans = recording.blocks(block_s, overlap_s)
    recording.verify()
    return lambda: (recording.record(start, stop, max_gap_s) for start, stop in spans)


def read_part(
    source: Source,
    start_s: float,
    stop_s: float,
    *,
    fs: float | None = None,
    unit: str | None = None,
    leads: Leads | None = None,
    name: str | None = None,
) -> Record:
    """Read the seconds of a recording of any length that lie between two times; `start_s` says where they begin.

    Times are cut to the recording's length. The other parameters are `read_record`'s.

    Raises
    ------
    RecordError
        As `read_record`, and if less than 5 s are left.
    """
    recording = open_recording(source, fs=fs, unit=unit, leads=leads, name=name)
    recording.check(whole=False)
    start = max(0, round(start_s * recording.fs))
    stop = min(round(stop_s * recording.fs), recording.n_samples)
    check_duration(recording.n_leads, max(stop - start, 0), recording.fs, recording.name)
    return recording.record(start, stop)


def probe(
    source: Source,
    *,
    fs: float | None = None,
    unit: str | None = None,
    leads: Leads | None = None,
    name: str | None = None,
) -> Probe:
    """Return name, leads, rate and length of a record without reading samples; parameters as `read_record`."""
    recording = open_recording(source, fs=fs, unit=unit, leads=leads, name=name)
    recording.check(whole=False)
    return Probe(recording.name, recording.leads, recording.fs, recording.n_samples, recording.age, recording.sex)


def open_recording(
    source: Source,
    *,
    fs: float | None = None,
    unit: str | None = None,
    leads: Leads | None = None,
    name: str | None = None,
) -> Recording:
    """Find a record's files and read its header."""
    if isinstance(source, str | Path):
        with explained(clean(Path(source).name)):
            files, main = _from_path(Path(source))
    else:
        files, main = _from_uploads(source)
    suffix = Path(main).suffix.lower()
    label = clean(Path(main).stem if name is None else name)[:MAX_RECORD_NAME] or "record"
    size = files.size(main)
    if size is None:
        raise RecordError(f"{clean(main)} was not found; check the path.")
    if size == 0:
        raise RecordError(f"{clean(main)} is empty (0 bytes); get the file again.")
    if suffix == WFDB_SUFFIX:
        refuse_description(clean(main), fs=fs, unit=unit, leads=leads)
        if size > MAX_HEADER_BYTES:
            raise RecordError(f"{clean(main)} has {size:,} bytes; a WFDB header has at most {MAX_HEADER_BYTES:,}.")
        return open_wfdb(main, files, label)
    if suffix in ARRAY_SUFFIXES:
        return open_array(files.read(main), clean(main), label, fs, unit, leads)
    if suffix == CSV_SUFFIX:
        if size > MAX_CSV_BYTES:
            raise RecordError(f"Expected a CSV file of at most {MAX_CSV_BYTES:,} bytes; {clean(main)} has {size:,}.")
        return open_csv(files.read(main), clean(main), label, fs, unit, leads)
    raise RecordError(
        f"{clean(main)} is no file that Leadwise reads: expected WFDB (.hea with its .dat or .mat), .npy, .npz or .csv."
    )


def _from_path(path: Path) -> tuple[Files, str]:
    """Return the folder and the name of the main file: for WFDB, the header."""
    if "\x00" in str(path) or not path.name:
        raise RecordError(f"{clean(str(path)) or 'An empty path'} is not a path to a file.")
    files = FolderFiles(path.parent)
    suffix = path.suffix.lower()
    if suffix in {WFDB_SUFFIX, *ARRAY_SUFFIXES, CSV_SUFFIX}:
        # the user named this file: where it is a link, its target's folder counts
        return (FolderFiles(path.resolve().parent), path.resolve().name) if path.is_symlink() else (files, path.name)
    header = path.name + WFDB_SUFFIX
    if suffix in WFDB_SIGNALS:
        header = path.stem + WFDB_SUFFIX
        if files.size(header) is None:
            raise RecordError(f"{path.name} is half of a WFDB record: its header {header} is missing; add it beside.")
    elif files.size(header) is None:
        if path.is_dir():
            raise RecordError(f"{path.name} is a folder; give a record's file (or use batch for folders).")
        header = path.name
    return files, header


def _from_uploads(source: Upload | Iterable[Upload] | Mapping[str, bytes]) -> tuple[Files, str]:
    """Return the upload and the name of the main file: the one header, or the only file."""
    uploads = as_uploads(source)
    files = UploadFiles(uploads)
    names = [base_name(upload.name) for upload in uploads]
    headers = [name for name in names if name.lower().endswith(WFDB_SUFFIX)]
    others = [name for name in names if Path(name).suffix.lower() in {*ARRAY_SUFFIXES, CSV_SUFFIX}]
    if len(headers) + len(others) > 1:
        shown = ", ".join(clean(name) for name in (headers + others)[:4])
        raise RecordError(f"Expected one record; found several ({shown}): read one at a time.")
    if headers or others:
        return files, (headers + others)[0]
    if not names:
        raise RecordError("Nothing was uploaded; expected a record's files.")
    signals = [name for name in names if Path(name).suffix.lower() in WFDB_SIGNALS]
    if signals:
        raise RecordError(
            f"{clean(signals[0])} is half of a WFDB record: its header {clean(Path(signals[0]).stem)}.hea is missing; "
            "add it to the upload."
        )
    return files, names[0]
