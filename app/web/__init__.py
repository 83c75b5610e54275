"""What every page shares, put together: headers, words for templates, the frame, error answers. No page of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.web import answers, frame, headers, links, words
from app.web.frame import current_month

if TYPE_CHECKING:
    from flask import Flask

__all__ = ["current_month", "install"]


def install(app: Flask) -> None:
    """Install what every page shares."""
    headers.install(app)
    words.install(app)
    links.install(app)
    frame.install(app)
    answers.install(app)
