"""Which roles may be given by whom, and which go together."""

from __future__ import annotations

import pytest

from app.rules.actors import PEOPLE, Role
from app.rules.granting import RolesError, check_roles, grantable

CLERK, ACCOUNTANT, SUPERVISOR = Role.CLERK, Role.ACCOUNTANT, Role.SUPERVISOR
PROVINCE, CENTRAL, AUDITOR, AGENCY_USER = Role.PROVINCE_ADMIN, Role.CENTRAL_ADMIN, Role.AUDITOR, Role.AGENCY_USER


@pytest.mark.parametrize("role", sorted(PEOPLE - {PROVINCE, CENTRAL}))
def test_only_administrators_give_roles(role: Role) -> None:
    assert grantable([role]) == frozenset()


def test_a_province_gives_up_to_its_own_role_and_never_the_agencys() -> None:
    assert grantable([PROVINCE]) == {CLERK, ACCOUNTANT, SUPERVISOR, AUDITOR, PROVINCE}


def test_the_centre_and_the_system_give_every_role_of_people_and_no_machines() -> None:
    assert grantable([CENTRAL]) == grantable([Role.SYSTEM]) == PEOPLE


@pytest.mark.parametrize(
    ("roles", "level", "of_an_agency", "problem"),
    [
        # An account without a role could sign in and do nothing.
        ((), "commune", False, "none"),
        # The office's roles go together anywhere: maker and checker are told apart by person, not by role.
        ((CLERK, SUPERVISOR), "commune", False, None),
        ((CLERK, ACCOUNTANT, SUPERVISOR), "province", False, None),
        # Who audits changes nothing.
        ((AUDITOR,), "province", False, None),
        ((AUDITOR, CLERK), "province", False, "alone"),
        # Who works for the agency does not work for the office.
        ((AGENCY_USER,), "province", True, None),
        ((AGENCY_USER, CLERK), "province", True, "alone"),
        ((AGENCY_USER,), "province", False, "agency_missing"),
        ((CLERK,), "commune", True, "agency_extra"),
        # Reference tables are the whole country's, so their keeper is too.
        ((CENTRAL,), "country", False, None),
        ((CENTRAL,), "province", False, "level"),
        ((PROVINCE,), "province", False, None),
        ((PROVINCE,), "commune", False, "level"),
        ((PROVINCE, CLERK), "province", False, None),
    ],
)
def test_what_one_account_may_hold(
    roles: tuple[Role, ...], level: str, of_an_agency: bool, problem: str | None
) -> None:
    if problem is None:
        check_roles(roles, level=level, of_an_agency=of_an_agency)
        return
    with pytest.raises(RolesError) as caught:
        check_roles(roles, level=level, of_an_agency=of_an_agency)
    assert caught.value.code == problem
