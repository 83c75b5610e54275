"""The port to a payment agency: what an adapter is given, answers and raises; no wire format here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

AnswerKind = Literal["received", "accepted", "rejected", "settled", "not_found"]


class AgencyError(Exception):
    """A call to an agency without a usable answer; always one of NotSent, Refused, OutcomeUnknown.

    `code` is the agency's reason code or a short word of ours (`dns`, `timeout`, …), `text` is for the log
    and the person's list, `retry_after_s` is what the agency asked us to wait, `raw` what it answered.
    """

    def __init__(self, code: str, text: str = "", *, retry_after_s: int | None = None, raw: bytes = b"") -> None:
        super().__init__(f"{code}: {text}" if text else code)
        self.code = code
        self.text = text
        self.retry_after_s = retry_after_s
        self.raw = raw


class NotSent(AgencyError):
    """No byte of the message left this machine in this call: it may be tried again at leisure."""


class Refused(AgencyError):
    """The agency's signed no about this very message: it has not taken it and never will."""


class OutcomeUnknown(AgencyError):
    """The message may have arrived. Ask, then send the same bytes again; never a new key, never "failed"."""


@dataclass(frozen=True)
class Endpoint:
    """Where an agency listens, and who we are to it.

    `sender_id` is us, `receiver_id` the agency: its trusted keys verify what it says. The client secret is
    in the key ring under `client_id`. `ca_file` replaces the public certificate authorities. `deadline_s`
    bounds a whole call: token, connection, request and answer.
    """

    base_url: str
    sender_id: str
    receiver_id: str
    client_id: str
    callback_url: str = ""
    ca_file: str = ""
    deadline_s: float = 60.0


@dataclass(frozen=True)
class OutgoingPacket:
    """A message whose bytes were stored before the wire: a packet, or the recall of one.

    `code` is the packet's code with its version. `ask` needs no body.
    """

    code: str
    message_id: str
    body: bytes = field(repr=False)
    sha256: str
    endpoint: Endpoint


@dataclass(frozen=True)
class SettlementRef:
    """One part of one settlement of a packet; an empty `settlement_id` means the latest."""

    code: str
    endpoint: Endpoint
    settlement_id: str = ""
    part: int = 1


@dataclass(frozen=True)
class Answer:
    """What the agency said. `raw`, `signature` and `kid` are what the inbox keeps of it.

    `message_id` is the agency's, empty for an acknowledgement. `parts` is how many parts the latest
    settlement has, 0 when there is none.
    """

    kind: AnswerKind
    reason_code: str = ""
    reason_message: str = ""
    correlation_id: str = ""
    message_id: str = ""
    settlement_id: str = ""
    parts: int = 0
    raw: bytes = field(default=b"", repr=False)
    signature: str = field(default="", repr=False)
    kid: str = ""


@dataclass(frozen=True)
class Letter:
    """Something an agency said about a packet, as the inbox keeps it.

    `action` names the kind of message, `sender_id` is the agency, `about` the packet's code, and `sent` gives what we
    sent it, the packet's exact bytes, to those who need them.
    """

    action: str
    body: bytes = field(repr=False)
    sender_id: str
    message_id: str
    about: str
    sent: Callable[[], bytes] = field(default=bytes, repr=False)


@dataclass(frozen=True)
class Form:
    """What the bytes of an adapter's packets are, and how its answers come.

    `by_hand`: the packet travels as a file, and a person enters what the agency says. `brings` are the kinds of files
    a person may bring in.
    """

    suffix: str
    media_type: str
    by_hand: bool
    brings: tuple[str, ...] = ()


class Agency(Protocol):
    """What every adapter offers. Each call either answers or raises NotSent, Refused or OutcomeUnknown.

    Committing before and after a call is the caller's: two transactions, intent and outcome.
    """

    def send(self, packet: OutgoingPacket) -> Answer:
        """Hands the packet over: `received`. The same bytes may be sent any number of times."""

    def ask(self, packet: OutgoingPacket) -> Answer:
        """What the agency knows of the packet now. `not_found` is no proof that nothing arrives later."""

    def recall(self, packet: OutgoingPacket, reason: str) -> Answer:
        """Asks the agency to reject a packet; `packet` carries the stored bytes of the recall itself.

        `received` means asked, not granted: the decision comes as a callback.
        """

    def notify(self, notice: OutgoingPacket) -> Answer:
        """Tells the agency of a decision about a packet; `notice` carries the stored bytes. `received` when it knows."""

    def fetch_settlement(self, ref: SettlementRef) -> Answer:
        """`settled` with one part in `raw`, to be kept in the inbox like a callback; else the state."""
