"""Puts the post office on a port: one Flask application, a threaded server, the postman, a clean end."""

from __future__ import annotations

import errno
import signal
import socket
import threading
from pathlib import Path
from types import FrameType

from flask import Flask, request
from werkzeug.exceptions import HTTPException
from werkzeug.serving import BaseWSGIServer, ThreadedWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Response

from app.agency.sandbox import control, pages, wire
from app.agency.sandbox.callbacks import Postman
from app.agency.sandbox.engine import SandboxPostOffice
from app.agency.sandbox.home import clerk_password, control_token, session_key


class PortBusy(Exception):
    """Somebody else listens on that port."""


def create_site(office: SandboxPostOffice, home_password: str, token: str, cookie_key: str) -> Flask:
    """The contract, the control API and the clerk's pages over one post office."""
    site = Flask(__name__, static_folder=None, template_folder=None)
    site.config.update(
        SECRET_KEY=cookie_key,
        SESSION_COOKIE_NAME="sandbox_session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_FORM_MEMORY_SIZE=256 * 1024,
    )
    site.register_error_handler(HTTPException, _said_in_words)
    site.register_blueprint(wire.blueprint(office))
    site.register_blueprint(control.blueprint(office, token))
    site.register_blueprint(pages.blueprint(office, pages.Login(home_password, shown=office.config.demo)))
    return site


class Server:
    """The running program; `serve()` blocks until `stop()`, which any thread or signal may call."""

    def __init__(self, office: SandboxPostOffice, site: Flask, *, host: str, port: int) -> None:
        """Raises PortBusy."""
        self._office = office
        self._postman = Postman(office)
        self._listening = _listen(site, host, port)
        self.port = int(self._listening.socket.getsockname()[1])

    def serve(self) -> None:
        """Answer calls and deliver callbacks until stopped; then close everything."""
        self._postman.start()
        try:
            self._listening.serve_forever(poll_interval=0.1)
        finally:
            self._postman.stop()
            self._listening.server_close()
            self._office.close()

    def stop(self) -> None:
        """Ask `serve` to end; returns at once."""
        threading.Thread(target=self._listening.shutdown, daemon=True).start()

    def stop_on_signals(self) -> None:
        """SIGTERM and Ctrl-C end the program cleanly."""

        def end(_number: int, _frame: FrameType | None) -> None:
            self.stop()

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)


def open_site(office: SandboxPostOffice, home: Path) -> Flask:
    """`create_site` with the secrets of a home."""
    password = clerk_password(home, demo=office.config.demo)
    return create_site(office, password, control_token(home), session_key(home))


def _said_in_words(error: HTTPException) -> Response | tuple[str, int]:
    """What no blueprint answers: problem+json for programs, a page for people, the plain text for the contract."""
    if request.path.startswith("/sandbox/api"):
        return control.problem(error.code or 500, error.description or error.name)
    if request.path in wire.PATHS:
        return error.get_response()
    return pages.shown_error(error)


def _listen(site: Flask, host: str, port: int) -> BaseWSGIServer:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            line.bind((host, port))
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            raise PortBusy(f"{host}:{port}") from error
        line.listen(128)
        listening = make_server(host, port, site, threaded=True, request_handler=_QuietHandler, fd=line.fileno())
    if isinstance(listening, ThreadedWSGIServer):
        listening.daemon_threads = True
    return listening


class _QuietHandler(WSGIRequestHandler):
    """No log line per request: it would carry the packet codes of the other side."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        return
