"""Chi trả trợ cấp xã hội: payment lists, the page of one with its tabs, and what is done to it by the services."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import abort, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import expose, has_access
from flask_appbuilder.security.decorators import permission_name
from flask_babel import force_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import clock
from app.errors import NotFound
from app.extensions import current_actor, db, transaction
from app.models import PayoutBatch, PayoutLine, Period
from app.rules.states import BATCH, LINE_RESULTS
from app.screens import batch_bulk, batch_moves, batch_page, persons
from app.screens.actions import action, reason
from app.screens.base import ReadOnlyView, SafeInterface
from app.screens.filters import SafeFilter
from app.screens.registry import METHOD_WORDS
from app.services import access, packets, papers, periods
from app.services.batches import approval, browsing, checks, comparing, lines, making, versions
from app.services.batches.browsing import Wanted
from app.web.frame import current_month, way_back

MOST_PRINTED = 10_000
"""Lines of one printed list; a commune has at most some thousands."""

OPEN = frozenset(BATCH.states) - {"settled", "cancelled"}


class InMonth(SafeFilter):
    """Of the month that every page obeys."""

    def apply(self, query: Any, value: Any) -> Any:
        """By the period's first day."""
        return query.filter(PayoutBatch.period_id.in_(select(Period.id).where(Period.month == value)))


class BatchView(ReadOnlyView):
    """Lists of the month in the user's area, and the page of one."""

    datamodel = SafeInterface(PayoutBatch)
    route_base = "/lists"
    list_title = _l("Chi trả trợ cấp xã hội")
    show_title = _l("Danh sách chi trả")
    list_template = "chitra/batches/list.html"
    empty_text = _l("Kỳ này chưa có danh sách chi trả nào ở đây.")
    label_columns = {"version": _l("Phiên bản"), "period.month": _l("Kỳ")}
    list_columns = ["area", "period.month", "kind", "agency", "version", "state", "people_count", "total_vnd"]
    show_columns = ["code", "state"]
    search_columns = ["area", "kind", "agency", "state", "code"]
    order_columns = ["version", "state", "people_count", "total_vnd"]
    base_order = ("code", "asc")
    page_size = 100
    choice_columns = {"kind": batch_page.KIND_WORDS}
    machine_columns = {"state": "batch"}
    formatters_columns = {"agency": lambda agency: agency or _("Tự chi trả")}

    def _get_list_widget(self, filters: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The list obeys the month."""
        narrowed = bool(filters.filters)
        filters = filters.copy()
        filters.add_filter_list([["period_id", InMonth, current_month()]])
        widgets: dict[str, Any] = super()._get_list_widget(filters, *args, **kwargs)
        widgets["list"].template_args["narrowed"] = narrowed
        return widgets

    def render_template(self, template: str, **facts: Any) -> Any:
        """The list also says which other months still have something open."""
        if template == self.list_template:
            session = db.session()
            facts |= {
                "elsewhere": _open_elsewhere(session),
                "may_make": self.may_make(),
                "works": batch_bulk.works(session),
            }
        return super().render_template(template, **facts)

    def may_make(self) -> bool:
        """The user may open the page that makes lists."""
        return bool(self.appbuilder.sm.has_access("can_form", "MakeListsView"))

    @expose("/works")
    @has_access
    @permission_name("list")
    def works(self) -> ResponseReturnValue:
        """How far the user's long work with lists is: what the page that started it looks at."""
        works = batch_bulk.works(db.session())
        answer: dict[str, Any] = {"stamp": works.stamp, "every_s": works.every_s}
        if request.args.get("seen") != works.stamp:
            answer["html"] = render_template("chitra/batches/works.html", works=works)
        return jsonify(answer)

    # --- The page of one list, a tab a route ---------------------------------------------------------------------

    @expose("/show/<pk>")
    @has_access
    def show(self, pk: str) -> ResponseReturnValue:
        """Dòng chi trả: a page of lines as searched; who looked at names is recorded (Luật 91/2025)."""
        item, asked = self._find(pk), batch_page.asked()
        found = browsing.lines(db.session(), item.id, asked.wanted, page=asked.number, size=batch_page.PAGE_SIZE)
        answer = self._tab(
            item,
            "show",
            asked=asked,
            lines=found,
            methods=METHOD_WORDS,
            within={**batch_page.WITHIN, **LINE_RESULTS},
            labels=checks.LABELS,
            may_edit=item.state == "draft" and self.may("can_exclude"),
            size=batch_page.PAGE_SIZE,
        )
        _record(item, "batch", len(found.rows))
        return answer, 422 if asked.problem else 200

    @expose("/findings/<pk>")
    @has_access
    @permission_name("show")
    def findings(self, pk: str) -> ResponseReturnValue:
        """Kiểm tra: findings with their lines and advice."""
        item = self._find(pk)
        groups = browsing.findings(db.session(), item.id)
        answer = self._tab(
            item, "findings", groups=groups, detail=batch_page.finding_detail, severities=batch_page.SEVERITIES
        )
        _record(item, "batch_findings", sum(len(group.shown) for group in groups))
        return answer

    @expose("/changes/<pk>")
    @has_access
    @permission_name("show")
    def changes(self, pk: str) -> ResponseReturnValue:
        """So với tháng trước: who came, who left, whose money or payee changed."""
        item, number = self._find(pk), batch_page.page_number()
        found = comparing.compare(db.session(), item.id)
        counts = {"came": found.came, "left": found.left, "changed": found.changed}
        section = request.args.get("section") or next((name for name in counts if counts[name]), "came")
        if section not in counts:
            abort(400)
        size = batch_page.PAGE_SIZE
        rows = comparing.differences(db.session(), item.id, section, page=number, size=size)
        answer = self._tab(
            item, "changes", found=found, counts=counts, section=section, rows=rows, number=number, size=size,
            methods=METHOD_WORDS,
        )  # fmt: skip
        _record(item, "batch_changes", len(rows))
        return answer

    @expose("/packets/<pk>")
    @has_access
    @permission_name("show")
    def packets(self, pk: str) -> ResponseReturnValue:
        """Gói tin: the versions sent, what the agency answered, what changed from one to the next."""
        item, session = self._find(pk), db.session()
        sent = browsing.packets_of(session, item.id)
        names = persons.named(session, [who for one in sent for who in (one.queued_by, one.recall_asked_by)])
        differing = versions.between(session, item.id)
        return self._tab(item, "packets", sent=sent, names=names, differing=differing)

    @expose("/history/<pk>")
    @has_access
    @permission_name("show")
    def history(self, pk: str) -> ResponseReturnValue:
        """Lịch sử: who did what, when and why."""
        item, session = self._find(pk), db.session()
        changes = browsing.history(session, item.id)
        names = persons.named(session, [change.actor for change in changes])
        return self._tab(item, "history", changes=changes, names=names, move_words=batch_moves.move_words)

    @expose("/status/<pk>")
    @has_access
    @permission_name("show")
    def status(self, pk: str) -> ResponseReturnValue:
        """What the page looks at while a packet is on its way: the part that changes, if it has."""
        page = batch_page.of(db.session(), self._find(pk), current_actor(), tab=request.args.get("tab", "show"))
        answer: dict[str, Any] = {"stamp": page.live_stamp, "every_s": page.every_s}
        if request.args.get("seen") != page.live_stamp:
            facts = {"page": page, "item": page.item, "kinds": batch_page.KIND_WORDS}
            answer["html"] = render_template("chitra/batches/top.html", **facts)
        return jsonify(answer)

    @expose("/print/<pk>")
    @has_access
    @permission_name("show")
    def print(self, pk: str) -> ResponseReturnValue:
        """The list on A4, in Vietnamese whatever the language of the page (NĐ 30/2020)."""
        item, session = self._find(pk), db.session()
        found = browsing.lines(session, item.id, Wanted(status="live"), page=0, size=MOST_PRINTED)
        with force_locale("vi"):
            answer: str = self.render_template(
                "chitra/batches/print.html",
                item=item,
                lines=found,
                kinds=batch_page.KIND_WORDS,
                methods=METHOD_WORDS,
                paper=papers.of(session, item.area_path, clock.today()),
                who=persons.named(session, [item.made_by, item.locked_by]),
            )
        _record(item, "batch_print", len(found.rows))
        return answer

    def _tab(self, item: PayoutBatch, tab: str, **facts: Any) -> str:
        page = batch_page.of(db.session(), item, current_actor(), tab=tab)
        kinds = batch_page.KIND_WORDS
        answer: str = self.render_template(
            f"chitra/batches/{tab}.html", page=page, item=page.item, kinds=kinds, **self._trail(item), **facts
        )
        return answer

    # --- Lines of a draft ----------------------------------------------------------------------------------------

    @expose("/exclude/<pk>/<line>", methods=["POST"])
    @has_access
    def exclude(self, pk: str, line: str) -> ResponseReturnValue:
        """Hold one line out, with a reason."""
        item, why = self._find(pk), reason()
        with transaction() as session:
            held = lines.exclude(session, _line_of(session, item, line), by=current_actor(), because=why)
            name = held.full_name
        flash(_("Đã đưa %(name)s ra khỏi danh sách.", name=name), "success")
        return redirect(way_back() if request.form.get("back") else _page_of(item), 303)

    @expose("/restore/<pk>/<line>", methods=["POST"])
    @has_access
    @permission_name("exclude")
    def restore(self, pk: str, line: str) -> ResponseReturnValue:
        """Return a held-out line."""
        item = self._find(pk)
        with transaction() as session:
            name = lines.restore(session, _line_of(session, item, line), by=current_actor()).full_name
        flash(_("Đã đưa %(name)s trở lại danh sách.", name=name), "success")
        return redirect(way_back() if request.form.get("back") else _page_of(item), 303)

    # --- What is done to a list, or to several ---------------------------------------------------------------------

    @action("lock", _l("Duyệt"), batch_bulk.LOCK_SENTENCE, rows="both", tone="primary")
    def lock(self, chosen: Any) -> ResponseReturnValue:
        """Duyệt one list as it was seen, or several."""
        if isinstance(chosen, list):
            return batch_bulk.lock(chosen)
        return _done(
            chosen,
            lambda session, item: approval.lock(session, item.id, by=current_actor()),
            _l("Đã duyệt danh sách %(code)s: %(figures)s."),
        )

    @action("send", _l("Gửi bưu điện"), batch_bulk.SEND_SENTENCE, rows="both")
    def send(self, chosen: Any) -> ResponseReturnValue:
        """Gửi bưu điện: the packet is queued, the scheduler sends it."""
        if isinstance(chosen, list):
            return batch_bulk.send(chosen)
        sent = _l("Danh sách %(code)s đang được gửi: %(figures)s. Trang này tự cập nhật khi bưu điện trả lời.")
        given = _l("Đã giao danh sách %(code)s cho thủ quỹ: %(figures)s. Quyết toán đã mở để nhập kết quả.")
        return _done(
            chosen,
            lambda session, item: packets.queue(session, item.id, by=current_actor()),
            given if chosen.agency_id is None else sent,
        )

    @action("unlock", _l("Mở lại"), "", reason_required=True)
    def unlock(self, chosen: PayoutBatch) -> ResponseReturnValue:
        """Mở lại with a reason."""
        why = reason()
        return _done(
            chosen,
            lambda session, item: approval.unlock(session, item.id, by=current_actor(), because=why),
            _l("Đã mở lại danh sách %(code)s để sửa."),
        )

    @action("remake", _l("Lập lại"), "")
    def remake(self, chosen: PayoutBatch) -> ResponseReturnValue:
        """Lập lại from the registry as it is now."""
        return _done(
            chosen,
            _remake,
            _l("Đã lập lại danh sách %(code)s: %(figures)s."),
        )

    @action("withdraw", _l("Rút gói tin"), "", reason_required=True)
    def withdraw(self, chosen: PayoutBatch) -> ResponseReturnValue:
        """Rút gói tin that never left."""
        why = reason()
        return _done(
            chosen,
            lambda session, item: packets.withdraw(session, _packet_of(session, item), by=current_actor(), because=why),
            _l("Đã rút gói tin của danh sách %(code)s."),
        )

    @action("recall", _l("Đề nghị từ chối gói tin"), "", reason_required=True)
    def recall(self, chosen: PayoutBatch) -> ResponseReturnValue:
        """Đề nghị từ chối gói tin: the agency decides."""
        why = reason()
        asked = _l("Đã đề nghị bưu điện từ chối gói tin của danh sách %(code)s. Bưu điện sẽ trả lời.")
        returned = _l("Đã lấy lại danh sách %(code)s từ thủ quỹ. Lãnh đạo mở lại thì sửa được.")
        return _done(
            chosen,
            lambda session, item: packets.ask_recall(
                session, _packet_of(session, item), by=current_actor(), because=why
            ),
            returned if chosen.agency_id is None else asked,
        )

    @action("cancel", _l("Hủy danh sách"), "", reason_required=True, tone="danger")
    def cancel(self, chosen: PayoutBatch) -> ResponseReturnValue:
        """Hủy a draft made by mistake."""
        why = reason()
        return _done(
            chosen,
            lambda session, item: approval.cancel(session, item.id, by=current_actor(), because=why),
            _l("Đã hủy danh sách %(code)s."),
        )

    @action("close", _l("Chốt danh sách"), "")
    def close(self, chosen: PayoutBatch) -> ResponseReturnValue:
        """Chốt one settled list."""
        return _done(
            chosen,
            lambda session, item: periods.close_list(session, item.id, by=current_actor()),
            _l("Đã chốt danh sách %(code)s: %(figures)s."),
        )

    @action("open", _l("Mở lại danh sách đã chốt"), "", reason_required=True)
    def open(self, chosen: PayoutBatch) -> ResponseReturnValue:
        """Open a closed list again, with a reason."""
        why = reason()
        return _done(
            chosen,
            lambda session, item: periods.open_list(session, item.id, by=current_actor(), because=why),
            _l("Đã mở lại danh sách %(code)s; kỳ của danh sách đang mở."),
        )


def _done(chosen: PayoutBatch, do: Callable[[Session, PayoutBatch], Any], said: Any) -> ResponseReturnValue:
    """One move of a list exactly as the person saw it; the page of the list says what was done, in numbers."""
    with transaction() as session:
        item = batch_moves.held(session, chosen.id)
        batch_moves.demand_unmoved(session, item, request.form.get("seen", ""))
        do(session, item)
        session.flush()
        item = browsing.batch(session, chosen.id)
        facts = {"code": item.code, "figures": batch_moves.figures(item.people_count, item.total_vnd)}
    flash(str(said) % facts, "success")
    return redirect(url_for("BatchView.show", pk=chosen.id), 303)


def _remake(session: Session, item: PayoutBatch) -> None:
    for _area, why in making.remake(session, item.id, by=current_actor()).left_out:
        flash(why.message, "warning")


def _page_of(item: PayoutBatch) -> str:
    return url_for("BatchView.show", pk=item.id)


def _line_of(session: Session, item: PayoutBatch, key: str) -> int:
    if not (key.isascii() and key.isdigit() and len(key) <= 18):
        raise NotFound
    statement = select(PayoutLine.id).where(PayoutLine.id == int(key), PayoutLine.batch_id == item.id)
    found = session.scalar(statement)
    if found is None:
        raise NotFound
    return found


def _packet_of(session: Session, item: PayoutBatch) -> int:
    found = browsing.packets_of(session, item.id)
    if not found:
        raise NotFound
    return found[0].id


def _open_elsewhere(session: Session) -> list[tuple[Any, int]]:
    """(month, lists) of other months that still have lists under way, newest first."""
    statement = (
        select(Period.month, func.count(PayoutBatch.id))
        .join(PayoutBatch, PayoutBatch.period_id == Period.id)
        .where(PayoutBatch.state.in_(OPEN), Period.month != current_month())
        .group_by(Period.month)
        .order_by(Period.month.desc())
        .limit(6)
    )
    return [(row[0], row[1]) for row in session.execute(statement)]


def _record(item: PayoutBatch, what: str, people: int) -> None:
    """Who saw how many people of a list."""
    if people:
        with transaction() as session:
            access.seen(session, what, by=current_actor(), area_path=item.area_path, entity_id=item.id, people=people)
