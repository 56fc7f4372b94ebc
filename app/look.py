"""The page's look beyond the theme: rules for Streamlit's own elements, and the status bar. Trusted text only."""

from __future__ import annotations

import html
from functools import lru_cache
from pathlib import Path

import streamlit as st

from app import palette
from app.words import INTENDED_USE

_COMPONENTS = Path(__file__).parent / "components"
_RULES = ("page.css", "batch.css", "figures.css", "print.css")

PLOTLY = {"displayModeBar": False, "displaylogo": False}
"""How plotly's figures behave: no buttons that cover them."""


@lru_cache(maxsize=2)
def _style(scheme: palette.Scheme) -> str:
    rules = "\n".join((_COMPONENTS / name).read_text(encoding="utf-8") for name in _RULES)
    use = " ".join(INTENDED_USE)
    foot = f'@media print{{@page{{@bottom-left{{content:"{use}";font:8pt Inter,sans-serif}}}}}}'
    # what opens over the page (menus, dialogs) lies beside .stApp, which alone has Streamlit's color-scheme
    root = ":root{color-scheme:" + scheme + "}:root,.stApp{" + palette.css_variables() + "}"
    return "<style>" + root + rules + foot + "</style>"


def apply() -> None:
    """Put the page's rules in place."""
    st.html(_style(scheme()))


def scheme() -> palette.Scheme:
    """Return the scheme in use."""
    return "dark" if st.context.theme.type == "dark" else "light"


def logo() -> str:
    """Return the file name of the logo for the scheme in use."""
    return "logo-dark.svg" if scheme() == "dark" else "logo.svg"


def status_bar(right: str) -> None:
    """Show the intended use, and on the right what computed the page; `right` is escaped."""
    bold, rest = INTENDED_USE
    st.html(
        f'<footer class="lw-status" aria-label="Intended use"><span><b>{bold}</b> {rest}</span>'
        f"<span>{html.escape(right)}</span></footer>"
    )


def text(kind: str, words: str) -> None:
    """Show plain words in one of the page's text styles; never as markdown or HTML."""
    st.html(_text(kind, words))


def _text(kind: str, words: str) -> str:
    return f'<div class="lw-{kind}">{html.escape(words)}</div>'


def head(title: str, *facts: str, tag: str = "") -> None:
    """Show what a page is about in one line: a title, a tag, facts. One element: each of Streamlit's takes its time."""
    said = [("title", title), *([("tag", tag)] if tag else []), *(("fact", words) for words in facts)]
    st.html(f'<div class="lw-head">{"".join(_text(kind, words) for kind, words in said)}</div>')


def scoring(headline: str, rest: str, share: float) -> None:
    """Show how far a long recording is scored, where its verdict will stand; the words are escaped."""
    done = f"{min(max(share, 0.0), 1.0) * 100:.0f}"
    st.html(
        f'<div class="lw-scoring"><b>{html.escape(headline)}</b><span>{html.escape(rest)}</span>'
        f'<div role="progressbar" aria-valuemin="0" aria-valuemax="100" aria-valuenow="{done}" '
        f'aria-label="{html.escape(headline)}"><i style="width:{done}%"></i></div>'
        "<p>The ECG can be read meanwhile. When its verdict is there, the most unusual 10 s come on view.</p></div>"
    )


def working(headline: str, rest: str, share: float | None = None) -> None:
    """Show that something is at work, and how far it is where that is known; the words are escaped."""
    role, bar = ' role="status"', '<div class="lw-busy" aria-hidden="true"><i></i></div>'
    if share is not None:
        role = ""  # a screen reader has the bar, and is not told of each second
        done = f"{min(max(share, 0.0), 1.0) * 100:.0f}"
        bar = (
            f'<div role="progressbar" aria-valuemin="0" aria-valuemax="100" aria-valuenow="{done}" '
            f'aria-label="{html.escape(headline)}"><i style="width:{done}%"></i></div>'
        )
    st.html(f'<div class="lw-scoring"{role}><b>{html.escape(headline)}</b><span>{html.escape(rest)}</span>{bar}</div>')


def key_of_lines(*, filled: bool | None, rest: str) -> None:
    """Show what the lines of a signal mean, and `rest` after it; None of `filled`: nothing is drawn of a model."""
    kind, mark = ("mark", "marked") if filled else ("hollow", "marked, record below threshold")
    model = f'<span><i class="blue"></i>as the model expects it</span><span><i class="{kind}"></i>{mark}</span>'
    st.html(
        f'<div class="lw-key"><span><i class="ink"></i>recorded</span>{"" if filled is None else model}'
        f"<span>{html.escape(rest)}</span></div>"
    )
