"""The inbound side of the agency contract (docs/agency-api.md): prove who wrote a message, keep it, acknowledge it.

What a message does to packets and settlements is decided later, by the scheduler (`services.inbox`). No session and no
cookie counts here: an unproven caller is nobody, and only a proven message is kept, by the system.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, current_app, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from werkzeug.exceptions import RequestEntityTooLarge

from app import clock
from app.agency import messages, signing
from app.agency.bodies import REQUEST_MAX_BYTES, BodyRefused, unpack
from app.agency.description import office as office_description
from app.agency.keys import KeyRing, KeyTrouble
from app.agency.messages import Ack, BadMessage, CallbackHead
from app.agency.tokens import TOKEN_PATH, BearerInvalid, TokenOffice, TokenRefused
from app.extensions import acting_as, csrf, transaction
from app.jobs.table import US
from app.models import Agency
from app.rules.actors import SYSTEM
from app.services import broken_messages, inbox

log = logging.getLogger(__name__)

TOKEN_MOST_BYTES = 8 * 1024
KEPT_HEADERS = (signing.HEADER_NAME, "Content-Type", "Content-Encoding", "User-Agent")

Answer = dict[str, Any]

blueprint = Blueprint("agency", __name__, url_prefix="/agency")
csrf.exempt(blueprint)


class TurnedAway(Exception):
    """Nothing of the message was looked at: ERR with the code of the contract."""

    def __init__(self, status: int, code: str, *, client: str = "") -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.client = client


@dataclass(frozen=True, slots=True)
class Proven:
    """Bytes that an agency wrote: which agency, by which key."""

    agency_id: int
    agency: str
    key_id: str
    body: bytes


@blueprint.post(TOKEN_PATH)
def token() -> ResponseReturnValue:
    """A bearer token for the client credentials of an agency."""
    request.max_content_length = TOKEN_MOST_BYTES
    office = TokenOffice(_keys(), US)
    try:
        issued = office.issue(request.form.to_dict(), request.headers.get("Authorization"), now=clock.wall())
    except TokenRefused as refused:
        log.warning("agency_token_refused", extra={"code": refused.code})
        return _plain(refused.status, {"error": refused.code})
    except KeyTrouble:
        log.exception("agency_keys")
        return _plain(503, {"error": "temporarily_unavailable"})
    return _plain(200, issued)


@blueprint.post("/on-disburse")
def on_disburse() -> ResponseReturnValue:
    """Accepted, rejected, settled: the agency's word about a packet."""
    return _receive("on-disburse")


@blueprint.post("/txn/on-status")
@blueprint.post("/disburse/txn/on-status", endpoint="on_status_of_disburse")
def on_status() -> ResponseReturnValue:
    """The answer to a question of ours."""
    return _receive("on-status")


@blueprint.after_app_request
def note_knocking(answer: Response) -> Response:
    """A call to an address or by a method that this side does not have leaves its line in the log too."""
    if request.path.startswith(f"{blueprint.url_prefix}/") and answer.status_code in (404, 405):
        extra = {"code": "no_such_call", "status": answer.status_code, "client": ""}
        log.warning("agency_turned_away", extra=extra)
    return answer


@blueprint.get("/openapi.json")
def description() -> ResponseReturnValue:
    """The contract's OpenAPI description of this side; it names no agency and no secret."""
    return _plain(200, office_description(f"{current_app.config['CHITRA'].public_url}/agency"))


def _receive(action: str) -> Response:
    """Prove, keep, commit, and only then acknowledge (promise P5)."""
    try:
        key = _keys().signing_key()
    except KeyTrouble:
        log.exception("agency_keys")
        return _plain(503, _ack(messages.ERR, code="err.service.unavailable"))
    try:
        status, answer = _keep(action, _prove())
    except TurnedAway as turned:
        log.warning("agency_turned_away", extra={"code": turned.code, "status": turned.status, "client": turned.client})
        status, answer = turned.status, _ack(messages.ERR, code=turned.code)
    said = _plain(status, answer)
    said.headers[signing.HEADER_NAME] = signing.sign(said.get_data(), key, now=clock.wall())
    return said


def _prove() -> Proven:
    """Token, type, size, encoding, signature, in this order: nothing is unpacked for a caller without a token."""
    now, keys = clock.wall(), _keys()
    try:
        client = TokenOffice(keys, US).check(request.headers.get("Authorization"), now=now)
    except (BearerInvalid, KeyTrouble) as error:
        raise TurnedAway(401, "err.request.unauthorized") from error
    agency_id = _agency(client)
    if agency_id is None:
        raise TurnedAway(403, "err.request.forbidden", client=client)
    if request.mimetype != "application/json":
        raise TurnedAway(415, "err.request.bad", client=client)
    request.max_content_length = REQUEST_MAX_BYTES
    try:
        body = unpack(request.get_data(cache=False), request.headers.get("Content-Encoding"))
        trusted = keys.trusted_keys(client)
        key_id = signing.verify(body, request.headers.get(signing.HEADER_NAME), trusted, now=now)
    except RequestEntityTooLarge as error:
        raise TurnedAway(413, "err.request.bad", client=client) from error
    except BodyRefused as refused:
        raise TurnedAway(refused.status, "err.request.bad", client=client) from refused
    except KeyTrouble as error:
        raise TurnedAway(503, "err.service.unavailable", client=client) from error
    except signing.SignatureRefused as refused:
        raise TurnedAway(401, refused.code, client=client) from refused
    return Proven(agency_id, client, key_id, body)


def _agency(code: str) -> int | None:
    """Key of an agency in use; their names are for everybody, so nobody in particular asks."""
    with transaction() as session:
        return session.scalar(select(Agency.id).where(Agency.code == code, Agency.is_active))


def _keep(action: str, proven: Proven) -> tuple[int, Answer]:
    """Status and acknowledgement, once the message is committed; what breaks the contract is kept and refused."""
    try:
        head = _head(proven)
    except BadMessage as bad:
        return _keep_broken(action, proven, bad)
    message = inbox.Incoming(
        agency_id=proven.agency_id,
        message_id=head.message_id,
        action=action,
        transaction_id=head.transaction_id,
        body=proven.body,
        headers=_kept_headers(),
        key_id=proven.key_id,
    )
    answer = _ack(messages.ACK, message_id=head.message_id, transaction_id=head.transaction_id)
    try:
        with acting_as(SYSTEM), transaction() as session:
            kept = inbox.keep(session, message, answer=answer)
    except inbox.OtherBytes:
        return _keep_broken(action, proven, _other_bytes())
    return kept.status, kept.answer


def _head(proven: Proven) -> CallbackHead:
    """The head of a message of the contract, from its signer, for us. Raises BadMessage."""
    head = messages.read_callback(proven.body, now=clock.wall()).head
    if head.sender_id != proven.agency:
        raise BadMessage("err.sender_id.invalid", "sender_id is not the signer")
    if head.receiver_id != US:
        raise BadMessage("err.receiver_id.invalid", f"receiver_id: {US}")
    return head


def _keep_broken(action: str, proven: Proven, bad: BadMessage) -> tuple[int, Answer]:
    """NACK with the code, once the message is committed; a message id that belongs to other bytes is told so first."""
    message_id, transaction_id = messages.named_ids(proven.body)
    message = broken_messages.Broken(
        agency_id=proven.agency_id,
        message_id=message_id or None,
        action=action,
        transaction_id=transaction_id or None,
        body=proven.body,
        headers=_kept_headers(),
        key_id=proven.key_id,
        problem=bad.code,
        why=bad.text,
    )
    answer = _ack(messages.NACK, message_id=message_id, transaction_id=transaction_id, code=bad.code, text=bad.text)
    status = 409 if bad.code == inbox.OtherBytes.code else 400
    try:
        with acting_as(SYSTEM), transaction() as session:
            kept = broken_messages.keep(session, message, answer=answer, status=status)
    except inbox.OtherBytes:
        return _keep_broken(action, proven, _other_bytes())
    if bad.code != inbox.OtherBytes.code:
        log.warning("agency_message_refused", extra={"code": bad.code, "client": proven.agency})
    return kept.status, kept.answer


def _other_bytes() -> BadMessage:
    return BadMessage(inbox.OtherBytes.code, "this message_id came before with other bytes")


def _kept_headers() -> dict[str, str]:
    return {name: request.headers[name] for name in KEPT_HEADERS if name in request.headers}


def _ack(status: str, *, message_id: str = "", transaction_id: str = "", code: str = "", text: str = "") -> Answer:
    """The acknowledgement of the contract. Its correlation id follows from the message's, so that it is the same again."""
    correlation_id = hashlib.sha256(f"{US} {message_id}".encode()).hexdigest()[:32]
    said = Ack(status, clock.wall(), message_id, transaction_id, correlation_id, code, text or code)
    answer: Answer = json.loads(messages.ack(said))
    return answer


def _keys() -> KeyRing:
    return KeyRing(current_app.config["CHITRA"].home / "keys")


def _plain(status: int, members: Answer) -> Response:
    """One spelling for each answer: a stored one comes back from the database with its members in another order."""
    text = json.dumps(members, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return Response(text, status, {"Cache-Control": "no-store"}, mimetype="application/json")
