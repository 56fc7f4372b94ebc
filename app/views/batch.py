"""A folder of records as a worklist."""

from __future__ import annotations

from app import look


def page() -> None:
    """Show the page."""
    look.status_bar("")
