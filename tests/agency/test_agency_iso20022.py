"""The adapter for banks: a payment order within the standard's bounds, and what a bank's files are read as."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from lxml import etree
from pyiso20022.pain import pain_001_001_09 as pain
from xsdata.formats.dataclass.parsers import XmlParser

from app.agency import iso20022, iso_orders, iso_xml, messages
from app.agency.envelope import BadMessage, LinesDiffer, PacketHead, PacketLine
from app.agency.port import Letter
from tests.agency import bank

CODE = "CT-202611-00004-M-V2"
NOW = datetime(2026, 11, 12, 2, 30, 5, tzinfo=UTC)
LINES = [
    PacketLine("202611-1", "account:0011001234567@agribank", "Đặng Thị Hoà & <Con>", 1_250_000, "00004"),
    PacketLine("202611-2", "account:9704@bidv", "H'Hen Niê", 500_000, "00004"),
    PacketLine("202611-3", "id:012345678901@agribank", "Nguyễn Văn Út – Ý", 1, "00004"),
]


def head_of(lines: list[PacketLine], **changes: Any) -> PacketHead:
    rows = [(line.reference, line.payee_fa, line.amount_vnd) for line in lines]
    head = PacketHead(
        CODE, "m-1", NOW, "chitra", "agribank", payer_fa="office:00004@chitra", area="00004", period="202612", kind="M",
        replaces="CT-202611-00004-M-V1", line_count=len(rows), total_vnd=sum(row[2] for row in rows),
        line_set_sha256=messages.line_set_sha256(rows),
    )  # fmt: skip
    return replace(head, **changes)


def read(action: str, body: bytes, *, sent: bytes | None = None) -> messages.Callback:
    order = iso20022.compose(head_of(LINES), LINES) if sent is None else sent
    return iso20022.read(Letter(action, body, "agribank", "file-1", CODE, lambda: order), now=NOW)


def said(callback: messages.Callback) -> list[tuple[str, str, int, str]]:
    return [(line.reference, line.outcome, line.amount_vnd, line.reason_code) for line in callback.lines]


# --- The order -----------------------------------------------------------------------------------------------------


def test_an_order_is_a_message_of_the_standard_with_its_control_sums() -> None:
    body = iso20022.compose(head_of(LINES), LINES)
    document = XmlParser().from_bytes(body, pain.Document)
    header, (order,) = document.cstmr_cdt_trf_initn.grp_hdr, document.cstmr_cdt_trf_initn.pmt_inf
    assert (header.msg_id, header.nb_of_txs, header.ctrl_sum) == (CODE, "3", 1_750_001)
    assert (order.pmt_inf_id, order.nb_of_txs, order.ctrl_sum) == (CODE, "3", 1_750_001)
    assert str(order.reqd_exctn_dt.dt) == "2026-12-01", "not before the month that is paid"
    assert order.instr_for_dbtr_agt == "REPLACES CT-202611-00004-M-V1"
    found = [
        (t.pmt_id.end_to_end_id, int(t.amt.instd_amt.value), t.amt.instd_amt.ccy, t.cdtr.nm, t.cdtr_acct.id.othr.id,
         t.cdtr_acct.id.othr.schme_nm and t.cdtr_acct.id.othr.schme_nm.prtry, t.cdtr_agt.fin_instn_id.othr.id)
        for t in order.cdt_trf_tx_inf
    ]  # fmt: skip
    assert found == [
        ("202611-1", 1_250_000, "VND", "DANG THI HOA . .CON.", "0011001234567", None, "AGRIBANK"),
        ("202611-2", 500_000, "VND", "HHEN NIE", "9704", None, "BIDV"),
        ("202611-3", 1, "VND", "NGUYEN VAN UT . Y", "012345678901", "ID", "AGRIBANK"),
    ]
    assert body == iso20022.compose(head_of(LINES), LINES)


def test_a_first_version_replaces_nothing_and_a_late_order_is_paid_today() -> None:
    body = iso20022.compose(head_of(LINES, replaces="", period="202611"), LINES)
    assert b"InstrForDbtrAgt" not in body and b"<Dt>2026-11-12</Dt>" in body
    assert iso20022.files(CODE, body) == {f"{CODE}.xml": body}
    assert iso_orders.sent_amounts(body) == {"202611-1": 1_250_000, "202611-2": 500_000, "202611-3": 1}


def test_nothing_in_an_order_says_why_a_person_is_paid() -> None:
    texts = set(etree.fromstring(iso20022.compose(head_of(LINES), LINES)).xpath("//*[local-name()='Ustrd']/text()"))
    assert texts == {"CT-M 202612"}


@pytest.mark.parametrize(
    "lines", [[LINES[1], LINES[0]], [LINES[0], LINES[0]], LINES[:2], [replace(LINES[0], amount_vnd=2), *LINES[1:]]]
)
def test_lines_that_are_not_those_of_the_head_make_no_order(lines: list[PacketLine]) -> None:
    with pytest.raises(LinesDiffer):
        iso20022.compose(head_of(LINES), lines)


@pytest.mark.parametrize(
    ("line", "where"),
    [
        (replace(LINES[0], reference="x" * 36), "EndToEndId"),
        (replace(LINES[0], payee_fa=f"account:{'1' * 35}@bidv"), "Othr/Id"),
        (replace(LINES[0], payee_name=""), "Nm"),
        (replace(LINES[0], amount_vnd=0), "nothing to pay"),
    ],
)
def test_what_no_bank_takes_is_refused_before_anything_leaves(line: PacketLine, where: str) -> None:
    with pytest.raises(iso_xml.NotOfTheStandard, match=where):
        iso20022.compose(head_of([line]), [line])


def test_a_code_longer_than_a_bank_takes_makes_no_order() -> None:
    with pytest.raises(iso_xml.NotOfTheStandard, match="PmtInfId: at most 35"):
        iso20022.compose(head_of(LINES, transaction_id="x" * 36), LINES)


def test_bounds_of_the_standard_are_checked_in_every_element() -> None:
    for broken, where in (
        (pain.PaymentIdentification6(end_to_end_id=None), "EndToEndId: missing"),
        (pain.RemittanceInformation16(ustrd=["x" * 141]), "Ustrd: at most 140"),
        (pain.ActiveOrHistoricCurrencyAndAmount(value=1, ccy="dong"), "Ccy: not as the standard"),
    ):
        with pytest.raises(iso_xml.NotOfTheStandard, match=where):
            iso_xml.written("X", broken)
    many = pain.CreditTransferTransaction34(
        pmt_id=pain.PaymentIdentification6(end_to_end_id="1"),
        amt=pain.AmountType4Choice(),
        rltd_rmt_inf=[pain.RemittanceLocation7()] * 11,
    )
    with pytest.raises(iso_xml.NotOfTheStandard, match="RltdRmtInf: too many"):
        iso_xml.written("X", many)


# --- pain.002 ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "meaning"),
    [("ACCP", "accepted"), ("ACTC", "accepted"), ("PART", "accepted"), ("RCVD", "received"), ("PDNG", "received")],
)
def test_a_status_of_the_whole_order_is_the_packets(status: str, meaning: str) -> None:
    head = read("pain.002", bank.pain_002(CODE, status)).head
    assert (head.meaning, head.transaction_id, head.sender_id, head.message_id) == (meaning, CODE, "agribank", "file-1")


def test_an_order_that_is_rejected_says_why() -> None:
    head = read("pain.002", bank.pain_002(CODE, "RJCT", reason="AM04", text="Không đủ số dư")).head
    assert (head.meaning, head.reason_message) == ("rejected", "AM04 Không đủ số dư")


def test_payments_with_a_final_status_are_results_and_the_others_are_silent() -> None:
    payments = (
        bank.payment("202611-1", "ACSC", amount=1_250_000)
        + bank.payment("202611-2", "RJCT", reason="AC04")
        + bank.payment("202611-3", "ACSP")
    )
    callback = read("pain.002", bank.pain_002(CODE, "PART", payments=payments))
    assert callback.head.meaning == "settled"
    assert said(callback) == [("202611-1", "paid", 1_250_000, ""), ("202611-2", "unpaid", 500_000, "ACCOUNT_INVALID")]
    assert callback.head.settlement is not None and callback.head.settlement.totals.people == 2
    assert callback.head.settlement.settlement_id == "BANK-1"


def test_the_amount_comes_from_what_was_sent_or_is_a_fault() -> None:
    payments = bank.payment("202611-9", "RJCT", reason="AC01") + bank.payment("", "ACSC", amount=5)
    callback = read("pain.002", bank.pain_002(CODE, "PART", payments=payments))
    assert not callback.lines
    assert [(fault.position, fault.reference) for fault in callback.faults] == [(1, "202611-9"), (2, "")]


def test_the_status_may_stand_with_the_order() -> None:
    body = bank.pain_002(CODE, "X").replace(b"<GrpSts>X</GrpSts>", b"")
    order = f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>{CODE}</OrgnlPmtInfId><PmtInfSts>ACTC</PmtInfSts></OrgnlPmtInfAndSts>"
    with_order = body.replace(b"</CstmrPmtStsRpt>", order.encode() + b"</CstmrPmtStsRpt>")
    assert read("pain.002", with_order).head.meaning == "accepted"
    with pytest.raises(BadMessage, match="GrpSts"):
        read("pain.002", body)


def test_a_report_about_another_packet_or_without_a_header_is_no_message() -> None:
    with pytest.raises(BadMessage, match="another packet"):
        read("pain.002", bank.pain_002("CT-202611-00008-M-V1"))
    empty = f'<Document xmlns="{bank.PAIN_002}"><CstmrPmtStsRpt/></Document>'
    with pytest.raises(BadMessage, match="GrpHdr"):
        read("pain.002", empty.encode())
    headless = bank.pain_002(CODE, payments=bank.payment("202611-1", "ACSC", amount=1)).replace(b"GrpHdr>", b"GrpHd>")
    with pytest.raises(BadMessage):
        read("pain.002", headless)


# --- camt.054 ------------------------------------------------------------------------------------------------------


def test_bookings_are_paid_and_what_came_back_is_unpaid_in_any_order() -> None:
    out = bank.booking("202611-1", "1250000", order=CODE) + bank.booking("202611-2", "500000")
    back = bank.booking("202611-2", reason="AC06")
    for entries in (
        [bank.entry(out, 1_750_000), bank.entry(back, 500_000, direction="CRDT")],
        [bank.entry(back, 500_000, direction="CRDT"), bank.entry(out, 1_750_000)],
    ):
        callback = read("camt.054", bank.camt_054(entries))
        assert said(callback) == [
            ("202611-1", "paid", 1_250_000, ""),
            ("202611-2", "unpaid", 500_000, "ACCOUNT_INVALID"),
        ]
        assert (callback.head.meaning, callback.faults) == ("settled", ())
        assert callback.head.settlement is not None
        assert (callback.head.settlement.settlement_id, callback.head.settlement.parts) == ("BANK-2", 1)


def test_a_line_booked_twice_stays_twice_for_a_person_to_see() -> None:
    twice = [bank.entry(bank.booking("202611-3", "1"), 1)] * 2
    assert said(read("camt.054", bank.camt_054(twice))) == [("202611-3", "paid", 1, "")] * 2


def test_the_day_of_a_booking_is_the_lines_day() -> None:
    for booked, at in (
        ("<BookgDt><Dt>2026-11-20</Dt></BookgDt>", "2026-11-20T00:00:00+07:00"),
        ("<BookgDt><DtTm>2026-11-20T08:00:00</DtTm></BookgDt>", "2026-11-20T08:00:00+07:00"),
        ("<BookgDt><DtTm>2026-11-20T08:00:00Z</DtTm></BookgDt>", "2026-11-20T15:00:00+07:00"),
        ("<BookgDt/>", "2026-11-12T09:30:05+07:00"),
        ("", "2026-11-12T09:30:05+07:00"),
    ):
        (line,) = read("camt.054", bank.camt_054([bank.entry(bank.booking("202611-3"), 1, booked=booked)])).lines
        assert line.at == datetime.fromisoformat(at)


def test_reversals_directions_and_entries_that_are_not_booked() -> None:
    callback = read(
        "camt.054",
        bank.camt_054(
            [
                bank.entry(bank.booking("202611-1"), 1_250_000, more="<RvslInd>true</RvslInd>"),
                bank.entry(bank.booking("202611-2", direction="CRDT"), 500_000),
                bank.entry(bank.booking("202611-3"), 1, status="PDNG"),
            ]
        ),
    )
    assert [line[:2] for line in said(callback)] == [("202611-1", "unpaid"), ("202611-2", "unpaid")]


@pytest.mark.parametrize(
    ("details", "amount", "why"),
    [
        (bank.booking("202611-1", "5", order="CT-202611-00008-M-V1"), 5, "another packet"),
        (bank.booking("", "5"), 5, "EndToEndId"),
        ("", 5, "EndToEndId"),
        (bank.booking("202611-1", "5.5"), 5, "VND"),
        (bank.booking("202611-1", "5", currency="USD"), 5, "VND"),
        (bank.booking("202611-1") + bank.booking("202611-2", "5"), 10, "Amt"),
    ],
)
def test_an_entry_nobody_can_place_is_a_fault_and_the_rest_stands(details: str, amount: int, why: str) -> None:
    good = bank.entry(bank.booking("202611-3"), 1)
    callback = read("camt.054", bank.camt_054([bank.entry(details, amount), good]))
    (fault,) = callback.faults
    assert fault.position == 1 and why in fault.text
    assert "202611-3" in [line[0] for line in said(callback)]


def test_a_batch_names_its_order_once() -> None:
    batch = f"<Btch><PmtInfId>{CODE}</PmtInfId></Btch>"
    assert said(read("camt.054", bank.camt_054([bank.entry(batch + bank.booking("202611-3"), 1)])))
    other = batch.replace(CODE, "CT-X-V1")
    assert read("camt.054", bank.camt_054([bank.entry(other + bank.booking("202611-3"), 1)])).faults


def test_a_notification_without_entries_or_header_is_no_message() -> None:
    for body in (bank.camt_054([]), bank.camt_054([bank.entry("", 1)]).replace(b"GrpHdr", b"GrpXxx")):
        with pytest.raises(BadMessage):
            read("camt.054", body)


# --- Files that are not what they seem -----------------------------------------------------------------------------

LAUGHS = b'<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00\x01",
        b"{}",
        b"<a/>",
        b"<a>",
        b"<Document/>",
        bank.pain_002(CODE).replace(b"?>", b"?>" + LAUGHS),
        bank.pain_002(CODE).replace(b"?>", b'?><!DOCTYPE a SYSTEM "file:///etc/passwd">'),
        bank.pain_002(CODE).replace(b"UTF-8", b"no-such-charset"),
        bank.pain_002(CODE).replace(b"2026-11-12T", b"yesterday "),
        bank.pain_002(CODE).replace(b"</GrpHdr>", b"<Unknown/></GrpHdr>"),
        bank.camt_054([bank.entry("", 1)]),
        b"<a>" * 200 + b"</a>" * 200,
    ],
    ids=range(13),
)
def test_a_file_that_is_no_such_message_is_refused_quickly(body: bytes) -> None:
    started = time.monotonic()
    with pytest.raises(BadMessage):
        read("pain.002", body)
    assert time.monotonic() - started < 1


def test_a_file_of_too_many_elements_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iso_xml, "MOST_ELEMENTS", 50)
    with pytest.raises(BadMessage, match="more elements"):
        read("pain.002", bank.pain_002(CODE, payments=bank.payment("202611-1", "ACSC", amount=1) * 20))
