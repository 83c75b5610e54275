"""Chốt kỳ chi trả by REST: the month of each paying area, closed alone or everywhere, opened again. Rules are services."""

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
from app.extensions import current_actor, db, transaction
from app.models import Area, AreaPeriod
from app.screens.interface import SafeInterface
from app.services import periods

CLOSE_ALL = {
    "month": Member(reading.month, required=True),
    "area_code": Member(reading.text(20, required=True)),
}


class AreaPeriodsApi(Resource):
    """A period as one paying area lives it; there with its first list."""

    resource_name = "area_periods"
    include_route_methods = {"get_list", "get", "close", "reopen", "close_all"}
    datamodel = SafeInterface(AreaPeriod)
    list_columns = ["id", "area_path", "area.code", "area.full_name", "period_id", "period.month", "state"]
    show_columns = list_columns
    search_columns = ["area_path", "area", "period", "state"]
    order_columns = ["id", "state"]

    def described(self, item: AreaPeriod) -> dict[str, Any]:
        """With the months that are closed and opened together with it."""
        months = [row.month.isoformat() for row in periods.together(db.session(), item.id) if row.id != item.id]
        return super().described(item) | {"together_with": months}

    @expose("/<pk>/close", methods=["POST"])
    @protect()
    @permission_name("close")
    def close(self, pk: str) -> Response:
        """Close the month of one area, and those settled at once with it; every list is settled or cancelled
        ---
        post:
          responses:
            200:
              description: The period, closed; the lists of the next can be made
        """

        def call(session: Session, key: int, _values: dict[str, Any]) -> None:
            periods.close(session, key, by=current_actor())

        return self.act(pk, ANY_REASON, call)

    @expose("/<pk>/reopen", methods=["POST"])
    @protect()
    @permission_name("reopen")
    def reopen(self, pk: str) -> Response:
        """Open a closed month again; refused once a later list is approved
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
              description: The period, open
        """

        def call(session: Session, key: int, values: dict[str, Any]) -> None:
            periods.reopen(session, key, by=current_actor(), because=values["reason"])

        return self.act(pk, REASON, call)

    @expose("/close_all", methods=["POST"])
    @protect()
    @permission_name("close_all")
    def close_all(self) -> Response:
        """Close a month in every paying area where it can be
        ---
        post:
          requestBody:
            required: true
            content:
              application/json:
                schema:
                  type: object
                  additionalProperties: false
                  required: [month]
                  properties:
                    month:
                      type: string
                      description: MM/YYYY or YYYY-MM
                    area_code:
                      type: string
                      description: Only in this area and below; everywhere in one's own when left out
          responses:
            200:
              description: How many were closed, and which areas have something unfinished
              content:
                application/json:
                  schema:
                    type: object
                    properties:
                      closed:
                        type: integer
                      waiting:
                        type: array
                        items:
                          type: string
        """
        values, actor = reading.members(reading.body(), CLOSE_ALL), current_actor()
        with transaction() as session:
            path = actor.area_path or ""
            if "area_code" in values:
                path = session.scalar(select(Area.path).where(Area.code == values["area_code"])) or ""
                if not path or not actor.may_see(path):
                    raise UnknownArea(field="area_code")
            closed, waiting = periods.close_all(session, path, values["month"], by=actor)
        return self.response(200, closed=closed, waiting=waiting)
