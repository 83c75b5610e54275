"""A prepared home, a partner with its own keys, and the post office in this process or in one of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.agency.sandbox.engine import SandboxPostOffice
from tests.sandbox.partner_side import ChosenClock, Partner


@pytest.fixture
def time_() -> ChosenClock:
    return ChosenClock()


@pytest.fixture
def partner(tmp_path: Path, time_: ChosenClock) -> Partner:
    return Partner(tmp_path, now=time_)


@pytest.fixture
def office(partner: Partner, time_: ChosenClock) -> Iterator[SandboxPostOffice]:
    opened = SandboxPostOffice(partner.home, seed=7, clock=time_, in_memory=True)
    yield opened
    opened.close()
