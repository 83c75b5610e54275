"""The sandbox as a program of its own: started, called over real sockets by the real adapter, stopped."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import requests

from app.agency import messages
from app.agency.g2p import G2PAgency
from app.agency.port import OutcomeUnknown, Refused, SettlementRef
from app.agency.sandbox.__main__ import main as sandbox
from app.agency.sandbox.clock import wall_clock
from app.agency.sandbox.knobs import KNOBS
from tests.sandbox.partner_side import PACKET, CallbackPlace, Partner, callback_place, some_lines
from tests.scale import NIGHT

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


def _start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "app.agency.sandbox", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def _running(partner: Partner) -> Iterator[Program]:
    running = _start("--port", "0", "--home", str(partner.home), "--seed", "7")
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
    with _running(partner) as started:
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


def _until(true: Callable[[], object]) -> None:
    ends = time.monotonic() + SOON_S
    while not true():
        assert time.monotonic() < ends, "it never came true"
        time.sleep(0.05)


def test_a_month_over_the_wire(program: Program, partner: Partner, place: CallbackPlace, agency: G2PAgency) -> None:
    packet = partner.outgoing(partner.packet(some_lines(23)), program.port)
    assert agency.send(packet).kind == "received"
    assert agency.ask(packet).kind == "received"
    program.post("/knobs", {"part_lines": 10, "paid_share": 0.6})
    program.post(f"/packets/{CODE}/accept")
    program.post(f"/packets/{CODE}/pay")
    program.post(f"/packets/{CODE}/settle")
    _until(lambda: len(place.came) == 4)
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
    _until(lambda: len(place.came) == 2)
    place.status = 202
    program.post("/callbacks/hurry")
    _until(lambda: program.get("/callbacks")["callbacks"][0]["stage"] == "delivered")
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
    _until(lambda: not program.post("/tick")["done"])
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
    with _running(partner) as program:
        agency = G2PAgency(partner.keys, now=wall_clock)
        agency.send(partner.outgoing(partner.packet(some_lines(2)), program.port))
        program.running.send_signal(signal.SIGTERM)
        assert program.running.wait(timeout=10) == 0
    with _running(partner) as again:
        assert [packet["code"] for packet in again.get("/packets")["packets"]] == [CODE]
        again.running.send_signal(signal.SIGINT)
        assert again.running.wait(timeout=10) == 0


def test_a_busy_port_is_named_and_ends_with_2(partner: Partner) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = _start("--port", str(port), "--home", str(partner.home))
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


# --- By command ----------------------------------------------------------------------------------------------------


def _command(program: Program, partner: Partner, *words: str) -> tuple[int, Any]:
    """Exit code and what was printed: JSON, or the words on the error stream."""
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        code = sandbox([*words, "--port", str(program.port), "--home", str(partner.home)])
    return code, json.loads(said.getvalue()) if code == 0 else said.getvalue()


def test_every_knob_is_turned_by_command(program: Program, partner: Partner) -> None:
    code, knobs = _command(
        program, partner, "knobs", "seed=9", "http_429=0.25", "auto_accept=true", "fault_script=none,drip"
    )
    assert code == 0
    wanted = {"seed": 9, "http_429": 0.25, "auto_accept": True, "fault_script": ["none", "drip"]}
    assert {name: knobs[name] for name in wanted} == wanted
    assert set(knobs) == set(KNOBS)
    assert _command(program, partner, "storm")[1]["callback_drop"] > 0
    cleared = _command(program, partner, "clear")[1]
    assert (cleared["callback_drop"], cleared["http_429"], cleared["fault_script"], cleared["seed"]) == (0, 0, [], 9)
    assert _command(program, partner, "knobs")[1] == cleared
    for wrong, why in (("http_429=2", "«http_429» phải từ 0 đến 1."), ("nothing=1", "Không có núm"), ("seed=x", "«x»")):
        code, said = _command(program, partner, "knobs", wrong)
        assert code == 1 and why in said


def test_the_clerk_works_by_command(
    program: Program, partner: Partner, agency: G2PAgency, place: CallbackPlace
) -> None:
    agency.send(partner.outgoing(partner.packet(some_lines(3)), program.port))
    assert _command(program, partner, "accept", CODE)[1]["stage"] == "accepted"
    assert _command(program, partner, "extension", CODE, "--days", "3", "--reason", "Mưa lũ")[0] == 0
    assert _command(program, partner, "pay", CODE)[1]["stage"] == "paid"
    assert _command(program, partner, "settle", CODE)[1]["stage"] == "settled"
    assert _command(program, partner, "drawer", CODE)[1] == _command(program, partner, "drawer")[1]
    assert _command(program, partner, "drawer", "X")[1]["people"] == 0
    assert [one["code"] for one in _command(program, partner, "packets")[1]["packets"]] == [CODE]
    assert {one["kind"] for one in _command(program, partner, "callbacks")[1]["callbacks"]} >= {"accepted", "extension"}
    assert _command(program, partner, "recalls")[1] == {"recalls": []}
    assert _command(program, partner, "faults")[1]["met"] == {}
    assert _command(program, partner, "collections")[1] == {"collections": []}
    assert _command(program, partner, "collect", "L000001", "x")[0] == 1
    assert _command(program, partner, "collect", "LA-1", "1")[0] == 1, "nobody was paid"
    assert _command(program, partner, "collect", "L000001", "1000")[1]["amount_vnd"] == 1_000
    for words in (("reject", CODE, "--reason", "Sai"), ("recall", "1", "maybe"), ("recall", "1", "yes"), ("pay",)):
        assert _command(program, partner, *words)[0] == 1


def test_a_command_says_when_no_sandbox_runs(partner: Partner, program: Program) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        program = Program(taken.getsockname()[1], "", program.running)
        code, said = _command(program, partner, "knobs")
    assert code == 1 and "không chạy ở cổng" in said
    with redirect_stderr(io.StringIO()) as said_of_home:
        assert sandbox(["knobs", "--home", str(partner.home / "nowhere")]) == 1
    assert "Không có thư mục" in said_of_home.getvalue()


def test_a_settlement_can_be_sent_late(
    program: Program, partner: Partner, agency: G2PAgency, place: CallbackPlace
) -> None:
    program.post("/knobs", {"settlement_late_s": 864_000})
    agency.send(partner.outgoing(partner.packet(some_lines(2)), program.port))
    for act in ("accept", "pay", "settle"):
        program.post(f"/packets/{CODE}/{act}")
    _until(lambda: [one["stage"] for one in program.get("/callbacks")["callbacks"]] == ["queued", "delivered"])
    assert len(place.came) == 1
    program.post("/callbacks/hurry")
    _until(lambda: len(place.came) == 2)


# --- Large -----------------------------------------------------------------------------------------------------------

MANY = 50_000 if NIGHT else 3_000
MOST_MB = 300 if NIGHT else 150


def _peak_mb(pid: int) -> float:
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024 / 1e6


def test_a_large_packet_and_its_settlement_in_ten_parts_pass_packed_within_bounded_memory(
    program: Program, partner: Partner, agency: G2PAgency, place: CallbackPlace
) -> None:
    lines = some_lines(MANY)
    packet = partner.outgoing(partner.packet(lines), program.port)
    assert agency.send(packet).kind == "received"
    program.post("/knobs", {"part_lines": MANY // 10})
    for act in ("accept", "pay", "settle"):
        program.post(f"/packets/{CODE}/{act}")
    _until(lambda: len(place.came) == 11)
    parts = [(gzip.decompress(body), headers) for _path, body, headers in place.came if len(body) > 1_000]
    assert {headers["Content-Encoding"] for _body, headers in parts} == {"gzip"}
    said = [messages.read_callback(body, now=wall_clock()) for body, _headers in parts]
    assert sorted(one.head.settlement.part for one in said if one.head.settlement) == list(range(1, 11))
    assert sum(len(one.lines) for one in said) == MANY
    ref = SettlementRef(CODE, packet.endpoint, part=7)
    fetched = messages.read_callback(agency.fetch_settlement(ref).raw, now=wall_clock())
    assert len(fetched.lines) == MANY // 10
    assert _peak_mb(program.running.pid) < MOST_MB


def test_a_program_that_takes_no_gzip_is_understood(program: Program, partner: Partner, agency: G2PAgency) -> None:
    program.post("/knobs", {"takes_gzip": False})
    packet = partner.outgoing(partner.packet(some_lines(200)), program.port)
    assert agency.send(packet).kind == "received"
    assert [message["times"] for message in program.get("/messages")["messages"]] == [1]
