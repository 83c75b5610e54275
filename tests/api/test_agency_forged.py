"""What is forged, stale, altered or too large has no effect and leaves one line in the log, without personal data."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import jwt
import pytest
import time_machine
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.agency import bodies, signing
from app.agency.keys import KeyRing
from app.agency.signing import SigningKey
from app.rules.actors import Role
from tests.accounts import people
from tests.api.agencies import DISBURSE, Agency, broken, kept, proven, said, warnings

# --- What is turned away -------------------------------------------------------------------------------------------


UNKNOWN, MISSING, INVALID, BAD = (
    (401, "err.request.unauthorized"),
    (401, "err.signature.missing"),
    (401, "err.signature.invalid"),
    "err.request.bad",
)


@dataclass
class Letter:
    """A genuine message on its way, and who tampers with it."""

    agency: Agency
    body: bytes
    headers: dict[str, str]
    folder: Path

    def with_(self, name: str, value: str) -> Letter:
        return replace(self, headers=self.headers | {name: value})

    def packed(self, body: bytes) -> Letter:
        return replace(self, body=body).with_("Content-Encoding", "gzip")

    def signed_by(self, key: SigningKey, seconds: int = 0) -> Letter:
        return self.with_("Signature", signing.sign(self.body, key, now=clock.wall() + timedelta(seconds=seconds)))

    def stranger(self) -> SigningKey:
        ring = KeyRing(self.folder / "stranger")
        ring.new_key(now=clock.wall())
        return ring.signing_key()

    @property
    def key(self) -> SigningKey:
        return self.agency.theirs.signing_key()


Tamper = Callable[[Letter], Letter]

FORGED: dict[str, tuple[Tamper, tuple[int, str]]] = {
    "no token": (lambda m: m.with_("Authorization", ""), UNKNOWN),
    "rubbish for a token": (lambda m: m.with_("Authorization", "Bearer x"), UNKNOWN),
    "a user's token": (lambda m: m.with_("Authorization", f"Bearer {_users_token(m.agency)}"), UNKNOWN),
    "a token without algorithm": (
        lambda m: m.with_("Authorization", f"Bearer {_resigned(m.agency, None, 'none')}"),
        UNKNOWN,
    ),
    "a token of another's making": (
        lambda m: m.with_("Authorization", f"Bearer {_resigned(m.agency, 'x' * 32, 'HS256')}"),
        UNKNOWN,
    ),
    "no signature": (lambda m: m.with_("Signature", ""), MISSING),
    "rubbish for a signature": (lambda m: m.with_("Signature", "a..b"), INVALID),
    "a changed word": (lambda m: replace(m, body=m.body.replace(b"pdng", b"rjct")), INVALID),
    "a space more": (lambda m: replace(m, body=m.body + b" "), INVALID),
    "no body": (lambda m: replace(m, body=b""), INVALID),
    "a stranger's key": (lambda m: m.signed_by(m.stranger()), INVALID),
    "a stranger's key under a known name": (
        lambda m: m.signed_by(SigningKey(m.key.kid, m.stranger().private)),
        INVALID,
    ),
    "our own key": (lambda m: m.signed_by(m.agency.ours.signing_key()), INVALID),
    "two signatures": (lambda m: m.with_("Signature", ", ".join([m.headers["Signature"]] * 2)), INVALID),
    "signed six minutes ago": (lambda m: m.signed_by(m.key, -361), INVALID),
    "signed in six minutes": (lambda m: m.signed_by(m.key, 361), INVALID),
    "a form": (lambda m: m.with_("Content-Type", "application/x-www-form-urlencoded"), (415, BAD)),
    "plain text": (lambda m: m.with_("Content-Type", "text/plain"), (415, BAD)),
    "an unknown encoding": (lambda m: m.with_("Content-Encoding", "br"), (415, BAD)),
    "packed twice": (lambda m: m.packed(gzip.compress(gzip.compress(m.body))), INVALID),
    "broken packing": (lambda m: m.packed(m.body), (400, BAD)),
    "packing cut short": (lambda m: m.packed(gzip.compress(m.body)[:-9]), (400, BAD)),
}


def _users_token(agency: Agency) -> str:
    people.issue("xa.canbo", Role.CLERK, area=people.BA_DINH)
    signed_in = agency.client.post("/api/v1/security/login", json={"username": "xa.canbo", "password": people.SECRET})
    return str(signed_in.json["access_token"])


def _resigned(agency: Agency, key: str | None, algorithm: str) -> str:
    claims = jwt.decode(agency.fetch().json["access_token"], options={"verify_signature": False})
    return jwt.encode(claims, key, algorithm=algorithm)


@pytest.mark.parametrize("name", FORGED)
def test_what_is_forged_is_turned_away_and_leaves_one_line(
    vnpost: Agency, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    tamper, (status, code) = FORGED[name]
    genuine = said(reason_message="Nguyễn Thị Bình 001150012345")
    sent = tamper(Letter(vnpost, genuine, vnpost.signed(genuine), tmp_path))
    caplog.clear()
    answer = vnpost.client.post(DISBURSE, data=sent.body, headers=sent.headers)
    assert answer.status_code == status
    ack = proven(vnpost, answer)
    assert (ack.status, ack.code, ack.in_reply_to) == ("ERR", code, "")
    assert kept() == []
    (line,) = warnings(caplog)
    assert (line.msg, line.code, line.status) == ("agency_turned_away", code, status)
    for personal in ("Bình", "001150012345", "CT-2026"):
        assert personal not in str(vars(line))


@pytest.mark.parametrize("seconds", [-295, 295])
def test_five_minutes_either_way_are_fresh(vnpost: Agency, seconds: int) -> None:
    body = said()
    sent = Letter(vnpost, body, vnpost.signed(body), Path()).signed_by(vnpost.theirs.signing_key(), seconds)
    assert vnpost.client.post(DISBURSE, data=body, headers=sent.headers).status_code == 202


def test_a_token_ends_after_its_time(vnpost: Agency) -> None:
    vnpost.post(said())
    with time_machine.travel(clock.wall() + timedelta(seconds=301), tick=False):
        answer = vnpost.post(said())
        assert (answer.status_code, proven(vnpost, answer).code) == (401, "err.request.unauthorized")


def test_an_agency_cannot_write_in_anothers_name(vnpost: Agency, partner: Callable[[str], Agency]) -> None:
    viettel = partner("viettel")
    body = said()
    assert vnpost.signed(body) and viettel.signed(body)
    mixed = vnpost.signed(body) | {"Authorization": viettel.bearer}
    assert vnpost.client.post(DISBURSE, data=body, headers=mixed).status_code == 401
    answer = viettel.post(body)
    assert (answer.status_code, proven(viettel, answer).code) == (400, "err.sender_id.invalid")
    assert [row[:2] for row in broken()] == [(None, "err.sender_id.invalid")], "kept for a person, never applied"


@pytest.mark.parametrize("how", ["not in use", "unknown"])
def test_an_agency_we_do_not_work_with_is_forbidden(
    vnpost: Agency, session: Session, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    vnpost.fetch()
    change = "is_active = false" if how == "not in use" else "code = 'other'"
    session.execute(text(f"UPDATE agencies SET {change}"))
    session.commit()
    answer = vnpost.post(said())
    assert (answer.status_code, proven(vnpost, answer).code) == (403, "err.request.forbidden")
    assert len(warnings(caplog)) == 1 and kept() == []


def test_an_agency_whose_key_was_withdrawn_is_turned_away(vnpost: Agency) -> None:
    vnpost.fetch()
    vnpost.ours.distrust("vnpost", vnpost.theirs.signing_key().kid)
    assert vnpost.post(said()).status_code == 401


@pytest.mark.parametrize("packed", [False, True])
def test_a_body_above_the_limit_is_refused_without_unpacking_all_of_it(
    vnpost: Agency, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    monkeypatch.setattr("app.api.agency.REQUEST_MAX_BYTES", 200_000)
    monkeypatch.setattr("app.api.agency.unpack", lambda body, name: bodies.unpack(body, name, limit=200_000))
    bomb = b"{" + b" " * 30_000_000
    headers = vnpost.signed(bomb) | ({"Content-Encoding": "gzip"} if packed else {})
    answer = vnpost.client.post(DISBURSE, data=gzip.compress(bomb) if packed else bomb, headers=headers)
    assert (answer.status_code, proven(vnpost, answer).status) == (413, "ERR")
    assert kept() == []


def test_a_bomb_within_the_size_of_a_request_is_stopped_at_the_hard_cap(vnpost: Agency) -> None:
    bomb = gzip.compress(b" " * (bodies.REQUEST_MAX_BYTES + 1))
    assert len(bomb) < 100_000
    headers = vnpost.signed(bomb) | {"Content-Encoding": "gzip"}
    assert vnpost.client.post(DISBURSE, data=bomb, headers=headers).status_code == 413


def test_nothing_is_unpacked_for_a_caller_without_a_token(vnpost: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("app.api.agency.unpack")
    body = gzip.compress(said())
    answer = vnpost.client.post(
        DISBURSE, data=body, headers={"Content-Type": "application/json", "Content-Encoding": "gzip"}
    )
    assert answer.status_code == 401
