"""Reproduces the checkpoints: prepare, train, calibrate, evaluate, draw. Thin scripts over `ecg_core`."""
