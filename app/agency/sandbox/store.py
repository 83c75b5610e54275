"""The sandbox's own SQLite file: schema, one guarded connection, typed rows; no rule of the post office."""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS packets (
    code TEXT PRIMARY KEY, list_code TEXT NOT NULL, version INTEGER NOT NULL, replaces TEXT NOT NULL,
    message_id TEXT NOT NULL, stage TEXT NOT NULL, area TEXT NOT NULL, period TEXT NOT NULL,
    kind TEXT NOT NULL, line_count INTEGER NOT NULL, total_vnd INTEGER NOT NULL, sha256 TEXT NOT NULL,
    received_at TEXT NOT NULL, changed_at TEXT NOT NULL,
    days_paid INTEGER NOT NULL DEFAULT 0, settlements INTEGER NOT NULL DEFAULT 0,
    reason_code TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS packets_of_a_list ON packets (list_code);
CREATE INDEX IF NOT EXISTS packets_at_a_stage ON packets (stage);
CREATE TABLE IF NOT EXISTS lines (
    packet_code TEXT NOT NULL REFERENCES packets (code), reference_id TEXT NOT NULL,
    position INTEGER NOT NULL, payee_name TEXT NOT NULL, payee_fa TEXT NOT NULL,
    amount_vnd INTEGER NOT NULL CHECK (amount_vnd > 0), area TEXT NOT NULL,
    planned TEXT NOT NULL DEFAULT '', outcome TEXT NOT NULL DEFAULT '',
    reason_code TEXT NOT NULL DEFAULT '', outcome_at TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (packet_code, reference_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS lines_by_reference ON lines (reference_id);
CREATE TABLE IF NOT EXISTS handouts (
    reference_id TEXT PRIMARY KEY, packet_code TEXT NOT NULL, payee_name TEXT NOT NULL,
    payee_fa TEXT NOT NULL, amount_vnd INTEGER NOT NULL CHECK (amount_vnd > 0), period TEXT NOT NULL,
    handed_on TEXT NOT NULL, handed_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS collections (
    receipt TEXT PRIMARY KEY, reference_id TEXT NOT NULL, area TEXT NOT NULL,
    amount_vnd INTEGER NOT NULL CHECK (amount_vnd > 0), collected_at TEXT NOT NULL,
    packet_code TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS collections_by_reference ON collections (reference_id);
CREATE TABLE IF NOT EXISTS messages (
    message_id TEXT PRIMARY KEY, path TEXT NOT NULL, body_sha256 TEXT NOT NULL, status INTEGER NOT NULL,
    answer BLOB NOT NULL, seen_at TEXT NOT NULL, times INTEGER NOT NULL DEFAULT 1
);
CREATE TABLE IF NOT EXISTS alarms (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, what TEXT NOT NULL, message_id TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS recalls (
    id INTEGER PRIMARY KEY, packet_code TEXT NOT NULL, message_id TEXT NOT NULL, reason TEXT NOT NULL,
    stage TEXT NOT NULL, asked_at TEXT NOT NULL, decided_at TEXT NOT NULL DEFAULT '',
    answer TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS notices (
    id INTEGER PRIMARY KEY, packet_code TEXT NOT NULL, message_id TEXT NOT NULL, decision TEXT NOT NULL,
    days INTEGER NOT NULL, due_on TEXT NOT NULL, reason TEXT NOT NULL, at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS outbox (
    id INTEGER PRIMARY KEY, message_id TEXT NOT NULL UNIQUE, path TEXT NOT NULL, packet_code TEXT NOT NULL,
    kind TEXT NOT NULL, settlement_id TEXT NOT NULL, part INTEGER NOT NULL, body BLOB NOT NULL,
    stage TEXT NOT NULL, due_at REAL NOT NULL, copies INTEGER NOT NULL, spoil_next INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, last_answer TEXT NOT NULL DEFAULT '', created_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS outbox_due ON outbox (stage, due_at, id);
CREATE TABLE IF NOT EXISTS late_requests (
    id INTEGER PRIMARY KEY, path TEXT NOT NULL, headers TEXT NOT NULL, body BLOB NOT NULL,
    due_at REAL NOT NULL, came_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS knobs (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS eras (era TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS draws (name TEXT PRIMARY KEY, drawn INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS met (name TEXT PRIMARY KEY, times INTEGER NOT NULL);
"""

FORGET = """
DELETE FROM handouts; DELETE FROM lines; DELETE FROM recalls; DELETE FROM notices; DELETE FROM packets; DELETE FROM messages;
DELETE FROM alarms; DELETE FROM outbox; DELETE FROM late_requests; DELETE FROM knobs; DELETE FROM draws;
DELETE FROM eras; DELETE FROM met; DELETE FROM collections;
"""

Value = str | int | float | bytes


@dataclass(frozen=True)
class Packet:
    """One packet as the post office keeps it; `stage` is one of received, accepted, paying, paid, settled,
    rejected, refused."""

    code: str
    list_code: str
    version: int
    replaces: str
    message_id: str
    stage: str
    area: str
    period: str
    kind: str
    line_count: int
    total_vnd: int
    sha256: str
    received_at: str
    changed_at: str
    days_paid: int
    settlements: int
    reason_code: str
    reason: str


@dataclass(frozen=True)
class Line:
    """One line of a packet; `outcome` is empty until decided, then paid, unpaid or recover."""

    packet_code: str
    reference_id: str
    position: int
    payee_name: str
    payee_fa: str
    amount_vnd: int
    area: str
    planned: str
    outcome: str
    reason_code: str
    outcome_at: str


@dataclass(frozen=True)
class Handout:
    """Money that left the drawer: the ground truth."""

    reference_id: str
    packet_code: str
    payee_name: str
    payee_fa: str
    amount_vnd: int
    period: str
    handed_on: str
    handed_at: str


@dataclass(frozen=True)
class Collection:
    """Money handed out wrongly that somebody brought back; `packet_code` is the settlement that reports it."""

    receipt: str
    reference_id: str
    area: str
    amount_vnd: int
    collected_at: str
    packet_code: str


@dataclass(frozen=True)
class Recall:
    """A request of the sender to reject a packet; `stage` is open, agreed or declined."""

    id: int
    packet_code: str
    message_id: str
    reason: str
    stage: str
    asked_at: str
    decided_at: str
    answer: str


@dataclass(frozen=True)
class NoticeHeard:
    """What the sender decided about days we asked for; `decision` is granted, refused, revoked or lapsed."""

    id: int
    packet_code: str
    message_id: str
    decision: str
    days: int
    due_on: str
    reason: str
    at: str


class Store:
    """One connection behind one lock. `transaction()` nests: only the outermost commits."""

    def __init__(self, path: Path | None) -> None:
        """`path` None keeps everything in memory, for property tests."""
        self._lock = threading.RLock()
        self._depth = 0
        self._connection = sqlite3.connect(
            ":memory:" if path is None else path, check_same_thread=False, isolation_level=None, timeout=10
        )
        self._connection.row_factory = sqlite3.Row
        if path is not None:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit on the way out, roll back on any exception."""
        with self._lock:
            if self._depth == 0:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                if self._depth == 1:
                    self._connection.execute("ROLLBACK")
                raise
            else:
                if self._depth == 1:
                    self._connection.execute("COMMIT")
            finally:
                self._depth -= 1

    def rows(self, sql: str, *values: Value) -> list[sqlite3.Row]:
        """All rows of a query."""
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def one(self, sql: str, *values: Value) -> sqlite3.Row | None:
        """The first row, or None."""
        with self._lock:
            row: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
            return row

    def run(self, sql: str, *values: Value) -> int:
        """Execute one statement; the number of rows it touched."""
        with self._lock:
            return self._connection.execute(sql, values).rowcount

    def run_many(self, sql: str, sets: Iterable[tuple[Value, ...]]) -> None:
        """Execute one statement for many sets of values."""
        with self._lock:
            self._connection.executemany(sql, sets)

    def packet(self, code: str) -> Packet | None:
        """The packet of that transaction id, refused ones included."""
        row = self.one("SELECT * FROM packets WHERE code = ?", code)
        return None if row is None else Packet(**dict(row))

    def packets(self) -> list[Packet]:
        """All packets, the newest first."""
        return [Packet(**dict(row)) for row in self.rows("SELECT * FROM packets ORDER BY rowid DESC")]

    def packets_at(self, stages: list[str]) -> list[Packet]:
        """The packets at any of these stages, the oldest first."""
        found = self.rows(
            "SELECT packets.* FROM packets JOIN json_each(?) ON stage = value ORDER BY packets.rowid",
            json.dumps(stages),
        )
        return [Packet(**dict(row)) for row in found]

    def lines(self, code: str, *, limit: int = -1, offset: int = 0) -> list[Line]:
        """The lines of a packet in the order they were sent; `limit` -1 means all."""
        found = self.rows(
            "SELECT * FROM lines WHERE packet_code = ? ORDER BY position LIMIT ? OFFSET ?",
            code,
            limit,
            offset,
        )
        return [Line(**dict(row)) for row in found]

    def handouts(self, code: str | None = None) -> list[Handout]:
        """The cash drawer, of one packet or whole."""
        if code is None:
            found = self.rows("SELECT * FROM handouts ORDER BY packet_code, reference_id")
        else:
            found = self.rows("SELECT * FROM handouts WHERE packet_code = ? ORDER BY reference_id", code)
        return [Handout(**dict(row)) for row in found]

    def collections(self, code: str | None = None) -> list[Collection]:
        """Money that came back: of one settlement, or all, the latest first."""
        if code is None:
            found = self.rows("SELECT * FROM collections ORDER BY receipt DESC")
        else:
            found = self.rows("SELECT * FROM collections WHERE packet_code = ? ORDER BY receipt DESC", code)
        return [Collection(**dict(row)) for row in found]

    def notices(self, code: str) -> list[NoticeHeard]:
        """What was decided about days asked for a packet, the latest first."""
        return [
            NoticeHeard(**dict(row))
            for row in self.rows("SELECT * FROM notices WHERE packet_code = ? ORDER BY id DESC", code)
        ]

    def recalls(self) -> list[Recall]:
        """All recall requests, open ones first."""
        found = self.rows("SELECT * FROM recalls ORDER BY stage <> 'open', id DESC")
        return [Recall(**dict(row)) for row in found]

    def era(self) -> str:
        """A random mark of this file since it was last emptied: it keeps message ids unique for good."""
        with self.transaction():
            self.run("INSERT INTO eras SELECT ? WHERE NOT EXISTS (SELECT 1 FROM eras)", secrets.token_hex(4))
            row = self.one("SELECT era FROM eras")
        assert row is not None
        return str(row["era"])

    def empty(self) -> None:
        """Forget everything: packets, drawer, messages, knobs."""
        with self._lock:
            self._connection.executescript(FORGET)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()
