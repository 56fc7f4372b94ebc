"""What a cardiologist measures: intervals, amplitudes, axes and rhythm, each defined once in `registry`."""

from ecg_core.measurements.measure import Measurements, measure, measure_prepared
from ecg_core.measurements.registry import NAMED, NAMES, REGISTRY, Measurement, table

__all__ = ["NAMED", "NAMES", "REGISTRY", "Measurement", "Measurements", "measure", "measure_prepared", "table"]
