"""Packets as people send them: queue a locked list, withdraw what never left, ask the agency to give one back.

What travels, when and with which outcome is in `sending`; what an agency's word does is in `answering`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import uuid4

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.agency.adapters import ADAPTERS
from app.errors import BadInput, NotAllowed, NotFound, RuleBroken
from app.models import Agency, AgencyContract, Packet, PayoutBatch
from app.rules.actors import Actor, Role
from app.rules.states import LIVE_PACKET_STATES
from app.services import own_paying, rows, transitions


class NotConnected(RuleBroken):
    """Đơn vị chi trả %(agency)s chưa có kết nối để nhận gói tin. Hãy kiểm tra hợp đồng và địa chỉ kết nối."""


class PacketUnderWay(RuleBroken):
    """Danh sách %(code)s đang có gói tin %(packet)s chưa kết thúc. Hãy đề nghị bưu điện từ chối gói tin đó trước."""


class GroupNotApproved(RuleBroken):
    """Các tháng quyết toán một lần được gửi cùng nhau: danh sách %(codes)s chưa được duyệt."""


class NotCertainYet(RuleBroken):
    """Chưa rõ bưu điện đã nhận gói tin %(code)s hay chưa. Hệ thống đang hỏi lại bưu điện; khi đã rõ mới rút lại được."""


class RecallAlreadyAsked(RuleBroken):
    """Đã đề nghị bưu điện từ chối gói tin %(code)s, đang chờ trả lời."""


class NothingToRecall(RuleBroken):
    """Gói tin %(code)s đã kết thúc nên không thể đề nghị từ chối."""


class NotYoursToRecall(NotAllowed):
    """Chỉ cán bộ bảo trợ xã hội hoặc lãnh đạo được đề nghị từ chối gói tin."""


class ReasonMissing(BadInput):
    """Phải ghi lý do đề nghị từ chối gói tin."""


# Lists of one kind, area and agency whose months are settled at once, the list itself left out (docs/decisions/003).
_SENT_WITH = text("""
WITH peer AS (
    SELECT b.id AS of_id, g.id, g.code, g.state, p.month,
           bool_or(g.period_id <> b.period_id) OVER (PARTITION BY b.id) AS several
      FROM payout_batches b JOIN payout_batches g ON g.area_id = b.area_id AND g.kind = b.kind
       AND g.group_month = b.group_month AND coalesce(g.agency_id, 0) = coalesce(b.agency_id, 0)
       AND g.state <> 'cancelled'
      JOIN periods p ON p.id = g.period_id WHERE b.id = ANY(:ids)
)
SELECT DISTINCT id, code, state, month FROM peer WHERE several AND id <> of_id ORDER BY month, id
""")


def sent_with(session: Session, batch_ids: Collection[int]) -> list[Any]:
    """The other lists of the months settled at once with these, not sent yet: (id, code, state, month)."""
    rows = session.execute(_SENT_WITH, {"ids": list(batch_ids)})
    return [row for row in rows if row.state in ("draft", "locked", "returned") and row.id not in batch_ids]


def queue(session: Session, batch_id: int, *, by: Actor) -> Packet:
    """Gửi bưu điện one list, with the others of the months settled at once with it. Raises as `queue_many`."""
    return queue_many(session, [batch_id], by=by)[batch_id]


def queue_many(session: Session, batch_ids: Collection[int], *, by: Actor) -> dict[int, Packet]:
    """Lists become sent and their packets wait for the scheduler, in one transaction; list -> packet.

    The lists of months settled at once go together: those that are approved are sent too, and while one is not, none is.
    Key and message id are fixed here, before the wire, and never made again (promise P1). A list the office pays itself
    goes to its cashier at once. Raises NotFound, NotConnected, PacketUnderWay, GroupNotApproved, and what
    `transitions.move` raises.
    """
    others = sent_with(session, batch_ids)
    waiting = [row.code for row in others if row.state != "locked"]
    if waiting:
        raise GroupNotApproved(codes=", ".join(waiting))
    ids = sorted({*batch_ids, *(row.id for row in others)})
    return {batch_id: _queue(session, batch_id, by) for batch_id in ids}


def _queue(session: Session, batch_id: int, by: Actor) -> Packet:
    batch = rows.held(session, PayoutBatch, batch_id)
    if batch.agency_id is None:
        return own_paying.hand_over(session, batch, by=by)
    agency_id = _connected_agency(session, batch, batch.agency_id)
    packets = list(session.scalars(select(Packet).where(Packet.batch_id == batch_id).order_by(Packet.version.desc())))
    for packet in packets:
        if packet.state in LIVE_PACKET_STATES:
            raise PacketUnderWay(code=batch.code, packet=packet.code)
    code = f"{batch.code}-V{batch.version}"
    transitions.move(session, "batch", batch_id, "send", by=by, facts={"packet": code})
    replaced = next((packet for packet in packets if packet.state in ("rejected", "refused")), None)
    made = Packet(
        code=code,
        batch_id=batch_id,
        agency_id=agency_id,
        area_path=batch.area_path,
        version=batch.version,
        replaces_id=replaced.id if replaced else None,
        message_id=f"{code}-{uuid4().hex[:12]}",
        line_count=batch.line_count,
        people_count=batch.people_count,
        total_vnd=batch.total_vnd,
        lines_sha256=batch.lines_sha256,
        queued_by=by.username,
        queued_at=clock.now(),
    )
    session.add(made)
    session.flush()
    transitions.created(session, "packet", [made.id], by=by, facts={made.id: {"total_vnd": made.total_vnd}})
    return made


def withdraw(session: Session, packet_id: int, *, by: Actor, because: str) -> Packet:
    """Take back a packet that never left; its list is locked again and its next packet has the next version.

    Raises NotCertainYet when a call may have reached the agency, else what `transitions.move` raises.
    """
    packet = lock(session, packet_id)
    if packet.state == "in_doubt":
        raise NotCertainYet(code=packet.code)
    transitions.move(session, "packet", packet_id, "withdraw", by=by, because=because)
    transitions.move(session, "batch", packet.batch_id, "withdraw", by=by, because=because)
    session.get_one(PayoutBatch, packet.batch_id).version += 1
    session.flush()
    return packet


def ask_recall(session: Session, packet_id: int, *, by: Actor, because: str) -> Packet:
    """Đề nghị từ chối gói tin: a waiting packet is withdrawn at once; one the agency has is asked back by the scheduler.

    What our own cashier has comes back at once. Otherwise the agency decides; after its no the request may be made
    again. Raises NotCertainYet, RecallAlreadyAsked, NothingToRecall, NotYoursToRecall, ReasonMissing, and MoneyHandedOut.
    """
    if not by.has(Role.CLERK, Role.SUPERVISOR):
        raise NotYoursToRecall
    reason = because.strip()
    if not reason:
        raise ReasonMissing(field="reason")
    packet = lock(session, packet_id)
    if packet.state == "queued":
        return withdraw(session, packet_id, by=by, because=reason)
    if packet.state == "in_doubt":
        raise NotCertainYet(code=packet.code)
    if packet.state not in ("received", "accepted"):
        raise NothingToRecall(code=packet.code)
    if own_paying.is_own(session, packet):
        return own_paying.take_back(session, packet, by=by, because=reason)
    if packet.recall_asked_at is not None and packet.recall_answer is None:
        raise RecallAlreadyAsked(code=packet.code)
    session.execute(
        text(
            "UPDATE packets SET recall_asked_at = :now, recall_asked_by = :by, recall_reason = :reason,"
            " recall_delivered_at = NULL, recall_answer = NULL, next_attempt_at = now(), lease_until = NULL WHERE id = :id"
        ),
        {"now": clock.now(), "by": by.username, "reason": reason, "id": packet_id},
    )
    session.refresh(packet)
    return packet


def lock(session: Session, packet_id: int) -> Packet:
    """The packet as it is now, its row held until the transaction ends. Raises NotFound.

    Held against every other change; but not against rows that name it (calls, notices), whose writers may hold the
    settlement that its holder is about to ask for.
    """
    held = select(Packet).where(Packet.id == packet_id).with_for_update(key_share=True)
    found = session.scalars(held.execution_options(populate_existing=True)).one_or_none()
    if found is None:
        raise NotFound
    return found


def carries(adapter: str, base_url: str | None) -> bool:
    """Whether packets can travel: as files always, over the network to an address."""
    return ADAPTERS[adapter].FORM.by_hand or bool(base_url)


def _connected_agency(session: Session, batch: PayoutBatch, agency_id: int) -> int:
    agency = session.get_one(Agency, agency_id)
    contract = session.get(AgencyContract, batch.contract_id) if batch.contract_id is not None else None
    if contract is None or not agency.is_active or not carries(contract.adapter, agency.base_url):
        raise NotConnected(agency=agency.name)
    return agency.id
