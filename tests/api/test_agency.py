"""Callbacks of agencies: proven over the raw bytes, kept in a committed transaction, and only then acknowledged."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask

from app import clock
from app.agency import bodies, messages, signing
from app.agency.messages import CallbackHead
from app.rules.actors import Role
from app.services import inbox
from tests.accounts import people
from tests.api.agencies import DISBURSE, STATUS, TOKEN, Agency, broken, kept, proven, said, warnings
from tests.api.answers import problem_of, rows

# --- What is kept --------------------------------------------------------------------------------------------------


def test_a_proven_message_is_kept_as_it_came_and_acknowledged(vnpost: Agency) -> None:
    body = said(message_id="vnpost-1")
    answer = vnpost.post(body)
    assert answer.status_code == 202
    ack = proven(vnpost, answer)
    assert (ack.status, ack.in_reply_to, ack.transaction_id) == ("ACK", "vnpost-1", "CT-202611-00004-M-V1")
    assert ack.correlation_id and not ack.code
    assert set(answer.json) == {"message"}
    assert set(answer.json["message"]) == {"ack_status", "timestamp", "correlation_id", "meta"}
    (row,) = kept()
    assert row[:4] == ("vnpost-1", "on-disburse", "CT-202611-00004-M-V1", vnpost.theirs.signing_key().kid)
    assert bytes(row[4]) == body
    assert row[5] is None, "what it means is decided later, by the scheduler"


def test_no_credential_is_kept(vnpost: Agency) -> None:
    vnpost.post(said())
    ((headers,),) = rows("SELECT headers FROM inbox")
    assert set(headers) == {"Signature", "Content-Type", "User-Agent"}


def test_the_row_is_committed_before_the_answer(vnpost: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that cannot be built any more finds the message kept; a message that cannot be kept finds no 2xx."""
    body = said(message_id="vnpost-2")
    headers = vnpost.signed(body)
    monkeypatch.setattr("app.api.agency._plain", _fails)
    with pytest.raises(PowerCut):
        vnpost.client.post(DISBURSE, data=body, headers=headers)
    assert [row[0] for row in kept()] == ["vnpost-2"]


class PowerCut(Exception):
    """The process ends here."""


def _fails(*_args: Any, **_kwargs: Any) -> None:
    raise PowerCut


def test_a_message_that_cannot_be_kept_is_not_acknowledged(vnpost: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    vnpost.fetch()
    monkeypatch.setattr(inbox, "keep", _fails)
    with pytest.raises(PowerCut):
        vnpost.post(said())
    assert kept() == []


def test_a_replay_gets_the_same_bytes_again_and_is_kept_once(vnpost: Agency) -> None:
    body = said()
    first = vnpost.post(body)
    with time_machine.travel(clock.wall() + timedelta(minutes=2), tick=False):
        again = vnpost.post(body)
    assert (again.status_code, again.data) == (first.status_code, first.data)
    assert proven(vnpost, again).status == "ACK"
    assert len(kept()) == 1


def test_the_same_message_at_the_same_moment_is_kept_once(vnpost: Agency) -> None:
    body = said()
    headers = vnpost.signed(body)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _n: vnpost.client.post(DISBURSE, data=body, headers=headers), range(4)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.data for answer in answers}) == 1
    assert len(kept()) == 1


def test_a_known_id_with_other_bytes_is_refused_kept_beside_it_and_raises_an_alarm(
    vnpost: Agency, caplog: pytest.LogCaptureFixture
) -> None:
    vnpost.post(said(message_id="vnpost-3"))
    before, other = kept(), said(message_id="vnpost-3", status="rjct")
    answer = vnpost.post(other)
    assert answer.status_code == 409
    ack = proven(vnpost, answer)
    assert (ack.status, ack.code, ack.in_reply_to) == ("NACK", "rjct.message_id.duplicate", "vnpost-3")
    assert kept()[:1] == before
    assert broken() == [(None, "rjct.message_id.duplicate", "CT-202611-00004-M-V1", other, "failed")]
    assert [record.msg for record in warnings(caplog)] == ["inbox_other_bytes"]
    again = vnpost.post(other)
    assert (again.status_code, again.data, len(kept())) == (409, answer.data, 2)


def test_a_known_id_with_bytes_that_are_no_message_is_a_duplicate_too(
    vnpost: Agency, caplog: pytest.LogCaptureFixture
) -> None:
    vnpost.post(said(message_id="vnpost-4"))
    bad = said(message_id="vnpost-4").replace(b'"pdng"', b'"done"')
    answer = vnpost.post(bad)
    assert (answer.status_code, proven(vnpost, answer).code) == (409, "rjct.message_id.duplicate")
    assert [record.msg for record in warnings(caplog)] == ["inbox_other_bytes"]


def test_the_same_id_of_another_agency_is_another_message(vnpost: Agency, partner: Callable[[str], Agency]) -> None:
    viettel = partner("viettel")
    assert vnpost.post(said(message_id="m-1")).status_code == 202
    assert viettel.post(said(message_id="m-1", sender_id="viettel")).status_code == 202
    assert len(kept()) == 2


@pytest.mark.parametrize("path", [STATUS, "/agency/disburse/txn/on-status"])
def test_an_answer_to_a_question_arrives_under_both_its_addresses(vnpost: Agency, path: str) -> None:
    head = CallbackHead("CT-202611-00004-M-V1", "vnpost-s", clock.wall(), "vnpost", "chitra", "pdng")
    assert vnpost.post(messages.on_status(head, sync=False), path).status_code == 202
    assert kept()[0][1] == "on-status"


def test_a_packed_message_is_kept_unpacked(vnpost: Agency) -> None:
    body = said()
    headers = vnpost.signed(body) | {"Content-Encoding": "gzip"}
    assert vnpost.client.post(DISBURSE, data=gzip.compress(body), headers=headers).status_code == 202
    assert bytes(kept()[0][4]) == body


def test_a_part_of_five_thousand_lines_is_taken(vnpost: Agency) -> None:
    lines = [messages.LineStatus(f"202611-{n}", "paid", 500_000, clock.wall()) for n in range(5_000)]
    part = messages.SettlementPart("QT-1", 1, 1, messages.ControlTotals.of(lines))
    assert vnpost.post(said(lines=lines, status="succ", settlement=part)).status_code == 202


def test_a_first_attempt_of_weeks_ago_is_welcome_when_it_is_signed_afresh(vnpost: Agency) -> None:
    with time_machine.travel(clock.wall() - timedelta(days=40), tick=False):
        body = said()
    assert vnpost.post(body).status_code == 202


def test_either_of_two_live_keys_signs_during_a_rotation(vnpost: Agency) -> None:
    old = vnpost.theirs.signing_key()
    new = vnpost.theirs.new_key("RS256", now=clock.wall() + timedelta(seconds=1))
    vnpost.ours.trust("vnpost", new, vnpost.theirs.public_pem(new))
    assert vnpost.post(said()).status_code == 202
    body = said()
    by_old = vnpost.signed(body) | {"Signature": signing.sign(body, old, now=clock.wall())}
    assert vnpost.client.post(DISBURSE, data=body, headers=by_old).status_code == 202
    assert [row[3] for row in kept()] == [new, old.kid]


def test_the_program_acts_as_nobody_before_a_message_is_proven(
    vnpost: Agency, database: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when a browser's cookie comes along: it counts for nothing here."""
    from app.extensions import current_actor

    people.issue("xa.canbo", Role.CLERK, area=people.BA_DINH)
    browser = people.sign_in(database, "xa.canbo")
    seen: list[str] = []
    unpacked = bodies.unpack

    def watched(*args: Any, **more: Any) -> bytes:
        seen.append(current_actor().username)
        return unpacked(*args, **more)

    monkeypatch.setattr("app.api.agency.unpack", watched)
    body = said()
    answer = browser.post(DISBURSE, data=body, headers=vnpost.signed(body))
    assert (answer.status_code, seen) == (202, ["nobody"])
    assert browser.post(DISBURSE, data=body).status_code == 401


# --- What is read and refused --------------------------------------------------------------------------------------

CHANGES: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (lambda m: m["header"].update(version="2.0.0"), "rjct.version.invalid"),
    (lambda m: m["header"].update(action="disburse"), "rjct.action.invalid"),
    (lambda m: m["header"].pop("action"), "rjct.action.invalid"),
    (lambda m: m["header"].update(receiver_id="other"), "err.receiver_id.invalid"),
    (lambda m: m["header"].update(sender_id="other"), "err.sender_id.invalid"),
    (lambda m: m["header"].update(message_ts="2099-01-01T00:00:00Z"), "rjct.message_ts.invalid"),
    (lambda m: m["header"].update(message_ts="yesterday"), "rjct.message_ts.invalid"),
    (lambda m: m["header"].update(is_msg_encrypted=True), "err.encryption.invalid"),
    (lambda m: m["header"].update(status="done"), "err.request.bad"),
    (lambda m: m["header"].pop("message_id"), "err.request.bad"),
    (lambda m: m["header"].update(message_id="x" * 100), "err.request.bad"),
    (lambda m: m["header"].update(message_id="a\x00b"), "err.request.bad"),
    (lambda m: m["header"].update(message_id=5), "err.request.bad"),
    (lambda m: m["message"].update(transaction_id="CT"), "err.request.bad"),
    (lambda m: m["message"].update(transaction_id="\ud800-V1"), "err.request.bad"),
    (lambda m: m.pop("message"), "err.request.bad"),
    (lambda m: m.pop("header"), "rjct.action.invalid"),
]


@pytest.mark.parametrize(("change", "code"), CHANGES)
def test_a_signed_message_that_breaks_the_contract_is_refused_and_kept_for_a_person(
    vnpost: Agency, caplog: pytest.LogCaptureFixture, change: Callable[[dict[str, Any]], Any], code: str
) -> None:
    message = json.loads(said())
    change(message)
    body = json.dumps(message).encode()
    answer = vnpost.post(body)
    assert answer.status_code == 400
    ack = proven(vnpost, answer)
    assert (ack.status, ack.code) == ("NACK", code)
    ((_id, problem, _about, bytes_kept, outcome),) = broken()
    assert (problem, bytes_kept, outcome) == (code, body, "failed")
    (line,) = warnings(caplog)
    assert (line.msg, line.code) == ("agency_message_refused", code)
    again = vnpost.post(body)
    assert (again.status_code, again.data, len(kept())) == (400, answer.data, 1)


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{", b"\xff", b'{"header":{},"header":{}}', b"[" * 100_000, b'{"a":' * 100_000]
)
def test_signed_bytes_that_are_no_message_are_refused_and_kept(vnpost: Agency, body: bytes) -> None:
    answer = vnpost.post(body)
    assert (answer.status_code, proven(vnpost, answer).status) == (400, "NACK")
    assert [(row[0], row[3]) for row in broken()] == [(None, body)]
    ((key_id, headers, note),) = rows("SELECT key_id, headers, note FROM inbox")
    assert key_id == vnpost.theirs.signing_key().kid and "Signature" in headers and "hợp đồng kết nối" in note
    inbox.apply_waiting()
    assert rows("SELECT attempts, outcome FROM inbox") == [(0, "failed")]


def test_a_broken_message_uses_up_its_id(vnpost: Agency) -> None:
    bad = said(message_id="vnpost-5").replace(b'"pdng"', b'"done"')
    assert vnpost.post(bad).status_code == 400
    answer = vnpost.post(said(message_id="vnpost-5"))
    assert (answer.status_code, proven(vnpost, answer).code) == (409, "rjct.message_id.duplicate")


def test_a_message_ahead_of_our_clock_is_taken_when_the_time_has_come(vnpost: Agency) -> None:
    with time_machine.travel(clock.wall() + timedelta(hours=1), tick=False):
        early = said(message_id="vnpost-6")
    assert vnpost.post(early).status_code == 400
    with time_machine.travel(clock.wall() + timedelta(hours=1), tick=False):
        vnpost.bearer = ""
        assert vnpost.post(early).status_code == 202
    assert rows("SELECT message_id, problem FROM inbox ORDER BY id") == [
        (None, "rjct.message_ts.invalid"),
        ("vnpost-6", None),
    ]


def test_other_addresses_and_methods_are_problems(vnpost: Agency) -> None:
    for path in (DISBURSE, STATUS, TOKEN):
        for method in ("GET", "PUT", "DELETE"):
            problem_of(vnpost.client.open(path, method=method), 405)
    problem_of(vnpost.client.post("/agency/on-link"), 404)


# --- Tokens --------------------------------------------------------------------------------------------------------


def test_a_token_is_given_for_credentials_in_the_form_or_the_header(vnpost: Agency) -> None:
    answer = vnpost.fetch()
    assert answer.status_code == 200
    assert (answer.json["token_type"], answer.json["expires_in"]) == ("Bearer", 300)
    assert answer.headers["Cache-Control"] == "no-store" and "Set-Cookie" not in answer.headers
    basic = vnpost.client.post(TOKEN, data={"grant_type": "client_credentials"}, auth=("vnpost", vnpost.secret))
    assert basic.status_code == 200


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({}, 400, "unsupported_grant_type"),
        ({"grant_type": "password", "client_id": "vnpost", "client_secret": "SECRET"}, 400, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, 401, "invalid_client"),
        ({"grant_type": "client_credentials", "client_id": "vnpost", "client_secret": "x"}, 401, "invalid_client"),
        ({"grant_type": "client_credentials", "client_id": "viettel", "client_secret": "SECRET"}, 401, "invalid_client"),
        ({"grant_type": "client_credentials", "client_id": "../clients/vnpost", "client_secret": "SECRET"}, 401, "invalid_client"),
        ({"grant_type": "client_credentials", "client_id": "\x00", "client_secret": "\ud800"}, 401, "invalid_client"),
    ],
)  # fmt: skip
def test_wrong_credentials_give_no_token(
    vnpost: Agency, caplog: pytest.LogCaptureFixture, form: dict[str, str], status: int, error: str
) -> None:
    form = {
        name: vnpost.secret if value == "SECRET" else value.encode("utf-8", "replace").decode()
        for name, value in form.items()
    }
    answer = vnpost.client.post(TOKEN, data=form)
    assert (answer.status_code, answer.json) == (status, {"error": error})
    (line,) = warnings(caplog)
    assert line.msg == "agency_token_refused" and vnpost.secret not in str(vars(line))


@pytest.mark.parametrize("header", ["Basic !!!", "Basic dm5wb3N0", "Basic /////w==", "Digest x"])
def test_a_broken_header_gives_no_token(vnpost: Agency, header: str) -> None:
    form = {"grant_type": "client_credentials"}
    assert vnpost.client.post(TOKEN, data=form, headers={"Authorization": header}).status_code == 401


def test_a_form_above_its_limit_is_refused(vnpost: Agency) -> None:
    problem_of(vnpost.client.post(TOKEN, data={"grant_type": "x" * 10_000}), 413)


# --- Our own keys --------------------------------------------------------------------------------------------------


def test_without_a_key_of_our_own_nothing_is_taken(vnpost: Agency) -> None:
    """An unsigned answer is no answer, so a message we cannot answer is not taken either."""
    body = said()
    headers = vnpost.signed(body)
    for path in (vnpost.ours.folder / "own").iterdir():
        path.unlink()
    answer = vnpost.client.post(DISBURSE, data=body, headers=headers)
    assert (answer.status_code, answer.json["message"]["error"]["code"]) == (503, "err.service.unavailable")
    assert kept() == []


def test_a_key_others_can_read_is_not_used(vnpost: Agency) -> None:
    vnpost.fetch()
    (vnpost.ours.folder / "bearer.key").chmod(0o644)
    assert vnpost.fetch().status_code == 503
