"""The sandbox as a program of its own: worked by command, and with packets of a province's size."""

from __future__ import annotations

import gzip
import io
import json
import socket
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from app.agency import messages
from app.agency.g2p import G2PAgency
from app.agency.port import SettlementRef
from app.agency.sandbox.__main__ import main as sandbox
from app.agency.sandbox.clock import wall_clock
from app.agency.sandbox.knobs import KNOBS
from tests.sandbox.partner_side import CallbackPlace, Partner, some_lines
from tests.sandbox.program import CODE, Program, until
from tests.sandbox.program import agency as agency
from tests.sandbox.program import open_place as open_place
from tests.sandbox.program import partner as partner
from tests.sandbox.program import place as place
from tests.sandbox.program import program as program
from tests.sandbox.program import started_program as started_program
from tests.scale import NIGHT

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
    until(lambda: [one["stage"] for one in program.get("/callbacks")["callbacks"]] == ["queued", "delivered"])
    assert len(place.came) == 1
    program.post("/callbacks/hurry")
    until(lambda: len(place.came) == 2)


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
    until(lambda: len(place.came) == 11)
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
