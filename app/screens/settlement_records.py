"""Bản ghi quyết toán: what was made of all the agency said about each line. Read only; decided on the settlement's page."""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, func

from app.models import Packet, Settlement, SettlementRecord
from app.screens.base import ReadOnlyView
from app.screens.lookups import Lookup
from app.screens.paths import ByPath
from app.services.settlements.saying import DECISIONS, FINDINGS, OUTCOMES, REASONS


@dataclass(frozen=True)
class SettlementLookup(Lookup):
    """Settlements found by the beginning of their packet's code."""

    def _conditions(self, text: str) -> list[ColumnElement[bool]]:
        return [Settlement.packet.has(func.starts_with(Packet.code, text.upper()))]


class SettlementRecordView(ReadOnlyView):
    """What was made of all the agency said about each line."""

    datamodel = ByPath(SettlementRecord)
    route_base = "/settlement-records"
    list_title = _l("Bản ghi quyết toán")
    show_title = _l("Bản ghi quyết toán")
    list_lead = _l("Kết quả của từng dòng, tổng hợp từ mọi tin của đơn vị chi trả và kết quả nhập tay.")
    empty_text = _l("Chưa có bản ghi nào: chưa có kết quả chi trả.")
    label_columns = {
        "reference": _l("Mã dòng"), "settlement": _l("Quyết toán"), "line": _l("Dòng chi trả"),
        "line.full_name": _l("Họ tên"), "outcome": _l("Kết quả báo"), "amount_vnd": _l("Số tiền báo"),
        "reason_code": _l("Lý do"), "finding": _l("Đối chiếu"), "decided_outcome": _l("Quyết định"),
        "decided_reason": _l("Lý do quyết định"), "decided_by": _l("Người quyết định"),
        "decided_at": _l("Quyết định lúc"), "line.total_vnd": _l("Số tiền đã gửi"), "area_path": _l("Địa bàn"),
    }  # fmt: skip
    list_columns = [
        "reference", "line.full_name", "settlement", "outcome", "amount_vnd", "reason_code", "finding",
        "decided_outcome",
    ]  # fmt: skip
    show_columns = [
        "reference", "line", "settlement", "line.total_vnd", "outcome", "amount_vnd", "reason_code", "finding",
        "decided_outcome", "decided_reason", "decided_by", "decided_at",
    ]  # fmt: skip
    lookups = {"settlement": SettlementLookup(Settlement, order=("id",), with_=("packet",))}
    search_columns = ["settlement", "reference", "area_path", "outcome", "finding", "decided_outcome"]
    order_columns = ["reference", "amount_vnd"]
    choice_columns = {
        "outcome": OUTCOMES, "reason_code": REASONS, "finding": FINDINGS, "decided_outcome": DECISIONS,
    }  # fmt: skip
