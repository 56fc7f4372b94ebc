"""The worklist as files: CSV and Parquet, made when they are asked for."""

from __future__ import annotations

import re
from functools import partial

import streamlit as st

from app import look
from ecg_core.worklist import Job, Worklist
from ecg_core.worklist.export import Form

FORMS: dict[Form, tuple[str, str]] = {
    "csv": ("Worklist as CSV", "text/csv"),
    "parquet": ("Worklist as Parquet", "application/vnd.apache.parquet"),
}


def menu(worklist: Worklist, job: Job) -> None:
    """Offer the worklist, and the decisions on its records, as CSV and as Parquet."""
    with st.popover("Export worklist", key="export"):
        look.text("aside", "One row per record: every model, verdict, quality, decisions and comments.")
        stem = re.sub(r"[^A-Za-z0-9-]+", "-", job.name).strip("-") or "worklist"
        for form, (label, mime) in FORMS.items():
            st.download_button(
                label,
                partial(worklist.export, job.id, form),
                file_name=f"{stem}.{form}",
                mime=mime,
                on_click="ignore",
                key=f"export_{form}",
            )
        look.text("aside", "Every decision ever made on these records, superseded ones too:")
        st.download_button(
            "Decisions as CSV",
            partial(worklist.export_decisions, "csv", job=job.id),
            file_name=f"{stem}-decisions.csv",
            mime="text/csv",
            on_click="ignore",
            key="export_decisions",
        )
