"""Flask extensions, the transaction every entry point opens, and the scope each transaction carries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from flask_appbuilder import Model
from flask_appbuilder.models.sqla.base import SQLA
from flask_migrate import Migrate
from flask_wtf import CSRFProtect
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, event, text
from sqlalchemy.orm import Session, SessionTransaction

from app.rules.actors import NOBODY, Actor

db = SQLA(metadata=Model.metadata)
migrate = Migrate()
csrf = CSRFProtect()

_actor: ContextVar[Actor] = ContextVar("actor", default=NOBODY)

_SET_SCOPE = text(
    "SELECT set_config('chitra.lo', :lo, true), set_config('chitra.hi', :hi, true),"
    " set_config('chitra.agency', :agency, true), set_config('chitra.reading', :reading, true)"
)


def current_actor() -> Actor:
    """On whose behalf the present code runs; nobody, who sees nothing, unless somebody was named."""
    return _actor.get()


def become(actor: Actor) -> None:
    """Name the actor for the rest of this context; an open transaction is limited at once."""
    _actor.set(actor)
    _limit_open_transaction(actor)


@contextmanager
def acting_as(actor: Actor) -> Iterator[None]:
    """Act as `actor` within the block, and as before after it."""
    token = _actor.set(actor)
    _limit_open_transaction(actor)
    try:
        yield
    finally:
        _actor.reset(token)
        _limit_open_transaction(_actor.get())


@contextmanager
def transaction() -> Iterator[Session]:
    """The one place that commits: on leaving the block, or rolls everything back when it raises."""
    session: Session = db.session()
    try:
        yield session
        session.commit()
    except BaseException:
        session.rollback()
        raise


def _limit_open_transaction(actor: Actor) -> None:
    if not db.session.registry.has():
        return
    session: Session = db.session()
    if session.in_transaction() and session.is_active:
        connection = session.connection()
        if not _aborted(connection):
            limit(connection, actor)


def _aborted(connection: Connection) -> bool:
    """An aborted transaction reads nothing more; limiting it would only hide the error that aborted it."""
    driver: Any = connection.connection.driver_connection
    return bool(driver.info.transaction_status == TransactionStatus.INERROR)


def limit(connection: Connection, actor: Actor) -> None:
    """Tell row-level security, for this transaction, which paths and agency are in scope, and whether only to read."""
    low, high = actor.bounds
    agency = "" if actor.agency_id is None else str(actor.agency_id)
    reading = "1" if actor.reading else ""
    connection.execute(_SET_SCOPE, {"lo": low, "hi": high, "agency": agency, "reading": reading})


@event.listens_for(Session, "after_begin")
def _scope_each_transaction(session: Session, transaction: SessionTransaction, connection: Connection) -> None:
    if transaction.nested:
        return
    limit(connection, current_actor())


def configure_engine(app: Any) -> None:
    """Engine options: a role that owns nothing, a pool that notices a restarted server."""
    options: dict[str, Any] = {"pool_pre_ping": True, "pool_size": 5, "max_overflow": 10}
    if app.config["SQLALCHEMY_SET_ROLE"]:
        options["connect_args"] = {"options": f"-c role={app.config['SQLALCHEMY_SET_ROLE']}"}
    app.config.setdefault("SQLALCHEMY_ENGINE_OPTIONS", options)
