"""Reports written to files in the background, and their files removed after a week. What is in a report is not here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import current_app
from flask_babel import force_locale
from flask_babel import gettext as _

from app import clock
from app.extensions import transaction
from app.reports import exporting
from app.reports.shape import Request
from app.rules import money
from app.rules.actors import Actor
from app.services.work import Done, Progress


def write_report(params: dict[str, Any], by: Actor, progress: Progress) -> Done:
    """`{"request" (Request.written()), "form" ("xlsx", "csv"), "locale"}`: a file for who asked, and the record of it."""
    request = Request.read(params["request"])
    home: Path = current_app.config["CHITRA"].home
    with force_locale(params["locale"]):
        made = exporting.export(request, params["form"], by=by, home=home, progress=progress)
        with transaction() as session:
            exporting.record(session, request, by=by, people=made.row_count)
        return Done(
            _("Đã ghi %(count)s dòng.", count=money.group_thousands(made.row_count)),
            {"rows": made.row_count},
            file_name=made.file_name,
            file_path=str(made.path.relative_to(home)),
        )


def expire_exports(home: Path) -> bool:
    """Files older than a week; their age is real time, whatever the clock of a demo says."""
    exporting.expire(home, now=clock.wall())
    return False
