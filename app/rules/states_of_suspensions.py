"""The machine of suspensions after unpaid periods."""

from __future__ import annotations

from app.rules.actors import Role
from app.rules.machines import N_, Machine, Move, moves, names

_SUPERVISOR = frozenset({Role.SUPERVISOR})
_CLERK = frozenset({Role.CLERK})

SUSPENSION = Machine(
    name="suspension",
    label=N_("Tạm dừng chi trả"),
    table="suspensions",
    initial="proposed",
    states={
        "proposed": N_("Chờ quyết định"),
        "suspended": N_("Đang tạm dừng"),
        "refused": N_("Không tạm dừng"),
        "resuming": N_("Chờ cho hưởng lại"),
        "resumed": N_("Đã hưởng lại"),
    },
    tone={"proposed": "warn", "suspended": "bad", "refused": "off", "resuming": "warn", "resumed": "good"},
    moves=moves(
        Move(
            "suspend",
            N_("Tạm dừng"),
            names("proposed"),
            "suspended",
            _SUPERVISOR,
            N_("Ba kỳ liên tiếp chưa nhận; người quyết định không phải người đề nghị."),
            reason_required=True,
        ),
        Move(
            "refuse",
            N_("Không tạm dừng"),
            names("proposed"),
            "refused",
            _SUPERVISOR,
            N_("Người này tiếp tục được lập danh sách."),
            reason_required=True,
        ),
        Move(
            "ask_resume",
            N_("Đề nghị hưởng lại"),
            names("suspended"),
            "resuming",
            _CLERK,
            N_("Đã liên hệ được; nêu có truy lĩnh các tháng tạm dừng hay không."),
            reason_required=True,
        ),
        Move(
            "resume",
            N_("Cho hưởng lại"),
            names("resuming"),
            "resumed",
            _SUPERVISOR,
            N_("Có mặt trong danh sách lập sau đó; các tháng đã lỡ thành đề nghị truy lĩnh nếu quyết định như vậy."),
        ),
        Move(
            "keep",
            N_("Vẫn tạm dừng"),
            names("resuming"),
            "suspended",
            _SUPERVISOR,
            N_("Đề nghị hưởng lại không được chấp nhận."),
            reason_required=True,
        ),
    ),
)
