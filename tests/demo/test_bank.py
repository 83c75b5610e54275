"""The demo's bank: a list of accounts goes out as a file, the bank's files come back through the page, money ties out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.agency.iso20022 import ACTIONS
from app.demo.bank import DemoBank
from app.demo.counterpart import BANK_CLERK
from app.jobs.table import connections
from app.services import by_hand, inbox, packets, sending
from app.services.settlements import arithmetic
from tests import factories as make
from tests import office


def test_the_bank_answers_what_waits_for_it_and_its_files_settle_the_list(
    database: Flask, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(database.config["CHITRA"], home=tmp_path, demo=True)
    monkeypatch.setitem(database.config, "CHITRA", settings)
    batch_id = make.locked_list(session, people=5)
    session.execute(text("UPDATE agency_contracts SET adapter = 'iso20022'"))
    packet = packets.queue(session, batch_id, by=make.CLERK)
    session.commit()
    assert sending.send_next(connections(settings))
    for action in ACTIONS:
        said = database.test_cli_runner().invoke(args=["demo", "bank"])
        path = tmp_path / "bank" / "vnpost" / f"{packet.code}.{action}.xml"
        assert said.exit_code == 0 and str(path) in said.output
        by_hand.bring(session, packet.id, action, path.name, path.read_bytes(), by=BANK_CLERK)
        session.commit()
        inbox.apply_waiting()
    office.refresh(session)
    assert packet.state == "accepted"
    assert arithmetic.figures(session, office.settlement_of(session, packet).id).ties_out
    assert "0 gói tin" in database.test_cli_runner().invoke(args=["demo", "bank"]).output


def test_the_bank_can_refuse_an_order(session: Session, tmp_path: Path) -> None:
    bank = DemoBank(tmp_path, seed=1)
    bank.reject("CT-202611-00004-M-V1", "Không đủ số dư")
    (said,) = bank.answers()
    assert said.action == "pain.002" and b"RJCT" in said.body and bank.answers() == []
