"""Lists the office pays itself: handed over at once, settled like every other, taken back while nobody was paid."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session, undefer

from app import clock
from app.models import Packet
from app.rules.actors import Actor
from app.services import by_hand, own_paying, packets, sending, transitions, workbench
from app.services.batches import approval, making, versions
from app.services.settlements import arithmetic, entering, locking
from app.services.settlements.entering import Change
from tests import factories as make
from tests import hand, office


@pytest.fixture(autouse=True)
def mid_november() -> Any:
    with clock.at(date(2026, 11, 10)):
        yield


def test_a_list_without_an_agency_goes_to_the_cashier_and_its_settlement_is_open(session: Session) -> None:
    packet = hand.own_packet(session, people=2)
    batch, settlement = office.batch_of(session, packet), office.settlement_of(session, packet)
    assert (batch.agency_id, batch.state, packet.state, settlement.state) == (None, "accepted", "accepted", "waiting")
    assert (packet.agency.code, packet.agency.kind, packet.agency.is_active) == ("office", "office", False)
    assert (settlement.sent_count, settlement.sent_vnd) == (2, batch.total_vnd)
    moves = [office.movements(session, line.id) for line in office.lines_of(session, packet)]
    assert moves == [[("owed", "with_agency", 540_000)]] * 2
    assert office.audit(session, "packet", packet.id) == ["create", "claim", "accept"]
    actors = session.execute(text("SELECT DISTINCT actor FROM state_changes WHERE machine = 'packet'")).scalars()
    assert list(actors) == ["xa.clerk"]


def test_the_bytes_kept_are_those_the_approval_hashed(session: Session) -> None:
    packet = hand.own_packet(session)
    kept = session.get_one(Packet, packet.id, options=[undefer(Packet.body)], populate_existing=True)
    assert kept.body is not None
    assert hashlib.sha256(kept.body).hexdigest() == kept.body_sha256 == kept.lines_sha256


def test_what_changed_between_two_versions_is_read_from_what_the_cashier_was_given(session: Session) -> None:
    packet = hand.own_packet(session, people=2)
    assert versions.between(session, packet.batch_id) == []
    packets.ask_recall(session, packet.id, by=make.CLERK, because="Thêm một người")
    gone, raised = office.lines_of(session, packet)
    approval.unlock(session, packet.batch_id, by=make.SUPERVISOR, because="Thêm một người")
    session.execute(text("UPDATE entitlements SET coefficient = 2 WHERE id = :id"), {"id": raised.entitlement_id})
    session.execute(text("UPDATE beneficiaries SET status = 'stopped' WHERE id = :id"), {"id": gone.beneficiary_id})
    making.remake(session, packet.batch_id, by=make.CLERK)
    [found] = versions.between(session, packet.batch_id)
    assert (found.older, found.newer, found.count) == (packet.code, "", 2)
    assert {(one.name, one.before_vnd, one.now_vnd, one.payee_changed) for one in found.changes} == {
        ("Trần Văn 1", 540_000, None, False), ("Trần Văn 2", 540_000, 1_080_000, False),
    }  # fmt: skip
    approval.lock(session, packet.batch_id, by=make.SUPERVISOR)
    packets.queue(session, packet.batch_id, by=make.CLERK)
    [found] = versions.between(session, packet.batch_id)
    assert (found.newer, found.count) == ("CT-202611-00004-M-V2", 2)
    session.commit()


def test_nobody_answers_it_from_outside(session: Session) -> None:
    packet = hand.own_packet(session)
    with pytest.raises(by_hand.NotByHand):
        by_hand.enter(session, packet.id, "reject", by=make.CLERK, because="Nhầm")


def test_no_scheduler_ever_sends_it(session: Session) -> None:
    hand.own_packet(session)
    agency = office.ScriptedAgency()
    assert not any(step(agency.connect) for step in (sending.send_next, sending.ask_next, sending.recall_next))


def test_it_settles_like_every_other_list_without_a_fee(session: Session) -> None:
    settlement = hand.own_settlement(session, people=2)
    entering.change(session, settlement.id, Change("pending", "paid"), by=make.CLERK)
    locking.lock(session, settlement.id, by=make.ACCOUNTANT)
    session.commit()
    session.refresh(settlement)
    assert (settlement.state, settlement.paid_count, settlement.fee_vnd) == ("locked", 2, 0)
    assert {line.result for line in hand.lines(session, settlement)} == {"paid"}


def test_only_a_clerk_hands_over_and_only_what_is_approved(session: Session) -> None:
    hand.pays_itself(session)
    draft = make.made_list(session, people=1)
    with pytest.raises(transitions.WrongState):
        packets.queue(session, draft, by=make.CLERK)
    approval.lock(session, draft, by=make.SUPERVISOR)
    with pytest.raises(transitions.NotYours):
        packets.queue(session, draft, by=make.SUPERVISOR)


def test_it_is_taken_back_corrected_and_handed_over_again(session: Session) -> None:
    packet = hand.own_packet(session, people=1)
    packets.ask_recall(session, packet.id, by=make.CLERK, because="Sai tên")
    batch = office.batch_of(session, packet)
    assert (packet.state, batch.state, office.settlement_of(session, packet).state) == ("rejected", "returned", "void")
    approval.unlock(session, batch.id, by=make.SUPERVISOR, because="Sửa tên")
    approval.lock(session, batch.id, by=make.SUPERVISOR)
    again = packets.queue(session, batch.id, by=make.CLERK)
    session.commit()
    assert (again.version, again.replaces_id, again.state) == (2, packet.id, "accepted")
    assert [move[:2] for move in office.movements(session, office.lines_of(session, again)[0].id)] == [
        ("owed", "with_agency"), ("with_agency", "owed"), ("owed", "with_agency"),
    ]  # fmt: skip


def test_it_is_not_taken_back_once_somebody_was_paid(session: Session) -> None:
    settlement = hand.own_settlement(session, people=2)
    made = entering.change(session, settlement.id, Change("pending", "paid"), by=make.CLERK)
    with pytest.raises(own_paying.MoneyHandedOut, match="2 dòng"):
        packets.ask_recall(session, settlement.packet_id, by=make.CLERK, because="Sai tên")
    entering.undo(session, made.id, by=make.CLERK)
    packets.ask_recall(session, settlement.packet_id, by=make.CLERK, because="Sai tên")
    assert arithmetic.figures(session, settlement.id).problems


def test_the_workbench_leads_to_the_results_and_then_to_the_lock(session: Session) -> None:
    settlement = hand.own_settlement(session, people=2)

    def actions(by: Actor) -> list[str]:
        steps = workbench.month(session, make.area(session), make.NOVEMBER, by=by).steps
        return [step.action.move for step in steps if step.action is not None]

    assert "enter" in actions(make.CLERK) and "settle" not in actions(make.ACCOUNTANT)
    entering.change(session, settlement.id, Change("pending", "paid"), by=make.CLERK)
    session.commit()
    assert "enter" not in actions(make.CLERK) and "settle" in actions(make.ACCOUNTANT)
