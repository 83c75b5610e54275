"""`flask demo …`: load invented people, play one month. Refused outside demo mode."""

from __future__ import annotations

import json

import click
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy import text

from app.extensions import acting_as, db, transaction
from app.rules.actors import SYSTEM

demo_group = AppGroup("demo", help="Demo data; needs CHITRA_DEMO=1.")


@demo_group.command("load")
@click.option("--people", default=5000, show_default=True, help="How many people to invent.")
@click.option("--months", default=3, show_default=True, help="Past months to play.")
@click.option("--seed", default=1, show_default=True, help="Same seed, same people.")
def load_command(people: int, months: int, seed: int) -> None:
    """Load people of two provinces and their settled past months into an empty registry."""
    _demand_demo()
    from app.demo import accounts, history, load

    settings = current_app.config["CHITRA"]
    with acting_as(SYSTEM):
        if db.session.execute(text("SELECT 1 FROM beneficiaries LIMIT 1")).first():
            raise click.ClickException("Hồ sơ đối tượng đã có dữ liệu; bản trình diễn chỉ nạp vào cơ sở dữ liệu trống.")
        with transaction() as session:
            loaded = load.load(session, people=people, seed=seed)
            accounts.create_demo_accounts(
                session, loaded.province_code, loaded.commune_code, agency_id=loaded.agency_id, settings=settings
            )
        history.play_history(db.session(), loaded, months=months)
    click.echo(f"Đã nạp {people} người.", err=True)


@demo_group.command("run-month")
def run_month_command() -> None:
    """Play one whole month through the services and the sandbox; prints a JSON summary and nothing else."""
    _demand_demo()
    from app.demo.month import run_month

    click.echo(json.dumps(run_month(current_app._get_current_object()), ensure_ascii=False, indent=2))  # type: ignore[attr-defined]


@demo_group.command("bank")
def bank_command() -> None:
    """Let the demo's bank answer the payment orders in the outbox; prints the files to bring in on the packets' pages."""
    _demand_demo()
    from app.demo import bank

    with acting_as(SYSTEM):
        written = bank.play(db.session(), current_app.config["CHITRA"].home, seed=1)
    for path in written:
        click.echo(path)
    click.echo(f"Ngân hàng đã trả lời {len(written)} gói tin.", err=True)


@demo_group.command("mail")
@click.option("--last", default=3, show_default=True, help="How many letters, the newest last.")
def mail_command(last: int) -> None:
    """Read the letters the demo's mail server has kept below CHITRA_HOME/mail."""
    _demand_demo()
    from app.demo.mailbox import letters

    found = letters(current_app.config["CHITRA"].home)
    for address, subject, body in found[-last:]:
        click.echo(f"{address}\n{subject}\n\n{body}\n")
    click.echo(f"{len(found)} thư.", err=True)


def _demand_demo() -> None:
    if not current_app.config["CHITRA"].demo:
        raise click.ClickException("Chỉ dùng được khi CHITRA_DEMO=1.")
