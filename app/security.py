"""Who may do what: the permission table, the actor of a request. Nothing here renders or stores anything else.

The table is what a reviewer reads and what `flask sync-security` writes into Flask-AppBuilder's tables; a test fails
when a view, action or menu entry is missing from it (docs/authorization.md is generated from it).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from flask import g
from flask_login import current_user
from sqlalchemy import text
from sqlalchemy.orm import Session

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


def sync(session: Session) -> None:
    """Write roles and the permission table into Flask-AppBuilder's tables, exactly; run by `flask sync-security`."""
    grants = [
        {"permission": permission, "view": view, "role": role.value}
        for view, permissions in PERMISSIONS.items()
        for permission, roles in permissions.items()
        for role in roles
    ] + [
        {"permission": "menu_access", "view": menu, "role": role.value}
        for menu, roles in MENUS.items()
        for role in roles
    ]
    session.execute(
        text("INSERT INTO ab_role (name) VALUES (:name) ON CONFLICT (name) DO NOTHING"),
        [{"name": role.value} for role in sorted(PEOPLE)] + [{"name": "public"}],
    )
    session.execute(text("DELETE FROM ab_permission_view_role"))
    session.execute(text("DELETE FROM ab_permission_view"))
    if not grants:
        return
    rows = {"rows": json.dumps(grants)}
    wanted = "jsonb_to_recordset(CAST(:rows AS jsonb)) AS w(permission text, view text, role text)"
    for statement in (
        f"INSERT INTO ab_permission (name) SELECT DISTINCT permission FROM {wanted} ON CONFLICT (name) DO NOTHING",
        f"INSERT INTO ab_view_menu (name) SELECT DISTINCT view FROM {wanted} ON CONFLICT (name) DO NOTHING",
        f"INSERT INTO ab_permission_view (permission_id, view_menu_id) SELECT DISTINCT p.id, v.id FROM {wanted}"
        " JOIN ab_permission p ON p.name = w.permission JOIN ab_view_menu v ON v.name = w.view",
        f"INSERT INTO ab_permission_view_role (permission_view_id, role_id) SELECT pv.id, r.id FROM {wanted}"
        " JOIN ab_permission p ON p.name = w.permission JOIN ab_view_menu v ON v.name = w.view"
        " JOIN ab_permission_view pv ON pv.permission_id = p.id AND pv.view_menu_id = v.id"
        " JOIN ab_role r ON r.name = w.role",
    ):
        session.execute(text(statement), rows)


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
