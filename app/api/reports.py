"""Reports as JSON: the list of them, and one page of one with the totals of the whole. No report is defined here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from io import BytesIO
from typing import Any

from flask import Response, current_app, request, send_file
from flask_appbuilder.api import BaseApi, expose, protect
from flask_appbuilder.security.decorators import permission_name
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.api import asking, reading
from app.api.reading import Member
from app.api.resource import Answers
from app.api.work import work_members
from app.extensions import acting_as, current_actor, db, transaction
from app.models import Agency
from app.reports import asking as report_asking
from app.reports import exporting
from app.reports.catalogue import REPORTS, find
from app.reports.shape import Report, Request, Row
from app.rules.actors import SYSTEM
from app.screens.reports import started
from app.services import access

ARGUMENTS = (
    "period",
    "from",
    "to",
    "area",
    "agency",
    "kind",
    "outcome",
    "method",
    "batch",
    "order",
    "page",
    "page_size",
)
EXPORT: dict[str, Member] = {
    "form": Member(reading.choice(*exporting.FORMS, required=True), required=True),
    **{name: Member(reading.text(100)) for name in ARGUMENTS if name not in ("page", "page_size")},
}
PAGE_SIZE, MAX_PAGE_SIZE, MAX_ROWS = 200, 1_000, 1_000_000


class ReportsApi(Answers, BaseApi):
    """Báo cáo thống kê."""

    resource_name = "reports"
    version = "v1"
    allow_browser_login = False

    @expose("/", methods=["GET"])
    @protect()
    @permission_name("get")
    def get_list(self) -> Response:
        """The reports there are
        ---
        get:
          responses:
            200:
              description: Codes, titles, what each can be asked
              content:
                application/json:
                  schema:
                    type: object
                    properties:
                      result:
                        type: array
                        items:
                          type: object
        """
        asking.refuse_arguments()
        return self.response(200, result=[_about(report) for report in REPORTS.values()])

    @expose("/<code>", methods=["GET"])
    @protect()
    @permission_name("get")
    def get(self, code: str) -> Response:
        """One page of a report
        ---
        get:
          parameters:
          - in: query
            name: period
            description: A month, MM/YYYY or YYYY-MM; the present one when left out. Or `from` and `to`.
            schema:
              type: string
          - in: query
            name: area
            description: Official code of an area; one's own when left out
            schema:
              type: string
          - in: query
            name: agency
            description: Code of an agency
            schema:
              type: string
          - in: query
            name: page
            schema:
              type: integer
          - in: query
            name: page_size
            description: At most 1.000
            schema:
              type: integer
          responses:
            200:
              description: Rows of the page, totals of the whole report
              content:
                application/json:
                  schema:
                    type: object
                    properties:
                      count:
                        type: integer
                      totals:
                        type: object
                      result:
                        type: array
                        items:
                          type: object
        """
        asking.refuse_arguments(ARGUMENTS)
        session: Session = db.session()
        report = find(code)
        wanted = _request(session, report, dict(request.args.items()))
        page = asking.number("page", 0, MAX_ROWS)
        size = min(asking.number("page_size", PAGE_SIZE, MAX_ROWS), MAX_PAGE_SIZE)
        if size == 0 or (page + 1) * size > MAX_ROWS:
            raise asking.BadQuestion(what="page, page_size")
        totals = report.totals(session, wanted)
        rows = report.page(session, wanted, first=page * size, size=size)
        result = [_members(report, row) for row in rows]
        if report.personal and rows:
            _remember(report, wanted, len(rows))
        return self.response(
            200,
            **_about(report),
            area_path=wanted.area_path,
            month_from=wanted.month_from.isoformat(),
            month_to=wanted.month_to.isoformat(),
            count=totals.rows,
            count_with_subtotals=totals.shown,
            provisional=totals.provisional,
            totals=dict(totals.sums),
            page=page,
            page_size=size,
            result=result,
        )

    @expose("/<code>/export", methods=["POST"])
    @protect()
    @permission_name("export")
    def export(self, code: str) -> Response:
        """A report as a file: at once, or written by the scheduler when it is long
        ---
        post:
          requestBody:
            required: true
            content:
              application/json:
                schema:
                  type: object
                  additionalProperties: false
                  required: [form]
                  properties:
                    form:
                      type: string
                      enum: [xlsx, csv, pdf]
                    period:
                      type: string
                      description: A month, MM/YYYY or YYYY-MM; the present one when left out. Or `from` and `to`.
                    from:
                      type: string
                    to:
                      type: string
                    area:
                      type: string
                      description: Official code of an area; one's own when left out
                    agency:
                      type: string
                    kind:
                      type: string
                    outcome:
                      type: string
                    method:
                      type: string
                    batch:
                      type: string
                      description: Code of a list
                    order:
                      type: string
          responses:
            202:
              description: Too long to wait for; GET /api/v1/work/<work> says how far it is, GET /api/v1/work/<work>/file has it
              content:
                application/json:
                  schema:
                    $ref: '#/components/schemas/Work'
            200:
              description: The file; its totals equal those of the report
              content:
                application/octet-stream:
                  schema:
                    type: string
                    format: binary
        """
        asking.refuse_arguments()
        session: Session = db.session()
        report, by = find(code), current_actor()
        values = reading.members(reading.body(), EXPORT)
        form = values.pop("form")
        wanted = _request(session, report, {name: value for name, value in values.items() if value is not None})
        if report.count(session, wanted) > exporting.AT_ONCE:
            item, _is_new = started(wanted, form, by=by)
            return self.response(202, **work_members(item))
        made = exporting.export(wanted, form, by=by, home=current_app.config["CHITRA"].home)
        content = BytesIO(made.path.read_bytes())
        made.path.unlink()
        with transaction() as opened:
            exporting.record(opened, wanted, by=by, people=made.row_count)
        answer = send_file(content, exporting.TYPES[form], as_attachment=True, download_name=made.file_name)
        answer.headers["Cache-Control"] = "no-store"
        return answer


def _request(session: Session, report: Report, asked: dict[str, str]) -> Request:
    """What is asked of a report; `period` is both months at once, agencies go by code. Raises BadInput."""
    period = asked.pop("period", "")
    if period and ("from" in asked or "to" in asked):
        raise asking.BadQuestion(what="period, from, to")
    if period:
        asked["from"] = asked["to"] = period
    if asked.get("agency"):
        asked["agency"] = str(session.scalar(select(Agency.id).where(Agency.code == _plain(asked["agency"]))) or "?")
    month = clock.today().replace(day=1)
    return report_asking.read(session, report.code, asked, by=current_actor(), month=month)


def _plain(text: str) -> str:
    """A code; what the database could not take as text is none."""
    return text if text.isprintable() else ""


def _about(report: Report) -> dict[str, Any]:
    return {
        "code": report.code,
        "title": gettext(report.title),
        "description": gettext(report.description),
        "columns": [
            {"key": column.key, "title": gettext(column.title), "kind": column.kind, "total": column.total}
            for column in report.columns
        ],
        "filters": sorted(report.filters),
        "orders": {name: gettext(order.words) for name, order in report.orders.items()},
        "personal": report.personal,
    }


def _members(report: Report, row: Row) -> Mapping[str, Any]:
    cells = zip(report.columns, row.cells, strict=True)
    shown = {column.key: cell.isoformat() if isinstance(cell, date) else cell for column, cell in cells}
    return shown | {"subtotal": row.subtotal}


def _remember(report: Report, wanted: Request, people: int) -> None:
    """Who saw names, before the answer leaves."""
    actor = current_actor()
    with acting_as(SYSTEM), transaction() as session:
        access.seen(session, f"API {report.code}", by=actor, area_path=wanted.area_path, people=people)
