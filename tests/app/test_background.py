from __future__ import annotations

import threading

import pytest

from app.background import Background


@pytest.fixture
def background():
    made: Background[str] = Background()
    yield made
    made.stop()


def test_a_job_is_done_once_and_taken_once(background):
    calls = []
    for _ in range(2):
        background.ask("a", lambda: calls.append(1) or "asked")
    assert background.take("a", lambda: "at once") == "asked"
    assert calls == [1]
    assert background.take("a", lambda: "at once") == "at once"


def test_taking_waits_for_a_job_at_work_and_does_itself_what_has_not_begun(background):
    begun, may_end = threading.Event(), threading.Event()
    background.ask("a", lambda: begun.set() or (may_end.wait(30) and "asked"))
    background.ask("b", lambda: "asked")
    assert begun.wait(30)
    assert not background.done("a")
    assert background.take("b", lambda: "at once") == "at once"
    threading.Timer(0.05, may_end.set).start()
    assert background.take("a", lambda: "at once") == "asked"


def test_what_a_job_raises_is_raised_where_it_is_taken(background):
    def fails():
        raise ValueError("said")

    begun = threading.Event()
    background.ask("a", lambda: begun.set() or fails())
    assert begun.wait(30)
    with pytest.raises(ValueError, match="said"):
        background.take("a", lambda: "at once")


def test_what_was_asked_for_can_be_given_up(background):
    begun, may_end = threading.Event(), threading.Event()
    background.ask("a", lambda: begun.set() or (may_end.wait(30) and "asked"))
    background.ask("b", lambda: "asked")
    assert begun.wait(30)
    background.forget()
    may_end.set()
    assert not background.done("a")
    assert background.take("b", lambda: "at once") == "at once"
