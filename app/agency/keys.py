"""Key files in a folder outside the database: our private keys, the partners' public keys, client secrets.

own/<kid>.pem                    our private keys, mode 0600; the newest that does not wait signs
own/<kid>.waiting                this key is published and does not sign yet
trusted/<sender_id>/<kid>.pem    public keys of a partner; all of them verify
retired/<kid>.pem                public halves of our keys no longer in use
secrets/<client_id>              the secret another side gave us
clients/<client_id>              SHA-256 of a secret we gave another side
bearer.key                       what our access tokens are signed with
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key

from app.agency.signing import (
    ALGORITHMS,
    EDDSA,
    RS256,
    PrivateKey,
    PublicKey,
    SigningKey,
    TrustedKey,
    alg_of,
)

LIVE_KEYS_MAX = 2
RSA_BITS = 3072
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SECRET_MIN_CHARS = 16


class KeyTrouble(Exception):
    """A key or a secret cannot be used or changed as asked; the text says why and carries no secret."""


@dataclass(frozen=True)
class KeyFact:
    """What may be shown of a key. `owner` is "" for our own; `signs` is true for the one key that signs."""

    kid: str
    alg: str
    owner: str
    signs: bool
    fingerprint: str


class KeyRing:
    """The keys in one folder. Files are read at every use, so a rotation needs no restart."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def new_key(self, alg: str = EDDSA, *, now: datetime, waiting: bool = False) -> str:
        """Makes a key pair and returns its kid; it signs from now on, the one before stays published.

        A `waiting` key is published and does not sign before `use`, or before no other key is left: partners must
        know a key before it signs.
        """
        if alg not in ALGORITHMS:
            raise KeyTrouble(f"algorithm: {' or '.join(ALGORITHMS)}")
        if len(self._own_kids()) >= LIVE_KEYS_MAX:
            raise KeyTrouble("two keys are live: retire one first")
        private: PrivateKey = Ed25519PrivateKey.generate()
        if alg == RS256:
            private = generate_private_key(public_exponent=65537, key_size=RSA_BITS)
        kid = f"{now.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(3)}"
        pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        if waiting:
            self._write(self._mark(kid), b"")
        self._write(self.folder / "own" / f"{kid}.pem", pem)
        return kid

    def use(self, kid: str) -> None:
        """Lets a waiting key sign from now on."""
        if kid not in self._own_kids():
            raise KeyTrouble("no live key of that name")
        self._mark(kid).unlink(missing_ok=True)

    def signing_key(self) -> SigningKey:
        """The newest of our live keys that does not wait."""
        return self._own(self._signing_kid())

    def public_pem(self, kid: str) -> bytes:
        """The public half of one of our live keys, to hand to a partner."""
        return _public_pem(self._own(kid).private.public_key())

    def published(self) -> dict[str, bytes]:
        """Every live key of ours by kid: what a partner must trust during a rotation."""
        return {kid: self.public_pem(kid) for kid in self._own_kids()}

    def retire(self, kid: str) -> None:
        """Ends one of our keys; the private half is destroyed. The last live key cannot be retired."""
        if kid not in self._own_kids():
            raise KeyTrouble("no live key of that name")
        if len(self._own_kids()) == 1:
            raise KeyTrouble("the last live key cannot be retired: make its successor first")
        self._write(self.folder / "retired" / f"{kid}.pem", self.public_pem(kid))
        (self.folder / "own" / f"{kid}.pem").unlink()
        self._mark(kid).unlink(missing_ok=True)

    def trust(self, sender_id: str, kid: str, pem: bytes) -> None:
        """Registers a partner's public key. A kid once registered never changes its key."""
        path = self.folder / "trusted" / _named(sender_id) / f"{_named(kid)}.pem"
        known = self.trusted_keys(sender_id)
        if kid in known and _public_pem(known[kid].public) != _public_pem(_public_key(pem)):
            raise KeyTrouble("another key is registered under that name")
        if kid not in known and len(known) >= LIVE_KEYS_MAX:
            raise KeyTrouble("two keys of that sender are trusted: distrust one first")
        self._write(path, _public_pem(_public_key(pem)))

    def distrust(self, sender_id: str, kid: str) -> None:
        """A partner's key is refused from now on."""
        if kid not in self.trusted_keys(sender_id):
            raise KeyTrouble("no trusted key of that name")
        (self.folder / "trusted" / sender_id / f"{kid}.pem").unlink()

    def trusted_keys(self, sender_id: str) -> dict[str, TrustedKey]:
        """The live public keys of one partner by kid; empty for a partner nobody registered."""
        if not _NAME.fullmatch(sender_id):
            return {}
        paths = sorted((self.folder / "trusted" / sender_id).glob("*.pem"))
        return {path.stem: TrustedKey(path.stem, _public_key(path.read_bytes())) for path in paths}

    def senders(self) -> tuple[str, ...]:
        """Everybody whose keys we trust."""
        return tuple(sorted(path.name for path in (self.folder / "trusted").glob("*") if path.is_dir()))

    def list_keys(self) -> tuple[KeyFact, ...]:
        """Every live key, ours first, oldest first."""
        facts = [_fact(self._own(kid), "", signs=kid == self._signing_kid()) for kid in self._own_kids()]
        for sender_id in self.senders():
            facts += [_fact(key, sender_id, signs=False) for key in self.trusted_keys(sender_id).values()]
        return tuple(facts)

    def keep_secret(self, client_id: str, secret: str) -> None:
        """Keeps the client secret another side gave us."""
        if len(secret) < _SECRET_MIN_CHARS or not secret.isascii() or not secret.isprintable():
            raise KeyTrouble(f"a client secret has at least {_SECRET_MIN_CHARS} printable characters")
        self._write(self.folder / "secrets" / _named(client_id), secret.encode())

    def secret(self, client_id: str) -> str:
        """The client secret another side gave us."""
        return self._read_private(self.folder / "secrets" / _named(client_id)).decode().strip()

    def issue_client(self, client_id: str) -> str:
        """Makes a secret for another side's client and returns it once; only its hash is kept."""
        secret = secrets.token_urlsafe(32)
        self._write(self.folder / "clients" / _named(client_id), _digest(secret))
        return secret

    def knows_client(self, client_id: str, secret: str) -> bool:
        """Whether this is the secret we issued; takes the same time for an unknown client."""
        digest = b"\0" * 64
        if _NAME.fullmatch(client_id):
            with contextlib.suppress(FileNotFoundError):
                digest = (self.folder / "clients" / client_id).read_bytes()
        return hmac.compare_digest(digest, _digest(secret))

    def bearer_key(self) -> bytes:
        """What our access tokens are signed with; made at the first use."""
        path = self.folder / "bearer.key"
        if not path.exists():
            with contextlib.suppress(FileExistsError):
                self._write(path, secrets.token_bytes(32), only_new=True)
        return self._read_private(path)

    def _own_kids(self) -> list[str]:
        """Oldest first: a kid begins with the instant it was made."""
        return sorted(path.stem for path in (self.folder / "own").glob("*.pem"))

    def _signing_kid(self) -> str:
        kids = self._own_kids()
        if not kids:
            raise KeyTrouble("no key of our own: make one first")
        return ([kid for kid in kids if not self._mark(kid).exists()] or kids)[-1]

    def _mark(self, kid: str) -> Path:
        return self.folder / "own" / f"{kid}.waiting"

    def _own(self, kid: str) -> SigningKey:
        pem = self._read_private(self.folder / "own" / f"{_named(kid)}.pem")
        try:
            private = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise KeyTrouble(f"own/{kid}.pem cannot be read as a key") from error
        if not isinstance(private, Ed25519PrivateKey | RSAPrivateKey):
            raise KeyTrouble("neither Ed25519 nor RSA")
        return SigningKey(kid, private)

    def _read_private(self, path: Path) -> bytes:
        try:
            if path.stat().st_mode & 0o077:
                raise KeyTrouble(f"{path.name} can be read by others: chmod 600")
            return path.read_bytes()
        except FileNotFoundError:
            raise KeyTrouble(f"{path.parent.name}/{path.name} is missing") from None

    def _write(self, path: Path, content: bytes, *, only_new: bool = False) -> None:
        """All or nothing, readable by us alone; folders are made 0700."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in reversed([parent for parent in path.parents if parent.is_relative_to(self.folder)]):
            folder.mkdir(mode=0o700, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if only_new:
                os.link(draft, path)
            else:
                draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


def _named(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise KeyTrouble("a name has 1 to 64 of A-Z a-z 0-9 . _ - and begins with a letter or digit")
    return name


def _public_key(pem: bytes) -> PublicKey:
    unfit = "not a public Ed25519 or RSA key of at least 2048 bits in PEM"
    try:
        key = serialization.load_pem_public_key(pem)
        if not isinstance(key, Ed25519PublicKey | RSAPublicKey):
            raise KeyTrouble(unfit)
        alg_of(key)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyTrouble(unfit) from error
    return key


def _public_pem(key: PublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _fact(key: SigningKey | TrustedKey, owner: str, *, signs: bool) -> KeyFact:
    public = key.private.public_key() if isinstance(key, SigningKey) else key.public
    fingerprint = hashlib.sha256(_public_pem(public)).hexdigest()[:16]
    return KeyFact(key.kid, key.alg, owner, signs, fingerprint)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).hexdigest().encode()
