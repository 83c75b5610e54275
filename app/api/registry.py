"""Hồ sơ by REST beside the people themselves: what they are entitled to, who receives it, how. The rules are services."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from flask import Response
from flask_appbuilder.api import expose, protect
from flask_appbuilder.security.decorators import permission_name
from marshmallow import Schema
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.api import reading
from app.api.reading import Member
from app.api.resource import Resource
from app.errors import BadInput, NotAllowed, NotFound, RuleBroken, Stale
from app.extensions import current_actor, transaction
from app.models import METHODS, PAYEE_KINDS, Beneficiary, BenefitType, Entitlement, Payee, PaymentMethod
from app.rules import dates, identity, names
from app.rules.actors import Role
from app.screens.interface import SafeInterface
from app.screens.registry import ENTITLEMENT_STATUSES
from app.services import registry

_DECIMAL = re.compile(r"[0-9]{1,3}(\.[0-9]{1,2})?")
_KEY = Member(reading.whole(1, 2**62), required=True)
_DAY = Member(reading.by_rule(dates.parse_date))
_FIRST_DAY = Member(reading.by_rule(dates.parse_date, required=True), required=True)
_VERSION = {"row_version": Member(reading.whole(1, 2**31 - 1), required=True)}


class NotACoefficient(BadInput):
    """Hệ số là chuỗi như "1.5", từ 0.01 đến 100, nhiều nhất hai chữ số sau dấu chấm."""


class UnknownBenefit(BadInput):
    """Không có nhóm đối tượng hưởng nào mang mã này."""


class EnteredAlready(RuleBroken):
    """Nội dung này đã có trong hồ sơ. Yêu cầu gửi lặp không được ghi lần nữa."""


def _coefficient(value: Any) -> Decimal | None:
    if value is None:
        return None
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value) or not Decimal("0.01") <= Decimal(value) <= 100:
        raise NotACoefficient
    return Decimal(value)


def _later(wanted: Mapping[str, Member], *fixed: str) -> dict[str, Member]:
    """What may be changed of a row: as when entered, everything left out as it is, but for what is `fixed`."""
    return {name: Member(member.read) for name, member in wanted.items() if name not in fixed} | _VERSION


ENTITLE: dict[str, Member] = {
    "beneficiary_id": _KEY,
    "benefit_code": Member(reading.text(20, required=True), required=True),
    "coefficient": Member(_coefficient),
    "units": Member(reading.whole(1, 20)),
    "decision_no": Member(reading.text(120, required=True), required=True),
    "decided_on": _DAY,
    "starts_on": _FIRST_DAY,
    "ends_on": _DAY,
    "status": Member(reading.choice(*ENTITLEMENT_STATUSES, required=True)),
}
NAME: dict[str, Member] = {
    "beneficiary_id": _KEY,
    "kind": Member(reading.choice(*PAYEE_KINDS, required=True), required=True),
    "full_name": Member(reading.by_rule(names.clean_name, required=True), required=True),
    "id_number": Member(reading.by_rule(identity.parse_id)),
    "phone": Member(reading.by_rule(identity.parse_phone)),
    "valid_from": _FIRST_DAY,
    "valid_to": _DAY,
    "is_current": Member(reading.flag),
}
PAY: dict[str, Member] = {
    "payee_id": _KEY,
    "kind": Member(reading.choice(*METHODS, required=True), required=True),
    "account_no": Member(reading.by_rule(identity.parse_account)),
    "holder": Member(reading.text(120)),
    "bank_code": Member(reading.text(20)),
    "bank_branch": Member(reading.text(120)),
    "wallet_kind": Member(reading.text(40)),
    "wallet_phone": Member(reading.by_rule(identity.parse_phone)),
    "is_current": Member(reading.flag),
}

Save = Callable[..., None]


class Kept(Resource):
    """Rows of the registry: entered and changed by clerks, with the version that was read."""

    include_route_methods = {"get_list", "get", "post", "put"}
    enter: Mapping[str, Member]
    change: Mapping[str, Member]

    @expose("/", methods=["POST"])
    @protect()
    @permission_name("post")
    def post(self) -> Response:
        """Enter one
        ---
        post:
          requestBody:
            required: true
            content:
              application/json:
                schema:
                  $ref: '#/components/schemas/{{self.__class__.__name__}}.enter'
          responses:
            201:
              description: The row; 409 for what is there already
        """

        def call(session: Session, values: dict[str, Any]) -> int:
            with session.no_autoflush:
                row = self.entered(session, values)
            session.flush()
            key: int = row.id
            return key

        return self.make(self.enter, call)

    @expose("/<pk>", methods=["PUT"])
    @protect()
    @permission_name("put")
    def put(self, pk: str) -> Response:
        """Change one; members left out stay as they are
        ---
        put:
          requestBody:
            required: true
            content:
              application/json:
                schema:
                  $ref: '#/components/schemas/{{self.__class__.__name__}}.change'
          responses:
            200:
              description: The row; 409 when somebody else saved since `row_version` was read
        """
        key = self.found(pk).id
        values = reading.members(reading.body(), self.change)
        with transaction() as session:
            row = self._held(session, key, values.pop("row_version"))
            with session.no_autoflush:
                self.saved(session, row, values)
            session.flush()
        return self.response(200, **self.described(self.found(str(key))))

    def entered(self, session: Session, values: dict[str, Any]) -> Any:
        """A new row of these values, saved by its service."""
        raise NotImplementedError

    def saved(self, session: Session, row: Any, values: dict[str, Any]) -> None:
        """Write the values and save the row by its service."""
        raise NotImplementedError

    def _held(self, session: Session, key: int, version: int) -> Any:
        model = self.datamodel.obj
        statement = select(model).where(model.id == key).with_for_update()
        row = session.scalars(statement.execution_options(populate_existing=True)).one_or_none()
        if row is None:
            raise NotAllowed
        if row.row_version != version:
            raise Stale
        row.row_version = version + 1
        return row

    def add_apispec_components(self, api_spec: Any) -> None:
        """What may be entered and changed."""
        super().add_apispec_components(api_spec)
        for name, wanted in (("enter", self.enter), ("change", self.change)):
            schema = {
                "type": "object",
                "additionalProperties": False,
                "required": [member for member, rule in wanted.items() if rule.required],
                "properties": {member: _TYPES.get(member, _TEXT) for member in wanted},
            }
            api_spec.components.schema(f"{type(self).__name__}.{name}", schema)


_TEXT: dict[str, Any] = {"type": "string", "nullable": True}
_WHOLE = ("beneficiary_id", "payee_id", "units", "row_version")
_TYPES: dict[str, dict[str, Any]] = {name: {"type": "integer"} for name in _WHOLE}
_TYPES["is_current"] = {"type": "boolean"}


class EntitlementsApi(Kept):
    """Chính sách đang hưởng."""

    resource_name = "entitlements"
    datamodel = SafeInterface(Entitlement)
    list_columns = [
        "id", "area_path", "beneficiary_id", "beneficiary.code", "benefit_type.code", "coefficient", "units",
        "decision_no", "decided_on", "starts_on", "ends_on", "status", "row_version", "saved_by",
    ]  # fmt: skip
    show_columns = list_columns
    search_columns = ["area_path", "beneficiary", "benefit_type", "status", "starts_on", "ends_on", "decision_no"]
    order_columns = ["id", "starts_on", "ends_on"]
    personal = "API entitlements"
    enter, change = ENTITLE, _later(ENTITLE, "beneficiary_id")

    def entered(self, session: Session, values: dict[str, Any]) -> Entitlement:
        """Exactly the same for the same person is a request sent twice."""
        person = _person(session, values.pop("beneficiary_id"))
        same = select(Entitlement.id).where(
            Entitlement.beneficiary_id == person.id,
            Entitlement.benefit_type_id == _benefit(session, values["benefit_code"]).id,
            Entitlement.starts_on == values["starts_on"],
            Entitlement.decision_no == values["decision_no"],
        )
        if session.scalars(same).first() is not None:
            raise EnteredAlready
        row = Entitlement(beneficiary=person, units=1, status="active")
        self.saved(session, row, values)
        return row

    def saved(self, session: Session, row: Entitlement, values: dict[str, Any]) -> None:
        """Without a coefficient it takes the one by law."""
        if "benefit_code" in values:
            row.benefit_type = _benefit(session, values.pop("benefit_code"))
        _fill(row, values)
        registry.save_entitlement(session, row, by=current_actor())


class PayeesApi(Kept):
    """Người nhận: one of a person is current. ID numbers are masked."""

    resource_name = "payees"
    datamodel = SafeInterface(Payee)
    list_columns = [
        "id", "area_path", "beneficiary_id", "beneficiary.code", "kind", "full_name", "id_number", "phone", "valid_from",
        "valid_to", "is_current", "row_version", "saved_by",
    ]  # fmt: skip
    show_columns = list_columns
    search_columns = ["area_path", "beneficiary", "kind", "is_current", "valid_to"]
    order_columns = ["id", "valid_from", "valid_to"]
    personal = "API payees"
    enter, change = NAME, _later(NAME, "beneficiary_id")

    def shown(self, item: Payee, schema: Schema) -> dict[str, Any]:
        """Telephone numbers are for who keeps the registry."""
        members = super().shown(item, schema)
        if "id_number" in members:
            members["id_number"] = identity.mask_id(members["id_number"]) or None
        if not current_actor().has(Role.CLERK):
            members.pop("phone", None)
        return members

    def entered(self, session: Session, values: dict[str, Any]) -> Payee:
        """The same name since the same day for the same person is a request sent twice."""
        person = _person(session, values.pop("beneficiary_id"))
        same = select(Payee.id).where(
            Payee.beneficiary_id == person.id,
            Payee.kind == values["kind"],
            Payee.full_name == values["full_name"],
            Payee.valid_from == values["valid_from"],
        )
        if session.scalars(same).first() is not None:
            raise EnteredAlready
        row = Payee(beneficiary=person, is_current=True)
        self.saved(session, row, values)
        return row

    def saved(self, session: Session, row: Payee, values: dict[str, Any]) -> None:
        """Making one current ends the one before."""
        _fill(row, values)
        registry.save_payee(session, row, by=current_actor())


class PaymentMethodsApi(Kept):
    """Hình thức nhận tiền: one of a payee is current."""

    resource_name = "payment_methods"
    datamodel = SafeInterface(PaymentMethod)
    list_columns = [
        "id", "area_path", "payee_id", "payee.beneficiary_id", "kind", "account_no", "holder", "bank_code",
        "bank_branch", "wallet_kind", "wallet_phone", "is_current", "row_version", "saved_by",
    ]  # fmt: skip
    show_columns = list_columns
    search_columns = ["area_path", "payee", "kind", "is_current"]
    order_columns = ["id", "kind"]
    personal = "API payment_methods"
    enter, change = PAY, _later(PAY, "payee_id")

    def entered(self, session: Session, values: dict[str, Any]) -> PaymentMethod:
        """The same account or wallet of the same payee is a request sent twice."""
        payee = session.get(Payee, values.pop("payee_id"), with_for_update=True)
        if payee is None:
            raise NotFound
        same = select(PaymentMethod.id).where(
            PaymentMethod.payee_id == payee.id,
            PaymentMethod.kind == values["kind"],
            PaymentMethod.account_no.is_not_distinct_from(values.get("account_no")),
            PaymentMethod.wallet_phone.is_not_distinct_from(values.get("wallet_phone")),
        )
        if session.scalars(same).first() is not None:
            raise EnteredAlready
        row = PaymentMethod(payee=payee, is_current=True)
        self.saved(session, row, values)
        return row

    def saved(self, session: Session, row: PaymentMethod, values: dict[str, Any]) -> None:
        """What does not belong to its kind is emptied."""
        _fill(row, values)
        registry.save_method(session, row, by=current_actor())


def _fill(row: Any, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(row, name, value)


def _person(session: Session, key: int) -> Beneficiary:
    """Held, so that the same request twice at once is entered once. Raises NotFound."""
    found = session.get(Beneficiary, key, with_for_update=True)
    if found is None:
        raise NotFound
    return found


def _benefit(session: Session, code: str) -> BenefitType:
    found = session.scalars(select(BenefitType).where(BenefitType.code == code)).one_or_none()
    if found is None:
        raise UnknownBenefit(field="benefit_code")
    return found
