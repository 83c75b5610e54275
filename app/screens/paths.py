"""Lists of rows that know their area by its path only: search by the area's name, without marks. No screen here."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import func, or_, select

from app.models import Area
from app.rules import names
from app.screens.filters import SafeConverter, SafeFilter
from app.screens.interface import SafeInterface


class InAreaNamed(SafeFilter):
    """In an area, or below one, whose name holds what was typed, or which has this code."""

    arg_name = "ct"

    def match(self, column: Any, value: Any) -> Any:
        named = or_(func.strpos(Area.name_fold, names.fold(value)) > 0, Area.code == value)
        return select(Area.id).where(Area.level != "country", func.starts_with(column, Area.path), named).exists()


class PathConverter(SafeConverter):
    """Offers `InAreaNamed` for a path."""

    conversion_table: ClassVar[Any] = (("is_path", [InAreaNamed]), *SafeConverter.conversion_table)


class ByPath(SafeInterface):
    """A model whose `area_path` is searched by the names of areas."""

    filter_converter_class = PathConverter

    def is_path(self, column: str) -> bool:
        """True for the path of the owning area."""
        return column == "area_path"
