"""`flask load-reference`: areas, benefit types, standard amounts and holidays."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from app.extensions import acting_as, transaction
from app.rules.actors import SYSTEM
from app.services import reference


@click.command("load-reference")
@with_appcontext
def load_reference() -> None:
    """Load reference data; running it again changes nothing."""
    with acting_as(SYSTEM), transaction() as session:
        reference.load(session)
    click.echo("Đã nạp dữ liệu danh mục.")
