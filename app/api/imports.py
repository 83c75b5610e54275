"""Nhập từ tệp by REST: a file sent, its preview with every finding, applied whole or put away. Rules are in app/imports."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

from flask import Response, current_app, request, send_file
from flask_appbuilder.api import expose, protect
from flask_appbuilder.security.decorators import permission_name
from sqlalchemy.orm import Session

from app.api import asking, reading, uploads
from app.api.reading import ANY_REASON, Member
from app.api.resource import Resource
from app.api.work import work_members
from app.errors import BadInput
from app.extensions import current_actor, db
from app.imports import files, layouts, staging, starting
from app.imports.columns import letter_of
from app.imports.kinds import KINDS
from app.imports.limits import COLUMNS, ROWS
from app.models import FileImport
from app.reports import exporting
from app.screens import import_page
from app.screens.filters import SafeFilter
from app.screens.import_page import ImportPage
from app.screens.interface import SafeInterface
from app.services.settlements import deciding, entering

SEND: dict[str, Member] = {
    "kind": Member(reading.choice(*KINDS, required=True), required=True),
    "settlement_id": Member(uploads.key),
    "from_standing": Member(reading.choice(*entering.FROM)),
    "outcome": Member(reading.choice(*deciding.DECIDABLE)),
    "reason": Member(reading.text(deciding.LONGEST_REASON, multiline=True)),
}
APPLY = {"stamp": Member(reading.text(200, required=True), required=True)}


class PlacesUnreadable(BadInput):
    """Phải là tên cột và số thứ tự cột tính từ 0."""


def _places(value: Any) -> dict[str, int]:
    """Column of the layout -> number of the column in the sheet, from 0."""
    if not isinstance(value, dict) or not all(type(one) is int and 0 <= one < COLUMNS for one in value.values()):
        raise PlacesUnreadable
    return dict(value)


CHOOSE = {
    "places": Member(_places, required=True),
    "heading_row": Member(reading.whole(0, ROWS), required=True),
}


class ForWhom(SafeFilter):
    """Files of kinds that are for who asks."""

    def match(self, column: Any, value: Any) -> Any:
        return column.in_(starting.kinds_of(current_actor()))


class FileImportsApi(Resource):
    """Files sent, each with its preview; applied or discarded ones keep no row and no file."""

    resource_name = "imports"
    include_route_methods = {
        "get_list", "get", "post", "template", "findings", "workbook", "columns", "apply", "discard",
    }  # fmt: skip
    datamodel = SafeInterface(FileImport)
    base_filters = [["kind", ForWhom, ""]]
    list_columns = [
        "id", "area_path", "area.code", "kind", "settlement_id", "file_name", "file_sha256", "phase", "message",
        "row_count", "error_count", "warning_count", "work_item_id", "started_by", "started_at", "applied_by",
        "applied_at",
    ]  # fmt: skip
    show_columns = [*list_columns, "options", "stamp", "plan", "seen"]
    search_columns = ["area_path", "kind", "phase", "settlement", "file_sha256", "started_at"]
    order_columns = ["id", "phase", "started_at"]

    def described(self, item: FileImport) -> dict[str, Any]:
        """With what applying would do and what was left out, in words, and what the columns are called.

        That cells of the file are shown, to choose its columns by or as they were converted, is recorded.
        """
        page = ImportPage(item, (), None)
        words = {"would": page.plan, "notes": page.notes, "columns": page.columns}
        members = super().described(item) | words
        shown = item.seen.get("sample") or item.seen.get("converted")
        if shown:
            self.remember(people=len(shown), entity_id=item.id, area_path=item.area_path, what="API import rows")
        return members

    @expose("/", methods=["POST"])
    @protect()
    @permission_name("send")
    def post(self) -> Response:
        """Send a file of results of one settlement, of people, or of payment details; it is read, nothing is applied
        ---
        post:
          requestBody:
            required: true
            content:
              multipart/form-data:
                schema:
                  type: object
                  additionalProperties: false
                  required: [kind, file]
                  properties:
                    kind:
                      type: string
                      enum: [codes, sheet, registry, payments]
                      description: >-
                        codes: member codes that all get `outcome`; sheet: the agency's whole result sheet; registry:
                        people with entitlements; payments: accounts and wallets
                    file:
                      type: string
                      format: binary
                      description: XLSX, XLS or CSV of at most 10 MB
                    settlement_id:
                      type: integer
                      description: For codes and sheet
                    from_standing:
                      type: string
                      enum: [pending, paid, unpaid, unpaid_stopped, to_recover]
                      description: For codes and sheet, what lines must be now; pending when left out
                    outcome:
                      type: string
                      enum: [paid, unpaid, unpaid_stopped, to_recover]
                      description: For codes
                    reason:
                      type: string
                      description: For codes and sheet; needed unless from_standing is pending
          responses:
            202:
              description: Too large to wait for; GET /api/v1/work/<work> says how far it is, GET /api/v1/imports/<id> shows it
              content:
                application/json:
                  schema:
                    allOf:
                    - $ref: '#/components/schemas/Work'
                    - type: object
                      properties:
                        id:
                          type: integer
            201:
              description: >-
                The file with its `phase`: ready to be applied, columns to be chosen, or refused with the `message` why
        """
        values, upload = uploads.received(SEND)
        by, kind = current_actor(), values["kind"]
        settlement = starting.settlement_of(db.session(), kind, values.get("settlement_id"), by=by)
        options = starting.options_of(
            kind,
            before=values.get("from_standing") or "pending",
            outcome=values.get("outcome") or "",
            why=values.get("reason") or "",
        )
        key, reads = starting.send(kind, upload, settlement=settlement, options=options, by=by, home=_home())
        if reads is not None:
            return self.response(202, id=key, **work_members(reads))
        return self.response(201, **self.described(self.found(str(key))))

    @expose("/templates/<code>", methods=["GET"])
    @protect()
    @permission_name("send")
    def template(self, code: str) -> Response:
        """The empty workbook of a kind of file; for codes with the people of the list, which is recorded
        ---
        get:
          parameters:
          - in: query
            name: settlement_id
            description: For codes and sheet; the list's code then stands on it
            schema:
              type: integer
          responses:
            200:
              description: The workbook
              content:
                application/vnd.openxmlformats-officedocument.spreadsheetml.sheet:
                  schema:
                    type: string
                    format: binary
        """
        asking.refuse_arguments(("settlement_id",))
        written = request.args.get("settlement_id")
        key = None if written is None else uploads.key(written)
        session: Session = db.session()
        settlement = starting.settlement_of(session, code, key, by=current_actor())
        made = import_page.template_of(session, code, settlement, home=_home())
        if settlement is not None and made.people:
            where = settlement.area_path
            self.remember(people=made.people, entity_id=settlement.id, area_path=where, what="import template")
        return _taken_away(made.content, made.name)

    @expose("/<pk>/findings", methods=["GET"])
    @protect()
    @permission_name("get")
    def findings(self, pk: str) -> Response:
        """What was found in the rows, errors first
        ---
        get:
          parameters:
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
              description: One page; a finding about a whole row has no column
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
                            row:
                              type: integer
                            column:
                              type: string
                              nullable: true
                            title:
                              type: string
                            detail:
                              type: string
                            severity:
                              type: string
                              enum: [error, warning]
        """
        asking.refuse_arguments(("page", "page_size"))
        item: FileImport = self.found(pk)
        first, size = asking.page()
        key, path, count = item.id, item.area_path, item.error_count + item.warning_count
        found = files.findings(db.session(), key, first=first, limit=size) if item.phase == "ready" else []
        result = [
            {
                "row": one.row,
                "column": None if one.place is None else letter_of(one.place),
                "title": one.title,
                "detail": one.text,
                "severity": one.severity,
            }
            for one in found
        ]
        if result:
            self.remember(people=len(result), entity_id=key, area_path=path, what="API import findings")
        return self.response(200, count=count, result=result)

    @expose("/<pk>/workbook", methods=["GET"])
    @protect()
    @permission_name("send")
    def workbook(self, pk: str) -> Response:
        """The file as it was sent with a column of findings; that it was taken away is recorded
        ---
        get:
          responses:
            200:
              description: The workbook
              content:
                application/vnd.openxmlformats-officedocument.spreadsheetml.sheet:
                  schema:
                    type: string
                    format: binary
        """
        asking.refuse_arguments()
        item: FileImport = self.found(pk)
        if item.phase != "ready":
            raise staging.NoLongerOpen
        name = f"{Path(item.file_name).stem[:60]}-loi.xlsx"
        content = files.with_findings(db.session(), item, home=_home())
        self.remember(people=item.row_count or 1, entity_id=item.id, area_path=item.area_path, what="import findings")
        return _taken_away(content, name)

    @expose("/<pk>/columns", methods=["POST"])
    @protect()
    @permission_name("send")
    def columns(self, pk: str) -> Response:
        """Say which column is what; the file is read again, and the choice remembered for the agency
        ---
        post:
          requestBody:
            required: true
            content:
              application/json:
                schema:
                  type: object
                  additionalProperties: false
                  required: [places, heading_row]
                  properties:
                    places:
                      type: object
                      description: Key of a column, as in `columns` of the file, and its number in the sheet from 0
                      additionalProperties:
                        type: integer
                    heading_row:
                      type: integer
                      description: Last row of the heading, 0 where there is none
          responses:
            202:
              description: Too large to wait for; GET /api/v1/work/<work> says how far it is
              content:
                application/json:
                  schema:
                    $ref: '#/components/schemas/Work'
            200:
              description: The file, read again
        """
        item: FileImport = self.found(pk)
        key, known = item.id, {column.key for column in layouts.LAYOUTS[item.kind].columns}
        values = reading.members(reading.body(), CHOOSE)
        if not set(values["places"]) <= known:
            raise PlacesUnreadable(field="places")
        reads = starting.choose(key, values["places"], values["heading_row"], by=current_actor(), home=_home())
        if reads is not None:
            return self.response(202, id=key, **work_members(reads))
        return self.response(200, **self.described(self.found(str(key))))

    @expose("/<pk>/apply", methods=["POST"])
    @protect()
    @permission_name("apply")
    def apply(self, pk: str) -> Response:
        """Apply everything the preview says, or nothing
        ---
        post:
          requestBody:
            required: true
            content:
              application/json:
                schema:
                  type: object
                  additionalProperties: false
                  required: [stamp]
                  properties:
                    stamp:
                      type: string
                      description: Of the preview that was read; 409 when the books have moved, and the preview is then new
          responses:
            202:
              description: Too many rows to wait for; GET /api/v1/work/<work> says how far it is
              content:
                application/json:
                  schema:
                    $ref: '#/components/schemas/Work'
            200:
              description: The file, applied; `message` says what was done
        """
        key = self.found(pk).id
        values = reading.members(reading.body(), APPLY)
        _said, doing = starting.apply(key, by=current_actor(), stamp=values["stamp"], home=_home())
        if doing is not None:
            return self.response(202, id=key, **work_members(doing))
        return self.response(200, **self.described(self.found(str(key))))

    @expose("/<pk>/discard", methods=["POST"])
    @protect()
    @permission_name("apply")
    def discard(self, pk: str) -> Response:
        """Put the file away without applying it
        ---
        post:
          responses:
            200:
              description: The file, discarded
        """

        def call(session: Session, key: int, _values: dict[str, Any]) -> None:
            staging.discard(session, key, home=_home())

        return self.act(pk, ANY_REASON, call)


def _taken_away(content: bytes, name: str) -> Response:
    answer = send_file(BytesIO(content), exporting.TYPES["xlsx"], as_attachment=True, download_name=name)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _home() -> Path:
    home: Path = current_app.config["CHITRA"].home
    return home
