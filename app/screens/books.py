"""Kiểm tra sổ sách: what the last check of the books found, promise by promise. Nothing can be changed here."""

from __future__ import annotations

from itertools import groupby

from flask.typing import ResponseReturnValue
from flask_appbuilder import BaseView, expose, has_access
from flask_babel import gettext as _
from sqlalchemy import select

from app.extensions import db
from app.models import Area
from app.services.books import checking


class BookView(BaseView):
    """The last check, every sentence of it, and what breaks one in the areas one sees."""

    route_base = "/books"
    default_view = "list"

    @expose("/")
    @has_access
    def list(self) -> ResponseReturnValue:
        """Every check with what it found."""
        session = db.session()
        found = {
            name: list(group) for name, group in groupby(checking.last_found(session), key=lambda one: one.check.name)
        }
        paths = {one.area_path for wrong in found.values() for one in wrong}
        names = dict(session.execute(select(Area.path, Area.full_name).where(Area.path.in_(paths))).tuples().all())
        page: str = self.render_template(
            "chitra/books/list.html",
            title=_("Kiểm tra sổ sách"),
            last=checking.last(session),
            rows=sorted(((one, found.get(one.name, [])) for one in checking.CHECKS), key=lambda row: not row[1]),
            wrong=len(found),
            names=names,
        )
        return page
