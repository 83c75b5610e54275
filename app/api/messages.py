"""Tin nhận được by REST: what agencies sent, what became of it and what was wrong with it; looked at by people."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_appbuilder.api import expose, protect
from flask_appbuilder.security.decorators import permission_name
from sqlalchemy.orm import Session

from app.api.reading import REASON
from app.api.resource import Resource
from app.extensions import current_actor, db
from app.models import InboxMessage
from app.screens.interface import SafeInterface
from app.services import acknowledging
from app.services.settlements import faults


class MessagesApi(Resource):
    """Every message of the area, kept before it was answered. Held ones are answered at their settlement."""

    resource_name = "messages"
    include_route_methods = {"get_list", "get", "acknowledge"}
    datamodel = SafeInterface(InboxMessage)
    list_columns = [
        "id", "area_path", "agency.code", "message_id", "action", "transaction_id", "received_at", "outcome", "note",
        "problem", "applied_at", "released_at", "released_by", "release_reason",
    ]  # fmt: skip
    show_columns = [*list_columns, "body_sha256", "answer_status", "key_id"]
    search_columns = ["area_path", "agency", "message_id", "transaction_id", "outcome", "received_at"]
    order_columns = ["id", "received_at"]

    def described(self, item: InboxMessage) -> dict[str, Any]:
        """With every fault found in it, who looked at it, and whether somebody still must."""
        session = db.session()
        looked = acknowledging.of(session, "message", item.id)
        return super().described(item) | {
            "faults": [
                {"position": one.position, "reference": one.reference, "code": one.code, "facts": dict(one.facts)}
                for one in faults.of_message(session, item.id)
            ],
            "looked_at": [{"actor": one.actor, "at": one.at.isoformat(), "reason": one.reason} for one in looked],
            "waits_for_a_person": acknowledging.waits_for_a_person(session, item),
        }

    @expose("/<pk>/acknowledge", methods=["POST"])
    @protect()
    @permission_name("acknowledge")
    def acknowledge(self, pk: str) -> Response:
        """Say that a person has looked at a message that failed or changed nothing, and what they found
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
              description: The message; nothing else changes
        """

        def call(session: Session, key: int, values: dict[str, Any]) -> None:
            acknowledging.message(session, key, by=current_actor(), because=values["reason"])

        return self.act(pk, REASON, call)
