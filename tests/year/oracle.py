"""An independent account of the year: who was due what, and got what. Plain arithmetic, nothing of the program.

It is told what is known from outside: who lives where, who died, which lists were made on which day, and what happened
at the counters. From that it foretells every line to the đồng.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any

RISE_ENACTED, RISE_APPLIES = date(2026, 10, 5), date(2026, 7, 1)
SHARE_PERCENT = 30
KIND_OF = {"supplementary": "monthly"}
"""A supplementary list takes who is in no list of the month, and no earlier money."""


def agree(what: str, found: Any, foretold: Any) -> None:
    """Both say the same, to the đồng."""
    if found != foretold:
        facts = (found, foretold) if isinstance(found, list) else ()
        only = [[one for one in mine if one not in other] for mine, other in zip(facts, facts[::-1], strict=True)]
        said, meant = only or (found, foretold)
        raise AssertionError(f"{what}: the program says {said}, the account {meant}")


def standard(month: date, known_on: date) -> int:
    """Đồng of the standard amount for a month, as known on a day."""
    return 540_000 if month >= RISE_APPLIES and known_on >= RISE_ENACTED else 500_000


@dataclass(eq=False)
class Recovery:
    """Money that must come back; `waiting` is withheld by lines whose end is not known, `paid_at` handed it out."""

    person: int
    place: str
    amount: int
    instalment: int | None = None
    back: int = 0
    waiting: int = 0
    cash: int = 0
    paid_at: str = ""

    def __post_init__(self) -> None:
        self.paid_at = self.place

    @property
    def free(self) -> int:
        return self.amount - self.back - self.waiting


@dataclass(eq=False)
class Line:
    """What one list says of one entitlement."""

    claim: Claim
    month: date
    place: str
    benefit: int
    arrears: list[Owed]
    carries: list[Line]
    withheld: list[tuple[Recovery, int]] = field(default_factory=list)
    live: bool = True
    result: str = "pending"
    carried_on: bool = False
    claimed_back: bool = False

    @property
    def reference(self) -> str:
        return f"{self.month:%Y%m}-{self.claim.id}"

    @property
    def gross(self) -> int:
        return self.benefit + sum(owed.amount for owed in self.arrears) + sum(line.total for line in self.carries)

    @property
    def total(self) -> int:
        return self.gross - sum(amount for _recovery, amount in self.withheld)

    def all_withheld(self) -> list[tuple[Recovery, int]]:
        """Of this line and of every line whose money it carries."""
        return [*self.withheld, *(one for line in self.carries for one in line.all_withheld())]

    def figures(self) -> tuple[int, int, int, int, int]:
        """Benefit, arrears, carried, withheld, total."""
        arrears, carried = sum(owed.amount for owed in self.arrears), sum(line.total for line in self.carries)
        return self.benefit, arrears, carried, self.gross - self.total, self.total


@dataclass(eq=False)
class Owed:
    """Arrears approved for a month, due in the first list of `due` or later."""

    amount: int
    for_month: date
    due: date
    taken: bool = False


@dataclass(eq=False)
class Claim:
    """An entitlement: `starts` is its first month; the funeral cost is owed once, in that month or the first list after."""

    id: int
    person: int
    kind: str
    coefficient: Fraction
    starts: date
    lines: list[Line] = field(default_factory=list)
    owed: list[Owed] = field(default_factory=list)

    def benefit(self, month: date, known_on: date) -> int:
        return int(self.coefficient * standard(month, known_on))


@dataclass
class Life:
    """Where a person lives, by first month, and when they died as far as the office knows."""

    homes: list[tuple[date, str]]
    died_on: date | None = None

    def home(self, month: date) -> str:
        return [place for first, place in self.homes if first <= month][-1]


class Oracle:
    """The account."""

    def __init__(self) -> None:
        self.lives: dict[int, Life] = {}
        self.claims: list[Claim] = []
        self.lines: dict[str, Line] = {}
        self.recoveries: list[Recovery] = []
        self.transferred: dict[str, int] = {}

    # --- Lists

    def list(self, place: str, kind: str, months: list[date], known_on: date) -> list[Line]:
        """The lines of the lists of `months`, settled at once, made on a day; empty when nobody is owed anything."""
        made = []
        for month in months:
            for claim in self.claims:
                if claim.kind == KIND_OF.get(kind, kind) and self.lives[claim.person].home(month) == place:
                    made += self._line(claim, place, month, months[0], known_on, only_new=kind == "supplementary")
        return made

    def _line(
        self, claim: Claim, place: str, month: date, group: date, known_on: date, *, only_new: bool
    ) -> list[Line]:
        if any(line.live and line.month == month for line in claim.lines):
            return []
        carries = [
            line for line in claim.lines if line.result == "unpaid" and not line.carried_on and line.month < group
        ]
        arrears = [owed for owed in claim.owed if not owed.taken and owed.due <= month]
        if only_new:
            carries, arrears = [], []
        benefit = claim.benefit(month, known_on) if self._eligible(claim, month) else 0
        line = Line(claim, month, place, benefit, arrears, carries)
        if not line.gross:
            return []
        for carried in carries:
            carried.carried_on = True
        for owed in arrears:
            owed.taken = True
        self._withhold(line)
        claim.lines.append(line)
        self.lines[line.reference] = line
        return [line]

    def _eligible(self, claim: Claim, month: date) -> bool:
        if claim.kind == "funeral":
            return claim.starts <= month and not any(line.live and line.benefit for line in claim.lines)
        died_on = self.lives[claim.person].died_on
        return claim.starts <= month and (died_on is None or died_on >= month)

    def _withhold(self, line: Line) -> None:
        room = line.gross * SHARE_PERCENT // 100 if line.claim.kind != "funeral" else 0
        for recovery in self.recoveries:
            if recovery.person == line.claim.person and recovery.place == line.place:
                amount = min(room, recovery.free, recovery.instalment or room)
                if amount:
                    line.withheld.append((recovery, amount))
                    recovery.waiting += amount
                    room -= amount

    def exclude(self, line: Line) -> None:
        """Held out of a draft: what it took is free for the next list."""
        for recovery, amount in line.withheld:
            recovery.waiting -= amount
        for carried in line.carries:
            carried.carried_on = False
        for owed in line.arrears:
            owed.taken = False
        line.live = False

    # --- Results

    def settle(self, results: dict[str, str]) -> None:
        """The settlements of a group are locked: paid, unpaid, recover (paid, to come back), stopped (never paid)."""
        opened = []
        for reference, result in sorted(results.items()):
            line = self.lines[reference]
            assert line.live and line.result == "pending", reference
            line.result = result
            if result == "recover":
                opened.append(Recovery(line.claim.person, line.place, line.total))
                line.claimed_back = True
            if result != "unpaid":
                for recovery, amount in line.all_withheld():
                    recovery.waiting -= amount
                    recovery.back += amount if result == "paid" else 0
        self.recoveries += opened

    def sweep(self) -> None:
        """Benefits paid for months after a death come back, by one recovery each person; recoveries follow who moves."""
        for person, life in self.lives.items():
            late = [
                line
                for claim in self.claims
                if claim.person == person and claim.kind != "funeral"
                for line in claim.lines
                if self._paid_after_death(line, life)
            ]
            if late:
                amount = sum(min(line.benefit, line.total) for line in late)
                self.recoveries.append(Recovery(person, life.homes[-1][1], amount))
            for line in late:
                line.claimed_back = True
        for recovery in self.recoveries:
            if not recovery.waiting:
                recovery.place = self.lives[recovery.person].homes[-1][1]

    @staticmethod
    def _paid_after_death(line: Line, life: Life) -> bool:
        paid = line.live and line.result == "paid" and line.benefit > 0 and not line.claimed_back
        return paid and life.died_on is not None and line.month > life.died_on

    # --- The rise

    def rise(self, months: list[date], due: date, known_on: date) -> None:
        """What a rise owes for listed months, once."""
        for line in self.lines.values():
            life = self.lives[line.claim.person]
            dead = line.claim.kind != "funeral" and life.died_on is not None and life.died_on < line.month
            if not line.live or line.month not in months or dead or line.result in ("recover", "stopped"):
                continue
            more = line.claim.benefit(line.month, known_on) - line.benefit
            if line.benefit and more > 0:
                line.claim.owed.append(Owed(more, line.month, due))

    # --- Sums

    def sums(self) -> dict[str, tuple[int, int]]:
        """Lines and đồng by how they ended; `sent` is all that was sent."""
        found = dict.fromkeys(("sent", "paid", "unpaid", "recover"), (0, 0))
        for line in self.lines.values():
            if line.live:
                for name in ("sent", "unpaid" if line.result == "stopped" else line.result):
                    found[name] = (found[name][0] + 1, found[name][1] + line.total)
        return found

    def held(self, place: str, drawer: dict[str, int]) -> int:
        """What the agency of a place still holds: transferred, less handed out, and what came back in cash."""
        out = sum(drawer.get(line.reference, 0) for line in self.lines.values() if line.place == place)
        back = sum(recovery.cash for recovery in self.recoveries if recovery.paid_at == place)
        return self.transferred.get(place, 0) - out + back

    def check(self, drawer: dict[str, int]) -> None:
        """Nothing is lost: what an entitlement was due is what was handed out, withheld, given up, or still waits."""
        for claim in self.claims:
            live = [line for line in claim.lines if line.live]
            due = sum(line.benefit for line in live) + sum(owed.amount for owed in claim.owed)
            got = sum(drawer.get(line.reference, 0) for line in live)
            withheld = sum(amount for line in live for _recovery, amount in line.withheld)
            given_up = sum(line.total for line in live if line.result == "stopped")
            waits = sum(line.total for line in live if line.result == "unpaid" and not line.carried_on)
            waits += sum(owed.amount for owed in claim.owed if not owed.taken)
            agree(f"{claim.kind} of person {claim.person}", got + withheld + given_up + waits, due)
