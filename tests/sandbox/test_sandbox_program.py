"""The sandbox as a program of its own: started, called over real sockets by the real adapter, stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from app.agency import messages
from app.agency.g2p import G2PAgency
from app.agency.port import OutcomeUnknown, Refused
from app.agency.sandbox.clock import wall_clock
from tests.sandbox.partner_side import CallbackPlace, Partner, some_lines
from tests.sandbox.program import CODE, ROOT, Program, running_program, start, until
from tests.sandbox.program import agency as agency
from tests.sandbox.program import open_place as open_place
from tests.sandbox.program import partner as partner
from tests.sandbox.program import place as place
from tests.sandbox.program import program as program
from tests.sandbox.program import started_program as started_program


def test_a_month_over_the_wire(program: Program, partner: Partner, place: CallbackPlace, agency: G2PAgency) -> None:
    packet = partner.outgoing(partner.packet(some_lines(23)), program.port)
    assert agency.send(packet).kind == "received"
    assert agency.ask(packet).kind == "received"
    program.post("/knobs", {"part_lines": 10, "paid_share": 0.6})
    program.post(f"/packets/{CODE}/accept")
    program.post(f"/packets/{CODE}/pay")
    program.post(f"/packets/{CODE}/settle")
    until(lambda: len(place.came) == 4)
    said = []
    for path, body, headers in place.came:
        assert path == "/agency/on-disburse"
        partner.prove(body, headers)
        said.append(messages.read_callback(body, now=wall_clock()))
    assert said[0].head.meaning == "accepted"
    lines = {line.reference: line for callback in said[1:] for line in callback.lines}
    drawer = program.get("/drawer")
    assert len(lines) == 23
    assert drawer["people"] == sum(1 for line in lines.values() if line.outcome != messages.UNPAID) > 0
    assert drawer["vnd"] == sum(handout["amount_vnd"] for handout in drawer["handouts"])
    settled = agency.ask(packet)
    assert (settled.kind, settled.parts) == ("settled", 3)
    assert place.tokens_issued <= 1


def test_a_callback_goes_on_knocking_with_the_same_bytes(
    program: Program, partner: Partner, place: CallbackPlace, agency: G2PAgency
) -> None:
    place.status = 503
    agency.send(partner.outgoing(partner.packet(some_lines(2)), program.port))
    program.post(f"/packets/{CODE}/reject", {"reason": "sai tổng tiền"})
    until(lambda: len(place.came) == 2)
    place.status = 202
    program.post("/callbacks/hurry")
    until(lambda: program.get("/callbacks")["callbacks"][0]["stage"] == "delivered")
    assert len({body for _, body, _ in place.came}) == 1
    said = messages.read_callback(place.came[0][1], now=wall_clock())
    assert (said.head.meaning, said.head.reason_message) == ("rejected", "sai tổng tiền")


@pytest.mark.parametrize(
    ("fault", "knobs"),
    [
        ("timeout_before", {"hang_s": 2.0}),
        ("timeout_after", {"hang_s": 2.0}),
        ("reset_before", {}),
        ("reset_after", {}),
        ("late_request", {"late_s": 0.5}),
        ("http_500_before", {}),
        ("http_500_after", {}),
        ("http_503_before", {}),
        ("html_502_before", {}),
        ("html_502_after", {}),
        ("http_429", {"retry_after_s": 7}),
        ("truncated_json", {}),
        ("wrong_packet", {}),
        ("bad_signature", {}),
        ("drip", {"drip_s": 0.2}),
    ],
)
def test_a_fault_on_the_line_is_an_unknown_outcome_and_one_packet(
    program: Program, partner: Partner, agency: G2PAgency, fault: str, knobs: dict[str, object]
) -> None:
    program.post("/knobs", {"fault_script": ["none", fault], **knobs})
    body = partner.packet(some_lines(3))
    other = partner.packet(some_lines(1, prefix="W"), packet="CT-202611-00009-M")
    agency.send(partner.outgoing(other, program.port))
    packet = partner.outgoing(body, program.port)
    packet = type(packet)(
        packet.code, packet.message_id, packet.body, packet.sha256, partner.endpoint(program.port, deadline_s=1)
    )
    started = time.monotonic()
    with pytest.raises(OutcomeUnknown) as unknown:
        agency.send(packet)
    assert time.monotonic() - started < 2
    assert unknown.value.retry_after_s == (7 if fault == "http_429" else None)
    assert agency.send(packet).kind == "received"
    until(lambda: not program.post("/tick")["done"])
    assert sorted(found["code"] for found in program.get("/packets")["packets"]) == sorted(
        [CODE, "CT-202611-00009-M-V1"]
    )
    assert program.get("/alarms") == {"alarms": []}


@pytest.mark.parametrize(("fault", "end"), [("reset_after", ConnectionResetError), ("timeout_after", None)])
def test_a_cut_line_carries_no_byte(
    program: Program, partner: Partner, fault: str, end: type[Exception] | None
) -> None:
    program.post("/knobs", {"fault_script": [fault], "hang_s": 0.2})
    body = b"{}"
    head = f"POST /disburse HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    with socket.create_connection(("127.0.0.1", program.port), timeout=5) as line:
        line.sendall(head.encode() + b"\r\n\r\n" + body)
        if end is None:
            assert line.recv(100) == b""
        else:
            with pytest.raises(end):
                line.recv(100)


def test_eight_deliveries_at_once_make_one_packet(program: Program, partner: Partner, agency: G2PAgency) -> None:
    packet = partner.outgoing(partner.packet(some_lines(300)), program.port)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: agency.send(packet), range(8)))
    assert len({answer.raw for answer in answers}) == 1
    assert [found["code"] for found in program.get("/packets")["packets"]] == [CODE]
    (seen,) = program.get("/messages")["messages"]
    assert seen["times"] == 8


def test_a_packet_that_does_not_match_is_a_signed_refusal(
    program: Program, partner: Partner, agency: G2PAgency
) -> None:
    program.post("/knobs", {"known_areas": ["01"]})
    packet = partner.outgoing(partner.packet(some_lines(2)), program.port)
    for _ in range(2):
        with pytest.raises(Refused):
            agency.send(packet)
    assert agency.ask(packet).kind == "rejected"


def test_the_control_api_asks_for_its_token_and_says_no_in_words(program: Program) -> None:
    url = f"{program.base}/sandbox/api"
    assert requests.get(f"{url}/packets", timeout=10).status_code == 401
    wrong = {"Authorization": "Bearer guess"}
    assert requests.post(f"{url}/reset", headers=wrong, timeout=10).status_code == 401
    cases = [
        ("/packets/none/accept", {}, 409),
        ("/knobs", {"no_such_knob": 1}, 422),
        ("/knobs", [1], 422),
        ("/packets/none/pay", {"days": "x"}, 422),
        ("/recalls/1", {"agree": "yes"}, 422),
        ("/nowhere", {}, 404),
    ]
    for path, body, status in cases:
        answer = requests.post(f"{url}{path}", json=body, headers=program.headers, timeout=10)
        assert (answer.status_code, answer.json()["status"]) == (status, status), path
    broken = requests.post(f"{url}/knobs", data=b"{", headers=program.headers, timeout=10)
    assert broken.status_code == 400


def test_only_messages_come_in_at_the_contract_s_paths(program: Program) -> None:
    url = f"{program.base}/disburse"
    assert requests.get(url, timeout=10).status_code == 405
    assert requests.post(url, data=b"x=1", timeout=10).status_code == 415
    unsigned = requests.post(url, json={}, timeout=10)
    assert (unsigned.status_code, unsigned.json()["message"]["ack_status"]) == (401, "ERR")
    assert "Signature" in unsigned.headers


def test_the_program_ends_cleanly_and_its_books_are_there_again(
    tmp_path: Path,
) -> None:
    partner = Partner(tmp_path, now=wall_clock)
    with running_program(partner) as program:
        agency = G2PAgency(partner.keys, now=wall_clock)
        agency.send(partner.outgoing(partner.packet(some_lines(2)), program.port))
        program.running.send_signal(signal.SIGTERM)
        assert program.running.wait(timeout=10) == 0
    with running_program(partner) as again:
        assert [packet["code"] for packet in again.get("/packets")["packets"]] == [CODE]
        again.running.send_signal(signal.SIGINT)
        assert again.running.wait(timeout=10) == 0


def test_a_busy_port_is_named_and_ends_with_2(partner: Partner) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = start("--port", str(port), "--home", str(partner.home))
        _, trouble = refused.communicate(timeout=20)
    assert refused.returncode == 2
    assert str(port) in trouble
    assert "Traceback" not in trouble


def test_a_home_nobody_prepared_ends_with_2(tmp_path: Path) -> None:
    environment = {**os.environ, "CHITRA_HOME": str(tmp_path), "SANDBOX_PORT": "0"}
    refused = subprocess.run(
        [sys.executable, "-m", "app.agency.sandbox"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert refused.returncode == 2
    assert str(tmp_path / "sandbox") in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_program_loads_nothing_of_the_product() -> None:
    listing = (
        "import sys, app.agency.sandbox.__main__; "
        "print(*(name for name in sys.modules if name == 'app' or name.startswith('app.')))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", listing], cwd=ROOT, capture_output=True, text=True, timeout=20, check=True
    ).stdout.split()
    assert [name for name in loaded if not name.startswith("app.agency")] == ["app"]
