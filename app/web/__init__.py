"""What every page shares, put together: headers, words for templates, the frame, error answers. No page of its own."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from app.translations import catalogue
from app.web import answers, frame, headers, links, words
from app.web.frame import current_month

if TYPE_CHECKING:
    from flask import Flask

__all__ = ["current_month", "install"]

log = logging.getLogger(__name__)


def install(app: Flask) -> None:
    """Install what every page shares."""
    _compile_words()
    headers.install(app)
    words.install(app)
    links.install(app)
    frame.install(app)
    answers.install(app)


def _compile_words() -> None:
    """A changed catalogue is never forgotten; where the program may not write, set-up has compiled it."""
    try:
        catalogue.compile_all()
    except OSError as error:
        log.warning("catalogues not compiled", extra={"error": str(error)})
