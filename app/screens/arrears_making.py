"""Lập đề nghị truy lĩnh: after a rise for an area, or by hand for one person and month. The rules are services."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import expose, has_access
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, func, or_, select

from app.errors import ChitraError
from app.extensions import current_actor, db, transaction
from app.models import Area, ArrearsProposal, Beneficiary, Entitlement
from app.rules import dates, names
from app.screens.base import RemoteChoices
from app.screens.fields import AreaSelectField, CleanField, MoneyField, MonthField, RemoteSelectField, Required
from app.screens.forms import SafeForm
from app.screens.lookups import AREAS, Lookup
from app.services import work
from app.services.arrears import noticing, proposing
from app.services.arrears.proposing import HandEntry, RiseRequest
from app.web.frame import current_month
from app.web.words import thousands, vnd

LONGEST_REASON = 1_000
LONGEST_NUMBER = 120


@dataclass(frozen=True)
class EntitlementLookup(Lookup):
    """Entitlements found by their person: the beginning of a code, or a part of the name without marks."""

    def _conditions(self, text: str) -> list[ColumnElement[bool]]:
        people = select(Beneficiary.id).where(
            or_(
                func.strpos(Beneficiary.name_fold, names.fold(text)) > 0,
                func.starts_with(func.lower(Beneficiary.code), text.lower()),
            )
        )
        return [Entitlement.beneficiary_id.in_(people)]


def entitlement_label(row: Entitlement) -> str:
    """The person and what is paid."""
    return f"{row.beneficiary} · {row}"


ENTITLEMENTS = EntitlementLookup(
    Entitlement, label=entitlement_label, order=("beneficiary_id", "id"), with_=("beneficiary", "benefit_type")
)


class RiseForm(SafeForm):
    """An area, the months, the list that pays."""

    order = ("area", "from_month", "to_month", "due_month", "reason", "decision_no")
    area = AreaSelectField(
        _l("Địa bàn"), [Required()], url=lambda: url_for("MakeArrearsView.choices", name="area"),
        description=_l("Một xã, hoặc cả tỉnh."),
    )  # fmt: skip
    from_month = MonthField(_l("Từ tháng"), [Required()])
    to_month = MonthField(_l("Đến tháng"), [Required()])
    due_month = MonthField(
        _l("Trả vào kỳ"), [Required()], description=_l("Danh sách của kỳ này, hoặc kỳ lập sau đó, sẽ nhận.")
    )
    reason = CleanField(_l("Lý do"), [Required()], multiline=True, max_length=LONGEST_REASON)
    decision_no = CleanField(_l("Số quyết định"), max_length=LONGEST_NUMBER)


class HandForm(SafeForm):
    """One person, one month, one amount."""

    order = ("entitlement", "for_month", "due_month", "amount_vnd", "reason", "decision_no")
    entitlement = RemoteSelectField(
        _l("Đối tượng, chính sách"), [Required()], lookup=ENTITLEMENTS,
        url=lambda: url_for("MakeArrearsView.choices", name="entitlement"),
        description=_l("Gõ họ tên hoặc mã đối tượng."),
    )  # fmt: skip
    for_month = MonthField(_l("Của tháng"), [Required()])
    due_month = MonthField(_l("Trả vào kỳ"), [Required()])
    amount_vnd = MoneyField(_l("Số tiền"), [Required()])
    reason = CleanField(_l("Lý do"), [Required()], multiline=True, max_length=LONGEST_REASON)
    decision_no = CleanField(_l("Số quyết định"), [Required()], max_length=LONGEST_NUMBER)


class MakeArrearsView(RemoteChoices):
    """Two forms: a rise for an area, an amount by hand."""

    route_base = "/make-arrears"
    default_view = "form"
    lookups = {"area": AREAS, "entitlement": ENTITLEMENTS}

    @expose("/", methods=["GET", "POST"])
    @has_access
    def form(self) -> ResponseReturnValue:
        """A rise that applies back: computed at once, or in the background for a big area."""
        form = RiseForm()
        if request.method == "GET":
            _fill(form)
        elif form.validate():
            answer = _propose(form)
            if answer is not None:
                return answer
        return self._page(form, _("Truy lĩnh do nâng mức hưởng"), "form")

    @expose("/hand", methods=["GET", "POST"])
    @has_access
    def hand(self) -> ResponseReturnValue:
        """One amount by hand; `?entitlement=<key>` comes from the person's page."""
        form = HandForm()
        if request.method == "GET":
            form.due_month.data = current_month()
            form.entitlement.data = ENTITLEMENTS.find(request.args.get("entitlement", ""))
        elif form.validate():
            made = _enter(form)
            if made is not None:
                return redirect(url_for("ArrearsProposalView.show", pk=made), 303)
        return self._page(form, _("Nhập truy lĩnh cho một người"), "hand")

    def _page(self, form: SafeForm, title: str, route: str) -> ResponseReturnValue:
        page = self.render_template("chitra/arrears/make.html", title=title, form=form, route=route)
        return page, 422 if form.errors or form.form_errors else 200


def _fill(form: RiseForm) -> None:
    """The user's own area, the months that a rise left uncounted, the month every page obeys."""
    session, path = db.session(), current_actor().area_path or ""
    form.area.data = session.scalar(select(Area).where(Area.path == path))
    found = noticing.uncounted(session, path)
    if found is not None:
        form.from_month.data, form.to_month.data = found.first, found.last
    else:
        form.to_month.data = dates.add_months(current_month(), -1)
    form.due_month.data = current_month()


def _propose(form: RiseForm) -> ResponseReturnValue | None:
    wanted = RiseRequest(
        form["area"].data.id,
        form["from_month"].data,
        form["to_month"].data,
        form["due_month"].data,
        form["reason"].data,
        form["decision_no"].data,
    )
    try:
        with transaction() as session:
            area = proposing.check_request(session, wanted, by=current_actor())
            if proposing.is_big(session, area, wanted):
                _later(session, wanted, area)
                return redirect(url_for("WorkView.list"), 303)
            made = proposing.propose_rise(session, wanted, by=current_actor())
            key, people, total_vnd = made.id, made.people_count, made.total_vnd
    except ChitraError as error:
        form.add_problem(getattr(error, "field", None), error.message)
        return None
    figures = _("%(people)s người, %(vnd)s", people=thousands(people), vnd=vnd(total_vnd))
    flash(_("Đã lập đề nghị truy lĩnh: %(figures)s; chờ lãnh đạo duyệt.", figures=figures), "success")
    return redirect(url_for("ArrearsProposalView.show", pk=key), 303)


def _later(session: Any, wanted: RiseRequest, area: Area) -> None:
    months = {name: getattr(wanted, name).isoformat() for name in ("from_month", "to_month", "due_month")}
    title = _("Tính truy lĩnh %(area)s", area=area.full_name)
    work.start(
        session,
        "propose_arrears",
        {"area_id": wanted.area_id, "reason": wanted.reason, "decision_no": wanted.decision_no, **months},
        by=current_actor(),
        title=str(title),
        once_key=f"propose_arrears:{wanted.area_id}",
    )
    flash(_("%(title)s: việc này đang chạy nền, tiến độ hiện ở trang này.", title=title), "info")


def _enter(form: HandForm) -> int | None:
    entry = HandEntry(
        form["entitlement"].data.id,
        form["for_month"].data,
        form["due_month"].data,
        form["amount_vnd"].data,
        form["reason"].data,
        form["decision_no"].data,
    )
    try:
        with transaction() as session:
            made: ArrearsProposal = proposing.enter(session, entry, by=current_actor())
            key = made.id
    except ChitraError as error:
        form.add_problem(getattr(error, "field", None), error.message)
        return None
    flash(_("Đã nhập truy lĩnh; chờ lãnh đạo duyệt."), "success")
    return key
