"""Kết quả nhập tay: the part of a settlement's page for lists whose agency reports on paper. The rules are in services."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import BaseView, expose, has_access
from flask_appbuilder.security.decorators import permission_name
from flask_babel import gettext
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from app.errors import NotFound, Stale
from app.extensions import current_actor, transaction
from app.models import ResultChange, Settlement
from app.screens.actions import reason
from app.screens.settlement_page import SettlementPage
from app.services.settlements import arithmetic, deciding, entering
from app.services.settlements.arithmetic import Figures, Tally
from app.services.settlements.entering import Change
from app.services.settlements.lines import Line
from app.services.settlements.saying import DECISIONS
from app.web.words import thousands, vnd


class FiguresMoved(Stale):
    """Kết quả vừa thay đổi từ lúc bạn mở trang. Chưa có gì được ghi: hãy xem lại rồi bấm lại."""


@dataclass(frozen=True)
class Entry:
    """What the page of a settlement needs to offer results by hand."""

    by_hand: bool
    open: bool
    figures: Figures
    changes: Sequence[ResultChange]

    @property
    def seen(self) -> str:
        """What the person had before their eyes."""
        return seen_of(self.figures)

    @property
    def sources(self) -> list[tuple[str, str, Tally]]:
        """(standing, words, how many) of the standings from which lines can be changed now."""
        found = standings(self.figures)
        return [(code, str(gettext(entering.FROM[code])), tally) for code, tally in found.items() if tally.people]

    @property
    def how_words(self) -> dict[str, str]:
        """How a change was made, as msgids."""
        return entering.WORDS

    @property
    def from_words(self) -> dict[str, str]:
        """Standings and outcomes, as msgids."""
        return entering.FROM

    @property
    def targets(self) -> list[tuple[str, str]]:
        """(outcome, words)."""
        return [(code, str(gettext(words))) for code, words in DECISIONS.items()]


def of(session: Session, page: SettlementPage) -> Entry:
    """For the page of one settlement."""
    by_hand = entering.by_hand(session, page.item)
    return Entry(
        by_hand=by_hand,
        open=by_hand and page.is_open,
        figures=page.figures,
        changes=entering.changes(session, page.item.id),
    )


def decide(session: Session, item: Settlement, line: Line, outcome: str, *, because: str) -> None:
    """What becomes of one line: an undoable change where results come by hand, a decision where an agency reports."""
    if line.standing in entering.FROM and entering.by_hand(session, item):
        one = Change(line.standing, outcome, because, "line", {line.reference: because})
        entering.change(session, item.id, one, by=current_actor())
    else:
        deciding.decide(session, item.id, line.reference, outcome, by=current_actor(), because=because)


def standings(found: Figures) -> dict[str, Tally]:
    """Lines by how they stand; those that stop are not counted among the unpaid here."""
    unpaid = Tally(found.unpaid.people - found.stopped.people, found.unpaid.vnd - found.stopped.vnd)
    return {
        "pending": found.pending,
        "paid": found.paid,
        "unpaid": unpaid,
        "unpaid_stopped": found.stopped,
        "to_recover": found.to_recover,
    }


def seen_of(found: Figures) -> str:
    """Differs as soon as any line got another result."""
    return "-".join(f"{tally.people}.{tally.vnd}" for tally in standings(found).values())


class ResultEntryView(BaseView):
    """Writing results for many lines at once, and taking that back."""

    route_base = "/result-entry"

    @expose("/enter/<int:pk>", methods=["POST"])
    @has_access
    @permission_name("enter")
    def enter(self, pk: int) -> ResponseReturnValue:
        """Every line that stands as chosen gets the chosen result, exactly as many as the page said."""
        asked = Change(request.form.get("from_standing", ""), request.form.get("outcome", ""), reason())
        with transaction() as session:
            _find(session, pk)
            before = seen_of(arithmetic.figures(session, pk))
            made = entering.change(session, pk, asked, by=current_actor())
            if request.form.get("seen", "") != before:
                raise FiguresMoved
            words = change_words(made)
        flash(_("Đã ghi: %(what)s.", what=words), "success")
        return redirect(url_for("SettlementView.show", pk=pk), 303)

    @expose("/undo/<int:pk>/<int:change_id>", methods=["POST"])
    @has_access
    @permission_name("undo")
    def undo(self, pk: int, change_id: int) -> ResponseReturnValue:
        """Set back one change set where nobody changed the lines since."""
        with transaction() as session:
            _find(session, pk)
            made = entering.undo(session, change_id, by=current_actor())
            if made.settlement_id != pk:
                raise NotFound
            undone, count = made.undone_count or 0, made.line_count
        text = _("Đã hoàn tác %(undone)s trong %(count)s dòng.", undone=thousands(undone), count=thousands(count))
        if undone < count:
            text += " " + _("Những dòng còn lại đã được đổi sau đó nên giữ nguyên.")
        flash(text, "success")
        return redirect(url_for("SettlementView.show", pk=pk), 303)


def change_words(made: ResultChange) -> str:
    """ "1.284 dòng, 812.340.000 đ từ “Chưa cập nhật” thành “Đã trả”"."""
    return str(
        _(
            "%(count)s dòng, %(money)s từ “%(before)s” thành “%(after)s”",
            count=thousands(made.line_count),
            money=vnd(made.total_vnd),
            before=gettext(entering.FROM[made.from_standing]),
            after=gettext(DECISIONS[made.to_outcome]),
        )
    )


def _find(session: Session, pk: int) -> Settlement:
    found = session.get(Settlement, pk)
    if found is None:
        raise NotFound
    return found
