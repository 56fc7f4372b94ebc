"""Small tables of figures and named facts, read by eye and by screen reader; cells are plain words and escaped."""

from __future__ import annotations

import html
from collections.abc import Sequence

import streamlit as st


def markup(
    caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]], groups: Sequence[tuple[str, int]] = ()
) -> str:
    """Return the table as HTML; the first cell of a row is its heading.

    Parameters
    ----------
    groups : headings above the columns, each with how many columns it spans.
    """
    spans = "".join(f'<th scope="colgroup" colspan="{n}">{html.escape(words)}</th>' for words, n in groups)
    above = f"<tr>{spans}</tr>" if groups else ""
    head = "".join(f'<th scope="col">{html.escape(words)}</th>' for words in columns)
    body = "".join(
        f'<tr><th scope="row">{html.escape(first)}</th>' + "".join(f"<td>{html.escape(c)}</td>" for c in rest) + "</tr>"
        for first, *rest in rows
    )
    return (
        f'<div class="lw-table" tabindex="0" role="region" aria-label="{html.escape(caption)}"><table>'
        f"<caption>{html.escape(caption)}</caption>"
        f"<thead>{above}<tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def table(
    caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]], groups: Sequence[tuple[str, int]] = ()
) -> None:
    """Show the table of `markup`."""
    st.html(markup(caption, columns, rows, groups))


def facts(rows: Sequence[tuple[str, str]]) -> None:
    """Show named facts, one a line."""
    body = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(words)}</dd>" for name, words in rows)
    st.html(f'<dl class="lw-facts">{body}</dl>')
