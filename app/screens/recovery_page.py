"""What the page of one recovery shows: figures, wrongly paid lines, ledger, lists that withhold, history. No route."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask_babel import gettext
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app.models import PayoutLine, Recovery, RecoveryEntry, RecoveryLine, StateChange, Withholding
from app.rules.states import N_, RECOVERY
from app.screens.settlement_page import reason_words as reason_of_settlement
from app.services.recoveries import figures
from app.services.recoveries.figures import Figures
from app.web.frame import current_month
from app.web.words import vnd

SOURCES: dict[str, str] = {
    "settlement": N_("Theo quyết toán"),
    "death": N_("Trả sau tháng chết"),
    "stop": N_("Trả sau khi hết hưởng"),
    "hand": N_("Cán bộ đề nghị"),
}
ENTRY_WORDS: dict[str, str] = {
    "withheld": N_("Khấu trừ ở danh sách"),
    "cash": N_("Nộp lại tiền mặt"),
    "written_off": N_("Xóa theo quyết định"),
}
OUTCOME_WORDS: dict[str, str] = {
    "waiting": N_("Chờ quyết toán"),
    "recovered": N_("Đã thu"),
    "released": N_("Không thu: dòng không được trả"),
}
OUTCOME_TONES = {"waiting": "warn", "recovered": "good", "released": "off"}
ENDED = N_("Đã hết hưởng theo quyết định")


@dataclass(frozen=True)
class RecoveryPage:
    """Everything the template needs of one recovery."""

    item: Recovery
    figures: Figures
    lines: Sequence[tuple[RecoveryLine, PayoutLine]]
    entries: Sequence[RecoveryEntry]
    withholdings: Sequence[Withholding]
    history: Sequence[StateChange]

    @property
    def people(self) -> list[str]:
        """User names the page shows."""
        known = [self.item.entered_by, self.item.decided_by, *(entry.entered_by for entry in self.entries)]
        return [name for name in (*known, *(change.actor for change in self.history)) if name]

    @property
    def seen(self) -> str:
        """What a person who decides has before their eyes; another text means that it changed meanwhile."""
        return (
            f"{self.item.state}.{self.figures.recovered_vnd}.{self.figures.written_off_vnd}.{self.figures.waiting_vnd}"
        )


def of(session: Session, item: Recovery) -> RecoveryPage:
    """The page of one recovery, as the month every page obeys sees it."""
    lines = session.execute(
        select(RecoveryLine, PayoutLine)
        .join(PayoutLine, PayoutLine.id == RecoveryLine.line_id)
        .where(RecoveryLine.recovery_id == item.id)
        .order_by(PayoutLine.period_id, PayoutLine.id)
        .options(joinedload(PayoutLine.batch))
    )
    history = select(StateChange).where(StateChange.machine == "recovery", StateChange.entity_id == item.id)
    return RecoveryPage(
        item=item,
        figures=figures.figures(session, item.id, current_month()),
        lines=[(row[0], row[1]) for row in lines],
        entries=session.scalars(
            select(RecoveryEntry).where(RecoveryEntry.recovery_id == item.id).order_by(RecoveryEntry.id)
        ).all(),
        withholdings=session.scalars(
            select(Withholding).where(Withholding.recovery_id == item.id).order_by(Withholding.line_id)
        ).all(),
        history=session.scalars(history.order_by(StateChange.id.desc())).all(),
    )


def reason_words(code: str) -> str:
    """Why, in words."""
    return str(gettext(ENDED)) if code == "ENDED" else reason_of_settlement(code)


def move_words(move: str) -> str:
    """A recorded move in words."""
    step = RECOVERY.moves.get(move)
    return str(_("Đề nghị") if step is None else gettext(step.label))


def write_off_sentence(page: RecoveryPage) -> str:
    """What the dialog of writing off says will happen, in numbers."""
    said = _("Xóa %(vnd)s còn phải thu: không thu nữa, và không lập lại được.", vnd=vnd(page.figures.free_vnd))
    if page.figures.waiting_vnd:
        said += " " + _("%(vnd)s đang khấu trừ ở danh sách vẫn được thu.", vnd=vnd(page.figures.waiting_vnd))
    return str(said)
