"""The agency as tests play it: what it answers on the wire, and the messages it sends, as real bytes of the contract."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import count
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.agency import messages
from app.agency.messages import CallbackHead, Collected, ControlTotals, LineStatus, SettlementPart
from app.agency.port import Answer, Endpoint, OutgoingPacket, SettlementRef
from app.models import Agency, InboxMessage, Packet, PayoutBatch, PayoutLine, Settlement
from app.services import inbox, packets, sending
from app.services.sending import Connection
from tests import factories as make

ENDPOINT = Endpoint("http://127.0.0.1:9", "chitra", "vnpost", "chitra", callback_url="http://127.0.0.1:8080/agency")

_ids = count(1)


class ScriptedAgency:
    """A post office that gives the scripted answers, one for each call, and remembers what it was asked.

    A scripted exception is raised; a scripted function is called first, for what happens meanwhile.
    """

    def __init__(self, *script: Any) -> None:
        self.script = list(script)
        self.calls: list[tuple[str, OutgoingPacket]] = []

    def send(self, packet: OutgoingPacket) -> Answer:
        return self._next("send", packet)

    def ask(self, packet: OutgoingPacket) -> Answer:
        return self._next("ask", packet)

    def recall(self, packet: OutgoingPacket, reason: str) -> Answer:
        assert reason
        return self._next("recall", packet)

    def notify(self, notice: OutgoingPacket) -> Answer:
        return self._next("notify", notice)

    def fetch_settlement(self, ref: SettlementRef) -> Answer:
        raise NotImplementedError

    def _next(self, verb: str, packet: OutgoingPacket) -> Answer:
        self.calls.append((verb, packet))
        said = self.script.pop(0) if self.script else Answer("received")
        if callable(said):
            said = said()
        if isinstance(said, BaseException):
            raise said
        return said

    def connect(self, code: str, base_url: str) -> Connection:
        return Connection(self, ENDPOINT)

    @property
    def verbs(self) -> list[str]:
        return [verb for verb, _packet in self.calls]


def refresh(session: Session) -> None:
    """See what other transactions have committed."""
    session.rollback()
    session.expire_all()


def hurry(session: Session) -> None:
    """Make every waiting packet and message due now, as if time had passed."""
    session.execute(text("UPDATE packets SET next_attempt_at = now(), lease_until = NULL"))
    session.execute(text("UPDATE inbox SET lease_until = NULL WHERE outcome IS NULL"))
    session.commit()


def queued(session: Session, *, people: int = 3, **more: Any) -> Packet:
    """A locked list whose packet waits in the queue; committed."""
    batch_id = make.locked_list(session, people=people, **more)
    packet = packets.queue(session, batch_id, by=make.CLERK)
    session.commit()
    return packet


def received(session: Session, *, people: int = 3, **more: Any) -> Packet:
    """A packet the agency has acknowledged; committed."""
    packet = queued(session, people=people, **more)
    assert sending.send_next(ScriptedAgency().connect)
    refresh(session)
    return session.get_one(Packet, packet.id)


def accepted(session: Session, *, people: int = 3, **more: Any) -> Packet:
    """A packet the agency pays; committed."""
    packet = received(session, people=people, **more)
    tell(session, packet, status="pdng")
    refresh(session)
    assert packet.state == "accepted"
    return packet


def settlement_of(session: Session, packet: Packet) -> Settlement:
    return session.scalars(
        select(Settlement).where(Settlement.packet_id == packet.id).execution_options(populate_existing=True)
    ).one()


def batch_of(session: Session, packet: Packet) -> PayoutBatch:
    return session.get_one(PayoutBatch, packet.batch_id, populate_existing=True)


def lines_of(session: Session, packet: Packet) -> list[PayoutLine]:
    statement = (
        select(PayoutLine).where(PayoutLine.batch_id == packet.batch_id, PayoutLine.live).order_by(PayoutLine.no)
    )
    return list(session.scalars(statement.execution_options(populate_existing=True)))


def result(line: PayoutLine, outcome: str = "paid", *, reason: str = "", amount: int | None = None) -> LineStatus:
    """What the agency says about one line; `outcome` is paid, unpaid or recover."""
    vnd = line.total_vnd if amount is None else amount
    code = reason or {"unpaid": "ABSENT", "recover": "DEAD"}.get(outcome, "")
    return LineStatus(line.reference, outcome, vnd, clock.wall(), reason_code=code)  # type: ignore[arg-type]


def results(lines: Sequence[PayoutLine], *outcomes: str) -> list[LineStatus]:
    """One outcome for each line; the last one for all the rest."""
    padded = [*outcomes, *[outcomes[-1]] * (len(lines) - len(outcomes))]
    return [result(line, outcome) for line, outcome in zip(lines, padded, strict=True)]


def receipt(number: str, line: PayoutLine | str, amount_vnd: int) -> Collected:
    """Money of a recovery that came back at the agency's counter."""
    return Collected(number, line if isinstance(line, str) else line.reference, amount_vnd, clock.wall())


def say(packet_code: str, *, lines: Iterable[LineStatus] = (), sender_id: str = "vnpost", **head: Any) -> bytes:
    """An `on-disburse` message about a packet."""
    facts: dict[str, Any] = {"message_id": f"vnpost-{next(_ids)}", "status": "pdng"} | head
    return messages.on_disburse(
        CallbackHead(
            transaction_id=packet_code,
            message_ts=clock.wall() - timedelta(seconds=1),
            sender_id=sender_id,
            receiver_id="chitra",
            **facts,
        ),
        list(lines),
    )


def parts(
    packet_code: str,
    lines: Sequence[LineStatus],
    *,
    report: str = "QT-1",
    size: int = 5_000,
    collected: Sequence[Collected] = (),
    **totals: Any,
) -> list[bytes]:
    """A settlement in parts of `size` lines with its control totals; the first part has what was collected."""
    announced = totals.get("totals", ControlTotals.of(lines))
    chunks = [lines[start : start + size] for start in range(0, len(lines), size)] or [lines]
    return [
        say(
            packet_code,
            lines=chunk,
            status="succ",
            settlement=SettlementPart(report, number, len(chunks), announced, tuple(collected) if number == 1 else ()),
        )
        for number, chunk in enumerate(chunks, start=1)
    ]


def arrive(session: Session, body: bytes, *, sender: str = "vnpost") -> inbox.Kept:
    """Keep a message the way the callback's endpoint does."""
    message_id, transaction_id = messages.named_ids(body)
    agency_id = session.scalars(select(Agency.id).where(Agency.code == sender)).one()
    incoming = inbox.Incoming(agency_id, message_id, "on-disburse", transaction_id, body, {"X-Test": "1"}, "key-1")
    kept = inbox.keep(session, incoming, answer={"ack": message_id})
    session.commit()
    return kept


def hear(session: Session, *bodies: bytes) -> list[InboxMessage]:
    """Let messages arrive and be applied, one after the other; the newest rows of the inbox."""
    for body in bodies:
        arrive(session, body)
        inbox.apply_waiting()
        refresh(session)
    statement = select(InboxMessage).order_by(InboxMessage.id.desc()).limit(len(bodies))
    return list(reversed(list(session.scalars(statement))))


def tell(session: Session, packet: Packet, *, lines: Sequence[LineStatus] = (), **head: Any) -> InboxMessage:
    """One message about a packet, applied."""
    return hear(session, say(packet.code, lines=lines, **head))[0]


def settle(session: Session, packet: Packet, *outcomes: str, **more: Any) -> list[InboxMessage]:
    """The agency settles the packet's lines with these outcomes; the last one for all the rest."""
    return hear(session, *parts(packet.code, results(lines_of(session, packet), *outcomes), **more))


def movements(session: Session, line_id: int) -> list[tuple[str, str, int]]:
    """The journal of one line."""
    rows = session.execute(
        text("SELECT from_bucket, to_bucket, amount_vnd FROM money_movements WHERE line_id = :id ORDER BY id"),
        {"id": line_id},
    )
    return [tuple(row) for row in rows]


def audit(session: Session, machine: str, entity_id: int) -> list[str]:
    """Names of the moves of one thing, in order."""
    rows = session.execute(
        text("SELECT move FROM state_changes WHERE machine = :machine AND entity_id = :id ORDER BY id"),
        {"machine": machine, "id": entity_id},
    )
    return list(rows.scalars())
