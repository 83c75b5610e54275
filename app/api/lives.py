"""Cắt chết, chuyển vùng by REST: recorded and undone, asked and answered. The rules are services."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_appbuilder.api import expose, protect
from flask_appbuilder.security.decorators import permission_name
from sqlalchemy.orm import Session

from app.api import reading
from app.api.people import ENTER, commune, refuse_repetition
from app.api.reading import ANY_REASON, REASON, Member
from app.api.resource import Resource
from app.errors import BadInput
from app.extensions import current_actor, transaction
from app.models import Beneficiary, Death, Relocation
from app.rules import dates
from app.screens.interface import SafeInterface
from app.services.lives import deaths, relocating
from app.services.lives.deaths import Funeral

_KEY = Member(reading.whole(1, 2**62), required=True)
RECORD = {
    "beneficiary_id": _KEY,
    "died_on": Member(reading.by_rule(dates.parse_date, required=True), required=True),
    "note": Member(reading.text(300)),
    "organiser": Member(reading.text(100)),
    "organiser_id_number": Member(reading.text(20)),
    "organiser_phone": Member(reading.text(20)),
    "funeral_month": Member(reading.month),
    "decision_no": Member(reading.text(120)),
    "account_no": Member(reading.text(20)),
    "bank_code": Member(reading.text(20)),
}
STRANGER = {
    **{name: ENTER[name] for name in ("full_name", "birth", "area_code", "hamlet", "id_number")},
    **{name: member for name, member in RECORD.items() if name != "beneficiary_id"},
    "organiser": Member(reading.text(100, required=True), required=True),
    "funeral_month": Member(reading.month, required=True),
}
ASK = {
    "beneficiary_id": _KEY,
    "to_code": Member(reading.text(20, required=True), required=True),
    "to_hamlet": Member(reading.text(120)),
    "reason": Member(reading.text(1000, multiline=True, required=True), required=True),
}


class MonthMissing(BadInput):
    """Đề nghị mai táng phí phải có kỳ trả."""


class DeathsApi(Resource):
    """Danh sách cắt chết: deaths recorded, also those undone."""

    resource_name = "deaths"
    include_route_methods = {"get_list", "get", "post", "stranger", "undo"}
    datamodel = SafeInterface(Death)
    list_columns = [
        "id", "area_path", "beneficiary_id", "beneficiary.code", "died_on", "note", "funeral_id", "recorded_by",
        "recorded_at", "undone_by", "undone_at", "undone_reason",
    ]  # fmt: skip
    show_columns = list_columns
    search_columns = ["area_path", "beneficiary", "died_on", "recorded_at"]
    order_columns = ["id", "died_on", "recorded_at"]

    @expose("/", methods=["POST"])
    @protect()
    @permission_name("post")
    def post(self) -> Response:
        """Record a death, with who claims the funeral cost when somebody does
        ---
        post:
          requestBody:
            required: true
            content:
              application/json:
                schema:
                  type: object
                  additionalProperties: false
                  required: [beneficiary_id, died_on]
                  properties:
                    beneficiary_id:
                      type: integer
                    died_on:
                      type: string
                      description: dd/mm/yyyy or yyyy-mm-dd
                    note:
                      type: string
                    organiser:
                      type: string
                      description: Who organised the funeral and receives its cost
                    organiser_id_number:
                      type: string
                    organiser_phone:
                      type: string
                    funeral_month:
                      type: string
                      description: MM/YYYY or YYYY-MM, whose list pays it
                    decision_no:
                      type: string
                    account_no:
                      type: string
                    bank_code:
                      type: string
          responses:
            201:
              description: The death
        """
        values = reading.members(reading.body(), RECORD)
        with transaction() as session:
            made = deaths.record(
                session,
                values["beneficiary_id"],
                values["died_on"],
                by=current_actor(),
                note=values.get("note") or "",
                funeral=_funeral(values),
            )
            key = made.id
        return self.response(201, **self.described(self.found(str(key))))

    @expose("/stranger", methods=["POST"])
    @protect()
    @permission_name("stranger")
    def stranger(self) -> Response:
        """Record the death of somebody in no registry, for the funeral cost
        ---
        post:
          requestBody:
            required: true
            content:
              application/json:
                schema:
                  type: object
                  additionalProperties: false
                  required: [full_name, birth, area_code, died_on, organiser, funeral_month]
                  properties:
                    full_name:
                      type: string
                    birth:
                      type: string
                      description: dd/mm/yyyy, mm/yyyy or yyyy
                    area_code:
                      type: string
                    hamlet:
                      type: string
                    id_number:
                      type: string
                    died_on:
                      type: string
                    note:
                      type: string
                    organiser:
                      type: string
                    organiser_id_number:
                      type: string
                    organiser_phone:
                      type: string
                    funeral_month:
                      type: string
                    decision_no:
                      type: string
                    account_no:
                      type: string
                    bank_code:
                      type: string
          responses:
            201:
              description: The death; the person is in the registry as dead, with nothing but the funeral cost
        """

        def call(session: Session, values: dict[str, Any]) -> int:
            refuse_repetition(session, values)
            birth, area = values["birth"], commune(session, values["area_code"])
            funeral = _funeral(values)
            assert funeral is not None, "an organiser is demanded"
            with session.no_autoflush:
                person = Beneficiary(
                    full_name=values["full_name"],
                    birth_year=birth.year,
                    birth_month=birth.month,
                    birth_day=birth.day,
                    id_number=values.get("id_number"),
                    area=area,
                    hamlet=values.get("hamlet") or "",
                    address="",
                )
                note = values.get("note") or ""
                made = deaths.record_stranger(
                    session, person, values["died_on"], funeral, by=current_actor(), note=note
                )
            return made.id

        return self.make(STRANGER, call)

    @expose("/<pk>/undo", methods=["POST"])
    @protect()
    @permission_name("undo")
    def undo(self, pk: str) -> Response:
        """Undo a death recorded by mistake
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
              description: The death, undone
        """

        def call(session: Session, key: int, values: dict[str, Any]) -> None:
            deaths.undo(session, key, by=current_actor(), because=values["reason"])

        return self.act(pk, REASON, call)


def _funeral(values: dict[str, Any]) -> Funeral | None:
    if not values.get("organiser"):
        return None
    if values.get("funeral_month") is None:
        raise MonthMissing(field="funeral_month")
    return Funeral(
        organiser=values["organiser"],
        month=values["funeral_month"],
        decision_no=values.get("decision_no") or "",
        id_number=values.get("organiser_id_number") or "",
        phone=values.get("organiser_phone") or "",
        account_no=values.get("account_no") or "",
        bank_code=values.get("bank_code") or "",
    )


class RelocationsApi(Resource):
    """Chuyển vùng: who leaves the own area, and who wants to come."""

    resource_name = "relocations"
    personal = "API relocations"
    include_route_methods = {"get_list", "get", "post", "accept", "refuse", "withdraw"}
    datamodel = SafeInterface(Relocation)
    list_columns = [
        "id", "area_path", "to_path", "beneficiary_id", "beneficiary_code", "full_name", "birth", "from_name", "to_name",
        "to_hamlet", "reason", "state", "first_month", "asked_by", "asked_at", "decided_by", "decided_at", "decision_note",
    ]  # fmt: skip
    show_columns = list_columns
    search_columns = ["area_path", "to_path", "beneficiary_code", "state", "asked_at"]
    order_columns = ["id", "state", "asked_at"]

    @expose("/", methods=["POST"])
    @protect()
    @permission_name("post")
    def post(self) -> Response:
        """Ask another commune to take a person in
        ---
        post:
          requestBody:
            required: true
            content:
              application/json:
                schema:
                  type: object
                  additionalProperties: false
                  required: [beneficiary_id, to_code, reason]
                  properties:
                    beneficiary_id:
                      type: integer
                    to_code:
                      type: string
                      description: Official code of the commune, five digits
                    to_hamlet:
                      type: string
                    reason:
                      type: string
          responses:
            201:
              description: The request
        """
        values = reading.members(reading.body(), ASK)
        with transaction() as session:
            made = relocating.ask(
                session,
                values["beneficiary_id"],
                values["to_code"],
                by=current_actor(),
                reason=values["reason"],
                to_hamlet=values.get("to_hamlet") or "",
            )
            key = made.id
        return self.response(201, **self.described(self.found(str(key))))

    @expose("/<pk>/accept", methods=["POST"])
    @protect()
    @permission_name("accept")
    def accept(self, pk: str) -> Response:
        """Take the person in; `first_month` says whose list the person is on
        ---
        post:
          responses:
            200:
              description: The request, accepted
        """

        def call(session: Session, key: int, _values: dict[str, Any]) -> None:
            relocating.accept(session, key, by=current_actor())

        return self.act(pk, ANY_REASON, call)

    @expose("/<pk>/refuse", methods=["POST"])
    @protect()
    @permission_name("refuse")
    def refuse(self, pk: str) -> Response:
        """Do not take the person in
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
              description: The request, refused
        """

        def call(session: Session, key: int, values: dict[str, Any]) -> None:
            relocating.refuse(session, key, by=current_actor(), because=values["reason"])

        return self.act(pk, REASON, call)

    @expose("/<pk>/withdraw", methods=["POST"])
    @protect()
    @permission_name("withdraw")
    def withdraw(self, pk: str) -> Response:
        """Take the request back
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
              description: The request, withdrawn
        """

        def call(session: Session, key: int, values: dict[str, Any]) -> None:
            relocating.withdraw(session, key, by=current_actor(), because=values["reason"])

        return self.act(pk, REASON, call)
