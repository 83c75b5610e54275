"""Chuyển tiền cho đơn vị chi trả: documents entered by an accountant, approved by a supervisor, corrected by a row."""

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

from app.errors import BadInput, ChitraError
from app.extensions import current_actor, db, transaction
from app.models import Agency, AgencyTransfer, Area
from app.rules import dates, money
from app.rules.money import MoneyError
from app.rules.states import N_
from app.screens import persons
from app.screens.actions import reason
from app.screens.base import ReadOnlyView
from app.screens.fields import (
    AreaSelectField,
    ChoiceField,
    CleanField,
    MoneyField,
    MonthField,
    Required,
    RowField,
    VnDateField,
)
from app.screens.forms import SafeForm
from app.screens.lookups import AREAS, Lookup
from app.screens.paths import ByPath
from app.services import transfers
from app.services.transfers import Document
from app.web.frame import current_month
from app.web.words import vnd

KIND_WORDS = {"transfer": N_("Chuyển cho đơn vị chi trả"), "return": N_("Đơn vị chi trả trả lại")}
AGENCIES = Lookup(Agency, order=("name", "id"), small=True, limits=lambda: [Agency.is_active.is_(True)])


class AmountUnreadable(BadInput):
    """Số tiền chưa đọc được: hãy viết như 1.250.000."""


class TransferForm(SafeForm):
    """What the treasury's document says."""

    order = ("agency", "area", "month", "kind", "amount_vnd", "treasury_ref", "transferred_on")
    agency = RowField(_l("Đơn vị chi trả"), [Required()], lookup=AGENCIES)
    area = AreaSelectField(
        _l("Địa bàn"),
        [Required()],
        url=lambda: url_for("TransferView.choices", name="area"),
        description=_l("Nơi chuyển tiền: xã, hoặc tỉnh khi tỉnh chuyển chung cho các xã."),
    )
    month = MonthField(_l("Kỳ chi trả"), [Required()])
    kind = ChoiceField(_l("Loại"), [Required()], words=KIND_WORDS)
    amount_vnd = MoneyField(_l("Số tiền"), [Required()])
    treasury_ref = CleanField(
        _l("Số chứng từ"),
        [Required()],
        max_length=transfers.LONGEST_REFERENCE,
        description=_l("Số lệnh chi, ủy nhiệm chi của kho bạc hoặc ngân hàng."),
    )
    transferred_on = VnDateField(_l("Ngày chuyển"), [Required()])


class TransferView(ReadOnlyView):
    """Documents of money handed to agencies or given back, newest first."""

    datamodel = ByPath(AgencyTransfer)
    route_base = "/transfers"
    lookups = {"area": AREAS}
    list_template = "chitra/transfers/list.html"
    list_title = _l("Chuyển tiền")
    show_title = _l("Chứng từ chuyển tiền")
    list_lead = _l("Tiền chuyển cho đơn vị chi trả hoặc được trả lại. Chứng từ được tính vào số dư khi lãnh đạo duyệt.")
    empty_text = _l("Chưa có chứng từ nào. Kế toán bấm “Ghi chuyển tiền” để thêm.")
    label_columns = {
        "transferred_on": _l("Ngày chuyển"), "treasury_ref": _l("Số chứng từ"), "entered_by": _l("Người nhập"),
        "entered_at": _l("Nhập lúc"), "decided_by": _l("Người duyệt"), "decided_at": _l("Duyệt lúc"),
        "decision_note": _l("Ghi chú"), "area_path": _l("Địa bàn"), "corrects": _l("Điều chỉnh chứng từ"),
        "reason": _l("Lý do điều chỉnh"),
    }  # fmt: skip
    list_columns = [
        "transferred_on", "treasury_ref", "agency.name", "area", "period.month", "kind", "amount_vnd", "entered_by", "state",
    ]  # fmt: skip
    show_columns = [
        "agency.name", "area", "period.month", "kind", "amount_vnd", "treasury_ref", "transferred_on", "corrects", "reason",
        "entered_by", "entered_at", "state", "decided_by", "decided_at", "decision_note",
    ]  # fmt: skip
    search_columns = ["area_path", "agency", "period", "state", "treasury_ref"]
    order_columns = ["transferred_on", "amount_vnd", "state"]
    choice_columns = {"kind": KIND_WORDS}
    machine_columns = {"state": "transfer"}

    def render_template(self, template: str, **facts: Any) -> Any:
        """The list offers entering to who may."""
        if template == self.list_template:
            facts["may_enter"] = self.may("can_enter")
        return super().render_template(template, **facts)

    @expose("/enter", methods=["GET", "POST"])
    @has_access
    def enter(self) -> ResponseReturnValue:
        """A form for a new document."""
        form = TransferForm() if request.method == "POST" else TransferForm(self._asked(), meta={"csrf": False})
        if request.method == "POST" and form.validate():
            entered = _entered(form)
            if entered is not None:
                return redirect(url_for("TransferView.show", pk=entered), 303)
        page = self.render_template(
            "chitra/transfers/enter.html",
            title=_("Ghi chuyển tiền"),
            form=form,
            list_title=self.list_title,
            list_url=url_for("TransferView.list"),
        )
        return page, 422 if form.errors or form.form_errors else 200

    def _asked(self) -> MultiDict[str, str]:
        """The address, filled up with the user's own area, the month every page obeys and the only agency."""
        asked = MultiDict({name: request.args[name] for name in TransferForm.order if name in request.args})
        session = db.session()
        own = session.scalar(select(Area.id).where(Area.path == current_actor().area_path))
        agencies = list(session.scalars(select(Agency.id).where(Agency.is_active).limit(2)))
        asked.setdefault("area", str(own or ""))
        asked.setdefault("month", dates.format_month(current_month()))
        asked.setdefault("kind", "transfer")
        if len(agencies) == 1:
            asked.setdefault("agency", str(agencies[0]))
        return asked

    @expose("/show/<pk>")
    @has_access
    def show(self, pk: str) -> ResponseReturnValue:
        """One document with its corrections; who did not enter it may decide it."""
        item, session, me = self._find(pk), db.session(), current_actor().username
        corrections = session.scalars(
            select(AgencyTransfer).where(AgencyTransfer.corrects_id == item.id).order_by(AgencyTransfer.id)
        ).all()
        waits = item.state == "entered" and self.may("can_approve")
        answer: str = self.render_template(
            "chitra/transfers/show.html",
            title=self.show_title,
            item=item,
            widgets=self._get_show_widget(pk, item),
            corrections=corrections,
            names=persons.named(session, [one.entered_by for one in corrections]),
            counted_vnd=transfers.counted_vnd(item, list(corrections)),
            decides=waits and item.entered_by != me,
            own=waits and item.entered_by == me,
            corrects=item.state == "approved" and item.corrects_id is None and self.may("can_correct"),
            sentence=_sentence(item),
            **self._trail(item),
        )
        return answer

    @expose("/approve/<pk>", methods=["POST"])
    @has_access
    def approve(self, pk: str) -> ResponseReturnValue:
        """Duyệt."""
        item = self._find(pk)
        with transaction() as session:
            transfers.approve(session, item.id, by=current_actor())
        flash(_("Đã duyệt. Số dư của đơn vị chi trả đã tính chứng từ này."), "success")
        return redirect(url_for("TransferView.show", pk=pk), 303)

    @expose("/refuse/<pk>", methods=["POST"])
    @has_access
    def refuse(self, pk: str) -> ResponseReturnValue:
        """Không duyệt, with a reason."""
        item, why = self._find(pk), reason()
        with transaction() as session:
            transfers.refuse(session, item.id, by=current_actor(), because=why)
        flash(_("Đã ghi không duyệt; số dư không đổi."), "success")
        return redirect(url_for("TransferView.show", pk=pk), 303)

    @expose("/correct/<pk>", methods=["POST"])
    @has_access
    def correct(self, pk: str) -> ResponseReturnValue:
        """The right amount, as another row that waits for approval."""
        item, why = self._find(pk), reason()
        try:
            right_vnd = money.parse_vnd(request.form.get("right", ""))
        except MoneyError as error:
            raise AmountUnreadable(field="amount_vnd") from error
        with transaction() as session:
            row = transfers.correct(session, item.id, right_vnd, month=current_month(), by=current_actor(), because=why)
            key = row.id
        flash(_("Đã ghi điều chỉnh; chờ lãnh đạo duyệt."), "success")
        return redirect(url_for("TransferView.show", pk=key), 303)


def _entered(form: TransferForm) -> int | None:
    """The key of the document written; None when it was refused, and the form says why."""
    chosen: dict[str, Any] = {name: form[name].data for name in form.order}
    day: date = chosen["transferred_on"]
    document = Document(
        agency_id=chosen["agency"].id,
        area_id=chosen["area"].id,
        month=chosen["month"],
        kind=chosen["kind"],
        amount_vnd=chosen["amount_vnd"],
        treasury_ref=chosen["treasury_ref"],
        transferred_on=day,
    )
    try:
        with transaction() as session:
            key = transfers.enter(session, document, by=current_actor()).id
    except ChitraError as error:
        form.add_problem(getattr(error, "field", None), error.message)
        return None
    flash(_("Đã ghi chứng từ %(ref)s, %(vnd)s; chờ lãnh đạo duyệt.", ref=document.treasury_ref,
            vnd=vnd(document.amount_vnd)), "success")  # fmt: skip
    return key


def _sentence(item: AgencyTransfer) -> str:
    """What approving does, in numbers."""
    facts = {"vnd": vnd(abs(item.amount_vnd)), "agency": item.agency.name, "area": item.area.full_name}
    more = (item.kind == "transfer") is (item.amount_vnd > 0)
    if more:
        return str(_("Số dư của %(agency)s ở %(area)s tăng %(vnd)s.", **facts))
    return str(_("Số dư của %(agency)s ở %(area)s giảm %(vnd)s.", **facts))
