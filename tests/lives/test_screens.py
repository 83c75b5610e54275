"""Deaths, moves and successions on screen: works, what is refused at its field, other roles, other areas."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from app.rules.actors import Role
from tests import factories as make
from tests.screens.desk import Desk, text_of


@pytest.fixture
def desk(database: Flask) -> Desk:
    return Desk(database)


def registered(desk: Desk, name: str = "Nguyễn Thị Bình") -> int:
    with desk.books() as session:
        make.agency(session)
        return int(make.entitled(session, name).beneficiary_id)


def test_a_clerk_records_a_death_with_the_funeral_and_undoes_it(desk: Desk) -> None:
    person = registered(desk)
    clerk = desk.signed_in(Role.CLERK)
    assert "/record-death/" in text_of(clerk.get(f"/beneficiaries/show/{person}"))
    form: dict[str, Any] = {
        "person": str(person),
        "died_on": "03/11/2026",
        "organiser": "Lê Văn Con",
        "decision_no": "5",
    }
    answer = clerk.post("/record-death/", data=form | {"funeral_month": "11/2026"})
    assert answer.status_code == 303, text_of(answer)
    page = text_of(clerk.get(answer.headers["Location"]))
    assert "Trả vào kỳ 11/2026, quyết định 5" in page and "Hủy cắt chết" in page
    assert "03/11/2026" in text_of(clerk.get("/deaths/list/"))
    death = desk.value("SELECT id FROM deaths")
    assert clerk.post(f"/record-death/undo/{death}", data={"reason": ""}).status_code == 422
    assert clerk.post(f"/record-death/undo/{death}", data={"reason": "Nhầm"}).status_code == 303
    assert desk.value("SELECT status FROM beneficiaries") == "active"


def test_what_is_wrong_is_said_at_its_field_and_nothing_is_done(desk: Desk) -> None:
    person = registered(desk)
    clerk = desk.signed_in(Role.CLERK)
    for change, words in (
        ({"died_on": "31/12/2026"}, "không ở tương lai"),
        ({"died_on": "03/13/2026"}, "died_on-error"),
        ({"organiser": "Lê Văn Con", "funeral_month": "10/2026"}, "Kỳ trả mai táng phí"),
        ({"person": "999999"}, "không có, hoặc không thuộc địa bàn"),
    ):
        answer = clerk.post("/record-death/", data={"person": str(person), "died_on": "03/11/2026", **change})
        assert answer.status_code == 422 and words in text_of(answer), change
    assert desk.value("SELECT count(*) FROM deaths") == 0


def test_a_stranger_is_buried(desk: Desk) -> None:
    registered(desk)
    clerk = desk.signed_in(Role.CLERK)
    assert clerk.get("/record-death/stranger").status_code == 200
    with desk.books() as session:
        area = make.area(session).id
    form = {
        "full_name": "Trần Thị Lạ",
        "birth": "1940",
        "area": str(area),
        "died_on": "02/11/2026",
        "funeral_month": "11/2026",
    }
    assert "organiser-error" in text_of(clerk.post("/record-death/stranger", data=form))
    assert clerk.post("/record-death/stranger", data=form | {"organiser": "Lê Văn Con"}).status_code == 303
    assert desk.value("SELECT full_name FROM beneficiaries WHERE status = 'dead'") == "Trần Thị Lạ"


def test_others_only_read_and_strangers_of_the_area_see_nothing(desk: Desk) -> None:
    person = registered(desk)
    desk.signed_in(Role.CLERK).post("/record-death/", data={"person": str(person), "died_on": "03/11/2026"})
    auditor = desk.signed_in(Role.AUDITOR)
    assert "Hủy cắt chết" not in text_of(auditor.get(f"/deaths/show/{person}"))
    assert auditor.get("/record-death/").status_code == 403
    elsewhere = desk.signed_in(Role.CLERK, area=make.OTHER_COMMUNE)
    assert elsewhere.get(f"/deaths/show/{person}").status_code == 404
    death = desk.value("SELECT id FROM deaths")
    assert elsewhere.post(f"/record-death/undo/{death}", data={"reason": "x"}).status_code == 404


def test_a_person_moves_from_one_clerk_to_the_other(desk: Desk) -> None:
    person = registered(desk, "Trần Văn Đi")
    here, there = desk.signed_in(Role.CLERK), desk.signed_in(Role.CLERK, area=make.OTHER_COMMUNE)
    assert make.OTHER_COMMUNE in text_of(here.get(f"/ask-relocation/choices/to?q={make.OTHER_COMMUNE}"))
    with desk.books() as session:
        to = make.area(session, make.OTHER_COMMUNE).id
    form = {"person": str(person), "to": str(to), "reason": "Về ở với con"}
    assert here.get(f"/ask-relocation/?person={person}").status_code == 200
    assert here.post("/ask-relocation/", data=form).status_code == 303
    assert "đang chờ nơi đến" in text_of(here.post("/ask-relocation/", data=form))
    assert "Người chuyển đến chờ tiếp nhận" in text_of(there.get("/"))
    page = text_of(there.get("/relocations/list/"))
    assert "Trần Văn Đi" in page and "Đề nghị chuyển vùng" in page
    asked = desk.value("SELECT id FROM relocations")
    assert (
        "Tiếp nhận"
        not in text_of(here.get(f"/relocations/show/{asked}"))
        .split("<main")[1]
        .split("</nav>")[-1]
        .split("Rút đề nghị")[0]
    )
    assert here.post(f"/relocations/action/accept/{asked}").status_code in (403, 409)
    assert there.post(f"/relocations/action/accept/{asked}").status_code in (302, 303)
    assert desk.value("SELECT state FROM relocations") == "accepted"
    assert here.get(f"/beneficiaries/show/{person}").status_code == 404
    assert there.get(f"/beneficiaries/show/{person}").status_code == 200


def test_a_request_is_refused_or_withdrawn_with_a_reason(desk: Desk) -> None:
    person = registered(desk)
    here, there = desk.signed_in(Role.CLERK), desk.signed_in(Role.CLERK, area=make.OTHER_COMMUNE)
    with desk.books() as session:
        to = make.area(session, make.OTHER_COMMUNE).id
    for who, move in ((there, "refuse"), (here, "withdraw")):
        here.post("/ask-relocation/", data={"person": str(person), "to": str(to), "reason": "Về quê"})
        asked = desk.value("SELECT max(id) FROM relocations")
        assert who.post(f"/relocations/action/{move}/{asked}", data={"reason": ""}).status_code == 422
        assert who.post(f"/relocations/action/{move}/{asked}", data={"reason": "Không phải"}).status_code in (302, 303)
    assert desk.value("SELECT string_agg(state, ',' ORDER BY id) FROM relocations") == "refused,withdrawn"


def test_the_centre_merges_areas(desk: Desk) -> None:
    registered(desk)
    centre = desk.signed_in(Role.CENTRAL_ADMIN, area="VN")
    with desk.books() as session:
        old, new = make.area(session).id, make.area(session, make.OTHER_COMMUNE).id
    assert "/succession/" in text_of(centre.get("/areas/list/"))
    assert "/succession/" not in text_of(desk.signed_in(Role.AUDITOR, area="VN").get("/areas/list/"))
    assert centre.get(f"/succession/?area={make.COMMUNE}").status_code == 200
    form = {"old": str(old), "new": str(old), "first_month": "12/2026", "decision": "Nghị quyết 1", "hamlets": "Thôn 1"}
    assert centre.post("/succession/", data=form).status_code == 422
    assert centre.post("/succession/", data=form | {"new": str(new)}).status_code == 303
    assert desk.value("SELECT count(*) FROM beneficiaries WHERE area_path LIKE '%/00008/'") == 1
    assert centre.post("/succession/", data=form | {"new": str(new)}).status_code == 422, "nobody is left there"
    assert desk.signed_in(Role.PROVINCE_ADMIN, area="01").get("/succession/").status_code == 403
    with desk.books() as session:  # a table that tests keep
        session.execute(text("DELETE FROM area_predecessors WHERE old_commune_code = '00004' AND old_district = ''"))
