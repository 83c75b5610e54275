"""An independent account of the year: who was due what, and got what. Plain arithmetic, nothing of the program.

It is told what is known from outside: who lives where, who died, which lists were made on which day, and what happened
at the counters. From that it foretells every line to the đồng.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
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


def add_month(month: date) -> date:
    """The first day of the month after."""
    return (month + timedelta(days=31)).replace(day=1)


@dataclass(eq=False)
class Recovery:
    """Money that must come back, by how much of which line; `waiting` is withheld by lines whose end is not known."""

    person: int
    place: str
    amount: int
    instalment: int | None = None
    back: int = 0
    waiting: int = 0
    parts: list[tuple[Line, int]] = field(default_factory=list)
    because: str = ""

    @property
    def free(self) -> int:
        return self.amount - self.back - self.waiting

    def cash(self, amount: int) -> list[tuple[Line, int]]:
        """Brought back to whoever paid the lines out, which are made good one after the other."""
        found, low = [], 0
        for line, part in self.parts:
            share = min(low + part, self.back + amount) - max(low, self.back)
            found += [(line, share)] if share > 0 else []
            low += part
        self.back += amount
        return found


@dataclass(eq=False)
class Line:
    """What one list, `sheet`, says of one entitlement; `payer` hands it out: over the counter, or the bank."""

    claim: Claim
    month: date
    place: str
    payer: str
    sheet: tuple[int, date, str]
    benefit: int
    arrears: list[Owed]
    carries: list[Line]
    withheld: list[tuple[Recovery, int]] = field(default_factory=list)
    to_organiser: bool = False
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
    """Arrears approved for a month, due in the first list of `due` or later; `missed`: the month was in no list."""

    amount: int
    for_month: date
    due: date
    taken: bool = False
    missed: bool = False


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
    """Where a person lives, by first month, when they died as far as the office knows, and who receives the money."""

    homes: list[tuple[date, str]]
    by_account: bool = False
    died_on: date | None = None
    organiser: bool = False
    suspended: bool = False

    def home(self, month: date) -> str:
        return [place for first, place in self.homes if first <= month][-1]

    @property
    def payer(self) -> str:
        """Who organised a funeral comes to the counter."""
        return "bank" if self.by_account and not self.organiser else "counter"


class Oracle:
    """The account."""

    def __init__(self) -> None:
        self.lives: dict[int, Life] = {}
        self.claims: list[Claim] = []
        self.lines: dict[str, Line] = {}
        self.recoveries: list[Recovery] = []
        self.transferred: Counter[tuple[str, str, date]] = Counter()
        self.returned: Counter[tuple[str, str]] = Counter()
        self.listed: set[tuple[str, date]] = set()
        self.sheets = 0

    # --- Lists

    def list(self, place: str, kind: str, months: list[date], known_on: date) -> list[Line]:
        """The lines of the lists of `months`, settled at once, made on a day; empty when nobody is owed anything."""
        made: list[Line] = []
        self.sheets += 1
        for month in months:
            before = len(made)
            for claim in self.claims:
                if claim.kind == KIND_OF.get(kind, kind) and self.lives[claim.person].home(month) == place:
                    made += self._line(claim, place, month, months[0], known_on, only_new=kind == "supplementary")
            if kind == "monthly" and len(made) > before:
                self.listed.add((place, month))
        return made

    def _line(
        self, claim: Claim, place: str, month: date, group: date, known_on: date, *, only_new: bool
    ) -> list[Line]:
        life = self.lives[claim.person]
        if life.suspended or any(line.live and line.month == month for line in claim.lines):
            return []
        carries = [
            line for line in claim.lines if line.result == "unpaid" and not line.carried_on and line.month < group
        ]
        arrears = [owed for owed in claim.owed if not owed.taken and owed.due <= month]
        if only_new:
            carries, arrears = [], []
        benefit = claim.benefit(month, known_on) if self._eligible(claim, month) else 0
        line = Line(claim, month, place, life.payer, (self.sheets, month, life.payer), benefit, arrears, carries)
        line.to_organiser = life.organiser
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
        if any(owed.missed and owed.for_month == month for owed in claim.owed):
            return False
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

    # --- Months in no list

    def missed(self, person: int, first: date, known_on: date) -> list[tuple[Claim, Owed]]:
        """What the months from `first` on, listed where the person lived but without them, would have paid."""
        life = self.lives[person]
        months = sorted(month for place, month in self.listed if month >= first and life.home(month) == place)
        found = []
        for claim in self.claims:
            if claim.person == person and claim.kind == "monthly":
                listed = {line.month for line in claim.lines if line.live}
                for month in months:
                    if month not in listed and self._eligible(claim, month):
                        due = add_month(months[-1])
                        found.append((claim, Owed(claim.benefit(month, known_on), month, due, missed=True)))
        return found

    def after_last_list(self, person: int) -> date:
        """The month after the last in whose lists the person is."""
        return add_month(
            max(line.month for claim in self.claims if claim.person == person for line in claim.lines if line.live)
        )

    def unpaid_in_a_row(self, person: int) -> int:
        """Months, up to the last with a result, in which nothing was handed out to a person who was listed."""
        results: dict[date, list[str]] = {}
        for line in self.lines.values():
            if line.claim.person == person and line.live and line.result != "pending":
                results.setdefault(line.month, []).append(line.result)
        count = 0
        month = max(results, default=date.min)
        while month in results and set(results[month]) <= {"unpaid", "stopped"}:
            count, month = count + 1, (month - timedelta(days=1)).replace(day=1)
        return count

    # --- Results

    def settle(self, results: dict[str, str]) -> None:
        """The settlements of a group are locked: paid, unpaid, recover (paid, to come back), stopped (never paid)."""
        opened = []
        for reference, result in sorted(results.items()):
            line = self.lines[reference]
            assert line.live and line.result == "pending", reference
            line.result = result
            if result == "recover":
                opened.append(Recovery(line.claim.person, line.place, line.total, parts=[(line, line.total)]))
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
                parts = [(line, min(line.benefit, line.total)) for line in late]
                amount = sum(part for _line, part in parts)
                self.recoveries.append(Recovery(person, life.homes[-1][1], amount, parts=parts, because="death"))
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
        """What a rise owes for listed months, and for months missed that were granted at the old amount, once."""
        for claim in self.claims:
            life = self.lives[claim.person]
            if life.suspended:
                continue
            was: Counter[date] = Counter()
            for line in claim.lines:
                dead = claim.kind != "funeral" and life.died_on is not None and life.died_on < line.month
                if line.live and line.benefit and not dead and line.result not in ("recover", "stopped"):
                    was[line.month] += line.benefit
            missed = [owed.for_month for owed in claim.owed if owed.missed]
            for owed in claim.owed:
                if owed.for_month in was or owed.for_month in missed:
                    was[owed.for_month] += owed.amount
            for month in sorted(was.keys() & {*months}):
                more = claim.benefit(month, known_on) - was[month]
                if more > 0:
                    claim.owed.append(Owed(more, month, due))

    # --- Sums

    def sums(self) -> dict[str, tuple[int, int]]:
        """Lines and đồng by how they ended; `sent` is all that was sent."""
        found = dict.fromkeys(("sent", "paid", "unpaid", "recover"), (0, 0))
        for line in self.lines.values():
            if line.live:
                for name in ("sent", "unpaid" if line.result == "stopped" else line.result):
                    found[name] = (found[name][0] + 1, found[name][1] + line.total)
        return found

    def held(self, place: str, payer: str, drawer: dict[str, int]) -> int:
        """What the agency of a place still holds: transferred, less handed out, and what came back in cash."""
        ours = [line for line in self.lines.values() if (line.place, line.payer) == (place, payer)]
        given = sum(
            amount for (where, who, _month), amount in self.transferred.items() if (where, who) == (place, payer)
        )
        return given - sum(drawer.get(line.reference, 0) for line in ours) + self.returned[place, payer]

    def paid_by_sheet(self, place: str, payer: str, month: date) -> list[tuple[int, int]]:
        """(people, đồng) that the agency of a place paid, list by list of a month; what must come back is not paid."""
        sheets: dict[tuple[int, date, str], list[Line]] = {}
        for line in self.lines.values():
            if (line.place, line.payer, line.month, line.result) == (place, payer, month, "paid"):
                sheets.setdefault(line.sheet, []).append(line)
        return [
            (len({line.claim.person for line in lines}), sum(line.total for line in lines)) for lines in sheets.values()
        ]

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
