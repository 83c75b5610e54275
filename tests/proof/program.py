"""Our program behind a real port, in a forked process that may die at any boundary while it takes a message."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from flask import Flask
from werkzeug.serving import make_server

from app.agency.sandbox.callbacks import Postman
from tests.proof import dying
from tests.proof.dying import Ran


class Door:
    """The listening socket is the test's, so that the port stays while programs come and go behind it."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/agency"

    def serve_one(self) -> None:
        """Answer one request, in the process that calls."""
        host, port = self._listening.getsockname()
        server = make_server(host, port, self._app, fd=self._listening.fileno())
        server.log = lambda *_more: None  # type: ignore[method-assign]
        server.handle_request()

    def behind(self, visit: Callable[[], Any], *, at: int = 0, act: Callable[[], None] = dying.die) -> Ran:
        """`visit` while a program stands behind the door that answers one request, or is struck at a boundary before."""
        child = dying.start(self.serve_one, at=at, act=act)
        visit()
        return child.ended()

    def close(self) -> None:
        self._listening.close()


def fresh_token(postman: Postman) -> None:
    """One request for a token, so that the next one is the message."""
    postman._tokens.forget()
    postman._tokens.bearer(within_s=10)
