"""Fit the probe of the five AAMI classes on a network's frozen latents, and measure it on patients it has not seen.

    python -m training.beat_probe --run runs/beat-cae-interpatient --data PREPARED

Under the honest protocol it is fitted and calibrated on DS1 (calibrated, and switched on or off, by what it says of
records that were left out of a fit), and read once on DS2. Under the random one it is fitted on the train beats and
measured on the test beats, as the field does it. Writes probe.safetensors and probe.json into the run.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression

from ecg_core.errors import ECGError
from ecg_core.probe import LinearProbe, beat_features, better_than_chance
from training.beat_data import BeatData, load_beats, protocol_of
from training.beat_metrics import FEWEST, N_BOOTSTRAP, draws
from training.beat_scores import raw_scores, records_of
from training.beat_train import load_run
from training.mitbih import CLASSES

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Strings = NDArray[np.str_]
Fit = tuple[F32, F32, F32, F32]
"""Mean and scale of features, weight and bias of logits."""

FOLDS = 6
EVERY_NORMAL = 3
"""Every third beat of class N is fitted on: they outnumber the others 8 to 1 and look alike."""

REGULARISATION = 0.3
RATE = 360.0


def features_of(model: Any, data: BeatData, scale: str = "window") -> F32:
    """Return the probe's features of every beat of the table, (n, d), record by record; `scale` as in `windows_of`."""
    rows = np.arange(len(data.table))
    _, z = raw_scores(model, data, rows, scale)
    records = (data.table["source"] + data.table["record"]).to_numpy(str)
    out = np.empty((len(rows), 2 * z.shape[1] + 2), np.float32)
    at = data.table["at"].to_numpy(float) / RATE
    for name in np.unique(records):
        here = np.flatnonzero(records == name)
        out[here] = beat_features(z[here], at[here])
    return out


def fit_logits(x: F32, classes: Strings) -> Fit:
    """Return mean, scale, weight and bias of a multinomial regression; a class that is absent gets no chance.

    Rare classes are weighted up in the fit; the calibration brings their true frequency back.
    """
    quiet = np.flatnonzero(classes == "N")
    kept = np.sort(np.concatenate([np.flatnonzero(classes != "N"), quiet[::EVERY_NORMAL]]))
    mean, scale = x[kept].mean(0), x[kept].std(0) + 1e-6
    counts = {name: int((classes[kept] == name).sum()) for name in CLASSES}
    weights = {name: (len(kept) / n) ** 0.5 for name, n in counts.items() if n}
    fit = LogisticRegression(C=REGULARISATION, class_weight=weights, max_iter=300, tol=1e-3)
    fit.fit((x[kept] - mean) / scale, classes[kept])
    weight = np.zeros((len(CLASSES), x.shape[1]), np.float32)
    bias = np.full(len(CLASSES), -20.0, np.float32)
    order = [CLASSES.index(name) for name in fit.classes_]
    if len(order) == 2:
        weight[order[1]], bias[order] = fit.coef_[0], (0.0, fit.intercept_[0])
    else:
        weight[order], bias[order] = fit.coef_, fit.intercept_
    return mean, scale, weight, bias


def logits_of(fit: Fit, x: F32) -> F64:
    """Return logits, (n, n_classes)."""
    mean, scale, weight, bias = fit
    return ((x - mean) / scale).astype(np.float64) @ weight.T + bias


def fit_calibration(logits: F64, classes: Strings) -> tuple[F64, F64]:
    """Return factors and offsets, one a class, that make softmax(factors * logits + offsets) likeliest.

    Vector scaling (Guo et al. 2017, arXiv:1706.04599, section 4.2): a class that is told on held-out records keeps its
    logit, one that is not loses it.
    """
    truth = np.array([CLASSES.index(c) for c in classes])
    rows, n = np.arange(len(truth)), len(CLASSES)
    hits = np.zeros_like(logits)
    hits[rows, truth] = 1.0

    def loss(p: F64) -> tuple[float, F64]:
        logs = log_softmax(p[:n] * logits + p[n:], axis=-1)
        away = (np.exp(logs) - hits) / len(truth)
        slope = np.concatenate([(away * logits).sum(0), away.sum(0)]) + 2e-5 * np.concatenate([p[:n] - 1, p[n:]])
        penalty = 1e-5 * (np.square(p[:n] - 1).sum() + np.square(p[n:]).sum())
        return float(-logs[rows, truth].mean() + penalty), slope

    start = np.concatenate([np.ones(n), np.zeros(n)])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, 10)] * n + [(None, None)] * n).x
    return found[:n], found[n:]


def out_of_fold(x: F32, classes: Strings, records: Strings) -> F64:
    """Return logits of each beat from a fit without its record, (n, n_classes)."""
    names = np.unique(records)
    out = np.zeros((len(x), len(CLASSES)))
    for k in range(min(FOLDS, len(names))):
        held = np.isin(records, names[k :: min(FOLDS, len(names))])
        out[held] = logits_of(fit_logits(x[~held], classes[~held]), x[held])
    return out


def class_figures(said: Strings, classes: Strings, records: Strings, n: int = N_BOOTSTRAP) -> dict[str, dict[str, Any]]:
    """Return sensitivity, PPV and prevalence of each class with intervals over records; None without beats of it."""
    names, index = np.unique(records, return_inverse=True)
    found: dict[str, dict[str, Any]] = {}
    for name in CLASSES:
        of, called = classes == name, said == name
        counts = [np.bincount(index, weights=w, minlength=len(names)) for w in (of & called, of, called)]
        row: dict[str, Any] = {"beats": int(of.sum()), "records": int((counts[1] > 0).sum()), "said": int(called.sum())}
        row["prevalence"] = float(of.mean())
        for key, below in (("sensitivity", counts[1]), ("ppv", counts[2])):
            drawn = []
            for weights in draws(len(names), n, 0):
                with np.errstate(invalid="ignore", divide="ignore"):
                    drawn.append((weights @ counts[0]) / (weights @ below))
            values = np.concatenate(drawn)
            values = values[np.isfinite(values)]
            if below.sum() < FEWEST or not len(values):
                row[key] = None
                continue
            low, high = np.quantile(values, [0.025, 0.975])
            row[key] = {"value": float(counts[0].sum() / below.sum()), "low": float(low), "high": float(high)}
        found[name] = row
    return found


def calibration_error(probabilities: F64, classes: Strings, bins: int = 10) -> float:
    """Return the mean distance between how sure the probe is and how often it is right, over bins of sureness."""
    best = probabilities.argmax(-1)
    right = np.array(CLASSES)[best] == classes
    sure = probabilities.max(-1)
    bin_of = np.minimum((sure * bins).astype(int), bins - 1)
    return float(sum(abs(sure[bin_of == b].sum() - right[bin_of == b].sum()) for b in range(bins)) / len(sure))


def measured(probe: LinearProbe, x: F32, classes: Strings, records: Strings) -> dict[str, Any]:
    """Return what is reported of a probe on held-out beats: accuracy never without the classes beside it."""
    probabilities = probe.probabilities(x)
    said = np.array(CLASSES)[probabilities.argmax(-1)]
    return {
        "classes": class_figures(said, classes, records),
        "accuracy": float((said == classes).mean()),
        "answering_n": float((classes == "N").mean()),
        "calibration_error": calibration_error(probabilities, classes),
    }


def fit_probe(x: F32, classes: Strings, records: Strings) -> tuple[LinearProbe, dict[str, Any]]:
    """Fit, calibrate and judge a probe on labelled records.

    Returns
    -------
    The probe, fitted on all of them, and its figures on each record from fits without it.
    """
    held = out_of_fold(x, classes, records)
    factors, offsets = fit_calibration(held, classes)
    said = np.array(CLASSES)[(factors * held + offsets).argmax(-1)]
    figures = class_figures(said, classes, records)
    on = np.array([better_than_chance(figures[name]) for name in CLASSES])
    mean, scale, weight, bias = fit_logits(x, classes)
    kept = {name: {k: figures[name][k] for k in ("sensitivity", "ppv", "prevalence", "beats")} for name in CLASSES}
    probe = LinearProbe(
        CLASSES,
        mean.astype(np.float32),
        scale.astype(np.float32),
        (factors[:, None] * weight).astype(np.float32),
        (factors * bias + offsets).astype(np.float32),
        on,
        kept,
    )
    return probe, figures


def run_probe(run: Path, data: BeatData) -> dict[str, Any]:
    """Fit and measure the probe of a run; write probe.safetensors and probe.json."""
    model, config, _ = load_run(run)
    protocol = protocol_of(data, config.protocol)
    x = features_of(model, data, config.scale)
    classes, records = data.table["aami"].to_numpy(str), records_of(data, np.arange(len(x)))
    fitted_on = np.sort(np.concatenate([protocol.train, protocol.validation]))
    # under the random protocol every record stands on both sides, and leaving out records would be another protocol
    groups = (
        records[fitted_on] if config.protocol == "interpatient" else (np.arange(len(fitted_on)) % FOLDS).astype(str)
    )
    probe, figures = fit_probe(x[fitted_on], classes[fitted_on], groups)
    test = protocol.test
    result = {
        "run": config.run,
        "protocol": config.protocol,
        "classes": list(CLASSES),
        "on": [bool(v) for v in probe.on],
        "fitted": figures,
        "measured": probe.measured,
        "test": measured(probe, x[test], classes[test], records[test]),
    }
    save_file({k: np.ascontiguousarray(v) for k, v in probe.arrays().items()}, run / "probe.safetensors")
    (run / "probe.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return result


def load_probe(run: str | Path) -> LinearProbe:
    """Return the probe that `run_probe` wrote."""
    told = json.loads((Path(run) / "probe.json").read_text(encoding="utf-8"))
    return LinearProbe.from_arrays(load_file(Path(run) / "probe.safetensors"), tuple(told["classes"]), told["measured"])


def text_of(result: dict[str, Any]) -> str:
    """Return the figures as text."""
    test = result["test"]
    lines = [
        f"{result['run']}: accuracy {test['accuracy']:.3f}; answering N always gives {test['answering_n']:.3f}; "
        f"calibration error {test['calibration_error']:.3f}"
    ]
    for on, (name, row) in zip(result["on"], test["classes"].items(), strict=True):
        cells = [f"{row['beats']} beats, prevalence {row['prevalence']:.3f}"]
        for key in ("sensitivity", "ppv"):
            found = row[key]
            cells.append(
                f"{key} {found['value']:.3f} ({found['low']:.3f}-{found['high']:.3f})" if found else f"{key} -"
            )
        lines.append(f"  {name} ({'on' if on else 'off'}): {', '.join(cells)}")
    return "\n".join(lines)


def main(argv: Iterable[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.beat_probe", description="Fit and measure a probe.")
    parser.add_argument("--run", type=Path, required=True, help="finished run of a network of beats")
    parser.add_argument("--data", type=Path, required=True, help="folder that training.prepare --mitbih wrote")
    args = parser.parse_args(None if argv is None else list(argv))
    try:
        print(text_of(run_probe(args.run, load_beats(args.data))))
    except ECGError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
