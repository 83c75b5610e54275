"""Issuing accounts: who may give what to whom, and what is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.errors import BadInput, NotAllowed, NotFound, Stale
from app.extensions import acting_as, db, transaction
from app.models import AppUser
from app.rules.actors import SYSTEM, Actor, Role
from app.services.accounts import issuing
from tests.accounts import people

CLERK, ACCOUNTANT, SUPERVISOR = Role.CLERK, Role.ACCOUNTANT, Role.SUPERVISOR
PROVINCE, CENTRAL, AUDITOR, AGENCY_USER = Role.PROVINCE_ADMIN, Role.CENTRAL_ADMIN, Role.AUDITOR, Role.AGENCY_USER


@pytest.fixture(autouse=True)
def three_administrators(database: Flask) -> Iterator[None]:
    people.issue("hn.quantri", PROVINCE)
    people.issue("dl.quantri", PROVINCE, area=people.DAK_LAK)
    people.issue("tw.quantri", CENTRAL, area="VN")
    yield


def create(by: Actor, username: str, account: issuing.Account, password: str = people.SECRET) -> int:
    with acting_as(by), transaction() as session:
        return issuing.create(session, username, account, password, by=by).id


def change(by: Actor, username: str, account: issuing.Account, *, seen_version: int | None = None) -> None:
    user_id = people.user(username).id
    with acting_as(by), transaction() as session:
        issuing.change(session, user_id, account, by=by, seen_version=seen_version)


def test_a_province_issues_accounts_in_its_communes() -> None:
    create(people.actor("hn.quantri"), "xa.moi", people.account(CLERK, SUPERVISOR, area=people.BA_DINH))
    made = people.user("xa.moi")
    assert (made.area_path, made.active, made.session_version) == ("VN/01/00004/", True, 1)
    assert people.roles("xa.moi") == {"clerk", "supervisor"}
    assert people.changes("xa.moi") == [("created", "hn.quantri")]


@pytest.mark.parametrize("role", [CENTRAL, AGENCY_USER])
def test_a_province_cannot_give_what_it_does_not_hold(role: Role) -> None:
    agency = people.agency_id() if role is AGENCY_USER else None
    account = people.account(role, area="VN" if role is CENTRAL else people.HANOI, agency=agency)
    with pytest.raises(NotAllowed):
        create(people.actor("hn.quantri"), "xa.moi", account)


@pytest.mark.parametrize("area", ["VN", people.DAK_LAK])
def test_a_province_cannot_issue_accounts_above_or_beside_itself(area: str) -> None:
    with pytest.raises(issuing.NotYourArea):
        create(people.actor("hn.quantri"), "xa.moi", people.account(CLERK, area=area))


@pytest.mark.parametrize("role", [CLERK, ACCOUNTANT, SUPERVISOR, AUDITOR])
def test_who_is_no_administrator_issues_nothing(role: Role) -> None:
    people.issue("nhan.vien", role)
    with pytest.raises(NotAllowed):
        create(people.actor("nhan.vien"), "xa.moi", people.account(role))


def test_a_user_of_another_area_is_not_found() -> None:
    people.issue("xa.canbo", CLERK, area=people.BA_DINH)
    with pytest.raises(NotFound):
        change(people.actor("dl.quantri"), "xa.canbo", people.account(CLERK, area=people.DAK_LAK))


def test_a_user_cannot_be_moved_out_of_the_administrators_area() -> None:
    people.issue("xa.canbo", CLERK, area=people.BA_DINH)
    with pytest.raises(issuing.NotYourArea):
        change(people.actor("hn.quantri"), "xa.canbo", people.account(CLERK, area=people.DAK_LAK))


def test_who_holds_a_role_the_administrator_cannot_give_cannot_be_touched() -> None:
    people.issue("buudien", AGENCY_USER, agency=people.agency_id())
    by = people.actor("hn.quantri")
    user_id = people.user("buudien").id
    with pytest.raises(issuing.NotYourRole):
        change(by, "buudien", people.account(CLERK))
    for act in (issuing.disable, issuing.enable):
        with pytest.raises(issuing.NotYourRole), acting_as(by), transaction() as session:
            act(session, user_id, by=by)
    with pytest.raises(issuing.NotYourRole), acting_as(by), transaction() as session:
        issuing.reset_password(session, user_id, people.SECRET, by=by)
    assert people.roles("buudien") == {"agency_user"}


def test_nobody_changes_disables_or_resets_themself_here() -> None:
    by = people.actor("hn.quantri")
    assert by.user_id is not None
    with pytest.raises(issuing.OwnAccount):
        change(by, "hn.quantri", people.account(PROVINCE, CLERK))
    with pytest.raises(issuing.OwnAccount), acting_as(by), transaction() as session:
        issuing.disable(session, by.user_id, by=by)
    with pytest.raises(issuing.OwnAccount), acting_as(by), transaction() as session:
        issuing.reset_password(session, by.user_id, people.SECRET, by=by)


def test_a_province_manages_the_other_administrators_of_the_province_but_not_those_of_the_centre() -> None:
    people.issue("hn.quantri2", PROVINCE)
    change(people.actor("hn.quantri"), "hn.quantri2", people.account(CLERK))
    assert people.roles("hn.quantri2") == {"clerk"}
    with pytest.raises(NotFound):
        change(people.actor("hn.quantri"), "tw.quantri", people.account(CLERK))


def test_a_change_keeps_the_user_name_and_records_what_was_changed_only() -> None:
    people.issue("xa.canbo", CLERK, area=people.BA_DINH)
    wanted = replace(people.account(CLERK, ACCOUNTANT, area=people.NGOC_HA), first_name="Bình", email="B@tinh.gov.vn")
    change(people.actor("hn.quantri"), "xa.canbo", wanted)
    user = people.user("xa.canbo")
    assert (user.get_full_name(), user.email, user.area_path) == ("Nguyễn Văn Bình", "b@tinh.gov.vn", "VN/01/00008/")
    with acting_as(SYSTEM):
        before, after = db.session.execute(text("SELECT before, after FROM user_changes WHERE what = 'changed'")).one()
    assert set(before) == set(after) == {"first_name", "email", "area", "roles"}
    assert (before["roles"], after["roles"]) == (["clerk"], ["accountant", "clerk"])
    assert (before["area"], after["area"]) == ("00004", "00008")


def test_a_save_without_a_change_records_nothing() -> None:
    people.issue("xa.canbo", CLERK, area=people.BA_DINH)
    change(people.actor("hn.quantri"), "xa.canbo", people.account(CLERK, area=people.BA_DINH))
    assert people.changes("xa.canbo") == [("created", "system")]


def test_a_stale_save_is_refused() -> None:
    people.issue("xa.canbo", CLERK, area=people.BA_DINH)
    seen = people.user("xa.canbo").row_version
    by = people.actor("hn.quantri")
    change(by, "xa.canbo", people.account(ACCOUNTANT, area=people.BA_DINH), seen_version=seen)
    with pytest.raises(Stale):
        change(by, "xa.canbo", people.account(CLERK, area=people.BA_DINH), seen_version=seen)
    assert people.roles("xa.canbo") == {"accountant"}


def test_closing_an_account_ends_its_sessions_for_good() -> None:
    user_id = people.issue("xa.canbo", CLERK, area=people.BA_DINH)
    by = people.actor("hn.quantri")
    with acting_as(by), transaction() as session:
        issuing.disable(session, user_id, by=by)
    assert (people.user("xa.canbo").active, people.user("xa.canbo").session_version) == (False, 2)
    with pytest.raises(issuing.NothingToDo), acting_as(by), transaction() as session:
        issuing.disable(session, user_id, by=by)
    with acting_as(by), transaction() as session:
        issuing.enable(session, user_id, by=by)
    assert (people.user("xa.canbo").active, people.user("xa.canbo").session_version) == (True, 3)
    assert [what for what, _who in people.changes("xa.canbo")] == ["created", "disabled", "enabled"]


def test_a_reset_ends_sessions_and_the_record_holds_no_password() -> None:
    user_id = people.issue("xa.canbo", CLERK, area=people.BA_DINH)
    by = people.actor("hn.quantri")
    with acting_as(by), transaction() as session:
        issuing.reset_password(session, user_id, "mật khẩu mới tinh", by=by)
    assert people.user("xa.canbo").session_version == 2
    assert people.changes("xa.canbo")[-1] == ("password_reset", "hn.quantri")
    with acting_as(SYSTEM):
        everything = db.session.execute(text("SELECT string_agg(user_changes::text, '') FROM user_changes")).scalar()
    assert "mật khẩu" not in everything and "scrypt" not in everything


@pytest.mark.parametrize(
    ("field", "change_to"),
    [
        ("last_name", ""),
        ("first_name", "An\x07"),
        ("first_name", "A" * 65),
        ("last_name", "123"),
        ("email", "không phải thư"),
        ("email", "xa.canbo@no-mail.invalid"),
        ("roles", frozenset()),
        ("roles", frozenset({AUDITOR, CLERK})),
    ],
)
def test_a_bad_field_is_named(field: str, change_to: object) -> None:
    with pytest.raises(BadInput) as caught:
        create(people.actor("hn.quantri"), "xa.moi", replace(people.account(CLERK), **{field: change_to}))
    assert caught.value.field == field


@pytest.mark.parametrize("username", ["", "ab", "Xa.Canbo", "xã.cánbộ", "a b c", "-abc", "a" * 65, "xa.canbo\n"])
def test_a_user_name_is_plain(username: str) -> None:
    with pytest.raises(BadInput) as caught:
        create(people.actor("hn.quantri"), username, people.account(CLERK))
    assert caught.value.field == "username"


def test_a_user_name_taken_where_the_administrator_cannot_look_is_still_refused_in_words() -> None:
    people.issue("xa.canbo", CLERK, area=people.DAK_LAK)
    with pytest.raises(issuing.UsernameTaken):
        create(people.actor("hn.quantri"), "xa.canbo", people.account(CLERK))


def test_an_email_belongs_to_one_account() -> None:
    by = people.actor("hn.quantri")
    create(by, "mot.nguoi", people.account(CLERK, email="chung@tinh.gov.vn"))
    with pytest.raises(issuing.EmailTaken):
        create(by, "hai.nguoi", people.account(CLERK, email="CHUNG@tinh.gov.vn"))
    create(by, "hai.nguoi", people.account(CLERK))
    with pytest.raises(issuing.EmailTaken):
        change(by, "hai.nguoi", people.account(CLERK, email="chung@tinh.gov.vn"))


def test_an_unknown_agency_is_refused() -> None:
    with pytest.raises(BadInput) as caught:
        create(people.actor("tw.quantri"), "buudien", people.account(AGENCY_USER, agency=999_999))
    assert caught.value.field == "agency"


def test_the_centre_issues_every_role() -> None:
    by = people.actor("tw.quantri")
    create(by, "buudien", people.account(AGENCY_USER, agency=people.agency_id()))
    create(by, "tw.quantri2", people.account(CENTRAL, area="VN"))
    assert people.actor("buudien").agency_id == people.agency_id()


def test_a_user_outside_the_area_is_not_the_administrators_even_when_in_hand() -> None:
    people.issue("dl.canbo", CLERK, area=people.DAK_LAK)
    user, by = people.user("dl.canbo"), people.actor("hn.quantri")
    with acting_as(SYSTEM), pytest.raises(issuing.NotYourArea):
        issuing.demand_managed(user, {CLERK}, by=by)


def test_a_broken_key_is_no_taken_name() -> None:
    nobody = replace(people.actor("hn.quantri"), user_id=999_999)
    with pytest.raises(IntegrityError):
        create(nobody, "xa.moi", people.account(CLERK))


def test_a_database_without_the_roles_says_what_to_run() -> None:
    account = people.account(CLERK)
    with acting_as(SYSTEM), pytest.raises(LookupError, match="sync-security"), transaction() as session:
        session.execute(text("DELETE FROM ab_role WHERE name = 'clerk'"))
        issuing.create(session, "xa.moi", account, people.SECRET, by=SYSTEM)


# --- The database says the same without the program --------------------------------------------------------------


def test_row_level_security_alone_hides_and_protects_users_and_roles_of_other_areas() -> None:
    user_id = people.issue("dl.canbo", CLERK, area=people.DAK_LAK)
    with acting_as(people.actor("hn.quantri")):
        seen = db.session.execute(text("SELECT count(*) FROM ab_user WHERE id = :id"), {"id": user_id}).scalar()
        roles = db.session.execute(text("SELECT count(*) FROM ab_user_role WHERE user_id = :id"), {"id": user_id})
        taken = db.session.execute(text("DELETE FROM ab_user_role WHERE user_id = :id"), {"id": user_id})
        assert (seen, roles.scalar(), taken.rowcount) == (0, 0, 0)
        with pytest.raises(DBAPIError):
            db.session.execute(
                text(
                    "INSERT INTO ab_user_role (user_id, role_id) SELECT :id, id FROM ab_role WHERE name = 'supervisor'"
                ),
                {"id": user_id},
            )
        db.session.rollback()
    assert people.roles("dl.canbo") == {"clerk"}


def test_the_orm_guard_alone_refuses_a_user_written_into_another_area() -> None:
    with acting_as(people.actor("hn.quantri")), pytest.raises(NotAllowed), transaction() as session:
        session.add(
            AppUser(
                username="lọt", first_name="A", last_name="B", email="x@x.vn", area_id=people.area_id(people.DAK_LAK)
            )
        )


def test_the_record_of_changes_cannot_be_rewritten_and_ends_at_the_area() -> None:
    people.issue("dl.canbo", CLERK, area=people.DAK_LAK)
    for statement in ("UPDATE user_changes SET actor = 'x'", "DELETE FROM user_changes"):
        with acting_as(SYSTEM), pytest.raises(DBAPIError), db.session.begin_nested():
            db.session.execute(text(statement))
    with acting_as(people.actor("hn.quantri")):
        paths = db.session.execute(text("SELECT DISTINCT area_path FROM user_changes")).scalars().all()
    assert paths == ["VN/01/"]


def test_an_agencys_user_reads_no_record_of_changes() -> None:
    people.issue("buudien", AGENCY_USER, agency=people.agency_id())
    with acting_as(people.actor("buudien")):
        assert db.session.execute(text("SELECT count(*) FROM user_changes")).scalar() == 0
