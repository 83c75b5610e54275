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
