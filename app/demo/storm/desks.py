"""After the storm people work off their lists; what only a telephone call can settle is asked at the counter."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from sqlalchemy import text

from app.demo.counterpart import Undelivered
from app.demo.storm.counting import Money
from app.demo.storm.office import Offices, allowed
from app.demo.storm.post import PostOffice
from app.extensions import transaction
from app.services.settlements import arithmetic, deciding, holding, locking

LATE = "Bưu điện báo chậm vì đường truyền; đã đối chiếu với bảng kê giấy"
CALLED = "Đã gọi bưu điện, đối chiếu với sổ quầy"

_OPEN = text(
    "SELECT s.id, s.state, s.area_path, k.code, c.adapter = 'g2p' AS online FROM settlements s"
    "  JOIN packets k ON k.id = s.packet_id JOIN payout_batches b ON b.id = s.batch_id"
    "  JOIN agency_contracts c ON c.id = b.contract_id"
    " WHERE s.batch_id = ANY(:ids) AND s.state IN ('waiting', 'partial', 'received') ORDER BY s.id"
)
_UNDECIDED = text(
    "SELECT reference FROM settlement_records WHERE settlement_id = :id AND decided_outcome IS NULL"
    " AND finding NOT IN ('matched', 'duplicate') ORDER BY reference"
)


class Desks:
    """Accountants of every office, each settlement taken up once a round."""

    def __init__(self, offices: Offices, post: PostOffice) -> None:
        self._offices, self._post = offices, post
        self.done = {"let_through": 0, "decided_lines": 0, "calls_to_the_counter": 0, "locked": 0}

    def work(self, drawer: Money) -> int:
        """One round over what is open, with what the counters say they paid; how many settlements are left open."""
        with transaction() as session:
            rows = session.execute(_OPEN, {"ids": self._offices.batch_ids}).all()
        return sum(not self._worked_off(row, drawer) for row in rows)

    def _worked_off(self, row: Any, drawer: Money) -> bool:
        accountant = self._offices.of(row.area_path).staff.accountant
        with transaction() as session:
            if holding.count(session, row.id):
                holding.let_through(session, row.id, by=accountant, because=LATE)
                self.done["let_through"] += 1
                return False
        if row.state != "received" or self._announced_wrongly(row.id):
            self._call(row)
            return False
        with transaction() as session:
            for reference in list(session.scalars(_UNDECIDED, {"id": row.id})):
                outcome = "paid" if (row.code, reference) in drawer else "unpaid"
                deciding.decide(session, row.id, reference, outcome, by=accountant, because=CALLED)
                self.done["decided_lines"] += 1
        locked = allowed(lambda session: locking.lock(session, row.id, by=accountant))
        self.done["locked"] += locked
        return locked

    def _announced_wrongly(self, settlement_id: int) -> bool:
        """Nothing the agency announced is what its lines add up to: only it can put that right."""
        with transaction() as session:
            found = arithmetic.figures(session, settlement_id)
        return bool(found.reports) and not any(report.consistent for report in found.reports)

    def _call(self, row: Any) -> None:
        if row.online:
            with suppress(Undelivered):
                self._post.settle_again(row.code)
            self.done["calls_to_the_counter"] += 1
