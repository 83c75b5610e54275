"""Tạm dừng chi trả by REST: proposed, decided, its end asked for and decided. The rules are services."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_appbuilder.api import expose, protect
from flask_appbuilder.security.decorators import permission_name
from sqlalchemy.orm import Session

from app.api import reading
from app.api.reading import ANY_REASON, MOST_REASON, REASON, Member
from app.api.resource import Resource
from app.extensions import current_actor
from app.models import Suspension
from app.screens.interface import SafeInterface
from app.services import suspensions

_WHY = Member(reading.text(MOST_REASON, multiline=True, required=True), required=True)
PROPOSE = {"beneficiary_id": Member(reading.whole(1, 2**62), required=True), "reason": _WHY}
ASK_RESUME = {"reason": _WHY, "with_arrears": Member(reading.flag, required=True)}


class SuspensionsApi(Resource):
    """People unpaid for three periods; whoever decides is not who asked."""

    resource_name = "suspensions"
    include_route_methods = {"get_list", "get", "post", "suspend", "refuse", "ask_resume", "resume", "keep"}
    datamodel = SafeInterface(Suspension)
    list_columns = [
        "id", "area_path", "beneficiary_id", "beneficiary.code", "state", "unpaid_periods", "reason", "proposed_by",
        "proposed_at", "from_month", "decided_by", "decided_at", "decision_note", "resume_reason", "resume_asked_by",
        "with_arrears", "resumed_at", "proposal_id",
    ]  # fmt: skip
    show_columns = list_columns
    search_columns = ["area_path", "beneficiary", "state", "proposed_at", "from_month"]
    order_columns = ["id", "state", "proposed_at"]

    @expose("/", methods=["POST"])
    @protect()
    @permission_name("post")
    def post(self) -> Response:
        """Propose to suspend somebody who was unpaid for three periods in a row
        ---
        post:
          requestBody:
            required: true
            content:
              application/json:
                schema:
                  type: object
                  additionalProperties: false
                  required: [beneficiary_id, reason]
                  properties:
                    beneficiary_id:
                      type: integer
                    reason:
                      type: string
          responses:
            201:
              description: The proposal, for a supervisor to decide
        """

        def call(session: Session, values: dict[str, Any]) -> int:
            person, why = values["beneficiary_id"], values["reason"]
            return suspensions.propose(session, person, by=current_actor(), because=why).id

        return self.make(PROPOSE, call)

    @expose("/<pk>/suspend", methods=["POST"])
    @protect()
    @permission_name("suspend")
    def suspend(self, pk: str) -> Response:
        """Suspend; lists made from now on do not hold the person
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
              description: The suspension
        """

        def call(session: Session, key: int, values: dict[str, Any]) -> None:
            suspensions.suspend(session, key, by=current_actor(), because=values["reason"])

        return self.act(pk, REASON, call)

    @expose("/<pk>/refuse", methods=["POST"])
    @protect()
    @permission_name("refuse")
    def refuse(self, pk: str) -> Response:
        """Do not suspend
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
              description: The proposal, refused
        """

        def call(session: Session, key: int, values: dict[str, Any]) -> None:
            suspensions.refuse(session, key, by=current_actor(), because=values["reason"])

        return self.act(pk, REASON, call)

    @expose("/<pk>/ask_resume", methods=["POST"])
    @protect()
    @permission_name("ask_resume")
    def ask_resume(self, pk: str) -> Response:
        """Ask for the end of a suspension, with or without the months missed
        ---
        post:
          requestBody:
            required: true
            content:
              application/json:
                schema:
                  type: object
                  additionalProperties: false
                  required: [reason, with_arrears]
                  properties:
                    reason:
                      type: string
                    with_arrears:
                      type: boolean
                      description: The months missed become a proposal of arrears when the person is resumed
          responses:
            200:
              description: The suspension, whose end a supervisor decides
        """

        def call(session: Session, key: int, values: dict[str, Any]) -> None:
            suspensions.ask_resume(
                session, key, by=current_actor(), because=values["reason"], with_arrears=values["with_arrears"]
            )

        return self.act(pk, ASK_RESUME, call)

    @expose("/<pk>/resume", methods=["POST"])
    @protect()
    @permission_name("resume")
    def resume(self, pk: str) -> Response:
        """Let the person be paid again; `proposal_id` is the proposal of arrears where one was asked for
        ---
        post:
          responses:
            200:
              description: The suspension, ended
        """

        def call(session: Session, key: int, values: dict[str, Any]) -> None:
            suspensions.resume(session, key, by=current_actor(), note=values.get("reason"))

        return self.act(pk, ANY_REASON, call)

    @expose("/<pk>/keep", methods=["POST"])
    @protect()
    @permission_name("keep")
    def keep(self, pk: str) -> Response:
        """Keep the person suspended although the end was asked for
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
              description: The suspension, as before
        """

        def call(session: Session, key: int, values: dict[str, Any]) -> None:
            suspensions.keep(session, key, by=current_actor(), because=values["reason"])

        return self.act(pk, REASON, call)
