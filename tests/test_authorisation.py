"""Every route, every table, every screen is classified; what is not listed fails the build (promise P10)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_appbuilder import ModelView
from flask_appbuilder.api import BaseApi
from flask_appbuilder.const import PERMISSION_PREFIX
from sqlalchemy import event, select, text
from sqlalchemy.orm import Session
from werkzeug.routing import Rule

from app.extensions import acting_as, db
from app.models import AppUser, Area, Inherited, Scoped, Shared
from app.models import metadata as tables
from app.rules.actors import PEOPLE, Actor, Role
from app.scope import INTERNAL, OF_AN_AGENCY, REFERENCE, scope_of_tables
from app.screens.base import SafeModelView
from app.security import ASSETS, MENUS, PERMISSIONS, PUBLIC, ROLE_NAMES, SIGNED_IN
from tests.accounts import people

WITHOUT_PERMISSION = set(PUBLIC) | set(SIGNED_IN) | set(ASSETS)


def views(app: Flask) -> dict[str, Any]:
    """Endpoint of a view -> view."""
    return {view.endpoint: view for view in app.extensions["appbuilder"].baseviews}


def permissions_of(app: Flask, rule: Rule) -> list[tuple[str, str]]:
    """(view, permission) pairs that open a route; several for the route of a view's actions."""
    endpoint, _, method = rule.endpoint.partition(".")
    view = views(app).get(endpoint)
    assert view is not None, f"{rule} belongs to no view: list it in PUBLIC or SIGNED_IN of app/security.py"
    if method in ("action", "action_post"):
        assert isinstance(view, SafeModelView), f"{rule}: only SafeModelView checks the permission of an action"
        possible = "single" if method == "action" else "multiple"
        names = [name for name, action in view.actions.items() if getattr(action, possible)]
        return [(view.class_permission_name, view.get_action_permission_name(name)) for name in names]
    function = getattr(view, method)
    assert hasattr(function, "_permission_name"), f"{rule} demands no permission"
    return [(view.class_permission_name, PERMISSION_PREFIX + view.get_method_permission(method))]


def guarded(app: Flask) -> list[Rule]:
    """Routes that demand a permission."""
    return [rule for rule in app.url_map.iter_rules() if rule.endpoint not in WITHOUT_PERMISSION]


# --- Routes --------------------------------------------------------------------------------------------------------


def test_every_route_is_public_by_name_or_demands_a_permission_of_the_table(app: Flask) -> None:
    for rule in guarded(app):
        for view, permission in permissions_of(app, rule):
            assert permission in PERMISSIONS.get(view, {}), f"{rule}: {view}.{permission} is not in PERMISSIONS"


def test_the_lists_name_only_what_exists(app: Flask) -> None:
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()}
    assert endpoints >= WITHOUT_PERMISSION
    known = {view.class_permission_name: set(view.base_permissions) for view in views(app).values()}
    for view, permissions in PERMISSIONS.items():
        assert view in known, f"{view} is in PERMISSIONS and registered nowhere"
        assert set(permissions) <= known[view], f"{view} has no {set(permissions) - known[view]}"


def test_every_menu_entry_is_in_the_table_and_differs_from_every_view(app: Flask) -> None:
    menu = set(app.extensions["appbuilder"].menu.get_flat_name_list())
    assert menu == set(MENUS)
    assert not menu & set(PERMISSIONS)


def test_nothing_of_the_stock_security_screens_is_routable(app: Flask) -> None:
    stock = {
        "AuthDBView", "ResetMyPasswordView", "ResetPasswordView", "UserInfoEditView", "UserDBModelView", "RoleModelView",
        "UserGroupModelView", "PermissionModelView", "ViewMenuModelView", "PermissionViewModelView", "UserStatsChartView",
        "RegisterUserModelView", "RegisterUserDBView", "SecurityApi", "UserApi", "RoleApi", "PermissionApi",
        "ViewMenuApi", "PermissionViewMenuApi", "GroupApi", "ApiKeyApi", "MenuApi", "SwaggerView", "IndexView",
    }  # fmt: skip
    assert not stock & set(views(app))
    modules = {type(view).__module__ for view in views(app).values()}
    assert not [name for name in modules if name.startswith("flask_appbuilder.security")]
    paths = {rule.rule for rule in app.url_map.iter_rules()}
    for path in ("/roles/list/", "/permissions/list/", "/api/v1/security/users/", "/register/form", "/logout"):
        assert path not in paths


def test_no_route_deletes_or_downloads_unless_the_table_says_so(app: Flask) -> None:
    for rule in app.url_map.iter_rules():
        assert not rule.endpoint.endswith(".download"), rule
        if rule.endpoint.endswith(".delete"):
            assert "can_delete" in PERMISSIONS[rule.endpoint.split(".")[0]], rule


def test_what_changes_something_is_never_a_link(app: Flask) -> None:
    for rule in guarded(app):
        if rule.endpoint.endswith((".action", ".action_post", ".delete")):
            assert "GET" not in rule.methods, rule


def test_every_generated_screen_is_the_safe_one_and_says_what_is_searched(app: Flask) -> None:
    for view in views(app).values():
        if isinstance(view, ModelView):
            assert isinstance(view, SafeModelView), view
            declared = [
                cls for cls in type(view).__mro__ if cls.__module__.startswith("app.") and "search_columns" in vars(cls)
            ]
            assert declared and declared[0].search_columns is not None, f"{view} leaves search_columns to chance"


def test_only_administrators_and_the_centre_write_what_everybody_reads() -> None:
    for view in ("AgencyView", "BenefitTypeView", "BenefitRateView", "HolidayView"):
        assert PERMISSIONS[view]["can_edit"] == PERMISSIONS[view]["can_add"] == {Role.CENTRAL_ADMIN}


STARTS_WORK_ONLY = {
    "PacketView.body", "ReportView.export", "ReportsApi.export", "SettlementView.workbook", "ArrearsProposalView.workbook",
}  # fmt: skip
"""Routes an auditor may post to because they only make a file of what the auditor may read anyway."""


def test_an_auditor_posts_nowhere_but_to_the_own_account(app: Flask) -> None:
    for rule in guarded(app):
        if not rule.methods & {"POST", "PUT", "PATCH", "DELETE"} or rule.endpoint in STARTS_WORK_ONLY:
            continue
        for view, permission in permissions_of(app, rule):
            assert Role.AUDITOR not in PERMISSIONS[view][permission] or view == "OwnAccount", f"{rule}: {permission}"


# --- Routes, tried -------------------------------------------------------------------------------------------------


def requests_of(app: Flask, rule: Rule) -> Iterator[tuple[str, str, str, str]]:
    """(method, address, view, permission) of each way to ask a route, about a row that does not exist."""
    adapter = app.url_map.bind("localhost")
    for view, permission in permissions_of(app, rule):
        values = dict.fromkeys(rule.arguments, "999999")
        if rule.endpoint.endswith(".action"):
            values["name"] = permission
        address = adapter.build(rule.endpoint, values)
        for method in sorted(rule.methods & {"GET", "POST", "PUT", "PATCH", "DELETE"}):
            yield method, address, view, permission


def ask(client: FlaskClient, method: str, address: str, permission: str) -> int:
    form = {"action": permission, "rowid": "999999"} if address.endswith("/action_post") else None
    body = {"json": {}} if address.startswith("/api/") and method != "GET" else {"data": form}
    return client.open(address, method=method, **body).status_code


@pytest.mark.parametrize("role", sorted(PEOPLE))
def test_each_role_enters_what_the_table_opens_and_nothing_else(database: Flask, role: Role) -> None:
    area = "VN" if role is Role.CENTRAL_ADMIN else people.HANOI
    people.issue("mot.vai", role, area=area, agency=people.agency_id() if role is Role.AGENCY_USER else None)
    browser = people.sign_in(database, "mot.vai")
    token = browser.post("/api/v1/security/login", json={"username": "mot.vai", "password": people.SECRET}).json
    program = database.test_client()
    program.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token['access_token']}"
    wrong = []
    for rule in guarded(database):
        for method, address, view, permission in requests_of(database, rule):
            status = ask(program if address.startswith("/api/") else browser, method, address, permission)
            opened = role in PERMISSIONS[view][permission]
            if opened is (status in (401, 403)) or status >= 500:
                wrong.append(f"{method} {address}: {status}, {'open' if opened else 'closed'} by {view}.{permission}")
    assert not wrong, "\n".join(wrong)


def test_a_stranger_enters_nothing(database: Flask) -> None:
    client, wrong = database.test_client(), []
    for rule in database.url_map.iter_rules():
        if rule.endpoint in PUBLIC or rule.endpoint in ASSETS:
            continue
        if rule.endpoint in SIGNED_IN:
            asked = [("GET" if "GET" in rule.methods else "POST", rule.rule, "")]
        else:
            asked = [(method, address, name) for method, address, _view, name in requests_of(database, rule)]
        for method, address, permission in asked:
            answer = client.open(address, method=method)
            led_to_sign_in = answer.status_code == 303 and answer.location.startswith("/login/")
            if not led_to_sign_in and answer.status_code != 401:
                wrong.append(f"{method} {address}: {answer.status_code} {permission}")
    assert not wrong, "\n".join(wrong)


# --- Tables --------------------------------------------------------------------------------------------------------


def test_every_table_is_classified_once() -> None:
    assert set(scope_of_tables()) == set(tables.tables)
    assert not set(REFERENCE) & set(INTERNAL)


def policies(session: Session, table: str) -> dict[str, str]:
    """Command -> condition of the policies of a table."""
    rows = session.execute(
        text(
            "SELECT cmd, coalesce(qual, '') || ' ' || coalesce(with_check, '') FROM pg_policies"
            " WHERE tablename = :t AND permissive = 'PERMISSIVE'"
        ),
        {"t": table},
    )
    return dict(iter(rows))


@pytest.mark.parametrize(
    ("table", "scope"),
    sorted((table, scope) for table, scope in scope_of_tables().items() if scope not in ("reference", "internal")),
)
def test_row_level_security_binds_each_scoped_table(session: Session, table: str, scope: str) -> None:
    secured = session.execute(
        text("SELECT relrowsecurity FROM pg_class WHERE oid = CAST(:t AS regclass)"), {"t": table}
    )
    assert secured.scalar(), f"{table} has no row-level security"
    found = policies(session, table)
    assert found.get("ALL") or found.get("SELECT"), table
    bound_by_its_user = table == "ab_user_role"
    for command, condition in found.items():
        assert "chitra.lo" in condition or bound_by_its_user, (table, command)
        if scope == "agency":
            assert "agency_id" in condition and "chitra.agency" in condition, (table, command)
        if scope == "shared":
            assert "area_path" in condition and "to_path" in condition, (table, command)
        if scope == "inherited":
            assert ("starts_with" in condition) is (command == "SELECT"), (table, command)


def test_every_table_that_carries_an_area_is_scoped() -> None:
    kinds = scope_of_tables()
    for name, table in tables.tables.items():
        if "area_path" in table.columns:
            assert kinds[name] in ("scoped", "shared", "agency", "inherited"), name


SCOPED_MODELS = sorted(
    (
        mapper.class_
        for mapper in AppUser.registry.mappers
        if issubclass(mapper.class_, Scoped | Inherited | Shared | Area | AppUser)
    ),
    key=lambda model: str(model.__tablename__),
)


@pytest.mark.parametrize("model", SCOPED_MODELS, ids=lambda model: model.__tablename__)
def test_the_orm_limits_each_scoped_model_by_itself(session: Session, model: Any) -> None:
    statements: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        with acting_as(Actor("ai đó", frozenset({Role.CLERK}), "VN/01/00004/", agency_id=7)):
            session.scalars(select(model).limit(1)).all()
    finally:
        event.remove(engine, "before_cursor_execute", note)
    asked = statements[-2] if "set_config" in statements[-1] else statements[-1]
    path = "path" if model is Area else "area_path"
    assert f"{model.__tablename__}.{path} >=" in asked
    if model in OF_AN_AGENCY:
        assert f"{model.__tablename__}.agency_id =" in asked


def test_the_program_owns_no_table_and_cannot_pass_row_level_security(session: Session) -> None:
    row = session.execute(text("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")).one()
    assert tuple(row) == (False, False)


# --- The table --------------------------------------------------------------------------------------------------


def test_every_role_has_a_name() -> None:
    assert set(ROLE_NAMES) == set(PEOPLE)


def test_the_database_holds_the_table_exactly(session: Session) -> None:
    rows = session.execute(
        text(
            "SELECT v.name, p.name, r.name FROM ab_permission_view_role x JOIN ab_permission_view pv ON"
            " pv.id = x.permission_view_id JOIN ab_permission p ON p.id = pv.permission_id JOIN ab_view_menu v ON"
            " v.id = pv.view_menu_id JOIN ab_role r ON r.id = x.role_id"
        )
    )
    wanted = {
        (view, name, role.value) for view, held in PERMISSIONS.items() for name, who in held.items() for role in who
    }
    wanted |= {(menu, "menu_access", role.value) for menu, who in MENUS.items() for role in who}
    assert {tuple(row) for row in rows} == wanted


def test_apis_listen_to_no_other_header_than_a_bearer_token(app: Flask) -> None:
    assert list(app.config["JWT_TOKEN_LOCATION"]) == ["headers"]
    assert not app.config.get("FAB_API_KEY_ENABLED")
    apis = {view.endpoint for view in views(app).values() if isinstance(view, BaseApi)}
    for rule in app.url_map.iter_rules():
        if rule.endpoint.split(".")[0] in apis:
            assert rule.rule.startswith("/api/"), rule
