"""What a report is: its columns, what it can be asked, its SQL; one way of reading every report. No report is here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from sqlalchemy import Result, text
from sqlalchemy.orm import Session

from app.rules.actors import bounds_of

Kind = Literal[
    "text", "code", "number", "money", "date", "month",
    "agency", "method", "outcome", "reason", "kind", "section", "arrears", "recovery",
]  # fmt: skip
UNBROKEN: frozenset[Kind] = frozenset({"code", "date", "month"})
"""Kinds of columns whose cells stay in one line on paper."""

NUMERIC: frozenset[Kind] = frozenset({"number", "money"})
"""Kinds of columns written as numbers."""

AT_ONCE = 2_000
"""Rows fetched from the server's cursor in one go."""

TOGETHER: Mapping[str, frozenset[str]] = {
    "unpaid": frozenset({"unpaid", "unpaid_stopped"}),
    "pending": frozenset({"pending", "dispute"}),
}
"""Outcomes that a report counts and asks for together: who is not paid any more is not paid."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its SQL name, its title (msgid), what its cells are; `total` is summed below, `width` in characters."""

    key: str
    title: str
    kind: Kind = "text"
    total: bool = False
    width: int = 14


class Row(NamedTuple):
    """Cells in the order of the columns; a subtotal repeats money already counted in the rows above it.

    `asks`: what to ask the report behind this row (`Report.drill`), by the names of an address.
    """

    cells: tuple[Any, ...]
    subtotal: bool = False
    asks: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Totals:
    """Of a whole report: rows without and with subtotals, people whose result is not locked, sums by column."""

    rows: int
    shown: int
    provisional: int
    sums: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Request:
    """What a report is asked: an area and below, months from and to, and what narrows it. Empty means all."""

    code: str
    area_path: str
    month_from: date
    month_to: date
    agency_id: int | None = None
    kind: str = ""
    outcome: str = ""
    method: str = ""
    batch_id: int | None = None
    order: str = ""

    @property
    def facts(self) -> dict[str, Any]:
        """The parameters of the SQL."""
        low, high = bounds_of(self.area_path)
        return {
            "low": low,
            "high": high,
            "month_from": self.month_from,
            "month_to": self.month_to,
            "agency": self.agency_id,
            "kind": self.kind or None,
            "batch": self.batch_id,
            "method": self.method or None,
            "outcomes": _outcomes(self.outcome),
        }

    def written(self) -> dict[str, Any]:
        """As JSON, for a work item."""
        return {
            "code": self.code,
            "area_path": self.area_path,
            "month_from": self.month_from.isoformat(),
            "month_to": self.month_to.isoformat(),
            "agency_id": self.agency_id,
            "kind": self.kind,
            "outcome": self.outcome,
            "method": self.method,
            "batch_id": self.batch_id,
            "order": self.order,
        }

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> Request:
        """From `written()`."""
        months = {name: date.fromisoformat(written[name]) for name in ("month_from", "month_to")}
        return cls(**{**written, **months})


def _outcomes(outcome: str) -> list[str] | None:
    return sorted(TOGETHER.get(outcome, {outcome})) if outcome else None


class Order(NamedTuple):
    """A way to sort: its words (msgid) and its SQL."""

    words: str
    sql: str


@dataclass(frozen=True, slots=True)
class Report:
    """A report. `source` selects the columns by name, `subtotal` (true for rows that sum up others), `provisional` (how
    many of a row's people have no locked result) and whatever `orders` sort by.

    `orders`: the first is the order of the report itself. `filters`: what a request narrows besides area and months.
    `personal`: it names people, so whoever sees it or takes it away is recorded. `drill`: the report behind a row, asked
    by `drill_by` (name in an address -> SQL column); a cell of `drill_outcomes` (column -> outcome) leads to some of it.
    `words_of`: the column whose total is written out in words on paper; the last sum of money where it says nothing.
    `paper_kind`: kind of paper in its number, "Số: ……/BC-UBND".
    """

    code: str
    title: str
    description: str
    columns: tuple[Column, ...]
    source: str
    orders: Mapping[str, Order]
    filters: frozenset[str]
    personal: bool = False
    drill: str = ""
    drill_by: Mapping[str, str] = field(default_factory=dict)
    drill_outcomes: Mapping[str, str] = field(default_factory=dict)
    words_of: str = ""
    paper_kind: str = "BC"

    def rows(self, session: Session, request: Request) -> Iterator[Row]:
        """Every row, streamed through a cursor on the server."""
        found = session.execute(
            text(f"{self.source} ORDER BY {self.order(request).sql}"),
            request.facts,
            execution_options={"stream_results": True, "max_row_buffer": AT_ONCE},
        )
        read = self._reader(found)
        try:
            for part in found.partitions(AT_ONCE):
                yield from map(read, part)
        finally:
            found.close()

    def page(self, session: Session, request: Request, *, first: int, size: int) -> list[Row]:
        """Rows from number `first` (from 0) on, as shown: subtotals count."""
        statement = text(f"{self.source} ORDER BY {self.order(request).sql} LIMIT :size OFFSET :first")
        found = session.execute(statement, request.facts | {"first": first, "size": size})
        return list(map(self._reader(found), found))

    def totals(self, session: Session, request: Request) -> Totals:
        """Sums of the whole report, computed in SQL whatever page is shown."""
        summed = [column.key for column in self.columns if column.total]
        sums = ", ".join(f"sum({key}) FILTER (WHERE NOT subtotal) AS {key}" for key in [*summed, "provisional"])
        statement = text(
            f"SELECT count(*) AS shown, count(*) FILTER (WHERE NOT subtotal) AS rows, {sums} FROM ({self.source}) report"
        )
        row = session.execute(statement, request.facts).mappings().one()
        found = {name: int(value or 0) for name, value in row.items()}
        return Totals(found.pop("rows"), found.pop("shown"), found.pop("provisional"), found)

    def count(self, session: Session, request: Request) -> int:
        """Rows without subtotals."""
        return self.totals(session, request).rows

    @property
    def spelled(self) -> Column | None:
        """The column whose total is written out in words: the one named, else the last sum of money."""
        summed = [column for column in self.columns if column.total and column.kind == "money"]
        named = [column for column in summed if column.key == self.words_of]
        return next(reversed(named or summed), None)

    def order(self, request: Request) -> Order:
        """How the rows are sorted; the report's own order for one that does not exist."""
        return self.orders.get(request.order) or next(iter(self.orders.values()))

    def _reader(self, found: Result[Any]) -> Callable[[Any], Row]:
        names = list(found.keys())
        cells = itemgetter(*(names.index(column.key) for column in self.columns))
        subtotal = itemgetter(names.index("subtotal"))
        asks = {asked: names.index(column) for asked, column in self.drill_by.items()}
        if not asks:
            return lambda row: Row(cells(row), subtotal(row))
        return lambda row: Row(cells(row), subtotal(row), {asked: row[place] for asked, place in asks.items()})
