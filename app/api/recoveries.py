"""Truy thu: recoveries with their figures; proposed, decided, paid back and written off. The rules are services."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_appbuilder.api import expose, protect
from flask_appbuilder.security.decorators import permission_name
from sqlalchemy.orm import Session

from app.api import reading
from app.api.reading import REASON, Member
from app.api.resource import Resource
from app.extensions import current_actor, db, transaction
from app.models import Beneficiary, Recovery
from app.rules import dates
from app.screens.interface import SafeInterface
from app.services.recoveries import figures, opening, returning
from app.services.recoveries.opening import LONGEST_REASON, Proposal

MOST_VND = 10**15 - 1

_amount = reading.whole(1, MOST_VND)


def _amount_or_none(value: Any) -> int | None:
    return None if value is None else _amount(value)


_MONTH = Member(reading.month, required=True)
PROPOSE = {
    "beneficiary_id": Member(reading.whole(1, 2**62), required=True),
    "first_month": _MONTH,
    "last_month": _MONTH,
    "reason": Member(reading.text(LONGEST_REASON, multiline=True, required=True), required=True),
    "amount_vnd": Member(reading.whole(1, MOST_VND)),
    "instalment_vnd": Member(reading.whole(1, MOST_VND)),
    "decision_no": Member(reading.text(120)),
    "decided_on": Member(reading.by_rule(dates.parse_date)),
}
APPROVE = {name: PROPOSE[name] for name in ("instalment_vnd", "decision_no", "decided_on")}
CASH = {
    "amount_vnd": Member(reading.whole(1, MOST_VND), required=True),
    "reference": Member(reading.text(returning.LONGEST_REFERENCE, required=True), required=True),
    "note": Member(reading.text(250)),
}


INSTALMENT = {"instalment_vnd": Member(_amount_or_none, required=True)}


class RecoveriesApi(Resource):
    """Danh sách truy thu: what must come back, with what did."""

    resource_name = "recoveries"
    include_route_methods = {
        "get_list", "get", "post", "approve", "refuse", "cash", "instalment", "withdraw", "write_off",
    }  # fmt: skip
    datamodel = SafeInterface(Recovery)
    list_columns = [
        "id", "area_path", "beneficiary_id", "beneficiary.code", "line_id", "state", "source", "reason", "amount_vnd",
        "instalment_vnd", "decision_no", "decided_on", "entered_by", "opened_at", "decided_by", "decided_at", "closed_at",
    ]  # fmt: skip
    show_columns = list_columns
    search_columns = ["area_path", "beneficiary", "state", "source", "opened_at"]
    order_columns = ["id", "state", "amount_vnd", "opened_at"]

    def described(self, item: Recovery) -> dict[str, Any]:
        """With the figures as they stand now."""
        at = figures.figures(db.session(), item.id)
        stands = {
            "recovered_vnd": at.recovered_vnd,
            "written_off_vnd": at.written_off_vnd,
            "waiting_vnd": at.waiting_vnd,
            "remaining_vnd": at.remaining_vnd,
        }
        return super().described(item) | {"figures": stands}

    @expose("/", methods=["POST"])
    @protect()
    @permission_name("post")
    def post(self) -> Response:
        """Propose that money paid to a person in some months must come back
        ---
        post:
          requestBody:
            required: true
            content:
              application/json:
                schema:
                  type: object
                  additionalProperties: false
                  required: [beneficiary_id, first_month, last_month, reason]
                  properties:
                    beneficiary_id:
                      type: integer
                    first_month:
                      type: string
                      description: MM/YYYY or YYYY-MM
                    last_month:
                      type: string
                    reason:
                      type: string
                    amount_vnd:
                      type: integer
                      description: All that was paid in these months when left out
                    instalment_vnd:
                      type: integer
                      description: Most that one period withholds
                    decision_no:
                      type: string
                    decided_on:
                      type: string
                      description: dd/mm/yyyy or yyyy-mm-dd
          responses:
            201:
              description: The proposal, for a supervisor to decide
        """
        wanted = Proposal(**reading.members(reading.body(), PROPOSE))
        with transaction() as session:
            if session.get(Beneficiary, wanted.beneficiary_id) is None:
                raise opening.NothingPaid
            key = opening.propose(session, wanted, by=current_actor()).id
        return self.response(201, **self.described(self.found(str(key))))

    @expose("/<pk>/approve", methods=["POST"])
    @protect()
    @permission_name("approve")
    def approve(self, pk: str) -> Response:
        """Approve a proposal one has not made; lists made from now on withhold it
        ---
        post:
          requestBody:
            content:
              application/json:
                schema:
                  type: object
                  additionalProperties: false
                  properties:
                    instalment_vnd:
                      type: integer
                    decision_no:
                      type: string
                    decided_on:
                      type: string
                      description: dd/mm/yyyy or yyyy-mm-dd
          responses:
            200:
              description: The recovery, open
        """

        def call(session: Session, key: int, values: dict[str, Any]) -> None:
            opening.approve(session, key, by=current_actor(), **values)

        return self.act(pk, APPROVE, call)

    @expose("/<pk>/refuse", methods=["POST"])
    @protect()
    @permission_name("refuse")
    def refuse(self, pk: str) -> Response:
        """Refuse a proposal, with a reason
        ---
        post:
          requestBody:
            required: true
            content:
              application/json:
                schema:
                  type: object
                  additionalProperties: false
                  required: [reason]
                  properties:
                    reason:
                      type: string
          responses:
            200:
              description: The recovery, withdrawn
        """

        def call(session: Session, key: int, values: dict[str, Any]) -> None:
            opening.refuse(session, key, by=current_actor(), because=values["reason"])

        return self.act(pk, REASON, call)

    @expose("/<pk>/cash", methods=["POST"])
    @protect()
    @permission_name("cash")
    def cash(self, pk: str) -> Response:
        """Record money brought back in cash through the agency
        ---
        post:
          requestBody:
            required: true
            content:
              application/json:
                schema:
                  type: object
                  additionalProperties: false
                  required: [amount_vnd, reference]
                  properties:
                    amount_vnd:
                      type: integer
                    reference:
                      type: string
                      description: Number of the receipt
                    note:
                      type: string
          responses:
            200:
              description: The recovery, closed when it was the last đồng
        """

        def call(session: Session, key: int, values: dict[str, Any]) -> None:
            amount = values.pop("amount_vnd")
            returning.pay_cash(session, key, amount, by=current_actor(), **values)

        return self.act(pk, CASH, call)

    @expose("/<pk>/instalment", methods=["POST"])
    @protect()
    @permission_name("instalment")
    def instalment(self, pk: str) -> Response:
        """Say how much the lists of one period may withhold at most
        ---
        post:
          requestBody:
            required: true
            content:
              application/json:
                schema:
                  type: object
                  additionalProperties: false
                  required: [instalment_vnd]
                  properties:
                    instalment_vnd:
                      type: integer
                      nullable: true
                      description: null leaves only the share of a line
          responses:
            200:
              description: The recovery; lists made from now on obey it
        """

        def call(session: Session, key: int, values: dict[str, Any]) -> None:
            returning.set_instalment(session, key, values["instalment_vnd"], by=current_actor())

        return self.act(pk, INSTALMENT, call)

    @expose("/<pk>/withdraw", methods=["POST"])
    @protect()
    @permission_name("withdraw")
    def withdraw(self, pk: str) -> Response:
        """Take an approved recovery back of which nothing has come back, with a reason
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
              description: The recovery, withdrawn
        """

        def call(session: Session, key: int, values: dict[str, Any]) -> None:
            opening.withdraw(session, key, by=current_actor(), because=values["reason"])

        return self.act(pk, REASON, call)

    @expose("/<pk>/write_off", methods=["POST"])
    @protect()
    @permission_name("write_off")
    def write_off(self, pk: str) -> Response:
        """Write off what no list is withholding, with a reason
        ---
        post:
          requestBody:
            required: true
            content:
              application/json:
                schema:
                  type: object
                  additionalProperties: false
                  required: [reason]
                  properties:
                    reason:
                      type: string
          responses:
            200:
              description: The recovery
        """

        def call(session: Session, key: int, values: dict[str, Any]) -> None:
            returning.write_off(session, key, because=values["reason"], by=current_actor())

        return self.act(pk, REASON, call)
