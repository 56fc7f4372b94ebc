from __future__ import annotations

import pytest

from ecg_core.errors import RecordError
from ecg_core.readers.lead_names import canonical_lead, match_leads, split_names
from ecg_core.records import LEADS


@pytest.mark.parametrize("lead", LEADS)
@pytest.mark.parametrize(
    "write",
    [
        str,
        str.upper,
        str.lower,
        lambda lead: f"Lead {lead}",
        lambda lead: f"lead_{lead.lower()}",
        lambda lead: f"ECG {lead}",
        lambda lead: f"ECG Lead {lead}",
        lambda lead: f"MDC_ECG_LEAD_{lead.upper()}",
        lambda lead: f"{lead}\0\0\0",
        lambda lead: f"  {lead} (mV)",
    ],
)
def test_every_spelling_of_every_lead(lead, write):
    assert canonical_lead(write(lead)) == lead


@pytest.mark.parametrize("name", ["MLII", "-aVR", "V7", "V3R", "X", "vx", "", "\0", "IV", "RESP", "aV", "III I", "C3"])
def test_other_leads_are_not_taken_for_standard_ones(name):
    assert canonical_lead(name) is None


def test_a_lead_named_twice_is_refused():
    with pytest.raises(RecordError, match="V1 twice"):
        match_leads(["I", "V1", "MDC_ECG_LEAD_V1"], "r")


def test_unnamed_and_repeated_other_leads_stay_apart():
    names = match_leads(["I", "", "x", "x", "\x07"], "r")
    assert names[:3] == ("I", "lead 2", "x")
    assert len(set(names)) == 5
    assert all(name.isprintable() for name in names)


def test_names_come_as_a_list_or_as_one_string():
    assert split_names("I, II,V1") == split_names(["I", "II", "V1"]) == ["I", "II", "V1"]
