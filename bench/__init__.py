"""How long it takes: python -m bench."""
