"""The state machine: any step of either side at any moment, guided to those that make sense, and the end of faults."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from app.agency.sandbox.engine import ClerkRefused
from app.errors import ChitraError
from app.services import sending
from tests.life.world import OURS, SPOILED, WIRE_FAULTS, World

STARTS = ("approved", "received", "paid")
Story = tuple[tuple[str, dict[str, Any]], ...]

_FAULTS = st.sampled_from((*WIRE_FAULTS, *OURS))


def _when(**states: tuple[str, ...]) -> Callable[[Any], Any]:
    """Only while the list, packet or settlement is in one of these states."""
    return precondition(lambda self: all(getattr(self.now, name) in among for name, among in states.items()))


def _there(*stages: str) -> Callable[[Any], Any]:
    """Only while the post office has the packet at one of these stages."""
    return precondition(lambda self: self.stage in stages)


class Life(RuleBasedStateMachine):
    """One life of a list. `story` is lived first, so that few steps lead far."""

    world: World
    story: Story = ()

    @initialize(to_the_end=st.sampled_from((False, False, True)))
    def begin(self, to_the_end: bool) -> None:
        self.failed = False
        self.to_the_end = to_the_end or bool(self.story)
        self.stack = ExitStack()
        self.stack.enter_context(self.world.life())
        self._look()
        for name, facts in self.story:
            self._live(lambda name=name, facts=facts: self._act(name, facts))

    def teardown(self) -> None:
        """The faults stop, and whatever happened comes to an end; the books hold, the drawer equals them."""
        if not hasattr(self, "stack"):
            return
        with self.stack:
            if self.failed:
                self.world.session.rollback()
            elif self.to_the_end:
                self.world.finish()
            else:
                self.world.check_books()

    # --- Our office

    @_when(list_state=("locked",))
    @rule()
    def queue(self) -> None:
        self._live(self.world.queue)

    @_when(packet_state=("queued", "in_doubt", "received", "accepted"))
    @rule()
    def take_back(self) -> None:
        self._live(self.world.take_back)

    @_when(list_state=("locked", "returned"))
    @rule(drop=st.booleans())
    def correct(self, drop: bool) -> None:
        self._live(lambda: self.world.correct(drop=drop))

    @_when(settlement_state=("partial", "received"))
    @rule(decide=st.booleans())
    def lock(self, decide: bool) -> None:
        if decide:
            self._live(self.world.decide)
        self._live(self.world.lock)

    @_when(settlement_state=("waiting", "partial", "received"))
    @rule(days=st.integers(1, 19))
    def extend(self, days: int) -> None:
        self._live(lambda: self.world.extend(days))

    @_when(list_state=("settled",), lists=(1,))
    @rule()
    def next_month(self) -> None:
        self._live(self.world.next_month)

    # --- Our scheduler

    @_when(packet_state=("queued",))
    @rule(fault=_FAULTS)
    def send(self, fault: str) -> None:
        self._live(lambda: self.world.call(sending.send_next, fault))

    @_when(packet_state=("in_doubt",))
    @rule(fault=_FAULTS)
    def ask(self, fault: str) -> None:
        self._live(lambda: self.world.call(sending.ask_next, fault))

    @_when(recalling=(True,))
    @rule(fault=_FAULTS)
    def recall(self, fault: str) -> None:
        self._live(lambda: self.world.call(sending.recall_next, fault))

    @precondition(lambda self: self.world.waiting())
    @rule(how=st.sampled_from(("in_order", "reversed", "twice", "last", "everything")))
    def hear(self, how: str) -> None:
        self._live(lambda: self.world.deliver(how))
        self._live(self.world.hear)

    # --- The post office, and the line between

    @precondition(lambda self: self.world.late())
    @rule()
    def land(self) -> None:
        self._live(lambda: self.world.inside.land_late_requests(everything=True))

    @_there("received")
    @rule()
    def accept(self) -> None:
        self._live(lambda: self.world.desk.accept(self.world.there().code))

    @_there("received", "accepted")
    @rule()
    def reject(self) -> None:
        self._live(lambda: self.world.desk.reject(self.world.there().code, "Sai tổng"))

    @_there("received", "accepted")
    @precondition(lambda self: self.world.open_recall() is not None)
    @rule(agree=st.booleans())
    def answer_recall(self, agree: bool) -> None:
        self._live(lambda: self.world.desk.answer_recall(self.world.open_recall(), agree=agree))

    @_there("accepted")
    @rule(fates=st.text("pur", min_size=3, max_size=3))
    def pay(self, fates: str) -> None:
        self._live(lambda: self.world.pay(fates))

    @_there("paid", "settled")
    @rule(spoiled=st.sampled_from(SPOILED), part_lines=st.sampled_from((5_000, 2)))
    def settle(self, spoiled: str, part_lines: int) -> None:
        self._live(lambda: self.world.settle(spoiled, part_lines=part_lines))

    # --- Living

    def _act(self, name: str, facts: dict[str, Any]) -> None:
        step = getattr(self, f"_{name}", None) or getattr(self.world, name)
        step(**facts)

    def _call(self, what: str, fault: str = "none") -> None:
        self.world.call(getattr(sending, f"{what}_next"), fault)

    def _land(self) -> None:
        self.world.inside.land_late_requests(everything=True)

    def _post(self, what: str, **facts: Any) -> None:
        getattr(self.world.desk, what)(self.world.there().code, **facts)

    def _live(self, step: Callable[[], object]) -> None:
        """One step; a rule that says no is an answer, everything else that is raised is a fault."""
        try:
            step()
        except (ChitraError, ClerkRefused):
            self.world.session.rollback()
        except BaseException:
            self.failed = True
            raise
        self._look()
        self.failed = True
        self.world.check()
        self.failed = False

    def _look(self) -> None:
        self.now = self.world.look()
        there = self.world.there()
        self.stage = None if there is None else there.stage
