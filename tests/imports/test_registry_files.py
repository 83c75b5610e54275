"""People out of workbooks: added, changed by code, with benefits and payment details; never outside the area."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.extensions import acting_as, db
from app.imports import staging
from app.imports.kinds import KINDS
from app.models import Beneficiary, Death, Entitlement, FileImport, Payee, PaymentMethod
from app.services.lives import deaths
from app.services.registry import NotAClerk
from tests import factories as make
from tests import office
from tests.imports import books
from tests.imports.conftest import Desk

pytestmark = pytest.mark.usefixtures("mid_november", "language")

HEADING = [
    "Mã đối tượng", "Mã xã", "Họ và tên", "Ngày sinh", "Giới tính", "Số CCCD", "Thôn", "Mã chính sách", "Hệ số", "Số quyết định",
    "Hưởng từ", "Người nhận là", "Họ tên người nhận", "Hình thức nhận", "Số tài khoản", "Ngân hàng", "Chủ tài khoản",
]  # fmt: skip
KEYS = ("code", "area", "name", "birth", "sex", "id", "hamlet", "benefit", "coefficient", "decision", "start", "payee",
        "payee_name", "method", "account", "bank", "holder")  # fmt: skip


def row(session: Session, **cells: Any) -> list[Any]:
    """A row of a new person with one benefit, with some cells changed."""
    usual = {
        "name": "Lê Thị Hoa", "birth": "05/03/1950", "sex": "Nữ", "hamlet": "Thôn 2",
        "benefit": make.benefit_type(session).code, "coefficient": "1,5", "decision": "12/QĐ-UBND", "start": "01/11/2026",
    }  # fmt: skip
    return [(usual | cells).get(key, "") for key in KEYS]


def people(desk: Desk, *rows: list[Any], **more: Any) -> FileImport:
    return desk.send("registry", books.xlsx([["HỒ SƠ ĐỐI TƯỢNG"], HEADING, *rows]), **more)


def test_new_people_come_with_their_benefit_and_payment_details(desk: Desk, session: Session) -> None:
    item = people(
        desk,
        row(session, id="001150001234"),
        row(session, name="Trần Văn Hai", birth=1945, sex="Nam", payee="Người giám hộ", payee_name="Trần Thị Ba",
            method="Tài khoản ngân hàng", account="0123456789", bank="BIDV", holder="TRAN THI BA"),
    )  # fmt: skip
    assert (desk.said(item), item.plan["new_people"], item.plan["new_benefits"], item.plan["total"]) == ([], 2, 2, 4)
    assert desk.apply(item) == "Đã thêm 2 người, cập nhật 0 người, thêm 2 chính sách."
    first, second = session.scalars(select(Beneficiary).order_by(Beneficiary.id)).all()
    assert (first.code, first.full_name, first.birth, first.sex, first.id_number, first.area_path, first.hamlet) == (
        f"DT{first.id:08d}", "Lê Thị Hoa", "05/03/1950", "female", "001150001234", make.COMMUNE_PATH, "Thôn 2",
    )  # fmt: skip
    assert (second.birth, second.birth_month) == ("1945", None)
    entitlement = session.scalars(select(Entitlement).where(Entitlement.beneficiary_id == first.id)).one()
    assert (entitlement.coefficient, entitlement.starts_on, entitlement.status) == (
        Decimal("1.50"),
        date(2026, 11, 1),
        "active",
    )
    payees = {payee.beneficiary_id: payee for payee in session.scalars(select(Payee).where(Payee.is_current))}
    assert (payees[first.id].kind, payees[first.id].full_name) == ("self", "Lê Thị Hoa")
    assert (payees[second.id].kind, payees[second.id].full_name) == ("guardian", "Trần Thị Ba")
    methods = {
        method.payee_id: method for method in session.scalars(select(PaymentMethod).where(PaymentMethod.is_current))
    }
    assert methods[payees[first.id].id].kind == "cash"
    bank = methods[payees[second.id].id]
    assert (bank.kind, bank.account_no, bank.bank_code, bank.holder) == ("bank", "0123456789", "BIDV", "TRAN THI BA")
    make.agency(session)
    assert make.made_list(session)  # what was imported can be paid


def test_known_people_are_changed_by_their_code_and_empty_cells_change_nothing(desk: Desk, session: Session) -> None:
    entitlement = make.entitled(session, "Lê Thị Hoa", phone="0912345678", sex="female")
    person = entitlement.beneficiary
    code, version = person.code, person.row_version
    session.commit()
    kind = entitlement.benefit_type.code
    changed = row(session, code=code, name="Lê Thị Hòa", birth=1945, sex="", hamlet="", benefit=kind, coefficient=2,
                  decision="15/QĐ", start="01/07/2025", method="TK", account="0123456789", bank="BIDV")  # fmt: skip
    item = people(desk, changed)
    assert (item.error_count, item.plan["changed_people"], item.plan["changed_benefits"], item.plan["methods"]) == (
        0,
        1,
        1,
        1,
    )
    desk.apply(item)
    session.refresh(person)
    assert (person.full_name, person.name_fold, person.phone, person.sex, person.hamlet) == (
        "Lê Thị Hòa", "le thi hoa", "0912345678", "female", "Thôn 1",
    )  # fmt: skip
    assert person.row_version == version + 1
    session.refresh(entitlement)
    assert (entitlement.coefficient, entitlement.decision_no) == (Decimal("2.00"), "15/QĐ")
    methods = session.scalars(select(PaymentMethod).order_by(PaymentMethod.id)).all()
    assert [(method.kind, method.is_current) for method in methods] == [("cash", False), ("bank", True)]
    again = people(desk, changed)
    assert (again.error_count, again.plan["total"]) == (0, 0)


def test_people_of_another_area_are_findings_and_never_touched(desk: Desk, session: Session) -> None:
    stranger = make.entitled(session, "Phạm Văn Xa", commune=make.OTHER_COMMUNE).beneficiary
    dead = make.person(session, "Phạm Văn Chết", status="dead", died_on=date(2026, 1, 1))
    session.commit()
    item = people(
        desk,
        row(session, code=stranger.code, name="Phạm Văn Xa", birth=1945),
        row(session, area=make.OTHER_COMMUNE, name="Ngô Văn Mới"),
        row(session, code=dead.code, name="Phạm Văn Chết", birth=1945),
    )  # fmt: skip
    assert desk.said(item) == [
        "Dòng 3, cột A (Mã đối tượng): Mã này không có trong địa bàn của bạn. Người mới thì để trống mã.",
        "Dòng 4, cột B (Mã xã): Mã xã này không thuộc địa bàn của bạn.",
        "Dòng 5, cột A (Mã đối tượng): Đối tượng này đã chết hoặc đã chuyển đi.",
    ]
    with pytest.raises(staging.HasErrors):
        desk.apply(item)
    assert session.scalar(select(Beneficiary.full_name).where(Beneficiary.id == stranger.id)) == "Phạm Văn Xa"


def test_a_province_writes_people_of_its_communes_and_does_not_move_them(desk: Desk, session: Session) -> None:
    person = make.person(session, "Lê Thị Hoa")
    session.commit()
    desk.by = make.PROVINCE_CLERK
    moved = row(session, code=person.code, area=make.OTHER_COMMUNE, birth=1945)
    item = people(
        desk,
        row(session, area=make.OTHER_COMMUNE, name="Ngô Văn Mới"),
        row(session, name="Ngô Văn Đâu"),
        moved,
        area="01",
    )
    assert desk.said(item) == [
        "Dòng 4, cột B (Mã xã): Mã xã này không thuộc địa bàn của bạn.",
        "Dòng 5, cột B (Mã xã): Đối tượng đang thuộc xã khác; việc chuyển xã không làm bằng tệp.",
    ]
    good = people(desk, row(session, area=make.OTHER_COMMUNE, name="Ngô Văn Mới"), area="01")
    desk.apply(good)
    assert session.scalar(select(Beneficiary.area_path).where(Beneficiary.full_name == "Ngô Văn Mới")) == "VN/01/00008/"


def test_duplicates_are_reported(desk: Desk, session: Session) -> None:
    known = make.person(session, "Lê Thị Hoa", birth_month=3, birth_day=5, birth_year=1950, id_number="001150001234")
    session.commit()
    item = people(
        desk,
        row(session), row(session),
        row(session, name="Ngô Thị Tư", birth=1950, id="001150001234"),
        row(session, name="Đỗ Thị Năm", birth=1951, id="001151000001"),
        row(session, name="Đỗ Thị Sáu", birth=1951, id="001151000001"),
    )  # fmt: skip
    assert desk.said(item) == [
        f"Dòng 5, cột F (Số CCCD/định danh): Số định danh này là của {known.code}.",
        "Dòng 7, cột C (Họ và tên): Khác họ tên với dòng 6 của cùng một người.",
        "Dòng 7: Trùng với dòng 6.",
        f"Dòng 3, cột C (Họ và tên): Trùng họ tên và ngày sinh với {known.code}.",
        f"Dòng 4, cột C (Họ và tên): Trùng họ tên và ngày sinh với {known.code}.",
        "Dòng 4, cột C (Họ và tên): Trùng họ tên, ngày sinh và thôn với dòng 3.",
    ]


def refreshed(session: Session, item: FileImport) -> FileImport:
    return session.get_one(FileImport, item.id, populate_existing=True)


def count_of(session: Session, name: str) -> int:
    return int(session.scalar(text("SELECT count(*) FROM beneficiaries WHERE full_name = :name"), {"name": name}) or 0)


def test_the_same_file_sent_twice_enters_its_people_once(desk: Desk, session: Session) -> None:
    """Both previews were made before either was applied: neither says that anybody is there already."""
    first, again = people(desk, row(session)), people(desk, row(session))
    assert desk.said(again) == []
    desk.apply(first)
    with pytest.raises(staging.PreviewStale):
        desk.apply(again)
    assert count_of(session, "Lê Thị Hoa") == 1
    again = refreshed(session, again)
    assert [said.partition(":")[2][:35] for said in desk.said(again)] == [" Trùng họ tên và ngày sinh với DT00"]
    desk.apply(again)
    assert count_of(session, "Lê Thị Hoa") == 2, "a namesake, once a person has seen the warning"


def test_what_has_become_an_error_since_the_preview_is_never_applied(desk: Desk, session: Session) -> None:
    first = people(desk, row(session, id="001150001234"))
    again = people(desk, row(session, id="001150001234", name="Lê Thị Hòa"))
    desk.apply(first)
    with pytest.raises(staging.PreviewStale):
        desk.apply(again)
    assert refreshed(session, again).error_count == 1
    with pytest.raises(staging.HasErrors):
        desk.apply(refreshed(session, again))
    assert session.scalar(text("SELECT count(*) FROM beneficiaries")) == 1


def test_two_files_applied_at_once_enter_their_people_once(database: Flask, desk: Desk, session: Session) -> None:
    items = [people(desk, row(session)) for _turn in range(2)]
    wanted, start = [(item.id, item.stamp or "") for item in items], Barrier(2)

    def applied(key: int, stamp: str) -> bool:
        with database.test_request_context(), clock.at(date(2026, 11, 10)), acting_as(make.CLERK):
            start.wait(30)
            try:
                return bool(staging.apply(key, KINDS, by=make.CLERK, stamp=stamp, home=desk.home))
            except staging.PreviewStale:
                return False
            finally:
                db.session.remove()

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda one: applied(*one), wanted))
    office.refresh(session)
    assert sorted(done) == [False, True]
    assert count_of(session, "Lê Thị Hoa") == 1


def test_rows_with_one_id_number_are_one_person_with_several_benefits(desk: Desk, session: Session) -> None:
    stacking = make.benefit_type(session, stacks=True).code
    item = people(desk, row(session, id="001150001234"), row(session, id="001150001234", benefit=stacking))
    assert (desk.said(item), item.plan["new_people"], item.plan["new_benefits"]) == ([], 1, 2)
    desk.apply(item)
    assert session.scalar(text("SELECT count(*) FROM payees")) == 1


def test_benefits_need_a_known_code_a_start_and_a_decision(desk: Desk, session: Session) -> None:
    running = make.entitled(session, "Lê Thị Hoa")
    code = running.beneficiary.code
    session.commit()
    item = people(
        desk,
        row(session, name="Đỗ Thị Một", benefit="KHONGCO"),
        row(session, name="Đỗ Thị Hai", start="", decision=""),
        row(session, code=code, birth=1945, benefit=running.benefit_type.code),
        row(session, name="Đỗ Thị Ba", coefficient="", start="01/01/1990"),
    )  # fmt: skip
    assert desk.said(item) == [
        "Dòng 3, cột H (Mã chính sách): Không có mã chính sách này.",
        "Dòng 4, cột K (Hưởng từ): Chưa ghi ngày hưởng.",
        "Dòng 4, cột J (Số quyết định): Chưa ghi số quyết định.",
        "Dòng 5, cột K (Hưởng từ): Đang hưởng chính sách này từ 01/07/2025.",
        "Dòng 6, cột I (Hệ số): Nhóm này chưa có hệ số theo quy định vào ngày hưởng; hãy ghi hệ số theo quyết định.",
    ]


def test_days_and_payees_that_cannot_be_are_errors(desk: Desk, session: Session) -> None:
    heading = [
        "Họ và tên",
        "Ngày sinh",
        "Hưởng từ",
        "Hưởng đến",
        "Số con",
        "Người nhận là",
        "Họ tên người nhận",
        "Ủy quyền đến",
    ]
    item = desk.send("registry", books.xlsx([
        heading,
        ["Một", "01/01/2027", "01/11/2026", "01/10/2026", 30, "", "Ai Đó", ""],
        ["Hai", 1950, "", "", "", "Giám hộ", "", ""],
        ["Ba", 1950, "", "", "", "Ủy quyền", "Lê Lợi", "01/01/2028"],
    ]))  # fmt: skip
    assert desk.said(item) == [
        "Dòng 2: Có tên người nhận thì phải ghi người nhận là ai.",
        "Dòng 2: Ngày sinh không thể ở tương lai.",
        "Dòng 2: Ngày kết thúc không thể trước ngày bắt đầu.",
        "Dòng 2: Số con phải từ 1 đến 20.",
        "Dòng 3: Chưa ghi họ tên người nhận.",
        "Dòng 4: Giấy ủy quyền phải còn hạn và không quá 12 tháng kể từ hôm nay.",
    ]


def test_a_person_saved_meanwhile_makes_the_preview_stale(desk: Desk, session: Session) -> None:
    person = make.entitled(session, "Lê Thị Hoa").beneficiary
    session.commit()
    item = people(desk, row(session, code=person.code, birth=1945, name="Lê Thị Hòa", benefit="", start=""))
    person.hamlet, person.row_version = "Thôn 9", person.row_version + 1
    session.commit()
    with pytest.raises(staging.PreviewStale):
        desk.apply(item)
    desk.apply(session.get_one(FileImport, item.id, populate_existing=True))
    session.refresh(person)
    assert (person.full_name, person.hamlet) == ("Lê Thị Hòa", "Thôn 2")


def test_only_a_clerk_writes_the_registry(desk: Desk, session: Session) -> None:
    item = people(desk, row(session))
    with pytest.raises(NotAClerk):
        desk.apply(item, by=make.ACCOUNTANT)
    assert session.scalar(text("SELECT count(*) FROM beneficiaries")) == 0


def test_payment_details_change_in_bulk(desk: Desk, session: Session) -> None:
    first, second, third = (make.entitled(session, name).beneficiary for name in ("Lê Một", "Lê Hai", "Lê Ba"))
    make.payee(session, third, method=make.BANK)
    gone = make.person(session, "Lê Chết", status="dead", died_on=date(2026, 1, 1))
    session.commit()
    heading = ["Mã đối tượng", "Họ tên", "Hình thức", "Số TK", "Ngân hàng", "Chủ TK", "Loại ví", "Số ví"]
    item = desk.send("payments", books.xlsx([
        heading,
        [first.code, "Lê Một", "", "0011223344", "BIDV", "LE MOT", "", ""],
        [second.code, "", "Ví", "", "", "", "MoMo", 912345678],
        [third.code, "Lê Ba", "Tiền mặt", "0123456789", "BIDV", "", "", ""],
    ]))  # fmt: skip
    assert (desk.said(item), item.plan["methods"]) == ([], 3)
    assert desk.apply(item) == "Đã cập nhật thông tin chi trả của 3 người."
    now = session.execute(text(
        "SELECT m.kind, m.account_no, m.wallet_kind, m.wallet_phone FROM payment_methods m JOIN payees p ON p.id = m.payee_id"
        " WHERE m.is_current AND p.is_current AND p.beneficiary_id <> :gone"
        " ORDER BY p.beneficiary_id"), {"gone": gone.id}).all()  # fmt: skip
    assert [tuple(row) for row in now] == [
        ("bank", "0011223344", None, None), ("wallet", None, "MoMo", "0912345678"), ("cash", None, None, None),
    ]  # fmt: skip
    bad = desk.send("payments", books.xlsx([
        heading,
        ["DT99999999", "", "TM"], [first.code, "Tên Khác", "TM"], [first.code, "", "TM"], [gone.code, "", "TM"],
        [second.code, "", "", "", "", "", "", ""], [third.code, "", "TK", "", "BIDV"],
    ]))  # fmt: skip
    assert desk.said(bad) == [
        "Dòng 2, cột A (Mã đối tượng): Mã này không có trong địa bàn của bạn.",
        "Dòng 3, cột B (Họ và tên): Trong hồ sơ, mã này là Lê Một.",
        "Dòng 4, cột A (Mã đối tượng): Trùng với dòng 3.",
        "Dòng 5, cột A (Mã đối tượng): Đối tượng này đã chết hoặc đã chuyển đi.",
        "Dòng 6, cột C (Hình thức nhận): Chưa ghi hình thức nhận.",
        "Dòng 7: Chưa đủ số tài khoản và ngân hàng, hoặc số ví và loại ví; danh sách chi trả sẽ báo thiếu.",
    ]
    again = desk.send("payments", books.xlsx([heading[:3], [third.code, "", "TM"]]))
    again.plan = {**again.plan, "total": 1, "methods": 1}
    session.commit()
    with pytest.raises(NotAClerk):
        desk.apply(again, by=make.ACCOUNTANT)


def test_deaths_come_by_file_and_are_undone_like_any_other(desk: Desk, session: Session) -> None:
    entitlement = make.entitled(session, "Lê Thị Hoa")
    person, kind = entitlement.beneficiary, entitlement.benefit_type.code
    session.commit()
    heading = ["Mã đối tượng", "Họ và tên", "Ngày sinh", "Ngày chết", "Thôn"]
    item = desk.send("registry", books.xlsx([heading, [person.code, "Lê Thị Hoa", "1945", "02/11/2026", "Thôn 7"]]))
    assert (desk.said(item), item.plan["deaths"]) == ([], 1)
    assert desk.apply(item).endswith("Ghi cắt chết 1 người.")
    session.refresh(person)
    assert (person.status, person.died_on, person.hamlet) == ("dead", date(2026, 11, 2), "Thôn 7")
    assert session.get_one(Entitlement, entitlement.id).ends_on == date(2026, 11, 2)
    death = session.scalars(select(Death)).one()
    assert (death.recorded_by, death.note, death.before["status"]) == ("xa.clerk", "Theo tệp tep.xlsx", "active")
    deaths.undo(session, death.id, by=make.CLERK, because="Nhầm người")
    session.commit()
    session.refresh(person)
    assert (person.status, session.get_one(Entitlement, entitlement.id).ends_on, kind) == ("active", None, kind)


def test_a_day_of_death_that_cannot_be_is_a_finding(desk: Desk, session: Session) -> None:
    first, second = make.person(session, "Lê Thị Hoa"), make.person(session, "Trần Thị Ba")
    session.commit()
    heading = ["Mã đối tượng", "Mã xã", "Họ và tên", "Ngày sinh", "Ngày chết"]
    item = desk.send(
        "registry",
        books.xlsx(
            [
                heading,
                [first.code, "", "Lê Thị Hoa", "1945", "02/12/2026"],
                [second.code, "", "Trần Thị Ba", "1945", "02/11/1944"],
                [second.code, "", "Trần Thị Ba", "1945", "03/11/2026"],
                ["", make.COMMUNE, "Ngô Văn Mới", "1950", "01/11/2026"],
            ]
        ),
    )
    said = " ".join(desk.said(item))
    assert "Ngày chết không thể ở tương lai." in said and "Ngày chết không thể trước ngày sinh." in said
    assert "Khác ngày chết ở một dòng khác của cùng một người" in said
    assert "Người mới thêm không thể đã chết" in said
