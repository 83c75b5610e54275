"""The sandbox started as a program of its own, and the fixtures of the tests that call it; imported `as` themselves."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from app.agency.g2p import G2PAgency
from app.agency.sandbox.clock import wall_clock
from tests.sandbox.partner_side import PACKET, CallbackPlace, Partner, callback_place

CODE = f"{PACKET}-V1"
ROOT = Path(__file__).parents[2]
SOON_S = 10.0


class Program:
    """A running sandbox and its control API."""

    def __init__(self, port: int, token: str, running: subprocess.Popen[str]) -> None:
        self.port = port
        self.running = running
        self.base = f"http://127.0.0.1:{port}"
        self.headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str) -> Any:
        return self._json(requests.get(f"{self.base}/sandbox/api{path}", headers=self.headers, timeout=10))

    def post(self, path: str, body: object = None) -> Any:
        url = f"{self.base}/sandbox/api{path}"
        return self._json(requests.post(url, json=body or {}, headers=self.headers, timeout=10))

    def _json(self, answer: requests.Response) -> Any:
        assert answer.status_code == 200, answer.text
        return answer.json()


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "app.agency.sandbox", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def running_program(partner: Partner) -> Iterator[Program]:
    running = start("--port", "0", "--home", str(partner.home), "--seed", "7")
    try:
        assert running.stdout is not None
        said = running.stdout.readline()
        port = re.search(r":(\d+)/", said)
        assert port, (said, running.stderr and running.stderr.read())
        yield Program(int(port[1]), partner.exchange.control_token, running)
    finally:
        running.terminate()
        _, said = running.communicate(timeout=10)
        assert "Traceback" not in said, said


@pytest.fixture(scope="module")
def partner(tmp_path_factory: pytest.TempPathFactory) -> Partner:
    return Partner(tmp_path_factory.mktemp("sandbox"), now=wall_clock)


@pytest.fixture(scope="module")
def open_place(partner: Partner) -> Iterator[CallbackPlace]:
    with callback_place(partner) as opened:
        partner.prepare(f"http://127.0.0.1:{opened.port}/agency")
        yield opened


@pytest.fixture(scope="module")
def started_program(partner: Partner, open_place: CallbackPlace) -> Iterator[Program]:
    with running_program(partner) as started:
        yield started


@pytest.fixture
def program(started_program: Program, open_place: CallbackPlace) -> Program:
    """The one program of this module, as if nothing had ever been sent to it."""
    started_program.post("/reset")
    open_place.came.clear()
    open_place.status = 200
    return started_program


@pytest.fixture
def place(program: Program, open_place: CallbackPlace) -> CallbackPlace:
    return open_place


@pytest.fixture
def agency(partner: Partner) -> G2PAgency:
    return G2PAgency(partner.keys, now=wall_clock)


def until(true: Callable[[], object]) -> None:
    ends = time.monotonic() + SOON_S
    while not true():
        assert time.monotonic() < ends, "it never came true"
        time.sleep(0.05)
