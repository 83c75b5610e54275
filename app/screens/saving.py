"""Saving a generated form: one transaction, the version it was opened with, refusals as words at the fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.errors import ChitraError, NotAllowed, Stale
from app.extensions import transaction
from app.rules.problems import UnreadableError
from app.screens.fields import said
from app.screens.forms import SafeForm
from app.web.guards import columns_of, explain
from app.web.words import NOTHING


class ChangedMeanwhile(Stale):
    """Bản ghi vừa được %(who)s lưu. Những gì bạn nhập vẫn còn ở đây: so với bản mới ghi dưới từng ô rồi lưu lần nữa."""


class HeldFromAbove(NotAllowed):
    """Bản ghi này do cấp trên quản lý; địa bàn của bạn chỉ được xem."""


def save(
    form: SafeForm, item: Any, *, write: Callable[[Session], None], labels: Mapping[str, Any], created: bool
) -> bool:
    """Run `write` in one transaction; on a refusal nothing is kept, the form says why, and False is returned."""
    try:
        with transaction() as session:
            if not created:
                _demand_version(session, form, item)
            with session.no_autoflush:
                write(session)
            session.flush()
    except ChangedMeanwhile as error:
        form.form_errors.append(error.message)
        _show_both(form, item)
    except ChitraError as error:
        form.add_problem(getattr(error, "field", None), error.message)
    except UnreadableError as error:
        form.form_errors.append(said(error))
    except DBAPIError as error:
        _refused(form, error, labels)
    else:
        return True
    return False


def _demand_version(session: Session, form: SafeForm, item: Any) -> None:
    """Lock the row and compare; the lock also finds that a row seen from below may not be changed from there."""
    if "opened_version" not in form:
        return
    model = type(item)
    key = model.__mapper__.primary_key[0]
    columns = [model.row_version, *([model.saved_by] if hasattr(model, "saved_by") else ())]
    statement = select(*columns).where(key == getattr(item, key.name)).with_for_update()
    stored = session.execute(statement).one_or_none()
    if stored is None:
        raise HeldFromAbove
    if form["opened_version"].data != str(stored.row_version):
        raise ChangedMeanwhile(who=getattr(stored, "saved_by", None) or _("người khác"))
    item.row_version = stored.row_version + 1


def _show_both(form: SafeForm, item: Any) -> None:
    """Beside each field that differs, what is stored now; the form then carries the stored version."""
    stored = type(form)(formdata=None, obj=item)
    for one in form:
        if one.name in ("opened_version", "csrf_token"):
            continue
        theirs = stored[one.name]
        if theirs.data != one.data:
            form.add_problem(one.name, _("Hiện đang lưu: %(value)s", value=_in_words(theirs)))
    form["opened_version"].raw_data = None
    form["opened_version"].data = str(item.row_version)


def _in_words(one: Any) -> str:
    choices = dict(getattr(one, "choices", None) or ())
    if choices:
        return str(choices.get(one.data) or NOTHING)
    if isinstance(one.data, bool):
        return str(_("Có") if one.data else _("Không"))
    if hasattr(one, "lookup"):
        return NOTHING if one.data is None else str(one.lookup.label(one.data))
    return str(one._value()) or NOTHING


def _refused(form: SafeForm, error: DBAPIError, labels: Mapping[str, Any]) -> None:
    message = explain(error, labels).message
    named = [name for column in columns_of(error) if (name := _field_name(form, column))]
    for name in named:
        form.add_problem(name, message)
    if not named:
        form.form_errors.append(message)


def _field_name(form: SafeForm, column: str) -> str | None:
    return next((name for name in (column, column.removesuffix("_id")) if name in form), None)
