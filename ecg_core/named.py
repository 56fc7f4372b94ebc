"""Which measurements summaries name: columns of tables, without what it takes to make them."""

from __future__ import annotations

NAMED = (
    *("heart_rate", "pr_ms", "p_ms", "qrs_ms", "qt_ms", "qtc_fridericia_ms", "qtc_bazett_ms"),
    *("p_axis_deg", "qrs_axis_deg", "t_axis_deg", "rr_irregularity"),
)
"""The measurements that a summary names."""

PER_LEAD_NAMED = ("p_mv", "q_mv", "r_mv", "s_mv", "st_j_mv", "t_mv")
"""Amplitudes that a summary names in each lead."""
