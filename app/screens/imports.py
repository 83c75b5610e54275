"""Nhập từ tệp: a file is sent, read, shown with everything odd about it, then applied whole or put away."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

from flask import current_app, flash, jsonify, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import BaseView, expose, has_access
from flask_appbuilder.security.decorators import permission_name
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import BadInput, ChitraError
from app.extensions import current_actor, db, transaction
from app.imports import files, staging, starting
from app.imports.staging import Upload
from app.imports.starting import of_results
from app.models import FileImport, Settlement
from app.reports import exporting
from app.rules.actors import Role
from app.screens import import_page, work
from app.screens.actions import reason
from app.services import access
from app.services.settlements import entering
from app.web.words import thousands


class FileMissing(BadInput):
    """Chưa chọn tệp."""


class ImportView(BaseView):
    """Files sent, each with its preview."""

    route_base = "/imports"
    default_view = "list"

    @expose("/")
    @has_access
    def list(self) -> ResponseReturnValue:
        """Files of the area, newest first."""
        mine = FileImport.kind.in_(starting.kinds_of(current_actor()))
        statement = select(FileImport).where(mine).order_by(FileImport.id.desc()).limit(100)
        answer: str = self.render_template(
            "chitra/imports/list.html",
            title=_("Nhập từ tệp"),
            items=db.session.scalars(statement).all(),
            words=import_page,
            may_new=current_actor().has(Role.CLERK),
        )
        return answer

    @expose("/new/<kind>", methods=["GET", "POST"])
    @has_access
    @permission_name("send")
    def new(self, kind: str) -> ResponseReturnValue:
        """A form for a file; what is wrong with it is said on the form."""
        session = db.session()
        settlement = self._settlement(session, kind)
        problem = ""
        if request.method == "POST":
            try:
                return redirect(url_for("ImportView.show", key=self._sent(kind, settlement)), 303)
            except ChitraError as error:
                if error.status not in (409, 422):
                    raise
                problem = error.message
        page = self.render_template(
            "chitra/imports/new.html",
            title=import_page.name_of(kind),
            kind=kind,
            settlement=settlement,
            problem=problem,
            sources=entering.FROM,
            outcomes=import_page.OUTCOMES,
            lead=import_page.LEADS[kind],
            benefits=import_page.benefits(session) if kind == "registry" else [],
        )
        return page, 422 if problem else 200

    def _settlement(self, session: Session, kind: str) -> Settlement | None:
        """The settlement that results are for, still open and by hand; None for the other kinds."""
        written = request.values.get("settlement", "")
        key = int(written) if _digits(written, 17) else None
        return starting.settlement_of(session, kind, key, by=current_actor())

    def _sent(self, kind: str, settlement: Settlement | None) -> int:
        sent = request.files.get("file")
        if sent is None or not sent.filename:
            raise FileMissing(field="file")
        options = starting.options_of(
            kind,
            before=request.form.get("from_standing", ""),
            outcome=request.form.get("outcome", ""),
            why=reason() if of_results(kind) else "",
        )
        upload = Upload(sent.filename, sent.read())
        key, _reads = starting.send(
            kind, upload, settlement=settlement, options=options, by=current_actor(), home=_home()
        )
        return key

    @expose("/template/<kind>")
    @has_access
    @permission_name("send")
    def template(self, kind: str) -> ResponseReturnValue:
        """The empty workbook of a kind, named after its list; for codes with the people of the list, which is recorded."""
        session = db.session()
        settlement = self._settlement(session, kind)
        made = import_page.template_of(session, kind, settlement, home=_home())
        if settlement is not None and made.people:
            _taken_away("import template", settlement.area_path, settlement.id, made.people)
        return send_file(BytesIO(made.content), exporting.TYPES["xlsx"], as_attachment=True, download_name=made.name)

    @expose("/<int:key>")
    @has_access
    def show(self, key: int) -> ResponseReturnValue:
        """The preview, or how far reading is."""
        item = starting.find(db.session(), key, by=current_actor())
        answer: str = self.render_template(
            "chitra/imports/show.html", title=import_page.name_of(item.kind), **_shown(item)
        )
        return answer

    @expose("/<int:key>/progress")
    @has_access
    @permission_name("show")
    def progress(self, key: int) -> ResponseReturnValue:
        """The page's body again, when it has moved."""
        shown = _shown(starting.find(db.session(), key, by=current_actor()))
        page = shown["page"]
        answer: dict[str, Any] = {"stamp": page.stamp, "every_s": page.every_s}
        if request.args.get("seen") != page.stamp:
            answer["html"] = render_template("chitra/imports/body.html", **shown)
        return jsonify(answer)

    @expose("/<int:key>/columns", methods=["POST"])
    @has_access
    @permission_name("send")
    def columns(self, key: int) -> ResponseReturnValue:
        """Which column is what; then the file is read again."""
        written = {
            name.removeprefix("column-"): value for name, value in request.form.items() if name.startswith("column-")
        }
        places = {name: int(value) for name, value in written.items() if _digits(value, 3)}
        row = request.form.get("heading_row", "0")
        number = int(row) if _digits(row, 7) else 0
        starting.choose(key, places, number, by=current_actor(), home=_home())
        return redirect(url_for("ImportView.show", key=key), 303)

    @expose("/<int:key>/apply", methods=["POST"])
    @has_access
    @permission_name("apply")
    def apply(self, key: int) -> ResponseReturnValue:
        """Everything the preview says, or nothing."""
        said, doing = starting.apply(key, by=current_actor(), stamp=request.form.get("seen", ""), home=_home())
        if doing is not None:
            flash(_("Đang ghi; tiến độ hiện ở trang này."), "info")
            return redirect(url_for("ImportView.show", key=key), 303)
        settlement_id = starting.find(db.session(), key, by=current_actor()).settlement_id
        flash(said, "success")
        if settlement_id is not None:
            return redirect(url_for("SettlementView.show", pk=settlement_id), 303)
        return redirect(url_for("ImportView.show", key=key), 303)

    @expose("/<int:key>/discard", methods=["POST"])
    @has_access
    @permission_name("apply")
    def discard(self, key: int) -> ResponseReturnValue:
        """Put the file away."""
        with transaction() as session:
            starting.find(session, key, by=current_actor())
            staging.discard(session, key, home=_home())
        flash(_("Đã bỏ tệp, chưa có gì được ghi."), "success")
        return redirect(url_for("ImportView.list"), 303)

    @expose("/<int:key>/findings", methods=["POST"])
    @has_access
    @permission_name("send")
    def findings(self, key: int) -> ResponseReturnValue:
        """The file as it was sent with a column of findings; that it was taken away is recorded."""
        session = db.session()
        item = starting.find(session, key, by=current_actor())
        if item.phase != "ready":
            raise staging.NoLongerOpen
        content = files.with_findings(session, item, home=_home())
        name = f"{Path(item.file_name).stem[:60]}-loi.xlsx"
        _taken_away("import findings", item.area_path, key, item.row_count or 1)
        return send_file(BytesIO(content), exporting.TYPES["xlsx"], as_attachment=True, download_name=name)


def _digits(written: str, most: int) -> bool:
    """Plain digits: "²" is a digit too, and no number."""
    return written.isascii() and written.isdigit() and len(written) <= most


def _shown(item: FileImport) -> dict[str, Any]:
    session = db.session()
    doing = work.asked_for(session, str(item.work_item_id or ""), by=current_actor())
    return {
        "item": item,
        "page": import_page.of(session, item, doing),
        "words": import_page,
        "work": doing,
        "rows": thousands(item.row_count),
    }


def _taken_away(what: str, area_path: str, entity_id: int, people: int) -> None:
    """Who took how many people away in a file."""
    with transaction() as session:
        access.seen(session, what, by=current_actor(), area_path=area_path, entity_id=entity_id, people=people)


def _home() -> Path:
    home: Path = current_app.config["CHITRA"].home
    return home
