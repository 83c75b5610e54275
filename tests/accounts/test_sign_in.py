"""The sign-in page: counted attempts, sessions that end, addresses that stay within the site."""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, text
from werkzeug.security import check_password_hash
from werkzeug.test import TestResponse

from app import clock
from app.accounts import address_key_of, name_key_of
from app.extensions import acting_as, db
from app.rules.actors import SYSTEM, Role
from tests.accounts import people

PROTECTED = "/account/"


@pytest.fixture(autouse=True)
def a_clerk(database: Flask) -> Iterator[None]:
    people.issue("xa.canbo", Role.CLERK, area=people.BA_DINH)
    yield


def attempt(
    client: FlaskClient, username: str = "xa.canbo", password: str = "sai rồi", **kwargs: object
) -> TestResponse:
    return client.post("/login/", data={"username": username, "password": password}, **kwargs)


def is_signed_in(client: FlaskClient) -> bool:
    return client.get(PROTECTED).status_code == 200


# --- Coming in ----------------------------------------------------------------------------------------------------


def test_a_stranger_is_led_to_the_sign_in_page_and_after_it_where_they_wanted_to_go(client: FlaskClient) -> None:
    refused = client.get("/users/list/?page_UserView=2")
    assert refused.status_code == 303
    assert refused.location == "/login/?next=/users/list/?page_UserView%3D2"
    entered = client.post(refused.location, data={"username": "xa.canbo", "password": people.SECRET})
    assert (entered.status_code, entered.location) == (303, "/users/list/?page_UserView=2")


def test_the_page_is_vietnamese_first_and_asks_for_nothing_else(client: FlaskClient) -> None:
    page = client.get("/login/").get_data(as_text=True)
    assert 'lang="vi"' in page and "Tên đăng nhập" in page and "Mật khẩu" in page
    assert "no-store" in client.get("/login/").headers["Cache-Control"]


def test_a_user_name_is_read_whatever_its_capitals_and_a_password_however_it_is_composed(client: FlaskClient) -> None:
    decomposed = unicodedata.normalize("NFD", people.SECRET)
    assert decomposed != people.SECRET
    assert attempt(client, " Xa.CanBo ", decomposed).status_code == 303
    assert is_signed_in(client)


def test_signing_in_counts_the_visit_and_forgets_the_failures(client: FlaskClient) -> None:
    attempt(client)
    assert people.user("xa.canbo").fail_login_count == 1
    attempt(client, password=people.SECRET)
    user = people.user("xa.canbo")
    assert (user.fail_login_count, user.login_count) == (0, 1)
    assert user.last_login is not None


@pytest.mark.parametrize("password", ["", "\x00", "\x00\x00", "x" * 5000])
def test_an_empty_or_absurd_password_is_no_password(client: FlaskClient, password: str) -> None:
    assert attempt(client, password=password).status_code in (200, 401)
    assert not is_signed_in(client)


def test_a_disabled_user_looks_like_a_wrong_password(client: FlaskClient) -> None:
    answers = [attempt(client).get_data(as_text=True)]
    with people.system() as session:
        session.execute(text("UPDATE ab_user SET active = false"))
    answers.append(attempt(client, password=people.SECRET).get_data(as_text=True))
    said = {re.search(r'role="alert".*?</div>', page, re.S).group() for page in answers}  # type: ignore[union-attr]
    assert len(said) == 1


def test_an_agencys_user_without_an_agency_does_not_come_in(client: FlaskClient) -> None:
    people.issue("buudien", Role.AGENCY_USER, agency=people.agency_id())
    with people.system() as session:
        session.execute(text("UPDATE ab_user SET agency_id = NULL"))
    assert attempt(client, "buudien", people.SECRET).status_code == 401


# --- Wrong attempts are counted ------------------------------------------------------------------------------------


def test_after_five_wrong_attempts_even_the_right_password_waits_and_the_page_says_how_long(
    client: FlaskClient,
) -> None:
    assert [attempt(client).status_code for _ in range(5)] == [401] * 5
    refused = attempt(client, password=people.SECRET)
    assert refused.status_code == 429
    assert re.search(r"sau (1 phút 0|0 phút 5\d) giây", refused.get_data(as_text=True))
    assert not is_signed_in(client)


def test_the_pause_doubles_and_ends(client: FlaskClient) -> None:
    waits = []
    with time_machine.travel(clock.now(), tick=False) as traveller:
        for _ in range(5):
            attempt(client)
        for minutes in (1, 2, 4, 8, 15, 15):
            assert attempt(client).status_code == 429
            traveller.shift(timedelta(minutes=minutes, seconds=-1))
            assert attempt(client).status_code == 429
            traveller.shift(timedelta(seconds=1))
            waits.append(attempt(client).status_code)
        traveller.shift(timedelta(minutes=15))
        assert waits == [401] * 6
        assert attempt(client, password=people.SECRET).status_code == 303


def test_another_user_is_not_kept_waiting(client: FlaskClient) -> None:
    people.issue("xa.ketoan", Role.ACCOUNTANT, area=people.BA_DINH)
    for _ in range(6):
        attempt(client)
    assert attempt(client, "xa.ketoan", people.SECRET).status_code == 303


def test_a_name_nobody_has_waits_like_a_name_somebody_has(client: FlaskClient) -> None:
    known = [attempt(client).status_code for _ in range(7)]
    assert [attempt(client, "không.có.ai").status_code for _ in range(7)] == known


def test_capitals_are_no_way_around_the_count(client: FlaskClient) -> None:
    for name in ("xa.canbo", "XA.CANBO", "Xa.Canbo", " xa.canbo", "xa.cANBO"):
        attempt(client, name)
    assert attempt(client, password=people.SECRET).status_code == 429


def test_an_address_that_tries_many_names_waits_and_others_do_not(client: FlaskClient) -> None:
    codes = [attempt(client, f"tên.{number}").status_code for number in range(31)]
    assert codes == [401] * 30 + [429]
    assert attempt(client, password=people.SECRET).status_code == 429
    elsewhere = {"REMOTE_ADDR": "203.0.113.9"}
    assert attempt(client, password=people.SECRET, environ_base=elsewhere).status_code == 303


def test_signing_in_does_not_forgive_an_address_its_other_failures(client: FlaskClient) -> None:
    for number in range(29):
        attempt(client, f"tên.{number}")
    assert attempt(client, password=people.SECRET).status_code == 303
    fresh = client.application.test_client()
    assert attempt(fresh, "một.tên.nữa").status_code == 401
    assert attempt(fresh, "một.tên.khác").status_code == 429


def test_attempts_at_the_same_moment_all_count(database: Flask) -> None:
    """Ten workers at once are ten attempts: the count is taken before the password is looked at."""
    with ThreadPoolExecutor(10) as workers:
        codes = list(workers.map(lambda _: attempt(database.test_client()).status_code, range(10)))
    assert sorted(codes) == [401] * 5 + [429] * 5


def test_what_is_kept_of_an_attempt_is_neither_name_nor_address(client: FlaskClient) -> None:
    attempt(client, "mật khẩu gõ nhầm ô")
    with acting_as(SYSTEM):
        kept = db.session.execute(text("SELECT string_agg(a::text, ' ') FROM sign_in_attempts a")).scalar()
    assert "mật" not in kept and "127.0.0.1" not in kept


def test_ipv6_hosts_of_one_network_count_together(database: Flask) -> None:
    assert address_key_of("2001:db8::1") == address_key_of("2001:db8::ffff") != address_key_of("2001:db8:0:1::1")
    assert address_key_of("192.0.2.1") != address_key_of("192.0.2.2")
    assert address_key_of(None) == address_key_of("không phải địa chỉ")
    assert name_key_of("192.0.2.1") != address_key_of("192.0.2.1")


def test_counts_of_yesterday_are_swept(client: FlaskClient) -> None:
    with people.system() as session:
        session.execute(
            text("INSERT INTO sign_in_attempts VALUES ('cũ', 3, :before)"), {"before": clock.now() - timedelta(days=2)}
        )
    attempt(client)
    with acting_as(SYSTEM):
        assert db.session.execute(text("SELECT count(*) FROM sign_in_attempts WHERE key = 'cũ'")).scalar() == 0


def test_logs_name_the_event_and_no_person(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        attempt(client, "xa.canbo")
        attempt(client, "xa.canbo", people.SECRET)
    events = [record.message for record in caplog.records if record.name == "app.accounts"]
    assert events == ["sign-in refused", "signed in"]
    everything = " ".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert "xa.canbo" not in everything and "Nguyễn" not in everything and people.SECRET not in everything


# --- Sessions ------------------------------------------------------------------------------------------------------


def test_a_session_planted_before_signing_in_is_not_the_session_after(client: FlaskClient) -> None:
    with client.session_transaction() as planted:
        planted.update(csrf_token="biết trước", bẫy="x", locale="en")
    attempt(client, password=people.SECRET)
    with client.session_transaction() as session:
        assert session.get("csrf_token") != "biết trước"
        assert "bẫy" not in session
        assert session["locale"] == "en"


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(client: FlaskClient) -> None:
    cookie = attempt(client, password=people.SECRET).headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Path=/" in cookie


def test_in_production_the_cookie_travels_encrypted_only(database: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(database.config, "SESSION_COOKIE_SECURE", True)
    client = database.test_client()
    answer = attempt(client, password=people.SECRET, base_url="https://localhost")
    assert "Secure" in answer.headers["Set-Cookie"]


def test_eight_idle_hours_end_a_session_and_each_page_starts_them_again(client: FlaskClient) -> None:
    with time_machine.travel(clock.now(), tick=False) as traveller:
        attempt(client, password=people.SECRET)
        for _ in range(3):
            traveller.shift(timedelta(hours=7, minutes=59))
            assert is_signed_in(client)
        traveller.shift(timedelta(hours=8, minutes=1))
        assert not is_signed_in(client)


def test_signing_out_is_a_button_and_no_link(database: Flask) -> None:
    client = people.sign_in(database, "xa.canbo")
    assert client.get("/logout/").status_code == 405
    assert is_signed_in(client)
    assert client.post("/logout/").location == "/login/"
    assert not is_signed_in(client)


def test_signing_out_ends_a_copied_cookie_and_a_token_too(database: Flask) -> None:
    client, stolen = people.sign_in(database, "xa.canbo"), database.test_client()
    name = database.config["SESSION_COOKIE_NAME"]
    cookie = client.get_cookie(name)
    assert cookie is not None
    stolen.set_cookie(name, cookie.value)
    login = {"username": "xa.canbo", "password": people.SECRET, "provider": "db"}
    token = database.test_client().post("/api/v1/security/login", json=login).json["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert is_signed_in(stolen)
    assert database.test_client().get("/api/v1/areas/", headers=bearer).status_code == 200
    client.post("/logout/")
    assert not is_signed_in(stolen)
    assert database.test_client().get("/api/v1/areas/", headers=bearer).status_code == 401


def test_a_second_visit_to_the_sign_in_page_leads_on(database: Flask) -> None:
    client = people.sign_in(database, "xa.canbo")
    assert client.get("/login/?next=/account/").location == "/account/"


# --- Where it leads ------------------------------------------------------------------------------------------------

ELSEWHERE = [
    "https://evil.example/",
    "//evil.example/",
    "///evil.example/",
    "////evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "http:evil.example",
    "http:/evil.example",
    "http://localhost//evil.example",
    "http://localhost@evil.example/",
    "http://localhost.evil.example/",
    "http://evil.example#http://localhost/",
    "javascript:alert(1)",
    "data:text/html,x",
    "ftp://localhost/",
    " https://evil.example",
    "https://[bad",
    "evil.example",
    "",
]


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_no_address_leads_out_of_the_site(client: FlaskClient, elsewhere: str) -> None:
    answer = client.post(
        "/login/", query_string={"next": elsewhere}, data={"username": "xa.canbo", "password": people.SECRET}
    )
    assert (answer.status_code, answer.location) == (303, "/")


@pytest.mark.parametrize(
    ("wanted", "leads_to"),
    [
        ("/account/", "/account/"),
        ("http://localhost/account/?a=1&b=2", "/account/?a=1&b=2"),
        ("/users/list/?_flt_0_username=an", "/users/list/?_flt_0_username=an"),
    ],
)
def test_an_address_within_the_site_is_followed(client: FlaskClient, wanted: str, leads_to: str) -> None:
    answer = client.post(
        "/login/", query_string={"next": wanted}, data={"username": "xa.canbo", "password": people.SECRET}
    )
    assert answer.location == leads_to


def test_a_form_sent_after_the_session_ended_leads_back_to_its_page(client: FlaskClient) -> None:
    answer = client.post("/account/password", headers={"Referer": "http://localhost/account/password"})
    assert answer.location == "/login/?next=/account/password"
    outside = client.post("/account/password", headers={"Referer": "https://evil.example/x"})
    assert outside.location == "/login/"


# --- What an answer gives away -------------------------------------------------------------------------------------


@pytest.mark.parametrize("username", ["xa.canbo", "khong.co.ai", "bi.khoa"])
def test_every_refusal_costs_one_hash_and_the_same_statements(
    database: Flask, monkeypatch: pytest.MonkeyPatch, username: str
) -> None:
    """Whether a name exists, or is disabled, shows neither in the words nor in the work."""
    people.issue("bi.khoa", Role.CLERK)
    with people.system() as session:
        session.execute(text("UPDATE ab_user SET active = false WHERE username = 'bi.khoa'"))
    hashes: list[str] = []
    statements: list[str] = []

    def counted(hashed: str, password: str) -> bool:
        hashes.append(hashed)
        return check_password_hash(hashed, password)

    def noted(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement.split()[0])

    monkeypatch.setattr("app.accounts.check_password_hash", counted)
    client, engine = database.test_client(), db.engine
    event.listen(engine, "before_cursor_execute", noted)
    try:
        assert attempt(client, username).status_code == 401
    finally:
        event.remove(engine, "before_cursor_execute", noted)
    assert len(hashes) == 1
    work = [word for word in statements if word != "SELECT"]
    assert work == ["DELETE", "INSERT", "UPDATE", "INSERT", "UPDATE", "UPDATE"]
