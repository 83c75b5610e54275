"""The machine of proposals of arrears."""

from __future__ import annotations

from app.rules.actors import Role
from app.rules.machines import N_, Machine, Move, moves, names

_SUPERVISOR = frozenset({Role.SUPERVISOR})
_CLERK = frozenset({Role.CLERK})

ARREARS = Machine(
    name="arrears",
    label=N_("Đề nghị truy lĩnh"),
    table="arrears_proposals",
    initial="proposed",
    states={
        "proposed": N_("Chờ duyệt"),
        "approved": N_("Đã duyệt"),
        "rejected": N_("Không duyệt"),
        "withdrawn": N_("Đã rút"),
    },
    tone={"proposed": "warn", "approved": "good", "rejected": "off", "withdrawn": "off"},
    moves=moves(
        Move(
            "approve",
            N_("Duyệt truy lĩnh"),
            names("proposed"),
            "approved",
            _SUPERVISOR,
            N_("Người duyệt không phải người lập; từ đó danh sách kỳ sau mới nhận khoản này."),
        ),
        Move(
            "reject",
            N_("Không duyệt"),
            names("proposed"),
            "rejected",
            _SUPERVISOR,
            N_("Đề nghị không được chấp nhận; không ai được trả gì."),
            reason_required=True,
        ),
        Move(
            "withdraw",
            N_("Rút đề nghị"),
            names("proposed"),
            "withdrawn",
            _CLERK,
            N_("Đề nghị lập nhầm, chưa ai duyệt."),
            reason_required=True,
        ),
        Move(
            "revoke",
            N_("Rút sau khi duyệt"),
            names("approved"),
            "withdrawn",
            _SUPERVISOR,
            N_("Chỉ khi chưa danh sách nào nhận khoản nào của đề nghị."),
            reason_required=True,
        ),
    ),
)
