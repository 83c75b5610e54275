"""Reading a file in a process of its own: its visible sheets as rows of plain values, or why it is not read."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from app.imports.limits import PACKED_BYTES, FileRefused
from app.rules.legacy_fonts import to_unicode

ROOT = Path(__file__).parents[2]

BOOT = (
    "import sys, types; root, path = sys.argv[1:3]; app = types.ModuleType('app'); app.__path__ = [root + '/app'];"
    " sys.modules['app'] = app; from app.imports import child; child.main(path)"
)
"""Starts the child with our modules and without the program: no web server, no database, no secrets."""


@dataclass(frozen=True, slots=True)
class Converted:
    """Text that was typed in an old font: as it was, and as it is meant."""

    before: str
    after: str


Value = str | int | float | bool | date | Converted | None


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a sheet; `number` counts from 1 as Excel shows it."""

    sheet: int
    number: int
    cells: list[Value]


@dataclass(frozen=True, slots=True)
class Book:
    """A file being read: what it is, its sheets as (name, visible), and its rows, to be taken once."""

    kind: str
    macros: bool
    sheets: list[tuple[str, bool]]
    rows: Iterator[Row]


def read(path: Path) -> Book:
    """Open a file; rows come as they are asked for. Raises FileRefused, also while rows are taken."""
    size = path.stat().st_size
    if size > PACKED_BYTES:
        raise FileRefused("packed", limit=PACKED_BYTES // 2**20)
    said = _said(path)
    first = next(said)
    if not any(visible for _name, visible in first["sheets"]):
        raise FileRefused("no_sheet")
    sheets = [(str(name), bool(visible)) for name, visible in first["sheets"]]
    return Book(first["kind"], first["macros"], sheets, _rows(said))


def _said(path: Path) -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-I", "-c", BOOT, str(ROOT), str(path)]
    with subprocess.Popen(  # noqa: S603 - our own program on a file of our own naming
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8", env={}
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                answer = json.loads(line)
                if "refused" in answer:
                    raise FileRefused(answer["refused"], **answer["facts"])
                if "end" in answer:
                    return
                yield answer
        finally:
            process.kill()
    raise FileRefused("too_long" if process.returncode and process.returncode < 0 else "broken")


def _rows(said: Iterator[dict[str, Any]]) -> Iterator[Row]:
    for block in said:
        for number, cells in enumerate(block["rows"], start=block["first"] + 1):
            yield Row(block["sheet"], number, [_value(cell) if isinstance(cell, dict) else cell for cell in cells])


def _value(cell: dict[str, Any]) -> Value:
    if "d" in cell:
        return date.fromisoformat(cell["d"])
    before, encoding = cell["f"]
    after = to_unicode(before, encoding)
    return after if after == before else Converted(before, after)
