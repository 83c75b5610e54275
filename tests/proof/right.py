"""Books that are right: what must return nothing after any fault, as SQL over everything there is."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.rules.states import MACHINES

OFFENDERS: dict[str, str] = {
    **{
        f"a {machine.name} whose state has no audit row": (
            f"SELECT t.id FROM {machine.table} t WHERE t.state IS DISTINCT FROM (SELECT c.to_state FROM state_changes c"
            f" WHERE c.machine = '{machine.name}' AND c.entity_id = t.id ORDER BY c.id DESC LIMIT 1)"
        )
        for machine in MACHINES.values()
    },
    "a move that does not start where the one before ended": (
        "SELECT machine, entity_id FROM (SELECT *, lag(to_state) OVER (PARTITION BY machine, entity_id ORDER BY id) AS was"
        " FROM state_changes) c WHERE from_state IS DISTINCT FROM was"
    ),
    "money that left a bucket it was not in": (
        "SELECT line_id FROM (SELECT *, coalesce(lag(to_bucket) OVER (PARTITION BY line_id ORDER BY id), 'owed') AS was"
        " FROM money_movements) m WHERE from_bucket <> was"
    ),
    "a movement of another amount than the line's": (
        "SELECT m.id FROM money_movements m JOIN payout_lines l ON l.id = m.line_id WHERE m.amount_vnd <> l.total_vnd"
    ),
    "money that is not where its list is": (
        "SELECT l.id FROM payout_lines l JOIN payout_batches b ON b.id = l.batch_id"
        " LEFT JOIN LATERAL (SELECT to_bucket FROM money_movements m WHERE m.line_id = l.id ORDER BY m.id DESC LIMIT 1) m"
        " ON true WHERE l.live AND l.total_vnd > 0 AND coalesce(m.to_bucket, 'owed') <> CASE b.state"
        " WHEN 'accepted' THEN 'with_agency' WHEN 'settled' THEN CASE l.result WHEN 'unpaid_stopped' THEN 'stopped'"
        " ELSE l.result END ELSE 'owed' END"
    ),
    "a locked settlement that does not add up": (
        "SELECT id FROM settlements WHERE state = 'locked'"
        " AND (paid_vnd + unpaid_vnd + recover_vnd, paid_count + unpaid_count + recover_count) <> (sent_vnd, sent_count)"
    ),
    "a recovery that is not one line's": (
        "SELECT l.id FROM payout_lines l WHERE (l.result = 'to_recover')"
        " IS DISTINCT FROM (SELECT count(*) = 1 FROM recoveries r WHERE r.line_id = l.id) AND l.live"
    ),
    "a benefit on two live lines of a month": (
        "SELECT entitlement_id, period_id FROM payout_lines WHERE live GROUP BY 1, 2 HAVING count(*) > 1"
    ),
    "a list with two live packets": (
        "SELECT batch_id FROM packets WHERE state IN ('queued', 'in_doubt', 'received', 'accepted', 'settled')"
        " GROUP BY 1 HAVING count(*) > 1"
    ),
    "a packet and a list that disagree": (
        "SELECT p.id FROM packets p JOIN payout_batches b ON b.id = p.batch_id WHERE (p.state = 'accepted') <> "
        " (b.state = 'accepted') AND p.state IN ('queued', 'in_doubt', 'received', 'accepted')"
    ),
    "an accepted packet without its settlement": (
        "SELECT p.id FROM packets p LEFT JOIN settlements s ON s.packet_id = p.id WHERE p.state IN ('accepted', 'settled')"
        " GROUP BY p.id HAVING count(s.id) <> 1"
    ),
    "a message applied twice": ("SELECT inbox_id, reference FROM settlement_entries GROUP BY 1, 2 HAVING count(*) > 1"),
}


def assert_right(session: Session) -> None:
    """No offender of any rule; all rules in one statement."""
    session.rollback()
    union = " UNION ALL ".join(
        f"SELECT '{name.replace(chr(39), chr(39) * 2)}' AS rule, x::text AS offender FROM ({sql}) x"
        for name, sql in OFFENDERS.items()
    )
    offenders = [tuple(row) for row in session.execute(text(union))]
    session.rollback()
    assert not offenders
