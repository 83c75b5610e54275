"""Thousands of lives of a list, with every fault at every moment: the books always equal the post office's drawer."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.life.bugs import BUGS, Bug
from tests.life.machine import STARTS, Life, Story
from tests.life.one_transaction import one_transaction
from tests.life.world import World
from tests.scale import NIGHT, scale

EXAMPLES = scale(300, 20_000)
STEPS = scale(5, 25)
SEED = int(os.environ.get("CHITRA_SEED") or (secrets.randbits(32) if NIGHT else 20_261_101))
"""By day always the same lives; at night others every time. CHITRA_SEED=… lives a night again."""

SETTINGS = settings(
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
    stateful_step_count=STEPS,
)


@pytest.fixture(scope="module", params=STARTS)
def world(request: pytest.FixtureRequest, app: Flask, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Both sides at one of the places where lives start."""
    with one_transaction(app) as books:
        made = World(books, tmp_path_factory.mktemp("life"))
        made.start(request.param)
        yield made
        made.inside.close()


def live(world: World, story: Story, how: settings, number: int) -> None:
    life = type("Life", (Life,), {"world": world, "story": story})
    factory: Callable[[], Any] = seed(number)(life)
    run_state_machine_as_test(factory, settings=how)


def test_whatever_happens_the_books_equal_the_drawer(world: World) -> None:
    print(f"CHITRA_SEED={SEED}")
    live(world, (), settings(SETTINGS, max_examples=EXAMPLES // len(STARTS)), SEED)


def caught(world: World, bug: Bug, monkeypatch: pytest.MonkeyPatch, story: Story, examples: int) -> str:
    """What the machine says of the bug; empty when it notices nothing."""
    how = settings(
        SETTINGS, max_examples=examples, phases=(Phase.generate,), print_blob=False, verbosity=Verbosity.quiet
    )
    with monkeypatch.context() as here:
        bug.patch(here)
        try:
            live(world, story, how, SEED)
        except Exception as error:
            world.session.rollback()
            return f"{type(error).__name__}: {error}"
    return ""


@pytest.mark.parametrize(
    ("world", "bug"), [(bug.start, bug) for bug in BUGS], ids=[bug.name for bug in BUGS], indirect=["world"]
)
def test_every_seeded_bug_is_caught_unless_it_does_no_harm(
    world: World, bug: Bug, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = caught(world, bug, monkeypatch, bug.story, scale(3, 100))
    assert bool(found) != bool(bug.harmless), found
