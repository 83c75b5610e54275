"""Paying by the seed, the cash drawer, settlements in parts with control totals; in this process, without HTTP."""

from __future__ import annotations

import sqlite3
from collections import Counter
from pathlib import Path

import pytest

from app.agency.messages import LINE_REASONS, PAID, RECOVER, UNPAID, Callback, ControlTotals
from app.agency.sandbox.engine import ClerkRefused, SandboxPostOffice
from app.agency.sandbox.knobs import KnobRefused, turn
from app.agency.sandbox.paying import REASONS, Chances, fate
from tests.sandbox.partner_side import PACKET, ChosenClock, Partner, some_lines

CODE = f"{PACKET}-V1"


def _accepted(office: SandboxPostOffice, partner: Partner, count: int = 40, **knobs: object) -> None:
    turn(office.store, dict(knobs))
    partner.send(office, partner.packet(some_lines(count)))
    office.desk.accept(CODE)
    partner.collect(office)


def _settled(office: SandboxPostOffice, partner: Partner) -> list[Callback]:
    office.desk.pay(CODE, days=31)
    office.desk.settle(CODE)
    return partner.collect(office)


def test_about_the_chosen_share_is_paid_and_every_reason_occurs() -> None:
    chances = Chances(seed=1, paid_share=0.975, death_share=0.002, pay_days=3)
    lines = some_lines(8_000) + some_lines(12_000, prefix="A", provider="account")
    ends = [fate(chances, line.reference, line.payee_fa) for line in lines]
    share = Counter(end.outcome for end in ends)
    assert 0.970 < (share[PAID] + share[RECOVER]) / len(ends) < 0.980
    assert 20 < share[RECOVER] < 70
    assert {end.reason_code for end in ends if end.outcome == UNPAID} == LINE_REASONS == set(REASONS)
    assert {end.day for end in ends} == {1, 2, 3}


def test_the_same_seed_pays_the_same_people_and_another_seed_others(partner: Partner, time_: ChosenClock) -> None:
    paid = []
    for seed in (7, 7, 8):
        office = SandboxPostOffice(partner.home, seed=seed, clock=time_, in_memory=True)
        partner._bearer = ""
        _accepted(office, partner, 200, paid_share=0.5)
        office.desk.pay(CODE)
        paid.append({handout.reference_id for handout in office.drawer()})
        office.close()
    assert paid[0] == paid[1] != paid[2]
    assert 60 < len(paid[0]) < 140


def test_the_drawer_holds_who_was_handed_how_much_and_when(office: SandboxPostOffice, partner: Partner) -> None:
    _accepted(office, partner, 3, day_offset=10)
    office.desk.plan(CODE, {"L000001": "paid", "L000002": "unpaid:MOVED", "L000003": "recover"})
    office.desk.pay(CODE)
    handed = [(handout.reference_id, handout.amount_vnd, handout.handed_on) for handout in office.drawer(CODE)]
    assert handed == [("L000001", 501_000, "2026-12-04"), ("L000003", 503_000, "2026-12-04")]
    assert office.desk.totals(CODE) == {
        "paid": {"people": 1, "vnd": 501_000},
        "recover": {"people": 1, "vnd": 503_000},
        "unpaid": {"people": 1, "vnd": 502_000},
    }


def test_the_drawer_itself_refuses_a_second_handout_for_a_reference(
    office: SandboxPostOffice, partner: Partner
) -> None:
    _accepted(office, partner, 3, paid_share=1.0)
    office.desk.pay(CODE)
    with pytest.raises(sqlite3.IntegrityError):
        office.store.run("INSERT INTO handouts SELECT * FROM handouts LIMIT 1")


def test_days_of_paying_serve_everybody_once(office: SandboxPostOffice, partner: Partner) -> None:
    _accepted(office, partner, 60, pay_days=3, paid_share=1.0)
    counts = []
    for _ in range(3):
        office.desk.pay(CODE)
        counts.append(len(office.drawer()))
    assert counts == sorted(set(counts))
    assert counts[-1] == 60
    assert office.desk.packet(CODE).stage == "paid"
    with pytest.raises(ClerkRefused):
        office.desk.pay(CODE)


def test_a_settlement_before_the_last_day_reports_the_others_absent(
    office: SandboxPostOffice, partner: Partner
) -> None:
    _accepted(office, partner, 60, pay_days=3, paid_share=1.0)
    office.desk.pay(CODE)
    handed = {handout.reference_id for handout in office.drawer()}
    office.desk.settle(CODE)
    (said,) = partner.collect(office)
    assert {line.reference for line in said.lines if line.outcome == PAID} == handed
    assert {line.reason_code for line in said.lines if line.outcome == UNPAID} == {"ABSENT"}
    assert len(said.lines) == 60


def test_a_settlement_comes_in_parts_with_the_totals_of_the_whole(office: SandboxPostOffice, partner: Partner) -> None:
    _accepted(office, partner, 45, part_lines=10, paid_share=0.6, death_share=0.2)
    parts = _settled(office, partner)
    places = [said.head.settlement for said in parts]
    assert [(place.part, place.parts) for place in places if place] == [(n, 5) for n in range(1, 6)]
    lines = [line for said in parts for line in said.lines]
    assert [line.reference for line in lines] == [line.reference for line in some_lines(45)]
    assert {place.totals for place in places if place} == {ControlTotals.of(lines)}
    handed = {handout.reference_id: handout.amount_vnd for handout in office.drawer()}
    assert {line.reference: line.amount_vnd for line in lines if line.outcome != UNPAID} == handed
    assert {line.outcome for line in lines} == {PAID, UNPAID, RECOVER}
    assert all(line.reason_code for line in lines if line.outcome != PAID)


def test_a_lost_part_can_be_asked_for(office: SandboxPostOffice, partner: Partner) -> None:
    _accepted(office, partner, 45, part_lines=10, missing_part=1.0)
    sent = _settled(office, partner)
    assert len(sent) == 4
    state = partner.ask(office)
    assert state.head.settlement is not None
    assert (state.head.settlement.part, state.head.settlement.parts, state.lines) == (0, 5, ())
    asked = [partner.ask(office, part=part) for part in range(1, 6)]
    assert [said.lines for said in asked[:4]] == [said.lines for said in sent]
    assert len(asked[4].lines) == 5
    assert ControlTotals.of(line for said in asked for line in said.lines) == state.head.settlement.totals


def test_a_settlement_can_be_sent_again_under_a_new_number(office: SandboxPostOffice, partner: Partner) -> None:
    _accepted(office, partner, 5)
    (first,) = _settled(office, partner)
    office.desk.settle(CODE)
    (second,) = partner.collect(office)
    assert second.lines == first.lines
    assert first.head.settlement and second.head.settlement
    assert first.head.settlement.settlement_id != second.head.settlement.settlement_id
    assert first.head.message_id != second.head.message_id
    asked = partner.ask(office, part=1, settlement_id=first.head.settlement.settlement_id)
    assert asked.head.settlement == first.head.settlement


@pytest.mark.parametrize(
    ("name", "lines_off", "ties_out"),
    [
        ("wrong_totals", 0, False),
        ("wrong_amount", 0, True),
        ("missing_line", -1, True),
        ("foreign_line", 1, True),
        ("double_line", 1, True),
    ],
)
def test_a_settlement_can_be_spoiled(
    office: SandboxPostOffice, partner: Partner, name: str, lines_off: int, ties_out: bool
) -> None:
    _accepted(office, partner, 20, **{name: 1.0})
    (said,) = _settled(office, partner)
    assert len(said.lines) == 20 + lines_off
    assert said.head.settlement is not None
    assert (said.head.settlement.totals == ControlTotals.of(said.lines)) is ties_out
    sent = sum(line.amount_vnd for line in some_lines(20))
    assert said.head.settlement.totals.total_vnd != sent
    assert sum(end["vnd"] for end in office.desk.totals(CODE).values()) == sent


def test_a_contradiction_says_paid_and_then_unpaid(office: SandboxPostOffice, partner: Partner) -> None:
    _accepted(office, partner, 20, contradiction=1.0, paid_share=1.0, death_share=0.0)
    first, second = _settled(office, partner)
    flipped = [line.reference for line in second.lines if line.outcome == UNPAID]
    assert len(flipped) == 3
    assert {line.outcome for line in first.lines} == {PAID}
    assert set(flipped) < {handout.reference_id for handout in office.drawer()}


def test_of_a_contradiction_no_word_is_lost_by_chance(office: SandboxPostOffice, partner: Partner) -> None:
    _accepted(office, partner, 20, contradiction=1.0, paid_share=1.0, death_share=0.0, callback_drop=1.0)
    first, second = _settled(office, partner)
    assert {line.outcome for line in first.lines} == {PAID} != {line.outcome for line in second.lines}


def test_an_extension_is_asked_with_days_and_a_reason(office: SandboxPostOffice, partner: Partner) -> None:
    _accepted(office, partner, 3)
    office.desk.ask_extension(CODE, 5, "mưa lũ")
    (said,) = partner.collect(office)
    assert (said.head.meaning, said.head.extension_days, said.head.reason_message) == (
        "extension_asked",
        5,
        "mưa lũ",
    )
    for days, reason in ((0, "x"), (20, "x"), (5, " ")):
        with pytest.raises(ClerkRefused):
            office.desk.ask_extension(CODE, days, reason)


def test_the_clerk_cannot_do_things_out_of_order(office: SandboxPostOffice, partner: Partner) -> None:
    partner.send(office, partner.packet(some_lines(3)))
    for step in (office.desk.pay, office.desk.settle):
        with pytest.raises(ClerkRefused):
            step(CODE)
    with pytest.raises(ClerkRefused):
        office.desk.reject(CODE, "  ")
    office.desk.accept(CODE)
    with pytest.raises(ClerkRefused):
        office.desk.accept(CODE)
    office.desk.pay(CODE)
    with pytest.raises(ClerkRefused):
        office.desk.reject(CODE, "muộn")
    with pytest.raises(ClerkRefused):
        office.desk.accept("CT-202611-99999-M-V1")


def test_the_automatic_clerk_takes_a_packet_to_its_settlement(
    office: SandboxPostOffice, partner: Partner, time_: ChosenClock
) -> None:
    turn(office.store, {"auto_accept": True, "auto_pay": True, "auto_settle": True, "auto_after_s": 5})
    partner.send(office, partner.packet(some_lines(3)))
    assert office.tick() == 0
    stages = []
    for _ in range(4):
        time_.forward(seconds=6)
        office.tick()
        stages.append(office.desk.packet(CODE).stage)
    assert stages == ["accepted", "paid", "settled", "settled"]


@pytest.mark.parametrize(
    "wish",
    [
        {"seeds": 1},
        {"seed": "1"},
        {"seed": 1.5},
        {"paid_share": 1.1},
        {"paid_share": float("nan")},
        {"delay_s": float("inf")},
        {"auto_pay": 1},
        {"fault_script": ["no_such_fault"]},
        {"known_areas": "01"},
    ],
)
def test_a_knob_refuses_what_it_cannot_mean_and_turns_nothing(
    office: SandboxPostOffice, wish: dict[str, object]
) -> None:
    with pytest.raises(KnobRefused):
        turn(office.store, {"pay_days": 5, **wish})
    assert not office.store.rows("SELECT * FROM knobs WHERE name = 'pay_days'")


def test_the_books_survive_a_restart(partner: Partner, time_: ChosenClock, tmp_path: Path) -> None:
    office = SandboxPostOffice(partner.home, seed=7, clock=time_)
    _accepted(office, partner, 10, paid_share=1.0)
    office.desk.pay(CODE)
    before = office.drawer()
    office.close()
    again = SandboxPostOffice(partner.home, clock=time_)
    assert again.drawer() == before
    assert again.desk.packet(CODE).stage == "paid"
    again.desk.settle(CODE)
    assert len(partner.collect(again)) == 1
    again.close()


def test_money_brought_back_is_taken_once_and_said_by_the_next_settlement_of_the_commune(
    office: SandboxPostOffice, partner: Partner
) -> None:
    _accepted(office, partner, 3)
    office.desk.plan(CODE, {"L000001": "paid", "L000002": "unpaid:MOVED", "L000003": "recover"})
    office.desk.pay(CODE, days=31)
    first, second = office.desk.collect("L000003", 500_000), office.desk.collect("L000003", 3_000)
    for reference, amount in (("L000003", 1), ("L000001", 0), ("L000001", 501_001), ("L000002", 1), ("LA", 1)):
        with pytest.raises(ClerkRefused):
            office.desk.collect(reference, amount)
    office.desk.settle(CODE)
    later = office.desk.collect("L000001", 1_000)
    office.desk.settle(CODE)
    said = [call.head.settlement.collected for call in partner.collect(office) if call.head.settlement]
    assert [{(one.receipt, one.reference, one.amount_vnd) for one in rows} for rows in said] == [
        {(first.receipt, "L000003", 500_000), (second.receipt, "L000003", 3_000)},
        {(first.receipt, "L000003", 500_000), (second.receipt, "L000003", 3_000), (later.receipt, "L000001", 1_000)},
    ]
    assert partner.ask(office, part=1).head.settlement == partner.ask(office, part=1).head.settlement
    assert {one.packet_code for one in office.store.collections()} == {CODE}


def test_another_commune_says_nothing_of_it(office: SandboxPostOffice, partner: Partner) -> None:
    _accepted(office, partner, 2)
    office.desk.plan(CODE, {"L000001": "recover"})
    office.desk.pay(CODE, days=31)
    office.store.run("UPDATE packets SET area = '00008'")
    office.desk.collect("L000001", 1_000)
    office.store.run("UPDATE packets SET area = '00004'")
    [settled] = _settled_again(office, partner)
    assert settled.head.settlement is not None and settled.head.settlement.collected == ()


def _settled_again(office: SandboxPostOffice, partner: Partner) -> list[Callback]:
    office.desk.settle(CODE)
    return partner.collect(office)
