"""What invented people are entitled to: groups by age as the law has them, from when to when, often more than one."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from app.rules.coefficients import BENEFIT_GROUPS
from app.rules.dates import BirthDate, add_months, age_on

GROUPS = {group.code: group for group in BENEFIT_GROUPS}
PENSION, EIGHTY, INFANT = "HT01", "TG10", "TG01"
DISABLED_ADULT, SINGLE_PARENT, CARER, ORPHAN = "TG15", "TG06", "TG20", "TG02"

SHARES: dict[str, int] = {
    "HT01": 380, "HT02": 45, "TG01": 6, "TG02": 40, "TG03": 12, "TG04": 2, "TG05": 3, "TG06": 55, "TG07": 30,
    "TG08": 14, "TG09": 6, "TG10": 6, "TG11": 3, "TG12": 40, "TG13": 16, "TG14": 42, "TG15": 160, "TG16": 38,
    "TG17": 65, "TG18": 12, "TG19": 8,
}  # fmt: skip
"""How common each group is as a person's first one; carers (TG20) come with those they care for."""

OF_DIFFICULT_AREAS = ("TG09", "TG18")
CARED_FOR = ("TG12", "TG13", "TG14")

_AGES: dict[str, tuple[int, int]] = {
    "TG06": (20, 52), "TG08": (80, 97), "TG10": (80, 98), "TG11": (62, 95), "TG12": (17, 59), "TG14": (60, 96),
    "TG15": (17, 59), "TG17": (60, 95), "TG19": (19, 58), "TG20": (22, 68), "HT01": (75, 99),
}  # fmt: skip
"""Ages met where the law leaves an end open; other groups are met at every age of theirs."""

_YOUNGER_SKEW = ("TG08", "TG10", "TG11", "TG14", "TG17", "HT01")

OVERAGE_SHARE = 0.01
YEAR_ONLY_SHARE, YEAR_ONLY_SHARE_OF_THE_OLD, MONTH_ONLY_SHARE = 0.02, 0.24, 0.04
NEW_SHARE, ENDING_SHARE, TERM_SHARE, SUSPENDED_SHARE = 0.03, 0.008, 0.04, 0.004
"""Entitlements begun, or ended, in the last three months; with an end to come; held up."""
RECENT_MONTHS = 3


@dataclass(frozen=True, slots=True)
class Grant:
    """An entitlement: one group a person is, or was, in."""

    group: str
    starts_on: date
    decision_no: str
    decided_on: date
    units: int = 1
    ends_on: date | None = None
    status: str = "active"

    @property
    def coefficient(self) -> Decimal:
        """By law, as the decision copies it."""
        return GROUPS[self.group].coefficient


def birth_in(rng: random.Random, group: str, *, today: date) -> BirthDate:
    """A birth date that makes somebody of the age of a group; now and then a little too old for it."""
    law = GROUPS[group]
    low, high = _AGES.get(group) or (law.age_from or 0, law.age_to or 0)
    if law.age_to is not None and rng.random() < OVERAGE_SHARE:
        return _exactly(add_months(today, -12 * (law.age_to + 1)) - timedelta(days=rng.randrange(60)))
    age = min(rng.randint(low, high), rng.randint(low, high)) if group in _YOUNGER_SKEW else rng.randint(low, high)
    day = add_months(today, -12 * age) - timedelta(days=rng.randrange(365))
    year_only = YEAR_ONLY_SHARE_OF_THE_OLD if day.year < 1965 else YEAR_ONLY_SHARE
    drawn = rng.random()
    known = BirthDate(day.year) if drawn < year_only else BirthDate(day.year, day.month)
    if drawn >= year_only + MONTH_ONLY_SHARE or not low <= age_on(known, today) <= high:
        return _exactly(day)
    return known


def grants_of(rng: random.Random, group: str, birth: BirthDate, *, today: date) -> tuple[Grant, ...]:
    """The entitlements of somebody whose first group is `group`; the first of them is that one."""
    age = age_on(birth, today)
    first = _granted(rng, group, birth, today=today)
    others: list[Grant | None] = []
    if group in ("TG07", "TG14", "TG17") and age >= 75 and rng.random() < 0.3:
        others.append(_granted(rng, PENSION, birth, today=today))
    if group == SINGLE_PARENT and rng.random() < 0.2:
        others.append(_granted(rng, DISABLED_ADULT, birth, today=today))
    if group == PENSION and age >= 81 and rng.random() < 0.5:
        others.append(_until(rng, EIGHTY, GROUPS[PENSION].applies_from, birth))
    if group == ORPHAN and age >= 5 and rng.random() < 0.3:
        others.append(_until(rng, INFANT, first.starts_on, birth))
    return (first, *(grant for grant in others if grant is not None))


def _granted(rng: random.Random, group: str, birth: BirthDate, *, today: date) -> Grant:
    law, this_month = GROUPS[group], today.replace(day=1)
    reached = add_months(birth.latest, 12 * (law.age_from or 0)).replace(day=1)
    earliest = max(law.applies_from, reached)
    settled = add_months(this_month, -RECENT_MONTHS - 1)
    if rng.random() < NEW_SHARE or earliest > settled:
        starts = max(earliest, add_months(this_month, -rng.randrange(RECENT_MONTHS + 1)))
    else:
        months = (settled.year - earliest.year) * 12 + settled.month - earliest.month
        starts = add_months(earliest, rng.randint(0, months))
    ends = None
    drawn = rng.random()
    if drawn < ENDING_SHARE and starts <= settled:
        ends = add_months(this_month, -rng.randrange(RECENT_MONTHS)) - timedelta(days=1)
    elif drawn < ENDING_SHARE + TERM_SHARE:
        ends = add_months(this_month, rng.randint(3, 30)) - timedelta(days=1)
    units = rng.choices((1, 2, 3), (60, 32, 8))[0] if law.stacks else 1
    status = "suspended" if rng.random() < SUSPENDED_SHARE else "active"
    return Grant(group, starts, *_decision(rng, starts), units=units, ends_on=ends, status=status)


def _until(rng: random.Random, group: str, successor_from: date, birth: BirthDate) -> Grant | None:
    """An earlier group of the same person, ended when the one after it began; None when there was no time for it."""
    law = GROUPS[group]
    starts = max(law.applies_from, add_months(birth.latest, 12 * (law.age_from or 0)).replace(day=1))
    if starts >= successor_from:
        return None
    return Grant(group, starts, *_decision(rng, starts), ends_on=successor_from - timedelta(days=1), status="ended")


def _decision(rng: random.Random, starts: date) -> tuple[str, date]:
    return f"{rng.randint(40, 3900)}/QĐ-UBND", starts - timedelta(days=rng.randint(3, 40))


def _exactly(day: date) -> BirthDate:
    return BirthDate(day.year, day.month, day.day)
