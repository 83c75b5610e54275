"""Detached signatures over message bytes (RFC 7515, RFC 7797): sign and verify; the keys live in keys.py."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

EDDSA, RS256 = "EdDSA", "RS256"
ALGORITHMS = (EDDSA, RS256)

HEADER_NAME = "Signature"
TOLERANCE_S = 300
SIGNATURE_MAX_CHARS = 2048
RSA_MIN_BITS = 2048

PrivateKey = Ed25519PrivateKey | RSAPrivateKey
PublicKey = Ed25519PublicKey | RSAPublicKey

_JWS = jwt.PyJWS(algorithms=list(ALGORITHMS))
_DETACHED = re.compile(r"([A-Za-z0-9_-]+)\.\.([A-Za-z0-9_-]+)")
_PROTECTED = {"alg", "b64", "crit", "iat", "kid"}


class SignatureRefused(Exception):
    """The signature does not prove who wrote the message; `code` is what the acknowledgement says."""

    code = "err.signature.invalid"


class SignatureMissing(SignatureRefused):
    """The message carries no signature."""

    code = "err.signature.missing"


class SignatureInvalid(SignatureRefused):
    """The signature is malformed, by an unknown key, or not over these bytes."""


class SignatureStale(SignatureRefused):
    """The signature is genuine but was made more than five minutes ago, or ahead of our clock."""


@dataclass(frozen=True)
class SigningKey:
    """One of our own private keys."""

    kid: str
    private: PrivateKey

    @property
    def alg(self) -> str:
        return alg_of(self.private)


@dataclass(frozen=True)
class TrustedKey:
    """A public key somebody registered with us."""

    kid: str
    public: PublicKey

    @property
    def alg(self) -> str:
        return alg_of(self.public)


def sign(body: bytes, key: SigningKey, *, now: datetime) -> str:
    """The value of the `Signature` header for exactly these bytes: `b64url(header)..b64url(signature)`.

    `iat` in the protected header is renewed at every attempt, so that a retry sends the same bytes and
    is fresh all the same.
    """
    protected = {"typ": None, "kid": key.kid, "iat": int(now.timestamp()), "b64": False}
    return _JWS.encode(body, key.private, algorithm=key.alg, headers=protected)


def verify(body: bytes, signature_header: str | None, trusted_keys: Mapping[str, TrustedKey], *, now: datetime) -> str:
    """The `kid` of the trusted key that signed these bytes within the last five minutes.

    Raises SignatureMissing, SignatureInvalid or SignatureStale. `alg` is never taken from the message
    alone: it must be the one of the registered key. Several signatures in one header are refused.
    """
    if signature_header is None or not signature_header.strip():
        raise SignatureMissing("no signature")
    header = _protected_header(signature_header)
    key = trusted_keys.get(header["kid"])
    if key is None:
        raise SignatureInvalid("unknown key")
    if header["alg"] != key.alg:
        raise SignatureInvalid("the algorithm is not the one of the registered key")
    try:
        _JWS.decode_complete(signature_header, key.public, algorithms=[key.alg], detached_payload=body)
    except jwt.PyJWTError as error:
        raise SignatureInvalid("not over these bytes by this key") from error
    if abs(now.timestamp() - header["iat"]) > TOLERANCE_S:
        raise SignatureStale("signed more than five minutes away from our clock")
    return key.kid


def alg_of(key: PrivateKey | PublicKey) -> str:
    """EdDSA for Ed25519, RS256 for RSA of at least 2048 bits; any other key raises ValueError."""
    if isinstance(key, Ed25519PrivateKey | Ed25519PublicKey):
        return EDDSA
    if isinstance(key, RSAPrivateKey | RSAPublicKey) and key.key_size >= RSA_MIN_BITS:
        return RS256
    raise ValueError("only Ed25519 and RSA of at least 2048 bits")


def _protected_header(signature_header: str) -> dict[str, Any]:
    if len(signature_header) > SIGNATURE_MAX_CHARS:
        raise SignatureInvalid("oversized signature header")
    match = _DETACHED.fullmatch(signature_header)
    if match is None:
        raise SignatureInvalid("not one detached signature")
    try:
        header = json.loads(_unpadded(match[1]))
        _unpadded(match[2])
    except (ValueError, RecursionError) as error:
        raise SignatureInvalid("unreadable signature header") from error
    if not isinstance(header, dict) or set(header) != _PROTECTED:
        raise SignatureInvalid("the protected header must hold alg, b64, crit, iat and kid, nothing else")
    if header["b64"] is not False or header["crit"] != ["b64"] or header["alg"] not in ALGORITHMS:
        raise SignatureInvalid("not a detached signature of this profile")
    if not isinstance(header["kid"], str) or type(header["iat"]) is not int:
        raise SignatureInvalid("kid must be text and iat whole seconds")
    return header


def _unpadded(segment: str) -> bytes:
    """Decode base64url without padding, in its one canonical spelling only."""
    raw = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    if base64.urlsafe_b64encode(raw).rstrip(b"=") != segment.encode():
        raise ValueError("not canonical base64url")
    return raw
