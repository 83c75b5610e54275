"""Our offices on a stormy day: lists made, approved and sent, what comes back corrected, what is asked decided.

Everything goes through the services, as from a screen; what a rule refuses is tried again in the next round.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import date, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.demo.history import Office, exclude_blocked, make_lists
from app.demo.storm.fates import Fate
from app.errors import ChitraError
from app.extensions import transaction
from app.services import acknowledging, extensions, packets, polling
from app.services.batches import approval, making
from app.services.sending import Connect

CORRECTED = "Bưu điện trả lại: đã kiểm tra và lập lại"
RECALLED = "Phát hiện sai họ tên người nhận sau khi gửi"
NO_MORE_DAYS = "Đã gần đến hạn lập danh sách kỳ sau"
POLLS_A_ROUND = 20

_UNSETTLED = text(
    "SELECT b.id, b.code, b.state, b.area_path, k.id AS packet_id, k.code AS packet, k.version, k.state AS packet_state,"
    "       k.recall_asked_at IS NOT NULL AS recalled, x.id AS asked,"
    "       k.next_attempt_at > now() + make_interval(secs => :patience) AS rests"
    "  FROM payout_batches b JOIN packets k ON k.batch_id = b.id AND k.version ="
    "       (SELECT max(version) FROM packets WHERE batch_id = b.id)"
    "  LEFT JOIN settlements s ON s.packet_id = k.id"
    "  LEFT JOIN deadline_extensions x ON x.settlement_id = s.id AND x.state = 'asked'"
    " WHERE b.id = ANY(:ids) AND b.state IN ('sent', 'accepted', 'returned') ORDER BY b.id"
)


class Offices:
    """Who works in the demo's areas; `fates` and `batch_ids` are there once the month is sent."""

    def __init__(self, offices: list[Office], connect: Connect, *, patience_s: int) -> None:
        self.all, self._connect, self._patience_s = offices, connect, patience_s
        self.batch_ids: list[int] = []
        self.fates: dict[str, Fate] = {}

    def of(self, path: str) -> Office:
        """The office an area belongs to: the nearest above it."""
        return max((one for one in self.all if path.startswith(one.path)), key=lambda one: len(one.path))

    def make_and_approve(self, session: Session, month: date) -> None:
        """Every list of the month, without whom a check blocks."""
        for office in self.all:
            made = make_lists(session, office, month)
            exclude_blocked(session, made, office.staff)
            approval.lock_many(session, made, by=office.staff.supervisor)
            self.batch_ids += made

    def codes(self, session: Session, *, online: bool) -> list[str]:
        """The lists whose packets travel over the network, or as files."""
        statement = text(
            "SELECT b.code FROM payout_batches b JOIN agency_contracts c ON c.id = b.contract_id"
            " WHERE b.id = ANY(:ids) AND (c.adapter = 'g2p') = :online"
        )
        return list(session.scalars(statement, {"ids": self.batch_ids, "online": online}))

    def send(self, session: Session) -> None:
        """Every list is queued; the scheduler sends it."""
        paths = text("SELECT id, area_path FROM payout_batches WHERE id = ANY(:ids) ORDER BY id")
        for row in session.execute(paths, {"ids": self.batch_ids}).all():
            packets.queue(session, row.id, by=self.of(row.area_path).staff.clerk)

    def act(self) -> int:
        """One round; how many things were done."""
        with transaction() as session:
            rows = session.execute(_UNSETTLED, {"ids": self.batch_ids, "patience": self._patience_s}).all()
        done = sum(self._act_on(row) for row in rows)
        return done + self._poll()

    def _act_on(self, row: Any) -> bool:
        fate = self.fates.get(row.code, Fate.PAID) if row.version == 1 else Fate.PAID
        if row.state == "returned":
            return fate is not Fate.LEFT_RETURNED and allowed(lambda session: self._correct(session, row))
        if row.packet_state in ("queued", "in_doubt"):
            return bool(row.rests) and allowed(lambda session: self._hurry(session, row))
        if fate in (Fate.RECALLED, Fate.RECALLED_IN_VAIN) and not row.recalled:
            return allowed(lambda session: self._recall(session, row))
        if row.asked is not None:
            return self._decide_days(row, fate)
        return False

    def _correct(self, session: Session, row: Any) -> None:
        staff = self.of(row.area_path).staff
        approval.unlock(session, row.id, by=staff.supervisor, because=CORRECTED)
        making.remake(session, row.id, by=staff.clerk)
        exclude_blocked(session, [row.id], staff)
        approval.lock(session, row.id, by=staff.supervisor)
        packets.queue(session, row.id, by=staff.clerk)

    def _hurry(self, session: Session, row: Any) -> None:
        acknowledging.ask_now(session, row.packet_id, by=self.of(row.area_path).staff.supervisor)

    def _recall(self, session: Session, row: Any) -> None:
        packets.ask_recall(session, row.packet_id, by=self.of(row.area_path).staff.clerk, because=RECALLED)

    def _decide_days(self, row: Any, fate: Fate) -> bool:
        supervisor = self.of(row.area_path).staff.supervisor
        granted = fate is not Fate.NO_MORE_DAYS and allowed(
            lambda session: extensions.grant(session, row.asked, by=supervisor)
        )
        return granted or allowed(
            lambda session: extensions.refuse(session, row.asked, by=supervisor, because=NO_MORE_DAYS)
        )

    def _poll(self) -> int:
        """A second scheduler beside the running one, less patient with agencies that have gone quiet."""
        asked = 0
        while asked < POLLS_A_ROUND and polling.poll_next(self._connect, timedelta(seconds=self._patience_s)):
            asked += 1
        return asked


def allowed(act: Callable[[Session], object]) -> bool:
    """Do it in a transaction of its own; False when a rule says no."""
    with suppress(ChitraError):
        with transaction() as session:
            act(session)
        return True
    return False
