"""Danh sách truy thu: money wrongly paid that must come back; proposed, decided, paid back and written off by services."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import expose, has_access
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.errors import ChitraError, Stale
from app.extensions import current_actor, db, transaction
from app.models import PayoutLine, Recovery
from app.rules import names
from app.screens import persons, recovery_page
from app.screens.actions import reason
from app.screens.base import ReadOnlyView
from app.screens.fields import CleanField, MoneyField, MonthField, RemoteSelectField, Required, VnDateField
from app.screens.filters import SafeFilter
from app.screens.forms import SafeForm
from app.screens.lookups import BENEFICIARIES
from app.screens.paths import ByPath, PathConverter
from app.services.recoveries import figures, opening, returning
from app.services.recoveries.opening import LONGEST_REASON, Proposal
from app.web.frame import current_month
from app.web.words import vnd

FIGURES = ("period_vnd", "recovered_vnd", "remaining_vnd")


class RecoveryMoved(Stale):
    """Khoản truy thu vừa thay đổi từ lúc bạn mở trang. Chưa làm gì cả: hãy xem lại."""


class OfPersonNamed(SafeFilter):
    """Of a person whose name holds what was typed, without marks, or whose code begins with it."""

    arg_name = "ct"

    def match(self, column: Any, value: Any) -> Any:
        """By the line that was paid."""
        typed = or_(
            func.strpos(PayoutLine.name_fold, names.fold(value)) > 0,
            func.starts_with(func.lower(PayoutLine.beneficiary_code), value.lower()),
        )
        return select(PayoutLine.id).where(PayoutLine.id == column, typed).exists()


class RecoveryConverter(PathConverter):
    """Offers the person's name for the line."""

    conversion_table: ClassVar[Any] = (("is_line", [OfPersonNamed]), *PathConverter.conversion_table)


class RecoveryInterface(ByPath):
    """Recoveries with their four figures."""

    filter_converter_class = RecoveryConverter

    def is_line(self, column: str) -> bool:
        """True for the key of the line."""
        return column == "line_id"

    def get_values(self, lst: Iterable[Recovery], list_columns: list[str]) -> list[dict[str, Any]]:
        """Rows of the list, in one more statement."""
        rows = list(lst)
        at = figures.figures_of(db.session(), [row.id for row in rows], current_month())
        stored = [name for name in list_columns if name not in FIGURES]
        found = zip(rows, super().get_values(rows, stored), strict=True)
        return [values | {name: getattr(at[row.id], name) for name in FIGURES} for row, values in found]


class ProposalForm(SafeForm):
    """Whose money of which months, why, by which decision."""

    order = (
        "beneficiary", "first_month", "last_month", "amount_vnd", "instalment_vnd", "reason", "decision_no", "decided_on",
    )  # fmt: skip
    beneficiary = RemoteSelectField(
        _l("Đối tượng"),
        [Required()],
        lookup=BENEFICIARIES,
        url=lambda: url_for("RecoveryView.choices", name="beneficiary"),
        blank=_l("Gõ tên hoặc mã đối tượng"),
    )
    first_month = MonthField(_l("Từ tháng"), [Required()])
    last_month = MonthField(_l("Đến tháng"), [Required()])
    amount_vnd = MoneyField(
        _l("Số tiền truy thu"), description=_l("Để trống: toàn bộ số đã trả trong các tháng này mà chưa bị truy thu.")
    )
    instalment_vnd = MoneyField(_l("Mức khấu trừ mỗi kỳ"), description=_l("Để trống: theo tỷ lệ khấu trừ của địa bàn."))
    reason = CleanField(_l("Lý do"), [Required()], multiline=True, max_length=LONGEST_REASON)
    decision_no = CleanField(_l("Số quyết định"), max_length=120)
    decided_on = VnDateField(_l("Ngày quyết định"))


class DecisionForm(SafeForm):
    """The decision, and how much a period may withhold."""

    order = ("decision_no", "decided_on", "instalment_vnd")
    decision_no = CleanField(_l("Số quyết định"), max_length=120)
    decided_on = VnDateField(_l("Ngày quyết định"))
    instalment_vnd = MoneyField(_l("Mức khấu trừ mỗi kỳ"), description=_l("Để trống: theo tỷ lệ khấu trừ của địa bàn."))


class CashForm(SafeForm):
    """How much came back, with which receipt."""

    order = ("amount_vnd", "reference", "note")
    amount_vnd = MoneyField(_l("Số tiền nộp lại"), [Required()])
    reference = CleanField(_l("Số chứng từ"), [Required()], max_length=returning.LONGEST_REFERENCE)
    note = CleanField(_l("Ghi chú"), max_length=250)


class InstalmentForm(SafeForm):
    """How much a period may withhold."""

    order = ("instalment_vnd",)
    instalment_vnd = MoneyField(_l("Mức khấu trừ mỗi kỳ"), description=_l("Để trống: theo tỷ lệ khấu trừ của địa bàn."))


class RecoveryView(ReadOnlyView):
    """Money to come back, newest first."""

    datamodel = RecoveryInterface(Recovery)
    route_base = "/recoveries"
    list_title = _l("Danh sách truy thu")
    show_title = _l("Khoản truy thu")
    list_template = "chitra/recoveries/list.html"
    list_lead = _l("Tiền đã chi sai phải thu hồi: theo quyết toán, do chết hoặc hết hưởng, hoặc theo quyết định.")
    empty_text = _l("Không có khoản truy thu nào.")
    lookups = {"beneficiary": BENEFICIARIES}
    label_columns = {
        "line.full_name": _l("Họ tên"), "line.beneficiary_code": _l("Mã đối tượng"), "line.hamlet": _l("Thôn, tổ dân phố"),
        "line.batch.period.month": _l("Kỳ trả sai"), "source": _l("Căn cứ"), "opened_at": _l("Ghi lúc"),
        "amount_vnd": _l("Phải thu"), "period_vnd": _l("Khấu trừ kỳ này"), "recovered_vnd": _l("Đã thu"),
        "remaining_vnd": _l("Còn phải thu"), "line_id": _l("Họ tên, mã đối tượng"), "area_path": _l("Địa bàn"),
        "line.batch.area": _l("Địa bàn"),
    }  # fmt: skip
    month_columns = ("line.batch.period.month",)
    list_columns = [
        "line.full_name", "line.beneficiary_code", "line.batch.area", "line.batch.period.month", "reason", "state",
        "amount_vnd", *FIGURES,
    ]  # fmt: skip
    show_columns = ["amount_vnd"]
    search_columns = ["line_id", "area_path", "state", "source", "opened_at"]
    order_columns = ["amount_vnd", "state"]
    formatters_columns = {"reason": recovery_page.reason_words}
    choice_columns = {"source": recovery_page.SOURCES}
    machine_columns = {"state": "recovery"}

    def _init_properties(self) -> None:
        super()._init_properties()
        self.datamodel.load_with(["beneficiary.code"])

    @expose("/show/<pk>")
    @has_access
    def show(self, pk: str) -> ResponseReturnValue:
        """One recovery: where it stands, its ledger, and what may be done now."""
        item, session = self._find(pk), db.session()
        page = recovery_page.of(session, item)
        own = item.entered_by == current_actor().username
        answer: str = self.render_template(
            "chitra/recoveries/show.html",
            title=self.show_title,
            item=item,
            page=page,
            words=recovery_page,
            names=persons.named(session, page.people),
            may={
                name: self.may(f"can_{name}")
                for name in ("approve", "refuse", "cash", "write_off", "instalment", "withdraw")
            },
            own=own,
            **self._trail(item),
        )
        return answer

    @expose("/propose", methods=["GET", "POST"])
    @has_access
    def propose(self) -> ResponseReturnValue:
        """A form that asks for money back; a supervisor decides."""
        form = ProposalForm()
        if request.method == "GET":
            form["beneficiary"].data = BENEFICIARIES.find(request.args.get("beneficiary", ""))
            form["last_month"].data = current_month()
        elif form.validate():
            values = {name: form[name].data for name in form.order if name != "beneficiary"}
            wanted = Proposal(form["beneficiary"].data.id, **values)
            made = self._try(form, lambda session: opening.propose(session, wanted, by=current_actor()).id)
            if made is not None:
                flash(_("Đã ghi đề nghị truy thu; chờ lãnh đạo quyết định."), "success")
                return redirect(url_for("RecoveryView.show", pk=made), 303)
        return self._form_of(form, _("Đề nghị truy thu"), _("Gửi đề nghị"))

    @expose("/approve/<pk>", methods=["GET", "POST"])
    @has_access
    def approve(self, pk: str) -> ResponseReturnValue:
        """Đồng ý truy thu, by a decision."""
        item, form = self._find(pk), DecisionForm()
        if request.method == "GET":
            for name in form.order:
                form[name].data = getattr(item, name)
        elif form.validate():
            values = {name: form[name].data for name in form.order}
            if self._try(form, lambda session: opening.approve(session, item.id, by=current_actor(), **values)):
                flash(
                    _("Đã đồng ý truy thu %(vnd)s; khấu trừ từ danh sách lập sau.", vnd=vnd(item.amount_vnd)), "success"
                )
                return self._back_to(pk)
        return self._form_of(form, _("Đồng ý truy thu %(vnd)s", vnd=vnd(item.amount_vnd)), _("Đồng ý truy thu"), item)

    @expose("/cash/<pk>", methods=["GET", "POST"])
    @has_access
    def cash(self, pk: str) -> ResponseReturnValue:
        """Money brought back in cash through the agency."""
        item, form = self._find(pk), CashForm()
        at = figures.figures(db.session(), item.id)
        if request.method == "GET":
            form["amount_vnd"].data = at.free_vnd
        elif form.validate():
            amount, receipt, note = (form[name].data for name in form.order)

            def pay(session: Session) -> Recovery:
                return returning.pay_cash(session, item.id, amount, reference=receipt, by=current_actor(), note=note)

            if self._try(form, pay):
                left = figures.figures(db.session(), item.id).remaining_vnd
                flash(_("Đã ghi %(vnd)s nộp lại; còn phải thu %(left)s.", vnd=vnd(amount), left=vnd(left)), "success")
                return self._back_to(pk)
        return self._form_of(form, _("Nộp lại tiền mặt qua đơn vị chi trả"), _("Ghi tiền nộp lại"), item)

    @expose("/instalment/<pk>", methods=["GET", "POST"])
    @has_access
    def instalment(self, pk: str) -> ResponseReturnValue:
        """How much lists of one period may withhold."""
        item, form = self._find(pk), InstalmentForm()
        if request.method == "GET":
            form["instalment_vnd"].data = item.instalment_vnd
        elif form.validate():
            most = form["instalment_vnd"].data
            if self._try(form, lambda session: returning.set_instalment(session, item.id, most, by=current_actor())):
                flash(_("Đã đổi mức khấu trừ; có hiệu lực với danh sách lập sau."), "success")
                return self._back_to(pk)
        return self._form_of(form, _("Đổi mức khấu trừ mỗi kỳ"), _("Lưu"), item)

    @expose("/refuse/<pk>", methods=["POST"])
    @has_access
    def refuse(self, pk: str) -> ResponseReturnValue:
        """Không truy thu, with a reason."""
        item, why = self._find(pk), reason()
        with transaction() as session:
            opening.refuse(session, item.id, by=current_actor(), because=why)
        flash(_("Đã ghi không truy thu."), "success")
        return self._back_to(pk)

    @expose("/withdraw/<pk>", methods=["POST"])
    @has_access
    def withdraw(self, pk: str) -> ResponseReturnValue:
        """Take an approved recovery back, with a reason."""
        item, why = self._find(pk), reason()
        with transaction() as session:
            opening.withdraw(session, item.id, by=current_actor(), because=why)
        flash(_("Đã rút lại khoản truy thu."), "success")
        return self._back_to(pk)

    @expose("/write-off/<pk>", methods=["POST"])
    @has_access
    def write_off(self, pk: str) -> ResponseReturnValue:
        """Xóa the rest, as much as the dialog said, with a reason."""
        item, why = self._find(pk), reason()
        with transaction() as session:
            opening.hold(session, item.id)
            if request.form.get("seen", "") != recovery_page.of(session, item).seen:
                raise RecoveryMoved
            returning.write_off(session, item.id, because=why, by=current_actor())
        flash(_("Đã xóa phần còn phải thu theo quyết định."), "success")
        return self._back_to(pk)

    def _try(self, form: SafeForm, do: Callable[[Session], Any]) -> Any:
        """What the service answers; None when it refuses, which the form then says."""
        try:
            with transaction() as session:
                return do(session)
        except ChitraError as error:
            form.add_problem(getattr(error, "field", None), error.message)
            return None

    def _form_of(self, form: SafeForm, title: str, answer: str, item: Recovery | None = None) -> ResponseReturnValue:
        back = self._trail() if item is None else {"list_title": item, "list_url": self._url(str(item.id))}
        page = self.render_template(
            "chitra/recoveries/form.html",
            title=title,
            answer=answer,
            item=item,
            at=None if item is None else figures.figures(db.session(), item.id),
            form=form,
            **back,
        )
        return page, 422 if form.errors or form.form_errors else 200

    def _url(self, pk: str) -> str:
        return url_for("RecoveryView.show", pk=pk)

    def _back_to(self, pk: str) -> ResponseReturnValue:
        return redirect(self._url(pk), 303)
