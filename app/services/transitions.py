"""The only code that sets a state: it checks the table of moves, updates conditionally and writes the audit row."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.errors import BadInput, NotAllowed, RuleBroken
from app.rules.actors import Actor
from app.rules.states import MACHINES, Machine, Move


class WrongState(RuleBroken):
    """Không thể “%(move)s” khi %(what)s đang ở trạng thái “%(state)s”."""


class MovedMeanwhile(RuleBroken):
    """Trạng thái vừa được thay đổi bởi người khác. Hãy tải lại trang."""


class ReasonMissing(BadInput):
    """Phải ghi lý do."""


class NotYours(NotAllowed):
    """Vai trò của bạn không được thực hiện “%(move)s”."""


def move(
    session: Session,
    machine: str,
    entity_id: int,
    name: str,
    *,
    by: Actor,
    because: str | None = None,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Make one move of one thing; exactly one row changes, or it raises and nothing does.

    Raises NotYours, ReasonMissing, WrongState, MovedMeanwhile (somebody got there first, or out of scope).
    """
    move_all(session, machine, [entity_id], name, by=by, because=because, facts={entity_id: facts or {}})


def move_all(
    session: Session,
    machine: str,
    ids: Collection[int],
    name: str,
    *,
    by: Actor,
    because: str | None = None,
    facts: Mapping[int, Mapping[str, Any]] | None = None,
) -> None:
    """The same move of many things in two statements; all of them move, or it raises."""
    rules = MACHINES[machine]
    step = rules.moves[name]
    _check_who(step, by)
    reason = _reason(step, because)
    session.flush()
    before = _lock_rows(session, rules, ids)
    _check_states(rules, step, before, ids)
    session.execute(
        text(f"UPDATE {rules.table} SET state = :target WHERE id = ANY(:ids)"),
        {"target": step.target, "ids": list(ids)},
    )
    _audit(session, rules, before, step, by=by, reason=reason, facts=facts or {})
    _forget(session, rules, ids)


def created(
    session: Session,
    machine: str,
    ids: Collection[int],
    *,
    by: Actor,
    facts: Mapping[int, Mapping[str, Any]] | None = None,
) -> None:
    """Write the first audit row of things just inserted in their initial state."""
    rules = MACHINES[machine]
    session.flush()
    first = Move("create", "", frozenset(), rules.initial, frozenset(), "")
    before: dict[int, tuple[str | None, str]] = {
        key: (None, path) for key, (_state, path) in _lock_rows(session, rules, ids).items()
    }
    _audit(session, rules, before, first, by=by, reason=None, facts=facts or {})


def _check_who(step: Move, by: Actor) -> None:
    if by.roles.isdisjoint(step.who):
        raise NotYours(move=step.label)


def _reason(step: Move, because: str | None) -> str | None:
    reason = (because or "").strip() or None
    if step.reason_required and reason is None:
        raise ReasonMissing(field="reason")
    return reason


def _lock_rows(session: Session, rules: Machine, ids: Collection[int]) -> dict[int, tuple[str, str]]:
    rows = session.execute(
        text(f"SELECT id, state, area_path FROM {rules.table} WHERE id = ANY(:ids) ORDER BY id FOR UPDATE"),
        {"ids": list(ids)},
    )
    return {row.id: (row.state, row.area_path) for row in rows}


def _check_states(rules: Machine, step: Move, before: Mapping[int, tuple[str, str]], ids: Collection[int]) -> None:
    if len(before) != len(set(ids)):
        raise MovedMeanwhile
    for state, _path in before.values():
        if state not in step.sources:
            raise WrongState(move=step.label, what=rules.label, state=rules.states[state])


def _audit(
    session: Session,
    rules: Machine,
    before: Mapping[int, tuple[str | None, str]],
    step: Move,
    *,
    by: Actor,
    reason: str | None,
    facts: Mapping[int, Mapping[str, Any]],
) -> None:
    session.execute(
        text(
            "INSERT INTO state_changes (machine, entity_id, area_path, move, from_state, to_state, actor, actor_id,"
            " reason, facts, at) SELECT :machine, r.id, r.area_path, :move, r.from_state, :to_state, :actor, :actor_id,"
            " :reason, r.facts, :now FROM jsonb_to_recordset(CAST(:rows AS jsonb))"
            " AS r(id bigint, area_path text, from_state text, facts jsonb)"
        ),
        {
            "machine": rules.name,
            "move": step.name,
            "to_state": step.target,
            "actor": by.username,
            "actor_id": by.user_id,
            "reason": reason,
            "now": clock.now(),
            "rows": json.dumps(
                [
                    {"id": key, "area_path": path, "from_state": state, "facts": dict(facts.get(key, {}))}
                    for key, (state, path) in before.items()
                ]
            ),
        },
    )


def _forget(session: Session, rules: Machine, ids: Collection[int]) -> None:
    wanted = set(ids)
    for row in list(session.identity_map.values()):
        if getattr(row, "__tablename__", None) == rules.table and getattr(row, "id", None) in wanted:
            session.expire(row)
