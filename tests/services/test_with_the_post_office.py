"""The services against the sandbox post office over real HTTP; the truth is what lies in its cash drawer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.agency import messages
from app.agency.g2p import G2PAgency
from app.agency.keys import KeyRing
from app.agency.port import Endpoint
from app.agency.sandbox.engine import SandboxPostOffice
from app.agency.sandbox.home import prepare_home
from app.agency.sandbox.knobs import turn
from app.agency.sandbox.server import Server, open_site
from app.models import Packet
from app.services import extensions, inbox, notices, packets, sending
from app.services.batches import approval
from app.services.sending import Connection
from app.services.settlements import arithmetic, locking
from tests import factories as make
from tests import office

HANG_S = 1.5


@pytest.fixture(autouse=True)
def mid_november() -> Any:
    with clock.at(date(2026, 11, 10)):
        yield


@dataclass
class PostOffice:
    """The running program, and its inside."""

    inside: SandboxPostOffice
    connect: Callable[[str, str], Connection]

    def faults(self, *names: str, actions: tuple[str, ...] = ("disburse", "status")) -> None:
        knobs: dict[str, Any] = {"fault_script": list(names), "fault_actions": list(actions)}
        turn(self.inside.store, knobs | {"hang_s": HANG_S * 2, "late_s": 0.0})

    def deliver(self, session: Session) -> int:
        """Bring every waiting callback to our inbox and apply it."""
        count = 0
        while due := self.inside.due_callbacks(everything=True):
            for out in due:
                office.arrive(session, out.body)
                self.inside.note_delivery(out.id, delivered=True, answer="200")
                count += 1
        inbox.apply_waiting()
        office.refresh(session)
        return count


@pytest.fixture
def post_office(tmp_path: Path) -> Iterator[PostOffice]:
    ours = KeyRing(tmp_path / "ours")
    ours.new_key(now=clock.wall())
    exchange = prepare_home(
        tmp_path / "sandbox",
        callback_base_url="http://127.0.0.1:9/agency",
        partner_keys=ours.published(),
        client_secret=ours.issue_client("vnpost"),
    )
    for kid, pem in exchange.public_keys.items():
        ours.trust("vnpost", kid, pem)
    ours.keep_secret(exchange.client_id, exchange.client_secret)
    inside = SandboxPostOffice(tmp_path / "sandbox", seed=3)
    server = Server(inside, open_site(inside, tmp_path / "sandbox"), host="127.0.0.1", port=0)
    server._postman.start = lambda: None  # type: ignore[method-assign]  # callbacks are taken by hand
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    agency = G2PAgency(ours, now=clock.wall)
    endpoint = Endpoint(f"http://127.0.0.1:{server.port}", "chitra", "vnpost", exchange.client_id, deadline_s=HANG_S)
    yield PostOffice(inside, lambda code, base_url: Connection(agency, endpoint))
    server.stop()
    thread.join(timeout=10)


def make_certain(session: Session, post_office: PostOffice, packet: Packet) -> None:
    """Send and ask, as the scheduler would, until the packet is neither queued nor in doubt."""
    for _round in range(6):
        sending.send_next(post_office.connect)
        sending.ask_next(post_office.connect)
        post_office.inside.land_late_requests(everything=True)
        office.hurry(session)
        office.refresh(session)
        if packet.state not in ("queued", "in_doubt"):
            return
    raise AssertionError(packet.last_error)


@pytest.mark.parametrize(
    "faults",
    [
        (),
        ("reset_before",),
        ("reset_after",),
        ("timeout_before",),
        ("timeout_after",),
        ("late_request",),
        ("http_500_after",),
        ("html_502_before",),
        ("http_429",),
        ("truncated_json",),
        ("wrong_packet",),
        ("bad_signature",),
        ("reset_after", "reset_after"),
        ("late_request", "none", "reset_after"),
        ("timeout_before", "html_502_before", "reset_after"),
    ],
    ids=lambda faults: "+".join(faults) or "none",
)
def test_whatever_the_wire_does_the_post_office_has_exactly_one_packet(
    session: Session, post_office: PostOffice, faults: tuple[str, ...]
) -> None:
    packet = office.queued(session, people=3)
    post_office.faults(*faults)
    make_certain(session, post_office, packet)
    assert packet.state == "received"
    there = post_office.inside.store.packets()
    assert [(one.code, one.message_id, one.stage) for one in there] == [(packet.code, packet.message_id, "received")]
    assert not post_office.inside.store.rows("SELECT * FROM alarms")


def test_a_post_office_nobody_answers_at_leaves_the_packet_in_the_queue(
    session: Session, post_office: PostOffice
) -> None:
    packet = office.queued(session)
    there = post_office.connect("vnpost", "")
    nobody = Connection(there.agency, Endpoint("http://127.0.0.1:9", "chitra", "vnpost", "chitra", deadline_s=2.0))
    sending.send_next(lambda code, base_url: nobody)
    office.refresh(session)
    assert (packet.state, packet.unknown_count) == ("queued", 0)


def test_a_month_is_paid_settled_and_locked_and_the_drawer_equals_our_books(
    session: Session, post_office: PostOffice
) -> None:
    packet = office.queued(session, people=40)
    turn(post_office.inside.store, {"paid_share": 0.8, "death_share": 0.1, "part_lines": 15})
    make_certain(session, post_office, packet)
    desk = post_office.inside.desk
    desk.accept(packet.code)
    desk.ask_extension(packet.code, 3, "Mưa lũ")
    desk.pay(packet.code)
    desk.settle(packet.code)
    assert post_office.deliver(session) == 5
    settlement = office.settlement_of(session, packet)
    assert (settlement.state, settlement.parts_received, settlement.parts_expected) == ("received", 3, 3)
    found = arithmetic.figures(session, settlement.id)
    assert found.ties_out and found.unpaid.people and found.to_recover.people
    locking.lock(session, settlement.id, by=make.ACCOUNTANT)
    session.commit()
    drawer = {handout.reference_id: handout.amount_vnd for handout in post_office.inside.drawer()}
    ours = {
        line.reference: line.total_vnd
        for line in office.lines_of(session, packet)
        if line.result in ("paid", "to_recover")
    }
    assert ours == drawer
    said = desk.totals(packet.code)
    assert said["paid"]["people"] == found.paid.people and said["recover"]["vnd"] == found.to_recover.vnd


def test_a_rejected_version_is_corrected_and_the_next_one_is_taken(session: Session, post_office: PostOffice) -> None:
    first = office.queued(session, people=3)
    make_certain(session, post_office, first)
    post_office.inside.desk.reject(first.code, "Thiếu thôn 2")
    post_office.deliver(session)
    assert (first.state, first.answer_reason) == ("rejected", "Thiếu thôn 2")
    approval.unlock(session, first.batch_id, by=make.SUPERVISOR, because="Bổ sung")
    approval.lock(session, first.batch_id, by=make.SUPERVISOR)
    second = packets.queue(session, first.batch_id, by=make.CLERK)
    session.commit()
    make_certain(session, post_office, second)
    stages = {one.code: (one.stage, one.replaces) for one in post_office.inside.store.packets()}
    assert stages == {first.code: ("rejected", ""), second.code: ("received", first.code)}


@pytest.mark.parametrize("agree", [True, False])
@pytest.mark.parametrize("faults", [(), ("reset_after",), ("html_502_before",)], ids=["none", "after", "before"])
def test_a_recall_is_decided_by_the_post_offices_clerk(
    session: Session, post_office: PostOffice, agree: bool, faults: tuple[str, ...]
) -> None:
    packet = office.queued(session, people=2)
    make_certain(session, post_office, packet)
    packets.ask_recall(session, packet.id, by=make.CLERK, because="Sai số tài khoản")
    session.commit()
    post_office.faults(*faults)
    for _attempt in range(2):
        sending.recall_next(post_office.connect)
        office.hurry(session)
    asked = post_office.inside.store.rows("SELECT * FROM recalls")
    assert [(row["reason"], row["stage"]) for row in asked] == [("Sai số tài khoản", "open")]
    post_office.inside.desk.answer_recall(asked[0]["id"], agree=agree, reason="Đang chi trả")
    post_office.deliver(session)
    if agree:
        assert packet.state == "rejected"
        assert office.batch_of(session, packet).state == "returned"
    else:
        assert (packet.state, packet.recall_answer) == ("received", "Đang chi trả")


def test_a_packet_that_does_not_match_is_refused_with_the_post_offices_words(
    session: Session, post_office: PostOffice
) -> None:
    packet = office.queued(session, people=2)
    turn(post_office.inside.store, {"max_lines": 1})
    make_certain(session, post_office, packet)
    assert (packet.state, packet.answer_reason) == ("refused", "Gói tin quá 1 dòng.")
    assert office.batch_of(session, packet).return_reason == "Gói tin quá 1 dòng."


def test_what_leaves_the_house_names_no_benefit(session: Session, post_office: PostOffice) -> None:
    packet = office.queued(session, people=2)
    make_certain(session, post_office, packet)
    body = bytes(session.execute(text("SELECT body FROM packets")).scalar_one())
    envelope = messages.read_request(body, now=clock.wall())
    assert {line.payee_fa.split(":")[0] for line in envelope.lines} == {"cash"}
    names = session.execute(text("SELECT name, code FROM benefit_types")).all()
    assert not [name for row in names for name in row if name in body.decode()]


def test_the_post_office_hears_what_was_decided_about_its_days(session: Session, post_office: PostOffice) -> None:
    packet = office.queued(session, people=2)
    make_certain(session, post_office, packet)
    post_office.inside.desk.accept(packet.code)
    post_office.inside.desk.ask_extension(packet.code, 7, "Mưa lũ")
    post_office.deliver(session)
    asked = session.execute(text("SELECT id FROM deadline_extensions")).scalar_one()
    extensions.grant(session, asked, by=make.SUPERVISOR, days=3, note="Ba ngày là đủ")
    session.commit()
    post_office.faults("reset_after")
    assert notices.deliver_next(post_office.connect)
    session.execute(text("UPDATE agency_notices SET next_attempt_at = now()"))
    session.commit()
    assert notices.deliver_next(post_office.connect)
    heard = post_office.inside.store.notices(packet.code)
    assert [(one.decision, one.days, one.due_on, one.reason) for one in heard] == [
        ("granted", 3, "2026-11-28", "Ba ngày là đủ")
    ], "said twice on the wire, heard once"
    office.refresh(session)
    assert session.execute(text("SELECT delivered_at IS NOT NULL FROM agency_notices")).scalar_one()


def test_money_brought_back_at_the_counter_comes_into_our_books(session: Session, post_office: PostOffice) -> None:
    """A death after payment; the family brings the money back before the next settlement."""
    turn(post_office.inside.store, {"paid_share": 1.0, "death_share": 0.0})
    packet = office.queued(session, people=2)
    make_certain(session, post_office, packet)
    desk = post_office.inside.desk
    wrong = office.lines_of(session, packet)[0]
    desk.accept(packet.code)
    desk.plan(packet.code, {wrong.reference: "recover"})
    desk.pay(packet.code, days=31)
    desk.collect(wrong.reference, 400_000)
    desk.settle(packet.code)
    post_office.deliver(session)
    locking.lock(session, office.settlement_of(session, packet).id, by=make.ACCOUNTANT)
    session.commit()
    rows = session.execute(text("SELECT kind, amount_vnd, reference FROM recovery_entries"))
    [receipt] = post_office.inside.store.collections()
    assert [tuple(row) for row in rows] == [("cash", 400_000, receipt.receipt)]
