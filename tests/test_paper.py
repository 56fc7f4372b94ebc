from __future__ import annotations

import numpy as np
import pytest

from ecg_core.errors import ConfigError
from ecg_core.paper import GUTTER_MM, ROW_MM, choose_gain, lay_out, lead_gain, spread, trace_mm
from ecg_core.records import LEADS

FS = 500.0


def flat(seconds: float = 10.0) -> np.ndarray:
    return np.zeros((12, round(seconds * FS)), dtype=np.float32)


def with_spike(lead: str, at_s: float, mv: float) -> np.ndarray:
    signal = flat()
    at = round(at_s * FS)
    signal[LEADS.index(lead), at : at + 10] = mv
    return signal


def test_a_second_is_25_mm_and_a_millivolt_10():
    paper = lay_out(with_spike("II", 3.0, 1.0), FS, "3x4")
    rhythm = next(s for s in paper.strips if s.rhythm)
    xy = trace_mm(rhythm, with_spike("II", 3.0, 1.0)[1], FS, paper.speed)
    peak = xy[np.argmin(xy[:, 1])]
    assert peak[0] == pytest.approx(GUTTER_MM + 75.0, abs=0.1)
    assert rhythm.y_mm - peak[1] == pytest.approx(10.0, abs=1e-4)


@pytest.mark.parametrize(("layout", "n", "seconds"), [("3x4", 13, 2.5), ("6x2", 12, 5.0), ("12x1", 12, 10.0)])
def test_layouts_show_every_lead_for_its_time(layout, n, seconds):
    paper = lay_out(flat(), FS, layout)
    assert len(paper.strips) == n
    shown = [s for s in paper.strips if not s.rhythm]
    assert {s.lead for s in shown} == set(LEADS)
    assert all(s.stop_s - s.start_s == pytest.approx(seconds) for s in shown)


@pytest.mark.parametrize("layout", ["3x4", "6x2", "12x1"])
def test_the_same_instant_lies_at_the_same_place_in_every_row(layout):
    """Score trace and maps below share the paper's time axis."""
    paper = lay_out(flat(), FS, layout, start_s=40.0)
    assert all(s.x_mm == pytest.approx(GUTTER_MM + (s.start_s - 40.0) * 25.0) for s in paper.strips)


def test_report_order_reads_down_the_columns():
    strips = lay_out(flat(), FS, "3x4").strips
    assert [s.lead for s in strips if s.row == 0] == ["I", "aVR", "V1", "V4"]
    assert [s.lead for s in strips if s.row == 3] == ["II"]


def test_rows_move_apart_for_tall_waves_up_to_a_limit():
    low, high = ROW_MM["3x4"]
    assert lay_out(flat(), FS, "3x4").row_mm == low
    some = lay_out(with_spike("aVL", 3.0, 2.2), FS, "3x4")
    assert low < some.strips[1].y_mm - some.strips[0].y_mm <= high
    assert not some.overlaps
    tall = lay_out(with_spike("V2", 6.0, 4.0), FS, "3x4")
    assert tall.strips[1].y_mm - tall.strips[0].y_mm == high
    assert tall.overlaps


def test_only_ink_at_the_same_instant_clashes():
    """A deep S in V1 at 6 s and a tall R in aVL at 3 s share no place on the paper."""
    signal = with_spike("V1", 6.0, -2.0) + with_spike("aVL", 3.0, 2.0)
    assert not lay_out(signal, FS, "3x4").overlaps
    assert lay_out(with_spike("V1", 6.0, -2.0) + with_spike("V2", 6.0, 2.0), FS, "3x4").overlaps


def test_chest_leads_get_half_the_gain_where_they_would_overlap():
    assert choose_gain(flat(), FS) == (10.0, 10.0)
    tall = with_spike("V2", 6.0, 4.0)
    assert choose_gain(tall, FS) == (10.0, 5.0)
    paper = lay_out(tall, FS, "3x4", gain=(10.0, 5.0))
    assert {s.gain for s in paper.strips if s.lead.startswith("V")} == {5.0}
    assert {s.gain for s in paper.strips if not s.lead.startswith("V")} == {10.0}
    assert lead_gain("aVF", (10.0, 5.0)) == 10.0


def test_an_electrode_offset_moves_no_trace():
    signal = with_spike("II", 3.0, 1.0)
    moved = signal + np.float32(3.0)
    for a, b in zip(lay_out(signal, FS, "6x2").strips, lay_out(moved, FS, "6x2").strips, strict=True):
        assert a.y_mm == b.y_mm
        assert b.zero_mv == pytest.approx(3.0)


def test_calibration_pulse_is_one_millivolt_per_row():
    paper = lay_out(flat(), FS, "3x4")
    assert [p[2] for p in paper.pulses] == [10.0] * 4
    assert [p[1] for p in paper.pulses] == sorted({s.y_mm for s in paper.strips})


@pytest.mark.parametrize(("gain", "pulses"), [((20.0, 20.0), [20.0]), ((20.0, 5.0), [20.0, 5.0])])
def test_pulses_that_would_overlap_stand_once_a_gain(gain, pulses):
    paper = lay_out(flat(), FS, "12x1", gain=gain)
    assert sorted({p[2] for p in paper.pulses}, reverse=True) == pulses
    assert [p[2] for p in paper.pulses].count(20.0) == 1


@pytest.mark.parametrize("layout", ["3x4", "6x2", "12x1", "closeup"])
@pytest.mark.parametrize("gain", [(5.0, 5.0), (10.0, 10.0), (20.0, 20.0)])
def test_no_pulse_leaves_the_paper(layout, gain):
    for _, foot, tall in lay_out(flat(), FS, layout, gain=gain).pulses:
        assert foot - tall >= 0.0


@pytest.mark.parametrize("centre", [0.1, 5.0, 9.9])
def test_closeup_shows_all_leads_over_the_same_seconds(centre):
    paper = lay_out(flat(), FS, "closeup", centre_s=centre)
    spans = {(s.start_s, s.stop_s) for s in paper.strips}
    assert len(spans) == 1
    start, stop = spans.pop()
    assert 0.0 <= start < stop <= 10.0
    assert start <= centre <= stop
    right = max(s.x_mm + (s.stop_s - s.start_s) * paper.speed for s in paper.strips)
    assert right <= paper.width_mm


def test_a_record_of_seven_seconds_fills_seven_seconds():
    paper = lay_out(flat(7.0), FS, "3x4")
    assert paper.stop_s == pytest.approx(7.0)
    assert all(s.stop_s - s.start_s == pytest.approx(1.75) for s in paper.strips if not s.rhythm)


def test_one_lead_alone_is_drawn_large():
    paper = lay_out(flat(), FS, "lead", lead="V3")
    assert [s.lead for s in paper.strips] == ["V3"]
    assert paper.strips[0].gain == 20.0


def test_wrong_layouts_and_shapes_are_refused_by_name():
    with pytest.raises(ConfigError, match="7x7"):
        lay_out(flat(), FS, "7x7")
    with pytest.raises(ConfigError, match=r"\(8, 5000\)"):
        lay_out(flat()[:8], FS, "3x4")


def test_fifty_mm_a_second_halves_the_time_and_doubles_the_width():
    paper = lay_out(flat(), FS, "12x1", speed=50.0)
    assert (paper.start_s, paper.stop_s) == (0.0, 5.0)
    assert paper.width_mm == lay_out(flat(), FS, "12x1").width_mm
    xy = trace_mm(paper.strips[0], flat(5.0)[0], FS, paper.speed)
    assert xy[500, 0] - xy[0, 0] == pytest.approx(50.0, abs=0.01)
    second = lay_out(flat(5.0), FS, "3x4", speed=50.0, start_s=5.0)
    assert (second.start_s, second.stop_s) == (5.0, 10.0)
    assert all(s.stop_s - s.start_s == pytest.approx(1.25) for s in second.strips if not s.rhythm)


@pytest.mark.parametrize("centre", [0.1, 8.0, 9.9])
def test_a_closeup_at_50_mm_a_second_reaches_all_of_the_ten_seconds(centre):
    paper = lay_out(flat(), FS, "closeup", centre_s=centre, speed=50.0)
    strip = paper.strips[0]
    assert strip.start_s <= centre <= strip.stop_s
    assert strip.stop_s - strip.start_s == pytest.approx(2.3)
    assert max(s.x_mm + (s.stop_s - s.start_s) * 50.0 for s in paper.strips) <= paper.width_mm


def test_a_choice_of_leads_keeps_report_order_and_closes_up():
    paper = lay_out(flat(), FS, "12x1", leads=["V5", "II", "aVF"])
    assert [s.lead for s in paper.strips] == ["II", "aVF", "V5"]
    assert [s.row for s in paper.strips] == [0, 1, 2]
    assert paper.height_mm < lay_out(flat(), FS, "12x1").height_mm / 2


def test_two_columns_become_one_where_the_choice_leaves_one_empty():
    both = lay_out(flat(), FS, "6x2", leads=["I", "V1", "V2"])
    assert [(s.lead, s.start_s, s.stop_s) for s in both.strips] == [
        ("I", 0.0, 5.0),
        ("V1", 5.0, 10.0),
        ("V2", 5.0, 10.0),
    ]
    one = lay_out(flat(), FS, "6x2", leads=["V1", "V2"])
    assert [(s.start_s, s.stop_s) for s in one.strips] == [(0.0, 10.0)] * 2
    assert {s.lead for s in lay_out(flat(), FS, "closeup", leads=["V1"]).strips} == {"V1"}


def test_the_printed_report_keeps_the_places_of_leads_that_are_not_shown():
    whole = {s.lead: s for s in lay_out(flat(), FS, "3x4").strips if not s.rhythm}
    some = lay_out(flat(), FS, "3x4", leads=["V2", "aVF"])
    shown = [s for s in some.strips if not s.rhythm]
    assert [s.lead for s in shown] == ["aVF", "V2"]
    for s in shown:
        place = whole[s.lead]
        assert (s.row, s.x_mm, s.start_s, s.stop_s) == (place.row, place.x_mm, place.start_s, place.stop_s)
    assert [(s.lead, s.row) for s in some.strips if s.rhythm] == [("II", 3)]
    assert some.missing == ("I", "II", "III", "aVR", "aVL", "V1", "V3", "V4", "V5", "V6")
    assert [y for _, y, _ in some.pulses] == sorted({s.y_mm for s in some.strips})  # none before the empty row
    assert lay_out(flat(), FS, "3x4").missing == ()


@pytest.mark.parametrize("leads", [[], ["X"]])
def test_no_lead_at_all_is_refused(leads):
    with pytest.raises(ConfigError, match="at least one"):
        lay_out(flat(), FS, "12x1", leads=leads)


def test_a_lead_too_noisy_to_read_stays_in_its_row_and_pushes_no_other():
    rng = np.random.default_rng(0)
    signal = flat()
    signal[LEADS.index("V2")] = rng.normal(0, 5.0, signal.shape[1])
    free, kept = lay_out(signal, FS, "3x4"), lay_out(signal, FS, "3x4", clipped=["V2"])
    assert free.overlaps
    assert not kept.overlaps
    assert kept.row_mm == ROW_MM["3x4"][0]
    rows = sorted({s.y_mm for s in kept.strips})
    noisy = next(s for s in kept.strips if s.lead == "V2")
    assert noisy.clip_mm == ((rows[0] + rows[1]) / 2, (rows[1] + rows[2]) / 2)
    assert all(s.clip_mm is None for s in kept.strips if s.lead != "V2")


def test_clipped_rows_at_the_edge_end_with_the_paper():
    paper = lay_out(flat(), FS, "12x1", clipped=["I", "V6"])
    assert paper.strips[0].clip_mm[0] == 0.0
    assert paper.strips[-1].clip_mm[1] < paper.height_mm


@pytest.mark.parametrize("layout", ["3x4", "6x2", "12x1"])
def test_a_sheet_fits_into_the_height_it_is_given_at_the_same_scale(layout):
    rng = np.random.default_rng(3)
    tall = rng.normal(0, 1.5, (12, 5000)).astype(np.float32)
    free, tight = (lay_out(tall, 500.0, layout, room_mm=room) for room in (None, 120.0))
    assert tight.height_mm <= 120.0 < free.height_mm or free.height_mm == tight.height_mm <= 120.0
    assert {s.gain for s in tight.strips} == {10.0}
    assert tight.strips[0].y_mm == free.strips[0].y_mm
    rows = sorted({s.y_mm for s in tight.strips})
    assert min(np.diff(rows)) >= 3


def test_limb_leads_that_clash_do_not_halve_the_chest_leads():
    signal = np.zeros((12, 5000), dtype=np.float32)
    signal[[0, 2], 500:520] = [[-2.0], [2.0]]
    signal[1, 500:520] = 1.5
    assert lay_out(signal, 500.0, "3x4").overlaps
    assert choose_gain(signal, 500.0) == (10.0, 10.0)
    signal[6, 2600:2620], signal[7, 2600:2620] = -2.0, 2.0
    assert choose_gain(signal, 500.0) == (10.0, 5.0)


def test_rows_spread_into_spare_height_in_whole_millimetres():
    rng = np.random.default_rng(1)
    signal = rng.normal(0, 0.05, (12, 5000)).astype(np.float32)
    natural = lay_out(signal, 500.0, "3x4", clipped=("V1",))
    wide = spread(natural, 15.5)
    assert wide.height_mm == natural.height_mm + 15
    before, after = (sorted({s.y_mm for s in paper.strips}) for paper in (natural, wide))
    assert np.diff(after) == pytest.approx(np.diff(before) + 5)
    assert {y for _, y, _ in wide.pulses} == set(after)
    (held,) = (s for s in wide.strips if s.clip_mm)
    assert held.clip_mm == (0.0, (after[0] + after[1]) / 2)
    assert spread(natural, 500.0).row_mm <= ROW_MM["3x4"][1]
    assert spread(natural, 2.0) == natural


def test_noise_in_one_lead_halves_no_gain():
    signal = flat()
    signal[LEADS.index("V2")] = np.random.default_rng(0).normal(0, 4.0, signal.shape[1])
    assert lay_out(signal, FS, "3x4").overlaps
    assert choose_gain(signal, FS) == (10.0, 10.0)
    assert choose_gain(signal + with_spike("V5", 9.0, 6.0), FS) == (10.0, 5.0)
