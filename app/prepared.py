"""Records made ready for scoring, each once: what a detector works out of one is there for the others."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

from ecg_core.records import Record

if TYPE_CHECKING:
    from ecg_core.segments import Prepared

MOST = 24
"""Records held, the latest used: each has about a megabyte of what detectors made of it."""


class PreparedRecords:
    """The latest records as `ecg_core.segments.prepare_record` returns them, by key; for several threads."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._held: OrderedDict[tuple[str, float], Prepared] = OrderedDict()
        self._lock = Lock()

    def of(self, key: str, record: Record) -> Prepared:
        """Return a record prepared; `key` names the recording it is of, its own start the part of it.

        Raises
        ------
        RecordError
            If leads are missing or the record is too short.
        """
        from ecg_core.segments import prepare_record

        name = (key, round(record.start_s, 3))
        with self._lock:
            if name in self._held:
                self._held.move_to_end(name)
                return self._held[name]
        prepared = prepare_record(record)
        with self._lock:
            self._held.setdefault(name, prepared)
            while len(self._held) > self._most:
                self._held.popitem(last=False)
            return self._held.get(name, prepared)

    def forget(self) -> None:
        """Give up all of them."""
        with self._lock:
            self._held.clear()
