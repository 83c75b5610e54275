"""Gói tin: every transmission of a list, what was answered, and its exact bytes for those who check. Nothing is sent here."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import expose, has_access
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select

from app.extensions import current_actor, db, transaction
from app.models import Packet, Settlement, StateChange
from app.rules.actors import Role
from app.rules.states import PACKET
from app.screens import batch_moves, persons
from app.screens.actions import reason
from app.screens.base import ReadOnlyView
from app.screens.packet_doubts import PacketDoubts, shown_of
from app.screens.packet_files import PacketFiles, carried_by, demand_unmoved, stamp, stored_body, taken_away, words
from app.screens.paths import ByPath
from app.services import by_hand, calls, packets
from app.services.settlements import heard


class PacketView(PacketDoubts, PacketFiles, ReadOnlyView):
    """Packets of the user's area, or of the user's agency, newest first."""

    datamodel = ByPath(Packet)
    route_base = "/packets"
    list_title = _l("Gói tin")
    show_title = _l("Gói tin")
    list_template = "chitra/packets/list.html"
    list_lead = _l("Mỗi lần gửi một danh sách tới đơn vị chi trả là một gói tin, có phiên bản.")
    empty_text = _l("Chưa có gói tin nào. Gói tin được tạo khi danh sách được gửi đi.")
    label_columns = {
        "batch.area": _l("Địa bàn"), "batch.period.month": _l("Kỳ"), "version": _l("Phiên bản"),
        "queued_at": _l("Gửi lúc"), "answered_at": _l("Trả lời lúc"),
        "area_path": _l("Địa bàn"), "answer_reason": _l("Lý do"),
    }  # fmt: skip
    month_columns = ("batch.period.month",)
    list_columns = ["code", "batch.area", "agency", "state", "people_count", "total_vnd", "queued_at", "answered_at"]
    show_columns = ["code", "state"]
    search_columns = ["code", "area_path", "agency", "state", "queued_at"]
    order_columns = ["code", "state", "people_count", "total_vnd", "queued_at", "answered_at"]
    base_order = ("queued_at", "desc")
    machine_columns = {"state": "packet"}

    def render_template(self, template: str, **facts: Any) -> Any:
        """The list also offers the packets that need a look."""
        if template == self.list_template:
            facts["troubled"] = _troubled()
        return super().render_template(template, **facts)

    @expose("/show/<pk>")
    @has_access
    def show(self, pk: str) -> ResponseReturnValue:
        """One packet: figures, calls, answers, history, and asking for it back."""
        item, session, actor = self._find(pk), db.session(), current_actor()
        changes = session.scalars(
            select(StateChange)
            .where(StateChange.machine == "packet", StateChange.entity_id == item.id)
            .order_by(StateChange.id.desc())
        ).all()
        names = persons.named(session, [item.queued_by, item.recall_asked_by, *(change.actor for change in changes)])
        answer: str = self.render_template(
            "chitra/packets/show.html",
            title=self.show_title,
            item=item,
            settlement=session.scalar(select(Settlement.id).where(Settlement.packet_id == item.id)),
            changes=changes,
            heard=heard.about_packet(session, item),
            names=names,
            move_words=batch_moves.move_words,
            seen=stamp(item),
            waiting=_waits_for_an_answer(item),
            wire=calls.of_packet(session, item.id),
            **shown_of(item, may=self.may("can_ask_now")),
            recall=_recall_sentence(item) if actor.has(Role.CLERK, Role.SUPERVISOR) and self.may("can_recall") else "",
            carried=words(
                carried_by(session, item), {name: self.may(f"can_{name}") for name in ("file", "answer", "bring")}
            ),
            may={"body": self.may("can_body") and item.body_sha256 is not None, "lists": actor.agency_id is None},
            **self._trail(item),
        )
        return answer

    @expose("/recall/<pk>", methods=["POST"])
    @has_access
    def recall(self, pk: str) -> ResponseReturnValue:
        """Rút lại a packet that never left, or ask the agency to reject one it has."""
        item, why = self._find(pk), reason()
        with transaction() as session:
            demand_unmoved(session, item.id)
            asked = packets.ask_recall(session, item.id, by=current_actor(), because=why)
            withdrawn, returned, code = asked.state == "withdrawn", asked.state == "rejected", asked.code
        if returned:
            flash(_("Đã lấy lại danh sách của gói tin %(code)s từ thủ quỹ.", code=code), "success")
        elif withdrawn:
            flash(_("Đã rút gói tin %(code)s; gói tin chưa rời hệ thống.", code=code), "success")
        else:
            flash(_("Đã đề nghị bưu điện từ chối gói tin %(code)s. Bưu điện sẽ trả lời.", code=code), "success")
        return redirect(url_for("PacketView.show", pk=pk), 303)

    @expose("/body/<pk>", methods=["POST"])
    @has_access
    def body(self, pk: str) -> ResponseReturnValue:
        """The exact bytes that were sent, for who audits; the download is recorded."""
        item = self._find(pk)
        session = db.session()
        body = stored_body(session, item)
        form = by_hand.form_of(session, item)
        return taken_away(item, body, f"{item.code}.{form.suffix}", form.media_type)


def _waits_for_an_answer(item: Packet) -> bool:
    return item.recall_asked_at is not None and item.recall_answer is None and item.state in ("received", "accepted")


def _recall_sentence(item: Packet) -> str:
    """What asking for the packet would do, in numbers; nothing where it cannot be asked for."""
    facts = {"code": item.code, "figures": batch_moves.figures(item.people_count, item.total_vnd)}
    if item.agency.kind == "office":
        if item.state != "accepted":
            return ""
        return str(
            _(
                "Lấy lại danh sách %(figures)s đã giao cho thủ quỹ để sửa. Chỉ làm được khi chưa ai được trả tiền.",
                figures=facts["figures"],
            )
        )
    if item.state == "queued":
        return str(_("Rút gói tin %(code)s, %(figures)s. Gói tin chưa rời hệ thống.", **facts))
    if item.state not in ("received", "accepted") or _waits_for_an_answer(item):
        return ""
    return str(
        _(
            "Đề nghị %(agency)s từ chối gói tin %(code)s, %(figures)s. Bưu điện quyết định.",
            agency=item.agency.name,
            **facts,
        )
    )


def _troubled() -> list[tuple[str, str, int]]:
    """(state, words, packets) of the states in which a packet waits for somebody."""
    wanted = ("in_doubt", "queued", "rejected", "refused")
    statement = select(Packet.state, func.count(Packet.id)).where(Packet.state.in_(wanted)).group_by(Packet.state)
    counted = {row[0]: int(row[1]) for row in db.session.execute(statement)}
    return [(state, PACKET.states[state], counted[state]) for state in wanted if state in counted]
