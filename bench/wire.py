"""A large packet over real HTTP to the sandbox post office, and its settlement back in parts: seconds, memory of both sides."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests

from app import clock
from app.agency import messages
from app.agency.g2p import G2PAgency
from app.agency.keys import KeyRing
from app.agency.messages import PacketHead, PacketLine
from app.agency.port import Endpoint, OutgoingPacket, SettlementRef
from app.agency.sandbox.home import prepare_home
from bench.child import peak_mb

NAME = "over_the_wire"
LINES, PARTS = 50_000, 10
LIMIT_S, LIMIT_MB = 20, 300
CODE = "CT-202611-00004-M-V1"


def measure() -> dict[str, dict[str, Any]]:
    """One packet sent and accepted, then paid and fetched in parts; the sandbox's memory is the one that is limited."""
    with TemporaryDirectory(prefix="chitra-wire-") as folder, _sandbox(Path(folder)) as (agency, endpoint, act, pid):
        packet = _packet(endpoint)
        send_s = _timed(lambda: agency.send(packet))
        act("accept")
        paid_s = _timed(lambda: (act("pay"), act("settle")))
        parts = [SettlementRef(CODE, endpoint, part=number) for number in range(1, PARTS + 1)]
        fetch_s = _timed(lambda: [_lines(agency, part) for part in parts])
        found = {"limit_seconds": LIMIT_S, "limit_mb": LIMIT_MB, "n": LINES, "peak_mb": round(peak_mb(pid), 1)}
        return {
            f"{NAME}: packet": {**found, "seconds": send_s, "mb": round(len(packet.body) / 1e6, 1)},
            f"{NAME}: paid and reported": {**found, "seconds": paid_s},
            f"{NAME}: settlement in {PARTS} parts": {**found, "seconds": fetch_s, "peak_mb": round(peak_mb("self"), 1)},
        }


def _packet(endpoint: Endpoint) -> OutgoingPacket:
    lines = [
        PacketLine(f"202611-{number:07d}", f"cash:DT{number:08d}@vnpost", "Nguyễn Thị Hoà", 500_000, "00004")
        for number in range(LINES)
    ]
    rows = [(line.reference, line.payee_fa, line.amount_vnd) for line in lines]
    head = PacketHead(
        CODE, "bench-1", clock.wall(), "chitra", "vnpost", payer_fa="office:00004@chitra", area="00004", period="202611",
        kind="M", line_count=LINES, total_vnd=sum(row[2] for row in rows),
        line_set_sha256=messages.line_set_sha256(rows),
    )  # fmt: skip
    body = messages.disburse(head, lines)
    return OutgoingPacket(CODE, "bench-1", body, hashlib.sha256(body).hexdigest(), endpoint)


def _lines(agency: G2PAgency, part: SettlementRef) -> None:
    answer = agency.fetch_settlement(part)
    assert len(messages.read_callback(answer.raw, now=clock.wall()).lines) == LINES // PARTS


def _timed(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return round(time.perf_counter() - started, 3)


@contextmanager
def _sandbox(folder: Path) -> Iterator[tuple[G2PAgency, Endpoint, Callable[[str], None], int]]:
    keys = KeyRing(folder / "keys")
    keys.new_key(now=clock.wall())
    given = prepare_home(
        folder / "sandbox",
        callback_base_url="http://127.0.0.1:9/agency",
        partner_keys=keys.published(),
        client_secret=keys.issue_client("vnpost"),
    )
    for kid, pem in given.public_keys.items():
        keys.trust("vnpost", kid, pem)
    keys.keep_secret(given.client_id, given.client_secret)
    command = [sys.executable, "-m", "app.agency.sandbox", "--port", "0", "--home", str(folder / "sandbox")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as running:
        try:
            assert running.stdout is not None
            port = re.search(r":(\d+)/", running.stdout.readline())
            assert port is not None, "the sandbox did not start"
            base = f"http://127.0.0.1:{port[1]}"

            def act(name: str) -> None:
                headers = {"Authorization": f"Bearer {given.control_token}"}
                url = f"{base}/sandbox/api/packets/{CODE}/{name}"
                requests.post(url, json={}, headers=headers, timeout=120).raise_for_status()

            endpoint = Endpoint(base, "chitra", "vnpost", given.client_id)
            yield G2PAgency(keys, now=clock.wall), endpoint, act, running.pid
        finally:
            running.terminate()
