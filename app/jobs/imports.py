"""Files people sent, read and applied in the background when they are large, and put away after a week."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import current_app
from flask_babel import force_locale
from flask_babel import gettext as _

from app import clock
from app.extensions import transaction
from app.imports import staging
from app.imports.kinds import KINDS
from app.rules import money
from app.rules.actors import Actor
from app.services.work import Done, Progress


def read_file(params: dict[str, Any], by: Actor, progress: Progress) -> Done:
    """`{"import_id", "locale"}`: read, check, leave the preview."""
    with force_locale(params["locale"]):
        staging.read(params["import_id"], KINDS, home=_home(), progress=progress)
        with transaction() as session:
            item = staging.find(session, params["import_id"])
            rows = money.group_thousands(item.row_count)
            message = item.message or str(_("Đã đọc %(count)s dòng.", count=rows))
        return Done(message, {"import_id": params["import_id"]})


def apply_file(params: dict[str, Any], by: Actor, progress: Progress) -> Done:
    """`{"import_id", "stamp", "locale"}`: apply whole, as previewed."""
    progress(0, 1)
    with force_locale(params["locale"]):
        said = staging.apply(params["import_id"], KINDS, by=by, stamp=params["stamp"], home=_home())
        return Done(said, {"import_id": params["import_id"]})


def expire_imports(home: Path) -> bool:
    """Files nobody applied for a week."""
    with transaction() as session:
        staging.expire(session, home, now=clock.now())
    return False


def _home() -> Path:
    home: Path = current_app.config["CHITRA"].home
    return home
