"""A table about to be written to a file: headings, columns, totals; and the file's rules that workbooks and CSV share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from app.reports.shape import Column

Progress = Callable[[int], None]
"""Told how many rows are written, now and then."""

PROGRESS_EVERY = 1_000


@dataclass(frozen=True, slots=True)
class Sheet:
    """What surrounds the rows of a file. `heading`: lines above the table; `totals`: the cells of the last row."""

    name: str
    heading: Sequence[str]
    columns: Sequence[Column]
    titles: Sequence[str]
    totals: Sequence[Any] = ()


def silent(_rows: int) -> None:
    """Progress nobody asks for."""
