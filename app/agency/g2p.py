"""The adapter for agencies that speak our G2P Connect profile over HTTP; no database, no loop of retries."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from threading import Lock
from uuid import uuid4

from app.agency import messages, signing, wire
from app.agency.bodies import GZIP_ABOVE_BYTES, pack
from app.agency.keys import KeyRing, KeyTrouble
from app.agency.messages import Ack, BadMessage, Callback, PacketHead
from app.agency.port import (
    AgencyError,
    Answer,
    Endpoint,
    Form,
    Letter,
    NotSent,
    OutcomeUnknown,
    OutgoingPacket,
    Refused,
    SettlementRef,
)
from app.agency.tokens import TOKEN_PATH, TokenSource, TokenUnavailable

FORM = Form("json", "application/json", by_hand=False)
compose = messages.disburse

DISBURSE_PATH = "/disburse"
STATUS_PATH = "/disburse/sync/txn/status"
ACK_MAX_BYTES = 64 * 1024
ANSWER_MAX_BYTES = 32 * 1024 * 1024
RETRY_AFTER_MAX_S = 86_400

# What a signed NACK or ERR about our message proves. An agency decides about the sender, the signature, the
# clock and the load BEFORE it looks a message id up, so such a no speaks of this delivery alone: an earlier
# delivery of the same bytes may have been taken, and the outcome stays unknown. What it decides about the
# content it decides once, and gives the same bytes the same answer: that is a refusal.
NO_MEANS: dict[str, type[AgencyError]] = {
    "": Refused,
    "err.request.bad": Refused,
    "err.version.not_supported": Refused,
    "err.receiver_id.invalid": Refused,
    "err.sender_uri.invalid": Refused,
    "err.encryption.invalid": Refused,
    "rjct.version.invalid": Refused,
    "rjct.action.invalid": Refused,
    "rjct.action.not_supported": Refused,
    "rjct.total_count.invalid": Refused,
    "rjct.total_count.limit_exceeded": Refused,
    "rjct.errors.too_many": Refused,
    "rjct.reference_id.invalid": Refused,
    "rjct.reference_id.duplicate": Refused,
    "rjct.payer_fa.invalid": Refused,
    "rjct.payee_fa.invalid": Refused,
    "rjct.amount.invalid": Refused,
    "rjct.currency_code.invalid": Refused,
    "rjct.message_ts.invalid": OutcomeUnknown,
    # Something with our key is there already, and it is not these bytes: the opposite of "nothing arrived".
    "rjct.message_id.duplicate": OutcomeUnknown,
    "err.request.unauthorized": OutcomeUnknown,
    "err.request.forbidden": OutcomeUnknown,
    "err.request.not_found": OutcomeUnknown,
    "err.request.timeout": OutcomeUnknown,
    "err.request.too_many_requests": OutcomeUnknown,
    "err.sender_id.invalid": OutcomeUnknown,
    "err.signature.missing": OutcomeUnknown,
    "err.signature.invalid": OutcomeUnknown,
    "err.service.unavailable": OutcomeUnknown,
}
# Our own stored message is read back whatever the clock says by now.
_ANY_TIME = datetime.max.replace(tzinfo=UTC)
_NOT_THERE = {"err.request.not_found", messages.NOT_FOUND_CODE}


def connect(home: Path, *, now: Callable[[], datetime]) -> G2PAgency:
    """The connection, with the keys in the data folder."""
    return G2PAgency(KeyRing(home / "keys"), now=now)


def read(letter: Letter, *, now: datetime) -> Callback:
    """A callback, or the answer to a question."""
    return messages.read_callback(letter.body, now=now)


def files(code: str, body: bytes) -> dict[str, bytes]:
    """The message itself."""
    return {f"{code}.json": body}


class G2PAgency:
    """Speaks to any agency of the profile; keeps nothing but bearer tokens. `now` is real time, aware."""

    def __init__(self, keys: KeyRing, *, now: Callable[[], datetime]) -> None:
        self._keys = keys
        self._now = now
        self._tokens: dict[tuple[str, str], TokenSource] = {}
        self._plain: set[str] = set()
        self._lock = Lock()

    def send(self, packet: OutgoingPacket) -> Answer:
        """Hands the packet over. Raises ValueError when the bytes are not the stored ones."""
        return self._acknowledged(packet)

    def recall(self, packet: OutgoingPacket, reason: str) -> Answer:
        """Asks the agency to reject a packet; the bytes must be a recall of it, for that reason."""
        envelope = messages.read_request(packet.body, now=_ANY_TIME)
        if (envelope.kind, envelope.recall_reason) != (messages.RECALL, reason):
            raise ValueError("not the stored recall for that reason")
        try:
            return self._acknowledged(packet)
        except (OutcomeUnknown, Refused) as error:
            if error.code not in _NOT_THERE:
                raise
            return Answer("not_found", reason_code=error.code, reason_message=error.text, raw=error.raw)

    def notify(self, notice: OutgoingPacket) -> Answer:
        """Tells the agency of a decision; the bytes must be a notice."""
        if messages.read_request(notice.body, now=_ANY_TIME).kind != messages.NOTICE:
            raise ValueError("not a stored notice")
        return self._acknowledged(notice)

    def ask(self, packet: OutgoingPacket) -> Answer:
        """The state of the packet, by its code; a question changes nothing and has a new id each time."""
        return self._questioned(packet.code, packet.endpoint)

    def fetch_settlement(self, ref: SettlementRef) -> Answer:
        """One part of a settlement; another part, or another settlement, is no answer."""
        return self._questioned(ref.code, ref.endpoint, settlement_id=ref.settlement_id, part=ref.part)

    def _acknowledged(self, packet: OutgoingPacket) -> Answer:
        if hashlib.sha256(packet.body).hexdigest() != packet.sha256:
            raise ValueError("the bytes are not the stored ones")
        said = self._call(packet.endpoint, DISBURSE_PATH, packet.body, answer_max_bytes=ACK_MAX_BYTES)
        try:
            ack = messages.read_ack(said.body)
        except BadMessage as error:
            raise OutcomeUnknown("unreadable", error.text, raw=said.body) from error
        if (ack.in_reply_to, ack.transaction_id) != (packet.message_id, packet.code):
            raise OutcomeUnknown("other_message", "the answer is about something else", raw=said.body)
        if ack.status != messages.ACK:
            raise _no(ack, said.body)
        if said.status not in (200, 202):
            raise OutcomeUnknown("contradiction", f"ACK with status {said.status}", raw=said.body)
        return Answer(
            "received",
            correlation_id=ack.correlation_id,
            raw=said.body,
            signature=said.signature,
            kid=said.kid,
        )

    def _questioned(self, code: str, endpoint: Endpoint, *, settlement_id: str = "", part: int = 0) -> Answer:
        head = PacketHead(
            transaction_id=code,
            message_id=uuid4().hex,
            message_ts=self._now(),
            sender_id=endpoint.sender_id,
            receiver_id=endpoint.receiver_id,
        )
        body = messages.txn_status(head, settlement_id=settlement_id, part=part)
        said = self._call(endpoint, STATUS_PATH, body, answer_max_bytes=ANSWER_MAX_BYTES)
        try:
            callback = messages.read_callback(said.body, now=self._now())
        except BadMessage as error:
            raise OutcomeUnknown("unreadable", error.text, raw=said.body) from error
        if said.status != 200 or not _answers(callback, head):
            raise OutcomeUnknown("other_message", "the answer is about something else", raw=said.body)
        settlement = callback.head.settlement
        if part and callback.head.packet_state == "settled":
            wanted = settlement is not None and settlement.part == part
            if settlement is None or not wanted or settlement_id not in ("", settlement.settlement_id):
                raise OutcomeUnknown("other_part", "not the part that was asked for", raw=said.body)
        return Answer(
            callback.head.packet_state,
            reason_code=callback.head.reason_code,
            reason_message=callback.head.reason_message,
            correlation_id=callback.head.correlation_id,
            message_id=callback.head.message_id,
            settlement_id=settlement.settlement_id if settlement else "",
            parts=settlement.parts if settlement else 0,
            raw=said.body,
            signature=said.signature,
            kid=said.kid,
        )

    def _call(self, endpoint: Endpoint, path: str, body: bytes, *, answer_max_bytes: int) -> _Said:
        """One exchange, freshly signed, and within the same deadline a second one with what the first one lacked.

        A refused token is fetched again. An endpoint that does not take gzip (415) is spoken to plainly from then on.
        """
        ends = time.monotonic() + endpoint.deadline_s
        answer = self._deliver(endpoint, path, body, ends=ends, answer_max_bytes=answer_max_bytes)
        for status, code, mend in (
            (401, "unauthorized", self._forget_token),
            (415, "unsupported", self._speak_plainly),
        ):
            if answer.status == status and mend(endpoint, body):
                try:
                    answer = self._deliver(endpoint, path, body, ends=ends, answer_max_bytes=answer_max_bytes)
                except NotSent as error:
                    raise OutcomeUnknown(code, f"then {error.code}") from error
        return self._signed(endpoint, answer)

    def _forget_token(self, endpoint: Endpoint, _body: bytes) -> bool:
        self._token_source(endpoint).forget()
        return True

    def _speak_plainly(self, endpoint: Endpoint, body: bytes) -> bool:
        """Whether a plain body can make a difference to an endpoint."""
        is_new = endpoint.base_url not in self._plain and len(body) > GZIP_ABOVE_BYTES
        if is_new:
            self._plain.add(endpoint.base_url)
        return is_new

    def _deliver(
        self, endpoint: Endpoint, path: str, body: bytes, *, ends: float, answer_max_bytes: int
    ) -> wire.WireAnswer:
        try:
            authorization = self._token_source(endpoint).bearer(within_s=ends - time.monotonic())
            signature = signing.sign(body, self._keys.signing_key(), now=self._now())
        except KeyTrouble as error:
            raise NotSent("keys", str(error)) from error
        except TokenUnavailable as error:
            raise NotSent("token", str(error)) from error
        except OutcomeUnknown as error:  # of the token, not of the message
            raise NotSent("token", str(error)) from error
        packed, encoding = (body, {}) if endpoint.base_url in self._plain else pack(body)
        headers = {
            "Authorization": authorization,
            "Content-Type": "application/json",
            signing.HEADER_NAME: signature,
            **encoding,
        }
        within_s = ends - time.monotonic()
        if within_s <= 0:
            raise NotSent("timeout", "the token took all the time there was")
        return wire.post(
            endpoint.base_url.rstrip("/") + path,
            packed,
            headers=headers,
            deadline_s=within_s,
            answer_max_bytes=answer_max_bytes,
            ca_file=endpoint.ca_file,
        )

    def _signed(self, endpoint: Endpoint, answer: wire.WireAnswer) -> _Said:
        """The answer, if the agency signed it; a gateway's word, a redirect and any 5xx leave it unknown."""
        retry_after_s = _retry_after_s(answer.headers, self._now())
        if answer.status in (408, 429) or answer.status >= 500 or 300 <= answer.status < 400:
            raise OutcomeUnknown(f"http_{answer.status}", retry_after_s=retry_after_s, raw=answer.body)
        signature = answer.headers.get(signing.HEADER_NAME.lower())
        try:
            kid = signing.verify(answer.body, signature, self._keys.trusted_keys(endpoint.receiver_id), now=self._now())
        except (signing.SignatureRefused, KeyTrouble) as error:
            text = f"status {answer.status}: {error}"
            raise OutcomeUnknown("unsigned", text, retry_after_s=retry_after_s, raw=answer.body) from error
        return _Said(answer.status, answer.body, signature or "", kid)

    def _token_source(self, endpoint: Endpoint) -> TokenSource:
        with self._lock:
            at = (endpoint.base_url, endpoint.client_id)
            if at not in self._tokens:
                self._tokens[at] = TokenSource(
                    _token_post(endpoint, self._now),
                    endpoint.client_id,
                    lambda: self._keys.secret(endpoint.client_id),
                    now=self._now,
                )
            return self._tokens[at]


@dataclass(frozen=True)
class _Said:
    """A signed answer."""

    status: int
    body: bytes
    signature: str
    kid: str


def _answers(callback: Callback, asked: PacketHead) -> bool:
    """Whether the answer is to this question, from this agency, for us."""
    head = callback.head
    return (head.transaction_id, head.in_reply_to, head.sender_id, head.receiver_id) == (
        asked.transaction_id,
        asked.message_id,
        asked.receiver_id,
        asked.sender_id,
    )


def _no(ack: Ack, raw: bytes) -> AgencyError:
    if ack.status == messages.ERR and not ack.code:
        return OutcomeUnknown("unreadable", "ERR without a code", raw=raw)
    return NO_MEANS.get(ack.code, OutcomeUnknown)(ack.code or "nack", ack.text, raw=raw)


def _token_post(endpoint: Endpoint, now: Callable[[], datetime]) -> Callable[[Mapping[str, str], bytes, float], bytes]:
    def post(headers: Mapping[str, str], body: bytes, within_s: float) -> bytes:
        answer = wire.post(
            endpoint.base_url.rstrip("/") + TOKEN_PATH,
            body,
            headers=headers,
            deadline_s=within_s,
            answer_max_bytes=ACK_MAX_BYTES,
            ca_file=endpoint.ca_file,
        )
        if answer.status != 200:
            wait_s = _retry_after_s(answer.headers, now())
            raise NotSent("token", f"status {answer.status}", retry_after_s=wait_s)
        return answer.body

    return post


def _retry_after_s(headers: Mapping[str, str], now: datetime) -> int | None:
    """Seconds of a `Retry-After` header, given in seconds or as a date; nothing when absent or nonsense."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(int(text[:9]), RETRY_AFTER_MAX_S)
    try:
        wait_s = (parsedate_to_datetime(text) - now).total_seconds()
    except (ValueError, TypeError):
        return None
    return min(max(int(wait_s), 0), RETRY_AFTER_MAX_S)
