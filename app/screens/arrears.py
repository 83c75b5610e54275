"""Truy lĩnh: proposals of arrears with their person-months, what approves, rejects or withdraws them. Rules are services."""

from __future__ import annotations

from io import BytesIO
from typing import Any, ClassVar

from flask import current_app, flash, redirect, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import expose, has_access
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.extensions import current_actor, db, transaction
from app.models import ArrearsProposal, ArrearsProposalLine, Beneficiary, StateChange
from app.reports import arrears_book, exporting
from app.rules import names
from app.screens import batch_moves, persons
from app.screens.actions import action, reason
from app.screens.base import ReadOnlyView
from app.screens.filters import SafeFilter
from app.screens.paths import ByPath, PathConverter
from app.services import access, work
from app.services.arrears import browsing, deciding
from app.services.arrears.proposing import BIG
from app.services.arrears.saying import CAUSES, EXCLUSIONS
from app.web.words import thousands, vnd


class OfPersonNamed(SafeFilter):
    """Of a person whose name holds what was typed, without marks, or whose code begins with it."""

    arg_name = "ct"

    def match(self, column: Any, value: Any) -> Any:
        """By the registry."""
        people = select(Beneficiary.id).where(
            Beneficiary.name_fold.contains(names.fold(value), autoescape=True)
            | Beneficiary.code.istartswith(value, autoescape=True)
        )
        return column.in_(people)


class LineConverter(PathConverter):
    """Offers the person's name for their key."""

    conversion_table: ClassVar[Any] = (("is_person", [OfPersonNamed]), *PathConverter.conversion_table)


class LineInterface(ByPath):
    """Person-months, searched by name."""

    filter_converter_class = LineConverter

    def is_person(self, column: str) -> bool:
        """True for the key of the person."""
        return column == "beneficiary_id"


class ArrearsLineView(ReadOnlyView):
    """Person-months of proposals: held out and put back one by one."""

    datamodel = LineInterface(ArrearsProposalLine)
    route_base = "/arrears-lines"
    list_title = _l("Từng người, từng tháng")
    show_title = _l("Khoản truy lĩnh")
    empty_text = _l("Không có khoản nào.")
    label_columns = {
        "proposal": _l("Đề nghị"), "beneficiary.full_name": _l("Họ tên"), "beneficiary.code": _l("Mã đối tượng"),
        "beneficiary_id": _l("Họ tên, mã đối tượng"), "entitlement.benefit_type": _l("Nhóm đối tượng hưởng"),
        "for_month": _l("Của tháng"), "was_vnd": _l("Đã tính"), "owed_vnd": _l("Phải hưởng"),
        "amount_vnd": _l("Truy lĩnh"), "live": _l("Được tính"), "excluded_code": _l("Không tính vì"),
        "excluded_reason": _l("Lý do loại ra"), "excluded_by": _l("Người loại ra"), "kept_by": _l("Người đưa vào lại"),
        "area_path": _l("Địa bàn"),
    }  # fmt: skip
    month_columns = ("for_month",)
    list_columns = [
        "beneficiary.full_name", "beneficiary.code", "for_month", "was_vnd", "owed_vnd", "amount_vnd", "excluded_code",
    ]  # fmt: skip
    show_columns = [
        "proposal", "beneficiary.full_name", "beneficiary.code", "entitlement.benefit_type", "for_month", "was_vnd",
        "owed_vnd", "amount_vnd", "live", "excluded_code", "excluded_reason", "excluded_by", "kept_by",
    ]  # fmt: skip
    search_columns = ["beneficiary_id", "for_month", "excluded_code", "area_path"]
    order_columns = ["for_month", "amount_vnd"]
    base_order = ("id", "asc")
    choice_columns = {"excluded_code": EXCLUSIONS}

    @action(
        "exclude",
        _l("Loại ra"),
        _l("Khoản này không được truy lĩnh theo đề nghị này."),
        reason_required=True,
        rows="both",
        tone="danger",
        possible=lambda line: line.live and line.proposal.state in ("proposed", "approved"),
    )
    def exclude(self, chosen: Any) -> ResponseReturnValue:
        """Hold person-months out, all or none."""
        lines, why = _several(chosen), reason()
        with transaction() as session:
            for line in lines:
                deciding.exclude(session, line.id, by=current_actor(), because=why)
        flash(_("Đã loại ra %(count)s khoản.", count=thousands(len(lines))), "success")
        return _to_proposal(lines)

    @action(
        "restore",
        _l("Đưa vào lại"),
        _l("Khoản này lại được truy lĩnh, dù hệ thống cho là không thuộc diện."),
        rows="both",
        possible=lambda line: not line.live and line.proposal.state == "proposed",
    )
    def restore(self, chosen: Any) -> ResponseReturnValue:
        """Put person-months back, all or none."""
        lines = _several(chosen)
        with transaction() as session:
            for line in lines:
                deciding.restore(session, line.id, by=current_actor())
        flash(_("Đã đưa vào lại %(count)s khoản.", count=thousands(len(lines))), "success")
        return _to_proposal(lines)


class ArrearsProposalView(ReadOnlyView):
    """Proposals of arrears, newest first."""

    datamodel = ByPath(ArrearsProposal)
    route_base = "/arrears-proposals"
    list_title = _l("Truy lĩnh")
    show_title = _l("Đề nghị truy lĩnh")
    list_template = "chitra/arrears/list.html"
    list_lead = _l("Tiền còn thiếu của các tháng trước. Danh sách kỳ sau chỉ nhận khoản đã được lãnh đạo duyệt.")
    empty_text = _l("Chưa có đề nghị truy lĩnh nào.")
    label_columns = {
        "made_at": _l("Lập lúc"), "cause": _l("Nguyên nhân"), "from_month": _l("Từ tháng"), "to_month": _l("Đến tháng"),
        "due_month": _l("Trả vào kỳ"), "decision_no": _l("Số quyết định"), "line_count": _l("Lượt người"),
        "excluded_count": _l("Lượt không tính"), "made_by": _l("Người lập"), "decided_by": _l("Người quyết định"),
        "decided_at": _l("Quyết định lúc"), "decision_note": _l("Ghi chú"), "area_path": _l("Địa bàn"),
    }  # fmt: skip
    month_columns = ("from_month", "to_month", "due_month")
    list_columns = [
        "id", "area", "cause", "from_month", "to_month", "due_month", "people_count", "total_vnd", "state", "made_at",
    ]  # fmt: skip
    show_columns = [
        "area", "cause", "from_month", "to_month", "due_month", "reason", "decision_no", "made_by", "made_at",
        "decided_by", "decided_at", "decision_note",
    ]  # fmt: skip
    search_columns = ["area_path", "state", "cause", "due_month"]
    order_columns = ["id", "due_month", "total_vnd", "made_at"]
    base_order = ("id", "desc")
    machine_columns = {"state": "arrears"}
    choice_columns = {"cause": CAUSES}
    related_views = [ArrearsLineView]

    def render_template(self, template: str, **facts: Any) -> Any:
        """The list also offers making a proposal, to who may."""
        if template == self.list_template:
            facts["may_make"] = self.appbuilder.sm.has_access("can_form", "MakeArrearsView")
        return super().render_template(template, **facts)

    @expose("/show/<pk>")
    @has_access
    def show(self, pk: str) -> ResponseReturnValue:
        """One proposal: sums as they are now, by month and why not; who looked at names is recorded."""
        item, session = self._find(pk), db.session()
        related = [self._children_of(item, view) for view in self._related_views]
        history = session.scalars(
            select(StateChange)
            .where(StateChange.machine == "arrears", StateChange.entity_id == item.id)
            .order_by(StateChange.id.desc())
        ).all()
        own = item.made_by == current_actor().username
        waits = item.state == "proposed"
        answer: str = self.render_template(
            "chitra/arrears/show.html",
            pk=pk,
            title=self.show_title,
            item=item,
            sums=browsing.sums(session, item.id),
            exclusions=EXCLUSIONS,
            widgets=self._get_show_widget(pk, item) | {"related_views": related},
            related_views=self._related_views,
            may={
                "approve": waits and not own and self.may("can_approve"),
                "reject": waits and not own and self.may("can_reject"),
                "withdraw": waits and self.may("can_withdraw"),
                "revoke": item.state == "approved" and self.may("can_revoke"),
                "workbook": self.may("can_workbook"),
            },
            own=waits and own and self.may("can_approve"),
            history=history,
            names=persons.named(session, [change.actor for change in history]),
            move_words=batch_moves.move_words,
            **self._trail(item),
        )
        _seen("arrears_proposal", item)
        return answer

    @expose("/approve/<pk>", methods=["POST"])
    @has_access
    def approve(self, pk: str) -> ResponseReturnValue:
        """Duyệt; a big proposal in the background."""
        item, note = self._find(pk), reason()
        if item.line_count > BIG:
            with transaction() as session:
                _later(session, item, "approve_arrears", {"note": note}, str(_("Duyệt truy lĩnh %(code)s", code=item)))
            return self._back_to(pk)
        with transaction() as session:
            made = deciding.approve(session, item.id, by=current_actor(), note=note or None)
            people, total = made.people_count, made.total_vnd
        flash(
            _("Đã duyệt truy lĩnh: %(figures)s. Lập lại danh sách kỳ sau để nhận.", figures=_figures(people, total)),
            "success",
        )
        return self._back_to(pk)

    @expose("/reject/<pk>", methods=["POST"])
    @has_access
    def reject(self, pk: str) -> ResponseReturnValue:
        """Không duyệt, with a reason."""
        item, why = self._find(pk), reason()
        with transaction() as session:
            deciding.reject(session, item.id, by=current_actor(), because=why)
        flash(_("Đã ghi không duyệt đề nghị truy lĩnh."), "success")
        return self._back_to(pk)

    @expose("/withdraw/<pk>", methods=["POST"])
    @has_access
    def withdraw(self, pk: str) -> ResponseReturnValue:
        """Rút a proposal nobody has decided."""
        item, why = self._find(pk), reason()
        with transaction() as session:
            deciding.withdraw(session, item.id, by=current_actor(), because=why)
        flash(_("Đã rút đề nghị truy lĩnh."), "success")
        return self._back_to(pk)

    @expose("/revoke/<pk>", methods=["POST"])
    @has_access
    def revoke(self, pk: str) -> ResponseReturnValue:
        """Take an approval back while no list has taken any of it."""
        item, why = self._find(pk), reason()
        with transaction() as session:
            deciding.revoke(session, item.id, by=current_actor(), because=why)
        flash(_("Đã rút đề nghị đã duyệt; không danh sách nào nhận khoản này nữa."), "success")
        return self._back_to(pk)

    @expose("/workbook/<pk>", methods=["POST"])
    @has_access
    def workbook(self, pk: str) -> ResponseReturnValue:
        """Every person-month as a workbook; a big one in the background."""
        item, by = self._find(pk), current_actor()
        count = item.line_count + item.excluded_count
        if count > exporting.AT_ONCE:
            with transaction() as session:
                _later(session, item, "arrears_workbook", {}, str(_("Xuất truy lĩnh %(code)s", code=item)))
            return self._back_to(pk)
        path = arrears_book.write(item.id, home=current_app.config["CHITRA"].home, by=by)
        book = BytesIO(path.read_bytes())
        path.unlink()
        _seen("arrears_workbook", item)
        return send_file(book, exporting.TYPES["xlsx"], as_attachment=True, download_name=f"{item}.xlsx")

    def _back_to(self, pk: str) -> ResponseReturnValue:
        return redirect(url_for("ArrearsProposalView.show", pk=pk), 303)


def _several(chosen: Any) -> list[ArrearsProposalLine]:
    return chosen if isinstance(chosen, list) else [chosen]


def _to_proposal(lines: list[ArrearsProposalLine]) -> ResponseReturnValue:
    return redirect(url_for("ArrearsProposalView.show", pk=lines[0].proposal_id), 303)


def _figures(people: int, total_vnd: int) -> str:
    return str(_("%(people)s người, %(vnd)s", people=thousands(people), vnd=vnd(total_vnd)))


def _later(session: Session, item: ArrearsProposal, kind: str, params: dict[str, Any], title: str) -> None:
    facts = {"proposal_id": item.id, **params}
    work.start(session, kind, facts, by=current_actor(), title=title, once_key=f"{kind}:{item.id}")
    flash(_("%(title)s: việc này đang chạy nền, xem tiến độ ở trang Công việc.", title=title), "info")


def _seen(what: str, item: ArrearsProposal) -> None:
    with transaction() as session:
        people = max(item.people_count, 1)
        access.seen(session, what, by=current_actor(), area_path=item.area_path, entity_id=item.id, people=people)
