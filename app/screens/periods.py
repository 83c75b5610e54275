"""Chốt kỳ chi trả: the month of each paying area, its lists, and closing or opening it again with the history kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import expose, has_access
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.errors import Stale
from app.extensions import current_actor, db, transaction
from app.models import AreaPeriod, PayoutBatch, Period, Settlement, StateChange
from app.rules import dates
from app.rules.states import PERIOD
from app.screens import batch_moves, persons
from app.screens.actions import reason
from app.screens.base import ReadOnlyView, SafeInterface
from app.screens.batch_page import KIND_WORDS
from app.screens.filters import SafeFilter
from app.services import periods
from app.services.batches import browsing
from app.web.frame import current_month
from app.web.words import thousands, vnd

MOST_HISTORY = 200


class PeriodMoved(Stale):
    """Kỳ %(month)s vừa được %(who)s “%(move)s” từ lúc bạn mở trang. Chưa làm gì cả: hãy xem lại."""


class InMonth(SafeFilter):
    """Of the month that every page obeys."""

    def apply(self, query: Any, value: Any) -> Any:
        """By the period's first day."""
        return query.filter(AreaPeriod.period_id.in_(select(Period.id).where(Period.month == value)))


class AreaPeriodView(ReadOnlyView):
    """The month in the user's areas."""

    datamodel = SafeInterface(AreaPeriod)
    route_base = "/periods"
    list_title = _l("Chốt kỳ chi trả")
    show_title = _l("Kỳ chi trả")
    list_template = "chitra/periods/list.html"
    list_lead = _l("Kỳ được mở khi lập danh sách đầu tiên, và chốt khi mọi danh sách đã quyết toán.")
    empty_text = _l("Kỳ này chưa được mở ở đây: chưa lập danh sách nào.")
    list_columns = ["area", "period.month", "state"]
    show_columns = ["area", "period.month", "state"]
    search_columns = ["area", "state"]
    order_columns = ["state"]
    base_order = ("area_path", "asc")
    machine_columns = {"state": "period"}

    def _get_list_widget(self, filters: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The list obeys the month."""
        narrowed = bool(filters.filters)
        filters = filters.copy()
        filters.add_filter_list([["period_id", InMonth, current_month()]])
        widgets: dict[str, Any] = super()._get_list_widget(filters, *args, **kwargs)
        widgets["list"].template_args["narrowed"] = narrowed
        return widgets

    @expose("/show/<pk>")
    @has_access
    def show(self, pk: str) -> ResponseReturnValue:
        """One month of one area: what is still open, who closed and reopened it."""
        item, session = self._find(pk), db.session()
        lists = _lists(session, item)
        history = _history(session, item, [batch.id for batch, _settlement in lists])
        answer: str = self.render_template(
            "chitra/periods/show.html",
            title=self.show_title,
            item=item,
            lists=lists,
            kinds=KIND_WORDS,
            history=history,
            codes={batch.id: batch.code for batch, _settlement in lists},
            names=persons.named(
                session, [*(change.actor for change in history), *(batch.closed_by for batch, _settlement in lists)]
            ),
            move_words=batch_moves.move_words,
            seen=_stamp(session, item),
            together=[one.month for one in periods.together(session, item.id) if one.id != item.id],
            offer=_offer(item, lists) if self.may(f"can_{_move(item)}") else "",
            nothing_to_pay=item.state == "open" and all(batch.state == "cancelled" for batch, _settlement in lists),
            unfinished=[batch for batch, _settlement in lists if batch.state not in ("settled", "cancelled")],
            **self._trail(item),
        )
        return answer

    def render_template(self, template: str, **facts: Any) -> Any:
        """The list also offers to close the whole month."""
        if template == self.list_template:
            facts["open_count"] = _open_count(db.session()) if self.may("can_close_all") else 0
            facts["month"] = dates.format_month(current_month())
        return super().render_template(template, **facts)

    @expose("/close-all/", methods=["POST"])
    @has_access
    def close_all(self) -> ResponseReturnValue:
        """Chốt cả kỳ: every area where it can be; the others are named."""
        path = current_actor().area_path or ""
        with transaction() as session:
            count, waiting = periods.close_all(session, path, current_month(), by=current_actor())
        facts = {"month": dates.format_month(current_month()), "count": thousands(count)}
        flash(_("Đã chốt kỳ %(month)s của %(count)s đơn vị.", **facts), "success" if count else "warning")
        if waiting:
            named = ", ".join(waiting[:10]) + (" …" if len(waiting) > 10 else "")
            flash(_("Chưa chốt được %(count)s đơn vị: %(areas)s.", count=len(waiting), areas=named), "warning")
        return redirect(url_for("AreaPeriodView.list"), 303)

    @expose("/close/<pk>", methods=["POST"])
    @has_access
    def close(self, pk: str) -> ResponseReturnValue:
        """Chốt kỳ."""
        item = self._find(pk)
        with transaction() as session:
            _demand_unmoved(session, item)
            periods.close(session, item.id, by=current_actor())
            facts = {"month": dates.format_month(item.period.month), "area": item.area.full_name}
        flash(_("Đã chốt kỳ %(month)s của %(area)s. Có thể lập danh sách kỳ sau.", **facts), "success")
        return redirect(url_for("AreaPeriodView.show", pk=pk), 303)

    @expose("/reopen/<pk>", methods=["POST"])
    @has_access
    def reopen(self, pk: str) -> ResponseReturnValue:
        """Mở lại kỳ, with a reason."""
        item, why = self._find(pk), reason()
        with transaction() as session:
            _demand_unmoved(session, item)
            periods.reopen(session, item.id, by=current_actor(), because=why)
            facts = {"month": dates.format_month(item.period.month), "area": item.area.full_name}
        flash(_("Đã mở lại kỳ %(month)s của %(area)s.", **facts), "success")
        return redirect(url_for("AreaPeriodView.show", pk=pk), 303)


def _history(session: Session, item: AreaPeriod, batch_ids: Sequence[int]) -> Sequence[StateChange]:
    """Closings and openings of the period and of its lists one by one, the newest first."""
    of_lists = (
        (StateChange.machine == "batch")
        & StateChange.entity_id.in_(batch_ids)
        & StateChange.move.in_(("close", "open"))
    )
    of_period = (StateChange.machine == "period") & (StateChange.entity_id == item.id)
    return session.scalars(
        select(StateChange).where(or_(of_period, of_lists)).order_by(StateChange.id.desc()).limit(MOST_HISTORY)
    ).all()


def _open_count(session: Session) -> int:
    """Areas whose month is still open."""
    statement = select(func.count(AreaPeriod.id)).join(Period, Period.id == AreaPeriod.period_id)
    return session.scalars(statement.where(Period.month == current_month(), AreaPeriod.state == "open")).one()


def _lists(session: Session, item: AreaPeriod) -> list[tuple[PayoutBatch, Settlement | None]]:
    """Lists of the month, and of those settled at once with it, with their settlements, cancelled ones too."""
    months = [row.id for row in periods.together(session, item.id)]
    statement = (
        select(PayoutBatch, Settlement)
        .outerjoin(Settlement, (Settlement.batch_id == PayoutBatch.id) & (Settlement.state != "void"))
        .join(AreaPeriod, (AreaPeriod.area_id == PayoutBatch.area_id) & (AreaPeriod.period_id == PayoutBatch.period_id))
        .where(AreaPeriod.id.in_(months))
        .order_by(PayoutBatch.code)
    )
    return [(row[0], row[1]) for row in session.execute(statement)]


def _move(item: AreaPeriod) -> str:
    return "close" if item.state == "open" else "reopen"


def _offer(item: AreaPeriod, lists: list[tuple[PayoutBatch, Settlement | None]]) -> str:
    """What closing or reopening does, in numbers; nothing where it cannot be done."""
    settled = [(batch, settlement) for batch, settlement in lists if batch.state == "settled"]
    if not current_actor().has(*PERIOD.moves[_move(item)].who):
        return ""
    if item.state == "closed":
        return str(_("Mở lại kỳ %(month)s. Chỉ được khi kỳ sau chưa có danh sách được duyệt.", month=item.period))
    if any(batch.state not in ("settled", "cancelled") for batch, _settlement in lists):
        return ""
    if not settled:
        return str(
            _(
                "Mọi danh sách của kỳ %(month)s đã hủy: không có gì để trả. Chốt kỳ để lập được danh sách kỳ sau; tiền của"
                " kỳ này không tự chuyển sang kỳ sau.",
                month=item.period,
            )
        )
    paid = sum(settlement.paid_vnd for _batch, settlement in settled if settlement is not None)
    unpaid = sum(settlement.unpaid_count for _batch, settlement in settled if settlement is not None)
    return str(
        _(
            "Chốt kỳ %(month)s với %(count)s danh sách, %(figures)s; đã trả %(paid)s, %(unpaid)s dòng chưa trả mang"
            " sang kỳ sau.",
            month=item.period,
            count=thousands(len(settled)),
            figures=batch_moves.figures(
                sum(batch.people_count for batch, _settlement in settled),
                sum(batch.total_vnd for batch, _settlement in settled),
            ),
            paid=vnd(paid),
            unpaid=thousands(unpaid),
        )
    )


def _stamp(session: Session, item: AreaPeriod) -> str:
    last = browsing.last_change(session, "period", item.id)
    return str(last.id if last else 0)


def _demand_unmoved(session: Session, item: AreaPeriod) -> None:
    session.execute(select(AreaPeriod.id).where(AreaPeriod.id == item.id).with_for_update())
    if request.form.get("seen", "") == _stamp(session, item):
        return
    last = browsing.last_change(session, "period", item.id)
    raise PeriodMoved(
        month=dates.format_month(item.period.month),
        who=last.actor if last else "",
        move=batch_moves.move_words("period", last.move) if last else "",
    )
