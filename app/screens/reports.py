"""Báo cáo thống kê: found by code or words, read page by page, printed, taken away as a file. Figures are not here."""

from __future__ import annotations

from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

from flask import current_app, flash, redirect, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import expose, has_access
from flask_appbuilder.security.decorators import permission_name
from flask_babel import force_locale, get_locale, gettext
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.errors import NotFound, RuleBroken
from app.extensions import current_actor, db, transaction
from app.models import WorkItem
from app.reports import catalogue, exporting
from app.reports.shape import Request
from app.rules.actors import Actor
from app.screens import report_page, work
from app.screens.base import RemoteChoices
from app.screens.lookups import AREAS
from app.services import papers
from app.services.work import AlreadyStarted, start
from app.web.words import thousands

LONGEST_SEARCH = 100


class TooLongToPrint(RuleBroken):
    """Báo cáo có %(count)s dòng, in được nhiều nhất %(most)s dòng. Hãy lọc bớt hoặc tải tệp XLSX."""


class ReportView(RemoteChoices):
    """The list of reports and the page of each."""

    route_base = "/reports"
    default_view = "list"
    lookups = {"area": AREAS}

    @expose("/")
    @has_access
    def list(self) -> ResponseReturnValue:
        """Reports found by what was typed."""
        typed = request.args.get("q", "")[:LONGEST_SEARCH]
        found = catalogue.search(typed)
        answer: str = self.render_template(
            "chitra/reports/list.html", title=_("Tất cả báo cáo"), typed=typed, reports=found
        )
        return answer

    @expose("/choices/<name>")
    @has_access
    @permission_name("list")
    def choices(self, name: str) -> ResponseReturnValue:
        """Areas by what was typed, by their official code."""
        lookup = self.lookup_named(name)
        if lookup is None:
            raise NotFound
        found = lookup.search(request.args.get("q", ""))
        return {"results": [{"id": area.code, "text": lookup.label(area)} for area in found]}

    @expose("/<code>")
    @has_access
    def show(self, code: str) -> ResponseReturnValue:
        """One page of a report with the totals of the whole; who saw names is recorded (Luật 91/2025)."""
        session, by = db.session(), current_actor()
        page = report_page.of(session, code, by=by)
        answer: str = self.render_template(
            "chitra/reports/show.html",
            title=f"{code}. {page.title}",
            page=page,
            kept=report_page.asked_of_address(),
            work=work.asked_for(session, request.args.get("work", ""), by=by),
            may_export=self.appbuilder.sm.has_access("can_export", self.class_permission_name),
        )
        _record(page.request, len(page.rows))
        return answer, 422 if page.problems else 200

    @expose("/<code>/print")
    @has_access
    @permission_name("export")
    def print(self, code: str) -> ResponseReturnValue:
        """The whole report on A4, in Vietnamese whatever the language of the page (NĐ 30/2020)."""
        session, by = db.session(), current_actor()
        asked = report_page.read(session, code, by=by)
        report = catalogue.find(code)
        with exporting.snapshot() as still, force_locale("vi"):
            totals = report.totals(still, asked)
            if totals.rows > exporting.AT_ONCE:
                raise TooLongToPrint(count=thousands(totals.rows), most=thousands(exporting.AT_ONCE))
            page = report_page.ReportPage(report, (), {}, asked, "", totals, [*report.rows(still, asked)])
            answer: str = self.render_template(
                "chitra/reports/print.html",
                title=report.code,
                page=page,
                lines=exporting.heading(still, report, asked, totals, by=by),
                paper=papers.of(still, asked.area_path, clock.today()),
                closing=exporting.closing(report, totals),
                back=url_for("ReportView.show", code=code, **report_page.asked_of_address()),
            )
        _record(asked, totals.rows)
        return answer

    @expose("/<code>/export", methods=["POST"])
    @has_access
    def export(self, code: str) -> ResponseReturnValue:
        """A file at once, or work in the background when it is long."""
        session, by = db.session(), current_actor()
        asked, form = report_page.read(session, code, by=by), request.form.get("form", "")
        if form not in exporting.FORMS:
            raise exporting.FormUnknown(field="form")
        if catalogue.find(code).count(session, asked) > exporting.AT_ONCE:
            kept, (item, is_new) = report_page.asked_of_address(), started(asked, form, by=by)
            if not is_new:
                flash(gettext("Tệp này đang được ghi."), "info")
            return redirect(url_for("ReportView.show", code=code, **kept, work=item.id), 303)
        made = exporting.export(asked, form, by=by, home=_home())
        content = BytesIO(made.path.read_bytes())
        made.path.unlink()
        _record(asked, made.row_count)
        return send_file(content, exporting.TYPES[form], as_attachment=True, download_name=made.file_name)


def _home() -> Path:
    home: Path = current_app.config["CHITRA"].home
    return home


def started(asked: Request, form: str, *, by: Actor) -> tuple[WorkItem, bool]:
    """The work that writes the file, and whether it was started now: the same is not written twice at once."""
    locale = str(get_locale())
    what = f"{by.user_id}|{form}|{locale}|{sorted(asked.written().items())}"
    once_key = f"report:{sha256(what.encode()).hexdigest()}"
    title = _(
        "%(code)s %(form)s, kỳ %(months)s", code=asked.code, form=form.upper(), months=exporting.months_shown(asked)
    )
    params: dict[str, Any] = {"request": asked.written(), "form": form, "locale": locale}
    try:
        with transaction() as session:
            return start(session, "report", params, by=by, title=title, once_key=once_key), True
    except AlreadyStarted:
        return _unfinished(db.session(), once_key), False


def _unfinished(session: Session, once_key: str) -> WorkItem:
    statement = select(WorkItem).where(WorkItem.once_key == once_key).order_by(WorkItem.id.desc()).limit(1)
    return session.scalars(statement).one()


def _record(asked: Request | None, people: int) -> None:
    """An agency's own staff see their own lines only, and write none of our records."""
    by = current_actor()
    if asked is None or by.agency_id is not None or not catalogue.find(asked.code).personal or not people:
        return
    with transaction() as session:
        exporting.record(session, asked, by=by, people=people)
