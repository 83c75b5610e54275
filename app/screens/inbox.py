"""Tin nhận được: every message an agency sent, what became of it and what was wrong with it. Applied by the scheduler."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import expose, has_access
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select
from sqlalchemy.orm import undefer

from app.extensions import current_actor, db, transaction
from app.models import InboxMessage, Packet, Settlement
from app.screens import settlement_page
from app.screens.actions import reason
from app.screens.base import ReadOnlyView
from app.screens.paths import ByPath
from app.services import acknowledging
from app.services.settlements import faults, heard

LOOKED_AT_FIRST = ("held", "failed", "ignored")


class InboxView(ReadOnlyView):
    """Messages about the user's area, newest first."""

    datamodel = ByPath(InboxMessage)
    route_base = "/messages"
    list_title = _l("Tin nhận được")
    show_title = _l("Tin nhận được")
    list_template = "chitra/messages/list.html"
    list_lead = _l("Mọi tin đã ký của đơn vị chi trả đều được lưu trước khi trả lời, rồi mới xử lý.")
    empty_text = _l("Chưa nhận được tin nào.")
    label_columns = {
        "received_at": _l("Nhận lúc"), "agency": _l("Đơn vị chi trả"), "transaction_id": _l("Gói tin"),
        "outcome": _l("Xử lý"), "note": _l("Ghi chú"), "message_id": _l("Mã tin"), "area_path": _l("Địa bàn"),
    }  # fmt: skip
    list_columns = ["received_at", "agency", "transaction_id", "outcome", "note"]
    show_columns = ["received_at", "message_id"]
    search_columns = ["transaction_id", "message_id", "area_path", "agency", "outcome", "received_at"]
    order_columns = ["received_at"]
    base_order = ("received_at", "desc")
    choice_columns = {"outcome": heard.OUTCOMES}

    def render_template(self, template: str, **facts: Any) -> Any:
        """The list also offers those that did not simply go through."""
        if template == self.list_template:
            facts["counted"] = _counted()
        return super().render_template(template, **facts)

    @expose("/show/<pk>")
    @has_access
    def show(self, pk: str) -> ResponseReturnValue:
        """One message: what it says, what became of it, every fault with its line."""
        item, session = self._find(pk), db.session()
        found = session.scalars(
            select(InboxMessage).where(InboxMessage.id == item.id).options(undefer(InboxMessage.body))
        ).one()
        packet = session.scalars(
            select(Packet).where(Packet.code == item.transaction_id, Packet.agency_id == item.agency_id)
        ).one_or_none()
        settled = None if packet is None else select(Settlement.id).where(Settlement.packet_id == packet.id)
        answer: str = self.render_template(
            "chitra/messages/show.html",
            title=self.show_title,
            item=item,
            what=heard.meaning(bytes(found.body) if len(found.body) < heard.SMALL else None, 0),
            size=len(found.body),
            outcome=heard.Heard(item.received_at, "", 0, item.outcome, item.note),
            packet=packet,
            settlement=None if settled is None else session.scalar(settled),
            faults=faults.of_message(session, item.id),
            looked=acknowledging.of(session, "message", item.id),
            waits=acknowledging.waits_for_a_person(session, item) and self.may("can_acknowledge"),
            words=settlement_page,
            **self._trail(),
        )
        return answer

    @expose("/acknowledge/<pk>", methods=["POST"])
    @has_access
    def acknowledge(self, pk: str) -> ResponseReturnValue:
        """A person has looked at a message that changed nothing, and says what they found."""
        item, why = self._find(pk), reason()
        with transaction() as session:
            acknowledging.message(session, item.id, by=current_actor(), because=why)
        flash(_("Đã ghi là đã xem xét."), "success")
        return redirect(url_for("InboxView.show", pk=pk), 303)


def _counted() -> list[tuple[str, str, int]]:
    """(outcome, words, messages) of those a person may want to read first."""
    statement = select(InboxMessage.outcome, func.count(InboxMessage.id)).where(
        InboxMessage.outcome.in_(LOOKED_AT_FIRST)
    )
    found = {row[0]: int(row[1]) for row in db.session.execute(statement.group_by(InboxMessage.outcome))}
    return [(one, heard.OUTCOMES[one], found[one]) for one in LOOKED_AT_FIRST if one in found]
