"""What a state machine is: states, moves, who may make each and whether it needs a reason. No machine is here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.rules.actors import Role


def N_(text: str) -> str:
    """Mark a text for the catalogue."""
    return text


@dataclass(frozen=True, slots=True)
class Move:
    """One edge: from any of `sources` to `target`, made by one of `who`."""

    name: str
    label: str
    sources: frozenset[str]
    target: str
    who: frozenset[Role]
    why: str
    reason_required: bool = False


@dataclass(frozen=True, slots=True)
class Machine:
    """The states of one kind of thing; `table` names the database table whose `state` column it rules."""

    name: str
    label: str
    table: str
    states: Mapping[str, str]
    initial: str
    moves: Mapping[str, Move]
    tone: Mapping[str, str] = field(default_factory=dict)

    def final_states(self) -> frozenset[str]:
        """States that no move leaves."""
        left = {source for move in self.moves.values() for source in move.sources}
        return frozenset(self.states) - left


def moves(*moves: Move) -> dict[str, Move]:
    return {move.name: move for move in moves}


def names(*names: str) -> frozenset[str]:
    return frozenset(names)
