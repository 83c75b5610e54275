"""DVCT_01: what was sent to each agency for each area and period, and what became of it, in people and đồng."""

from __future__ import annotations

from app.reports.sent import LINES, OUTCOME, PARTS, TALLIES
from app.reports.shape import Column, Order, Report
from app.rules.states import N_

TALLY_COLUMNS = (
    Column("sent_people", N_("Đã gửi: lượt người"), "number", total=True),
    Column("sent_vnd", N_("Đã gửi: đồng"), "money", total=True, width=18),
    Column("paid_people", N_("Đã trả: lượt người"), "number", total=True),
    Column("paid_vnd", N_("Đã trả: đồng"), "money", total=True, width=18),
    Column("unpaid_people", N_("Chưa trả: lượt người"), "number", total=True),
    Column("unpaid_vnd", N_("Chưa trả: đồng"), "money", total=True, width=16),
    Column("recover_people", N_("Cần truy thu: lượt người"), "number", total=True),
    Column("recover_vnd", N_("Cần truy thu: đồng"), "money", total=True, width=16),
    Column("pending_people", N_("Chưa có kết quả: lượt người"), "number", total=True),
    Column("pending_vnd", N_("Chưa có kết quả: đồng"), "money", total=True, width=18),
)

DRILL_OUTCOMES = {"sent_people": ""} | {f"{name}_people": outcome for name, outcome in PARTS.items()}

_SOURCE = f"""
SELECT agency, agency_id, month, area_code, area_name, area_path, grouping(area_path) = 1 AS subtotal,
       {TALLIES},
       count(*) FILTER (WHERE result = 'pending') AS provisional
  FROM (SELECT coalesce(g.name, '') AS agency, coalesce(b.agency_id, 0) AS agency_id, p.month, a.code AS area_code,
               a.full_name AS area_name, a.path AS area_path, l.total_vnd, l.result, {OUTCOME} AS outcome {LINES}) line
 GROUP BY GROUPING SETS ((agency, agency_id, month, area_code, area_name, area_path), (agency, agency_id))
"""

REPORT = Report(
    code="DVCT_01",
    title=N_("Tổng hợp chi trả theo đơn vị chi trả"),
    description=N_("Đã gửi, đã trả, chưa trả, cần truy thu và chưa có kết quả của từng đơn vị chi trả, địa bàn, kỳ."),
    columns=(
        Column("agency", N_("Đơn vị chi trả"), "agency", width=30),
        Column("month", N_("Kỳ"), "month", width=10),
        Column("area_code", N_("Mã địa bàn"), "code", width=10),
        Column("area_name", N_("Địa bàn"), width=24),
        *TALLY_COLUMNS,
    ),
    source=_SOURCE,
    orders={
        "area": Order(N_("Theo địa bàn"), 'agency COLLATE "C", agency_id, subtotal, area_path, month'),
        "unpaid": Order(
            N_("Chưa trả nhiều nhất trước"),
            'agency COLLATE "C", agency_id, subtotal, unpaid_vnd DESC, area_path, month',
        ),
    },
    filters=frozenset({"agency", "kind"}),
    drill="DVCT_02",
    drill_by={"area": "area_code", "month": "month", "agency": "agency_id"},
    drill_outcomes=DRILL_OUTCOMES,
)
