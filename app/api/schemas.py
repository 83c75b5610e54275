"""What the REST API shows of a model: schemas from column names, and the shape of a problem. Nothing is read here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_appbuilder.api.convert import Model2SchemaConverter
from marshmallow import Schema
from marshmallow_sqlalchemy import SQLAlchemyAutoSchema

PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance", "errors"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "code": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}
"""The body of every refusal (RFC 9457), for the description of the API."""

WORK: dict[str, Any] = {
    "type": "object",
    "properties": {
        "work": {"type": "integer"},
        "title": {"type": "string"},
        "phase": {"type": "string", "enum": ["queued", "running", "done", "failed"]},
        "done": {"type": "integer"},
        "total": {"type": "integer"},
        "message": {"type": "string", "nullable": True},
        "file_name": {"type": "string", "nullable": True},
        "result": {"type": "object", "nullable": True},
    },
}
"""Long work, for the description of the API."""


class KeyedConverter(Model2SchemaConverter):
    """Flask-AppBuilder's, which knows no foreign keys with marshmallow-sqlalchemy 1.x and stops the program at start.

    These schemas write answers only: what comes in is read by `reading`, field by field.
    """

    def _meta_schema_factory(
        self, columns: list[str], model: Any, class_mixin: Any, parent_schema_name: str | None = None
    ) -> type[Schema]:
        meta: dict[str, Any] = {"model": model, "include_fk": True, "parent_schema_name": parent_schema_name}
        if columns:
            meta["fields"] = columns
        made: type[Schema] = type("MetaSchema", (SQLAlchemyAutoSchema, class_mixin), {"Meta": type("Meta", (), meta)})
        return made


def narrowed(schema: Schema, columns: Iterable[str]) -> Schema:
    """The same schema with some of its columns only."""
    return type(schema)(only=tuple(columns))
