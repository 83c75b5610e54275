"""Packets as files: the table of an unconnected agency, and the outbox that writes all or nothing, the same every time."""

from __future__ import annotations

import csv
import hashlib
import io
import os
from pathlib import Path
from typing import Any

import pytest

from app.agency import adapters, g2p, iso20022, messages, workbook
from app.agency.envelope import LinesDiffer, PacketLine
from app.agency.files import FileAgency
from app.agency.port import Endpoint, Letter, NotSent, OutcomeUnknown, OutgoingPacket, SettlementRef
from tests.agency.contract_samples import NOW, callback_head
from tests.agency.test_agency_iso20022 import CODE, LINES, head_of

ENDPOINT = Endpoint("", "chitra", "agribank", "chitra")


def packet_of(body: bytes, code: str = CODE) -> OutgoingPacket:
    return OutgoingPacket(code, "m-1", body, hashlib.sha256(body).hexdigest(), ENDPOINT)


@pytest.fixture
def outbox(tmp_path: Path) -> FileAgency:
    return FileAgency(tmp_path / "outbox", workbook.files)


# --- The table -----------------------------------------------------------------------------------------------------


def test_a_table_has_its_control_totals_and_its_hash() -> None:
    body = workbook.compose(head_of(LINES), LINES)
    assert body.startswith(b"\xef\xbb\xbf") and body == workbook.compose(head_of(LINES), LINES)
    rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))
    assert rows[0] == ["Gói tin", CODE] and rows[3] == ["Kỳ", "12/2026"]
    assert rows[5:8] == [
        ["Số dòng", "3"],
        ["Tổng số tiền (đồng)", "1750001"],
        ["SHA-256 của tập dòng", head_of(LINES).line_set_sha256],
    ]
    assert rows[10] == [
        "1", "202611-1", "Đặng Thị Hoà & <Con>", "Tài khoản", "0011001234567", "agribank", "00004", "1250000",
    ]  # fmt: skip
    assert rows[-1] == ["Cộng", "3", "", "", "", "", "", "1750001"]
    assert workbook.files(CODE, body) == {f"{CODE}.csv": body}


def test_no_cell_of_a_table_runs_in_a_spreadsheet() -> None:
    lines = [PacketLine("202611-1", "cash:-1@vnpost", "=HYPERLINK(1)", 5)]
    found = workbook.table(workbook.compose(head_of(lines), lines))
    assert found.rows[0][2:5] == ("'=HYPERLINK(1)", "Tiền mặt", "'-1")


def test_a_table_is_read_back_as_it_was_written() -> None:
    found = workbook.table(workbook.compose(head_of(LINES), LINES))
    assert dict(found.heading)["Gói tin"] == CODE and found.total_vnd == 1_750_001
    assert [row[1] for row in found.rows] == ["202611-1", "202611-2", "202611-3"]


@pytest.mark.parametrize("lines", [[LINES[1], LINES[0], LINES[2]], LINES[:2]])
def test_lines_that_are_not_those_of_the_head_make_no_table(lines: list[PacketLine]) -> None:
    with pytest.raises(LinesDiffer):
        workbook.compose(head_of(LINES), lines)


# --- The outbox ----------------------------------------------------------------------------------------------------


def test_a_packet_is_written_under_its_code_with_its_hash(outbox: FileAgency, tmp_path: Path) -> None:
    packet = packet_of(b"content")
    assert outbox.ask(packet).kind == "not_found"
    assert outbox.send(packet).kind == "received"
    folder = tmp_path / "outbox" / "agribank"
    assert {path.name for path in folder.iterdir()} == {f"{CODE}.csv", f"{CODE}.sha256"}
    assert (folder / f"{CODE}.csv").read_bytes() == b"content"
    assert (folder / f"{CODE}.sha256").read_text() == f"{packet.sha256}  {CODE}.csv\n"
    assert (folder / f"{CODE}.csv").stat().st_mode & 0o077 == 0
    assert outbox.ask(packet).kind == "received"


def test_the_same_bytes_may_be_sent_again_and_change_nothing(outbox: FileAgency, tmp_path: Path) -> None:
    outbox.send(packet_of(b"content"))
    path = tmp_path / "outbox" / "agribank" / f"{CODE}.csv"
    before = path.stat().st_ino
    assert outbox.send(packet_of(b"content")).kind == "received"
    assert path.stat().st_ino == before


def test_other_bytes_never_replace_a_packet_that_may_have_been_taken(outbox: FileAgency, tmp_path: Path) -> None:
    outbox.send(packet_of(b"content"))
    with pytest.raises(OutcomeUnknown, match="other_bytes"):
        outbox.send(packet_of(b"something else"))
    assert (tmp_path / "outbox" / "agribank" / f"{CODE}.csv").read_bytes() == b"content"


def test_bytes_that_are_not_the_stored_ones_are_not_written(outbox: FileAgency) -> None:
    with pytest.raises(ValueError, match="not the stored"):
        outbox.send(OutgoingPacket(CODE, "m", b"x", "0" * 64, ENDPOINT))


def test_a_folder_that_cannot_be_written_leaves_nothing_behind(outbox: FileAgency, tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file where a folder should be")
    with pytest.raises(NotSent, match="outbox"):
        outbox.send(packet_of(b"content"))


def test_a_failure_after_the_first_file_leaves_the_outcome_unknown(
    outbox: FileAgency, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, calls = os.link, iter((True, False))

    def full(*args: Any) -> None:
        if not next(calls):
            raise OSError("no space left")
        link(*args)

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(OutcomeUnknown, match="outbox"):
        outbox.send(packet_of(b"content"))
    assert outbox.ask(packet_of(b"content")).kind == "not_found", "the hashes come last"
    assert not list((tmp_path / "outbox" / "agribank").glob(".*")), "no draft is left"


@pytest.mark.parametrize(("there", "fits"), [(b"content", True), (b"other", False)])
def test_two_writers_of_one_packet_agree_or_one_is_told(
    outbox: FileAgency, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bytes, fits: bool
) -> None:
    """The other scheduler's file appears between our look and our link."""
    path = tmp_path / "outbox" / "agribank" / f"{CODE}.csv"
    link = os.link

    def meanwhile(source: Any, target: Any) -> None:
        if target == path:
            path.write_bytes(there)
        link(source, target)

    monkeypatch.setattr(os, "link", meanwhile)
    if fits:
        assert outbox.send(packet_of(b"content")).kind == "received"
    else:
        with pytest.raises(OutcomeUnknown, match="other_bytes"):
            outbox.send(packet_of(b"content"))


def test_a_request_to_give_back_lies_beside_the_packet(outbox: FileAgency, tmp_path: Path) -> None:
    assert outbox.recall(packet_of(b"{}"), "Sai").kind == "received"
    assert (tmp_path / "outbox" / "agribank" / f"{CODE}.recall.json").read_bytes() == b"{}"


def test_a_notice_lies_beside_the_packet_under_its_own_id(outbox: FileAgency, tmp_path: Path) -> None:
    notice = packet_of(b"{}")
    assert outbox.notify(notice).kind == outbox.notify(notice).kind == "received"
    assert (tmp_path / "outbox" / "agribank" / f"{notice.message_id}.notice.json").read_bytes() == b"{}"


def test_a_settlement_is_not_fetched_from_a_folder(outbox: FileAgency) -> None:
    assert outbox.fetch_settlement(SettlementRef(CODE, ENDPOINT)).kind == "received"


# --- All adapters --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", adapters.ADAPTERS)
def test_an_adapter_has_the_five_names(name: str, tmp_path: Path) -> None:
    adapter = adapters.ADAPTERS[name]
    body = adapter.compose(head_of(LINES), LINES)
    (path,) = adapter.files(CODE, body)
    assert path == f"{CODE}.{adapter.FORM.suffix}"
    agency = adapter.connect(tmp_path, now=lambda: NOW)
    assert all(callable(getattr(agency, verb)) for verb in ("send", "ask", "recall", "notify", "fetch_settlement"))
    word = messages.on_disburse(callback_head(status="pdng"))
    assert adapter.read(Letter("by-hand", word, "vnpost", "m", CODE), now=NOW).head.meaning == "accepted"


def test_an_address_names_its_adapter() -> None:
    assert adapters.address("g2p", "https://post.example") == "https://post.example"
    assert adapters.address("iso20022", "https://bank.example") == "iso20022:"
    assert [adapters.at(where) for where in ("https://post.example", "", "iso20022:", "workbook:")] == [
        "g2p", "g2p", "iso20022", "workbook",
    ]  # fmt: skip
    assert (g2p.FORM.by_hand, iso20022.FORM.brings) == (False, ("pain.002", "camt.054"))
