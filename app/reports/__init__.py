"""Reports: SQL that computes them and the one writer that exports them."""
