"""What is installed: the wheel has models and examples, the pins are exact, and every import is declared."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import ecg_core
from ecg_core.checkpoints import list_checkpoints

ROOT = Path(__file__).resolve().parents[1]
OWN = {"app", "bench", "ecg_core", "tests", "training"}
PACKAGE_OF = {"PIL": "pillow", "sklearn": "scikit-learn", "st_aggrid": "streamlit-aggrid"}


def third_party(*packages: str) -> set[str]:
    """Return the distributions that the modules of packages import."""
    names: set[str] = set()
    for package in packages:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    names |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module:
                    names.add(node.module.split(".")[0])
    return {PACKAGE_OF.get(name, name) for name in names - OWN - sys.stdlib_module_names}


def pins() -> dict[str, str]:
    lines = [line.strip() for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()]
    return dict(line.split("==") for line in lines if line and not line.startswith(("#", "-e ")))


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def declared(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=!~ ]", requirement)[0] for requirement in requirements}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> set[str]:
    """Return the names of the files in a wheel built from a copy of what git would hand out."""
    out = tmp_path_factory.mktemp("wheel")
    source = out / "source"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if (
            name.startswith(("app/", "ecg_core/", "models_store/", "pyproject", "README", "LICENSE"))
            and (ROOT / name).is_file()
        ):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    build = f"from setuptools import build_meta; build_meta.build_wheel({str(out)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    (path,) = out.glob("leadwise-*.whl")
    assert path.name.startswith(f"leadwise-{ecg_core.__version__}-")
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


@pytest.mark.parametrize("package", ["ecg_core", "app"])
def test_the_wheel_has_every_file_of_core_and_app_and_nothing_else(wheel, package):
    files = {path for path in (ROOT / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {path.relative_to(ROOT).as_posix() for path in files} <= wheel
    assert {name.split("/")[0].split("-")[0] for name in wheel} == {"app", "ecg_core", "leadwise"}


def test_the_wheel_has_the_checkpoints_where_the_core_looks_for_them(wheel):
    names = list_checkpoints(ROOT / "models_store")
    assert {"cae", "vae-bilstm", "vae-bilstm-mha"} <= set(names)
    for name in names:
        for file in ("model.safetensors", "config.json", "README.md"):
            assert f"ecg_core/_store/{name}/{file}" in wheel


def test_the_wheel_has_the_examples(wheel):
    assert len([name for name in wheel if name.startswith("ecg_core/examples/") and name.endswith(".hea")]) >= 6


def test_every_import_of_the_core_is_a_dependency_and_no_dependency_is_idle(project):
    fitting = {"scikit-learn"}  # ecg_core.density imports it to fit, which only training does
    assert fitting <= declared(project["project"]["optional-dependencies"]["training"])
    assert declared(project["project"]["dependencies"]) == third_party("ecg_core") - fitting


@pytest.mark.parametrize(("extra", "package"), [("app", "app"), ("training", "training")])
def test_every_import_of_the_extras_is_declared(project, extra, package):
    extras = project["project"]["optional-dependencies"]
    core = declared(project["project"]["dependencies"])
    assert third_party(package) <= core | declared(extras[extra])


def test_every_import_is_pinned():
    assert third_party(*OWN) - set(pins()) == set(), "imported, and not in requirements.txt"


def test_pins_are_exact_and_inside_the_ranges_of_the_package(project):
    packaging = pytest.importorskip("packaging.requirements")
    versions = pins()
    assert versions["torch"] == "2.13.0"
    assert all(re.fullmatch(r"[0-9][0-9a-z.]*", version) for version in versions.values())
    extras = project["project"]["optional-dependencies"].values()
    for requirement in [*project["project"]["dependencies"], *(r for extra in extras for r in extra)]:
        parsed = packaging.Requirement(requirement)
        assert versions[parsed.name] in parsed.specifier, requirement
