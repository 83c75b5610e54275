"""An agency without a wire, for measuring our side: takes every packet at once, and settles it with a few exceptions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import NoReturn

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.agency import messages
from app.agency.messages import CallbackHead, ControlTotals, LineStatus, SettlementPart
from app.agency.port import Answer, Endpoint, OutgoingPacket, SettlementRef
from app.services.inbox import Incoming
from app.services.sending import Connection

ENDPOINT = Endpoint("http://127.0.0.1:9", "chitra", "vnpost", "chitra", callback_url="http://127.0.0.1:8080/agency")
LINES_IN_A_PART = 5_000


class WillingAgency:
    """Accepts what it is sent."""

    def send(self, packet: OutgoingPacket) -> Answer:
        """Accepted."""
        return Answer("accepted")

    def ask(self, packet: OutgoingPacket) -> NoReturn:
        """Nothing is ever in doubt here."""
        raise NotImplementedError

    def recall(self, packet: OutgoingPacket, reason: str) -> NoReturn:
        """Nothing is recalled here."""
        raise NotImplementedError

    def fetch_settlement(self, ref: SettlementRef) -> NoReturn:
        """Settlements come by callback."""
        raise NotImplementedError


def connect(_code: str, _base_url: str) -> Connection:
    """A connection to the willing agency."""
    return Connection(WillingAgency(), ENDPOINT)


def settlements(session: Session) -> Iterator[Incoming]:
    """What the agency sends back for every accepted packet: 1,5 % unpaid, 0,2 % to recover, the rest paid."""
    packets = session.execute(
        text("SELECT id, code, batch_id, agency_id FROM packets WHERE state = 'accepted' ORDER BY id")
    ).all()
    for packet in packets:
        rows = session.execute(
            text("SELECT reference, total_vnd, id FROM payout_lines WHERE batch_id = :batch AND live ORDER BY no"),
            {"batch": packet.batch_id},
        )
        lines = [_result(*row) for row in rows]
        chunks = [lines[start : start + LINES_IN_A_PART] for start in range(0, len(lines), LINES_IN_A_PART)]
        totals = ControlTotals.of(lines)
        for number, chunk in enumerate(chunks, start=1):
            head = CallbackHead(
                message_id=f"{packet.code}-QT-{number}",
                message_ts=clock.wall() - timedelta(seconds=1),
                status="succ",
                transaction_id=packet.code,
                sender_id="vnpost",
                receiver_id="chitra",
                settlement=SettlementPart("QT-1", number, len(chunks), totals),
            )
            body = messages.on_disburse(head, chunk)
            yield Incoming(packet.agency_id, head.message_id, "on-disburse", packet.code, body, {}, "bench")


def _result(reference: str, amount_vnd: int, line_id: int) -> LineStatus:
    if line_id % 67 == 0:
        return LineStatus(reference, "unpaid", amount_vnd, clock.wall(), reason_code="ABSENT")
    if line_id % 500 == 1:
        return LineStatus(reference, "recover", amount_vnd, clock.wall(), reason_code="DEAD")
    return LineStatus(reference, "paid", amount_vnd, clock.wall())
