"""Flask-AppBuilder's access to a model, made safe and quick: capped counts, total order, one committer. No screen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from flask_appbuilder.models.sqla.interface import SQLAInterface
from sqlalchemy import func
from sqlalchemy.orm import selectinload

from app.extensions import transaction
from app.screens import filters as ours
from app.screens.lookups import read_key

COUNT_CAP = 10_000
"""Nobody reads on after this many rows; counting stops, and so does turning pages."""


class SafeInterface(SQLAInterface):
    """A model as generated screens and the REST API read and write it."""

    filter_converter_class = ours.SafeConverter
    FilterRelationOneToManyEqual = ours.Children
    FilterEqual = ours.Equal

    def __init__(self, obj: Any, session: Any = None) -> None:
        super().__init__(obj, session)
        self.eager: tuple[tuple[str, ...], ...] = ()

    def load_with(self, columns: Iterable[str]) -> None:
        """Load the relations that `columns` ("agency", "line.batch.code") show in one statement each."""
        paths = {path for column in columns if (path := self._relations(column.split(".")))}
        self.eager = tuple(sorted({*self.eager, *paths}))

    def _relations(self, parts: Sequence[str]) -> tuple[str, ...]:
        model, path = self.obj, []
        for part in parts:
            relation = model.__mapper__.relationships.get(part)
            if relation is None:
                break
            path.append(part)
            model = relation.mapper.class_
        return tuple(path)

    def is_fold(self, column: str) -> bool:
        """True for a folded column: searched without marks."""
        return column.endswith("_fold") and bool(self.is_string(column))

    def get_filters(self, search_columns: Any = None, search_filters: Any = None) -> ours.SafeFilters:
        """Filters over `search_columns`."""
        return ours.SafeFilters(
            self.filter_converter_class, self, search_columns=search_columns or [], search_filters=search_filters
        )

    def get(
        self,
        id: Any,
        filters: Any = None,
        select_columns: Any = None,
        outer_default_load: bool = False,
    ) -> Any:
        """The row with this key within scope and `filters`; None for a key that cannot be one."""
        column = self.obj.__mapper__.primary_key[0]
        key = read_key(column, id)
        if key is None or self.is_pk_composite():
            return None
        query = self._eagerly(self.apply_filters(self.session.query(self.obj), filters))
        return query.filter(column == key).one_or_none()

    def get_inner_filters(self, filters: Any) -> Any:
        """All of them: none of ours needs a query around the query."""
        return filters if filters is not None else self.get_filters()

    def query_count(self, query: Any, filters: Any = None, select_columns: Any = None) -> int:
        """Rows that match, counted no further than one beyond the cap."""
        keys = self.apply_filters(query, filters).order_by(None).with_entities(*self.obj.__mapper__.primary_key)
        few = keys.limit(COUNT_CAP + 1).subquery()
        return int(self.session.query(func.count()).select_from(few).scalar())

    def apply_all(self, query: Any, filters: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Filters, order, page; relations that are shown come along."""
        query = super().apply_all(query, filters, *args, **kwargs)
        return query if kwargs.get("select_columns") else self._eagerly(query)

    def _eagerly(self, query: Any) -> Any:
        for path in self.eager:
            model, load = self.obj, None
            for part in path:
                attribute = getattr(model, part)
                load = selectinload(attribute) if load is None else load.selectinload(attribute)
                model = attribute.property.mapper.class_
            query = query.options(load)
        return query

    def apply_order_by(
        self,
        query: Any,
        order_column: str,
        order_direction: str,
        aliases_mapping: Any = None,
        bypass_many_to_many: bool = False,
        add_pk: bool = False,
    ) -> Any:
        """Always a total order: the key decides among equals, newest first where nothing else is asked."""
        keys = self.obj.__mapper__.primary_key
        if not order_column:
            return query.order_by(*(key.desc() for key in keys))
        query = super().apply_order_by(
            query, order_column, order_direction, aliases_mapping, bypass_many_to_many, add_pk=False
        )
        rest = [key for key in keys if key.name != order_column]
        return query.order_by(*(key.asc() if order_direction == "asc" else key.desc() for key in rest))

    def apply_pagination(self, query: Any, page: int | None, page_size: int | None) -> Any:
        """Pages end where counting ends."""
        if page_size:
            first = min((page or 0) * page_size, max(COUNT_CAP - page_size, 0))
            query = query.limit(page_size).offset(first)
        return query

    def add(self, item: Any, commit: bool = True) -> None:
        """Add in the one kind of transaction that commits."""
        with transaction() as session:
            session.add(item)

    def edit(self, item: Any, commit: bool = True) -> None:
        """Save what was changed on `item`."""
        with transaction() as session:
            session.add(item)

    def delete(self, item: Any, commit: bool = True) -> None:
        """Delete."""
        with transaction() as session:
            session.delete(item)
