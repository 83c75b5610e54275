"""Members of a JSON object as the contract spells them, or BadMessage naming the member; no message here."""

from __future__ import annotations

import re
from typing import Any

from app.agency.envelope import BadMessage

CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
"""Characters no text of a message may have."""

Json = dict[str, Any]


def child_of(parent: Json, name: str) -> Json:
    """An object; an absent one is empty."""
    child = parent.get(name, {})
    if not isinstance(child, dict):
        raise BadMessage("err.request.bad", f"{name}: an object")
    return child


def rows_of(parent: Json, *names: str) -> list[Json]:
    """The list of objects under exactly one of these names."""
    found = [parent[name] for name in names if name in parent]
    if len(found) != 1 or not isinstance(found[0], list):
        raise BadMessage("err.request.bad", f"{names[0]}: one list")
    rows: list[Json] = found[0]
    if not all(isinstance(row, dict) for row in rows):
        raise BadMessage("err.request.bad", f"{names[0]}: a list of objects")
    return rows


def text_of(parent: Json, name: str, most: int, *, default: str | None = None, code: str = "err.request.bad") -> str:
    """Text of 1 to `most` characters, none of them control; absent or empty is `default` if there is one."""
    value = parent.get(name)
    if default is not None and (value is None or value == ""):
        return default
    if not isinstance(value, str) or not 1 <= len(value) <= most or CONTROL.search(value):
        raise BadMessage(code, f"{name}: text of 1 to {most} characters")
    return value


def whole_of(parent: Json, name: str, *, default: int | None = None) -> int:
    """A whole number; an absent one is `default` if there is one."""
    value = parent.get(name, default)
    if type(value) is not int or not 0 <= value <= 1_000_000_000:
        raise BadMessage("err.request.bad", f"{name}: a whole number")
    return value
