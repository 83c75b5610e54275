"""What happens at the counters, how it is reported or entered, decided, and locked."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from app import clock
from app.models import Packet, Settlement
from app.rules.actors import Role
from app.services import extensions, periods
from app.services.books import checking
from app.services.settlements import arithmetic, deciding, entering, holding, locking, reopening
from tests.year.clerks import Clerks
from tests.year.oracle import agree
from tests.year.plan import Group, Place, month

DECISIONS = {"recover": "to_recover", "stopped": "unpaid_stopped"}


class Counter(Clerks):
    """The ends of the months."""

    def end(self, place: Place, group: tuple[int, ...], goes: Group) -> None:
        """Money handed out, reported or entered, disputes decided, settlements locked, the months closed."""
        ids = self._lists(place, group)
        packets_of = [self.packet(batch_id) for batch_id in ids]
        with clock.at(month(group[-1]).replace(day=18)):
            if place.kind == "connected":
                self._pay(place, packets_of, goes)
        with clock.at(month(group[-1]).replace(day=goes.results_on)):
            results: dict[str, str] = {}
            for packet in packets_of:
                tell = self._reported if place.kind == "connected" else self._entered
                results |= tell(place, packet, goes)
        with clock.at(month(group[-1]).replace(day=27)):
            self._lock(place, packets_of, results, goes)
            self.oracle.settle(results)
            key = self.session.execute(_AREA_PERIOD, {"month": month(group[0]), "code": place.code}).scalar_one()
            self.twice(lambda: periods.close(self.session, key, by=self.by(place, Role.ACCOUNTANT)))
            if group[-1] % 4 == 0:
                self.books()

    def _lists(self, place: Place, group: tuple[int, ...]) -> list[int]:
        rows = self.session.execute(
            text(
                "SELECT b.id FROM payout_batches b JOIN periods p ON p.id = b.period_id JOIN areas a ON a.id = b.area_id"
                " WHERE a.code = :code AND p.month BETWEEN :first AND :last ORDER BY b.id"
            ),
            {"code": place.code, "first": month(group[0]), "last": month(group[-1])},
        )
        return list(rows.scalars())

    def _fate(self, reference: str) -> str:
        line = self.oracle.lines[reference]
        return self.plan.fate(line.claim.person, line.claim.kind, line.month)

    def _pay(self, place: Place, packets_of: list[Packet], goes: Group) -> None:
        """At the post office's counter; sometimes it asks for more time, and the supervisor agrees."""
        wish = {"paid": "paid", "recover": "recover", "unpaid": "unpaid:ABSENT", "stopped": "unpaid:MOVED"}
        for packet in packets_of:
            wishes = {reference: wish[self._fate(reference)] for reference in self.post.results(packet.code)}
            self.post.desk.plan(packet.code, wishes)
            self.post.desk.pay(packet.code, days=31)
            if goes.extension_days:
                self.post.weather()
                self.post.desk.ask_extension(packet.code, goes.extension_days, "Mưa lũ")
                self.post.deliver(self.session)
                asked = self.session.execute(_ASKED, {"packet": packet.id}).scalar_one()
                self.twice(lambda key=asked: extensions.grant(self.session, key, by=self.by(place, Role.SUPERVISOR)))
        self.post.tell(self.session)

    def _reported(self, place: Place, packet: Packet, goes: Group) -> dict[str, str]:
        """The post office's settlement, spoiled or late; what is in dispute is decided as it was at the counter."""
        self.post.weather(goes.delivery, goes.spoiled)
        self.post.desk.settle(packet.code)
        self.post.deliver(self.session)
        accountant = self.by(place, Role.ACCOUNTANT)
        self.post.weather()
        for again in (False, True):
            if again:  # the accountant telephones: send it once more
                self.post.desk.settle(packet.code)
                self.post.deliver(self.session)
            settlement = self.settlement(packet)
            if settlement is not None and holding.count(self.session, settlement.id):
                holding.let_through(self.session, settlement.id, by=accountant, because="Mưa lũ")
                self.session.commit()
                self.post.deliver(self.session)
            if settlement is not None:
                self._decide(place, settlement, self.post.results(packet.code))
                if arithmetic.figures(self.session, settlement.id).ties_out:
                    break
        told = self.post.results(packet.code)
        return {
            reference: "stopped" if self._fate(reference) == "stopped" else outcome
            for reference, outcome in told.items()
        }

    def settlement(self, packet: Packet) -> Settlement | None:
        self.session.expire_all()
        return self.session.query(Settlement).filter_by(packet_id=packet.id).one_or_none()

    def _decide(self, place: Place, settlement: Settlement, told: dict[str, str]) -> None:
        open_lines = self.session.execute(_UNDECIDED, {"settlement": settlement.id}).scalars()
        stopped = {reference for reference in told if self._fate(reference) == "stopped"}
        for reference in sorted({*open_lines, *stopped}):
            outcome = told.get(reference, "unpaid")
            said = "unpaid_stopped" if reference in stopped else DECISIONS.get(outcome, outcome)
            self.twice(
                lambda ref=reference, said=said: deciding.decide(
                    self.session,
                    settlement.id,
                    ref,
                    said,
                    by=self.by(place, Role.ACCOUNTANT),
                    because="Đã gọi bưu điện",
                )
            )

    def _entered(self, place: Place, packet: Packet, goes: Group) -> dict[str, str]:
        """Results by hand: all paid and then some not; or a sheet; or all of it once wrongly, and taken back."""
        settlement = self.settlement(packet)
        assert settlement is not None
        clerk = self.by(place, Role.CLERK)
        rows = self.session.execute(_SENT, {"batch": packet.batch_id}).all()
        fates = {row.reference: self._fate(row.reference) for row in rows}
        for row in rows:
            if fates[row.reference] in ("paid", "recover"):
                assert row.reference not in self.counter, f"{row.reference} was handed money twice"
                self.counter[row.reference] = row.total_vnd

        def change(*facts: Any, **more: Any) -> Any:
            with self.refusing():
                return self.twice(
                    lambda: entering.change(self.session, settlement.id, entering.Change(*facts, **more), by=clerk)
                )

        unpaid = {reference: "Vắng mặt" for reference, fate in fates.items() if fate == "unpaid"}
        if goes.hand == "undone":
            wrong = change("pending", "unpaid", "Nhầm")
            self.twice(lambda: entering.undo(self.session, wrong.id, by=clerk))
        if goes.hand == "sheet":
            change("pending", "unpaid", "Theo bảng", how="sheet", reasons=unpaid)
            change("pending", "paid")
        else:
            change("pending", "paid")
            change("paid", "unpaid", "Theo bảng ký nhận", how="codes", reasons=unpaid)
        for reference, fate in sorted(fates.items()):
            if fate in DECISIONS:
                deciding.decide(
                    self.session, settlement.id, reference, DECISIONS[fate], by=clerk, because="Theo biên bản"
                )
        self.session.commit()
        return fates

    def _lock(self, place: Place, packets_of: list[Packet], results: dict[str, str], goes: Group) -> None:
        """Locked, twice; sometimes with a mistake in it, so that it is opened again, put right and locked again."""
        accountant = self.by(place, Role.ACCOUNTANT)
        keys = [found.id for packet in packets_of if (found := self.settlement(packet)) is not None]
        paid = sorted(reference for reference, result in results.items() if result == "paid")
        if goes.reopens and place.kind != "connected" and paid:
            holder = self.session.execute(_HOLDER, {"reference": paid[0]}).scalar_one()
            deciding.decide(self.session, holder, paid[0], "unpaid", by=accountant, because="Nhầm")
            self.twice(lambda: locking.lock_many(self.session, keys, by=accountant))
            supervisor = self.by(place, Role.SUPERVISOR)
            reopening.reopen(self.session, holder, by=supervisor, because="Nhập nhầm kết quả")
            deciding.decide(self.session, holder, paid[0], "paid", by=accountant, because="Đã ký nhận")
            self.session.commit()
            keys = [key for key in keys if self.session.get_one(Settlement, key).state != "locked"]
        self.twice(lambda: locking.lock_many(self.session, keys, by=accountant))

    def books(self) -> None:
        found = checking.check(self.session)
        agree("check-books", [(wrong.check.name, wrong.ids) for wrong in found], [])


_AREA_PERIOD = text(
    "SELECT a.id FROM area_periods a JOIN periods p ON p.id = a.period_id JOIN areas x ON x.id = a.area_id"
    " WHERE p.month = :month AND x.code = :code"
)
_ASKED = text(
    "SELECT e.id FROM deadline_extensions e JOIN settlements s ON s.id = e.settlement_id"
    " WHERE s.packet_id = :packet AND e.state = 'asked'"
)
_UNDECIDED = text(
    "SELECT coalesce(r.reference, l.reference) FROM settlements s"
    " JOIN payout_lines l ON l.batch_id = s.batch_id AND l.live AND l.total_vnd > 0"
    " LEFT JOIN settlement_records r ON r.settlement_id = s.id AND r.line_id = l.id"
    " WHERE s.id = :settlement AND (r.id IS NULL OR r.finding IN ('dispute', 'wrong_amount', 'missing'))"
    " AND r.decided_outcome IS NULL UNION SELECT reference FROM settlement_records"
    " WHERE settlement_id = :settlement AND line_id IS NULL AND decided_outcome IS NULL"
)
_SENT = text("SELECT reference, total_vnd FROM payout_lines WHERE batch_id = :batch AND live AND total_vnd > 0")
_HOLDER = text(
    "SELECT s.id FROM settlements s JOIN payout_lines l ON l.batch_id = s.batch_id"
    " WHERE l.reference = :reference AND l.live AND s.state <> 'void'"
)
