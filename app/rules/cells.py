"""What a cell of a spreadsheet may hold: no text that a spreadsheet would run as a formula."""

from __future__ import annotations

_RUNS = ("=", "+", "-", "@", "\t", "\r")
"""A text that begins so is taken for a formula by a spreadsheet."""


def escaped(text: str) -> str:
    """A text no spreadsheet runs: an apostrophe before what it would take for a formula."""
    return f"'{text}" if text.startswith(_RUNS) else text
