"""The README's commands run as they stand."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from ecg_core.cli import main

ROOT = Path(__file__).resolve().parents[1]
MAKE = re.compile(r"<!-- make -->\n```sh\n(.*?)```", re.DOTALL)
RUNNABLE = re.compile(r"<!-- run -->\n```(sh|python)\n(.*?)```", re.DOTALL)


def readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def checkout(tmp_path, monkeypatch) -> Path:
    """Return the current folder, which looks like a checkout with the package installed."""
    (tmp_path / "ecg_core").mkdir()
    for folder in ("examples", "ambulatory_examples"):
        (tmp_path / "ecg_core" / folder).symlink_to(ROOT / "ecg_core" / folder)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_line(line: str) -> None:
    """Run a line of shell; `leadwise` and `python -c` in this process, which has torch already."""
    words = shlex.split(line, comments=True)
    if words[:1] == ["leadwise"]:
        assert main(words[1:]) == 0, line
    elif words[:2] == ["python", "-c"]:
        exec(words[2], {})
    else:
        assert words == [], f"a runnable block of the README has a line that this test cannot run: {line}"


def test_the_readmes_commands_run(checkout, capsys):
    blocks = RUNNABLE.findall(readme())
    assert [language for language, _ in blocks] == ["sh", "sh", "python", "sh", "sh"]
    for language, code in blocks:
        if language == "sh":
            for line in code.splitlines():
                run_line(line)
        else:
            exec(compile(code, "README.md", "exec"), {})
        said = capsys.readouterr()
        assert (said.out + said.err).strip()
    assert (checkout / "scores.parquet").stat().st_size > 0
    assert (checkout / "report.pdf").read_bytes().startswith(b"%PDF")


def test_every_main_path_has_commands_that_run():
    """Each path of the README has a block that a test runs, or a make target that make can plan."""
    sections = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", readme(), re.DOTALL | re.MULTILINE))
    for path in ("Two commands", "Look at one ECG", "Review a folder", "Score from a script", "Train the models again"):
        assert RUNNABLE.search(sections[path]) or MAKE.search(sections[path]), path


def test_make_can_plan_what_the_readme_asks_of_it():
    lines = [line for block in MAKE.findall(readme()) for line in block.splitlines()]
    assert len(lines) == 4
    for line in lines:
        words = shlex.split(line, comments=True)
        settings = dict(word.split("=", 1) for word in words[: words.index("make")])
        command = ["make", "--dry-run", *words[words.index("make") + 1 :]]
        planned = subprocess.run(command, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True)
        assert planned.returncode == 0, planned.stderr
        assert "-m " in planned.stdout


def test_the_guide_explains_every_page_and_its_pictures_are_there():
    """A picture that `tests.browser.screenshots` does not make would stay as it is for ever."""
    guide = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
    pages = re.search(r"TITLES = \{(.*?)\}", (ROOT / "app" / "pages.py").read_text(encoding="utf-8"), re.DOTALL)
    assert pages
    assert [title for title in re.findall(r': "([^"]+)"', pages[1]) if title not in guide] == []
    made = (ROOT / "tests" / "browser" / "screenshots.py").read_text(encoding="utf-8")
    states = {re.sub(r"-(light|dark)-\d+$", "", name) for name in re.findall(r"screenshots/([\w-]+)\.png", guide)}
    assert states
    assert {state for state in states if f'"{state}":' not in made} == set()


def test_the_guide_says_what_it_is_not_for():
    guide = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
    assert "It does not diagnose, and it does not rule out disease." in guide
    assert re.search(r"\brisk\b", guide) is None


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
