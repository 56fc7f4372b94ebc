"""What a run of the app sent to the browser, for tests to read."""

from __future__ import annotations

import copy
import json
import time
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from app import state
from app.state import Entry
from ecg_core.synthetic import EXAMPLES, make_record

PVC = "premature-ventricular-beat"


def parts(app: AppTest, component: str) -> list[Any]:
    """Return what each mount of a component was sent: plain data or bytes."""
    found = []
    for element in app.get("bidi_component"):
        if element.proto.component_name == component:
            kind = element.proto.WhichOneof("data")
            found.append(json.loads(element.proto.json) if kind == "json" else element.proto.bytes)
    return found


def header(packet: bytes) -> dict[str, Any]:
    """Return a packet's header."""
    length = int.from_bytes(packet[:4], "little")
    return json.loads(packet[4 : 4 + length])


def view(app: AppTest) -> dict[str, Any]:
    """Return what the paper was told to show."""
    return next(p for p in parts(app, "leadwise_carrier") if isinstance(p, dict))


def carried(app: AppTest, part: str) -> dict[str, Any] | None:
    """Return the header of one part that was sent by itself, None where it was not."""
    found = [header(p) for p in parts(app, "leadwise_carrier") if isinstance(p, bytes)]
    return next((p for p in found if p["part"] == part), None)


def signals(app: AppTest) -> dict[str, Any]:
    """Return the header of the signals that were sent."""
    (packet,) = parts(app, "leadwise_paper")
    return header(packet)


def verdict(app: AppTest) -> dict[str, Any]:
    """Return what the verdict band was sent."""
    (data,) = parts(app, "leadwise_verdict")
    return data


def threshold(app: AppTest) -> dict[str, Any]:
    """Return what the threshold slider was sent."""
    (data,) = parts(app, "leadwise_threshold")
    return data


def move_threshold(app: AppTest, rate: float) -> AppTest:
    """Put the threshold where the slider would."""
    app.session_state[state.RATE] = rate
    app.run()
    assert not app.exception
    return app


def changed(data: dict[str, Any], at: int) -> dict[str, Any]:
    """Return what a panel shows at another place of the threshold slider, as `atRate` in shared.js makes it."""
    shown = copy.deepcopy({key: value for key, value in data.items() if key not in ("rate", "rates")})
    for path, value in data["rates"][at]:
        target: Any = shown
        for step in path[:-1]:
            target = target[step]
        target[path[-1]] = value
    return shown


def page_words(app: AppTest) -> str:
    """Return all words that the page shows as text."""
    return "\n".join(element.proto.body for element in app.get("html") if "<style>" not in element.proto.body)


def opened(app: AppTest, name: str = PVC) -> AppTest:
    """Open one of the examples."""
    record = make_record(next(spec for spec in EXAMPLES if spec.name == name))
    return send(app, Entry(record.sha256, record, synthetic=True))


def visit(app: AppTest, page: str) -> AppTest:
    """Go to a page."""
    app.run()
    app.session_state[state.DESTINATION] = page
    app.run()
    assert not app.exception
    return app


def button(app: AppTest, label: str) -> Button:
    """Return the button of that label."""
    return next(b for b in app.button if b.label == label)


def pair(folder: Path, name: str) -> list[tuple[str, bytes]]:
    """Return the two files of an example."""
    return [(f"{name}{suffix}", (folder / f"{name}{suffix}").read_bytes()) for suffix in (".hea", ".dat")]


def upload(app: AppTest, *files: tuple[str, bytes]) -> AppTest:
    """Drop files on the Upload page."""
    app.run()
    app.file_uploader[0].set_value([(n, data, "application/octet-stream") for n, data in files]).run()
    assert not app.exception
    return app


def describe(app: AppTest, fs: float | None = 500.0, unit: str | None = "mV", order: str | None = None) -> AppTest:
    """Fill in the form that asks how files were recorded, and send it."""
    if fs is not None:
        app.number_input[0].set_value(fs)
    if unit is not None:
        app.selectbox[0].set_value(unit)
    app.selectbox[1].set_value(order or "I, II, III, aVR, aVL, aVF, V1 to V6")
    button(app, "Read with these").click()
    app.run()
    assert not app.exception
    return app


def listed(app: AppTest) -> dict[str, Any]:
    """Return what the Upload page lists: rows, problems, and whether rows wait."""
    (data,) = parts(app, "leadwise_records")
    return data | {"pending": bool(parts(app, "leadwise_pulse"))}


def scored(app: AppTest) -> dict[str, Any]:
    """Let the Upload page run until no row waits; return what it lists."""
    for _ in range(200):
        if not listed(app)["pending"]:
            return listed(app)
        time.sleep(0.05)
        app.run()
    raise AssertionError("rows still wait")


def is_scoring(app: AppTest) -> bool:
    """Return whether the page says that a long recording is being scored."""
    return 'class="lw-scoring"' in page_words(app) or 'class="lw-progress"' in page_words(app)


def settled(app: AppTest) -> AppTest:
    """Look again and again, as the browser does, until a long recording is scored by all models."""
    for _ in range(400):
        if not is_scoring(app):
            return app
        time.sleep(0.05)
        app.run()
        assert not app.exception
    raise AssertionError("a recording is still being scored")


def send(app: AppTest, *entries: Entry) -> AppTest:
    """Open records that are not on disk, and wait until the first is scored."""
    begun(app, *entries)
    return settled(app)


def begun(app: AppTest, *entries: Entry) -> AppTest:
    """Open records that are not on disk."""
    app.run()
    app.session_state["entries"] = {entry.key: entry for entry in entries}
    app.session_state["current"] = entries[0].key
    app.session_state[state.DESTINATION] = "analyse"
    app.run()
    assert not app.exception
    return app
