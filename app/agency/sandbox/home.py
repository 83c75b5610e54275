"""The sandbox's folder: configuration, its own keys, control token, the clerk's password; no packets.

The folder stands for another organisation's premises: the main system never reads it. What the two sides
exchange (public keys, client credentials) goes through `prepare_home`.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from app.agency.keys import KeyRing
from app.agency.sandbox.clock import wall_clock

DATABASE, CONFIG, CONTROL_TOKEN, CLERK_PASSWORD, SESSION_KEY = (
    "sandbox.sqlite3",
    "config.json",
    "control.token",
    "clerk.password",
    "session.key",
)
DEMO_WORD = "demo"


class HomeNotReady(Exception):
    """The folder has no readable config.json: `prepare_home` was not called."""


@dataclass(frozen=True)
class Config:
    """Who we are, who our partner is, where its callbacks go and with which client."""

    callback_base_url: str
    sender_id: str
    receiver_id: str
    client_id: str
    demo: bool


@dataclass(frozen=True)
class Exchange:
    """What the main system needs of us: the keys to trust by kid, and its client for our token endpoint."""

    sender_id: str
    public_keys: dict[str, bytes]
    client_id: str
    client_secret: str
    control_token: str


def prepare_home(
    home: Path,
    *,
    callback_base_url: str,
    partner_keys: Mapping[str, bytes],
    client_secret: str,
    client_id: str = "vnpost",
    sender_id: str = "vnpost",
    receiver_id: str = "chitra",
    demo: bool = True,
) -> Exchange:
    """Make the folder ready, or bring it up to date; may be called before every start.

    `partner_keys` are the main system's public keys (PEM by kid): exactly these are trusted from now on.
    `client_id` and `client_secret` are what the main system gave us for its token endpoint. Our own key
    and packets stay; the main system's client at our token endpoint gets a new secret at every call.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys = key_ring(home)
    if not keys.published():
        keys.new_key(now=wall_clock())
    for kid in keys.trusted_keys(receiver_id):
        if kid not in partner_keys:
            keys.distrust(receiver_id, kid)
    for kid, pem in partner_keys.items():
        keys.trust(receiver_id, kid, pem)
    keys.keep_secret(client_id, client_secret)
    config = Config(callback_base_url.rstrip("/"), sender_id, receiver_id, client_id, demo)
    _write(home / CONFIG, json.dumps(asdict(config), indent=2) + "\n")
    return Exchange(
        sender_id=sender_id,
        public_keys=keys.published(),
        client_id=receiver_id,
        client_secret=keys.issue_client(receiver_id),
        control_token=_kept(home / CONTROL_TOKEN),
    )


def read_config(home: Path) -> Config:
    """The config of a prepared folder; raises HomeNotReady."""
    try:
        return Config(**json.loads((home / CONFIG).read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise HomeNotReady(f"{home / CONFIG}: {error}") from error


def key_ring(home: Path) -> KeyRing:
    """Our own keys, the partner's keys we trust, the client secrets."""
    return KeyRing(home / "keys")


def control_token(home: Path) -> str:
    """The bearer token of the control API; made at the first use."""
    return _kept(home / CONTROL_TOKEN)


def session_key(home: Path) -> str:
    """What the page's cookies are signed with; made at the first use."""
    return _kept(home / SESSION_KEY)


def clerk_password(home: Path, *, demo: bool) -> str:
    """`demo` in demo mode; otherwise a random one kept in the folder."""
    return DEMO_WORD if demo else _kept(home / CLERK_PASSWORD)


def _kept(path: Path) -> str:
    if not path.exists():
        _write(path, secrets.token_urlsafe(32) + "\n")
    return path.read_text().strip()


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    draft.replace(path)
