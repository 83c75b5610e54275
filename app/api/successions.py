"""Sáp nhập, chia tách by REST: which area a commune of the past became, and an area that ends now. Rules are services."""

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
from app.errors import BadInput
from app.extensions import current_actor, transaction
from app.models import Area, AreaPredecessor
from app.screens.interface import SafeInterface
from app.services.lives import succession
from app.services.lives.succession import Succession, Successor

MOST_SUCCESSORS, MOST_HAMLETS = 20, 500
LONGEST_NAME = 120


class SuccessorsUnreadable(BadInput):
    """Phải là danh sách các địa bàn mới: mỗi địa bàn có area_code và có thể có hamlets; chỉ địa bàn cuối không có thôn."""


def _successors(value: Any) -> list[tuple[str, tuple[str, ...]]]:
    """(code, hamlets) of each; only the last may take everybody who is left."""
    if not isinstance(value, list) or not 0 < len(value) <= MOST_SUCCESSORS:
        raise SuccessorsUnreadable
    code, hamlet = reading.text(20), reading.text(LONGEST_NAME)
    found = []
    for one in value:
        if not isinstance(one, dict) or not set(one) <= {"area_code", "hamlets"}:
            raise SuccessorsUnreadable
        named = one.get("hamlets", [])
        if not isinstance(named, list) or len(named) > MOST_HAMLETS:
            raise SuccessorsUnreadable
        hamlets = tuple(kept for kept in map(hamlet, named) if kept)
        area_code = code(one.get("area_code"))
        if area_code is None or len(hamlets) != len(named):
            raise SuccessorsUnreadable
        found.append((area_code, hamlets))
    if any(not hamlets for _code, hamlets in found[:-1]):
        raise SuccessorsUnreadable
    return found


SUCCEED: dict[str, Member] = {
    "area_code": Member(reading.text(20, required=True), required=True),
    "first_month": Member(reading.month, required=True),
    "decision": Member(reading.text(300, required=True), required=True),
    "successors": Member(_successors, required=True),
}


class SuccessionsApi(Resource):
    """Which area each commune of the past went into; the newest rows are those written here."""

    resource_name = "successions"
    include_route_methods = {"get_list", "get", "post"}
    datamodel = SafeInterface(AreaPredecessor)
    list_columns = [
        "id", "old_commune_code", "old_commune", "old_district_code", "old_district", "old_province_code", "old_province",
        "area.code", "area.full_name", "is_default",
    ]  # fmt: skip
    show_columns = list_columns
    search_columns = ["old_commune_code", "old_commune", "old_province_code", "area"]
    order_columns = ["id", "old_commune_code"]

    @expose("/", methods=["POST"])
    @protect()
    @permission_name("post")
    def post(self) -> Response:
        """Move everybody of an area to its successors; the area ends where the last successor takes all who are left
        ---
        post:
          requestBody:
            required: true
            content:
              application/json:
                schema:
                  type: object
                  additionalProperties: false
                  required: [area_code, first_month, decision, successors]
                  properties:
                    area_code:
                      type: string
                      description: Official code of the commune that is merged or divided
                    first_month:
                      type: string
                      description: MM/YYYY or YYYY-MM; lists of earlier months remain the old area's
                    decision:
                      type: string
                    successors:
                      type: array
                      maxItems: 20
                      items:
                        type: object
                        additionalProperties: false
                        required: [area_code]
                        properties:
                          area_code:
                            type: string
                          hamlets:
                            type: array
                            description: Whose people go there; only the last successor may take everybody who is left
                            items:
                              type: string
          responses:
            201:
              description: How many people went
              content:
                application/json:
                  schema:
                    type: object
                    properties:
                      moved:
                        type: integer
        """
        values = reading.members(reading.body(), SUCCEED)
        with transaction() as session:
            named = values["successors"]
            wanted = Succession(
                old_area_id=_area(session, values["area_code"], "area_code"),
                first_month=values["first_month"],
                decision=values["decision"],
                successors=tuple(Successor(_area(session, code, "successors"), hamlets) for code, hamlets in named),
                ends=not named[-1][1],
            )
            try:
                moved = succession.succeed(session, wanted, by=current_actor())
            except BadInput as error:
                error.field = _FIELDS.get(error.field or "", error.field)
                raise
        return self.response(201, moved=moved)


_FIELDS = {"area": "area_code", "successor": "successors", "hamlets": "successors"}
"""Field of the service -> member of the body, where the names differ."""


def _area(session: Session, code: str, field: str) -> int:
    found = session.scalar(select(Area.id).where(Area.code == code))
    if found is None:
        raise UnknownArea(field=field)
    return found
