"""Fixtures of the app's tests: the app with the tests' detector, and small records on disk."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from ecg_core.records import LEADS, Record
from ecg_core.synthetic import EXAMPLES, make_record, write_record

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def fake_detector(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Put the tests' detector where the app imports the real one."""
    spec = importlib.util.spec_from_file_location("ecg_core.detector", Path(__file__).parent / "fake_detector.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "ecg_core.detector", module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def example_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the examples as their generator writes them."""
    folder = tmp_path_factory.mktemp("examples")
    for spec in EXAMPLES:
        write_record(spec, folder)
    return folder


@pytest.fixture
def app(
    fake_detector: ModuleType, example_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AppTest]:
    """Return the app, not yet run, with the tests' detector, a store of all models and freshly written examples."""
    import streamlit as st

    from app import resources, state

    monkeypatch.setattr(resources, "warm_soon", lambda models: None)  # what scores is what the test asks for
    store = tmp_path / "models"
    for name in state.MODELS:
        (store / name).mkdir(parents=True)
        (store / name / "config.json").write_text("{}")
    monkeypatch.setenv(state.STORE_VARIABLE, str(store))
    paths = [example_folder / f"{spec.name}.hea" for spec in EXAMPLES]
    monkeypatch.setattr("ecg_core.synthetic.example_paths", lambda: paths)
    st.cache_resource.clear()
    yield AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60)
    st.cache_resource.clear()


@pytest.fixture(scope="session")
def record() -> Record:
    """Return a synthetic record with one premature beat."""
    spec = next(spec for spec in EXAMPLES if spec.kind == "pvc")
    made = make_record(spec)
    assert made.leads == LEADS
    return made


@pytest.fixture
def array_file(tmp_path: Path, record: Record) -> Path:
    """Return an .npy file that says nothing of rate, unit or leads."""
    path = tmp_path / "bare.npy"
    np.save(path, record.signal)
    return path
