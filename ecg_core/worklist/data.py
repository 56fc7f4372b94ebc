"""A data folder with its database, opened: what a worklist stands on."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from ecg_core.errors import WorklistError
from ecg_core.worklist import folders
from ecg_core.worklist.jobs import Job
from ecg_core.worklist.tables import Database

DATABASE = "worklist.sqlite"


class DataFolder:
    """A data folder, the root of its folder jobs and its store; see `Worklist`."""

    def __init__(self, data: Path | None = None, *, root: Path | None = None, store: Path | None = None) -> None:
        self.data = (data or folders.data_folder()).absolute()
        self.root = (root or folders.root_folder(self.data)).absolute()
        self.store = store.absolute() if store else None
        try:
            self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
            if self.root == self.data / folders.INBOX:
                self.root.mkdir(exist_ok=True)
            (self.data / folders.UPLOADS).mkdir(exist_ok=True, mode=0o700)
            self.database = Database(self.data / DATABASE)
        except OSError as error:
            raise WorklistError(
                f"The data folder {self.data} cannot be used: {error.strerror}; set {folders.DATA_VARIABLE} to another."
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def root_of(self, job: Job, made_below: Path) -> Path:
        """Return the folder that a job's paths are relative to.

        Raises
        ------
        WorklistError
            If the operator has chosen another root since the job was made.
        """
        if job.kind == "uploads":
            return self.data / folders.UPLOADS / job.id
        if made_below != Path(os.path.realpath(self.root)):
            raise WorklistError(
                f"This job is of {made_below}, and the root is now {self.root}; set {folders.ROOT_VARIABLE} back."
            )
        return made_below
