"""The tree of areas by REST. What becomes of areas is in `successions`."""

from __future__ import annotations

from app.api.resource import Resource
from app.models import Area
from app.screens.interface import SafeInterface


class AreasApi(Resource):
    """The tree of areas: one's own, those below and those above."""

    resource_name = "areas"
    datamodel = SafeInterface(Area)
    list_columns = [
        "id", "code", "path", "level", "parent.code", "kind", "name", "full_name", "full_name_en", "valid_from", "valid_to",
    ]  # fmt: skip
    show_columns = list_columns
    search_columns = ["code", "name_fold", "level", "path"]
    order_columns = ["id", "code", "path"]
