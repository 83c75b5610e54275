"""What a process writes to its log: one line a record, with the facts it carries. What may be said in it is the caller's."""

from __future__ import annotations

import json
import logging

_OF_EVERY_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class Line(logging.Formatter):
    """`time level logger event fact=value …`; a value with anything odd in it is quoted, so that a line stays one."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line without a traceback."""
        facts = [f"{name}={_plain(str(value))}" for name, value in vars(record).items() if name not in _OF_EVERY_RECORD]
        return " ".join([super().formatMessage(record), *facts])


def install(level: str) -> None:
    """Every record from `level` on goes to the standard error of this process, once."""
    handler = logging.StreamHandler()
    handler.setFormatter(Line())
    logging.basicConfig(level=level, handlers=[handler], force=True)


def _plain(value: str) -> str:
    fit = value.isascii() and value.isprintable() and not set(value) & {" ", '"', "="}
    return value if fit and value else json.dumps(value)
