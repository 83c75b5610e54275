"""A table about to be written to a file: headings, columns, totals; and the file's rules that workbooks and CSV share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from app.reports.shape import Column
from app.services.papers import Paper

Progress = Callable[[int], None]
"""Told how many rows are written, now and then."""

PROGRESS_EVERY = 1_000


@dataclass(frozen=True, slots=True)
class Sheet:
    """What surrounds the rows of a file. `heading`: lines above the table; `totals`: the cells of the last row.

    Of an official paper: `paper` its fixed parts, `number` what precedes the issuer's sign, `closing` lines below the table.
    """

    name: str
    heading: Sequence[str]
    columns: Sequence[Column]
    titles: Sequence[str]
    totals: Sequence[Any] = ()
    paper: Paper | None = None
    number: str = "BC-"
    closing: Sequence[str] = ()


def silent(_rows: int) -> None:
    """Progress nobody asks for."""
