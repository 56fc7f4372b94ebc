from __future__ import annotations

import threading

import pytest

from app.background import Background, Progress


@pytest.fixture
def background():
    made: Background[str] = Background()
    yield made
    made.stop()


def test_a_job_is_done_once_and_taken_once(background):
    calls = []
    for _ in range(2):
        background.ask("a", lambda _: calls.append(1) or "asked")
    assert background.take("a", lambda: "at once") == "asked"
    assert calls == [1]
    assert background.take("a", lambda: "at once") == "at once"


def test_taking_waits_for_a_job_at_work_and_does_itself_what_has_not_begun(background):
    begun, may_end = threading.Event(), threading.Event()
    background.ask("a", lambda _: begun.set() or (may_end.wait(30) and "asked"))
    background.ask("b", lambda _: "asked")
    assert begun.wait(30)
    assert not background.done("a")
    assert background.take("b", lambda: "at once") == "at once"
    threading.Timer(0.05, may_end.set).start()
    assert background.take("a", lambda: "at once") == "asked"


def test_waiting_ends_when_the_job_is_done_or_the_time_is_up(background):
    may_end = threading.Event()
    background.ask("a", lambda _: may_end.wait(30) and "asked")
    background.wait("a", 0.01)
    assert not background.done("a")
    threading.Timer(0.05, may_end.set).start()
    background.wait("a", 30)
    assert background.done("a")
    background.wait("never asked for", 30)


def test_what_a_job_raises_is_raised_where_it_is_taken(background):
    def fails():
        raise ValueError("said")

    begun = threading.Event()
    background.ask("a", lambda _: begun.set() or fails())
    assert begun.wait(30)
    with pytest.raises(ValueError, match="said"):
        background.take("a", lambda: "at once")


def test_what_was_asked_for_can_be_given_up(background):
    begun, may_end = threading.Event(), threading.Event()
    background.ask("a", lambda _: begun.set() or (may_end.wait(30) and "asked"))
    background.ask("b", lambda _: "asked")
    assert begun.wait(30)
    background.forget()
    may_end.set()
    assert not background.done("a")
    assert background.take("b", lambda: "at once") == "at once"


def test_what_is_wanted_first_is_begun_beside_what_is_at_work_and_joined_afterwards(background):
    begun, may_end, calls = threading.Event(), threading.Event(), []

    def job(name):
        def work(report):
            calls.append(name)
            report(0.5)
            begun.set()
            assert may_end.wait(30)
            return name

        return work

    background.ask("a", job("a"))
    assert begun.wait(30)
    begun.clear()
    background.ask("b", job("b"))
    for _ in range(3):
        far = background.first("b", job("b"))
        joined = background.first("a", job("a"))
    assert begun.wait(30)
    assert (far.share, joined.share) == (0.5, 0.5)
    assert far.left_s() >= 0
    may_end.set()
    assert background.take("a", lambda: "anew") == "a"
    assert background.take("b", lambda: "anew") == "b"
    assert sorted(calls) == ["a", "b"]


def test_what_waits_has_no_end_in_sight():
    assert Progress().left_s() is None


def test_a_job_at_work_ends_when_it_is_given_up(background):
    begun, given_up, ended = threading.Event(), threading.Event(), threading.Event()

    def work(report):
        begun.set()
        assert given_up.wait(30)
        try:
            report(0.1)
        finally:
            ended.set()
        return "never"

    background.ask("a", work)
    assert begun.wait(30)
    background.forget()
    given_up.set()
    assert ended.wait(30)
    assert background.take("a", lambda: "at once") == "at once"
