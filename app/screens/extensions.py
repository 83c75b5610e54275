"""Gia hạn: requests for a later deadline, and the supervisor's yes or no. Asking is on the settlement's page."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import expose, has_access
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app import clock
from app.extensions import current_actor, db, transaction
from app.models import DeadlineExtension
from app.rules import deadlines
from app.screens.actions import reason
from app.screens.base import ReadOnlyView
from app.screens.paths import ByPath
from app.screens.settlement_page import OPEN, due_of
from app.services import extensions, settings
from app.web.words import dmy


class ExtensionView(ReadOnlyView):
    """Requests for later deadlines, newest first."""

    datamodel = ByPath(DeadlineExtension)
    route_base = "/extensions"
    list_title = _l("Gia hạn")
    show_title = _l("Đề nghị gia hạn")
    list_lead = _l("Đề nghị gia hạn quyết toán. Tổng số ngày gia hạn của một quyết toán phải dưới 20.")
    empty_text = _l("Chưa có đề nghị gia hạn nào. Đề nghị được ghi ở trang quyết toán, hoặc do bưu điện gửi đến.")
    label_columns = {
        "asked_at": _l("Đề nghị lúc"), "settlement": _l("Quyết toán"), "settlement.batch.area": _l("Địa bàn"),
        "settlement.period.month": _l("Kỳ"), "settlement.agency": _l("Đơn vị chi trả"), "days": _l("Số ngày"),
        "asked_days": _l("Số ngày đã xin"),
        "asked_by": _l("Người đề nghị"), "entered_by": _l("Người nhập"), "decided_by": _l("Người quyết định"),
        "decided_at": _l("Quyết định lúc"), "decision_note": _l("Ghi chú"), "area_path": _l("Địa bàn"),
    }  # fmt: skip
    month_columns = ("settlement.period.month",)
    list_columns = [
        "asked_at", "settlement", "settlement.batch.area", "settlement.period.month", "days", "reason", "asked_by", "state",
    ]  # fmt: skip
    show_columns = [
        "settlement", "settlement.batch.area", "settlement.period.month", "settlement.agency", "days", "asked_days",
        "reason", "asked_by", "entered_by", "asked_at", "state", "decided_by", "decided_at", "decision_note",
    ]  # fmt: skip
    search_columns = ["area_path", "state", "asked_at"]
    order_columns = ["asked_at", "days", "state"]
    base_order = ("asked_at", "desc")
    machine_columns = {"state": "extension"}

    def _init_properties(self) -> None:
        super()._init_properties()
        self.datamodel.load_with(["settlement.extensions.settlement", "settlement.packet.code"])

    @expose("/show/<pk>")
    @has_access
    def show(self, pk: str) -> ResponseReturnValue:
        """One request; who did not enter it may decide it."""
        item = self._find(pk)
        waits = item.state == "asked" and self.may("can_grant")
        answer: str = self.render_template(
            "chitra/extensions/show.html",
            title=self.show_title,
            item=item,
            widgets=self._get_show_widget(pk, item),
            decides=waits and item.entered_by != current_actor().username,
            own=waits and item.entered_by == current_actor().username,
            sentence=_grant_sentence(item),
            most=_most_days(item),
            without=_without(item) if item.state == "granted" and self.may("can_revoke") else None,
            notice=item.notices[-1] if item.notices else None,
            **self._trail(item),
        )
        return answer

    @expose("/grant/<pk>", methods=["POST"])
    @has_access
    def grant(self, pk: str) -> ResponseReturnValue:
        """Đồng ý gia hạn."""
        item, note = self._find(pk), reason()
        days = _typed_days(item.days)
        with transaction() as session:
            granted = extensions.grant(session, item.id, by=current_actor(), note=note or None, days=days)
            due = extensions.due_on(session, granted.settlement_id)
        flash(_("Đã đồng ý gia hạn. Hạn quyết toán mới: %(due)s.", due=dmy(due)), "success")
        return self._back_to(pk)

    @expose("/refuse/<pk>", methods=["POST"])
    @has_access
    def refuse(self, pk: str) -> ResponseReturnValue:
        """Không đồng ý, with a reason."""
        item, why = self._find(pk), reason()
        with transaction() as session:
            extensions.refuse(session, item.id, by=current_actor(), because=why)
        flash(_("Đã ghi không đồng ý gia hạn; hạn quyết toán giữ nguyên."), "success")
        return self._back_to(pk)

    @expose("/revoke/<pk>", methods=["POST"])
    @has_access
    def revoke(self, pk: str) -> ResponseReturnValue:
        """Thu hồi a granted extension, with a reason."""
        item, why = self._find(pk), reason()
        with transaction() as session:
            revoked = extensions.revoke(session, item.id, by=current_actor(), because=why)
            due = extensions.due_on(session, revoked.settlement_id)
        flash(_("Đã thu hồi gia hạn. Hạn quyết toán: %(due)s.", due=dmy(due)), "success")
        return self._back_to(pk)

    def _back_to(self, pk: str) -> ResponseReturnValue:
        return redirect(url_for("ExtensionView.show", pk=pk), 303)


def _typed_days(asked: int) -> int:
    """Days typed in the dialog; as many as were asked where nothing is."""
    written = request.form.get("days", "").strip()
    if not written:
        return asked
    if not (written.isascii() and written.isdigit() and len(written) <= 3):
        raise extensions.DaysOutOfRange(field="days", most=asked)
    return int(written)


def _granted_days(item: Any) -> list[int]:
    return [one.days for one in item.settlement.extensions if one.state == "granted"]


def _most_days(item: Any) -> int:
    """Days that may be granted: no more than asked, under 20 in all, and not past the next lists unless allowed."""
    settlement, granted = item.settlement, sum(_granted_days(item))
    most: int = min(item.days, deadlines.MAX_EXTENSION_DAYS_TOTAL - granted)
    latest = settings.latest_extension(db.session(), settlement.area_path, settlement.period.month, settlement.due_on)
    return most if latest is None else max(min(most, (latest - settlement.due_on).days - granted), 0)


def _grant_sentence(item: Any) -> str:
    """What granting does, in numbers; nothing where no day may be granted."""
    due, most = due_of(item.settlement), _most_days(item)
    if most == 0:
        return ""
    return str(
        _(
            "Hạn quyết toán chuyển từ %(due)s thành %(later)s. Tổng số ngày gia hạn: %(total)s, tối đa %(most)s.",
            due=dmy(due),
            later=dmy(deadlines.extended(due, [most])),
            total=sum(_granted_days(item)) + most,
            most=deadlines.MAX_EXTENSION_DAYS_TOTAL,
        )
    )


def _without(item: Any) -> date | None:
    """The deadline without a granted extension, while taking it back makes nobody late; None when it cannot be."""
    if item.settlement.state not in OPEN:
        return None
    due: date = due_of(item.settlement) - timedelta(days=item.days)
    return due if due >= clock.today() else None
