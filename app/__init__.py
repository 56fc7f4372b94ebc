"""The Leadwise app: shows what `ecg_core` says of a record. Imports its public API only."""
