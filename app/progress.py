"""How far a job is, as a bar, a legend and a pace; plain text and markup, no streamlit."""

from __future__ import annotations

from ecg_core.worklist import Job


def progress_html(job: Job, reviewed: int, to_review: int) -> str:
    """Return the bar and its legend: numbers only, no word of a record or a user."""
    total = max(job.total, 1)
    parts = (("above", job.above), ("below", job.below), ("technical", job.not_interpretable), ("failed", job.failed))
    bars = "".join(f'<i class="{name}" style="width:{100 * n / total:.2f}%"></i>' for name, n in parts if n)
    legend = [f"<span><b>{job.done:,}</b> of {job.total:,} scored</span>"]
    told = {"above": "above threshold", "below": "below", "technical": "not interpretable", "failed": "failed"}
    legend += [
        f'<span><i class="{name}"></i><b>{n:,}</b> {told[name]}</span>' for name, n in parts if n or name != "failed"
    ]
    right = [f"<span>{pace(job)}</span>"] if pace(job) else []
    right.append(f"<span><b>{reviewed:,}</b> of {to_review:,} above threshold reviewed</span>")
    described = f"{job.done} of {job.total} records scored"
    return (
        f'<div class="lw-batch-bar" role="progressbar" aria-valuemin="0" aria-valuemax="{job.total}" '
        f'aria-valuenow="{job.done}" aria-label="{described}">{bars}</div>'
        f'<div class="lw-batch-legend">{"".join(legend)}<span class="push"></span>{"".join(right)}</div>'
    )


def pace(job: Job) -> str:
    """Return how fast it goes and how long it takes, or the state that it stands in."""
    if job.state == "running" and job.records_per_s and job.eta_s is not None:
        rate = f"{job.records_per_s:.0f}" if job.records_per_s >= 10 else f"{job.records_per_s:.1f}"
        return f"{rate} records/s, {duration(job.eta_s)} left"
    told = {
        "waiting": "waiting for its turn",
        "running": "loading models",
        "paused": "paused",
        "cancelled": "cancelled",
    }
    return told.get(job.state, "")


def duration(seconds: float) -> str:
    """Return "14 s", "3 min" or "2 h 10 min"."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
