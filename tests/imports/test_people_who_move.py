"""Files about people who are moving to another commune meanwhile: nobody is changed from afar, split or entered twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from time import sleep

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.extensions import acting_as, db
from app.imports import staging
from app.imports.kinds import KINDS
from app.models import Beneficiary, FileImport
from app.rules.actors import SYSTEM, Role
from app.services.lives import relocating
from tests import factories as make
from tests.imports import books
from tests.imports.conftest import Desk

pytestmark = pytest.mark.usefixtures("mid_november", "language")

THERE = make.actor(Role.CLERK, "noi.den", f"VN/01/{make.OTHER_COMMUNE}/")
THERE_PATH = f"VN/01/{make.OTHER_COMMUNE}/"
HEADING = [
    "Mã đối tượng",
    "Họ và tên",
    "Ngày sinh",
    "Điện thoại",
    "Mã chính sách",
    "Hệ số",
    "Số quyết định",
    "Hưởng từ",
]


@pytest.fixture
def person(session: Session) -> Beneficiary:
    made = make.entitled(session, "Trần Văn Đi", birth_month=5, birth_day=9).beneficiary
    session.commit()
    return made


@pytest.fixture
def there(session: Session, tmp_path: Path) -> Desk:
    return Desk(session, tmp_path, THERE)


def row(session: Session, person: Beneficiary, *, code: bool = True, benefit: bool = True) -> list[object]:
    """A row about the person that gives a telephone number, and one benefit more."""
    kind = session.scalars(text("SELECT code FROM benefit_types WHERE stacks AND batch_kind = 'monthly' LIMIT 1")).one()
    more = [kind, "1", "15/QĐ-UBND", "01/11/2026"] if benefit else []
    return [person.code if code else "", person.full_name, "09/05/1945", "0912345678", *more]


def send(desk: Desk, *rows: list[object], area: str = make.COMMUNE) -> FileImport:
    return desk.send("registry", books.xlsx([HEADING, *rows]), area=area)


def ask(session: Session, person: Beneficiary) -> int:
    with acting_as(make.CLERK):
        key = relocating.ask(session, person.id, make.OTHER_COMMUNE, by=make.CLERK, reason="Về ở với con").id
        session.commit()
    return key


def accept(session: Session, key: int) -> None:
    with acting_as(THERE):
        relocating.accept(session, key, by=THERE)
        session.commit()


def paths(session: Session, person: Beneficiary) -> set[str]:
    """Where the person and everything of theirs is."""
    with acting_as(SYSTEM):
        return set(
            session.scalars(
                text(
                    "SELECT area_path FROM beneficiaries WHERE id = :id UNION ALL"
                    " SELECT area_path FROM entitlements WHERE beneficiary_id = :id UNION ALL"
                    " SELECT area_path FROM payees WHERE beneficiary_id = :id UNION ALL"
                    " SELECT m.area_path FROM payment_methods m JOIN payees p ON p.id = m.payee_id"
                    "  WHERE p.beneficiary_id = :id"
                ),
                {"id": person.id},
            )
        )


def test_who_is_asked_for_is_still_changed_by_the_commune_that_has_them(
    desk: Desk, session: Session, person: Beneficiary
) -> None:
    key = ask(session, person)
    assert desk.apply(send(desk, row(session, person))) == "Đã thêm 0 người, cập nhật 1 người, thêm 1 chính sách."
    accept(session, key)
    assert paths(session, person) == {THERE_PATH}
    assert session.get_one(Beneficiary, person.id, populate_existing=True).phone == "0912345678"


def test_who_was_taken_in_after_the_preview_is_not_changed_by_the_old_commune(
    desk: Desk, session: Session, person: Beneficiary
) -> None:
    key, item = ask(session, person), send(desk, row(session, person))
    assert item.error_count == 0
    accept(session, key)
    with pytest.raises(staging.PreviewStale):
        desk.apply(item)
    assert desk.said(session.get_one(FileImport, item.id, populate_existing=True))[0] == (
        "Dòng 2, cột A (Mã đối tượng): Mã này không có trong địa bàn của bạn. Người mới thì để trống mã."
    )
    assert paths(session, person) == {THERE_PATH}


def test_who_is_taken_in_while_the_file_is_applied_is_not_left_in_two_communes(
    database: Flask, desk: Desk, session: Session, person: Beneficiary
) -> None:
    """The receiving side commits when the file has been compared and is about to be written."""
    key, item = ask(session, person), send(desk, row(session, person))
    item_id, stamp = item.id, item.stamp or ""

    def applied() -> str:
        with database.test_request_context(), clock.at(date(2026, 11, 10)), acting_as(make.CLERK):
            try:
                return staging.apply(item_id, KINDS, by=make.CLERK, stamp=stamp, home=desk.home)
            except staging.PreviewStale:
                return "stale"
            finally:
                db.session.remove()

    with acting_as(THERE), ThreadPoolExecutor(1) as pool:
        relocating.accept(session, key, by=THERE)
        session.flush()
        done = pool.submit(applied)
        while not waiting(session):
            assert not done.done(), done.result()
            sleep(0.05)
        session.commit()
        assert done.result(30) == "stale"
    assert paths(session, person) == {THERE_PATH}


def waiting(session: Session) -> bool:
    """Somebody waits for a lock."""
    return bool(session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))


def test_payment_details_wait_in_the_same_way(desk: Desk, session: Session, person: Beneficiary) -> None:
    key = ask(session, person)
    content = books.xlsx([["Mã đối tượng", "Số tài khoản", "Ngân hàng"], [person.code, "0123456789", "BIDV"]])
    item = desk.send("payments", content)
    accept(session, key)
    with pytest.raises(staging.PreviewStale):
        desk.apply(item)
    assert paths(session, person) == {THERE_PATH}


def test_the_receiving_commune_is_told_before_it_enters_somebody_who_is_coming(
    desk: Desk, there: Desk, session: Session, person: Beneficiary
) -> None:
    key = ask(session, person)
    new = row(session, person, code=False)
    told = f"Dòng 2, cột B (Họ và tên): Đang chờ tiếp nhận {person.code} chuyển đến, trùng họ tên và ngày sinh."
    assert told in there.said(send(there, new, area=make.OTHER_COMMUNE))
    assert told not in desk.said(send(desk, new))
    with acting_as(THERE):
        relocating.refuse(session, key, by=THERE, because="Không có hộ này")
        session.commit()
    assert told not in there.said(send(there, new, area=make.OTHER_COMMUNE))


def test_the_new_commune_changes_who_has_come_by_the_code_they_always_had(
    there: Desk, session: Session, person: Beneficiary
) -> None:
    accept(session, ask(session, person))
    item = send(there, row(session, person), area=make.OTHER_COMMUNE)
    assert there.apply(item) == "Đã thêm 0 người, cập nhật 1 người, thêm 1 chính sách."
    assert paths(session, person) == {THERE_PATH}
