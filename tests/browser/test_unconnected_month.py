"""One month of a commune without a connection, played in browsers: results by hand and out of a workbook."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Download, Page, expect

from tests.browser.conftest import Demo, SignIn
from tests.browser.test_month import do, hold_out_the_blocked, next_month, state
from tests.browser.unconnected import open_office
from tests.imports import books

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def codes_on(page: Page) -> list[str]:
    return re.findall(r"DT[0-9]+", page.locator("table tbody").first.inner_text())


def filled(download: Download, *rows: list[str]) -> bytes:
    """The template with rows pasted below its heading."""
    return books.xlsx([*books.read(download.path().read_bytes()), *rows])


def make_list(clerk: Page, demo: Demo, month: str = "") -> str:
    clerk.goto(f"{demo.address}/make-lists/{f'?month={month}' if month else ''}")
    clerk.get_by_role("button", name="Xem trước").click()
    clerk.get_by_role("button", name="Lập danh sách").click()
    clerk.wait_for_url("**/lists/show/**")
    return clerk.url.split("?")[0]


def test_a_month_without_a_connection_ends_in_the_next_months_carry_over(demo: Demo, sign_in: SignIn) -> None:
    office = open_office(demo)
    clerk, supervisor, accountant = sign_in(office.clerk), sign_in(office.supervisor), sign_in(office.accountant)

    # made by the clerk, approved by the supervisor, handed to the cashier: the settlement is open at once
    list_url = make_list(clerk, demo)
    code = clerk.locator("h1").inner_text().split()[0]
    hold_out_the_blocked(clerk, list_url)
    supervisor.goto(list_url)
    do(supervisor, "do-lock")
    clerk.goto(list_url)
    do(clerk, "do-send")
    expect(clerk.get_by_text("Đã giao danh sách")).to_be_visible()
    clerk.get_by_role("link", name="Xem quyết toán").click()
    settlement_url = clerk.url.split("?")[0]

    # everybody paid, then the exceptions: two out of the template, one by hand
    do(clerk, "enter-paid")
    expect(clerk.locator(".figures-good")).to_be_visible()
    clerk.goto(f"{settlement_url}?tab=paid")
    unpaid, also, stopped = codes_on(clerk)[:3]
    clerk.get_by_role("link", name="Cập nhật chi trả nâng cao").click()
    with clerk.expect_download() as template:
        clerk.get_by_role("link", name="Tải tệp mẫu").click()
    wrong = filled(template.value, [unpaid, *[""] * 4, "Vắng mặt"], ["DT99999999", "", ""])
    send(clerk, "sai.xlsx", wrong)
    expect(clerk.get_by_text("Mã này không có trong danh sách của quyết toán.")).to_be_visible()
    assert clerk.locator("[data-opens='apply']").count() == 0
    clerk.go_back()
    send(clerk, "chua-tra.xlsx", filled(template.value, [unpaid, *[""] * 4, "Vắng mặt"], [also, "", ""]))
    do(clerk, "apply")
    clerk.goto(f"{settlement_url}?tab=paid&q={stopped}")
    clerk.locator("[data-opens^='decide-']").first.click()
    dialog = clerk.locator("dialog[open]")
    dialog.locator("select[name=outcome]").select_option("unpaid_stopped")
    dialog.locator("textarea[name=reason]").fill("Đã chuyển đi nơi khác")
    with clerk.expect_navigation():
        dialog.locator("button[type=submit]").click()

    # the accountant sees what was entered by whom and from which file, and locks
    accountant.goto(f"{settlement_url}?tab=unpaid")
    assert {unpaid, also, stopped} <= set(codes_on(accountant))
    expect(accountant.get_by_text("chua-tra.xlsx")).to_be_visible()
    do(accountant, "lock")
    assert state(accountant) == "Đã chốt"
    assert accountant.locator("[data-opens^='undo-']").count() == 0

    # the period is closed, and next month's list carries the unpaid and not who was stopped
    clerk.goto(f"{demo.address}/periods/list/")
    clerk.locator("a[href*='/periods/show/']").first.click()
    clerk.wait_for_url("**/periods/show/**", wait_until="load")
    do(clerk, "close")
    assert state(clerk) == "Đã chốt"
    later = make_list(clerk, demo, next_month(code))
    for person, carried in ((unpaid, True), (stopped, False)):
        clerk.goto(f"{later}?q={person}")
        amounts = clerk.locator("td[data-label='Mang sang']").all_inner_texts()
        assert any(re.search(r"[1-9]", amount) for amount in amounts) is carried, (person, amounts)


def send(clerk: Page, name: str, content: bytes) -> None:
    """Fill in the form of a file of codes: paid becomes unpaid."""
    clerk.set_input_files(
        "input[name=file]",
        {
            "name": name,
            "mimeType": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "buffer": content,
        },
    )
    clerk.select_option("#from_standing", "paid")
    clerk.select_option("#outcome", "unpaid")
    clerk.fill("#reason", "Theo biên bản của thủ quỹ")
    with clerk.expect_navigation():
        clerk.get_by_role("button", name="Tải lên và xem trước").click()
