"""The whole product as `make demo` starts it, and people in browsers of their own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[2]
STARTED_WITHIN_S = 180
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@dataclass(frozen=True)
class Demo:
    """Where the running demo is."""

    address: str
    post_office: str
    home: Path
    process: subprocess.Popen[str]


@pytest.fixture(scope="session")
def chromium() -> str:
    """Debian's chromium; missing is a visible skip, or a failure where it was promised."""
    found = shutil.which("chromium")
    if found is None:
        if os.environ.get("CHITRA_NEED_CHROMIUM"):
            pytest.fail("chromium is missing and CHITRA_NEED_CHROMIUM is set")
        pytest.skip("chromium is not installed")
    return found


@pytest.fixture(scope="session")
def demo(chromium: str) -> Iterator[Demo]:
    """`python -m app.demo.up` with a few hundred people, stopped by Ctrl-C at the end, when nothing may be left."""
    home = Path(tempfile.mkdtemp(prefix="chitra-demo-"))
    port, sandbox_port = _free_port(), _free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "DATABASE_OWNER_URL")},
        "PORT": str(port), "SANDBOX_PORT": str(sandbox_port), "CHITRA_HOME": str(home), "WEB_CONCURRENCY": "1",
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "app.demo.up", "--people", "300"],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    _wait_for_greeting(process)
    yield Demo(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{sandbox_port}", home, process)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(60) == 0
    assert not (home / "pg" / "postmaster.pid").exists()
    shutil.rmtree(home, ignore_errors=True)


def _wait_for_greeting(process: subprocess.Popen[str]) -> None:
    said: list[str] = []
    up = threading.Event()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if "Ctrl-C" in line:
                up.set()
        up.set()

    threading.Thread(target=read, daemon=True).start()
    up.wait(STARTED_WITHIN_S)
    assert process.poll() is None, "".join(said)
    assert any("Ctrl-C" in line for line in said), "".join(said)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """One chromium, gone before the next module opens its own: a process runs one Playwright at a time."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        yield opened
        opened.close()


SignIn = Callable[[str], Page]


@pytest.fixture
def sign_in(demo: Demo, browser: Browser) -> Iterator[SignIn]:
    """A page on which somebody of the demo has signed in; fails on any request to another host or script error."""
    contexts = []

    def enter(username: str, *, width: int = 1280) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, locale="vi-VN")
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: _demand_own_host(request.url, demo))
        page.goto(f"{demo.address}/login/")
        page.fill("input[name=username]", username)
        page.fill("input[name=password]", "demo")
        page.press("input[name=password]", "Enter")
        page.wait_for_url(lambda url: "/login" not in url)
        return page

    yield enter
    for context in contexts:
        context.close()


def _demand_own_host(url: str, demo: Demo) -> None:
    assert url.startswith((demo.address, demo.post_office, "data:")), url
