"""Reading a list as people read it: pages of its lines, its findings, what was done to it. Nothing is changed here."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, exists, func, or_, select, text, tuple_
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.models import BatchFinding, Packet, PayoutBatch, PayoutLine, Settlement, StateChange
from app.rules import names
from app.services.batches import checks

FINDINGS_SHOWN = 200
"""Lines shown for one check; the rest is counted, and found in the lines by its filter."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for among the lines; empty is everything. `status` is live, excluded or a result of a line."""

    typed: str = ""
    method: str = ""
    finding: str = ""
    status: str = ""

    @property
    def narrow(self) -> bool:
        """Something is looked for."""
        return bool(self.typed or self.method or self.finding or self.status)


@dataclass(frozen=True, slots=True)
class Lines:
    """One page of lines, with the sums of all that were found and the findings of those shown."""

    rows: Sequence[PayoutLine]
    count: int
    total_vnd: int
    findings: dict[int | None, list[str]]


@dataclass(frozen=True, slots=True)
class Finding:
    """A line with a finding, and the facts of it."""

    line: PayoutLine
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Findings:
    """All lines one check found something about."""

    check: checks.Check
    count: int
    shown: Sequence[Finding]


def batch(session: Session, batch_id: int) -> PayoutBatch:
    """The list as it is now. Raises NotFound."""
    found = session.scalars(
        select(PayoutBatch).where(PayoutBatch.id == batch_id).execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise NotFound
    return found


def lines(session: Session, batch_id: int, wanted: Wanted, *, page: int, size: int) -> Lines:
    """A page (from 0) of the lines of a list, in its order."""
    found = [PayoutLine.batch_id == batch_id, *_conditions(wanted)]
    count, total_vnd = session.execute(
        select(func.count(), func.coalesce(func.sum(PayoutLine.total_vnd), 0)).select_from(PayoutLine).where(*found)
    ).one()
    rows = session.scalars(
        select(PayoutLine).where(*found).order_by(PayoutLine.no, PayoutLine.id).limit(size).offset(page * size)
    ).all()
    return Lines(rows, int(count), int(total_vnd), _findings_of(session, [row.id for row in rows]))


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.typed:
        word = " " + names.fold(wanted.typed)
        conditions.append(
            or_(
                func.strpos(" " + PayoutLine.name_fold, word) > 0,
                func.starts_with(func.lower(PayoutLine.beneficiary_code), wanted.typed.lower()),
            )
        )
    if wanted.method:
        conditions.append(PayoutLine.method == wanted.method)
    if wanted.finding:
        conditions.append(exists().where(BatchFinding.line_id == PayoutLine.id, BatchFinding.code == wanted.finding))
    if wanted.status in ("live", "excluded"):
        conditions.append(PayoutLine.live.is_(wanted.status == "live"))
    elif wanted.status:
        conditions.append(PayoutLine.result == wanted.status)
    return conditions


def _findings_of(session: Session, line_ids: Collection[int]) -> dict[int | None, list[str]]:
    found: dict[int | None, list[str]] = {}
    statement = (
        select(BatchFinding.line_id, BatchFinding.code)
        .where(BatchFinding.line_id.in_(line_ids))
        .order_by(BatchFinding.severity, BatchFinding.code)
    )
    for line_id, code in session.execute(statement):
        found.setdefault(line_id, []).append(code)
    return found


def findings(session: Session, batch_id: int) -> list[Findings]:
    """What the checks found, blocking first, in the order of the checks."""
    statement = (
        select(BatchFinding.code, func.count()).where(BatchFinding.batch_id == batch_id).group_by(BatchFinding.code)
    )
    found = {code: int(count) for code, count in session.execute(statement)}
    known = [check for check in checks.CHECKS if check.code in found]
    known.sort(key=lambda check: check.severity != "blocking")
    return [Findings(check, found[check.code], _lines_found(session, batch_id, check.code)) for check in known]


def _lines_found(session: Session, batch_id: int, code: str) -> list[Finding]:
    rows = session.execute(
        select(PayoutLine, BatchFinding.facts)
        .join(BatchFinding, BatchFinding.line_id == PayoutLine.id)
        .where(BatchFinding.batch_id == batch_id, BatchFinding.code == code)
        .order_by(PayoutLine.no)
        .limit(FINDINGS_SHOWN)
    )
    return [Finding(line, facts) for line, facts in rows]


@dataclass(frozen=True, slots=True)
class Counts:
    """How much of a list is where, for its tabs: held-out lines, findings by severity, packets."""

    excluded: int
    blocking: int
    warnings: int
    packets: int


def counts(session: Session, batch_id: int) -> Counts:
    """One statement for the numbers beside the tabs."""
    row = session.execute(
        text(
            "SELECT (SELECT count(*) FROM payout_lines WHERE batch_id = :id AND NOT live) AS excluded,"
            "       (SELECT count(*) FROM batch_findings WHERE batch_id = :id AND severity = 'blocking') AS blocking,"
            "       (SELECT count(*) FROM batch_findings WHERE batch_id = :id AND severity = 'warning') AS warnings,"
            "       (SELECT count(*) FROM packets WHERE batch_id = :id) AS packets"
        ),
        {"id": batch_id},
    ).one()
    return Counts(**row._mapping)


def packets_of(session: Session, batch_id: int) -> Sequence[Packet]:
    """Every version sent, the newest first."""
    return session.scalars(
        select(Packet)
        .where(Packet.batch_id == batch_id)
        .order_by(Packet.version.desc())
        .execution_options(populate_existing=True)
    ).all()


def history(session: Session, batch_id: int) -> Sequence[StateChange]:
    """Every change of state of the list, its packets and their settlements, the newest first."""
    sent = select(Packet.id).where(Packet.batch_id == batch_id)
    settled = select(Settlement.id).where(Settlement.batch_id == batch_id)
    return session.scalars(
        select(StateChange)
        .where(
            or_(
                tuple_(StateChange.machine, StateChange.entity_id) == ("batch", batch_id),
                (StateChange.machine == "packet") & StateChange.entity_id.in_(sent),
                (StateChange.machine == "settlement") & StateChange.entity_id.in_(settled),
            )
        )
        .order_by(StateChange.id.desc())
    ).all()


def last_change(session: Session, machine: str, entity_id: int) -> StateChange | None:
    """The latest change of state of one thing."""
    return session.scalars(
        select(StateChange)
        .where(StateChange.machine == machine, StateChange.entity_id == entity_id)
        .order_by(StateChange.id.desc())
        .limit(1)
    ).one_or_none()
