"""Run the app on a port with the tests' detector in place of the models: python tests/app/serve.py PORT."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def install_fakes() -> None:
    """Put the fake detector where the app imports the real one."""
    spec = importlib.util.spec_from_file_location("ecg_core.detector", Path(__file__).parent / "fake_detector.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["ecg_core.detector"] = module
    spec.loader.exec_module(module)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    install_fakes()
    from streamlit.web import bootstrap

    options = {"server_port": int(sys.argv[1]), "server_headless": True}
    bootstrap.load_config_options(options)
    bootstrap.run(str(ROOT / "app" / "main.py"), False, [], options)
