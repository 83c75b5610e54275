"""The journal: every movement of a line's money between buckets, as one statement for each reason (promise P2)."""

from __future__ import annotations

from collections.abc import Collection

from flask_babel import gettext as _
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.rules.actors import Actor

_OF_A_PACKET = (
    "INSERT INTO money_movements (line_id, area_path, from_bucket, to_bucket, amount_vnd, packet_id, actor, reason, at)"
    " SELECT l.id, l.area_path, :before, :after, l.total_vnd, p.id, :actor, :reason, :now"
    "   FROM packets p JOIN payout_lines l ON l.batch_id = p.batch_id AND l.live AND l.total_vnd > 0"
    "  WHERE p.id = :packet"
)


def handed_over(session: Session, packet_id: int, *, by: Actor) -> None:
    """owed -> with_agency for every line of an accepted packet."""
    _of_a_packet(session, packet_id, "owed", "with_agency", by=by, reason=None)


def taken_back(session: Session, packet_id: int, *, by: Actor, because: str) -> None:
    """with_agency -> owed for every line of a packet that is rejected after it was accepted."""
    _of_a_packet(session, packet_id, "with_agency", "owed", by=by, reason=because)


def settled(session: Session, settlement_ids: Collection[int], *, by: Actor) -> None:
    """with_agency -> paid, unpaid, stopped or to_recover, by the results the lock has just written on the lines."""
    session.execute(
        text(
            "INSERT INTO money_movements (line_id, area_path, from_bucket, to_bucket, amount_vnd, packet_id,"
            " settlement_id, actor, at)"
            " SELECT l.id, l.area_path, 'with_agency', CASE l.result WHEN 'unpaid_stopped' THEN 'stopped' ELSE l.result END,"
            "        l.total_vnd, s.packet_id, s.id, :actor, :now"
            "   FROM settlements s JOIN payout_lines l ON l.batch_id = s.batch_id AND l.live AND l.total_vnd > 0"
            "  WHERE s.id = ANY(:ids)"
        ),
        {"ids": list(settlement_ids), "actor": by.username, "now": clock.now()},
    )


def unsettled(session: Session, settlement_ids: Collection[int], *, by: Actor, because: str) -> None:
    """paid, unpaid, stopped or to_recover -> with_agency: what `settled` wrote, before the results are taken back."""
    session.execute(
        text(
            "INSERT INTO money_movements (line_id, area_path, from_bucket, to_bucket, amount_vnd, packet_id,"
            " settlement_id, actor, reason, at)"
            " SELECT l.id, l.area_path, CASE l.result WHEN 'unpaid_stopped' THEN 'stopped' ELSE l.result END,"
            "        'with_agency', l.total_vnd, s.packet_id, s.id, :actor, :reason, :now"
            "   FROM settlements s JOIN payout_lines l ON l.batch_id = s.batch_id AND l.live AND l.total_vnd > 0"
            "  WHERE s.id = ANY(:ids)"
        ),
        {"ids": list(settlement_ids), "actor": by.username, "reason": because, "now": clock.now()},
    )


def carried_movements(session: Session, batch_ids: Collection[int], *, by: Actor, reverse: bool = False) -> None:
    """unpaid -> carried for every earlier line that lines of these lists carry; back again when a list is unlocked."""
    before, after = ("carried", "unpaid") if reverse else ("unpaid", "carried")
    session.execute(
        text(
            "INSERT INTO money_movements (line_id, area_path, from_bucket, to_bucket, amount_vnd, other_line_id, actor,"
            " reason, at)"
            " SELECT c.from_line_id, c.area_path, :before, :after, c.amount_vnd, c.to_line_id, :actor, :reason, :now"
            "   FROM carry_overs c JOIN payout_lines l ON l.id = c.to_line_id"
            "  WHERE l.batch_id = ANY(:ids) AND l.live"
        ),
        {
            "ids": list(batch_ids),
            "before": before,
            "after": after,
            "actor": by.username,
            "reason": _("Danh sách mang sang được mở lại") if reverse else None,
            "now": clock.now(),
        },
    )


_OF_A_RECOVERY = (
    "INSERT INTO money_movements (line_id, area_path, from_bucket, to_bucket, amount_vnd, actor, reason, at)"
    " SELECT x.line_id, x.area_path, :before, :after, x.amount_vnd, :actor, coalesce(:reason, r.reason), :now"
    "   FROM recovery_lines x JOIN recoveries r ON r.id = x.recovery_id WHERE r.id = :recovery ORDER BY x.line_id"
)

# Entries of a recovery fill its lines one after the other: what is on each line depends on the sum alone, so that an entry
# taken back empties what was filled last.
_OF_ENTRIES = """
INSERT INTO money_movements (line_id, area_path, from_bucket, to_bucket, amount_vnd, settlement_id, other_line_id,
    recovery_entry_id, actor, reason, at)
SELECT p.line_id, e.area_path, CASE WHEN e.amount_vnd > 0 THEN 'to_recover' ELSE e.bucket END,
       CASE WHEN e.amount_vnd > 0 THEN e.bucket ELSE 'to_recover' END,
       least(e.high, p.high) - greatest(e.low, p.low), e.settlement_id, e.line_id, e.id, :actor, e.note, :now
  FROM (
    SELECT n.*, CASE n.kind WHEN 'written_off' THEN 'written_off' ELSE 'recovered' END AS bucket,
           least(b.vnd, b.vnd + n.amount_vnd) AS low, greatest(b.vnd, b.vnd + n.amount_vnd) AS high
      FROM recovery_entries n
      CROSS JOIN LATERAL (SELECT coalesce(sum(amount_vnd), 0) AS vnd FROM recovery_entries
                           WHERE recovery_id = n.recovery_id AND id < n.id) b
     WHERE n.id = ANY(:entries)
  ) e
  JOIN (
    SELECT recovery_id, line_id, sum(amount_vnd) OVER w AS high, sum(amount_vnd) OVER w - amount_vnd AS low
      FROM recovery_lines WHERE recovery_id IN (SELECT recovery_id FROM recovery_entries WHERE id = ANY(:entries))
    WINDOW w AS (PARTITION BY recovery_id ORDER BY line_id)
  ) p ON p.recovery_id = e.recovery_id AND least(e.high, p.high) > greatest(e.low, p.low)
 ORDER BY e.id, p.line_id
"""


def recovery_opened(session: Session, recovery_id: int, *, by: Actor, because: str | None = None) -> None:
    """paid -> to_recover for the lines of an approved recovery; back again, for a reason, when it is withdrawn."""
    before, after = ("paid", "to_recover") if because is None else ("to_recover", "paid")
    facts = {"before": before, "after": after, "actor": by.username, "reason": because, "now": clock.now()}
    session.execute(text(_OF_A_RECOVERY), facts | {"recovery": recovery_id})


def recovery_entries(session: Session, entry_ids: Collection[int], *, by: Actor) -> None:
    """to_recover -> recovered or written_off for entries of recoveries' ledgers; back for entries taken back."""
    session.execute(text(_OF_ENTRIES), {"entries": list(entry_ids), "actor": by.username, "now": clock.now()})


def _of_a_packet(session: Session, packet_id: int, before: str, after: str, *, by: Actor, reason: str | None) -> None:
    session.execute(
        text(_OF_A_PACKET),
        {
            "packet": packet_id,
            "before": before,
            "after": after,
            "actor": by.username,
            "reason": reason,
            "now": clock.now(),
        },
    )
