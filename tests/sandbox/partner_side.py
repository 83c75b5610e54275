"""The other side of the contract, as these tests play it: keys, packets, calls, and a small place for callbacks."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask, Response, request
from werkzeug.serving import make_server

from app.agency import messages, signing
from app.agency.keys import KeyRing
from app.agency.messages import Ack, Callback, PacketHead, PacketLine
from app.agency.port import Endpoint, OutgoingPacket
from app.agency.sandbox.engine import Answer, CallbackOut, SandboxPostOffice
from app.agency.sandbox.home import Exchange, prepare_home
from app.agency.tokens import TOKEN_PATH, TokenOffice

PACKET = "CT-202611-00004-M"
AREA = "00004"
CALLBACK_SECRET = "a-secret-of-the-main-system"


@dataclass
class ChosenClock:
    """A clock that stands still until it is moved."""

    moment: datetime = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def forward(self, **step: float) -> None:
        self.moment += timedelta(**step)


class Partner:
    """The main system's part: signs, sends and reads; verifies every answer against the sandbox's key."""

    def __init__(self, folder: Path, *, now: Any) -> None:
        self.now = now
        self.home = folder / "sandbox"
        self.keys = KeyRing(folder / "partner")
        self.keys.new_key(now=now())
        self.exchange = self.prepare("http://127.0.0.1:9/agency")
        self._bearer = ""

    def prepare(self, callback_base_url: str) -> Exchange:
        secret = self.keys.issue_client("vnpost")
        exchange = prepare_home(
            self.home,
            callback_base_url=callback_base_url,
            partner_keys=self.keys.published(),
            client_secret=secret,
        )
        for kid, pem in exchange.public_keys.items():
            self.keys.trust("vnpost", kid, pem)
        self.keys.keep_secret(exchange.client_id, exchange.client_secret)
        self.exchange = exchange
        return exchange

    def head(self, version: int = 1, *, packet: str = PACKET, message_id: str = "", **more: Any) -> PacketHead:
        code = f"{packet}-V{version}"
        return PacketHead(
            transaction_id=code,
            message_id=message_id or f"m-{code}",
            message_ts=self.now(),
            sender_id="chitra",
            receiver_id="vnpost",
            payer_fa="account:3713.0.1234567@treasury",
            area=AREA,
            period="202611",
            kind="M",
            **more,
        )

    def packet(self, lines: Sequence[PacketLine], version: int = 1, *, packet: str = PACKET, **more: Any) -> bytes:
        head = self.head(version, packet=packet, **more)
        rows = [(line.reference, line.payee_fa, line.amount_vnd) for line in lines]
        figures = replace(
            head,
            line_count=len(lines),
            total_vnd=sum(line.amount_vnd for line in lines),
            line_set_sha256=messages.line_set_sha256(rows),
        )
        return messages.disburse(figures, lines)

    def headers(self, office: SandboxPostOffice, body: bytes) -> dict[str, str]:
        if not self._bearer:
            form = {
                "grant_type": "client_credentials",
                "client_id": self.exchange.client_id,
                "client_secret": self.exchange.client_secret,
            }
            token = office.token(form, None)
            assert token.status == 200
            self._bearer = f"Bearer {Response(token.body, content_type='application/json').get_json()['access_token']}"
        signature = signing.sign(body, self.keys.signing_key(), now=self.now())
        return {"Authorization": self._bearer, "Content-Type": "application/json", "Signature": signature}

    def post(self, office: SandboxPostOffice, path: str, body: bytes) -> Answer:
        answer = office.receive(path, body, self.headers(office, body))
        if answer.status == 200 and not answer.cut:
            self.prove(answer.body, answer.headers)
        return answer

    def send(self, office: SandboxPostOffice, body: bytes) -> Ack:
        answer = self.post(office, "/disburse", body)
        assert answer.status == 200
        return messages.read_ack(answer.body)

    def ask(self, office: SandboxPostOffice, version: int = 1, **more: Any) -> Callback:
        body = messages.txn_status(self.head(version, message_id=f"q-{self.now().timestamp()}"), **more)
        answer = self.post(office, "/disburse/sync/txn/status", body)
        assert answer.status == 200
        return messages.read_callback(answer.body, now=self.now())

    def recall(self, office: SandboxPostOffice, version: int = 1, *, reason: str = "sai danh sách") -> Ack:
        return self.send(office, messages.recall(self.head(version, message_id=f"r-{version}"), reason))

    def prove(self, body: bytes, headers: dict[str, str]) -> None:
        signing.verify(body, headers["Signature"], self.keys.trusted_keys("vnpost"), now=self.now())

    def collect(self, office: SandboxPostOffice) -> list[Callback]:
        """Take every waiting callback as if it had been delivered."""
        found = []
        while due := office.due_callbacks(everything=True):
            for out in due:
                found.append(self.read(out))
                office.note_delivery(out.id, delivered=True, answer="200")
        return found

    def read(self, out: CallbackOut) -> Callback:
        self.prove(out.body, out.headers)
        return messages.read_callback(out.body, now=self.now())

    def outgoing(self, body: bytes, port: int, version: int = 1) -> OutgoingPacket:
        message_id, code = messages.named_ids(body)
        return OutgoingPacket(code, message_id, body, hashlib.sha256(body).hexdigest(), self.endpoint(port))

    def endpoint(self, port: int, *, deadline_s: float = 10.0) -> Endpoint:
        return Endpoint(f"http://127.0.0.1:{port}", "chitra", "vnpost", self.exchange.client_id, deadline_s=deadline_s)


def some_lines(count: int = 40, *, prefix: str = "L", provider: str = "cash") -> list[PacketLine]:
    return [
        PacketLine(
            f"{prefix}{number:06d}",
            f"{provider}:{number:06d}@vnpost",
            f"Người nhận {number}",
            500_000 + number * 1_000,
            AREA,
        )
        for number in range(1, count + 1)
    ]


@dataclass
class CallbackPlace:
    """What came in at the main system's door; `status` is what it answers."""

    port: int = 0
    status: int = 200
    came: list[tuple[str, bytes, dict[str, str]]] = field(default_factory=list)
    tokens_issued: int = 0


@contextmanager
def callback_place(partner: Partner) -> Iterator[CallbackPlace]:
    """A real HTTP server that takes callbacks the way the main system does."""
    place = CallbackPlace()
    tokens = TokenOffice(partner.keys, "chitra")
    site = Flask("place")

    @site.post("/agency" + TOKEN_PATH)
    def token() -> Any:
        place.tokens_issued += 1
        return tokens.issue(request.form.to_dict(), request.headers.get("Authorization"), now=partner.now())

    @site.post("/agency/on-disburse")
    @site.post("/agency/disburse/txn/on-status")
    def come() -> Response:
        tokens.check(request.headers.get("Authorization"), now=partner.now())
        place.came.append((request.path, request.get_data(), dict(request.headers)))
        return Response(status=place.status)

    server = make_server("127.0.0.1", 0, site, threaded=True)
    place.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield place
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
