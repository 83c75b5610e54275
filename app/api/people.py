"""Beneficiaries: read with what is sensitive left out, entered and changed by the service the form calls."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_appbuilder.api import expose, protect
from flask_appbuilder.security.decorators import permission_name
from marshmallow import Schema
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.api import reading
from app.api.reading import Member
from app.api.resource import Resource
from app.errors import BadInput, NotAllowed, RuleBroken, Stale
from app.extensions import current_actor, transaction
from app.models import Area, Beneficiary
from app.rules import dates, identity, names
from app.rules.actors import Role
from app.screens.interface import SafeInterface
from app.screens.registry import SEXES, STATUSES
from app.services import registry
from app.services.lives import deaths

REPEATED_WITHIN_S = 600
"""The same person entered again this soon is a request sent twice, not a namesake."""

KEPT_BY_CLERKS = ("phone", "ethnicity")
"""Shown only to who keeps the registry; nobody else's work needs it from here."""

ENTER: dict[str, Member] = {
    "full_name": Member(reading.by_rule(names.clean_name, required=True), required=True),
    "birth": Member(reading.by_rule(dates.BirthDate.parse, required=True), required=True),
    "area_code": Member(reading.text(20, required=True), required=True),
    "sex": Member(reading.choice(*SEXES)),
    "id_number": Member(reading.by_rule(identity.parse_id)),
    "ethnicity": Member(reading.text(50)),
    "hamlet": Member(reading.text(120)),
    "address": Member(reading.text(255)),
    "phone": Member(reading.by_rule(identity.parse_phone)),
}
CHANGE: dict[str, Member] = {name: Member(member.read) for name, member in ENTER.items()} | {
    "row_version": Member(reading.whole(1, 2**31 - 1), required=True),
    "status": Member(reading.choice(*STATUSES, required=True)),
    "status_reason": Member(reading.text(255)),
    "died_on": Member(reading.by_rule(dates.parse_date)),
}
NEVER_NULL = {"hamlet": "", "address": ""}


class EnteredAlready(RuleBroken):
    """Người này vừa được nhập vào hồ sơ (mã %(code)s). Yêu cầu gửi lặp không được ghi lần nữa."""


class UnknownArea(BadInput):
    """Không có xã, phường, đặc khu này trong địa bàn của bạn."""


class BeneficiariesApi(Resource):
    """Hồ sơ đối tượng."""

    resource_name = "beneficiaries"
    include_route_methods = {"get_list", "get", "post", "put"}
    datamodel = SafeInterface(Beneficiary)
    list_columns = [
        "id", "code", "full_name", "birth", "sex", "id_number", "hamlet", "area.code", "area.full_name", "status",
    ]  # fmt: skip
    show_columns = [
        *list_columns, "ethnicity", "address", "phone", "status_reason", "died_on", "row_version", "created_at",
        "changed_at",
    ]  # fmt: skip
    search_columns = ["code", "name_fold", "id_number", "hamlet", "area", "status", "birth_year"]
    order_columns = ["id", "code", "name_sort", "status"]
    personal = "API beneficiaries"
    exact_columns = ("id_number",)

    def shown(self, item: Beneficiary, schema: Schema) -> dict[str, Any]:
        """ID numbers are masked, and whole only on the page of one person for who keeps the registry."""
        members = super().shown(item, schema)
        keeper = current_actor().has(Role.CLERK)
        if "id_number" in members and not (keeper and schema is self.show_model_schema):
            members["id_number"] = identity.mask_id(members["id_number"]) or None
        for name in KEPT_BY_CLERKS:
            if not keeper:
                members.pop(name, None)
        return members

    @expose("/", methods=["POST"])
    @protect()
    @permission_name("post")
    def post(self) -> Response:
        """Enter a person
        ---
        post:
          requestBody:
            required: true
            content:
              application/json:
                schema:
                  $ref: '#/components/schemas/Beneficiary.enter'
          responses:
            201:
              description: The person; `warnings` are codes of what is odd about the ID number
              content:
                application/json:
                  schema:
                    type: object
                    properties:
                      id:
                        type: integer
                      warnings:
                        type: array
                        items:
                          type: string
                      result:
                        $ref: '#/components/schemas/BeneficiariesApi.get'
        """
        values = reading.members(reading.body(), ENTER)
        with transaction() as session:
            row = Beneficiary()
            refuse_repetition(session, values)
            warnings = _save(session, row, values)
            key = row.id
        answer = self.response(201, warnings=warnings, **self.described(self.found(str(key))))
        answer.headers["Location"] = f"{self.route_base}/{key}"
        return answer

    @expose("/<pk>", methods=["PUT"])
    @protect()
    @permission_name("put")
    def put(self, pk: str) -> Response:
        """Change a person; members left out stay as they are
        ---
        put:
          requestBody:
            required: true
            content:
              application/json:
                schema:
                  $ref: '#/components/schemas/Beneficiary.change'
          responses:
            200:
              description: The person; 409 when somebody else saved since `row_version` was read
              content:
                application/json:
                  schema:
                    type: object
                    properties:
                      id:
                        type: integer
                      warnings:
                        type: array
                        items:
                          type: string
                      result:
                        $ref: '#/components/schemas/BeneficiariesApi.get'
        """
        key = self.found(pk).id
        values = reading.members(reading.body(), CHANGE)
        with transaction() as session:
            row = _hold(session, key, values.pop("row_version"))
            warnings = _save(session, row, values)
        return self.response(200, warnings=warnings, **self.described(self.found(str(key))))

    def add_apispec_components(self, api_spec: Any) -> None:
        """What may be entered and changed."""
        super().add_apispec_components(api_spec)
        for name, wanted in (("enter", ENTER), ("change", CHANGE)):
            members: dict[str, Any] = {member: {"type": "string", "nullable": True} for member in wanted}
            members |= {"sex": _enum(SEXES), "status": _enum(STATUSES), "row_version": {"type": "integer"}}
            schema = {
                "type": "object",
                "additionalProperties": False,
                "required": [member for member, rule in wanted.items() if rule.required],
                "properties": {member: members[member] for member in wanted},
            }
            api_spec.components.schema(f"Beneficiary.{name}", schema)


def _enum(words: dict[str, Any]) -> dict[str, Any]:
    return {"type": "string", "enum": list(words)}


def _hold(session: Session, key: int, version: int) -> Beneficiary:
    """The row, held and at the version the caller read. Raises Stale; NotAllowed where it is only seen."""
    statement = select(Beneficiary).where(Beneficiary.id == key).with_for_update()
    row = session.scalars(statement.execution_options(populate_existing=True)).one_or_none()
    if row is None:
        raise NotAllowed
    if row.row_version != version:
        raise Stale
    row.row_version = version + 1
    return row


def _save(session: Session, row: Beneficiary, values: dict[str, Any]) -> list[str]:
    with session.no_autoflush:
        _fill(session, row, values)
        try:
            warnings = deaths.save_person(session, row, by=current_actor())
        except registry.NotACommune as error:
            raise UnknownArea(field="area_code") from error
    session.flush()
    return warnings


def _fill(session: Session, row: Beneficiary, values: dict[str, Any]) -> None:
    for name, value in values.items():
        if name == "area_code":
            row.area = commune(session, value)
        elif name == "birth":
            row.birth_year, row.birth_month, row.birth_day = value.year, value.month, value.day
        else:
            setattr(row, name, NEVER_NULL.get(name) if value is None else value)


def commune(session: Session, code: str) -> Area:
    """The area of a person, by its code. Raises UnknownArea."""
    area = session.scalars(select(Area).where(Area.code == code)).one_or_none()
    if area is None:
        raise UnknownArea(field="area_code")
    return area


def refuse_repetition(session: Session, values: dict[str, Any]) -> None:
    """A request sent twice enters one person; two at once wait for each other by a lock of the database."""
    birth = values["birth"]
    same = "|".join((values["full_name"], birth.show(), values["area_code"], values.get("hamlet") or ""))
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext('enter'), hashtext(:same))"), {"same": same})
    code = session.scalar(
        select(Beneficiary.code)
        .join(Area, Area.id == Beneficiary.area_id)
        .where(
            Area.code == values["area_code"],
            Beneficiary.full_name == values["full_name"],
            Beneficiary.birth_year == birth.year,
            Beneficiary.birth_month.is_not_distinct_from(birth.month),
            Beneficiary.birth_day.is_not_distinct_from(birth.day),
            Beneficiary.hamlet == (values.get("hamlet") or ""),
            Beneficiary.id_number.is_not_distinct_from(values.get("id_number")),
            Beneficiary.created_at > func.now() - func.make_interval(0, 0, 0, 0, 0, 0, REPEATED_WITHIN_S),
        )
        .limit(1)
    )
    if code is not None:
        raise EnteredAlready(code=code)
