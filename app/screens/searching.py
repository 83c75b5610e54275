"""The search form above a list: one plain box for each search column, sent by GET. What matches is `filters.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import request
from flask_appbuilder.widgets import RenderTemplateWidget
from flask_babel import gettext as _
from sqlalchemy import Date, DateTime

from app.screens.asking import Searched
from app.screens.fields import YES_NO
from app.screens.filters import DayFrom, DayTo, Equal, Related, YesNo

if TYPE_CHECKING:
    from app.screens.base import SafeModelView


class SearchBox(RenderTemplateWidget):
    """The search form."""

    template = "appbuilder/general/widgets/search.html"


@dataclass(frozen=True)
class SearchField:
    """One box: `kind` is text, date, choice or remote."""

    name: str
    label: Any
    kind: str
    value: str
    problem: str = ""
    options: tuple[tuple[str, str], ...] = ()
    url: str = ""


def search_fields(view: SafeModelView, searched: Searched) -> list[SearchField]:
    """The boxes of a view's search form, filled as searched."""
    fields = []
    for column in view.search_columns:
        label = view.label_columns[column]
        for way, words, kind in _boxes(view, column):
            index = view._filters.index_of(column, way)
            name = f"_flt_{index}_{column}"
            value, problem = searched.values.get(name, ""), searched.problems.get(name, "")
            options, url = _offered(view, column, kind, value)
            text = label if not words else f"{label}: {words}"
            fields.append(SearchField(name, text, kind, value, problem, options, url))
    return fields


def _boxes(view: SafeModelView, column: str) -> list[tuple[type[Any], str, str]]:
    """(filter, word after the label, kind) of each box of a column."""
    model = view.datamodel.obj
    if column in model.__mapper__.relationships:
        lookup = view.lookup_named(column)
        return [(Related, "", "choice" if lookup is not None and lookup.small else "remote")]
    if column in view.choice_columns:
        return [(Equal, "", "choice")]
    if isinstance(model.__mapper__.columns[column].type, Date | DateTime):
        return [(DayFrom, _("từ"), "date"), (DayTo, _("đến"), "date")]
    way = view.search_ways.get(column) or type(view._filters.ways(column)[0])
    return [(way, "", "choice" if way is YesNo else "text")]


def _offered(view: SafeModelView, column: str, kind: str, value: str) -> tuple[tuple[tuple[str, str], ...], str]:
    """Options of a select box, and the address a remote one asks."""
    if kind == "remote":
        lookup = view.lookup_named(column)
        found = lookup.find(value) if lookup is not None and value else None
        chosen = ((value, lookup.label(found)),) if lookup is not None and found is not None else ()
        return chosen, view.choices_url(column)
    if kind != "choice":
        return (), ""
    lookup = view.lookup_named(column)
    if lookup is not None:
        key = lookup.model.__mapper__.primary_key[0].name
        return tuple((str(getattr(row, key)), lookup.label(row)) for row in lookup.all()), ""
    words = view.choice_columns.get(column, YES_NO)
    return tuple((code, _(str(text))) for code, text in words.items()), ""


def kept_arguments() -> list[tuple[str, str]]:
    """What a new search keeps of the address: page size and order, not the page."""
    return [(name, value) for name, value in request.args.items() if name.startswith(("psize_", "_oc_", "_od_"))]
