"""Checks of the course of things: states agree with each other and with the audit, packets and messages are whole (P3–P13)."""

from __future__ import annotations

from app.rules.deadlines import MAX_EXTENSION_DAYS_TOTAL
from app.rules.states import LIVE_PACKET_STATES, MACHINES, N_
from app.services.books.shape import ROOT, Check

_LIVE = ", ".join(f"'{state}'" for state in LIVE_PACKET_STATES)

# Everything that has a state: (machine, id, state, area_path).
_STATES = " UNION ALL ".join(
    f"SELECT '{machine.name}' AS machine, id::bigint AS id, state, area_path FROM {machine.table}"
    for machine in MACHINES.values()
)

READINGS = (
    f"""
live_packets AS MATERIALIZED (
    SELECT id, batch_id, area_path, agency_id, state, version, line_count, people_count, total_vnd, lines_sha256
      FROM packets WHERE state IN ({_LIVE})
)""",
)

TRIGGERS: dict[str, tuple[str, ...]] = {
    "payout_lines": ("refuse_frozen_insert", "refuse_frozen_update", "refuse_frozen_delete"),
    "payout_batches": ("refuse_frozen_batch", "refuse_unsettling", "refuse_regrouping"),
    "recovery_lines": ("refuse_more_than_paid",),
    "recovery_entries": ("refuse_more_than_due", "refuse_rewriting"),
    "withholdings": ("refuse_frozen_withholding",),
    "settlements": ("refuse_locked_settlement",),
    "settlement_records": ("refuse_locked_insert", "refuse_locked_update", "refuse_locked_delete"),
    "packets": ("refuse_changed_packet",),
    "deadline_extensions": ("refuse_long_extension",),
    **dict.fromkeys(
        ("money_movements", "settlement_entries", "settlement_collections", "sent_lines", "access_log"),
        ("refuse_rewriting",),
    ),
    "state_changes": ("refuse_rewriting",),
}
"""Table -> triggers that must be there and switched on; those of the audit are added for every machine."""

UNIQUE = (
    "uq_payout_lines_live_entitlement_period",
    "uq_packets_one_live",
    "pk_carry_overs",
    "uq_inbox_agency_id_message_id",
)
"""Unique indexes that promise P1 and P5 stand on."""


def _guards() -> str:
    wanted = [(table, name) for table, names in TRIGGERS.items() for name in names]
    wanted += [
        (machine.table, name) for machine in MACHINES.values() for name in ("demand_audit_row", "demand_audit_row_new")
    ]
    triggers = ", ".join(f"('{table}', '{name}')" for table, name in wanted)
    indexes = ", ".join(f"('{name}')" for name in UNIQUE)
    return f"""
SELECT c.oid::bigint AS id, {ROOT} AS area_path FROM (VALUES {triggers}) w(on_table, name)
  JOIN pg_class c ON c.oid = w.on_table::regclass
 WHERE NOT EXISTS (SELECT 1 FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = w.name AND t.tgenabled IN ('O', 'A'))
UNION ALL
SELECT row_number() OVER (), {ROOT} FROM (VALUES {indexes}) w(name)
 WHERE NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indexrelid = to_regclass(w.name) AND i.indisunique AND i.indisvalid)
UNION ALL
SELECT DISTINCT c.oid::bigint, {ROOT} FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE NOT c.relrowsecurity
"""


CHECKS: tuple[Check, ...] = (
    Check(
        "guards_in_place",
        "P3",
        "pg_class",
        N_("Các khóa của cơ sở dữ liệu (trigger, chỉ mục duy nhất, phạm vi dòng) đều có và đang bật."),
        _guards(),
    ),
    Check(
        "locked_list_unchanged",
        "P3",
        "payout_batches",
        N_("Mã băm lưu khi duyệt bằng mã băm tính lại; danh sách đã quyết toán được tính lại mỗi ngày một lần."),
        # 144 slices of ten minutes: hashing a million lines takes seconds, hashing those in flight does not.
        """
SELECT b.id, b.area_path FROM payout_batches b
 WHERE (b.state IN ('locked', 'sent', 'accepted', 'returned') OR (b.state = 'settled'
        AND b.id % 144 = extract(epoch FROM clock_timestamp())::bigint / 600 % 144))
   AND b.lines_sha256 IS DISTINCT FROM (
       SELECT encode(sha256(convert_to(string_agg(l.reference || '|' || l.total_vnd || '|' || l.payee_fa || chr(10), ''
                                                  ORDER BY l.reference COLLATE "C"), 'UTF8')), 'hex')
         FROM payout_lines l WHERE l.batch_id = b.id AND l.live)
""",
    ),
    Check(
        "one_live_packet",
        "P1",
        "payout_batches",
        N_("Mỗi danh sách có nhiều nhất một gói tin còn hiệu lực."),
        """
SELECT batch_id AS id, min(area_path) AS area_path FROM live_packets GROUP BY batch_id HAVING count(*) > 1
""",
    ),
    Check(
        "list_and_packet_agree",
        "P7",
        "payout_batches",
        N_("Trạng thái của danh sách và của gói tin còn hiệu lực phù hợp với nhau."),
        """
SELECT b.id, b.area_path FROM payout_batches b LEFT JOIN live_packets p ON p.batch_id = b.id
 WHERE CASE b.state WHEN 'sent' THEN p.state IS NULL OR p.state NOT IN ('queued', 'in_doubt', 'received')
                    WHEN 'accepted' THEN p.state IS DISTINCT FROM 'accepted'
                    WHEN 'settled' THEN p.state <> 'settled' ELSE p.state IS NOT NULL END
""",
    ),
    Check(
        "packet_is_its_list",
        "P1",
        "packets",
        N_("Gói tin còn hiệu lực mang đúng số dòng, số người, số tiền, mã băm và phạm vi của danh sách."),
        """
SELECT p.id, p.area_path FROM live_packets p JOIN payout_batches b ON b.id = p.batch_id
 WHERE (p.line_count, p.people_count, p.total_vnd, p.lines_sha256, p.area_path, p.agency_id) IS DISTINCT FROM
       (b.line_count, b.people_count, b.total_vnd, b.lines_sha256, b.area_path,
        coalesce(b.agency_id, (SELECT id FROM agencies WHERE kind = 'office'))) OR p.version > b.version
""",
    ),
    Check(
        "bytes_before_the_wire",
        "P8",
        "packets",
        N_("Gói tin đã có thể rời hệ thống thì nội dung được lưu, và mã băm của nội dung đúng."),
        """
SELECT id, area_path FROM packets
 WHERE (state NOT IN ('queued', 'withdrawn') AND body_sha256 IS NULL)
    OR (state IN ('queued', 'in_doubt') AND body IS NOT NULL AND body_sha256 <> encode(sha256(body), 'hex'))
""",
    ),
    Check(
        "packet_and_settlement_agree",
        "P2",
        "packets",
        N_("Gói tin được tiếp nhận có một quyết toán đang chờ, gói tin đã quyết toán có một quyết toán đã chốt."),
        """
SELECT p.id, p.area_path FROM packets p LEFT JOIN settlements s ON s.packet_id = p.id
 WHERE CASE p.state WHEN 'accepted' THEN s.state IS NULL OR s.state NOT IN ('waiting', 'partial', 'received')
                    WHEN 'settled' THEN s.state IS DISTINCT FROM 'locked'
                    WHEN 'rejected' THEN s.state <> 'void' ELSE s.state IS NOT NULL END
    OR (s.batch_id, s.sent_count, s.sent_vnd, s.area_path, s.agency_id)
       <> (p.batch_id, p.line_count, p.total_vnd, p.area_path, p.agency_id)
""",
    ),
    Check(
        "results_when_settled",
        "P3",
        "payout_batches",
        N_("Dòng có kết quả khi và chỉ khi danh sách đã quyết toán."),
        """
SELECT b.id, b.area_path FROM line_sums s JOIN payout_batches b ON b.id = s.batch_id
 WHERE CASE WHEN b.state = 'settled' THEN s.live AND s.payable > 0 AND s.result = 'pending' ELSE s.result <> 'pending' END
""",
    ),
    Check(
        "closed_period_is_done",
        "P3",
        "area_periods",
        N_("Kỳ đã chốt không còn danh sách nào chưa chốt."),
        """
SELECT a.id, a.area_path FROM area_periods a WHERE a.state = 'closed' AND EXISTS (
    SELECT 1 FROM payout_batches b WHERE b.area_id = a.area_id AND b.period_id = a.period_id
       AND b.closed_at IS NULL AND b.state <> 'cancelled')
""",
    ),
    Check(
        "state_is_the_last_audited",
        "P4",
        "state_changes",
        N_("Mọi trạng thái đúng bằng dòng nhật ký cuối cùng của nó."),
        f"""
SELECT x.id, x.area_path FROM ({_STATES}) x LEFT JOIN (
    SELECT DISTINCT ON (machine, entity_id) machine, entity_id, to_state FROM state_changes
     ORDER BY machine, entity_id, id DESC) c ON c.machine = x.machine AND c.entity_id = x.id
 WHERE c.to_state IS DISTINCT FROM x.state
""",
    ),
    Check(
        "audit_is_connected",
        "P4",
        "state_changes",
        N_("Nhật ký trạng thái nối liền: mỗi dòng bắt đầu từ nơi dòng trước kết thúc."),
        """
SELECT id, area_path FROM (
    SELECT id, area_path, from_state, lag(to_state) OVER (PARTITION BY machine, entity_id ORDER BY id) AS before
      FROM state_changes) c
 WHERE from_state IS DISTINCT FROM before
""",
    ),
    Check(
        "extensions_under_20_days",
        "P13",
        "settlements",
        N_("Tổng số ngày gia hạn của một quyết toán dưới 20 ngày."),
        f"""
SELECT settlement_id AS id, min(area_path) AS area_path FROM deadline_extensions WHERE state = 'granted'
 GROUP BY settlement_id HAVING sum(days) > {MAX_EXTENSION_DAYS_TOTAL}
""",
    ),
    Check(
        "message_dealt_with",
        "P5",
        "inbox",
        N_("Tin đã trả lời nhận được thì được ghi nhận, hoặc có lý do vì sao không; không tin nào bị bỏ quên."),
        f"""
SELECT id, {ROOT} AS area_path FROM inbox
 WHERE (outcome IS NULL) <> (applied_at IS NULL) OR (outcome IN ('ignored', 'failed', 'held') AND coalesce(note, '') = '')
    OR (outcome IS NULL AND attempts > 0 AND lease_until < clock_timestamp() - interval '1 hour')
    OR (outcome IN ('ignored', 'failed', 'held') AND EXISTS (SELECT 1 FROM settlement_entries e WHERE e.inbox_id = inbox.id))
""",
    ),
)
