"""The contract's nouns, and how money, time and the line set are spelled; no JSON here."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from typing import Literal

VERSION = "1.0.0"
CURRENCY = "VND"
LOCALE = "vie"  # the schema wants three letters (ISO 639-3)
VIETNAM = timezone(timedelta(hours=7), "ICT")
FUTURE_TOLERANCE_S = 300
AMOUNT_MAX_VND = 9_999_999_999_999

DISBURSE, RECALL, NOTICE, TXN_STATUS = "disburse", "recall", "notice", "txn_status"
RCVD, PDNG, SUCC, RJCT = "rcvd", "pdng", "succ", "rjct"
ACK, NACK, ERR = "ACK", "NACK", "ERR"
NOT_FOUND_CODE = "rjct.srch_transaction_id.not_found"

PAID: Literal["paid"] = "paid"
UNPAID: Literal["unpaid"] = "unpaid"
RECOVER: Literal["recover"] = "recover"
Outcome = Literal["paid", "unpaid", "recover"]

LINE_REASONS = frozenset(
    {
        "ABSENT",
        "MOVED",
        "DEAD",
        "NO_CONTACT",
        "REFUSED",
        "WRONG_DATA",
        "NO_AUTHORISATION",
        "ACCOUNT_INVALID",
        "OTHER",
    }
)
HEADER_CODES = frozenset(
    {
        "rjct.version.invalid",
        "rjct.message_id.duplicate",
        "rjct.message_ts.invalid",
        "rjct.action.invalid",
        "rjct.action.not_supported",
        "rjct.total_count.invalid",
        "rjct.total_count.limit_exceeded",
        "rjct.errors.too_many",
    }
)
ACK_CODES = frozenset(
    {
        "err.request.bad",
        "err.request.unauthorized",
        "err.request.forbidden",
        "err.request.not_found",
        "err.request.timeout",
        "err.version.not_supported",
        "err.request.too_many_requests",
        "err.sender_id.invalid",
        "err.sender_uri.invalid",
        "err.receiver_id.invalid",
        "err.signature.missing",
        "err.signature.invalid",
        "err.encryption.invalid",
        "err.service.unavailable",
    }
)

Meaning = Literal["received", "accepted", "rejected", "settled", "not_found", "recall_refused", "extension_asked"]
PacketState = Literal["received", "accepted", "rejected", "settled", "not_found"]
_STATES: dict[str, PacketState] = {RCVD: "received", PDNG: "accepted", SUCC: "settled", RJCT: "rejected"}

_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,12})\.00?")
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_VERSIONED = re.compile(r"(?P<packet>[A-Za-z0-9-]{1,90})-V(?P<version>[1-9][0-9]{0,3})")
_KIND = re.compile(r"[A-Z][A-Z0-9]{0,7}")


class BadMessage(Exception):
    """The message breaks the contract; `code` is a reason code of the specification, the text says where."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class LinesDiffer(Exception):
    """The lines given are not those of the head: other count, other total, other hash, or out of order."""


@dataclass(frozen=True)
class PacketHead:
    """Who asks whom about which packet, and the figures the packet was locked with.

    `transaction_id` is the packet's code with its version, `CT-202611-00004-M-V2`. `message_ts` is fixed
    at the first attempt. `period` is yyyymm, `area` the commune's code, `kind` the letter of the list kind.
    A recall and a status question need neither figures nor `payer_fa`.
    """

    transaction_id: str
    message_id: str
    message_ts: datetime
    sender_id: str
    receiver_id: str
    sender_uri: str = ""
    payer_fa: str = ""
    area: str = ""
    period: str = ""
    kind: str = ""
    replaces: str = ""
    line_count: int = 0
    total_vnd: int = 0
    line_set_sha256: str = ""

    @property
    def packet(self) -> str:
        """The list's code, the same for every version."""
        return split_code(self.transaction_id)[0]

    @property
    def version(self) -> int:
        return split_code(self.transaction_id)[1]

    @property
    def purpose(self) -> str:
        """A neutral code per list kind: nothing on the wire may tell why a person is paid."""
        if not _KIND.fullmatch(self.kind):
            raise ValueError("kind: one to eight capital letters or digits")
        return f"CT-{self.kind}"


@dataclass(frozen=True)
class PacketLine:
    """One payout line as the agency sees it: a code, a payee, an address, an amount; never a benefit."""

    reference: str
    payee_fa: str
    payee_name: str
    amount_vnd: int
    area: str = ""


DECISIONS = ("granted", "refused", "revoked", "lapsed")
"""What may be decided about an extension."""


@dataclass(frozen=True)
class Notice:
    """What we tell of a decision about an extension of a packet's settlement; `due_on` is the deadline from then on."""

    decision: str
    days: int
    due_on: date
    reason: str = ""


@dataclass(frozen=True)
class Envelope:
    """A request as read from the wire: `kind` is disburse, recall, notice or txn_status.

    `part` and `settlement_id` belong to a status question: part 0 asks for the state alone, part n for the
    lines of part n of that settlement (the latest one when no id is given).
    """

    kind: str
    head: PacketHead
    lines: tuple[PacketLine, ...] = ()
    recall_reason: str = ""
    notice: Notice | None = None
    settlement_id: str = ""
    part: int = 0


@dataclass(frozen=True)
class LineStatus:
    """What became of one line. `reason_code` is one of LINE_REASONS when unpaid or to recover."""

    reference: str
    outcome: Outcome
    amount_vnd: int
    at: datetime
    reason_code: str = ""
    reason_message: str = ""


@dataclass(frozen=True)
class LineFault:
    """A settlement line that cannot be read; the rest of the message stands."""

    position: int
    reference: str
    code: str
    text: str


@dataclass(frozen=True)
class ControlTotals:
    """Lines ("lượt người") and đồng per outcome, over the whole settlement, the same in each of its parts."""

    paid_people: int = 0
    paid_vnd: int = 0
    unpaid_people: int = 0
    unpaid_vnd: int = 0
    recover_people: int = 0
    recover_vnd: int = 0

    @classmethod
    def of(cls, lines: Iterable[LineStatus]) -> ControlTotals:
        people = dict.fromkeys((PAID, UNPAID, RECOVER), 0)
        vnd = dict(people)
        for line in lines:
            people[line.outcome] += 1
            vnd[line.outcome] += line.amount_vnd
        return cls(people[PAID], vnd[PAID], people[UNPAID], vnd[UNPAID], people[RECOVER], vnd[RECOVER])

    @property
    def people(self) -> int:
        return self.paid_people + self.unpaid_people + self.recover_people

    @property
    def total_vnd(self) -> int:
        return self.paid_vnd + self.unpaid_vnd + self.recover_vnd


@dataclass(frozen=True)
class Collected:
    """Money of a recovery that the agency took back in cash: `reference` is the line once wrongly paid."""

    receipt: str
    reference: str
    amount_vnd: int
    at: datetime


@dataclass(frozen=True)
class SettlementPart:
    """Which settlement this is, part n of m, and the totals of the whole; what was collected of recoveries meanwhile.

    Part 0 carries no lines: the answer to a question for the state alone.
    """

    settlement_id: str
    part: int
    parts: int
    totals: ControlTotals
    collected: tuple[Collected, ...] = ()


@dataclass(frozen=True)
class CallbackHead:
    """The head of `on-disburse` and `on-status`.

    `in_reply_to` is the `message_id` answered, in a synchronous answer. `recall` is "", "confirmed" or
    "refused"; `extension_days` is what the agency asks for, 0 when it asks for nothing.
    """

    transaction_id: str
    message_id: str
    message_ts: datetime
    sender_id: str
    receiver_id: str
    status: str
    reason_code: str = ""
    reason_message: str = ""
    correlation_id: str = ""
    in_reply_to: str = ""
    recall: str = ""
    extension_days: int = 0
    settlement: SettlementPart | None = None

    @property
    def packet_state(self) -> PacketState:
        """Where the agency has the packet."""
        return "not_found" if self.reason_code == NOT_FOUND_CODE else _STATES[self.status]

    @property
    def meaning(self) -> Meaning:
        """What the message is about, in one word: the packet's state, or a request beside it."""
        if self.recall == "refused":
            return "recall_refused"
        if self.extension_days:
            return "extension_asked"
        return self.packet_state


@dataclass(frozen=True)
class Callback:
    """An answer as read from the wire; unreadable lines are in `faults`, never a reason to lose the rest."""

    head: CallbackHead
    lines: tuple[LineStatus, ...] = ()
    faults: tuple[LineFault, ...] = ()


@dataclass(frozen=True)
class Ack:
    """What is said at once to every asynchronous call; `in_reply_to` is the message it answers."""

    status: str
    at: datetime
    in_reply_to: str = ""
    transaction_id: str = ""
    correlation_id: str = ""
    code: str = ""
    text: str = field(default="", compare=False)


def is_code(transaction_id: str) -> bool:
    """Whether it is a packet's code with its version."""
    return _VERSIONED.fullmatch(transaction_id) is not None


def split_code(transaction_id: str) -> tuple[str, int]:
    """("CT-202611-00004-M", 2) of "CT-202611-00004-M-V2"."""
    match = _VERSIONED.fullmatch(transaction_id)
    if match is None:
        raise BadMessage("err.request.bad", "transaction_id: a packet code with its version, …-V1")
    return match["packet"], int(match["version"])


def amount_text(amount_vnd: int) -> str:
    """`500000.00`: the schema wants decimals, đồng has none."""
    if not 0 <= amount_vnd <= AMOUNT_MAX_VND:
        raise ValueError("an amount is between 0 and 13 digits of đồng")
    return f"{amount_vnd}.00"


def amount_vnd(text: object) -> int:
    """Whole đồng of `500000.00`; fractions, signs, numbers that are not text raise BadMessage."""
    match = _AMOUNT.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise BadMessage("rjct.amount.invalid", "amount: text like 500000.00, whole đồng")
    return int(match[1])


def stamp(moment: datetime) -> str:
    """RFC 3339 with the offset of Vietnam."""
    return moment.astimezone(VIETNAM).isoformat(timespec="milliseconds")


def moment_of(text: object) -> datetime:
    """An aware datetime of an RFC 3339 text; anything else raises BadMessage."""
    if isinstance(text, str) and _RFC3339.fullmatch(text):
        try:
            return datetime.fromisoformat(text.upper())
        except ValueError:
            pass
    raise BadMessage("rjct.message_ts.invalid", "a time: RFC 3339 with an offset")


def line_set_sha256(rows: Iterable[tuple[str, str, int]]) -> str:
    """SHA-256, in hex, of the line set: both sides compute it over (reference, payee_fa, amount_vnd) rows.

    The text hashed is one line per payout line, `reference|amount_vnd|payee_fa` and a line feed, sorted by
    reference in code point order (`COLLATE "C"`), in UTF-8. In PostgreSQL:
    `encode(sha256(convert_to(string_agg(reference || '|' || amount_vnd || '|' || payee_fa || E'\\n', ''
    ORDER BY reference COLLATE "C"), 'UTF8')), 'hex')`. The hash of no lines is that of the empty text.
    """
    digest = hashlib.sha256()
    for reference, payee_fa, vnd in sorted(rows):
        digest.update(f"{reference}|{vnd}|{payee_fa}\n".encode())
    return digest.hexdigest()
