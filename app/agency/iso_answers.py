"""What a bank says in files: pain.002 (taken or not) and camt.054 (booked, returned) as messages of our contract.

A pain.002 that speaks of single payments, and every camt.054, is a report of a settlement of its own: its lines add to
what is known, and what several files say of one line is compared as always.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from pyiso20022.camt import camt_054_001_08 as camt
from pyiso20022.pain import pain_002_001_10 as status

from app.agency.envelope import (
    AMOUNT_MAX_VND,
    CURRENCY,
    PAID,
    PDNG,
    RCVD,
    RJCT,
    SUCC,
    UNPAID,
    VIETNAM,
    BadMessage,
    Callback,
    CallbackHead,
    ControlTotals,
    LineFault,
    LineStatus,
    SettlementPart,
)
from app.agency.iso20022 import PAIN_002
from app.agency.iso_xml import repeated
from app.agency.port import Letter

PAIN_002_NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"
CAMT_054_NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.054.001.08"

TAKEN = frozenset({"ACCP", "ACTC", "ACSP", "ACSC", "ACWC", "ACFC", "ACCC", "PART", "PATC"})
WAITING = frozenset({"RCVD", "PDNG"})
SETTLED = frozenset({"ACSC", "ACCC"})

REASONS: dict[str, str] = {
    **dict.fromkeys(
        ("AC01", "AC02", "AC03", "AC04", "AC05", "AC06", "AC07", "AC13", "RC01", "RC04"), "ACCOUNT_INVALID"
    ),
    **dict.fromkeys(("BE01", "BE04", "BE05", "BE06", "BE07", "RR02", "RR03"), "WRONG_DATA"),
    "MD07": "DEAD",
    "CUST": "REFUSED",
    "MS02": "REFUSED",
}
"""The standard's reason -> ours; any other is OTHER, with its code in the text."""

Amounts = Callable[[], Mapping[str, int]]


def read(letter: Letter, *, amounts: Amounts, now: datetime) -> Callback:
    """The message of our contract that a file amounts to; `amounts` are đồng by reference, as we sent them.

    Raises BadMessage when the file is unreadable, of another kind, or about another packet.
    """
    return _pain_002(letter, amounts) if letter.action == PAIN_002 else _camt_054(letter)


@dataclass
class _Heard:
    """Lines and faults of one file, numbered as they come."""

    paid: list[LineStatus] = field(default_factory=list)
    unpaid: list[LineStatus] = field(default_factory=list)
    faults: list[LineFault] = field(default_factory=list)
    position: int = 0

    def fault(self, reference: str, text: str) -> None:
        self.faults.append(LineFault(self.position, reference[:64], "err.request.bad", text))

    def lines(self) -> tuple[LineStatus, ...]:
        """What came back takes away one payment of its line; a line paid twice stays twice, for a person to see."""
        back = Counter(line.reference for line in self.unpaid)
        kept = []
        for line in self.paid:
            if back[line.reference]:
                back[line.reference] -= 1
            else:
                kept.append(line)
        return (*kept, *self.unpaid)


def _pain_002(letter: Letter, amounts: Amounts) -> Callback:
    header: Any = None
    group: Any = None
    order_status, heard, sent = "", _Heard(), _Once(amounts)
    wanted: dict[str, type] = {
        "GrpHdr": status.GroupHeader86,
        "OrgnlGrpInfAndSts": status.OriginalGroupHeader17,
        "PmtInfSts": str,
        "TxInfAndSts": status.PaymentTransaction105,
    }
    for name, found in repeated(letter.body, PAIN_002_NAMESPACE, wanted):
        if name == "GrpHdr":
            header = found
        elif name == "OrgnlGrpInfAndSts":
            group = found
            if group.orgnl_msg_id != letter.about:
                raise BadMessage("err.request.bad", "OrgnlMsgId names another packet")
        elif name == "PmtInfSts":
            order_status = found
        else:
            _payment(heard, found, sent, _moment(header))
    if header is None or group is None:
        raise BadMessage("err.request.bad", "GrpHdr and OrgnlGrpInfAndSts are missing")
    said = group.grp_sts or order_status
    head = _head(letter, header.msg_id, _moment(header))
    if said == "RJCT":
        code, text = _reason(group.sts_rsn_inf)
        return Callback(replace(head, status=RJCT, reason_code=code, reason_message=text))
    if heard.paid or heard.unpaid or heard.faults:
        return _report(head, heard)
    if said in WAITING:
        return Callback(replace(head, status=RCVD))
    if said in TAKEN:
        return Callback(head)
    raise BadMessage("err.request.bad", "GrpSts: a status of the standard")


def _payment(heard: _Heard, payment: Any, sent: _Once, at: datetime) -> None:
    """One payment's final status; what is still under way says nothing yet."""
    heard.position += 1
    reference = payment.orgnl_end_to_end_id or ""
    if payment.tx_sts not in {*SETTLED, "RJCT"}:
        return
    amount = _amount_of_original(payment)
    amount_vnd = sent().get(reference) if amount is None else amount
    if not reference or amount_vnd is None:
        heard.fault(reference, "OrgnlEndToEndId: one of the packet, or with its amount")
        return
    if payment.tx_sts == "RJCT":
        code, text = _reason(payment.sts_rsn_inf)
        heard.unpaid.append(LineStatus(reference, UNPAID, amount_vnd, at, code, text))
    else:
        heard.paid.append(LineStatus(reference, PAID, amount_vnd, at))


def _camt_054(letter: Letter) -> Callback:
    header: Any = None
    heard, entries = _Heard(), 0
    for name, found in repeated(
        letter.body, CAMT_054_NAMESPACE, {"GrpHdr": camt.GroupHeader81, "Ntry": camt.ReportEntry10}
    ):
        if name == "GrpHdr":
            header = found
            continue
        entries += 1
        if found.sts.cd == "BOOK":
            _entry(heard, found, letter.about, _moment(header))
    if header is None or not entries:
        raise BadMessage("err.request.bad", "GrpHdr and at least one Ntry are missing")
    return _report(_head(letter, header.msg_id, _moment(header)), heard)


def _entry(heard: _Heard, entry: Any, about: str, noticed: datetime) -> None:
    """A booking: money that left is paid, money that came back is unpaid whichever of the two stands first."""
    details = [payment for detail in entry.ntry_dtls for payment in detail.tx_dtls]
    at = _day(entry.bookg_dt) or noticed
    for payment in details or [camt.EntryTransaction10()]:
        heard.position += 1
        refs = payment.refs or camt.TransactionReferences6()
        reference = refs.end_to_end_id or ""
        batch = entry.ntry_dtls[0].btch if entry.ntry_dtls else None
        order = refs.pmt_inf_id or refs.msg_id or (batch and (batch.pmt_inf_id or batch.msg_id)) or about
        amount = payment.amt or (entry.amt if len(details) == 1 else None)
        amount_vnd = None if amount is None else _dong(amount)
        if order != about:
            heard.fault(reference, f"an entry of another packet, {order[:35]}")
        elif not reference or amount_vnd is None:
            heard.fault(reference, "EndToEndId and Amt in VND: both are needed")
        elif _came_back(entry, payment):
            code, text = _reason([payment.rtr_inf] if payment.rtr_inf else [])
            heard.unpaid.append(LineStatus(reference, UNPAID, amount_vnd, at, code, text))
        else:
            heard.paid.append(LineStatus(reference, PAID, amount_vnd, at))


def _came_back(entry: Any, payment: Any) -> bool:
    direction = payment.cdt_dbt_ind or entry.cdt_dbt_ind
    return direction is camt.CreditDebitCode.CRDT or bool(entry.rvsl_ind) or payment.rtr_inf is not None


def _report(head: CallbackHead, heard: _Heard) -> Callback:
    lines = heard.lines()
    part = SettlementPart(head.correlation_id, 1, 1, ControlTotals.of(lines))
    return Callback(replace(head, status=SUCC, settlement=part), lines, tuple(heard.faults))


def _head(letter: Letter, file_id: str, at: datetime) -> CallbackHead:
    return CallbackHead(
        transaction_id=letter.about,
        message_id=letter.message_id,
        message_ts=at,
        sender_id=letter.sender_id,
        receiver_id="",
        status=PDNG,
        correlation_id=file_id,
    )


class _Once:
    """A look-up that is made at the first use."""

    def __init__(self, amounts: Amounts) -> None:
        self._amounts = amounts
        self._known: Mapping[str, int] | None = None

    def __call__(self) -> Mapping[str, int]:
        if self._known is None:
            self._known = self._amounts()
        return self._known


def _amount_of_original(payment: Any) -> int | None:
    original = payment.orgnl_tx_ref
    amount = original.amt.instd_amt if original and original.amt else None
    return None if amount is None else _dong(amount)


def _dong(amount: Any) -> int | None:
    value: Decimal = amount.value
    whole = value == value.to_integral_value() and 0 <= value <= AMOUNT_MAX_VND
    return int(value) if whole and amount.ccy == CURRENCY else None


def _reason(reasons: list[Any]) -> tuple[str, str]:
    """(our code, what a person reads) of the standard's reasons."""
    codes = [said.rsn.cd or said.rsn.prtry or "" for said in reasons if said.rsn]
    texts = [text for said in reasons for text in said.addtl_inf]
    code = next((REASONS[code] for code in codes if code in REASONS), "OTHER")
    return code, " ".join([*codes, *texts])[:999]


def _moment(header: Any) -> datetime:
    if header is None:
        raise BadMessage("err.request.bad", "GrpHdr comes first")
    moment: datetime = header.cre_dt_tm.to_datetime()
    return moment if moment.tzinfo else moment.replace(tzinfo=VIETNAM)


def _day(booked: Any) -> datetime | None:
    if booked is None:
        return None
    if booked.dt_tm is not None:
        moment: datetime = booked.dt_tm.to_datetime()
        return moment if moment.tzinfo else moment.replace(tzinfo=VIETNAM)
    return None if booked.dt is None else datetime.combine(booked.dt.to_date(), datetime.min.time(), VIETNAM)
