"""Settlements through the scheduler: the jobs carry a packet from the queue to its settlement, long work locks it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

import config
from app import clock
from app.extensions import acting_as, transaction
from app.jobs import running
from app.jobs.table import Job
from app.jobs.work import KINDS
from app.models import WorkItem
from app.rules.actors import Actor, Role
from app.services import inbox, sending, work
from tests import factories as make
from tests import office
from tests.accounts import people
from tests.office import ScriptedAgency


@pytest.fixture(autouse=True)
def mid_november() -> Iterator[None]:
    with clock.at(date(2026, 11, 10)):
        yield


@pytest.fixture
def accountant(database: Flask) -> Actor:
    people.issue("xa.chot", Role.ACCOUNTANT, area=make.COMMUNE)
    return people.actor("xa.chot")


def locked_by_work(accountant: Actor, settlement_id: int) -> int:
    with acting_as(accountant), transaction() as opened:
        params = {"settlement_ids": [settlement_id]}
        item = work.start(opened, "lock_settlements", params, by=accountant, title="Chốt", once_key="chot")
        return item.id


def test_settlements_are_locked_as_long_work(accountant: Actor, session: Session) -> None:
    packet = office.accepted(session, people=2)
    office.settle(session, packet, "paid")
    settlement_id = office.settlement_of(session, packet).id
    key = locked_by_work(accountant, settlement_id)
    assert work.perform_next(KINDS)
    office.refresh(session)
    item = session.get_one(WorkItem, key)
    assert (item.phase, item.message, item.result) == (
        "done",
        "Đã chốt 1 quyết toán.",
        {"settlement_ids": [settlement_id]},
    )
    settlement = office.settlement_of(session, packet)
    assert (settlement.state, settlement.locked_by_id) == ("locked", accountant.user_id)


def test_what_does_not_tie_out_fails_in_words_and_locks_nothing(accountant: Actor, session: Session) -> None:
    packet = office.accepted(session, people=1)
    settlement_id = office.settlement_of(session, packet).id
    key = locked_by_work(accountant, settlement_id)
    assert work.perform_next(KINDS)
    office.refresh(session)
    item = session.get_one(WorkItem, key)
    assert item.phase == "failed" and "chưa có kết quả" in item.message
    assert office.settlement_of(session, packet).state == "waiting"


def test_the_sweeps_carry_every_packet_to_its_settlement(database: Flask, session: Session) -> None:
    packet = office.queued(session, people=2)
    agency = ScriptedAgency()
    send = Job("send_packets", 1, lambda: sending.send_next(agency.connect))
    apply = Job("apply_inbox", 1, inbox.apply_next)
    assert running.run(database, send, owner="me") == 1
    office.refresh(session)
    for body in (
        office.say(packet.code, status="pdng"),
        *office.parts(packet.code, office.results(office.lines_of(session, packet), "paid")),
    ):
        office.arrive(session, body)
    assert running.run(database, apply, owner="me") == 2
    office.refresh(session)
    assert office.settlement_of(session, packet).state == "received"


def test_the_scheduler_process_does_due_work_and_ends_on_sigterm(
    database: Flask, session: Session, addresses: tuple[str, str], home: Path
) -> None:
    """A real process: it meets a packet, finds no keys of ours, puts the packet off, and ends cleanly when asked."""
    packet = office.queued(session, people=1)
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "DATABASE_URL": addresses[0],
        "DATABASE_OWNER_URL": addresses[1],
        "CHITRA_HOME": str(home / "scheduler"),
        "SECRET_KEY": config.DEFAULT_SECRET,
    }
    process = subprocess.Popen([sys.executable, "-m", "app.jobs"], env=environment, stderr=subprocess.PIPE)
    try:
        ends = time.monotonic() + 60
        while time.monotonic() < ends and not _put_off(session, packet.id):
            time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        _out, said = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0, said.decode()[-2000:]
    assert b"scheduler finished" in said
    office.refresh(session)
    assert (packet.state, packet.unknown_count) == ("queued", 0)
    assert packet.last_error.startswith("keys: ")
    runs = session.execute(text("SELECT name FROM job_runs WHERE error IS NULL AND succeeded_at IS NOT NULL")).scalars()
    assert {"send_packets", "apply_inbox", "long_work"} <= set(runs)


def _put_off(session: Session, packet_id: int) -> bool:
    session.rollback()
    found = session.execute(
        text(
            "SELECT last_error IS NOT NULL AND (SELECT count(*) FROM job_runs WHERE succeeded_at IS NOT NULL) >= 5"
            " FROM packets WHERE id = :id"
        ),
        {"id": packet_id},
    )
    return bool(found.scalar())
