"""Lesions are where they say they are, and what measures maps can tell a good one from a bad one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ecg_core.detection import Explanation
from ecg_core.preprocessing import preprocess
from ecg_core.records import LEADS, eight_from_twelve, twelve_from_eight
from ecg_core.segments import segment_of_eight
from ecg_core.synthetic import Synthetic, synthesize
from training.lesions import IN_LEADS, IN_TIME, Base, Lesion, base_of
from training.where import ALL_READ, Pointing, judge, lead_auroc, wall_score


@pytest.fixture(scope="module")
def base() -> Base:
    found = base_of(eight_from_twelve(preprocess(synthesize(Synthetic("x", "normal", 66.0, 5)), 500.0)))
    assert found is not None
    return found


@pytest.mark.parametrize("name", IN_TIME)
def test_a_lesion_of_one_time_changes_the_record_there(base, name):
    for seed in range(5):
        lesion = IN_TIME[name](base, 1.0, np.random.default_rng(seed))
        change = np.abs(lesion.x - base.x).max(axis=0)
        assert lesion.when is not None
        assert 0.02 < lesion.when.mean() < 0.12
        assert change[lesion.when].max() > 0.2
        if name in {"noise in one lead", "dropped beat"}:
            beyond = np.convolve(lesion.when, np.ones(11), mode="same") == 0
            assert change[beyond].max() < 0.02
        if name == "noise in one lead":
            assert (np.abs(lesion.x - base.x).max(axis=1) > 0).sum() == 1


def test_beats_that_come_early_do_and_dropped_ones_are_gone(base):
    for seed in range(3):
        early = IN_TIME["premature beat of normal shape"](base, 1.0, np.random.default_rng(seed))
        rr = segment_of_eight(early.x, ALL_READ).beats.rr_ms
        assert 0.60 < rr.min() / np.median(rr) < 0.78
        gone = IN_TIME["dropped beat"](base, 1.0, np.random.default_rng(seed))
        found = segment_of_eight(gone.x, ALL_READ).beats
        assert len(found.samples) == len(base.beats.samples) - 1
        assert found.rr_ms.max() > 1.8 * np.median(found.rr_ms)


@pytest.mark.parametrize("name", IN_LEADS)
def test_a_lesion_of_some_leads_leaves_the_others_alone(base, name):
    whole = IN_LEADS[name](base, 1.0, np.random.default_rng(0))
    half = IN_LEADS[name](base, 0.5, np.random.default_rng(0))
    change = np.abs(twelve_from_eight(whole.x - base.x)).max(axis=1)
    assert whole.leads is not None
    touched = {lead for lead, size in zip(LEADS, change, strict=True) if size > 1e-4}
    assert set(whole.leads) <= touched
    assert touched == set(whole.leads) | set(whole.aside)
    assert not set(whole.leads) & set(whole.aside)
    assert change.max() > 0.1
    assert np.allclose(2 * (half.x - base.x), whole.x - base.x, atol=1e-5)


def maps(n: int, peak: int, scores: dict[str, float | None]) -> Explanation:
    trace = np.zeros(n, np.float32)
    trace[peak] = 2.0
    zero = np.zeros((12, n), np.float32)
    return Explanation(0.0, 100.0, LEADS, zero, zero, zero, zero, trace, (), scores)


def test_pointing_counts_hits_chance_and_marks(base):
    when = np.zeros(1000, bool)
    when[400:450] = True
    lesion = Lesion(base.x, when)
    segment = segment_of_eight(base.x, ALL_READ)
    hit = judge([lesion, lesion], [segment, segment], lambda s: maps(1000, 410, {}), "")
    miss = judge([lesion], [segment], lambda s: maps(1000, 460, {}), "")
    nothing = judge([lesion], [segment], lambda s: None, "")
    assert hit == {"pointing": 100.0, "chance": 5.0, "marked": 100.0}
    assert miss == {"pointing": 0.0, "chance": 5.0, "marked": 0.0}
    assert nothing["pointing"] == 0.0
    assert Pointing().shares() == (0.0, 0.0, 0.0)


def test_leads_aside_and_left_out_do_not_count(base):
    lesion = Lesion(base.x, None, ("II", "III", "aVF"), ("aVR", "aVL"))
    scores: dict[str, float | None] = dict.fromkeys(LEADS, 1.0) | {"II": 5.0, "III": 4.0, "aVF": 3.0}
    assert lead_auroc(lesion, scores | {"aVL": 9.0, "V1": None}) == 1.0
    assert lead_auroc(lesion, scores | {"V1": 9.0}) < 1.0
    assert judge([replace(lesion)], [segment_of_eight(base.x, ALL_READ)], lambda s: None, "") == {"lead_auroc": 0.5}


def test_walls_are_told_by_ranks():
    scores: dict[str, float | None] = {lead: float(k) for k, lead in enumerate(LEADS)}
    assert wall_score(scores) > 0
    assert wall_score({lead: -s for lead, s in scores.items() if s is not None}) < 0
    assert wall_score(scores | dict.fromkeys(("II", "III", "aVF"))) == 0.0
