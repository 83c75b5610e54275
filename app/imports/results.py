"""Results of a list out of a workbook: member codes with one new result for all, or an agency's whole result sheet.

A row is matched with the lines of the list by its code, and by its amount where a person has several lines. What is
written goes through `services.settlements.entering`, guarded by what the lines are.
"""

from __future__ import annotations

import json
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.imports import layouts
from app.imports.staging import Kind, add_findings, names_of_columns
from app.imports.table import Finding, Parsed
from app.models import FileImport
from app.rules import money, names
from app.rules.actors import Actor
from app.services.settlements import entering
from app.services.settlements.arithmetic import STANDING
from app.services.settlements.entering import Change
from app.services.settlements.saying import STANDINGS

# The lines of the list, as they stand now.
_LINES = f"""
CREATE TEMPORARY TABLE import_line ON COMMIT DROP AS
SELECT l.reference, upper(l.beneficiary_code) AS code, l.full_name, l.name_fold, l.total_vnd, {STANDING} AS standing,
       r.change_id, r.decided_at,
       count(*) OVER (PARTITION BY l.beneficiary_code) AS of_code,
       sum(l.total_vnd) OVER (PARTITION BY l.beneficiary_code) AS sum_vnd,
       row_number() OVER (PARTITION BY l.beneficiary_code, l.total_vnd ORDER BY l.no) AS turn
  FROM settlements s
  JOIN payout_lines l ON l.batch_id = s.batch_id AND l.live AND l.total_vnd > 0
  LEFT JOIN settlement_records r ON r.settlement_id = s.id AND r.line_id = l.id
 WHERE s.id = :settlement
"""
_ROWS = """
CREATE TEMPORARY TABLE import_row ON COMMIT DROP AS
SELECT r.no, r.facts ->> 'code' AS code, r.facts ->> 'fold' AS fold, coalesce(r.facts ->> 'reason', '') AS reason,
       (r.facts ->> 'said_vnd')::bigint AS said_vnd, coalesce(r.facts ->> 'outcome', :outcome) AS outcome,
       count(*) OVER (PARTITION BY r.facts ->> 'code') AS of_code,
       row_number() OVER (PARTITION BY r.facts ->> 'code' ORDER BY r.no) AS nth,
       row_number() OVER (PARTITION BY r.facts ->> 'code', r.facts ->> 'said_vnd' ORDER BY r.no) AS turn
  FROM file_import_rows r WHERE r.import_id = :id AND r.facts ? 'code'
"""
# A row speaks of every line of its code, or of the one with its amount.
_MATCH = """
CREATE TEMPORARY TABLE import_match ON COMMIT DROP AS
SELECT r.no, l.reference, l.standing, l.total_vnd, r.outcome, r.reason, l.change_id, l.decided_at
  FROM import_row r JOIN import_line l ON l.code = r.code
 WHERE CASE WHEN :by_code THEN r.nth = 1
            WHEN r.of_code = 1 AND (r.said_vnd IS NULL OR r.said_vnd = l.sum_vnd) THEN true
            ELSE r.said_vnd = l.total_vnd AND r.turn = l.turn END
"""

_FOREIGN = """
SELECT r.no, 'code', CAST(:foreign AS text), 'error' FROM import_row r
 WHERE NOT EXISTS (SELECT 1 FROM import_line l WHERE l.code = r.code)
"""
_OTHER_NAME = """
SELECT DISTINCT ON (r.no) r.no, 'full_name', replace(:other_name, '{name}', l.full_name), 'warning'
  FROM import_row r JOIN import_line l ON l.code = r.code AND r.fold IS NOT NULL AND r.fold <> l.name_fold
"""
_TWICE = """
SELECT r.no, 'code', replace(:twice, '{no}', f.no::text), 'warning'
  FROM import_row r JOIN import_row f ON f.code = r.code AND f.nth = 1 WHERE r.nth > 1 AND :by_code
"""
_UNMATCHED = """
SELECT r.no, 'amount_vnd', replace(:amount, '{vnd}', coalesce((SELECT string_agg(DISTINCT
         replace(to_char(l.total_vnd, 'FM999,999,999,999,999'), ',', '.'), ', ') FROM import_line l WHERE l.code = r.code), '')),
       'error'
  FROM import_row r
 WHERE NOT :by_code AND EXISTS (SELECT 1 FROM import_line l WHERE l.code = r.code)
   AND NOT EXISTS (SELECT 1 FROM import_match m WHERE m.no = r.no)
"""
# None of the row's lines stands as it should: already what it becomes is no harm, anything else is.
_STANDS = """
SELECT m.no, '', CASE WHEN bool_and(m.standing = m.outcome) THEN CAST(:already AS text)
                      ELSE replace(:stands, '{standing}', min(CAST(:words AS jsonb) ->> m.standing)) END,
       CASE WHEN bool_and(m.standing = m.outcome) THEN 'warning' ELSE 'error' END
  FROM import_match m WHERE m.outcome IS NOT NULL GROUP BY m.no HAVING NOT bool_or(m.standing = :standing)
"""

_LISTED = text(f"""
SELECT l.beneficiary_code, l.full_name, l.hamlet, l.total_vnd, {STANDING} AS standing
  FROM settlements s
  JOIN payout_lines l ON l.batch_id = s.batch_id AND l.live AND l.total_vnd > 0
  LEFT JOIN settlement_records r ON r.settlement_id = s.id AND r.line_id = l.id
 WHERE s.id = :settlement ORDER BY l.no
""")


def listed(session: Session, settlement_id: int) -> list[tuple[Any, ...]]:
    """The people of a settlement's list in its order, as `layouts.LISTED` shows them; in Vietnamese, as every template."""
    rows = session.execute(_LISTED, {"settlement": settlement_id})
    return [(*row[:4], STANDINGS[row.standing]) for row in rows]


def prepare_code(row: Parsed) -> None:
    """The name as it is compared."""
    if "full_name" in row.facts:
        row.facts["fold"] = names.fold(row.facts["full_name"])


def prepare_sheet(row: Parsed) -> None:
    """What an agency's row says: the result in words, or whichever of paid and unpaid has an amount."""
    prepare_code(row)
    facts = row.facts
    paid, unpaid = facts.get("paid_vnd", 0), facts.get("unpaid_vnd", 0)
    outcome = facts.get("result")
    if outcome is None:
        if paid and unpaid:
            row.findings.append(Finding(row.number, None, "", str(_("Vừa có số đã trả vừa có số chưa trả."))))
        elif not (paid or unpaid):
            row.findings.append(
                Finding(row.number, None, "", str(_("Không rõ kết quả: chưa ghi đã trả hay chưa trả.")))
            )
        else:
            outcome = "paid" if paid else "unpaid"
    elif (outcome == "paid" and unpaid) or (outcome.startswith("unpaid") and paid):
        row.findings.append(Finding(row.number, None, "", str(_("Kết quả và số tiền nói khác nhau."))))
    if outcome is not None:
        facts["outcome"] = outcome
    said = facts.get("amount_vnd", paid or unpaid or None)
    if said is not None:
        facts["said_vnd"] = said
        if max(paid, unpaid) not in (0, said):
            row.findings.append(Finding(row.number, None, "", str(_("Các cột số tiền nói khác nhau."))))


def check(session: Session, item: FileImport) -> tuple[dict[str, Any], str]:
    """Match rows and lines, add what is odd, count what would change; the stamp is every line as it stands."""
    by_code = item.kind == "codes"
    layout = layouts.LAYOUTS[item.kind]
    facts: dict[str, Any] = {
        "settlement": item.settlement_id,
        "id": item.id,
        "by_code": by_code,
        "outcome": item.options.get("outcome"),
        "standing": item.options["from_standing"],
    }
    for name, sql in (("import_line", _LINES), ("import_row", _ROWS), ("import_match", _MATCH)):
        session.execute(text(f"DROP TABLE IF EXISTS {name}"))
        session.execute(text(sql), facts)
        session.execute(text(f"ANALYZE {name}"))
    known = names_of_columns(item, layout) | _words() | facts
    for sql in (_FOREIGN, _OTHER_NAME, _TWICE, _UNMATCHED, _STANDS):
        add_findings(session, item.id, sql, known)
    return _plan(session, facts), _stamp(session)


def _words() -> dict[str, str]:
    return {
        "foreign": _("Mã này không có trong danh sách của quyết toán."),
        "other_name": _("Trong danh sách, mã này là %(name)s.", name="{name}"),
        "twice": _("Mã này đã có ở dòng %(no)s; dòng này bị bỏ qua.", no="{no}"),
        "amount": _("Số tiền không khớp với số phải trả (%(vnd)s).", vnd="{vnd}"),
        "already": _("Đã có kết quả này; không đổi gì."),
        "stands": _("Đang là “%(standing)s”, khác trạng thái cũ đã chọn.", standing="{standing}"),
        "words": json.dumps({code: _(words) for code, words in STANDINGS.items()}, ensure_ascii=False),
    }


def _plan(session: Session, facts: dict[str, Any]) -> dict[str, Any]:
    rows = session.execute(
        text(
            "SELECT outcome, count(*) AS n, sum(total_vnd)::bigint AS vnd FROM import_match"
            " WHERE standing = :standing AND outcome IS NOT NULL AND outcome <> :standing GROUP BY outcome ORDER BY outcome"
        ),
        facts,
    ).all()
    left = session.execute(
        text(
            "SELECT count(*) FROM import_line l WHERE l.standing = :standing"
            " AND NOT EXISTS (SELECT 1 FROM import_match m WHERE m.reference = l.reference)"
        ),
        facts,
    ).scalar_one()
    return {
        "total": sum(row.n for row in rows),
        "outcomes": [[row.outcome, row.n, row.vnd] for row in rows],
        "left": left,
        "standing": facts["standing"],
    }


def _stamp(session: Session) -> str:
    found = session.execute(
        text(
            "SELECT md5(coalesce(string_agg(reference || standing || coalesce(change_id::text, '') ||"
            " coalesce(decided_at::text, ''), '|' ORDER BY reference), '')) FROM import_line"
        )
    ).scalar_one()
    return str(found)


def apply(session: Session, item: FileImport, by: Actor) -> str:
    """One change set for each result the file holds. Raises what `entering.change` raises."""
    assert item.settlement_id is not None, item.id
    rows = session.execute(
        text(
            "SELECT outcome, reference, reason FROM import_match"
            " WHERE standing = :standing AND outcome IS NOT NULL AND outcome <> :standing ORDER BY outcome, reference"
        ),
        {"standing": item.options["from_standing"]},
    ).all()
    picked: dict[str, dict[str, str]] = {}
    for row in rows:
        picked.setdefault(row.outcome, {})[row.reference] = row.reason
    for outcome, reasons in picked.items():
        entering.change(
            session,
            item.settlement_id,
            Change(
                from_standing=item.options["from_standing"],
                to_outcome=outcome,
                why=item.options.get("reason", ""),
                how=item.kind,
                reasons=reasons,
                file_name=item.file_name,
                file_sha256=item.file_sha256,
            ),
            by=by,
        )
    return str(_("Đã ghi kết quả cho %(count)s dòng.", count=money.group_thousands(len(rows))))


CODES = Kind(layouts.CODES, check, apply, prepare_code)
SHEET = Kind(layouts.SHEET, check, apply, prepare_sheet)
