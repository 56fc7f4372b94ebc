"""Errors that Leadwise raises on purpose; each message is one sentence for a person."""


class ECGError(Exception):
    """Base of every error Leadwise raises: says what was expected, what was found, what to do."""


class RecordError(ECGError):
    """A file or array that cannot be read as an ECG record, or not by the detector asked for."""


class CheckpointError(ECGError):
    """A checkpoint that is missing, damaged, foreign or newer than this version understands."""


class ConfigError(ECGError):
    """A configuration (TOML, command line) with an unknown key or an impossible value."""


class WorklistError(ECGError):
    """A job, folder, decision or data folder that cannot be used as asked."""
