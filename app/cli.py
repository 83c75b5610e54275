"""The commands of `flask`, put together. Each lives in `app/commands/`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.commands import accounts, agency, books, database, demo

if TYPE_CHECKING:
    from flask import Flask


def register(app: Flask) -> None:
    """Register every command."""
    app.cli.add_command(demo.demo_group)
    app.cli.add_command(agency.agency_group)
    app.cli.add_command(database.load_reference)
    app.cli.add_command(books.check_books)
    accounts.register(app)
