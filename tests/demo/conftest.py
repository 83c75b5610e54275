"""A small demo on a fixed day: two communes of two provinces, and the parts of a running demo on ports of their own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.serving import make_server

from app import clock
from app.agency.sandbox.engine import SandboxPostOffice
from app.agency.sandbox.server import Server, open_site
from app.demo.exchange import exchange_keys
from app.demo.load import POST, LoadedDemo, load
from app.demo.places import DEMO_COMMUNE
from app.extensions import transaction
from app.jobs.running import once
from config import Settings

TODAY = date(2026, 11, 24)
WARD = "00622"
"""A commune of the province where a bank pays into accounts."""


@pytest.fixture(autouse=True)
def late_november() -> Iterator[None]:
    with clock.at(TODAY):
        yield


@pytest.fixture
def loaded(session: Session) -> LoadedDemo:
    """240 people, committed."""
    with transaction() as open_session:
        return load(open_session, people=240, communes=[DEMO_COMMUNE, WARD])


@pytest.fixture
def office(loaded: LoadedDemo, app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings with a data folder of this test's own."""
    settings = replace(app.config["CHITRA"], home=tmp_path)
    monkeypatch.setitem(app.config, "CHITRA", settings)
    return settings


@pytest.fixture
def demo_running(app: Flask, office: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """The parts of a demo beside us: the program on a port, its scheduler, the sandbox on another port."""
    web = make_server("127.0.0.1", 0, app, threaded=True)
    settings = replace(office, public_url=f"http://127.0.0.1:{web.server_port}")
    exchange_keys(settings)
    sandbox_home = settings.home / "sandbox"
    sandbox = SandboxPostOffice(sandbox_home, in_memory=True)
    server = Server(sandbox, open_site(sandbox, sandbox_home), host="127.0.0.1", port=0)
    settings = replace(settings, sandbox_port=server.port)
    monkeypatch.setitem(app.config, "CHITRA", settings)
    with app.app_context(), transaction() as session:
        session.execute(
            text("UPDATE agencies SET base_url = :url WHERE code = :code"),
            {"url": f"http://127.0.0.1:{server.port}", "code": POST},
        )
    over = threading.Event()

    def sweep() -> None:
        while not over.wait(0.1):
            once(app)

    threads = [threading.Thread(target=target, daemon=True) for target in (web.serve_forever, server.serve, sweep)]
    for thread in threads:
        thread.start()
    yield settings
    over.set()
    server.stop()
    web.shutdown()
    for thread in threads:
        thread.join(timeout=10)
    web.server_close()
