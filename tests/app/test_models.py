"""The Models page in each of its states, and that the commands it names exist."""

from __future__ import annotations

import importlib
import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app import models, state
from ecg_core.model_info import read_model_info
from tests.app.page_parts import page_words, visit
from tests.app.stores import TITLES, write_store


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = write_store(tmp_path / "store")
    monkeypatch.setenv("LEADWISE_STORE", str(folder))
    return folder


def opened(app: AppTest) -> AppTest:
    visit(app, "models")
    assert not app.exception
    return app


def test_a_card_with_its_figures_hash_and_commands(app: AppTest, store: Path) -> None:
    words = page_words(opened(app))
    info = read_model_info(store / "cae")
    assert info.checkpoint in words
    assert "914 normal ECGs: made-up normals" in words
    assert "0.700 (0.680–0.720)" in words
    assert "It does not diagnose, and it does not rule out disease." in words
    assert any("training/configs/cae.toml" in code.value for code in app.code)


def test_each_model_can_be_chosen(app: AppTest, store: Path) -> None:
    opened(app)
    for name, title in TITLES.items():
        app.segmented_control(key=state.MODEL_CARD).set_value(name).run()
        assert not app.exception
        assert any(m.value.startswith(f"# {title}\n") for m in app.markdown)


def test_a_card_is_markdown_without_html_and_fetches_nothing(app: AppTest, store: Path) -> None:
    (card,) = opened(app).markdown
    assert not card.allow_html
    assert "![" not in card.value
    assert "[picture](https://example.org/x.png)" in card.value


def test_a_card_of_other_weights_is_said(app: AppTest, store: Path) -> None:
    path = store / "cae" / "README.md"
    assert "other weights" not in page_words(opened(app))
    path.write_text("# CAE\n\nCheckpoint `000000000000`.\n")
    assert "This card was written for other weights" in page_words(app.run())


def test_no_card_no_figures_and_no_model(app: AppTest, store: Path) -> None:
    for name in TITLES:
        (store / name / "README.md").unlink()
        path = store / name / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "metrics": {}}))
    words = page_words(opened(app))
    assert models.NO_CARD in words
    assert "nothing yet: run python -m training.evaluate --write" in words
    for name in TITLES:
        (store / name / "config.json").write_text("{")
    words = page_words(app.run())
    assert "cae/config.json is damaged" in words
    assert "There is no model in" in words


@pytest.mark.parametrize("name", TITLES)
def test_the_commands_are_those_of_training(name: str, tmp_path: Path) -> None:
    info = read_model_info(write_store(tmp_path) / name)
    lines = (models.retrain(info) + "\n" + models.recalibrate(info)).splitlines()
    for line in lines:
        words = shlex.split(line)
        if words[0].startswith("LEADWISE_STORE"):
            continue
        assert words[:2] == ["python", "-m"]
        module = importlib.import_module(words[2])
        text = Path(str(module.__file__)).read_text()
        assert {option for option in words[3:] if option.startswith("--")} <= {o for o in words if f'"{o}"' in text}
    assert (Path(__file__).parents[2] / "training" / "configs" / f"{name}.toml").is_file()


@pytest.mark.parametrize(
    ("name", "made"), [("consensus", "training.consensus"), ("measurements", "training.measurement_detector")]
)
def test_what_is_no_network_is_made_by_its_own_command(name: str, made: str, tmp_path: Path) -> None:
    info = replace(read_model_info(write_store(tmp_path) / "cae"), name=name)
    lines = models.retrain(info).splitlines()
    assert any(line.startswith(f"python -m {made} ") for line in lines)
    assert not any("training.train" in line for line in lines)
    for line in lines:
        words = shlex.split(line)
        text = Path(str(importlib.import_module(words[2]).__file__)).read_text()
        assert {option for option in words[3:] if option.startswith("--")} <= {o for o in words if f'"{o}"' in text}


def test_a_detector_of_beats_has_its_card_beside_the_others(app: AppTest, store: Path) -> None:
    folder = store / "beat-cae"
    folder.mkdir()
    (folder / "beats.json").write_text(json.dumps({"title": "Beats", "weights_sha256": "ab" * 32}))
    (folder / "README.md").write_text("# Beats\n\nMade up. ![x](https://example.org/x.png)\n")
    (store / "broken").mkdir()
    (store / "broken" / "beats.json").write_text("{")
    opened(app)
    assert "Expected a readable beats.json in broken" in page_words(app)
    app.segmented_control(key=state.MODEL_CARD).set_value("beat-cae").run()
    assert not app.exception
    (card,) = app.markdown
    assert card.value.startswith("# Beats")
    assert "![" not in card.value
    assert "abababababab" in page_words(app)
