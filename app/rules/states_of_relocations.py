"""The machine of relocations between communes."""

from __future__ import annotations

from app.rules.actors import Role
from app.rules.machines import N_, Machine, Move, moves, names

_CLERK = Role.CLERK
_SUPERVISOR = Role.SUPERVISOR

RELOCATION = Machine(
    name="relocation",
    label=N_("Chuyển vùng"),
    table="relocations",
    initial="asked",
    states={
        "asked": N_("Chờ nơi đến tiếp nhận"),
        "accepted": N_("Đã tiếp nhận"),
        "refused": N_("Không tiếp nhận"),
        "withdrawn": N_("Đã rút"),
    },
    tone={"asked": "warn", "accepted": "good", "refused": "bad", "withdrawn": "off"},
    moves=moves(
        Move(
            "accept",
            N_("Tiếp nhận"),
            names("asked"),
            "accepted",
            frozenset({_CLERK, _SUPERVISOR, Role.CENTRAL_ADMIN}),
            N_("Nơi đến nhận hồ sơ; người này vào danh sách của nơi đến từ kỳ chưa lập."),
        ),
        Move(
            "refuse",
            N_("Không tiếp nhận"),
            names("asked"),
            "refused",
            frozenset({_CLERK, _SUPERVISOR}),
            N_("Người này ở lại danh sách của nơi đi."),
            reason_required=True,
        ),
        Move(
            "withdraw",
            N_("Rút đề nghị"),
            names("asked"),
            "withdrawn",
            frozenset({_CLERK, _SUPERVISOR}),
            N_("Nơi đi rút đề nghị khi nơi đến chưa trả lời."),
            reason_required=True,
        ),
    ),
)
