"""Gói tin by REST: what was sent, its file where packets travel as files, the agency's word entered, doubt looked at."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from flask import Response, send_file
from flask_appbuilder.api import expose, protect
from flask_appbuilder.security.decorators import permission_name
from sqlalchemy.orm import Session

from app.api import asking, reading, uploads
from app.api.reading import ANY_REASON, REASON, Member
from app.api.resource import Resource
from app.extensions import current_actor, db, transaction
from app.models import Packet
from app.screens.interface import SafeInterface
from app.screens.packet_files import WORDS, carried_by, file_of
from app.services import acknowledging, by_hand

ANSWER = {
    "word": Member(reading.choice(*WORDS, required=True), required=True),
    "reason": Member(reading.text(reading.MOST_REASON, multiline=True)),
}
BRING = {"action": Member(reading.text(60, required=True), required=True)}


class PacketsApi(Resource):
    """Gói tin: what was sent of a list, version by version."""

    resource_name = "packets"
    include_route_methods = {"get_list", "get", "file", "answer", "bring", "ask_now", "keep_waiting"}
    datamodel = SafeInterface(Packet)
    list_columns = [
        "id", "code", "area_path", "batch_id", "batch.code", "agency.code", "version", "replaces.code", "state", "line_count",
        "people_count", "total_vnd", "queued_at", "sent_at", "answered_at", "answer_reason",
    ]  # fmt: skip
    show_columns = [
        *list_columns, "lines_sha256", "queued_by", "attempts", "next_attempt_at", "recall_asked_at", "recall_asked_by",
        "recall_reason", "recall_delivered_at", "recall_answer",
    ]  # fmt: skip
    search_columns = ["code", "area_path", "batch", "agency", "state", "queued_at"]
    order_columns = ["id", "code", "state", "queued_at"]

    def described(self, item: Packet) -> dict[str, Any]:
        """With what can be done about it now where it travels as a file."""
        carried = carried_by(db.session(), item)
        can: dict[str, list[str]] = {"files": [], "answers": [], "brings": []}
        if carried is not None:
            can["files"] = list(carried.downloads)
            can["answers"] = [offer.word for offer in carried.offers]
            can["brings"] = [kind for kind, _words in carried.brings]
        return super().described(item) | {"by_file": can}

    @expose("/<pk>/file/<code>", methods=["GET"])
    @protect()
    @permission_name("file")
    def file(self, pk: str, code: str) -> Response:
        """The packet as a file for the agency, one of `by_file.files`; that it was taken away is recorded
        ---
        get:
          responses:
            200:
              description: The file
              content:
                application/octet-stream:
                  schema:
                    type: string
                    format: binary
        """
        asking.refuse_arguments()
        item: Packet = self.found(pk)
        content, name, media_type = file_of(db.session(), item, code)
        self.remember(people=item.people_count, entity_id=item.id, area_path=item.area_path, what="packet_body")
        answer = send_file(BytesIO(content), media_type, as_attachment=True, download_name=name)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @expose("/<pk>/answer", methods=["POST"])
    @protect()
    @permission_name("answer")
    def answer(self, pk: str) -> Response:
        """Enter what the agency said of a packet that travels as a file, one of `by_file.answers`; the scheduler applies it
        ---
        post:
          requestBody:
            required: true
            content:
              application/json:
                schema:
                  type: object
                  additionalProperties: false
                  required: [word]
                  properties:
                    word:
                      type: string
                      enum: [accept, reject, keep]
                    reason:
                      type: string
                      description: As the agency gave it; needed unless it accepts
          responses:
            200:
              description: The packet; 409 while an answer before is still being applied
        """

        def call(session: Session, key: int, values: dict[str, Any]) -> None:
            by_hand.enter(session, key, values["word"], by=current_actor(), because=values.get("reason") or "")

        return self.act(pk, ANSWER, call)

    @expose("/<pk>/bring", methods=["POST"])
    @protect()
    @permission_name("bring")
    def bring(self, pk: str) -> Response:
        """Bring in a file of the bank about a packet, one of `by_file.brings`; the scheduler reads it
        ---
        post:
          requestBody:
            required: true
            content:
              multipart/form-data:
                schema:
                  type: object
                  additionalProperties: false
                  required: [action, file]
                  properties:
                    action:
                      type: string
                    file:
                      type: string
                      format: binary
                      description: At most 10 MB
          responses:
            200:
              description: The packet; 409 for a file that came before
        """
        key = self.found(pk).id
        values, upload = uploads.received(BRING)
        with transaction() as session:
            by_hand.bring(session, key, values["action"], upload.name, upload.content, by=current_actor())
        return self.response(200, **self.described(self.found(str(key))))

    @expose("/<pk>/ask_now", methods=["POST"])
    @protect()
    @permission_name("ask_now")
    def ask_now(self, pk: str) -> Response:
        """Let the scheduler ask about a packet in doubt at once; the key and the bytes stay what they are
        ---
        post:
          responses:
            200:
              description: The packet
        """

        def call(session: Session, key: int, _values: dict[str, Any]) -> None:
            acknowledging.ask_now(session, key, by=current_actor())

        return self.act(pk, ANY_REASON, call)

    @expose("/<pk>/keep_waiting", methods=["POST"])
    @protect()
    @permission_name("keep_waiting")
    def keep_waiting(self, pk: str) -> Response:
        """Leave a packet in doubt to the system for another day
        ---
        post:
          requestBody:
            required: true
            content:
              application/json:
                schema:
                  $ref: '#/components/schemas/Reason'
          responses:
            200:
              description: The packet
        """

        def call(session: Session, key: int, values: dict[str, Any]) -> None:
            acknowledging.keep_waiting(session, key, by=current_actor(), because=values["reason"])

        return self.act(pk, REASON, call)
