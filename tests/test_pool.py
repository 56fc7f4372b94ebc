"""The worker pool: order, deaths, refusals, and an end that leaves no process behind."""

from __future__ import annotations

import os
import socket
import time

import pytest

from ecg_core import pool
from ecg_core.errors import CheckpointError, ECGError
from ecg_core.pool import Lost, WorkerPool

ECHO = "tests.echo:make_echo"


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_results_come_in_the_items_order_from_several_processes(tmp_path):
    flag = tmp_path / "flag"
    items = [f"item{k}" for k in range(20)]
    items[0] = f"wait:{flag}"  # holds up the first worker, and what it holds, until the second one works
    items[1] = f"touch:{flag}"
    with WorkerPool(ECHO, {}, 2) as workers:
        results = list(workers.map(items))
        assert len(workers.pids) == 2
    assert [result["item"] for result in results] == items
    assert len({result["pid"] for result in results}) == 2
    assert {result["threads"] for result in results} == {"1"}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_that_dies_costs_the_item_it_was_on_and_no_other(workers):
    items = ["a", "kill", "b", "c", "crash", "d", "segfault", "e"]
    with WorkerPool(ECHO, {}, workers) as pool_:
        results = list(pool_.map(items))
    lost = {item: result.reason for item, result in zip(items, results, strict=True) if isinstance(result, Lost)}
    assert list(lost) == ["kill", "crash", "segfault"]
    assert "signal 9" in lost["kill"]
    assert "ZeroDivisionError: a mistake in the code" in lost["crash"]
    assert [result["item"] for result in results if not isinstance(result, Lost)] == ["a", "b", "c", "d", "e"]


def test_a_group_that_kills_its_worker_is_tried_item_by_item():
    items = ["a", "b", "kill", "c", "d", "e", "f"]
    with WorkerPool(ECHO, {}, 1, group=3) as workers:
        results = list(workers.map(items))
    assert [item for item, result in zip(items, results, strict=True) if isinstance(result, Lost)] == ["kill"]
    found = {result["item"]: result["group"] for result in results if not isinstance(result, Lost)}
    assert found == {"a": 1, "b": 1, "c": 3, "d": 3, "e": 3, "f": 1}


def test_every_item_may_be_deadly():
    with WorkerPool(ECHO, {}, 2) as workers:
        assert all(isinstance(result, Lost) for result in workers.map([f"kill{k}" for k in range(3)]))


def test_a_refusal_at_the_start_is_raised_as_itself():
    with (
        pytest.raises(CheckpointError, match=r"^no such model$"),
        WorkerPool(ECHO, {"refuse": "no such model"}, 2) as w,
    ):
        list(w.map(["a", "b"]))


def test_workers_that_cannot_start_end_the_run():
    with pytest.raises(ECGError, match="before they can start"), WorkerPool(ECHO, {"die": True}, 2) as workers:
        list(workers.map(["a", "b"]))


def test_leaving_early_ends_the_workers():
    with pytest.raises(KeyboardInterrupt), WorkerPool(ECHO, {}, 2) as workers:
        stream = workers.map([f"slow{k}" for k in range(50)])
        next(stream)
        pids = workers.pids
        assert all(alive(pid) for pid in pids)
        raise KeyboardInterrupt
    assert not any(alive(pid) for pid in pids)


def test_workers_end_by_themselves_when_the_parent_is_gone():
    with WorkerPool(ECHO, {}, 1) as workers:
        next(workers.map(["a", "b"]))
        (worker,), (nursery,) = workers._workers, workers._nurseries
        worker._requests.close()  # what the kernel does when the parent is killed
        assert nursery.wait(worker.pid) == 0
        nursery._control.shutdown(socket.SHUT_WR)
        assert nursery._process.wait(timeout=20) == 0


def test_what_is_needed_is_loaded_once_and_workers_are_its_children():
    with WorkerPool(ECHO, {}, 2) as workers:
        results = list(workers.map([f"slow{k}" for k in range(8)]))
        (nursery,) = workers._nurseries
    assert {result["loaded_by"] for result in results} == {nursery._process.pid}
    assert len({result["pid"] for result in results} - {nursery._process.pid}) == 2


def test_what_has_a_second_thread_is_not_forked():
    items = ["a", "kill", "b", "c"]
    with WorkerPool(ECHO, {"thread": True}, 2) as workers:
        results = list(workers.map(items))
    found = {result["item"]: result for result in results if not isinstance(result, Lost)}
    assert list(found) == ["a", "b", "c"]
    assert all(result["loaded_by"] == result["pid"] for result in found.values())
    (lost,) = (result for result in results if isinstance(result, Lost))
    assert "signal 9" in lost.reason


def test_a_nursery_that_is_killed_costs_no_item():
    items = ["a", "slow1", "slow2", "kill", *(f"slow{k}" for k in range(3, 9))]
    with WorkerPool(ECHO, {}, 2) as workers:
        stream = workers.map(items)
        results = [next(stream)]
        workers._nurseries[0]._process.kill()
        results += stream
        assert len({result["loaded_by"] for result in results if not isinstance(result, Lost)}) == 2
    (lost,) = (k for k, result in enumerate(results) if isinstance(result, Lost))
    assert items[lost] == "kill"
    assert "ended unexpectedly" in results[lost].reason


def test_workers_do_not_run_far_ahead_of_a_slow_item(monkeypatch):
    monkeypatch.setattr(pool, "WINDOW", 3)
    with WorkerPool(ECHO, {}, 2) as workers:
        stream = workers.map(["slow", *(f"item{k}" for k in range(30))])
        next(stream)
        assert sum(len(worker.holds) for worker in workers._workers) <= 3
        time.sleep(0)
        assert len(list(stream)) == 30


def test_no_items_need_no_workers():
    with WorkerPool(ECHO, {}, 2) as workers:
        assert list(workers.map([])) == []
        assert workers.pids == []
