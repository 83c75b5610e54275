"""Checks of money: lists add up, every line's money is where the journal says, nothing is carried or owed twice (P1, P2).

A line's money is compared list by list: how many lines, how many đồng, and a mark, the XOR of a hash of every line's key
and amount. Two sides with the same three hold the same amounts for the same lines, so that a million lines are compared
by one pass over each table and no join; a movement and the one that takes it back cancel each other. A list that differs
is named, and its lines are few enough to look at.
"""

from __future__ import annotations

from app.rules.states import N_
from app.services.books.shape import Check

READINGS = (
    "line_sums AS MATERIALIZED (SELECT * FROM book_line_sums)",
    """
list_sums AS MATERIALIZED (
    SELECT batch_id, sum(lines) AS lines, sum(payable) AS payable, sum(benefit_vnd) AS benefit_vnd,
           sum(arrears_vnd) AS arrears_vnd, sum(carried_vnd) AS carried_vnd, sum(withheld_vnd) AS withheld_vnd,
           sum(total_vnd) AS total_vnd, bit_xor(mark) AS mark
      FROM line_sums WHERE live GROUP BY batch_id
)""",
    "moved AS MATERIALIZED (SELECT * FROM book_moved)",
    "recorded AS MATERIALIZED (SELECT * FROM book_recorded)",
)
"""Read once and used by several checks. The views are in `migrations/`: no policy is asked for each of a million rows."""

# Bucket of the journal in which a settled line's money ends.
_BUCKET = "CASE l.result WHEN 'unpaid_stopped' THEN 'stopped' ELSE l.result END"

CHECKS: tuple[Check, ...] = (
    Check(
        "list_adds_up",
        "P2",
        "payout_batches",
        N_("Tổng số của danh sách bằng tổng các dòng đang hiệu lực."),
        """
SELECT b.id, b.area_path FROM payout_batches b LEFT JOIN list_sums s ON s.batch_id = b.id
 WHERE (b.line_count, b.benefit_vnd, b.arrears_vnd, b.carried_vnd, b.withheld_vnd, b.total_vnd) IS DISTINCT FROM
       (coalesce(s.lines, 0), coalesce(s.benefit_vnd, 0), coalesce(s.arrears_vnd, 0), coalesce(s.carried_vnd, 0),
        coalesce(s.withheld_vnd, 0), coalesce(s.total_vnd, 0))
""",
    ),
    Check(
        "list_counts_people",
        "P2",
        "payout_batches",
        N_("Số người của danh sách chưa quyết toán bằng số người có dòng đang hiệu lực."),
        """
SELECT b.id, b.area_path FROM payout_batches b WHERE b.state <> 'settled' AND b.people_count <>
       (SELECT count(DISTINCT l.beneficiary_id) FROM payout_lines l WHERE l.batch_id = b.id AND l.live)
""",
    ),
    Check(
        "line_copies_its_list",
        "P1",
        "payout_batches",
        N_("Kỳ và đơn vị chi trả ghi ở dòng là của danh sách; danh sách đã hủy không còn dòng hiệu lực."),
        """
SELECT b.id, b.area_path FROM line_sums s JOIN payout_batches b ON b.id = s.batch_id
 WHERE (s.period_id, s.agency_id) IS DISTINCT FROM (b.period_id, b.agency_id) OR (b.state = 'cancelled' AND s.live)
""",
    ),
    Check(
        "one_live_line",
        "P1",
        "payout_lines",
        N_("Mỗi chế độ có nhiều nhất một dòng đang hiệu lực trong một kỳ."),
        """
SELECT l.id, l.area_path FROM book_live_twice t
  JOIN payout_lines l ON l.entitlement_id = t.entitlement_id AND l.period_id = t.period_id AND l.live
""",
    ),
    Check(
        "handed_over",
        "P2",
        "packets",
        N_("Tiền của gói tin được giao cho đơn vị chi trả đúng một lần, và về lại đủ khi gói tin bị từ chối."),
        """
SELECT p.id, p.area_path FROM packets p
  LEFT JOIN list_sums s ON s.batch_id = p.batch_id AND p.state IN ('accepted', 'settled')
  LEFT JOIN moved h ON h.packet_id = p.id AND h.from_bucket = 'owed' AND h.to_bucket = 'with_agency'
  LEFT JOIN moved t ON t.packet_id = p.id AND t.from_bucket = 'with_agency' AND t.to_bucket = 'owed'
 WHERE CASE WHEN p.state IN ('accepted', 'settled') THEN t.lines IS NOT NULL OR
                 (coalesce(h.lines, 0), coalesce(h.vnd, 0), h.mark) IS DISTINCT FROM (s.payable, s.total_vnd, s.mark)
            WHEN p.state = 'rejected' THEN (h.lines, h.vnd, h.mark) IS DISTINCT FROM (t.lines, t.vnd, t.mark)
            ELSE h.lines IS NOT NULL OR t.lines IS NOT NULL END
""",
    ),
    Check(
        "settled_money",
        "P2",
        "settlements",
        N_(
            "Đã gửi = đã trả + chưa trả + dừng + cần truy thu: mỗi dòng của quyết toán đã chốt nằm đúng một ngăn sổ tiền."
        ),
        f"""
SELECT s.id, s.area_path FROM settlements s WHERE s.id IN (
    SELECT coalesce(ours.settlement_id, journal.settlement_id)
      FROM (SELECT x.id AS settlement_id, {_BUCKET} AS bucket, sum(l.payable) AS lines, sum(l.total_vnd) AS vnd,
                   bit_xor(l.mark) AS mark
              FROM settlements x JOIN line_sums l ON l.batch_id = x.batch_id AND l.live AND l.payable > 0
             WHERE x.state = 'locked' GROUP BY x.id, {_BUCKET}) ours
      FULL JOIN (SELECT settlement_id, CASE from_bucket WHEN 'with_agency' THEN to_bucket ELSE from_bucket END AS bucket,
                        sum(CASE from_bucket WHEN 'with_agency' THEN lines ELSE -lines END) AS lines,
                        sum(CASE from_bucket WHEN 'with_agency' THEN vnd ELSE -vnd END) AS vnd, bit_xor(mark) AS mark
                   FROM moved WHERE settlement_id IS NOT NULL AND 'with_agency' IN (from_bucket, to_bucket)
                  GROUP BY 1, 2 HAVING sum(CASE from_bucket WHEN 'with_agency' THEN lines ELSE -lines END) <> 0
                      OR bit_xor(mark) <> 0) journal
        ON journal.settlement_id = ours.settlement_id AND journal.bucket = ours.bucket
     WHERE (ours.lines, ours.vnd, ours.mark) IS DISTINCT FROM (journal.lines, journal.vnd, journal.mark))
""",
    ),
    Check(
        "money_moves_for_a_cause",
        "P2",
        "money_movements",
        N_("Tiền giao, nhận lại và quyết toán luôn ghi gói tin hoặc quyết toán là nguyên nhân."),
        """
SELECT m.id, m.area_path FROM money_movements m
 WHERE EXISTS (SELECT 1 FROM moved WHERE coalesce(packet_id, settlement_id) IS NULL
                  AND from_bucket IN ('owed', 'with_agency'))
   AND coalesce(m.packet_id, m.settlement_id) IS NULL AND m.from_bucket IN ('owed', 'with_agency')
""",
    ),
    Check(
        "figures_of_the_lines",
        "P2",
        "settlements",
        N_("Số liệu của quyết toán đã chốt bằng tổng kết quả các dòng và bằng số đã gửi."),
        """
SELECT s.id, s.area_path FROM settlements s LEFT JOIN (
    SELECT batch_id, coalesce(sum(payable) FILTER (WHERE result = 'paid'), 0) AS paid,
           coalesce(sum(total_vnd) FILTER (WHERE result = 'paid'), 0) AS paid_vnd,
           coalesce(sum(payable) FILTER (WHERE result IN ('unpaid', 'unpaid_stopped')), 0) AS unpaid,
           coalesce(sum(total_vnd) FILTER (WHERE result IN ('unpaid', 'unpaid_stopped')), 0) AS unpaid_vnd,
           coalesce(sum(payable) FILTER (WHERE result = 'to_recover'), 0) AS recover,
           coalesce(sum(total_vnd) FILTER (WHERE result = 'to_recover'), 0) AS recover_vnd
      FROM line_sums WHERE live GROUP BY batch_id) l ON l.batch_id = s.batch_id
 WHERE s.state = 'locked' AND (
       (s.paid_count, s.paid_vnd, s.unpaid_count, s.unpaid_vnd, s.recover_count, s.recover_vnd)
           IS DISTINCT FROM (l.paid, l.paid_vnd, l.unpaid, l.unpaid_vnd, l.recover, l.recover_vnd)
    OR (s.sent_count, s.sent_vnd) <>
           (s.paid_count + s.unpaid_count + s.recover_count, s.paid_vnd + s.unpaid_vnd + s.recover_vnd))
""",
    ),
    Check(
        "results_of_the_records",
        "P6",
        "settlements",
        N_("Kết quả của từng dòng là điều bưu điện báo hoặc người có quyền đã quyết định."),
        """
SELECT s.id, s.area_path FROM settlements s WHERE s.id IN (
    SELECT coalesce(ours.settlement_id, told.settlement_id)
      FROM (SELECT x.id AS settlement_id, l.result, sum(l.payable) AS lines, bit_xor(l.key_mark) AS key_mark
              FROM settlements x JOIN line_sums l ON l.batch_id = x.batch_id AND l.live AND l.payable > 0
             WHERE x.state = 'locked' GROUP BY x.id, l.result) ours
      FULL JOIN (SELECT r.* FROM recorded r JOIN settlements x ON x.id = r.settlement_id AND x.state = 'locked') told
        ON told.settlement_id = ours.settlement_id AND told.result = ours.result
     WHERE (ours.lines, ours.key_mark) IS DISTINCT FROM (told.lines, told.key_mark))
""",
    ),
    Check(
        "settlement_ties_out",
        "P2",
        "settlements",
        N_("Quyết toán đã chốt có một báo cáo của bưu điện khớp với chính các dòng của nó hoặc với số liệu đã chốt."),
        """
SELECT s.id, s.area_path FROM settlements s WHERE s.state = 'locked' AND s.reported IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM jsonb_each(s.reported) r(name, told)
     WHERE jsonb_array_length(told -> 'totals') = 1 AND jsonb_array_length(told -> 'parts') = 1 AND (
           told #> '{totals,0}' = jsonb_build_array(s.paid_count, s.paid_vnd, s.unpaid_count, s.unpaid_vnd,
                                                    s.recover_count, s.recover_vnd)
        OR (told #> '{totals,0}' || '[0]'::jsonb, (told #>> '{parts,0}')::int) = (
            SELECT jsonb_build_array(sum((v ->> 0)::bigint), sum((v ->> 1)::bigint), sum((v ->> 2)::bigint),
                                     sum((v ->> 3)::bigint), sum((v ->> 4)::bigint), sum((v ->> 5)::bigint),
                                     sum((v ->> 6)::bigint)), count(*)
              FROM jsonb_each(told -> 'said') part(no, said), jsonb_array_elements(said) v)))
""",
    ),
    Check(
        "carried_once",
        "P1",
        "carry_overs",
        N_("Tiền mang sang bằng đúng cả dòng chưa trả của kỳ trước, của cùng một chế độ, vào một dòng đang hiệu lực."),
        """
SELECT c.from_line_id AS id, c.area_path FROM carry_overs c
  JOIN payout_lines u ON u.id = c.from_line_id JOIN periods before ON before.id = u.period_id
  JOIN payout_lines l ON l.id = c.to_line_id JOIN periods after ON after.id = l.period_id
 WHERE u.result <> 'unpaid' OR c.amount_vnd <> u.total_vnd OR u.entitlement_id <> l.entitlement_id OR NOT l.live
    OR before.month >= after.month
""",
    ),
    Check(
        "carried_of_a_line",
        "P1",
        "payout_batches",
        N_("Tiền mang sang trong danh sách bằng tổng các dòng chưa trả mà nó mang."),
        """
SELECT b.id, b.area_path FROM payout_batches b
  LEFT JOIN list_sums s ON s.batch_id = b.id
  LEFT JOIN (SELECT l.batch_id, sum(c.vnd) AS vnd, bool_or(c.vnd <> l.carried_vnd) AS differs
               FROM (SELECT to_line_id, sum(amount_vnd) AS vnd FROM carry_overs GROUP BY to_line_id) c
               JOIN payout_lines l ON l.id = c.to_line_id GROUP BY l.batch_id) x ON x.batch_id = b.id
 WHERE coalesce(s.carried_vnd, 0) <> coalesce(x.vnd, 0) OR x.differs
""",
    ),
    Check(
        "carried_in_the_journal",
        "P2",
        "payout_lines",
        N_("Sổ tiền ghi đúng những khoản mà danh sách đã duyệt mang sang."),
        """
SELECT l.id, l.area_path
  FROM (SELECT line_id, sum(CASE from_bucket WHEN 'unpaid' THEN amount_vnd ELSE -amount_vnd END) AS vnd
          FROM money_movements WHERE from_bucket NOT IN ('owed', 'with_agency')
           AND ((from_bucket = 'unpaid' AND to_bucket = 'carried') OR (from_bucket = 'carried' AND to_bucket = 'unpaid'))
         GROUP BY line_id) m
  FULL JOIN (SELECT c.from_line_id, c.amount_vnd AS vnd FROM carry_overs c JOIN payout_lines t ON t.id = c.to_line_id
               JOIN payout_batches b ON b.id = t.batch_id AND b.state <> 'draft') c ON c.from_line_id = m.line_id
  JOIN payout_lines l ON l.id = coalesce(m.line_id, c.from_line_id)
 WHERE coalesce(m.vnd, 0) <> coalesce(c.vnd, 0)
""",
    ),
    Check(
        "arrears_once",
        "P1",
        "payout_batches",
        N_("Truy lĩnh trong danh sách bằng tổng các khoản truy lĩnh gắn với dòng của cùng chế độ, mỗi khoản một lần."),
        """
SELECT b.id, b.area_path FROM payout_batches b
  LEFT JOIN list_sums s ON s.batch_id = b.id
  LEFT JOIN (SELECT l.batch_id, sum(a.vnd) AS vnd, bool_or(a.vnd <> l.arrears_vnd OR NOT l.live OR a.foreigners > 0) AS wrong
               FROM (SELECT r.line_id, sum(r.amount_vnd) AS vnd,
                            count(*) FILTER (WHERE r.entitlement_id <> t.entitlement_id) AS foreigners
                       FROM arrears r JOIN payout_lines t ON t.id = r.line_id GROUP BY r.line_id) a
               JOIN payout_lines l ON l.id = a.line_id GROUP BY l.batch_id) x ON x.batch_id = b.id
 WHERE coalesce(s.arrears_vnd, 0) <> coalesce(x.vnd, 0) OR x.wrong
""",
    ),
    Check(
        "proposed_arrears_once",
        "P1",
        "arrears_proposals",
        N_("Mỗi dòng của đề nghị truy lĩnh đã duyệt có đúng một khoản truy lĩnh bằng chính nó."),
        """
SELECT q.id, q.area_path FROM arrears_proposals q JOIN arrears_proposal_lines x ON x.proposal_id = q.id
  LEFT JOIN arrears r ON r.proposal_line_id = x.id
 WHERE (q.state = 'approved' AND x.live AND r.id IS NULL)
    OR (r.entitlement_id, r.for_month, r.amount_vnd) <> (x.entitlement_id, x.for_month, x.amount_vnd)
 GROUP BY q.id
""",
    ),
    Check(
        "recovery_opened",
        "P2",
        "payout_batches",
        N_("Mỗi dòng cần truy thu có đúng một khoản truy thu bằng cả dòng."),
        """
SELECT b.id, b.area_path FROM payout_batches b
  JOIN (SELECT coalesce(s.batch_id, r.batch_id) AS batch_id, s.lines, s.vnd, r.rows, r.vnd AS opened_vnd, r.wrong
          FROM (SELECT batch_id, sum(lines) AS lines, sum(total_vnd) AS vnd FROM line_sums
                 WHERE live AND result = 'to_recover' GROUP BY batch_id) s
          FULL JOIN (SELECT l.batch_id, count(*) AS rows, sum(r.amount_vnd) AS vnd,
                            bool_or(r.amount_vnd <> l.total_vnd OR l.result <> 'to_recover') AS wrong
                       FROM recoveries r JOIN payout_lines l ON l.id = r.line_id
                      WHERE r.source = 'settlement' AND r.state <> 'withdrawn' GROUP BY l.batch_id) r
            ON r.batch_id = s.batch_id) x ON x.batch_id = b.id
 WHERE (x.lines, x.vnd) IS DISTINCT FROM (x.rows, x.opened_vnd) OR x.wrong
""",
    ),
    Check(
        "recovered_at_most",
        "P2",
        "recoveries",
        N_("Tiền thu hồi không vượt số phải truy thu và luôn thuộc một khoản truy thu."),
        """
SELECT l.id, l.area_path
  FROM (SELECT line_id, sum(CASE from_bucket WHEN 'to_recover' THEN amount_vnd ELSE -amount_vnd END) AS vnd
          FROM money_movements WHERE from_bucket NOT IN ('owed', 'with_agency')
           AND ((from_bucket = 'to_recover' AND to_bucket = 'recovered')
             OR (from_bucket = 'recovered' AND to_bucket = 'to_recover'))
         GROUP BY line_id) m
  JOIN payout_lines l ON l.id = m.line_id
  LEFT JOIN (SELECT x.line_id, sum(x.amount_vnd) AS amount_vnd FROM recovery_lines x JOIN recoveries o
                 ON o.id = x.recovery_id AND o.state <> 'withdrawn' GROUP BY x.line_id) r ON r.line_id = m.line_id
 WHERE m.vnd < 0 OR m.vnd > coalesce(r.amount_vnd, 0)
""",
    ),
    Check(
        "paid_stays_paid",
        "P2",
        "money_movements",
        N_("Tiền đã trả không bao giờ thành chưa trả mà không có lý do."),
        # into `to_recover` it moves for a recovery, which `to_recover_in_the_journal` demands
        """
SELECT id, area_path FROM money_movements
 WHERE from_bucket NOT IN ('owed', 'with_agency') AND from_bucket = 'paid' AND to_bucket <> 'to_recover'
   AND coalesce(trim(reason), '') = ''
""",
    ),
)
