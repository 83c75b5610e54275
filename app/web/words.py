"""Template filters: money, dates, states and plain values as people read them. No database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from flask_babel import get_translations, gettext
from flask_babel import gettext as _
from flask_wtf import i18n
from markupsafe import Markup

from app import clock
from app.rules import dates, money, own_lists
from app.rules.states import LINE_RESULTS, MACHINES

if TYPE_CHECKING:
    from flask import Flask

NOTHING = "—"
"""Shown for a value that is not there."""

LINE_TONES = {"paid": "good", "unpaid": "warn", "unpaid_stopped": "off", "to_recover": "bad"}
TONES = ("plain", "good", "warn", "bad", "off")


def install(app: Flask) -> None:
    """Register the filters, and let WTForms speak through our own catalogue, which knows Vietnamese."""
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(
        vnd=vnd,
        thousands=thousands,
        dmy=dmy,
        month=month,
        state_tag=state_tag,
        relative_days=relative_days,
        in_words=in_words,
        shown=shown,
        many=many,
    )
    i18n._get_translations = get_translations


def vnd(amount_vnd: int | None) -> str:
    """1250000 -> "1.250.000 đ" with a space that never breaks."""
    return NOTHING if amount_vnd is None else money.format_vnd(amount_vnd).replace(" ", "\u00a0")


def thousands(number: int | None) -> str:
    """1284 -> "1.284"."""
    return NOTHING if number is None else money.group_thousands(number)


def dmy(moment: date | datetime | None) -> str:
    """dd/mm/yyyy; an instant as dd/mm/yyyy HH:MM in Vietnam."""
    if moment is None:
        return NOTHING
    return dates.format_moment(moment) if isinstance(moment, datetime) else dates.format_date(moment)


def month(day: date | None) -> str:
    """MM/YYYY."""
    return NOTHING if day is None else dates.format_month(day)


def relative_days(due: date | None) -> str:
    """How far away a deadline is: "còn 3 ngày", "hôm nay", "quá hạn 2 ngày"."""
    if due is None:
        return NOTHING
    left = dates.days_left(due, clock.today())
    if left == 0:
        return str(_("hôm nay"))
    if left > 0:
        return str(_("còn %(days)s ngày", days=thousands(left)))
    return str(_("quá hạn %(days)s ngày", days=thousands(-left)))


def in_words(amount_vnd: int | None) -> str:
    """The amount in official Vietnamese, whatever the language of the page."""
    return NOTHING if amount_vnd is None else money.in_words(amount_vnd)


def tag(word: str, tone: str = "plain") -> Markup:
    """A badge: always a word, its tone only underlines it."""
    return Markup('<span class="tag tag-{}">{}</span>').format(tone if tone in TONES else "plain", word)


def state_words(machine: str) -> Mapping[str, str]:
    """State -> Vietnamese msgid of a machine of rules.states, or of "line" for what became of a line."""
    return LINE_RESULTS if machine == "line" else MACHINES[machine].states


def state_tag(state: str | None, machine: str, own: bool = False) -> Markup | str:
    """The badge of a state of `machine` (batch, packet, settlement, extension, period; line for a line's result).

    `own`: of a list that the office pays itself.
    """
    if state is None:
        return NOTHING
    tones = LINE_TONES if machine == "line" else MACHINES[machine].tone
    words = (own_lists.STATES.get((machine, state)) if own else None) or state_words(machine)[state]
    return tag(gettext(words), tones.get(state, "plain"))


def many(count: int, cap: int) -> str:
    """A count that was not counted beyond `cap`: "hơn 10.000"."""
    if count > cap:
        return str(_("hơn %(count)s", count=thousands(cap)))
    return thousands(count)


def shown(value: Any, kind: str = "") -> Any:
    """Any value of a column as people read it; `kind` money, number or month where the type does not tell."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return _("Có") if value else _("Không")
    if isinstance(value, int):
        return {"money": vnd, "number": thousands}.get(kind, str)(value)
    if isinstance(value, date):
        return month(value) if kind == "month" else dmy(value)
    if isinstance(value, Decimal):
        return plain_decimal(value).replace(".", ",")
    return value


def plain_decimal(value: Decimal) -> str:
    """Without trailing zeros and never in powers of ten: 1.50 -> "1.5", 100 -> "100"."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
