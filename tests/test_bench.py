"""The bench measures every stage it names; how long they take is for `make bench` to say."""

from __future__ import annotations

import os
import signal
import subprocess

import numpy as np

from bench import browser
from bench.__main__ import STAGES, stages
from bench.batch import descendants, peak_mib
from bench.records import write_records
from bench.worklist import SIGNALS, make_job
from ecg_core.detector import AnomalyDetector
from ecg_core.readers import find_records, read_record
from ecg_core.synthetic import example_paths
from ecg_core.worklist import Worklist


def test_every_stage_is_reached():
    spent = stages(example_paths()[0], AnomalyDetector.from_store("consensus"), 1)
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
    with subprocess.Popen(["sh", "-c", "sleep 60 & echo $!; wait"], stdout=subprocess.PIPE, text=True) as shell:
        assert shell.stdout is not None
        sleeper = int(shell.stdout.readline())
        assert {shell.pid, sleeper} <= set(descendants(os.getpid()))
        assert descendants(sleeper) == []
        os.kill(sleeper, signal.SIGTERM)


def test_the_worklist_of_the_bench_is_finished_and_its_records_can_be_read(tmp_path):
    (tmp_path / "root").mkdir()
    job = make_job(tmp_path / "data", tmp_path / "root", SIGNALS + 3)
    with Worklist(tmp_path / "data", root=tmp_path / "root") as worklist:
        found = worklist.job(job)
        assert found.state == "finished"
        assert found.total == SIGNALS + 3
        assert not found.active
        rows = worklist.rows(job)
        assert len(set(rows["sha256"])) == SIGNALS + 3
        assert worklist.read_record(job, SIGNALS + 2).sha256 == rows["sha256"][SIGNALS + 2]


def test_without_a_browser_the_bench_says_what_it_needs(monkeypatch, capsys):
    monkeypatch.delenv("LEADWISE_CHROMIUM", raising=False)
    monkeypatch.setattr("shutil.which", lambda name: None)
    browser.browser(1, 10)
    assert "skipped, it needs Chromium" in capsys.readouterr().out
