"""A packet that travels as a file, on its page: taken away, its answer entered, a bank's file brought in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import expose, has_access
from flask_babel import gettext as _
from sqlalchemy.orm import Session, undefer

from app.agency.adapters import ADAPTERS
from app.agency.port import Form
from app.errors import NotFound, Stale
from app.extensions import acting_as, current_actor, db, transaction
from app.models import Packet
from app.reports.packet_table import workbook_of
from app.rules.actors import SYSTEM
from app.rules.states import N_, PACKET
from app.screens import batch_moves
from app.screens.actions import reason
from app.services import access, by_hand, packets
from app.services.composing import adapter_of
from app.services.settlements.heard import FILES

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MULTIPART_BYTES = 64 * 1024
"""What a form adds around its file."""


class PacketMoved(Stale):
    """Gói tin %(code)s vừa thay đổi từ lúc bạn mở trang, nay là “%(state)s”. Chưa làm gì cả: hãy xem lại rồi bấm lại."""


WORDS: dict[by_hand.Word, tuple[str, str]] = {
    "accept": (N_("Nhập: đã tiếp nhận"), "primary"),
    "reject": (N_("Nhập: trả lại gói tin"), "danger"),
    "keep": (N_("Nhập: không đồng ý từ chối"), "plain"),
}
"""What a person may enter for the agency: the button's words and tone."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One answer that may be entered now, and what it does in numbers."""

    word: str
    label: str
    sentence: str
    tone: str
    reason_required: bool


@dataclass(frozen=True, slots=True)
class Carried:
    """How a packet's file is shown: what can be taken away, entered and brought in."""

    form: Form
    downloads: tuple[str, ...]
    offers: tuple[Offer, ...]
    brings: tuple[tuple[str, str], ...]


class PacketFiles:
    """Routes of PacketView for packets that travel as files."""

    @expose("/answer/<pk>/<word>", methods=["POST"])
    @has_access
    def answer(self, pk: str, word: str) -> ResponseReturnValue:
        """Keep the agency's word, entered by a person; the scheduler applies it."""
        item, why = self._found(pk), reason()
        found = next((known for known in WORDS if known == word), None)
        if found is None:
            raise NotFound
        with transaction() as session:
            demand_unmoved(session, item.id)
            by_hand.enter(session, item.id, found, by=current_actor(), because=why)
        flash(_("Đã ghi câu trả lời của đơn vị chi trả; hệ thống đang xử lý."), "success")
        return redirect(url_for("PacketView.show", pk=pk), 303)

    @expose("/bring/<pk>", methods=["POST"])
    @has_access
    def bring(self, pk: str) -> ResponseReturnValue:
        """Keep a file of the bank; the scheduler reads it."""
        request.max_content_length = by_hand.FILE_MOST_BYTES + MULTIPART_BYTES
        item, brought = self._found(pk), request.files.get("file")
        name, body = (brought.filename or "", brought.read()) if brought else ("", b"")
        with transaction() as session:
            by_hand.bring(session, item.id, request.form.get("kind", ""), name, body, by=current_actor())
        flash(_("Đã nhận tệp; hệ thống đang xử lý. Kết quả ở mục Tin đã nhận."), "success")
        return redirect(url_for("PacketView.show", pk=pk), 303)

    @expose("/file/<pk>/<suffix>", methods=["POST"])
    @has_access
    def file(self, pk: str, suffix: str) -> ResponseReturnValue:
        """The packet as a file for the agency; the download is recorded."""
        item = self._found(pk)
        content, name, media_type = file_of(db.session(), item, suffix)
        return taken_away(item, content, name, media_type)

    def _found(self, pk: str) -> Packet:
        found: Packet = self._find(pk)  # type: ignore[attr-defined]  # of the view it is mixed into
        return found


def carried_by(session: Session, item: Packet) -> Carried | None:
    """What the page of a packet offers when it travels as a file; None over a connection."""
    form = by_hand.form_of(session, item)
    if not form.by_hand:
        return None
    downloads = ("xlsx", form.suffix) if form.suffix == "csv" else (form.suffix,)
    facts = {"agency": item.agency.name, "figures": batch_moves.figures(item.people_count, item.total_vnd)}
    sentences = {
        "accept": _("%(agency)s đã báo tiếp nhận và sẽ chi trả %(figures)s.", **facts),
        "reject": _("%(agency)s đã báo trả lại gói tin, %(figures)s. Chưa ai được trả tiền từ gói tin này.", **facts),
        "keep": _("%(agency)s đã báo không đồng ý từ chối gói tin, vẫn chi trả %(figures)s.", **facts),
    }
    offers = tuple(
        Offer(word, str(_(WORDS[word][0])), str(sentences[word]), WORDS[word][1], word != "accept")
        for word in by_hand.possible(item)
    )
    may_come = item.state not in ("queued", "withdrawn")
    brings = tuple((kind, str(_(FILES[kind]))) for kind in form.brings) if may_come else ()
    return Carried(form, downloads if item.body_sha256 else (), offers, brings)


def file_of(session: Session, item: Packet, suffix: str) -> tuple[bytes, str, str]:
    """(content, name, media type) of the packet as a file for its agency. Raises NotFound."""
    carried = carried_by(session, item)
    if carried is None or suffix not in carried.downloads:
        raise NotFound
    body = stored_body(session, item)
    if suffix != carried.form.suffix:
        return workbook_of(body), f"{item.code}.{suffix}", XLSX
    ((name, content),) = ADAPTERS[adapter_of(session, item)].files(item.code, body).items()
    return content, name, carried.form.media_type


def demand_unmoved(session: Session, packet_id: int) -> Packet:
    """The packet, its row held, as the person saw it. Raises PacketMoved."""
    held = packets.lock(session, packet_id)
    if request.form.get("seen", "") != stamp(held):
        raise PacketMoved(code=held.code, state=str(_(PACKET.states[held.state])))
    return held


def stamp(item: Packet) -> str:
    """Differs as soon as the packet moved or was asked back."""
    return f"{item.state}.{item.recall_asked_at or ''}.{item.recall_answer or ''}"


def stored_body(session: Session, item: Packet) -> bytes:
    """The exact bytes. Raises NotFound before they are built."""
    found = session.get_one(Packet, item.id, options=[undefer(Packet.body)], populate_existing=True)
    if found.body is None:
        raise NotFound
    return bytes(found.body)


def taken_away(item: Packet, content: bytes, name: str, media_type: str) -> Response:
    """A download of personal data, on record; the record is the office's, also of an agency's user."""
    by = current_actor()
    with acting_as(SYSTEM), transaction() as session:
        access.seen(
            session,
            "packet_body",
            by=by,
            area_path=item.area_path,
            entity_id=item.id,
            people=item.people_count,
        )
    answer = Response(content, mimetype=media_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


def words(carried: Carried | None, may: dict[str, bool]) -> dict[str, Any]:
    """What the template shows of it to somebody with these permissions."""
    if carried is None:
        return {"downloads": (), "offers": (), "brings": ()}
    return {
        "downloads": carried.downloads if may["file"] else (),
        "offers": carried.offers if may["answer"] else (),
        "brings": carried.brings if may["bring"] else (),
    }
