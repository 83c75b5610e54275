"""The sandbox post office behind real HTTP for proofs, with what it holds as the ground truth."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from app import clock
from app.agency.g2p import G2PAgency
from app.agency.keys import KeyRing
from app.agency.port import Endpoint
from app.agency.sandbox.engine import SandboxPostOffice
from app.agency.sandbox.home import prepare_home
from app.agency.sandbox.server import Server, open_site
from app.models import Packet
from app.services import inbox, sending
from app.services.sending import Connection
from tests import office
from tests.proof import many

ROUNDS = 12


@dataclass
class Counterpart:
    """The running program and its inside; `connect` leads straight to it."""

    inside: SandboxPostOffice
    agency: G2PAgency
    port: int
    deadline_s: float = 10.0

    def endpoint(self, base_url: str = "", deadline_s: float | None = None) -> Endpoint:
        url = base_url or f"http://127.0.0.1:{self.port}"
        return Endpoint(url, "chitra", "vnpost", "chitra", deadline_s=deadline_s or self.deadline_s)

    def connect(self, _code: str = "", _base_url: str = "") -> Connection:
        return Connection(self.agency, self.endpoint())

    def deliver(self, session: Session) -> int:
        """Bring every waiting callback to our inbox and apply it."""
        count = 0
        while due := self.inside.due_callbacks(everything=True):
            for out in due:
                office.arrive(session, out.body)
                self.inside.note_delivery(out.id, delivered=True, answer="200")
                count += 1
        inbox.apply_waiting()
        office.refresh(session)
        return count

    def make_certain(self, session: Session, packet: Packet) -> None:
        """The sweeps, as often as time would let them, until the packet is neither queued nor in doubt."""
        for _round in range(ROUNDS):
            many.only(session, packet.id)
            sending.send_next(self.connect)
            sending.ask_next(self.connect)
            office.refresh(session)
            if packet.state not in ("queued", "in_doubt"):
                return
        raise AssertionError(f"{packet.code} is still {packet.state}: {packet.last_error}")

    def has_exactly(self, packet: Packet, *, stage: str = "received") -> None:
        """One packet under our key and with our bytes, whatever was sent how often; no alarm, no other version."""
        store = self.inside.store
        there = [(one.code, one.message_id, one.stage) for one in store.packets() if one.list_code == packet.batch.code]
        assert there == [(packet.code, packet.message_id, stage)]
        kept = store.rows(
            "SELECT message_id, body_sha256 FROM messages WHERE path = '/disburse' AND message_id LIKE ?"
            " AND message_id NOT LIKE ?",
            f"{packet.code}-%",
            f"{packet.code}-R%",
        )
        assert [tuple(row) for row in kept] == [(packet.message_id, packet.body_sha256)]
        assert hashlib.sha256(packet.body or b"").hexdigest() == packet.body_sha256
        assert not store.rows("SELECT * FROM alarms")


@contextmanager
def running(folder: Path, *, ours: KeyRing | None = None, callback_base_url: str = "") -> Iterator[Counterpart]:
    """A post office on a port of its own; it delivers nothing by itself. `ours` is our key ring, a new one without."""
    ours = ours or KeyRing(folder / "ours")
    if not ours.published():
        ours.new_key(now=clock.wall())
    exchange = prepare_home(
        folder / "sandbox",
        callback_base_url=callback_base_url or "http://127.0.0.1:9/agency",
        partner_keys=ours.published(),
        client_secret=ours.issue_client("vnpost"),
    )
    for kid, pem in exchange.public_keys.items():
        ours.trust("vnpost", kid, pem)
    ours.keep_secret(exchange.client_id, exchange.client_secret)
    inside = SandboxPostOffice(folder / "sandbox", seed=3, in_memory=True)
    server = Server(inside, open_site(inside, folder / "sandbox"), host="127.0.0.1", port=0)
    server._postman.start = lambda: None  # type: ignore[method-assign]  # callbacks are taken by hand
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    yield Counterpart(inside, G2PAgency(ours, now=clock.wall), server.port)
    server.stop()
    thread.join(timeout=10)
