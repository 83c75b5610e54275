"""The clerk's pages: sign in, CSRF, every button; through the Flask application without a socket."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.agency.sandbox.engine import SandboxPostOffice
from app.agency.sandbox.home import clerk_password
from app.agency.sandbox.knobs import KNOBS, STORM, all_knobs
from app.agency.sandbox.server import open_site
from tests.sandbox.partner_side import PACKET, Partner, some_lines

CODE = f"{PACKET}-V1"
PAGES = ("/packets", f"/packets/{CODE}", "/recalls", "/drawer", "/faults")


class Clerk:
    """A browser with the clerk in front of it."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def see(self, path: str) -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200, path
        return unescape(answer.text)

    def csrf(self) -> str:
        with self.client.session_transaction() as session:
            return str(session.get("csrf", ""))

    def press(self, path: str, **form: object) -> TestResponse:
        return self.client.post(path, data={"csrf": self.csrf(), **form}, follow_redirects=True)

    def sign_in(self, password: str = "demo") -> TestResponse:
        self.see("/login")
        return self.press("/login", username="buudien", password=password)


@pytest.fixture
def clerk(office: SandboxPostOffice, partner: Partner) -> Iterator[Clerk]:
    with open_site(office, partner.home).test_client() as client:
        yield Clerk(client)


@pytest.fixture
def with_packet(office: SandboxPostOffice, partner: Partner) -> str:
    partner.send(office, partner.packet(some_lines(230)))
    return CODE


def test_a_stranger_sees_the_login_page_only(clerk: Clerk, with_packet: str) -> None:
    for path in (*PAGES, "/"):
        answer = clerk.client.get(path)
        assert answer.status_code == 302, path
        assert answer.location.endswith(("/login", "/packets"))
    clerk.see("/login")
    assert clerk.client.post(f"/packets/{CODE}/accept", data={"csrf": clerk.csrf()}).location == "/login"
    assert "mật khẩu demo" in re.sub(r"<[^>]+>", "", clerk.see("/login"))


def test_the_clerk_signs_in_with_the_right_password_only(clerk: Clerk) -> None:
    wrong = clerk.sign_in("x")
    assert (wrong.status_code, "Sai tên đăng nhập" in wrong.text) == (401, True)
    assert clerk.client.get("/packets").status_code == 302
    assert "Chưa có gói tin nào" in clerk.sign_in().text
    assert clerk.client.get("/packets").status_code == 200
    clerk.press("/logout")
    assert clerk.client.get("/packets").status_code == 302


def test_outside_demo_mode_the_password_is_random_and_not_shown(office: SandboxPostOffice, partner: Partner) -> None:
    password = clerk_password(partner.home, demo=False)
    assert len(password) > 30
    assert password == clerk_password(partner.home, demo=False)
    assert (partner.home / "clerk.password").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("token", ["", "guess"])
def test_a_form_without_its_token_does_nothing(
    clerk: Clerk, office: SandboxPostOffice, with_packet: str, token: str
) -> None:
    clerk.sign_in()
    paths = (f"/packets/{CODE}/accept", "/faults", "/faults/storm", "/recalls/1", "/logout", "/login")
    for path in paths:
        assert clerk.client.post(path, data={"csrf": token}).status_code == 400, path
    assert office.desk.packet(CODE).stage == "received"
    assert clerk.client.get("/packets").status_code == 200


def test_a_token_of_before_the_login_is_worth_nothing_after_it(clerk: Clerk) -> None:
    clerk.see("/login")
    before = clerk.csrf()
    clerk.sign_in()
    assert clerk.client.post("/faults/clear", data={"csrf": before}).status_code == 400


def test_the_buttons_take_a_packet_to_its_settlement(
    clerk: Clerk, office: SandboxPostOffice, partner: Partner, with_packet: str
) -> None:
    clerk.sign_in()
    assert "Chờ đối chiếu" in clerk.see("/packets")
    assert "Đã tiếp nhận gói tin" in clerk.press(f"/packets/{CODE}/accept").text
    page = clerk.press(f"/packets/{CODE}/extension", days=3, reason="mưa lũ").text
    assert "Đã gửi đề nghị gia hạn" in page
    assert "Đã chi trả một ngày" in clerk.press(f"/packets/{CODE}/pay").text
    assert "Đã trả" in clerk.see(f"/packets/{CODE}")
    assert "Gửi lại quyết toán" in clerk.press(f"/packets/{CODE}/settle").text
    meanings = [said.head.meaning for said in partner.collect(office)]
    assert meanings == ["accepted", "extension_asked", "settled"]
    total = f"{sum(handout.amount_vnd for handout in office.drawer()):,}".replace(",", ".")
    assert f"{total} đ" in clerk.see("/drawer")
    paid = office.drawer()[0]
    assert "Số tiền thu hồi phải từ 1 đến" in unescape(
        clerk.press("/drawer/collect", reference=paid.reference_id, amount="x").text
    )
    done = unescape(clerk.press("/drawer/collect", reference=paid.reference_id, amount="100.000").text)
    assert "Đã thu hồi" in done and "100.000 đ" in done and "chưa báo" in done


def test_a_packet_page_shows_lines_in_pages(clerk: Clerk, with_packet: str) -> None:
    clerk.sign_in()
    assert "L000100" in clerk.see(f"/packets/{CODE}")
    assert "L000101" not in clerk.see(f"/packets/{CODE}")
    last = clerk.see(f"/packets/{CODE}?page=3")
    assert "L000230" in last
    assert "730.000 đ" in last
    assert clerk.client.get(f"/packets/{CODE}?page=x").status_code == 200
    assert clerk.client.get(f"/packets/{CODE}?page=999").status_code == 200


def test_rejecting_needs_a_reason(clerk: Clerk, office: SandboxPostOffice, with_packet: str) -> None:
    clerk.sign_in()
    assert "Phải nêu lý do" in clerk.press(f"/packets/{CODE}/reject", reason=" ").text
    assert office.desk.packet(CODE).stage == "received"
    page = clerk.press(f"/packets/{CODE}/reject", reason="<b>sai</b>").text
    assert "&lt;b&gt;sai&lt;/b&gt;" in page
    assert office.desk.packet(CODE).stage == "rejected"


def test_recall_requests_are_answered_on_their_page(
    clerk: Clerk, office: SandboxPostOffice, partner: Partner, with_packet: str
) -> None:
    partner.recall(office, reason="thêm 3 người")
    clerk.sign_in()
    assert "Đề nghị từ chối (1)" in clerk.see("/packets")
    assert "thêm 3 người" in clerk.see("/recalls")
    recall_id = office.store.recalls()[0].id
    assert "Đã trả lời" in clerk.press(f"/recalls/{recall_id}", answer="agree").text
    assert office.desk.packet(CODE).stage == "rejected"
    assert "đã được trả lời" in clerk.press(f"/recalls/{recall_id}", answer="decline").text


def test_every_knob_can_be_turned_on_the_page(clerk: Clerk, office: SandboxPostOffice) -> None:
    clerk.sign_in()
    page = clerk.see("/faults")
    assert all(f'name="{name}"' in page for name in KNOBS)
    clerk.press("/faults", paid_share="0,5", auto_accept="on", fault_script="http_429, none", seed="9")
    knobs = all_knobs(office.store)
    assert (knobs["paid_share"], knobs["auto_accept"], knobs["auto_pay"], knobs["seed"]) == (0.5, True, False, 9)
    assert knobs["fault_script"] == ["http_429", "none"]
    for bad in ({"paid_share": "2"}, {"seed": "1e9"}, {"delay_s": "nan"}, {"fault_script": "boom"}):
        assert "flash bad" in clerk.press("/faults", **bad).text
    assert all_knobs(office.store)["paid_share"] == 0.5
    clerk.press("/faults/storm")
    assert all_knobs(office.store)["contradiction"] == STORM["contradiction"]
    clerk.press("/faults/clear")
    assert all_knobs(office.store)["contradiction"] == 0.0


def test_pages_are_self_contained(clerk: Clerk, office: SandboxPostOffice, with_packet: str) -> None:
    clerk.sign_in()
    for path in PAGES:
        answer = clerk.client.get(path)
        page = answer.text
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"
        assert '<html lang="vi">' in page
        assert not re.search(r"(src|href|action)=\"(https?:)?//", page)
        assert not re.search(r"<script|\son\w+=|style=", page)
        assert page.count("<h1") == 1
        assert page.count("<table") == page.count("<caption") or path == "/recalls"
    with clerk.client.get("/static/sandbox.css") as style:
        assert style.status_code == 200


def test_what_does_not_exist_is_said_in_words(clerk: Clerk, with_packet: str) -> None:
    clerk.sign_in()
    for path in ("/packets/none", f"/packets/{CODE}/dance", "/packets/none/accept"):
        answer = clerk.press(path) if path.count("/") > 2 else clerk.client.get(path)
        assert answer.status_code == 404, path
        assert "Không" in answer.text
