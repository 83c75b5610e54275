"""A day of the demo with every fault of the sandbox switched on ends where it must, and says so when it does not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.agency.port import OutcomeUnknown
from app.demo.storm import counting
from app.demo.storm.day import Day
from app.demo.storm.fates import Fate, fates
from app.jobs.running import run
from app.jobs.table import Job
from app.services import sending
from app.services.settlements import locking
from config import Settings
from tests import factories as make
from tests import office as post
from tests.scale import NIGHT

NOVEMBER = date(2026, 11, 1)

SHORT = ("--people", "300", "--storm", "15", "--patience", "2")
LONG = (
    "--people",
    "5000",
    "--months",
    "3",
    "--storm",
    "1200",
    "--calm",
    "1800",
    "--patience",
    "30",
    "--part-lines",
    "200",
)
AT_NIGHT = [
    (*LONG, "--seed", "7"),
    (*LONG, "--seed", "8", "--this-month"),
    (*LONG, "--seed", "9", "--kills", "12"),
]
DAYS = AT_NIGHT if NIGHT else [(*SHORT, "--seed", "7")]


@pytest.mark.xdist_group("storm")
@pytest.mark.parametrize("how", DAYS)
def test_a_day_of_faults_ends_with_everything_settled_or_on_a_list_and_the_drawer_equal_to_our_books(
    how: tuple[str, ...],
) -> None:
    """The program itself, as `make storm` runs it: processes, ports and a database of its own, by the real clock."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("DATABASE", "CHITRA"))}
    ran = subprocess.run(
        [sys.executable, "-m", "app.demo.storm", *how],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    said: dict[str, Any] = json.loads(ran.stdout)
    assert said["drawer_vnd"] == said["books_vnd"] > 0
    assert (said["stray"], said["differences"], said["check_books"]) == ([], [], [])
    assert said["packets"].keys() <= {"settled", "rejected"} and said["settlements"].keys() <= {"locked", "void"}
    assert said["on_lists"]["returned"] >= 1
    assert sum(said["faults_met"].values()) >= 10


def test_what_never_gets_quiet_is_said_and_does_not_pass(
    demo_running: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    day = Day(demo_running, seed=1, patience_s=1, part_lines=25)
    summary = day.live(storm_s=0, calm_s=0)
    assert not summary["well"] and summary["when_quiet"]["after_s"] is None
    assert summary["when_quiet"]["under_way"]["packets"] >= 1
    assert "not quiet after 0 s" in capsys.readouterr().err


def test_in_fair_weather_the_same_day_ends_well(demo_running: Settings) -> None:
    summary = Day(demo_running, seed=1, patience_s=1, part_lines=25).live(storm_s=0, calm_s=90)
    assert summary["well"], summary
    assert summary["faults_met"].keys() <= {"bank_torn_file", "bank_file_twice"}


def standing(session: Session) -> dict[str, Any]:
    ids = list(session.scalars(text("SELECT id FROM payout_batches")))
    return counting.standing(session, ids, NOVEMBER)


def test_what_is_neither_at_an_end_nor_on_a_list_is_named(session: Session) -> None:
    packet = post.queued(session)
    assert standing(session)["stray"] == [packet.code], "it waits, and nobody knows"
    assert sending.send_next(post.ScriptedAgency(OutcomeUnknown("timeout")).connect)
    assert standing(session)["stray"] == [] and standing(session)["on_lists"] == {"in_doubt": 1}
    post.hurry(session)
    assert sending.ask_next(post.ScriptedAgency().connect)
    assert standing(session)["stray"] == [packet.code], "the post office has it and never decided"
    post.tell(session, packet, status="pdng")
    assert standing(session)["stray"] == [packet.code, f"QT {packet.code}"], "no settlement came, and it is not due"
    post.refresh(session)
    post.tell(session, packet, status="rjct", reason_message="Sai họ tên")
    assert standing(session)["stray"] == []
    assert standing(session)["on_lists"] == {"returned": 1}


def test_a_settlement_that_is_ready_waits_for_the_accountant(session: Session) -> None:
    packet = post.accepted(session)
    post.settle(session, packet, "paid")
    found = standing(session)
    assert (found["stray"], found["on_lists"]) == ([], {"lock_settlement": 1})
    locking.lock(session, post.settlement_of(session, packet).id, by=make.ACCOUNTANT)
    session.commit()
    found = standing(session)
    assert (found["packets"], found["settlements"], found["on_lists"]) == ({"settled": 1}, {"locked": 1}, {})
    assert counting.disagreements(session, [packet.batch_id], {packet.code: "settled"}) == []
    other = {packet.code: "paid", "CT-X-V1": "received"}
    assert counting.disagreements(session, [packet.batch_id], other) == [
        f"{packet.code}: settled ≠ paid",
        "CT-X-V1: None ≠ received",
    ]
    books = counting.paid(session, [packet.batch_id])
    assert counting.differences(books, books) == []
    (line, *others), vnd = books, next(iter(books.values()))
    drawer = {one: books[one] for one in others} | {("CT-X", "1"): 5}
    assert counting.differences(drawer, books) == sorted(["CT-X 1: 5 ≠ 0", f"{line[0]} {line[1]}: 0 ≠ {vnd}"])


def test_the_same_seed_deals_the_same_fates_and_every_fate_is_met() -> None:
    codes = [f"CT-202611-{number:05d}-M" for number in range(20)]
    dealt = fates(codes, ["B-1", "B-2"], 3)
    assert dealt == fates(reversed(codes), ["B-2", "B-1"], 3) != fates(codes, ["B-1", "B-2"], 4)
    assert set(dealt.values()) == set(Fate)


def test_a_sweep_that_failed_once_is_told(session: Session, database: Flask) -> None:
    def stumble() -> bool:
        raise ZeroDivisionError

    run(database, Job("stumbles", 1, stumble), owner="test")
    assert counting.failed_jobs(session) == ["stumbles: ZeroDivisionError: "]
    run(database, Job("stumbles", 1, lambda: False), owner="test")
    assert counting.failed_jobs(session) == ["stumbles: good again"]
