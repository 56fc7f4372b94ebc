"""Cards and the README's table say what config.json holds, and nothing else."""

from __future__ import annotations

from pathlib import Path

from ecg_core.checkpoints import default_store, list_checkpoints, read_config
from training.release import card, figures_table, listed, write_readme


def test_shipped_cards_are_what_their_configs_say():
    for name in list_checkpoints():
        folder = default_store() / name
        told = card(read_config(folder))
        assert (folder / "README.md").read_text() == told, f"{name}: run python -m training.release"


def test_the_readme_has_the_figures_of_the_shipped_checkpoints(root: Path, tmp_path: Path):
    configs = [read_config(default_store() / name) for name in listed(default_store())]
    copy = tmp_path / "README.md"
    copy.write_text((root / "README.md").read_text())
    write_readme(copy, configs)
    assert copy.read_text() == (root / "README.md").read_text(), "run python -m training.release --readme README.md"


def test_the_table_has_every_model_and_its_control():
    table = figures_table([read_config(default_store() / name) for name in list_checkpoints()])
    for title in ("CAE", "VAE-BiLSTM", "VAE-BiLSTM-MHA"):
        assert f"| **{title}** |" in table
        assert f"| {title}, untrained |" in table
    assert "| **Consensus** |" in table
    assert "| **Measurements** |" in table
    assert table.count("\n| ") == 10  # heading, five detectors, three controls, one plain autoencoder


def test_a_card_says_which_examples_are_misjudged():
    for name in list_checkpoints():
        config = read_config(default_store() / name)
        wrong = [key for key, found in config.examples.items() if found["anomalous"] == key.startswith("normal")]
        text = card(config)
        assert all(f"Misjudged: {', '.join(wrong)}." in text for _ in wrong)
        assert not any(key.startswith("normal") for key in wrong)  # the normal ones are below the threshold
