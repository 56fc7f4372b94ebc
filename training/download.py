"""Fetch PTB-XL, MIT-BIH, INCART or SVDB from PhysioNet: resumed where it broke off, every file held to its checksum.

    python -m training.download --out DIR [--fs 100|500]
    python -m training.download mitbih --out DIR

`SHA256SUMS.txt` of the published version says which files there are. A file counts once its sha256 is right; until
then it is NAME.part, which the next run continues (HTTP Range). Kill it and call it again at will.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from ecg_core.errors import ECGError, RecordError

BASE = "https://physionet.org/files/ptb-xl/1.0.3/"
MARKED = {
    "mitbih": "https://physionet.org/files/mitdb/1.0.0/",
    "incart": "https://physionet.org/files/incartdb/1.0.0/",
    "svdb": "https://physionet.org/files/svdb/1.0.0/",
}
"""Databases with marked beats: signals, headers and `.atr` files at the top of one folder."""

MARKED_FILES = (".hea", ".dat", ".atr")
SUMS = "SHA256SUMS.txt"
TABLES = ("ptbxl_database.csv", "scp_statements.csv", "LICENSE.txt", "RECORDS")
CONNECTIONS = 4
TRIES = 5
TIMEOUT_S = 30.0
BLOCK = 1 << 16
FAILURES = (urllib.error.URLError, http.client.HTTPException, OSError)


class DownloadError(ECGError):
    """A file that could not be fetched, or is not the one that was published."""


@dataclass(frozen=True)
class Remote:
    """One published file: its path below the base address, and its sha256."""

    path: str
    sha256: str


def parse_sums(text: str, fs: int) -> list[Remote]:
    """Return the files wanted of PTB-XL's `SHA256SUMS.txt`: the tables, and the records of one rate.

    Raises
    ------
    DownloadError
        If a line is not a checksum and a path below the folder, or no record is listed.
    """
    folder = f"records{fs}"
    wanted = [r for r in listed(text) if r.path in TABLES or PurePosixPath(r.path).parts[0] == folder]
    if not any(remote.path.startswith("records") for remote in wanted):
        raise DownloadError(f"{SUMS} lists no files in records{fs}; check the address.")
    return wanted


def parse_marked_sums(text: str) -> list[Remote]:
    """Return the files wanted of a database with marked beats: all records at the top of its folder.

    Raises
    ------
    DownloadError
        If a line is not a checksum and a path below the folder, or no marks are listed.
    """
    paths = {remote: PurePosixPath(remote.path) for remote in listed(text)}
    wanted = [remote for remote, path in paths.items() if path.suffix in MARKED_FILES and len(path.parts) == 1]
    if not any(remote.path.endswith(".atr") for remote in wanted):
        raise DownloadError(f"{SUMS} lists no .atr files; check the address.")
    return wanted


def listed(text: str) -> list[Remote]:
    """Return every file of `SHA256SUMS.txt`.

    Raises
    ------
    DownloadError
        If a line is not a checksum and a path below the folder.
    """
    found = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        digest, _, name = line.partition(" ")
        path = PurePosixPath(name.strip().lstrip("*"))
        if len(digest) != 64 or path.is_absolute() or ".." in path.parts or not path.parts:
            raise DownloadError(f"{SUMS} has the line {line[:100]!r}; expected a sha256 and a path below the folder.")
        found.append(Remote(str(path), digest.lower()))
    return found


def sha256_of(path: Path) -> str:
    """Return the hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _open(url: str, start: int = 0) -> http.client.HTTPResponse:
    """Ask for a file from byte `start` on."""
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise DownloadError(f"Expected an http or https address; found {url}.")
    headers = {"User-Agent": "leadwise", **({"Range": f"bytes={start}-"} if start else {})}
    request = urllib.request.Request(url, headers=headers)
    response: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=TIMEOUT_S)
    return response


def _continue(url: str, part: Path) -> None:
    """Append what is missing of `part`; start over where the server will not continue."""
    start = part.stat().st_size if part.exists() else 0
    try:
        response = _open(url, start)
    except urllib.error.HTTPError as error:
        if error.code != 416:  # 416: nothing is left to send, so the file is whole, or longer than it should be
            raise
        error.close()
        return
    with response, part.open("ab" if response.status == 206 else "wb") as file:
        while block := response.read(BLOCK):
            file.write(block)
        if response.length:  # the connection closed early
            raise http.client.IncompleteRead(b"", response.length)


def fetch(remote: Remote, base: str, out: Path, *, tries: int = TRIES, wait_s: float = 1.0) -> bool:
    """Bring one file into `out`; return False where it was already there, whole.

    A broken connection is continued up to `tries` times, with doubling pauses. A wrong checksum is fetched afresh
    once: a part from an earlier version may have been continued.

    Raises
    ------
    DownloadError
        If the file cannot be had, or stays another one than was published.
    """
    target = out / remote.path
    if target.is_file() and sha256_of(target) == remote.sha256:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    url = urllib.parse.urljoin(base, urllib.parse.quote(remote.path))
    for _ in range(2):
        _fetch_part(url, part, tries, wait_s)
        found = sha256_of(part)
        if found == remote.sha256:
            part.replace(target)
            return True
        part.unlink()
    raise DownloadError(
        f"{remote.path} has sha256 {found[:12]}; {SUMS} says {remote.sha256[:12]}: the file was altered."
    )


def _fetch_part(url: str, part: Path, tries: int, wait_s: float) -> None:
    """Continue `part` until the server has sent all of it."""
    for attempt in range(tries):
        try:
            _continue(url, part)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code < 500 and error.code != 429:
                raise DownloadError(f"{url} answered {error.code} {error.reason}; check the address.") from error
            reason: Exception = error
        except FAILURES as error:
            reason = error
        else:
            return
        if attempt + 1 < tries:
            time.sleep(wait_s * 2**attempt)
    raise DownloadError(
        f"{url} broke off {tries} times ({reason}); run the same command again to continue."
    ) from reason


def download(
    out: str | Path,
    *,
    database: str = "ptbxl",
    fs: int = 100,
    base: str | None = None,
    connections: int = CONNECTIONS,
    tries: int = TRIES,
    wait_s: float = 1.0,
    quiet: bool = False,
) -> int:
    """Fetch PTB-XL at 100 or 500 Hz, or a database with marked beats, into `out`; return how many files came anew.

    Raises
    ------
    DownloadError
        With the first file that failed, once those under way have ended; the others stay.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    sums = out / f"{SUMS}.part"
    sums.unlink(missing_ok=True)
    marked = database in MARKED
    base = base or MARKED.get(database, BASE)
    _fetch_part(urllib.parse.urljoin(base, SUMS), sums, tries, wait_s)
    text = sums.read_text(encoding="utf-8")
    wanted = parse_marked_sums(text) if marked else parse_sums(text, fs)
    label = database if marked else f"PTB-XL {fs} Hz"
    fetched = 0
    with (
        ThreadPoolExecutor(connections) as pool,
        tqdm(total=len(wanted), unit="file", desc=label, disable=quiet) as bar,
    ):
        jobs = [pool.submit(fetch, remote, base, out, tries=tries, wait_s=wait_s) for remote in wanted]
        try:
            for job in as_completed(jobs):
                fetched += job.result()
                bar.update()
        except (ECGError, KeyboardInterrupt):
            pool.shutdown(cancel_futures=True)
            raise
    sums.replace(out / SUMS)
    return fetched


def main(argv: Iterable[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.download", description="Fetch a database from PhysioNet.")
    known = ("ptbxl", *MARKED)
    parser.add_argument("database", nargs="?", choices=known, default="ptbxl", help="which (default ptbxl)")
    parser.add_argument("--out", type=Path, required=True, help="folder to fill")
    parser.add_argument("--fs", type=int, choices=(100, 500), default=100, help="PTB-XL's rate in Hz (default 100)")
    parser.add_argument("--base", help="address of the published folder, ending in /")
    parser.add_argument("--connections", type=int, default=CONNECTIONS, help=f"at a time (default {CONNECTIONS})")
    args = parser.parse_args(None if argv is None else list(argv))
    try:
        fetched = download(args.out, database=args.database, fs=args.fs, base=args.base, connections=args.connections)
    except (DownloadError, RecordError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    print(f"{args.out}: complete, {fetched} files fetched")
    return 0


if __name__ == "__main__":
    sys.exit(main())
