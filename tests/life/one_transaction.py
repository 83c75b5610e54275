"""Many lives on one set of books: everything the services commit is a savepoint, and a branch of life is taken back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.extensions import acting_as, db
from app.rules.actors import SYSTEM


class OneTransaction:
    """`db.session` on one connection: what it commits is seen by everything here, and by nobody else, ever."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    @property
    def session(self) -> Session:
        """The session the services use."""
        opened: Session = db.session()
        return opened

    @contextmanager
    def branch(self) -> Iterator[None]:
        """What happens inside is gone afterwards."""
        self.session.rollback()
        point = self.connection.begin_nested()
        try:
            yield
        finally:
            self.session.rollback()
            point.rollback()
            self.session.expire_all()

    def refresh(self) -> Session:
        """The session, seeing what other sessions would."""
        self.session.rollback()
        self.session.expire_all()
        return self.session


@contextmanager
def one_transaction(app: Flask) -> Iterator[OneTransaction]:
    """Opens the connection, puts its session in the place of the program's own, and takes all of it back."""
    with app.app_context(), acting_as(SYSTEM), db.engine.connect() as connection:
        whole = connection.begin()
        session = Session(bind=connection, join_transaction_mode="create_savepoint")
        db.session.remove()
        db.session.registry.set(session)
        try:
            yield OneTransaction(connection)
        finally:
            db.session.remove()
            whole.rollback()
