"""What the page of one settlement shows: figures, deadline, lines of a tab, messages, what may be done now. No route."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from flask import request, url_for
from flask_babel import gettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import AreaPeriod, DeadlineExtension, Settlement, StateChange
from app.rules import deadlines, names
from app.rules.problems import UnreadableError
from app.rules.states import SETTLEMENT
from app.screens import persons
from app.screens.fields import said
from app.services.settlements import arithmetic, collecting, faults, heard, holding, lines, together
from app.services.settlements.arithmetic import Figures, Tally
from app.services.settlements.saying import DECISIONS, FINDINGS, REASONS, STANDING_TONES, STANDINGS
from app.web.words import tag, thousands, vnd

PAGE_SIZE = 50
MOST_PAGES = 10_000
LONGEST_SEARCH = 100

OPEN = SETTLEMENT.moves["lock"].sources
"""States in which something may still be done."""

TAB_WORDS: dict[str, Any] = {
    "unpaid": _l("Chưa chi trả"),
    "recover": _l("Chưa truy thu"),
    "differing": _l("Sai lệch"),
    "pending": _l("Chưa có kết quả"),
    "paid": _l("Đã trả"),
    "all": _l("Tất cả"),
    "disputed": _l("Tranh chấp"),
}
EMPTY_WORDS: dict[str, Any] = {
    "unpaid": _l("Không có ai chưa được chi trả."),
    "recover": _l("Không có khoản nào phải truy thu."),
    "differing": _l("Kết quả báo về không lệch so với gói tin đã gửi."),
    "pending": _l("Mọi dòng đều đã có kết quả."),
    "paid": _l("Chưa có ai được báo là đã trả."),
    "all": _l("Gói tin này không có dòng nào."),
    "disputed": _l("Không có dòng nào bị báo mâu thuẫn."),
}


@dataclass(frozen=True)
class Asked:
    """Which lines the address asks for; `problem` says why the search could not be read."""

    tab: str
    typed: str
    number: int
    problem: str


@dataclass(frozen=True)
class SettlementPage:
    """Everything the template needs of one settlement."""

    item: Settlement
    figures: Figures
    asked: Asked
    counts: dict[str, int]
    matching: int
    lines: Sequence[lines.Line]
    messages: Sequence[heard.Heard]
    extensions: Sequence[DeadlineExtension]
    history: Sequence[StateChange]
    who: Mapping[str, str]
    held: int
    faults: Sequence[faults.Fault]
    months: Sequence[tuple[Settlement, Figures]]
    waits_for: str
    collected: Sequence[collecting.Receipt]
    period: AreaPeriod | None

    @property
    def is_open(self) -> bool:
        """Something may still be decided, extended or locked."""
        return self.item.state in OPEN

    @property
    def whole(self) -> Figures:
        """What is locked at once: this month, or all the months settled with it."""
        return added([figures for _one, figures in self.months])

    @property
    def lockable(self) -> bool:
        """Everything that is locked at once ties out and has been accepted by the agency."""
        return self.is_open and not self.waits_for and self.whole.ties_out

    @property
    def counted_at_the_lock_vnd(self) -> int:
        """What the lock counts as come back of recoveries."""
        return sum(one.amount_vnd for one in self.collected if one.standing in ("ready", "opens"))

    @property
    def granted_days(self) -> int:
        """Days of all granted extensions."""
        return sum(one.days for one in self.extensions if one.state == "granted")

    @property
    def due(self) -> date:
        """The deadline with every granted extension."""
        return due_of(self.item)

    @property
    def days_left_to_ask(self) -> int:
        """Days that may still be granted."""
        return deadlines.MAX_EXTENSION_DAYS_TOTAL - self.granted_days

    @property
    def total(self) -> dict[str, Any]:
        """The left side of the arithmetic."""
        return _part(_("Đã gửi"), self.figures.sent)

    @property
    def whole_total(self) -> dict[str, Any]:
        """The left side of the arithmetic of all the months settled at once."""
        return _part(_("Đã gửi"), self.whole.sent)

    def month_parts(self, figures: Figures) -> list[dict[str, Any]]:
        """The right side of the arithmetic of one month, or of all."""
        return _parts(figures)

    @property
    def parts(self) -> list[dict[str, Any]]:
        """The right side of the arithmetic; disputes only where there are any."""
        return _parts(self.figures)

    @property
    def difference(self) -> str:
        """Why it does not tie out, in words."""
        return " ".join(self.figures.problems)

    @property
    def tabs(self) -> list[dict[str, Any]]:
        """Tabs with their counts; lines without a result have one only while there are any."""
        shown = [tab for tab in TAB_WORDS if tab != "pending" or self.counts["pending"] or self.asked.tab == "pending"]
        return [
            {
                "label": TAB_WORDS[tab],
                "href": self.url(tab=tab),
                "count": self.counts[tab],
                "current": tab == self.asked.tab,
            }
            for tab in shown
        ]

    def url(self, **args: Any) -> str:
        """The address of this page with another tab or page."""
        return url_for("SettlementView.show", pk=self.item.id, **args)

    def page_url(self, number: int) -> str:
        """The same lines, another page."""
        return self.url(tab=self.asked.tab, q=self.asked.typed or None, page=number or None)

    @property
    def caption(self) -> str:
        """What the table of lines holds."""
        return str(TAB_WORDS[self.asked.tab])

    @property
    def empty_text(self) -> str:
        """Why there is no line here."""
        return str(_("Không có ai khớp với ô tìm.") if self.asked.typed else EMPTY_WORDS[self.asked.tab])


def of(session: Session, item: Settlement) -> SettlementPage:
    """The page the address asks for."""
    figures = arithmetic.figures(session, item.id)
    counts = lines.counts(session, item)
    asked = _asked(counts)
    number_matching = lines.count(session, item, asked.tab, asked.typed) if asked.typed else counts[asked.tab]
    months, waits_for = _months(session, item)
    history = _history(session, item)
    return SettlementPage(
        item=item,
        figures=figures,
        asked=asked,
        counts=counts,
        matching=0 if asked.problem else number_matching,
        lines=()
        if asked.problem
        else lines.page(session, item, asked.tab, typed=asked.typed, first=asked.number * PAGE_SIZE, size=PAGE_SIZE),
        messages=heard.about(session, item),
        extensions=sorted(item.extensions, key=lambda one: one.id),
        history=history,
        who=persons.named(session, [item.locked_by, *(change.actor for change in history)]),
        held=holding.count(session, item.id),
        faults=faults.of_settlement(session, item.id),
        months=months,
        waits_for=waits_for,
        collected=collecting.of_settlements(session, [one.id for one, _figures in months]),
        period=session.scalars(
            select(AreaPeriod).where(
                AreaPeriod.area_id == item.batch.area_id, AreaPeriod.period_id == item.batch.period_id
            )
        ).first(),
    )


def _months(session: Session, item: Settlement) -> tuple[list[tuple[Settlement, Figures]], str]:
    """The months settled at once with this one, in order, and what they still wait for, in words."""
    keys = together.all_of(session, item.id)
    found = arithmetic.figures_of(session, keys)
    rows = session.scalars(select(Settlement).where(Settlement.id.in_(keys))).all()
    waits_for = ""
    if item.state in OPEN:
        try:
            together.to_lock(session, [item.id])
        except together.GroupUnfinished as error:
            waits_for = error.message
    ordered = sorted(rows, key=lambda one: (one.period.month, one.id))
    return [(one, found[one.id]) for one in ordered], waits_for


def added(months: Sequence[Figures]) -> Figures:
    """Figures of several settlements as one."""
    first, *rest = months
    for one in rest:
        first = replace(
            first,
            sent=first.sent + one.sent,
            paid=first.paid + one.paid,
            unpaid=first.unpaid + one.unpaid,
            stopped=first.stopped + one.stopped,
            to_recover=first.to_recover + one.to_recover,
            pending=first.pending + one.pending,
            disputed=first.disputed + one.disputed,
            foreign=first.foreign + one.foreign,
            problems=(*first.problems, *one.problems),
        )
    return first


def _asked(counts: dict[str, int]) -> Asked:
    tab, problem, typed = request.args.get("tab", ""), "", ""
    if tab not in TAB_WORDS:
        tab = next((name for name in ("disputed", "pending", "unpaid") if counts[name]), "unpaid")
    written = request.args.get("page", "")
    number = int(written) if written.isascii() and written.isdigit() and len(written) <= 5 else 0
    try:
        typed = names.clean_text(request.args.get("q", ""), max_length=LONGEST_SEARCH)
    except UnreadableError as error:
        problem = said(error)
    return Asked(tab, typed, min(number, MOST_PAGES), problem)


def _history(session: Session, item: Settlement) -> Sequence[StateChange]:
    statement = select(StateChange).where(StateChange.machine == "settlement", StateChange.entity_id == item.id)
    return list(session.scalars(statement.order_by(StateChange.id)))


def due_of(item: Settlement) -> date:
    """The agency's deadline with every granted extension."""
    return deadlines.extended(item.due_on, [one.days for one in item.extensions if one.state == "granted"])


def _parts(found: Figures) -> list[dict[str, Any]]:
    parts = [
        _part(_("Đã trả"), found.paid),
        _part(_("Chưa trả"), found.unpaid),
        _part(_("Cần truy thu"), found.to_recover),
        _part(_("Chưa có kết quả"), found.pending),
    ]
    return [*parts, _part(_("Tranh chấp, sai số tiền"), found.disputed)] if found.disputed.people else parts


def _part(label: str, tally: Tally) -> dict[str, Any]:
    return {"label": label, "people": tally.people, "vnd": tally.vnd}


def seen_of(figures: Figures) -> str:
    """The figures a dialog said would be written; another text means that they changed meanwhile."""
    return "-".join(f"{t.people}.{t.vnd}" for t in (figures.paid, figures.unpaid, figures.to_recover))


def written_in_words(figures: Figures) -> str:
    """What locking writes: "1.250 người đã trả (812.340.000 đ), 12 chưa trả …"."""
    return str(
        _(
            "%(paid)s người đã trả (%(paid_vnd)s), %(unpaid)s chưa trả (%(unpaid_vnd)s),"
            " %(recover)s cần truy thu (%(recover_vnd)s)",
            paid=thousands(figures.paid.people),
            paid_vnd=vnd(figures.paid.vnd),
            unpaid=thousands(figures.unpaid.people),
            unpaid_vnd=vnd(figures.unpaid.vnd),
            recover=thousands(figures.to_recover.people),
            recover_vnd=vnd(figures.to_recover.vnd),
        )
    )


def reopen_sentence(page: SettlementPage) -> str:
    """What the dialog of reopening says will happen, in numbers."""
    return str(
        _(
            "Mở lại quyết toán: %(count)s dòng, %(vnd)s trở về chờ kết quả; sổ tiền ghi bút toán ngược. Phải chốt lại.",
            count=thousands(page.whole.sent.people),
            vnd=vnd(page.whole.sent.vnd),
        )
    )


def lock_sentence(figures: Figures, counted_vnd: int = 0) -> str:
    """What the dialog of the lock says will happen, in numbers."""
    sentences = [_("Ghi %(figures)s.", figures=written_in_words(figures))]
    carried = figures.unpaid.people - figures.stopped.people
    if carried:
        sentences.append(_("%(count)s người chưa trả được mang tiền sang kỳ sau.", count=thousands(carried)))
    if figures.stopped.people:
        sentences.append(_("%(count)s người dừng chi trả, không mang sang.", count=thousands(figures.stopped.people)))
    if counted_vnd:
        sentences.append(_("%(vnd)s tiền truy thu đã thu được ghi vào các khoản truy thu.", vnd=vnd(counted_vnd)))
    sentences.append(_("Sau khi chốt, chỉ lãnh đạo mở lại được, với lý do."))
    return " ".join(map(str, sentences))


# --- Words of a line ---------------------------------------------------------------------------------------------


def standing_words(standing: str) -> str:
    """How a line stands, in words."""
    return str(gettext(STANDINGS[standing]))


def standing_tag(standing: str) -> Markup:
    """How a line stands, as a badge."""
    return tag(standing_words(standing), STANDING_TONES[standing])


def collected_tag(one: collecting.Receipt) -> Markup:
    """How money of a recovery that the agency took back stands, as a badge."""
    return tag(str(gettext(one.words)), one.tone)


def reason_words(code: str | None) -> str:
    """A reason code in words; a reason that is no code is its own words."""
    return "" if code is None else str(gettext(REASONS.get(code, code)))


def finding_words(code: str) -> str:
    """A finding in words."""
    return str(gettext(FINDINGS[code]))


def fault_words(fault: faults.Fault) -> str:
    """A fault with its amounts, as one sentence."""
    facts, said = fault.facts, str(gettext(fault.words))
    if fault.code == "wrong_amount":
        details = _("báo %(said)s, đã gửi %(sent)s", said=vnd(facts["said_vnd"]), sent=vnd(facts["sent_vnd"]))
    elif fault.code in ("foreign_line", "foreign_area"):
        details = _("báo “%(what)s”, %(said)s", what=outcome_words(facts["outcome"]), said=vnd(facts["said_vnd"]))
    elif fault.code == "contradiction":
        details = _(
            "trước báo “%(before)s”, nay báo “%(now)s”",
            before=outcome_words(facts["before"]),
            now=outcome_words(facts["outcome"]),
        )
    elif fault.code == "missing_part":
        details = _("thiếu %(parts)s trong %(of)s phần", parts=", ".join(map(str, facts["missing"])), of=facts["parts"])
    elif fault.code == "not_collected":
        standing = collecting.STANDINGS[facts["standing"]]
        details = _(
            "phiếu thu %(receipt)s, %(said)s (%(why)s)",
            receipt=facts["receipt"],
            said=vnd(facts["said_vnd"]),
            why=gettext(standing),
        )
    elif fault.code == "after_lock":
        details = _("%(count)s dòng khác", count=thousands(facts["differing"]))
    elif fault.code == "superseded" and facts["paid_lines"]:
        details = _(
            "báo đã trả %(count)s dòng, %(vnd)s", count=thousands(facts["paid_lines"]), vnd=vnd(facts["paid_vnd"])
        )
    else:
        details = facts.get("report") or facts.get("code") or ""
    return f"{said}: {details}" if details else said


def outcome_words(code: str | None) -> str:
    """What the agency or a person says about a line, in words."""
    return str(_("không nói rõ") if code is None else gettext(DECISIONS[code]))
