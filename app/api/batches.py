"""Danh sách chi trả by REST. Their lines are in `batch_lines`, their packets in `packets`; the rules are services."""

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
from app.api.work import work_members
from app.errors import NotFound, RuleBroken
from app.extensions import current_actor, db, transaction
from app.models import BATCH_KINDS, Area, Packet, PayoutBatch
from app.screens.interface import SafeInterface
from app.services import packets, periods
from app.services.batches import approval, browsing, making, previewing


class NothingSent(RuleBroken):
    """Danh sách này chưa có gói tin nào để đề nghị từ chối."""


MAKE = {
    "area_code": Member(reading.text(20, required=True), required=True),
    "month": Member(reading.month, required=True),
    "kind": Member(reading.choice(*BATCH_KINDS, required=True)),
    "together": Member(reading.flag),
}


class PayoutBatchesApi(Resource):
    """Danh sách chi trả: made, made again, approved, opened again, sent, asked back, cancelled, closed by itself."""

    resource_name = "payout_batches"
    include_route_methods = {
        "get_list", "get", "post", "remake", "cancel", "lock", "unlock", "send", "recall", "close", "open",
    }  # fmt: skip
    datamodel = SafeInterface(PayoutBatch)
    list_columns = [
        "id", "code", "area.code", "area.full_name", "period_id", "period.month", "kind", "agency.code", "seq", "state",
        "version", "made_by", "made_at", "locked_by", "locked_at", "people_count", "line_count", "total_vnd",
        "closed_by", "closed_at",
    ]  # fmt: skip
    show_columns = [
        *list_columns, "return_reason", "benefit_vnd", "arrears_vnd", "carried_vnd", "withheld_vnd", "lines_sha256",
    ]  # fmt: skip
    search_columns = ["code", "area", "period", "kind", "agency", "state", "line_count", "total_vnd"]
    order_columns = ["id", "code", "state", "made_at", "total_vnd", "line_count"]

    def described(self, item: PayoutBatch) -> dict[str, Any]:
        """With how many findings and held-out lines there are; blocking ones stand in the way of approval."""
        found = browsing.counts(db.session(), item.id)
        counts = {"blocking": found.blocking, "warnings": found.warnings, "excluded": found.excluded}
        return super().described(item) | {"counts": counts}

    @expose("/", methods=["POST"])
    @protect()
    @permission_name("post")
    def post(self) -> Response:
        """Make the lists of an area and below
        ---
        post:
          requestBody:
            required: true
            content:
              application/json:
                schema:
                  type: object
                  additionalProperties: false
                  required: [area_code, month]
                  properties:
                    area_code:
                      type: string
                    month:
                      type: string
                      description: MM/YYYY or YYYY-MM
                    kind:
                      type: string
                      enum: [monthly, social_pension, funeral, supplementary]
                      default: monthly
                    together:
                      type: boolean
                      default: false
                      description: Also for the other months that the area settles at once with this one
          responses:
            202:
              description: Too many people to wait for; GET /api/v1/work/<id> says how far it is
              content:
                application/json:
                  schema:
                    $ref: '#/components/schemas/Work'
            201:
              description: The lists made, and the areas left out with the reason of each
              content:
                application/json:
                  schema:
                    type: object
                    properties:
                      ids:
                        type: array
                        items:
                          type: integer
                      left_out:
                        type: array
                        items:
                          type: object
                          properties:
                            area:
                              type: string
                            detail:
                              type: string
        """
        values = reading.members(reading.body(), MAKE)
        with transaction() as session:
            area_id = session.scalar(select(Area.id).where(Area.code == values["area_code"]))
            if area_id is None:
                raise NotFound
            request = making.ListRequest(
                area_id, values["month"], values.get("kind", "monthly"), together=values.get("together", False)
            )
            if previewing.size_of(session, request).big:
                item = previewing.start_making(session, request, by=current_actor())
                return self.response(202, **work_members(item))
            made = making.make_lists(session, request, by=current_actor())
        left_out = [{"area": name, "detail": why.message} for name, why in made.left_out]
        return self.response(201, ids=made.batch_ids, left_out=left_out)

    @expose("/<pk>/remake", methods=["POST"])
    @protect()
    @permission_name("remake")
    def remake(self, pk: str) -> Response:
        """Compute a draft again from the registry as it is now; held-out lines stay out
        ---
        post:
          responses:
            200:
              description: The list, made again
        """

        def call(session: Session, key: int, _values: dict[str, Any]) -> None:
            making.remake(session, key, by=current_actor())

        return self.act(pk, ANY_REASON, call)

    @expose("/<pk>/cancel", methods=["POST"])
    @protect()
    @permission_name("cancel")
    def cancel(self, pk: str) -> Response:
        """Cancel a draft made by mistake; carried money and arrears wait for the next list
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
              description: The list, cancelled
        """

        def call(session: Session, key: int, values: dict[str, Any]) -> None:
            approval.cancel(session, key, by=current_actor(), because=values["reason"])

        return self.act(pk, REASON, call)

    @expose("/<pk>/lock", methods=["POST"])
    @protect()
    @permission_name("lock")
    def lock(self, pk: str) -> Response:
        """Approve a list one has not made
        ---
        post:
          responses:
            200:
              description: The list, approved
        """

        def call(session: Session, key: int, _values: dict[str, Any]) -> None:
            approval.lock(session, key, by=current_actor())

        return self.act(pk, ANY_REASON, call)

    @expose("/<pk>/unlock", methods=["POST"])
    @protect()
    @permission_name("unlock")
    def unlock(self, pk: str) -> Response:
        """Open a list again that was not sent, or was returned
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
              description: The list, a draft again
        """

        def call(session: Session, key: int, values: dict[str, Any]) -> None:
            approval.unlock(session, key, by=current_actor(), because=values["reason"])

        return self.act(pk, REASON, call)

    @expose("/<pk>/send", methods=["POST"])
    @protect()
    @permission_name("send")
    def send(self, pk: str) -> Response:
        """Queue the packet of an approved list, with the lists of the months settled at once with it
        ---
        post:
          responses:
            200:
              description: The list, whose packet now waits for the scheduler
        """

        def call(session: Session, key: int, _values: dict[str, Any]) -> None:
            packets.queue(session, key, by=current_actor())

        return self.act(pk, ANY_REASON, call)

    @expose("/<pk>/recall", methods=["POST"])
    @protect()
    @permission_name("recall")
    def recall(self, pk: str) -> Response:
        """Ask the agency to reject the last packet of a list; one that still waits is withdrawn
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
              description: The list; the agency's decision comes later
        """

        def call(session: Session, key: int, values: dict[str, Any]) -> None:
            newest = select(Packet.id).where(Packet.batch_id == key).order_by(Packet.version.desc()).limit(1)
            packet_id = session.scalar(newest)
            if packet_id is None:
                raise NothingSent
            packets.ask_recall(session, packet_id, by=current_actor(), because=values["reason"])

        return self.act(pk, REASON, call)

    @expose("/<pk>/close", methods=["POST"])
    @protect()
    @permission_name("close")
    def close(self, pk: str) -> Response:
        """Close one settled list, and those settled at once with it; the last list closes its period
        ---
        post:
          responses:
            200:
              description: The list, closed; its settlement cannot be reopened
        """

        def call(session: Session, key: int, _values: dict[str, Any]) -> None:
            periods.close_list(session, key, by=current_actor())

        return self.act(pk, ANY_REASON, call)

    @expose("/<pk>/open", methods=["POST"])
    @protect()
    @permission_name("open")
    def open(self, pk: str) -> Response:
        """Open a closed list again, and its period; refused once a later list is approved
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
              description: The list, whose settlement can be reopened
        """

        def call(session: Session, key: int, values: dict[str, Any]) -> None:
            periods.open_list(session, key, by=current_actor(), because=values["reason"])

        return self.act(pk, REASON, call)
