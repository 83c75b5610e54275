"""DVCT_09: what changed between two versions of a list that were sent, whatever way they travelled."""

from __future__ import annotations

from app.reports.shape import Column, Order, Report
from app.rules.states import N_

# Each version that left against the one before. Lines of versions that came back were kept when their list was opened; the
# lines of the last version are its list's until then.
_SOURCE = """
WITH packet AS (
    SELECT k.id, k.version, b.id AS batch_id, b.code AS list_code, p.month, a.full_name AS area_name, b.area_path,
           lag(k.id) OVER w AS before_id, lag(k.version) OVER w AS before_version,
           lead(k.id) OVER w IS NULL AND b.state IN ('sent', 'accepted', 'settled', 'returned') AS is_the_list
      FROM packets k JOIN payout_batches b ON b.id = k.batch_id JOIN periods p ON p.id = b.period_id
      JOIN areas a ON a.id = b.area_id
     WHERE p.month BETWEEN :month_from AND :month_to AND b.area_path >= :low AND b.area_path < :high
       AND k.body_sha256 IS NOT NULL
       AND (CAST(:agency AS int) IS NULL OR k.agency_id = :agency)
       AND (CAST(:kind AS text) IS NULL OR b.kind = :kind)
       AND (CAST(:batch AS bigint) IS NULL OR b.id = :batch)
    WINDOW w AS (PARTITION BY b.id ORDER BY k.version)
), said AS MATERIALIZED (
    SELECT k.id, l.reference, l.payee_name, l.payee_fa, l.amount_vnd AS vnd
      FROM packet k JOIN sent_lines l ON l.packet_id = k.id
    UNION ALL
    SELECT k.id, l.reference, l.payee_name, l.payee_fa, l.total_vnd
      FROM packet k JOIN payout_lines l ON l.batch_id = k.batch_id AND l.live AND l.total_vnd > 0
     WHERE k.is_the_list AND k.before_id IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM sent_lines WHERE packet_id = k.id)
), known AS (
    SELECT DISTINCT id FROM said
), pair AS (
    SELECT k.id, coalesce(n.reference, o.reference) AS reference, o.payee_name AS before_payee, n.payee_name AS now_payee,
           o.vnd AS before_vnd, n.vnd AS now_vnd, o.payee_fa IS DISTINCT FROM n.payee_fa AS readdressed
      FROM packet k
      JOIN said o ON o.id = k.before_id
      LEFT JOIN said n ON n.id = k.id AND n.reference = o.reference
     WHERE k.id IN (SELECT id FROM known)
    UNION ALL
    SELECT k.id, n.reference, NULL, n.payee_name, NULL, n.vnd, false
      FROM packet k JOIN said n ON n.id = k.id
     WHERE k.before_id IN (SELECT id FROM known)
       AND NOT EXISTS (SELECT 1 FROM said o WHERE o.id = k.before_id AND o.reference = n.reference)
)
SELECT k.area_name, k.month, k.list_code, k.before_version, k.version AS now_version, d.reference,
       CASE WHEN d.before_vnd IS NULL THEN 'came' WHEN d.now_vnd IS NULL THEN 'left' ELSE 'changed' END AS section,
       coalesce(d.before_payee, '') AS before_payee, coalesce(d.now_payee, '') AS now_payee,
       coalesce(d.before_vnd, 0) AS before_vnd, coalesce(d.now_vnd, 0) AS now_vnd,
       coalesce(d.now_vnd, 0) - coalesce(d.before_vnd, 0) AS difference_vnd, d.readdressed,
       false AS subtotal, 0 AS provisional, k.area_path, k.batch_id, k.version
  FROM pair d JOIN packet k ON k.id = d.id
 WHERE (d.before_vnd, d.before_payee) IS DISTINCT FROM (d.now_vnd, d.now_payee) OR d.readdressed
"""

REPORT = Report(
    code="DVCT_09",
    title=N_("So sánh hai phiên bản danh sách đã gửi"),
    description=N_("Danh sách gửi lại sau khi bị trả: dòng thêm, dòng bớt, dòng đổi số tiền hoặc người nhận."),
    columns=(
        Column("area_name", N_("Địa bàn"), width=22),
        Column("month", N_("Kỳ"), "month", width=10),
        Column("list_code", N_("Danh sách"), "code", width=22),
        Column("before_version", N_("Bản trước"), "number", width=8),
        Column("now_version", N_("Bản sau"), "number", width=8),
        Column("reference", N_("Mã dòng"), "code", width=16),
        Column("section", N_("Thay đổi"), "section", width=12),
        Column("before_payee", N_("Người nhận trước"), width=24),
        Column("now_payee", N_("Người nhận sau"), width=24),
        Column("before_vnd", N_("Số tiền trước"), "money", total=True, width=15),
        Column("now_vnd", N_("Số tiền sau"), "money", total=True, width=15),
        Column("difference_vnd", N_("Chênh lệch"), "money", total=True, width=15),
    ),
    source=_SOURCE,
    orders={"area": Order(N_("Theo địa bàn và danh sách"), "area_path, month, batch_id, version, section, reference")},
    filters=frozenset({"agency", "kind", "batch"}),
    personal=True,
)
