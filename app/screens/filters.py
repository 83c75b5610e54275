"""Search filters of lists: what they match, what they read; each value is checked before it reaches the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

from flask_appbuilder.exceptions import InvalidOperationFilterFABException
from flask_appbuilder.models.filters import BaseFilter, BaseFilterConverter, Filters
from flask_babel import gettext as _
from sqlalchemy import false, func

from app.clock import LOCAL
from app.models import Area
from app.rules import dates, money, names
from app.rules.actors import bounds_of
from app.rules.problems import UnreadableError
from app.screens.lookups import lookup_of

MAX_SEARCH = 100
MOST_DECIMAL = 10**15


class SafeFilter(BaseFilter):
    """One column, one way to match; `read` raises ValueError with words for a person."""

    arg_name: str | None = None

    def read(self, text: str) -> Any:
        """The value of a text that is not empty."""
        return names.clean_text(text, max_length=MAX_SEARCH)

    def match(self, column: Any, value: Any) -> Any:
        """The SQL condition."""
        raise NotImplementedError

    def apply(self, query: Any, value: Any) -> Any:
        """Flask-AppBuilder's entry: the value comes from a form, a view's base filter or a REST call."""
        try:
            wanted = self.read(value) if isinstance(value, str) else value
        except ValueError:
            return query.filter(false())
        return query.filter(self.match(getattr(self.model, self.column_name), wanted))


class FoldStarts(SafeFilter):
    """The beginning of a name without marks; served by the index on the folded column."""

    arg_name = "sw"

    def match(self, column: Any, value: Any) -> Any:
        return func.starts_with(column, names.fold(value))


class FoldContains(SafeFilter):
    """Any part of a name without marks; for lists of one commune or one batch."""

    arg_name = "ct"

    def match(self, column: Any, value: Any) -> Any:
        return func.strpos(column, names.fold(value)) > 0


class TextContains(SafeFilter):
    """Any part of a text, capitals or not."""

    arg_name = "ct"

    def match(self, column: Any, value: Any) -> Any:
        return func.strpos(func.lower(column), value.lower()) > 0


class TextStarts(SafeFilter):
    """The beginning of a text, capitals or not."""

    arg_name = "sw"

    def match(self, column: Any, value: Any) -> Any:
        return func.starts_with(func.lower(column), value.lower())


class Equal(SafeFilter):
    """Exactly this text or code."""

    arg_name = "eq"

    def match(self, column: Any, value: Any) -> Any:
        return column == value


class NumberEqual(Equal):
    """Exactly this whole number; "1.250.000" is one too."""

    def read(self, text: str) -> int:
        return money.parse_vnd(text, allow_negative=True)


class NumberAtLeast(NumberEqual):
    """From this number up."""

    arg_name = "gt"

    def match(self, column: Any, value: Any) -> Any:
        return column >= value


class NumberAtMost(NumberEqual):
    """Up to this number."""

    arg_name = "lt"

    def match(self, column: Any, value: Any) -> Any:
        return column <= value


class DecimalEqual(Equal):
    """Exactly this decimal number, with comma or point."""

    def read(self, text: str) -> Decimal:
        try:
            number = Decimal(text.replace(",", "."))
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite() or abs(number) >= MOST_DECIMAL:
            raise ValueError(_("Hãy nhập một số, ví dụ 1,5."))
        return number


class DayEqual(Equal):
    """On this day; an instant counts by its day in Vietnam."""

    def read(self, text: str) -> date:
        return dates.parse_date(text)

    def match(self, column: Any, value: Any) -> Any:
        if column.type.python_type is datetime:
            return column.between(_midnight(value), _midnight(value + timedelta(days=1)) - timedelta(microseconds=1))
        return column == value


class DayFrom(DayEqual):
    """From this day on."""

    arg_name = "gt"

    def match(self, column: Any, value: Any) -> Any:
        return column >= (_midnight(value) if column.type.python_type is datetime else value)


class DayTo(DayEqual):
    """Up to and with this day."""

    arg_name = "lt"

    def match(self, column: Any, value: Any) -> Any:
        if column.type.python_type is datetime:
            return column < _midnight(value + timedelta(days=1))
        return column <= value


class YesNo(Equal):
    """True or false."""

    def read(self, text: str) -> bool:
        if text not in ("yes", "no"):
            raise ValueError(_("Hãy chọn một giá trị trong danh sách."))
        return text == "yes"


class Related(SafeFilter):
    """Rows of one row of another table; an area stands for everything below it."""

    arg_name = "rel_o_m"

    def read(self, text: str) -> Any:
        found = lookup_of(self.datamodel.get_related_model(self.column_name)).find(text)
        if found is None:
            raise ValueError(_("Hãy chọn lại: lựa chọn này không có, hoặc không thuộc địa bàn của bạn."))
        return found

    def apply(self, query: Any, value: Any) -> Any:
        """A key is looked up in scope first; an unknown one matches nothing."""
        if isinstance(value, str | int):
            try:
                value = self.read(str(value))
            except ValueError:
                return query.filter(false())
        if isinstance(value, Area) and hasattr(self.model, "area_path"):
            low, high = bounds_of(value.path)
            return query.filter(self.model.area_path >= low, self.model.area_path < high)
        return query.filter(getattr(self.model, self.column_name) == value)


class Children(Related):
    """Rows under the row whose page is open; given by the page, never by an address."""

    def apply(self, query: Any, value: Any) -> Any:
        """By the foreign key of the relation."""
        relation = self.datamodel.list_properties[self.column_name]
        local = next(iter(relation.local_columns))
        return query.filter(getattr(self.model, local.key) == value)


class SafeConverter(BaseFilterConverter):
    """Which filters a column offers; the first is what a search form uses unless it asks for another."""

    conversion_table: ClassVar[Sequence[Any]] = (
        ("is_relation_many_to_one", [Related]),
        ("is_relation_one_to_one", [Related]),
        ("is_fold", [FoldStarts, FoldContains]),
        ("is_string", [TextContains, TextStarts, Equal]),
        ("is_boolean", [YesNo]),
        ("is_integer", [NumberEqual, NumberAtLeast, NumberAtMost]),
        ("is_numeric", [DecimalEqual]),
        ("is_date", [DayEqual, DayFrom, DayTo]),
        ("is_datetime", [DayEqual, DayFrom, DayTo]),
    )


class SafeFilters(Filters):
    """Filters over declared columns only: none is made for a column no view named."""

    def _get_filters(self, cols: list[str]) -> dict[str, Any]:
        wanted: dict[str, Any] = super()._get_filters([col for col in cols if col in self.search_columns])
        return wanted

    def copy(self) -> SafeFilters:
        """A copy whose active filters are its own."""
        twin = SafeFilters(self.filter_converter, self.datamodel)
        twin.filters, twin.values = list(self.filters), list(self.values)
        return twin

    def get_joined_filters(self, filters: Any) -> SafeFilters:
        """These and `filters`."""
        twin = self.copy()
        twin.filters, twin.values = twin.filters + filters.filters, twin.values + filters.values
        return twin

    def ways(self, column: str) -> list[SafeFilter]:
        """The filters `column` offers, none when it is not a search column."""
        found: list[SafeFilter] = self._search_filters.get(column, [])
        return found

    def rest_add_filters(self, data: Any) -> None:
        """Filters of a REST call: an operator means what it means for that column, its value a text or a number."""
        for wanted in data:
            column, operator, value = (wanted.get(key) for key in ("col", "opr", "value"))
            way = next((way for way in self.ways(column) if way.arg_name == operator), None)
            if way is None or not isinstance(value, str | int):
                raise InvalidOperationFilterFABException(f"Filter {operator!r} on {column!r} is not offered")
            try:
                self._add_filter(way, way.read(str(value)))
            except ValueError as error:
                raise InvalidOperationFilterFABException(problem_of(error)) from error

    def index_of(self, column: str, kind: type[SafeFilter]) -> int:
        """The number of a kind of filter among those of `column`."""
        return next(index for index, way in enumerate(self.ways(column)) if type(way) is kind)


def problem_of(error: ValueError) -> str:
    """What a refused search value is told."""
    return str(_(error.text, **error.facts)) if isinstance(error, UnreadableError) else str(error)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), LOCAL)
