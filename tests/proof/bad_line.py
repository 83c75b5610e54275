"""A line to the post office that misbehaves on real sockets: what it does to one chosen call, a test says."""

from __future__ import annotations

import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPResponse

from app import clock
from app.agency import signing
from app.agency.bodies import unpack
from app.agency.sandbox.faults import BAD_GATEWAY, OTHER_PACKET
from tests.proof.counterpart import Counterpart

TOKEN = "/oauth2/client/token"


@dataclass(frozen=True)
class Request:
    """A request as it came, to be sent on byte for byte."""

    path: str
    raw: bytes
    body: bytes


@dataclass(frozen=True)
class Said:
    """What the post office answered."""

    status: int
    signature: str
    body: bytes


@dataclass
class Talk:
    """One connection with the request it carries."""

    line: BadLine
    near: socket.socket
    request: Request | None = None

    def pass_on(self) -> Said:
        assert self.request is not None
        return self.line.pass_on(self.request)

    def answer(self, status: int, body: bytes, *headers: str) -> None:
        head = [f"HTTP/1.1 {status} Word", f"Content-Length: {len(body)}", "Connection: close", *headers]
        self.near.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)

    def relay(self, said: Said) -> None:
        self.answer(said.status, said.body, "Content-Type: application/json", f"Signature: {said.signature}")

    def reset(self) -> None:
        self.near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.near.close()

    def hang(self) -> None:
        """Until the caller gives up, or the test is over."""
        with suppress(OSError):
            while not self.line.over.is_set() and not select.select([self.near], [], [], 0.05)[0]:
                pass

    def drip(self, said: Said, every_s: float) -> None:
        head = f"HTTP/1.1 {said.status} Word\r\nContent-Length: {len(said.body)}\r\nSignature: {said.signature}\r\n\r\n"
        for byte in head.encode() + said.body:
            self.near.sendall(bytes([byte]))
            if self.line.over.wait(every_s):
                return


Act = Callable[[Talk], None]


def normal(talk: Talk) -> None:
    talk.relay(talk.pass_on())


def reset_unread(talk: Talk) -> None:
    """Once bytes have arrived, and without reading any of them."""
    select.select([talk.near], [], [], 10)
    talk.reset()


def reset_after(talk: Talk) -> None:
    talk.pass_on()
    talk.reset()


def hang_before(talk: Talk) -> None:
    talk.hang()


def hang_after(talk: Talk) -> None:
    talk.pass_on()
    talk.hang()


def late(talk: Talk) -> None:
    """The caller sees the line go down; the request lies somewhere on the way and lands when the test says."""
    assert talk.request is not None
    talk.line.on_the_way.append(talk.request)
    talk.reset()


def says(status: int, body: bytes, *headers: str, after: bool = False) -> Act:
    def act(talk: Talk) -> None:
        if after:
            talk.pass_on()
        talk.answer(status, body, *headers)

    return act


def truncated(talk: Talk) -> None:
    """Half of the JSON under a signature that fits it: only the reading of it can fail."""
    said = talk.pass_on()
    half = said.body[: len(said.body) // 2]
    talk.relay(Said(said.status, talk.line.signed(half), half))


def another_packet(talk: Talk) -> None:
    """200 and a genuine signature over a genuine answer, about a packet nobody asked for."""
    said = talk.pass_on()
    assert talk.request is not None
    code = talk.line.code.encode()
    assert code in said.body
    other = said.body.replace(code, OTHER_PACKET)
    talk.relay(Said(200, talk.line.signed(other), other))


def dripping(every_s: float) -> Act:
    return lambda talk: talk.drip(talk.pass_on(), every_s)


HTTP_500 = says(500, b'{"error":"internal"}', "Content-Type: application/json")
HTTP_500_AFTER = says(500, b'{"error":"internal"}', "Content-Type: application/json", after=True)
HTML_502 = says(502, BAD_GATEWAY, "Content-Type: text/html")
HTML_502_AFTER = says(502, BAD_GATEWAY, "Content-Type: text/html", after=True)
HTTP_429 = says(429, b"", "Retry-After: 1800")


@dataclass
class BadLine:
    """A listening line; `act` meets the next call to `path` and is over then. Everything that passes is remembered."""

    far: Counterpart
    context: ssl.SSLContext | None = None
    path: str = ""
    act: Act | None = None
    unread: bool = False
    code: str = ""
    seen: list[Request] = field(default_factory=list)
    on_the_way: list[Request] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._door = _bound()
        self.port: int = self._door.getsockname()[1]
        self.url = f"{'https' if self.context else 'http'}://127.0.0.1:{self.port}"
        self.open()

    def arm(self, path: str, act: Act, *, code: str) -> None:
        """The next call to `path` meets `act`; `code` is the packet it speaks of."""
        self.path, self.act, self.code, self.unread = path, act, code, act is reset_unread
        self.over.clear()

    def shut(self) -> None:
        """Nobody listens: connections are refused, and the port stays ours."""
        self._door.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)

    def open(self) -> None:
        self._door.listen(16)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def mend(self) -> None:
        """Faults stop: nothing hangs any more, and what was on its way lands."""
        self.act = None
        self.over.set()
        if not self._thread.is_alive():
            self.open()

    def land(self) -> int:
        """What was on the way arrives; its answer reaches nobody."""
        landed = [self.pass_on(request) for request in self.on_the_way]
        self.on_the_way.clear()
        return len(landed)

    def close(self) -> None:
        self.over.set()
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()

    def signed(self, body: bytes) -> str:
        """As the post office signs."""
        return signing.sign(body, self.far.inside.keys.signing_key(), now=clock.wall())

    def pass_on(self, request: Request) -> Said:
        with socket.create_connection(("127.0.0.1", self.far.port), timeout=20) as far:
            far.sendall(request.raw)
            answer = HTTPResponse(far)
            answer.begin()
            return Said(answer.status, answer.headers.get("Signature", ""), answer.read())

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._door.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(near,), daemon=True).start()

    def _talk(self, near: socket.socket) -> None:
        try:
            if self.context is not None:
                near = self.context.wrap_socket(near, server_side=True)
            if self.unread and self.act is not None:
                self._take_act()(Talk(self, near))
                return
            request = read_request(near)
            self.seen.append(request)
            act = self._take_act() if self.act is not None and request.path == self.path else normal
            act(Talk(self, near, request))
        except (OSError, IndexError):
            pass  # the caller hung up, or never meant to speak: the test looks at what it made of that
        finally:
            near.close()

    def _take_act(self) -> Act:
        act, self.act = self.act, None
        assert act is not None
        return act


def read_request(near: socket.socket) -> Request:
    """The whole request; its body unpacked."""
    with near.makefile("rb") as stream:
        rows = [stream.readline()]
        headers: dict[str, str] = {}
        while (row := stream.readline()).strip():
            rows.append(row)
            name, _, value = row.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        packed = stream.read(int(headers.get("content-length", "0")))
    raw = b"".join(rows) + b"\r\n" + packed
    return Request(rows[0].decode().split()[1], raw, unpack(packed, headers.get("content-encoding")))


def _bound() -> socket.socket:
    """A socket on a free port that keeps it when it stops listening."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = probe.getsockname()
    door = socket.socket()
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    door.bind(address)
    return door
