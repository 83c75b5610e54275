"""Truy lĩnh: what is owed, and the proposals it comes from. The rules are services."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_appbuilder.api import expose, protect
from flask_appbuilder.security.decorators import permission_name
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.api import reading
from app.api.reading import ANY_REASON, REASON, Member
from app.api.resource import Resource
from app.errors import NotFound
from app.extensions import current_actor, transaction
from app.models import Area, Arrears, ArrearsProposal
from app.screens.interface import SafeInterface
from app.services.arrears import deciding, proposing
from app.services.arrears.proposing import MOST_VND, HandEntry, RiseRequest

_REASON = Member(reading.text(1_000, multiline=True, required=True), required=True)
_MONTH = Member(reading.month, required=True)
RISE = {
    "area_code": Member(reading.text(20, required=True), required=True),
    "from_month": _MONTH,
    "to_month": _MONTH,
    "due_month": _MONTH,
    "reason": _REASON,
    "decision_no": Member(reading.text(120)),
}
HAND = {
    "entitlement_id": Member(reading.whole(1, 2**62), required=True),
    "for_month": _MONTH,
    "due_month": _MONTH,
    "amount_vnd": Member(reading.whole(1, MOST_VND), required=True),
    "reason": _REASON,
    "decision_no": Member(reading.text(120, required=True), required=True),
}


class ArrearsApi(Resource):
    """Truy lĩnh that was approved: paid by the line of `line_id`, owed where that is empty."""

    resource_name = "arrears"
    datamodel = SafeInterface(Arrears)
    list_columns = [
        "id", "area_path", "entitlement_id", "for_month", "due_month", "amount_vnd", "reason", "decision_no", "line_id",
    ]  # fmt: skip
    show_columns = list_columns
    search_columns = ["area_path", "entitlement", "for_month", "due_month", "line_id"]
    order_columns = ["id", "for_month", "amount_vnd"]


class ArrearsProposalsApi(Resource):
    """Đề nghị truy lĩnh: made by a clerk, approved by a supervisor who did not make them."""

    resource_name = "arrears_proposals"
    include_route_methods = {"get_list", "get", "post", "enter", "approve", "reject", "withdraw", "revoke"}
    datamodel = SafeInterface(ArrearsProposal)
    list_columns = [
        "id", "area_path", "area.code", "cause", "state", "from_month", "to_month", "due_month", "reason", "decision_no",
        "people_count", "line_count", "excluded_count", "total_vnd", "made_by", "made_at", "decided_by", "decided_at",
        "decision_note",
    ]  # fmt: skip
    show_columns = list_columns
    search_columns = ["area_path", "area", "cause", "state", "due_month", "made_at"]
    order_columns = ["id", "state", "due_month", "total_vnd", "made_at"]

    @expose("/", methods=["POST"])
    @protect()
    @permission_name("post")
    def post(self) -> Response:
        """Compute what a rise that applies back owes in an area and below
        ---
        post:
          requestBody:
            required: true
            content:
              application/json:
                schema:
                  type: object
                  additionalProperties: false
                  required: [area_code, from_month, to_month, due_month, reason]
                  properties:
                    area_code:
                      type: string
                    from_month:
                      type: string
                      description: MM/YYYY or YYYY-MM
                    to_month:
                      type: string
                    due_month:
                      type: string
                      description: The list of this month, or the next made, pays it
                    reason:
                      type: string
                    decision_no:
                      type: string
          responses:
            201:
              description: The proposal, for a supervisor to approve
        """
        values = reading.members(reading.body(), RISE)
        code = values.pop("area_code")
        with transaction() as session:
            area_id = session.scalar(select(Area.id).where(Area.code == code))
            if area_id is None:
                raise NotFound
            key = proposing.propose_rise(session, RiseRequest(area_id, **values), by=current_actor()).id
        return self.response(201, **self.described(self.found(str(key))))

    @expose("/by_hand", methods=["POST"])
    @protect()
    @permission_name("enter")
    def enter(self) -> Response:
        """Enter an amount for one entitlement and month
        ---
        post:
          requestBody:
            required: true
            content:
              application/json:
                schema:
                  type: object
                  additionalProperties: false
                  required: [entitlement_id, for_month, due_month, amount_vnd, reason, decision_no]
                  properties:
                    entitlement_id:
                      type: integer
                    for_month:
                      type: string
                    due_month:
                      type: string
                    amount_vnd:
                      type: integer
                    reason:
                      type: string
                    decision_no:
                      type: string
          responses:
            201:
              description: The proposal of one line, for a supervisor to approve
        """
        values = reading.members(reading.body(), HAND)
        with transaction() as session:
            key = proposing.enter(session, HandEntry(**values), by=current_actor()).id
        return self.response(201, **self.described(self.found(str(key))))

    @expose("/<pk>/approve", methods=["POST"])
    @protect()
    @permission_name("approve")
    def approve(self, pk: str) -> Response:
        """Approve a proposal one has not made; the next lists take it
        ---
        post:
          responses:
            200:
              description: The proposal, approved
        """

        def call(session: Session, key: int, values: dict[str, Any]) -> None:
            deciding.approve(session, key, by=current_actor(), note=values.get("reason"))

        return self.act(pk, ANY_REASON, call)

    @expose("/<pk>/reject", methods=["POST"])
    @protect()
    @permission_name("reject")
    def reject(self, pk: str) -> Response:
        """Reject a proposal
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
              description: The proposal, rejected
        """

        def call(session: Session, key: int, values: dict[str, Any]) -> None:
            deciding.reject(session, key, by=current_actor(), because=values["reason"])

        return self.act(pk, REASON, call)

    @expose("/<pk>/withdraw", methods=["POST"])
    @protect()
    @permission_name("withdraw")
    def withdraw(self, pk: str) -> Response:
        """Withdraw a proposal nobody has decided
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
              description: The proposal, withdrawn
        """

        def call(session: Session, key: int, values: dict[str, Any]) -> None:
            deciding.withdraw(session, key, by=current_actor(), because=values["reason"])

        return self.act(pk, REASON, call)

    @expose("/<pk>/revoke", methods=["POST"])
    @protect()
    @permission_name("revoke")
    def revoke(self, pk: str) -> Response:
        """Take an approval back while no list has taken any of it
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
              description: The proposal, withdrawn
        """

        def call(session: Session, key: int, values: dict[str, Any]) -> None:
            deciding.revoke(session, key, by=current_actor(), because=values["reason"])

        return self.act(pk, REASON, call)
