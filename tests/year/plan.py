"""What happens in a year, drawn from its seed: places, people, deaths, moves, fates at the counter, faults, mistakes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from random import Random

from tests.scale import NIGHT

YEAR = 2026
COMMUNES = ("00004", "00008", "00025")
KINDS = ("connected", "workbook", "office")
CADENCES: dict[str, tuple[int, ...]] = {
    "single": (1,) * 12,
    "tet": (2, *(1,) * 10),
    "two": (2,) * 6,
    "three": (3, 3, 3, 1, 1, 1),
}
"""Lengths of the groups of months settled at once. The rise of October finds lists of October made before and after it."""
COEFFICIENTS = ("1", "1.5", "2", "2.5", "3")
WIRE_FAULTS = (
    "reset_before", "reset_after", "timeout_before", "timeout_after", "late_request", "http_500_after",
    "html_502_before", "truncated_json", "wrong_packet", "bad_signature", "http_429", "killed_before", "killed_after",
)  # fmt: skip
SPOILED = (
    "wrong_totals",
    "wrong_amount",
    "missing_line",
    "foreign_line",
    "double_line",
    "contradiction",
    "missing_part",
)
DELIVERY = ("callback_duplicate", "callback_reorder", "callback_drop")
STATEMENTS = ("at_once", "late_returns", "refused_first")
"""How a bank tells: everything in one file; what came back in a later one; what it will not book before it books."""
EVENTS = {"accounts": (3, 0), "absence": (2, 0), "mistake": (3, 1), "merger": (4, 3)}
"""What not every year has: by day the years whose seed leaves the second number when divided by the first."""


def month(number: int) -> date:
    """The first day of the number-th month of the year."""
    return date(YEAR, number, 1)


@dataclass(frozen=True, slots=True)
class Place:
    """A commune, how it pays, and its groups of months."""

    code: str
    kind: str
    cadence: str

    @property
    def groups(self) -> list[tuple[int, ...]]:
        """The months settled at once, in order."""
        found, first = [], 1
        for length in CADENCES[self.cadence]:
            found.append(tuple(range(first, first + length)))
            first += length
        return found


@dataclass(frozen=True, slots=True)
class Person:
    """`key` names the person within the year; `place` is where they live in January."""

    key: int
    place: str
    coefficient: str
    starts: int
    by_account: bool


@dataclass(frozen=True, slots=True)
class Death:
    """Recorded in `recorded`, perhaps months after the day; `at_once`: on the day, before the month's list is made."""

    person: int
    died_on: date
    recorded: int
    at_once: bool


@dataclass(frozen=True, slots=True)
class Mistake:
    """A death recorded of somebody who lives, taken back in `undone`; with a funeral cost before its list is made."""

    person: int
    died_on: date
    recorded: int
    undone: int
    with_funeral: bool


@dataclass(frozen=True, slots=True)
class Absence:
    """Somebody fetches nothing from `first` on, is suspended at last, and comes back `after` months later."""

    person: int
    first: int
    after: int
    at_once: bool
    with_arrears: bool


@dataclass(frozen=True, slots=True)
class Merger:
    """The commune `old` goes over to `new`, which lists its people from the month after `recorded` on."""

    old: str
    new: str
    recorded: int

    @property
    def first(self) -> int:
        return self.recorded + 1


@dataclass(frozen=True, slots=True)
class Group:
    """What goes wrong, and right, around one group of months in one place."""

    made_on: int
    wire: tuple[str, ...]
    trouble: str
    spoiled: str
    delivery: tuple[str, ...]
    results_on: int
    extension_days: int
    excludes: bool
    reopens: bool
    hand: str
    statement: str
    mistaken: str


class Plan:
    """The whole year of one seed."""

    def __init__(self, seed: int, *, whole: bool = NIGHT) -> None:
        """By day a year has two of the three kinds of communes and few events; the `whole` has all kinds, and many."""
        self.seed, self.whole = seed, whole
        places = 3 if whole else 2
        draw = Random(f"{seed}")
        kinds = draw.sample(KINDS, k=places)
        cadences = draw.sample([draw.choice(("single", "tet")), "two", "three"], k=places)
        self.places = [Place(*facts) for facts in zip(COMMUNES, kinds, cadences, strict=False)]
        self.events = {name for name, when in EVENTS.items() if self._happens(name, *when)}
        by_account = "accounts" in self.events
        self.people = [
            Person(
                number,
                place.code,
                draw.choice(COEFFICIENTS),
                1 if n < 3 else draw.randint(2, 8),
                by_account and n % 2 == 0,
            )
            for n in range(4)
            for number, place in enumerate(self.places, start=places * n)
        ]
        mortal, mover, *_others = draw.sample(range(len(self.people)), k=len(self.people))
        self.deaths = [self._death(draw, mortal, late=0), self._death(draw, _others[0], late=draw.randint(1, 2))]
        self.mover = mover
        self.moves_in = draw.randint(3, 9)
        self.moves_to = draw.choice([place.code for place in self.places if place.code != self.people[mover].place])
        absent, mistaken, *_rest = [one for one in _others[1:] if self.people[one].starts == 1]
        self.absence = self._absence(absent) if "absence" in self.events else None
        self.mistake = self._mistake(mistaken) if "mistake" in self.events else None
        self.merger = self._merger() if "merger" in self.events else None

    def _happens(self, name: str, every: int, rest: int) -> bool:
        return self.share(name) < 0.5 if self.whole else self.seed % every == rest

    def _absence(self, person: int) -> Absence:
        draw = Random(f"{self.seed}:absence")
        return Absence(person, draw.randint(2, 4), draw.randint(2, 4), draw.random() < 0.5, draw.random() < 0.7)

    def _mistake(self, person: int) -> Mistake:
        """Over by June: what somebody was owed before the rise is then entered by hand at the amount of the day."""
        draw = Random(f"{self.seed}:mistake")
        recorded, with_funeral = draw.randint(2, 4), draw.random() < 0.5
        died_on = date(YEAR, recorded - draw.choice((0, 1)), draw.randint(1, 12))
        return Mistake(
            person, died_on, recorded, recorded if with_funeral else recorded + draw.randint(0, 2), with_funeral
        )

    def _merger(self) -> Merger:
        """Whoever moves has moved by then: nobody is taken in by a commune that has ended."""
        draw = Random(f"{self.seed}:merger")
        old, new = draw.sample([place.code for place in self.places], k=2)
        recorded = draw.randint(4, 8)
        self.moves_in = min(self.moves_in, recorded - 1)
        return Merger(old, new, recorded)

    def lasts(self, place: Place, first: int) -> bool:
        """The place still makes lists of its own for a month."""
        return self.merger is None or place.code != self.merger.old or first < self.merger.first

    def _death(self, draw: Random, person: int, *, late: int) -> Death:
        died = draw.randint(3, 8)
        at_once = not late and self.share("at once") < 0.5
        return Death(person, date(YEAR, died, 1 if at_once else draw.randint(1, 14)), died + late, at_once)

    def group(self, place: Place, first: int) -> Group:
        """What happens around the group of months that begins with `first`."""
        draw = Random(f"{self.seed}:{place.code}:{first}")
        spoiled = draw.choice(("", "", *SPOILED))
        delivery = draw.sample(DELIVERY, k=draw.choice((0, 1, 2)))
        if spoiled == "contradiction":  # nobody could tell the lie if only the lie arrived
            delivery = [one for one in delivery if one != "callback_drop"]
        return Group(
            made_on=draw.choice((2, 3, 8)),
            wire=tuple(draw.choices(WIRE_FAULTS, k=draw.choice((0, 0, 1, 2, 3)))),
            trouble=draw.choice((*("none",) * 6, "rejected", "recalled")),
            spoiled=spoiled,
            delivery=tuple(delivery),
            results_on=draw.choice((20, 20, 20, 26)),
            extension_days=draw.choice((0, 0, 3)),
            excludes=draw.random() < 0.15,
            reopens=draw.random() < 0.2,
            hand=draw.choice(("all_then_some", "sheet", "undone")),
            statement=draw.choice(STATEMENTS),
            mistaken=draw.choices(("", "paid", "unpaid"), weights=(70, 15, 15))[0],
        )

    def fate(self, person: int, kind: str, of: date) -> str:
        """What becomes of a line at the counter: paid, unpaid, recover, or stopped (unpaid for good)."""
        draw = Random(f"{self.seed}:{person}:{kind}:{of}")
        return draw.choices(("paid", "unpaid", "recover", "stopped"), weights=(76, 17, 4, 3))[0]

    def share(self, *of: object) -> float:
        """Some number in [0, 1) for anything else that is drawn."""
        return Random(f"{self.seed}:{of}").random()
