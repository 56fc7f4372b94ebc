"""Pages: what is on them, for whom, and that names are never read as markup."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.figure import Figure

from ecg_core.detection import Attention, Detection, Explanation, ScorePart, Stretch
from ecg_core.records import LEADS, Record
from tests.training.miniature import ecg, write_wfdb
from training import visualize
from training.pages import MODEL, PLUM, draw_page, verdict_of
from training.signals import SignalOptions
from training.visualize import Chosen, choose, pages_of, wrongness


def detection(name: str = "r", **changes: object) -> Detection:
    signal = ecg(1, 100.0)
    error = np.random.default_rng(0).gamma(1.0, 2.0, signal.shape).astype(np.float32)
    error[8] = np.nan
    trace = np.nanmean(error, axis=0) / 2
    scores: dict[str, float | None] = dict.fromkeys(LEADS, 1.0) | {"V3": None}
    stretch = Stretch(2.0, 2.5, 3.0, ("V1",))
    sd = np.full_like(signal, 0.05)
    e = Explanation(0.0, 100.0, LEADS, signal, signal * 0.9, sd, error, trace, (stretch,), scores)
    made = Detection(
        record=name,
        sha256="0" * 64,
        model="fake",
        checkpoint="0" * 12,
        interpretable=True,
        reason=None,
        score=4.2,
        percentile=99.2,
        n_normals=914,
        n_higher=7,
        threshold=3.1,
        false_alarm_rate=0.05,
        anomalous=True,
        parts={"latent": ScorePart(3.0, 99.0)},
        population="normals",
        masked_leads=("V3",),
        warnings=(),
        notes=(),
        heart_rate=70.0,
        rr_sd_ms=10.0,
        rmssd_ms=10.0,
        beats_s=(),
        explanation=e,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def attention() -> Attention:
    weights = np.random.default_rng(1).dirichlet(np.ones(8), 125).T.astype(np.float32)
    return Attention(("I", "II", "V1", "V2", "V3", "V4", "V5", "V6"), weights, np.full(125, 1 / 125, np.float32), 0.08)


class FakeDetector:
    name = title = "fake"

    def __init__(self, has_attention: bool = False) -> None:
        self.has_attention = has_attention
        self.asked: list[float] = []

    def detect(self, record: Record, explain: bool) -> Detection:
        assert explain
        return detection(record.name)

    def attention(self, record: Record, start_s: float) -> Attention:
        self.asked.append(start_s)
        return attention()


def texts(figure: Figure) -> str:
    return " ".join(text.get_text() for text in figure.texts)


def test_the_page_shows_recorded_and_reconstruction_per_lead() -> None:
    figure = draw_page(detection(), "CAE", label="abnormal")
    leads, trace, error = figure.axes
    blue = [line for line in leads.lines if line.get_color() == MODEL]
    recorded = [line for line in leads.lines if line.get_color() != MODEL]
    assert (len(recorded), len(blue)) == (12, 11)  # V3 is left out: no reconstruction
    assert sum(line.get_color() == PLUM for line in recorded) == 1
    y = np.asarray(recorded[0].get_ydata())
    np.testing.assert_allclose((y - y[0]) / 10, ecg(1, 100.0)[0] - ecg(1, 100.0)[0][0], atol=1e-4)  # 10 mm/mV
    assert np.asarray(recorded[0].get_xdata())[100] == 25.0  # 25 mm/s
    assert [label.get_text() for label in leads.get_yticklabels()][8] == "V3*"
    np.testing.assert_allclose(trace.lines[0].get_ydata(), detection().explanation.sample_scores)  # type: ignore[union-attr]
    assert np.isnan(np.asarray(error.images[0].get_array().filled(np.nan))[8]).all()  # type: ignore[union-attr]
    assert isinstance(trace.collections[0], FillBetweenPolyCollection)
    assert "r, labelled abnormal, CAE" in texts(figure) and "* V3 left out" in texts(figure)


def test_the_attention_map_is_drawn_only_where_there_is_one() -> None:
    assert len(draw_page(detection(), "CAE").axes) == 3
    figure = draw_page(detection(), "VAE-BiLSTM-MHA", attention())
    assert len(figure.axes) == 4
    np.testing.assert_array_equal(figure.axes[3].images[0].get_array(), attention().lead_weights)
    assert figure.axes[3].images[0].get_extent()[1] == pytest.approx(250.0)  # 10 s, as the leads above


@pytest.mark.parametrize("name", [r"$\frac{1}{0}$", "a$b$c", r"$\input{x}$ ^_{", "a_b^c \\ {x}", "one $"])
def test_a_name_is_never_a_formula(name: str, tmp_path: Path) -> None:
    figure = draw_page(detection(name), "CAE", label=name)
    figure.savefig(tmp_path / "page.png", dpi=40)
    figure.savefig(tmp_path / "page.pdf")
    assert f"{name}, labelled {name}, CAE" in texts(figure)
    assert not any(text.get_parse_math() for text in figure.texts)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "99.2th percentile of normal ECGs. Above the alarm threshold (5% false alarms). Score 4.20"),
        ({"percentile": 41.3, "anomalous": False}, "41st percentile of normal ECGs. Below the alarm threshold"),
        ({"percentile": 12.0}, "12th percentile"),
        ({"n_higher": 0, "percentile": 100.0}, "Higher than all 914 normal ECGs. Above"),
        (
            {"percentile": None, "anomalous_share": 0.4, "expected_share": 0.05},
            "40% of the segments above it; 5% expected",
        ),
        (
            {"interpretable": False, "score": None, "reason": "Not interpretable. Five leads."},
            "Not interpretable. Five",
        ),
    ],
)
def test_verdict(changes: dict[str, object], said: str) -> None:
    assert said in verdict_of(detection(**changes))
    assert "is normal" not in verdict_of(detection(**changes))


def test_a_record_without_a_score_has_a_page_without_maps() -> None:
    figure = draw_page(detection(interpretable=False, score=None, reason="Not interpretable.", explanation=None), "CAE")
    assert not figure.axes and "Not interpretable." in texts(figure)


def test_wrongness_and_choice() -> None:
    abnormal = np.array([False, False, False, True, True, True])
    score = np.array([0.0, 1.0, 9.0, 8.0, 0.5, 7.0])
    np.testing.assert_allclose(wrongness(abnormal, score), [0, 1 / 3, 1, 1 / 3, 2 / 3, 1 / 3])
    assert choose(abnormal, score, "highest", 2).tolist() == [2, 3]
    assert choose(abnormal, score, "lowest", 2).tolist() == [0, 4]
    assert choose(abnormal, score, "wrong", 2).tolist() == [2, 4]


def test_attention_is_asked_for_where_the_maps_begin(tmp_path: Path) -> None:
    write_wfdb(tmp_path / "r0", ecg(0), 500, 200.0)
    chosen = [Chosen(str(tmp_path / "r0.hea"))]
    detector = FakeDetector(has_attention=True)
    [(name, figure)] = list(pages_of(detector, chosen, SignalOptions()))  # type: ignore[arg-type]
    assert (name, len(figure.axes), detector.asked) == ("r0-fake", 4, [0.0])


def test_files_are_one_pdf_or_a_folder_of_png(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for k in range(2):
        write_wfdb(tmp_path / f"r{k}", ecg(k), 500, 200.0)
    monkeypatch.setattr(visualize, "find_checkpoints", lambda models, store: [tmp_path])
    monkeypatch.setattr(visualize, "load_checkpoint", lambda path: path)
    monkeypatch.setattr(visualize, "AnomalyDetector", lambda checkpoint: FakeDetector())
    monkeypatch.setattr(visualize, "DPI", 40)
    records = ["--records", str(tmp_path / "r0.hea"), str(tmp_path / "r1.dat")]
    assert visualize.main([*records, "--out", str(tmp_path / "a" / "pages.pdf")]) == 0
    pdf = (tmp_path / "a" / "pages.pdf").read_bytes()
    assert pdf.startswith(b"%PDF") and pdf.count(b"/Type /Page ") == 2
    assert visualize.main([*records, "--out", str(tmp_path / "png")]) == 0
    assert [p.name for p in sorted((tmp_path / "png").iterdir())] == ["001-r0-fake.png", "002-r1-fake.png"]


def test_mistakes_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert visualize.main(["--model", "none", "--records", "x.hea", "--out", str(tmp_path / "x.pdf")]) == 1
    assert "neither a checkpoint" in capsys.readouterr().err
    monkeypatch.setattr(visualize, "find_checkpoints", lambda models, store: [tmp_path])
    monkeypatch.setattr(visualize, "load_checkpoint", lambda path: path)
    monkeypatch.setattr(visualize, "AnomalyDetector", lambda checkpoint: FakeDetector())
    assert visualize.main(["--highest", "3", "--out", str(tmp_path / "x")]) == 2
    assert "Expected --data" in capsys.readouterr().err
    assert visualize.main(["--records", str(tmp_path / "x.hea"), "--out", str(tmp_path / "x.pdf")]) == 1
    assert "was not found" in capsys.readouterr().err and not (tmp_path / "x.pdf").exists()
