"""The offices of three communes: who acts, how often they click, and their lists until they are sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.errors import ChitraError
from app.models import Agency as AgencyRow
from app.models import AgencyContract, Area, Packet
from app.rules.actors import Actor, Role
from app.services import by_hand, inbox, packets, transfers
from app.services.batches import approval, lines, making
from app.services.transfers import Document
from tests import factories as make
from tests.year.oracle import Claim, Life, Line, Oracle, agree
from tests.year.plan import YEAR, Group, Place, Plan, month
from tests.year.post import PostOffice

CLICKED_TWICE = 0.3


class Clerks:
    """Who acts in a year, and the lists until they are with whoever pays."""

    def __init__(self, session: Session, post: PostOffice, plan: Plan) -> None:
        self.session, self.post, self.plan, self.oracle = session, post, plan, Oracle()
        self.clicks = self.documents = 0
        self.counter: dict[str, int] = {}
        """Đồng handed out where no connection tells, by reference."""
        self.people: dict[int, int] = {}
        self.settings_of_the_year()

    # --- The beginning

    def settings_of_the_year(self) -> None:
        """Agencies, contracts, settings, people."""
        session = self.session
        with clock.at(date(YEAR - 1, 12, 28)):
            make.agency(session)
            by_table = AgencyRow(code="bdx", name="Bưu điện xã", kind="post")
            session.add(by_table)
            session.flush()
            for place in self.plan.places:
                area = make.area(session, place.code)
                if place.kind == "workbook":
                    session.add(
                        AgencyContract(
                            contract_no="HĐ-bảng",
                            agency_id=by_table.id,
                            area_id=area.id,
                            area=area,
                            method="cash",
                            adapter="workbook",
                            fee_kind="percent",
                            fee_percent=Decimal("0.8"),
                            valid_from=date(2025, 7, 1),
                        )
                    )
                self._settings(place, area)
            for person in self.plan.people:
                made = make.person(session, f"Trần Văn {'ABCDEFGHIKLM'[person.key]}", commune=person.place)
                claim = make.entitlement(session, made, person.coefficient, starts_on=month(person.starts))
                self.people[person.key] = made.id
                self.oracle.lives[person.key] = Life([(month(1), person.place)])
                self.oracle.claims.append(
                    Claim(claim.id, person.key, "monthly", Fraction(person.coefficient), month(person.starts))
                )
            session.commit()

    def _settings(self, place: Place, area: Area) -> None:
        lengths = {len(group): group[0] for group in reversed(place.groups)}
        before = 0
        for length, first in sorted(lengths.items(), key=lambda one: one[1]):
            self.session.execute(
                text(
                    "INSERT INTO payment_settings (area_id, area_path, valid_from, through_agency, months_per_settlement)"
                    " VALUES (:id, :path, :first, :through, :length)"
                ),
                {
                    "id": area.id,
                    "path": area.path,
                    "first": month(first),
                    "through": place.kind != "office",
                    "length": length,
                },
            )
            assert length != before
            before = length

    # --- Who acts

    def area(self, code: str) -> Area:
        return make.area(self.session, code)

    def by(self, place: Place, role: Role) -> Actor:
        return make.actor(role, f"{place.code}.{role.value}", f"VN/01/{place.code}/")

    def twice(self, act: Callable[[], Any]) -> Any:
        """Many click twice: the second click is refused, or does nothing; the account will tell if it did."""
        done = act()
        self.session.commit()
        self.clicks += 1
        if self.plan.share("click", self.clicks) < CLICKED_TWICE:
            with self.refusing():
                act()
        return done

    @contextmanager
    def refusing(self) -> Iterator[None]:
        try:
            yield
        except ChitraError:
            self.session.rollback()
        else:
            self.session.commit()
        self.session.expire_all()

    def place(self, code: str) -> Place:
        return next(place for place in self.plan.places if place.code == code)

    # --- Lists

    def begin(self, place: Place, group: tuple[int, ...], goes: Group) -> None:
        """Lists made, approved and sent."""
        months = [month(number) for number in group]
        with clock.at(month(group[0]).replace(day=goes.made_on)):
            for kind in ("monthly", "funeral"):
                self._send(place, kind, months, goes)

    def _send(self, place: Place, kind: str, months: list[date], goes: Group) -> None:
        """One kind of lists, if the account says that anybody is owed anything."""
        expected = self.oracle.list(place.code, kind, months, clock.today())
        if not expected:
            return
        ids = self._made(place, kind, months)
        if goes.excludes and kind == "monthly":
            self._exclude(place, expected)
        self._compare(ids, expected)
        self.twice(lambda: approval.lock_many(self.session, ids, by=self.by(place, Role.SUPERVISOR)))
        for batch_id in ids:
            self.twice(lambda key=batch_id: packets.queue(self.session, key, by=self.by(place, Role.CLERK)))
        if place.kind != "office":
            self.post.until_certain(self.session, goes.wire)
        self._answered(place, ids, goes)
        if place.kind != "office":
            self._transfer(place, months[0], sum(line.total for line in expected if line.live))

    def _transfer(self, place: Place, of: date, amount: int) -> None:
        """The treasury gives the agency what the lists say: one document, entered and approved by two people."""
        self.documents += 1
        document = Document(
            self.agency(place), self.area(place.code).id, of, "transfer", amount, f"KB-{self.documents}", clock.today()
        )
        entered = self.twice(lambda: transfers.enter(self.session, document, by=self.by(place, Role.ACCOUNTANT)))
        self.twice(lambda: transfers.approve(self.session, entered.id, by=self.by(place, Role.SUPERVISOR)))
        held = self.oracle.transferred
        held[place.code] = held.get(place.code, 0) + amount

    def agency(self, place: Place) -> int:
        """Who pays in a place that does not pay itself."""
        code = "bdx" if place.kind == "workbook" else "vnpost"
        return self.session.execute(text("SELECT id FROM agencies WHERE code = :code"), {"code": code}).scalar_one()

    def _made(self, place: Place, kind: str, months: list[date]) -> list[int]:
        asked = making.ListRequest(self.area(place.code).id, months[0], kind, together=True)
        made = self.twice(lambda: making.make_lists(self.session, asked, by=self.by(place, Role.CLERK)))
        return sorted(made.batch_ids)

    def _exclude(self, place: Place, expected: list[Line]) -> None:
        """Hold the first person out, unless nobody else is on that list."""
        line, *others = expected
        if all(other.month != line.month for other in others):
            return
        key = self.session.execute(
            text("SELECT id FROM payout_lines WHERE reference = :reference AND live"), {"reference": line.reference}
        ).scalar_one()
        self.twice(lambda: lines.exclude(self.session, key, by=self.by(place, Role.CLERK), because="Chờ xác minh"))
        self.oracle.exclude(line)

    def _compare(self, ids: list[int], expected: list[Line]) -> None:
        """What the lists say is what the account foretold, đồng by đồng."""
        rows = self.session.execute(
            text(
                "SELECT reference, benefit_vnd, arrears_vnd, carried_vnd, withheld_vnd, total_vnd FROM payout_lines"
                " WHERE batch_id = ANY(:ids) AND live"
            ),
            {"ids": ids},
        )
        foretold = sorted((line.reference, *line.figures()) for line in expected if line.live)
        agree("lists", sorted(tuple(row) for row in rows), foretold)

    def _answered(self, place: Place, ids: list[int], goes: Group) -> None:
        for batch_id in ids:
            if goes.trouble != "none":
                self._sent_back(place, self.packet(batch_id), recalled=goes.trouble == "recalled")
                self.twice(
                    lambda key=batch_id: approval.unlock(
                        self.session, key, by=self.by(place, Role.SUPERVISOR), because="Sửa lại"
                    )
                )
                self.twice(lambda key=batch_id: approval.lock(self.session, key, by=self.by(place, Role.SUPERVISOR)))
                self.twice(lambda key=batch_id: packets.queue(self.session, key, by=self.by(place, Role.CLERK)))
                if place.kind != "office":
                    self.post.until_certain(self.session)
            packet = self.packet(batch_id)
            if place.kind == "connected":
                self.post.weather(goes.delivery)
                self.post.desk.accept(packet.code)
                self.post.deliver(self.session)
            elif place.kind == "workbook":
                self._word(place, packet, "accept")

    def _sent_back(self, place: Place, packet: Packet, *, recalled: bool) -> None:
        """Rejected by whoever was to pay, or taken back by us."""
        clerk = self.by(place, Role.CLERK)
        if recalled or place.kind == "office":
            self.twice(lambda: packets.ask_recall(self.session, packet.id, by=clerk, because="Sai tên"))
            self.post.recall(self.session)
        self.post.weather()
        if place.kind == "connected":
            self.post.desk.reject(packet.code, "Sai tên")
            self.post.deliver(self.session)
        elif place.kind == "workbook":
            self._word(place, packet, "reject")

    def _word(self, place: Place, packet: Packet, word: Any) -> None:
        clerk = self.by(place, Role.CLERK)
        self.twice(lambda: by_hand.enter(self.session, packet.id, word, by=clerk, because="Sai tên"))
        inbox.apply_waiting()
        self.session.expire_all()

    def packet(self, batch_id: int) -> Packet:
        found = self.session.query(Packet).filter_by(batch_id=batch_id).order_by(Packet.version.desc()).first()
        assert found is not None
        return found
