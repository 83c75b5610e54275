"""The month of a commune without a connection by REST alone, from the list to the next month's list."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app import clock
from app.rules.actors import Role
from app.services.books import checking
from tests import factories as make
from tests import hand
from tests.api.answers import problem_of
from tests.api.conftest import Program
from tests.imports import books

API = "/api/v1"


@pytest.fixture(autouse=True)
def mid_november() -> Iterator[None]:
    with clock.at(date(2026, 11, 10)):
        yield


def post(client: FlaskClient, address: str, status: int = 200, **body: Any) -> Any:
    answer = client.post(f"{API}/{address}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json


def only(client: FlaskClient, resource: str, key: str, value: int) -> dict[str, Any]:
    """The one row of a resource that belongs to another."""
    question = f"(filters:!((col:{key},opr:rel_o_m,value:{value})))"
    answer = client.get(f"{API}/{resource}/", query_string={"q": question}).json
    assert answer["count"] == 1, answer
    row: dict[str, Any] = answer["result"][0]
    return row


def test_the_month_of_a_commune_without_a_connection(program: Program, session: Session) -> None:
    hand.pays_itself(session)
    people = [make.entitled(session, f"Trần Văn {number}").beneficiary.code for number in range(4)]
    session.commit()
    clerk, supervisor, accountant = (program(role) for role in (Role.CLERK, Role.SUPERVISOR, Role.ACCOUNTANT))

    (batch,) = post(clerk, "payout_batches/", 201, area_code="00004", month="11/2026")["ids"]
    assert post(supervisor, f"payout_batches/{batch}/lock")["result"]["total_vnd"] == 2_160_000
    assert post(clerk, f"payout_batches/{batch}/send")["result"]["state"] == "accepted"
    assert post(clerk, f"payout_batches/{batch}/recall", reason="Sai tên")["result"]["state"] == "returned"
    post(supervisor, f"payout_batches/{batch}/unlock", reason="Sửa tên")
    post(supervisor, f"payout_batches/{batch}/lock")
    post(clerk, f"payout_batches/{batch}/send")
    packet = clerk.get(f"{API}/packets/?q=(filters:!((col:state,opr:eq,value:accepted)))").json["ids"][0]
    settlement = only(clerk, "settlements", "packet", packet)["id"]

    sheet = books.xlsx([["Mã đối tượng", "Kết quả"], *([one, "Đã trả"] for one in people[:3])])
    form = {"kind": "sheet", "settlement_id": str(settlement), "file": (BytesIO(sheet), "ket qua.xlsx")}
    sent = clerk.post(f"{API}/imports/", data=form, content_type="multipart/form-data").json
    assert (sent["result"]["phase"], sent["result"]["error_count"]) == ("ready", 0)
    post(clerk, f"imports/{sent['id']}/apply", stamp=sent["result"]["stamp"])
    left = clerk.get(f"{API}/settlements/{settlement}/lines?tab=pending").json["result"]
    named = {"reference": left[0]["reference"], "from_standing": "pending", "outcome": "unpaid", "reason": "Vắng mặt"}
    figures = post(clerk, f"settlements/{settlement}/decide", **named)["figures"]
    assert (figures["paid"], figures["unpaid"]) == (
        {"people": 3, "vnd": 1_620_000},
        {"people": 1, "vnd": 540_000},
    )
    assert "chưa quyết toán" in problem_of(clerk.post(f"{API}/area_periods/{_period(clerk)}/close"), 409)["detail"]
    assert post(accountant, f"settlements/{settlement}/lock")["result"]["state"] == "locked"
    assert post(accountant, f"area_periods/{_period(clerk)}/close")["result"]["state"] == "closed"

    (december,) = post(clerk, "payout_batches/", 201, area_code="00004", month="12/2026")["ids"]
    result = clerk.get(f"{API}/payout_batches/{december}").json["result"]
    assert (result["line_count"], result["carried_vnd"], result["total_vnd"]) == (4, 540_000, 2_700_000)
    session.rollback()
    assert checking.check(session) == []


def _period(client: FlaskClient) -> int:
    found = client.get(f"{API}/area_periods/?q=(order_column:id,order_direction:asc)").json["ids"]
    return int(found[0])
