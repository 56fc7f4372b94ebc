"""The menu of files to take away; each is made when its button is pressed, not before."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app import look
from app.exports import File

OF_WHAT = "Of what is on view: model, threshold, layout, filters."


class ExportMenu:
    """A popover with a button for each file: placed with the record bar, filled when what is on view is known."""

    def place(self) -> None:
        """Take the menu's place."""
        self._place = st.container(key="export_place", width="content")

    def fill(self, files: Sequence[File], of_what: str = OF_WHAT) -> None:
        """Show "Export" with a button for each file; `of_what` says what stands in them."""
        with self._place, st.popover("Export", key="export"):
            look.text("fact", of_what)
            for file in files:
                st.download_button(
                    file.label, file.make, file.name, file.mime, key=file.key, on_click="ignore", width="stretch"
                )
