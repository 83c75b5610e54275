"""`flask agency keys …`, `flask agency client …`: keys and secrets of the connection, all of them files in the data folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from flask import current_app
from flask.cli import AppGroup

from app import clock
from app.agency.keys import KeyRing, KeyTrouble
from app.agency.signing import ALGORITHMS, EDDSA

agency_group = AppGroup("agency", help="The connection to payment agencies.")
keys_group = AppGroup("keys", help="Signing keys: ours, and those of agencies.")
client_group = AppGroup("client", help="Client credentials for access tokens.")
agency_group.add_command(keys_group)
agency_group.add_command(client_group)


@keys_group.command("new")
@click.option("--alg", type=click.Choice(ALGORITHMS), default=EDDSA, show_default=True, help="Signature algorithm.")
def new_key(alg: str) -> None:
    """Make a key pair and print its public half. The first signs at once, a later one waits for `keys use`."""
    with _ring() as ring:
        waiting = bool(ring.published())
        kid = ring.new_key(alg, now=clock.wall(), waiting=waiting)
        click.echo(f"Đã tạo khóa {kid}. Gửi khóa công khai dưới đây cho đơn vị chi trả:", err=True)
        if waiting:
            click.echo(f"Khi đơn vị chi trả đã đăng ký khóa này: flask agency keys use {kid}", err=True)
        click.echo(ring.public_pem(kid).decode(), nl=False)


@keys_group.command("list")
def list_keys() -> None:
    """Every live key with its fingerprint; `*` marks the one that signs."""
    with _ring() as ring:
        for fact in ring.list_keys():
            sign = "*" if fact.signs else " "
            click.echo(f"{sign} {fact.owner or 'chitra'}\t{fact.kid}\t{fact.alg}\t{fact.fingerprint}")


@keys_group.command("show")
@click.argument("kid")
def show_key(kid: str) -> None:
    """Print the public half of one of our live keys."""
    with _ring() as ring:
        click.echo(ring.public_pem(kid).decode(), nl=False)


@keys_group.command("use")
@click.argument("kid")
def use_key(kid: str) -> None:
    """Sign with a key that has waited until agencies knew it."""
    with _ring() as ring:
        ring.use(kid)
    click.echo(f"Từ nay ký bằng khóa {kid}.")


@keys_group.command("retire")
@click.argument("kid")
def retire_key(kid: str) -> None:
    """End one of our keys and destroy its private half; the last one stays."""
    with _ring() as ring:
        ring.retire(kid)
    click.echo(f"Đã thôi dùng khóa {kid}.")


@keys_group.command("trust")
@click.argument("agency")
@click.argument("kid")
@click.argument("pem", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def trust_key(agency: str, kid: str, pem: Path) -> None:
    """Accept what AGENCY signs with the public key in the file PEM, under the name KID."""
    with _ring() as ring:
        ring.trust(agency, kid, pem.read_bytes())
        fact = next(fact for fact in ring.list_keys() if (fact.owner, fact.kid) == (agency, kid))
    click.echo(f"Đã tin khóa {kid} của {agency}. Đối chiếu qua điện thoại dấu vân tay {fact.fingerprint}.")


@keys_group.command("distrust")
@click.argument("agency")
@click.argument("kid")
def distrust_key(agency: str, kid: str) -> None:
    """Refuse what AGENCY signs with its key KID from now on."""
    with _ring() as ring:
        ring.distrust(agency, kid)
    click.echo(f"Đã thôi tin khóa {kid} của {agency}.")


@client_group.command("issue")
@click.argument("agency")
def issue_client(agency: str) -> None:
    """Make a secret with which AGENCY fetches tokens from us; printed once, only its hash is kept."""
    with _ring() as ring:
        click.echo(ring.issue_client(agency))


@client_group.command("keep")
@click.argument("client_id", default="chitra")
@click.password_option("--secret", prompt="Mật khẩu do đơn vị chi trả cấp", confirmation_prompt=False)
def keep_secret(client_id: str, secret: str) -> None:
    """Keep the secret an agency gave us for fetching tokens from it."""
    with _ring() as ring:
        ring.keep_secret(client_id, secret)
    click.echo(f"Đã lưu mật khẩu của {client_id}.")


@contextmanager
def _ring() -> Iterator[KeyRing]:
    try:
        yield KeyRing(current_app.config["CHITRA"].home / "keys")
    except KeyTrouble as trouble:
        raise click.ClickException(str(trouble)) from trouble
