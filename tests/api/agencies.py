"""An agency as these tests play it, and what our inbox and our log hold of what it sent."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import clock
from app.agency import messages, signing
from app.agency.keys import KeyRing
from app.agency.messages import Ack
from tests import office
from tests.api.answers import rows

TOKEN, DISBURSE, STATUS = "/agency/oauth2/client/token", "/agency/on-disburse", "/agency/txn/on-status"
_numbers = count(1)


@dataclass
class Agency:
    """An agency with its keys and a token of ours."""

    code: str
    client: FlaskClient
    ours: KeyRing
    theirs: KeyRing
    secret: str
    bearer: str = ""

    def fetch(self) -> Any:
        form = {"grant_type": "client_credentials", "client_id": self.code, "client_secret": self.secret}
        return self.client.post(TOKEN, data=form)

    def signed(self, body: bytes, **more: str) -> dict[str, str]:
        if not self.bearer:
            self.bearer = f"Bearer {self.fetch().json['access_token']}"
        signature = signing.sign(body, self.theirs.signing_key(), now=clock.wall())
        return {"Authorization": self.bearer, "Content-Type": "application/json", "Signature": signature} | more

    def post(self, body: bytes, path: str = DISBURSE, **more: Any) -> Any:
        return self.client.post(path, data=body, headers=self.signed(body, **more))


def said(**changes: Any) -> bytes:
    return office.say("CT-202611-00004-M-V1", **({"message_id": f"vnpost-c{next(_numbers)}"} | changes))


def kept() -> list[tuple[Any, ...]]:
    return rows("SELECT message_id, action, transaction_id, key_id, body, outcome FROM inbox ORDER BY id")


def broken() -> list[tuple[Any, ...]]:
    """Kept messages that break the contract: own id, problem, packet, bytes, outcome."""
    found = rows(
        "SELECT message_id, problem, transaction_id, body, outcome FROM inbox WHERE problem IS NOT NULL ORDER BY id"
    )
    return [(*row[:3], bytes(row[3]), row[4]) for row in found]


def proven(agency: Agency, answer: Any) -> Ack:
    """The acknowledgement, whose signature is ours over exactly these bytes."""
    assert answer.mimetype == "application/json"
    assert "Set-Cookie" not in answer.headers
    ours = {kid: agency.ours.signing_key() for kid in agency.ours.published()}
    trusted = {kid: signing.TrustedKey(kid, key.private.public_key()) for kid, key in ours.items()}
    signing.verify(answer.data, answer.headers["Signature"], trusted, now=clock.wall())
    return messages.read_ack(answer.data)


def warnings(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno >= logging.WARNING]
