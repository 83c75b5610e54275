"""Dòng chi trả by REST: read, and in a draft held out and returned; what the checks found. The rules are services."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_appbuilder.api import expose, protect
from flask_appbuilder.security.decorators import permission_name
from flask_babel import gettext
from marshmallow import Schema
from sqlalchemy.orm import Session

from app.api.reading import ANY_REASON, REASON
from app.api.resource import Resource
from app.extensions import current_actor
from app.models import BatchFinding, PayoutLine
from app.screens.interface import SafeInterface
from app.services.batches import lines
from app.services.batches.checks import CHECKS


class PayoutLinesApi(Resource):
    """Lines of lists, also those held out. Names and accounts are read from the registry, by code."""

    resource_name = "payout_lines"
    include_route_methods = {"get_list", "get", "exclude", "restore"}
    datamodel = SafeInterface(PayoutLine)
    list_columns = [
        "id", "area_path", "batch_id", "batch.code", "period_id", "no", "reference", "entitlement_id", "beneficiary_id",
        "beneficiary_code", "payee_kind", "method", "benefit_vnd", "arrears_vnd", "carried_vnd", "withheld_vnd",
        "total_vnd", "live", "excluded_reason", "excluded_by", "result", "result_reason", "result_at",
    ]  # fmt: skip
    show_columns = list_columns
    search_columns = [
        "area_path", "batch", "period_id", "reference", "beneficiary_id", "beneficiary_code", "method", "live", "result",
    ]  # fmt: skip
    order_columns = ["id", "no", "total_vnd"]
    personal = "API payout_lines"

    @expose("/<pk>/exclude", methods=["POST"])
    @protect()
    @permission_name("exclude")
    def exclude(self, pk: str) -> Response:
        """Hold a line out of a draft; its earlier money is free for the next list
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
            lines.exclude(session, key, by=current_actor(), because=values["reason"])

        return self.act(pk, REASON, call)

    @expose("/<pk>/restore", methods=["POST"])
    @protect()
    @permission_name("exclude")
    def restore(self, pk: str) -> Response:
        """Return a held-out line to its draft
        ---
        post:
          responses:
            200:
              description: The line, in the list again
        """

        def call(session: Session, key: int, _values: dict[str, Any]) -> None:
            lines.restore(session, key, by=current_actor())

        return self.act(pk, ANY_REASON, call)


class BatchFindingsApi(Resource):
    """What the checks found on lists, written anew by every check."""

    resource_name = "batch_findings"
    datamodel = SafeInterface(BatchFinding)
    list_columns = ["id", "area_path", "batch_id", "batch.code", "line_id", "code", "severity"]
    show_columns = list_columns
    search_columns = ["area_path", "batch", "code", "severity"]
    order_columns = ["id", "code", "severity"]

    def shown(self, item: BatchFinding, schema: Schema) -> dict[str, Any]:
        """With what was found in words."""
        return super().shown(item, schema) | {"label": gettext(_LABELS.get(item.code, item.code))}


_LABELS = {check.code: check.label for check in CHECKS}
