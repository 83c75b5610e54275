"""DVCT_02: the names behind DVCT_01, paid and unpaid; codes and amounts, never a diagnosis."""

from __future__ import annotations

from app.reports.sent import LINES, NAME_ORDER, OUTCOME, REASON
from app.reports.shape import Column, Order, Report
from app.rules.states import N_

_SOURCE = f"""
SELECT * FROM (
    SELECT a.full_name AS area_name, p.month, l.no, l.beneficiary_code, l.full_name, l.birth, l.hamlet, l.payee_name,
           l.method, l.total_vnd, {OUTCOME} AS outcome,
           {REASON} AS reason,
           false AS subtotal, (l.result = 'pending')::int AS provisional,
           b.area_path, b.id AS batch_id, l.name_fold, l.beneficiary_id, l.id AS line_id {LINES}) line
 WHERE CAST(:outcomes AS text[]) IS NULL OR outcome = ANY(:outcomes)
"""

REPORT = Report(
    code="DVCT_02",
    title=N_("Danh sách đối tượng đã trả, chưa trả"),
    description=N_("Tên từng người: đã trả, chưa trả, cần truy thu hoặc chưa có kết quả, kèm lý do."),
    columns=(
        Column("area_name", N_("Địa bàn"), width=22),
        Column("month", N_("Kỳ"), "month", width=10),
        Column("no", N_("STT"), "number", width=7),
        Column("beneficiary_code", N_("Mã đối tượng"), "code", width=14),
        Column("full_name", N_("Họ tên"), width=26),
        Column("birth", N_("Ngày sinh"), "code", width=12),
        Column("hamlet", N_("Thôn, tổ dân phố"), width=18),
        Column("payee_name", N_("Người nhận"), width=26),
        Column("method", N_("Hình thức chi trả"), "method", width=18),
        Column("total_vnd", N_("Số tiền"), "money", total=True, width=16),
        Column("outcome", N_("Kết quả"), "outcome", width=18),
        Column("reason", N_("Lý do"), "reason", width=26),
    ),
    source=_SOURCE,
    orders={
        "area": Order(N_("Theo địa bàn và STT"), "area_path, month, batch_id, no"),
        "name": Order(N_("Theo họ tên"), NAME_ORDER),
        "amount": Order(N_("Số tiền lớn nhất trước"), "total_vnd DESC, line_id"),
    },
    filters=frozenset({"agency", "kind", "outcome", "batch", "method"}),
    personal=True,
)
