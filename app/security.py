"""Who may do what: the permission table, the actor of a request. Nothing here renders or stores anything else.

The table is what a reviewer reads and what `flask sync-security` writes into Flask-AppBuilder's tables; a test fails
when a view, action or menu entry is missing from it (docs/authorization.md is generated from it).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from flask import g
from flask_login import current_user

from app.extensions import become
from app.rules.actors import NOBODY, PEOPLE, Actor, Role

if TYPE_CHECKING:
    from flask import Flask

CLERK, ACCOUNTANT, SUPERVISOR = Role.CLERK, Role.ACCOUNTANT, Role.SUPERVISOR
PROVINCE, CENTRAL, AUDITOR, AGENCY_USER = (
    Role.PROVINCE_ADMIN,
    Role.CENTRAL_ADMIN,
    Role.AUDITOR,
    Role.AGENCY_USER,
)

OFFICE = frozenset({CLERK, ACCOUNTANT, SUPERVISOR})
ADMINS = frozenset({PROVINCE, CENTRAL})
READERS = OFFICE | ADMINS | {AUDITOR}
EVERYONE = READERS | {AGENCY_USER}
NONE: frozenset[Role] = frozenset()

GRANTABLE: Mapping[Role, frozenset[Role]] = {
    PROVINCE: frozenset({CLERK, ACCOUNTANT, SUPERVISOR, AUDITOR, PROVINCE}),
    CENTRAL: PEOPLE,
}
"""Roles an administrator may give: up to their own, and never what they do not hold authority over."""


def reads(who: Iterable[Role]) -> dict[str, frozenset[Role]]:
    """List and show for `who`."""
    return dict.fromkeys(("can_list", "can_show"), frozenset(who))


def writes(who: Iterable[Role]) -> dict[str, frozenset[Role]]:
    """Add and edit for `who`; nothing of ours is ever deleted by a screen unless a row says so."""
    return dict.fromkeys(("can_add", "can_edit"), frozenset(who))


PERMISSIONS: dict[str, dict[str, frozenset[Role]]] = {}
"""View or API class name -> permission -> roles that hold it."""

MENUS: dict[str, frozenset[Role]] = {}
"""Menu entry -> roles that see it."""

ROLE_NAMES: dict[Role, str] = {
    CLERK: "Cán bộ bảo trợ xã hội",
    ACCOUNTANT: "Kế toán",
    SUPERVISOR: "Lãnh đạo",
    PROVINCE: "Quản trị tỉnh",
    CENTRAL: "Quản trị trung ương",
    AUDITOR: "Thanh tra, kiểm toán",
    AGENCY_USER: "Cán bộ đơn vị chi trả",
}


def actor_of(user: Any) -> Actor:
    """The actor a signed-in user is: roles and area as they are now, so that taking one away works at once."""
    names = {role.name for role in user.roles}
    roles = frozenset(role for role in PEOPLE if role.value in names)
    agency_id = user.agency_id
    if Role.AGENCY_USER in roles and agency_id is None:
        return NOBODY
    return Actor(
        username=user.username,
        roles=roles,
        area_path=user.area_path,
        user_id=user.id,
        agency_id=agency_id,
        full_name=user.get_full_name(),
    )


def install(app: Flask) -> None:
    """Every request starts as nobody and becomes its user; nothing leaks into the thread's next request."""

    @app.before_request
    def begin() -> None:
        become(NOBODY)
        g.user = current_user
        bool(current_user.is_authenticated)

    @app.teardown_request
    def end(_error: BaseException | None) -> None:
        become(NOBODY)
