"""What the database refuses, in words for a person: SQLSTATE and constraint -> error. Never SQL, never parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import CheckConstraint, Constraint, Index, Table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.schema import ColumnCollectionConstraint

from app.errors import BadInput, ChitraError, NotAllowed, RuleBroken
from app.models import metadata


class AlreadyExists(BadInput):
    """Đã có bản ghi khác mang cùng giá trị này: %(fields)s."""

    status = 409
    code = "exists"


class AlreadyThere(BadInput):
    """Đã có một bản ghi như thế này."""

    status = 409
    code = "exists"


class OutOfBounds(BadInput):
    """Giá trị không hợp lệ: %(fields)s."""


class ValueMissing(BadInput):
    """Chưa nhập: %(fields)s."""


class Unstorable(BadInput):
    """Có giá trị không ghi được: quá lớn, quá dài hoặc có ký tự lạ."""


class Overlapping(BadInput):
    """Trùng khoảng thời gian với một bản ghi đã có."""

    status = 409
    code = "overlap"


class StillUsed(RuleBroken):
    """Không xóa hoặc đổi được, vì còn dữ liệu khác gắn với bản ghi này."""


class OutsideYourArea(NotAllowed):
    """Bản ghi thuộc địa bàn ngoài phạm vi của bạn."""


class ListFrozen(RuleBroken):
    """Danh sách đã duyệt nên không sửa được nữa. Muốn sửa, hãy đề nghị mở lại danh sách."""


class SettlementFrozen(RuleBroken):
    """Quyết toán đã chốt nên không sửa được nữa."""


class PacketFixed(RuleBroken):
    """Gói tin đã lưu không sửa được. Hãy gửi một phiên bản mới."""


class ExtensionTooLong(RuleBroken):
    """Tổng số ngày gia hạn của một quyết toán phải dưới 20 ngày."""


class NeverRewritten(RuleBroken):
    """Sổ tiền và nhật ký chỉ được ghi thêm, không sửa, không xóa."""


class StateNotAudited(RuleBroken):
    """Trạng thái chỉ được đổi bằng các nút thao tác, để có ghi nhật ký."""


class RecoveryOverdrawn(RuleBroken):
    """Số tiền vượt quá số đã trả sai, hoặc số còn phải thu của khoản truy thu."""


class Busy(ChitraError):
    """Hệ thống đang bận với dữ liệu này. Chưa có gì được ghi; hãy thử lại sau ít giây."""

    status = 503
    code = "busy"


class DatabaseAway(ChitraError):
    """Tạm thời không kết nối được cơ sở dữ liệu. Chưa có gì được ghi; hãy thử lại sau một phút."""

    status = 503
    code = "unavailable"


class DatabaseRefused(RuleBroken):
    """Cơ sở dữ liệu không nhận thay đổi này. Chưa có gì được ghi."""


BY_STATE: Mapping[str, type[ChitraError]] = {
    "CH001": ListFrozen,
    "CH002": SettlementFrozen,
    "CH003": PacketFixed,
    "CH004": ExtensionTooLong,
    "CH005": NeverRewritten,
    "CH006": StateNotAudited,
    "CH020": RecoveryOverdrawn,
    "23503": StillUsed,
    "23P01": Overlapping,
    "40001": Busy,
    "40P01": Busy,
    "42501": OutsideYourArea,
    "53300": Busy,
    "55P03": Busy,
    "57014": Busy,
}
BY_CLASS: Mapping[str, type[ChitraError]] = {"08": DatabaseAway, "22": Unstorable, "57": DatabaseAway}

NAMING_FIELDS: Mapping[str, type[BadInput]] = {
    "23502": ValueMissing,
    "23505": AlreadyExists,
    "23514": OutOfBounds,
}


def explain(error: DBAPIError, labels: Mapping[str, Any] | None = None) -> ChitraError:
    """The error for a person; `labels` (column or relation -> label) name the fields a constraint is about."""
    state: str | None = getattr(error.orig, "sqlstate", None)
    if state is not None and state in NAMING_FIELDS:
        columns = columns_of(error)
        named = [str(label) for label in (label_of(column, labels or {}) for column in columns) if label]
        if not named:
            return AlreadyThere() if state == "23505" else Unstorable()
        return NAMING_FIELDS[state](field=columns[0], fields=", ".join(named))
    if state is None:
        return DatabaseAway() if error.connection_invalidated or _no_answer(error) else Unstorable()
    return (BY_STATE.get(state) or BY_CLASS.get(state[:2]) or DatabaseRefused)()


def columns_of(error: DBAPIError) -> list[str]:
    """Columns of the constraint that refused; empty when it is not one of ours or about none."""
    diagnosis = getattr(error.orig, "diag", None)
    table = metadata.tables.get(getattr(diagnosis, "table_name", None) or "")
    if diagnosis is None or table is None:
        return []
    if diagnosis.column_name:
        return [diagnosis.column_name]
    named: list[Constraint | Index] = [*table.constraints, *table.indexes]
    for constraint in named:
        if constraint.name == diagnosis.constraint_name:
            return _columns_in(constraint, table)
    return []


def _columns_in(constraint: Constraint | Index, table: Table) -> list[str]:
    if isinstance(constraint, CheckConstraint):
        mentioned = set(re.findall(r"\w+", str(constraint.sqltext)))
        return [column.name for column in table.columns if column.name in mentioned]
    if isinstance(constraint, ColumnCollectionConstraint | Index):
        return [column.name for column in constraint.columns]
    return []


def label_of(column: str, labels: Mapping[str, Any]) -> Any:
    """The label of a column; of `area_id` that of `area`."""
    return labels.get(column) or labels.get(column.removesuffix("_id"))


def _no_answer(error: DBAPIError) -> bool:
    return type(error.orig).__name__ == "OperationalError"
