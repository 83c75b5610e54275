"""Results by hand on the page of a settlement: everybody, the exceptions, undoing, and who may."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import clock
from app.rules.actors import Role
from tests import factories as make
from tests import hand, stages
from tests.screens.desk import Desk, seen, text_of


@pytest.fixture(autouse=True)
def mid_november() -> Iterator[None]:
    with clock.at(date(2026, 11, 10)):
        yield


@pytest.fixture
def desk(database: Flask) -> Desk:
    return Desk(database)


def waiting(desk: Desk, people: int = 3) -> int:
    with desk.books() as session:
        return hand.own_settlement(session, people=people).id


def page(client: FlaskClient, settlement_id: int, query: str = "") -> str:
    answer = client.get(f"/settlements/show/{settlement_id}{query}")
    assert answer.status_code == 200
    return text_of(answer)


def enter(client: FlaskClient, settlement_id: int, **form: Any) -> Any:
    return client.post(f"/result-entry/enter/{settlement_id}", data=form)


def results(desk: Desk) -> str:
    return str(
        desk.value("SELECT string_agg(coalesce(decided_outcome, '-'), ' ' ORDER BY reference) FROM settlement_records")
    )


def test_everybody_is_set_to_paid_an_exception_is_entered_and_both_are_undone(desk: Desk) -> None:
    key, clerk = waiting(desk), desk.signed_in(Role.CLERK)
    first = page(clerk, key)
    assert "Nhập kết quả bằng tay" in first and 'id="decide-missing"' not in first
    done = enter(clerk, key, seen=seen(first, "enter-paid"), from_standing="pending", outcome="paid")
    assert done.status_code == 303
    second = page(clerk, key, "?tab=paid")
    assert "3 dòng, 1.620.000" in second.replace("\xa0", " ") and 'id="enter-paid"' not in second
    reference = re.search(r'name="reference" value="([^"]+)"', second)
    assert reference is not None
    form = {"reference": reference[1], "outcome": "unpaid", "reason": "Vắng mặt"}
    form["seen"] = seen(second, f"decide-{reference[1]}").replace("&#39;", "'")
    assert clerk.post(f"/settlements/decide/{key}", data=form).status_code == 303
    assert results(desk) == "unpaid paid paid"
    third = page(clerk, key)
    assert "Vắng mặt" in third and "nhập tay" in third
    keys = re.findall(rf"/result-entry/undo/{key}/(\d+)", third)
    for change_id in keys:
        assert clerk.post(f"/result-entry/undo/{key}/{change_id}").status_code == 303
    assert results(desk) == "- - -"
    assert page(clerk, key).count("đã hoàn tác") == 2


def test_an_undo_says_how_many_lines_stayed(desk: Desk) -> None:
    key, clerk = waiting(desk), desk.signed_in(Role.CLERK)
    enter(clerk, key, seen=seen(page(clerk, key), "enter-paid"), from_standing="pending", outcome="paid")
    with desk.books() as session:
        session.execute(
            hand.text(
                "UPDATE settlement_records SET change_id = NULL WHERE id = (SELECT min(id) FROM settlement_records)"
            )
        )
    change_id = desk.value("SELECT id FROM result_changes")
    answer = clerk.post(f"/result-entry/undo/{key}/{change_id}", follow_redirects=True)
    assert "Đã hoàn tác 2 trong 3 dòng. Những dòng còn lại đã được đổi sau đó nên giữ nguyên." in text_of(answer)


def test_many_lines_change_from_one_standing_to_another_for_a_reason(desk: Desk) -> None:
    key, clerk = waiting(desk), desk.signed_in(Role.CLERK)
    enter(clerk, key, seen=seen(page(clerk, key), "enter-paid"), from_standing="pending", outcome="paid")
    opened = page(clerk, key)
    assert re.search(r'<option value="paid">Đã trả \(3 dòng\)</option>', opened)
    form = {"seen": seen(opened, "enter-many"), "from_standing": "paid", "outcome": "unpaid"}
    assert enter(clerk, key, **form).status_code == 422
    assert enter(clerk, key, **form, reason="Chưa có tiền").status_code == 303
    assert results(desk) == "unpaid unpaid unpaid"


def test_a_page_that_is_stale_writes_nothing(desk: Desk) -> None:
    key, clerk, accountant = waiting(desk), desk.signed_in(Role.CLERK), desk.signed_in(Role.ACCOUNTANT)
    old = seen(page(accountant, key), "enter-paid")
    enter(clerk, key, seen=old, from_standing="pending", outcome="unpaid")
    answer = enter(accountant, key, seen=old, from_standing="unpaid", outcome="paid", reason="x")
    assert answer.status_code == 409 and "vừa thay đổi" in text_of(answer)
    assert results(desk) == "unpaid unpaid unpaid"


def test_others_can_neither_enter_nor_undo(desk: Desk) -> None:
    key, clerk = waiting(desk), desk.signed_in(Role.CLERK)
    enter(clerk, key, seen=seen(page(clerk, key), "enter-paid"), from_standing="pending", outcome="paid")
    change_id = desk.value("SELECT id FROM result_changes")
    for client, status in (
        (desk.signed_in(Role.SUPERVISOR), 403),
        (desk.signed_in(Role.AUDITOR), 403),
        (desk.signed_in(Role.CLERK, area=make.OTHER_COMMUNE), 404),
    ):
        assert enter(client, key, from_standing="paid", outcome="unpaid", reason="x").status_code == status
        assert client.post(f"/result-entry/undo/{key}/{change_id}").status_code == status
    assert clerk.get(f"/result-entry/enter/{key}").status_code == 405
    assert clerk.post(f"/result-entry/undo/{key + 1}/{change_id}").status_code == 404
    assert "Nhập kết quả bằng tay" not in page(desk.signed_in(Role.SUPERVISOR, name="xem"), key)
    assert results(desk) == "paid paid paid"


def test_a_connected_list_offers_no_results_by_hand(desk: Desk) -> None:
    with desk.books() as session:
        key = stages.reported(session, "paid", people=1).id
    assert "Nhập kết quả bằng tay" not in page(desk.signed_in(Role.CLERK), key)


def test_the_cashier_gets_the_list_from_its_page_and_gives_it_back(desk: Desk) -> None:
    with desk.books() as session:
        hand.pays_itself(session)
        batch_id = make.locked_list(session, people=2)
    clerk = desk.signed_in(Role.CLERK)
    shown = text_of(clerk.get(f"/lists/show/{batch_id}"))
    assert "Giao chi trả" in shown and "cho thủ quỹ của đơn vị" in shown
    answer = clerk.post(f"/lists/action/send/{batch_id}", data={"seen": seen(shown, "do-send")}, follow_redirects=True)
    assert "Đã giao danh sách" in text_of(answer)
    packet = desk.value("SELECT id FROM packets")
    told = text_of(clerk.get(f"/packets/show/{packet}"))
    assert "Lấy lại danh sách 2 người" in told
    form = {"seen": seen(told, "recall"), "reason": "Sai tên"}
    answer = clerk.post(f"/packets/recall/{packet}", data=form, follow_redirects=True)
    assert "Đã lấy lại danh sách của gói tin" in text_of(answer)
    assert desk.value("SELECT state FROM payout_batches") == "returned"
    assert 'id="recall"' not in text_of(clerk.get(f"/packets/show/{packet}"))
