"""The state machines as data: every state, every move, who may make it and whether it needs a reason.

`docs/states.md` is generated from this table; `services.transitions.move()` is the only code that sets a state.
"""

from __future__ import annotations

from app.rules.actors import Role
from app.rules.machines import N_ as N_
from app.rules.machines import Machine as Machine
from app.rules.machines import Move as Move
from app.rules.machines import moves as _moves
from app.rules.machines import names as _set
from app.rules.states_of_arrears import ARREARS as ARREARS
from app.rules.states_of_extensions import EXTENSION as EXTENSION
from app.rules.states_of_recoveries import RECOVERY as RECOVERY
from app.rules.states_of_relocations import RELOCATION as RELOCATION
from app.rules.states_of_suspensions import SUSPENSION as SUSPENSION

_CLERK, _ACCOUNTANT, _SUPERVISOR = Role.CLERK, Role.ACCOUNTANT, Role.SUPERVISOR
_CLOSING = frozenset({_CLERK, _ACCOUNTANT, _SUPERVISOR})
_AGENCY = frozenset({Role.AGENCY})
_SYSTEM = frozenset({Role.SYSTEM})

BATCH = Machine(
    name="batch",
    label=N_("Danh sách chi trả"),
    table="payout_batches",
    initial="draft",
    states={
        "draft": N_("Đang lập"),
        "locked": N_("Đã duyệt"),
        "sent": N_("Đã gửi"),
        "accepted": N_("Đã tiếp nhận"),
        "returned": N_("Bị trả lại"),
        "settled": N_("Đã quyết toán"),
        "cancelled": N_("Đã hủy"),
    },
    tone={"returned": "bad", "settled": "good", "accepted": "good", "cancelled": "off"},
    moves=_moves(
        Move(
            "remake",
            N_("Lập lại"),
            _set("draft"),
            "draft",
            frozenset({_CLERK, Role.SYSTEM}),
            N_("Lấy lại dữ liệu mới nhất từ hồ sơ đối tượng."),
        ),
        Move(
            "lock",
            N_("Duyệt"),
            _set("draft"),
            "locked",
            frozenset({_SUPERVISOR}),
            N_("Người duyệt không phải người lập; tổng số và mã băm được lưu."),
        ),
        Move(
            "unlock",
            N_("Mở lại"),
            _set("locked", "returned"),
            "draft",
            frozenset({_SUPERVISOR}),
            N_("Danh sách chưa gửi hoặc bị trả lại được mở để sửa."),
            reason_required=True,
        ),
        Move(
            "send",
            N_("Gửi bưu điện"),
            _set("locked"),
            "sent",
            frozenset({_CLERK, Role.SYSTEM}),
            N_("Gói tin được xếp hàng gửi trong cùng giao dịch."),
        ),
        Move(
            "withdraw",
            N_("Rút gói tin"),
            _set("sent"),
            "locked",
            frozenset({_CLERK, _SUPERVISOR}),
            N_("Gói tin còn trong hàng đợi, chưa từng rời hệ thống."),
            reason_required=True,
        ),
        Move(
            "accept",
            N_("Tiếp nhận"),
            _set("sent"),
            "accepted",
            _AGENCY,
            N_("Đơn vị chi trả đã so khớp và nhận danh sách."),
        ),
        Move(
            "return",
            N_("Trả lại"),
            _set("sent", "accepted"),
            "returned",
            _AGENCY,
            N_("Đơn vị chi trả từ chối gói tin."),
            reason_required=True,
        ),
        Move(
            "settle",
            N_("Quyết toán"),
            _set("accepted"),
            "settled",
            frozenset({_ACCOUNTANT}),
            N_("Quyết toán của danh sách đã được chốt."),
        ),
        Move(
            "cancel",
            N_("Hủy danh sách"),
            _set("draft"),
            "cancelled",
            frozenset({_CLERK}),
            N_("Danh sách lập nhầm; tiền mang sang và truy lĩnh được trả về chờ kỳ sau."),
            reason_required=True,
        ),
        Move(
            "reopen",
            N_("Mở lại quyết toán"),
            _set("settled"),
            "accepted",
            frozenset({_SUPERVISOR}),
            N_("Quyết toán của danh sách được mở lại; kết quả các dòng chờ chốt lại."),
            reason_required=True,
        ),
        Move(
            "close",
            N_("Chốt danh sách"),
            _set("settled"),
            "settled",
            _CLOSING,
            N_("Quyết toán của danh sách không mở lại được nữa; danh sách cuối cùng chốt luôn cả kỳ."),
        ),
        Move(
            "open",
            N_("Mở lại danh sách đã chốt"),
            _set("settled"),
            "settled",
            frozenset({_SUPERVISOR}),
            N_("Kỳ đã chốt được mở lại cùng; chỉ khi kỳ sau chưa có danh sách được duyệt."),
            reason_required=True,
        ),
    ),
)

PACKET = Machine(
    name="packet",
    label=N_("Gói tin"),
    table="packets",
    initial="queued",
    states={
        "queued": N_("Chờ gửi"),
        "in_doubt": N_("Chưa rõ kết quả"),
        "received": N_("Bưu điện đã nhận tin"),
        "accepted": N_("Đã tiếp nhận"),
        "rejected": N_("Bị từ chối"),
        "refused": N_("Không được nhận"),
        "withdrawn": N_("Đã rút"),
        "settled": N_("Đã quyết toán"),
    },
    tone={
        "in_doubt": "warn",
        "rejected": "bad",
        "refused": "bad",
        "accepted": "good",
        "settled": "good",
        "withdrawn": "off",
    },
    moves=_moves(
        Move(
            "claim",
            N_("Bắt đầu gửi"),
            _set("queued", "in_doubt"),
            "in_doubt",
            _SYSTEM,
            N_("Ý định gửi được ghi trước khi gọi ra ngoài."),
        ),
        Move(
            "release",
            N_("Chưa gửi được"),
            _set("in_doubt"),
            "queued",
            _SYSTEM,
            N_("Chắc chắn chưa có byte nào rời hệ thống trong mọi lần gửi."),
        ),
        Move(
            "receive",
            N_("Xác nhận đã nhận tin"),
            _set("in_doubt"),
            "received",
            _AGENCY,
            N_("Đơn vị chi trả xác nhận đã nhận gói tin."),
        ),
        Move("accept", N_("Tiếp nhận"), _set("in_doubt", "received"), "accepted", _AGENCY, N_("So khớp đúng.")),
        Move(
            "reject",
            N_("Từ chối"),
            _set("in_doubt", "received", "accepted"),
            "rejected",
            _AGENCY,
            N_("Đơn vị chi trả từ chối, hoặc đồng ý đề nghị từ chối của ta."),
            reason_required=True,
        ),
        Move(
            "refuse",
            N_("Không nhận"),
            _set("in_doubt"),
            "refused",
            _AGENCY,
            N_("Câu trả lời có ký của đơn vị chi trả nói gói tin không được nhận."),
            reason_required=True,
        ),
        Move(
            "withdraw",
            N_("Rút lại"),
            _set("queued"),
            "withdrawn",
            frozenset({_CLERK, _SUPERVISOR}),
            N_("Gói tin chưa từng rời hệ thống."),
            reason_required=True,
        ),
        Move(
            "settle",
            N_("Quyết toán"),
            _set("accepted"),
            "settled",
            frozenset({_ACCOUNTANT}),
            N_("Quyết toán của gói tin đã được chốt."),
        ),
        Move(
            "reopen",
            N_("Mở lại quyết toán"),
            _set("settled"),
            "accepted",
            frozenset({_SUPERVISOR}),
            N_("Quyết toán của gói tin được mở lại."),
            reason_required=True,
        ),
    ),
)

LIVE_PACKET_STATES = ("queued", "in_doubt", "received", "accepted", "settled")
"""At most one packet of a list is in one of these (partial unique index)."""

SETTLEMENT = Machine(
    name="settlement",
    label=N_("Quyết toán"),
    table="settlements",
    initial="waiting",
    states={
        "waiting": N_("Chờ kết quả"),
        "partial": N_("Đã nhận một phần"),
        "received": N_("Đã nhận đủ"),
        "locked": N_("Đã chốt"),
        "void": N_("Không còn hiệu lực"),
    },
    tone={"partial": "warn", "locked": "good", "void": "off"},
    moves=_moves(
        Move(
            "receive_part",
            N_("Nhận một phần"),
            _set("waiting", "partial"),
            "partial",
            _AGENCY,
            N_("Một phần của quyết toán đã đến."),
        ),
        Move(
            "receive_all",
            N_("Nhận đủ"),
            _set("waiting", "partial"),
            "received",
            _AGENCY,
            N_("Mọi phần của quyết toán đã đến."),
        ),
        Move(
            "lock",
            N_("Chốt quyết toán"),
            _set("waiting", "partial", "received"),
            "locked",
            frozenset({_ACCOUNTANT}),
            N_("Số liệu khớp, mọi dòng có kết quả; trạng thái dòng và sổ tiền được ghi."),
        ),
        Move(
            "void",
            N_("Hủy hiệu lực"),
            _set("waiting", "partial", "received"),
            "void",
            _AGENCY,
            N_("Gói tin bị từ chối sau khi đã tiếp nhận."),
        ),
        Move(
            "reopen",
            N_("Mở lại quyết toán"),
            _set("locked"),
            "received",
            frozenset({_SUPERVISOR}),
            N_("Chỉ khi kỳ còn mở và tiền chưa trả chưa mang sang danh sách đã duyệt; sổ tiền ghi bút toán ngược."),
            reason_required=True,
        ),
    ),
)

PERIOD = Machine(
    name="period",
    label=N_("Kỳ chi trả"),
    table="area_periods",
    initial="open",
    states={"open": N_("Đang mở"), "closed": N_("Đã chốt")},
    tone={"closed": "good"},
    moves=_moves(
        Move(
            "close",
            N_("Chốt kỳ"),
            _set("open"),
            "closed",
            _CLOSING,
            N_("Mọi danh sách của kỳ đã quyết toán hoặc đã hủy; các danh sách được chốt cùng."),
        ),
        Move(
            "reopen",
            N_("Mở lại kỳ"),
            _set("closed"),
            "open",
            frozenset({_SUPERVISOR}),
            N_("Chỉ khi kỳ sau chưa có danh sách được duyệt; lịch sử được giữ."),
            reason_required=True,
        ),
    ),
)

TRANSFER = Machine(
    name="transfer",
    label=N_("Chuyển tiền"),
    table="agency_transfers",
    initial="entered",
    states={"entered": N_("Chờ duyệt"), "approved": N_("Đã duyệt"), "refused": N_("Không duyệt")},
    tone={"entered": "warn", "approved": "good", "refused": "off"},
    moves=_moves(
        Move(
            "approve",
            N_("Duyệt"),
            _set("entered"),
            "approved",
            frozenset({_SUPERVISOR}),
            N_("Người duyệt không phải người nhập; từ lúc này tiền được tính vào số dư."),
        ),
        Move(
            "refuse",
            N_("Không duyệt"),
            _set("entered"),
            "refused",
            frozenset({_SUPERVISOR}),
            N_("Chứng từ nhập sai; số dư không đổi."),
            reason_required=True,
        ),
    ),
)

MACHINES: dict[str, Machine] = {
    m.name: m
    for m in (BATCH, PACKET, SETTLEMENT, EXTENSION, PERIOD, TRANSFER, RECOVERY, ARREARS, SUSPENSION, RELOCATION)
}

LINE_RESULTS: dict[str, str] = {
    "pending": N_("Chưa cập nhật"),
    "paid": N_("Đã trả"),
    "unpaid": N_("Chưa trả"),
    "unpaid_stopped": N_("Chưa trả và dừng chi trả"),
    "to_recover": N_("Cần truy thu"),
}
"""What became of a line; written once, by the lock of its settlement."""
