"""The bench measures every stage it names; how long they take is for `make bench` to say."""

from __future__ import annotations

import os

import numpy as np

from bench.__main__ import STAGES, stages
from bench.batch import children, peak_mib
from bench.records import write_records
from ecg_core.detector import AnomalyDetector
from ecg_core.readers import find_records, read_record
from ecg_core.synthetic import example_paths


def test_every_stage_is_reached():
    spent = stages(example_paths()[0], AnomalyDetector.from_store("cae"), 1)
    assert set(spent) == {"read", *STAGES, "score"}
    assert all(milliseconds > 0 for milliseconds in spent.values())


def test_the_records_of_the_batch_are_read_and_differ(tmp_path):
    write_records(tmp_path, 10, np.random.default_rng(0))
    records = [read_record(path) for path in find_records(tmp_path)]
    assert len({record.sha256 for record in records}) == 10
    assert {record.duration for record in records} == {10.0}


def test_memory_is_watched():
    assert peak_mib(os.getpid()) > 10
    assert peak_mib(2**30) == 0.0
    assert os.getpid() in children(os.getppid())
