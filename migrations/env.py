"""Alembic's environment: migrates as the owner role, never as the role the program runs as."""

from __future__ import annotations

from typing import Any

from alembic import context
from flask import current_app
from sqlalchemy import create_engine, pool

import app.models  # registers every table  # noqa: F401
from app.extensions import db


def _ours(obj: Any, name: str | None, type_: str, reflected: bool, compare_to: Any) -> bool:
    return not (type_ == "table" and reflected and compare_to is None)


def run() -> None:
    """Migrate over a connection of the owner role."""
    engine = create_engine(current_app.config["OWNER_DATABASE_URI"], poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            compare_type=True,
            compare_server_default=False,
            include_object=_ours,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()


run()
