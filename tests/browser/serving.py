"""The app as a user starts it, as the bench starts it too."""

from bench.serving import ROOT, free_port, served

__all__ = ["ROOT", "free_port", "served"]
