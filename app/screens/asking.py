"""What an address asks of a list: order, page, size, search. Everything is checked; nothing is looked up here."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import abort, request

from app.screens.filters import SafeFilters, problem_of

MAX_PAGE_SIZE = 200
MAX_PAGE = 10_000


@dataclass(frozen=True)
class Asked:
    """Order, page and size asked of one view's list; nothing asked is None or empty."""

    order_column: str = ""
    order_direction: str = ""
    page: int | None = None
    page_size: int | None = None


def asked_of(view: str, order_columns: Container[str]) -> Asked:
    """Read `_oc_`, `_od_`, `page_` and `psize_` of a view; 400 for what is no number or no column to order by."""
    column = request.args.get(f"_oc_{view}", "")
    direction = request.args.get(f"_od_{view}", "asc")
    if column and (column not in order_columns or direction not in ("asc", "desc")):
        abort(400)
    page = _number(f"page_{view}", MAX_PAGE)
    size = _number(f"psize_{view}", 10**6)
    return Asked(column, direction, page, None if not size else min(size, MAX_PAGE_SIZE))


def _number(argument: str, most: int) -> int | None:
    text = request.args.get(argument, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        abort(400)
    return min(int(text), most)


@dataclass
class Searched:
    """What was searched for: `values` as typed and `problems` in words, by argument."""

    values: dict[str, str] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)


def search(filters: SafeFilters, columns: Container[str]) -> Searched:
    """Fill `filters` from the `_flt_<n>_<column>` of the address; 400 for a column that is not searched by."""
    filters.clear_filters()
    asked = Searched()
    for argument, index, column in _filter_arguments(request.args):
        ways = filters.ways(column) if column in columns else []
        if index >= len(ways):
            abort(400)
        for text in request.args.getlist(argument)[:5]:
            if not text.strip():
                continue
            asked.values[argument] = text
            try:
                filters._add_filter(ways[index], ways[index].read(text.strip()))
            except ValueError as error:
                asked.problems[argument] = problem_of(error)
    return asked


def parents(columns: Container[str]) -> Iterator[tuple[str, str]]:
    """(relation, key) of every `_flt_0_<relation>` of the address: the row a new one is to belong to."""
    for argument, index, column in _filter_arguments(request.args):
        if index == 0 and column in columns:
            yield column, request.args[argument]


def _filter_arguments(args: Mapping[str, Any]) -> Iterator[tuple[str, int, str]]:
    for argument in args:
        if argument.startswith("_flt_"):
            number, _, column = argument.removeprefix("_flt_").partition("_")
            if not (number.isascii() and number.isdigit() and len(number) == 1 and column):
                abort(400)
            yield argument, int(number), column
