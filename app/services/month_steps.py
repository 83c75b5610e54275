"""The steps of a month: what state each is in, and who can do what next, judged from what is known. Reads nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from app import clock
from app.rules import dates, deadlines, own_lists
from app.rules.actors import Actor, Role
from app.rules.states import BATCH, EXTENSION, N_, PERIOD
from app.services.month_facts import AreaFacts, Deadlines, ListFacts


class StepState(StrEnum):
    """How far a step is."""

    WAITING = "waiting"
    DOING = "doing"
    DONE = "done"
    LATE = "late"
    ATTENTION = "attention"


STATE_WORDS: dict[str, str] = {
    StepState.WAITING: N_("Chưa đến"),
    StepState.DOING: N_("Đang làm"),
    StepState.DONE: N_("Xong"),
    StepState.LATE: N_("Quá hạn"),
    StepState.ATTENTION: N_("Cần xử lý"),
}
TONES: dict[str, str] = {"waiting": "off", "doing": "plain", "done": "good", "late": "bad", "attention": "warn"}

CHANGES, MAKE, LOCK, SEND, RECEIVE, PAY, SETTLE, LOCK_SETTLEMENT, CLOSE = range(9)


@dataclass(frozen=True, slots=True)
class StepKind:
    """A step of every month, and whose work it is."""

    name: str
    label: str
    who: frozenset[Role]


_AGENCY = frozenset({Role.AGENCY})
ENTERING = frozenset({Role.CLERK, Role.ACCOUNTANT})
"""Who may write results by hand (services.settlements.deciding)."""

STEPS: tuple[StepKind, ...] = (
    StepKind("changes", N_("Biến động"), frozenset({Role.CLERK})),
    StepKind("make", N_("Lập danh sách"), BATCH.moves["remake"].who - {Role.SYSTEM}),
    StepKind("lock", N_("Duyệt"), BATCH.moves["lock"].who),
    StepKind("send", N_("Gửi bưu điện"), BATCH.moves["send"].who - {Role.SYSTEM}),
    StepKind("receive", N_("Bưu điện tiếp nhận"), _AGENCY),
    StepKind("pay", N_("Chi trả"), _AGENCY),
    StepKind("settle", N_("Nhận quyết toán"), _AGENCY),
    StepKind("lock_settlement", N_("Chốt quyết toán"), BATCH.moves["settle"].who),
    StepKind("close", N_("Chốt kỳ"), PERIOD.moves["close"].who),
)


@dataclass(frozen=True, slots=True)
class Action:
    """What the actor can do now: the move, its words and the page that asks for it."""

    move: str
    label: str
    endpoint: str
    args: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a month in one area. People and đồng are those of the lists that have come this far."""

    kind: StepKind
    state: StepState
    lists: int = 0
    done: int = 0
    people: int = 0
    amount_vnd: int = 0
    due: date | None = None
    days_late: int = 0
    done_by: tuple[str, ...] = ()
    action: Action | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """Everything the state of a step depends on."""

    area: AreaFacts
    lists: Sequence[ListFacts]
    missing: tuple[str, ...]
    due: Deadlines
    month: date
    by: Actor

    def step(self, index: int) -> Step:
        """The step as it stands."""
        kind, due = STEPS[index], self._due(index)
        done = [one for one in self.lists if self._passed(one) >= index]
        here = [one for one in self.lists if self._passed(one) == index - 1]
        state = self._state(index, here, done, due)
        running = state not in (StepState.DONE, StepState.WAITING)
        behind = (clock.today() - due).days if running and due is not None and index not in _NEVER_LATE else 0
        counted = [] if index == CHANGES else [*done, *here]
        return Step(
            kind=kind,
            state=state,
            lists=len(self.lists) + len(self.missing),
            done=len(done),
            people=sum(one.people_count for one in counted),
            amount_vnd=sum(one.total_vnd for one in counted),
            due=due,
            days_late=max(0, behind),
            done_by=_who(index, done),
            action=self._action(index, here) if running else None,
        )

    def _state(self, index: int, here: list[ListFacts], done: list[ListFacts], due: date | None) -> StepState:
        if self.area.closed or (done and len(done) == len(self.lists) and not self.missing and index < CLOSE):
            return StepState.DONE
        if not self._reached(index, here, done):
            return StepState.WAITING
        troubled = _TROUBLES.get(index)
        if troubled is not None and any(troubled(one) for one in here):
            return StepState.ATTENTION
        late = due is not None and clock.today() > due and index not in _NEVER_LATE
        return StepState.LATE if late else StepState.DOING

    def _reached(self, index: int, here: list[ListFacts], done: list[ListFacts]) -> bool:
        if index == CHANGES:
            return bool(self.missing)
        if index == MAKE:
            return bool(done) or (bool(self.missing) and self.area.open_before is None)
        if index == CLOSE:
            return bool(self.lists) and len(here) + len(done) == len(self.lists)
        return bool(here or done)

    def _passed(self, one: ListFacts) -> int:
        """The last step the list is through."""
        if one.closed:
            return CLOSE
        if one.state == "sent":
            return SEND if one.packet_state in ("received", "accepted") else LOCK
        if one.state == "accepted":
            if one.settlement_state == "received":
                return SETTLE
            over = self._payment_ends()
            paid_out = one.settlement_state == "partial" or over is None or clock.today() > over
            return PAY if paid_out else RECEIVE
        return _PASSED_BY_STATE[one.state]

    def _due(self, index: int) -> date | None:
        if index <= SEND:
            return self.due.send
        if index == PAY:
            return self._payment_ends()
        if index == SETTLE:
            waiting = [one for one in self.lists if one.due_on is not None and self._passed(one) < SETTLE]
            extended = [deadlines.extended(one.due_on, _days(one)) for one in waiting if one.due_on is not None]
            return min(extended, default=self.due.settle)
        return self.due.close if index in (LOCK_SETTLEMENT, CLOSE) else None

    def _payment_ends(self) -> date | None:
        last = self.area.payment_day_to
        following = (self.month + timedelta(days=31)).replace(day=1)
        return None if last is None else min(self.month + timedelta(days=last - 1), following - timedelta(days=1))

    def _action(self, index: int, here: list[ListFacts]) -> Action | None:
        offer = _OFFERS.get(index)
        return None if offer is None else offer(self, here)

    def make(self, _here: list[ListFacts]) -> Action | None:
        """Make the first list that is missing."""
        if not self.missing or not self.by.has(*STEPS[MAKE].who):
            return None
        args = {"area": self.area.id, "month": dates.format_month(self.month), "kind": self.missing[0]}
        return Action("make", N_("Lập danh sách"), "MakeListsView.form", args)

    def lock(self, here: list[ListFacts]) -> Action | None:
        """Approve what others prepared; the clerk puts right what blocks the approval."""
        others = [one for one in here if one.made_by != self.by.username]
        if others and self.by.has(*STEPS[LOCK].who):
            return self._open("lock", N_("Duyệt"), others)
        blocked = [one for one in here if one.blocking]
        if blocked and self.by.has(*STEPS[MAKE].who):
            return self._open("check", N_("Xem lỗi cần sửa"), blocked)
        return None

    def send(self, here: list[ListFacts]) -> Action | None:
        """Send what is approved and waits."""
        ready = [one for one in here if one.state == "locked"]
        if ready and self.by.has(*STEPS[SEND].who):
            label = own_lists.MOVES["batch", "send"] if all(one.own for one in ready) else N_("Gửi bưu điện")
            return self._open("send", label, ready)
        return None

    def receive(self, here: list[ListFacts]) -> Action | None:
        """Open again what the agency gave back."""
        returned = [one for one in here if one.state == "returned"]
        if returned and self.by.has(*BATCH.moves["unlock"].who):
            return self._open("unlock", N_("Mở lại để sửa"), returned)
        return None

    def pay(self, here: list[ListFacts]) -> Action | None:
        """Enter what an agency without a connection reports on paper."""
        by_hand = [one for one in here if one.by_hand and one.settlement_id is not None]
        if by_hand and self.by.has(*ENTERING):
            return Action("enter", N_("Nhập kết quả"), "SettlementView.show", {"pk": by_hand[0].settlement_id})
        return None

    def settle(self, here: list[ListFacts]) -> Action | None:
        """Decide on a later deadline that was asked for, or enter results by hand."""
        asked = [one for one in here if one.extensions_asked]
        if asked and self.by.has(*EXTENSION.moves["grant"].who):
            return Action("grant", N_("Quyết định gia hạn"), "SettlementView.show", {"pk": asked[0].settlement_id})
        return self.pay(here)

    def lock_settlement(self, here: list[ListFacts]) -> Action | None:
        """Accept what the agency reports."""
        if not here or not self.by.has(*STEPS[LOCK_SETTLEMENT].who):
            return None
        return Action("settle", N_("Chốt quyết toán"), "SettlementView.show", {"pk": here[0].settlement_id})

    def close(self, _here: list[ListFacts]) -> Action | None:
        """Close the period."""
        if not self.by.has(*STEPS[CLOSE].who):
            return None
        return Action("close", N_("Chốt kỳ"), "AreaPeriodView.show", {"pk": self.area.area_period_id})

    def _open(self, move: str, label: str, lists: list[ListFacts]) -> Action:
        if len(lists) == 1:
            return Action(move, label, "BatchView.show", {"pk": lists[0].id})
        return Action(move, label, "BatchView.list", {"_flt_0_area": self.area.id, "_flt_2_state": lists[0].state})


_PASSED_BY_STATE = {"draft": MAKE, "locked": LOCK, "returned": SEND, "settled": LOCK_SETTLEMENT}
_NEVER_LATE = (CHANGES, PAY)
_TROUBLES: dict[int, Callable[[ListFacts], bool]] = {
    LOCK: lambda one: one.blocking > 0,
    SEND: lambda one: one.doubtful,
    RECEIVE: lambda one: one.state == "returned",
    SETTLE: lambda one: one.extensions_asked > 0,
    LOCK_SETTLEMENT: lambda one: one.undecided > 0,
}
_OFFERS: dict[int, Callable[[Judged, list[ListFacts]], Action | None]] = {
    MAKE: Judged.make,
    LOCK: Judged.lock,
    SEND: Judged.send,
    RECEIVE: Judged.receive,
    PAY: Judged.pay,
    SETTLE: Judged.settle,
    LOCK_SETTLEMENT: Judged.lock_settlement,
    CLOSE: Judged.close,
}
_DONE_BY: dict[int, Callable[[ListFacts], str | None]] = {
    MAKE: lambda one: one.made_by,
    LOCK: lambda one: one.locked_by,
    SEND: lambda one: one.queued_by,
    LOCK_SETTLEMENT: lambda one: one.settled_by,
}


def _who(index: int, done: list[ListFacts]) -> tuple[str, ...]:
    told = _DONE_BY.get(index)
    return () if told is None else tuple(sorted({name for one in done if (name := told(one))}))


def _days(one: ListFacts) -> list[int]:
    return [one.extended_days] if one.extended_days else []
