"""Tạm dừng chi trả: who is proposed, suspended, and to be resumed; each decision by another. The rules are services."""

from __future__ import annotations

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import expose, has_access
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.extensions import current_actor, transaction
from app.models import Suspension
from app.screens.actions import reason
from app.screens.base import ReadOnlyView
from app.screens.paths import ByPath
from app.services import suspensions


class SuspensionView(ReadOnlyView):
    """Suspensions, newest first."""

    datamodel = ByPath(Suspension)
    route_base = "/suspensions"
    list_title = _l("Tạm dừng chi trả")
    show_title = _l("Tạm dừng chi trả")
    list_lead = _l(
        "Người ba kỳ liên tiếp chưa nhận tiền. Khi tạm dừng, họ không có trong danh sách; tiền chưa nhận vẫn chờ họ."
    )
    empty_text = _l("Chưa có ai. Đề nghị tạm dừng ở trang người chưa nhận tiền từ hai kỳ trở lên.")
    label_columns = {
        "beneficiary.full_name": _l("Họ tên"), "beneficiary.code": _l("Mã đối tượng"),
        "beneficiary.area": _l("Địa bàn"), "unpaid_periods": _l("Số kỳ chưa nhận"),
        "proposed_by": _l("Người đề nghị"), "proposed_at": _l("Đề nghị lúc"),
        "from_month": _l("Không lập danh sách từ tháng"), "decided_by": _l("Người quyết định"),
        "decided_at": _l("Quyết định lúc"), "decision_note": _l("Lý do quyết định"),
        "resume_reason": _l("Lý do đề nghị hưởng lại"), "resume_asked_by": _l("Người đề nghị hưởng lại"),
        "with_arrears": _l("Truy lĩnh các tháng tạm dừng"), "resumed_at": _l("Hưởng lại lúc"), "area_path": _l("Địa bàn"),
    }  # fmt: skip
    month_columns = ("from_month",)
    list_columns = [
        "beneficiary.full_name", "beneficiary.code", "beneficiary.area", "unpaid_periods", "from_month", "state",
        "proposed_at",
    ]  # fmt: skip
    show_columns = [
        "beneficiary.code", "beneficiary.area", "unpaid_periods", "reason", "proposed_by", "proposed_at", "from_month",
        "decided_by", "decided_at", "decision_note", "resume_reason", "resume_asked_by", "with_arrears", "resumed_at",
    ]  # fmt: skip
    search_columns = ["area_path", "state", "proposed_at"]
    order_columns = ["proposed_at", "state"]
    base_order = ("proposed_at", "desc")
    machine_columns = {"state": "suspension"}

    @expose("/show/<pk>")
    @has_access
    def show(self, pk: str) -> ResponseReturnValue:
        """One suspension, and what may be decided about it now."""
        item, me = self._find(pk), current_actor().username
        waits_for_other = {"proposed": item.proposed_by != me, "resuming": item.resume_asked_by != me}
        decides = waits_for_other.get(item.state, False)
        may = {
            "suspend": item.state == "proposed" and decides and self.may("can_suspend"),
            "refuse": item.state == "proposed" and decides and self.may("can_refuse"),
            "ask_resume": item.state == "suspended" and self.may("can_ask_resume"),
            "resume": item.state == "resuming" and decides and self.may("can_resume"),
            "keep": item.state == "resuming" and decides and self.may("can_keep"),
        }
        answer: str = self.render_template(
            "chitra/suspensions/show.html",
            title=self.show_title,
            item=item,
            may=may,
            widgets=self._get_show_widget(pk, item),
            **self._trail(item),
        )
        return answer

    @expose("/propose/<pk>", methods=["POST"])
    @has_access
    def propose(self, pk: str) -> ResponseReturnValue:
        """Đề nghị tạm dừng the person with this key."""
        why = reason()
        with transaction() as session:
            key = int(pk) if pk.isascii() and pk.isdigit() and len(pk) <= 18 else 0
            made = suspensions.propose(session, key, by=current_actor(), because=why).id
        flash(_("Đã đề nghị tạm dừng; chờ lãnh đạo quyết định."), "success")
        return redirect(url_for("SuspensionView.show", pk=made), 303)

    @expose("/suspend/<pk>", methods=["POST"])
    @has_access
    def suspend(self, pk: str) -> ResponseReturnValue:
        """Tạm dừng."""
        item, why = self._find(pk), reason()
        with transaction() as session:
            suspensions.suspend(session, item.id, by=current_actor(), because=why)
        flash(_("Đã tạm dừng. Danh sách đang lập có người này phải được lập lại."), "success")
        return self._back_to(pk)

    @expose("/refuse/<pk>", methods=["POST"])
    @has_access
    def refuse(self, pk: str) -> ResponseReturnValue:
        """Không tạm dừng."""
        item, why = self._find(pk), reason()
        with transaction() as session:
            suspensions.refuse(session, item.id, by=current_actor(), because=why)
        flash(_("Đã ghi không tạm dừng."), "success")
        return self._back_to(pk)

    @expose("/ask-resume/<pk>", methods=["POST"])
    @has_access
    def ask_resume(self, pk: str) -> ResponseReturnValue:
        """Đề nghị hưởng lại, with or without the months missed."""
        item, why = self._find(pk), reason()
        with_arrears = request.form.get("with_arrears") == "yes"
        with transaction() as session:
            suspensions.ask_resume(session, item.id, by=current_actor(), because=why, with_arrears=with_arrears)
        flash(_("Đã đề nghị cho hưởng lại; chờ lãnh đạo quyết định."), "success")
        return self._back_to(pk)

    @expose("/resume/<pk>", methods=["POST"])
    @has_access
    def resume(self, pk: str) -> ResponseReturnValue:
        """Cho hưởng lại; leads to the proposal of arrears where one was made."""
        item, note = self._find(pk), reason()
        with transaction() as session:
            proposal_id = suspensions.resume(session, item.id, by=current_actor(), note=note or None).proposal_id
        if proposal_id is None:
            flash(_("Đã cho hưởng lại; danh sách lập sau đó có người này."), "success")
            return self._back_to(pk)
        flash(_("Đã cho hưởng lại; các tháng đã lỡ là đề nghị truy lĩnh dưới đây, chờ duyệt."), "success")
        return redirect(url_for("ArrearsProposalView.show", pk=proposal_id), 303)

    @expose("/keep/<pk>", methods=["POST"])
    @has_access
    def keep(self, pk: str) -> ResponseReturnValue:
        """Vẫn tạm dừng."""
        item, why = self._find(pk), reason()
        with transaction() as session:
            suspensions.keep(session, item.id, by=current_actor(), because=why)
        flash(_("Đã ghi vẫn tạm dừng."), "success")
        return self._back_to(pk)

    def _back_to(self, pk: str) -> ResponseReturnValue:
        return redirect(url_for("SuspensionView.show", pk=pk), 303)
