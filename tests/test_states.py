"""The state tables themselves: complete, reachable, and the same in the database."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.rules.actors import PEOPLE, ROOT_PATH, Actor, Role
from app.rules.states import LIVE_PACKET_STATES, MACHINES, PACKET, Machine
from app.services import transitions
from tests import factories as make


@pytest.mark.parametrize("machine", MACHINES.values(), ids=lambda m: m.name)
def test_every_state_can_be_reached_and_every_move_names_known_states(machine: Machine) -> None:
    reached, before = {machine.initial}, set()
    while reached != before:
        before = set(reached)
        reached |= {move.target for move in machine.moves.values() if move.sources & reached}
    assert reached == set(machine.states)
    for move in machine.moves.values():
        assert move.sources <= set(machine.states)
        assert move.who
    assert set(machine.tone) <= set(machine.states)


@pytest.mark.parametrize("machine", MACHINES.values(), ids=lambda m: m.name)
def test_the_database_knows_the_same_states(session: Session, machine: Machine) -> None:
    definition = session.execute(
        text("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = :name"),
        {"name": f"ck_{machine.table}_state"},
    ).scalar_one()
    assert all(f"'{state}'" in definition for state in machine.states)
    assert definition.count("'::text") == len(machine.states)


def test_live_packet_states_are_those_of_the_unique_index(session: Session) -> None:
    definition = session.execute(
        text("SELECT indexdef FROM pg_indexes WHERE indexname = 'uq_packets_one_live'")
    ).scalar_one()
    assert {state for state in PACKET.states if f"'{state}'" in definition} == set(LIVE_PACKET_STATES)


def _cases() -> list[tuple[str, str, Role]]:
    moves = [(machine.name, move.name) for machine in MACHINES.values() for move in machine.moves.values()]
    return [(machine, move, role) for machine, move in moves for role in sorted(PEOPLE)]


@pytest.mark.parametrize(("machine", "move", "role"), _cases())
def test_a_move_is_made_only_by_the_roles_of_its_row(session: Session, machine: str, move: str, role: Role) -> None:
    step = MACHINES[machine].moves[move]
    by = Actor("someone", frozenset({role}), ROOT_PATH)
    expected = transitions.MovedMeanwhile if role in step.who else transitions.NotYours
    with pytest.raises(expected):
        transitions.move(session, machine, 0, move, by=by, because="vì thế")


def test_a_move_that_needs_a_reason_does_not_go_without(session: Session) -> None:
    with pytest.raises(transitions.ReasonMissing):
        transitions.move(session, "batch", 0, "unlock", by=make.SUPERVISOR, because="   ")


def test_a_move_from_a_wrong_state_says_so_in_words(session: Session) -> None:
    batch_id = make.made_list(session, people=1)
    with pytest.raises(transitions.WrongState, match="Gửi bưu điện"):
        transitions.move(session, "batch", batch_id, "send", by=make.CLERK)
