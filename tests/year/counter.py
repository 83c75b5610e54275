"""What happens at the counters, how it is reported or entered, decided, and locked."""

from __future__ import annotations

from collections.abc import Container, Mapping
from datetime import date
from functools import partial
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
            self._pay(place, [packet for packet in packets_of if self.way(packet) == "connected"], goes)
        with clock.at(month(group[-1]).replace(day=goes.results_on)):
            results: dict[str, str] = {}
            for packet in packets_of:
                tell = {"connected": self._reported, "bank": self._booked}.get(self.way(packet), self._entered)
                results |= tell(place, packet, goes)
        with clock.at(month(group[-1]).replace(day=27)):
            self._lock(place, group, packets_of, results, goes)
            self.oracle.settle(results)
            self.close(place, month(group[0]))
            if group[-1] % 4 == 0:
                self.books()

    def close(self, place: Place, of: date) -> None:
        key = self.session.execute(_AREA_PERIOD, {"month": of, "code": place.code}).scalar_one()
        self.twice(self.by(place, Role.ACCOUNTANT), lambda by: periods.close(self.session, key, by=by))

    def _lists(self, place: Place, group: tuple[int, ...]) -> list[int]:
        rows = self.session.execute(
            text(
                "SELECT b.id FROM payout_batches b JOIN periods p ON p.id = b.period_id JOIN areas a ON a.id = b.area_id"
                " WHERE a.code = :code AND p.month BETWEEN :first AND :last AND b.state <> 'cancelled' ORDER BY b.id"
            ),
            {"code": place.code, "first": month(group[0]), "last": month(group[-1])},
        )
        return list(rows.scalars())

    def _fate(self, reference: str) -> str:
        line, absence = self.oracle.lines[reference], self.plan.absence
        if absence and line.claim.person == absence.person and month(absence.first) <= line.month < self.returns_in:
            return "unpaid"
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
                self.twice(
                    self.by(place, Role.SUPERVISOR), lambda by, key=asked: extensions.grant(self.session, key, by=by)
                )
        if packets_of:
            self.post.tell(self.session)

    def _let_through(self, place: Place, settlement: Settlement | None) -> None:
        """What came after the day it was due, and the accountant takes all the same."""
        if settlement is not None and holding.count(self.session, settlement.id):
            let_through = partial(holding.let_through, self.session, settlement.id, because="Mưa lũ")
            self.once(self.by(place, Role.ACCOUNTANT), let_through)
            self.post.deliver(self.session)

    def _booked(self, place: Place, packet: Packet, goes: Group) -> dict[str, str]:
        """The bank's files: money booked, and money that came back; what they say against each other is decided."""
        fates = {reference: self._fate(reference) for reference in self.post.bank.order(packet.code)}
        for action, body in self.post.bank.book(packet.code, fates, goes.statement):
            self.bring(place, packet, action, body)
        settlement = self.settlement(packet)
        assert settlement is not None
        self._let_through(place, settlement)
        self._decide(place, settlement, fates, ("stopped", "recover"))
        return fates

    def _reported(self, place: Place, packet: Packet, goes: Group) -> dict[str, str]:
        """The post office's settlement, spoiled or late; what is in dispute is decided as it was at the counter."""
        self.post.weather(goes.delivery, goes.spoiled)
        self.post.desk.settle(packet.code)
        self.post.deliver(self.session)
        self.post.weather()
        for again in (False, True):
            if again:  # the accountant telephones: send it once more
                self.post.desk.settle(packet.code)
                self.post.deliver(self.session)
            settlement = self.settlement(packet)
            self._let_through(place, settlement)
            if settlement is not None:
                self._decide(place, settlement, self._told(packet), ("stopped",))
                if arithmetic.figures(self.session, settlement.id).ties_out:
                    break
        return self._told(packet)

    def _told(self, packet: Packet) -> dict[str, str]:
        """What became of the lines at the post office, and that some are never to be paid."""
        return {
            reference: "stopped" if self._fate(reference) == "stopped" else outcome
            for reference, outcome in self.post.results(packet.code).items()
        }

    def settlement(self, packet: Packet) -> Settlement | None:
        self.session.expire_all()
        return self.session.query(Settlement).filter_by(packet_id=packet.id).one_or_none()

    def _decide(self, place: Place, settlement: Settlement, fates: Mapping[str, str], by_us: Container[str]) -> None:
        """What is in dispute, and what nobody but us can say: that nothing is ever paid, or that it has to come back."""
        open_lines = self.session.execute(_UNDECIDED, {"settlement": settlement.id}).scalars()
        for reference in sorted({*open_lines, *(one for one, fate in fates.items() if fate in by_us)}):
            outcome = fates.get(reference, "unpaid")
            said = DECISIONS.get(outcome, outcome)
            by = self.by(place, Role.ACCOUNTANT)
            self.twice(by, partial(_decide_line, self.session, settlement.id, reference, said))

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
                    clerk,
                    lambda by: entering.change(self.session, settlement.id, entering.Change(*facts, **more), by=by),
                )

        unpaid = {reference: "Vắng mặt" for reference, fate in fates.items() if fate == "unpaid"}
        if goes.hand == "undone":
            wrong = change("pending", "unpaid", "Nhầm")
            self.twice(clerk, lambda by: entering.undo(self.session, wrong.id, by=by))
        if goes.hand == "sheet":
            change("pending", "unpaid", "Theo bảng", how="sheet", reasons=unpaid)
            change("pending", "paid")
        else:
            change("pending", "paid")
            change("paid", "unpaid", "Theo bảng ký nhận", how="codes", reasons=unpaid)
        for reference, fate in sorted(fates.items()):
            if fate in DECISIONS:
                self.once(clerk, partial(_decide_line, self.session, settlement.id, reference, DECISIONS[fate]))
        return fates

    def _lock(
        self, place: Place, group: tuple[int, ...], packets_of: list[Packet], results: dict[str, str], goes: Group
    ) -> None:
        """Locked, twice; sometimes with a mistake in it, so that it is opened again, put right and locked again."""
        accountant = self.by(place, Role.ACCOUNTANT)
        keys = [found.id for packet in packets_of if (found := self.settlement(packet)) is not None]
        paid = sorted(reference for reference, result in results.items() if result == "paid")
        if self._err(place, group, results, goes):
            pass
        elif goes.reopens and paid:
            holder = self.session.execute(_HOLDER, {"reference": paid[0]}).scalar_one()
            self.once(accountant, partial(_decide_line, self.session, holder, paid[0], "unpaid"))
            self.twice(accountant, lambda by: locking.lock_many(self.session, keys, by=by))
            reopen = partial(reopening.reopen, self.session, holder, because="Nhập nhầm kết quả")
            self.once(self.by(place, Role.SUPERVISOR), reopen)
            self.once(accountant, partial(_decide_line, self.session, holder, paid[0], "paid"))
            self.did["reopened"] += 1
            keys = self._not_locked(keys)
        self.twice(accountant, lambda by: locking.lock_many(self.session, keys, by=by))

    def _not_locked(self, keys: list[int]) -> list[int]:
        self.session.expire_all()
        return [key for key in keys if self.session.get_one(Settlement, key).state != "locked"]

    # --- Mistakes that come out late

    def _err(self, place: Place, group: tuple[int, ...], results: dict[str, str], goes: Group) -> bool:
        """One result is written wrongly, and nobody notices before the next month's draft lies there."""
        if not goes.mistaken or not self._may_be_reopened(results):
            return False
        for reference in sorted(results):
            if results[reference] == goes.mistaken and self._is_plain(reference, group[-1] + 1):
                holder = self.session.execute(_HOLDER, {"reference": reference}).scalar_one()
                said = "unpaid" if goes.mistaken == "paid" else "paid"
                wrongly = partial(_decide_line, self.session, holder, reference, said)
                self.once(self.by(place, Role.ACCOUNTANT), wrongly)
                self.mistakes[reference] = (place, group, goes.mistaken)
                return True
        return False

    def _may_be_reopened(self, results: dict[str, str]) -> bool:
        """Nothing that these results open or set free may be under way elsewhere by the time they are opened again."""
        for reference, result in results.items():
            line = self.oracle.lines[reference]
            died_on = self.oracle.lives[line.claim.person].died_on
            late = died_on is not None and line.month > died_on
            if late or result == "recover" or (result == "stopped" and line.all_withheld()):
                return False
        return True

    def _is_plain(self, reference: str, following: int) -> bool:
        """A line of somebody living whose money went to no recovery, and who is in a list of the month that follows."""
        line = self.oracle.lines[reference]
        person = line.claim.person
        if following > 12 or line.all_withheld() or self.oracle.lives[person].died_on is not None:
            return False
        if self.plan.absence and person == self.plan.absence.person:
            return False
        home = self.place(self.oracle.lives[person].home(month(following)))
        return self.plan.lasts(home, following) and any(group[0] == following for group in home.groups)

    def put_right(self, place: Place, first: date) -> None:
        for reference, (where, group, truth) in list(self.mistakes.items()):
            if self.oracle.lives[self.oracle.lines[reference].claim.person].home(first) == place.code:
                del self.mistakes[reference]
                self._put_right(reference, where, group, truth)

    def _put_right(self, reference: str, where: Place, group: tuple[int, ...], truth: str) -> None:
        """The month and the settlement are opened again, the line is corrected, all is locked and closed anew."""
        accountant, supervisor = self.by(where, Role.ACCOUNTANT), self.by(where, Role.SUPERVISOR)
        key = self.session.execute(_AREA_PERIOD, {"month": month(group[0]), "code": where.code}).scalar_one()
        self.twice(supervisor, lambda by: periods.reopen(self.session, key, by=by, because="Nhập nhầm"))
        holder = self.session.execute(_HOLDER, {"reference": reference}).scalar_one()
        self.twice(supervisor, lambda by: reopening.reopen(self.session, holder, by=by, because="Nhập nhầm"))
        self.twice(accountant, partial(_decide_line, self.session, holder, reference, truth))
        found = [self.settlement(self.packet(batch_id)) for batch_id in self._lists(where, group)]
        keys = self._not_locked([one.id for one in found if one is not None])
        self.twice(accountant, lambda by: locking.lock_many(self.session, keys, by=by))
        self.close(where, month(group[0]))
        self.did["put right"] += 1

    def books(self) -> None:
        found = checking.check(self.session)
        agree("check-books", [(wrong.check.name, wrong.ids) for wrong in found], [])


_decide_line = partial(deciding.decide, because="Đã gọi đơn vị chi trả")
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
