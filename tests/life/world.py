"""A commune, its office and a post office in one process: every step either side can take, and what must hold after it.

Ground truth is the post office: its packets, and the cash in its drawer. Nothing here knows how our services work.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.agency import signing, wire
from app.agency.g2p import G2PAgency
from app.agency.keys import KeyRing
from app.agency.port import Endpoint, NotSent, OutcomeUnknown
from app.agency.sandbox.engine import CallbackOut, SandboxPostOffice
from app.agency.sandbox.home import prepare_home
from app.agency.sandbox.knobs import turn
from app.models import AreaPeriod
from app.rules import dates
from app.services import extensions, inbox, packets, periods, sending
from app.services.batches import approval, lines
from app.services.books import checking
from app.services.sending import Connection
from app.services.settlements import deciding, locking
from tests import factories as make
from tests import office
from tests.life.one_transaction import OneTransaction

TODAY = date(2026, 10, 20)
DEAD = ("rejected", "refused")
WIRE_FAULTS = (
    "none", "reset_before", "reset_after", "late_request", "http_500_after", "html_502_before", "truncated_json",
    "wrong_packet", "bad_signature", "http_429",
)  # fmt: skip
OURS = ("nothing_left", "killed_before", "killed_after")
"""What happens on our own side of a call: no byte leaves, or the process ends before or after the call."""
SPOILED = ("none", "wrong_totals", "contradiction", "wrong_amount", "foreign_line", "missing_line", "double_line")


MAY_BE: dict[str, tuple[str, ...]] = {
    "queued": ("nothing",),
    "in_doubt": ("nothing", "received", "accepted", "paying", "paid", "settled", "rejected"),
    "received": ("received", "accepted", "paying", "paid", "settled", "rejected"),
    "accepted": ("accepted", "paying", "paid", "settled", "rejected"),
    "settled": ("settled",),
    "rejected": ("rejected",),
    "refused": (),
    "withdrawn": ("nothing",),
}
"""What a packet is to us -> what it may be at the post office, whose word may still be on its way. It never refuses one."""


class Killed(BaseException):
    """Our process ends here: nothing catches it, what was committed stays."""


class Wire(G2PAgency):
    """The adapter with everything but sockets: faults of the post office's making, and of ours."""

    def __init__(self, keys: KeyRing, inside: SandboxPostOffice, secret: tuple[str, str]) -> None:
        super().__init__(keys, now=clock.wall)
        self.inside, self.fault = inside, "none"
        form = {"grant_type": "client_credentials", "client_id": secret[0], "client_secret": secret[1]}
        self._bearer: Callable[[], str] = lambda: str(json.loads(inside.token(form, None).body)["access_token"])

    def _deliver(
        self, endpoint: Endpoint, path: str, body: bytes, *, ends: float, answer_max_bytes: int
    ) -> wire.WireAnswer:
        fault, self.fault = self.fault, "none"
        if fault == "nothing_left":
            raise NotSent("refused", "nobody listens")
        if fault == "killed_before":
            raise Killed
        headers = {
            "Authorization": f"Bearer {self._bearer()}",
            signing.HEADER_NAME: signing.sign(body, self._keys.signing_key(), now=clock.wall()),
        }
        if fault not in OURS:
            turn(self.inside.store, {"fault_script": [fault], "fault_actions": ["disburse", "status"]})
        answer = self.inside.receive(path, body, headers)
        if fault == "killed_after":
            raise Killed
        if answer.cut:
            raise OutcomeUnknown(answer.cut)
        lowered = {name.lower(): value for name, value in answer.headers.items()}
        return wire.WireAnswer(answer.status, lowered, answer.body)


class World:
    """The steps. A step that a rule of ours refuses raises its ChitraError; anything else that is raised is a fault."""

    def __init__(self, books: OneTransaction, folder: Path) -> None:
        ours = KeyRing(folder / "ours")
        ours.new_key(now=clock.wall())
        given = prepare_home(
            folder / "post",
            callback_base_url="http://127.0.0.1:9/agency",
            partner_keys=ours.published(),
            client_secret=ours.issue_client("vnpost"),
        )
        for kid, pem in given.public_keys.items():
            ours.trust("vnpost", kid, pem)
        self.books = books
        self.inside = SandboxPostOffice(folder / "post", seed=1, in_memory=True)
        self.desk = self.inside.desk
        self.wire = Wire(ours, self.inside, (given.client_id, given.client_secret))
        self._endpoint = Endpoint("http://127.0.0.1:9", "chitra", "vnpost", given.client_id)
        self.told: list[CallbackOut] = []
        self.sound = False
        with clock.at(TODAY):
            self.batch_id = make.locked_list(books.session, people=3)
            books.session.commit()

    def start(self, where: str) -> None:
        """Live as far as `where`; every life begins there."""
        with clock.at(TODAY):
            if where != "approved":
                self.queue()
                self.call(sending.send_next)
            if where == "paid":
                self.desk.accept(self.there().code)
                self.deliver()
                self.hear()
                self.pay("pur")
        self._birth = self.inside.store._connection.serialize()

    @contextmanager
    def life(self) -> Iterator[None]:
        """One life; afterwards neither side remembers it."""
        told, batch_id = list(self.told), self.batch_id
        self.sound, self.wire.fault = False, "none"
        with clock.at(TODAY), self.books.branch():
            try:
                yield
            finally:
                self.told, self.batch_id = told, batch_id
                self.inside.store._connection.deserialize(self._birth)

    # --- What is

    @property
    def session(self) -> Session:
        return self.books.session

    def look(self) -> Any:
        """State of the list, of its latest packet and settlement."""
        return self.books.refresh().execute(_LOOK, {"batch": self.batch_id}).one()

    # --- Our office

    def queue(self) -> None:
        packets.queue(self.session, self.batch_id, by=make.CLERK)
        self.session.commit()

    def take_back(self) -> None:
        """Withdraw, or ask for it back, whatever the packet is in."""
        packets.ask_recall(self.session, self.look().packet_id, by=make.CLERK, because="Sai số tài khoản")
        self.session.commit()

    def correct(self, *, drop: bool) -> None:
        """Open the list, hold one person out or let everybody back in, approve it again."""
        approval.unlock(self.session, self.batch_id, by=make.SUPERVISOR, because="Sửa")
        last = self.session.execute(_LAST_LINE, {"batch": self.batch_id}).one()
        if drop and last.live:
            lines.exclude(self.session, last.id, by=make.CLERK, because="Chờ xác minh")
        elif not drop and not last.live:
            lines.restore(self.session, last.id, by=make.CLERK)
        approval.lock(self.session, self.batch_id, by=make.SUPERVISOR)
        self.session.commit()

    def decide(self) -> None:
        """A person who telephoned the post office decides every open line as it was at the counter."""
        found = self.look()
        paid = {handout.reference_id for handout in self.inside.drawer(found.packet)}
        for row in self.session.execute(_UNDECIDED, {"settlement": found.settlement_id}).all():
            outcome = "paid" if row.reference in paid else "unpaid"
            deciding.decide(
                self.session, found.settlement_id, row.reference, outcome, by=make.ACCOUNTANT, because="Đã gọi bưu điện"
            )
        self.session.commit()

    def lock(self) -> None:
        """Only a settlement whose post office sent a report that ties out may be locked."""
        locking.lock(self.session, self.look().settlement_id, by=make.ACCOUNTANT)
        self.session.commit()
        assert self.sound, "a settlement was locked whose totals never tied out"

    def extend(self, days: int) -> None:
        asked = extensions.ask(
            self.session, self.look().settlement_id, days=days, reason="Mưa lũ", asked_by="Bưu điện", by=make.CLERK
        )
        extensions.grant(self.session, asked.id, by=make.SUPERVISOR)
        self.session.commit()

    def next_month(self) -> None:
        """Close the period; make, approve, open and approve again the next month's list, and live on with it."""
        here = self.session.query(AreaPeriod).filter_by(state="open").one()
        periods.close(self.session, here.id, by=make.ACCOUNTANT)
        self.batch_id = make.made_list(self.session, month=dates.add_months(here.period.month, 1))
        approval.lock(self.session, self.batch_id, by=make.SUPERVISOR)
        approval.unlock(self.session, self.batch_id, by=make.SUPERVISOR, because="Xem lại")
        approval.lock(self.session, self.batch_id, by=make.SUPERVISOR)
        self.session.commit()
        self.sound = False

    # --- Our scheduler

    def call(self, step: Callable[[sending.Connect], bool], fault: str = "none") -> None:
        """One step of a sweep; the call it makes meets `fault`. A killed process leaves what was committed."""
        self._time_passes()
        self.wire.fault = fault
        try:
            step(lambda code, base_url: Connection(self.wire, self._endpoint))
        except Killed:
            self.session.rollback()
        self.wire.fault = "none"

    def hear(self) -> None:
        inbox.apply_waiting()

    def _time_passes(self) -> None:
        self.session.execute(text("UPDATE packets SET next_attempt_at = now(), lease_until = NULL"))
        self.session.commit()

    # --- The post office

    def there(self) -> Any:
        """The packet the post office would act on: of this list, not dead."""
        mine = self.session.execute(
            text("SELECT code FROM payout_batches WHERE id = :id"), {"id": self.batch_id}
        ).scalar()
        living = (one for one in self.inside.store.packets() if one.stage not in DEAD)
        return next((one for one in living if one.list_code == mine), None)

    def open_recall(self) -> int | None:
        return next((one.id for one in self.inside.store.recalls() if one.stage == "open"), None)

    def late(self) -> bool:
        """One of our requests is still on its way."""
        return self.inside.store.one("SELECT 1 FROM late_requests") is not None

    def waiting(self) -> bool:
        """The post office has something to say."""
        return self.inside.store.one("SELECT 1 FROM outbox WHERE stage = 'queued'") is not None

    def pay(self, fates: str) -> None:
        """Serve everybody; fates: p paid, u unpaid, r paid and to recover."""
        packet = self.there()
        wish = {"p": "paid", "u": "unpaid:ABSENT", "r": "recover"}
        planned = zip(self.inside.store.lines(packet.code), fates, strict=False)
        if packet.stage == "accepted":
            self.desk.plan(packet.code, {line.reference_id: wish[fate] for line, fate in planned})
        self.desk.pay(packet.code, days=31)

    def settle(self, spoiled: str, *, part_lines: int) -> None:
        knobs = dict.fromkeys((name for name in SPOILED if name != "none"), 0.0)
        turn(self.inside.store, knobs | {"part_lines": part_lines} | ({spoiled: 1.0} if spoiled != "none" else {}))
        self.desk.settle(self.there().code)
        self.sound |= spoiled != "wrong_totals"

    def deliver(self, how: str = "in_order") -> None:
        """Bring what waits to our inbox: in order, reversed, each twice, only the last, or all that was ever said."""
        due = self.inside.due_callbacks(everything=True, limit=1000)
        if how == "last":
            due = due[-1:]
        for out in due:
            self.inside.note_delivery(out.id, delivered=True, answer="200")
        self.told += due
        said = {"reversed": due[::-1], "twice": [*due, *due], "everything": self.told}.get(how, due)
        for out in said:
            office.arrive(self.session, out.body)

    # --- What must hold

    def check(self) -> None:
        """Whatever happened: one key for each version, one living packet for each list, and we think of it what it is."""
        living = []
        ours = {row.code: row for row in self.books.refresh().execute(_OURS).all()}
        theirs = {there.code: there for there in self.inside.store.packets()}
        assert theirs.keys() <= ours.keys(), f"packets we never wrote down: {theirs.keys() - ours.keys()}"
        for code, mine in ours.items():
            there = theirs.get(code)
            stage = "nothing" if there is None else there.stage
            assert stage in MAY_BE[mine.state], f"{code}: to us it is {mine.state}, there it is {stage}"
            if there is not None:
                assert there.message_id == mine.message_id, f"a second key for {code}"
                if stage not in DEAD:
                    living.append(there.list_code)
                    assert mine.list_state in ("sent", "accepted", "settled"), (
                        f"{code} lives, its list is {mine.list_state}"
                    )
        assert len(living) == len(set(living)), living
        alarms = [row["what"] for row in self.inside.store.rows("SELECT what FROM alarms")]
        assert alarms == [], alarms
        assert set(self._heard()) <= {"applied", "ignored"}, self._heard()

    def check_books(self) -> None:
        """The books hold, and who we say was paid is who was handed money."""
        found = checking.check(self.session)
        assert found == [], [(wrong.check.name, wrong.ids) for wrong in found]
        if self.look().list_state == "settled":
            drawer = {(handout.reference_id, handout.amount_vnd) for handout in self.inside.drawer()}
            assert {tuple(row) for row in self.session.execute(_PAID)} == drawer

    def _heard(self) -> list[str]:
        return list(self.session.execute(text("SELECT outcome FROM inbox WHERE outcome IS NOT NULL")).scalars())

    def finish(self) -> None:
        """The faults stop: everything reaches an end, or a list in which a person is to act (promise P14)."""
        for _round in range(4):
            if self.look().packet_state not in ("queued", "in_doubt"):
                break
            self.call(sending.send_next)
            self.call(sending.ask_next)
        self.inside.land_late_requests(everything=True)
        self.check()
        found = self.look()
        assert found.packet_state not in ("queued", "in_doubt"), found
        self.deliver()
        self.hear()
        if (there := self.there()) is not None:
            self._pay_out(there.stage)
        self.check()
        self.check_books()

    def _pay_out(self, stage: str) -> None:
        if stage == "received":
            self.desk.accept(self.there().code)
        if stage in ("received", "accepted"):
            self.pay("pur")
        if self.look().list_state == "settled":
            return
        self.settle("none", part_lines=5_000)
        self.deliver("everything")
        self.hear()
        assert self.look().settlement_state == "received", "what the post office said had no effect"
        self.decide()
        self.lock()
        assert self.look().list_state == "settled"


_LOOK = text(
    "SELECT b.state AS list_state, p.id AS packet_id, p.code AS packet, p.state AS packet_state, s.id AS settlement_id,"
    " s.state AS settlement_state, p.recall_asked_at IS NOT NULL AND p.recall_delivered_at IS NULL AS recalling,"
    " (SELECT count(*) FROM payout_batches) AS lists"
    " FROM payout_batches b LEFT JOIN LATERAL (SELECT * FROM packets WHERE batch_id = b.id ORDER BY version DESC LIMIT 1) p"
    " ON true LEFT JOIN settlements s ON s.packet_id = p.id WHERE b.id = :batch"
)
_LAST_LINE = text("SELECT id, live FROM payout_lines WHERE batch_id = :batch ORDER BY no DESC LIMIT 1")
_UNDECIDED = text(
    "SELECT reference FROM settlement_records WHERE settlement_id = :settlement AND decided_outcome IS NULL"
    " AND finding NOT IN ('matched', 'duplicate')"
)
_OURS = text(
    "SELECT p.code, p.message_id, p.state, b.state AS list_state FROM packets p JOIN payout_batches b ON b.id = p.batch_id"
)
_PAID = text("SELECT reference, total_vnd FROM payout_lines WHERE live AND result IN ('paid', 'to_recover')")
