"""Detached signatures: what verifies, and every way of forging one that we could think of."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import string
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as new_ec_key
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as new_rsa_key

from app.agency import signing
from app.agency.signing import (
    PrivateKey,
    SignatureInvalid,
    SignatureMissing,
    SignatureStale,
    SigningKey,
    TrustedKey,
)
from tests.agency.contract_samples import NOW

BODY = '{"header":{"message_id":"1"},"message":{"payee_name":"Nguyễn Thị Hoà"}}'.encode()

ED = Ed25519PrivateKey.generate()
RSA = new_rsa_key(public_exponent=65537, key_size=2048)
STRANGER = Ed25519PrivateKey.generate()

KEYS: dict[str, PrivateKey] = {"ed": ED, "rsa": RSA}
TRUSTED = {kid: TrustedKey(kid, key.public_key()) for kid, key in KEYS.items()}


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def protected(**changes: Any) -> dict[str, Any]:
    header = {"alg": "EdDSA", "b64": False, "crit": ["b64"], "iat": int(NOW.timestamp()), "kid": "ed"}
    return {name: value for name, value in (header | changes).items() if value is not ...}


def by_hand(body: bytes = BODY, key: Ed25519PrivateKey = ED, **changes: Any) -> str:
    """A signature made from the RFCs with the cryptography library alone."""
    header = b64(json.dumps(protected(**changes)).encode())
    return f"{header}..{b64(key.sign(header.encode() + b'.' + body))}"


def verify(signature: str | None, body: bytes = BODY, *, late_s: int = 0) -> str:
    return signing.verify(body, signature, TRUSTED, now=NOW + timedelta(seconds=late_s))


@pytest.mark.parametrize("kid", ["ed", "rsa"])
def test_what_we_sign_verifies(kid: str) -> None:
    signature = signing.sign(BODY, SigningKey(kid, KEYS[kid]), now=NOW)
    assert verify(signature) == kid
    assert signature.isascii() and ".." in signature and len(signature) < signing.SIGNATURE_MAX_CHARS


def test_our_signature_is_the_one_of_the_rfcs() -> None:
    header, _, proof = signing.sign(BODY, SigningKey("ed", ED), now=NOW).split(".")
    raw = base64.urlsafe_b64decode(proof + "==")
    ED.public_key().verify(raw, header.encode() + b"." + BODY)
    decoded = json.loads(base64.urlsafe_b64decode(header + "=="))
    assert decoded == protected()
    header, _, proof = signing.sign(BODY, SigningKey("rsa", RSA), now=NOW).split(".")
    raw = base64.urlsafe_b64decode(proof + "==")
    RSA.public_key().verify(raw, header.encode() + b"." + BODY, padding.PKCS1v15(), hashes.SHA256())


def test_a_signature_of_the_rfcs_is_ours() -> None:
    assert verify(by_hand()) == "ed"


def test_a_retry_signs_the_same_bytes_afresh() -> None:
    key = SigningKey("ed", ED)
    first = signing.sign(BODY, key, now=NOW)
    later = signing.sign(BODY, key, now=NOW + timedelta(hours=1))
    assert verify(later, late_s=3600) == "ed"
    with pytest.raises(SignatureStale):
        verify(first, late_s=3600)


@pytest.mark.parametrize("late_s", [-300, 0, 300])
def test_five_minutes_either_way_are_tolerated(late_s: int) -> None:
    assert verify(by_hand(), late_s=late_s) == "ed"


@pytest.mark.parametrize("late_s", [-301, 301, 86_400])
def test_more_than_five_minutes_are_not(late_s: int) -> None:
    with pytest.raises(SignatureStale):
        verify(by_hand(), late_s=late_s)


@pytest.mark.parametrize("signature", [None, "", "  "])
def test_no_signature_is_missing(signature: str | None) -> None:
    with pytest.raises(SignatureMissing) as caught:
        verify(signature)
    assert caught.value.code == "err.signature.missing"


def test_one_changed_byte_of_the_body_is_noticed() -> None:
    signature = by_hand()
    for at in range(len(BODY)):
        changed = bytearray(BODY)
        changed[at] ^= 1
        with pytest.raises(SignatureInvalid):
            verify(signature, bytes(changed))


def test_one_changed_character_of_the_signature_is_noticed() -> None:
    signature = by_hand()
    last = len(signature) - 1
    for at in range(len(signature)):
        # the last character holds four bits that decode to nothing: none of its other spellings may pass
        for other in string.ascii_letters if at == last else "AQgw":
            if signature[at] != other:
                with pytest.raises(SignatureInvalid):
                    verify(signature[:at] + other + signature[at + 1 :])


def test_a_body_serialised_again_is_noticed() -> None:
    with pytest.raises(SignatureInvalid):
        verify(by_hand(), json.dumps(json.loads(BODY)).encode())


def _none() -> str:
    return f"{b64(json.dumps(protected(alg='none')).encode())}..{b64(b'')}"


def _hmac_with_the_public_key() -> str:
    pem = ED.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    header = b64(json.dumps(protected(alg="HS256")).encode())
    return f"{header}..{b64(hmac.digest(pem, header.encode() + b'.' + BODY, hashlib.sha256))}"


FORGED = {
    "a stranger's key under a known name": by_hand(key=STRANGER),
    "an unknown key": by_hand(kid="ed2"),
    "an empty key name": by_hand(kid=""),
    "no key name": by_hand(kid=...),
    "a key name that is a number": by_hand(kid=5),
    "a key name that is a list": by_hand(kid=["ed"]),
    "a key name that is a path": by_hand(kid="../../etc/passwd"),
    "alg none": _none(),
    "alg none, capital": by_hand(alg="None"),
    "HMAC with the public key": _hmac_with_the_public_key(),
    "the other algorithm": by_hand(alg="RS256"),
    "the other key": by_hand(kid="rsa"),
    "an algorithm we do not use": by_hand(alg="RS512"),
    "an algorithm that is a list": by_hand(alg=["EdDSA"]),
    "no algorithm": by_hand(alg=...),
    "no time": by_hand(iat=...),
    "a time that is text": by_hand(iat=str(int(NOW.timestamp()))),
    "a time that is a fraction": by_hand(iat=NOW.timestamp() + 0.5),
    "a time that is true": by_hand(iat=True),
    "b64 left out": by_hand(b64=...),
    "b64 true": by_hand(b64=True),
    "crit left out": by_hand(crit=...),
    "crit of something else": by_hand(crit=["b64", "exp"]),
    "its own key inside": by_hand(jwk={"kty": "OKP", "crv": "Ed25519", "x": "AA"}),
    "an address of its own key": by_hand(jku="https://evil.example/keys"),
    "an attached payload": by_hand().replace("..", f".{b64(BODY)}."),
    "two signatures": f"{by_hand()},{by_hand()}",
    "two signatures with a space": f"{by_hand()}, {by_hand()}",
    "a thousand signatures": ",".join([by_hand()] * 1000),
    "padding": by_hand() + "==",
    "a line feed": by_hand() + "\n",
    "leading space": " " + by_hand(),
    "no signature part": by_hand().split("..")[0] + "..",
    "one part": by_hand().split("..")[0],
    "four parts": by_hand() + ".AA",
    "not base64": "!!!!..????",
    "not JSON": f"{b64(b'{')}..AAAA",
    "a list for a header": f"{b64(b'[]')}..AAAA",
    "a deep header": f"{b64(b'[' * 1200)}..AAAA",
    "not UTF-8": f"{b64(bytes([255, 254]))}..AAAA",
    "a letter of another alphabet": by_hand() + "Ａ",
    "an oversized header": by_hand(kid="e" * 4000),
    "an RS256 signature without its bytes": f"{b64(json.dumps(protected(alg='RS256', kid='rsa')).encode())}..AAAA",
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forgery_is_refused(name: str) -> None:
    with pytest.raises(SignatureInvalid) as caught:
        verify(FORGED[name])
    assert caught.value.code == "err.signature.invalid"


def test_a_retired_key_proves_nothing() -> None:
    with pytest.raises(SignatureInvalid):
        signing.verify(BODY, by_hand(), {}, now=NOW)


def test_a_compact_token_is_not_a_detached_signature() -> None:
    with pytest.raises(SignatureInvalid):
        verify(jwt.encode({"a": 1}, ED, algorithm="EdDSA", headers={"kid": "ed"}))


@pytest.mark.parametrize(
    "key",
    [
        new_ec_key(SECP256R1()),
        Ed448PrivateKey.generate(),
        new_rsa_key(public_exponent=65537, key_size=1024),
    ],
)
def test_only_ed25519_and_long_rsa_keys_sign(key: Any) -> None:
    with pytest.raises(ValueError, match="only Ed25519"):
        signing.alg_of(key)
