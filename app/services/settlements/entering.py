"""Results entered by hand where no connection brings them: change sets, each guarded by what its lines were, each undoable.

A change set touches only lines that stand as it says they stand; what it found is kept line by line, so that it can be
undone until the settlement is locked. Lines somebody changed since stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.errors import NotFound, RuleBroken
from app.models import REASON_CODES, ResultChange, Settlement
from app.rules import names
from app.rules.actors import Actor
from app.rules.states import N_
from app.services.settlements import deciding
from app.services.settlements.arithmetic import STANDING
from app.services.settlements.saying import DECISIONS, REASONS

FROM: dict[str, str] = {"pending": N_("Chưa cập nhật"), **DECISIONS}
"""Standings a change may start from. What is in dispute is decided line by line."""

CONNECTED = ("g2p",)
"""Adapters whose agencies report over a connection."""

WORDS: dict[str, str] = {
    "all": N_("Cho mọi dòng"),
    "line": N_("Từng dòng"),
    "codes": N_("Tệp mã đối tượng"),
    "sheet": N_("Bảng kết quả của đơn vị chi trả"),
}


class Connected(RuleBroken):
    """Kết quả của danh sách này đến qua kết nối với đơn vị chi trả, không nhập hàng loạt bằng tay."""


class NothingChanges(RuleBroken):
    """Không có dòng nào đang ở trạng thái “%(standing)s” để đổi."""


class SameStanding(RuleBroken):
    """Trạng thái cũ và trạng thái mới giống nhau."""


class AlreadyUndone(RuleBroken):
    """Lần nhập này đã được hoàn tác."""


class ChangedSince(RuleBroken):
    """Mọi dòng của lần nhập này đã được đổi tiếp sau đó. Hãy hoàn tác lần nhập sau trước."""


@dataclass(frozen=True, slots=True)
class Change:
    """What to change. `reasons` are the lines meant, by reference, each with what the sheet says of it or "".

    None means every line that stands as `from_standing`. `why` may be empty only for lines that had no result.
    """

    from_standing: str
    to_outcome: str
    why: str = ""
    how: str = "all"
    reasons: Mapping[str, str] | None = None
    file_name: str | None = None
    file_sha256: str | None = None


_CODES_BY_WORDS = {names.fold(words): code for code, words in REASONS.items()} | {
    code.lower().replace("_", " "): code for code in REASON_CODES
}

# Lines whose standing is the one the change starts from, with the words a sheet has for each.
_PICK = f"""
CREATE TEMPORARY TABLE changing ON COMMIT DROP AS
SELECT l.id AS line_id, l.reference, l.area_path, l.total_vnd, w.reason, w.code, r.id AS record_id,
       CASE WHEN r.id IS NOT NULL THEN jsonb_build_object('finding', r.finding, 'outcome', r.decided_outcome,
            'reason', r.decided_reason, 'by', r.decided_by, 'at', r.decided_at, 'code', r.reason_code,
            'change', r.change_id) END AS before
  FROM settlements s
  JOIN payout_lines l ON l.batch_id = s.batch_id AND l.live AND l.total_vnd > 0
  LEFT JOIN settlement_records r ON r.settlement_id = s.id AND r.line_id = l.id
  LEFT JOIN unnest(CAST(:references AS text[]), CAST(:reasons AS text[]), CAST(:codes AS text[]))
         AS w(reference, reason, code) ON w.reference = l.reference
 WHERE s.id = :settlement AND {STANDING} = :standing AND (:everybody OR w.reference IS NOT NULL)
"""
_KEEP = text(
    "INSERT INTO result_change_lines (change_id, reference, before, area_path)"
    " SELECT :change, reference, before, area_path FROM changing"
)
_WRITE = text(
    "INSERT INTO settlement_records AS r (settlement_id, line_id, agency_id, area_path, reference, reason_code, finding,"
    " decided_outcome, decided_reason, decided_by, decided_at, change_id)"
    " SELECT s.id, c.line_id, s.agency_id, c.area_path, c.reference, nullif(c.code, ''), 'by_hand', :outcome,"
    "        coalesce(nullif(c.reason, ''), :why), :by, :now, :change"
    "   FROM settlements s CROSS JOIN changing c WHERE s.id = :settlement"
    " ON CONFLICT (settlement_id, reference) DO UPDATE SET decided_outcome = excluded.decided_outcome,"
    "    decided_reason = excluded.decided_reason, decided_by = excluded.decided_by, decided_at = excluded.decided_at,"
    "    change_id = excluded.change_id,"
    "    reason_code = CASE WHEN r.finding IN ('missing', 'by_hand') THEN excluded.reason_code ELSE r.reason_code END,"
    "    finding = CASE r.finding WHEN 'missing' THEN 'by_hand' ELSE r.finding END"
)
# What messages have said of a line since stands (promise P6), also against what was entered before them.
_SPOKEN = "r.finding <> 'by_hand' AND coalesce(b.before ->> 'finding', 'missing') IN ('missing', 'by_hand')"
_BEFORE = f"(CASE WHEN {_SPOKEN} THEN CAST('{{}}' AS jsonb) ELSE b.before END)"
_UNDO = text(
    "UPDATE settlement_records r SET"
    " finding = CASE r.finding WHEN 'by_hand' THEN coalesce(b.before ->> 'finding', 'missing') ELSE r.finding END,"
    " reason_code = CASE r.finding WHEN 'by_hand' THEN b.before ->> 'code' ELSE r.reason_code END,"
    f" decided_outcome = {_BEFORE} ->> 'outcome', decided_reason = {_BEFORE} ->> 'reason',"
    f" decided_by = {_BEFORE} ->> 'by', decided_at = CAST({_BEFORE} ->> 'at' AS timestamptz),"
    f" change_id = CAST({_BEFORE} ->> 'change' AS bigint)"
    "  FROM result_change_lines b WHERE b.change_id = :change AND r.settlement_id = :settlement"
    "   AND r.reference = b.reference AND r.change_id = :change"
)


def by_hand(session: Session, settlement: Settlement) -> bool:
    """The results of this settlement come on paper or as a workbook: nothing reports them over a connection."""
    adapter = session.execute(
        text("SELECT c.adapter FROM payout_batches b JOIN agency_contracts c ON c.id = b.contract_id WHERE b.id = :id"),
        {"id": settlement.batch_id},
    ).scalar()
    return adapter not in CONNECTED


def change(session: Session, settlement_id: int, asked: Change, *, by: Actor) -> ResultChange:
    """Give lines that stand as `from_standing` another result; lines that stand otherwise are left alone.

    Raises Connected, SameStanding, NothingChanges, and what `deciding.decide` raises: UnknownOutcome, ReasonMissing,
    ReasonTooLong, NotYoursToDecide, SettlementOver, NotFound.
    """
    why = asked.why.strip()
    if asked.from_standing not in FROM:
        raise deciding.UnknownOutcome(field="from_standing")
    if asked.from_standing == asked.to_outcome:
        raise SameStanding
    if not why and asked.from_standing == "pending":
        why = str(_("Theo kết quả của đơn vị chi trả"))
    facts = deciding.prepare(session, settlement_id, asked.to_outcome, by=by, because=why)
    settlement = session.get_one(Settlement, settlement_id)
    if not by_hand(session, settlement):
        raise Connected
    count, total_vnd = _pick(session, settlement_id, asked)
    if not count:
        raise NothingChanges(standing=FROM[asked.from_standing])
    made = ResultChange(
        settlement_id=settlement_id,
        area_path=settlement.area_path,
        how=asked.how,
        from_standing=asked.from_standing,
        to_outcome=asked.to_outcome,
        reason=why,
        line_count=count,
        total_vnd=total_vnd,
        file_name=asked.file_name,
        file_sha256=asked.file_sha256,
        made_by=by.username,
        made_by_id=by.user_id,
        made_at=clock.now(),
    )
    session.add(made)
    session.flush()
    session.execute(_KEEP, {"change": made.id})
    session.execute(_WRITE, facts | {"change": made.id, "why": why})
    session.expire_all()
    return made


def _pick(session: Session, settlement_id: int, asked: Change) -> tuple[int, int]:
    """(lines, đồng) that will change, written into `changing`."""
    said = asked.reasons or {}
    unpaid = asked.to_outcome != "paid"
    session.execute(text("DROP TABLE IF EXISTS changing"))
    session.execute(
        text(_PICK),
        {
            "settlement": settlement_id,
            "standing": asked.from_standing,
            "everybody": asked.reasons is None,
            "references": list(said),
            "reasons": list(said.values()),
            "codes": [reason_code(reason) if unpaid else "" for reason in said.values()],
        },
    )
    row = session.execute(text("SELECT count(*) AS n, coalesce(sum(total_vnd), 0)::bigint AS vnd FROM changing")).one()
    return row.n, row.vnd


def reason_code(words: str) -> str:
    """The agency's reason code that these words stand for; OTHER for words of their own, "" for none."""
    plain = names.fold(words)
    if not plain:
        return ""
    for known, code in _CODES_BY_WORDS.items():
        if plain == known or known.startswith(f"{plain},") or plain.startswith(known):
            return code
    return "OTHER"


def undo(session: Session, change_id: int, *, by: Actor) -> ResultChange:
    """Set back what a change set changed, where nobody has changed it since; returns it with `undone_count`.

    Raises NotFound, AlreadyUndone, ChangedSince, NotYoursToDecide, SettlementOver.
    """
    settlement_id = session.execute(
        text("SELECT settlement_id FROM result_changes WHERE id = :id"), {"id": change_id}
    ).scalar()
    if settlement_id is None:
        raise NotFound
    deciding.demand_open(session, settlement_id, by=by)
    made = session.get_one(ResultChange, change_id, populate_existing=True)
    if made.undone_at is not None:
        raise AlreadyUndone
    done: Any = session.execute(_UNDO, {"change": change_id, "settlement": settlement_id})
    if not done.rowcount:
        raise ChangedSince
    made.undone_by, made.undone_at, made.undone_count = by.username, clock.now(), done.rowcount
    session.flush()
    session.expire_all()
    return made


def changes(session: Session, settlement_id: int) -> list[ResultChange]:
    """Change sets of a settlement, newest first."""
    found = session.query(ResultChange).filter(ResultChange.settlement_id == settlement_id)
    return list(found.order_by(ResultChange.id.desc()))
