"""DVCT_06: what was sent by each payment method, and what became of it, in people and đồng."""

from __future__ import annotations

from app.reports.dvct_01 import DRILL_OUTCOMES, TALLY_COLUMNS
from app.reports.sent import LINES, OUTCOME, TALLIES
from app.reports.shape import Column, Order, Report
from app.rules.states import N_

_SOURCE = f"""
SELECT method, month, area_code, area_name, area_path, grouping(area_path) = 1 AS subtotal,
       {TALLIES},
       count(*) FILTER (WHERE result = 'pending') AS provisional
  FROM (SELECT l.method, p.month, a.code AS area_code, a.full_name AS area_name, a.path AS area_path, l.total_vnd, l.result,
               {OUTCOME} AS outcome {LINES}) line
 GROUP BY GROUPING SETS ((method, month, area_code, area_name, area_path), (method))
"""

REPORT = Report(
    code="DVCT_06",
    title=N_("Tổng hợp theo hình thức chi trả"),
    description=N_("Tiền mặt, tài khoản, ví điện tử: đã gửi, đã trả, chưa trả, cần truy thu của từng địa bàn, kỳ."),
    columns=(
        Column("method", N_("Hình thức chi trả"), "method", width=24),
        Column("month", N_("Kỳ"), "month", width=10),
        Column("area_code", N_("Mã địa bàn"), "code", width=10),
        Column("area_name", N_("Địa bàn"), width=24),
        *TALLY_COLUMNS,
    ),
    source=_SOURCE,
    orders={"area": Order(N_("Theo địa bàn"), "method, subtotal, area_path, month")},
    filters=frozenset({"agency", "kind"}),
    drill="DVCT_02",
    drill_by={"area": "area_code", "month": "month", "method": "method"},
    drill_outcomes=DRILL_OUTCOMES,
)
