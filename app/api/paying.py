"""Payment settings of areas: read with what is inherited left empty, added as a new row in force from a day."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_appbuilder.api import expose, protect
from flask_appbuilder.security.decorators import permission_name
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.api import reading
from app.api.people import UnknownArea
from app.api.reading import Member
from app.api.resource import Resource
from app.errors import BadInput, RuleBroken
from app.extensions import current_actor, transaction
from app.models import Area, PaymentSetting
from app.rules import dates
from app.screens.interface import SafeInterface
from app.screens.settings import LEVELS, demand_unused


class YesOrNo(BadInput):
    """Phải là đúng, sai hoặc null."""


class SettingThere(RuleBroken):
    """Địa bàn này đã có thiết lập có hiệu lực từ %(since)s."""


def _flag(value: Any) -> bool | None:
    if value is not None and type(value) is not bool:
        raise YesOrNo
    return value


ADD: dict[str, Member] = {
    "area_code": Member(reading.text(20, required=True), required=True),
    "valid_from": Member(reading.by_rule(dates.parse_date, required=True), required=True),
    "list_cutoff_day": Member(reading.whole(2, 31)),
    "settlement_cutoff_day": Member(reading.whole(1, 31)),
    "months_per_settlement": Member(reading.whole(1, 3)),
    "through_agency": Member(_flag),
    "payment_day_from": Member(reading.whole(1, 31)),
    "payment_day_to": Member(reading.whole(1, 31)),
    "paying_level": Member(reading.choice(*LEVELS)),
    "transfer_level": Member(reading.choice(*LEVELS)),
    "shift_to_working_day": Member(_flag),
    "extension_past_cutoff": Member(_flag),
    "unusual_change_percent": Member(reading.whole(1, 1_000)),
    "auto_send": Member(_flag),
    "remind_days": Member(reading.whole(0, 20)),
    "recovery_share_percent": Member(reading.whole(0, 90)),
}


class PaymentSettingsApi(Resource):
    """Thiết lập chi trả: effective-dated, inherited from the area above where empty."""

    resource_name = "payment_settings"
    include_route_methods = {"get_list", "get", "post"}
    datamodel = SafeInterface(PaymentSetting)
    list_columns = [
        "id", "area.code", "valid_from", "list_cutoff_day", "settlement_cutoff_day", "months_per_settlement",
        "through_agency", "payment_day_from", "payment_day_to", "paying_level", "transfer_level",
        "shift_to_working_day", "extension_past_cutoff", "unusual_change_percent", "auto_send", "remind_days",
        "recovery_share_percent",
    ]  # fmt: skip
    show_columns = list_columns
    search_columns = ["area", "valid_from"]
    order_columns = ["id", "valid_from"]

    @expose("/", methods=["POST"])
    @protect()
    @permission_name("post")
    def post(self) -> Response:
        """Add a row in force from a day; members left out are inherited
        ---
        post:
          requestBody:
            required: true
            content:
              application/json:
                schema:
                  type: object
                  additionalProperties: false
                  required: [area_code, valid_from]
                  properties:
                    area_code:
                      type: string
                    valid_from:
                      type: string
                      description: dd/mm/yyyy or yyyy-mm-dd
                    list_cutoff_day:
                      type: integer
                      minimum: 2
                      maximum: 31
                    settlement_cutoff_day:
                      type: integer
                      minimum: 1
                      maximum: 31
                    months_per_settlement:
                      type: integer
                      minimum: 1
                      maximum: 3
                    through_agency:
                      type: boolean
                      nullable: true
                      description: false where the office pays by itself
                    payment_day_from:
                      type: integer
                    payment_day_to:
                      type: integer
                    paying_level:
                      type: string
                      enum: [commune, province]
                    transfer_level:
                      type: string
                      enum: [commune, province]
                    shift_to_working_day:
                      type: boolean
                      nullable: true
                    extension_past_cutoff:
                      type: boolean
                      nullable: true
                    unusual_change_percent:
                      type: integer
                    recovery_share_percent:
                      type: integer
                      minimum: 0
                      maximum: 90
                    auto_send:
                      type: boolean
                      nullable: true
                      description: Approved lists are sent by themselves on the last day before the cut-off
                    remind_days:
                      type: integer
                      minimum: 0
                      maximum: 20
                      description: Days before the last day to send from which people are reminded
          responses:
            201:
              description: The row
              content:
                application/json:
                  schema:
                    type: object
                    properties:
                      id:
                        type: integer
                      result:
                        $ref: '#/components/schemas/PaymentSettingsApi.get'
        """
        values = reading.members(reading.body(), ADD)
        with transaction() as session:
            key = _add(session, values)
        answer = self.response(201, **self.described(self.found(str(key))))
        answer.headers["Location"] = f"{self.route_base}/{key}"
        return answer


def _add(session: Session, values: dict[str, Any]) -> int:
    code = values.pop("area_code")
    area = session.scalars(select(Area).where(Area.code == code)).one_or_none()
    if area is None or not current_actor().may_see(area.path):
        raise UnknownArea(field="area_code")
    demand_unused(session, area.path, values["valid_from"])
    same = (PaymentSetting.area_id == area.id, PaymentSetting.valid_from == values["valid_from"])
    if session.scalars(select(PaymentSetting.id).where(*same)).first() is not None:
        raise SettingThere(since=dates.format_date(values["valid_from"]))
    row = PaymentSetting(area=area, **values)
    session.add(row)
    session.flush()
    return row.id
