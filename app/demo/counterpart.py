"""The agencies of a demo in this process: real post offices, real bytes and signatures, no ports. For past months."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from sqlalchemy import select

from app import clock
from app.agency import iso20022, messages, signing, wire
from app.agency.files import OUTBOX
from app.agency.g2p import G2PAgency
from app.agency.keys import KeyRing
from app.agency.messages import Ack
from app.agency.port import Endpoint, NotSent
from app.agency.sandbox.desk import Desk
from app.agency.sandbox.engine import CallbackOut, SandboxPostOffice
from app.agency.sandbox.home import Exchange, prepare_home
from app.agency.sandbox.knobs import turn
from app.demo.bank import Answered, DemoBank
from app.extensions import transaction
from app.models import Agency, Packet
from app.rules.actors import ROOT_PATH, Actor, Role
from app.services import by_hand, inbox, sending
from app.services.sending import Connection

US = "chitra"
AT_ONCE = 10_000
"""Callbacks and messages taken in one go."""
BANK_CLERK = Actor("nganhang", frozenset({Role.AGENCY_USER}), ROOT_PATH)
"""Who brings in a bank's files."""
_NOWHERE = "http://127.0.0.1:9/agency"


class Undelivered(Exception):
    """A message of a demo did not have its effect; the text says which and why."""


class Counterpart:
    """Post offices and banks in temporary folders; leave the block and they are gone, our books stay."""

    def __init__(self, codes: Iterable[str], *, banks: Iterable[str] = (), seed: int) -> None:
        self._codes, self._bank_codes, self._seed = tuple(codes), tuple(banks), seed
        self._offices: dict[str, SandboxPostOffice] = {}
        self._banks: dict[str, DemoBank] = {}

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="chitra-agencies-")))
        self._keys = KeyRing(folder / "keys")
        self._keys.new_key(now=clock.wall())
        exchanges = {code: self._exchange(folder / code, code) for code in self._codes}
        self._agency = _Direct(self._keys, self._offices, exchanges)
        self._files = iso20022.connect(folder, now=clock.wall)
        self._banks |= {code: DemoBank(folder / OUTBOX / code, seed=self._seed) for code in self._bank_codes}
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def connect(self, code: str, base_url: str) -> Connection:
        """The connection to an agency's post office in this process, or to a bank's folder."""
        agency = self._files if code in self._banks else self._agency
        return Connection(agency, Endpoint(base_url, US, code, US, callback_url=_NOWHERE))

    def desk(self, code: str) -> Desk:
        """The clerk of an agency's post office."""
        return self._offices[code].desk

    def counter(self, code: str) -> Desk | DemoBank:
        """Who pays for an agency: its post office's clerk, or the bank."""
        return self._banks[code] if code in self._banks else self.desk(code)

    def counter_on(self, days_from_today: int) -> None:
        """Let the counters live some days before or after the real day: when people were paid."""
        for office in self._offices.values():
            turn(office.store, {"day_offset": days_from_today})
        for bank in self._banks.values():
            bank.day = clock.wall().date() + timedelta(days=days_from_today)

    def wait(self, what: str, until: Callable[[], bool]) -> None:
        """Carry everything, and make sure it had that effect. Raises Undelivered."""
        self.carry()
        if not until():
            raise Undelivered(what)

    def carry(self) -> None:
        """Let everything that waits travel: our packets there, their words here, applied."""
        while sending.send_next(self.connect):
            pass
        for code, office in self._offices.items():
            while due := office.due_callbacks(everything=True, limit=AT_ONCE):
                self._take_in(code, due)
        for bank in self._banks.values():
            bring_in(bank.answers())
        inbox.apply_waiting(AT_ONCE)

    def _exchange(self, home: Path, code: str) -> Exchange:
        given = prepare_home(
            home,
            callback_base_url=_NOWHERE,
            partner_keys=self._keys.published(),
            client_secret=self._keys.issue_client(code),
            client_id=code,
            sender_id=code,
            receiver_id=US,
        )
        for kid, pem in given.public_keys.items():
            self._keys.trust(code, kid, pem)
        self._offices[code] = SandboxPostOffice(home, seed=self._seed, in_memory=True)
        self._stack.callback(self._offices[code].close)
        return given

    def _take_in(self, code: str, due: list[CallbackOut]) -> None:
        """What the endpoint for callbacks does: prove, keep, answer."""
        with transaction() as session:
            agency_id = session.scalars(select(Agency.id).where(Agency.code == code)).one()
            for out in due:
                now = clock.wall()
                signature = out.headers[signing.HEADER_NAME]
                key_id = signing.verify(out.body, signature, self._keys.trusted_keys(code), now=now)
                said = Ack(messages.ACK, now, in_reply_to=out.message_id, transaction_id=out.packet_code)
                action = out.path.strip("/")
                headers = {signing.HEADER_NAME: signature}
                message = inbox.Incoming(agency_id, out.message_id, action, out.packet_code, out.body, headers, key_id)
                inbox.keep(session, message, answer=json.loads(messages.ack(said)))
        for out in due:
            self._offices[code].note_delivery(out.id, delivered=True, answer="200")


def bring_in(answers: Iterable[Answered]) -> None:
    """Bring a bank's files in, as somebody of the bank would on the packet's page."""
    with transaction() as session:
        for said in answers:
            packet_id = session.scalars(select(Packet.id).where(Packet.code == said.code)).one()
            name = f"{said.code}.{said.action}.xml"
            by_hand.bring(session, packet_id, said.action, name, said.body, by=BANK_CLERK)


class _Direct(G2PAgency):
    """The adapter with everything but the wire: messages go from hand to hand."""

    def __init__(self, keys: KeyRing, offices: dict[str, SandboxPostOffice], exchanges: dict[str, Exchange]) -> None:
        super().__init__(keys, now=clock.wall)
        self._offices, self._exchanges = offices, exchanges

    def _deliver(
        self, endpoint: Endpoint, path: str, body: bytes, *, ends: float, answer_max_bytes: int
    ) -> wire.WireAnswer:
        if endpoint.receiver_id not in self._offices:
            raise NotSent("address", "no post office of that agency plays here")
        office, given = self._offices[endpoint.receiver_id], self._exchanges[endpoint.receiver_id]
        form = {
            "grant_type": "client_credentials",
            "client_id": given.client_id,
            "client_secret": given.client_secret,
        }
        token = json.loads(office.token(form, None).body)["access_token"]
        headers = {
            "Authorization": f"Bearer {token}",
            signing.HEADER_NAME: signing.sign(body, self._keys.signing_key(), now=clock.wall()),
        }
        answer = office.receive(path, body, headers)
        return wire.WireAnswer(
            answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.body
        )
