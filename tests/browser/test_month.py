"""One month played in browsers: clerk, supervisor and accountant against the sandbox post office."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Demo, SignIn

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

LONG_MS = 30_000


def do(page: Page, dialog: str, *, reason: str = "") -> None:
    """Press a button, answer its dialog."""
    page.click(f"[data-opens='{dialog}']")
    if reason:
        page.fill(f"#{dialog} textarea[name=reason]", reason)
    with page.expect_navigation():
        page.click(f"#{dialog} button[type=submit]")


def state(page: Page) -> str:
    return page.locator("h1 .tag").first.inner_text().strip()


def at_the_post_office(browser: Browser, demo: Demo) -> Page:
    page = browser.new_context(locale="vi-VN").new_page()
    page.goto(f"{demo.post_office}/login")
    page.fill("input[name=username]", "buudien")
    page.fill("input[name=password]", "demo")
    page.press("input[name=password]", "Enter")
    page.wait_for_url(lambda url: "/login" not in url)
    return page


def hold_out_the_blocked(clerk: Page, list_url: str) -> None:
    """Every person a check blocks is held out, with a reason, by hand."""
    for _time in range(20):
        clerk.goto(list_url.replace("/show/", "/findings/"))
        blocking = clerk.locator("section.related", has=clerk.locator("h2 .tag-bad"))
        if blocking.count() == 0:
            return
        blocking.locator("a", has_text=re.compile("^Dòng$")).first.click()
        clerk.wait_for_url("**q=**", wait_until="load")
        clerk.locator("[data-opens^='out-']").first.click()
        dialog = clerk.locator("dialog[open]")
        dialog.locator("textarea[name=reason]").fill("Chờ bổ sung giấy tờ")
        with clerk.expect_navigation():
            dialog.locator("button[type=submit]").click()
    pytest.fail("findings do not go away")


def wait_for_state(page: Page, words: str) -> None:
    """The page changes by itself while the scheduler works; nobody reloads."""
    expect(page.locator("h1 .tag").first).to_have_text(words, timeout=LONG_MS)


def packet_page(post: Page, demo: Demo, code: str) -> None:
    post.goto(f"{demo.post_office}/packets/{code}")


def test_a_month_from_the_list_to_the_next_months_carry_over(demo: Demo, browser: Browser, sign_in: SignIn) -> None:
    clerk, supervisor, accountant = sign_in("xa.canbo"), sign_in("xa.lanhdao"), sign_in("xa.ketoan")
    post = at_the_post_office(browser, demo)

    # the clerk makes the list and deals with what the checks block
    clerk.goto(f"{demo.address}/make-lists/")
    clerk.get_by_role("button", name="Xem trước").click()
    clerk.get_by_role("button", name="Lập danh sách").click()
    clerk.wait_for_url("**/lists/show/**")
    list_url = clerk.url.split("?")[0]
    code = clerk.locator("h1").inner_text().split()[0]
    hold_out_the_blocked(clerk, list_url)

    # the maker has no button to approve; the supervisor does
    clerk.goto(list_url)
    assert clerk.locator("[data-opens='do-lock']").count() == 0
    supervisor.goto(list_url)
    do(supervisor, "do-lock")
    assert state(supervisor) == "Đã duyệt"

    # sent; the post office rejects; the screen says so by itself
    clerk.goto(list_url)
    do(clerk, "do-send")
    expect(clerk.get_by_text("Bưu điện đang so khớp gói tin")).to_be_visible(timeout=LONG_MS)
    packet_page(post, demo, f"{code}-V1")
    post.get_by_label("Lý do từ chối").fill("Sai tên người nhận ở dòng 1")
    post.get_by_role("button", name="Từ chối gói tin").click()
    wait_for_state(clerk, "Bị trả lại")
    expect(clerk.get_by_text("Sai tên người nhận ở dòng 1").first).to_be_visible()

    # opened with a reason, made again, approved again, sent as version 2, accepted
    supervisor.goto(list_url)
    do(supervisor, "do-unlock", reason="Bưu điện trả lại, sửa rồi gửi lại")
    clerk.goto(list_url)
    do(clerk, "do-remake")
    supervisor.goto(list_url)
    do(supervisor, "do-lock")
    clerk.goto(list_url)
    do(clerk, "do-send")
    expect(clerk.get_by_text("Bưu điện đang so khớp gói tin")).to_be_visible(timeout=LONG_MS)
    packet_page(post, demo, f"{code}-V2")
    post.get_by_role("button", name="Tiếp nhận").click()
    wait_for_state(clerk, "Đã tiếp nhận")

    # the accountant enters a request for more days; the supervisor grants it
    clerk.goto(list_url)
    clerk.get_by_role("link", name="Xem quyết toán").click()
    settlement_url = clerk.url.split("?")[0]
    clerk.goto(settlement_url.replace("/show/", "/extend/"))
    clerk.locator("input[name=days]").fill("10")  # from the 25th past the end of the month, whatever day it is today
    clerk.locator("[name=reason]").fill("Mưa lũ, chưa chi trả xong")
    clerk.get_by_role("button", name="Gửi đề nghị").click()
    clerk.wait_for_load_state()
    supervisor.goto(f"{demo.address}/extensions/list/")
    supervisor.locator("a[href*='/extensions/show/']").first.click()
    supervisor.wait_for_url("**/extensions/show/**", wait_until="load")
    do(supervisor, "grant")
    assert state(supervisor) == "Đã đồng ý"

    # paid over the days, settled, locked when it ties out
    packet_page(post, demo, f"{code}-V2")
    post.get_by_role("button", name="Chi trả").click()
    post.get_by_role("button", name="Gửi quyết toán").click()
    accountant.goto(settlement_url)
    _wait_until_settled(accountant)
    expect(accountant.locator(".figures-good")).to_be_visible()
    accountant.locator(".tabs a", has_text="Chưa chi trả").first.click()
    unpaid = re.search(r"DT[0-9]+", accountant.locator("tbody").first.inner_text())
    assert unpaid is not None
    do(accountant, "lock")
    assert state(accountant) == "Đã chốt"

    # the period is closed, and next month's list carries the unpaid
    clerk.goto(f"{demo.address}/periods/list/")
    clerk.locator("a[href*='/periods/show/']").first.click()
    clerk.wait_for_url("**/periods/show/**", wait_until="load")
    do(clerk, "close")
    assert state(clerk) == "Đã chốt"
    clerk.goto(f"{demo.address}/make-lists/?month={next_month(code)}")
    clerk.get_by_role("button", name="Xem trước").click()
    clerk.get_by_role("button", name="Lập danh sách").click()
    clerk.wait_for_url("**/lists/show/**")
    clerk.goto(f"{clerk.url.split('?')[0]}?q={unpaid.group()}")
    carried = clerk.locator("td[data-label='Mang sang']").all_inner_texts()
    assert any(re.search(r"[1-9]", amount) for amount in carried), carried


def _wait_until_settled(accountant: Page) -> None:
    """The settlement comes by callback and is applied by the scheduler; the page is asked again until it has."""
    for _second in range(30):
        if "Đã nhận đủ" in accountant.locator("h1").inner_text():
            return
        accountant.wait_for_timeout(1000)
        accountant.reload()
    pytest.fail("no settlement arrived")


def next_month(code: str) -> str:
    year, month = int(code[3:7]), int(code[7:9])
    return f"{month % 12 + 1:02d}/{year + month // 12}"
