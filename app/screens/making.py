"""Lập danh sách: which area, month and kind; what would be made and what not; then making it. The rules are services."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import expose, has_access
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from werkzeug.datastructures import MultiDict
from wtforms import BooleanField

from app.errors import ChitraError
from app.extensions import current_actor, db, transaction
from app.models import Area, PayoutBatch
from app.rules import dates
from app.screens import batch_bulk, batch_moves
from app.screens.base import RemoteChoices
from app.screens.batch_page import KIND_WORDS
from app.screens.fields import AreaSelectField, ChoiceField, MonthField, Required
from app.screens.forms import SafeForm
from app.screens.lookups import AREAS
from app.services import settings
from app.services.batches import making, previewing
from app.services.batches.making import ListRequest, Made
from app.services.batches.previewing import Preview
from app.web.frame import current_month
from app.web.words import thousands


class MakeForm(SafeForm):
    """Area, month, kind."""

    order = ("area", "month", "kind", "together")
    area = AreaSelectField(
        _l("Địa bàn"),
        [Required()],
        url=lambda: url_for("MakeListsView.choices", name="area"),
        description=_l("Một xã, hoặc cả tỉnh: mỗi xã một danh sách cho mỗi đơn vị chi trả."),
    )
    month = MonthField(_l("Kỳ chi trả"), [Required()])
    kind = ChoiceField(_l("Loại danh sách"), [Required()], words=KIND_WORDS)
    together = BooleanField(_l("Lập cả các tháng quyết toán một lần với kỳ này"))


class MakeListsView(RemoteChoices):
    """One page: the form, what it would do, and the button that does it."""

    route_base = "/make-lists"
    default_view = "form"
    lookups = {"area": AREAS}

    @expose("/")
    @has_access
    def form(self) -> ResponseReturnValue:
        """The form; with an area, a month and a kind in the address also what making would do."""
        form, seen, problem = MakeForm(self._asked(), meta={"csrf": False}), None, ""
        if "kind" in request.args and form.validate():
            try:
                seen = self._preview(form)
            except ChitraError as error:
                problem = error.message
        return self._page(form, seen, problem)

    @expose("/", methods=["POST"])
    @has_access
    def make(self) -> ResponseReturnValue:
        """Make what was shown."""
        form = MakeForm()
        if not form.validate():
            return self._page(form, None, "")
        wanted = _request_of(form)
        with transaction() as session:
            if previewing.size_of(session, wanted).big:
                previewing.start_making(session, wanted, by=current_actor())
                return redirect(url_for("MakeListsView.form", month=dates.format_month(wanted.month)), 303)
            made = making.make_lists(session, wanted, by=current_actor())
            answer = _made(session, made)
        return answer

    def _asked(self) -> MultiDict[str, str]:
        """The address, filled up with the user's own area, the month every page obeys and the usual kind."""
        asked = MultiDict(request.args)
        if not asked.get("area"):
            own = db.session.scalar(select(Area.id).where(Area.path == current_actor().area_path))
            asked["area"] = str(own or "")
        if not asked.get("month"):
            asked["month"] = dates.format_month(current_month())
        if not asked.get("kind"):
            asked["kind"], asked["together"] = "monthly", "y"
        return asked

    def _preview(self, form: MakeForm) -> Preview:
        session = db.session()
        try:
            return previewing.preview(session, _request_of(form), by=current_actor())
        finally:
            session.rollback()

    def _page(self, form: MakeForm, seen: Preview | None, problem: str) -> ResponseReturnValue:
        page = self.render_template(
            "chitra/batches/make.html",
            title=_("Lập danh sách"),
            form=form,
            seen=seen,
            problem=problem,
            paired=_paired(form),
            figures=batch_moves.figures,
            kinds=KIND_WORDS,
            works=batch_bulk.works(db.session()),
        )
        return page, 422 if form.errors else 200


def _request_of(form: MakeForm) -> ListRequest:
    area, month = form.area.data, form.month.data
    assert area is not None and month is not None, "the form was validated"
    return ListRequest(area.id, month, form.kind.data, together=form.together.data)


def _paired(form: MakeForm) -> list[date]:
    """The months settled at once with the one asked for; none where it is settled by itself."""
    if form.area.data is None or form.month.data is None:
        return []
    months = settings.months_together(db.session(), form.area.data.path, form.month.data)
    return months if len(months) > 1 else []


def _made(session: Any, made: Made) -> ResponseReturnValue:
    """Where making leads: the list, or the lists of the month."""
    lists = session.scalars(select(PayoutBatch).where(PayoutBatch.id.in_(made.batch_ids))).all()
    figures = batch_moves.figures(sum(one.people_count for one in lists), sum(one.total_vnd for one in lists))
    flash(_("Đã lập %(count)s danh sách: %(figures)s.", count=thousands(len(lists)), figures=figures), "success")
    for name, why in made.left_out[:5]:
        flash(_("Chưa lập cho %(area)s: %(why)s", area=name, why=why.message), "warning")
    if len(lists) == 1:
        return redirect(url_for("BatchView.show", pk=lists[0].id), 303)
    return redirect(url_for("BatchView.list"), 303)
