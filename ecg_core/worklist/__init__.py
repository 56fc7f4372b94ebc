"""The worklist: jobs that score many records in a process of their own, and what reviewers decided on them."""

from ecg_core.worklist.decisions import DIFFER, Decision, ModelVerdict, Review, reviewer_name
from ecg_core.worklist.folders import DATA_VARIABLE, ROOT_VARIABLE, Folder, data_folder, root_folder
from ecg_core.worklist.jobs import Job
from ecg_core.worklist.rows import PER_MODEL, Columns
from ecg_core.worklist.tables import DECISIONS, STATES, VERDICTS
from ecg_core.worklist.worklist import Description, Worklist

__all__ = [
    "DATA_VARIABLE",
    "DECISIONS",
    "DIFFER",
    "PER_MODEL",
    "ROOT_VARIABLE",
    "STATES",
    "VERDICTS",
    "Columns",
    "Decision",
    "Description",
    "Folder",
    "Job",
    "ModelVerdict",
    "Review",
    "Worklist",
    "data_folder",
    "reviewer_name",
    "root_folder",
]
