"""A month of one list, step by step, in which every step may be broken off at a boundary; what must be true after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.agency.g2p import G2PAgency
from app.agency.sandbox.callbacks import Postman
from app.agency.sandbox.knobs import turn
from app.extensions import transaction
from app.models import Packet, PayoutBatch
from app.services import inbox, notices, packets, periods, sending
from app.services.batches import approval
from app.services.sending import Connection
from app.services.settlements import locking
from tests import office
from tests.proof import dying, many, right
from tests.proof.counterpart import ROUNDS, Counterpart
from tests.proof.dying import AFTER_COMMIT, END, Boundary
from tests.proof.program import Door, fresh_token
from tests.scale import NIGHT

Steps = dict[str, tuple[Boundary, ...]]


@dataclass
class Office:
    """Both sides, what befalls a step at its boundary, and what the steps of an undisturbed month came by."""

    books: Session
    far: Counterpart
    door: Door
    postman: Postman
    lists: list[int]
    act: Callable[[], None] = dying.die
    steps: Steps = field(default_factory=dict)

    def fresh_connection(self, _code: str = "", _base_url: str = "") -> Connection:
        """Of a process that has just started: it has no token yet."""
        return Connection(G2PAgency(self.far.agency._keys, now=clock.wall), self.far.endpoint())

    def deliver(self, *, at: int = 0) -> dying.Ran:
        """One round of the postman to a program that may die while it takes the message."""
        self.far.inside.hurry()
        return self.door.behind(self.postman.walk, at=at, act=self.act)


def undisturbed(both: Office) -> Steps:
    """Where the steps of a month come by when nobody dies."""
    came_by: Steps = {}
    Month(both, both.lists.pop(), lambda _name: 0, came_by).whole()
    for known in (True, False):
        Month(both, both.lists.pop(), lambda _name: 0, came_by).asked(known=known)
    return came_by


def place(met: Sequence[Boundary], number: int, *, tried: int) -> int:
    """The `number`-th boundary to die at, from 1; 0 when there is none.

    At night it is every boundary. In short it is the first and the last of each kind, then some evenly between.
    """
    if NIGHT:
        return number + 1 if number < len(met) else 0
    kinds = dict.fromkeys(one.kind for one in met)
    places = [at for at, one in enumerate(met, 1)]
    firsts = [next(at for at in places if met[at - 1].kind == kind) for kind in kinds]
    lasts = [next(at for at in reversed(places) if met[at - 1].kind == kind) for kind in kinds]
    between = [places[len(places) * part // (tried + 1)] for part in range(1, tried + 1)]
    chosen = list(dict.fromkeys([*firsts, *lasts, *between]))
    return chosen[number] if number < len(chosen) else 0


def one_of(session: Session, sql: str, **facts: Any) -> Any:
    found = session.execute(text(sql), facts).one()
    session.rollback()
    return tuple(found)


@dataclass
class Month:
    """One list on its way through a month. `at` names the boundary at which each step is struck once; 0 is none."""

    both: Office
    batch_id: int
    at: Callable[[str], int]
    came_by: Steps = field(default_factory=dict)

    @property
    def session(self) -> Session:
        return self.both.books

    @property
    def packet(self) -> Packet:
        office.refresh(self.session)
        found = self.session.query(Packet).filter_by(batch_id=self.batch_id).one()
        return found

    @property
    def settlement_id(self) -> int:
        return int(one_of(self.session, "SELECT id FROM settlements WHERE batch_id = :id", id=self.batch_id)[0])

    def killed(self, name: str, step: Callable[[], object]) -> Boundary | None:
        """Run a step that dies at its boundary; which one that was."""
        return self._noted(name, dying.run(step, at=self.at(name), act=self.both.act))

    def _noted(self, name: str, ran: dying.Ran) -> Boundary | None:
        at = self.at(name)
        if at == 0:
            assert (ran.died, ran.raised) == (False, "")
            self.came_by[name] = ran.met
            return None
        assert ran.died or self.both.act is not dying.die, f"{name}: {ran.raised}"
        return self.both.steps[name][at - 1]

    def all_or_nothing(self, name: str, step: Callable[[Session], object], look: str, nothing: Any, all_: Any) -> None:
        """A step of one transaction: nothing of it before its commit, all of it after; the rest is done again."""

        def whole() -> None:
            with transaction() as session:
                step(session)

        died = self.killed(name, whole)
        found = one_of(self.session, look, id=self.batch_id)
        committed = died is None or died.kind in (AFTER_COMMIT, END)
        assert found == (all_ if committed else nothing), f"{name} killed at {died}"
        right.assert_right(self.session)
        if not committed:
            whole()
        assert one_of(self.session, look, id=self.batch_id) == all_

    # --- the steps of a month, in order

    def lock(self) -> None:
        self.all_or_nothing(
            "lock",
            lambda session: approval.lock(session, self.batch_id, by=many.SUPERVISOR),
            "SELECT state, lines_sha256 IS NOT NULL, locked_by, (SELECT count(*) FROM state_changes c WHERE"
            " c.machine = 'batch' AND c.entity_id = b.id AND c.move = 'lock') FROM payout_batches b WHERE id = :id",
            ("draft", False, None, 0),
            ("locked", True, many.SUPERVISOR.username, 1),
        )

    def queue(self) -> None:
        self.all_or_nothing(
            "queue",
            lambda session: packets.queue(session, self.batch_id, by=many.CLERK),
            "SELECT state, (SELECT count(*) FROM packets p WHERE p.batch_id = b.id AND p.state = 'queued')"
            " FROM payout_batches b WHERE id = :id",
            ("locked", 0),
            ("sent", 1),
        )

    def send(self) -> None:
        packet = self.packet
        key = packet.message_id
        many.only(self.session, packet.id)
        self.killed("send", lambda: sending.send_next(self.both.fresh_connection))
        self.became_certain(key)

    def ask(self, *, known: bool) -> None:
        """The first sending broke off, after the agency had kept it or before; then the sweep is killed."""
        packet = self.packet
        key = packet.message_id
        many.only(self.session, packet.id)
        turn_faults(self.both.far, "reset_after" if known else "reset_before")
        assert sending.send_next(self.both.far.connect)
        many.only(self.session, packet.id)
        name = "ask, known" if known else "ask, unknown"
        self.killed(name, lambda: sending.ask_next(self.both.fresh_connection))
        self.became_certain(key)

    def became_certain(self, key: str) -> None:
        """Nothing is known for sure after a kill; the sweeps find out, with the key and the bytes of before."""
        packet = self.packet
        assert packet.state in ("queued", "in_doubt", "received")
        right.assert_right(self.session)
        sha256 = packet.body_sha256
        self.both.far.make_certain(self.session, packet)
        assert packet.state == "received" and packet.message_id == key
        assert sha256 in (None, packet.body_sha256)
        self.both.far.has_exactly(packet)

    def recall(self) -> None:
        """Delivered once whatever happens; the clerk of the post office declines."""
        packet = self.packet
        packets.ask_recall(self.session, packet.id, by=many.CLERK, because="Sai số tài khoản")
        many.only(self.session, packet.id)
        self.killed("recall", lambda: sending.recall_next(self.both.fresh_connection))
        for _round in range(ROUNDS):
            if self.packet.recall_delivered_at is not None:
                break
            many.only(self.session, packet.id)
            sending.recall_next(self.both.far.connect)
        inside = self.both.far.inside
        (asked,) = [one for one in inside.store.recalls() if one.packet_code == packet.code]
        inside.desk.answer_recall(asked.id, agree=False, reason="Đang chi trả")
        self.both.far.deliver(self.session)
        assert (self.packet.state, self.packet.recall_answer) == ("received", "Đang chi trả")

    def receive(self) -> None:
        """The settlement comes to a program that dies: what it answered 2xx to is kept, the rest comes again."""
        code, inside = self.packet.code, self.both.far.inside
        self.both.door.behind(lambda: fresh_token(self.both.postman))
        inside.desk.accept(code)
        assert self.both.deliver().died is False
        inside.desk.pay(code)
        inside.desk.settle(code)
        self._noted("receive", self.both.deliver(at=self.at("receive")))
        answered = _stage(self.both.far, code) == "delivered"
        assert len(self._kept()) in ((1,) if answered else (0, 1))
        for _round in range(ROUNDS):
            if _stage(self.both.far, code) == "delivered":
                break
            self.both.deliver()
        assert [outcome for _id, outcome in self._kept()] == [None]

    def _kept(self) -> list[tuple[int, str | None]]:
        """Settlement messages of this packet in our inbox."""
        self.session.rollback()
        rows = self.session.execute(
            text(
                "SELECT id, outcome FROM inbox WHERE transaction_id = :code"
                " AND position('\"succ\"' IN convert_from(body, 'UTF8')) > 0 ORDER BY id"
            ),
            {"code": self.packet.code},
        )
        found = [(row.id, row.outcome) for row in rows]
        self.session.rollback()
        return found

    def apply(self) -> None:
        """The acceptance waits unread before the settlement: the sweep takes one, then the other."""
        self.session.execute(text("UPDATE inbox SET lease_until = NULL WHERE outcome IS NULL"))
        self.session.commit()
        self.killed("apply", lambda: inbox.apply_waiting(2))
        right.assert_right(self.session)
        office.hurry(self.session)
        inbox.apply_waiting()
        assert [outcome for _id, outcome in self._kept()] == ["applied"]
        assert one_of(
            self.session,
            "SELECT s.state, s.parts_received, (SELECT count(*) FROM settlement_entries e WHERE e.settlement_id = s.id)"
            " FROM settlements s WHERE batch_id = :id",
            id=self.batch_id,
        ) == ("received", 1, 2)

    def notify(self) -> None:
        """A granted extension is told to the agency: heard once, whatever happens, and in the same words."""
        code = self.packet.code
        many.grant_days(self.session, self.settlement_id)
        self.killed("notify", lambda: notices.deliver_next(self.both.fresh_connection))
        for _round in range(ROUNDS):
            many.notices_due(self.session)
            if not notices.deliver_next(self.both.far.connect):
                break
        heard = [(one.message_id, one.decision) for one in self.both.far.inside.store.notices(code)]
        ours = one_of(
            self.session,
            "SELECT n.message_id, n.decision, n.delivered_at IS NOT NULL FROM agency_notices n"
            " JOIN packets p ON p.id = n.packet_id WHERE p.batch_id = :id",
            id=self.batch_id,
        )
        assert [(*heard[0], True)] == [ours] and len(heard) == 1

    def lock_settlement(self) -> None:
        settlement_id = self.settlement_id
        self.all_or_nothing(
            "lock settlement",
            lambda session: locking.lock(session, settlement_id, by=many.ACCOUNTANT),
            "SELECT s.state, b.state, p.state, s.locked_by, (SELECT count(*) FROM money_movements m WHERE"
            " m.settlement_id = s.id), (SELECT count(*) FROM payout_lines l WHERE l.batch_id = b.id AND l.result <>"
            " 'pending') FROM settlements s JOIN payout_batches b ON b.id = s.batch_id JOIN packets p ON p.id = s.packet_id"
            " WHERE b.id = :id",
            ("received", "accepted", "accepted", None, 0, 0),
            ("locked", "settled", "settled", many.ACCOUNTANT.username, 2, 2),
        )

    def close(self) -> None:
        batch = self.session.get_one(PayoutBatch, self.batch_id)
        (key,) = one_of(
            self.session,
            "SELECT id FROM area_periods WHERE area_id = :area AND period_id = :period",
            area=batch.area_id,
            period=batch.period_id,
        )
        self.all_or_nothing(
            "close the period",
            lambda session: periods.close(session, key, by=many.ACCOUNTANT),
            "SELECT a.state, (SELECT count(*) FROM state_changes c WHERE c.machine = 'period' AND c.entity_id = a.id"
            " AND c.move = 'close') FROM area_periods a JOIN payout_batches b ON b.area_id = a.area_id"
            " AND b.period_id = a.period_id WHERE b.id = :id",
            ("open", 0),
            ("closed", 1),
        )

    def asked(self, *, known: bool) -> None:
        self.lock()
        self.queue()
        self.ask(known=known)

    def whole(self) -> None:
        for step in (self.lock, self.queue, self.send, self.recall, self.receive, self.apply, self.notify):
            step()
        self.lock_settlement()
        self.close()
        right.assert_right(self.session)
        self.drawer_equals_the_books()

    def drawer_equals_the_books(self) -> None:
        """Who was handed money by the post office is who our books call paid, to the đồng, and once."""
        drawer = {one.reference_id: one.amount_vnd for one in self.both.far.inside.drawer(self.packet.code)}
        ours = {
            line.reference: line.total_vnd
            for line in office.lines_of(self.session, self.packet)
            if line.result in ("paid", "to_recover")
        }
        assert drawer == ours


def turn_faults(far: Counterpart, *names: str) -> None:
    turn(far.inside.store, {"fault_script": list(names), "fault_actions": ["disburse"]})


def _stage(far: Counterpart, code: str) -> str:
    """How far the settlement's delivery is."""
    row = far.inside.store.one("SELECT stage FROM outbox WHERE packet_code = ? AND kind = 'settlement'", code)
    assert row is not None
    return str(row["stage"])
