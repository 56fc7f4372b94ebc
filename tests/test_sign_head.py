"""Signs read off pooled features: one-sided, as they were planted, one record like many."""

from __future__ import annotations

import numpy as np
import pytest

from ecg_core.sign_head import SignHead, fit_sign_head


@pytest.fixture(scope="module")
def planted() -> tuple[SignHead, np.ndarray]:
    """Return a head on 40 features of which the first carries the first sign, the second the second."""
    rng = np.random.default_rng(0)
    features = rng.normal(3.0, 2.0, (2000, 40)).astype(np.float32)
    signs = (features[:, :2] - 3.0) / 2.0 + 0.1 * rng.normal(size=(2000, 2))
    return fit_sign_head(features, signs), features


def test_what_was_planted_is_read_in_units_of_normals(planted):
    head, features = planted
    read = head.read(features)
    assert read.shape == (2000, 2)
    assert np.abs(read.mean(axis=0)).max() < 0.01
    assert read.std(axis=0) == pytest.approx([1.0, 1.0], abs=0.01)
    assert np.corrcoef(read[:, 0], features[:, 0])[0, 1] > 0.99
    assert abs(np.corrcoef(read[:, 0], features[:, 1])[0, 1]) < 0.05


def test_only_the_abnormal_side_counts(planted):
    head, _ = planted
    usual = head.mean[None].copy()
    high, low = usual.copy(), usual.copy()
    high[0, 0] += 4.0 * head.scale[0]
    low[0, 0] -= 4.0 * head.scale[0]
    assert head.score(usual)[0] == 0.0
    assert head.score(low)[0] == 0.0
    assert head.score(high)[0] == pytest.approx((4.0 - 1.0) ** 2, rel=0.05)


def test_a_sign_counts_up_to_six_deviations(planted):
    head, _ = planted
    far = head.mean[None].copy()
    far[0, 1] = 1e4
    assert head.score(far)[0] == pytest.approx(25.0, rel=1e-3)


def test_a_record_reads_the_same_alone_and_in_company(planted):
    head, features = planted
    assert np.array_equal(head.score(features[:7]), np.concatenate([head.score(features[k : k + 1]) for k in range(7)]))
