"""The frame: headers, no other host, the month every page obeys, languages, the menu, screens that must declare."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import flask_appbuilder
import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_appbuilder import ModelView

import app as program
import config
from app import clock
from app.models import Agency, Beneficiary
from app.rules.actors import Role
from app.screens.base import SafeInterface, SafeModelView, ViewIncomplete
from app.screens.forms import NoWords
from app.web import headers
from tests.factories import NOVEMBER
from tests.screens.conftest import SignIn

APP = Path(program.__file__).parent
STOCK = Path(flask_appbuilder.__file__).parent
PAGES = (
    "/trypeople/list/", "/trypeople/add", "/tryagencies/list/", "/trybatches/list/", "/trypage/pieces", "/khong-co",
    "/account/",
)  # fmt: skip
ELSEWHERE = re.compile(
    r"""(?:src|href|action|poster|data|srcset)\s*=\s*["']?\s*(?:https?:)?//|url\(\s*["']?(?:https?:)?//|@import"""
)


@pytest.fixture
def clerk(sign_in: SignIn) -> FlaskClient:
    return sign_in()


# --- Headers and hosts -----------------------------------------------------------------------------------------------


def test_the_policy_allows_this_host_and_the_nonce_of_the_answer_only(clerk: FlaskClient) -> None:
    first, second = clerk.get("/trypeople/list/"), clerk.get("/trypeople/list/")
    policy = dict(part.split(" ", 1) for part in first.headers["Content-Security-Policy"].split("; "))
    nonce = re.search(r"'nonce-([^']+)'", policy["script-src"])
    assert nonce is not None
    assert policy["script-src"] == f"'self' 'nonce-{nonce[1]}'"
    assert policy["style-src"] == policy["default-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["object-src"] == "'none'"
    assert f'nonce="{nonce[1]}"' in first.text
    assert nonce[1] not in second.text
    assert "unsafe" not in first.headers["Content-Security-Policy"]
    assert first.headers["X-Content-Type-Options"] == "nosniff"
    assert first.headers["X-Frame-Options"] == "DENY"
    assert first.headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize("path", PAGES)
def test_no_page_names_another_host_or_carries_a_style_of_its_own(clerk: FlaskClient, path: str) -> None:
    page = clerk.get(path).text
    assert ELSEWHERE.search(page) is None
    assert re.search(r'\sstyle="', page) is None
    assert re.search(r"\son\w+=", page) is None, "no handler in an attribute"
    for script in re.findall(r"<script[^>]*>", page):
        assert "nonce=" in script


def test_no_template_or_static_file_of_ours_names_another_host() -> None:
    files = [*(APP / "templates").rglob("*.html"), *(APP / "static").rglob("*.*")]
    assert len(files) > 20
    for file in files:
        found = ELSEWHERE.search(file.read_text("utf-8"))
        assert found is None, f"{file}: {found and found.group(0)}"


def test_the_files_of_the_framework_we_serve_name_no_other_host(clerk: FlaskClient) -> None:
    page = clerk.get("/trypeople/list/").text
    paths = re.findall(r'(?:src|href)="(/static/appbuilder/[^"]+)"', page)
    assert len(paths) == 8
    for path in paths:
        with clerk.get(path) as answer:
            assert answer.status_code == 200
            if path.endswith(".css"):
                assert ELSEWHERE.search(answer.text) is None, path


def test_https_is_forced_in_production_only(tried: Flask, settings: config.Settings) -> None:
    from dataclasses import replace

    for mode, status in (("production", 302), ("development", 200)):
        small = Flask("small")
        small.config["CHITRA"] = replace(settings, mode=mode)
        headers.install(small)
        small.add_url_rule("/", "start", lambda: "hello")
        answer = small.test_client().get("/", base_url="http://chitra.example")
        assert answer.status_code == status
    assert small.config["SESSION_COOKIE_SECURE"] is not True


def test_a_proxy_is_trusted_only_where_configured(settings: config.Settings) -> None:
    from dataclasses import replace

    from flask import request

    for hops, seen in ((0, "127.0.0.1"), (1, "203.0.113.9")):
        small = Flask("small")
        small.config["CHITRA"] = replace(settings, trusted_proxies=hops)
        headers.install(small)
        small.add_url_rule("/", "start", lambda: str(request.remote_addr))
        assert small.test_client().get("/", headers={"X-Forwarded-For": "203.0.113.9"}).text == seen


# --- Month, language, menu -------------------------------------------------------------------------------------------


def chosen_month(page: str) -> str:
    found = re.search(r'<option value="([^"]+)" selected>\1</option>', page)
    assert found is not None
    return found[1]


def test_every_page_obeys_the_month_of_the_header(clerk: FlaskClient) -> None:
    with clock.at(date(2026, 11, 24)):
        assert chosen_month(clerk.get("/trypage/pieces").text) == "11/2026"
        answer = clerk.post("/month", data={"month": "09/2026", "back": "/trypage/pieces?x=1"})
        assert (answer.status_code, answer.location) == (303, "/trypage/pieces?x=1")
        page = clerk.get("/trypage/pieces").text
        assert chosen_month(page) == "09/2026"
        assert "Kỳ 09/2026" in page
        assert 'value="01/2027"' in page
        clerk.post("/month", data={"month": "01/2020"})
        assert chosen_month(clerk.get("/trypeople/list/").text) == "01/2020", "also one outside those offered"


@pytest.mark.parametrize("month", ["", "13/2026", "2026", "x" * 500, "01/9999", "09/2026\u0000"])
def test_what_is_no_month_changes_nothing(clerk: FlaskClient, month: str) -> None:
    with clock.at(NOVEMBER):
        answer = clerk.post("/month", data={"month": month}, headers={"Accept": "application/json"})
        assert answer.status_code == 422
        assert chosen_month(clerk.get("/trypage/pieces").text) == "11/2026"


@pytest.mark.parametrize(
    "back", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", ""]
)
def test_a_switch_never_leads_to_another_site(clerk: FlaskClient, back: str) -> None:
    assert clerk.post("/month", data={"month": "09/2026", "back": back}).location == "/"
    assert clerk.post("/language", data={"language": "en", "back": back}).location == "/"


def test_the_language_is_switched_for_every_page(clerk: FlaskClient) -> None:
    assert 'lang="vi"' in clerk.get("/trypeople/list/").text
    clerk.post("/language", data={"language": "en"})
    page = clerk.get("/trypeople/list/").text
    assert '<html lang="en">' in page
    assert "Skip to main content" in page
    assert clerk.post("/language", data={"language": "xx"}).status_code == 422


def test_a_vietnamese_page_has_none_of_the_frameworks_english(clerk: FlaskClient) -> None:
    pages = "".join(clerk.get(path).text for path in PAGES)
    pages += clerk.post("/tryentitlements/add", data={}).text
    words = set(re.findall(r">\s*([A-Z][a-z]+(?: [a-z]+)*)\s*<", pages))
    english = {word for word in words if word in {"Search", "Add", "Save", "Back", "Edit", "Show", "Delete", "Actions"}}
    assert english == set()
    assert "This field is required" not in pages


def test_the_header_says_who_and_where(sign_in: SignIn) -> None:
    page = sign_in(Role.AUDITOR, area="01").get("/trypeople/list/").text
    assert "Thành phố Hà Nội" in page
    assert "Nguyễn Văn Thử" in page
    assert "Thanh tra, kiểm toán" in page


def test_the_menu_shows_only_what_may_be_opened_and_where_one_is(sign_in: SignIn) -> None:
    page = sign_in(Role.AUDITOR).get("/trypeople/list/").text
    menu = page[page.index('<nav id="menu"') : page.index("</nav>", page.index('<nav id="menu"'))]
    assert re.findall(r'<a href="([^"]+)" aria-current="page"', menu) == ["/trypeople/list/"]
    assert "/trybatches/list/" in menu
    supervisor = sign_in(Role.SUPERVISOR).get("/account/").text
    assert "/trybatches/list/" not in supervisor


def test_a_stranger_sees_no_menu_and_no_month(tried: Flask, sign_in: SignIn) -> None:
    page = tried.test_client().get("/login/").text
    assert 'id="menu"' not in page
    assert 'name="month"' not in page
    assert 'name="language"' in page


# --- Screens that leave nothing to chance ----------------------------------------------------------------------------

GOOD: dict[str, Any] = {
    "list_title": "A", "show_title": "B", "add_title": "C", "edit_title": "D", "search_columns": ["name"],
    "list_columns": ["name", "code"], "show_columns": ["name"], "add_columns": ["name"], "edit_columns": ["name"],
}  # fmt: skip


def declare(**changes: Any) -> Callable[[], SafeModelView]:
    facts = GOOD | changes
    return type("Declared", (SafeModelView,), {"datamodel": SafeInterface(Agency)} | facts)


@pytest.mark.parametrize(
    "missing", ["list_title", "show_title", "add_title", "edit_title", "search_columns", "list_columns"]
)
def test_a_screen_must_declare_its_titles_and_what_is_searched(missing: str) -> None:
    """Stock: English titles, and search boxes over every relation (a page of 59 MB)."""
    with pytest.raises(ViewIncomplete, match=missing):
        declare(**{missing: None})


@pytest.mark.parametrize("columns", ["list_columns", "show_columns", "add_columns", "edit_columns"])
def test_a_screen_must_label_what_it_shows(columns: str) -> None:
    with pytest.raises(ViewIncomplete, match="base_url"):
        declare(**{columns: ["name", "base_url"]})()


def test_a_screen_shows_no_codes() -> None:
    with pytest.raises(NoWords, match=r"agencies\.kind"):
        declare(add_columns=["name", "kind"])()


def test_a_screen_that_searches_nothing_offers_nothing() -> None:
    """Stock: an empty list means every column and relation."""
    view = declare(search_columns=[])()
    assert view.search_columns == []
    assert view._filters.get_search_filters() == {}


def test_a_search_by_a_relation_of_many_rows_is_not_offered() -> None:
    view = type("Declared", (SafeModelView,), {"datamodel": SafeInterface(Beneficiary)} | GOOD | {
        "search_columns": ["entitlements"], "list_columns": ["code"], "show_columns": ["code"],
        "add_columns": ["code"], "edit_columns": ["code"], "label_columns": {"entitlements": "x"},
    })()  # fmt: skip
    assert view._filters.ways("entitlements") == []


def test_everything_that_has_a_page_of_its_own_has_a_name(tried: Flask) -> None:
    """Else the page's title is what Python calls the object."""
    views = [view for view in tried.appbuilder.baseviews if getattr(view, "datamodel", None) is not None]
    shown = {view.datamodel.obj for view in views if isinstance(view, ModelView)}
    assert len(shown) > 20
    nameless = [model for model in shown if model.__str__ is object.__str__ and model.__repr__ is object.__repr__]
    assert nameless == []
