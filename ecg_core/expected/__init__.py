"""The ECG to be expected of a patient: the own beat, held to what normal anatomy allows, at every beat."""

from ecg_core.expected.explain import Where, explain_expected
from ecg_core.expected.model import ExpectedModel, NormalBeats, NormalRecord, fit_expected
from ecg_core.expected.territories import Territory

__all__ = ["ExpectedModel", "NormalBeats", "NormalRecord", "Territory", "Where", "explain_expected", "fit_expected"]
