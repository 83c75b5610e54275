"""The post office of a stormy day: its clerk, played over the running sandbox's control API, and its weather."""

from __future__ import annotations

import time
from typing import Any

from app.agency.sandbox.knobs import STORM
from app.demo.counterpart import Undelivered
from app.demo.running import RemoteDesk
from app.demo.storm.fates import Fate

COUNTER = {"paid_share": 0.95, "death_share": 0.02}
"""More people absent and dead than on an ordinary day, so that every outcome is met in a small demo."""
WAITS_S = 30.0
"""How long the counter waits for a word it expects before it pays all the same."""

SENT_BACK = "Đề nghị kiểm tra lại họ tên người nhận"
MORE_DAYS, MORE_DAYS_BECAUSE = 5, "Mưa lũ, chưa chi trả xong tại các buôn xa"
GIVEN_BACK, KEPT = "Đồng ý trả lại gói tin", "Đã chuẩn bị tiền, không trả lại được"


class PostOffice:
    """One act for each packet in a round; what has been done is seen at the desk itself."""

    def __init__(self, desk: RemoteDesk, fates: dict[str, Fate]) -> None:
        self.desk, self._fates = desk, fates
        self._waiting_since: dict[str, float] = {}
        self._asked: set[str] = set()

    def storm(self, seed: int, *, part_lines: int, fury: float) -> None:
        """Every fault now and then, `fury` times as often as in the sandbox's own storm."""
        self.desk.turn("/faults/storm")
        shares = {name: min(1.0, fury * share) for name, share in STORM.items() if not name.endswith("_s")}
        self.desk.turn("/knobs", seed=seed, part_lines=part_lines, **COUNTER, **shares)

    def clear(self) -> None:
        """Faults stop; seed and counter stay."""
        self.desk.turn("/faults/clear")

    def act(self) -> int:
        """One round; how many packets something was done about."""
        recalls = {one["packet_code"]: one for one in reversed(self.desk.see("/recalls")["recalls"])}
        return sum(self._step(one, recalls.get(one["code"])) for one in self.desk.see("/packets")["packets"])

    def on_the_way(self) -> int:
        """Callbacks not yet delivered and requests not yet landed."""
        return sum(self.desk.see("/faults")["on_the_way"].values())

    def settle_again(self, code: str) -> None:
        """Somebody called: the settlement is reported once more."""
        self.desk.settle(code)

    def stages(self) -> dict[str, str]:
        """Packet -> what it is here: received, accepted, paying, paid, settled, rejected or refused."""
        return {one["code"]: one["stage"] for one in self.desk.see("/packets")["packets"]}

    def drawer(self) -> dict[tuple[str, str], int]:
        """(packet, line) -> đồng handed out."""
        handouts = self.desk.see("/drawer")["handouts"]
        return {(one["packet_code"], one["reference_id"]): one["amount_vnd"] for one in handouts}

    def _step(self, packet: dict[str, Any], recall: dict[str, Any] | None) -> bool:
        fate = self._fates.get(packet["list_code"], Fate.PAID) if packet["version"] == 1 else Fate.PAID
        steps = {"received": self._match, "accepted": self._accepted, "paying": self._pay, "paid": self._settle}
        step = steps.get(packet["stage"])
        try:
            return step is not None and step(packet["code"], fate, recall)
        except Undelivered:
            return False

    def _match(self, code: str, fate: Fate, recall: dict[str, Any] | None) -> bool:
        if fate in (Fate.SENT_BACK, Fate.LEFT_RETURNED):
            self.desk.reject(code, SENT_BACK)
        elif not self._answered(fate, recall):
            self.desk.accept(code)
        return True

    def _accepted(self, code: str, fate: Fate, recall: dict[str, Any] | None) -> bool:
        if fate is Fate.SENT_BACK_AFTER_ACCEPTING:
            self.desk.reject(code, SENT_BACK)
            return True
        if self._answered(fate, recall):
            return True
        if fate in (Fate.MORE_DAYS, Fate.NO_MORE_DAYS) and code not in self._asked:
            self.desk.ask_extension(code, MORE_DAYS, MORE_DAYS_BECAUSE)
            self._asked.add(code)
            return True
        return self._waits(code, fate, recall) or self._pay(code)

    def _answered(self, fate: Fate, recall: dict[str, Any] | None) -> bool:
        if recall is None or recall["stage"] != "open":
            return False
        agree = fate is Fate.RECALLED
        self.desk.answer_recall(recall["id"], agree=agree, reason=GIVEN_BACK if agree else KEPT)
        return True

    def _waits(self, code: str, fate: Fate, recall: dict[str, Any] | None) -> bool:
        """True while the counter expects a recall, or our word about the days it asked for."""
        if fate in (Fate.RECALLED, Fate.RECALLED_IN_VAIN):
            expects = recall is None
        elif fate in (Fate.MORE_DAYS, Fate.NO_MORE_DAYS):
            expects = not self.desk.see(f"/packets/{code}/notices")["notices"]
        else:
            return False
        since = self._waiting_since.setdefault(code, time.monotonic())
        return expects and time.monotonic() - since < WAITS_S

    def _pay(self, code: str, *_more: Any) -> bool:
        self.desk.pay(code)
        return True

    def _settle(self, code: str, *_more: Any) -> bool:
        self.desk.settle(code)
        return True
