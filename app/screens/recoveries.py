"""Danh sách truy thu: money wrongly paid that must come back, and how much of it did. Nothing is changed here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l
from sqlalchemy import func, or_, select

from app.extensions import db
from app.models import MoneyMovement, PayoutLine, Recovery
from app.rules import names
from app.screens.base import ReadOnlyView
from app.screens.filters import SafeFilter
from app.screens.paths import ByPath, PathConverter
from app.screens.settlement_page import reason_words


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
    """Recoveries with what came back, read from the journal."""

    filter_converter_class = RecoveryConverter

    def is_line(self, column: str) -> bool:
        """True for the key of the line."""
        return column == "line_id"

    def get_values(self, lst: Iterable[Recovery], list_columns: list[str]) -> list[dict[str, Any]]:
        """Rows of the list, in one more statement."""
        rows = list(lst)
        returned = _returned(rows)
        found = zip(rows, super().get_values(rows, list_columns), strict=True)
        return [values | _money(row, returned) for row, values in found]

    def get_values_item(self, item: Recovery, show_columns: list[str]) -> list[Any]:
        """One row."""
        money = _money(item, _returned([item]))
        values = super().get_values_item(item, show_columns)
        return [money.get(name, value) for name, value in zip(show_columns, values, strict=True)]


class RecoveryView(ReadOnlyView):
    """Money to come back, newest first."""

    datamodel = RecoveryInterface(Recovery)
    route_base = "/recoveries"
    list_title = _l("Danh sách truy thu")
    show_title = _l("Khoản truy thu")
    list_lead = _l("Tiền đã chi sai phải thu hồi, ghi khi chốt quyết toán.")
    empty_text = _l("Không có khoản truy thu nào.")
    label_columns = {
        "line.full_name": _l("Họ tên"), "line.beneficiary_code": _l("Mã đối tượng"), "line.birth": _l("Ngày sinh"),
        "line.hamlet": _l("Thôn, tổ dân phố"), "line.batch.area": _l("Địa bàn"), "line.batch": _l("Danh sách"),
        "line.batch.period.month": _l("Kỳ"), "line.batch.agency": _l("Đơn vị chi trả"), "opened_at": _l("Ghi lúc"),
        "amount_vnd": _l("Phải thu"), "returned_vnd": _l("Đã thu"), "balance_vnd": _l("Còn phải thu"),
        "line_id": _l("Họ tên, mã đối tượng"), "area_path": _l("Địa bàn"), "line.payee_name": _l("Người nhận"),
    }  # fmt: skip
    month_columns = ("line.batch.period.month",)
    list_columns = [
        "line.full_name", "line.beneficiary_code", "line.hamlet", "line.batch.area", "line.batch.period.month", "reason",
        "amount_vnd", "returned_vnd", "balance_vnd",
    ]  # fmt: skip
    show_columns = [
        "line.full_name", "line.beneficiary_code", "line.birth", "line.hamlet", "line.payee_name", "line.batch.area",
        "line.batch.period.month", "line.batch", "line.batch.agency", "reason", "opened_at", "amount_vnd",
        "returned_vnd", "balance_vnd",
    ]  # fmt: skip
    search_columns = ["line_id", "area_path", "opened_at"]
    order_columns = ["amount_vnd"]
    formatters_columns = {"reason": reason_words}


def _returned(rows: Iterable[Recovery]) -> dict[int, int]:
    """Line -> đồng that came back."""
    statement = (
        select(MoneyMovement.line_id, func.sum(MoneyMovement.amount_vnd))
        .where(MoneyMovement.line_id.in_([row.line_id for row in rows]), MoneyMovement.to_bucket == "recovered")
        .group_by(MoneyMovement.line_id)
    )
    return {row[0]: int(row[1]) for row in db.session.execute(statement)}


def _money(row: Recovery, returned: dict[int, int]) -> dict[str, int]:
    came_back = returned.get(row.line_id, 0)
    return {"returned_vnd": came_back, "balance_vnd": row.amount_vnd - came_back}
