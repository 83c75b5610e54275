"""The people of the communes and of their province, acting through the services, late, twice, and after mistakes."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

from sqlalchemy import text

from app import clock
from app.rules import dates
from app.rules.actors import SYSTEM, Role
from app.services.arrears import deciding as arrears
from app.services.arrears import proposing
from app.services.lives import deaths, relocating
from app.services.lives.deaths import Funeral
from app.services.recoveries import figures as recovery_figures
from app.services.recoveries import finding, opening, returning
from tests import factories as make
from tests.year.counter import Counter
from tests.year.oracle import Claim, Recovery, agree
from tests.year.plan import YEAR, month


class Office(Counter):
    """One year of one seed."""

    def live(self) -> None:
        """January to December."""
        for number in range(1, 13):
            with clock.at(month(number)):
                self.deaths_of(number, at_once=True)
            for place in self.plan.places:
                for group in place.groups:
                    if group[0] == number:
                        self.begin(place, group, self.plan.group(place, number))
            self.in_the_middle(number)
            for place in self.plan.places:
                for group in place.groups:
                    if group[-1] == number:
                        self.end(place, group, self.plan.group(place, group[0]))
            self.money_comes_back(number)

    # --- Lives, and the rise

    def in_the_middle(self, number: int) -> None:
        """Deaths and moves of the month; in October the rise that applies back to July."""
        with clock.at(date(YEAR, number, 14)):
            if number == 10:
                self.rise()
            self.deaths_of(number, at_once=False)
            if number == self.plan.moves_in:
                self.moved(number)

    def rise(self) -> None:
        """Computed for the province in one go, approved by its supervisor, each clicked twice."""
        months = [month(number) for number in (7, 8, 9, 10)]
        asked = proposing.RiseRequest(self.area("01").id, months[0], months[-1], month(11), "Nâng mức chuẩn", "335")
        made = self.twice(lambda: proposing.propose_rise(self.session, asked, by=make.PROVINCE_CLERK))
        self.twice(lambda: arrears.approve(self.session, made.id, by=make.PROVINCE_SUPERVISOR))
        rows = self.session.execute(text("SELECT entitlement_id, for_month, amount_vnd FROM arrears"))
        self.oracle.rise(months, month(11), clock.today())
        owed = sorted((claim.id, one.for_month, one.amount) for claim in self.oracle.claims for one in claim.owed)
        agree("the rise", sorted(tuple(row) for row in rows), owed)

    def deaths_of(self, number: int, *, at_once: bool) -> None:
        """Those recorded on the first of the month, or in its middle."""
        for death in self.plan.deaths:
            if death.recorded == number and death.at_once == at_once:
                self.died(death.person, death.died_on, number)

    def died(self, person: int, died_on: date, number: int) -> None:
        """A death is recorded, with the funeral cost in the first list made from the next month on."""
        life = self.oracle.lives[person]
        place = self.place(life.homes[-1][1])
        paid_in = month(number + 1)
        funeral = Funeral(organiser="Lê Văn Con", month=paid_in, decision_no="12/QĐ-UBND")
        death = self.twice(
            lambda: deaths.record(
                self.session, self.people[person], died_on, by=self.by(place, Role.CLERK), funeral=funeral
            )
        )
        life.died_on = died_on
        self.oracle.claims.append(Claim(death.funeral_id, person, "funeral", Fraction(20), paid_in))

    def moved(self, number: int) -> None:
        """Somebody moves; where the lists of the new place are made already, a supplementary one takes them in."""
        person, to = self.plan.mover, self.place(self.plan.moves_to)
        life = self.oracle.lives[person]
        old = self.place(life.homes[-1][1])
        asked = self.twice(
            lambda: relocating.ask(
                self.session, self.people[person], to.code, by=self.by(old, Role.CLERK), reason="Về ở với con"
            )
        )
        first = self.twice(lambda: relocating.accept(self.session, asked.id, by=self.by(to, Role.CLERK)))
        listed = [
            line.month for claim in self.oracle.claims if claim.person == person for line in claim.lines if line.live
        ]
        assert first == max([month(number), *(dates.add_months(one, 1) for one in listed)])
        life.homes.append((first, to.code))
        group = next(group for group in to.groups if number in group)
        self._send(to, "supplementary", [month(one) for one in group], self.plan.group(to, group[0]))

    # --- Recoveries

    def money_comes_back(self, number: int) -> None:
        """The sweep finds what was paid after a death, supervisors approve; some bring part of it back in cash."""
        with clock.at(date(YEAR, number, 28)):
            finding.sweep(self.session, by=SYSTEM)
            self.session.commit()
            self.oracle.sweep()
            for key in list(self.session.execute(text("SELECT id FROM recoveries WHERE state = 'proposed'")).scalars()):
                self.twice(lambda key=key: opening.approve(self.session, key, by=make.PROVINCE_SUPERVISOR))
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
                if recovery.free > 1 and self.plan.share("cash", number, recovery.person) < 0.3:
                    amount = recovery.free // 2
                    returning.pay_cash(
                        self.session, row.id, amount, reference=f"PT-{number}", by=make.PROVINCE_ACCOUNTANT
                    )
                    recovery.back, recovery.cash = recovery.back + amount, recovery.cash + amount
                elif recovery.free and number == 12 and self.plan.share("forgiven", recovery.person) < 0.3:
                    returning.write_off(self.session, row.id, because="Hộ nghèo", by=make.PROVINCE_SUPERVISOR)
                    recovery.back += recovery.free
            self.session.commit()
            if self.plan.share("wrongly", number) < 0.25:
                self._wrongly_paid()

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
        made = opening.propose(self.session, wanted, by=make.PROVINCE_CLERK)
        self.session.commit()
        self.twice(lambda: opening.approve(self.session, made.id, by=make.PROVINCE_SUPERVISOR))
        self.oracle.recoveries.append(Recovery(line.claim.person, line.place, amount, amount // 3))
        line.claimed_back = True
