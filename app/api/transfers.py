"""Chuyển tiền by REST: documents of money handed to agencies or given back. The rules are services."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_appbuilder.api import expose, protect
from flask_appbuilder.security.decorators import permission_name
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.api import reading
from app.api.people import UnknownArea
from app.api.reading import ANY_REASON, REASON, Member
from app.api.resource import Resource
from app.errors import BadInput
from app.extensions import current_actor, db
from app.models import Agency, AgencyTransfer, Area
from app.rules import dates, money
from app.screens.interface import SafeInterface
from app.services import transfers
from app.services.transfers import Document

_DAY = reading.by_rule(dates.parse_date, required=True)
ENTER = {
    "agency_code": Member(reading.text(20, required=True), required=True),
    "area_code": Member(reading.text(20, required=True), required=True),
    "month": Member(reading.month, required=True),
    "kind": Member(reading.choice("transfer", "return", required=True), required=True),
    "amount_vnd": Member(reading.whole(1, money.MAX_VND), required=True),
    "treasury_ref": Member(reading.text(transfers.LONGEST_REFERENCE, required=True), required=True),
    "transferred_on": Member(_DAY, required=True),
}
CORRECT = {
    "right_vnd": Member(reading.whole(0, money.MAX_VND), required=True),
    "month": Member(reading.month, required=True),
    "reason": Member(reading.text(transfers.LONGEST_REASON, multiline=True, required=True), required=True),
}


class UnknownAgency(BadInput):
    """Không có đơn vị chi trả nào mang mã này."""


class TransfersApi(Resource):
    """A document counts once a supervisor approves it; a correction is another row."""

    resource_name = "transfers"
    include_route_methods = {"get_list", "get", "post", "approve", "refuse", "correct"}
    datamodel = SafeInterface(AgencyTransfer)
    list_columns = [
        "id", "area_path", "area.code", "agency.code", "period.month", "kind", "amount_vnd", "treasury_ref",
        "transferred_on", "state", "corrects_id", "reason", "entered_by", "entered_at", "decided_by", "decided_at",
        "decision_note",
    ]  # fmt: skip
    show_columns = list_columns
    search_columns = ["area_path", "area", "agency", "period", "kind", "state", "treasury_ref", "transferred_on"]
    order_columns = ["id", "transferred_on", "amount_vnd", "state"]

    def described(self, item: AgencyTransfer) -> dict[str, Any]:
        """With what the document counts with its approved corrections, once it is approved itself."""
        original = item.corrects_id is None and item.state == "approved"
        counted = transfers.counted(db.session(), item) if original else None
        return super().described(item) | {"counted_vnd": counted}

    @expose("/", methods=["POST"])
    @protect()
    @permission_name("post")
    def post(self) -> Response:
        """Enter a document of the treasury or the bank, for a supervisor to approve
        ---
        post:
          requestBody:
            required: true
            content:
              application/json:
                schema:
                  type: object
                  additionalProperties: false
                  required: [agency_code, area_code, month, kind, amount_vnd, treasury_ref, transferred_on]
                  properties:
                    agency_code:
                      type: string
                    area_code:
                      type: string
                      description: Whose account; a commune, or a province that transfers for its communes
                    month:
                      type: string
                      description: MM/YYYY or YYYY-MM, the period it is for
                    kind:
                      type: string
                      enum: [transfer, return]
                    amount_vnd:
                      type: integer
                    treasury_ref:
                      type: string
                    transferred_on:
                      type: string
                      description: dd/mm/yyyy or yyyy-mm-dd
          responses:
            201:
              description: The document, which counts for nothing yet
        """

        def call(session: Session, values: dict[str, Any]) -> int:
            agency_id = session.scalar(select(Agency.id).where(Agency.code == values.pop("agency_code")))
            if agency_id is None:
                raise UnknownAgency(field="agency_code")
            area_id = session.scalar(select(Area.id).where(Area.code == values.pop("area_code")))
            if area_id is None:
                raise UnknownArea(field="area_code")
            return transfers.enter(session, Document(agency_id, area_id, **values), by=current_actor()).id

        return self.make(ENTER, call)

    @expose("/<pk>/approve", methods=["POST"])
    @protect()
    @permission_name("approve")
    def approve(self, pk: str) -> Response:
        """Approve a document one has not entered; the balance counts it
        ---
        post:
          responses:
            200:
              description: The document, approved
        """

        def call(session: Session, key: int, _values: dict[str, Any]) -> None:
            transfers.approve(session, key, by=current_actor())

        return self.act(pk, ANY_REASON, call)

    @expose("/<pk>/refuse", methods=["POST"])
    @protect()
    @permission_name("refuse")
    def refuse(self, pk: str) -> Response:
        """Refuse a document one has not entered; it never counts
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
              description: The document, refused
        """

        def call(session: Session, key: int, values: dict[str, Any]) -> None:
            transfers.refuse(session, key, by=current_actor(), because=values["reason"])

        return self.act(pk, REASON, call)

    @expose("/<pk>/correct", methods=["POST"])
    @protect()
    @permission_name("correct")
    def correct(self, pk: str) -> Response:
        """Make an approved document count another amount, by a row in an open period that waits for approval
        ---
        post:
          requestBody:
            required: true
            content:
              application/json:
                schema:
                  type: object
                  additionalProperties: false
                  required: [right_vnd, month, reason]
                  properties:
                    right_vnd:
                      type: integer
                      minimum: 0
                      description: What it should count in all; 0 takes it away
                    month:
                      type: string
                      description: MM/YYYY or YYYY-MM, the open period in which it is corrected
                    reason:
                      type: string
          responses:
            201:
              description: The correction, a document of its own
        """
        key = self.found(pk).id

        def call(session: Session, values: dict[str, Any]) -> int:
            made = transfers.correct(
                session,
                key,
                values["right_vnd"],
                month=values["month"],
                by=current_actor(),
                because=values["reason"],
            )
            return made.id

        return self.make(CORRECT, call)
