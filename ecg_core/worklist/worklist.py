"""The worklist of one data folder: what the app asks for jobs, rows and decisions."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ecg_core.errors import WorklistError
from ecg_core.plain import plain
from ecg_core.readers import Upload, find_records
from ecg_core.records import Record
from ecg_core.worklist import decisions, export, folders, jobs, launch, reading, rows, uploads
from ecg_core.worklist.data import DataFolder
from ecg_core.worklist.decisions import Decision, Review
from ecg_core.worklist.export import Form
from ecg_core.worklist.folders import Folder
from ecg_core.worklist.jobs import Job
from ecg_core.worklist.reading import Source
from ecg_core.worklist.rows import Columns


@dataclass(frozen=True)
class Description:
    """What .npy, .npz and CSV files do not say of themselves: rate in Hz, unit ("mV", "uV", "V") and lead names."""

    fs: float
    unit: str
    leads: tuple[str, ...]


class Worklist(DataFolder):
    """Jobs, results and decisions in one data folder. One object may serve many threads, many processes one folder.

    Parameters
    ----------
    data : the data folder, made where it is missing; `data_folder()` by default.
    root : below which folders may be reviewed; LEADWISE_ROOT or the data folder's inbox by default.
    store : folder of checkpoints; None is the packaged one.

    Attributes
    ----------
    data, root, store : as above.
    database : the open database.

    Raises
    ------
    WorklistError
        If the folder cannot be used, or holds the data of a newer Leadwise.
    """

    # --- jobs ---------------------------------------------------------------------------------------------------

    def browse(self, relative: str = "") -> Folder:
        """Return a folder below the root with its subfolders and how many records each holds.

        Raises
        ------
        WorklistError
            If there is no such folder, or it lies outside the root.
        """
        return folders.browse(self.root, relative)

    def create_job_from_folder(
        self,
        folder: str,
        models: Sequence[str],
        false_alarm_rate: float,
        *,
        name: str | None = None,
        description: Description | None = None,
        creator: str = "",
    ) -> Job:
        """Make a job of the records below a folder, as they are now, and return it; it waits for the runner.

        Parameters
        ----------
        folder : relative to the root, as `browse` gives it; "" is the root.
        models : names in the store.
        false_alarm_rate : share of normal ECGs that may be called anomalous.
        name : for people; the folder's by default.
        description : for files that do not say their rate, unit or leads; CSV files are taken only with it.
        creator : who asks.

        Raises
        ------
        WorklistError
            If the folder is not below the root or has no records, or a checkpoint is missing.
        """
        real = folders.folder_inside(self.root, folder)
        plan = self._plan(name or real.name, models, false_alarm_rate, description, creator)
        top = Path(os.path.realpath(self.root))
        paths = [str(path.relative_to(top)) for path in find_records(real, csv=description is not None)]
        if not paths:
            raise WorklistError(
                f"{plain(real.name)} has no records: expected .hea, .npy or .npz files, or described .csv."
            )
        with self.database.writing() as connection:
            return jobs.create(connection, jobs.new_id(), plan, "folder", top, folder, paths)

    def create_job_from_uploads(
        self,
        files: Iterable[Upload],
        models: Sequence[str],
        false_alarm_rate: float,
        *,
        name: str = "Uploads",
        description: Description | None = None,
        creator: str = "",
    ) -> Job:
        """Make a job of dropped files, which are kept in the data folder until the job is deleted.

        Headers and signal files are matched by name, within the folders that names from a zip carry. Other
        parameters as `create_job_from_folder`.

        Raises
        ------
        WorklistError
            If there are no files, two have one name, they cannot be stored, or a checkpoint is missing.
        """
        plan = self._plan(name, models, false_alarm_rate, description, creator)
        job = jobs.new_id()
        spool = self.data / folders.UPLOADS / job
        try:
            paths = uploads.spool(spool, files)
            with self.database.writing() as connection:
                return jobs.create(connection, job, plan, "uploads", spool, "", paths)
        except WorklistError:
            uploads.remove(spool)
            raise

    def _plan(
        self,
        name: str,
        models: Sequence[str],
        false_alarm_rate: float,
        description: Description | None,
        creator: str,
    ) -> jobs.Plan:
        """Return what a job is to do, after a look that it can be done."""
        described = asdict(description) if description else {}
        plan = jobs.Plan(name, models, self.store, false_alarm_rate, described, creator)
        plan.checkpoints()
        return plan

    def jobs(self) -> list[Job]:
        """Return all jobs, newest first."""
        with self.database.reading() as connection:
            return jobs.listed(connection)

    def job(self, job: str) -> Job:
        """Return one job as it stands; cheap enough to ask every second.

        Raises
        ------
        WorklistError
            If it was deleted.
        """
        with self.database.reading() as connection:
            return jobs.one(connection, job)

    def reviewed(self, job: str) -> dict[str, int]:
        """Return how many records of each verdict somebody decided on: "above", "below", ..."""
        with self.database.reading() as connection:
            return decisions.reviewed(connection, job)

    def pause(self, job: str) -> None:
        """Stop scoring, at once; what is scored stays. Nothing happens to a job that is over."""
        with self.database.writing() as connection:
            jobs.move(connection, job, "paused", allowed=("waiting", "running"))

    def cancel(self, job: str) -> None:
        """Stop scoring for good, at once; what is scored stays until the job is deleted."""
        with self.database.writing() as connection:
            jobs.move(connection, job, "cancelled", allowed=("waiting", "running", "paused"))

    def resume(self, job: str) -> None:
        """Let a paused or failed job go on where it stopped.

        Raises
        ------
        WorklistError
            If it was deleted, or a checkpoint is not the one that the job began with.
        """
        found = self.job(job)
        if changed := jobs.changed_checkpoints(found.checkpoints, jobs.checkpoints_now(found)):
            raise WorklistError(changed)
        with self.database.writing() as connection:
            jobs.move(connection, job, "waiting", allowed=("paused", "failed"))

    def delete(self, job: str) -> None:
        """Remove a job, its results and its uploads; the decisions stay.

        Raises
        ------
        WorklistError
            If its uploads cannot be removed; the job is still there then, cancelled.
        """
        with self.database.writing() as connection:
            jobs.move(connection, job, "cancelled", allowed=("waiting", "running", "paused"))
        if jobs.is_id(job):
            uploads.remove(self.data / folders.UPLOADS / job)
        with self.database.writing() as connection:
            jobs.delete(connection, job)

    def ensure_runner(self) -> None:
        """See to it that a runner works where a job waits: start one, or replace one that is dead or hangs.

        Call it when the app starts, after a job was made or resumed, and with every look at an active job; it costs
        a millisecond when nothing is to be done.
        """
        with self.database.reading() as connection:
            active = jobs.any_active(connection)
        if active:
            launch.ensure(self.data, self.root)

    # --- records ------------------------------------------------------------------------------------------------

    def rows(self, job: str, since: int = 0, *, reviewer: str | None = None) -> Columns:
        """Return the scored records of a job as columns of equal length, in the order they were scored.

        Parameters
        ----------
        since : leave out records up to this `seq`, so that a page can ask for the new ones alone.
        reviewer : whose own decision stands in `my_decision`.

        Returns
        -------
        position (in the job, from 0), seq (order of scoring, from 1), record, path, sha256 (None where the file was
        not opened), verdict ("above", "below", "not interpretable", "failed"), percentile (the
        consensus's, or where the job has none the median of the models'; None for recordings over 10 s), n_above of
        n_scored models (without the consensus, which is made of them), heart_rate (beats per minute), quality
        ("V2 flat, noisy; V3 noisy"; None is good), masked ("V2, V3"; None is none), notes, stretch_start_s,
        stretch_stop_s (s), stretch_leads ("V1, V2"), stretch_model of the strongest stretch, error; per model
        score_NAME, percentile_NAME, threshold_NAME, anomalous_NAME, error_NAME; and decision (what the latest
        decisions agree on, or "reviewers differ"), reviewers, decided_at (UTC), comment (of the newest), differ,
        my_decision. None where unknown.
        """
        with self.database.reading() as connection:
            found = jobs.one(connection, job)
            table = rows.columns(connection, job, found.models, since)
            reviews = decisions.reviews(connection, [decisions.of_job(job)])
        return table | rows.decided(table["sha256"], reviews, reviewer)

    def waiting(self, job: str) -> dict[int, str]:
        """Return the paths of a job's records that are not scored yet, by position."""
        with self.database.reading() as connection:
            return rows.waiting(connection, job)

    def details(self, job: str, position: int) -> dict[str, dict[str, Any]]:
        """Return what else each model said of a record, by model: lead_scores, parts, stretches, notes, ...

        As in the rows of `ecg_core.batch`; empty while the record waits.
        """
        with self.database.reading() as connection:
            return rows.details(connection, job, position)

    def source(self, job: str, position: int) -> Source:
        """Return where a record lies, to read all or a part of it.

        Raises
        ------
        WorklistError
            If it is not in the job, or lies outside the root.
        """
        with self.database.reading() as connection:
            found = jobs.one(connection, job)
            made_below, path, sha256 = jobs.place(connection, job, position)
        return reading.source(self.root_of(found, Path(made_below)), path, found.description, sha256)

    def read_record(self, job: str, position: int) -> Record:
        """Read a record of a job from its file, up to an hour of it, with the twelve leads in report order.

        Raises
        ------
        WorklistError
            If it is not in the job, lies outside the root, or is no longer the file that was scored.
        RecordError
            If it cannot be read.
        """
        return self.source(job, position).record()

    def read_part(self, job: str, position: int, start_s: float, stop_s: float) -> Record:
        """Read the seconds between two times, 5 s or more, of a recording of any length; raises as `read_record`."""
        return self.source(job, position).part(start_s, stop_s)

    # --- decisions ----------------------------------------------------------------------------------------------

    def decide(self, job: str, sha256: str, reviewer: str, decision: str, comment: str = "") -> Decision:
        """Store a reviewer's reading of a record; when this returns it is on the disk.

        Parameters
        ----------
        sha256 : of the record, from `rows`.
        decision : "anomalous", "not anomalous" or "second look".

        Raises
        ------
        WorklistError
            If it is not stored, and why.
        """
        with self.database.writing() as connection:
            return decisions.append(connection, job, sha256, reviewer, decision, comment)

    def decisions(
        self, *, job: str | None = None, sha256: str | None = None, limit: int | None = None
    ) -> list[Decision]:
        """Return decisions, superseded ones too, newest first: on a record, on a job's records, or all.

        A decision belongs to the recording: it is found in every job that holds the same sha256. With `limit`, no
        more than so many.
        """
        with self.database.reading() as connection:
            return decisions.listed(connection, decisions.on(job, sha256), limit)

    def reviews(self, *, job: str | None = None, sha256: str | None = None) -> dict[str, Review]:
        """Return the latest decision of each reviewer by record sha256, and whether they differ."""
        with self.database.reading() as connection:
            return decisions.reviews(connection, decisions.on(job, sha256))

    # --- export -------------------------------------------------------------------------------------------------

    def export(self, job: str, form: Form) -> bytes:
        """Return the worklist of a job with its decisions, as the bytes of a CSV or Parquet file."""
        found, table, reviews = self.job(job), self.rows(job), self.reviews(job=job)
        return export.written(export.worklist_table(found, table, reviews), form)

    def export_decisions(self, form: Form, *, job: str | None = None) -> bytes:
        """Return every decision on a job's records, or all there are, superseded ones too."""
        return export.written(export.decisions_table(self.decisions(job=job)), form)
