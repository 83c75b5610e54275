"""The one writer of CSV for spreadsheets: UTF-8 with a byte order mark, and no cell that a spreadsheet would run."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

from app.reports.shape import Row
from app.reports.sheet import PROGRESS_EVERY, Progress, Sheet, silent
from app.rules import dates
from app.rules.cells import escaped


def write(path: Path, sheet: Sheet, rows: Iterable[Row], *, progress: Progress = silent) -> int:
    """Write titles, rows and totals, nothing else, for another program to read; returns the rows without subtotals.

    Subtotals are left out. On an error there is no file.
    """
    written = 0
    try:
        with path.open("x", encoding="utf-8-sig", newline="") as file:
            out = csv.writer(file)
            out.writerow(map(_cell, sheet.titles))
            for cells, subtotal, _asks in rows:
                if subtotal:
                    continue
                out.writerow(map(_cell, cells))
                written += 1
                if written % PROGRESS_EVERY == 0:
                    progress(written)
            if sheet.totals:
                out.writerow(map(_cell, sheet.totals))
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return written


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return escaped(value)
    return dates.format_date(value) if isinstance(value, date) else value
