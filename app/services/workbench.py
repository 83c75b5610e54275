"""Bàn làm việc: the month of one area, of a province's areas, of every province, as steps. No page, no change.

The steps are judged in `month_steps` from what `month_facts` reads; what needs a person is in `attention`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.models import Area
from app.rules.actors import Actor, bounds_of
from app.services import month_facts
from app.services.month_facts import AreaFacts, Deadlines, ListFacts
from app.services.month_steps import STEPS, Action, Judged, Step, StepKind, StepState


@dataclass(frozen=True, slots=True)
class AreaMonth:
    """The month of one paying area."""

    area: AreaFacts
    month: date
    steps: tuple[Step, ...]
    lists: tuple[ListFacts, ...]
    missing_kinds: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """Nobody is entitled here and nothing was made."""
        return not self.lists and not self.missing_kinds and not self.area.closed

    @property
    def own(self) -> bool:
        """Nothing of the month goes through an agency: its lists say so, or the settings before there are any."""
        return all(one.own for one in self.lists) if self.lists else self.area.pays_itself

    @property
    def current(self) -> Step | None:
        """The first step that is not done, None when the month is."""
        return next((step for step in self.steps if step.state != StepState.DONE), None)

    @property
    def next_action(self) -> Action | None:
        """The first thing the actor can do."""
        return next((step.action for step in self.steps if step.action is not None), None)

    @property
    def days_late(self) -> int:
        """Days behind the deadline that is furthest behind."""
        return max(step.days_late for step in self.steps)

    @property
    def troubled(self) -> bool:
        """Some step needs a person."""
        return any(step.state == StepState.ATTENTION for step in self.steps)

    @property
    def lateness(self) -> tuple[int, bool, int]:
        """Sorts what needs a hand first: days late, trouble, then how little is done."""
        return -self.days_late, not self.troubled, sum(step.state == StepState.DONE for step in self.steps)


@dataclass(frozen=True, slots=True)
class Tally:
    """One step over many areas: how many are through, how many are late or need a person."""

    kind: StepKind
    areas: int
    done: int
    doing: int
    late: int
    troubled: int
    people: int
    amount_vnd: int

    @property
    def state(self) -> StepState:
        """The worst that any of the areas is in."""
        if self.troubled or self.late:
            return StepState.ATTENTION if self.troubled else StepState.LATE
        if self.areas and self.done == self.areas:
            return StepState.DONE
        return StepState.DOING if self.doing or self.done else StepState.WAITING


@dataclass(frozen=True, slots=True)
class ProvinceMonth:
    """The month of a province, as the sum of its areas."""

    code: str
    full_name: str
    areas: int
    tallies: tuple[Tally, ...]
    days_late: int


def month(session: Session, area: Area, period_month: date, *, by: Actor) -> AreaMonth:
    """The month of one paying area. Raises NotFound for an area out of scope or above the paying ones."""
    rows = table(session, area, period_month, by=by) if by.may_see(area.path) else []
    if len(rows) != 1:
        raise NotFound
    return rows[0]


def table(session: Session, area: Area, period_month: date, *, by: Actor) -> list[AreaMonth]:
    """The month of every paying area in `area` and below, by name: two statements, however many there are."""
    first = period_month.replace(day=1)
    lists = month_facts.lists(session, area.path, first)
    calendar = month_facts.Calendar(session, first)
    return [
        _area_month(facts, tuple(lists.get(facts.id, ())), calendar.of(facts), month=first, by=by)
        for facts in month_facts.areas(session, area.path, first)
    ]


def tally(rows: Iterable[AreaMonth]) -> tuple[Tally, ...]:
    """Every step counted over areas in which there is something to pay."""
    full = [row for row in rows if not row.empty]
    return tuple(
        Tally(
            kind=kind,
            areas=len(full),
            done=sum(step.state == StepState.DONE for step in steps),
            doing=sum(step.state == StepState.DOING for step in steps),
            late=sum(step.state == StepState.LATE for step in steps),
            troubled=sum(step.state == StepState.ATTENTION for step in steps),
            people=sum(step.people for step in steps),
            amount_vnd=sum(step.amount_vnd for step in steps),
        )
        for kind, steps in ((kind, [row.steps[index] for row in full]) for index, kind in enumerate(STEPS))
    )


def provinces(session: Session, area: Area, period_month: date, *, by: Actor) -> list[ProvinceMonth]:
    """The month of every province, by name, in which there is something to pay."""
    low, high = bounds_of(area.path)
    named = session.execute(
        select(Area.path, Area.code, Area.full_name)
        .where(Area.level == "province", Area.path >= low, Area.path < high)
        .order_by(Area.name_fold)
    ).all()
    rows = sorted(table(session, area, period_month, by=by), key=lambda row: row.area.path)
    grouped = {path: list(group) for path, group in groupby(rows, key=lambda row: row.area.path[:6])}
    found = []
    for path, code, full_name in named:
        full = [row for row in grouped.get(path, ()) if not row.empty]
        if full:
            late = max(row.days_late for row in full)
            found.append(ProvinceMonth(code, full_name, len(full), tally(full), late))
    return found


def _area_month(area: AreaFacts, lists: tuple[ListFacts, ...], due: Deadlines, *, month: date, by: Actor) -> AreaMonth:
    made = {one.kind for one in lists}
    missing = () if area.closed else tuple(kind for kind in area.expected_kinds if kind not in made)
    judged = Judged(area, lists, missing, due, month, by)
    return AreaMonth(area, month, tuple(judged.step(index) for index in range(len(STEPS))), lists, missing)
