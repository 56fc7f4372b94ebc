"""A store of checkpoints without weights: what the pages read of models, with made-up figures."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from ecg_core.curves import measure_curves, write_curves

TITLES = {"cae": "CAE", "vae-bilstm": "VAE-BiLSTM", "vae-bilstm-mha": "VAE-BiLSTM-MHA"}
RULES = ("conformal, 5 %", "mean + 2 SD of normals", "Youden's J")


def estimate(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.02, "high": value + 0.02}


def figures(value: float) -> dict[str, Any]:
    names = ("auroc", "auprc", "sensitivity_at_95", "sensitivity")
    return {
        "n_normal": 150,
        "n_abnormal": 120,
        "prevalence": 120 / 270,
        **{name: estimate(value) for name in names},
        "specificity": estimate(0.95),
    }


def config(name: str, value: float) -> dict[str, Any]:
    rows = [{"rule": RULES[0], "threshold": None}]
    for rule in RULES[1:]:
        shares = {f"{k}{b}": v for k, v in (("sensitivity", 0.7), ("specificity", 0.9)) for b in ("", "_low", "_high")}
        rows.append({"rule": rule, "threshold": 3.25} | shares)
    rates = (0.01, 0.05, 0.1, 0.2)
    return {
        "format": 2,
        "name": name,
        "title": TITLES[name],
        "weights_sha256": hashlib.sha256(name.encode()).hexdigest(),
        "seed": 1,
        "calibration": {
            "population": "made-up normals",
            "n_normals": 914,
            "false_alarm_rate": 0.05,
            "false_alarm_interval": [0.036, 0.065],
        },
        "data": {"sources": {"ptbxl": {"version": "made up"}}},
        "training": {},
        "metrics": {
            "records": {"split": "test"},
            "overall": figures(value),
            "superclass": {"MI": figures(value - 0.1), "STTC": figures(value + 0.05)},
            "rules": rows,
        },
        "operating_points": [{"false_alarm_rate": r, "threshold": 1.0 - np.log(r)} for r in rates],
    }


def write_store(folder: Path) -> Path:
    """Write config.json, curves.json and a card of each model."""
    rng = np.random.default_rng(0)
    abnormal = np.repeat([False, True], [150, 120])
    for k, name in enumerate(TITLES):
        path = folder / name
        path.mkdir(parents=True)
        data = config(name, 0.7 + 0.05 * k)
        (path / "config.json").write_text(json.dumps(data))
        scores = rng.gamma(2.0, size=270) + abnormal * (1 + k)
        write_curves(measure_curves(abnormal, scores, data["weights_sha256"], n=40), path)
        card = f"# {TITLES[name]}\n\nCheckpoint `{data['weights_sha256'][:12]}`.\n\n## Intended use\n\nMade up. "
        card += "<b>not bold</b> ![picture](https://example.org/x.png)\n"
        (path / "README.md").write_text(card)
    return folder
