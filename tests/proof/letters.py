"""Forged letters: a genuine message of the contract, and what somebody does to it on its way to a door."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http.client import HTTPConnection
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization

from app import clock
from app.agency import bodies, signing
from app.agency.keys import KeyRing
from app.agency.signing import SigningKey
from app.agency.tokens import TokenOffice

PERSONAL = ("Nguyễn Thị Bình", "001150012345")
"""What a genuine message says of a person: no line of a log may."""


@dataclass(frozen=True)
class Doorstep:
    """One side's door: where it listens, whose letters it takes, and everything a forger could get hold of.

    `keys` are the ring of the side that listens, `sender` signs genuine letters and `body` is one of them; `old` is a
    letter that was taken before, with the signature it had then. `stranger` is trusted by nobody, `colleague` by this
    door, for letters of somebody else; `retired` was the sender's.
    """

    port: int
    path: str
    issuer: str
    client: str
    keys: KeyRing
    sender: SigningKey
    body: bytes
    old: Letter
    stranger: SigningKey
    colleague: SigningKey
    colleagues_client: str
    retired: SigningKey

    def bearer(self, *, client: str = "", issued_at: datetime | None = None) -> str:
        """`Authorization` of a token this door gave, or gave once."""
        office = TokenOffice(self.keys, self.issuer)
        moment = issued_at or clock.wall()
        claims = {"iss": self.issuer, "sub": client or self.client, "iat": int(moment.timestamp())}
        claims["exp"] = claims["iat"] + office.lifetime_s  # type: ignore[operator]
        return f"Bearer {jwt.encode(claims, self.keys.bearer_key(), algorithm='HS256')}"

    def genuine(self, body: bytes | None = None) -> Letter:
        """What the door takes."""
        content = self.body if body is None else body
        headers = (
            ("Authorization", self.bearer()),
            ("Content-Type", "application/json"),
            ("Signature", signing.sign(content, self.sender, now=clock.wall())),
        )
        return Letter("POST", self.path, headers, content)


@dataclass(frozen=True)
class Letter:
    """A request as it goes over the wire; a header may stand in it twice."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def of(self, name: str) -> str:
        return dict(self.headers)[name]

    def without(self, name: str) -> Letter:
        return replace(self, headers=tuple(pair for pair in self.headers if pair[0] != name))

    def with_(self, name: str, *values: str) -> Letter:
        return replace(self, headers=(*self.without(name).headers, *((name, value) for value in values)))

    def signed(self, key: SigningKey, *, kid: str = "", seconds: int = 0) -> Letter:
        by = SigningKey(kid or key.kid, key.private)
        return self.with_("Signature", signing.sign(self.body, by, now=clock.wall() + timedelta(seconds=seconds)))

    def post(self, port: int) -> tuple[int, bytes]:
        """Status and body of the answer, on a real connection."""
        line = HTTPConnection("127.0.0.1", port, timeout=30)
        line.putrequest(self.method, self.path, skip_accept_encoding=True)
        for name, value in self.headers:
            line.putheader(name, value.encode("latin-1"))
        line.putheader("Content-Length", str(len(self.body)))
        line.endheaders()
        with suppress(BrokenPipeError, ConnectionResetError):  # it has heard enough, and has answered
            line.send(self.body)
        answer = line.getresponse()
        said = answer.status, answer.read()
        line.close()
        return said


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _parts(letter: Letter) -> tuple[str, str]:
    head, _, proof = letter.of("Signature").partition("..")
    return head, proof


def _reserialised(letter: Letter) -> bytes:
    other = json.dumps(json.loads(letter.body), ensure_ascii=False, indent=1).encode()
    assert other != letter.body
    return other


def _flipped(proof: str) -> str:
    raw = bytearray(base64.urlsafe_b64decode(proof + "=" * (-len(proof) % 4)))
    raw[0] ^= 1
    return b64(bytes(raw))


def _with_protected(letter: Letter, door: Doorstep, **changes: Any) -> Letter:
    """A header that says something else, properly signed by the sender's key."""
    protected = {"alg": door.sender.alg, "b64": False, "crit": ["b64"], "kid": door.sender.kid}
    protected |= {"iat": int(clock.wall().timestamp())} | changes
    head = b64(json.dumps(protected).encode())
    proof = door.sender.private.sign(head.encode() + b"." + letter.body)  # type: ignore[call-arg, union-attr]
    return letter.with_("Signature", f"{head}..{b64(proof)}")


def _by_shared_secret(letter: Letter, door: Doorstep) -> Letter:
    """HS256 with the sender's public key as the secret: everybody knows that one."""
    pem = door.sender.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    protected = {"alg": "HS256", "b64": False, "crit": ["b64"], "kid": door.sender.kid}
    head = b64(json.dumps(protected | {"iat": int(clock.wall().timestamp())}).encode())
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    return letter.with_("Signature", f"{head}..{b64(algorithm.sign(head.encode() + b'.' + letter.body, pem))}")


def _attached(letter: Letter) -> Letter:
    head, proof = _parts(letter)
    return letter.with_("Signature", f"{head}.{b64(letter.body)}.{proof}")


def _none(letter: Letter, door: Doorstep) -> Letter:
    head = b64(json.dumps({"alg": "none", "b64": False, "crit": ["b64"], "kid": door.sender.kid}).encode())
    return letter.with_("Signature", f"{head}..")


def _unsigned_token(door: Doorstep) -> str:
    claims = jwt.decode(door.bearer().removeprefix("Bearer "), options={"verify_signature": False})
    return f"Bearer {jwt.encode(claims, None, algorithm='none')}"


def _foreign_token(door: Doorstep) -> str:
    claims = jwt.decode(door.bearer().removeprefix("Bearer "), options={"verify_signature": False})
    return f"Bearer {jwt.encode(claims, 'x' * 32, algorithm='HS256')}"


def _ago(seconds: int) -> datetime:
    return clock.wall() - timedelta(seconds=seconds)


def _changed(letter: Letter) -> Letter:
    at = letter.body.index(b"VND") if b"VND" in letter.body else len(letter.body) // 2
    return replace(letter, body=letter.body[:at] + bytes([letter.body[at] ^ 1]) + letter.body[at + 1 :])


Forge = Callable[[Letter, Doorstep], Letter]

UNKNOWN, MISSING, INVALID, BAD = (
    "err.request.unauthorized",
    "err.signature.missing",
    "err.signature.invalid",
    "err.request.bad",
)

FORGERIES: dict[str, tuple[int, str, Forge]] = {
    "no token": (401, UNKNOWN, lambda it, _at: it.without("Authorization")),
    "an empty token": (401, UNKNOWN, lambda it, _at: it.with_("Authorization", "Bearer ")),
    "rubbish for a token": (401, UNKNOWN, lambda it, _at: it.with_("Authorization", "Bearer a.b.c")),
    "a token of alg none": (401, UNKNOWN, lambda it, at: it.with_("Authorization", _unsigned_token(at))),
    "a token by another secret": (401, UNKNOWN, lambda it, at: it.with_("Authorization", _foreign_token(at))),
    "an expired token": (401, UNKNOWN, lambda it, at: it.with_("Authorization", at.bearer(issued_at=_ago(301)))),
    "a token from the future": (401, UNKNOWN, lambda it, at: it.with_("Authorization", at.bearer(issued_at=_ago(-90)))),
    "two tokens": (401, UNKNOWN, lambda it, at: it.with_("Authorization", at.bearer(), "Bearer a.b.c")),
    "no signature": (401, MISSING, lambda it, _at: it.without("Signature")),
    "an empty signature": (401, MISSING, lambda it, _at: it.with_("Signature", "")),
    "bad base64": (401, INVALID, lambda it, _at: it.with_("Signature", f"{_parts(it)[0]}..%%%")),
    "base64 that is not canonical": (401, INVALID, lambda it, _at: it.with_("Signature", it.of("Signature") + "==")),
    "half a signature": (401, INVALID, lambda it, _at: it.with_("Signature", it.of("Signature")[:-20])),
    "one bit of the signature changed": (
        401, INVALID, lambda it, _at: it.with_("Signature", f"{_parts(it)[0]}..{_flipped(_parts(it)[1])}"),
    ),
    "a signature of another letter": (
        401, INVALID, lambda it, at: it.with_("Signature", at.genuine(it.body + b" ").of("Signature")),
    ),
    "none for an algorithm": (401, INVALID, _none),
    "the public key as a shared secret": (401, INVALID, _by_shared_secret),
    "another algorithm's name": (401, INVALID, lambda it, at: _with_protected(it, at, alg="RS256")),
    "no kid": (401, INVALID, lambda it, at: _with_protected(it, at, kid="")),
    "a critical header nobody knows": (401, INVALID, lambda it, at: _with_protected(it, at, crit=["b64", "exp"])),
    "a signature that carries its own content": (401, INVALID, lambda it, _at: _attached(it)),
    "a stranger's key": (401, INVALID, lambda it, at: it.signed(at.stranger)),
    "a stranger's key under the sender's name": (401, INVALID, lambda it, at: it.signed(at.stranger, kid=at.sender.kid)),
    "a colleague's key": (401, INVALID, lambda it, at: it.signed(at.colleague)),
    "a colleague's key under the sender's name": (
        401, INVALID, lambda it, at: it.signed(at.colleague, kid=at.sender.kid),
    ),
    "the receiver's own key": (401, INVALID, lambda it, at: it.signed(at.keys.signing_key())),
    "a retired key": (401, INVALID, lambda it, at: it.signed(at.retired)),
    "signed six minutes ago": (401, INVALID, lambda it, at: it.signed(at.sender, seconds=-361)),
    "signed in six minutes": (401, INVALID, lambda it, at: it.signed(at.sender, seconds=361)),
    "an old letter again": (401, INVALID, lambda it, at: at.old.with_("Authorization", it.of("Authorization"))),
    "two signatures, the good one first": (
        401, INVALID, lambda it, at: it.with_("Signature", it.of("Signature"), it.signed(at.stranger).of("Signature")),
    ),
    "two signatures, the good one last": (
        401, INVALID, lambda it, at: it.with_("Signature", it.signed(at.stranger).of("Signature"), it.of("Signature")),
    ),
    "the same signature twice": (401, INVALID, lambda it, _at: it.with_("Signature", *[it.of("Signature")] * 2)),
    "two hundred signatures": (
        401, INVALID, lambda it, _at: it.with_("Signature", ", ".join([it.of("Signature")] * 200)),
    ),
    "one byte changed": (401, INVALID, lambda it, _at: _changed(it)),
    "a line feed more": (401, INVALID, lambda it, _at: replace(it, body=it.body + b"\n")),
    "serialised again": (401, INVALID, lambda it, _at: replace(it, body=_reserialised(it))),
    "no content": (401, INVALID, lambda it, _at: replace(it, body=b"")),
    "25 MB of content": (401, INVALID, lambda it, _at: replace(it, body=it.body + b" " * (25 << 20))),
    "25 MB from nobody": (
        401, UNKNOWN, lambda it, _at: replace(it.without("Authorization"), body=it.body + b" " * (25 << 20)),
    ),
    "a gzip bomb": (413, BAD, lambda it, _at: replace(it.with_("Content-Encoding", "gzip"), body=_bomb())),
    "packed twice": (
        401, INVALID, lambda it, _at: replace(
            it.with_("Content-Encoding", "gzip"), body=gzip.compress(gzip.compress(it.body)),
        ),
    ),
    "broken packing": (400, BAD, lambda it, _at: it.with_("Content-Encoding", "gzip")),
    "packing with a tail": (
        400, BAD, lambda it, _at: replace(it.with_("Content-Encoding", "gzip"), body=gzip.compress(it.body) + b"more"),
    ),
    "an unknown encoding": (415, BAD, lambda it, _at: it.with_("Content-Encoding", "br")),
    "two encodings": (415, BAD, lambda it, _at: it.with_("Content-Encoding", "gzip", "gzip")),
    "plain text": (415, BAD, lambda it, _at: it.with_("Content-Type", "text/plain")),
    "a form": (415, BAD, lambda it, _at: it.with_("Content-Type", "application/x-www-form-urlencoded")),
    "no content type": (415, BAD, lambda it, _at: it.without("Content-Type")),
    "GET": (405, "", lambda it, _at: replace(it, method="GET")),
    "PUT": (405, "", lambda it, _at: replace(it, method="PUT")),
    "DELETE": (405, "", lambda it, _at: replace(it, method="DELETE")),
    "another address": (404, "", lambda it, at: replace(it, path=at.path + "x")),
}  # fmt: skip
"""Name -> the status it meets, the code of the contract in the answer, and how it is made of a genuine letter."""


def _bomb() -> bytes:
    packed = gzip.compress(b" " * (bodies.REQUEST_MAX_BYTES + 1), 9)
    assert len(packed) < 100_000
    return packed
