"""`flask check-books`: every check of the books now; for an operator, after an incident or around an upgrade."""

from __future__ import annotations

import sys

import click
from flask.cli import with_appcontext

from app.extensions import transaction
from app.services.books import checking


@click.command("check-books")
@with_appcontext
def check_books() -> None:
    """Check all the books; exits 1 when something is wrong. Reads only."""
    with transaction() as session:
        found = checking.check(session)
    broken = {wrong.check.name for wrong in found}
    for check in checking.CHECKS:
        mark = click.style("SAI ", fg="red") if check.name in broken else click.style("đúng", fg="green")
        click.echo(f"{mark} {check.promise:4}{check.name:28}{check.words}")
    for wrong in found:
        ids = ", ".join(map(str, wrong.ids))
        click.echo(f"{wrong.check.name}: {wrong.count} × {wrong.check.what} ({wrong.area_path}): {ids}", err=True)
    sys.exit(1 if found else 0)
