"""Measurements of the program's speed on an embedded PostgreSQL of its own (`python -m bench`); no proof of rightness."""
