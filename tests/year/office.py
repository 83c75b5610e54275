"""The people of the communes and of their province, acting through the services, late, twice, and after mistakes."""

from __future__ import annotations

from datetime import date
from functools import partial

from sqlalchemy import text

from app import clock
from app.rules.actors import SYSTEM
from app.services.arrears import deciding as arrears
from app.services.arrears import proposing
from app.services.recoveries import figures as recovery_figures
from app.services.recoveries import finding, opening, returning
from tests import factories as make
from tests.year.lives import Lives
from tests.year.oracle import Recovery, agree
from tests.year.plan import YEAR, month


class Office(Lives):
    """One year of one seed."""

    def live(self) -> None:
        """January to December."""
        for number in range(1, 13):
            with clock.at(month(number)):
                self.deaths_of(number, at_once=True)
                self.absences(number, on_the_first=True)
            for place in self.plan.places:
                for group in place.groups:
                    if group[0] == number and self.plan.lasts(place, number):
                        self.begin(place, group, self.plan.group(place, number))
            self.in_the_middle(number)
            for place in self.plan.places:
                for group in place.groups:
                    if group[-1] == number and self.plan.lasts(place, group[0]):
                        self.end(place, group, self.plan.group(place, group[0]))
            self.money_comes_back(number)

    # --- Lives, and the rise

    def in_the_middle(self, number: int) -> None:
        """What befalls people in the month; in October the rise that applies back to July."""
        mistake, merger = self.plan.mistake, self.plan.merger
        with clock.at(date(YEAR, number, 14)):
            if number == 10:
                self.rise(number)
            self.deaths_of(number, at_once=False)
            if mistake and mistake.recorded == number:
                self.mistaken_death = self.died(mistake, with_funeral=mistake.with_funeral)
            if number == self.plan.moves_in:
                self.moved(number)
            if merger and merger.recorded == number:
                self.merged()
            if merger and merger.first == number:
                self.take_in(self.place(merger.new), number)
            self.absences(number, on_the_first=False)
            if number in (11, 12) and self.did["resumed"] and not self.did["rise again"]:
                self.did["rise again"] += 1
                self.rise(number)
            self.watch()
        with clock.at(date(YEAR, number, 16)):
            if mistake and mistake.undone == number:
                self.undone(mistake, self.mistaken_death)

    def rise(self, number: int) -> None:
        """Computed for the province in one go, approved by its supervisor, each clicked twice; again for who came back."""
        months, due = [month(one) for one in (7, 8, 9, 10)], month(number + 1)
        rows = text("SELECT entitlement_id, for_month, amount_vnd FROM arrears")
        owed = {id(one) for claim in self.oracle.claims for one in claim.owed}
        self.oracle.rise(months, due, clock.today())
        if any(id(one) not in owed for claim in self.oracle.claims for one in claim.owed):
            asked = proposing.RiseRequest(self.area("01").id, months[0], months[-1], due, "Nâng mức chuẩn", "335")
            made = self.twice(make.PROVINCE_CLERK, lambda by: proposing.propose_rise(self.session, asked, by=by))
            self.twice(make.PROVINCE_SUPERVISOR, lambda by: arrears.approve(self.session, made.id, by=by))
        agree(
            "arrears",
            sorted(tuple(row) for row in self.session.execute(rows)),
            sorted((claim.id, one.for_month, one.amount) for claim in self.oracle.claims for one in claim.owed),
        )

    # --- Recoveries

    def money_comes_back(self, number: int) -> None:
        """The sweep finds what was paid after a death, supervisors approve; some bring part of it back in cash."""
        with clock.at(date(YEAR, number, 28)):
            finding.sweep(self.session, by=SYSTEM)
            self.session.commit()
            self.oracle.sweep()
            for key in self.session.execute(_PROPOSED, {"but": self._in_question(number)}).scalars().all():
                self.twice(make.PROVINCE_SUPERVISOR, lambda by, key=key: opening.approve(self.session, key, by=by))
            rows = self.session.execute(
                text("SELECT id, beneficiary_id FROM recoveries WHERE state <> 'withdrawn' ORDER BY id")
            ).all()
            persons = {made: person for person, made in self.people.items()}
            said = [(persons[row.beneficiary_id], recovery_figures.figures(self.session, row.id)) for row in rows]
            account = self.oracle.recoveries
            agree(
                "recoveries",
                sorted((who, at.amount_vnd, at.remaining_vnd, at.waiting_vnd) for who, at in said),
                sorted((one.person, one.amount, one.amount - one.back, one.waiting) for one in account),
            )
            pairs = zip(
                sorted(account, key=lambda one: one.person),
                sorted(rows, key=lambda row: persons[row.beneficiary_id]),
                strict=True,
            )
            for recovery, row in pairs:
                if self.mistakes or (self.plan.mistake and recovery.person == self.plan.mistake.person):
                    continue
                if recovery.free > 1 and self.plan.share("cash", number, recovery.person) < 0.3:
                    self._brought_back(recovery, row.id, number)
                elif recovery.free and number == 12 and self.plan.share("forgiven", recovery.person) < 0.3:
                    forgive = partial(returning.write_off, self.session, row.id, because="Hộ nghèo")
                    self.once(make.PROVINCE_SUPERVISOR, forgive)
                    recovery.back += recovery.free
            self.session.commit()
            if not self.mistakes and self.plan.share("wrongly", number) < 0.25:
                self._wrongly_paid()

    def _in_question(self, number: int) -> int:
        """A death that some doubt: what it asks back is not decided yet."""
        mistake = self.plan.mistake
        waits = mistake and number < mistake.undone and self.plan.share("doubt") < 0.5
        return self.people[mistake.person] if mistake and waits else 0

    def _brought_back(self, recovery: Recovery, key: int, number: int) -> None:
        """Half of what is free, in cash, to whoever paid the lines out."""
        amount = recovery.free // 2
        pay = partial(returning.pay_cash, self.session, key, amount, reference=f"PT-{number}")
        self.once(make.PROVINCE_ACCOUNTANT, pay)
        for line, part in recovery.cash(amount):
            self.oracle.returned[line.place, line.payer] += part

    def _wrongly_paid(self) -> None:
        """A clerk finds that half of what somebody living was paid was wrong; a supervisor agrees to take it in parts."""
        for line in reversed(list(self.oracle.lines.values())):
            living = self.oracle.lives[line.claim.person].died_on is None
            if (
                living
                and line.live
                and line.result == "paid"
                and not line.claimed_back
                and line.claim.kind == "monthly"
            ):
                break
        else:
            return
        amount = line.total // 2
        wanted = opening.Proposal(
            self.people[line.claim.person],
            line.month,
            line.month,
            "Trả nhầm",
            amount_vnd=amount,
            instalment_vnd=amount // 3,
        )
        made = self.once(make.PROVINCE_CLERK, partial(opening.propose, self.session, wanted))
        self.twice(make.PROVINCE_SUPERVISOR, lambda by: opening.approve(self.session, made.id, by=by))
        self.oracle.recoveries.append(
            Recovery(line.claim.person, line.place, amount, amount // 3, parts=[(line, amount)])
        )
        line.claimed_back = True


_PROPOSED = text("SELECT id FROM recoveries WHERE state = 'proposed' AND beneficiary_id <> :but ORDER BY id")
