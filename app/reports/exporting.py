"""A report as a file: a heading that says what it is, the rows of one snapshot, totals that must agree with SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from flask_babel import force_locale, gettext
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.errors import BadInput
from app.extensions import db
from app.models import Agency, Area, PayoutBatch
from app.reports import asking, csv_file, workbook
from app.reports import sheet as sheets
from app.reports.catalogue import find
from app.reports.shape import Column, Report, Request, Row, Totals
from app.reports.sheet import Sheet
from app.reports.words import KINDS, METHODS, OUTCOMES, WORDS, worded
from app.rules import dates, money
from app.rules.actors import Actor
from app.services import access, papers

AT_ONCE = 5_000
"""Reports of more rows are written by the scheduler, with progress on the screen."""

KEPT = timedelta(days=7)
FOLDER = "exports"
"""Below the data folder; its files are served only to who asked."""


def _paper(path: Path, sheet: Sheet, rows: Iterable[Row], *, progress: sheets.Progress) -> int:
    """The libraries that draw take 40 MB, which only who writes a paper pays."""
    from app.reports import pdf_file

    return pdf_file.write(path, sheet, rows, progress=progress)


FORMS: dict[str, Callable[..., int]] = {"xlsx": workbook.write, "csv": csv_file.write, "pdf": _paper}
TYPES = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
    "pdf": "application/pdf",
}
Progress = Callable[[int, int], None]


class FormUnknown(BadInput):
    """Chỉ tải được tệp XLSX, CSV hoặc PDF."""


class TotalsDisagree(Exception):
    """What was written does not add up to what SQL says; the file is thrown away (promise P15)."""


@dataclass(frozen=True, slots=True)
class Export:
    """A file written: where, what to call it, how many rows it holds."""

    path: Path
    file_name: str
    row_count: int


def export(request: Request, form: str, *, by: Actor, home: Path, progress: Progress | None = None) -> Export:
    """Write a report below `home`, as `by`, from one snapshot of the books; who took which names away is recorded.

    Raises FormUnknown, AreaUnknown. `progress` is told the rows written, of how many.
    """
    if form not in FORMS:
        raise FormUnknown(field="form")
    asking.check_scope(request, by=by)
    report = find(request.code)
    folder = home / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{uuid4().hex}.{form}"
    with snapshot() as session, _language(form):
        totals = report.totals(session, request)
        summed = _Summing(report, report.rows(session, request))
        told = progress or (lambda _done, _total: None)
        told(0, totals.rows)
        count = FORMS[form](
            path,
            _sheet(session, report, request, totals, by=by),
            summed.rows(),
            progress=lambda done: told(done, totals.rows),
        )
        if (count, summed.sums) != (totals.rows, dict(totals.sums)):
            path.unlink()
            raise TotalsDisagree(f"{report.code}: {count} rows {summed.sums}, SQL says {totals}")
    told(count, totals.rows)
    return Export(path, f"{_file_name(report, request)}.{form}", count)


def _language(form: str) -> AbstractContextManager[Any]:
    """An official paper is in Vietnamese whatever the language of the page (NĐ 30/2020)."""
    return force_locale("vi") if form == "pdf" else nullcontext()


def record(session: Session, request: Request, *, by: Actor, people: int) -> None:
    """Write down who saw or took away the names in a report; nothing for a report without names."""
    if find(request.code).personal and people:
        access.seen(session, f"report {request.code}", by=by, area_path=request.area_path, people=people)


def expire(home: Path, *, now: datetime) -> int:
    """Remove files older than a week, whoever's they are; how many."""
    oldest = (now - KEPT).timestamp()
    old = [path for path in (home / FOLDER).glob("*.*") if path.stat().st_mtime < oldest]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


@contextmanager
def snapshot() -> Iterator[Session]:
    """A session that sees the books as they are now, however long it reads and whatever is written meanwhile."""
    engine = db.engine.execution_options(isolation_level="REPEATABLE READ")
    with Session(engine) as session:
        yield session


class _Summing:
    """Passes rows on with codes in words, and adds up what it passes."""

    def __init__(self, report: Report, rows: Iterator[Row]) -> None:
        self._rows = rows
        self._columns = report.columns
        self.sums = {column.key: 0 for column in report.columns if column.total}

    def rows(self) -> Iterator[Row]:
        summed = [(n, column.key) for n, column in enumerate(self._columns) if column.total]
        showing = [(n, shower(column)) for n, column in enumerate(self._columns) if column.kind in (*WORDS, "month")]
        for cells, subtotal, _asks in self._rows:
            if not subtotal:
                for n, key in summed:
                    self.sums[key] += cells[n]
            shown = list(cells)
            for n, show in showing:
                shown[n] = show(shown[n])
            if subtotal:
                shown[0] = _("Cộng %(what)s", what=shown[0])
            yield Row(tuple(shown), subtotal)


def shower(column: Column) -> Callable[[Any], str | None]:
    """A code or month as words, each looked up once."""
    known: dict[Any, str | None] = {None: None}

    def show(value: Any) -> str | None:
        if value not in known:
            known[value] = dates.format_month(value) if column.kind == "month" else worded(column.kind, value)
        return known[value]

    return show


def _sheet(session: Session, report: Report, request: Request, totals: Totals, *, by: Actor) -> Sheet:
    sums: list[Any] = [totals.sums.get(column.key) for column in report.columns]
    first_sum = next(n for n, value in enumerate(sums) if value is not None)
    sums[0] = _("Tổng cộng")
    if first_sum > 1:
        sums[1] = _("%(count)s dòng", count=money.group_thousands(totals.rows))
    return Sheet(
        name=report.code,
        heading=heading(session, report, request, totals, by=by),
        columns=report.columns,
        titles=[gettext(column.title) for column in report.columns],
        totals=sums,
        paper=papers.of(session, request.area_path, clock.today()),
        number=f"{report.paper_kind}-",
        closing=closing(report, totals),
    )


def closing(report: Report, totals: Totals) -> list[str]:
    """The sum of the paper in words."""
    column = report.spelled
    if column is None:
        return []
    words = money.in_words(totals.sums[column.key])
    return [_("%(what)s (bằng chữ): %(words)s.", what=gettext(column.title), words=words)]


def heading(session: Session, report: Report, request: Request, totals: Totals, *, by: Actor) -> list[str]:
    """What the report is, of what, narrowed how, by whom and when."""
    area = session.scalar(select(Area.full_name).where(Area.path == request.area_path))
    lines = [
        f"{report.code}. {gettext(report.title)}",
        _("Địa bàn: %(area)s. Kỳ chi trả: %(months)s.", area=area, months=months_shown(request)),
        *narrowed(session, request),
    ]
    if totals.provisional:
        count = money.group_thousands(totals.provisional)
        lines.append(_("Có %(count)s lượt người thuộc quyết toán chưa chốt: số liệu còn có thể thay đổi.", count=count))
    at = dates.format_moment(clock.now())
    return [*lines, _("Người lập: %(name)s, lúc %(at)s.", name=by.full_name.strip() or by.username, at=at)]


def narrowed(session: Session, request: Request) -> list[str]:
    """What the report is limited to, in words."""
    lines = []
    if request.batch_id is not None:
        code = session.scalar(select(PayoutBatch.code).where(PayoutBatch.id == request.batch_id))
        lines.append(_("Danh sách: %(code)s.", code=code))
    if request.agency_id is not None:
        name = session.scalar(select(Agency.name).where(Agency.id == request.agency_id))
        lines.append(_("Đơn vị chi trả: %(name)s.", name=name))
    if request.kind:
        lines.append(_("Loại danh sách: %(kind)s.", kind=gettext(KINDS[request.kind])))
    if request.method:
        lines.append(_("Hình thức chi trả: %(method)s.", method=gettext(METHODS[request.method])))
    if request.outcome:
        lines.append(_("Kết quả: %(outcome)s.", outcome=gettext(OUTCOMES[request.outcome])))
    return lines


def months_shown(request: Request) -> str:
    """ "11/2026" or "10/2026–11/2026"."""
    first, last = (dates.format_month(month) for month in (request.month_from, request.month_to))
    return first if first == last else f"{first}–{last}"


def _file_name(report: Report, request: Request) -> str:
    """DVCT_02_25_00004_202611: nothing a person typed."""
    months = sorted({f"{month:%Y%m}" for month in (request.month_from, request.month_to)})
    place = [part for part in request.area_path.split("/") if part][1:] or ["VN"]
    return "_".join([report.code, *place, *months])
