"""DVCT_05: arrears: owed for which month, by what reason, paid in which list, or still waiting for one."""

from __future__ import annotations

from app.reports.sent import OUTCOME
from app.reports.shape import Column, Order, Report
from app.rules.states import N_

_SOURCE = f"""
SELECT a.full_name AS area_name, b.code AS beneficiary_code, b.full_name, b.hamlet, x.for_month, x.due_month, x.amount_vnd,
       x.reason, x.decision_no, p.month AS paid_month, CASE WHEN l.id IS NULL THEN 'waiting' ELSE {OUTCOME} END AS outcome,
       false AS subtotal, (l.id IS NOT NULL AND l.result = 'pending')::int AS provisional, x.area_path, b.name_sort, x.id
  FROM arrears x
  JOIN entitlements e ON e.id = x.entitlement_id
  JOIN beneficiaries b ON b.id = e.beneficiary_id
  JOIN areas a ON a.path = x.area_path
  LEFT JOIN payout_lines l ON l.id = x.line_id
  LEFT JOIN periods p ON p.id = l.period_id
  LEFT JOIN payout_batches t ON t.id = l.batch_id
  LEFT JOIN settlements s ON s.batch_id = l.batch_id AND s.state NOT IN ('locked', 'void')
  LEFT JOIN settlement_records r ON r.settlement_id = s.id AND r.line_id = l.id
 WHERE x.area_path >= :low AND x.area_path < :high
   AND (p.month BETWEEN :month_from AND :month_to OR (x.line_id IS NULL AND x.due_month <= :month_to))
   AND (CAST(:agency AS int) IS NULL OR t.agency_id = :agency)
   AND (CAST(:kind AS text) IS NULL OR t.kind = :kind)
"""

REPORT = Report(
    code="DVCT_05",
    title=N_("Danh sách truy lĩnh"),
    description=N_(
        "Tiền truy lĩnh: của tháng nào, vì sao, đã đưa vào danh sách kỳ nào hoặc còn chờ, nay đã trả hay chưa."
    ),
    columns=(
        Column("area_name", N_("Địa bàn"), width=22),
        Column("beneficiary_code", N_("Mã đối tượng"), "code", width=13),
        Column("full_name", N_("Họ tên"), width=26),
        Column("hamlet", N_("Thôn, tổ dân phố"), width=18),
        Column("for_month", N_("Của tháng"), "month", width=10),
        Column("due_month", N_("Trả từ kỳ"), "month", width=10),
        Column("amount_vnd", N_("Số tiền"), "money", total=True, width=15),
        Column("reason", N_("Lý do"), width=28),
        Column("decision_no", N_("Số quyết định"), width=16),
        Column("paid_month", N_("Trong danh sách kỳ"), "month", width=12),
        Column("outcome", N_("Kết quả"), "arrears", width=18),
    ),
    source=_SOURCE,
    orders={
        "area": Order(N_("Theo địa bàn"), "x.area_path, b.name_sort, x.for_month, x.id"),
        "name": Order(N_("Theo họ tên"), "b.name_sort, x.for_month, x.id"),
        "amount": Order(N_("Số tiền lớn nhất trước"), "x.amount_vnd DESC, x.id"),
    },
    filters=frozenset({"agency", "kind"}),
    personal=True,
)
