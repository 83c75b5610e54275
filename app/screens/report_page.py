"""What the page of one report shows: its rows as people read them, totals, filters, ways on to the names. No route."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import request as asked
from flask import url_for
from flask_babel import gettext
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import BadInput
from app.models import Agency, Area
from app.reports import asking, exporting
from app.reports.catalogue import find
from app.reports.shape import NUMERIC, Column, Report, Request, Row, Totals
from app.reports.words import KINDS, METHODS, OUTCOMES, worded
from app.rules import dates
from app.rules.actors import Actor
from app.screens.lookups import AREAS
from app.screens.searching import SearchField
from app.web.frame import current_month
from app.web.words import dmy, month, thousands, vnd

PAGE_SIZE = 50
MOST_PAGES = 100_000
ARGUMENTS = ("area", "from", "to", "agency", "kind", "outcome", "method", "batch", "order")
"""What an address may ask of a report; kept when turning pages, exporting and printing."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell as shown; `href` leads to the names behind it."""

    text: Any
    label: str
    number: bool
    href: str = ""


@dataclass(frozen=True, slots=True)
class ReportPage:
    """Everything the template needs; nothing is read when the address could not be (`problems` by field)."""

    report: Report
    fields: Sequence[SearchField]
    problems: Mapping[str, str]
    request: Request | None = None
    area_name: str = ""
    totals: Totals = field(default_factory=lambda: Totals(0, 0, 0, {}))
    rows: Sequence[Row] = ()
    number: int = 0

    @property
    def title(self) -> str:
        """What the report says, in the language of the page."""
        return str(gettext(self.report.title))

    @property
    def heading(self) -> Sequence[tuple[str, bool]]:
        """Titles of the columns, and whether they hold numbers."""
        return [(gettext(column.title), column.kind in NUMERIC) for column in self.report.columns]

    @property
    def shown(self) -> list[tuple[bool, list[Cell]]]:
        """(is a subtotal, cells) of each row."""
        return [(row.subtotal, self._cells(row)) for row in self.rows]

    @property
    def summed(self) -> list[Cell]:
        """The cells of the totals of the whole report."""
        cells = []
        for number, column in enumerate(self.report.columns):
            value = self.totals.sums.get(column.key)
            text = shown(column, value) if value is not None else _("Tổng cộng") if number == 0 else ""
            cells.append(Cell(text, gettext(column.title), column.kind in NUMERIC))
        return cells

    @property
    def months(self) -> str:
        """ "11/2026" or "10/2026–11/2026"."""
        return exporting.months_shown(self.request) if self.request else ""

    @property
    def size(self) -> int:
        """Rows of one page."""
        return PAGE_SIZE

    @property
    def background(self) -> bool:
        """Too long to be written while somebody waits."""
        return self.totals.rows > exporting.AT_ONCE

    def url(self, number: int) -> str:
        """The same report, another page."""
        return url_for("ReportView.show", code=self.report.code, **asked_of_address(), page=number or None)

    def _cells(self, row: Row) -> list[Cell]:
        cells = []
        for number, (column, value) in enumerate(zip(self.report.columns, row.cells, strict=True)):
            text = shown(column, value)
            if row.subtotal and number == 0:
                text = _("Cộng %(what)s", what=text)
            cells.append(Cell(text, gettext(column.title), column.kind in NUMERIC, self._behind(row, column, value)))
        return cells

    def _behind(self, row: Row, column: Column, value: Any) -> str:
        if not self.report.drill or row.subtotal or not value or column.key not in self.report.drill_outcomes:
            return ""
        asks: dict[str, Any] = {name: told for name, told in row.asks.items() if told}
        asks["from"] = asks["to"] = dates.format_month(asks.pop("month"))
        asks["outcome"] = self.report.drill_outcomes[column.key] or None
        for name in ("kind", "agency"):
            asks.setdefault(name, asked.args.get(name) or None)
        return url_for("ReportView.show", code=self.report.drill, **asks)


def shown(column: Column, value: Any) -> Any:
    """A value of a column as people read it on a page."""
    if value is None:
        return ""
    if column.kind == "money":
        return vnd(value)
    if column.kind == "number":
        return thousands(value)
    if column.kind == "month":
        return month(value)
    return dmy(value) if column.kind == "date" else worded(column.kind, value)


def asked_of_address() -> dict[str, Any]:
    """What the address asks, to be kept in the next one."""
    return {name: asked.args[name] for name in ARGUMENTS if asked.args.get(name)}


def read(session: Session, code: str, *, by: Actor) -> Request:
    """The request in the address; its area and the month every page obeys where it says nothing."""
    return asking.read(session, code, asked.args, by=by, month=current_month())


def of(session: Session, code: str, *, by: Actor) -> ReportPage:
    """The page the address asks for. Raises NotFound."""
    report = find(code)
    try:
        request = read(session, code, by=by)
    except BadInput as error:
        problems = {error.field or "": error.message}
        return ReportPage(report, _fields(session, report, problems), problems)
    written = asked.args.get("page", "")
    number = int(written) if written.isascii() and written.isdigit() and len(written) <= 6 else 0
    number = min(number, MOST_PAGES)
    return ReportPage(
        report=report,
        fields=_fields(session, report, {}),
        problems={},
        request=request,
        area_name=session.scalar(select(Area.full_name).where(Area.path == request.area_path)) or "",
        totals=report.totals(session, request),
        rows=report.page(session, request, first=number * PAGE_SIZE, size=PAGE_SIZE),
        number=number,
    )


def _fields(session: Session, report: Report, problems: Mapping[str, str]) -> list[SearchField]:
    orders = tuple((code, gettext(order.words)) for code, order in report.orders.items())
    fields = [
        _field("area", _("Địa bàn"), "remote", problems, _chosen_area(session)),
        _field("from", _("Từ kỳ (tháng/năm)"), "text", problems),
        _field("to", _("Đến kỳ (tháng/năm)"), "text", problems),
    ]
    if "agency" in report.filters:
        agencies = session.scalars(select(Agency).order_by(Agency.name, Agency.id))
        fields.append(
            _field("agency", _("Đơn vị chi trả"), "choice", problems, tuple((str(a.id), a.name) for a in agencies))
        )
    for name, label, words in (
        ("kind", _("Loại danh sách"), KINDS),
        ("outcome", _("Kết quả"), OUTCOMES),
        ("method", _("Hình thức chi trả"), METHODS),
    ):
        if name in report.filters:
            choices = tuple((code, gettext(text)) for code, text in words.items())
            fields.append(_field(name, label, "choice", problems, choices))
    if "batch" in report.filters:
        fields.append(_field("batch", _("Mã danh sách"), "text", problems))
    return [*fields, _field("order", _("Sắp xếp"), "choice", problems, orders)]


def _field(
    name: str, label: str, kind: str, problems: Mapping[str, str], options: tuple[tuple[str, str], ...] = ()
) -> SearchField:
    url = url_for("ReportView.choices", name=name) if kind == "remote" else ""
    return SearchField(name, label, kind, asked.args.get(name, ""), problems.get(name, ""), options, url)


def _chosen_area(session: Session) -> tuple[tuple[str, str], ...]:
    code = asked.args.get("area", "")
    if not code or not code.isprintable():
        return ()
    area = session.scalar(select(Area).where(Area.code == code))
    return ((area.code, AREAS.label(area)),) if area is not None else ()
