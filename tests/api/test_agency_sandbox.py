"""The sandbox post office delivers to the program over HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.serving import make_server

from app import clock
from app.agency import signing
from app.agency.keys import KeyRing
from app.agency.sandbox.callbacks import Postman
from app.agency.sandbox.engine import SandboxPostOffice
from app.agency.sandbox.home import prepare_home
from app.services import inbox
from tests import office
from tests.api.agencies import kept
from tests.api.answers import rows

# --- The sandbox post office, over HTTP ----------------------------------------------------------------------------


@pytest.fixture
def listening(database: Flask, keys: KeyRing) -> Iterator[str]:
    """The program on a port of its own."""
    server = make_server("127.0.0.1", 0, database, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/agency"
    server.shutdown()
    thread.join(5)
    server.server_close()


def test_the_sandbox_delivers_its_word_and_is_done(
    listening: str, keys: KeyRing, session: Session, tmp_path: Path
) -> None:
    packet = office.queued(session, people=2)
    given = prepare_home(
        tmp_path / "sandbox", callback_base_url=listening, partner_keys=keys.published(),
        client_secret=keys.issue_client("vnpost"),
    )  # fmt: skip
    for kid, pem in given.public_keys.items():
        keys.trust("vnpost", kid, pem)
    keys.keep_secret(given.client_id, given.client_secret)
    post_office = SandboxPostOffice(tmp_path / "sandbox", in_memory=True)
    _hand_over(session, packet, post_office, keys)
    post_office.desk.accept(packet.code)
    assert Postman(post_office).walk() == 1
    assert [row["stage"] for row in post_office.callback_rows()] == ["delivered"]
    assert [row[2] for row in kept()] == [packet.code]
    inbox.apply_waiting()
    assert rows("SELECT state FROM packets") == [("accepted",)]
    post_office.close()


def _hand_over(session: Session, packet: Any, post_office: SandboxPostOffice, keys: KeyRing) -> None:
    from app.agency.g2p import G2PAgency
    from app.agency.port import Endpoint
    from app.services import sending
    from app.services.sending import Connection

    class Direct(G2PAgency):
        def _deliver(self, endpoint: Endpoint, path: str, body: bytes, **_more: Any) -> Any:
            from app.agency.wire import WireAnswer

            form = {"grant_type": "client_credentials", "client_id": "chitra", "client_secret": keys.secret("chitra")}
            token = json.loads(post_office.token(form, None).body)["access_token"]
            signature = signing.sign(body, keys.signing_key(), now=clock.wall())
            answer = post_office.receive(path, body, {"Authorization": f"Bearer {token}", "Signature": signature})
            return WireAnswer(
                answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.body
            )

    endpoint = Endpoint("http://127.0.0.1:9", "chitra", "vnpost", "chitra")
    assert sending.send_next(lambda _code, _url: Connection(Direct(keys, now=clock.wall), endpoint))
    office.refresh(session)
    assert packet.state == "received"
