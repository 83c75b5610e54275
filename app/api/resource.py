"""A resource of the REST API: Flask-AppBuilder's with its open doors shut; lists, shows, and runs one service per action.

Nothing is deleted, nothing is written but by a service, and what is personal is written into the access log.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from copy import copy
from typing import Any

from flask import Response, jsonify
from flask_appbuilder.api import ModelRestApi, expose, protect
from flask_appbuilder.exceptions import FABException
from flask_appbuilder.security.decorators import permission_name
from marshmallow import Schema
from sqlalchemy.orm import Session

from app.api import asking, reading
from app.api.reading import Member
from app.api.schemas import KeyedConverter, narrowed
from app.errors import NotAllowed, NotFound
from app.extensions import acting_as, current_actor, transaction
from app.rules.actors import SYSTEM
from app.screens.filters import Equal, SafeFilters
from app.screens.interface import COUNT_CAP
from app.services import access

_IN_PATH = re.compile(r"{(\w+)}")

Act = Callable[[Session, int, dict[str, Any]], object]
"""One service called with (session, key, members of the body); what it returns is not used."""

Make = Callable[[Session, dict[str, Any]], int]
"""One service called with (session, members of the body); returns the key of what it made."""


class Answers:
    """How every API of ours answers: nothing is kept by caches, and a refusal is a problem like any other."""

    @staticmethod
    def response(code: int, /, **members: Any) -> Response:
        """A JSON answer that no cache keeps."""
        answer = jsonify(members)
        answer.status_code = code
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def response_403(self) -> Response:
        """What Flask-AppBuilder calls when the permission is missing."""
        raise NotAllowed

    def operation_helper(self, **kwargs: Any) -> None:
        """The description of a method, which takes a bearer token and nothing else."""
        super().operation_helper(**kwargs)  # type: ignore[misc]
        in_path = [
            {
                "in": "path",
                "name": name,
                "required": True,
                "schema": {"type": "string" if name == "code" else "integer"},
            }
            for name in _IN_PATH.findall(kwargs["path"])
        ]
        for operation in kwargs["operations"].values():
            operation["security"] = [{"jwt": []}]
            operation["parameters"] = [*in_path, *operation.get("parameters", [])]
            operation.setdefault("responses", {})["default"] = {"$ref": "#/components/responses/Problem"}


class Resource(Answers, ModelRestApi):
    """Declare `datamodel = SafeInterface(Model)`, `list_columns`, `show_columns`, `search_columns`, `order_columns`.

    `personal` is what the access log says of who reads it; empty where nobody is named. Further routes are added to
    `include_route_methods`: whatever is not there does not exist.
    """

    version = "v1"
    include_route_methods = {"get_list", "get"}
    allow_browser_login = False
    model2schemaconverter = KeyedConverter
    max_page_size = asking.MAX_PAGE_SIZE
    personal = ""
    exact_columns: tuple[str, ...] = ()
    """Columns found by their whole value only: a part would let masked digits be guessed one by one."""

    def _init_properties(self) -> None:
        super()._init_properties()
        self.datamodel.load_with([*self.list_columns, *self.show_columns])
        for name in self.exact_columns:
            self._filters._search_filters[name] = [Equal(name, self.datamodel)]

    def _init_model_schemas(self) -> None:
        """Answers only: what comes in has no generated schema."""
        convert = self.model2schemaconverter.convert
        self.list_model_schema = convert(self.list_columns, parent_schema_name=self.list_model_schema_name)
        self.show_model_schema = convert(self.show_columns, parent_schema_name=self.show_model_schema_name)

    def add_apispec_components(self, api_spec: Any) -> None:
        """The two schemas of answers."""
        api_spec.components.schema(self.list_model_schema_name, schema=self.list_model_schema)
        api_spec.components.schema(self.show_model_schema_name, schema=self.show_model_schema)

    # --- Reading -----------------------------------------------------------------------------------------------

    @expose("/", methods=["GET"])
    @protect()
    @permission_name("get")
    def get_list(self) -> Response:
        """Rows in one's area and below
        ---
        get:
          parameters:
          - in: query
            name: q
            description: >-
              In rison or JSON: filters [{col, opr, value}], columns, order_column with order_direction asc or desc,
              page with page_size (at most 200), or after: the rows after that id in the order of ids, for reading
              everything. Pages end at 10.000 rows, after has no end.
            schema:
              type: string
            example: "(after:0,page_size:200)"
          responses:
            200:
              description: One page
              content:
                application/json:
                  schema:
                    type: object
                    properties:
                      count:
                        description: Rows that match (after `after`), counted no further than 10.000
                        type: integer
                      count_is_capped:
                        type: boolean
                      next:
                        description: The value of `after` for the next page; null at the end, or in another order
                        type: integer
                        nullable: true
                      ids:
                        type: array
                        items:
                          type: integer
                      result:
                        type: array
                        items:
                          $ref: '#/components/schemas/{{self.__class__.__name__}}.get_list'
        """
        asked = asking.read(self.list_columns, self.order_columns)
        by_key = asked.after is not None
        ordered = ("id", "asc") if by_key else (asked.order_column, asked.order_direction or "asc")
        count, rows = self.datamodel.query(
            self._filters_of(asked), *ordered, page=asked.page, page_size=asked.page_size
        )
        keys = [row.id for row in rows]
        schema = narrowed(self.list_model_schema, asked.columns) if asked.columns else self.list_model_schema
        result = [self.shown(row, schema) for row in rows]
        if rows:
            self.remember(people=len(rows))
        return self.response(
            200,
            count=min(count, COUNT_CAP),
            count_is_capped=count > COUNT_CAP,
            next=keys[-1] if by_key and len(keys) == asked.page_size else None,
            ids=keys,
            result=result,
        )

    @expose("/<pk>", methods=["GET"])
    @protect()
    @permission_name("get")
    def get(self, pk: str) -> Response:
        """One row in one's area and below
        ---
        get:
          responses:
            200:
              description: The row
              content:
                application/json:
                  schema:
                    type: object
                    properties:
                      id:
                        type: integer
                      result:
                        $ref: '#/components/schemas/{{self.__class__.__name__}}.get'
        """
        asking.refuse_arguments()
        item = self.found(pk)
        members = self.described(item)
        self.remember(entity_id=item.id, area_path=getattr(item, "area_path", None))
        return self.response(200, **members)

    def found(self, pk: str) -> Any:
        """The row in scope. Raises NotFound, also for what cannot be a key."""
        item = self.datamodel.get(pk, self._base_filters)
        if item is None:
            raise NotFound
        return item

    def described(self, item: Any) -> dict[str, Any]:
        """The members of an answer about one row."""
        return {"id": item.id, "result": self.shown(item, self.show_model_schema)}

    def shown(self, item: Any, schema: Schema) -> dict[str, Any]:
        """One row as the caller may see it."""
        members: dict[str, Any] = schema.dump(item)
        return members

    def remember(
        self, *, people: int = 1, entity_id: int | None = None, area_path: str | None = None, what: str = ""
    ) -> None:
        """Write who saw personal data, before the answer leaves; an agency's user writes no such row by itself."""
        actor, what = current_actor(), what or self.personal
        if not what or actor.area_path is None:
            return
        with acting_as(SYSTEM), transaction() as session:
            path = area_path or actor.area_path
            access.seen(session, what, by=actor, area_path=path, entity_id=entity_id, people=people)

    def _filters_of(self, asked: asking.Asked) -> SafeFilters:
        """Filters of this request alone: Flask-AppBuilder keeps them on the view that every thread shares."""
        mine: SafeFilters = copy(self._filters)
        mine.clear_filters()
        try:
            mine.rest_add_filters(asked.filters)
        except FABException as error:
            raise asking.BadQuestion(what=str(error)) from error
        if asked.after is not None:
            mine._add_filter(asking.AfterKey("id", self.datamodel), asked.after)
        return mine.get_joined_filters(self._base_filters)

    # --- Acting ------------------------------------------------------------------------------------------------

    def act(self, pk: str, wanted: Mapping[str, Member], call: Act) -> Response:
        """Find the row in scope, read the body, call the service in one transaction, show what is true now."""
        key = self.found(pk).id
        values = reading.members(reading.body(), wanted)
        with transaction() as session:
            call(session, key, values)
        return self.response(200, **self.described(self.found(str(key))))

    def make(self, wanted: Mapping[str, Member], call: Make) -> Response:
        """Read the body, call the service in one transaction, show the row it made."""
        values = reading.members(reading.body(), wanted)
        with transaction() as session:
            key = call(session, values)
        return self.response(201, **self.described(self.found(str(key))))
