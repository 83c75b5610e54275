"""Kill −9 at every statement, commit and call of every step of a month: all or nothing, one packet, books right."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.agency.keys import KeyRing
from app.agency.sandbox.callbacks import Postman
from tests.proof import many
from tests.proof.counterpart import running
from tests.proof.month import Month, Office, place, undisturbed
from tests.proof.program import Door
from tests.scale import NIGHT, scale

pytestmark = pytest.mark.xdist_group("proof_kill")

MONTHS = scale(10, 75)
"""As many as the longest step has boundaries, or, in short, as many as are tried of each step."""
ASKED = scale(5, 75)


@pytest.fixture(scope="module")
def both(app: Flask, books: Session, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("kill")
    ours = KeyRing(Path(app.config["CHITRA"].home) / "keys")
    door = Door(app)
    lists = many.drafts(books, MONTHS + 2 * ASKED + 3)
    with running(folder, ours=ours, callback_base_url=door.url) as far:
        both = Office(books, far, door, Postman(far.inside), lists)
        both.steps = undisturbed(both)
        assert not NIGHT or max(len(met) for met in both.steps.values()) <= min(MONTHS, ASKED)
        yield both
    door.close()
    shutil.rmtree(ours.folder)


@pytest.mark.parametrize("number", range(MONTHS))
def test_a_month_survives_a_kill_in_each_of_its_steps(both: Office, number: int) -> None:
    Month(both, both.lists.pop(), lambda name: place(both.steps[name], number, tried=MONTHS)).whole()


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize("number", range(ASKED))
def test_asking_about_a_packet_in_doubt_survives_a_kill(both: Office, number: int, known: bool) -> None:
    """The agency has the packet already, or it has not and our sweep sends it again; it has it once in the end."""
    at = number if NIGHT else 2 * number + known
    Month(both, both.lists.pop(), lambda name: place(both.steps[name], at, tried=2 * ASKED)).asked(known=known)


def test_each_kind_of_boundary_is_among_those_that_are_tried(both: Office) -> None:
    for name, met in both.steps.items():
        tried = MONTHS if not name.startswith("ask") else 2 * ASKED
        places = [place(met, number, tried=tried) for number in range(tried)]
        kinds = {met[at - 1].kind for at in places if at}
        assert kinds == {one.kind for one in met}, name
