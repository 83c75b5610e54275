"""Quyết toán đơn vị chi trả: what agencies report, checked by people; decided, extended and locked by the services."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from flask import current_app, flash, redirect, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import expose, has_access
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.errors import ChitraError, NotFound, RuleBroken, Stale
from app.extensions import current_actor, db, transaction
from app.models import DeadlineExtension, Period, Settlement
from app.reports import exporting
from app.reports.shape import Request
from app.rules import deadlines
from app.screens import result_entry, settlement_minutes, settlement_page
from app.screens.actions import reason
from app.screens.base import ReadOnlyView
from app.screens.fields import CleanField, Required, WholeNumberField
from app.screens.forms import SafeForm
from app.screens.settlement_list import FIGURES, InMonth, SettlementInterface
from app.screens.settlement_page import OPEN
from app.services import access, extensions
from app.services.settlements import arithmetic, deciding, holding, lines, locking, reopening, together
from app.services.settlements.saying import DECISIONS
from app.web.frame import current_month, way_back
from app.web.words import month, thousands

MAY = ("lock", "reopen", "decide", "extend", "minutes", "workbook", "let_through", "decline")
LONGEST_EXTENSION_REASON = 1000


class FiguresMoved(Stale):
    """Số liệu vừa thay đổi từ lúc bạn mở trang; nay chốt sẽ ghi %(now)s. Chưa có gì được ghi: hãy xem lại rồi chốt."""


class LineMoved(Stale):
    """Dòng %(line)s vừa thay đổi từ lúc bạn mở trang, nay là “%(now)s”. Hãy xem lại rồi quyết định."""


class LineDecided(Stale):
    """Dòng %(line)s vừa được %(who)s quyết định là “%(now)s” (%(why)s). Hãy xem lại rồi quyết định."""


class CountMoved(Stale):
    """Số dòng chưa có kết quả vừa thay đổi từ lúc bạn mở trang, nay là %(now)s. Chưa có gì được ghi; hãy xem lại."""


class AskedMeanwhile(Stale):
    """Vừa có đề nghị gia hạn khác cho quyết toán này (%(days)s ngày, %(who)s nhập). Hãy xem lại trước khi đề nghị thêm."""


class TooManyLines(RuleBroken):
    """Quyết toán này có %(count)s dòng, tải ngay được nhiều nhất %(most)s. Hãy tải báo cáo DVCT_02 ở Báo cáo thống kê."""


class ExtensionForm(SafeForm):
    """Days, why, who asked."""

    order = ("days", "reason", "asked_by")
    days = WholeNumberField(_l("Số ngày gia hạn"), [Required()], least=1, most=deadlines.MAX_EXTENSION_DAYS_TOTAL)
    reason = CleanField(_l("Lý do"), [Required()], multiline=True, max_length=LONGEST_EXTENSION_REASON)
    asked_by = CleanField(
        _l("Người đề nghị"),
        [Required()],
        max_length=120,
        description=_l("Người của đơn vị chi trả xin gia hạn, hoặc tên bạn."),
    )


class SettlementView(ReadOnlyView):
    """Settlements of the month in the user's area, and the page of one with everything done to it."""

    datamodel = SettlementInterface(Settlement)
    route_base = "/settlements"
    list_title = _l("Quyết toán đơn vị chi trả")
    show_title = _l("Quyết toán")
    list_template = "chitra/settlements/list.html"
    empty_text = _l("Kỳ này chưa có quyết toán nào. Quyết toán được mở khi gói tin được tiếp nhận.")
    label_columns = {
        "packet": _l("Gói tin"), "batch.area": _l("Địa bàn, đơn vị chi trả"), "due_on": _l("Hạn"),
        "sent": _l("Đã gửi"), "paid": _l("Đã trả"), "unpaid": _l("Chưa trả"), "recover": _l("Cần truy thu"),
        "area_path": _l("Địa bàn"),
    }  # fmt: skip
    list_columns = ["packet", "batch.area", "state", "due_on", *FIGURES]
    show_columns = ["packet", "state"]
    search_columns = ["area_path", "agency", "state"]
    order_columns = ["state", "due_on"]
    base_order = ("due_on", "asc")
    machine_columns = {"state": "settlement"}

    def _init_properties(self) -> None:
        super()._init_properties()
        self.datamodel.load_with(["extensions.settlement", "agency.name", "period.month", "batch.period.month"])

    def _kind_of(self, name: str) -> str:
        return "number" if name in FIGURES else super()._kind_of(name)

    def _get_list_widget(self, filters: Any, *args: Any, **asked: Any) -> dict[str, Any]:
        """The list obeys the month; rows shown under another row do not."""
        if request.endpoint == f"{self.endpoint}.list":
            filters = filters.copy()
            filters.add_filter_list([["period_id", InMonth, current_month()]])
        widgets: dict[str, Any] = super()._get_list_widget(filters, *args, **asked)
        return widgets

    def render_template(self, template: str, **facts: Any) -> Any:
        """The list also says which month it shows, and which others still have something open."""
        if template == self.list_template:
            facts["lead"] = _("Kỳ %(month)s. Muốn xem kỳ khác, hãy đổi kỳ ở đầu trang.", month=month(current_month()))
            facts["elsewhere"] = _open_elsewhere(db.session())
        return super().render_template(template, **facts)

    @expose("/show/<pk>")
    @has_access
    def show(self, pk: str) -> ResponseReturnValue:
        """Figures, lines by tab, deadline, messages; who looked at names is recorded (Luật 91/2025)."""
        item = self._find(pk)
        page = settlement_page.of(db.session(), item)
        answer: str = self.render_template(
            "chitra/settlements/show.html",
            title=self.show_title,
            item=item,
            page=page,
            words=settlement_page,
            decisions=DECISIONS,
            entry=result_entry.of(db.session(), page) if self.may("can_decide") else None,
            may={name: self.may(f"can_{name}") for name in MAY},
            **self._trail(item),
        )
        _record_view("settlement", item, len(page.lines))
        return answer, 422 if page.asked.problem else 200

    @expose("/lock/<pk>", methods=["POST"])
    @has_access
    def lock(self, pk: str) -> ResponseReturnValue:
        """Chốt quyết toán, writing exactly what the dialog said."""
        item = self._find(pk)
        with transaction() as session:
            locking.lock(session, item.id, by=current_actor())
            locked = arithmetic.figures_of(session, together.all_of(session, item.id))
            figures = settlement_page.added(list(locked.values()))
            written = settlement_page.written_in_words(figures)
            if request.form.get("seen", "") != settlement_page.seen_of(figures):
                raise FiguresMoved(now=written)
            code = item.packet.code
        flash(_("Đã chốt quyết toán %(code)s: %(figures)s.", code=code, figures=written), "success")
        return redirect(url_for("SettlementView.show", pk=pk), 303)

    @expose("/reopen/<pk>", methods=["POST"])
    @has_access
    def reopen(self, pk: str) -> ResponseReturnValue:
        """Mở lại quyết toán, with a reason."""
        item, why = self._find(pk), reason()
        with transaction() as session:
            reopening.reopen(session, item.id, by=current_actor(), because=why)
            code = item.packet.code
        flash(_("Đã mở lại quyết toán %(code)s. Hãy sửa kết quả rồi chốt lại.", code=code), "success")
        return redirect(url_for("SettlementView.show", pk=pk), 303)

    @expose("/let-through/<pk>", methods=["POST"])
    @has_access
    def let_through(self, pk: str) -> ResponseReturnValue:
        """Apply what came after the deadline all the same."""
        item, why = self._find(pk), reason()
        with transaction() as session:
            count = holding.let_through(session, item.id, by=current_actor(), because=why)
        flash(_("Đã cho ghi nhận %(count)s tin đến sau hạn; số liệu được cập nhật ngay.", count=count), "success")
        return redirect(url_for("SettlementView.show", pk=pk), 303)

    @expose("/decline/<pk>", methods=["POST"])
    @has_access
    def decline(self, pk: str) -> ResponseReturnValue:
        """Leave what came after the deadline out for good."""
        item, why = self._find(pk), reason()
        with transaction() as session:
            count = holding.decline(session, item.id, by=current_actor(), because=why)
        flash(_("Không ghi nhận %(count)s tin đến sau hạn. Tin vẫn được lưu.", count=count), "success")
        return redirect(url_for("SettlementView.show", pk=pk), 303)

    @expose("/decide/<pk>", methods=["POST"])
    @has_access
    def decide(self, pk: str) -> ResponseReturnValue:
        """What becomes of one line, as a person decides on what they saw."""
        item, reference = self._find(pk), request.form.get("reference", "")
        outcome, why = request.form.get("outcome", ""), reason()
        with transaction() as session:
            _hold(session, item.id)
            line = lines.one(session, item, reference)
            if line is None:
                raise NotFound
            result_entry.decide(session, item, line, outcome, because=why)
            if request.form.get("seen", "") != line.seen:
                raise _line_moved(line)
        what = settlement_page.outcome_words(outcome)
        flash(_("Đã quyết định: %(line)s là “%(what)s”.", line=line.full_name or reference, what=what), "success")
        return redirect(self._lines_of(pk), 303)

    @expose("/decide-missing/<pk>", methods=["POST"])
    @has_access
    def decide_missing(self, pk: str) -> ResponseReturnValue:
        """The same result for every line that has none, as many as the dialog said."""
        item = self._find(pk)
        outcome, why = request.form.get("outcome", ""), reason()
        with transaction() as session:
            count = deciding.decide_missing(session, item.id, outcome, by=current_actor(), because=why)
            if request.form.get("seen", "") != str(count):
                raise CountMoved(now=thousands(count))
        what = settlement_page.outcome_words(outcome)
        flash(_("Đã ghi “%(what)s” cho %(count)s dòng.", what=what, count=thousands(count)), "success")
        return redirect(self._lines_of(pk), 303)

    @expose("/extend/<pk>", methods=["GET", "POST"])
    @has_access
    def extend(self, pk: str) -> ResponseReturnValue:
        """A form that asks for a later deadline; a supervisor decides."""
        item = self._find(pk)
        if item.state not in OPEN:
            raise extensions.SettlementOver
        form = ExtensionForm()
        if request.method == "GET":
            form.asked_by.data = item.agency.name
        elif form.validate() and self._asked(form, item):
            return redirect(url_for("SettlementView.show", pk=pk), 303)
        page = self.render_template(
            "chitra/settlements/extend.html",
            title=_("Đề nghị gia hạn quyết toán"),
            item=item,
            form=form,
            due=settlement_page.due_of(item),
            granted=sum(one.days for one in item.extensions if one.state == "granted"),
            most=deadlines.MAX_EXTENSION_DAYS_TOTAL,
            newest=request.form.get("newest") or _newest_extension(db.session(), item.id),
            list_title=str(item),
            list_url=url_for("SettlementView.show", pk=pk),
        )
        return page, 422 if form.errors else 200

    def _asked(self, form: ExtensionForm, item: Settlement) -> bool:
        try:
            with transaction() as session:
                _hold(session, item.id)
                _demand_newest(session, item.id)
                extensions.ask(
                    session,
                    item.id,
                    days=form["days"].data,
                    reason=form["reason"].data,
                    asked_by=form["asked_by"].data,
                    by=current_actor(),
                )
        except Stale:
            raise
        except ChitraError as error:
            form.add_problem(getattr(error, "field", None) or "days", error.message)
            return False
        flash(_("Đã ghi đề nghị gia hạn %(days)s ngày; chờ lãnh đạo quyết định.", days=form.days.data), "success")
        return True

    @expose("/minutes/<pk>")
    @has_access
    def minutes(self, pk: str) -> ResponseReturnValue:
        """Biên bản on A4, in Vietnamese whatever the language of the page (NĐ 30/2020)."""
        item = self._find(pk)
        named = settlement_minutes.named(db.session(), item)
        _record_view("settlement_minutes", item, sum(map(len, named.values())))
        return settlement_minutes.answer(db.session(), item, named, self.render_template)

    @expose("/workbook/<pk>", methods=["POST"])
    @has_access
    def workbook(self, pk: str) -> ResponseReturnValue:
        """Every line with its result as a workbook: report DVCT_02 of this list alone."""
        item, by = self._find(pk), current_actor()
        if item.sent_count > exporting.AT_ONCE:
            raise TooManyLines(count=thousands(item.sent_count), most=thousands(exporting.AT_ONCE))
        asked = Request("DVCT_02", item.area_path, item.period.month, item.period.month, batch_id=item.batch_id)
        made = exporting.export(asked, "xlsx", by=by, home=current_app.config["CHITRA"].home)
        book = BytesIO(made.path.read_bytes())
        made.path.unlink()
        with transaction() as session:
            exporting.record(session, asked, by=by, people=made.row_count)
        name = f"{item.packet.code}.xlsx"
        return send_file(book, exporting.TYPES["xlsx"], as_attachment=True, download_name=name)

    def _lines_of(self, pk: str) -> str:
        return way_back() if request.form.get("back") else url_for("SettlementView.show", pk=pk)


def _open_elsewhere(session: Session) -> list[tuple[Any, int]]:
    """(month, settlements) of other months that still have settlements to lock, newest first."""
    statement = (
        select(Period.month, func.count(Settlement.id))
        .join(Settlement, Settlement.period_id == Period.id)
        .where(Settlement.state.in_(OPEN), Period.month != current_month())
        .group_by(Period.month)
        .order_by(Period.month.desc())
        .limit(6)
    )
    return [(row[0], row[1]) for row in session.execute(statement)]


def _hold(session: Session, settlement_id: int) -> None:
    """Messages and other people wait until this is written."""
    session.execute(select(Settlement.id).where(Settlement.id == settlement_id).with_for_update())


def _newest_extension(session: Session, settlement_id: int) -> int:
    statement = select(func.max(DeadlineExtension.id)).where(DeadlineExtension.settlement_id == settlement_id)
    return session.scalar(statement) or 0


def _demand_newest(session: Session, settlement_id: int) -> None:
    newest = _newest_extension(session, settlement_id)
    if request.form.get("newest", "") != str(newest):
        other = session.get(DeadlineExtension, newest)
        raise AskedMeanwhile(days=other.days if other else 0, who=other.entered_by if other else "")


def _line_moved(line: lines.Line) -> Stale:
    name, now = line.full_name or line.reference, line.decided_outcome or line.standing
    if line.decided_by:
        return LineDecided(
            line=name, who=line.decided_by, now=settlement_page.outcome_words(now), why=line.decided_reason
        )
    return LineMoved(line=name, now=settlement_page.standing_words(now))


def _record_view(what: str, item: Settlement, people: int) -> None:
    """An agency's own staff see their own records only and write none of ours."""
    actor = current_actor()
    if actor.agency_id is not None or not people:
        return
    with transaction() as session:
        access.seen(session, what, by=actor, area_path=item.area_path, entity_id=item.id, people=people)
