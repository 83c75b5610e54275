"""Doors of Flask-AppBuilder's REST API that are shut: routes nobody asked for, cookies, stock answers."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_appbuilder.api import BaseApi, ModelRestApi
from sqlalchemy.orm import Session

from app.api.resource import Resource
from app.rules.actors import PEOPLE, Role
from tests import factories as make
from tests.accounts import people
from tests.api.answers import problem_of, rows
from tests.api.conftest import Program

RESOURCES = {
    "areas", "beneficiaries", "payout_batches", "packets", "settlements", "settlement_records", "extensions", "reports",
    "arrears", "arrears_proposals", "recoveries", "payment_settings",
    "deaths", "relocations", "result_changes", "imports", "transfers",
    "suspensions", "area_periods", "messages", "payout_lines", "batch_findings", "arrears_lines", "entitlements",
    "payees", "payment_methods", "successions",
}  # fmt: skip
WRITES = {
    "/api/v1/beneficiaries/": {"POST"},
    "/api/v1/beneficiaries/<pk>": {"PUT"},
    "/api/v1/payout_batches/": {"POST"},
    "/api/v1/payout_batches/<pk>/lock": {"POST"},
    "/api/v1/payout_batches/<pk>/unlock": {"POST"},
    "/api/v1/payout_batches/<pk>/send": {"POST"},
    "/api/v1/payout_batches/<pk>/recall": {"POST"},
    "/api/v1/settlements/<pk>/lock": {"POST"},
    "/api/v1/settlements/<pk>/extend": {"POST"},
    "/api/v1/extensions/<pk>/grant": {"POST"},
    "/api/v1/extensions/<pk>/refuse": {"POST"},
    "/api/v1/extensions/<pk>/revoke": {"POST"},
    "/api/v1/settlements/<pk>/reopen": {"POST"},
    "/api/v1/deaths/": {"POST"},
    "/api/v1/deaths/<pk>/undo": {"POST"},
    "/api/v1/relocations/": {"POST"},
    **{f"/api/v1/relocations/<pk>/{move}": {"POST"} for move in ("accept", "refuse", "withdraw")},
    "/api/v1/payment_settings/": {"POST"},
    "/api/v1/recoveries/": {"POST"},
    **{f"/api/v1/recoveries/<pk>/{move}": {"POST"} for move in ("approve", "refuse", "cash", "write_off")},
    "/api/v1/arrears_proposals/": {"POST"},
    "/api/v1/arrears_proposals/by_hand": {"POST"},
    **{f"/api/v1/arrears_proposals/<pk>/{move}": {"POST"} for move in ("approve", "reject", "withdraw", "revoke")},
    **{f"/api/v1/settlements/<pk>/{move}": {"POST"} for move in ("decide", "decide_missing", "let_through", "decline")},
    "/api/v1/result_changes/": {"POST"},
    "/api/v1/result_changes/<pk>/undo": {"POST"},
    "/api/v1/imports/": {"POST"},
    **{f"/api/v1/imports/<pk>/{move}": {"POST"} for move in ("columns", "apply", "discard")},
    "/api/v1/transfers/": {"POST"},
    **{f"/api/v1/transfers/<pk>/{move}": {"POST"} for move in ("approve", "refuse", "correct")},
    "/api/v1/suspensions/": {"POST"},
    **{f"/api/v1/suspensions/<pk>/{move}": {"POST"} for move in ("suspend", "refuse", "ask_resume", "resume", "keep")},
    "/api/v1/area_periods/close_all": {"POST"},
    **{f"/api/v1/area_periods/<pk>/{move}": {"POST"} for move in ("close", "reopen")},
    "/api/v1/messages/<pk>/acknowledge": {"POST"},
    **{f"/api/v1/payout_lines/<pk>/{move}": {"POST"} for move in ("exclude", "restore")},
    **{f"/api/v1/arrears_lines/<pk>/{move}": {"POST"} for move in ("exclude", "restore")},
    **{f"/api/v1/payout_batches/<pk>/{move}": {"POST"} for move in ("remake", "cancel", "close", "open")},
    **{f"/api/v1/packets/<pk>/{move}": {"POST"} for move in ("answer", "bring", "ask_now", "keep_waiting")},
    **{f"/api/v1/recoveries/<pk>/{move}": {"POST"} for move in ("instalment", "withdraw")},
    **{f"/api/v1/{name}/": {"POST"} for name in ("entitlements", "payees", "payment_methods", "successions")},
    **{f"/api/v1/{name}/<pk>": {"PUT"} for name in ("entitlements", "payees", "payment_methods")},
    "/api/v1/deaths/stranger": {"POST"},
    "/api/v1/reports/<code>/export": {"POST"},
    "/api/v1/security/login": {"POST"},
    "/api/v1/security/refresh": {"POST"},
}
READS = (
    {f"/api/v1/{name}/" for name in RESOURCES}
    | {f"/api/v1/{name}/<pk>" for name in RESOURCES - {"reports"}}
    | {f"/api/v1/imports/{path}" for path in ("templates/<code>", "<pk>/findings", "<pk>/workbook")}
    | {f"/api/v1/balances/{path}" for path in ("", "account", "minutes")}
    | {"/api/v1/attention/", "/api/v1/attention/<code>"}
    | {"/api/v1/packets/<pk>/file/<code>", "/api/v1/settlements/<pk>/minutes", "/api/v1/work/<pk>/file"}
    | {"/api/v1/reports/<code>", "/api/v1/work/<pk>", "/api/v1/_openapi", "/api/v1/settlements/<pk>/lines"}
)


def test_the_api_has_these_addresses_and_no_others(app: Flask) -> None:
    """Stock: `_info` with every related row, and DELETE, for each resource."""
    found: dict[str, set[str]] = {}
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/"):
            found.setdefault(rule.rule, set()).update(rule.methods - {"HEAD", "OPTIONS"})
    wanted = {address: {"GET"} for address in READS}
    for address, methods in WRITES.items():
        wanted[address] = wanted.get(address, set()) | methods
    assert found == wanted


def test_every_resource_is_ours(app: Flask) -> None:
    for view in app.extensions["appbuilder"].baseviews:
        if isinstance(view, ModelRestApi):
            assert isinstance(view, Resource)
        if isinstance(view, BaseApi):
            assert not view.allow_browser_login


@pytest.mark.parametrize("resource", sorted(RESOURCES))
def test_nothing_is_deleted_described_or_written_in_bulk(program: Program, resource: str) -> None:
    client = program(Role.CLERK) if resource == "imports" else program(Role.CENTRAL_ADMIN, area="VN")
    for method, path, status in (
        ("DELETE", "", 405),
        ("DELETE", "1", 405),
        ("PATCH", "1", 405),
        ("DELETE", "?q=!(1,2)", 405),
        ("GET", "_info", 404),
        ("GET", "related/area", 404),
        ("GET", "distinct/code", 404),
        ("POST", "_bulk", 405),
        ("GET", "export", 404),
    ):
        problem_of(client.open(f"/api/v1/{resource}/{path}", method=method, json={}), status)


@pytest.mark.parametrize(
    "path", ["/api/v1/", "/api/v1/menu/", "/api/v1/security/users/", "/api/v2/areas/", "/swagger/v1"]
)
def test_what_flask_appbuilder_would_add_is_not_there(program: Program, path: str) -> None:
    assert program(Role.CENTRAL_ADMIN, area="VN").get(path).status_code == 404


# --- Cookies ---------------------------------------------------------------------------------------------------


@pytest.fixture
def browser(database: Flask) -> FlaskClient:
    """A clerk's browser, signed in by the page."""
    people.issue("xa.canbo", Role.CLERK, area=people.BA_DINH)
    return people.sign_in(database, "xa.canbo")


@pytest.mark.parametrize("address", sorted(READS))
def test_a_cookie_reads_nothing_from_the_api(browser: FlaskClient, address: str) -> None:
    answer = browser.get(address.replace("<pk>", "1").replace("<code>", "DVCT_01"))
    assert problem_of(answer, 401)["code"] == "sign_in"


@pytest.mark.parametrize("address", sorted(set(WRITES) - {"/api/v1/security/login", "/api/v1/security/refresh"}))
def test_a_cookie_writes_nothing_through_the_api(browser: FlaskClient, address: str) -> None:
    """A form of another site carries the cookie; the API asks for no CSRF token, so the cookie counts for nothing."""
    for method in WRITES[address]:
        for sent in ({"json": {}}, {"data": {"reason": "x"}}, {"data": "{}", "content_type": "text/plain"}):
            answer = browser.open(address.replace("<pk>", "1"), method=method, **sent)
            assert problem_of(answer, 401)["code"] == "sign_in"


def test_a_forged_form_makes_no_list(browser: FlaskClient, session: Session) -> None:
    make.agency(session)
    make.entitled(session)
    session.commit()
    browser.post("/api/v1/payout_batches/", json={"area_code": "00004", "month": "11/2026"})
    assert rows("SELECT count(*) FROM payout_batches") == [(0,)]


def test_a_program_is_given_no_cookie(database: Flask) -> None:
    people.issue("xa.canbo", Role.CLERK, area=people.BA_DINH)
    client = database.test_client()
    signed_in = client.post("/api/v1/security/login", json={"username": "xa.canbo", "password": people.SECRET})
    bearer = {"Authorization": f"Bearer {signed_in.json['access_token']}"}
    for answer in (
        signed_in,
        client.get("/api/v1/areas/", headers=bearer),
        client.get("/api/v1/nothing", headers=bearer),
    ):
        assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "value", ["Bearer", "Bearer ", "Bearer x", "Bearer a.b.c", "Basic eDp4", "bearer null", "x" * 9000]
)
def test_a_token_that_is_none_opens_nothing(database: Flask, value: str) -> None:
    answer = database.test_client().get("/api/v1/areas/", headers={"Authorization": value})
    assert problem_of(answer, 401)["code"] == "sign_in"


def test_a_role_taken_away_counts_at_the_next_request(program: Program) -> None:
    client = program(Role.SUPERVISOR)
    problem_of(client.post("/api/v1/payout_batches/1/lock"), 404)
    with people.system() as session:
        session.execute(make.text("DELETE FROM ab_user_role"))
    problem_of(client.post("/api/v1/payout_batches/1/lock"), 403)


def test_where_forms_need_a_token_a_bearer_needs_none(
    database: Flask, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = program(Role.CLERK)
    monkeypatch.setitem(database.config, "WTF_CSRF_ENABLED", True)
    problem_of(client.post("/api/v1/payout_batches/", json={}), 422)
    assert client.post("/agency/on-disburse", json={}).status_code == 503, (
        "no keys here; but no page of a browser either"
    )


# --- The description ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", sorted(PEOPLE))
def test_every_signed_in_program_reads_the_description(program: Program, role: Role) -> None:
    area = "VN" if role is Role.CENTRAL_ADMIN else people.HANOI
    answer = program(role, area=area).get("/api/v1/_openapi")
    assert answer.status_code == 200
    assert answer.json["openapi"].startswith("3.")


def test_the_description_is_for_nobody_else(client: FlaskClient) -> None:
    problem_of(client.get("/api/v1/_openapi"), 401)


def test_the_description_names_every_address_and_every_reference_in_it_leads_somewhere(
    app: Flask, program: Program
) -> None:
    spec = program(Role.CLERK).get("/api/v1/_openapi").json
    described = {(path, method) for path, methods in spec["paths"].items() for method in methods}
    routed = {
        (rule.rule.replace("<", "{").replace(">", "}"), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert described == routed
    for path, methods in spec["paths"].items():
        for operation in methods.values():
            declared = {one["name"] for one in operation.get("parameters", []) if one["in"] == "path"}
            assert declared == set(re.findall(r"{(\w+)}", path)), path
    for reference in _references(spec):
        found: Any = spec
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        assert found


def test_the_description_asks_for_a_bearer_token_and_shows_no_schema_of_what_is_not_answered(program: Program) -> None:
    spec = program(Role.CLERK).get("/api/v1/_openapi").json
    operations = [
        operation
        for path, methods in spec["paths"].items()
        if "/security/" not in path
        for operation in methods.values()
    ]
    assert all(operation["security"] == [{"jwt": []}] for operation in operations)
    assert all("default" in operation["responses"] for operation in operations)
    assert not [name for name in spec["components"]["schemas"] if name.endswith((".post", ".put"))]
    for column in ("name_fold", "password", "payee_fa"):
        assert column not in str(spec["components"]["schemas"])
    lists = {name: str(schema) for name, schema in spec["components"]["schemas"].items() if "Payout" in name}
    assert lists and not any(column in schema for schema in lists.values() for column in ("account_no", "coefficient"))


def _references(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + [reference for value in part.values() for reference in _references(value)]
    return [reference for value in part for reference in _references(value)] if isinstance(part, list) else []
