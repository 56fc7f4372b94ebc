"""The Compare page in each of its states, and what it draws: three models on one record, and on held-out ones."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app import comparison, state
from ecg_core.detection import Explanation, Stretch
from ecg_core.errors import CheckpointError
from ecg_core.records import LEADS
from tests.app.page_parts import header, page_words, parts, visit
from tests.app.stores import write_store

PVC = "premature-ventricular-beat"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = write_store(tmp_path / "store")
    monkeypatch.setenv("LEADWISE_STORE", str(folder))
    return folder


@pytest.fixture
def compared(app: AppTest, store: Path) -> AppTest:
    """Return the page with the record with a premature beat on view."""
    return compare(app, PVC)


def compare(app: AppTest, name: str) -> AppTest:
    from app import resources

    visit(app, "compare")
    entry = next(e for e in resources.examples()[0] if e.record.name == name)
    app.session_state["entries"] = {entry.key: entry}
    app.session_state["current"] = entry.key
    app.run()
    assert not app.exception
    return app


def packet(app: AppTest) -> tuple[dict[str, Any], bytes]:
    (element,) = [e for e in app.get("bidi_component") if e.proto.component_name == "leadwise_compare"]
    data = element.proto.bytes
    length = int.from_bytes(data[:4], "little")
    return json.loads(data[4 : 4 + length]), data


def charts(app: AppTest) -> list[dict[str, Any]]:
    return [json.loads(element.proto.spec) for element in app.get("plotly_chart")]


def test_three_models_stand_beside_each_other(compared: AppTest) -> None:
    header, _ = packet(compared)
    assert [m["title"] for m in header["models"]] == ["CAE", "VAE-BiLSTM", "VAE-BiLSTM-MHA"]
    assert header["headline"].endswith("of 3 above the alarm threshold")
    names = {array["name"] for array in header["arrays"]}
    assert {"signal", "count", "raised"} | {f"{k}_{i}" for k in ("made", "trace", "error") for i in range(3)} == names
    for said in header["models"]:
        assert [row[0] for row in said["rows"]][-1] == "Parts"
        assert said["curve"]["heights"]
        assert "normal ECGs" in said["spoken"]
    words = page_words(compared)
    assert PVC in words
    assert "It does not diagnose, and it does not rule out disease." in words


def test_the_consensus_shows_the_part_of_each_member_and_is_not_counted_with_them(app: AppTest) -> None:
    header, _ = packet(compare(app, PVC))
    assert header["models"][0]["title"] == "Consensus"
    assert (len(header["models"]), header["counted"]) == (5, 4)
    assert header["headline"].endswith("of 4 above the alarm threshold")
    consensus, measurements = header["models"][:2]
    assert [m["title"] for m in consensus["members"]] == ["Measurements", "CAE", "VAE-BiLSTM", "VAE-BiLSTM-MHA"]
    shares = [m["share"] for m in consensus["members"]]
    assert sum(shares) == pytest.approx(1.0, abs=1e-3)
    assert shares == sorted(shares, reverse=True), "evidence times weight falls from member to member in this fake"
    assert shares[0] / shares[1] == pytest.approx(2.0 * 3.0 / 2.0, rel=1e-2)
    assert measurements["members"] is None
    names = {array["name"] for array in header["arrays"]}
    assert "made_0" not in names, "its maps are those of the measurements"
    assert {"made_1", "made_4"} < names


def test_the_lead_is_the_strongest_ones_until_another_is_chosen(compared: AppTest) -> None:
    header, before = packet(compared)
    assert header["lead"] == compared.session_state[state.COMPARE_LEAD]
    other = "aVR" if header["lead"] != "aVR" else "V1"
    compared.segmented_control(key=state.COMPARE_LEAD).set_value(other).run()
    header, after = packet(compared)
    assert header["lead"] == other
    assert after != before
    visit(compared, "analyse")
    visit(compared, "compare")
    assert packet(compared)[0]["lead"] == other


def test_the_alarm_threshold_of_the_session_decides(compared: AppTest) -> None:
    seen = []
    for rate in (0.005, 0.2):
        compared.session_state[state.RATE] = rate
        compared.run()
        header, _ = packet(compared)
        above = [m["side"] == "above" for m in header["models"]]
        assert header["headline"] == f"{sum(above)} of 3 above the alarm threshold"
        assert [m["filled"] for m in header["models"]] == above
        seen.append(sum(above))
    assert seen[0] < seen[1]


def test_held_out_figures_are_those_of_the_checkpoints(compared: AppTest) -> None:
    words = page_words(compared)
    assert "PTB-XL fold 10, 150 normal and 120 abnormal ECGs, 95 % intervals" in words
    assert "0.700 (0.680–0.720)" in words
    assert "80 % (78–82)" in words
    assert "5.0 % (3.0–7.0)" in words  # false alarms: 1 - specificity, with its interval turned round
    assert "ST/T change, 120 ECGs" in words
    assert "Youden&#x27;s J" in words
    assert [len([t for t in chart["data"] if t.get("showlegend", True)]) for chart in charts(compared)] == [3, 3, 3, 3]


def test_the_records_place_is_marked_among_normals_and_abnormals(compared: AppTest) -> None:
    marks = [t for t in charts(compared)[-1]["data"] if t["name"] == "this record"]
    assert len(marks) == 3
    above = [m["side"] == "above" for m in packet(compared)[0]["models"]]
    assert [m["marker"]["symbol"] == "triangle-down" for m in marks] == above
    assert "Triangle: the record on view" in page_words(compared)


def test_without_a_record_the_held_out_part_is_shown_alone(app: AppTest, store: Path) -> None:
    visit(app, "compare")
    assert not app.exception
    words = page_words(app)
    assert "No ECG is open" in words
    assert "On held-out records" in words
    assert len(charts(app)) == 4
    assert not [t for t in charts(app)[-1]["data"] if t["name"] == "this record"]
    assert not [e for e in app.get("bidi_component") if e.proto.component_name == "leadwise_compare"]
    next(b for b in app.button if b.label.startswith("Open an example")).click().run()
    assert packet(app)[0]["models"]


def test_curves_of_other_weights_are_said_and_not_shown(app: AppTest, store: Path) -> None:
    path = store / "cae" / "curves.json"
    path.write_text(path.read_text().replace(json.loads(path.read_text())["checkpoint"], "0" * 64))
    visit(app, "compare")
    assert not app.exception
    assert "was measured with checkpoint 000000000000" in page_words(app)
    assert [t["name"] for t in charts(app)[1]["data"] if t.get("name")] == ["VAE-BiLSTM", "VAE-BiLSTM-MHA"]


def test_models_that_were_not_measured_say_what_to_run(app: AppTest, store: Path) -> None:
    for path in store.glob("*/config.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "metrics": {}}))
    visit(app, "compare")
    assert not app.exception
    assert "run python -m training.evaluate --write" in page_words(app)
    assert not charts(app)


def test_a_damaged_model_is_said_and_the_others_compared(
    app: AppTest, store: Path, fake_detector: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = fake_detector.AnomalyDetector.from_store

    def loaded(name: str, folder: Path | None = None) -> Any:
        if name == "cae":
            raise CheckpointError("cae/model.safetensors is damaged; get it again.")
        return load(name, folder)

    monkeypatch.setattr(fake_detector.AnomalyDetector, "from_store", loaded)
    compare(app, PVC)
    assert "CAE: cae/model.safetensors is damaged; get it again." in page_words(app)
    assert [m["title"] for m in packet(app)[0]["models"]] == ["VAE-BiLSTM", "VAE-BiLSTM-MHA"]


def test_a_model_that_the_store_has_not_is_not_missed(app: AppTest, store: Path) -> None:
    shutil.rmtree(store / "cae")
    compare(app, PVC)
    assert len(packet(app)[0]["models"]) == 2
    assert "no checkpoint cae" not in page_words(app)


def test_a_record_that_is_not_interpretable_has_no_maps(app: AppTest, store: Path) -> None:
    from app import resources

    entry = next(e for e in resources.examples()[0] if e.record.name == PVC)
    signal = entry.record.signal.copy()
    signal[:, :] = 0.0
    lost = replace(entry, key="lost", record=replace(entry.record, signal=signal))
    visit(app, "compare")
    app.session_state["entries"] = {"lost": lost}
    app.session_state["current"] = "lost"
    app.run()
    assert not app.exception
    header, _ = packet(app)
    assert header["headline"] == "Not interpretable"
    assert {m["side"] for m in header["models"]} == {"technical"}
    assert not any(m["mapped"] for m in header["models"])
    assert "The record on view has no score to mark." in page_words(app)


# what models have in common ---------------------------------------------------------------------------------------


def explained(*stretches: tuple[float, float]) -> Explanation:
    blank = np.zeros((12, 1000), np.float32)
    return Explanation(
        start_s=0.0,
        fs=100.0,
        leads=LEADS,
        signal=blank,
        reconstruction=blank,
        reconstruction_sd=blank,
        error=blank,
        sample_scores=blank[0],
        stretches=tuple(Stretch(a, b, 2.0, ("V1",)) for a, b in stretches),
        lead_scores={},
    )


def test_marks_are_counted_at_each_instant() -> None:
    models = [explained((1.0, 2.0), (1.5, 1.8)), explained((1.5, 3.0)), explained((1.6, 1.7), (9.5, 11.0))]
    count = comparison.marked_by(models, 0.0, 10.0)
    assert (len(count), count.max(), count[155], count[165], count[250], count[960]) == (1000, 3, 2, 3, 1, 1)
    assert comparison.spans(count, 3, 0.0) == [(1.6, 1.7)]
    assert comparison.spans(count, 1, 0.0) == [(1.0, 3.0), (9.5, 10.0)]
    assert comparison.spans(comparison.marked_by([explained()], 0.0, 10.0), 1, 0.0) == []


def test_agreement_in_words() -> None:
    nothing = np.zeros(1000, np.uint8)
    assert comparison.agreement_words([None, None], None, 0.0) == ("Not interpretable", ["No model gives a score."])
    assert comparison.agreement_words([True, False, True], nothing, 0.0) == (
        "2 of 3 above the alarm threshold",
        ["No model marks a stretch."],
    )
    one, all_ = nothing.copy(), nothing.copy()
    one[100:200], all_[100:200] = 1, 3
    assert comparison.agreement_words([True] * 3, one, 0.0, ["CAE"])[1] == ["Only CAE marks a stretch."]
    assert comparison.agreement_words([True] * 3, one, 0.0, ["CAE", "X"])[1] == [
        "Marks differ: no instant is marked by all."
    ]
    assert comparison.agreement_words([True] * 3, all_, 0.0, ["CAE", "X", "Y"])[1] == ["All 3 mark 1.00–2.00 s."]


def test_maps_agree_where_all_are_raised() -> None:
    maps = [np.zeros((12, 10), np.uint8) for _ in range(3)]
    for cells in maps:
        cells[6, :4] = 5  # V1
    maps[0][7, :4] = 6
    maps[1][11] = 255  # V6 left out
    raised = comparison.raised_in(maps)
    assert (raised[6, 0], raised[7, 0], raised[0, 0]) == (3, 1, 0)
    assert (raised[11] == 255).all()
    assert comparison.map_words(raised, 3) == (
        "50 % of the raised part of the error maps is raised in all 3, most of it in V1."
    )
    assert "No error map" in comparison.map_words(np.zeros((12, 10), np.uint8), 3)


@pytest.mark.parametrize(("reach", "gain"), [(1.0, 10.0), (2.6, 5.0), (7.0, 2.5), (40.0, 1.25)])
def test_the_gain_keeps_a_lead_in_its_band(reach: float, gain: float) -> None:
    assert comparison.gain_for(np.array([0.0, reach], np.float32)) == gain


def test_of_a_poor_signal_a_lead_that_can_be_read_is_shown_and_nothing_of_a_model(app, store):
    compare(app, "poor-signal")
    (packet,) = parts(app, "leadwise_compare")
    said = header(packet)
    assert (said["headline"], said["lead"]) == ("Not interpretable", "I")
    assert not any(model["mapped"] for model in said["models"])
    assert said["not_mapped"] == "0.00–10.00 s cannot be scored: no reconstruction and no maps."
    assert "as the model expects it" not in page_words(app)
    compare(app, "left-bundle-branch-block")
    assert "as the model expects it" in page_words(app)
