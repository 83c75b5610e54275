"""The door: which paths there are, who is calling, what bytes the message has; nothing of its meaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.agency.bodies import BodyRefused, unpack
from app.agency.envelope import DISBURSE, NOTICE, RECALL, TXN_STATUS
from app.agency.keys import KeyRing
from app.agency.sandbox.home import Config
from app.agency.signing import HEADER_NAME, SignatureRefused, verify
from app.agency.tokens import BearerInvalid, TokenOffice


class TurnedAway(Exception):
    """The caller is not who it should be, or the message cannot be carried in."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


@dataclass(frozen=True)
class Route:
    """What a path of the contract takes and whether it answers at once."""

    action: str
    kinds: tuple[str, ...]
    sync: bool


ROUTES: dict[str, Route] = {
    "/disburse": Route("disburse", (DISBURSE, RECALL, NOTICE), sync=False),
    "/disburse/sync/disburse": Route("disburse", (DISBURSE, RECALL, NOTICE), sync=True),
    "/disburse/txn/status": Route("status", (TXN_STATUS,), sync=False),
    "/disburse/sync/txn/status": Route("status", (TXN_STATUS,), sync=True),
}


@dataclass(frozen=True)
class Call:
    """One incoming call as it came; header names in lower case; `at` is when it reached our door."""

    path: str
    body: bytes
    headers: Mapping[str, str]
    at: datetime

    @property
    def route(self) -> Route:
        return ROUTES[self.path]


def let_in(call: Call, config: Config, keys: KeyRing, tokens: TokenOffice) -> bytes:
    """The bytes of the message, unpacked, once bearer and signature prove our partner; else TurnedAway."""
    try:
        client_id = tokens.check(call.headers.get("authorization"), now=call.at)
    except BearerInvalid:
        raise TurnedAway(401, "err.request.unauthorized") from None
    if client_id != config.receiver_id:
        raise TurnedAway(403, "err.request.forbidden")
    try:
        body = unpack(call.body, call.headers.get("content-encoding"))
        trusted = keys.trusted_keys(config.receiver_id)
        verify(body, call.headers.get(HEADER_NAME.lower()), trusted, now=call.at)
    except SignatureRefused as refusal:
        raise TurnedAway(401, refusal.code) from None
    except BodyRefused as refusal:
        raise TurnedAway(refusal.status, "err.request.bad") from None
    return body
