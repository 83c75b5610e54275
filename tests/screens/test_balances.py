"""Số dư đơn vị chi trả and its transfers through the browser's door: entered, approved by another, corrected by a row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from html import unescape
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.rules.actors import Role
from tests import factories as make
from tests import money_desk as desk
from tests import office, stages
from tests.accounts import people

SignedIn = Callable[..., FlaskClient]


@pytest.fixture(autouse=True)
def mid_november() -> Iterator[None]:
    with clock.at(date(2026, 11, 10)):
        yield


@pytest.fixture
def signed_in(database: Flask) -> SignedIn:
    def come(role: Role, *, area: str = make.COMMUNE) -> FlaskClient:
        name = f"tien.{role.value}.{area}".replace("_", "-").lower()
        agency = people.agency_id() if role is Role.AGENCY_USER else None
        people.issue(name, role, area=area, agency=agency)
        return people.sign_in(database, name)

    return come


def plain(answer: Any, status: int = 200) -> str:
    page = unescape(answer.get_data(as_text=True)).replace("\u00a0", " ")
    assert answer.status_code == status, page
    return page


def followed(client: FlaskClient, answer: Any) -> str:
    assert answer.status_code == 303, plain(answer, 303)
    return plain(client.get(answer.location))


def post(client: FlaskClient, address: str, **form: str) -> Any:
    return client.post(address, data=form, headers={"Referer": "http://localhost/transfers/list/"})


def form_of(session: Session, **changes: str) -> dict[str, str]:
    agency, area = make.agency(session).id, make.area(session).id
    session.commit()
    return {
        "agency": str(agency), "area": str(area), "month": "11/2026", "kind": "transfer", "amount_vnd": "812.340.000",
        "treasury_ref": "KB-01/2026", "transferred_on": "26/10/2026",
    } | changes  # fmt: skip


def states(session: Session) -> list[tuple[str, int]]:
    office.refresh(session)
    rows = session.execute(text("SELECT state, amount_vnd FROM agency_transfers ORDER BY id"))
    return [tuple(row) for row in rows]


def test_an_accountant_enters_and_a_supervisor_approves(session: Session, signed_in: SignedIn) -> None:
    filled = form_of(session)
    accountant, supervisor = signed_in(Role.ACCOUNTANT), signed_in(Role.SUPERVISOR)
    empty = plain(accountant.get("/transfers/enter"))
    assert ('value="11/2026"' in empty and "Phường Hồng Hà" in empty) or "00004" in empty
    page = followed(accountant, post(accountant, "/transfers/enter", **filled))
    assert "Đã ghi chứng từ KB-01/2026, 812.340.000 đ" in page and "Duyệt</button>" not in page
    key = session.execute(text("SELECT id FROM agency_transfers")).scalar_one()
    session.rollback()
    shown = plain(supervisor.get(f"/transfers/show/{key}"))
    assert "tăng 812.340.000 đ" in shown
    assert "Đã duyệt" in followed(supervisor, post(supervisor, f"/transfers/approve/{key}"))
    assert states(session) == [("approved", 812_340_000)]
    assert "KB-01/2026" in plain(supervisor.get("/transfers/list/"))


def test_what_is_wrong_with_a_document_is_said_at_its_field_and_kept(session: Session, signed_in: SignedIn) -> None:
    filled = form_of(session)
    client = signed_in(Role.ACCOUNTANT)
    page = plain(post(client, "/transfers/enter", **filled | {"amount_vnd": "12,5"}), 422)
    assert "Có chỗ cần xem lại" in page and "KB-01/2026" in page
    page = plain(post(client, "/transfers/enter", **filled | {"transferred_on": "11/11/2026"}), 422)
    assert "Ngày chuyển tiền không được sau hôm nay." in page
    post(client, "/transfers/enter", **filled)
    assert "đã được nhập" in plain(post(client, "/transfers/enter", **filled), 422)
    assert len(states(session)) == 1


def test_nobody_approves_what_they_entered_on_the_screen_either(session: Session, database: Flask) -> None:
    filled = form_of(session)
    people.issue("kiem.nhiem", Role.ACCOUNTANT, Role.SUPERVISOR, area=make.COMMUNE)
    client = people.sign_in(database, "kiem.nhiem")
    page = followed(client, post(client, "/transfers/enter", **filled))
    assert "một lãnh đạo khác phải duyệt" in page
    key = session.execute(text("SELECT id FROM agency_transfers")).scalar_one()
    session.rollback()
    assert post(client, f"/transfers/approve/{key}").status_code in (303, 403)
    assert states(session) == [("entered", 812_340_000)]


def test_a_correction_says_what_is_counted_now(session: Session, signed_in: SignedIn) -> None:
    key = desk.transferred(session, 1_000_000).id
    accountant, supervisor = signed_in(Role.ACCOUNTANT), signed_in(Role.SUPERVISOR)
    post(accountant, f"/transfers/correct/{key}", right="abc", reason="Gõ nhầm")
    assert states(session) == [("approved", 1_000_000)]
    page = followed(accountant, post(accountant, f"/transfers/correct/{key}", right="900.000", reason="Gõ nhầm"))
    assert "Đã ghi điều chỉnh" in page
    last = session.execute(text("SELECT max(id) FROM agency_transfers")).scalar_one()
    session.rollback()
    assert "giảm 100.000 đ" in plain(supervisor.get(f"/transfers/show/{last}"))
    followed(supervisor, post(supervisor, f"/transfers/refuse/{last}", reason="Sao kê đúng"))
    page = plain(accountant.get(f"/transfers/show/{key}"))
    assert "Đang được tính" in page and "-100.000 đ" in page
    assert states(session) == [("approved", 1_000_000), ("refused", -100_000)]


def test_the_balance_leads_to_its_transfers_lists_and_settlements(session: Session, signed_in: SignedIn) -> None:
    batch = stages.settled(session, "paid", "unpaid", "recover", people=3)
    key, agency = desk.transferred(session, batch.total_vnd).id, make.agency(session).id
    code, batch_id = batch.code, batch.id
    session.rollback()
    client = signed_in(Role.ACCOUNTANT)
    page = plain(client.get("/balances/"))
    assert f'href="/balances/{agency}/{make.COMMUNE}"' in page and "540.000 đ" in page
    page = plain(client.get(f"/balances/{agency}/{make.COMMUNE}"))
    assert f"/transfers/show/{key}" in page and f"/lists/show/{batch_id}" in page and code in page
    assert "/settlements/show/" in page and "Đủ tiền chi trả" in page


def test_an_empty_account_says_why(session: Session, signed_in: SignedIn) -> None:
    agency = make.agency(session).id
    session.commit()
    client = signed_in(Role.CLERK)
    assert "Chưa có danh sách nào được gửi" in plain(client.get("/balances/"))
    page = plain(client.get(f"/balances/{agency}/{make.COMMUNE}"))
    assert "chưa có danh sách gửi đi" in page and "Ghi chuyển tiền</a>" not in page
    for wrong in (f"/balances/{agency}/00008", f"/balances/99999/{make.COMMUNE}", f"/balances/{2**40}/{make.COMMUNE}"):
        assert client.get(wrong).status_code == 404
    assert client.get("/balances/?area=%00").status_code == 404


def test_another_commune_sees_no_transfer(session: Session, signed_in: SignedIn) -> None:
    key = desk.transferred(session).id
    stranger = signed_in(Role.SUPERVISOR, area=make.OTHER_COMMUNE)
    assert stranger.get(f"/transfers/show/{key}").status_code == 404
    assert post(stranger, f"/transfers/approve/{key}").status_code == 404
    assert "KB-" not in plain(stranger.get("/transfers/list/"))


def test_an_agencys_user_enters_neither(session: Session, signed_in: SignedIn) -> None:
    client = signed_in(Role.AGENCY_USER)
    for address in ("/balances/", "/transfers/list/"):
        assert client.get(address).status_code in (302, 303, 403)


# --- Papers --------------------------------------------------------------------------------------------------------


def paper_of(answer: Any) -> str:
    """The text of a PDF taken away."""
    assert answer.status_code == 200 and answer.mimetype == "application/pdf", answer.data[:200]
    return " ".join(" ".join(page.extract_text() for page in PdfReader(BytesIO(answer.data)).pages).split())


def test_minutes_of_an_account_are_printed_and_taken_away(session: Session, signed_in: SignedIn) -> None:
    batch = stages.settled(session, "paid", "unpaid", people=2)
    desk.transferred(session, batch.total_vnd, treasury_ref="KB-77")
    address = f"/balances/{make.agency(session).id}/{make.COMMUNE}/minutes"
    session.rollback()
    client = signed_in(Role.ACCOUNTANT)
    page = plain(client.get(address))
    for said in ("BIÊN BẢN ĐỐI CHIẾU", "ỦY BAN NHÂN DÂN", "KB-77", "Năm trăm bốn mươi nghìn đồng", "26/10/2026"):
        assert said in page, said
    assert "KB-77" in paper_of(client.get(f"{address}?form=pdf"))


def test_an_account_without_a_row_has_no_minutes(session: Session, signed_in: SignedIn) -> None:
    agency = make.agency(session).id
    session.commit()
    client = signed_in(Role.CLERK)
    assert client.get(f"/balances/{agency}/{make.COMMUNE}/minutes").status_code == 404


def test_minutes_of_a_settlement_are_taken_away_as_a_file(session: Session, signed_in: SignedIn) -> None:
    key = stages.reported(session, "paid", "unpaid", people=2).id
    session.rollback()
    client = signed_in(Role.CLERK)
    assert "Phụ lục 1" in paper_of(client.get(f"/settlements/minutes/{key}?form=pdf"))
    assert f"/settlements/minutes/{key}?form=pdf" in plain(client.get(f"/settlements/minutes/{key}"))


def test_an_administrator_sets_what_stands_on_papers_and_a_clerk_does_not(
    session: Session, signed_in: SignedIn
) -> None:
    area = make.area(session).id
    batch_id = make.locked_list(session)
    session.commit()
    filled = {"area": str(area), "valid_from": "01/01/2026", "head_title": "CHỦ TỊCH", "head_name": "Lê Văn Chủ"}
    clerk, administrator = signed_in(Role.CLERK), signed_in(Role.PROVINCE_ADMIN, area="01")
    assert clerk.post("/paper-settings/add", data=filled).status_code in (302, 303, 403)
    assert "Lê Văn Chủ" not in plain(clerk.get("/paper-settings/list/"))
    assert administrator.post("/paper-settings/add", data=filled).status_code == 303
    page = plain(clerk.get(f"/lists/print/{batch_id}"))
    assert "CHỦ TỊCH" in page and "Lê Văn Chủ" in page
    assert "/reports/DVCT_08?" in page and "batch=CT-202611-00004-M" in page
