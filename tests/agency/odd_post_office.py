"""A post office on a real socket that does to a caller whatever a test tells it; none of the sandbox's rules."""

from __future__ import annotations

import gzip
import hashlib
import json
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs

import pytest

from app.agency import messages, signing
from app.agency.messages import Ack
from app.agency.port import Agency, AgencyError, Endpoint, OutgoingPacket
from app.agency.tokens import TOKEN_PATH, TokenOffice, TokenRefused
from tests.agency.contract_samples import NOW, Rings, callback_head


@dataclass
class Seen:
    """One request as it arrived, its body unpacked."""

    path: str
    headers: dict[str, str]
    body: bytes
    packed: bytes

    @property
    def message_id(self) -> str:
        return messages.named_ids(self.body)[0]

    @property
    def transaction_id(self) -> str:
        return messages.named_ids(self.body)[1]


@dataclass
class Talk:
    """One connection, after its request was read (or before, when `seen` is nothing)."""

    office: PostOffice
    line: socket.socket
    seen: Seen | None

    def asked(self) -> Seen:
        assert self.seen is not None
        return self.seen

    def raw(self, answer: bytes) -> None:
        self.line.sendall(answer)

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        lines = [f"HTTP/1.1 {status} Word", f"Content-Length: {len(body)}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.raw("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def signed(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        signature = signing.sign(body, self.office.rings.theirs.signing_key(), now=NOW)
        self.answer(status, body, {"Signature": signature, **(headers or {})})

    def ack(self, status: int = 202, word: str = "ACK", **changes: Any) -> None:
        facts = {"in_reply_to": self.asked().message_id, "transaction_id": self.asked().transaction_id}
        self.signed(status, messages.ack(Ack(word, NOW, **{**facts, "correlation_id": "BD-1", **changes})))

    def state(self, lines: Any = (), **changes: Any) -> None:
        facts = {"transaction_id": self.asked().transaction_id, "in_reply_to": self.asked().message_id}
        self.signed(200, messages.on_status(callback_head(**{**facts, **changes}), lines))

    def reset(self) -> None:
        self.line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.line.close()

    def reset_unread(self) -> None:
        """Once bytes have arrived, and without reading any of them."""
        select.select([self.line], [], [], 10)
        self.reset()

    def hang(self) -> None:
        self.office.over.wait(20)

    def drip(self, answer: bytes, *, every_s: float = 0.05) -> None:
        for at in range(len(answer)):
            self.raw(answer[at : at + 1])
            if self.office.over.wait(every_s):
                return


Act = Callable[[Talk], None]


def says(status: int, body: bytes = b"no") -> Act:
    return lambda talk: talk.answer(status, body)


def normal(talk: Talk) -> None:
    if talk.asked().path == "/disburse":
        talk.ack()
    else:
        talk.state()


@dataclass
class PostOffice:
    """`acts` are done one per message, then `normal`; `token_act` replaces the token endpoint."""

    rings: Rings
    context: ssl.SSLContext | None = None
    acts: list[Act] = field(default_factory=list)
    token_act: Act | None = None
    before_reading: Act | None = None
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.tokens = TokenOffice(self.rings.theirs, "vnpost")
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=16)
        self.port: int = self.listener.getsockname()[1]
        self.url = f"{'https' if self.context else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self.over.set()
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def packets(self) -> list[Seen]:
        """What arrived besides requests for a token."""
        return [seen for seen in self.seen if seen.path != TOKEN_PATH]

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=(line,), daemon=True).start()

    def _talk(self, line: socket.socket) -> None:
        try:
            if self.context is not None:
                line = self.context.wrap_socket(line, server_side=True)
            if self.before_reading is not None:
                self.before_reading(Talk(self, line, None))
                return
            seen = _read(line)
            self.seen.append(seen)
            talk = Talk(self, line, seen)
            if seen.path == TOKEN_PATH:
                (self.token_act or give_token)(talk)
            else:
                (self.acts.pop(0) if self.acts else normal)(talk)
        except (OSError, ValueError, IndexError):
            pass  # the caller hung up, or spoke something else: its own test looks at what it made of that
        finally:
            line.close()


def give_token(talk: Talk) -> None:
    form = {name: values[0] for name, values in parse_qs(talk.asked().body.decode()).items()}
    try:
        issued = talk.office.tokens.issue(form, talk.asked().headers.get("authorization"), now=NOW)
    except TokenRefused as error:
        talk.answer(error.status, json.dumps({"error": error.code}).encode())
    else:
        talk.answer(200, json.dumps(issued).encode())


def _read(line: socket.socket) -> Seen:
    with line.makefile("rb") as stream:
        path = stream.readline().decode().split()[1]
        headers: dict[str, str] = {}
        while (row := stream.readline().strip()) != b"":
            name, _, value = row.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        packed = stream.read(int(headers.get("content-length", "0")))
    body = gzip.decompress(packed) if headers.get("content-encoding") == "gzip" else packed
    return Seen(path, headers, body, packed)


CODE = "CT-202611-00004-M-V2"


def endpoint(url: str, **changes: Any) -> Endpoint:
    return replace(Endpoint(url, "chitra", "vnpost", "chitra", deadline_s=3.0), **changes)


def out(body: bytes, message_id: str, to: Endpoint) -> OutgoingPacket:
    return OutgoingPacket(CODE, message_id, body, hashlib.sha256(body).hexdigest(), to)


def outcome(agency: Agency, packet: OutgoingPacket, verb: str = "send") -> AgencyError:
    with pytest.raises(AgencyError) as caught:
        getattr(agency, verb)(packet)
    return caught.value


def warm(agency: Agency, office: PostOffice, packet: OutgoingPacket) -> None:
    """Fetches the token, so that the next connection is the packet's."""
    agency.ask(packet)
    office.seen.clear()
