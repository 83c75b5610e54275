"""The generated screen every noun's screen builds on: Flask-AppBuilder's, with its known holes closed. No noun here."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

from flask import abort, flash, g, has_request_context, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import BaseView, expose, has_access
from flask_babel import gettext as _
from sqlalchemy import false
from sqlalchemy.orm import Session

from app.extensions import current_actor, transaction
from app.screens import asking, saving
from app.screens.actions import action, reason, selected_keys
from app.screens.declaring import DeclaredView, RemoteChoices, ViewIncomplete
from app.screens.filters import SafeFilter, SafeFilters
from app.screens.forms import SafeForm
from app.screens.interface import COUNT_CAP, SafeInterface
from app.screens.searching import kept_arguments, search_fields

__all__ = ["ReadOnlyView", "RemoteChoices", "SafeInterface", "SafeModelView", "ViewIncomplete", "action", "reason"]


class SafeModelView(DeclaredView):
    """List, show, add and edit of a model; what to declare is said at `DeclaredView`."""

    # --- Search filters belong to a request, not to the view every thread shares -------------------------------

    @property
    def _filters(self) -> SafeFilters:
        prototype: SafeFilters = self.__dict__["_filters_prototype"]
        if not has_request_context():
            return prototype
        mine: dict[int, SafeFilters] = g.setdefault("filters_of_views", {})
        if id(self) not in mine:
            mine[id(self)] = copy(prototype)
            mine[id(self)].clear_filters()
        return mine[id(self)]

    @_filters.setter
    def _filters(self, prototype: SafeFilters) -> None:
        self.__dict__["_filters_prototype"] = prototype

    # --- Reading -----------------------------------------------------------------------------------------------

    def may_change(self, item: Any) -> bool:
        """False for a row that holds here but belongs to an area above; a view may add reasons."""
        path = getattr(item, "area_path", None)
        return path is None or current_actor().may_see(path)

    def _find(self, key: str) -> Any:
        item = self.datamodel.get(key, self._base_filters)
        if item is None:
            abort(404)
        return item

    @expose("/list/")
    @has_access
    def list(self) -> ResponseReturnValue:
        """The list, searched and ordered as the address asks."""
        asked = asking.asked_of(type(self).__name__, self.order_columns)
        searched = asking.search(self._filters, self.search_columns)
        if searched.problems:
            self._filters.add_filter_list([[self._key_name, Nothing, None]])
        widgets = self._get_list_widget(filters=self._filters, unread=bool(searched.problems), **vars(asked))
        fields = search_fields(self, searched)
        widgets["search"] = self.search_widget(fields=fields, searched=searched, kept=kept_arguments())
        page = self.render_template(self.list_template, title=self.list_title, lead=self.list_lead, widgets=widgets)
        return page, 422 if searched.problems else 200

    @property
    def _key_name(self) -> str:
        return str(self.datamodel.obj.__mapper__.primary_key[0].name)

    def _get_list_widget(
        self,
        filters: Any,
        actions: Any = None,
        order_column: str = "",
        order_direction: str = "",
        page: int | None = None,
        page_size: int | None = None,
        widgets: Any = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        if not order_column and self.base_order:
            order_column, order_direction = self.base_order
        size = min(page_size or self.page_size, asking.MAX_PAGE_SIZE)
        within = filters.get_joined_filters(self._base_filters)
        count, rows = self.datamodel.query(within, order_column, order_direction, page=page, page_size=size)
        widget = self.list_widget(
            label_columns=self.label_columns,
            include_columns=self.list_columns,
            value_columns=self.datamodel.get_values(rows, self.list_columns),
            order_columns=self.order_columns,
            formatters_columns=self.formatters_columns,
            column_kinds=self.column_kinds,
            page=page or 0,
            page_size=size,
            count=count,
            cap=COUNT_CAP,
            pks=self.datamodel.get_keys(rows),
            changeable=[self.may_change(row) for row in rows],
            actions=actions or self.actions,
            filters=filters,
            narrowed=any(not way.is_related_view for way in filters.filters),
            caption=self.list_title,
            empty_text=self.empty_text,
            modelview_name=type(self).__name__,
            **kwargs,
        )
        return (widgets or {}) | {"list": widget}

    @expose("/show/<pk>")
    @has_access
    def show(self, pk: str) -> ResponseReturnValue:
        """One row, and the rows under it that the user may list."""
        item = self._find(pk)
        children = [view for view in self._related_views if self.may("can_list", view)]
        answer: str = self.render_template(
            self.show_template,
            pk=pk,
            title=self.show_title,
            item=item,
            widgets=self._get_show_widget(pk, item) | {"related_views": [self._children_of(item, v) for v in children]},
            related_views=children,
            **self._trail(item),
        )
        return answer

    def _get_show_widget(
        self, pk: Any, item: Any, widgets: Any = None, actions: Any = None, show_fieldsets: Any = None
    ) -> dict[str, Any]:
        possible = {name: one for name, one in self.actions.items() if one.func.dialog.possible(item)}
        widget = self.show_widget(
            pk=pk,
            label_columns=self.label_columns,
            include_columns=self.show_columns,
            value_columns=self.datamodel.get_values_item(item, self.show_columns),
            formatters_columns=self.formatters_columns,
            column_kinds=self.column_kinds,
            actions=possible if actions is None else actions,
            fieldsets=show_fieldsets or self.show_fieldsets,
            changeable=self.may_change(item),
            modelview_name=type(self).__name__,
        )
        return (widgets or {}) | {"show": widget}

    def _children_of(self, item: Any, view: SafeModelView) -> Any:
        asked = asking.asked_of(type(view).__name__, view.order_columns)
        return self._get_related_view_widget(item, view, **vars(asked))

    def may(self, permission: str, view: BaseView | None = None) -> bool:
        """True when the user holds `permission` on this view, or on `view`."""
        view = view or self
        return permission in view.base_permissions and bool(
            self.appbuilder.sm.has_access(permission, view.class_permission_name)
        )

    def _trail(self, item: Any = None) -> dict[str, Any]:
        """Where "back" leads: the list, or for a new row under another the page it was asked from."""
        return {"list_title": self.list_title, "list_url": url_for(f"{self.endpoint}.list")}

    # --- Writing -----------------------------------------------------------------------------------------------

    @expose("/add", methods=["GET", "POST"])
    @has_access
    def add(self) -> ResponseReturnValue:
        """A form for a new row; what is posted is never overridden by the address."""
        form, item = self.add_form.refresh(), self.datamodel.obj()
        if request.method == "GET":
            self._preset(form)
        elif form.validate():
            self.process_form(form, True)
            if saving.save(form, item, write=self._writer(form, item, True), labels=self.label_columns, created=True):
                return self._saved(item, created=True)
        return self._form_page("add", form)

    @expose("/edit/<pk>", methods=["GET", "POST"])
    @has_access
    def edit(self, pk: str) -> ResponseReturnValue:
        """A form for a row; a save over somebody else's save is refused once and shows both."""
        item = self._find(pk)
        if not self.may_change(item):
            raise saving.HeldFromAbove
        form = self.edit_form.refresh(obj=item)
        if request.method == "GET":
            if "opened_version" in form:
                form["opened_version"].data = str(item.row_version)
            self.prefill_form(form, pk)
        elif form.validate():
            self.process_form(form, False)
            if saving.save(form, item, write=self._writer(form, item, False), labels=self.label_columns, created=False):
                return self._saved(item, created=False)
        return self._form_page("edit", form, item)

    def _writer(self, form: SafeForm, item: Any, created: bool) -> Callable[[Session], None]:
        def write(session: Session) -> None:
            form.populate_obj(item)
            (self.pre_add if created else self.pre_update)(item)
            self.store(session, item, form, created=created)

        return write

    def store(self, session: Session, item: Any, form: SafeForm, *, created: bool) -> None:
        """Put the filled item into the session; a view whose rule is a service calls it here."""
        session.add(item)

    def _saved(self, item: Any, *, created: bool) -> ResponseReturnValue:
        (self.post_add if created else self.post_update)(item)
        flash(_("Đã thêm: %(what)s", what=str(item)) if created else _("Đã lưu: %(what)s", what=str(item)), "success")
        return redirect(self.where_next(item, created=created), 303)

    def where_next(self, item: Any, *, created: bool) -> str:
        """Where saving leads: the page of the row, the list where there is none."""
        if self._has("show") and self.may("can_show"):
            return url_for(f"{self.endpoint}.show", pk=getattr(item, self._key_name))
        return url_for(f"{self.endpoint}.list")

    def _preset(self, form: SafeForm) -> None:
        """A new row under another: the parent named in the address is chosen in the form, for the user to see."""
        for name, key in asking.parents(self.add_columns):
            lookup = self.lookup_named(name)
            if lookup is not None and name in form:
                form[name].data = lookup.find(key)

    def _form_page(self, route: str, form: SafeForm, item: Any = None) -> ResponseReturnValue:
        widget = getattr(self, f"{route}_widget")(
            form=form,
            include_cols=getattr(self, f"{route}_columns"),
            exclude_cols=[],
            fieldsets=getattr(self, f"{route}_fieldsets"),
        )
        page = self.render_template(
            getattr(self, f"{route}_template"),
            title=getattr(self, f"{route}_title"),
            item=item,
            widgets={route: widget},
            form=form,
            **self._trail(item),
        )
        return page, 422 if form.errors else 200

    @expose("/delete/<pk>", methods=["POST"])
    @has_access
    def delete(self, pk: str) -> ResponseReturnValue:
        """Delete a row; only for views that say so by their `exclude_route_methods`."""
        item = self._find(pk)
        if not self.may_change(item):
            raise saving.HeldFromAbove
        what = str(item)
        self.pre_delete(item)
        with transaction() as session:
            session.delete(item)
        flash(_("Đã xóa: %(what)s", what=what), "success")
        return redirect(url_for(f"{self.endpoint}.list"), 303)

    @expose("/action/<string:name>/<pk>", methods=["POST"])
    def action(self, name: str, pk: str) -> ResponseReturnValue:
        """Run an action on one row of the list's own scope."""
        chosen = self._action_named(name, "single")
        return self._done(chosen.func(self._find(pk)))

    @expose("/action_post", methods=["POST"])
    def action_post(self) -> ResponseReturnValue:
        """Run an action on the rows chosen in the list; one row out of scope and nothing runs."""
        chosen = self._action_named(request.form.get("action", ""), "multiple")
        return self._done(chosen.func([self._find(key) for key in selected_keys()]))

    def _action_named(self, name: str, many: str) -> Any:
        chosen = self.actions.get(name)
        if chosen is None or not getattr(chosen, many):
            abort(404)
        if not self.appbuilder.sm.has_access(self.get_action_permission_name(name), self.class_permission_name):
            abort(403)
        return chosen

    def _done(self, answer: ResponseReturnValue | None) -> ResponseReturnValue:
        return redirect(url_for(f"{self.endpoint}.list"), 303) if answer is None else answer


class ReadOnlyView(SafeModelView):
    """List and show only; actions where declared."""

    exclude_route_methods: set[str] = {"add", "edit", "delete", "download"}


class Nothing(SafeFilter):
    """No row at all: what a search with an unreadable value finds."""

    def apply(self, query: Any, value: Any) -> Any:
        return query.filter(false())
