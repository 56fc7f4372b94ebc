"""Leadwise's core: from an ECG file to a calibrated verdict. No user interface, no prints."""

__version__ = "0.1.0"
