"""Bearer tokens by client credentials (RFC 6749 §4.4): issuing and checking them, and fetching ours.

No HTTP lives here: the server side takes a header and a form, the client side is given a function that posts.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from threading import Lock
from typing import Any
from urllib.parse import quote, unquote, urlencode

import jwt

from app.agency.keys import KeyRing

TOKEN_PATH = "/oauth2/client/token"  # noqa: S105 - a path
LIFETIME_S = 300
REFRESH_S = 30
_SKEW_S = 60
_TOKEN_MAX_CHARS = 4096


class TokenRefused(Exception):
    """No token is issued; `code` is the OAuth 2 error and `status` the HTTP status."""

    def __init__(self, code: str, status: int) -> None:
        super().__init__(code)
        self.code = code
        self.status = status


class BearerInvalid(Exception):
    """The bearer token is missing, not ours, or expired."""


class TokenUnavailable(Exception):
    """The other side gave us no token; nothing else was sent."""


class TokenOffice:
    """Issues and checks the short-lived tokens of the clients in a key ring. `issuer` is our sender id."""

    def __init__(self, keys: KeyRing, issuer: str, *, lifetime_s: int = LIFETIME_S) -> None:
        self.keys = keys
        self.issuer = issuer
        self.lifetime_s = lifetime_s

    def issue(self, form: Mapping[str, str], authorization: str | None, *, now: datetime) -> dict[str, str | int]:
        """The JSON body of the token endpoint; credentials come by HTTP Basic or in the form."""
        if form.get("grant_type") != "client_credentials":
            raise TokenRefused("unsupported_grant_type", 400)
        client_id, secret = _credentials(form, authorization)
        if not self.keys.knows_client(client_id, secret):
            raise TokenRefused("invalid_client", 401)
        issued_at = int(now.timestamp())
        claims = {
            "iss": self.issuer,
            "sub": client_id,
            "iat": issued_at,
            "exp": issued_at + self.lifetime_s,
            "jti": secrets.token_hex(8),
        }
        token = jwt.encode(claims, self.keys.bearer_key(), algorithm="HS256")
        return {"access_token": token, "token_type": "Bearer", "expires_in": self.lifetime_s}

    def check(self, authorization: str | None, *, now: datetime) -> str:
        """The client id of a live token of ours, out of an `Authorization` header; else BearerInvalid."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token or len(token) > _TOKEN_MAX_CHARS:
            raise BearerInvalid("no bearer token")
        options: Any = {
            "require": ["iss", "sub", "iat", "exp"],
            "verify_exp": False,
            "verify_iat": False,
        }
        try:
            claims = jwt.decode(
                token, self.keys.bearer_key(), algorithms=["HS256"], issuer=self.issuer, options=options
            )
            lives = claims["iat"] - _SKEW_S <= now.timestamp() < claims["exp"]
        except (jwt.PyJWTError, TypeError) as error:
            raise BearerInvalid("not a token of ours") from error
        if not lives:
            raise BearerInvalid("expired")
        return str(claims["sub"])


class TokenSource:
    """Our token at one agency: fetched when needed, kept until shortly before it ends; safe between threads.

    `post(headers, body, within_s)` posts to the agency's token endpoint and returns the body of a 200;
    whatever it raises passes through. The secret is read at every fetch.
    """

    def __init__(
        self,
        post: Callable[[Mapping[str, str], bytes, float], bytes],
        client_id: str,
        secret: Callable[[], str],
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._post = post
        self._client_id = client_id
        self._secret = secret
        self._now = now
        self._token = ""
        self._until = 0.0
        self._lock = Lock()

    def bearer(self, *, within_s: float) -> str:
        """The value of the `Authorization` header; TokenUnavailable when the answer holds no token."""
        with self._lock:
            if not self._token or self._now().timestamp() >= self._until:
                self._fetch(within_s)
            return f"Bearer {self._token}"

    def forget(self) -> None:
        """The agency refused the token: fetch another at the next use."""
        with self._lock:
            self._token = ""

    def _fetch(self, within_s: float) -> None:
        asked_at = self._now().timestamp()
        headers = {
            "Authorization": _basic(self._client_id, self._secret()),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        body = self._post(headers, urlencode({"grant_type": "client_credentials"}).encode(), within_s)
        try:
            answer = json.loads(body)
            token, lifetime_s = answer["access_token"], answer.get("expires_in", LIFETIME_S)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise TokenUnavailable("the answer holds no token") from error
        fit = isinstance(token, str) and token.isascii() and token.isprintable() and " " not in token
        if not fit or not 0 < len(token) <= _TOKEN_MAX_CHARS or type(lifetime_s) is not int:
            raise TokenUnavailable("the answer holds no token")
        self._token = token
        self._until = asked_at + max(lifetime_s - REFRESH_S, 1)


def _credentials(form: Mapping[str, str], authorization: str | None) -> tuple[str, str]:
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as error:
        raise TokenRefused("invalid_client", 401) from error
    return unquote(client_id), unquote(secret)


def _basic(client_id: str, secret: str) -> str:
    pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"
