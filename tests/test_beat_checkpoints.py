"""The shipped detectors of beats: each says of the synthetic recording what it said when it was released."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecg_core.ambulatory.detector import BeatDetector
from ecg_core.checkpoints.beats import read_beat_config
from ecg_core.readers import read_record
from ecg_core.store import default_store, list_beat_models
from ecg_core.synthetic_ambulatory import EXAMPLE, example_path
from training.beat_release import card

NAMES = list_beat_models()


def test_the_published_networks_are_there():
    assert {"beat-cae", "beat-cae-187", "beat-cnn-lstm"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_golden_scores(name: str):
    detector = BeatDetector.from_store(name)
    golden = detector.config.examples[EXAMPLE.name]
    found = detector.detect(read_record(example_path()))
    assert len(found.score) == golden["beats"]
    assert found.threshold == pytest.approx(golden["threshold"], abs=1e-3)
    assert int(found.anomalous.sum()) == pytest.approx(golden["anomalous"], abs=1)
    hints = [found.hint(k) for k in range(len(found))]
    for kind, n in golden.get("resembles", {}).items():
        assert hints.count(kind) == pytest.approx(n, abs=1), kind
    assert len(golden["scores"]) > 5
    for k, score in golden["scores"].items():
        assert found.score[int(k)] == pytest.approx(score, abs=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_cards_are_what_their_configs_say(name: str):
    folder = default_store() / name
    told = (folder / "README.md").read_text(encoding="utf-8")
    assert told == card(read_beat_config(folder)), "run python -m training.beat_release"
    assert "does not diagnose" in told


@pytest.mark.parametrize("name", NAMES)
def test_checkpoints_stay_small(name: str):
    sizes = {path.name: path.stat().st_size for path in Path(default_store() / name).iterdir()}
    assert {"beats.json", "model.safetensors", "README.md"} <= set(sizes)
    assert sum(sizes.values()) < 6e6
