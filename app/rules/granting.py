"""Which roles an administrator may give, and which go together in one account. No user or password lives here."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from app.rules.actors import PEOPLE, Role
from app.rules.problems import UnreadableError
from app.rules.states import N_

GRANTABLE: Mapping[Role, frozenset[Role]] = {
    Role.PROVINCE_ADMIN: frozenset({Role.CLERK, Role.ACCOUNTANT, Role.SUPERVISOR, Role.AUDITOR, Role.PROVINCE_ADMIN}),
    Role.CENTRAL_ADMIN: PEOPLE,
    Role.SYSTEM: PEOPLE,
}
"""Roles an administrator may give: up to their own, and never what they do not hold authority over.

A province never gives the role of an agency's user: whoever sends the money does not also report it paid.
"""

ALONE = frozenset({Role.AUDITOR, Role.AGENCY_USER})
"""Roles that go with no other: who audits changes nothing, who works for an agency does not work for the office."""

LEVELS: Mapping[Role, frozenset[str]] = {
    Role.CENTRAL_ADMIN: frozenset({"country"}),
    Role.PROVINCE_ADMIN: frozenset({"province"}),
}
"""Levels of area a role is bound to; the other roles exist at every level."""


class RolesError(UnreadableError):
    """Roles that one account cannot hold together, or not there."""

    texts = {
        "none": N_("Hãy chọn ít nhất một vai trò."),
        "alone": N_("Vai trò thanh tra và vai trò đơn vị chi trả không đi cùng vai trò nào khác."),
        "level": N_("Quản trị trung ương thuộc cấp cả nước; quản trị tỉnh thuộc một tỉnh."),
        "agency_missing": N_("Cán bộ đơn vị chi trả phải thuộc một đơn vị chi trả."),
        "agency_extra": N_("Chỉ cán bộ đơn vị chi trả mới thuộc một đơn vị chi trả."),
    }


def grantable(roles: Collection[Role]) -> frozenset[Role]:
    """Every role that a holder of `roles` may give, take away, or find in an account they manage."""
    return frozenset(role for held in roles for role in GRANTABLE.get(held, ()))


def check_roles(roles: Collection[Role], *, level: str, of_an_agency: bool) -> None:
    """Raise RolesError unless one account in an area of `level` may hold `roles`."""
    held = frozenset(roles)
    if not held:
        raise RolesError("none")
    if held & ALONE and len(held) > 1:
        raise RolesError("alone")
    if any(level not in LEVELS[role] for role in held & frozenset(LEVELS)):
        raise RolesError("level")
    if of_an_agency != (Role.AGENCY_USER in held):
        raise RolesError("agency_extra" if of_an_agency else "agency_missing")
