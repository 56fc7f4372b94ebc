"""Readers: files and uploads in, `Record` out; whatever is not read as it stands is refused by one sentence."""

from ecg_core.readers.archive import Unpacked, is_archive, unpack
from ecg_core.readers.discover import find_records, group_uploads, missing_files, needs_description
from ecg_core.readers.files import Upload
from ecg_core.readers.lead_names import canonical_lead
from ecg_core.readers.read import Probe, open_blocks, probe, read_blocks, read_part, read_record, read_up_to

__all__ = [
    "Probe",
    "Unpacked",
    "Upload",
    "canonical_lead",
    "find_records",
    "group_uploads",
    "is_archive",
    "missing_files",
    "needs_description",
    "open_blocks",
    "probe",
    "read_blocks",
    "read_part",
    "read_record",
    "read_up_to",
    "unpack",
]
