"""Areas merged and divided by REST: by the centre alone, everybody at once."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.rules.actors import Role
from tests import factories as make
from tests.accounts import people
from tests.api.answers import fields_of, problem_of, rows
from tests.api.conftest import Program

SUCCESSIONS = "/api/v1/successions/"
WANTED: dict[str, Any] = {
    "area_code": make.COMMUNE, "first_month": "12/2026", "decision": "Nghị quyết 1",
    "successors": [{"area_code": make.OTHER_COMMUNE}],
}  # fmt: skip


@pytest.fixture(autouse=True)
def areas_as_they_were(session: Session) -> Any:
    """Areas are reference data that other tests read."""
    yield
    session.rollback()
    session.execute(make.text("UPDATE areas SET valid_to = NULL WHERE code = '00004'"))
    session.execute(make.text("DELETE FROM area_predecessors WHERE old_commune_code = '00004' AND old_district = ''"))
    session.commit()


def test_an_area_is_divided_and_its_rest_merged_in_one_request(program: Program, session: Session) -> None:
    third = rows("SELECT code FROM areas WHERE parent_id = (SELECT id FROM areas WHERE code = '01')"
                 " AND code NOT IN ('00004', '00008') AND valid_to IS NULL ORDER BY code")[0][0]  # fmt: skip
    make.entitled(session, "Ở Thôn Một", hamlet="Thôn 1")
    make.entitled(session, "Ở Thôn Hai", hamlet="Thôn 2")
    session.commit()
    centre = program(Role.CENTRAL_ADMIN, area="VN")
    divided = [{"area_code": third, "hamlets": ["Thôn 2"]}, {"area_code": make.OTHER_COMMUNE}]
    done = centre.post(SUCCESSIONS, json=WANTED | {"successors": divided})
    assert (done.status_code, done.json) == (201, {"moved": 2})
    assert rows("SELECT b.full_name, a.code FROM beneficiaries b JOIN areas a ON a.id = b.area_id ORDER BY 1") == [
        ("Ở Thôn Hai", third), ("Ở Thôn Một", make.OTHER_COMMUNE),
    ]  # fmt: skip
    assert fields_of(centre.post(SUCCESSIONS, json=WANTED)) == {"area_code"}, "it is over"
    found = centre.get(SUCCESSIONS, query_string={"q": "(filters:!((col:old_commune_code,opr:eq,value:'00004')))"}).json
    assert {one["area"]["code"] for one in found["result"]} >= {third, make.OTHER_COMMUNE}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("area_code", "99999"),
        ("area_code", "01"),
        ("first_month", "10/2026"),
        ("decision", ""),
        *(("successors", value) for value in ([], {}, [1], [{}], [{"area_code": 1}], [{"area_code": "99999"}])),
        ("successors", [{"area_code": make.COMMUNE}]),
        ("successors", [{"area_code": make.OTHER_COMMUNE, "hamlets": ["Thôn 9"]}]),
        ("successors", [{"area_code": make.OTHER_COMMUNE, "hamlets": [""]}]),
        ("successors", [{"area_code": make.OTHER_COMMUNE}, {"area_code": make.OTHER_COMMUNE}]),
        ("ends", True),
    ],
)
def test_a_wrong_succession_is_named(program: Program, field: str, value: Any) -> None:
    answer = program(Role.CENTRAL_ADMIN, area="VN").post(SUCCESSIONS, json=WANTED | {field: value})
    assert fields_of(answer) == {field}
    assert rows("SELECT count(*) FROM relocations") == [(0,)]


def test_nobody_else_merges_areas(program: Program) -> None:
    problem_of(program(Role.PROVINCE_ADMIN, area=people.HANOI).post(SUCCESSIONS, json=WANTED), 403)
    problem_of(program(Role.CLERK).post(SUCCESSIONS, json=WANTED), 403)
    assert rows("SELECT valid_to FROM areas WHERE code = '00004'") == [(None,)]
