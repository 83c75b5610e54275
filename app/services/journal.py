"""The journal: every movement of a line's money between buckets, as one statement for each reason (promise P2)."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.rules.actors import Actor


def carried_movements(session: Session, batch_ids: list[int], *, by: Actor, reverse: bool = False) -> None:
    """unpaid -> carried for every earlier line that lines of these lists carry; back again when a list is unlocked."""
    before, after = ("carried", "unpaid") if reverse else ("unpaid", "carried")
    session.execute(
        text(
            "INSERT INTO money_movements (line_id, area_path, from_bucket, to_bucket, amount_vnd, other_line_id, actor, at)"
            " SELECT c.from_line_id, c.area_path, :before, :after, c.amount_vnd, c.to_line_id, :actor, :now"
            "   FROM carry_overs c JOIN payout_lines l ON l.id = c.to_line_id"
            "  WHERE l.batch_id = ANY(:ids) AND l.live"
        ),
        {"ids": batch_ids, "before": before, "after": after, "actor": by.username, "now": clock.now()},
    )
