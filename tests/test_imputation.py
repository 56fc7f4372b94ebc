"""A masked lead is what the others say of it, and nothing of what it held."""

from __future__ import annotations

import numpy as np
import pytest

from ecg_core.imputation import fit_lead_covariance


def records(n: int = 6) -> np.ndarray:
    """Eight leads that are projections of three sources, as the heart's are."""
    rng = np.random.default_rng(0)
    projection = rng.normal(0, 1, (8, 3))
    return (projection @ rng.normal(0, 0.3, (n, 3, 500))).astype(np.float32)


def usable_but(n: int, *masked: int) -> np.ndarray:
    usable = np.ones((n, 8), bool)
    usable[:, list(masked)] = False
    return usable


def noisy(x: np.ndarray) -> np.ndarray:
    return x + np.random.default_rng(1).normal(0, 1e-3, x.shape).astype(np.float32)


def test_complete_records_are_left_as_they_are():
    x = records()
    assert fit_lead_covariance(x).fill(x, usable_but(len(x))) is x


@pytest.mark.parametrize("masked", [(0,), (3, 7), (1, 2, 4, 6)])
def test_a_masked_lead_is_found_again_from_the_others(masked):
    x = noisy(records())
    spoilt = x.copy()
    spoilt[:, list(masked)] = 9.0
    filled = fit_lead_covariance(x).fill(spoilt, usable_but(len(x), *masked))
    assert np.abs(filled - x).max() < 0.05
    assert filled.dtype == np.float32


def test_what_a_masked_lead_held_does_not_enter_and_the_others_stay():
    x, leads = noisy(records()), fit_lead_covariance(noisy(records()))
    usable = usable_but(len(x), 5)
    spoilt = x.copy()
    spoilt[:, 5] = np.nan
    assert np.array_equal(leads.fill(x, usable), leads.fill(spoilt, usable))
    assert np.array_equal(leads.fill(spoilt, usable)[:, :5], x[:, :5])


def test_each_record_has_its_own_masked_leads():
    x = noisy(records(2))
    usable = usable_but(2)
    usable[1, 4] = False
    filled = fit_lead_covariance(x).fill(x, usable)
    assert np.array_equal(filled[0], x[0])
    assert not np.array_equal(filled[1, 4], x[1, 4])
