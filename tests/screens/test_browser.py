"""The frame in a real browser: no other host, no refused script or style, dialogs of their own row, one press only."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from app.models import FileImport
from app.rules.actors import Role
from tests import office
from tests.factories import agency, arrears, entitlement, locked_list, payee, person
from tests.screens.conftest import SignIn
from tests.screens.throwaway import TryPeople

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
SHOTS = os.environ.get("CHITRA_SHOTS")
"""A folder for pictures of the pages, for people to look at."""

NAMES = [
    "Nguyễn Thị Bình", "Trần Văn Hòa", "H'Hen Niê", "Y Bhăm Niê", "Lê Thị Thu Hương", "Phạm Quốc Tuấn",
    "Đặng Thị Đào", "Võ Thị Sáu", "Lò Thị Mai", "Giàng A Páo",
]  # fmt: skip


@pytest.fixture
def address(tried: Flask, sign_in: SignIn) -> Iterator[str]:
    """The program served on loopback, with forgery protection as in production."""
    tried.config["WTF_CSRF_ENABLED"] = True
    server = make_server("127.0.0.1", 0, tried, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
    tried.config["WTF_CSRF_ENABLED"] = False


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Debian's chromium; a visible skip where there is none, a failure where CHITRA_NEED_CHROMIUM is set."""
    if not Path(CHROMIUM).exists():
        if os.environ.get("CHITRA_NEED_CHROMIUM"):
            pytest.fail("chromium is not installed")
        pytest.skip("chromium is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as engine:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        opened = engine.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield opened
        opened.close()


class Watched:
    """A page that remembers what it asked other hosts for and what the browser complained about."""

    def __init__(self, chromium: Any, address: str, client: FlaskClient, width: int) -> None:
        self.address = address
        context = chromium.new_context(viewport={"width": width, "height": 900}, locale="vi-VN")
        cookie = client.get_cookie("chitra")
        assert cookie is not None
        context.add_cookies([{"name": "chitra", "value": cookie.value, "url": address}])
        self.page = context.new_page()
        self.elsewhere: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self._asked(request.url))
        self.page.on("console", lambda message: self._said(message))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _asked(self, url: str) -> None:
        if not url.startswith((self.address, "data:")):
            self.elsewhere.append(url)

    def _said(self, message: Any) -> None:
        if message.type in ("error", "warning") and "status of 4" not in message.text:
            self.complaints.append(message.text)

    def open(self, path: str, shot: str = "") -> Any:
        self.page.goto(self.address + path, wait_until="networkidle")
        self.shoot(shot)
        return self.page

    def shoot(self, name: str) -> None:
        if SHOTS and name:
            width = self.page.viewport_size["width"]
            self.page.screenshot(path=f"{SHOTS}/{name}-{width}.png", full_page=True)

    def overflow(self) -> int:
        """How many pixels the page is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


@pytest.fixture
def people(session: Any, sign_in: SignIn) -> list[int]:
    """Ten women of one commune, the first with two entitlements."""
    agency(session)
    made = [person(session, name, sex="female", hamlet=f"Thôn {n % 4 + 1}") for n, name in enumerate(NAMES)]
    for coefficient in ("1.5", "2"):
        entitlement(session, made[0], coefficient)
    session.commit()
    return [one.id for one in made]


@pytest.mark.parametrize("width", [1280, 390])
def test_every_page_keeps_to_this_host_the_policy_and_the_width(
    chromium: Any, address: str, sign_in: SignIn, people: list[int], width: int
) -> None:
    watched = Watched(chromium, address, sign_in(), width)
    for shot, path in {
        "list": "/trypeople/list/",
        "found": "/trypeople/list/?_flt_1_name_fold=nie&_flt_0_status=active",
        "nothing": "/trypeople/list/?_flt_1_name_fold=zzz",
        "wrong": "/trypeople/list/?_flt_1_died_on=31/02/2026",
        "show": f"/trypeople/show/{people[0]}",
        "edit": f"/trypeople/edit/{people[0]}",
        "add": "/trypeople/add",
        "contracts": "/trycontracts/list/",
        "empty": "/trybatches/list/",
        "pieces": "/trypage/pieces",
        "missing": "/nowhere",
    }.items():
        watched.open(path, shot)
        assert watched.overflow() <= 0, f"{path} is wider than {width} pixels"
    assert watched.elsewhere == []
    assert watched.complaints == []


def test_long_words_stay_inside_a_phone(chromium: Any, address: str, sign_in: SignIn, session: Any) -> None:
    """Names of files, receipts of agencies and first rows of a file are as long as others write them."""
    packet = office.accepted(session, people=2)
    lines = office.lines_of(session, packet)
    said = [office.receipt("PT0001BUUDIENBADINH" * 3, lines[0], 1), office.receipt("PT-2", "x" * 60, 999_999_999)]
    office.hear(session, *office.parts(packet.code, office.results(lines, "paid"), collected=said))
    settlement = office.settlement_of(session, packet)
    where = {"area_id": settlement.batch.area_id, "area_path": settlement.area_path, "started_by": "x" * 40}
    file = {"kind": "registry", "file_path": "x", "file_sha256": "x", "file_name": "danhsach" * 14, **where}
    seen = {"sheet": "x", "sample": [["Nguyễn Thị Bình"] * 12], "numbers": [1]}
    wide = FileImport(phase="columns", seen=seen, **file)
    session.add_all([wide, FileImport(phase="refused", message="x", **file)])
    session.commit()
    paths = ("/imports/", f"/imports/{wide.id}", f"/settlements/show/{settlement.id}")
    watched = Watched(chromium, address, sign_in(), 390)
    for path in paths:
        watched.open(path)
        assert watched.overflow() <= 0, f"{path} is wider than a phone"


PAST_THE_MARGIN = """() => {
  const paper = document.querySelector('.paper'), margin = parseFloat(getComputedStyle(paper).paddingRight);
  const edge = paper.getBoundingClientRect().right - margin;
  return Math.max(...[...paper.querySelectorAll('table')].map(table => table.getBoundingClientRect().right)) - edge;
}"""


def test_a_table_keeps_to_the_paper_it_is_printed_on(
    chromium: Any, address: str, sign_in: SignIn, session: Any
) -> None:
    """With amounts of millions, an account of 19 digits, and whichever font stands in for Times New Roman."""
    of = entitlement(session, person(session, "Nguyễn Hoàng Thị Phương Bình", hamlet="Tổ dân phố 12"), "25")
    account = {"kind": "bank", "account_no": "1234567890123456789", "holder": "NGUYEN", "bank_code": "BIDV"}
    payee(session, of.beneficiary, method=account)
    arrears(session, of, 12_500_000)
    batch_id = locked_list(session)
    month = "from=11/2026&to=11/2026"
    watched = Watched(chromium, address, sign_in(), 1400)
    papers = [f"/lists/print/{batch_id}", *(f"/reports/{code}/print?{month}" for code in ("DVCT_02", "DVCT_08"))]
    for path in papers:
        assert watched.open(path).evaluate(PAST_THE_MARGIN) <= 1, path


def test_a_dialog_left_open_never_acts_on_another_row(
    chromium: Any, address: str, sign_in: SignIn, people: list[int], session: Any
) -> None:
    """Stock: delete, cancel, an action on another row, OK posts the delete."""
    page = Watched(chromium, address, sign_in(), 1280).open("/trypeople/list/")
    TryPeople.done.clear()
    page.locator("tbody tr").nth(0).get_by_role("button", name="Xóa").click()
    page.locator("dialog[open]").get_by_role("button", name="Thôi").click()
    page.locator("tbody tr").nth(2).locator("input[type=checkbox]").check()
    code = page.locator("tbody tr").nth(2).locator("td").nth(2).inner_text()
    page.get_by_role("button", name="Đánh dấu").click()
    dialog = page.locator("dialog[open]")
    dialog.get_by_label("Lý do").fill("Kiểm tra")
    dialog.get_by_role("button", name="Đánh dấu").click()
    page.wait_for_load_state("networkidle")
    assert TryPeople.done == [([code], "Kiểm tra")]
    assert page.locator("tbody tr").count() == len(people), "somebody was deleted"


def test_a_button_pressed_twice_acts_once(chromium: Any, address: str, sign_in: SignIn, people: list[int]) -> None:
    page = Watched(chromium, address, sign_in(), 1280).open(f"/trypeople/show/{people[1]}")
    TryPeople.done.clear()
    page.get_by_role("button", name="Đánh dấu").click()
    dialog = page.locator("dialog[open]")
    dialog.get_by_label("Lý do").fill("Một lần")
    dialog.evaluate(
        "dialog => { const form = dialog.querySelector('form'); form.requestSubmit(); form.requestSubmit(); }"
    )
    page.wait_for_url("**/list/")
    assert len(TryPeople.done) == 1


def test_the_dialog_asks_for_the_reason_it_needs(
    chromium: Any, address: str, sign_in: SignIn, people: list[int]
) -> None:
    watched = Watched(chromium, address, sign_in(), 1280)
    page = watched.open(f"/trypeople/show/{people[1]}")
    TryPeople.done.clear()
    page.get_by_role("button", name="Đánh dấu").click()
    watched.shoot("dialog")
    page.locator("dialog[open]").get_by_role("button", name="Đánh dấu").click()
    assert page.locator("dialog[open]").count() == 1
    assert TryPeople.done == []


def test_a_big_table_is_searched_on_the_server(chromium: Any, address: str, sign_in: SignIn, people: list[int]) -> None:
    watched = Watched(chromium, address, sign_in(Role.CLERK, area="01"), 1280)
    page = watched.open("/trypeople/add")
    page.locator("#area + .select2 .select2-selection").click()
    page.keyboard.type("ngoc ha")
    page.locator(".select2-results__option", has_text="Ngọc Hà").first.click()
    watched.shoot("chosen")
    assert "Ngọc Hà" in page.locator("#area + .select2").inner_text()
    page.locator("#full_name").fill("")
    page.get_by_role("button", name="Lưu").click()
    page.wait_for_load_state("networkidle")
    watched.shoot("errors")
    assert "Ngọc Hà" in page.locator("#area + .select2").inner_text(), "what was chosen is kept"
    assert page.evaluate("document.activeElement.className").find("error-summary") >= 0
    assert watched.complaints == []


def test_a_day_is_picked_from_the_calendar(chromium: Any, address: str, sign_in: SignIn, people: list[int]) -> None:
    watched = Watched(chromium, address, sign_in(), 1280)
    page = watched.open("/tryentitlements/add")
    page.locator("#starts_on").fill("03/11/2026")
    page.get_by_role("button", name="Chọn ngày: Từ").click()
    assert "Tháng 11" in page.locator(".datepicker").inner_text()
    watched.shoot("calendar")
    page.locator(".datepicker-days td.day", has_text="17").first.click()
    assert page.locator("#starts_on").input_value() == "17/11/2026"
    assert watched.complaints == []


def test_the_menu_of_a_phone_opens_and_closes_by_keyboard(chromium: Any, address: str, sign_in: SignIn) -> None:
    watched = Watched(chromium, address, sign_in(), 390)
    page = watched.open("/trypeople/list/")
    assert not page.locator("#menu").is_visible()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip-link"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    watched.shoot("menu")
    assert page.locator("#menu").is_visible()
    assert page.evaluate("document.activeElement.closest('#menu') !== null")
    page.keyboard.press("Escape")
    assert not page.locator("#menu").is_visible()
    assert page.evaluate("document.activeElement.hasAttribute('aria-controls')")
    page.locator("#month-switch").select_option("09/2026")
    page.wait_for_load_state("networkidle")
    assert page.locator("#month-switch").input_value() == "09/2026"


def test_a_dialog_is_answered_by_keyboard(chromium: Any, address: str, sign_in: SignIn, people: list[int]) -> None:
    page = Watched(chromium, address, sign_in(), 1280).open(f"/trypeople/show/{people[1]}")
    TryPeople.done.clear()
    page.get_by_role("button", name="Đánh dấu").focus()
    page.keyboard.press("Enter")
    assert page.locator("dialog[open]").count() == 1
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0
    page.keyboard.press("Enter")
    page.keyboard.type("Bằng bàn phím")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/list/")
    assert [why for _codes, why in TryPeople.done] == ["Bằng bàn phím"]
