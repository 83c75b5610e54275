"""DVCT_04: recoveries at the end of the period: by decision, come back before and in it, written off, still to come."""

from __future__ import annotations

from app.reports.shape import Column, Order, Report
from app.rules.states import N_

# What is still to come or moved in the period; what is only proposed, or was withdrawn, is owed by nobody.
_SOURCE = """
SELECT * FROM (
    SELECT a.full_name AS area_name, b.code AS beneficiary_code, b.full_name, l.birth, l.hamlet, p.month AS of_month,
           r.reason, r.decision_no, r.state, r.amount_vnd, e.before_vnd, h.withheld_vnd, e.now_vnd, e.written_vnd,
           r.amount_vnd - e.before_vnd - e.now_vnd - e.written_vnd AS left_vnd, e.moved,
           false AS subtotal, 0 AS provisional, r.area_path, r.opened_at, b.name_sort, r.id
      FROM recoveries r
      JOIN beneficiaries b ON b.id = r.beneficiary_id
      JOIN payout_lines l ON l.id = r.line_id
      JOIN periods p ON p.id = l.period_id
      JOIN payout_batches t ON t.id = l.batch_id
      JOIN areas a ON a.path = r.area_path
      CROSS JOIN LATERAL (
          SELECT coalesce(sum(amount_vnd) FILTER (WHERE kind <> 'written_off' AND day < :month_from), 0)::bigint AS before_vnd,
                 coalesce(sum(amount_vnd) FILTER (WHERE kind <> 'written_off' AND day >= :month_from), 0)::bigint AS now_vnd,
                 coalesce(sum(amount_vnd) FILTER (WHERE kind = 'written_off'), 0)::bigint AS written_vnd,
                 count(*) FILTER (WHERE day >= :month_from) AS moved
            FROM (SELECT kind, amount_vnd, (at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AS day FROM recovery_entries
                   WHERE recovery_id = r.id) x
           WHERE day < CAST(:month_to AS date) + interval '1 month') e
      CROSS JOIN LATERAL (
          SELECT coalesce(sum(w.amount_vnd), 0)::bigint AS withheld_vnd
            FROM withholdings w JOIN payout_lines k ON k.id = w.line_id JOIN periods q ON q.id = k.period_id
           WHERE w.recovery_id = r.id AND w.outcome <> 'released' AND q.month BETWEEN :month_from AND :month_to) h
     WHERE r.state IN ('open', 'closed') AND r.area_path >= :low AND r.area_path < :high
       AND (r.opened_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date < CAST(:month_to AS date) + interval '1 month'
       AND (CAST(:agency AS int) IS NULL OR t.agency_id = :agency)
       AND (CAST(:kind AS text) IS NULL OR t.kind = :kind)) line
 WHERE left_vnd <> 0 OR withheld_vnd <> 0 OR moved > 0
"""

REPORT = Report(
    code="DVCT_04",
    title=N_("Danh sách truy thu"),
    description=N_("Khoản phải thu hồi: theo quyết định, đã thu, khấu trừ trong kỳ, đã xóa, còn phải thu."),
    columns=(
        Column("area_name", N_("Địa bàn"), width=20),
        Column("beneficiary_code", N_("Mã đối tượng"), "code", width=13),
        Column("full_name", N_("Họ tên"), width=24),
        Column("birth", N_("Ngày sinh"), "code", width=11),
        Column("hamlet", N_("Thôn, tổ dân phố"), width=16),
        Column("of_month", N_("Của kỳ"), "month", width=10),
        Column("reason", N_("Lý do"), "reason", width=20),
        Column("decision_no", N_("Số quyết định"), width=16),
        Column("state", N_("Trạng thái"), "recovery", width=12),
        Column("amount_vnd", N_("Phải thu"), "money", total=True, width=14),
        Column("before_vnd", N_("Đã thu kỳ trước"), "money", total=True, width=14),
        Column("withheld_vnd", N_("Khấu trừ trong kỳ"), "money", total=True, width=14),
        Column("now_vnd", N_("Đã thu trong kỳ"), "money", total=True, width=14),
        Column("written_vnd", N_("Đã xóa"), "money", total=True, width=13),
        Column("left_vnd", N_("Còn phải thu"), "money", total=True, width=14),
    ),
    source=_SOURCE,
    orders={
        "area": Order(N_("Theo địa bàn"), "area_path, opened_at, id"),
        "name": Order(N_("Theo họ tên"), "name_sort, id"),
        "left": Order(N_("Còn phải thu nhiều nhất trước"), "left_vnd DESC, id"),
    },
    filters=frozenset({"agency", "kind"}),
    personal=True,
    words_of="left_vnd",
)
