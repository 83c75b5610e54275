"""Matching: does a readable packet fit what the post office knows? Shape and sums were checked before."""

from __future__ import annotations

import json

from app.agency.envelope import BadMessage, Envelope, PacketHead
from app.agency.sandbox.knobs import knob
from app.agency.sandbox.store import Packet, Store

DEAD_STAGES = ("rejected", "refused")


def refuse_unfit(store: Store, envelope: Envelope) -> None:
    """Raises BadMessage with the first reason why this packet cannot be taken.

    The code is one of the specification's; what exactly does not fit is in the text. A packet we have under
    another message id is a duplicate id, not a refusal: the sender must not believe that nothing is here.
    """
    head = envelope.head
    _refuse_size(store, head)
    _refuse_areas(store, envelope)
    _refuse_versions(store, head)
    _refuse_known_lines(store, envelope)


def _refuse_size(store: Store, head: PacketHead) -> None:
    if head.line_count == 0:
        raise BadMessage("rjct.total_count.invalid", "Gói tin không có dòng nào.")
    most = int(knob(store, "max_lines"))
    if head.line_count > most:
        raise BadMessage("rjct.total_count.limit_exceeded", f"Gói tin quá {most} dòng.")


def _refuse_areas(store: Store, envelope: Envelope) -> None:
    known = tuple(knob(store, "known_areas"))
    for area in sorted({envelope.head.area, *(line.area for line in envelope.lines if line.area)}):
        if not area.isdigit() or (known and not area.startswith(known)):
            raise BadMessage("err.request.bad", f"Không phục vụ địa bàn «{area}».")


def _refuse_versions(store: Store, head: PacketHead) -> None:
    """One list has one living packet, and a version never comes after a later one."""
    if store.packet(head.transaction_id) is not None:
        raise BadMessage("rjct.message_id.duplicate", f"Gói tin {head.transaction_id} đã được gửi trước đó.")
    siblings = [
        Packet(**dict(row))
        for row in store.rows("SELECT * FROM packets WHERE list_code = ? OR code = ?", head.packet, head.replaces)
    ]
    for sibling in siblings:
        if sibling.stage not in DEAD_STAGES:
            raise BadMessage("err.request.bad", f"Gói tin {sibling.code} chưa bị từ chối, không thay được.")
        if sibling.list_code == head.packet and sibling.version > head.version:
            raise BadMessage("err.request.bad", f"Đã có phiên bản mới hơn: {sibling.code}.")


def _refuse_known_lines(store: Store, envelope: Envelope) -> None:
    references = json.dumps([line.reference for line in envelope.lines])
    paid = store.one("SELECT value FROM json_each(?) JOIN handouts ON reference_id = value LIMIT 1", references)
    if paid is not None:
        raise BadMessage("rjct.reference_id.duplicate", f"Dòng {paid['value']} đã được chi trả.")
    twin = store.one(
        "SELECT value, packet_code FROM json_each(?) JOIN lines ON reference_id = value "
        "JOIN packets ON packets.code = packet_code "
        "WHERE packets.stage NOT IN ('rejected', 'refused') LIMIT 1",
        references,
    )
    if twin is not None:
        raise BadMessage(
            "rjct.reference_id.duplicate",
            f"Dòng {twin['value']} đang có trong gói tin {twin['packet_code']}.",
        )
