"""Key exchange between the program and the sandbox post office of a demo, as two real parties would do by hand."""

from __future__ import annotations

from app import clock
from app.agency.keys import KeyRing
from app.agency.sandbox.home import prepare_home
from config import Settings

AGENCY = "vnpost"


def exchange_keys(settings: Settings) -> str:
    """Give each side the other's public keys and a client secret; returns the sandbox's control token."""
    ours = KeyRing(settings.home / "keys")
    if not ours.published():
        ours.new_key(now=clock.now())
    given = prepare_home(
        settings.home / "sandbox",
        callback_base_url=f"{settings.public_url}/agency",
        partner_keys=ours.published(),
        client_secret=ours.issue_client(AGENCY),
    )
    for kid in set(ours.trusted_keys(AGENCY)) - set(given.public_keys):
        ours.distrust(AGENCY, kid)
    for kid, pem in given.public_keys.items():
        ours.trust(AGENCY, kid, pem)
    ours.keep_secret(given.client_id, given.client_secret)
    return given.control_token
