"""Fixtures that every test may use: the shared data folder and a small part of PTB-XL."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def shared_folder() -> Path:
    """Return where the shared data lie: LEADWISE_SHARED, or ../shared beside the repository."""
    return Path(os.environ.get("LEADWISE_SHARED") or ROOT.parent / "shared").resolve()


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the repository's root."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the shared data folder; skip the test without it, fail it in CI."""
    folder = shared_folder()
    if not (folder / "data").is_dir():
        message = f"needs the shared data folder at {folder} (set LEADWISE_SHARED)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return folder


@pytest.fixture(scope="session")
def ptbxl_first(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in PTB-XL's layout with its first packed part: records 1 to 999, and all tables."""
    out = tmp_path_factory.mktemp("ptbxl")
    unpack = shared / "data" / "ptbxl" / "unpack.py"
    subprocess.run([sys.executable, str(unpack), str(out), "--first", "1"], check=True, capture_output=True)
    return out


@pytest.fixture(scope="session")
def ptbxl500(shared: Path) -> Path:
    """Return the folder of the 64 PTB-XL records at 500 Hz."""
    return shared / "data" / "ptbxl500"
