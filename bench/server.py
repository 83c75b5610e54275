"""The PostgreSQL of the measurements: its own folder, set as a production server would be, databases copied in a moment."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import Any

import psycopg
from flask import Flask
from flask_migrate import upgrade
from psycopg import sql

import config
from app import create_app, embedded, security
from app.extensions import acting_as, db, transaction
from app.rules.actors import SYSTEM
from app.services import reference

AS_IN_PRODUCTION = {
    "shared_buffers": "512MB",
    "effective_cache_size": "2GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_completion_target": "0.9",
    "random_page_cost": "1.1",
    "client_connection_check_interval": "10s",
}
"""What docs/operations.md tells an operator to set. Durability stays as it is by default: fsync, synchronous_commit."""


class Bench:
    """An embedded server with the databases of the measurements."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.handle: Any = embedded.start(home)
        with self.admin("postgres") as admin:
            for name, value in AS_IN_PRODUCTION.items():
                admin.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.Literal(value)))
        self.handle.cleanup()
        self.handle = embedded.start(home)

    def admin(self, database: str) -> psycopg.Connection[Any]:
        """A connection as superuser that commits each statement; for preparing, never for measuring."""
        url = embedded.address(self.handle, role="postgres", database=database).set(drivername="postgresql")
        return psycopg.connect(url.render_as_string(False), autocommit=True, cursor_factory=psycopg.ClientCursor)

    def addresses(self, database: str) -> tuple[str, str]:
        """(address the program runs on, address that migrates)."""
        run, owner = (
            embedded.address(self.handle, role=role, database=database).render_as_string(False)
            for role in (config.APP_ROLE, config.OWNER_ROLE)
        )
        return run, owner

    def create(self, database: str) -> None:
        """A migrated database with reference data and roles."""
        embedded.create_database(self.handle, database)
        app = self.program(database)
        with app.app_context():
            upgrade()
            with acting_as(SYSTEM), transaction() as session:
                reference.load(session)
                security.sync(session)
            db.session.remove()
            db.engine.dispose()

    def program(self, database: str) -> Flask:
        """The program on one of the databases."""
        settings = config.load({"CHITRA_HOME": str(self.home), "SECRET_KEY": "bench"})
        return create_app(settings, addresses=self.addresses(database))

    def copy(self, source: str, target: str) -> None:
        """`target` becomes a copy of `source`, replacing what had that name."""
        with self.admin("postgres") as admin:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(target)))
            admin.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {} STRATEGY file_copy").format(
                    sql.Identifier(target), sql.Identifier(source), sql.Identifier(config.OWNER_ROLE)
                )
            )


@contextmanager
def running() -> Iterator[Bench]:
    """A server in a temporary folder, gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="chitra-bench-"))
    bench = Bench(home)
    try:
        yield bench
    finally:
        bench.handle.cleanup()
        rmtree(home, ignore_errors=True)
