"""Readers: files and uploads in, `Record` out; whatever is not read as it stands is refused by one sentence."""

from ecg_core.readers.discover import find_records, group_uploads, needs_description
from ecg_core.readers.files import Upload
from ecg_core.readers.lead_names import canonical_lead
from ecg_core.readers.read import Probe, probe, read_blocks, read_record

__all__ = [
    "Probe",
    "Upload",
    "canonical_lead",
    "find_records",
    "group_uploads",
    "needs_description",
    "probe",
    "read_blocks",
    "read_record",
]
