"""What befalls people, and the offices with them: deaths, mistaken ones too, moves, mergers, long absences."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from functools import partial

import pytest
from sqlalchemy import text

from app import clock
from app.models import ArrearsProposal
from app.rules.actors import Actor, Role
from app.services import suspensions
from app.services.arrears import deciding as arrears
from app.services.arrears import proposing
from app.services.lives import deaths, relocating, succession
from app.services.lives.deaths import Funeral
from app.services.recoveries import opening, returning
from tests import factories as make
from tests.year.counter import Counter
from tests.year.oracle import Claim, Owed, agree
from tests.year.plan import Absence, Death, Mistake, Place, month

CENTRE = Actor("tw.quantri", frozenset({Role.CENTRAL_ADMIN}), "VN/")


class Lives(Counter):
    """People between their lists."""

    # --- Deaths

    def deaths_of(self, number: int, *, at_once: bool) -> None:
        """Those recorded on the first of the month, or in its middle."""
        for death in self.plan.deaths:
            if death.recorded == number and death.at_once == at_once:
                self.died(death, with_funeral=True)

    def died(self, death: Death | Mistake, *, with_funeral: bool) -> int:
        """A death is recorded, with the funeral cost in the first list made from the next month on; its key."""
        life = self.oracle.lives[death.person]
        place = self.place(life.homes[-1][1])
        paid_in = month(death.recorded + 1)
        funeral = Funeral("Lê Văn Con", month=paid_in, decision_no="12/QĐ-UBND") if with_funeral else None
        recorded = self.twice(
            self.by(place, Role.CLERK),
            lambda by: deaths.record(self.session, self.people[death.person], death.died_on, by=by, funeral=funeral),
        )
        life.died_on, life.organiser = death.died_on, with_funeral
        if with_funeral:
            self.oracle.claims.append(Claim(recorded.funeral_id, death.person, "funeral", Fraction(20), paid_in))
        return int(recorded.id)

    def undone(self, mistake: Mistake, death_id: int) -> None:
        """The dead person lives: what was asked back is not, and what was missed is owed."""
        life = self.oracle.lives[mistake.person]
        place = self.place(life.homes[-1][1])
        clerk = self.by(place, Role.CLERK)
        self.twice(clerk, lambda by: deaths.undo(self.session, death_id, by=by, because="Nhầm người cùng tên"))
        listed_to = self.oracle.after_last_list(mistake.person)
        life.died_on, life.organiser = None, False
        self.oracle.claims = [
            one for one in self.oracle.claims if one.person != mistake.person or one.kind != "funeral"
        ]
        today = clock.today()
        self._no_longer_asked_back(place, mistake.person, today)
        lists = self.place(life.home(today.replace(day=1)))
        group = self.group(lists, today.month)
        for claim, owed in self.oracle.missed(mistake.person, listed_to, today):
            if owed.for_month < month(group[0]):
                owed.due = month(today.month + 1)
                claim.owed.append(owed)
                self._entered_by_hand(place, claim, owed)
        self.take_in(lists, today.month)
        self.did["undone"] += 1

    def _no_longer_asked_back(self, place: Place, person: int, today: date) -> None:
        """What was asked back for the death is not, or where some was withheld: the rest is forgiven and that returned."""
        decided = set(self.session.execute(_ASKED_BACK, {"person": self.people[person]}).scalars())
        by = make.PROVINCE_SUPERVISOR
        for recovery in [one for one in self.oracle.recoveries if (one.person, one.because) == (person, "death")]:
            if recovery.free == recovery.amount:
                for key in decided:
                    self.twice(by, partial(opening.withdraw, self.session, key, because="Còn sống"))
                self.oracle.recoveries.remove(recovery)
                for line, _part in recovery.parts:
                    line.claimed_back = False
                continue
            with pytest.raises(opening.AlreadyCameBack):
                opening.withdraw(self.session, *decided, by=by, because="Còn sống")
            self.session.rollback()
            claim = next(one for one in self.oracle.claims if one.person == person)
            owed = Owed(recovery.back + recovery.waiting, recovery.parts[0][0].month, month(today.month + 1))
            if recovery.free:
                self.once(by, partial(returning.write_off, self.session, *decided, because="Còn sống"))
            recovery.back += recovery.free
            claim.owed.append(owed)
            self._entered_by_hand(place, claim, owed, "78/QĐ")

    def _entered_by_hand(self, place: Place, claim: Claim, owed: Owed, decision: str = "77/QĐ") -> None:
        entry = proposing.HandEntry(claim.id, owed.for_month, owed.due, owed.amount, "Cắt chết nhầm", decision)
        made = self.twice(self.by(place, Role.CLERK), lambda by: proposing.enter(self.session, entry, by=by))
        self.twice(self.by(place, Role.SUPERVISOR), lambda by: arrears.approve(self.session, made.id, by=by))
        self.did["by hand"] += 1

    def group(self, place: Place, number: int) -> tuple[int, ...]:
        """The months settled at once to which a month belongs."""
        return next(group for group in place.groups if number in group)

    def take_in(self, place: Place, number: int) -> None:
        """Who ought to be in lists that are made already gets supplementary ones."""
        group = self.group(place, number)
        self._send(place, "supplementary", [month(one) for one in group], self.plan.group(place, group[0]))

    # --- Moves

    def moved(self, number: int) -> None:
        """Somebody moves; where the lists of the new place are made already, a supplementary one takes them in."""
        person, to = self.plan.mover, self.place(self.plan.moves_to)
        life = self.oracle.lives[person]
        old = self.place(life.homes[-1][1])
        asked = self.twice(
            self.by(old, Role.CLERK),
            lambda by: relocating.ask(self.session, self.people[person], to.code, by=by, reason="Về ở với con"),
        )
        first = self.twice(self.by(to, Role.CLERK), lambda by: relocating.accept(self.session, asked.id, by=by))
        listed = [
            line.month for claim in self.oracle.claims if claim.person == person for line in claim.lines if line.live
        ]
        assert first == max([month(number), *({self.oracle.after_last_list(person)} if listed else ())])
        life.homes.append((first, to.code))
        self.take_in(to, number)

    def merged(self) -> None:
        """A commune goes over to another as a whole; its lists and settlements are brought to their end where they are."""
        merger = self.plan.merger
        assert merger is not None
        wanted = succession.Succession(
            self.area(merger.old).id,
            month(merger.first),
            "Nghị quyết 1",
            (succession.Successor(self.area(merger.new).id),),
        )
        going = [life for life in self.oracle.lives.values() if life.homes[-1][1] == merger.old]
        agree(
            "people who go over",
            self.twice(CENTRE, lambda by: succession.succeed(self.session, wanted, by=by)),
            len(going),
        )
        for life in going:
            life.homes.append((month(merger.first), merger.new))
        self.did["merged"] += 1

    # --- Absences

    def absences(self, number: int, *, on_the_first: bool) -> None:
        """Who has fetched nothing for three months is suspended, and after a while comes back."""
        absence = self.plan.absence
        if absence is None:
            return
        if not self.did["suspended"] and absence.at_once == on_the_first:
            self._suspended(absence.person, number)
        elif self.did["suspended"] > self.did["resumed"] and not on_the_first:
            self._resumed(absence, number)

    def _suspended(self, person: int, number: int) -> None:
        place, clerk = self._at_home(person)
        key = self.people[person]
        if self.oracle.unpaid_in_a_row(person) < 3:
            with pytest.raises(suspensions.NotUnpaidLongEnough):
                suspensions.propose(self.session, key, by=clerk, because="Không gặp được")
            self.session.rollback()
            return
        made = self.twice(clerk, lambda by: suspensions.propose(self.session, key, by=by, because="Không gặp được"))
        supervisor = self.by(place, Role.SUPERVISOR)
        self.twice(supervisor, lambda by: suspensions.suspend(self.session, made.id, by=by, because="Ba kỳ"))
        self.oracle.lives[person].suspended = True
        self.suspension, self.suspended_in = made.id, number
        self.suspended_from = self.oracle.after_last_list(person)
        self.did["suspended"] += 1

    def _resumed(self, absence: Absence, number: int) -> None:
        """Back, perhaps with what was missed; what is not granted a supplementary list may still take in."""
        person, with_arrears = absence.person, absence.with_arrears
        if number < self.suspended_in + absence.after:
            return
        place, clerk = self._at_home(person)
        self.twice(
            clerk,
            lambda by: suspensions.ask_resume(
                self.session, self.suspension, by=by, because="Đã về", with_arrears=with_arrears
            ),
        )
        supervisor = self.by(place, Role.SUPERVISOR)
        resumed = self.twice(supervisor, lambda by: suspensions.resume(self.session, self.suspension, by=by))
        self.oracle.lives[person].suspended = False
        self.returns_in = month(number + 1) if number < 12 else date.max
        self.did["resumed"] += 1
        missed = self.oracle.missed(person, self.suspended_from, clock.today()) if with_arrears else []
        said = self.session.execute(_PROPOSED, {"proposal": resumed.proposal_id}).all()
        agree(
            "months missed",
            sorted(tuple(row) for row in said),
            sorted((claim.id, owed.for_month, owed.amount) for claim, owed in missed),
        )
        if missed:
            proposal = self.session.get_one(ArrearsProposal, resumed.proposal_id)
            agree("due", proposal.due_month, missed[0][1].due)
            self.twice(supervisor, lambda by: arrears.approve(self.session, proposal.id, by=by))
            for claim, owed in missed:
                claim.owed.append(owed)
            self.did["missed"] += len(missed)
        self.take_in(self.place(self.oracle.lives[person].home(month(number))), number)

    def _at_home(self, person: int) -> tuple[Place, Actor]:
        """The place whose clerk acts for somebody now."""
        place = self.place(self.oracle.lives[person].homes[-1][1])
        return place, self.by(place, Role.CLERK)

    def watch(self) -> None:
        """Alerts rest on how many months somebody has fetched nothing."""
        for person, key in self.people.items():
            agree(
                f"unpaid in a row of person {person}",
                suspensions.unpaid_periods(self.session, key),
                self.oracle.unpaid_in_a_row(person),
            )


_ASKED_BACK = text("SELECT id FROM recoveries WHERE source = 'death' AND state = 'open' AND beneficiary_id = :person")
_PROPOSED = text(
    "SELECT entitlement_id, for_month, amount_vnd FROM arrears_proposal_lines WHERE live AND proposal_id = :proposal"
)
