"""Pages: each file lays out one page and computes nothing."""
