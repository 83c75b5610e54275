"""Thiết lập hệ thống: payment settings, agencies, contracts, rates, holidays. Dated rows in use are never rewritten."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import BadInput, RuleBroken
from app.models import (
    Agency,
    AgencyContract,
    AreaPeriod,
    BenefitRate,
    BenefitType,
    Holiday,
    PaymentSetting,
    Period,
    StandardAmount,
)
from app.rules import dates
from app.rules.actors import bounds_of
from app.rules.states import N_
from app.screens.base import SafeInterface, SafeModelView
from app.screens.forms import SafeForm
from app.screens.registry import METHOD_WORDS

BATCH_KIND_WORDS = {
    "monthly": N_("Trợ cấp hằng tháng"),
    "social_pension": N_("Hưu trí xã hội"),
    "funeral": N_("Mai táng phí"),
}
LEVELS = {"commune": N_("Xã, phường, đặc khu"), "province": N_("Tỉnh, thành phố")}
AGENCY_KINDS = {
    "post": N_("Bưu điện"), "bank": N_("Ngân hàng"), "telecom": N_("Viễn thông"), "office": N_("Đơn vị tự chi trả"),
}  # fmt: skip
ADAPTERS = {
    "g2p": N_("Kết nối trực tuyến (G2P Connect)"),
    "iso20022": N_("Tệp ngân hàng (ISO 20022)"),
    "workbook": N_("Bảng tính"),
}
FEES = {"percent": N_("Phần trăm tiền đã chi"), "per_person": N_("Đồng trên một người đã nhận")}

ONE_DAY = timedelta(days=1)


class AlreadyUsed(RuleBroken):
    """Kỳ %(period)s đã chốt: dòng có hiệu lực từ %(since)s không ghi được. Hãy thêm dòng mới có hiệu lực sau kỳ đó."""


class EndsInClosedPeriod(BadInput):
    """Hợp đồng đã dùng cho kỳ %(period)s đã chốt nên không thể kết thúc trước cuối kỳ đó."""


class DatedView(SafeModelView):
    """Rows in force from a day: one that a closed period has used stays as it is, a new row is added instead."""

    since_column = "valid_from"

    def store(self, session: Session, item: Any, form: SafeForm, *, created: bool) -> None:
        """Refuse to write what a closed period below the row's area has used."""
        since: date = getattr(item, self.since_column)
        demand_unused(session, item.area.path if hasattr(item, "area") else "VN/", since)
        super().store(session, item, form, created=created)


def demand_unused(session: Session, path: str, since: date) -> None:
    """No closed period of the area or below has used what holds from that day. Raises AlreadyUsed."""
    used = last_closed(session, path)
    if used is not None and since < dates.add_months(used, 1):
        raise AlreadyUsed(since=dates.format_date(since), period=dates.format_month(used))


def last_closed(session: Session, path: str) -> date | None:
    """The latest month closed in the area or below; None when none is."""
    low, high = bounds_of(path)
    return session.scalars(
        select(Period.month)
        .join(AreaPeriod, AreaPeriod.period_id == Period.id)
        .where(AreaPeriod.state == "closed", AreaPeriod.area_path >= low, AreaPeriod.area_path < high)
        .order_by(Period.month.desc())
    ).first()


class PaymentSettingView(DatedView):
    """Settings of payments, inherited from the area above where empty."""

    datamodel = SafeInterface(PaymentSetting)
    route_base = "/payment-settings"
    list_title = _l("Thiết lập hệ thống")
    show_title = _l("Thiết lập chi trả")
    add_title = _l("Thêm thiết lập chi trả")
    edit_title = _l("Sửa thiết lập chi trả")
    list_lead = _l("Ô để trống lấy theo đơn vị cấp trên; trong một đơn vị, dòng có ngày hiệu lực mới nhất được dùng.")
    empty_text = _l("Chưa có thiết lập nào.")
    inherited_word = _l("Theo cấp trên")
    label_columns = {
        "list_cutoff_day": _l("Ngày khóa danh sách"),
        "settlement_cutoff_day": _l("Ngày khóa quyết toán"),
        "months_per_settlement": _l("Số tháng quyết toán 1 lần"),
        "through_agency": _l("Chi trả qua đơn vị chi trả"),
        "payment_day_from": _l("Ngày chi trả đầu tiên"),
        "payment_day_to": _l("Ngày chi trả cuối cùng"),
        "paying_level": _l("Cấp lập danh sách"),
        "transfer_level": _l("Cấp chuyển tiền cho đơn vị chi trả"),
        "shift_to_working_day": _l("Ngày nghỉ thì lùi về ngày làm việc trước"),
        "extension_past_cutoff": _l("Gia hạn được quá ngày khóa danh sách kỳ sau"),
        "unusual_change_percent": _l("Cảnh báo khi trợ cấp đổi quá (%)"),
        "auto_send": _l("Tự gửi danh sách đã duyệt khi đến hạn"),
        "remind_days": _l("Nhắc trước hạn gửi danh sách (ngày)"),
        "recovery_share_percent": _l("Khấu trừ truy thu nhiều nhất (% của dòng)"),
    }
    list_columns = ["area", "valid_from", "list_cutoff_day", "settlement_cutoff_day", "months_per_settlement",
                    "through_agency", "paying_level"]  # fmt: skip
    add_columns = ["area", "valid_from", *label_columns]
    edit_columns = add_columns
    show_columns = add_columns
    search_columns = ["area", "valid_from"]
    order_columns = ["valid_from"]
    choice_columns = {"paying_level": LEVELS, "transfer_level": LEVELS}
    description_columns = {
        "list_cutoff_day": _l("Danh sách gửi trước ngày này của tháng trước kỳ chi trả."),
        "settlement_cutoff_day": _l("Đơn vị chi trả quyết toán chậm nhất ngày này của tháng chi trả."),
        "auto_send": _l(
            "Gửi lúc 17 giờ ngày cuối trước ngày khóa danh sách. Danh sách chưa duyệt không bao giờ được gửi."
        ),
        "remind_days": _l(
            "Việc cần làm và thư tóm tắt nhắc danh sách chưa gửi từ bấy nhiêu ngày trước ngày cuối; 0 là không nhắc."
        ),
    }


class AgencyView(SafeModelView):
    """Payment agencies."""

    datamodel = SafeInterface(Agency)
    route_base = "/agencies"
    list_title = _l("Đơn vị chi trả")
    show_title = _l("Đơn vị chi trả")
    add_title = _l("Thêm đơn vị chi trả")
    edit_title = _l("Sửa đơn vị chi trả")
    empty_text = _l("Chưa có đơn vị chi trả nào.")
    label_columns = {"base_url": _l("Địa chỉ kết nối")}
    list_columns = ["code", "name", "kind", "is_active"]
    add_columns = ["code", "name", "kind", "base_url", "is_active"]
    edit_columns = add_columns[1:]
    show_columns = add_columns
    search_columns = ["code", "name"]
    choice_columns = {"kind": AGENCY_KINDS}
    max_lengths = {"code": 32}


class AgencyContractView(DatedView):
    """Contracts with agencies; a closed period's contract is ended by its last day only."""

    datamodel = SafeInterface(AgencyContract)
    route_base = "/contracts"
    list_title = _l("Hợp đồng chi trả")
    show_title = _l("Hợp đồng chi trả")
    add_title = _l("Thêm hợp đồng")
    edit_title = _l("Sửa hợp đồng")
    list_lead = _l(
        "Ở một địa bàn, mỗi hình thức chi trả chỉ có một hợp đồng cùng lúc; hợp đồng của cấp gần nhất được dùng."
    )
    empty_text = _l("Chưa có hợp đồng nào.")
    label_columns = {
        "contract_no": _l("Số hợp đồng"),
        "adapter": _l("Cách kết nối"),
        "fee_kind": _l("Cách tính phí"),
        "fee_percent": _l("Phí (%)"),
        "fee_vnd": _l("Phí một người"),
        "fee_cap_vnd": _l("Phí tối đa"),
    }
    list_columns = ["contract_no", "agency.name", "area", "method", "fee_kind", "valid_from", "valid_to"]
    add_columns = ["contract_no", "agency", "area", "method", "adapter", "fee_kind", "fee_percent", "fee_vnd",
                   "fee_cap_vnd", "valid_from", "valid_to"]  # fmt: skip
    edit_columns = ["valid_to"]
    show_columns = add_columns
    search_columns = ["contract_no", "agency", "area", "method"]
    order_columns = ["contract_no", "valid_from", "valid_to"]
    choice_columns = {"method": METHOD_WORDS, "adapter": ADAPTERS, "fee_kind": FEES}
    number_ranges = {"fee_percent": (0, 100)}

    def store(self, session: Session, item: Any, form: SafeForm, *, created: bool) -> None:
        """A new contract may begin in the past only where nothing is closed yet; an old one may always end."""
        if created:
            super().store(session, item, form, created=True)
            return
        used = last_closed(session, item.area.path)
        if used is not None and item.valid_to is not None and item.valid_to < dates.add_months(used, 1) - ONE_DAY:
            raise EndsInClosedPeriod(field="valid_to", period=dates.format_month(used))
        session.add(item)


class StandardAmountView(DatedView):
    """Standard amounts, nationwide and by area."""

    datamodel = SafeInterface(StandardAmount)
    route_base = "/standard-amounts"
    since_column = "enacted_on"
    list_title = _l("Mức chuẩn trợ giúp xã hội")
    show_title = _l("Mức chuẩn")
    add_title = _l("Thêm mức chuẩn")
    edit_title = _l("Sửa mức chuẩn")
    list_lead = _l("Danh sách dùng mức đã ban hành vào ngày lập; mức áp dụng lùi về trước tạo thành truy lĩnh.")
    empty_text = _l("Chưa có mức chuẩn nào.")
    label_columns = {"applies_from": _l("Áp dụng từ"), "enacted_on": _l("Có hiệu lực từ")}
    list_columns = ["area", "batch_kind", "amount_vnd", "applies_from", "enacted_on", "legal_basis"]
    add_columns = list_columns
    edit_columns = list_columns
    show_columns = list_columns
    search_columns = ["area", "batch_kind", "applies_from"]
    order_columns = ["applies_from", "enacted_on", "amount_vnd"]
    base_order = ("applies_from", "desc")
    choice_columns = {"batch_kind": BATCH_KIND_WORDS}


class BenefitRateView(DatedView):
    """Coefficients by law."""

    datamodel = SafeInterface(BenefitRate)
    route_base = "/benefit-rates"
    since_column = "applies_from"
    list_title = _l("Hệ số trợ cấp")
    show_title = _l("Hệ số")
    add_title = _l("Thêm hệ số")
    edit_title = _l("Sửa hệ số")
    empty_text = _l("Chưa có hệ số nào.")
    label_columns = {"applies_from": _l("Áp dụng từ")}
    list_columns = ["benefit_type.name", "coefficient", "applies_from", "legal_basis"]
    add_columns = ["benefit_type", "coefficient", "applies_from", "legal_basis"]
    edit_columns = add_columns
    show_columns = list_columns
    search_columns = ["benefit_type"]
    order_columns = ["coefficient", "applies_from"]
    number_ranges = {"coefficient": (0, 100)}


class BenefitTypeView(SafeModelView):
    """Benefit types."""

    datamodel = SafeInterface(BenefitType)
    route_base = "/benefit-types"
    list_title = _l("Nhóm đối tượng hưởng")
    show_title = _l("Nhóm đối tượng hưởng")
    add_title = _l("Thêm nhóm")
    edit_title = _l("Sửa nhóm")
    empty_text = _l("Chưa có nhóm nào.")
    label_columns = {
        "name_en": _l("Tên tiếng Anh"),
        "stacks": _l("Cộng thêm vào nhóm khác"),
        "sensitive": _l("Thông tin sức khỏe"),
        "age_from": _l("Từ tuổi"),
        "age_to": _l("Đến tuổi"),
    }
    list_columns = ["code", "name", "batch_kind", "age_from", "age_to", "stacks"]
    add_columns = ["code", "name", "name_en", "batch_kind", "stacks", "sensitive", "age_from", "age_to", "legal_basis"]
    edit_columns = ["name", "name_en", "age_from", "age_to", "legal_basis"]
    show_columns = add_columns
    search_columns = ["code", "name", "batch_kind"]
    order_columns = ["code", "age_from", "age_to"]
    base_order = ("code", "asc")
    choice_columns = {"batch_kind": BATCH_KIND_WORDS}
    number_ranges = {"age_from": (0, 130), "age_to": (0, 130)}
    related_views = [BenefitRateView]


class HolidayView(SafeModelView):
    """Days off and working days in exchange; they move the cut-offs."""

    datamodel = SafeInterface(Holiday)
    route_base = "/holidays"
    list_title = _l("Ngày nghỉ")
    show_title = _l("Ngày nghỉ")
    add_title = _l("Thêm ngày nghỉ")
    edit_title = _l("Sửa ngày nghỉ")
    empty_text = _l("Chưa có ngày nghỉ nào.")
    label_columns = {"day": _l("Ngày"), "is_workday": _l("Ngày làm bù")}
    list_columns = ["day", "name", "is_workday"]
    add_columns = list_columns
    edit_columns = ["name", "is_workday"]
    show_columns = list_columns
    search_columns = ["day", "name"]
    base_order = ("day", "desc")
