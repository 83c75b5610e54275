"""Forged letters at both doors, on real sockets: turned away, with nothing changed and one line in the log."""

from __future__ import annotations

import hashlib
import logging
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.serving import make_server

from app import clock, embedded
from app.agency import messages, signing
from app.agency.keys import KeyRing
from app.agency.sandbox.server import _QuietHandler
from app.services import composing, inbox, sending
from tests import factories as make
from tests import office
from tests.proof import many, right
from tests.proof.counterpart import Counterpart, running
from tests.proof.letters import FORGERIES, PERSONAL, Doorstep, Letter

pytestmark = pytest.mark.xdist_group("proof_forgery")


@dataclass
class Scene:
    """Both doors, with a packet at the post office that a forged letter could spoil."""

    books: Session
    server: Any
    far: Counterpart
    ours: Doorstep
    theirs: Doorstep

    def __post_init__(self) -> None:
        self.untouched = self.our_mark()

    def our_mark(self) -> dict[str, str | None]:
        """A hash over every row of each table."""
        self.books.rollback()
        uri = embedded.address(self.server, role="postgres").set(drivername="postgresql").render_as_string(False)
        with psycopg.connect(uri) as admin:
            names = [row[0] for row in admin.execute("SELECT relname FROM pg_stat_user_tables ORDER BY 1").fetchall()]
            each = " UNION ALL ".join(
                f"SELECT '{name}', md5(string_agg(t::text, '|' ORDER BY t::text)) FROM \"{name}\" t" for name in names
            )
            return dict(admin.execute(each).fetchall())

    def their_mark(self) -> str:
        """The same of the post office's file."""
        held: sqlite3.Connection = self.far.inside.store._connection
        return hashlib.sha256("\n".join(held.iterdump()).encode()).hexdigest()


@contextmanager
def listening(app: Flask) -> Iterator[int]:
    """The program on a port of its own, in this process, so that its log is seen."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_QuietHandler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join(5)
    server.server_close()


def ring(folder: Path) -> KeyRing:
    made = KeyRing(folder)
    made.new_key(now=clock.wall())
    return made


def retired_key(keys: KeyRing, client: str, by: KeyRing) -> signing.SigningKey:
    """A key of the sender's that the door trusted once."""
    key = by.signing_key()
    keys.trust(client, key.kid, by.public_pem(key.kid))
    keys.distrust(client, key.kid)
    return key


@pytest.fixture(scope="module")
def scene(app: Flask, server: Any, books: Session, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("forgery")
    ours = KeyRing(Path(app.config["CHITRA"].home) / "keys")
    with running(folder, ours=ours) as far, listening(app) as port:
        make.agency(books, "viettel", methods=())
        (packet,) = many.queued(books, 1)
        many.only(books, packet.id)
        assert sending.send_next(far.connect)
        far.inside.desk.accept(packet.code)
        far.deliver(books)
        assert packet.state == "accepted"
        colleague, stranger = ring(folder / "colleague"), ring(folder / "stranger")
        for keys, client in ((ours, "viettel"), (far.inside.keys, "other")):
            kid = colleague.signing_key().kid
            keys.trust(client, kid, colleague.public_pem(kid))
        forgers = {"stranger": stranger.signing_key(), "colleague": colleague.signing_key()}
        body = office.say(packet.code, status="rjct", reason_message=" ".join(PERSONAL))
        our_door = Doorstep(
            port, "/agency/on-disburse", "chitra", "vnpost", ours, far.inside.keys.signing_key(), body,
            _long_ago(office.say(packet.code, status="pdng"), far.inside.keys.signing_key(), "/agency/on-disburse"),
            colleagues_client="viettel", retired=retired_key(ours, "vnpost", ring(folder / "old")), **forgers,
        )  # fmt: skip
        outgoing = composing.stored_packet(packet, far.endpoint())
        again = outgoing.body.replace(packet.message_id.encode(), b"another-message-of-ours")
        their_door = Doorstep(
            far.port, "/disburse", "vnpost", "chitra", far.inside.keys, ours.signing_key(), again,
            _long_ago(outgoing.body, ours.signing_key(), "/disburse"),
            colleagues_client="other", retired=retired_key(far.inside.keys, "chitra", ring(folder / "older")), **forgers,
        )  # fmt: skip
        office.arrive(books, our_door.old.body)
        inbox.apply_waiting()
        yield Scene(books, server, far, our_door, their_door)
    shutil.rmtree(ours.folder)


def _long_ago(body: bytes, key: signing.SigningKey, path: str) -> Letter:
    """A genuine delivery of six minutes ago: its bytes are known, its signature was good."""
    signature = signing.sign(body, key, now=clock.wall() - timedelta(seconds=361))
    headers = (("Content-Type", "application/json"), ("Signature", signature))
    return Letter("POST", path, headers, body)


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_letter_changes_nothing_and_leaves_one_line(
    scene: Scene, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    status, code, forge = FORGERIES[name]
    letter = forge(scene.ours.genuine(), scene.ours)
    caplog.clear()
    assert _answer(letter.post(scene.ours.port)) == (status, code)
    inbox.apply_waiting()
    assert scene.our_mark() == scene.untouched
    (line,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert (line.name, line.msg, line.status) == ("app.api.agency", "agency_turned_away", status)  # type: ignore[attr-defined]
    _says_nothing_personal(line, letter)


@pytest.mark.parametrize("name", FORGERIES)
def test_the_post_office_turns_the_same_letters_away(scene: Scene, name: str) -> None:
    status, code, forge = FORGERIES[name]
    letter = forge(scene.theirs.genuine(), scene.theirs)
    before = scene.their_mark()
    met, said = _answer(letter.post(scene.theirs.port))
    assert met == status and said in (code, "")
    assert scene.their_mark() == before


def test_a_thousand_signatures_do_not_come_in(scene: Scene) -> None:
    """Whatever the server in front makes of 200 KB of header, the program makes nothing of it."""
    good = scene.ours.genuine()
    letter = good.with_("Signature", ", ".join([good.of("Signature")] * 1000))
    assert letter.post(scene.ours.port)[0] in (400, 401, 414, 431)
    assert scene.our_mark() == scene.untouched


TOKEN = "/oauth2/client/token"
CREDENTIALS: dict[str, tuple[int, str]] = {
    "a wrong secret": (401, "grant_type=client_credentials&client_id={client}&client_secret=a-secret-of-nobody"),
    "no secret": (401, "grant_type=client_credentials&client_id={client}"),
    "an unknown client": (401, "grant_type=client_credentials&client_id=nobody&client_secret=a-secret-of-nobody"),
    "a client that climbs": (401, "grant_type=client_credentials&client_id=../bearer.key&client_secret=x"),
    "a password": (400, "grant_type=password&username={client}&password=a-secret-of-nobody"),
}


@pytest.mark.parametrize("name", CREDENTIALS)
def test_wrong_credentials_give_no_token_and_leave_one_line(
    scene: Scene, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    status, form = CREDENTIALS[name]
    for door, prefix in ((scene.ours, "/agency"), (scene.theirs, "")):
        headers = (("Content-Type", "application/x-www-form-urlencoded"),)
        letter = Letter("POST", prefix + TOKEN, headers, form.format(client=door.client).encode())
        before = scene.their_mark()
        caplog.clear()
        assert letter.post(door.port)[0] == status
        assert (scene.our_mark(), scene.their_mark()) == (scene.untouched, before)
        lines = [record for record in caplog.records if record.levelno >= logging.WARNING]
        assert [line.msg for line in lines] == (["agency_token_refused"] if door is scene.ours else [])
        assert "a-secret-of-nobody" not in str([vars(line) for line in lines])


def test_a_known_id_with_other_bytes_is_refused_and_leaves_one_line(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """Genuinely signed, and all the same not the letter that we know: it is kept for a person, and does nothing."""
    other = scene.ours.old.body.replace(b'"pdng"', b'"rjct"')
    assert other != scene.ours.old.body
    before = _packets(scene)
    caplog.clear()
    assert _answer(scene.ours.genuine(other).post(scene.ours.port)) == (409, "rjct.message_id.duplicate")
    inbox.apply_waiting()
    assert _packets(scene) == before
    (line,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert line.msg == "inbox_other_bytes"
    right.assert_right(scene.books)


def test_the_genuine_letters_come_in(scene: Scene) -> None:
    """What the forgers start from is taken at both doors; a repeated one gets its answer again."""
    again = scene.ours.genuine(scene.ours.old.body)
    before = scene.our_mark()
    first, second = again.post(scene.ours.port), again.post(scene.ours.port)
    assert first == second and first[0] == 202
    assert scene.our_mark() == before
    assert _answer(scene.ours.genuine().post(scene.ours.port)) == (202, "")
    assert scene.our_mark() != before
    assert _answer(scene.theirs.genuine().post(scene.theirs.port)) == (200, "rjct.message_id.duplicate")


def _packets(scene: Scene) -> list[tuple[str, str, str]]:
    """Where packets, lists and settlements stand."""
    rows = scene.books.execute(
        text(
            "SELECT p.state, b.state, s.state FROM packets p JOIN payout_batches b ON b.id = p.batch_id"
            " JOIN settlements s ON s.packet_id = p.id ORDER BY p.id"
        )
    ).all()
    scene.books.rollback()
    return [tuple(row) for row in rows]


def _answer(said: tuple[int, bytes]) -> tuple[int, str]:
    status, body = said
    try:
        return status, messages.read_ack(body).code
    except messages.BadMessage:
        return status, ""


def _says_nothing_personal(line: logging.LogRecord, letter: Letter) -> None:
    written = str(vars(line))
    secrets = [value for name, value in letter.headers if name in ("Authorization", "Signature") and len(value) > 20]
    for hidden in (*PERSONAL, "CT-202611", *secrets):
        assert hidden not in written
