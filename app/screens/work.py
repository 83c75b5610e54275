"""Công việc: long work the user started, how far it is, the file it left. What the work does is not here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Response, current_app, jsonify, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import BaseView, expose, has_access
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import ChitraError, NotFound
from app.extensions import current_actor, db
from app.models import WorkItem
from app.reports import asking, exporting
from app.reports.shape import Request
from app.rules.actors import Actor
from app.services.work import mine
from app.web.words import tag

MOST_SHOWN = 100
EVERY_S = 1
UNFINISHED = ("queued", "running")

PHASES: dict[str, Any] = {
    "queued": _l("Đang chờ"),
    "running": _l("Đang làm"),
    "done": _l("Đã xong"),
    "failed": _l("Không xong"),
}
TONES = {"running": "warn", "done": "good", "failed": "bad"}


class FileExpired(ChitraError):
    """Tệp này đã được xóa sau 7 ngày. Hãy xuất lại báo cáo."""

    status = 404
    code = "expired"


class WorkView(BaseView):
    """My work, its progress and its files."""

    route_base = "/work"
    default_view = "list"

    @expose("/")
    @has_access
    def list(self) -> ResponseReturnValue:
        """What I started, newest first."""
        session, by = db.session(), current_actor()
        statement = (
            select(WorkItem).where(WorkItem.started_by_id == by.user_id).order_by(WorkItem.id.desc()).limit(MOST_SHOWN)
        )
        items = session.scalars(statement).all()
        answer: str = self.render_template(
            "chitra/work/list.html", title=_("Công việc"), items=[facts_of(item) for item in items]
        )
        return answer

    @expose("/<int:key>/progress")
    @has_access
    def progress(self, key: int) -> ResponseReturnValue:
        """How far one piece of work is, as JSON; with `seen` also its part of a page, when it has moved."""
        item = mine(db.session(), key, by=current_actor())
        facts = facts_of(item)
        answer = {
            "phase": item.phase,
            "done": item.done_count,
            "total": item.total_count,
            "message": item.message,
            "file_url": facts["file_url"],
            "stamp": facts["stamp"],
            "every_s": facts["every_s"],
        }
        if "seen" in request.args and request.args["seen"] != facts["stamp"]:
            answer["html"] = render_template("chitra/work/item.html", one=facts)
        return jsonify(answer)

    @expose("/<int:key>/file")
    @has_access
    def file(self, key: int) -> ResponseReturnValue:
        """The file, for who asked and while the area it is of is still theirs."""
        return file_of(mine(db.session(), key, by=current_actor()), by=current_actor())


def file_of(item: WorkItem, *, by: Actor) -> Response:
    """What finished work left, for who asked and while the area it is of is theirs. Raises NotFound, FileExpired."""
    if item.file_path is None or item.file_name is None:
        raise NotFound
    if item.kind == "report":
        asking.check_scope(Request.read(item.params["request"]), by=by)
    path = _inside(item.file_path)
    if path is None:
        raise FileExpired
    kind = exporting.TYPES.get(path.suffix.removeprefix("."), "application/octet-stream")
    return send_file(path, kind, as_attachment=True, download_name=item.file_name)


def asked_for(session: Session, written: str, *, by: Actor) -> dict[str, Any] | None:
    """The work an address names, when it is the user's own."""
    if not (written.isascii() and written.isdigit() and len(written) <= 18):
        return None
    try:
        return facts_of(mine(session, int(written), by=by))
    except NotFound:
        return None


def facts_of(item: WorkItem) -> dict[str, Any]:
    """What a page shows of one piece of work."""
    unfinished = item.phase in UNFINISHED
    has_file = item.file_path is not None and _inside(item.file_path) is not None
    return {
        "key": item.id,
        "title": item.title,
        "started_at": item.started_at,
        "finished_at": item.finished_at,
        "tag": tag(str(PHASES[item.phase]), TONES.get(item.phase, "plain")),
        "phase": item.phase,
        "unfinished": unfinished,
        "done": item.done_count,
        "total": item.total_count,
        "message": item.message or "",
        "expired": item.file_path is not None and not has_file,
        "file_name": item.file_name,
        "file_url": url_for("WorkView.file", key=item.id) if has_file else None,
        "progress_url": url_for("WorkView.progress", key=item.id),
        "stamp": f"{item.phase}-{item.done_count}-{item.total_count}",
        "every_s": EVERY_S if unfinished else 0,
    }


def _inside(file_path: str) -> Path | None:
    """The file, when it is there and lies in the folder of exports."""
    folder = (current_app.config["CHITRA"].home / exporting.FOLDER).resolve()
    path = (current_app.config["CHITRA"].home / file_path).resolve()
    return path if path.is_file() and path.parent == folder else None
