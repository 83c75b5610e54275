"""C74b-HD: the settlement sheet after the form, people and đồng in numbered pairs: payable, paid, moved, unpaid, approved.

Paid {3,4} is all that was handed out, so a line that must be recovered is in it and not in approved {9,10}, which holds
what a locked settlement paid rightly. Moved {5,6} is what was not paid because the person had moved away. Unpaid is the
rest: 7 = 1 − 3 − 5, 8 = 2 − 4 − 6.
"""

from __future__ import annotations

from app.reports.sent import LINES, OUTCOME, REASON
from app.reports.shape import Column, Order, Report
from app.rules.states import N_

_PAID = "outcome IN ('paid', 'to_recover')"
_MOVED = "outcome IN ('unpaid', 'unpaid_stopped') AND reason = 'MOVED'"
_APPROVED = "result = 'paid'"


def _pair(name: str, condition: str) -> str:
    return (
        f"count(*) FILTER (WHERE {condition}) AS {name}_people,"
        f" coalesce(sum(total_vnd) FILTER (WHERE {condition}), 0)::bigint AS {name}_vnd"
    )


_PAIRS = ", ".join(
    _pair(name, condition) for name, condition in (("paid", _PAID), ("moved", _MOVED), ("approved", _APPROVED))
)

_SOURCE = f"""
SELECT x.*, payable_people - paid_people - moved_people AS unpaid_people, payable_vnd - paid_vnd - moved_vnd AS unpaid_vnd
  FROM (
    SELECT area_name, area_code, kind, month, area_path, grouping(kind) = 1 AS subtotal, count(*) AS payable_people,
           sum(total_vnd)::bigint AS payable_vnd, {_PAIRS}, count(*) FILTER (WHERE result = 'pending') AS provisional
      FROM (SELECT a.full_name AS area_name, a.code AS area_code, a.path AS area_path, b.kind, p.month, l.total_vnd,
                   l.result, {OUTCOME} AS outcome, {REASON} AS reason {LINES}) line
     GROUP BY GROUPING SETS ((area_name, area_code, area_path, month, kind), (area_name, area_code, area_path))) x
"""

REPORT = Report(
    code="C74B_HD",
    title=N_("Bảng quyết toán chi trả theo mẫu C74b-HD"),
    description=N_("Phải chi trả, đã chi trả, chuyển đi, chưa chi trả, được duyệt quyết toán: số người và số tiền."),
    columns=(
        Column("area_name", N_("Địa bàn"), width=24),
        Column("month", N_("Kỳ"), "month", width=10),
        Column("kind", N_("Loại danh sách"), "kind", width=20),
        Column("payable_people", N_("Phải chi trả: người (1)"), "number", total=True, width=11),
        Column("payable_vnd", N_("Phải chi trả: đồng (2)"), "money", total=True, width=17),
        Column("paid_people", N_("Đã chi trả: người (3)"), "number", total=True, width=11),
        Column("paid_vnd", N_("Đã chi trả: đồng (4)"), "money", total=True, width=17),
        Column("moved_people", N_("Chuyển đi: người (5)"), "number", total=True, width=11),
        Column("moved_vnd", N_("Chuyển đi: đồng (6)"), "money", total=True, width=15),
        Column("unpaid_people", N_("Chưa chi trả: người (7 = 1 − 3 − 5)"), "number", total=True, width=11),
        Column("unpaid_vnd", N_("Chưa chi trả: đồng (8 = 2 − 4 − 6)"), "money", total=True, width=16),
        Column("approved_people", N_("Được duyệt: người (9)"), "number", total=True, width=11),
        Column("approved_vnd", N_("Được duyệt: đồng (10)"), "money", total=True, width=17),
    ),
    source=_SOURCE,
    orders={"area": Order(N_("Theo địa bàn"), "area_path, subtotal, month, kind")},
    filters=frozenset({"agency", "kind"}),
    drill="DVCT_02",
    drill_by={"area": "area_code", "month": "month", "kind": "kind"},
    drill_outcomes={"payable_people": ""},
    words_of="approved_vnd",
)
