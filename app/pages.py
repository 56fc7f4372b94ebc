"""The pages of the app: which there are, under which address, and how to go from one to another."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import streamlit as st

TITLES = {
    "upload": "Upload",
    "analyse": "Analyse",
    "beats": "Beats",
    "compare": "Compare models",
    "batch": "Batch review",
    "models": "Models",
}
DEFAULT = "upload"


def _runner(name: str) -> Callable[[], None]:
    def run() -> None:
        import_module(f"app.views.{name}").page()  # a page brings its libraries along only when it is opened

    return run


def pages() -> dict[str, st.Page]:
    """Return the pages by name, in the order of the header; each is `app/views/NAME.py`'s `page`."""
    return {
        name: st.Page(_runner(name), title=title, url_path=path(name), default=name == DEFAULT)
        for name, title in TITLES.items()
    }


def path(name: str) -> str:
    """Return a page's address below the app's."""
    return "" if name == DEFAULT else name


def go(name: str) -> None:
    """Leave for another page; not in a callback, where Streamlit cannot switch."""
    st.switch_page(pages()[name])
