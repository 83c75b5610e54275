"""What columns a kind of file has, and finding them in a sheet whose heading somebody has moved, merged or renamed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.imports.reading import Converted, Row, Value
from app.rules import names

_PLAIN = re.compile(r"[^a-z0-9%]+")
HEADING_ROWS = 60
"""A heading is looked for in this many rows of a sheet."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `title` is a msgid and the heading of the template; `words` are other headings it goes by, folded."""

    key: str
    title: str
    kind: str = "text"
    required: bool = False
    words: tuple[str, ...] = ()
    choices: Mapping[str, str] = field(default_factory=dict)
    """Folded text -> code."""
    shown: tuple[str, ...] = ()
    """Msgids of the choices, for who wrote something else."""
    width: int = 18
    most: int = 255


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a kind of file, in the order of its template; a row without any of `keys` is no data."""

    kind: str
    columns: tuple[Column, ...]
    keys: tuple[str, ...]

    def column(self, key: str) -> Column:
        """The column of this key."""
        return next(column for column in self.columns if column.key == key)


@dataclass(frozen=True, slots=True)
class Heading:
    """Where the columns are: key -> number from 0; `row` is the last row of the heading, 0 where there is none."""

    row: int
    places: dict[str, int]
    texts: tuple[str, ...] = ()


def letter_of(number: int) -> str:
    """0 -> "A", 26 -> "AA": as Excel names a column."""
    letters = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def plain(value: Value) -> str:
    """A heading as it is compared: no marks, no case, no punctuation, no line breaks."""
    text = value.after if isinstance(value, Converted) else value
    return _PLAIN.sub(" ", names.fold(text)).strip() if isinstance(text, str) else ""


def find_heading(rows: Sequence[Row], layout: Layout) -> Heading | None:
    """The heading among the first rows of a sheet: one row, or two where a group of columns has a heading of its own.

    Needed are every required column; of several candidates the one that names most columns is taken, the first of
    equals.
    """
    best: Heading | None = None
    texts = [[plain(cell) for cell in row.cells] for row in rows]
    for n, row in enumerate(rows):
        found = [Heading(row.number, _places(texts[n], layout), tuple(texts[n]))]
        if n + 1 < len(rows):
            joined = _joined(texts[n], texts[n + 1])
            found.append(Heading(rows[n + 1].number, _places(joined, layout), tuple(joined)))
        for one in found:
            if _complete(one, layout) and (best is None or len(one.places) > len(best.places)):
                best = one
    return best


def _joined(upper: list[str], lower: list[str]) -> list[str]:
    """Two rows as one: the lower text names the column, the upper one where the lower is empty."""
    width = max(len(upper), len(lower))
    upper, lower = upper + [""] * (width - len(upper)), lower + [""] * (width - len(lower))
    return [below or above for above, below in zip(upper, lower, strict=True)]


def _places(texts: Sequence[str], layout: Layout) -> dict[str, int]:
    """Key -> column: the whole heading first, then headings that only begin like it."""
    places: dict[str, int] = {}
    taken: set[int] = set()
    for exact in (True, False):
        for column in layout.columns:
            if column.key in places:
                continue
            wanted = (plain(column.title), *column.words)
            for number, text in enumerate(texts):
                hit = text in wanted if exact else any(text.startswith(f"{word} ") for word in wanted)
                if text and hit and number not in taken:
                    places[column.key] = number
                    taken.add(number)
                    break
    return places


def _complete(heading: Heading, layout: Layout) -> bool:
    needed = [column.key for column in layout.columns if column.required]
    return all(key in heading.places for key in needed) and any(key in heading.places for key in layout.keys)


def chosen(layout: Layout, places: Mapping[str, Any], row: int) -> Heading | None:
    """A heading a person chose by column; None when a required column is missing or one is used twice."""
    known = {column.key for column in layout.columns}
    clean = {key: number for key, number in places.items() if key in known and isinstance(number, int) and number >= 0}
    heading = Heading(max(0, row), clean)
    if not _complete(heading, layout) or len(set(clean.values())) < len(clean):
        return None
    return heading
