"""List screens over many rows, as a signed-in person gets them over HTTP: the first, the last and a searched page."""

from __future__ import annotations

import os
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests
from sqlalchemy import select

from app.extensions import acting_as, db, transaction
from app.models import Area
from app.rules.actors import SYSTEM, Role
from app.services.accounts import issuing
from bench.child import peak_mb
from bench.data import PROVINCE
from bench.server import Bench

LIMIT_SECONDS = 0.15
WARM, COUNTED = 5, 60
USER, PASSWORD = "tinh.do", "một câu dài dễ nhớ"
LAST_ROW = 10_000
"""Turning pages ends here, whatever there is (app/screens/interface.py)."""


@dataclass(frozen=True, slots=True)
class Screen:
    """A list: its address, its view's name, a search field and what is typed there."""

    name: str
    address: str
    view: str
    field: str
    typed: str


SCREENS = (
    Screen("lines", "/payment-history/list/", "LineHistoryView", "name_fold", "Nguyễn Thị"),
    Screen("lines, rare name", "/payment-history/list/", "LineHistoryView", "name_fold", "Quách Công Út"),
    Screen("settlement records", "/settlement-records/list/", "SettlementRecordView", "area_path", "Thanh"),
    Screen("people", "/beneficiaries/list/", "BeneficiaryView", "name_fold", "Trần Văn Hoà"),
    Screen("lists", "/lists/list/", "BatchView", "code", "CT-202610"),
)


def measure(bench: Bench, database: str, rows: int) -> dict[str, dict[str, Any]]:
    """95th percentile of every page of every screen."""
    _issue(bench, database)
    figures: dict[str, dict[str, Any]] = {}
    with _web(bench, database) as (base, pid), requests.Session() as session:
        session.trust_env = False
        _sign_in(session, base)
        for screen in SCREENS:
            for page, address in _pages(session, base, screen):
                seconds = _times(session, base + address)
                figures[f"list_screens: {screen.name}, {page}"] = {
                    "seconds": round(statistics.quantiles(seconds, n=20)[-1], 4),
                    "median_seconds": round(statistics.median(seconds), 4),
                    "limit_seconds": LIMIT_SECONDS,
                    "n": rows,
                }
        memory = max(peak_mb(child) for child in _children(pid))
    return {name: found | {"peak_mb": round(memory, 1)} for name, found in figures.items()}


def _pages(session: requests.Session, base: str, screen: Screen) -> Iterator[tuple[str, str]]:
    """The searched page leaves out a screen that is only there for another search."""
    first = unescape(_get(session, base + screen.address).text)
    field = re.search(rf'name="(_flt_\d+_{screen.field})"', first)
    assert field is not None, f"{screen.address} is not searched by {screen.field}"
    if "," not in screen.name:
        size = max(1, len(re.findall(r"<tr>", first.split("<tbody>")[1].split("</tbody>")[0])))
        yield "first page", screen.address
        yield "deep page", f"{screen.address}?page_{screen.view}={LAST_ROW // size - 1}"
    yield "searched", f"{screen.address}?{field[1]}={quote(screen.typed)}"


def _times(session: requests.Session, address: str) -> list[float]:
    for _ in range(WARM):
        _get(session, address)
    found = []
    for _ in range(COUNTED):
        started = time.perf_counter()
        _get(session, address)
        found.append(time.perf_counter() - started)
    return found


def _get(session: requests.Session, address: str) -> requests.Response:
    answer = session.get(address, timeout=60, allow_redirects=False)
    assert answer.status_code == 200, f"{address}: {answer.status_code}"
    return answer


def _issue(bench: Bench, database: str) -> None:
    app = bench.program(database)
    with app.app_context():
        with acting_as(SYSTEM), transaction() as session:
            area_id = session.scalars(select(Area.id).where(Area.code == PROVINCE)).one()
            roles = frozenset({Role.PROVINCE_ADMIN})
            account = issuing.Account("Nguyễn Văn", "Đo", None, area_id, None, roles)
            issuing.create(session, USER, account, PASSWORD, by=SYSTEM)
        db.session.remove()
        db.engine.dispose()


def _sign_in(session: requests.Session, base: str) -> None:
    form = session.get(f"{base}/login/", timeout=60).text
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', form)
    assert token is not None
    fields = {"csrf_token": token[1], "username": USER, "password": PASSWORD}
    answer = session.post(f"{base}/login/", fields, timeout=60, allow_redirects=False, headers={"Referer": base})
    assert answer.status_code in (302, 303), answer.status_code
    page = session.get(f"{base}/lists/list/", timeout=60).text
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert token is not None and "/login/" not in page
    fields = {"csrf_token": token[1], "month": "10/2026", "back": "/lists/list/"}
    session.post(f"{base}/month", fields, timeout=60, headers={"Referer": base})


@contextmanager
def _web(bench: Bench, database: str) -> Iterator[tuple[str, int]]:
    """gunicorn as operations.md starts it, on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    run_on, migrate_on = bench.addresses(database)
    facts = {
        "DATABASE_URL": run_on,
        "DATABASE_OWNER_URL": migrate_on,
        "CHITRA_HOME": str(bench.home),
        "CHITRA_LOG_LEVEL": "WARNING",
        "SECRET_KEY": "bench",
        "PORT": str(port),
    }
    command = [sys.executable, "-W", "ignore", "-m", "gunicorn", "run:app", "--bind", f"127.0.0.1:{port}"]
    options = ["--worker-class", "gthread", "--workers", "2", "--threads", "4", "--log-level", "warning"]
    server = subprocess.Popen([*command, *options], env=os.environ | facts)
    try:
        _await(f"http://127.0.0.1:{port}/login/", server)
        yield f"http://127.0.0.1:{port}", server.pid
    finally:
        server.terminate()
        server.wait(30)


def _await(address: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(120):
        assert server.poll() is None, "gunicorn ended"
        try:
            requests.get(address, timeout=5).raise_for_status()
            return
        except requests.RequestException:
            time.sleep(0.5)
    raise SystemExit("the web server does not answer")


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
