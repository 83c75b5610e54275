"""DVCT_03: who was not paid, for how many periods in a row, and since when: three are a legal ground to suspend."""

from __future__ import annotations

from app.reports.sent import LINES, NAME_ORDER, OUTCOME, REASON
from app.reports.shape import Column, Order, Report
from app.rules.states import N_

# Unpaid months just before the line's own, counted back until one is missing.
_SOURCE = f"""
SELECT line.*, 1 + coalesce(before.n, 0) AS streak,
       (line.month - coalesce(before.n, 0) * interval '1 month')::date AS since
  FROM (SELECT a.full_name AS area_name, p.month, l.no, l.beneficiary_code, l.full_name, l.birth, l.hamlet, l.payee_name,
               l.method, l.total_vnd, {OUTCOME} AS outcome, {REASON} AS reason, false AS subtotal,
               (l.result = 'pending')::int AS provisional, b.area_path, b.id AS batch_id, l.name_fold, l.beneficiary_id,
               l.entitlement_id, l.id AS line_id {LINES}) line
  LEFT JOIN LATERAL (
      SELECT count(*) AS n FROM (
          SELECT q.month, row_number() OVER (ORDER BY q.month DESC) AS back
            FROM payout_lines u JOIN periods q ON q.id = u.period_id
           WHERE u.entitlement_id = line.entitlement_id AND u.result = 'unpaid' AND u.live AND q.month < line.month) x
       WHERE x.month = (line.month - back * interval '1 month')::date) before
    ON line.outcome IN ('unpaid', 'unpaid_stopped')
 WHERE line.outcome IN ('unpaid', 'unpaid_stopped')
"""

REPORT = Report(
    code="DVCT_03",
    title=N_("Danh sách chưa nhận tiền và số kỳ liên tiếp"),
    description=N_("Người chưa nhận tiền của kỳ, lý do, và đã bao nhiêu kỳ liên tiếp chưa nhận."),
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
        Column("streak", N_("Số kỳ liên tiếp"), "number", width=10),
        Column("since", N_("Từ kỳ"), "month", width=10),
        Column("outcome", N_("Kết quả"), "outcome", width=18),
        Column("reason", N_("Lý do"), "reason", width=26),
    ),
    source=_SOURCE,
    orders={
        "area": Order(N_("Theo địa bàn và STT"), "area_path, month, batch_id, no"),
        "streak": Order(N_("Lâu chưa nhận nhất trước"), "streak DESC, area_path, month, batch_id, no"),
        "name": Order(N_("Theo họ tên"), f"month, {NAME_ORDER}"),
    },
    filters=frozenset({"agency", "kind", "batch", "method"}),
    personal=True,
)
