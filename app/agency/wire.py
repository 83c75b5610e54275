"""The only outward HTTP: one POST, one total deadline, and whether a byte may have left when it failed."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock, Thread
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from app.agency.bodies import BodyRefused, unpack
from app.agency.port import NotSent, OutcomeUnknown

_CHUNK_BYTES = 1 << 16
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True)
class WireAnswer:
    """A whole HTTP answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def post(
    url: str,
    body: bytes,
    *,
    headers: Mapping[str, str],
    deadline_s: float,
    answer_max_bytes: int,
    ca_file: str = "",
) -> WireAnswer:
    """POSTs once and reads the whole answer. No redirect, no retry, no proxy, no second connection.

    NotSent when the connection (TCP and TLS) was never established: nothing can have left before that.
    OutcomeUnknown for every failure after it, and when the answer is cut short or too large. Plain HTTP is
    for the same machine only. The call runs in a thread of its own, because DNS, a slow handshake and a
    drip of single bytes all escape the timeouts of a socket.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise NotSent("address", "https only")
    call = _Call(url, body, dict(headers), answer_max_bytes, ca_file, max(deadline_s, 0.001))
    worker = Thread(target=call.run, name="agency-call", daemon=True)
    worker.start()
    worker.join(call.deadline_s)
    outlived = worker.is_alive()
    left = call.give_up()
    if not outlived and call.answer is not None:
        return call.answer
    if left:
        code = "timeout" if outlived else "broken"
        raise OutcomeUnknown(code, type(call.failure).__name__ if call.failure else "") from call.failure
    if outlived or isinstance(call.failure, requests.RequestException | OSError):
        raise NotSent("timeout" if outlived else _why(call.failure)) from call.failure
    raise call.failure or AssertionError("a call ends with an answer or a failure")


class _Call:
    """One call as its two threads see it; `give_up` and `opened` settle under a lock which came first."""

    def __init__(
        self,
        url: str,
        body: bytes,
        headers: dict[str, str],
        answer_max_bytes: int,
        ca_file: str,
        deadline_s: float,
    ) -> None:
        self.url = url
        self.body = body
        self.headers = headers
        self.answer_max_bytes = answer_max_bytes
        self.verify: str | bool = ca_file or True
        self.deadline_s = deadline_s
        self.answer: WireAnswer | None = None
        self.failure: Exception | None = None
        self._lock = Lock()
        self._may_have_left = False
        self._given_up = False
        self._line: socket.socket | None = None

    def run(self) -> None:
        try:
            with requests.Session() as session:
                session.trust_env = False
                session.mount("http://", _OneLine(self))
                session.mount("https://", _OneLine(self))
                self.answer = self._exchange(session)
        except Exception as error:  # every failure is told apart in post()
            self.failure = error

    def dialled(self, line: socket.socket) -> None:
        """TCP is up. A duplicate of the descriptor is ours to shut down, whoever closes the original."""
        with self._lock:
            if self._given_up:
                raise ConnectionAbortedError("given up")
            self._line = socket.socket(fileno=os.dup(line.fileno()))

    def opened(self) -> None:
        """TCP and TLS are up: from here on bytes may have left, unless we have given up before."""
        with self._lock:
            if self._given_up:
                raise ConnectionAbortedError("given up")
            self._may_have_left = True

    def give_up(self) -> bool:
        """Ends the call, whatever it is doing, and tells whether a byte may have left."""
        with self._lock:
            self._given_up = True
            if self._line is not None:
                with suppress(OSError):
                    self._line.shutdown(socket.SHUT_RDWR)
                self._line.close()
                self._line = None
            return self._may_have_left

    def _exchange(self, session: requests.Session) -> WireAnswer:
        with session.post(
            self.url,
            data=self.body,
            headers={"Accept-Encoding": "gzip", **self.headers},
            timeout=self.deadline_s,
            allow_redirects=False,
            stream=True,
            verify=self.verify,
        ) as response:
            content = bytearray()
            for chunk in response.raw.stream(_CHUNK_BYTES, decode_content=False):
                content += chunk
                if len(content) > self.answer_max_bytes:
                    raise OSError("the answer is larger than allowed")
            headers = {name.lower(): value for name, value in response.headers.items()}
            try:
                body = unpack(bytes(content), headers.get("content-encoding"), limit=self.answer_max_bytes)
            except BodyRefused as refused:
                raise OSError(f"the answer cannot be unpacked: {refused}") from refused
            return WireAnswer(response.status_code, headers, body)


class _OneLine(HTTPAdapter):
    """Makes connections that tell their call when they are dialled and when they are open."""

    def __init__(self, call: _Call) -> None:
        self._call = call
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        call = self._call

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                line = super()._new_conn()
                call.dialled(line)
                return line

            def connect(self) -> None:
                super().connect()
                call.opened()

        class Secure(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                line = super()._new_conn()
                call.dialled(line)
                return line

            def connect(self) -> None:
                super().connect()
                call.opened()

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}


def _why(failure: BaseException | None) -> str:
    """One word for a connection that never was: the innermost cause that says something."""
    seen: list[BaseException] = []
    todo = [failure]
    while todo:
        error = todo.pop()
        if error is None or error in seen:
            continue
        seen.append(error)
        named = (*error.args, getattr(error, "reason", None), error.__cause__, error.__context__)
        todo += [inner for inner in named if isinstance(inner, BaseException)]
    for kind, word in (
        (socket.gaierror, "dns"),
        (ssl.SSLError, "tls"),
        (ConnectionRefusedError, "refused"),
        (TimeoutError, "timeout"),
    ):
        if any(isinstance(error, kind) for error in seen):
            return word
    return "unreachable"
