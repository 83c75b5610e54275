"""Generated lists: scope, search, order, counting, actions. Each test fails on Flask-AppBuilder's stock list."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.models import Beneficiary
from app.rules.actors import Role
from app.screens import asking
from tests.accounts import people
from tests.factories import OTHER_COMMUNE, agency, entitlement, person
from tests.screens.conftest import SignIn, Someone, registered
from tests.screens.throwaway import TryPeople


def names_in(page: str) -> list[str]:
    """First column of the list."""
    return re.findall(r'<td data-label="Họ tên">\s*<a href="[^"]+">([^<]+)</a>', page)


def many_agencies(session: Session, count: int) -> None:
    session.execute(
        text(
            "INSERT INTO agencies (code, name, kind) SELECT 'dv' || n, 'Đơn vị', 'post' FROM generate_series(1, :n) n"
        ),
        {"n": count},
    )
    session.commit()


@pytest.fixture
def women(session: Session) -> list[Someone]:
    made = [person(session, name) for name in ("Nguyễn Thị Bình", "Trần Thị Hòa", "H'Hen Niê")]
    return registered(session, *made, person(session, "Lê Thị Xa", commune=OTHER_COMMUNE))


def test_only_the_area_and_below_is_listed(sign_in: SignIn, women: list[Someone]) -> None:
    page = sign_in().get("/trypeople/list/").text
    assert names_in(page) == ["H&#39;Hen Niê", "Trần Thị Hòa", "Nguyễn Thị Bình"]


def test_search_ignores_marks_capitals_and_sql_wildcards(sign_in: SignIn, women: list[Someone]) -> None:
    client = sign_in()
    assert names_in(client.get("/trypeople/list/?_flt_1_name_fold=HOA").text) == ["Trần Thị Hòa"]
    assert names_in(client.get("/trypeople/list/?_flt_0_name_fold=tran").text) == ["Trần Thị Hòa"]
    assert names_in(client.get("/trypeople/list/?_flt_1_name_fold=%25").text) == []
    assert names_in(client.get("/trypeople/list/?_flt_0_code=_").text) == []


def test_an_area_stands_for_everything_below_it(sign_in: SignIn, women: list[Someone]) -> None:
    client = sign_in(area="01")
    hanoi, commune = people.area_id("01"), people.area_id(OTHER_COMMUNE)
    assert len(names_in(client.get(f"/trypeople/list/?_flt_0_area={hanoi}").text)) == 4
    assert names_in(client.get(f"/trypeople/list/?_flt_0_area={commune}").text) == ["Lê Thị Xa"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("_flt_1_died_on=31/02/2026", "Ngày này không có trong lịch."),
        ("_flt_1_died_on=01/01/1800", "Năm phải từ 1900 đến 2100."),
        ("_flt_0_area=999999999", "không thuộc địa bàn của bạn"),
        ("_flt_0_area=x", "không thuộc địa bàn của bạn"),
        ("_flt_0_code=" + "9" * 101, "Dài quá 100 ký tự."),
        ("_flt_0_code=a%00b", "ký tự điều khiển"),
    ],
)
def test_an_unreadable_search_says_so_and_keeps_what_was_typed(
    sign_in: SignIn, women: list[Someone], query: str, words: str
) -> None:
    answer = sign_in().get(f"/trypeople/list/?{query}")
    assert answer.status_code == 422
    assert words in answer.text
    assert names_in(answer.text) == []


@pytest.mark.parametrize(
    "query",
    [
        "_flt_0_id_number=1", "_flt_9_code=x", "_flt_x_code=1", "_flt_0_", "_flt_00_code=1", "page_TryPeople=-1",
        "psize_TryPeople=abc", "page_TryPeople=99999999999", "_oc_TryPeople=area_path&_od_TryPeople=asc",
        "_oc_TryPeople=__class__", "_oc_TryPeople=code&_od_TryPeople=;drop", "page_TryPeople=%D9%A3",
    ],
)  # fmt: skip
def test_an_address_asking_for_what_is_not_offered_is_refused(
    sign_in: SignIn, women: list[Someone], query: str
) -> None:
    """Stock: order by any attribute, filter numbers out of range are 500."""
    answer = sign_in().get(f"/trypeople/list/?{query}")
    assert answer.status_code == 400
    assert "Yêu cầu không đọc được" in answer.text


def test_a_page_never_has_more_than_200_rows(sign_in: SignIn, session: Session) -> None:
    many_agencies(session, 230)
    page = sign_in().get("/tryagencies/list/?psize_TryAgencies=100000").text
    assert page.count("<tr>") - 1 == 200


def test_counting_and_paging_stop_at_ten_thousand(sign_in: SignIn, session: Session) -> None:
    many_agencies(session, 10_050)
    client = sign_in()
    assert "hơn 10.000 dòng" in client.get("/tryagencies/list/").text
    last = client.get("/tryagencies/list/?page_TryAgencies=9999").text
    assert last.count("<tr>") - 1 == 25
    assert "Chỉ xem được 10.000 dòng đầu" in last


def test_rows_with_equal_values_never_repeat_or_vanish_between_pages(sign_in: SignIn, session: Session) -> None:
    many_agencies(session, 60)
    client = sign_in()
    seen: list[str] = []
    for page in range(3):
        query = f"_oc_TryAgencies=name&_od_TryAgencies=asc&page_TryAgencies={page}"
        seen += re.findall(r"/tryagencies/show/(\d+)", client.get(f"/tryagencies/list/?{query}").text)
    assert len(seen) == 60
    assert len(set(seen)) == 60


def test_search_filters_belong_to_one_request(tried: Flask, sign_in: SignIn, women: list[Someone]) -> None:
    """Stock: they live on the view object, so a second thread shows the first one's search."""
    view = next(one for one in tried.extensions["appbuilder"].baseviews if isinstance(one, TryPeople))
    with tried.test_request_context("/?_flt_1_name_fold=binh"):
        asking.search(view._filters, view.search_columns)
        assert len(view._filters.filters) == 1
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(_filters_elsewhere, tried, view).result() == []


def _filters_elsewhere(tried: Flask, view: TryPeople) -> list[Any]:
    with tried.test_request_context("/"):
        return list(view._filters.filters)


def test_eight_threads_never_show_each_others_search(sign_in: SignIn, women: list[Someone]) -> None:
    clients = [sign_in(name=f"xa.{number}") for number in range(4)]
    wanted = {"binh": "Nguyễn Thị Bình", "hoa": "Trần Thị Hòa", "nie": "H&#39;Hen Niê"}

    def look(number: int) -> bool:
        word, name = list(wanted.items())[number % 3]
        page = clients[number % 4].get(f"/trypeople/list/?_flt_1_name_fold={word}").text
        return names_in(page) == [name]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(look, range(48)))


def test_a_form_never_lists_a_big_table(sign_in: SignIn, women: list[Someone]) -> None:
    """Stock: every commune of the country is an option of the area's select box."""
    client = sign_in(area="VN")
    for path in ("/trypeople/add", "/trypeople/list/", "/tryentitlements/add"):
        assert client.get(path).text.count("<option") < 100, path


def test_choices_are_searched_within_the_area_and_the_limits_of_the_field(
    sign_in: SignIn, women: list[Someone]
) -> None:
    def offered(client: Any, query: str) -> list[str]:
        return [row["text"] for row in client.get(query).json["results"]]

    province, commune = sign_in(area="01"), sign_in()
    assert any(text.startswith("Phường Ngọc Hà") for text in offered(province, "/trypeople/choices/area?q=ngoc+ha"))
    assert offered(province, "/trypeople/choices/area?q=thanh+pho") == [], "only communes"
    assert offered(commune, "/trypeople/choices/area?q=ngoc+ha") == []
    assert len(offered(province, "/trypeople/choices/area?q=")) == 20
    assert offered(commune, "/tryentitlements/choices/beneficiary?q=le+thi+xa") == []
    assert commune.get("/trypeople/choices/password").status_code == 404
    assert commune.get("/trypeople/choices/entitlements").status_code == 404


def test_a_relation_is_loaded_once_for_the_whole_list(tried: Flask, sign_in: SignIn, women: list[Someone]) -> None:
    from sqlalchemy import event

    from app.extensions import db

    client, statements = sign_in(), []
    client.get("/trypeople/list/")

    def count(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    with tried.app_context():
        event.listen(db.engine, "before_cursor_execute", count)
        client.get("/trypeople/list/")
        event.remove(db.engine, "before_cursor_execute", count)
    about_areas = [one for one in statements if "FROM areas" in one]
    assert len(about_areas) <= 2, about_areas  # the header's, and one for all rows
    assert len(statements) <= 12, statements


def test_rows_under_a_row_are_shown_only_to_who_may_list_them(
    tried: Flask, sign_in: SignIn, women: list[Someone], session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stock: a related view shows its rows whatever the permissions on it."""
    entitlement(session, session.get_one(Beneficiary, women[0].id), "2.5")
    session.commit()
    clerk, path = sign_in(), f"/trypeople/show/{women[0].id}"
    assert "Chính sách đang hưởng" in clerk.get(path).text
    session.execute(
        text(
            "DELETE FROM ab_permission_view_role g USING ab_permission_view pv, ab_view_menu v, ab_permission p WHERE"
            " pv.id = g.permission_view_id AND v.id = pv.view_menu_id AND p.id = pv.permission_id"
            " AND v.name = 'TryEntitlements' AND p.name = 'can_list'"
        )
    )
    session.commit()
    try:
        assert "Chính sách đang hưởng" not in clerk.get(path).text
        assert clerk.get("/tryentitlements/list/").status_code == 403
    finally:
        from tests.screens.conftest import _sync

        with tried.app_context():
            _sync()


# --- Actions ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def done() -> list[Any]:
    TryPeople.done.clear()
    return TryPeople.done


def test_an_action_runs_by_post_only(sign_in: SignIn, women: list[Someone], done: list[Any]) -> None:
    client, key = sign_in(), women[0].id
    assert client.get(f"/trypeople/action/mark/{key}").status_code == 405
    assert client.get("/trypeople/action_post").status_code == 405
    assert done == []
    answer = client.post(f"/trypeople/action/mark/{key}", data={"reason": "  Có  lý do "})
    assert answer.status_code == 303
    assert done == [([women[0].code], "Có  lý do")]


def test_an_action_reaches_no_row_outside_the_list(
    sign_in: SignIn, women: list[Someone], session: Session, done: list[Any]
) -> None:
    """Stock: /action and /action_post take any key, whatever the base filters; here neither area nor filter is left."""
    [man] = registered(session, person(session, "Trần Văn Nam", sex="male"))
    client, mine, other = sign_in(), women[0].id, women[3].id
    for key in (man.id, other, "x", "9" * 30, "-1"):
        assert client.post(f"/trypeople/action/mark/{key}").status_code == 404, key
        many = {"action": "mark", "rowid": [mine, key]}
        assert client.post("/trypeople/action_post", data=many).status_code == 404, key
        assert client.get(f"/trypeople/show/{key}").status_code == 404, key
        assert client.get(f"/trypeople/edit/{key}").status_code == 404, key
        assert client.post(f"/trypeople/delete/{key}").status_code == 404, key
    assert done == [], "one row out of scope and nothing runs"


def test_an_action_demands_its_permission(sign_in: SignIn, women: list[Someone], done: list[Any]) -> None:
    auditor, key = sign_in(Role.AUDITOR), women[0].id
    assert auditor.get(f"/trypeople/show/{key}").status_code == 200
    assert "Đánh dấu" not in auditor.get(f"/trypeople/show/{key}").text
    assert auditor.post(f"/trypeople/action/mark/{key}").status_code == 403
    assert auditor.post("/trypeople/action_post", data={"action": "mark", "rowid": [key]}).status_code == 403
    assert auditor.post(f"/trypeople/delete/{key}").status_code == 403
    assert auditor.post(f"/trypeople/edit/{key}", data={"full_name": "Ai"}).status_code == 403
    assert done == []


def test_what_is_no_action_is_not_found(sign_in: SignIn, women: list[Someone], done: list[Any]) -> None:
    client, key = sign_in(), women[0].id
    assert client.post(f"/trypeople/action/delete/{key}").status_code == 404
    assert client.post("/trypeople/action_post", data={"rowid": [key]}).status_code == 404


def test_nothing_selected_and_too_much_selected_are_said(sign_in: SignIn, done: list[Any]) -> None:
    client, back = sign_in(), {"Referer": "http://localhost/trypeople/list/"}
    for rows, words in (([], "Chưa chọn dòng nào"), (range(501), "tối đa 500 dòng")):
        many = {"action": "mark", "rowid": [str(row) for row in rows]}
        answer = client.post("/trypeople/action_post", data=many, headers=back, follow_redirects=True)
        assert words in answer.text


def test_an_action_that_is_refused_says_why_on_the_page_it_came_from(sign_in: SignIn, women: list[Someone]) -> None:
    page = f"http://localhost/trypeople/show/{women[0].id}"
    answer = sign_in().post(f"/trypeople/action/refuse/{women[0].id}", headers={"Referer": page}, follow_redirects=True)
    assert answer.request.path == f"/trypeople/show/{women[0].id}"
    assert "Không đánh dấu được người này." in answer.text


def test_deleting_is_a_post_and_says_what_hinders_it(sign_in: SignIn, women: list[Someone], session: Session) -> None:
    post_office = agency(session).id
    free = session.scalar(
        text("INSERT INTO agencies (code, name, kind) VALUES ('moi', 'Đơn vị mới', 'bank') RETURNING id")
    )
    session.commit()
    client, back = sign_in(area="VN"), {"Referer": "http://localhost/tryagencies/list/"}
    assert client.get(f"/tryagencies/delete/{free}").status_code == 405
    answer = client.post(f"/tryagencies/delete/{post_office}", headers=back, follow_redirects=True)
    assert "vì còn dữ liệu khác gắn với bản ghi này" in answer.text
    answer = client.post(f"/tryagencies/delete/{free}", headers=back, follow_redirects=True)
    assert "Đã xóa: Đơn vị mới" in answer.text
    assert session.scalar(text("SELECT count(*) FROM agencies")) == 1
