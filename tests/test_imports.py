"""Who may import whom: app -> ecg_core <- training, and inside ecg_core from plumbing to product."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# A module of ecg_core imports only what stands before it. A new module gets its place here.
ORDER = [
    *[
        "errors",
        "plain",
        "store",
        "named",
        "nursery",
        "pool",
        "config",
        "records",
        "preprocessing",
        "readers",
        "display",
    ],
    *[
        "synthetic_waves",
        "synthetic",
        "synthetic_ambulatory",
        "beats",
        "measurements",
        "probe",
        "superclasses",
        "detection",
        "reversal",
        "quality",
        "models",
        "density",
    ],
    *["graph", "imputation", "sign_head", "scoring", "torch_network", "calibration", "metrics", "curves"],
    *["model_info", "thresholds"],
    "segments",
    *[
        "explanation",
        "expected",
        "checkpoints",
        "ambulatory",
        "long_recording",
        "detector",
        "wording",
        "colours",
        "paper",
        "overlay",
    ],
    *[
        "findings",
        "report",
        "export",
        "score_file",
        "report_file",
        "batch",
        "batch_file",
        "beats_file",
        "worklist",
        "cli",
    ],
    "__main__",
]

FORBIDDEN = {
    "ecg_core": {
        "app",
        "bench",
        "training",
        "tests",
        "streamlit",
        "plotly",
        "st_aggrid",
        "matplotlib",
        "pandas",
        "onnx",
    },
    "app": {"torch", "training", "tests", "bench", "safetensors", "sklearn"},
    "training": {"app", "tests", "bench", "streamlit", "plotly"},
    "bench": {"app", "tests", "training"},
}


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and full name of everything a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import; write the whole name"
            assert node.module
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def violations(package: str, forbidden: set[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sources(package)
        for line, name in imports(path)
        if name.split(".")[0] in forbidden
    ]


@pytest.mark.parametrize("package", FORBIDDEN)
def test_packages_import_only_towards_the_core(package):
    assert violations(package, FORBIDDEN[package]) == []


def test_the_walk_finds_what_it_should():
    assert violations("ecg_core", {"torch"}), "the core imports torch; a walk that does not see it proves nothing"
    assert any(name == "ecg_core.detector.AnomalyDetector" for _, name in imports(ROOT / "ecg_core/score_file.py"))


def module_of(path: Path) -> str:
    return path.relative_to(ROOT / "ecg_core").parts[0].removesuffix(".py")


def test_every_module_of_the_core_has_its_place():
    modules = {module_of(path) for path in sources("ecg_core")} - {"__init__", "examples"}
    assert modules <= set(ORDER), f"give a place in ORDER to {sorted(modules - set(ORDER))}"


def test_the_core_imports_from_plumbing_to_product():
    place = {name: k for k, name in enumerate(ORDER)}
    upwards = []
    for path in sources("ecg_core"):
        own = module_of(path)
        for line, name in imports(path):
            parts = name.split(".")
            if parts[0] != "ecg_core" or own == "__init__" or parts[1] in {own, "__version__"}:
                continue
            if place[parts[1]] > place[own]:
                upwards.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    assert upwards == []


def test_the_core_prints_only_from_the_command_line():
    printing = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources("ecg_core")
        if module_of(path) not in {"cli", "synthetic", "synthetic_ambulatory"}
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert printing == []


def test_nothing_edits_sys_path_and_the_product_unpickles_nothing():
    edits = ("sys.path.insert", "sys.path.append")
    pickles = ("import pickle", "pickle.load", "allow_pickle=True", "torch.load(", "torch.save(")
    banned = {"app": edits + pickles, "ecg_core": edits + pickles, "training": edits, "bench": edits}
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for package, words in banned.items()
        for path in sources(package)
        for word in words
        if word in path.read_text(encoding="utf-8")
    ]
    assert found == []


def test_help_and_usage_errors_load_neither_torch_nor_numpy():
    code = (
        "import sys\n"
        "from ecg_core.cli import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "except SystemExit as stop:\n"
        "    print(stop.code, *sorted({'numpy', 'torch', 'scipy', 'pyarrow'} & set(sys.modules)), file=sys.stderr)\n"
    )
    for argv, status in ((["--help"], "0"), (["score"], "2"), (["score", "a.hea", "--false-alarm-rate", "2"], "2")):
        run = subprocess.run([sys.executable, "-c", code, *argv], cwd=ROOT, capture_output=True, text=True, check=True)
        assert run.stderr.splitlines()[-1] == status
