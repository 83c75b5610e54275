"""What making lists would do, without doing it: the real thing in a savepoint that is taken back, or a count."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from flask_babel import gettext as _
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.models import Area, WorkItem
from app.rules import dates
from app.rules.actors import Actor, bounds_of
from app.services import work
from app.services.batches.making import ListRequest, make_lists

MANY_PEOPLE = 3_000
"""Beyond so many people making lists takes a while: it is done by the scheduler, and previewed by counting only."""


@dataclass(frozen=True, slots=True)
class WouldMake:
    """One list that would be made."""

    area_name: str
    agency_name: str | None
    people: int
    total_vnd: int
    blocking: int
    warnings: int
    month: date


@dataclass(frozen=True, slots=True)
class Preview:
    """`people` and `areas` are rough where the request is `big`, and `lists` is then empty."""

    big: bool
    people: int
    areas: int
    lists: tuple[WouldMake, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()

    @property
    def total_vnd(self) -> int:
        """Money of all lists that would be made."""
        return sum(one.total_vnd for one in self.lists)


def start_making(session: Session, request: ListRequest, *, by: Actor) -> WorkItem:
    """Let the scheduler make the lists of a big area. Raises NotFound, and AlreadyStarted for the same request."""
    area = session.get(Area, request.area_id)
    if area is None:
        raise NotFound
    return work.start(
        session,
        "make_lists",
        {
            "area_id": request.area_id,
            "month": request.month.isoformat(),
            "kind": request.kind,
            "together": request.together,
        },
        by=by,
        title=_("Lập danh sách kỳ %(month)s, %(area)s", month=dates.format_month(request.month), area=area.full_name),
        once_key=f"make_lists:{request.area_id}:{request.month:%Y-%m}:{request.kind}",
    )


def preview(session: Session, request: ListRequest, *, by: Actor) -> Preview:
    """What `make_lists` would make and leave out. Raises whatever it raises, and leaves nothing behind."""
    rough = size_of(session, request)
    if rough.big:
        return rough
    attempt = session.begin_nested()
    try:
        made = make_lists(session, request, by=by)
        rows = session.execute(text(_LISTS), {"ids": made.batch_ids})
        lists = tuple(WouldMake(**row._mapping) for row in rows)
    finally:
        attempt.rollback()
    left_out = tuple((name, why.message) for name, why in made.left_out)
    return Preview(False, sum(one.people for one in lists), len(lists), lists, left_out)


_LISTS = """
SELECT a.full_name AS area_name, g.name AS agency_name, b.people_count AS people, b.total_vnd, p.month,
       (SELECT count(*) FROM batch_findings f WHERE f.batch_id = b.id AND f.severity = 'blocking') AS blocking,
       (SELECT count(*) FROM batch_findings f WHERE f.batch_id = b.id AND f.severity = 'warning') AS warnings
  FROM payout_batches b JOIN areas a ON a.id = b.area_id JOIN periods p ON p.id = b.period_id
  LEFT JOIN agencies g ON g.id = b.agency_id
 WHERE b.id = ANY(:ids) ORDER BY p.month, a.name_fold, b.seq
"""


def size_of(session: Session, request: ListRequest) -> Preview:
    """How many active people and communes the request concerns; nobody is asked whether they are eligible.

    Raises NotFound for an area out of scope.
    """
    area = session.get(Area, request.area_id)
    if area is None:
        raise NotFound
    low, high = bounds_of(area.path)
    row = session.execute(
        text(
            "SELECT (SELECT count(*) FROM beneficiaries WHERE status = 'active' AND area_path >= :low"
            "           AND area_path < :high) AS people,"
            "       (SELECT count(*) FROM areas WHERE level = 'commune' AND path >= :low AND path < :high"
            "           AND valid_from <= :month AND (valid_to IS NULL OR valid_to >= :month)) AS areas"
        ),
        {"low": low, "high": high, "month": request.month},
    ).one()
    return Preview(row.people > MANY_PEOPLE, row.people, row.areas)
