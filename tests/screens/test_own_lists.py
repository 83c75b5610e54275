"""Pages of lists that the office pays itself speak of its cashier; no post office is mentioned that never heard of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

import pytest
from flask import Flask

from app import clock
from app.rules.actors import Role
from app.services import packets
from app.services.settlements import entering, locking
from app.services.settlements.entering import Change
from tests import factories as make
from tests import hand, stages
from tests.screens.desk import Desk, text_of


@pytest.fixture(autouse=True)
def mid_november() -> Iterator[None]:
    with clock.at(date(2026, 11, 10)):
        yield


@pytest.fixture
def desk(database: Flask) -> Desk:
    return Desk(database)


def said(page: str, address: str = "") -> str:
    """The words of a page's own part, without the frame around it; where many things are listed, their rows."""
    part = "tbody" if "/list/" in address else "main"
    found = re.search(rf"<{part}.*?</{part}>", page, re.S)
    assert found is not None and "Không tìm thấy" not in page, address
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[0]))


ADDRESSES = (
    "/", "/lists/show/{batch}", "/lists/packets/{batch}", "/lists/history/{batch}", "/lists/list/", "/packets/show/{packet}",
    "/packets/list/", "/settlements/show/{settlement}?tab=all", "/settlements/show/{settlement}?tab=unpaid",
    "/settlements/show/{settlement}?tab=differing", "/settlements/list/", "/periods/show/{period}",
)  # fmt: skip


def keys(desk: Desk) -> dict[str, int]:
    tables = {"batch": "payout_batches", "packet": "packets", "settlement": "settlements", "period": "area_periods"}
    return {name: desk.value(f"SELECT max(id) FROM {table}") for name, table in tables.items()}


def test_no_page_of_a_list_the_office_pays_itself_mentions_the_post_office(desk: Desk) -> None:
    with desk.books() as session:
        settlement = hand.own_settlement(session, people=2)
    clerk, accountant = desk.signed_in(Role.CLERK), desk.signed_in(Role.ACCOUNTANT)
    for stage in ("handed over", "with results", "locked", "closed"):
        with desk.books() as session:
            if stage == "with results":
                first = hand.lines(session, settlement)[0].reference
                change = Change("pending", "unpaid", "Vắng", reasons={first: "Vắng mặt"})
                entering.change(session, settlement.id, change, by=make.CLERK)
                entering.change(session, settlement.id, Change("pending", "paid"), by=make.CLERK)
            elif stage == "locked":
                locking.lock(session, settlement.id, by=make.ACCOUNTANT)
        for client in (clerk, accountant):
            for address in ADDRESSES:
                page = said(text_of(client.get(address.format(**keys(desk)))), address)
                assert "bưu điện" not in page.lower(), (stage, address, re.findall(r".{60}[Bb]ưu điện.{60}", page))
    shown = said(text_of(clerk.get("/lists/history/{batch}".format(**keys(desk)))))
    assert "Giao thủ quỹ" in shown and "Thủ quỹ nhận" in shown
    assert "Tự chi trả" in said(text_of(clerk.get("/lists/list/")), "/lists/list/")


def test_a_list_taken_back_from_the_cashier_says_so(desk: Desk) -> None:
    with desk.books() as session:
        packet = hand.own_packet(session, people=1)
        packets.ask_recall(session, packet.id, by=make.CLERK, because="Thiếu một người")
    clerk = desk.signed_in(Role.CLERK)
    for address in ("/", *ADDRESSES[1:7]):
        page = said(text_of(clerk.get(address.format(**keys(desk)))), address)
        assert "bưu điện" not in page.lower(), (address, re.findall(r".{60}[Bb]ưu điện.{60}", page))
    assert "Đã lấy lại danh sách từ thủ quỹ" in said(text_of(clerk.get("/lists/show/{batch}".format(**keys(desk)))))


def test_before_the_first_list_the_workbench_already_knows_who_pays(desk: Desk) -> None:
    with desk.books() as session:
        hand.pays_itself(session)
        make.entitled(session)
    page = said(text_of(desk.signed_in(Role.CLERK).get("/")))
    assert "Giao thủ quỹ" in page and "bưu điện" not in page.lower()


def test_lists_of_an_agency_speak_of_it_as_before(desk: Desk) -> None:
    with desk.books() as session:
        stages.reported(session, "unpaid", people=1)
    clerk = desk.signed_in(Role.CLERK)
    assert "Bưu điện tiếp nhận" in said(text_of(clerk.get("/")))
    assert "Bưu điện báo" in said(text_of(clerk.get("/settlements/show/{settlement}?tab=unpaid".format(**keys(desk)))))
    assert "Gửi bưu điện" in said(text_of(clerk.get("/lists/history/{batch}".format(**keys(desk)))))
