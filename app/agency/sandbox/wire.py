"""The contract over HTTP: paths in, answers out, and the faults of the line acted out on the real socket."""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import suppress

from flask import Blueprint, Response, abort, jsonify, request

from app.agency.bodies import REQUEST_MAX_BYTES
from app.agency.description import agency as agency_description
from app.agency.sandbox.door import ROUTES
from app.agency.sandbox.engine import SandboxPostOffice
from app.agency.sandbox.faults import RESET, Answer
from app.agency.tokens import TOKEN_PATH

DESCRIPTION_PATH = "/openapi.json"
PATHS = (*ROUTES, TOKEN_PATH)


def blueprint(office: SandboxPostOffice) -> Blueprint:
    """The contract's paths; everything about a message is decided in the engine."""
    contract = Blueprint("contract", __name__)

    @contract.before_request
    def refuse_what_is_no_message() -> None:
        if request.method == "GET":
            return
        if request.content_length is None or request.content_length > REQUEST_MAX_BYTES:
            abort(413 if request.content_length else 411)
        if request.path != TOKEN_PATH and request.mimetype != "application/json":
            abort(415)

    def receive() -> Response:
        return _acted_out(office.receive(request.path, request.get_data(cache=False), dict(request.headers)))

    for path in ROUTES:
        contract.add_url_rule(path, path.strip("/").replace("/", "_"), receive, methods=["POST"])

    @contract.post(TOKEN_PATH)
    def token() -> Response:
        return _acted_out(office.token(request.form.to_dict(), request.headers.get("Authorization")))

    @contract.get(DESCRIPTION_PATH)
    def description() -> Response:
        return jsonify(agency_description(request.host_url.rstrip("/")))

    return contract


def _acted_out(answer: Answer) -> Response:
    if answer.delay_s:
        time.sleep(answer.delay_s)
    if answer.cut:
        return Response(_cut(request.environ["werkzeug.socket"], reset=answer.cut == RESET))
    if answer.drip_s:
        response = Response(_drops(answer.body, answer.drip_s), answer.status, answer.headers)
        response.content_length = len(answer.body)
        return response
    return Response(answer.body, answer.status, answer.headers)


def _drops(body: bytes, pause_s: float) -> Iterator[bytes]:
    for at in range(len(body)):
        time.sleep(pause_s)
        yield body[at : at + 1]


def _cut(line: socket.socket, *, reset: bool) -> Iterator[bytes]:
    """End the connection before the first byte of an answer: with a reset, or by simply closing it."""
    with suppress(OSError):
        if reset:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            _close_under(line)
        else:
            line.shutdown(socket.SHUT_RDWR)
    raise ConnectionAbortedError("cut on purpose")
    yield b""


def _close_under(line: socket.socket) -> None:
    """Close the connection for good while the server still holds it: it goes on with a dead end instead."""
    dead_end, far_end = socket.socketpair()
    with dead_end, far_end:
        os.dup2(dead_end.fileno(), line.fileno())
