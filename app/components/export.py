"""The menu of files to take away; each is made when its button is pressed, not before."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app import look
from app.exports import File


class ExportMenu:
    """A popover with a button for each file: placed with the record bar, filled when what is on view is known."""

    def place(self) -> None:
        """Take the menu's place."""
        self._place = st.container(key="export_place", width="content")

    def fill(self, files: Sequence[File]) -> None:
        """Show "Export" with a button for each file."""
        with self._place, st.popover("Export", key="export"):
            look.text("fact", "Of what is on view: model, threshold, layout, filters.")
            for file in files:
                st.download_button(
                    file.label, file.make, file.name, file.mime, key=file.key, on_click="ignore", width="stretch"
                )
