"""What a generated screen declares and what is made of it once, when the program starts. No request is answered here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import BaseView, ModelView, expose, has_access
from flask_appbuilder.security.decorators import permission_name
from flask_babel import gettext
from sqlalchemy import Boolean, Integer, Numeric

from app.errors import NotFound
from app.screens.filters import SafeFilter
from app.screens.forms import FormPlan, SafeForm, form_of
from app.screens.labels import COMMON
from app.screens.lookups import Lookup, lookup_of
from app.screens.searching import SearchBox
from app.web.words import state_tag, state_words


class ViewIncomplete(TypeError):
    """A screen that leaves to chance what people see or search; found when the program starts."""


class RemoteChoices(BaseView):
    """Offers rows of big tables to select boxes: `/choices/<field>?q=…`, limited like the field itself."""

    lookups: Mapping[str, Lookup] = {}

    @expose("/choices/<name>")
    @has_access
    @permission_name("list")
    def choices(self, name: str) -> ResponseReturnValue:
        """Rows matching what was typed, as Select2 reads them."""
        lookup = self.lookup_named(name)
        if lookup is None:
            raise NotFound
        key = lookup.model.__mapper__.primary_key[0].name
        rows = lookup.search(request.args.get("q", ""))
        return {"results": [{"id": str(getattr(row, key)), "text": lookup.label(row)} for row in rows]}

    def lookup_named(self, name: str) -> Lookup | None:
        """How the rows of a field are found; None for a field that offers none."""
        return self.lookups.get(name)

    def choices_url(self, name: str) -> str:
        """Where the select box of a field asks."""
        return url_for(f"{self.endpoint}.choices", name=name)


class DeclaredView(RemoteChoices, ModelView):
    """The declarations of a generated screen, checked.

    Declare `datamodel = SafeInterface(Model)`, `search_columns`, `list_columns`, the titles of the routes it has, and
    the label of each column not in `labels.COMMON`. Codes are shown and chosen by words: `choice_columns`
    (column -> code -> msgid), `machine_columns` (column -> machine of rules.states). Actions: `actions.action`.
    """

    exclude_route_methods: set[str] = {"delete", "download"}
    label_columns: Any = None
    search_columns: Any = None
    order_columns: Any = None
    formatters_columns: Any = None
    choice_columns: Mapping[str, Mapping[str, Any]] = {}
    machine_columns: Mapping[str, str] = {}
    month_columns: Iterable[str] = ("month", "period.month")
    number_ranges: Mapping[str, tuple[int, int]] = {}
    max_lengths: Mapping[str, int] = {}
    multiline_columns: Iterable[str] = ()
    search_ways: Mapping[str, type[SafeFilter]] = {}
    inherited_word: Any = ""
    empty_text: Any = ""
    list_lead: Any = ""
    search_widget = SearchBox

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if getattr(cls, "datamodel", None) is None:
            return
        routes = {"list": "list_title", "show": "show_title", "add": "add_title", "edit": "edit_title"}
        needed = [title for route, title in routes.items() if route not in cls.exclude_route_methods]
        missing = [name for name in needed if not getattr(cls, name)]
        missing += [name for name in ("search_columns", "list_columns") if getattr(cls, name) is None]
        if missing:
            raise ViewIncomplete(f"{cls.__name__} must declare {', '.join(missing)}")

    def _init_properties(self) -> None:
        model = self.datamodel.obj
        self.label_columns = COMMON | dict(self.label_columns or {})
        self.choice_columns = dict(self.choice_columns) | {
            column: state_words(machine) for column, machine in self.machine_columns.items()
        }
        if self.order_columns is None:
            self.order_columns = [name for name in self.list_columns if name in model.__mapper__.columns]
        searched = list(self.search_columns)
        if not searched:
            self.search_exclude_columns = self.datamodel.get_search_columns_list()
        super()._init_properties()
        self.search_columns = searched
        self._demand_labels()
        shown = [*self.list_columns, *self.show_columns]
        self.datamodel.load_with(shown)
        self.column_kinds = {name: self._kind_of(name) for name in shown}
        self.formatters_columns = {name: self._formatter(name) for name in shown if self._formatter(name)} | dict(
            self.formatters_columns
        )

    def _demand_labels(self) -> None:
        own = COMMON | dict(type(self).label_columns or {})
        routes = {"show": self.show_columns, "add": self.add_columns, "edit": self.edit_columns}
        wanted = [*self.list_columns, *self.search_columns]
        wanted += [name for route, names in routes.items() if self._has(route) for name in names]
        missing = sorted({name for name in wanted if name not in own})
        if missing:
            raise ViewIncomplete(f"{type(self).__name__} must label {', '.join(missing)}")

    def _has(self, route: str) -> bool:
        return route not in self.exclude_route_methods

    def _kind_of(self, name: str) -> str:
        if name.endswith("_vnd"):
            return "money"
        if name in self.month_columns:
            return "month"
        model, *rest = self.datamodel.obj, *name.split(".")
        for part in rest:
            relation = model.__mapper__.relationships.get(part)
            if relation is None:
                column = model.__mapper__.columns.get(part)
                kind = getattr(column, "type", None)
                return "number" if isinstance(kind, Integer | Numeric) and not isinstance(kind, Boolean) else ""
            model = relation.mapper.class_
        return ""

    def _formatter(self, name: str) -> Callable[[Any], Any] | None:
        if name in self.machine_columns:
            return lambda code: state_tag(code, self.machine_columns[name])
        if name in self.choice_columns:
            return lambda code: code and gettext(str(self.choice_columns[name].get(code, code)))
        return None

    def _init_forms(self) -> None:
        plan = FormPlan(
            labels=self.label_columns,
            descriptions=self.description_columns,
            validators=self.validators_columns,
            choices=self.choice_columns,
            lookups=self.lookups,
            ranges=self.number_ranges,
            max_lengths=self.max_lengths,
            multiline=frozenset(self.multiline_columns),
            inherited_word=self.inherited_word,
            choices_url=self.choices_url,
        )
        model, self.search_form = self.datamodel.obj, SafeForm
        for route, columns, extra in (
            ("add", self.add_columns, self.add_form_extra_fields),
            ("edit", self.edit_columns, self.edit_form_extra_fields),
        ):
            if self._has(route) and getattr(self, f"{route}_form") is None:
                versioned = route == "edit" and hasattr(model, "row_version")
                form = form_of(model, columns, plan, extra_fields=extra, versioned=versioned)
                setattr(self, f"{route}_form", form)

    def _init_titles(self) -> None:
        for name in ("show_title", "add_title", "edit_title"):
            setattr(self, name, getattr(self, name) or self.list_title)
        self.title = self.list_title

    def lookup_named(self, name: str) -> Lookup | None:
        """Of a relation that a form or the search of this view offers."""
        if name in self.lookups:
            return self.lookups[name]
        offered = {*self.search_columns, *self.add_columns, *self.edit_columns}
        relation = self.datamodel.obj.__mapper__.relationships.get(name) if name in offered else None
        return None if relation is None else lookup_of(relation.mapper.class_)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not self.actions:
            self.exclude_route_methods = {*self.exclude_route_methods, "action", "action_post"}
