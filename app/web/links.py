"""Addresses of the same list in another order or on another page. They keep what was searched for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import request, url_for

if TYPE_CHECKING:
    from flask import Flask


def install(app: Flask) -> None:
    """Filters for templates of lists."""
    app.jinja_env.filters.update(order_link=order_link, page_link=page_link)


def order_link(column: str, view: str) -> str:
    """Ascending by `column` first; again for descending; from the first page."""
    same = request.args.get(f"_oc_{view}") == column
    direction = "desc" if same and request.args.get(f"_od_{view}") != "desc" else "asc"
    return _here({f"_oc_{view}": column, f"_od_{view}": direction, f"page_{view}": None})


def page_link(page: int, view: str) -> str:
    """Another page of the same list."""
    return _here({f"page_{view}": page or None})


def _here(changes: dict[str, Any]) -> str:
    asked: dict[str, Any] = {name: request.args.getlist(name) for name in request.args}
    wanted = asked | changes
    kept = {name: value for name, value in wanted.items() if value not in (None, [""])}
    return url_for(request.endpoint or "", **(request.view_args or {}), **kept)
