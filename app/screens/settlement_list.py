"""Settlements in a list: their figures as they stand now, area and agency, deadline in words. No route."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy import select

from app import clock
from app.extensions import db
from app.models import Period, Settlement
from app.screens import settlement_page
from app.screens.filters import SafeFilter
from app.screens.paths import ByPath
from app.screens.settlement_page import OPEN
from app.services.settlements import arithmetic
from app.services.settlements.arithmetic import Figures, Tally
from app.web.words import dmy, relative_days, thousands, vnd

FIGURES = ("sent", "paid", "unpaid", "recover")


class InMonth(SafeFilter):
    """Of the month that every page obeys."""

    def apply(self, query: Any, value: Any) -> Any:
        """By the period's first day."""
        return query.filter(Settlement.period_id.in_(select(Period.id).where(Period.month == value)))


class SettlementInterface(ByPath):
    """Settlements with their figures as they stand now, not only those the lock wrote."""

    def get_values(self, lst: Iterable[Settlement], list_columns: list[str]) -> list[dict[str, Any]]:
        """Rows of the list; three statements for all that is not locked yet."""
        rows = list(lst)
        live = arithmetic.figures_of(db.session(), [row.id for row in rows if row.state != "locked"])
        stored = [name for name in list_columns if name not in FIGURES]
        found = zip(rows, super().get_values(rows, stored), strict=True)
        return [
            values
            | _figures_of(row, live.get(row.id))
            | {"batch.area": _two_lines(row.batch.area, row.agency), "due_on": _due(row)}
            for row, values in found
        ]


def _figures_of(row: Settlement, live: Figures | None) -> dict[str, Any]:
    if live is None:
        tallies = [
            Tally(row.sent_count, row.sent_vnd),
            Tally(row.paid_count, row.paid_vnd),
            Tally(row.unpaid_count, row.unpaid_vnd),
            Tally(row.recover_count, row.recover_vnd),
        ]
    else:
        tallies = [live.sent, live.paid, live.unpaid, live.to_recover]
    return {name: _pair(tally) for name, tally in zip(FIGURES, tallies, strict=True)}


def _two_lines(first: Any, second: Any, kind: str = "if-any") -> Markup:
    return Markup('<div>{}<br><span class="{}">{}</span></div>').format(first, kind, second)


def _pair(tally: Tally) -> Markup:
    return _two_lines(_("%(count)s người", count=thousands(tally.people)), vnd(tally.vnd))


def _due(row: Settlement) -> Any:
    due = settlement_page.due_of(row)
    if row.state not in OPEN:
        return due
    return _two_lines(dmy(due), relative_days(due), "due due-late" if due < clock.today() else "due if-any")
