"""Buttons of generated screens that do something: one POST each, asked once in a dialog. What they do is a service's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import request

from app.errors import BadInput
from app.rules import names
from app.rules.problems import UnreadableError
from app.screens.fields import said

MAX_REASON = 1000
MAX_ROWS = 500


class ReasonUnreadable(BadInput):
    """Lý do chưa đọc được: %(problem)s"""


class NothingSelected(BadInput):
    """Chưa chọn dòng nào."""


class TooManySelected(BadInput):
    """Chỉ làm được với tối đa %(most)s dòng một lần."""


@dataclass(frozen=True)
class Dialog:
    """What is asked before an action runs: the sentence says what will happen; `possible` hides a vain button."""

    sentence: Any
    reason_required: bool = False
    tone: str = "plain"
    possible: Callable[[Any], bool] = bool


def action(
    name: str,
    text: Any,
    sentence: Any,
    *,
    reason_required: bool = False,
    rows: str = "one",
    tone: str = "plain",
    possible: Callable[[Any], bool] = bool,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A button on the page of a row (`rows="one"`), on the list for chosen rows (`"many"`), or both (`"both"`).

    The method gets the row, or the list of rows where they were chosen on the list; permission is `name`. `tone` is
    plain, primary (the next step) or danger.
    """

    def mark(method: Callable[..., Any]) -> Callable[..., Any]:
        many, one = rows in ("many", "both"), rows in ("one", "both")
        vars(method).update(
            _action=(name, text, str(bool(sentence)), "", many, one),
            dialog=Dialog(sentence, reason_required, tone, possible),
        )
        return method

    return mark


def reason() -> str:
    """The reason typed in the dialog, cleaned; may be empty: whether it is required is the move's rule."""
    try:
        return names.clean_text(request.form.get("reason", ""), max_length=MAX_REASON, multiline=True)
    except UnreadableError as error:
        raise ReasonUnreadable(field="reason", problem=said(error)) from error


def selected_keys() -> list[str]:
    """Keys of the rows chosen on a list, each once."""
    keys = list(dict.fromkeys(request.form.getlist("rowid")))
    if not keys:
        raise NothingSelected(field="rowid")
    if len(keys) > MAX_ROWS:
        raise TooManySelected(field="rowid", most=MAX_ROWS)
    return keys
