"""The list of reports, found by code and by words with or without marks."""

from __future__ import annotations

from flask_babel import gettext

from app.errors import NotFound
from app.reports import (
    c74b_hd,
    dvct_01,
    dvct_02,
    dvct_03,
    dvct_04,
    dvct_05,
    dvct_06,
    dvct_07,
    dvct_08,
    dvct_09,
    dvct_10,
    dvct_11,
)
from app.reports.shape import Report
from app.rules import names

REPORTS: dict[str, Report] = {
    module.REPORT.code: module.REPORT
    for module in (
        dvct_01,
        dvct_02,
        dvct_03,
        dvct_04,
        dvct_05,
        dvct_06,
        dvct_07,
        dvct_08,
        dvct_09,
        dvct_10,
        dvct_11,
        c74b_hd,
    )
}
"""Code -> report, in the order of the menu."""


def find(code: str) -> Report:
    """The report with this code. Raises NotFound."""
    try:
        return REPORTS[code]
    except KeyError:
        raise NotFound from None


def search(typed: str) -> list[Report]:
    """Reports whose code, title or description holds every word typed: "dvct", "đvct", "chua tra", "DVCT 2"."""
    wanted = _words(typed)
    return [report for report in REPORTS.values() if all(word in _text(report) for word in wanted)]


def _words(text: str) -> list[str]:
    return names.fold(text).replace("_", " ").split()


def _text(report: Report) -> str:
    shown = (report.code, report.title, report.description, gettext(report.title), gettext(report.description))
    return " ".join(" ".join(_words(text)) for text in shown)
