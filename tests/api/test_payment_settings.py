"""Payment settings by REST: read where they hold, added by administrators of the area, never under a closed period."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.rules.actors import Role
from app.services import settings
from tests import factories as make
from tests.api.answers import fields_of, problem_of
from tests.api.conftest import Program

ADDRESS = "/api/v1/payment_settings/"
FROM_DECEMBER = {"area_code": "01", "valid_from": "01/12/2026", "auto_send": True, "remind_days": 5}


def test_an_administrator_turns_automatic_sending_on_from_a_day(program: Program, session: Session) -> None:
    admin = program(Role.PROVINCE_ADMIN, area="01")
    answer = admin.post(ADDRESS, json=FROM_DECEMBER)
    assert answer.status_code == 201, answer.text
    row = answer.json["result"]
    assert (row["auto_send"], row["remind_days"], row["list_cutoff_day"]) == (True, 5, None)
    assert answer.headers["Location"].endswith(f"/{answer.json['id']}")
    found = settings.effective(session, make.COMMUNE_PATH, make.NOVEMBER.replace(month=12))
    assert (found.auto_send, found.remind_days, found.list_cutoff_day) == (True, 5, 25)
    assert settings.effective(session, make.COMMUNE_PATH, make.NOVEMBER).auto_send is False
    clerk = program(Role.CLERK)
    assert answer.json["id"] in clerk.get(ADDRESS).json["ids"], "what holds from above is seen from below"
    again = admin.post(ADDRESS, json=FROM_DECEMBER)
    assert "đã có thiết lập" in problem_of(again, 409)["detail"]


def test_only_administrators_add_and_only_where_they_are(program: Program) -> None:
    for role in (Role.CLERK, Role.SUPERVISOR, Role.AUDITOR):
        assert program(role).post(ADDRESS, json=FROM_DECEMBER).status_code == 403
    assert program(Role.AGENCY_USER).get(ADDRESS).status_code == 403
    elsewhere = program(Role.PROVINCE_ADMIN, area="66").post(ADDRESS, json=FROM_DECEMBER)
    assert elsewhere.status_code == 422
    assert program(Role.PROVINCE_ADMIN, area="01").put(f"{ADDRESS}1", json={}).status_code == 405


def test_what_makes_no_sense_is_named(program: Program) -> None:
    admin = program(Role.PROVINCE_ADMIN, area="01")
    answer = admin.post(ADDRESS, json=FROM_DECEMBER | {"auto_send": "yes", "remind_days": 21, "list_cutoff_day": 1})
    assert answer.status_code == 422
    assert set(fields_of(answer)) == {"auto_send", "remind_days", "list_cutoff_day"}


def test_a_closed_period_keeps_the_settings_it_used(program: Program, session: Session) -> None:
    make.settled_month(session, make.OCTOBER, people=1)
    session.commit()
    answer = program(Role.PROVINCE_ADMIN, area="01").post(ADDRESS, json=FROM_DECEMBER | {"valid_from": "01/10/2026"})
    assert "Kỳ 10/2026 đã chốt" in problem_of(answer, 409)["detail"]


def test_every_setting_of_the_page_is_taken(program: Program) -> None:
    wanted = {
        "months_per_settlement": 2, "through_agency": False, "payment_day_from": 5, "payment_day_to": 15,
        "paying_level": "commune", "transfer_level": "province", "shift_to_working_day": True,
        "extension_past_cutoff": False, "unusual_change_percent": 50, "recovery_share_percent": 30,
    }  # fmt: skip
    admin = program(Role.PROVINCE_ADMIN, area="01")
    row = admin.post(ADDRESS, json=FROM_DECEMBER | wanted).json["result"]
    assert {name: row[name] for name in wanted} == wanted
    wrong = {"months_per_settlement": 4, "paying_level": "country", "recovery_share_percent": 91, "through_agency": 0}
    assert fields_of(admin.post(ADDRESS, json=FROM_DECEMBER | wrong)) == set(wrong)
