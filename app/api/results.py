"""Kết quả nhập tay by REST: many lines from one standing to one outcome at once, undoable. The rules are services."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_appbuilder.api import expose, protect
from flask_appbuilder.security.decorators import permission_name
from sqlalchemy.orm import Session

from app.api import reading
from app.api.reading import ANY_REASON, Member
from app.api.resource import Resource
from app.errors import BadInput, NotFound, Stale
from app.extensions import current_actor
from app.models import ResultChange, Settlement
from app.screens.interface import SafeInterface
from app.services.settlements import deciding, entering
from app.services.settlements.entering import Change

MOST_LINES = 1_000
LONGEST_REFERENCE = 64


class LinesUnreadable(BadInput):
    """Phải là danh sách 1 đến %(most)s dòng, mỗi dòng một lần, gồm reference và có thể có reason."""


class LinesMoved(Stale):
    """Nay có %(now)s dòng ở trạng thái bạn nêu, không phải %(asked)s. Chưa có gì được ghi: hãy đọc lại rồi nhập."""


def _lines(value: Any) -> dict[str, str]:
    """What is said of each line, by reference."""
    found: dict[str, str] = {}
    if not isinstance(value, list) or not 0 < len(value) <= MOST_LINES:
        raise LinesUnreadable(most=MOST_LINES)
    reference, why = reading.text(LONGEST_REFERENCE), reading.text(deciding.LONGEST_REASON, multiline=True)
    for one in value:
        if not isinstance(one, dict) or not set(one) <= {"reference", "reason"}:
            raise LinesUnreadable(most=MOST_LINES)
        key = reference(one.get("reference"))
        if not key or key in found:
            raise LinesUnreadable(most=MOST_LINES)
        found[key] = why(one.get("reason")) or ""
    return found


ENTER: dict[str, Member] = {
    "settlement_id": Member(reading.whole(1, 2**62), required=True),
    "from_standing": Member(reading.choice(*entering.FROM, required=True), required=True),
    "outcome": Member(reading.choice(*deciding.DECIDABLE, required=True), required=True),
    "reason": Member(reading.text(deciding.LONGEST_REASON, multiline=True)),
    "lines": Member(_lines),
    "line_count": Member(reading.whole(1, 10**6)),
}


class ResultChangesApi(Resource):
    """Each is so many lines of one settlement changed at once; lines that stand otherwise are never touched."""

    resource_name = "result_changes"
    include_route_methods = {"get_list", "get", "post", "undo"}
    datamodel = SafeInterface(ResultChange)
    list_columns = [
        "id", "area_path", "settlement_id", "how", "from_standing", "to_outcome", "reason", "line_count", "total_vnd",
        "file_name", "made_by", "made_at", "undone_by", "undone_at", "undone_count",
    ]  # fmt: skip
    show_columns = [*list_columns, "file_sha256"]
    search_columns = ["area_path", "settlement", "how", "made_at"]
    order_columns = ["id", "made_at"]

    @expose("/", methods=["POST"])
    @protect()
    @permission_name("post")
    def post(self) -> Response:
        """Give every line that stands so, or those named, another result; all of those named or none
        ---
        post:
          requestBody:
            required: true
            content:
              application/json:
                schema:
                  type: object
                  additionalProperties: false
                  required: [settlement_id, from_standing, outcome]
                  properties:
                    settlement_id:
                      type: integer
                      description: Of a list whose results no connection brings
                    from_standing:
                      type: string
                      enum: [pending, paid, unpaid, unpaid_stopped, to_recover]
                    outcome:
                      type: string
                      enum: [paid, unpaid, unpaid_stopped, to_recover]
                    reason:
                      type: string
                      description: May be left out for lines that had no result
                    lines:
                      type: array
                      maxItems: 1000
                      description: Only these lines; every line that stands so when left out
                      items:
                        type: object
                        additionalProperties: false
                        required: [reference]
                        properties:
                          reference:
                            type: string
                          reason:
                            type: string
                    line_count:
                      type: integer
                      description: How many the program expects to change; 409 when there are more or fewer
          responses:
            201:
              description: The change, to be undone while the settlement is open
        """

        def call(session: Session, values: dict[str, Any]) -> int:
            if session.get(Settlement, values["settlement_id"]) is None:
                raise NotFound
            named = values.get("lines")
            asked = Change(
                values["from_standing"],
                values["outcome"],
                values.get("reason") or "",
                "all" if named is None else "line",
                named,
            )
            made = entering.change(session, values["settlement_id"], asked, by=current_actor())
            for wanted in (values.get("line_count"), None if named is None else len(named)):
                if wanted is not None and wanted != made.line_count:
                    raise LinesMoved(now=made.line_count, asked=wanted)
            return made.id

        return self.make(ENTER, call)

    @expose("/<pk>/undo", methods=["POST"])
    @protect()
    @permission_name("undo")
    def undo(self, pk: str) -> Response:
        """Set the lines back where nobody has changed them since; `undone_count` says how many
        ---
        post:
          responses:
            200:
              description: The change, undone
        """

        def call(session: Session, key: int, _values: dict[str, Any]) -> None:
            entering.undo(session, key, by=current_actor())

        return self.act(pk, ANY_REASON, call)
