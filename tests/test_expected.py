"""The expected ECG on people whose normals are known: what is planted is found where it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ecg_core.errors import CheckpointError, ConfigError
from ecg_core.expected import ExpectedModel, NormalBeats, NormalRecord, explain_expected, fit_expected
from ecg_core.expected.laying import due_times
from ecg_core.expected.model import BAND_AT
from ecg_core.expected.phase_out import GRID
from ecg_core.expected.territories import territory_of
from ecg_core.expected.time_map import Channels, early_by, fit_levels
from ecg_core.measurements import Measurements, measure_prepared
from ecg_core.measurements.scores import RankScores, fit_rank_scores
from ecg_core.preprocessing import compress, preprocess
from ecg_core.quality import Quality
from ecg_core.records import LEADS, eight_from_twelve, twelve_from_eight
from ecg_core.segments import SegmentInput, beats_of_eight, usable_leads
from ecg_core.synthetic import Synthetic, synthesize

ALL = np.ones(8, bool)
N_PEOPLE, N_VALIDATION = 60, 20
RANKED = tuple(f"{kind}_{lead}" for lead in LEADS for kind in ("q_mv", "r_mv", "qrs_first_area"))


def person(seed: int, kind: str = "normal") -> np.ndarray:
    """Return a synthetic ECG as the models see it, shape (8, 1000)."""
    spec = Synthetic("x", kind, 55.0 + seed * 7 % 40, 1000 + seed)  # type: ignore[arg-type]
    return eight_from_twelve(preprocess(synthesize(spec), 500.0))


def read(x: np.ndarray, bad: tuple[str, ...] = ()) -> tuple[SegmentInput, Measurements]:
    """Prepare and measure a record of eight leads with some called unreadable."""
    usable = usable_leads(bad)
    beats = beats_of_eight(x, usable)
    lost = {*bad, *(LEADS[2:6] if {"I", "II"} & set(bad) else ())}
    found = measure_prepared(twelve_from_eight(x), beats, tuple(lead for lead in LEADS if lead not in lost))
    quality = Quality(dict.fromkeys(bad, ("flat",)), None)
    return SegmentInput(twelve_from_eight(x), usable, quality, beats, 0.0, None), found


@pytest.fixture(scope="module")
def fitted() -> tuple[ExpectedModel, RankScores]:
    records = []
    for seed in range(N_PEOPLE + N_VALIDATION):
        segment, found = read(person(seed))
        records.append(NormalRecord(segment.eight, segment.beats, found))
    train = records[:N_PEOPLE]
    normals = NormalBeats(
        np.stack([eight_from_twelve(r.measurements.beat.x) for r in train if r.measurements.beat]),
        np.array([r.measurements.points.qrs_onset for r in train]),
        np.array([np.median(r.beats.rr_ms) / 1000.0 for r in train]),
    )
    ranks = fit_rank_scores(np.stack([r.measurements.vector(RANKED) for r in train]), RANKED)
    return fit_expected(normals, train, records[N_PEOPLE:]), ranks


def explain(fitted, x: np.ndarray, bad: tuple[str, ...] = ()):
    model, ranks = fitted
    where = explain_expected(model, *read(x, bad), ranks)
    assert where is not None
    return where


def test_a_premature_beat_is_where_the_map_is_highest_and_is_not_in_the_expected_ecg(fitted):
    x = person(200, "pvc")
    segment, found = read(x)
    where = explain(fitted, x)
    trace = where.explanation.sample_scores
    at = segment.beats.times_s[~found.beat.classes]
    assert len(at) == 1
    assert abs(trace.argmax() / 100.0 - at[0]) < 0.3
    assert trace.max() > 1.5
    assert where.explanation.stretches[0].start_s < at[0] < where.explanation.stretches[0].stop_s
    assert any(abs(early - at[0]) < 0.05 for early in where.early_s)
    around = slice(round(at[0] * 100) - 12, round(at[0] * 100) + 30)
    restored = where.explanation.reconstruction[:, around]
    assert np.abs(where.explanation.signal[:, around] - restored).max() > 0.5


def test_a_beat_that_was_due_is_in_the_expected_ecg_and_marked(fitted):
    x = person(201)
    segment, found = read(x)
    k = len(segment.beats.samples) // 2
    r, rr = int(segment.beats.samples[k]), float(np.median(segment.beats.rr_ms)) / 1000.0
    x[:, r - 20 : r + 45] = np.linspace(x[:, r - 20], x[:, r + 45], 65, axis=1)
    where = explain(fitted, x)
    assert len(where.missing_s) == 1
    assert where.missing_s[0] == pytest.approx(r / 100.0, abs=0.15 * rr)
    assert abs(where.explanation.sample_scores.argmax() - r) < 20
    assert where.explanation.sample_scores.max() > 1.0
    near = slice(r - 15, r + 16)
    assert np.ptp(where.explanation.reconstruction[1, near]) > 0.5 * np.ptp(found.beat.x[1])


def test_every_beat_raised_in_some_leads_ranks_them_first_and_the_expected_ecg_does_not_follow(fitted):
    x = person(202)
    segment, _ = read(x)
    raised = [LEADS.index(lead) - 4 for lead in ("V2", "V3", "V4")]
    for r in segment.beats.samples:
        lo, hi = int(r) + 6, min(int(r) + 25, x.shape[1])
        x[raised, lo:hi] += np.float32(0.35)
    plain = explain(fitted, person(202))
    where = explain(fitted, x)
    scores = where.explanation.lead_scores
    assert set(sorted(scores, key=lambda lead: -scores[lead])[:3]) == {"V2", "V3", "V4"}
    assert scores["V3"] > 3 * plain.explanation.lead_scores["V3"]
    assert "V3" in where.territory.leads
    assert where.territory.name in {"anterior", "anteroseptal"}
    assert "anter" in where.territory.words
    r = int(segment.beats.samples[4])
    own = x[raised[1], r + 10 : r + 22].mean() - person(202)[raised[1], r + 10 : r + 22].mean()
    hat = where.explanation.reconstruction[8, r + 10 : r + 22].mean()
    hat -= plain.explanation.reconstruction[8, r + 10 : r + 22].mean()
    assert hat < 0.5 * own


def test_masked_leads_are_left_out_and_their_content_changes_nothing(fitted):
    x = person(203)
    one = explain(fitted, x, ("V3", "I"))
    wild = x.copy()
    wild[[0, 4]] = 3.0 * np.sin(np.arange(1000) / 7.0)
    two = explain(fitted, wild, ("V3", "I"))
    lost = [LEADS.index(lead) for lead in ("I", "III", "aVR", "aVL", "aVF", "V3")]
    assert np.isnan(one.explanation.error[lost]).all()
    assert np.isfinite(np.delete(one.explanation.error, lost, axis=0)).all()
    assert {lead for lead, score in one.explanation.lead_scores.items() if score is None} == {LEADS[k] for k in lost}
    assert np.array_equal(one.explanation.sample_scores, two.explanation.sample_scores)
    assert one.explanation.lead_scores == two.explanation.lead_scores
    assert np.isfinite(one.explanation.reconstruction).all()


def test_arrays_bring_the_model_back(fitted):
    model, ranks = fitted
    arrays = model.arrays()
    assert sum(a.nbytes for a in arrays.values()) < 1_500_000
    again = ExpectedModel.from_arrays(arrays)
    x = person(204, "pvc")
    one, two = explain((model, ranks), x).explanation, explain((again, ranks), x).explanation
    assert np.allclose(one.reconstruction, two.reconstruction, atol=0.005)
    assert one.sample_scores.argmax() == two.sample_scores.argmax()
    assert one.mark_level == pytest.approx(two.mark_level)
    del arrays["marks"]
    with pytest.raises(CheckpointError, match="marks"):
        ExpectedModel.from_arrays(arrays)


def test_without_beats_there_is_nothing_to_expect(fitted):
    model, ranks = fitted
    segment, found = read(np.zeros((8, 1000), np.float32))
    assert found.beat is None
    assert explain_expected(model, segment, found, ranks) is None
    with pytest.raises(ConfigError, match="median beats of normal"):
        fit_expected(NormalBeats(np.zeros((0, 8, 576), np.float32), np.zeros(0), np.ones(0)), [], [])


def test_a_short_record_is_explained_over_its_own_length(fitted):
    x = person(205)
    segment, found = read(x)
    where = explain_expected(fitted[0], segment.shorten(650), found, fitted[1])
    assert where is not None
    assert where.explanation.reconstruction.shape == where.explanation.error.shape == (12, 650)
    assert len(where.explanation.sample_scores) == 650


def test_the_band_holds_nine_normals_of_ten(fitted):
    low, high = fitted[0].band
    inside = []
    for seed in range(300, 330):
        _, found = read(person(seed))
        beat = found.beat.x
        onset = 225 + round(found.points.qrs_onset / 2.0)
        beat = (beat - beat[:, onset - 6 : onset].mean(axis=1, keepdims=True))[:, BAND_AT]
        inside.append(((beat >= low) & (beat <= high)).mean())
    assert 0.8 < np.mean(inside) < 0.97


def test_the_sentence_names_the_first_leads_and_counts_the_others():
    scores = {lead: 12.0 - k for k, lead in enumerate(("V2", "V3", "V4", "aVL", "I", "V5", "V6"))}
    scores |= dict.fromkeys(set(LEADS) - set(scores), 1.0)
    assert territory_of(scores).words == (
        "Every beat is most unusual in V2, V3, V4, aVL and 3 more: anterior and lateral leads."
    )
    five = scores | {"V5": 1.0, "V6": 1.0}
    assert "V2, V3, V4, aVL, I" in territory_of(five).words
    assert "more" not in territory_of(five).words


def test_what_is_expected_beside_a_bundle_branch_block_is_a_beat_that_normals_have(fitted):
    model, _ = fitted
    x = person(207, "lbbb")
    _, found = read(x)
    assert found.beat is not None
    beat = eight_from_twelve(found.beat.x)[:, GRID]
    low, high = model.phase_out.reach
    predicted = model.phase_out.predict(compress(4.0 * beat)[None], np.array([0.8]))[0]
    assert (predicted >= low).all()
    assert (predicted <= high).all()
    free = replace(model.phase_out, reach=np.stack([low - 100.0, high + 100.0]))
    assert not np.array_equal(free.predict(compress(4.0 * beat)[None], np.array([0.8]))[0], predicted)


def test_the_time_map_marks_one_normal_in_twenty_whichever_channels_do_it():
    rng = np.random.default_rng(3)
    sizes = 1.0, 20.0, 0.05
    normals = [Channels(*(rng.gamma(2.0, size, 50).astype(np.float32) for size in sizes)) for _ in range(2000)]
    levels = fit_levels(normals)
    marked = np.array([levels.of(record).max() > 1.0 for record in normals])
    assert marked.mean() == pytest.approx(0.05, abs=0.001)
    highest = np.array([[channel.max() for channel in record] for record in normals])
    alone = (highest > np.array([levels.own, levels.wave, levels.rhythm])).mean(axis=0)
    assert alone[2] == pytest.approx(0.04, abs=0.001)
    assert alone[0] == pytest.approx(alone[1], abs=0.001)
    assert 0.001 < alone[0] < 0.01


def test_due_beats_and_early_beats():
    times = np.array([0.5, 1.3, 2.1, 3.7, 4.5, 5.05, 5.85])
    assert due_times(times, 6.5) == pytest.approx([2.9])
    early = early_by(times)
    assert early[5] == pytest.approx(1 - 0.55 / 0.8, abs=0.01)
    assert early[[1, 2, 4]].max() < 0.05
    assert due_times(times, 7.9) == pytest.approx([2.9, 6.65, 7.45])


def test_a_longer_later_part_marks_the_time_of_the_record(fitted):
    x = person(206, "pvc")
    segment, found = read(x)
    where = explain_expected(fitted[0], replace(segment, start_s=30.0), found, fitted[1])
    assert where is not None
    assert where.explanation.start_s == 30.0
    assert 30.0 <= where.explanation.stretches[0].start_s <= 40.0
    assert all(30.0 <= early <= 40.0 for early in where.early_s)
