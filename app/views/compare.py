"""The three models side by side."""

from __future__ import annotations

from app import look


def page() -> None:
    """Show the page."""
    look.status_bar("")
