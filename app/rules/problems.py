"""The base of errors about what somebody typed or sent; what is refused is decided in the other modules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class UnreadableError(ValueError):
    """A value that cannot be taken as what it should be.

    `code` says why, for programs; `text` is the Vietnamese message id, `facts` fill its placeholders.
    """

    texts: ClassVar[Mapping[str, str]] = {}

    def __init__(self, code: str, **facts: object) -> None:
        self.code = code
        self.text = self.texts[code]
        self.facts = facts
        super().__init__(code)
