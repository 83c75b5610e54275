"""Packets in doubt for more than a day: the list with every call, and what a person can do. Never a new key."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import expose, has_access
from flask_babel import gettext as _
from sqlalchemy import select

from app.errors import NotFound
from app.extensions import current_actor, db, transaction
from app.models import Area, Packet
from app.screens.actions import reason
from app.services import acknowledging, attention, calls

CALLS_SHOWN = 5
"""Latest calls of each packet on the list."""


class PacketDoubts:
    """What `PacketView` does about doubt."""

    _find: Any
    _trail: Any
    may: Any
    render_template: Any

    @expose("/doubtful")
    @has_access
    def doubtful(self) -> ResponseReturnValue:
        """Packets of an area (`?area=<code>`) in doubt for more than a day, with the calls made and answers got."""
        session, actor = db.session(), current_actor()
        code = request.args.get("area", "")
        path = session.scalar(select(Area.path).where(Area.code == code)) if code else actor.area_path
        if path is None or not actor.may_see(path):
            raise NotFound
        answer: str = self.render_template(
            "chitra/packets/doubtful.html",
            title=_("Gói tin hơn 24 giờ chưa rõ kết quả"),
            packets=[
                (session.get_one(Packet, key), since, calls.of_packet(session, key, limit=CALLS_SHOWN))
                for key, since in attention.stuck(session, path)
            ],
            may=self.may("can_ask_now"),
            **self._trail(),
        )
        return answer

    @expose("/ask-now/<pk>", methods=["POST"])
    @has_access
    def ask_now(self, pk: str) -> ResponseReturnValue:
        """Ask about a packet in doubt at once; the key and the bytes stay what they are."""
        item = self._find(pk)
        with transaction() as session:
            acknowledging.ask_now(session, item.id, by=current_actor())
        flash(_("Hệ thống hỏi lại bưu điện về gói tin %(code)s ngay bây giờ.", code=item.code), "success")
        return redirect(url_for("PacketView.show", pk=pk), 303)

    @expose("/keep-waiting/<pk>", methods=["POST"])
    @has_access
    def keep_waiting(self, pk: str) -> ResponseReturnValue:
        """Leave a packet in doubt to the system for another day."""
        item, why = self._find(pk), reason()
        with transaction() as session:
            acknowledging.keep_waiting(session, item.id, by=current_actor(), because=why)
        flash(_("Tiếp tục chờ gói tin %(code)s; nhắc lại sau 24 giờ nếu vẫn chưa rõ.", code=item.code), "success")
        return redirect(url_for("PacketView.show", pk=pk), 303)


def shown_of(item: Packet, *, may: bool) -> dict[str, Any]:
    """What the page of a packet shows about doubt: who looked, and whether something may be done about it now."""
    return {
        "looked": acknowledging.of(db.session(), "packet", item.id),
        "doubt": may and item.state in ("queued", "in_doubt") and item.attempts > 0,
    }
