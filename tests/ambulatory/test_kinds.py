"""What anomalous beats resemble: said of those alone, never of a class that is off; the same from file and stream."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ecg_core.ambulatory import BeatDetections, BeatDetector, BeatStream
from ecg_core.ambulatory.kinds import GROUP, KINDS
from ecg_core.checkpoints.beats import save_beat_checkpoint
from ecg_core.errors import CheckpointError
from ecg_core.records import Record
from ecg_core.synthetic_ambulatory import Ambulatory, make_record
from tests.beat_stand_in import make_checkpoint, with_probe

SPEC = Ambulatory("kinds", ((33.0, "ventricular"), (66.0, "ventricular"), (81.0, "run")), seed=9, duration_s=110.0)
VENTRICULAR, SUPRAVENTRICULAR = KINDS["V"], KINDS["S"]


@pytest.fixture(scope="module")
def record() -> Record:
    return make_record(SPEC)


@pytest.fixture(scope="module")
def found(record: Record) -> BeatDetections:
    return BeatDetector(with_probe(make_checkpoint("Beat-CAE"))).detect(record)


def test_a_beat_of_another_shape_resembles_a_ventricular_one_and_others_nothing(found: BeatDetections):
    near = [k for k, t in enumerate(found.times_s) if min(abs(t - 33.0), abs(t - 66.0)) < 0.6]
    assert VENTRICULAR in {found.resembles[k] for k in near}
    assert len(found.resembles) == len(found)
    assert sum(kind is None for kind in found.resembles) > 0.8 * len(found)  # N, which nobody is told
    assert set(found.resembles) <= {*KINDS.values(), None}


def test_the_hint_is_of_anomalous_beats_alone_at_any_threshold(found: BeatDetections):
    told = [k for k, kind in enumerate(found.resembles) if kind]
    strict = replace(found, anomalous=np.zeros(len(found), bool))
    assert told and all(strict.hint(k) is None for k in told)
    all_above = replace(found, anomalous=np.ones(len(found), bool))
    assert [k for k in range(len(found)) if all_above.hint(k)] == told
    listed = all_above.to_dict()
    assert [k for k, beat in enumerate(listed["beats"]) if beat["resembles"]] == told
    assert listed["kinds"][VENTRICULAR]["ppv"]["value"] == 0.7
    json.dumps(listed)


def test_a_class_that_is_off_is_never_said(record: Record, found: BeatDetections):
    off = BeatDetector(with_probe(make_checkpoint("Beat-CAE"), on=("N", "S"))).detect(record)
    assert VENTRICULAR in found.resembles and VENTRICULAR not in off.resembles
    assert set(off.kinds) == {SUPRAVENTRICULAR} and set(found.kinds) == {SUPRAVENTRICULAR, VENTRICULAR}
    np.testing.assert_array_equal(off.score, found.score)


def test_nothing_is_said_where_no_class_is_likelier_than_not(record: Record):
    checkpoint = with_probe(make_checkpoint("Beat-CAE"))
    told = dict(checkpoint.arrays[GROUP])
    weak = replace(checkpoint, arrays={**checkpoint.arrays, GROUP: {**told, "weight": told["weight"] * 0}})
    weak.arrays[GROUP]["bias"] = np.array([0.0, 0.3, 0.4, 0.1], np.float32)
    assert set(BeatDetector(weak).detect(record).resembles) == {None}


@pytest.mark.parametrize("size", [37, 20_000])
def test_a_stream_says_what_the_file_says(record: Record, size: int):
    detector = BeatDetector(with_probe(make_checkpoint("Beat-CAE")))
    whole = detector.detect(record, template_s=50.0)
    stream = BeatStream(detector, record.leads, record.fs, template_s=50.0)
    beats = [b for k in range(0, record.n_samples, size) for b in stream.push(record.signal[:, k : k + size])]
    beats += stream.finish()
    assert [beat.resembles for beat in beats] == [whole.hint(k) for k in range(len(whole))]
    assert VENTRICULAR in {beat.resembles for beat in beats}


def test_the_probe_is_kept_in_the_checkpoint(record: Record, found: BeatDetections, tmp_path: Path):
    save_beat_checkpoint(with_probe(make_checkpoint("Beat-CAE")), tmp_path / "beat-cae")
    again = BeatDetector.from_store("beat-cae", tmp_path).detect(record)
    assert again.resembles == found.resembles and again.kinds == found.kinds
    assert again.kinds_measured_on == "patients left out"


def test_the_test_patients_figures_are_said_and_what_they_contradict_is_off(record: Record):
    checkpoint = with_probe(make_checkpoint("Beat-CAE"))
    tested = {name: {**row, "prevalence": 0.3} for name, row in checkpoint.config.kinds["measured"].items()}
    tested["V"]["sensitivity"] = {"value": 0.6, "low": 0.5, "high": 0.7}
    tested["S"]["prevalence"] = 0.5  # the lower end of its PPV: chance
    config = replace(checkpoint.config, metrics={"part": "MIT-BIH DS2", "kinds": tested})
    found = BeatDetector(replace(checkpoint, config=config)).detect(record)
    assert set(found.kinds) == {VENTRICULAR} and found.kinds_measured_on == "MIT-BIH DS2"
    assert found.kinds[VENTRICULAR]["sensitivity"]["value"] == 0.6
    assert SUPRAVENTRICULAR not in found.resembles


def test_what_the_test_patients_contradict_is_measured_again_all_the_same(record: Record):
    checkpoint = with_probe(make_checkpoint("Beat-CAE"))
    tested = {name: {**row, "prevalence": 0.6} for name, row in checkpoint.config.kinds["measured"].items()}
    off = replace(checkpoint, config=replace(checkpoint.config, metrics={"part": "DS2", "kinds": tested}))
    marked = np.round(BeatDetector(checkpoint).detect(record).times_s * record.fs).astype(int)
    kinds = [BeatDetector(one).score_marked(record, marked)[1].kind for one in (checkpoint, off)]
    np.testing.assert_array_equal(*kinds)
    assert kinds[0].max() > 0 and BeatDetector(off).detect(record).kinds == {}


def test_a_checkpoint_without_a_probe_says_nothing(record: Record):
    found = BeatDetector(make_checkpoint("Beat-CAE")).detect(record)
    assert found.resembles == () and found.kinds == {} and found.hint(0) is None
    assert {beat["resembles"] for beat in found.to_dict()["beats"]} == {None}


def test_a_probe_that_does_not_fit_is_refused():
    checkpoint = with_probe(make_checkpoint("Beat-CAE"))
    for config in ({}, {**checkpoint.config.kinds, "classes": ["N", "V"]}):
        with pytest.raises(CheckpointError, match="The probe of the beat detector does not fit its own config"):
            BeatDetector(replace(checkpoint, config=replace(checkpoint.config, kinds=config)))
    with pytest.raises(CheckpointError, match="it takes 75 features"):
        BeatDetector(replace(checkpoint, network=make_checkpoint("Beat-CAE-187").network))
