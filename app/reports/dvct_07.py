"""DVCT_07: unpaid money taken into later lists: whose, of which period, into which, and what became of it there."""

from __future__ import annotations

from app.reports.sent import LISTED, NAME_ORDER, OUTCOME
from app.reports.shape import Column, Order, Report
from app.rules.states import N_

_CARRIED = LISTED.replace(
    " WHERE p.month",
    "  JOIN carry_overs c ON c.to_line_id = l.id\n"
    "  JOIN payout_lines o ON o.id = c.from_line_id\n"
    "  JOIN periods q ON q.id = o.period_id\n"
    " WHERE p.month",
    1,
)

_SOURCE = f"""
SELECT * FROM (
SELECT a.full_name AS area_name, p.month, l.no, l.beneficiary_code, l.full_name, l.birth, l.hamlet, l.payee_name,
       q.month AS from_month, c.amount_vnd AS carried_vnd, o.result_reason AS reason, {OUTCOME} AS outcome,
       false AS subtotal, 0 AS provisional, b.area_path, b.id AS batch_id, l.name_fold, l.beneficiary_id, l.id AS line_id
{_CARRIED}) line
"""

REPORT = Report(
    code="DVCT_07",
    title=N_("Tiền tháng trước mang sang"),
    description=N_("Tiền chưa trả của kỳ trước đã đưa vào danh sách của kỳ: của ai, kỳ nào, nay đã trả hay chưa."),
    columns=(
        Column("area_name", N_("Địa bàn"), width=22),
        Column("month", N_("Kỳ"), "month", width=10),
        Column("no", N_("STT"), "number", width=7),
        Column("beneficiary_code", N_("Mã đối tượng"), "code", width=14),
        Column("full_name", N_("Họ tên"), width=26),
        Column("birth", N_("Ngày sinh"), "code", width=12),
        Column("hamlet", N_("Thôn, tổ dân phố"), width=18),
        Column("payee_name", N_("Người nhận"), width=26),
        Column("from_month", N_("Của kỳ"), "month", width=10),
        Column("carried_vnd", N_("Tiền mang sang"), "money", total=True, width=16),
        Column("reason", N_("Lý do chưa trả"), "reason", width=26),
        Column("outcome", N_("Kết quả kỳ này"), "outcome", width=18),
    ),
    source=_SOURCE,
    orders={
        "area": Order(N_("Theo địa bàn và STT"), "area_path, month, batch_id, no, from_month"),
        "name": Order(N_("Theo họ tên"), f"month, {NAME_ORDER}, from_month"),
    },
    filters=frozenset({"agency", "kind", "batch"}),
    personal=True,
)
