"""The README's commands run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
RUNNABLE = re.compile(r"<!-- run -->\n```(sh|python)\n(.*?)```", re.DOTALL)


def readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def checkout(tmp_path) -> Path:
    """Return a folder that looks like a checkout with the package installed, to run in without leaving files."""
    (tmp_path / "ecg_core").symlink_to(ROOT / "ecg_core")
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "leadwise"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m ecg_core "$@"\n')
    command.chmod(0o755)
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    return tmp_path


def test_the_readmes_commands_run(checkout):
    blocks = RUNNABLE.findall(readme())
    assert [language for language, _ in blocks] == ["sh", "sh", "python"]
    path = f"{checkout / 'bin'}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    for language, code in blocks:
        shell = ["bash", "-euo", "pipefail", "-c", code] if language == "sh" else [sys.executable, "-c", code]
        run = subprocess.run(shell, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
        assert run.returncode == 0, f"{code}\n{run.stderr}"
        assert run.stdout.strip()
    assert (checkout / "scores.parquet").stat().st_size > 0


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", *sorted(
    path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md"))])  # fmt: skip
def test_links_between_pages_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = [t for t in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text) if "://" not in t]
    missing = [target for target in targets if not ((ROOT / page).parent / target).exists()]
    assert missing == []


def test_the_make_targets_that_pages_name_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    named = {name for page in pages for name in re.findall(r"\bmake ([a-z]+)", page.read_text(encoding="utf-8"))}
    assert named
    assert {name for name in named if not re.search(rf"^{name}:", makefile, re.MULTILINE)} == set()


def test_the_training_modules_that_pages_and_makefile_name_exist():
    pages = [ROOT / "README.md", ROOT / "Makefile", *(ROOT / "docs").glob("*.md")]
    named = {
        name
        for page in pages
        for name in re.findall(r"\btraining\.(?!md\b)([a-z_]+)", page.read_text(encoding="utf-8"))
    }
    assert {"prepare", "train", "calibrate", "evaluate"} <= named
    assert {name for name in named if not (ROOT / "training" / f"{name}.py").is_file()} == set()


def test_the_readme_has_its_figures():
    """`training.evaluate` and `make bench` print them; a release without them says nothing."""
    table = re.search(r"<!-- figures -->(.*?)<!-- /figures -->", readme(), re.DOTALL)
    assert table
    assert all(name in table[1] for name in ("AUROC", "CAE", "VAE-BiLSTM-MHA"))
