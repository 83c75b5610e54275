"""What can be done with a list now, and what each would do, in numbers. The doing is in `batches`, the rules in services."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask_babel import gettext
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import Stale
from app.models import Agency, AgencyContract, Packet, PayoutBatch
from app.rules import dates, own_lists
from app.rules.actors import Actor, Role
from app.rules.states import BATCH, MACHINES
from app.services import packets
from app.services.batches import browsing
from app.services.batches.browsing import Counts
from app.web.words import thousands, vnd


class ListMoved(Stale):
    """Danh sách vừa thay đổi từ lúc bạn mở trang (%(what)s). Nay có %(figures)s. Chưa làm gì cả: hãy xem lại rồi bấm lại."""


@dataclass(frozen=True)
class Offer:
    """One button of the page of a list: what its dialog says, and whether it wants a reason."""

    name: str
    label: str
    sentence: str
    tone: str = "plain"
    reason_required: bool = False
    confirm: str = ""


@dataclass(frozen=True)
class Standing:
    """A list with what decides about its buttons."""

    batch: PayoutBatch
    packet: Packet | None
    counts: Counts
    actor: Actor
    connected: bool = True
    sent_with: tuple[str, ...] = ()

    def may(self, move: str) -> bool:
        """The state table lets the actor make this move of the list now."""
        step = BATCH.moves[move]
        return self.batch.state in step.sources and self.actor.has(*step.who - {Role.SYSTEM})

    @property
    def figures(self) -> str:
        """ "1.284 người, 812.340.000 đ"."""
        return figures(self.batch.people_count, self.batch.total_vnd)

    @property
    def agency_name(self) -> str:
        """To whom the list goes."""
        return str(self.batch.agency.name if self.batch.agency is not None else _("đơn vị chi trả"))

    @property
    def recallable(self) -> bool:
        """The agency has the packet and was not asked for it, or said no."""
        packet = self.packet
        if packet is None or packet.state not in ("received", "accepted"):
            return False
        return packet.recall_asked_at is None or packet.recall_answer is not None


def figures(people: int, total_vnd: int) -> str:
    """People and đồng, as every message says them."""
    return str(_("%(people)s người, %(money)s", people=thousands(people), money=vnd(total_vnd)))


def offers(at: Standing) -> list[Offer]:
    """The buttons, the next step first; only what this actor can do in this state."""
    made = (make(at) for make in _OFFERS)
    return [offer for offer in made if offer is not None]


def _lock(at: Standing) -> Offer | None:
    own = at.actor.username == at.batch.made_by
    if not at.may("lock") or own or at.counts.blocking or not at.batch.line_count:
        return None
    sentence = _(
        "Duyệt %(figures)s. Sau khi duyệt, danh sách không sửa được nữa, trừ khi được mở lại.", figures=at.figures
    )
    if at.counts.warnings:
        sentence += " " + _("Còn %(count)s cảnh báo chưa xem xét.", count=thousands(at.counts.warnings))
    return Offer("lock", _label("lock"), sentence, "primary")


def _send(at: Standing) -> Offer | None:
    if not at.may("send") or not at.connected:
        return None
    if at.batch.agency_id is None:
        sentence = _(
            "Giao %(figures)s cho thủ quỹ của đơn vị (phiên bản %(version)s). Quyết toán được mở ngay để nhập kết quả.",
            figures=at.figures,
            version=at.batch.version,
        )
        return Offer("send", str(_("Giao chi trả")), sentence + _and_with(at), "primary")
    sentence = _(
        "Gửi %(figures)s tới %(agency)s (phiên bản %(version)s).",
        figures=at.figures,
        agency=at.agency_name,
        version=at.batch.version,
    )
    return Offer("send", _label("send"), sentence + _and_with(at), "primary")


def _and_with(at: Standing) -> str:
    if not at.sent_with:
        return ""
    return " " + str(_("Quyết toán một lần nên đi cùng danh sách %(codes)s.", codes=", ".join(at.sent_with)))


def _unlock(at: Standing) -> Offer | None:
    if not at.may("unlock"):
        return None
    sentence = _(
        "Mở lại danh sách %(figures)s để sửa. Danh sách phải được duyệt lại trước khi gửi.", figures=at.figures
    )
    tone = "primary" if at.batch.state == "returned" else "plain"
    return Offer("unlock", _label("unlock"), sentence, tone, reason_required=True)


def _withdraw(at: Standing) -> Offer | None:
    if not at.may("withdraw") or at.packet is None or at.packet.state != "queued":
        return None
    sentence = _(
        "Rút gói tin %(code)s, %(figures)s. Gói tin chưa rời hệ thống; danh sách trở lại trạng thái đã duyệt.",
        code=at.packet.code,
        figures=at.figures,
    )
    return Offer("withdraw", _label("withdraw"), sentence, reason_required=True)


def _recall(at: Standing) -> Offer | None:
    if at.packet is None or not at.recallable or not at.actor.has(Role.CLERK, Role.SUPERVISOR):
        return None
    if at.batch.agency_id is None:
        sentence = _(
            "Lấy lại danh sách %(figures)s đã giao cho thủ quỹ để sửa. Chỉ làm được khi chưa ai được trả tiền.",
            figures=at.figures,
        )
        return Offer("recall", str(_("Lấy lại danh sách")), sentence, reason_required=True)
    sentence = _(
        "Đề nghị %(agency)s từ chối gói tin %(code)s, %(figures)s. Bưu điện quyết định; nếu đồng ý, danh sách được trả"
        " lại để sửa và gửi phiên bản mới.",
        agency=at.agency_name,
        code=at.packet.code,
        figures=at.figures,
    )
    return Offer(
        "recall", str(_("Đề nghị từ chối gói tin")), sentence, reason_required=True, confirm=str(_("Gửi đề nghị"))
    )


def _remake(at: Standing) -> Offer | None:
    if not at.may("remake"):
        return None
    sentence = _(
        "Lập lại danh sách từ hồ sơ đối tượng hiện nay. %(figures)s đang có được tính lại từ đầu.", figures=at.figures
    )
    if at.counts.excluded:
        sentence += " " + _("%(count)s dòng đã đưa ra vẫn ở ngoài danh sách.", count=thousands(at.counts.excluded))
    return Offer("remake", _label("remake"), sentence)


def _cancel(at: Standing) -> Offer | None:
    if not at.may("cancel"):
        return None
    sentence = _(
        "Hủy danh sách %(figures)s. Không ai trong danh sách này được trả tiền; tiền mang sang và truy lĩnh chờ kỳ sau.",
        figures=at.figures,
    )
    return Offer("cancel", _label("cancel"), sentence, "danger", reason_required=True)


def _close(at: Standing) -> Offer | None:
    if not at.may("close") or at.batch.closed_at is not None:
        return None
    sentence = _(
        "Chốt danh sách %(figures)s: quyết toán không mở lại được nữa, trừ khi lãnh đạo mở lại danh sách. Danh sách cuối"
        " cùng của kỳ được chốt thì kỳ cũng chốt.",
        figures=at.figures,
    )
    return Offer("close", _label("close"), sentence)


def _open(at: Standing) -> Offer | None:
    if not at.may("open") or at.batch.closed_at is None:
        return None
    sentence = _(
        "Mở lại danh sách đã chốt, %(figures)s. Kỳ đã chốt được mở lại cùng. Chỉ được khi kỳ sau chưa có danh sách được"
        " duyệt.",
        figures=at.figures,
    )
    return Offer("open", _label("open"), sentence, reason_required=True)


_OFFERS: tuple[Callable[[Standing], Offer | None], ...] = (
    _lock, _send, _unlock, _remake, _withdraw, _recall, _cancel, _close, _open,
)  # fmt: skip


def _label(move: str) -> str:
    return str(gettext(BATCH.moves[move].label))


def held(session: Session, batch_id: int) -> PayoutBatch:
    """The list as it is now, its row held until the transaction ends. Raises NotFound."""
    session.execute(select(PayoutBatch.id).where(PayoutBatch.id == batch_id).with_for_update())
    return browsing.batch(session, batch_id)


def connected(session: Session, batch: PayoutBatch) -> bool:
    """The list's contract says how packets travel to its agency."""
    if batch.agency_id is None:
        return True
    if batch.contract_id is None:
        return False
    adapter = session.scalars(select(AgencyContract.adapter).where(AgencyContract.id == batch.contract_id)).one()
    return packets.carries(adapter, session.get_one(Agency, batch.agency_id).base_url)


def stamp(session: Session, batch: PayoutBatch) -> str:
    """Differs as soon as anybody moved the list or changed who is on it."""
    last = browsing.last_change(session, "batch", batch.id)
    return f"{last.id if last else 0}.{batch.line_count}.{batch.total_vnd}"


def demand_unmoved(session: Session, batch: PayoutBatch, seen: str) -> None:
    """The list is as the person saw it. Raises ListMoved, saying who did what."""
    if seen == stamp(session, batch):
        return
    last = browsing.last_change(session, "batch", batch.id)
    what = str(_("số người hoặc số tiền khác"))
    if last is not None and not seen.startswith(f"{last.id}."):
        what = str(
            _(
                "%(who)s “%(move)s” lúc %(at)s",
                who=last.actor,
                move=move_words(last.machine, last.move),
                at=dates.format_moment(last.at),
            )
        )
    raise ListMoved(what=what, figures=figures(batch.people_count, batch.total_vnd))


def move_words(machine: str, move: str, *, own: bool = False) -> str:
    """A recorded move in words; `own` of a list that the office pays itself."""
    if own and (machine, move) in own_lists.MOVES:
        return str(gettext(own_lists.MOVES[machine, move]))
    if move == "create":
        created = {"batch": _("Lập danh sách"), "packet": _("Xếp hàng gửi"), "settlement": _("Mở quyết toán")}
        return str(created.get(machine) or _("Tạo"))
    return str(gettext(MACHINES[machine].moves[move].label))
