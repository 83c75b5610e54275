"""The machine of extensions of a settlement's deadline."""

from __future__ import annotations

from app.rules.actors import Role
from app.rules.machines import N_, Machine, Move, moves, names

_SUPERVISOR = frozenset({Role.SUPERVISOR})

EXTENSION = Machine(
    name="extension",
    label=N_("Gia hạn"),
    table="deadline_extensions",
    initial="asked",
    states={
        "asked": N_("Chờ quyết định"),
        "granted": N_("Đã đồng ý"),
        "refused": N_("Không đồng ý"),
        "revoked": N_("Đã thu hồi"),
        "lapsed": N_("Hết hiệu lực"),
    },
    tone={"asked": "warn", "granted": "good", "refused": "off", "revoked": "off", "lapsed": "off"},
    moves=moves(
        Move(
            "grant",
            N_("Đồng ý gia hạn"),
            names("asked"),
            "granted",
            _SUPERVISOR,
            N_("Tổng số ngày gia hạn của một quyết toán dưới 20 ngày."),
        ),
        Move(
            "refuse",
            N_("Không đồng ý"),
            names("asked"),
            "refused",
            _SUPERVISOR,
            N_("Đề nghị gia hạn không được chấp nhận."),
            reason_required=True,
        ),
        Move(
            "revoke",
            N_("Thu hồi gia hạn"),
            names("granted"),
            "revoked",
            _SUPERVISOR,
            N_("Quyết toán chưa chốt, và hạn không có lần gia hạn này chưa qua."),
            reason_required=True,
        ),
        Move(
            "lapse",
            N_("Hết hiệu lực"),
            names("asked"),
            "lapsed",
            frozenset({Role.SYSTEM}),
            N_("Quyết toán đã chốt hoặc mất hiệu lực, hoặc hạn xin đã qua, khi chưa ai quyết định."),
        ),
    ),
)
