from __future__ import annotations

import numpy as np
import pytest

from ecg_core.errors import RecordError
from ecg_core.records import (
    INDEPENDENT_LEADS,
    LEADS,
    Record,
    derive_limb_leads,
    eight_from_twelve,
    twelve_from_eight,
    twelve_leads,
)


def record(leads: tuple[str, ...], n: int = 500) -> Record:
    """Return a record whose leads obey Einthoven's and Goldberger's equations."""
    rng = np.random.default_rng(0)
    eight = rng.normal(size=(8, n)).astype(np.float32)
    rows = dict(zip(LEADS, twelve_from_eight(eight), strict=True))
    signal = np.stack([rows[lead] if lead in rows else rng.normal(size=n).astype(np.float32) for lead in leads])
    return Record(name="r", signal=signal, leads=leads, fs=100.0, sha256="0", notes=("read",))


def test_twelve_in_order_are_returned_as_they_are():
    given = record(LEADS)
    assert twelve_leads(given) is given


def test_derived_limb_leads_obey_einthoven_and_goldberger():
    eight = record(INDEPENDENT_LEADS)
    twelve = twelve_leads(eight)
    assert twelve.leads == LEADS
    assert twelve.notes == ("read", "III, aVR, aVL, aVF derived from I and II.")
    i, ii, iii, avr, avl, avf = twelve.signal[:6]
    np.testing.assert_allclose(i + iii, ii, atol=1e-6)
    np.testing.assert_allclose(avr + avl + avf, 0, atol=1e-6)
    np.testing.assert_allclose(avf, (ii + iii) / 2, atol=1e-6)
    np.testing.assert_allclose(avl, (i - iii) / 2, atol=1e-6)
    np.testing.assert_array_equal(twelve.signal[6:], eight.signal[2:])
    assert not twelve.signal.flags.writeable


def test_only_what_is_absent_is_derived():
    twelve = twelve_leads(record((*INDEPENDENT_LEADS, "aVF", "III")))
    assert twelve.notes[-1] == "aVR, aVL derived from I and II."


def test_order_and_extra_leads_are_noted():
    mimic = ("I", "II", "III", "aVR", "aVF", "aVL", *LEADS[6:])
    given = record(mimic)
    twelve = twelve_leads(given)
    assert twelve.notes[-1] == "Leads put into report order."
    np.testing.assert_array_equal(twelve.lead("aVF"), given.signal[4])
    frank = twelve_leads(record((*LEADS, "vx", "vy", "vz")))
    assert frank.leads == LEADS
    assert frank.notes[-1] == "Left out leads that are not among the twelve: vx, vy, vz."


@pytest.mark.parametrize("lacking", INDEPENDENT_LEADS)
def test_each_independent_lead_is_needed(lacking):
    with pytest.raises(RecordError, match=f"lacks {lacking};"):
        twelve_leads(record(tuple(lead for lead in LEADS if lead != lacking)))


def test_a_lead_that_is_not_there():
    with pytest.raises(RecordError, match="no lead V7; it has I, II"):
        record(("I", "II")).lead("V7")


def test_crop_says_where_it_lies():
    part = record(LEADS).crop(1.0, 3.0).crop(0.5, 1.0)
    assert (part.start_s, part.duration, part.n_samples) == (1.5, 0.5, 50)
    np.testing.assert_array_equal(part.signal, record(LEADS).signal[:, 150:200])


def test_eight_and_twelve_are_inverse():
    x = record(LEADS).signal
    np.testing.assert_allclose(twelve_from_eight(eight_from_twelve(x)), x, atol=1e-6)
    batch = np.stack([x, 2 * x])
    np.testing.assert_allclose(derive_limb_leads(batch[:, :2]), batch[:, 2:6], atol=1e-6)
