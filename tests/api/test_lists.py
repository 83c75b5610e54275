"""Lists and single rows by REST: what is asked is whitelisted, what comes is capped, in order and complete."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from app.api import asking
from app.api.resource import Resource
from app.extensions import db
from app.models import Area
from app.rules.actors import Role
from app.screens import interface
from tests import factories as make
from tests import stages
from tests.accounts import people
from tests.api.answers import problem_of, rows
from tests.api.conftest import Program

PEOPLE, AREAS = "/api/v1/beneficiaries/", "/api/v1/areas/"
RESOURCES = (
    "areas", "beneficiaries", "payout_batches", "packets", "settlements", "settlement_records", "extensions",
)  # fmt: skip


def listed(client: FlaskClient, address: str, question: str = "") -> dict[str, Any]:
    answer = client.get(address, query_string={"q": question} if question else {})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json
    return found


@pytest.fixture
def crowd(session: Session) -> list[int]:
    """Five people of Ba Đình, one of Ngọc Hà."""
    names = ["Trần Văn An", "Lê Thị Bình", "Đỗ Văn Cường", "Hoàng Dung", "Lê Thị Bình"]
    made = [make.person(session, name, hamlet=f"Thôn {number}").id for number, name in enumerate(names)]
    make.person(session, "Phạm Khác Xã", commune=make.OTHER_COMMUNE)
    session.commit()
    return made


@contextmanager
def statements() -> Iterator[list[str]]:
    """Every statement sent to the database meanwhile."""
    seen: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


# --- Every resource --------------------------------------------------------------------------------------------


@pytest.fixture
def month(session: Session) -> dict[str, int]:
    """One row of everything, by resource."""
    settlement = stages.reported(session, "paid", "unpaid", people=2)
    session.execute(
        text(
            "INSERT INTO deadline_extensions (settlement_id, days, reason, asked_by, entered_by, area_path)"
            " VALUES (:id, 3, 'mưa', 'x', 'x', 'VN/01/00004/')"
        ),
        {"id": settlement.id},
    )
    make.transitions.created(
        session, "extension", [session.scalar(text("SELECT max(id) FROM deadline_extensions"))], by=make.CLERK
    )
    session.commit()
    first = {
        "areas": "areas WHERE code = '00004'", "beneficiaries": "beneficiaries", "payout_batches": "payout_batches",
        "packets": "packets", "settlements": "settlements", "settlement_records": "settlement_records",
        "extensions": "deadline_extensions",
    }  # fmt: skip
    return {name: rows(f"SELECT min(id) FROM {table}")[0][0] for name, table in first.items()}


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_row_of_a_list_is_the_row_by_itself(program: Program, month: dict[str, int], resource: str) -> None:
    client = program(Role.ACCOUNTANT)
    address = f"/api/v1/{resource}/"
    page = listed(client, address)
    assert month[resource] in page["ids"] and page["count"] == len(page["ids"])
    alone = client.get(f"{address}{month[resource]}").json
    in_list = page["result"][page["ids"].index(month[resource])]
    assert alone["id"] == in_list["id"] == month[resource]
    shared = {name: value for name, value in alone["result"].items() if name in in_list}
    assert shared == in_list


def test_relations_are_shown_by_their_codes(program: Program, month: dict[str, int]) -> None:
    client = program(Role.CLERK)
    packet = client.get(f"/api/v1/packets/{month['packets']}").json["result"]
    assert (packet["batch"]["code"], packet["agency"]["code"], packet["replaces"]) == (
        "CT-202611-00004-M",
        "vnpost",
        None,
    )
    settlement = client.get(f"/api/v1/settlements/{month['settlements']}").json["result"]
    assert (settlement["packet"]["code"], settlement["period"]["month"]) == ("CT-202611-00004-M-V1", "2026-11-01")
    record = client.get(f"/api/v1/settlement_records/{month['settlement_records']}").json["result"]
    assert record["line"]["no"] == 1 and record["line"]["beneficiary_code"].startswith("DT")
    assert "full_name" not in record["line"]


def test_a_list_takes_the_same_statements_for_two_rows_and_for_many(program: Program, session: Session) -> None:
    client = program(Role.CLERK)
    counts = []
    for size in (1, 6):
        for number in range(size):
            make.person(session, f"Trần Văn {size} {number}")
        session.commit()
        with statements() as seen:
            listed(client, PEOPLE)
        counts.append(len(seen))
    assert counts[0] == counts[1]


def test_answers_are_kept_by_no_cache(program: Program, crowd: list[int]) -> None:
    client = program(Role.CLERK)
    for address in (PEOPLE, f"{PEOPLE}{crowd[0]}", AREAS):
        assert client.get(address).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("resource", RESOURCES)
def test_what_cannot_be_a_key_is_not_found(program: Program, resource: str) -> None:
    """Stock: a number too big for the column is an error of the database."""
    client = program(Role.AUDITOR)
    for key in ("0", "-1", "9" * 12, "9" * 30, "1e3", "abc", "1'--", "%00", "None", "_info", "_bulk", "٣"):
        problem_of(client.get(f"/api/v1/{resource}/{key}"), 404)


# --- Filters, order, columns -----------------------------------------------------------------------------------


def test_a_list_is_filtered_by_its_search_columns(program: Program, crowd: list[int]) -> None:
    client = program(Role.CLERK)
    assert listed(client, PEOPLE, "(filters:!((col:name_fold,opr:sw,value:'Lê thị')))")["count"] == 2
    assert listed(client, PEOPLE, '{"filters": [{"col": "hamlet", "opr": "eq", "value": "Thôn 3"}]}')["ids"] == [
        crowd[3]
    ]
    assert listed(client, PEOPLE, "(filters:!((col:birth_year,opr:gt,value:1946)))")["count"] == 0
    assert (
        listed(client, PEOPLE, "(filters:!((col:birth_year,opr:eq,value:1945),(col:hamlet,opr:eq,value:'Thôn 1')))")[
            "count"
        ]
        == 1
    )


def test_an_area_stands_for_all_below_it(program: Program, crowd: list[int]) -> None:
    client = program(Role.CLERK, area=people.HANOI)
    province, commune = (people.area_id(code) for code in (people.HANOI, make.OTHER_COMMUNE))
    assert listed(client, PEOPLE, f"(filters:!((col:area,opr:rel_o_m,value:{province})))")["count"] == 6
    assert listed(client, PEOPLE, f"(filters:!((col:area,opr:rel_o_m,value:{commune})))")["count"] == 1


@pytest.mark.parametrize(
    "question",
    [
        "(filters:!((col:phone,opr:eq,value:'1')))",
        "(filters:!((col:row_version,opr:eq,value:1)))",
        "(filters:!((col:entitlements,opr:rel_m_m,value:1)))",
        "(filters:!((col:area.path,opr:sw,value:V)))",
        "(filters:!((col:code,opr:between,value:V)))",
        "(filters:!((col:birth_year,opr:eq,value:'1945; DROP')))",
        "(filters:!((col:birth_year,opr:eq,value:9999999999999999999999)))",
        "(filters:!((col:area,opr:rel_o_m,value:abc)))",
        "(filters:!((col:code,opr:eq,value:!t)))",
        "(filters:!((col:code,opr:eq,value:!n)))",
        "(filters:!((col:code,opr:eq,value:!(a))))",
        "(filters:!((col:code,opr:eq,value:(a:b))))",
        "(filters:!((col:code,opr:eq,value:1.5)))",
        "(filters:!((col:code,opr:eq)))",
        "(filters:!((col:code,opr:eq,value:a,more:1)))",
        "(filters:!((col:1,opr:eq,value:a)))",
        "(filters:!(a))",
        "(filters:a)",
        "(order_column:phone)",
        "(order_column:area.path)",
        "(order_column:1)",
        "(order_column:code,order_direction:sideways)",
        "(columns:!(id,phone))",
        "(columns:!(area.path))",
        "(columns:!(entitlements))",
        "(columns:id)",
        "(select_columns:!(id))",
        "(keys:!(none))",
        "(page:-1)",
        "(page:'1')",
        "(page:1.5)",
        "(page:!t)",
        "(page:1000000000000000000000)",
        "(page_size:0)",
        "(page_size:-1)",
        "(page_size:x)",
        "(after:-1)",
        "(after:x)",
        "(after:9223372036854775808)",
        "(after:1,page:1)",
        "(after:1,order_column:code)",
        "!(1)",
        "1",
        "a",
        "(",
        "((",
        "!",
        "'",
        "(f1:",
        "1e",
        "(a:1e)",
        "{",
        '{"page":',
        "{'page':1}",
        "null",
        '"x"',
        "(" * 3900,
        "!(" * 1900,
        "[" * 3900,
        "x" * 5000,
        '{"order_column": "\\ud800"}',
        '{"\\ud800": 1}',
        '{"filters": [{"col": "\\ud800", "opr": "eq", "value": "1"}]}',
        '{"page": NaN}',
        '{"page": 1e400}',
    ],
)
def test_a_question_that_cannot_be_answered_is_a_problem(program: Program, crowd: list[int], question: str) -> None:
    """Stock: several of these are errors of the program, or quietly mean something else."""
    problem_of(program(Role.CLERK).get(PEOPLE, query_string={"q": question}), 400)


@pytest.mark.parametrize("value", ["a\x00b", "\u202e", "\x1b[0m"])
def test_a_filter_with_control_characters_is_a_problem(program: Program, value: str) -> None:
    question = f'{{"filters": [{{"col": "code", "opr": "eq", "value": {_json(value)}}}]}}'
    problem_of(program(Role.CLERK).get(PEOPLE, query_string={"q": question}), 400)


def test_no_question_is_an_error_of_the_program(program: Program, crowd: list[int]) -> None:
    """Stock: the reader of questions lets IndexError, TypeError and RecursionError through."""
    client, drawn = program(Role.CLERK), random.Random(20_261_124)
    alphabet = "()!,:'*abc019-.e \u00e9%tfn{}[]\""
    for _ in range(300):
        question = "".join(drawn.choice(alphabet) for _ in range(drawn.randint(1, 14)))
        answer = client.get(PEOPLE, query_string={"q": question})
        assert answer.status_code in (200, 400), (question, answer.text)


@pytest.mark.parametrize("argument", ["page=2", "q=(page:0)&q=(page:1)", "page_size=10", "_flt_0_code=x", "Q=1"])
def test_an_argument_nobody_reads_is_refused(program: Program, argument: str) -> None:
    problem_of(program(Role.CLERK).get(f"{PEOPLE}?{argument}"), 400)


def test_rows_come_in_a_total_order(program: Program, crowd: list[int]) -> None:
    client = program(Role.CLERK)
    assert listed(client, PEOPLE)["ids"] == sorted(crowd, reverse=True)
    by_name = listed(client, PEOPLE, "(order_column:name_sort,order_direction:asc)")
    assert [row["full_name"].split()[-1] for row in by_name["result"]] == ["An", "Bình", "Bình", "Cường", "Dung"]
    assert by_name["ids"][1:3] == sorted(by_name["ids"][1:3])
    turned = listed(client, PEOPLE, "(order_column:name_sort,order_direction:desc)")
    assert turned["ids"] == by_name["ids"][::-1]


def test_columns_are_chosen_among_those_shown(program: Program, crowd: list[int]) -> None:
    found = listed(program(Role.CLERK), PEOPLE, "(columns:!(code,area.code),page_size:1)")["result"]
    assert set(found[0]) == {"code", "area"} and set(found[0]["area"]) == {"code"}


# --- Pages -----------------------------------------------------------------------------------------------------


def test_pages_do_not_overlap_and_are_capped(program: Program, crowd: list[int]) -> None:
    client = program(Role.CLERK)
    pages = [listed(client, PEOPLE, f"(page:{page},page_size:2)")["ids"] for page in range(4)]
    assert [len(page) for page in pages] == [2, 2, 1, 0]
    assert sorted(key for page in pages for key in page) == crowd
    assert len(listed(client, AREAS, "(page_size:5000)")["ids"]) <= asking.MAX_PAGE_SIZE


def test_a_page_size_is_never_without_end(program: Program) -> None:
    """Stock: page_size -1 asks for everything where the cap is -1, and any cap is one setting away."""
    client = program(Role.CENTRAL_ADMIN, area="VN")
    assert len(listed(client, AREAS, "(page_size:1000000)")["ids"]) == asking.MAX_PAGE_SIZE == 200


def test_everything_is_read_by_key_however_much_there_is(program: Program) -> None:
    client, after, seen = program(Role.CENTRAL_ADMIN, area="VN"), 0, []
    while after is not None:
        page = listed(client, AREAS, f"(after:{after},page_size:200,columns:!(id))")
        seen += page["ids"]
        after = page["next"]
    assert seen == [key for (key,) in rows("SELECT id FROM areas ORDER BY id")]


def test_pages_end_where_counting_ends_and_say_how_to_go_on(
    program: Program, crowd: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (asking, interface):
        monkeypatch.setattr(module, "COUNT_CAP", 4)
    monkeypatch.setattr("app.api.resource.COUNT_CAP", 4)
    client = program(Role.CLERK)
    page = listed(client, PEOPLE, "(page_size:2)")
    assert (page["count"], page["count_is_capped"]) == (4, True)
    assert "after" in problem_of(client.get(f"{PEOPLE}?q=(page:2,page_size:2)"), 400)["detail"]
    assert listed(client, PEOPLE, "(after:0,page_size:4)")["next"] is not None


def test_filters_of_one_caller_never_reach_another(app: Flask, program: Program, crowd: list[int]) -> None:
    """Stock: filters are kept on the view that every thread shares."""
    client = program(Role.CLERK)
    assert listed(client, PEOPLE, "(filters:!((col:hamlet,opr:eq,value:'Thôn 1')))")["count"] == 1
    assert listed(client, PEOPLE)["count"] == 5
    shared = [view._filters for view in app.extensions["appbuilder"].baseviews if isinstance(view, Resource)]
    assert len(shared) >= 7 and not any(filters.filters or filters.values for filters in shared)


def test_an_area_shows_those_above_and_below_and_no_others(program: Program) -> None:
    client = program(Role.CLERK)
    assert {row["code"] for row in listed(client, AREAS)["result"]} == {"VN", "01", "00004"}


NAMES_PEOPLE = {"full_name", "birth", "id_number", "phone", "account_no", "holder", "wallet_phone", "payee_name"}


def test_every_resource_that_names_people_records_who_reads_it(app: Flask) -> None:
    silent = []
    for view in app.appbuilder.baseviews:
        if not isinstance(view, Resource) or view.datamodel.obj is Area or view.personal:
            continue
        own = [name for name in (*view.list_columns, *view.show_columns) if not name.startswith("area.")]
        if NAMES_PEOPLE & {name.rpartition(".")[2] for name in own}:
            silent.append(view.resource_name)
    assert silent == []


def test_an_agencys_user_sees_its_own_agencys_and_nobody_elses(program: Program, month: dict[str, int]) -> None:
    own, other = program(Role.AGENCY_USER), program(Role.AGENCY_USER, agency="viettel", name="viettel.ba-dinh")
    for resource in ("packets", "settlements", "settlement_records", "extensions"):
        address = f"/api/v1/{resource}/"
        assert listed(own, address)["count"] > 0
        assert own.get(f"{address}{month[resource]}").status_code == 200
        assert listed(other, address)["count"] == 0
        problem_of(other.get(f"{address}{month[resource]}"), 404)
    seen = rows("SELECT actor, what FROM access_log ORDER BY id")
    assert set(seen) == {("x00004.agency-user", "API settlement_records")} and len(seen) == 2


def _json(value: str) -> str:
    return '"' + "".join(f"\\u{ord(char):04x}" for char in value) + '"'
