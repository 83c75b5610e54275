"""Errors that are answers to a person or a machine; the docstring of a class is its default message.

What is wrong with the program itself is an ordinary exception and never passes through here.
"""

from __future__ import annotations

from typing import Any

from flask_babel import gettext


class ChitraError(Exception):
    """Không thực hiện được."""

    status = 409
    code = "rule"

    def __init__(self, message: str | None = None, **facts: Any) -> None:
        self.facts = facts
        self._message = message
        super().__init__(message or (self.__doc__ or "").strip())

    @property
    def message(self) -> str:
        """The text for a person, in the language of the request; `facts` fill the placeholders.

        A fact that is itself a text of the catalogue (the name of a state or move) is in that language too.
        """
        template = self._message or (self.__doc__ or "").strip()
        facts = {name: gettext(fact) if isinstance(fact, str) and fact else fact for name, fact in self.facts.items()}
        return str(gettext(template, **facts))

    def __str__(self) -> str:
        try:
            return self.message
        except RuntimeError:
            return super().__str__()


class RuleBroken(ChitraError):
    """Quy định nghiệp vụ không cho phép thao tác này."""


class BadInput(ChitraError):
    """Dữ liệu nhập chưa đúng."""

    status = 422
    code = "input"

    def __init__(self, message: str | None = None, *, field: str | None = None, **facts: Any) -> None:
        self.field = field
        super().__init__(message, **facts)


class NotAllowed(ChitraError):
    """Bạn không có quyền thực hiện thao tác này."""

    status = 403
    code = "forbidden"


class NotFound(ChitraError):
    """Không tìm thấy, hoặc không thuộc địa bàn của bạn."""

    status = 404
    code = "not_found"


class Stale(ChitraError):
    """Dữ liệu vừa được người khác thay đổi. Hãy tải lại trang rồi thử lại."""

    code = "stale"
