"""Cash of recoveries that agencies took back: kept as they say it, counted when the settlement is locked.

One receipt is one amount for one line. What is kept is a set, so that order and repetition of messages change nothing; a
receipt that was counted, or entered by hand, is never counted again. What cannot be counted waits for a person, and keeps
nobody from locking: it is money beside the packet's.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.agency.messages import Collected
from app.extensions import acting_as
from app.models import Settlement
from app.rules.actors import SYSTEM, Actor
from app.rules.states import N_
from app.services import journal
from app.services.recoveries import withholding

STANDINGS: dict[str, str] = {
    "counted": N_("Đã ghi vào khoản truy thu"),
    "ready": N_("Ghi khi chốt quyết toán"),
    "opens": N_("Ghi khi chốt, cùng lúc mở khoản truy thu"),
    "contradicted": N_("Phiếu thu báo mâu thuẫn, hoặc đã nhập tay khác số tiền"),
    "foreign": N_("Không phải dòng chi trả của đơn vị này"),
    "no_recovery": N_("Dòng này không có khoản truy thu đang thu"),
    "too_much": N_("Nhiều hơn số còn phải thu"),
    "void": N_("Gói tin đã bị từ chối, chưa được báo lại"),
}
"""How a collected amount stands, in words."""

COUNTABLE = ("counted", "ready", "opens")

_KEEP = text("""
INSERT INTO settlement_collections (settlement_id, inbox_id, agency_id, area_path, receipt, reference, line_id, amount_vnd,
    happened_at)
SELECT s.id, :inbox, s.agency_id, s.area_path, u.receipt, u.reference, l.id, u.amount_vnd, u.happened_at
  FROM settlements s, jsonb_to_recordset(CAST(:rows AS jsonb))
       AS u(receipt text, reference text, amount_vnd bigint, happened_at timestamptz, entitlement bigint)
  LEFT JOIN payout_lines l ON l.entitlement_id = u.entitlement AND l.reference = u.reference AND l.live
       AND l.agency_id = :agency
 WHERE s.id = :settlement ORDER BY u.receipt
ON CONFLICT ON CONSTRAINT uq_settlement_collections_said DO NOTHING
""")

# Looked for in every area's settlements: a receipt is its agency's, not the commune's.
_CONTRADICTED = text("""
SELECT c.id FROM settlement_collections c WHERE c.settlement_id = ANY(:ids) AND EXISTS (
    SELECT 1 FROM settlement_collections o JOIN settlements t ON t.id = o.settlement_id AND t.state <> 'void'
     WHERE o.agency_id = c.agency_id AND o.receipt = c.receipt
       AND (o.reference, o.amount_vnd) <> (c.reference, c.amount_vnd))
""")

# Of a line's recoveries the one that has the receipt already, else the oldest open one. What is countable for one recovery,
# on whichever of its lines, is counted receipt by receipt while there is room, in an order that no message decides. `again`
# is the same word of another of these settlements: it stands as the first does and is never counted beside it.
_STAND = """
WITH said AS MATERIALIZED (
    SELECT c.*, l.full_name, l.beneficiary_code AS code,
           row_number() OVER (PARTITION BY c.agency_id, c.receipt, c.reference, c.line_id, c.amount_vnd ORDER BY c.id) > 1
               AS again,
           c.id = ANY(:contradicted) AS contradicted,
           s.state <> 'locked' AND r.id IS NOT NULL AS opens, l.total_vnd AS whole_vnd, s.state = 'void' AS void
      FROM settlement_collections c JOIN settlements s ON s.id = c.settlement_id
      LEFT JOIN payout_lines l ON l.id = c.line_id
      LEFT JOIN settlement_records r ON r.settlement_id = s.id AND r.line_id = c.line_id
           AND coalesce(r.decided_outcome, CASE WHEN r.finding NOT IN ('dispute', 'wrong_amount') THEN r.outcome END)
               = 'to_recover'
     WHERE c.settlement_id = ANY(:ids)
), met AS MATERIALIZED (
    SELECT d.*, o.recovery_id, coalesce(o.booked_vnd, 0) AS booked_vnd,
           CASE WHEN o.recovery_id IS NOT NULL THEN o.free_vnd WHEN d.opens THEN d.whole_vnd END AS free_vnd
      FROM said d LEFT JOIN LATERAL (
        SELECT r.id AS recovery_id, b.vnd AS booked_vnd, CASE r.state WHEN 'open' THEN r.amount_vnd
                   - (SELECT coalesce(sum(amount_vnd), 0) FROM recovery_entries WHERE recovery_id = r.id)
                   - (SELECT coalesce(sum(amount_vnd), 0) FROM withholdings WHERE recovery_id = r.id AND outcome = 'waiting')
                   ELSE 0 END AS free_vnd
          FROM recovery_lines x JOIN recoveries r ON r.id = x.recovery_id AND r.state IN ('open', 'closed')
          CROSS JOIN LATERAL (SELECT coalesce(sum(amount_vnd), 0) AS vnd FROM recovery_entries
                               WHERE recovery_id = r.id AND kind = 'cash' AND reference = d.receipt) b
         WHERE x.line_id = d.line_id ORDER BY b.vnd = 0, r.state = 'closed', r.id LIMIT 1) o ON true
), judged AS (
    SELECT m.*, CASE WHEN booked_vnd = amount_vnd THEN 'counted' WHEN contradicted OR booked_vnd <> 0 THEN 'contradicted'
                     WHEN void THEN 'void'
                     WHEN line_id IS NULL THEN 'foreign' WHEN free_vnd IS NULL THEN 'no_recovery'
                     ELSE 'room' END AS standing FROM met m
)
SELECT id, settlement_id, inbox_id, area_path, receipt, reference, amount_vnd, happened_at, recovery_id, again,
       coalesce(full_name, '') AS full_name, coalesce(code, '') AS code,
       CASE WHEN standing <> 'room' THEN standing
            WHEN sum(amount_vnd) FILTER (WHERE NOT again) OVER (PARTITION BY standing, recovery_id,
                     CASE WHEN recovery_id IS NULL THEN line_id END ORDER BY receipt, id) > free_vnd
            THEN 'too_much' WHEN recovery_id IS NULL THEN 'opens' ELSE 'ready' END AS standing
  FROM judged
"""
_READ = text(f"{_STAND} ORDER BY receipt, reference, amount_vnd")
_HOLD = text(
    "SELECT r.id FROM recoveries r WHERE r.id IN (SELECT x.recovery_id FROM recovery_lines x"
    " JOIN settlement_collections c ON c.line_id = x.line_id WHERE c.settlement_id = ANY(:ids)) ORDER BY r.id FOR UPDATE"
)
_COUNT = text(f"""
INSERT INTO recovery_entries (recovery_id, area_path, kind, amount_vnd, settlement_id, reference, entered_by, at)
SELECT r.id, r.area_path, 'cash', x.amount_vnd, x.settlement_id, x.receipt, :by, :now
  FROM ({_STAND}) x JOIN recoveries r ON r.id = x.recovery_id WHERE x.standing = 'ready' AND NOT x.again
 ORDER BY r.id, x.receipt
RETURNING id, recovery_id
""")
_NOTE = text(f"""
INSERT INTO message_faults (inbox_id, agency_id, area_path, settlement_id, reference, code, facts, at)
SELECT i.id, i.agency_id, i.area_path, x.settlement_id, x.reference, 'not_collected',
       jsonb_build_object('receipt', x.receipt, 'said_vnd', x.amount_vnd, 'standing', x.standing), :now
  FROM ({_STAND}) x JOIN inbox i ON i.id = x.inbox_id
 WHERE x.standing NOT IN ('counted', 'ready', 'opens') AND NOT EXISTS (
       SELECT 1 FROM message_faults f WHERE f.settlement_id = x.settlement_id AND f.code = 'not_collected'
          AND f.reference = x.reference AND f.facts ->> 'receipt' = x.receipt
          AND (f.facts ->> 'said_vnd')::bigint = x.amount_vnd)
 ORDER BY x.receipt, x.reference, x.amount_vnd
""")


@dataclass(frozen=True, slots=True)
class Receipt:
    """One amount an agency took back, and how it stands; `recovery_id` is the recovery it counts for."""

    receipt: str
    reference: str
    code: str
    full_name: str
    amount_vnd: int
    happened_at: datetime
    standing: str
    recovery_id: int | None

    @property
    def words(self) -> str:
        """How it stands, as a msgid."""
        return STANDINGS[self.standing]

    @property
    def tone(self) -> str:
        """Underlines the standing."""
        return "good" if self.standing == "counted" else "plain" if self.standing in COUNTABLE else "bad"


def keep(
    session: Session,
    settlement: Settlement,
    inbox_id: int,
    said: Sequence[Collected],
    entitlements: Sequence[int | None],
) -> None:
    """Keep what a message says was taken back; what is there already changes nothing."""
    rows = [
        {
            "receipt": one.receipt,
            "reference": one.reference,
            "amount_vnd": one.amount_vnd,
            "happened_at": one.at.isoformat(),
            "entitlement": entitlement,
        }
        for one, entitlement in zip(said, entitlements, strict=True)
    ]
    facts = {"settlement": settlement.id, "inbox": inbox_id, "agency": settlement.agency_id, "rows": json.dumps(rows)}
    session.execute(_KEEP, facts)


def unheard(session: Session, packet_id: int, said: Sequence[Collected]) -> int:
    """How many of these the settlement of a packet does not know: after its lock nothing more is kept."""
    kept = {
        tuple(row)
        for row in session.execute(
            text(
                "SELECT c.receipt, c.reference, c.amount_vnd FROM settlement_collections c"
                "  JOIN settlements s ON s.id = c.settlement_id WHERE s.packet_id = :packet"
            ),
            {"packet": packet_id},
        )
    }
    return len({(one.receipt, one.reference, one.amount_vnd) for one in said} - kept)


def of_settlements(session: Session, settlement_ids: Collection[int]) -> list[Receipt]:
    """What the agency says in these settlements that it took back, by receipt."""
    rows = session.execute(_READ, _about(session, settlement_ids))
    return [Receipt(**{name: getattr(row, name) for name in Receipt.__slots__}) for row in rows]


def count(session: Session, settlement_ids: Collection[int], *, by: Actor) -> None:
    """What these settlements, just locked, say came back is an entry of its recovery; the last đồng closes it.

    What cannot be counted is noted for a person. Recoveries the lock opens must be open by now.
    """
    facts = _about(session, settlement_ids) | {"by": by.username, "now": clock.now()}
    session.execute(_HOLD, facts)
    entries = session.execute(_COUNT, facts).all()
    if entries:
        journal.recovery_entries(session, [row.id for row in entries], by=by)
        withholding.close_complete(session, *{row.recovery_id for row in entries}, by=by)
    session.execute(_NOTE, facts)


def forsake(session: Session, settlement_id: int) -> None:
    """What a settlement that has just become void said came back is noted for a person: perhaps nobody says it again."""
    session.execute(_NOTE, _about(session, [settlement_id]) | {"now": clock.now()})


def _about(session: Session, settlement_ids: Collection[int]) -> dict[str, object]:
    ids = list(settlement_ids)
    with acting_as(SYSTEM):
        return {"ids": ids, "contradicted": list(session.execute(_CONTRADICTED, {"ids": ids}).scalars())}
