"""Areas, lists with their actions, packets. People are in `people`, what comes back from agencies in `settling`."""

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
from app.extensions import current_actor, transaction
from app.models import BATCH_KINDS, Area, Packet, PayoutBatch
from app.screens.interface import SafeInterface
from app.services import packets
from app.services.batches import approval, making, previewing


class NothingSent(RuleBroken):
    """Danh sách này chưa có gói tin nào để đề nghị từ chối."""


MAKE = {
    "area_code": Member(reading.text(20, required=True), required=True),
    "month": Member(reading.month, required=True),
    "kind": Member(reading.choice(*BATCH_KINDS, required=True)),
    "together": Member(reading.flag),
}


class AreasApi(Resource):
    """The tree of areas: one's own, those below and those above."""

    resource_name = "areas"
    datamodel = SafeInterface(Area)
    list_columns = [
        "id", "code", "path", "level", "parent.code", "kind", "name", "full_name", "full_name_en", "valid_from", "valid_to",
    ]  # fmt: skip
    show_columns = list_columns
    search_columns = ["code", "name_fold", "level", "path"]
    order_columns = ["id", "code", "path"]


class PayoutBatchesApi(Resource):
    """Danh sách chi trả: made, approved, opened again, sent, asked back."""

    resource_name = "payout_batches"
    include_route_methods = {"get_list", "get", "post", "lock", "unlock", "send", "recall"}
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
        """Queue the packet of an approved list
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


class PacketsApi(Resource):
    """Gói tin: what was sent of a list, version by version."""

    resource_name = "packets"
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
