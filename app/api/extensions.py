"""Gia hạn by REST: requests for later deadlines, decided. Asking is an action of the settlement; the rules are services."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_appbuilder.api import expose, protect
from flask_appbuilder.security.decorators import permission_name
from sqlalchemy.orm import Session

from app.api import reading
from app.api.reading import ANY_REASON, REASON, Member
from app.api.resource import Resource
from app.extensions import current_actor
from app.models import DeadlineExtension
from app.rules import deadlines
from app.screens.interface import SafeInterface
from app.services import extensions

GRANT = ANY_REASON | {"days": Member(reading.whole(1, deadlines.MAX_EXTENSION_DAYS_TOTAL))}


class ExtensionsApi(Resource):
    """Gia hạn: asked for a settlement, granted or refused by a supervisor who did not enter the request."""

    resource_name = "extensions"
    include_route_methods = {"get_list", "get", "grant", "refuse", "revoke"}
    datamodel = SafeInterface(DeadlineExtension)
    list_columns = [
        "id", "area_path", "settlement_id", "days", "asked_days", "reason", "asked_by", "asked_at", "entered_by", "state",
        "decided_by", "decided_at", "decision_note",
    ]  # fmt: skip
    show_columns = list_columns
    search_columns = ["area_path", "settlement", "state", "asked_at"]
    order_columns = ["id", "state", "asked_at"]

    @expose("/<pk>/grant", methods=["POST"])
    @protect()
    @permission_name("grant")
    def grant(self, pk: str) -> Response:
        """Grant the days asked for, or fewer
        ---
        post:
          requestBody:
            content:
              application/json:
                schema:
                  type: object
                  additionalProperties: false
                  properties:
                    days:
                      type: integer
                      minimum: 1
                      maximum: 19
                      description: As many as were asked for when left out
                    reason:
                      type: string
          responses:
            200:
              description: The extension, granted
        """

        def call(session: Session, key: int, values: dict[str, Any]) -> None:
            extensions.grant(session, key, by=current_actor(), note=values.get("reason"), days=values.get("days"))

        return self.act(pk, GRANT, call)

    @expose("/<pk>/revoke", methods=["POST"])
    @protect()
    @permission_name("revoke")
    def revoke(self, pk: str) -> Response:
        """Take a granted extension back, while nobody is late by it
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
              description: The extension, revoked
        """

        def call(session: Session, key: int, values: dict[str, Any]) -> None:
            extensions.revoke(session, key, by=current_actor(), because=values["reason"])

        return self.act(pk, REASON, call)

    @expose("/<pk>/refuse", methods=["POST"])
    @protect()
    @permission_name("refuse")
    def refuse(self, pk: str) -> Response:
        """Refuse the days asked for
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
              description: The extension, refused
        """

        def call(session: Session, key: int, values: dict[str, Any]) -> None:
            extensions.refuse(session, key, by=current_actor(), because=values["reason"])

        return self.act(pk, REASON, call)
