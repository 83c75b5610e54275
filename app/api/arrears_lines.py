"""Person-months of proposals of arrears by REST: read, held out and put back. The rules are services."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_appbuilder.api import expose, protect
from flask_appbuilder.security.decorators import permission_name
from sqlalchemy.orm import Session

from app.api.reading import ANY_REASON, REASON
from app.api.resource import Resource
from app.extensions import current_actor
from app.models import ArrearsProposalLine
from app.screens.interface import SafeInterface
from app.services.arrears import deciding


class ArrearsLinesApi(Resource):
    """What each month gave, what it would be now, and why a line does not count."""

    resource_name = "arrears_lines"
    include_route_methods = {"get_list", "get", "exclude", "restore"}
    datamodel = SafeInterface(ArrearsProposalLine)
    list_columns = [
        "id", "area_path", "proposal_id", "entitlement_id", "beneficiary_id", "beneficiary.code", "for_month", "was_vnd",
        "owed_vnd", "amount_vnd", "live", "excluded_code", "excluded_reason", "excluded_by", "kept_by",
    ]  # fmt: skip
    show_columns = list_columns
    search_columns = ["area_path", "proposal_id", "beneficiary_id", "for_month", "live", "excluded_code"]
    order_columns = ["id", "for_month", "amount_vnd"]

    @expose("/<pk>/exclude", methods=["POST"])
    @protect()
    @permission_name("exclude")
    def exclude(self, pk: str) -> Response:
        """Hold a person-month out; after the approval a supervisor only, and while no list has taken it
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
              description: The line, held out
        """

        def call(session: Session, key: int, values: dict[str, Any]) -> None:
            deciding.exclude(session, key, by=current_actor(), because=values["reason"])

        return self.act(pk, REASON, call)

    @expose("/<pk>/restore", methods=["POST"])
    @protect()
    @permission_name("restore")
    def restore(self, pk: str) -> Response:
        """Put a person-month back into a proposal that waits
        ---
        post:
          responses:
            200:
              description: The line, which counts again
        """

        def call(session: Session, key: int, _values: dict[str, Any]) -> None:
            deciding.restore(session, key, by=current_actor())

        return self.act(pk, ANY_REASON, call)
