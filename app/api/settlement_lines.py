"""The lines of a settlement by REST: how each stands, and what a person decides. The rules are services."""

from __future__ import annotations

from typing import Any

from flask import Response, make_response
from flask_appbuilder.api import expose, protect
from flask_appbuilder.security.decorators import permission_name
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.api import asking, reading
from app.api.reading import Member
from app.api.resource import Resource
from app.errors import NotFound, Stale
from app.extensions import current_actor, db
from app.models import Settlement
from app.screens import result_entry, settlement_minutes
from app.services.settlements import deciding, lines
from app.services.settlements.lines import Line
from app.services.settlements.saying import STANDINGS

MOST_LINES = 1_000_000
OUTCOME = Member(reading.choice(*deciding.DECIDABLE, required=True), required=True)
_WHY = reading.text(deciding.LONGEST_REASON, multiline=True, required=True)
DECIDE = {
    "reference": Member(reading.text(200, required=True), required=True),
    "from_standing": Member(reading.choice(*STANDINGS, required=True), required=True),
    "outcome": OUTCOME,
    "reason": Member(_WHY, required=True),
}
DECIDE_MISSING = {
    "line_count": Member(reading.whole(1, MOST_LINES), required=True),
    "outcome": OUTCOME,
    "reason": Member(_WHY, required=True),
}


class LineMoved(Stale):
    """Dòng %(reference)s nay là “%(now)s”. Chưa có gì được ghi: hãy đọc lại rồi quyết định."""


class CountMoved(Stale):
    """Nay có %(now)s dòng chưa có kết quả. Chưa có gì được ghi: hãy đọc lại rồi quyết định."""


class SettlementLines(Resource):
    """What `SettlementsApi` does about lines. Names are read from the registry, by code."""

    @expose("/<pk>/lines", methods=["GET"])
    @protect()
    @permission_name("get")
    def lines(self, pk: str) -> Response:
        """Every line sent and every reference that is not ours, with what was said and decided
        ---
        get:
          parameters:
          - in: query
            name: tab
            description: Which of them; all when left out
            schema:
              type: string
              enum: [all, unpaid, recover, differing, pending, paid, disputed]
          - in: query
            name: page
            schema:
              type: integer
          - in: query
            name: page_size
            description: At most 200
            schema:
              type: integer
          responses:
            200:
              description: One page in the order of the list; `standing` is what a change starts from
              content:
                application/json:
                  schema:
                    type: object
                    properties:
                      count:
                        type: integer
                      result:
                        type: array
                        items:
                          type: object
                          properties:
                            "no":
                              type: integer
                              nullable: true
                            reference:
                              type: string
                            beneficiary_code:
                              type: string
                            total_vnd:
                              type: integer
                            standing:
                              type: string
                              enum: [pending, paid, unpaid, unpaid_stopped, to_recover, dispute, foreign]
                            outcome:
                              type: string
                              nullable: true
                            said_vnd:
                              type: integer
                              nullable: true
                            reason_code:
                              type: string
                              nullable: true
                            finding:
                              type: string
                              nullable: true
                            decided_outcome:
                              type: string
                              nullable: true
                            decided_reason:
                              type: string
                              nullable: true
                            decided_by:
                              type: string
                              nullable: true
        """
        asking.refuse_arguments(("tab", "page", "page_size"))
        item: Settlement = self.found(pk)
        tab, (first, size) = asking.one_of("tab", "all", lines.TABS), asking.page()
        session: Session = db.session()
        rows = lines.page(session, item, tab, first=first, size=size)
        count = lines.counts(session, item)[tab]
        result, key, path = [_shown(row) for row in rows], item.id, item.area_path
        if rows:
            self.remember(people=len(rows), entity_id=key, area_path=path, what="API settlement lines")
        return self.response(200, count=count, result=result)

    @expose("/<pk>/minutes", methods=["GET"])
    @protect()
    @permission_name("minutes")
    def minutes(self, pk: str) -> Response:
        """Biên bản of a settlement as PDF, in Vietnamese, with the people not paid and to be recovered by name
        ---
        get:
          responses:
            200:
              description: The paper
              content:
                application/pdf:
                  schema:
                    type: string
                    format: binary
        """
        asking.refuse_arguments()
        item: Settlement = self.found(pk)
        session: Session = db.session()
        names = settlement_minutes.named(session, item)
        answer = make_response(settlement_minutes.as_file(session, item, names))
        answer.headers["Cache-Control"] = "no-store"
        people, key, path = sum(map(len, names.values())), item.id, item.area_path
        if people:
            self.remember(people=people, entity_id=key, area_path=path, what="settlement_minutes")
        return answer

    @expose("/<pk>/decide", methods=["POST"])
    @protect()
    @permission_name("decide")
    def decide(self, pk: str) -> Response:
        """Decide what becomes of one line that stands as said; undoable where results come by hand
        ---
        post:
          requestBody:
            required: true
            content:
              application/json:
                schema:
                  type: object
                  additionalProperties: false
                  required: [reference, from_standing, outcome, reason]
                  properties:
                    reference:
                      type: string
                    from_standing:
                      type: string
                      enum: [pending, paid, unpaid, unpaid_stopped, to_recover, dispute, foreign]
                      description: How the line stood when it was read; 409 when it stands otherwise now
                    outcome:
                      type: string
                      enum: [paid, unpaid, unpaid_stopped, to_recover]
                    reason:
                      type: string
          responses:
            200:
              description: The settlement with its figures
        """

        def call(session: Session, key: int, values: dict[str, Any]) -> None:
            item = _held(session, key)
            line = lines.one(session, item, values["reference"])
            if line is None:
                raise NotFound
            if line.standing != values["from_standing"]:
                raise LineMoved(reference=line.reference, now=STANDINGS[line.standing])
            result_entry.decide(session, item, line, values["outcome"], because=values["reason"])

        return self.act(pk, DECIDE, call)

    @expose("/<pk>/decide_missing", methods=["POST"])
    @protect()
    @permission_name("decide_missing")
    def decide_missing(self, pk: str) -> Response:
        """The same decision for every line the agency said nothing about
        ---
        post:
          requestBody:
            required: true
            content:
              application/json:
                schema:
                  type: object
                  additionalProperties: false
                  required: [line_count, outcome, reason]
                  properties:
                    line_count:
                      type: integer
                      description: How many there were when they were read; 409 when there are more or fewer now
                    outcome:
                      type: string
                      enum: [paid, unpaid, unpaid_stopped, to_recover]
                    reason:
                      type: string
          responses:
            200:
              description: The settlement with its figures
        """

        def call(session: Session, key: int, values: dict[str, Any]) -> None:
            count = deciding.decide_missing(
                session, key, values["outcome"], by=current_actor(), because=values["reason"]
            )
            if count != values["line_count"]:
                raise CountMoved(now=count)

        return self.act(pk, DECIDE_MISSING, call)


def _held(session: Session, key: int) -> Settlement:
    """Messages and other people wait until this is written."""
    statement = select(Settlement).where(Settlement.id == key).with_for_update()
    return session.scalars(statement.execution_options(populate_existing=True)).one()


def _shown(row: Line) -> dict[str, Any]:
    names = (
        "no", "reference", "total_vnd", "standing", "outcome", "said_vnd", "reason_code", "finding", "decided_outcome",
        "decided_reason", "decided_by",
    )  # fmt: skip
    return {"beneficiary_code": row.code} | {name: getattr(row, name) for name in names}
