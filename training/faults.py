"""Plant faults in normal ECGs and count how many of them `ecg_core.quality` finds.

``python -m training.faults --data PTBXL [--fold 9] [--out faults.json]`` plants each fault once in every normal record
of the fold, with a fixed seed, and prints how often it is found, and what is said of the same records, and of the
abnormal ones, untouched. Thresholds were set on folds 1-8; fold 9 was only measured.

What counts as found: every lead the fault was planted in is named (with whatever word), or the record is called
not interpretable; for exchanged electrodes, a reversal is suspected.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from ecg_core.quality import Quality, assess_quality
from ecg_core.readers import read_record
from ecg_core.records import INDEPENDENT_LEADS, LEADS, derive_limb_leads, twelve_leads
from ecg_core.reversal import EXCHANGES
from training.datasets import ptbxl_table

FloatArray = NDArray[np.float32]
Fault = Callable[[FloatArray, float, np.random.Generator], tuple[FloatArray, tuple[str, ...]]]

CHEST = LEADS[6:]
MAX_PLANTED = 3
RAIL_MV = 5.0


def _choose(rng: np.random.Generator) -> list[str]:
    """Draw one to three of the independent leads."""
    count = int(rng.integers(1, MAX_PLANTED + 1))
    return sorted(rng.choice(INDEPENDENT_LEADS, size=count, replace=False), key=LEADS.index)


def _put(x: FloatArray, rows: dict[str, NDArray[np.float64]]) -> FloatArray:
    """Return `x` with rows replaced; a fault in I or II goes on into the four leads derived from them."""
    out = x.copy()
    for lead, row in rows.items():
        out[LEADS.index(lead)] = row
    if "I" in rows or "II" in rows:
        out[2:6] = derive_limb_leads(out[:2])
    return out


def _drift(n: int, fs: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return slow wander (below about 0.3 Hz) of 1 mV standard deviation."""
    wander = gaussian_filter1d(rng.normal(size=n + 2 * round(fs)), 0.5 * fs)[round(fs) : round(fs) + n]
    return np.asarray(wander / max(wander.std(), 1e-12), dtype=np.float64)


def _hum(n: int, fs: float, amplitude: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return 50 or 60 Hz, +-0.1 Hz, sampled as it is: at 100 Hz, 60 Hz shows as 40 and 50 Hz beats slowly."""
    hz = rng.choice([50.0, 60.0]) + rng.uniform(-0.1, 0.1)
    return np.asarray(amplitude * np.sin(2 * np.pi * hz * np.arange(n) / fs + rng.uniform(0, 2 * np.pi)))


def flat(x: FloatArray, fs: float, rng: np.random.Generator) -> tuple[FloatArray, tuple[str, ...]]:
    """Make one to three leads constant, or constant but for 2 uV of noise, all the time or from 2-7 s of 10 on."""
    n = x.shape[1]
    rows = {}
    for lead in _choose(rng):
        row = x[LEADS.index(lead)].astype(np.float64)
        start = 0 if rng.random() < 0.7 else int(rng.uniform(0.2, 0.7) * n)
        noise = rng.choice([0.0, 0.0005]) * rng.normal(size=n - start)
        row[start:] = (row[start] if start else rng.choice([0.0, rng.normal()])) + noise
        rows[lead] = row
    return _put(x, rows), tuple(rows)


def _loose(n: int, fs: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return what an electrode reads that touches nothing: mains 0.02-1 mV, noise 5-50 uV, wander 0.1-2 mV."""
    hum = _hum(n, fs, float(np.exp(rng.uniform(np.log(0.02), 0.0))), rng)
    return hum + rng.uniform(0.005, 0.05) * rng.normal(size=n) + rng.uniform(0.1, 2.0) * _drift(n, fs, rng)


def disconnected(x: FloatArray, fs: float, rng: np.random.Generator) -> tuple[FloatArray, tuple[str, ...]]:
    """Replace one to three leads by what a loose electrode reads; up to 3 % of the ECG still couples in."""
    n = x.shape[1]
    rows = {lead: _loose(n, fs, rng) + rng.uniform(0, 0.03) * x[LEADS.index(lead)] for lead in _choose(rng)}
    return _put(x, rows), tuple(rows)


def limb_electrode_off(x: FloatArray, fs: float, rng: np.random.Generator) -> tuple[FloatArray, tuple[str, ...]]:
    """Take off RA, LA or LL: five limb leads read a loose electrode, and a third of it enters V1-V6."""
    loose = _loose(x.shape[1], fs, rng)
    loose = loose - loose.mean()
    out = x.astype(np.float64)
    electrode = int(rng.integers(3))
    # the electrode's own potential (against the central terminal) gives way to the loose one's
    own = (-(x[0] + x[1]) / 3, (x[0] + x[2]) / 3, (x[1] + x[2]) / 3)[electrode]
    change = loose - own
    out[0] += (-change, change, 0 * change)[electrode]
    out[1] += (-change, 0 * change, change)[electrode]
    out[2:6] = derive_limb_leads(out[:2].astype(np.float32))
    out[6:] -= change / 3
    spared = ("III", "II", "I")[electrode]
    return out.astype(np.float32), tuple(lead for lead in LEADS[:6] if lead != spared)


def saturated(x: FloatArray, fs: float, rng: np.random.Generator) -> tuple[FloatArray, tuple[str, ...]]:
    """Clip one to three leads: at a rail so near that 3-30 % of samples rest on it, or adrift to +-5 mV for 0.5-4 s."""
    n = x.shape[1]
    rows = {}
    for lead in _choose(rng):
        row = x[LEADS.index(lead)].astype(np.float64)
        if rng.random() < 0.5:
            share = rng.uniform(0.03, 0.3)
            rail = np.quantile(row, 1 - share if abs(row.max()) > abs(row.min()) else share)
            row = np.minimum(row, rail) if abs(row.max()) > abs(row.min()) else np.maximum(row, rail)
        else:
            width = rng.uniform(0.5, 4.0) * fs
            swell = np.exp(-0.5 * ((np.arange(n) - rng.uniform(0.1, 0.9) * n) / (width / 2)) ** 2)
            row = np.clip(row + rng.choice([-1, 1]) * 2 * RAIL_MV * swell, -RAIL_MV, RAIL_MV)
        rows[lead] = row
    return _put(x, rows), tuple(rows)


def motion(x: FloatArray, fs: float, rng: np.random.Generator) -> tuple[FloatArray, tuple[str, ...]]:
    """Move one to three electrodes: a step of 2-5 mV that decays in 1-4 s, then 1-3 s of 1-8 Hz at 0.7-2 mV RMS."""
    n = x.shape[1]
    rows = {}
    for lead in _choose(rng):
        start = int(rng.uniform(0.1, 0.7) * n)
        t = np.arange(n - start) / fs
        step = rng.choice([-1, 1]) * rng.uniform(2.0, 5.0) * np.exp(-t / rng.uniform(1.0, 4.0))
        noise = rng.normal(size=n - start)
        burst = gaussian_filter1d(noise, fs / 50) - gaussian_filter1d(noise, fs / 6)
        burst *= rng.uniform(0.7, 2.0) / burst.std() * (t < rng.uniform(1.0, 3.0))
        row = x[LEADS.index(lead)].astype(np.float64)
        row[start:] += step + burst
        rows[lead] = row
    return _put(x, rows), tuple(rows)


def muscle(x: FloatArray, fs: float, rng: np.random.Generator) -> tuple[FloatArray, tuple[str, ...]]:
    """Add muscle noise, 20-45 Hz and more where the rate allows, 0.15-0.5 mV RMS, for 40-100 % of the time."""
    n = x.shape[1]
    rows = {}
    for lead in _choose(rng):
        noise = rng.normal(size=n)
        noise -= gaussian_filter1d(noise, fs / 100)
        noise *= rng.uniform(0.15, 0.5) / noise.std()
        length = int(rng.uniform(0.4, 1.0) * n)
        start = int(rng.integers(0, n - length + 1))
        row = x[LEADS.index(lead)].astype(np.float64)
        row[start : start + length] += noise[start : start + length]
        rows[lead] = row
    return _put(x, rows), tuple(rows)


def mains(x: FloatArray, fs: float, rng: np.random.Generator) -> tuple[FloatArray, tuple[str, ...]]:
    """Add 50 or 60 Hz to one to three leads, or to all independent ones: heavy, which is 0.4-1.5 mV peak.

    From 125 Hz on, where the models' filter takes most of it off, heavy is 0.6-1.5 mV.
    """
    leads = list(INDEPENDENT_LEADS) if rng.random() < 0.25 else _choose(rng)
    rows = {}
    for lead in leads:
        amplitude = rng.uniform(0.4 if fs < 125 else 0.6, 1.5)
        rows[lead] = x[LEADS.index(lead)] + _hum(x.shape[1], fs, amplitude, rng)
    return _put(x, rows), tuple(rows)


def _swap(kind: int) -> Fault:
    """Return the fault that exchanges two limb electrodes."""

    def swap(x: FloatArray, fs: float, rng: np.random.Generator) -> tuple[FloatArray, tuple[str, ...]]:
        out = x.copy()
        out[:2] = EXCHANGES[kind] @ x[:2]
        out[2:6] = derive_limb_leads(out[:2])
        return out, ()

    return swap


def arm_leg(x: FloatArray, fs: float, rng: np.random.Generator) -> tuple[FloatArray, tuple[str, ...]]:
    """Exchange right arm and right leg: II reads leg against leg (0-3 % of itself and 5 uV of noise), I reads -III."""
    out = x.copy()
    out[0] = -x[2]
    out[1] = rng.uniform(0, 0.03) * x[1] + 0.005 * rng.normal(size=x.shape[1])
    out[2:6] = derive_limb_leads(out[:2])
    return out, ()


SWAPS: dict[str, Fault] = {"swapped LA/RA": _swap(1), "swapped RA/LL": _swap(2), "swapped LA/LL": _swap(3)}
PLANTS: dict[str, Fault] = {
    "flat": flat,
    "disconnected": disconnected,
    "limb electrode off": limb_electrode_off,
    "saturated": saturated,
    "motion": motion,
    "muscle": muscle,
    "mains": mains,
    **SWAPS,
    "swapped RA/RL": arm_leg,
}


def is_found(name: str, planted: tuple[str, ...], quality: Quality) -> bool:
    """Tell whether what was planted is in the verdict."""
    if name.startswith("swapped"):
        return quality.reversal is not None
    return not quality.interpretable or set(planted) <= set(quality.bad_leads)


def extra_leads(planted: tuple[str, ...], quality: Quality) -> set[str]:
    """Return the leads that are called bad and carry nothing of what was planted."""
    touched = set(planted) | (set(LEADS[2:6]) if {"I", "II"} & set(planted) else set())
    return set(quality.bad_leads) - touched


@dataclass
class Tally:
    """How often a fault was planted and found."""

    n: int = 0
    found: int = 0
    not_interpretable: int = 0
    named_in_excess: int = 0

    def add(self, name: str, planted: tuple[str, ...], quality: Quality) -> None:
        """Count one record."""
        self.n += 1
        self.found += is_found(name, planted, quality)
        self.not_interpretable += not quality.interpretable
        self.named_in_excess += bool(extra_leads(planted, quality))

    def shares(self) -> dict[str, float]:
        """Return the counts as shares of the records."""
        parts = {"found": self.found, "not_interpretable": self.not_interpretable, "in_excess": self.named_in_excess}
        return {"n": self.n} | {key: round(count / max(self.n, 1), 4) for key, count in parts.items()}


def signal_of(path: str) -> tuple[FloatArray, float]:
    """Read a record's twelve leads in report order, mV, and its rate."""
    record = twelve_leads(read_record(path))
    return np.asarray(record.signal, dtype=np.float32), record.fs


def read_ptbxl(data: Path, folds: range | list[int], fs: int = 100) -> Any:
    """List the records of some folds of PTB-XL."""
    table = ptbxl_table(data, fs)
    return table[table["fold"].isin(list(folds))].reset_index(drop=True)


def untouched(qualities: list[Quality]) -> dict[str, Any]:
    """Summarise what is said of records as they are."""
    kinds = Counter(kind for q in qualities for kind in {k for kinds in q.faults.values() for k in kinds})
    count = max(len(qualities), 1)
    return {
        "n": len(qualities),
        "any_bad_lead": round(sum(bool(q.faults) for q in qualities) / count, 4),
        "not_interpretable": round(sum(not q.interpretable for q in qualities) / count, 4),
        "reversal": round(sum(q.reversal is not None for q in qualities) / count, 4),
        "by_fault": {kind: round(seen / count, 4) for kind, seen in kinds.items()},
        "by_reversal": dict(Counter(q.reversal for q in qualities if q.reversal)),
    }


def plant_all(signals: list[tuple[FloatArray, float]], seed: int) -> dict[str, dict[str, float]]:
    """Plant every fault once in every signal and return how it went."""
    tallies = {name: Tally() for name in PLANTS}
    for k, (x, fs) in enumerate(signals):
        for j, (name, plant) in enumerate(PLANTS.items()):
            touched, leads = plant(x, fs, np.random.default_rng([seed, k, j]))
            tallies[name].add(name, leads, assess_quality(touched, fs))
    mixed = [tallies[name] for name in SWAPS]
    shares = {name: tally.shares() for name, tally in tallies.items()}
    total = sum(tally.n for tally in mixed)
    return shares | {"swapped": {"n": total, "found": round(sum(t.found for t in mixed) / max(total, 1), 4)}}


def main(argv: list[str] | None = None) -> None:
    """Measure, print a table, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="PTB-XL in PhysioNet's layout")
    parser.add_argument("--fs", type=int, choices=(100, 500), default=100)
    parser.add_argument("--fold", type=int, nargs="+", default=[9])
    parser.add_argument("--limit", type=int, help="at most so many normal and abnormal records")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="write the figures here as JSON")
    args = parser.parse_args(argv)
    table = read_ptbxl(args.data, args.fold, args.fs)
    signals = {
        label: [signal_of(path) for path in table[table["label"] == label]["path"][: args.limit]]
        for label in ("normal", "abnormal")
    }
    report: dict[str, Any] = {
        "folds": args.fold,
        "seed": args.seed,
        "planted": plant_all(signals["normal"], args.seed),
        "untouched": {label: untouched([assess_quality(x, fs) for x, fs in some]) for label, some in signals.items()},
    }
    for name, row in report["planted"].items():
        print(f"{name:20s}" + "".join(f"  {key} {value}" for key, value in row.items()))
    for label, row in report["untouched"].items():
        print(f"untouched {label}: {json.dumps(row)}")
    if args.out:
        args.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
