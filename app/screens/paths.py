"""Lists of rows that know their area by its path only: search by the area's name, without marks. No screen here."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import and_, func, or_, select

from app.extensions import db
from app.models import Area
from app.rules import names
from app.rules.actors import bounds_of
from app.screens.filters import SafeConverter, SafeFilter
from app.screens.interface import SafeInterface


class InAreaNamed(SafeFilter):
    """In an area, or below one, whose name holds what was typed, or which has this code.

    The areas are found first: a condition on constants is served by the index on the path, one on each row's own area
    is not (0,3 s over a million rows).
    """

    arg_name = "ct"

    def match(self, column: Any, value: Any) -> Any:
        named = or_(func.strpos(Area.name_fold, names.fold(value)) > 0, Area.code == value)
        found = db.session.execute(select(Area.path, Area.level).where(Area.level != "country", named)).all()
        ranges = [bounds_of(path) for path, level in found if level == "province"]
        communes = [path for path, level in found if level == "commune"]
        return or_(column.in_(communes), *(and_(column >= low, column < high) for low, high in ranges))


class PathConverter(SafeConverter):
    """Offers `InAreaNamed` for a path."""

    conversion_table: ClassVar[Any] = (("is_path", [InAreaNamed]), *SafeConverter.conversion_table)


class ByPath(SafeInterface):
    """A model whose `area_path` is searched by the names of areas."""

    filter_converter_class = PathConverter

    def is_path(self, column: str) -> bool:
        """True for the path of the owning area."""
        return column == "area_path"
