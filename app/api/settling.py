"""Settlements with their records: read, locked, reopened, extended. Lines are in `settlement_lines`; no rule of its own."""

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
from app.api.settlement_lines import SettlementLines
from app.errors import RuleBroken
from app.extensions import current_actor, db, transaction
from app.models import DeadlineExtension, Settlement, SettlementRecord
from app.rules import deadlines
from app.screens.interface import SafeInterface
from app.services import extensions
from app.services.settlements import arithmetic, collecting, holding, locking, reopening
from app.services.settlements.arithmetic import Figures

EXTEND = {
    "days": Member(reading.whole(1, deadlines.MAX_EXTENSION_DAYS_TOTAL), required=True),
    "reason": Member(reading.text(1_000, multiline=True, required=True), required=True),
    "asked_by": Member(reading.text(120)),
}


class AlreadyAsked(RuleBroken):
    """Đề nghị gia hạn này đã được nhập và đang chờ quyết định."""


class SettlementsApi(SettlementLines):
    """Quyết toán: what the agency reported of a packet; locked by the accountant, extended by a supervisor."""

    resource_name = "settlements"
    include_route_methods = {
        "get_list", "get", "lines", "minutes", "decide", "decide_missing", "lock", "reopen", "let_through", "decline", "extend",
    }  # fmt: skip
    datamodel = SafeInterface(Settlement)
    list_columns = [
        "id", "area_path", "packet_id", "packet.code", "batch_id", "batch.code", "agency.code", "period_id", "period.month",
        "state", "due_on", "sent_count", "sent_vnd", "parts_expected", "parts_received", "last_message_at", "locked_by",
        "locked_at", "paid_count", "paid_vnd", "unpaid_count", "unpaid_vnd", "recover_count", "recover_vnd", "fee_vnd",
    ]  # fmt: skip
    show_columns = list_columns
    search_columns = ["area_path", "packet", "batch", "agency", "period", "state", "due_on"]
    order_columns = ["id", "state", "due_on", "sent_vnd"]

    def described(self, item: Settlement) -> dict[str, Any]:
        """With the figures as they stand now, the deadline with its extensions, and how many messages came after it."""
        session = db.session()
        figures = arithmetic.figures(session, item.id)
        stands = {
            "figures": figures_shown(figures),
            "collected": [collected_shown(one) for one in collecting.of_settlements(session, [item.id])],
            "extended_due_on": extensions.due_on(session, item.id).isoformat(),
            "held_count": holding.count(session, item.id),
        }
        return super().described(item) | stands

    @expose("/<pk>/lock", methods=["POST"])
    @protect()
    @permission_name("lock")
    def lock(self, pk: str) -> Response:
        """Lock a settlement that ties out; line results and the journal are written with it
        ---
        post:
          responses:
            200:
              description: The settlement, locked; only a supervisor can reopen it
        """

        def call(session: Session, key: int, _values: dict[str, Any]) -> None:
            locking.lock(session, key, by=current_actor())

        return self.act(pk, ANY_REASON, call)

    @expose("/<pk>/reopen", methods=["POST"])
    @protect()
    @permission_name("reopen")
    def reopen(self, pk: str) -> Response:
        """Take a locked settlement back by reversing entries, with a reason
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
              description: The settlement, its lines waiting for a result again
        """

        def call(session: Session, key: int, values: dict[str, Any]) -> None:
            reopening.reopen(session, key, by=current_actor(), because=values["reason"])

        return self.act(pk, REASON, call)

    @expose("/<pk>/let_through", methods=["POST"])
    @protect()
    @permission_name("let_through")
    def let_through(self, pk: str) -> Response:
        """Apply the messages that came after the deadline all the same
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
              description: The settlement; the scheduler applies the messages at once
        """

        def call(session: Session, key: int, values: dict[str, Any]) -> None:
            holding.let_through(session, key, by=current_actor(), because=values["reason"])

        return self.act(pk, REASON, call)

    @expose("/<pk>/decline", methods=["POST"])
    @protect()
    @permission_name("decline")
    def decline(self, pk: str) -> Response:
        """Leave the messages that came after the deadline out for good
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
              description: The settlement, without them
        """

        def call(session: Session, key: int, values: dict[str, Any]) -> None:
            holding.decline(session, key, by=current_actor(), because=values["reason"])

        return self.act(pk, REASON, call)

    @expose("/<pk>/extend", methods=["POST"])
    @protect()
    @permission_name("extend")
    def extend(self, pk: str) -> Response:
        """Ask for more days, for a supervisor to decide; fewer than 20 in all
        ---
        post:
          requestBody:
            required: true
            content:
              application/json:
                schema:
                  type: object
                  additionalProperties: false
                  required: [days, reason]
                  properties:
                    days:
                      type: integer
                      minimum: 1
                      maximum: 19
                    reason:
                      type: string
                    asked_by:
                      type: string
                      description: Who wants it; the caller when left out
          responses:
            201:
              description: The request
              content:
                application/json:
                  schema:
                    type: object
                    properties:
                      id:
                        type: integer
                        description: Of the extension, to be granted or refused
        """
        key = self.found(pk).id
        values = reading.members(reading.body(), EXTEND)
        actor = current_actor()
        with transaction() as session:
            _refuse_repetition(session, key, values)
            asked = extensions.ask(
                session,
                key,
                days=values["days"],
                reason=values["reason"],
                asked_by=values.get("asked_by") or actor.full_name,
                by=actor,
            )
            extension_id = asked.id
        return self.response(201, id=extension_id, settlement_id=key, state="asked")


class SettlementRecordsApi(Resource):
    """What was made of all the agency said about each line. Names are read from the registry, by code."""

    resource_name = "settlement_records"
    datamodel = SafeInterface(SettlementRecord)
    list_columns = [
        "id", "settlement_id", "line_id", "line.no", "line.beneficiary_code", "line.total_vnd", "reference", "outcome",
        "amount_vnd", "reason_code", "finding", "decided_outcome",
    ]  # fmt: skip
    show_columns = [*list_columns, "decided_reason", "decided_by", "decided_at"]
    search_columns = ["area_path", "settlement", "reference", "outcome", "finding", "decided_outcome", "reason_code"]
    order_columns = ["id", "reference", "amount_vnd"]
    personal = "API settlement_records"


def figures_shown(figures: Figures) -> dict[str, Any]:
    """The figures of a settlement as members; `problems` says in words why it cannot be locked."""
    names = ("sent", "paid", "unpaid", "stopped", "to_recover", "pending", "disputed", "foreign")
    tallies = {name: getattr(figures, name) for name in names}
    shown: dict[str, Any] = {name: {"people": tally.people, "vnd": tally.vnd} for name, tally in tallies.items()}
    return shown | {"ties_out": figures.ties_out, "problems": list(figures.problems)}


def collected_shown(one: collecting.Receipt) -> dict[str, Any]:
    """Cash of a recovery that the agency took back; `standing` says whether the lock counts it, or why not."""
    return {
        "receipt": one.receipt,
        "reference": one.reference,
        "amount_vnd": one.amount_vnd,
        "standing": one.standing,
        "recovery_id": one.recovery_id,
    }


def _refuse_repetition(session: Session, settlement_id: int, values: dict[str, Any]) -> None:
    """The same request again while the first waits is a repetition; the settlement's row makes two at once queue."""
    session.execute(select(Settlement.id).where(Settlement.id == settlement_id).with_for_update())
    same = select(DeadlineExtension.id).where(
        DeadlineExtension.settlement_id == settlement_id,
        DeadlineExtension.state == "asked",
        DeadlineExtension.days == values["days"],
        DeadlineExtension.reason == values["reason"],
        DeadlineExtension.entered_by == current_actor().username,
    )
    if session.scalars(same).first() is not None:
        raise AlreadyAsked
