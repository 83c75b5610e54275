"""A file from its upload to its preview: kept, read row by row into a table, checked against the books, not yet applied."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

from flask_babel import gettext as _
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.errors import BadInput, NotFound, RuleBroken, Stale
from app.extensions import transaction
from app.imports import reading, table
from app.imports.columns import Heading, Layout, chosen, letter_of, plain
from app.imports.limits import PACKED_BYTES, FileRefused
from app.imports.table import NoHeading, Parsed, Seen
from app.imports.values import text_of
from app.models import Area, ColumnChoice, FileImport, Settlement
from app.rules import names
from app.rules.actors import Actor
from app.services import access

FOLDER = "imports"
"""Below the data folder; files and rows are kept for a week at most."""
KEPT = timedelta(days=7)
BLOCK = 2_000
LONGEST_NAME = 120


class FileUnfit(BadInput):
    """Không đọc được tệp."""


class NoLongerOpen(RuleBroken):
    """Tệp này đã được áp dụng hoặc bỏ."""


class HasErrors(RuleBroken):
    """Tệp còn %(count)s lỗi nên chưa áp dụng được dòng nào. Hãy sửa trong tệp rồi tải lên lại."""


class NothingToDo(RuleBroken):
    """Tệp không làm thay đổi gì nên không có gì để áp dụng."""


class PreviewStale(Stale):
    """Dữ liệu vừa thay đổi từ lúc xem trước. Chưa có gì được ghi: bản xem trước đã được lập lại, hãy xem lại."""


class ColumnsUnfit(BadInput):
    """Hãy chọn đủ các cột bắt buộc, mỗi cột một lần."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it comes with a form."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Kind:
    """What is done with one kind of file.

    `prepare` adds to a row what only Python can tell; `check` adds findings to the rows and says what applying would do
    and what it all rests on; `hold` keeps others from changing that until the file is applied; `apply` does it and says so.
    """

    layout: Layout
    check: Callable[[Session, FileImport], tuple[dict[str, Any], str]]
    apply: Callable[[Session, FileImport, Actor], str]
    prepare: Callable[[Parsed], None] = lambda _parsed: None
    hold: Callable[[Session, FileImport], None] = lambda _session, _item: None


Progress = Callable[[int, int], None]
Kinds = dict[str, Kind]


def accept(
    session: Session, kind: str, upload: Upload, *, area: Area, by: Actor, home: Path,
    settlement: Settlement | None = None, options: dict[str, Any] | None = None,
) -> FileImport:  # fmt: skip
    """Keep a file below `home` and note that it is to be read. Raises FileUnfit."""
    if len(upload.content) > PACKED_BYTES:
        raise unfit(FileRefused("packed", limit=PACKED_BYTES // 2**20))
    if not upload.content:
        raise unfit(FileRefused("empty"))
    folder = home / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / uuid4().hex
    item = FileImport(
        kind=kind,
        area=area,
        area_id=area.id,
        area_path=area.path,
        settlement_id=settlement.id if settlement is not None else None,
        options=options or {},
        file_name=names.file_name(upload.name, max_length=LONGEST_NAME) or "tep",
        file_path=str(path.relative_to(home)),
        file_sha256=hashlib.sha256(upload.content).hexdigest(),
        started_by=by.username,
        started_by_id=by.user_id,
        started_at=clock.now(),
    )
    session.add(item)
    session.flush()
    path.write_bytes(upload.content)
    return item


def unfit(error: FileRefused) -> FileUnfit:
    """A refusal as an answer to a form."""
    return FileUnfit(error.text, field="file", **error.facts)


def read(import_id: int, kinds: Kinds, *, home: Path, progress: Progress | None = None) -> None:
    """Read a file into its rows and check them; one transaction, so that a preview is whole or is not there.

    A file that is not read leaves its reason; one without a heading waits for a person to say what is where.
    """
    with transaction() as session:
        item = find(session, import_id, hold=True)
        if item.phase not in ("reading", "columns", "ready"):
            raise NoLongerOpen
        kind = kinds[item.kind]
        item.seen, item.message, item.row_count = {}, None, 0
        session.execute(text("DELETE FROM file_import_rows WHERE import_id = :id"), {"id": import_id})
        seen = Seen()
        try:
            book = reading.read(home / item.file_path)
            given = _given(session, item, kind.layout)
            count = _stage(session, item, kind, table.rows(book, kind.layout, seen, given=given), progress)
        except FileRefused as error:
            item.phase, item.message = "refused", str(_(error.text, **error.facts))
            session.execute(text("DELETE FROM file_import_rows WHERE import_id = :id"), {"id": import_id})
            return
        except NoHeading as error:
            if _remembered(session, item, kind.layout, error):
                progress = None
                return _again(session, item, kinds, home)
            item.phase = "columns"
            item.seen = {"sheet": error.sheet, "sample": [[text_of(c)[:60] for c in row.cells[:40]] for row in error.sample],
                         "numbers": [row.number for row in error.sample]}  # fmt: skip
            return
        item.row_count, item.seen = count, _told(seen)
        _check(session, item, kind)


def _again(session: Session, item: FileImport, kinds: Kinds, home: Path) -> None:
    """Read once more with the columns that were remembered; they are in the item's options now."""
    kind, seen = kinds[item.kind], Seen()
    rows = table.rows(reading.read(home / item.file_path), kind.layout, seen, given=_given(session, item, kind.layout))
    item.row_count = _stage(session, item, kind, rows, None)
    item.seen = _told(seen)
    _check(session, item, kind)


def _given(_session: Session, item: FileImport, layout: Layout) -> Heading | None:
    places = item.options.get("places")
    return chosen(layout, places, int(item.options.get("heading_row", 0))) if places else None


# JSON of one line holds no line break; PostgreSQL takes such a text apart far faster than a driver quotes it in an array.
_KEEP = text(
    "INSERT INTO file_import_rows (import_id, no, area_path, facts, findings)"
    " SELECT :id, u.no::int, :path, u.facts::jsonb, u.findings::jsonb FROM unnest(string_to_array(:numbers, chr(10)),"
    " string_to_array(:facts, chr(10)), string_to_array(:findings, chr(10))) AS u(no, facts, findings)"
)


def _stage(session: Session, item: FileImport, kind: Kind, rows: Iterable[Parsed], progress: Progress | None) -> int:
    count, stream = 0, iter(rows)
    while block := list(islice(stream, BLOCK)):
        for row in block:
            kind.prepare(row)
        session.execute(
            _KEEP,
            {
                "id": item.id,
                "path": item.area_path,
                "numbers": "\n".join(str(row.number) for row in block),
                "facts": "\n".join(json.dumps(row.facts, ensure_ascii=False) for row in block),
                "findings": "\n".join(_written(row) for row in block),
            },
        )
        count += len(block)
        if progress is not None:
            progress(count, 0)
    return count


def _written(row: Parsed) -> str:
    if not row.findings:
        return "[]"
    return json.dumps(
        [
            ["" if one.place is None else letter_of(one.place), one.title, one.text, one.severity]
            for one in row.findings
        ],
        ensure_ascii=False,
    )


def _told(seen: Seen) -> dict[str, Any]:
    heading = seen.heading
    return {
        "sheet": seen.sheet,
        "others": seen.others[:20],
        "hidden": seen.hidden[:20],
        "skipped": seen.skipped,
        "subtotals": seen.subtotals,
        "converted": seen.converted,
        "converted_count": seen.converted_count,
        "macros": seen.macros,
        "heading_row": heading.row if heading else 0,
        "places": heading.places if heading else {},
    }


def _check(session: Session, item: FileImport, kind: Kind) -> None:
    """What applying would do, findings that the books add, and how many of each there are."""
    session.flush()
    item.plan, item.stamp = kind.check(session, item)
    item.error_count, item.warning_count = _counted(session, item.id)
    item.phase = "ready"
    session.flush()


def _counted(session: Session, import_id: int) -> tuple[int, int]:
    """(errors, warnings) found by now."""
    row = session.execute(
        text(
            "SELECT count(*) FILTER (WHERE f ->> 3 = 'error') AS errors, count(*) FILTER (WHERE f ->> 3 <> 'error') AS others"
            "  FROM file_import_rows r, jsonb_array_elements(r.findings) f WHERE r.import_id = :id"
        ),
        {"id": import_id},
    ).one()
    return row.errors, row.others


def _remembered(session: Session, item: FileImport, layout: Layout, error: NoHeading) -> bool:
    """Columns a person once chose for this agency's sheets, when this sheet has the same heading."""
    choice = _choice(session, item)
    if choice is None:
        return False
    row = 0
    if choice.heading:
        texts = [[plain(cell) for cell in one.cells] for one in error.sample]
        found = next((n for n, cells in enumerate(texts) if cells == choice.heading), None)
        if found is None:
            return False
        row = error.sample[found].number
    item.options = {**item.options, "places": choice.places, "heading_row": row, "remembered": True}
    return chosen(layout, choice.places, row) is not None


def _choice(session: Session, item: FileImport) -> ColumnChoice | None:
    if item.settlement_id is None:
        return None
    agency_id = session.get_one(Settlement, item.settlement_id).agency_id
    found = session.query(ColumnChoice).filter_by(area_path=item.area_path, agency_id=agency_id, kind=item.kind)
    return found.one_or_none()


def choose_columns(
    session: Session, import_id: int, places: dict[str, int], row: int, *, kinds: Kinds, by: Actor
) -> FileImport:
    """Say which column is what; remembered for the next sheet of the same agency. Raises ColumnsUnfit, NoLongerOpen."""
    item = find(session, import_id, hold=True)
    if item.phase not in ("columns", "ready"):
        raise NoLongerOpen
    if chosen(kinds[item.kind].layout, places, row) is None:
        raise ColumnsUnfit(field="columns")
    numbers, sample = item.seen.get("numbers", []), item.seen.get("sample", [])
    heading = [plain(cell) for cell in sample[numbers.index(row)]] if row in numbers else []
    item.options = {**item.options, "places": places, "heading_row": row, "remembered": False}
    if item.settlement_id is not None:
        choice = _choice(session, item) or ColumnChoice(
            area_path=item.area_path,
            kind=item.kind,
            agency_id=session.get_one(Settlement, item.settlement_id).agency_id,
        )
        choice.heading, choice.places, choice.saved_by, choice.saved_at = heading, places, by.username, clock.now()
        session.add(choice)
    session.flush()
    return item


def apply(import_id: int, kinds: Kinds, *, by: Actor, stamp: str, home: Path) -> str:
    """Apply a file whole, exactly as previewed; returns what was done, in words.

    Raises NoLongerOpen, HasErrors, NothingToDo; PreviewStale after making the preview again when the books have moved.
    """
    with transaction() as session:
        item = find(session, import_id, hold=True)
        demand_ready(item)
        kind, seen = kinds[item.kind], item.stamp
        kind.hold(session, item)
        _plan, now = kind.check(session, item)
        if now == seen == stamp and not _counted(session, item.id)[0]:
            item.message = kind.apply(session, item, by)
            item.phase, item.applied_by, item.applied_at = "applied", by.username, clock.now()
            access.seen(
                session,
                f"import {item.kind}",
                by=by,
                area_path=item.area_path,
                entity_id=item.id,
                people=max(1, item.row_count),
            )
            _forget(session, item, home)
            return item.message
        session.rollback()
    read(import_id, kinds, home=home)
    raise PreviewStale


def demand_ready(item: FileImport) -> None:
    """There is a preview without errors, and it would change something. Raises NoLongerOpen, HasErrors, NothingToDo."""
    if item.phase != "ready":
        raise NoLongerOpen
    if item.error_count:
        raise HasErrors(count=item.error_count)
    if not item.plan.get("total"):
        raise NothingToDo


def discard(session: Session, import_id: int, *, home: Path) -> None:
    """Put a file away without applying it. Raises NoLongerOpen."""
    item = find(session, import_id, hold=True)
    if item.phase in ("applied", "discarded"):
        raise NoLongerOpen
    item.phase = "discarded"
    _forget(session, item, home)


def _forget(session: Session, item: FileImport, home: Path) -> None:
    """Rows and file hold personal data and have done their work; who sent what and its hash stay."""
    session.execute(text("DELETE FROM file_import_rows WHERE import_id = :id"), {"id": item.id})
    item.seen = {key: value for key, value in item.seen.items() if key not in ("converted", "sample")}
    (home / item.file_path).unlink(missing_ok=True)


def expire(session: Session, home: Path, *, now: datetime) -> int:
    """Discard files that nobody applied for a week; how many."""
    found = session.query(FileImport).filter(
        FileImport.phase.in_(("reading", "columns", "refused", "ready")), FileImport.started_at < now - KEPT
    )
    count = 0
    for item in found:
        item.phase = "discarded"
        _forget(session, item, home)
        count += 1
    return count


def find(session: Session, import_id: int, *, hold: bool = False) -> FileImport:
    """A file of the actor's area. Raises NotFound."""
    query = session.query(FileImport).filter(FileImport.id == import_id)
    item = (query.with_for_update() if hold else query).populate_existing().one_or_none()
    if item is None:
        raise NotFound
    return item


def add_findings(session: Session, import_id: int, sql: str, facts: dict[str, Any]) -> None:
    """Add to rows what `sql` selects as (no, column key or '', text, severity); one statement for all rows."""
    session.execute(
        text(
            "UPDATE file_import_rows r SET findings = r.findings || x.found FROM ("
            " SELECT s.no, jsonb_agg(jsonb_build_array(coalesce(CAST(:letters AS jsonb) ->> s.key, ''),"
            "        coalesce(CAST(:titles AS jsonb) ->> s.key, ''), s.said, s.severity)) AS found"
            f"  FROM ({sql}) AS s(no, key, said, severity) GROUP BY s.no) x"
            " WHERE r.import_id = :id AND r.no = x.no"
        ),
        facts | {"id": import_id},
    )


def names_of_columns(item: FileImport, layout: Layout) -> dict[str, str]:
    """Letters and titles of the columns by key, as `add_findings` wants them."""
    places: dict[str, int] = item.seen.get("places", {})
    return {
        "letters": json.dumps({key: letter_of(number) for key, number in places.items()}),
        "titles": json.dumps({column.key: _(column.title) for column in layout.columns}, ensure_ascii=False),
    }
