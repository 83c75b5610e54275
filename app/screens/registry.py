"""Hồ sơ đối tượng: people with their entitlements, payees, payment methods and what they were paid."""

from __future__ import annotations

from typing import Any

from flask import flash, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import expose, has_access
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from app.extensions import current_actor, transaction
from app.models import (
    METHODS,
    PAYEE_KINDS,
    Arrears,
    Beneficiary,
    Entitlement,
    Payee,
    PaymentMethod,
    PayoutLine,
)
from app.rules import identity
from app.rules.states import LINE_RESULTS, N_
from app.screens.base import ReadOnlyView, SafeInterface, SafeModelView
from app.screens.fields import BirthField, DecimalNumberField, NameField, Required
from app.screens.forms import SafeForm
from app.screens.lookups import COMMUNES, Lookup
from app.services import access, registry
from app.services.lives import deaths

STATUSES = {
    "active": N_("Đang hưởng"),
    "suspended": N_("Tạm dừng"),
    "stopped": N_("Đã dừng"),
    "dead": N_("Đã chết"),
    "moved": N_("Đã chuyển đi"),
}
SEXES = {"male": N_("Nam"), "female": N_("Nữ")}
ENTITLEMENT_STATUSES = {"active": N_("Đang hưởng"), "suspended": N_("Tạm dừng"), "ended": N_("Đã kết thúc")}
PAYEES = dict(
    zip(
        PAYEE_KINDS,
        (N_("Chính đối tượng"), N_("Người giám hộ"), N_("Người chăm sóc"), N_("Người được ủy quyền"), N_("Người tổ chức mai táng")),
        strict=True,
    )
)  # fmt: skip
METHOD_WORDS = dict(zip(METHODS, (N_("Tiền mặt"), N_("Tài khoản ngân hàng"), N_("Ví điện tử")), strict=True))


class LineHistoryView(ReadOnlyView):
    """What a person was paid: the lines of every period, newest first."""

    datamodel = SafeInterface(PayoutLine)
    route_base = "/payment-history"
    list_title = _l("Lịch sử chi trả")
    show_title = _l("Dòng chi trả")
    empty_text = _l("Chưa có dòng chi trả nào.")
    label_columns = {"batch.period.month": _l("Kỳ"), "batch.code": _l("Danh sách"), "result": _l("Kết quả"),
                     "result_reason": _l("Lý do"), "entitlement_id": _l("Chính sách số"), "no": _l("STT"),
                     "payee_kind": _l("Quan hệ"), "live": _l("Trong danh sách"),
                     "excluded_reason": _l("Lý do đưa ra")}  # fmt: skip
    month_columns = ("batch.period.month",)
    list_columns = ["batch.period.month", "batch.code", "payee_name", "method", "total_vnd", "result"]
    show_columns = [
        "batch.period.month", "batch.code", "no", "beneficiary_code", "full_name", "birth", "hamlet", "payee_kind",
        "payee_name", "method", "account_no", "coefficient", "benefit_vnd", "arrears_vnd", "carried_vnd",
        "withheld_vnd", "total_vnd", "live", "excluded_reason", "result", "result_reason",
    ]  # fmt: skip
    search_columns = ["beneficiary_code", "name_fold"]
    order_columns = ["total_vnd"]
    base_order = ("id", "desc")
    choice_columns = {"result": LINE_RESULTS, "method": METHOD_WORDS, "payee_kind": PAYEES}


class EntitlementView(SafeModelView):
    """Policy lines of people."""

    datamodel = SafeInterface(Entitlement)
    route_base = "/entitlements"
    list_title = _l("Chính sách đang hưởng")
    show_title = _l("Chính sách")
    add_title = _l("Thêm chính sách")
    edit_title = _l("Sửa chính sách")
    empty_text = _l("Chưa có chính sách nào.")
    label_columns = {"units": _l("Số con (đơn thân)"), "decision_no": _l("Số quyết định"),
                     "decided_on": _l("Ngày quyết định"), "starts_on": _l("Hưởng từ"), "ends_on": _l("Hưởng đến")}  # fmt: skip
    list_columns = ["benefit_type.name", "coefficient", "units", "decision_no", "starts_on", "ends_on", "status"]
    show_columns = ["beneficiary", *list_columns, "decided_on"]
    add_columns = [
        "beneficiary", "benefit_type", "coefficient", "units", "decision_no", "decided_on", "starts_on", "ends_on",
        "status",
    ]  # fmt: skip
    edit_columns = add_columns[1:]
    search_columns = ["beneficiary", "benefit_type", "status", "starts_on"]
    order_columns = ["starts_on", "ends_on", "coefficient"]
    choice_columns = {"status": ENTITLEMENT_STATUSES}
    description_columns = {
        "starts_on": _l("Trả đủ cả tháng chứa ngày này."),
        "ends_on": _l("Trả đủ cả tháng chứa ngày này; để trống nếu chưa biết."),
    }
    _coefficient = DecimalNumberField(
        _l("Hệ số"),
        places=2,
        least="0.01",
        most=100,
        description=_l("Theo quyết định. Để trống thì lấy hệ số theo quy định."),
    )
    add_form_extra_fields = {"coefficient": _coefficient}
    edit_form_extra_fields = {"coefficient": _coefficient}

    def store(self, session: Session, item: Entitlement, form: SafeForm, *, created: bool) -> None:
        """Save by the service."""
        registry.save_entitlement(session, item, by=current_actor())

    def where_next(self, item: Any, *, created: bool) -> str:
        """Back to the person."""
        return url_for("BeneficiaryView.show", pk=item.beneficiary_id)


class PaymentMethodView(SafeModelView):
    """How payees are paid."""

    datamodel = SafeInterface(PaymentMethod)
    route_base = "/payment-methods"
    list_title = _l("Hình thức nhận tiền")
    show_title = _l("Hình thức nhận tiền")
    add_title = _l("Thêm hình thức nhận tiền")
    edit_title = _l("Sửa hình thức nhận tiền")
    empty_text = _l("Chưa có hình thức nhận tiền nào.")
    label_columns = {"payee": _l("Người nhận"), "kind": _l("Hình thức"), "holder": _l("Chủ tài khoản, chủ ví"),
                     "bank_code": _l("Ngân hàng"), "bank_branch": _l("Chi nhánh"), "wallet_kind": _l("Loại ví"),
                     "wallet_phone": _l("Số điện thoại ví"), "is_current": _l("Đang dùng")}  # fmt: skip
    list_columns = ["kind", "account_no", "holder", "bank_code", "wallet_phone", "is_current"]
    show_columns = ["payee", *list_columns, "bank_branch", "wallet_kind"]
    add_columns = [
        "payee", "kind", "account_no", "holder", "bank_code", "bank_branch", "wallet_kind", "wallet_phone",
        "is_current",
    ]  # fmt: skip
    edit_columns = add_columns[1:]
    search_columns = ["kind", "account_no"]
    choice_columns = {"kind": METHOD_WORDS}
    lookups = {"payee": Lookup(Payee, order=("full_name", "id"))}
    description_columns = {"account_no": _l("Từ 6 đến 19 chữ số."), "holder": _l("Có thể là người giám hộ.")}

    def store(self, session: Session, item: PaymentMethod, form: SafeForm, *, created: bool) -> None:
        """Save by the service."""
        registry.save_method(session, item, by=current_actor())

    def where_next(self, item: Any, *, created: bool) -> str:
        """Back to the payee."""
        return url_for("PayeeView.show", pk=item.payee_id)


class PayeeView(SafeModelView):
    """Who receives people's money."""

    datamodel = SafeInterface(Payee)
    route_base = "/payees"
    list_title = _l("Người nhận")
    show_title = _l("Người nhận")
    add_title = _l("Thêm người nhận")
    edit_title = _l("Sửa người nhận")
    empty_text = _l("Chưa có người nhận nào.")
    label_columns = {"kind": _l("Quan hệ"), "is_current": _l("Đang nhận")}
    list_columns = ["full_name", "kind", "phone", "valid_from", "valid_to", "is_current"]
    show_columns = ["beneficiary", "full_name", "kind", "id_number", "phone", "valid_from", "valid_to", "is_current"]
    add_columns = show_columns
    edit_columns = add_columns[1:]
    search_columns = ["full_name", "beneficiary", "kind"]
    choice_columns = {"kind": PAYEES}
    related_views = [PaymentMethodView]
    add_form_extra_fields = {"full_name": NameField(_l("Họ tên"), [Required()])}
    edit_form_extra_fields = add_form_extra_fields
    description_columns = {"valid_to": _l("Giấy ủy quyền có hạn không quá 12 tháng.")}
    formatters_columns = {"id_number": identity.mask_id}

    def store(self, session: Session, item: Payee, form: SafeForm, *, created: bool) -> None:
        """Save by the service."""
        registry.save_payee(session, item, by=current_actor())


class ArrearsView(ReadOnlyView):
    """Money owed for past months."""

    datamodel = SafeInterface(Arrears)
    route_base = "/arrears"
    list_title = _l("Truy lĩnh")
    show_title = _l("Truy lĩnh")
    empty_text = _l("Không có khoản truy lĩnh nào.")
    label_columns = {"for_month": _l("Của tháng"), "due_month": _l("Trả vào kỳ"), "decision_no": _l("Số quyết định"),
                     "entitlement.beneficiary": _l("Đối tượng"), "line_id": _l("Dòng đã trả")}  # fmt: skip
    month_columns = ("for_month", "due_month")
    list_columns = ["entitlement.beneficiary", "for_month", "due_month", "amount_vnd", "reason"]
    show_columns = [*list_columns, "decision_no", "line_id"]
    search_columns = ["for_month", "due_month"]
    order_columns = ["for_month", "due_month", "amount_vnd"]


class BeneficiaryView(SafeModelView):
    """The registry of people."""

    datamodel = SafeInterface(Beneficiary)
    route_base = "/beneficiaries"
    list_title = _l("Hồ sơ đối tượng")
    show_title = _l("Đối tượng")
    add_title = _l("Thêm đối tượng")
    edit_title = _l("Sửa hồ sơ")
    empty_text = _l("Không có đối tượng nào ở đây. Thêm đối tượng, hoặc bỏ bớt điều kiện tìm.")
    label_columns = {"ethnicity": _l("Dân tộc"), "status_reason": _l("Lý do"), "died_on": _l("Ngày chết"),
                     "birth_year": _l("Năm sinh"), "name_sort": _l("Họ tên")}  # fmt: skip
    list_columns = ["code", "full_name", "birth", "sex", "id_number", "hamlet", "area", "status"]
    show_columns = [
        "code", "full_name", "birth", "sex", "id_number", "ethnicity", "area", "hamlet", "address", "phone", "status",
        "status_reason", "died_on", "created_at", "changed_at",
    ]  # fmt: skip
    add_columns = ["full_name", "birth", "sex", "id_number", "ethnicity", "area", "hamlet", "address", "phone"]
    edit_columns = [*(one for one in add_columns if one != "area"), "status", "status_reason", "died_on"]
    show_template = "chitra/registry/person.html"
    search_columns = ["name_fold", "code", "id_number", "hamlet", "area", "status", "birth_year"]
    order_columns = ["code", "full_name", "status", "hamlet"]
    base_order = ("name_sort", "asc")
    choice_columns = {"status": STATUSES, "sex": SEXES}
    lookups = {"area": COMMUNES}
    related_views = [EntitlementView, PayeeView, LineHistoryView]
    add_form_extra_fields = {
        "full_name": NameField(_l("Họ tên"), [Required()]),
        "birth": BirthField(
            _l("Ngày sinh"), [Required()], description=_l("Biết đến đâu ghi đến đó: 05/03/1950, 03/1950 hoặc 1950.")
        ),
    }
    edit_form_extra_fields = add_form_extra_fields
    max_lengths = {"ethnicity": 50, "hamlet": 120, "phone": 20, "id_number": 20}
    description_columns = {
        "id_number": _l("12 chữ số. Chưa có CCCD thì để trống."),
        "died_on": _l(
            "Chỉ ghi khi tình trạng là “Đã chết”. Trợ cấp của tháng chết vẫn được trả; hủy được ở Danh sách cắt chết."
        ),
    }
    formatters_columns = {"id_number": identity.mask_id}

    @expose("/show/<pk>")
    @has_access
    def show(self, pk: str) -> ResponseReturnValue:
        """A person's page; who looked at it is recorded (Luật 91/2025)."""
        item, actor = self._find(pk), current_actor()
        with transaction() as session:
            access.seen(session, "beneficiary", by=actor, area_path=item.area_path, entity_id=item.id)
        answer: ResponseReturnValue = super().show(pk)
        return answer

    def store(self, session: Session, item: Beneficiary, form: SafeForm, *, created: bool) -> None:
        """Save by the service; what is odd about the ID number is told, not refused. A death is recorded as one."""
        for code in deaths.save_person(session, item, by=current_actor()):
            flash(_(identity.ID_FINDINGS[code]), "warning")
