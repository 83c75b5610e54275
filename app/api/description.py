"""`/api/v1/_openapi`: the description of the REST API, for signed-in programs. Written from the methods themselves."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app
from flask_appbuilder.api import BaseApi, expose, protect
from flask_appbuilder.api.manager import OpenApi
from flask_appbuilder.security.decorators import permission_name

from app.api import asking
from app.api.resource import Answers
from app.api.schemas import PROBLEM, WORK

REASON: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["reason"],
    "properties": {"reason": {"type": "string", "maxLength": 2000}},
}


class ApiDescription(Answers, OpenApi):
    """Flask-AppBuilder's, for bearer tokens only, with our refusals in it."""

    route_base = "/api"
    include_route_methods = {"show"}
    allow_browser_login = False
    openapi_spec_tag = "OpenApi"

    @expose("/v1/_openapi", methods=["GET"])
    @protect()
    @permission_name("get")
    def show(self) -> Response:
        """This description
        ---
        get:
          responses:
            200:
              description: OpenAPI 3.0
              content:
                application/json:
                  schema:
                    type: object
        """
        asking.refuse_arguments()
        spec = self._create_api_spec("v1")
        spec.components.schema("Problem", PROBLEM)
        spec.components.schema("Reason", REASON)
        spec.components.schema("Work", WORK)
        refused = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        spec.components.response("Problem", {"description": "Refused", "content": refused})
        for api in current_app.extensions["appbuilder"].baseviews:
            if isinstance(api, BaseApi) and api.version == "v1":
                api.add_api_spec(spec)
        return self.response(200, **spec.to_dict())
