"""Turning what a rule cannot read into an answer for a person, at the field it was typed in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from app.errors import BadInput
from app.rules.problems import UnreadableError

Value = TypeVar("Value")


def cleaned(field: str, read: Callable[[str], Value], text: str) -> Value:
    """What `read` makes of `text`; raises BadInput at `field` when it cannot."""
    try:
        return read(text)
    except UnreadableError as error:
        raise BadInput(error.text, field=field, **error.facts) from error
