"""Bearer tokens: who gets one, how long it lives, and when ours is fetched again."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest

from app.agency.tokens import BearerInvalid, TokenOffice, TokenRefused, TokenSource, TokenUnavailable
from tests.agency.contract_samples import NOW, Rings

GRANT = {"grant_type": "client_credentials"}


@pytest.fixture
def office(rings: Rings) -> TokenOffice:
    return TokenOffice(rings.theirs, "vnpost")


def basic(client_id: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


def token_of(office: TokenOffice, rings: Rings, *, at: datetime = NOW) -> str:
    issued = office.issue(GRANT, basic("chitra", rings.ours.secret("chitra")), now=at)
    assert issued["token_type"] == "Bearer"
    return str(issued["access_token"])


def test_the_right_secret_gets_a_short_token(office: TokenOffice, rings: Rings) -> None:
    token = token_of(office, rings)
    assert office.check(f"Bearer {token}", now=NOW) == "chitra"
    assert office.check(f"bearer {token}", now=NOW + timedelta(seconds=299)) == "chitra"
    form = {**GRANT, "client_id": "chitra", "client_secret": rings.ours.secret("chitra")}
    assert office.issue(form, None, now=NOW)["expires_in"] == 300


@pytest.mark.parametrize(
    ("form", "authorization", "code", "status"),
    [
        ({}, None, "unsupported_grant_type", 400),
        ({"grant_type": "password"}, None, "unsupported_grant_type", 400),
        (GRANT, None, "invalid_client", 401),
        (GRANT, basic("chitra", "wrong"), "invalid_client", 401),
        (GRANT, basic("stranger", "wrong"), "invalid_client", 401),
        (GRANT, basic("../clients/chitra", "wrong"), "invalid_client", 401),
        (GRANT, "Basic !!!", "invalid_client", 401),
        (GRANT, "Basic " + base64.b64encode(b"\xff\xfe").decode(), "invalid_client", 401),
        ({**GRANT, "client_id": "chitra", "client_secret": ""}, None, "invalid_client", 401),
    ],
)
def test_anybody_else_gets_none(
    office: TokenOffice, form: Mapping[str, str], authorization: str | None, code: str, status: int
) -> None:
    with pytest.raises(TokenRefused) as caught:
        office.issue(form, authorization, now=NOW)
    assert (caught.value.code, caught.value.status) == (code, status)


def test_a_token_expires(office: TokenOffice, rings: Rings) -> None:
    token = token_of(office, rings)
    with pytest.raises(BearerInvalid):
        office.check(f"Bearer {token}", now=NOW + timedelta(seconds=300))
    with pytest.raises(BearerInvalid):
        office.check(f"Bearer {token}", now=NOW - timedelta(seconds=61))


@pytest.mark.filterwarnings("ignore:The HMAC key is 32 bytes")
def test_a_token_of_another_issuer_or_form_is_refused(office: TokenOffice, rings: Rings) -> None:
    token = token_of(office, rings)
    key = rings.theirs.bearer_key()
    claims = {"iss": "vnpost", "sub": "chitra", "iat": int(NOW.timestamp()), "exp": int(NOW.timestamp()) + 60}
    assert office.check("Bearer " + jwt.encode(claims, key, algorithm="HS256"), now=NOW) == "chitra"
    forged: list[str | None] = [
        None,
        "",
        token,
        "Basic " + token,
        "Bearer ",
        "Bearer " + token[:-2],
        "Bearer " + token + "x" * 5000,
        "Bearer " + jwt.encode(claims, None, algorithm="none"),
        "Bearer " + jwt.encode(claims, b"k" * 32, algorithm="HS256"),
        "Bearer " + jwt.encode(claims, key, algorithm="HS512"),
        "Bearer " + jwt.encode(claims | {"iss": "viettel"}, key, algorithm="HS256"),
        "Bearer " + jwt.encode(claims | {"exp": "soon"}, key, algorithm="HS256"),
        "Bearer " + jwt.encode({**claims, "sub": 5}, key, algorithm="HS256"),
        *("Bearer " + jwt.encode({k: v for k, v in claims.items() if k != name}, key) for name in claims),
    ]
    for authorization in forged:
        with pytest.raises(BearerInvalid):
            office.check(authorization, now=NOW)
    with pytest.raises(BearerInvalid):
        TokenOffice(rings.theirs, "viettel").check(f"Bearer {token}", now=NOW)


class Clock:
    """An instant that a test moves."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at


class Post:
    """Stands for the wire: answers with the office, or with what a test puts there."""

    def __init__(self, office: TokenOffice, clock: Clock) -> None:
        self.office, self.clock = office, clock
        self.calls = 0
        self.answer: bytes | None = None

    def __call__(self, headers: Mapping[str, str], body: bytes, within_s: float) -> bytes:
        self.calls += 1
        if self.answer is not None:
            return self.answer
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        return json.dumps(self.office.issue(form, headers["Authorization"], now=self.clock())).encode()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def post(office: TokenOffice, clock: Clock) -> Post:
    return Post(office, clock)


@pytest.fixture
def source(rings: Rings, post: Post, clock: Clock) -> TokenSource:
    return TokenSource(post, "chitra", lambda: rings.ours.secret("chitra"), now=clock)


def test_our_token_is_kept_until_shortly_before_it_ends(
    source: TokenSource, post: Post, office: TokenOffice, clock: Clock
) -> None:
    first = source.bearer(within_s=1)
    clock.at += timedelta(seconds=269)
    assert source.bearer(within_s=1) == first
    assert post.calls == 1
    clock.at += timedelta(seconds=1)
    assert source.bearer(within_s=1) != first
    assert post.calls == 2
    assert office.check(source.bearer(within_s=1), now=clock.at) == "chitra"


def test_a_refused_token_is_fetched_again(source: TokenSource, post: Post) -> None:
    source.bearer(within_s=1)
    source.forget()
    source.bearer(within_s=1)
    assert post.calls == 2


def test_a_new_secret_is_used_without_a_restart(source: TokenSource, rings: Rings) -> None:
    source.bearer(within_s=1)
    rings.ours.keep_secret("chitra", rings.theirs.issue_client("chitra"))
    source.forget()
    assert source.bearer(within_s=1)


@pytest.mark.parametrize(
    "answer",
    [b"", b"<html>", b"[]", b"null", b'"x"', b"{}", b'{"access_token":5}', b'{"access_token":""}',
     b'{"access_token":"a b"}', b'{"access_token":"a\\r\\nX: 1"}', b'{"access_token":"\xc3\xa1"}',
     b'{"access_token":"a","expires_in":"60"}', b"[" * 100_000],
)  # fmt: skip
def test_an_answer_without_a_token_is_no_token(source: TokenSource, post: Post, answer: bytes) -> None:
    post.answer = answer
    with pytest.raises(TokenUnavailable):
        source.bearer(within_s=1)


def test_a_token_that_says_nothing_of_its_life_is_taken_for_five_minutes(
    source: TokenSource, post: Post, clock: Clock
) -> None:
    post.answer = b'{"access_token":"abc"}'
    assert source.bearer(within_s=1) == "Bearer abc"
    clock.at += timedelta(seconds=269)
    source.bearer(within_s=1)
    assert post.calls == 1


def test_a_secret_with_odd_characters_survives_basic_authentication(rings: Rings, office: TokenOffice) -> None:
    seen: dict[str, Any] = {}

    def look(headers: Mapping[str, str], body: bytes, within_s: float) -> bytes:
        seen["secret"] = headers["Authorization"]
        return b'{"access_token":"abc"}'

    TokenSource(look, "chitra", lambda: "p:a%s/s w+ord", now=lambda: NOW).bearer(within_s=1)
    with pytest.raises(TokenRefused):
        office.issue(GRANT, seen["secret"], now=NOW)
    assert base64.b64decode(seen["secret"].split()[1]) == b"chitra:p%3Aa%25s%2Fs%20w%2Bord"
