"""JSON bodies of machines: size, type and shape, then each member by the rules. Nothing is stored or looked up here."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NoReturn

from flask import request
from flask_babel import gettext as _
from werkzeug.exceptions import RequestEntityTooLarge

from app.errors import BadInput, ChitraError
from app.rules import dates, names
from app.rules.problems import UnreadableError

MOST_BYTES = 64 * 1024
MOST_REASON = 2_000


class NotReadable(ChitraError):
    """Nội dung gửi lên không phải là một đối tượng JSON đọc được."""

    status = 400
    code = "json"


class NotJson(ChitraError):
    """Hãy gửi nội dung loại application/json, không nén."""

    status = 415
    code = "content_type"


class BodyTooLarge(ChitraError):
    """Nội dung gửi lên quá lớn: nhiều nhất %(most)s KB."""

    status = 413
    code = "too_large"


class BadMembers(BadInput):
    """Có trường chưa đúng: %(fields)s."""

    def __init__(self, errors: list[dict[str, str]]) -> None:
        self.errors = errors
        super().__init__(fields=", ".join(error["field"] for error in errors))


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a body; `read` raises UnreadableError or BadInput for what it cannot take."""

    read: Callable[[Any], Any]
    required: bool = False


def body() -> dict[str, Any]:
    """The object that was sent, nothing sent being an empty one. Raises BodyTooLarge, NotJson, NotReadable."""
    request.max_content_length = MOST_BYTES
    try:
        raw = request.get_data(cache=False)
    except RequestEntityTooLarge as error:
        raise BodyTooLarge(most=MOST_BYTES // 1024) from error
    if not raw.strip():
        return {}
    if request.mimetype != "application/json" or request.content_encoding not in (None, "", "identity"):
        raise NotJson
    try:
        found = json.loads(raw.decode(), object_pairs_hook=_each_once, parse_constant=_refused)
    except (ValueError, RecursionError) as error:
        raise NotReadable from error
    if not isinstance(found, dict):
        raise NotReadable
    return found


def members(found: Mapping[str, Any], wanted: Mapping[str, Member]) -> dict[str, Any]:
    """The values of the members that were sent. Raises BadMembers, which names every member that is wrong."""
    values: dict[str, Any] = {}
    errors = [_error(name, _("Không có trường này.")) for name in found if name not in wanted]
    for name, member in wanted.items():
        if name not in found:
            if member.required:
                errors.append(_error(name, _("Thiếu trường này.")))
            continue
        try:
            values[name] = member.read(found[name])
        except UnreadableError as error:
            errors.append(_error(name, _(error.text, **error.facts)))
        except BadInput as error:
            errors.append(_error(name, error.message))
    if errors:
        raise BadMembers(errors)
    return values


def text(most: int, *, multiline: bool = False, required: bool = False) -> Callable[[Any], str | None]:
    """Reads text in NFC without control characters; null and "" are nothing, which `required` refuses."""

    def read(value: Any) -> str | None:
        if value is None and not required:
            return None
        if not isinstance(value, str):
            raise BadInput("Phải là chuỗi ký tự.")
        kept = names.clean_text(value, max_length=most, multiline=multiline)
        if required and not kept:
            raise names.TextError("empty")
        return kept or None

    return read


def by_rule(rule: Callable[[str], Any], *, required: bool = False) -> Callable[[Any], Any]:
    """Reads what a rule makes of a text; null and "" are nothing, which `required` leaves to the rule to refuse."""
    plain = text(200)

    def read(value: Any) -> Any:
        kept = plain(value)
        if kept is None and not required:
            return None
        return rule(kept or "")

    return read


def choice(*codes: str, required: bool = False) -> Callable[[Any], str | None]:
    """Reads one of these codes; null only where not `required`."""

    def read(value: Any) -> str | None:
        if value is None and not required:
            return None
        if not isinstance(value, str) or value not in codes:
            raise BadInput("Phải là một trong: %(codes)s.", codes=", ".join(codes))
        return value

    return read


def whole(least: int, most: int) -> Callable[[Any], int]:
    """Reads a whole number of a range; a number in quotes, a fraction and true are none."""

    def read(value: Any) -> int:
        if type(value) is not int or not least <= value <= most:
            raise BadInput("Phải là số nguyên từ %(least)s đến %(most)s.", least=least, most=most)
        return value

    return read


def flag(value: Any) -> bool:
    """Reads true or false; 1 and "true" are neither."""
    if type(value) is not bool:
        raise BadInput("Phải là đúng hoặc sai.")
    return value


def month(value: Any) -> date:
    """The first day of "MM/YYYY" or "YYYY-MM"."""
    found: date = by_rule(dates.parse_month, required=True)(value)
    return found


REASON = {"reason": Member(text(MOST_REASON, multiline=True, required=True), required=True)}
"""Why, where the books demand it."""

ANY_REASON = {"reason": Member(text(MOST_REASON, multiline=True))}
"""Why, where nothing keeps it: all actions take the same body."""


def _error(name: str, detail: str) -> dict[str, str]:
    """A name as it came may be anything: it is cut, and what is no text is replaced."""
    return {"field": name[:100].encode("utf-8", "replace").decode(), "detail": str(detail)}


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member twice")
    return found


def _refused(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
