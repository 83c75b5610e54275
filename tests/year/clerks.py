"""The offices of three communes: who acts, how often they click, and their lists until they are sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.errors import ChitraError
from app.extensions import acting_as
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
FEE_OF_THE_BANK_VND, FEE_CAP_OF_THE_BANK_VND = 6_600, 13_000


class Clerks:
    """Who acts in a year, and the lists until they are with whoever pays."""

    def __init__(self, session: Session, post: PostOffice, plan: Plan) -> None:
        self.session, self.post, self.plan, self.oracle = session, post, plan, Oracle()
        self.clicks = self.documents = 0
        self.did: dict[str, int] = defaultdict(int)
        """How often something came about that not every year has."""
        self.mistakes: dict[str, tuple[Place, tuple[int, ...], str]] = {}
        """Lines written wrongly in a settlement: of which place and months, and what they should be."""
        self.returns_in = date.max
        """The month from which on somebody absent fetches what they are owed again."""
        self.counter: dict[str, int] = {}
        """Đồng handed out where no connection tells, by reference."""
        self.people: dict[int, int] = {}
        self.settings_of_the_year()

    # --- The beginning

    def settings_of_the_year(self) -> None:
        """Agencies, contracts, settings, people."""
        session = self.session
        with clock.at(date(YEAR - 1, 12, 28)):
            make.agency(session, methods=("cash", "wallet"))
            self._bank()
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
                if person.by_account:
                    make.payee(session, made, method=make.BANK | {"account_no": f"00110012{person.key:05d}"})
                claim = make.entitlement(session, made, person.coefficient, starts_on=month(person.starts))
                self.people[person.key] = made.id
                self.oracle.lives[person.key] = Life([(month(1), person.place)], by_account=person.by_account)
                self.oracle.claims.append(
                    Claim(claim.id, person.key, "monthly", Fraction(person.coefficient), month(person.starts))
                )
            session.commit()

    def _bank(self) -> None:
        """A second agency for the whole country, for whoever has an account: so much for each person paid, at most so much."""
        bank = AgencyRow(code="bank", name="Ngân hàng", kind="bank")
        self.session.add(bank)
        self.session.flush()
        country = make.area(self.session, "VN")
        self.session.add(
            AgencyContract(
                contract_no="HĐ-bank",
                agency_id=bank.id,
                area_id=country.id,
                area=country,
                method="bank",
                adapter="iso20022",
                fee_kind="per_person",
                fee_vnd=FEE_OF_THE_BANK_VND,
                fee_cap_vnd=FEE_CAP_OF_THE_BANK_VND,
                valid_from=date(2025, 7, 1),
            )
        )

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

    def once(self, by: Actor, act: Callable[..., Any]) -> Any:
        """Somebody acts, and sees no more of the books than row-level security shows them."""
        with acting_as(by):
            done = act(by=by)
            self.session.commit()
        self.session.expire_all()
        return done

    def twice(self, by: Actor, act: Callable[..., Any]) -> Any:
        """Many click twice: the second click is refused, or does nothing; the account will tell if it did."""
        done = self.once(by, act)
        self.clicks += 1
        if self.plan.share("click", self.clicks) < CLICKED_TWICE:
            with self.refusing():
                self.once(by, act)
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
            return self._nobody(place, kind, months)
        ids = self._made(place, kind, months)
        if goes.excludes and kind == "monthly":
            self._exclude(place, expected)
        self._compare(ids, expected)
        self.twice(self.by(place, Role.SUPERVISOR), lambda by: approval.lock_many(self.session, ids, by=by))
        self.twice(self.by(place, Role.CLERK), lambda by: packets.queue_many(self.session, ids, by=by))
        if place.kind != "office":
            self.post.until_certain(self.session, goes.wire)
        self._answered(place, ids, goes)
        for payer in sorted({line.payer for line in expected if line.live}):
            if place.kind != "office":
                owed = sum(line.total for line in expected if line.live and line.payer == payer)
                self._transfer(place, payer, months[0], owed)

    def _nobody(self, place: Place, kind: str, months: list[date]) -> None:
        """Nobody is owed anything, and the program, when it is asked all the same, finds nobody."""
        if kind == "monthly":
            self.put_right(place, months[0])
        asked = making.ListRequest(self.area(place.code).id, months[0], kind, together=True)
        with pytest.raises(making.NobodyEligible):
            self.once(self.by(place, Role.CLERK), partial(making.make_lists, self.session, asked))
        self.session.rollback()

    def put_right(self, place: Place, first: date) -> None:
        """A mistake in what was settled before is found while the draft of the next month lies there."""
        raise NotImplementedError

    def _transfer(self, place: Place, payer: str, of: date, amount: int) -> None:
        """The treasury gives the agency what the lists say: one document, entered and approved by two people."""
        self.documents += 1
        document = Document(
            self.agency(place, payer),
            self.area(place.code).id,
            of,
            "transfer",
            amount,
            f"KB-{self.documents}",
            clock.today(),
        )
        entered = self.twice(self.by(place, Role.ACCOUNTANT), lambda by: transfers.enter(self.session, document, by=by))
        self.twice(self.by(place, Role.SUPERVISOR), lambda by: transfers.approve(self.session, entered.id, by=by))
        self.oracle.transferred[place.code, payer, of] += amount

    def agency(self, place: Place, payer: str) -> int:
        """Who pays in a place that does not pay itself."""
        code = "bank" if payer == "bank" else "bdx" if place.kind == "workbook" else "vnpost"
        return self.session.execute(text("SELECT id FROM agencies WHERE code = :code"), {"code": code}).scalar_one()

    def _made(self, place: Place, kind: str, months: list[date]) -> list[int]:
        asked = making.ListRequest(self.area(place.code).id, months[0], kind, together=True)
        clerk, make_lists = self.by(place, Role.CLERK), partial(making.make_lists, self.session, asked)
        if kind != "monthly" or not self.mistakes:
            return sorted(self.twice(clerk, make_lists).batch_ids)
        with self.refusing():
            self.once(clerk, make_lists)
        self.put_right(place, months[0])
        # drafts of several months, made again one by one, would keep what each withholds instead of what the first leaves
        several = len(months) > 1
        for draft in self._drafts(place, kind):
            if several or not draft.line_count:
                cancel = partial(approval.cancel, self.session, draft.id, because="Lập lại")
                self.once(clerk, cancel)
        with self.refusing():  # months in which nobody was owed anything by what stood there before
            self.once(clerk, make_lists)
        return [draft.id for draft in self._drafts(place, kind)]

    def _drafts(self, place: Place, kind: str) -> Sequence[Any]:
        return self.session.execute(_DRAFTS, {"kind": kind, "code": place.code}).all()

    def _exclude(self, place: Place, expected: list[Line]) -> None:
        """Hold somebody out, best whose line holds earlier money, unless nobody else is on that list."""
        line, *others = sorted(expected, key=lambda one: (not one.withheld, not one.arrears, not one.carries))
        if all(other.sheet != line.sheet for other in others):
            return
        key = self.session.execute(
            text("SELECT id FROM payout_lines WHERE reference = :reference AND live"), {"reference": line.reference}
        ).scalar_one()
        self.twice(
            self.by(place, Role.CLERK), lambda by: lines.exclude(self.session, key, by=by, because="Chờ xác minh")
        )
        self.oracle.exclude(line)

    def _compare(self, ids: list[int], expected: list[Line]) -> None:
        """What the lists say is what the account foretold, đồng by đồng."""
        rows = self.session.execute(
            text(
                "SELECT reference, benefit_vnd, arrears_vnd, carried_vnd, withheld_vnd, total_vnd, payee_kind = 'organiser',"
                " method = 'bank' FROM payout_lines WHERE batch_id = ANY(:ids) AND live"
            ),
            {"ids": ids},
        )
        foretold = sorted(
            (line.reference, *line.figures(), line.to_organiser, line.payer == "bank") for line in expected if line.live
        )
        agree("lists", sorted(tuple(row) for row in rows), foretold)

    def _answered(self, place: Place, ids: list[int], goes: Group) -> None:
        for batch_id in ids:
            if goes.trouble != "none":
                self._sent_back(place, self.packet(batch_id), recalled=goes.trouble == "recalled")
                self.twice(
                    self.by(place, Role.SUPERVISOR),
                    lambda by, key=batch_id: approval.unlock(self.session, key, by=by, because="Sửa lại"),
                )
                self.twice(
                    self.by(place, Role.SUPERVISOR), lambda by, key=batch_id: approval.lock(self.session, key, by=by)
                )
                self.twice(self.by(place, Role.CLERK), lambda by, key=batch_id: packets.queue(self.session, key, by=by))
                if place.kind != "office":
                    self.post.until_certain(self.session)
            packet = self.packet(batch_id)
            way = self.way(packet)
            if way == "connected":
                self.post.weather(goes.delivery)
                self.post.desk.accept(packet.code)
                self.post.deliver(self.session)
            elif way == "workbook":
                self._word(place, packet, "accept")
            elif way == "bank":
                self.bring(place, packet, *self.post.bank.accept(packet.code))

    def _sent_back(self, place: Place, packet: Packet, *, recalled: bool) -> None:
        """Rejected by whoever was to pay, or taken back by us."""
        clerk = self.by(place, Role.CLERK)
        if recalled or place.kind == "office":
            self.twice(clerk, lambda by: packets.ask_recall(self.session, packet.id, by=by, because="Sai tên"))
            self.post.recall(self.session)
        self.post.weather()
        way = self.way(packet)
        if way == "connected":
            self.post.desk.reject(packet.code, "Sai tên")
            self.post.deliver(self.session)
        elif way == "bank" and not recalled:
            self.bring(place, packet, *self.post.bank.reject(packet.code))
        elif way != "office":
            self._word(place, packet, "reject")

    def way(self, packet: Packet) -> str:
        """How whoever pays a packet hears and tells: connected, workbook, bank, office."""
        code = self.session.get_one(AgencyRow, packet.agency_id).code
        return {"vnpost": "connected", "bdx": "workbook"}.get(code, code)

    def bring(self, place: Place, packet: Packet, action: str, body: bytes) -> None:
        """A clerk brings a file of the bank in, perhaps twice; who reads it comes later."""
        clerk = self.by(place, Role.CLERK)
        self.twice(clerk, lambda by: by_hand.bring(self.session, packet.id, action, f"{packet.code}.xml", body, by=by))
        inbox.apply_waiting()
        self.session.expire_all()

    def _word(self, place: Place, packet: Packet, word: Any) -> None:
        clerk = self.by(place, Role.CLERK)
        self.twice(clerk, lambda by: by_hand.enter(self.session, packet.id, word, by=by, because="Sai tên"))
        inbox.apply_waiting()
        self.session.expire_all()

    def packet(self, batch_id: int) -> Packet:
        found = self.session.query(Packet).filter_by(batch_id=batch_id).order_by(Packet.version.desc()).first()
        assert found is not None
        return found


_DRAFTS = text(
    "SELECT b.id, b.line_count FROM payout_batches b JOIN areas a ON a.id = b.area_id"
    " WHERE b.state = 'draft' AND b.kind = :kind AND a.code = :code ORDER BY b.id"
)
