from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ecg_core.errors import ConfigError
from ecg_core.readers import read_record
from ecg_core.readers.comments import SYNTHETIC_NOTE
from ecg_core.synthetic_ambulatory import EXAMPLE, PAUSE_S, Ambulatory, encode, example_path, main, synthesize


@pytest.fixture(scope="module")
def made():
    return synthesize(EXAMPLE)


def test_the_shipped_example_is_what_the_generator_makes(tmp_path):
    assert main([str(tmp_path)]) == 0
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    shipped = {path.name: path.read_bytes() for path in example_path().parent.iterdir()}
    assert written == shipped, "run python -m ecg_core.synthetic_ambulatory ecg_core/ambulatory_examples"


def test_the_example_is_a_record_of_two_leads_marked_synthetic():
    record = read_record(example_path())
    assert record.leads == ("MLII", "V1")
    assert (record.fs, record.duration) == (250, 480)
    assert record.notes == (SYNTHETIC_NOTE,)
    assert (record.age, record.sex) == (EXAMPLE.age, EXAMPLE.sex)


def test_it_has_the_beats_that_were_asked_for(made):
    _, beats = made
    kinds = [beat.kind for beat in beats]
    asked = [kind for _, kind in EXAMPLE.events]
    assert kinds.count("supraventricular") == asked.count("supraventricular")
    assert kinds.count("ventricular") == asked.count("ventricular") + 2 * asked.count("pair") + 5 * asked.count("run")
    times = np.array([beat.time_s for beat in beats])
    assert (np.diff(times) > 0.3).all()
    early = [k for k, beat in enumerate(beats) if beat.kind == "supraventricular"]
    before = np.diff(times)
    assert all(before[k - 1] < 0.75 * before[k - 2] for k in early)
    longest = before.argmax()
    assert before[longest] == pytest.approx(PAUSE_S)
    assert beats[longest + 1].kind == "sinus"


def test_ventricular_beats_are_wide_and_the_pause_is_flat(made):
    signal, beats = made
    fs = EXAMPLE.fs

    def around(time_s: float, before_s: float, after_s: float) -> np.ndarray:
        return signal[0, round((time_s - before_s) * fs) : round((time_s + after_s) * fs)]

    def area(time_s: float) -> float:
        cut = around(time_s, 0.1, 0.12)
        return float(np.abs(cut - np.median(cut)).mean())

    area_of = {kind: [area(b.time_s) for b in beats if b.kind == kind] for kind in ("sinus", "ventricular")}
    assert min(area_of["ventricular"]) > np.quantile(area_of["sinus"], 0.99)
    times = np.array([beat.time_s for beat in beats])
    k = int(np.diff(times).argmax())
    assert np.ptp(around(times[k] + 1.6, 0.6, 0.6)) < 0.4 * np.ptp(around(times[k], 0.1, 0.1))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_person():
    short = replace(EXAMPLE, duration_s=20.0)
    assert encode(short) == encode(short)
    assert encode(short) != encode(replace(short, seed=12))


def test_events_out_of_order_are_refused():
    with pytest.raises(ConfigError, match="ascending events"):
        synthesize(Ambulatory("x", ((9.0, "pause"), (3.0, "ventricular"))))
