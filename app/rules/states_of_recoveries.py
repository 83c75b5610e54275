"""The machine of recoveries."""

from __future__ import annotations

from app.rules.actors import Role
from app.rules.machines import N_, Machine, Move, moves, names

_ACCOUNTANT = Role.ACCOUNTANT
_SUPERVISOR = Role.SUPERVISOR
_SYSTEM = frozenset({Role.SYSTEM})

RECOVERY = Machine(
    name="recovery",
    label=N_("Khoản truy thu"),
    table="recoveries",
    initial="proposed",
    states={
        "proposed": N_("Chờ quyết định"),
        "open": N_("Đang thu"),
        "closed": N_("Đã đóng"),
        "withdrawn": N_("Không truy thu"),
    },
    tone={"proposed": "warn", "open": "bad", "closed": "good", "withdrawn": "off"},
    moves=moves(
        Move(
            "record",
            N_("Ghi theo quyết toán"),
            names("proposed"),
            "open",
            frozenset({_ACCOUNTANT}),
            N_("Quyết toán đã chốt nói dòng này phải truy thu."),
        ),
        Move(
            "approve",
            N_("Đồng ý truy thu"),
            names("proposed"),
            "open",
            frozenset({_SUPERVISOR}),
            N_("Có quyết định; người quyết định không phải người đề nghị."),
        ),
        Move(
            "refuse",
            N_("Không truy thu"),
            names("proposed"),
            "withdrawn",
            frozenset({_SUPERVISOR}),
            N_("Đề nghị truy thu không được chấp nhận."),
            reason_required=True,
        ),
        Move(
            "drop",
            N_("Bỏ đề nghị"),
            names("proposed"),
            "withdrawn",
            _SYSTEM,
            N_("Căn cứ của đề nghị không còn: ngày chết hoặc ngày dừng hưởng đã được sửa."),
        ),
        Move(
            "close",
            N_("Đóng"),
            names("open"),
            "closed",
            frozenset({_ACCOUNTANT, _SUPERVISOR, Role.SYSTEM}),
            N_("Đã thu đủ, hoặc phần còn lại có quyết định xóa."),
        ),
        Move(
            "reopen",
            N_("Thu tiếp"),
            names("closed"),
            "open",
            frozenset({_SUPERVISOR}),
            N_("Quyết toán của danh sách đã khấu trừ được mở lại."),
            reason_required=True,
        ),
        Move(
            "withdraw",
            N_("Rút lại"),
            names("open"),
            "withdrawn",
            frozenset({_SUPERVISOR}),
            N_("Chưa thu đồng nào và không danh sách nào đang khấu trừ."),
            reason_required=True,
        ),
    ),
)
