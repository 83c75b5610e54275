"""What a machine asks of a list, `?q=` in rison or JSON: filters, order, page, columns. Checked; nothing is looked up."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response, request
from flask_appbuilder.api import rison
from flask_babel import gettext as _

from app.errors import ChitraError
from app.screens.filters import SafeFilter
from app.screens.interface import COUNT_CAP

MOST_CHARS = 4_000
MOST_FILTERS = 20
MOST_VALUE = 200
PAGE_SIZE, MAX_PAGE_SIZE = 50, 200


class BadQuestion(ChitraError):
    """Không đọc được tham số của địa chỉ: %(what)s."""

    status = 400
    code = "query"


@dataclass(frozen=True, slots=True)
class Asked:
    """One page of a list. `after` asks for the rows after that key, in the order of keys, however many there are."""

    filters: list[dict[str, Any]]
    columns: tuple[str, ...]
    order_column: str
    order_direction: str
    page: int
    page_size: int
    after: int | None


class AfterKey(SafeFilter):
    """Rows after this key."""

    def match(self, column: Any, value: Any) -> Any:
        return column > value


def refuse_arguments(known: Collection[str] = ()) -> None:
    """An argument nobody reads would be taken for a filter that was heard. Raises BadQuestion."""
    for name in request.args:
        if name not in known or len(request.args.getlist(name)) > 1:
            raise BadQuestion(what=_plain(name))


def read(columns: Collection[str], order_columns: Collection[str]) -> Asked:
    """What is asked of a list that shows `columns` and may be ordered by `order_columns`. Raises BadQuestion."""
    refuse_arguments(("q",))
    found = _parsed()
    _refuse_unknown(found)
    asked = Asked(
        filters=_filters(found.get("filters", [])),
        columns=_columns(found.get("columns", []), columns),
        order_column=_one_of(found, "order_column", order_columns),
        order_direction=_one_of(found, "order_direction", ("asc", "desc")),
        page=_whole(found, "page", 0) or 0,
        page_size=min(_whole(found, "page_size", 1) or PAGE_SIZE, MAX_PAGE_SIZE),
        after=_whole(found, "after", 0),
    )
    if asked.after is not None and (asked.order_column or asked.page):
        raise BadQuestion(what=_("after không đi cùng page hay order_column"))
    if (asked.page + 1) * asked.page_size > COUNT_CAP:
        raise BadQuestion(what=_("page quá xa; hãy đọc tiếp bằng after"))
    return asked


def number(name: str, otherwise: int, most: int) -> int:
    """A whole number of the address, `otherwise` when it is not there. Raises BadQuestion."""
    written = request.args.get(name, "")
    if not written:
        return otherwise
    if not (written.isascii() and written.isdigit() and len(written) <= 9 and int(written) <= most):
        raise BadQuestion(what=name)
    return int(written)


def one_of(name: str, otherwise: str, known: Collection[str]) -> str:
    """One of the known words of the address, `otherwise` when it is not there. Raises BadQuestion."""
    written = request.args.get(name, "") or otherwise
    if written not in known:
        raise BadQuestion(what=name)
    return written


def page() -> tuple[int, int]:
    """(first row, rows) of the page asked for by `page` and `page_size`. Raises BadQuestion."""
    at = number("page", 0, COUNT_CAP)
    size = min(number("page_size", PAGE_SIZE, COUNT_CAP) or PAGE_SIZE, MAX_PAGE_SIZE)
    return at * size, size


def _parsed() -> Mapping[str, Any]:
    """Flask-AppBuilder's reader lets several errors of its parser through; none of them is an error of ours."""
    written = request.args.get("q", "")
    if len(written) > MOST_CHARS:
        raise BadQuestion(what=_("q dài quá %(most)s ký tự", most=MOST_CHARS))
    try:
        found = rison()(_as_read)(_Teller())
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise BadQuestion(what="q") from error
    if not isinstance(found, dict):
        raise BadQuestion(what="q")
    return found


def _as_read(_self: Any, **kwargs: Any) -> Any:
    return kwargs["rison"]


class _Teller:
    """Stands for the API whose method Flask-AppBuilder's reader would call."""

    def response_400(self, message: str) -> Response:
        raise BadQuestion(what="q")


def _refuse_unknown(found: Mapping[str, Any]) -> None:
    known = {"filters", "columns", "order_column", "order_direction", "page", "page_size", "after"}
    for name in found:
        if name not in known:
            raise BadQuestion(what=_plain(str(name)))


def _filters(found: Any) -> list[dict[str, Any]]:
    if not isinstance(found, list) or len(found) > MOST_FILTERS:
        raise BadQuestion(what="filters")
    for one in found:
        fit = isinstance(one, dict) and set(one) == {"col", "opr", "value"}
        if not fit or not all(isinstance(one[name], str) for name in ("col", "opr")):
            raise BadQuestion(what=_("filters: mỗi điều kiện gồm col, opr và value"))
        if type(one["value"]) not in (str, int) or len(str(one["value"])) > MOST_VALUE:
            raise BadQuestion(what=_("filters: value là một chuỗi hoặc một số nguyên"))
    return list(found)


def _columns(found: Any, known: Collection[str]) -> tuple[str, ...]:
    if not isinstance(found, list) or not all(isinstance(name, str) and name in known for name in found):
        raise BadQuestion(what="columns")
    return tuple(dict.fromkeys(found))


def _one_of(found: Mapping[str, Any], name: str, known: Collection[str]) -> str:
    value = found.get(name, "")
    if not isinstance(value, str) or (value and value not in known):
        raise BadQuestion(what=name)
    return value


def _whole(found: Mapping[str, Any], name: str, least: int) -> int | None:
    value = found.get(name)
    if value is None:
        return None
    if type(value) is not int or not least <= value < 2**63:
        raise BadQuestion(what=name)
    return value


def _plain(name: str) -> str:
    """A name as it came may be anything: it is cut, and what is no text is replaced."""
    return name[:100].encode("utf-8", "replace").decode()
