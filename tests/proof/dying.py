"""A step run in a process of its own that dies at a chosen boundary: a statement, a commit or a call.

The boundaries are found by listening, in the child alone, to the database driver and to Python's HTTP client; the
program has no hook for it. The child is forked after the program is loaded, so that a death costs milliseconds.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from http.client import HTTPConnection
from typing import Any

from sqlalchemy import event, text

from app.extensions import db

SQL, BEFORE_COMMIT, AFTER_COMMIT = "statement", "before the commit", "after the commit"
BEFORE_CALL, SENT, ANSWERED, END = "before the call", "call sent", "call answered", "end"
NAME = "chitra-dying"
"""What the child's connections are called at the database."""


@dataclass(frozen=True)
class Boundary:
    """One place where a process may die."""

    kind: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.what}" if self.what else self.kind


@dataclass(frozen=True)
class Ran:
    """How the child ended: by itself, with what it raised or returned and where it came by; or killed, and nobody knows."""

    died: bool
    raised: str = ""
    returned: str = ""
    met: tuple[Boundary, ...] = ()


def die() -> None:
    """At once, without a farewell, whatever the other threads do."""
    os.kill(os.getpid(), signal.SIGKILL)


class Recorder:
    """Counts the boundaries this process comes by; at number `at`, `act` happens."""

    def __init__(self, at: int, act: Callable[[], None]) -> None:
        self.met: list[Boundary] = []
        self._at = at
        self._act = act

    def reach(self, kind: str, what: str = "") -> None:
        self.met.append(Boundary(kind, what))
        if len(self.met) == self._at:
            self._act()

    def listen(self, engine: Any) -> None:
        """To every statement and commit of the engine, and to every HTTP call of the process."""

        @event.listens_for(engine, "before_cursor_execute")
        def statement(_connection: Any, _cursor: Any, sql: str, *_more: Any) -> None:
            self.reach(SQL, " ".join(sql.split())[:60])

        commit = engine.dialect.do_commit

        def do_commit(connection: Any) -> None:
            self.reach(BEFORE_COMMIT)
            commit(connection)
            self.reach(AFTER_COMMIT)

        engine.dialect.do_commit = do_commit
        put, get = HTTPConnection.putrequest, HTTPConnection.getresponse

        def putrequest(line: HTTPConnection, method: str, url: str, *more: Any, **named: Any) -> None:
            self.reach(BEFORE_CALL, url)
            put(line, method, url, *more, **named)

        def getresponse(line: HTTPConnection) -> Any:
            self.reach(SENT)
            answer = get(line)
            self.reach(ANSWERED)
            return answer

        HTTPConnection.putrequest, HTTPConnection.getresponse = putrequest, getresponse  # type: ignore[assignment]


def start(step: Callable[[], object], *, at: int = 0, act: Callable[[], None] = die) -> Child:
    """Run `step` in a forked process; at boundary `at` (from 1; 0 is never) `act` happens to it."""
    db.session.rollback()
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _live(step, at, act, writing)
    os.close(writing)
    return Child(pid, reading)


def run(step: Callable[[], object], *, at: int = 0, act: Callable[[], None] = die) -> Ran:
    """The same, waiting until it has ended and the database has noticed."""
    return start(step, at=at, act=act).ended()


def race(*steps: Callable[[], object]) -> list[Ran]:
    """All of them at the same moment, each in a process of its own with its connection open."""
    gate, opening = os.pipe()
    ready, waiting = os.pipe()

    def at_the_gate(step: Callable[[], object]) -> Callable[[], object]:
        def go() -> object:
            os.close(opening)
            db.session.execute(text("SELECT 1"))
            db.session.rollback()
            os.write(waiting, b"r")
            os.read(gate, 1)
            return step()

        return go

    children = [start(at_the_gate(step)) for step in steps]
    os.close(waiting)
    for _child in children:
        assert os.read(ready, 1) == b"r"
    os.close(opening)
    ran = [child.ended() for child in children]
    os.close(gate)
    os.close(ready)
    return ran


@dataclass(frozen=True)
class Child:
    """A running child."""

    pid: int
    reading: int

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def ended(self) -> Ran:
        """Wait for its end, and until the database has thrown away what it left open."""
        with os.fdopen(self.reading, "rb") as stream:
            said = stream.read()
        _pid, status = os.waitpid(self.pid, 0)
        _wait_until_forgotten()
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == signal.SIGKILL, f"ended by signal {os.WTERMSIG(status)}"
            return Ran(died=True)
        told = json.loads(said)
        return Ran(False, told["raised"], told["returned"], tuple(Boundary(**one) for one in told["met"]))


def _live(step: Callable[[], object], at: int, act: Callable[[], None], writing: int) -> None:
    """The child's whole life; never returns."""
    recorder, raised, returned = Recorder(at, act), "", ""
    try:
        os.environ["PGAPPNAME"] = NAME
        db.engine.dispose(close=False)  # the parent's connections are the parent's
        recorder.listen(db.engine)
        returned = str(step())
        recorder.reach(END)
    except BaseException as error:
        raised = f"{type(error).__name__}: {error}"
    finally:
        told = {"raised": raised, "returned": returned, "met": [asdict(one) for one in recorder.met]}
        os.write(writing, json.dumps(told).encode())
        os._exit(0)


def _wait_until_forgotten() -> None:
    """A backend whose client was killed ends its statement first, and holds its locks until then."""
    until = time.monotonic() + 20
    count = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = :name")
    while db.session.execute(count, {"name": NAME}).scalar_one():
        db.session.rollback()
        assert time.monotonic() < until, "the database still serves the dead"
        time.sleep(0.005)
    db.session.rollback()
