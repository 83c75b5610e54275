"""What the address of a report may ask, and what is refused by its field's name."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.errors import BadInput, NotFound
from app.reports import asking
from tests import factories as make
from tests.reports.conftest import asked


def test_an_empty_address_asks_for_ones_own_area_and_the_month_of_the_header(session: Session) -> None:
    request = asking.read(session, "DVCT_01", {}, by=make.CLERK, month=make.NOVEMBER)
    assert request == asked("DVCT_01")


def test_an_address_is_read_with_all_its_filters(session: Session) -> None:
    agency = make.agency(session)
    batch_id = make.made_list(session, people=1)
    written = {
        "area": "00004",
        "batch": "ct-202611-00004-m",
        "method": "cash",
        "from": "10/2026",
        "to": "2026-11",
        "agency": str(agency.id),
        "kind": "monthly",
    }
    request = asking.read(
        session,
        "DVCT_02",
        written | {"outcome": "unpaid", "order": "name"},
        by=make.PROVINCE_CLERK,
        month=make.NOVEMBER,
    )
    wanted = {"agency_id": agency.id, "kind": "monthly", "outcome": "unpaid", "order": "name", "method": "cash"}
    wanted["batch_id"] = batch_id
    assert request == asked("DVCT_02", month_from=make.OCTOBER, **wanted)
    assert type(request).read(request.written()) == request


def test_a_filter_the_report_does_not_have_is_left_out(session: Session) -> None:
    assert asking.read(session, "DVCT_01", {"outcome": "unpaid"}, by=make.CLERK, month=make.NOVEMBER).outcome == ""


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("from", "tháng mười"),
        ("from", "13/2026"),
        ("to", "10/2026"),
        ("to", "11/2027"),
        ("kind", "pension"),
        ("outcome", "lost"),
        ("order", "total_vnd; DROP TABLE"),
        ("agency", "x"),
        ("agency", "99999999999999999999"),
        ("agency", "²"),
        ("batch", "CT-209901-00004-M"),
        ("batch", "x\x00"),
        ("method", "gold"),
    ],
)
def test_what_cannot_be_read_names_its_field(session: Session, field: str, value: str) -> None:
    with pytest.raises(BadInput) as caught:
        asking.read(session, "DVCT_02", {field: value}, by=make.CLERK, month=make.NOVEMBER)
    assert caught.value.field == field


@pytest.mark.parametrize("code", ["00008", "01", "VN", "99999", "x\x00y"])
def test_an_area_out_of_scope_is_not_found(session: Session, code: str) -> None:
    with pytest.raises(NotFound):
        asking.read(session, "DVCT_01", {"area": code}, by=make.CLERK, month=make.NOVEMBER)


def test_a_request_is_refused_once_its_area_is_out_of_scope(session: Session) -> None:
    asking.check_scope(asked("DVCT_01"), by=make.PROVINCE_CLERK)
    with pytest.raises(NotFound):
        asking.check_scope(asked("DVCT_01", area="VN/01/"), by=make.CLERK)
