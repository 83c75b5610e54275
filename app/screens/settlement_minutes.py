"""Biên bản of one settlement, on the page that is printed and as a file; always in Vietnamese (NĐ 30/2020). No route."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from flask import request
from flask.typing import ResponseReturnValue
from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from app import clock
from app.models import Settlement
from app.reports.minutes import of_settlement
from app.screens import settlement_page
from app.screens.papers import as_pdf
from app.services import papers
from app.services.settlements import arithmetic, lines
from app.services.settlements.lines import Line

MOST_NAMED = 5_000
"""Names printed in one biên bản."""


def named(session: Session, item: Settlement) -> Mapping[str, Sequence[Line]]:
    """The lines of the annexes: not paid, and to be recovered."""
    return {tab: lines.page(session, item, tab, size=MOST_NAMED) for tab in ("unpaid", "recover")}


def answer(
    session: Session, item: Settlement, names: Mapping[str, Sequence[Line]], render: Callable[..., str]
) -> ResponseReturnValue:
    """The page, or with `form=pdf` in the address the file."""
    if request.args.get("form") == "pdf":
        return as_file(session, item, names)
    paper, figures = papers.of(session, item.area_path, clock.today()), arithmetic.figures(session, item.id)
    with force_locale("vi"):
        return render(
            "chitra/settlements/minutes.html",
            title=_("Biên bản quyết toán"),
            item=item,
            figures=figures,
            named=names,
            words=settlement_page,
            paper=paper,
        )


def as_file(session: Session, item: Settlement, names: Mapping[str, Sequence[Line]]) -> ResponseReturnValue:
    """The same as PDF."""
    paper, figures = papers.of(session, item.area_path, clock.today()), arithmetic.figures(session, item.id)
    with force_locale("vi"):
        return as_pdf(of_settlement(item, figures, **names), paper, f"BB_{item.packet.code}")
