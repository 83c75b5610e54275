"""DVCT_10: the lists of a month against those of the month before: who came, who left, whose money or payee changed."""

from __future__ import annotations

from app.reports.shape import Column, Order, Report
from app.rules.states import N_

_SIDE = """
    SELECT l.id, l.entitlement_id, l.beneficiary_id, l.beneficiary_code, l.full_name, l.name_fold, l.birth, l.hamlet,
           l.payee_name, l.payee_fa, l.method, l.benefit_vnd, b.kind, a.full_name AS area_name, a.path AS area_path,
           (p.month {shift})::date AS month
      FROM payout_batches b JOIN periods p ON p.id = b.period_id JOIN payout_lines l ON l.batch_id = b.id AND l.live
      JOIN areas a ON a.path = l.area_path
     WHERE p.month BETWEEN CAST(:month_from AS date) {back} AND CAST(:month_to AS date) {back} AND b.state <> 'cancelled'
       AND l.area_path >= :low AND l.area_path < :high
       AND (CAST(:agency AS int) IS NULL OR b.agency_id = :agency)
       AND (CAST(:kind AS text) IS NULL OR b.kind = :kind)
"""
_NOW = _SIDE.format(shift="", back="")
_BEFORE = _SIDE.format(shift="+ interval '1 month'", back="- interval '1 month'")

# Both months' lines of one entitlement in one area; who moved left one and came into another.
_SOURCE = f"""
SELECT * FROM (
    SELECT coalesce(n.area_name, o.area_name) AS area_name, coalesce(n.month, o.month) AS month,
           coalesce(n.beneficiary_code, o.beneficiary_code) AS beneficiary_code,
           coalesce(n.full_name, o.full_name) AS full_name, coalesce(n.birth, o.birth) AS birth,
           coalesce(n.hamlet, o.hamlet) AS hamlet, coalesce(n.kind, o.kind) AS kind,
           CASE WHEN o.id IS NULL THEN 'came' WHEN n.id IS NULL THEN 'left'
                WHEN (o.benefit_vnd, o.payee_name, o.payee_fa) IS DISTINCT FROM (n.benefit_vnd, n.payee_name, n.payee_fa)
                THEN 'changed' ELSE 'same' END AS section,
           coalesce(o.benefit_vnd, 0) AS before_vnd, coalesce(n.benefit_vnd, 0) AS now_vnd,
           coalesce(n.benefit_vnd, 0) - coalesce(o.benefit_vnd, 0) AS difference_vnd,
           coalesce(o.payee_name, '') AS before_payee, coalesce(n.payee_name, '') AS now_payee,
           o.method AS before_method, n.method AS now_method, false AS subtotal, 0 AS provisional,
           coalesce(n.area_path, o.area_path) AS area_path, coalesce(n.name_fold, o.name_fold) AS name_fold,
           coalesce(n.beneficiary_id, o.beneficiary_id) AS beneficiary_id, coalesce(n.id, o.id) AS line_id
      FROM ({_NOW}) n
      FULL JOIN ({_BEFORE}) o
        ON o.entitlement_id = n.entitlement_id AND o.month = n.month AND o.area_path = n.area_path) line
 WHERE section <> 'same'
"""

REPORT = Report(
    code="DVCT_10",
    title=N_("So với tháng trước"),
    description=N_("Tăng, giảm, thay đổi mức trợ cấp hoặc người nhận của kỳ này so với kỳ trước."),
    columns=(
        Column("area_name", N_("Địa bàn"), width=22),
        Column("month", N_("Kỳ"), "month", width=10),
        Column("section", N_("Thay đổi"), "section", width=12),
        Column("beneficiary_code", N_("Mã đối tượng"), "code", width=14),
        Column("full_name", N_("Họ tên"), width=26),
        Column("birth", N_("Ngày sinh"), "code", width=12),
        Column("hamlet", N_("Thôn, tổ dân phố"), width=18),
        Column("before_vnd", N_("Trợ cấp kỳ trước"), "money", total=True, width=15),
        Column("now_vnd", N_("Trợ cấp kỳ này"), "money", total=True, width=15),
        Column("difference_vnd", N_("Chênh lệch"), "money", total=True, width=15),
        Column("before_payee", N_("Người nhận kỳ trước"), width=24),
        Column("now_payee", N_("Người nhận kỳ này"), width=24),
    ),
    source=_SOURCE,
    orders={
        "area": Order(N_("Theo địa bàn"), "area_path, month, section, hamlet, name_fold, line_id"),
        "name": Order(
            N_("Theo họ tên"),
            "coalesce((SELECT x.name_sort FROM beneficiaries x WHERE x.id = line.beneficiary_id), line.name_fold)"
            ' COLLATE "C", line_id',
        ),
        "difference": Order(N_("Chênh lệch lớn nhất trước"), "abs(difference_vnd) DESC, line_id"),
    },
    filters=frozenset({"agency", "kind"}),
    personal=True,
)
