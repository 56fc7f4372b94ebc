"""Fixtures that every test may use: the shared data folder and a small part of PTB-XL."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ecg_core.records import LEADS, Record

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
def many_records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of 200 WFDB pairs, a hundred to a subfolder: the examples moved, scaled and made noisier."""
    from bench.records import write_records

    folder = tmp_path_factory.mktemp("many")
    write_records(folder, 200, np.random.default_rng(200))
    return folder


@pytest.fixture(scope="session")
def ptbxl500(shared: Path) -> Path:
    """Return the folder of the 64 PTB-XL records at 500 Hz."""
    return shared / "data" / "ptbxl500"


@pytest.fixture(scope="session")
def ptbxl_at_100(shared: Path) -> Callable[[int], Record]:
    """Return what gives a PTB-XL record at 100 Hz by its ecg_id; its packed part is opened once."""
    path = shared / "data" / "ptbxl" / "unpack.py"
    spec = importlib.util.spec_from_file_location("ptbxl_unpack", path)
    assert spec
    assert spec.loader
    unpack = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(unpack)
    parts: dict[int, dict[int, np.ndarray]] = {}

    def record(ecg_id: int) -> Record:
        k = ecg_id // 1000
        if k not in parts:
            parts[k] = dict(zip(*unpack.read_part(path.parent / f"records100-{k:02d}.xz"), strict=True))
        signal = (parts[k][ecg_id] / 1000).astype(np.float32)
        return Record(f"{ecg_id:05d}_lr", signal, LEADS, 100.0, f"{ecg_id:064d}")

    return record
