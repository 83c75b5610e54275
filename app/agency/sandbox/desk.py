"""The post-office clerk: accept, reject, pay for a day, settle, answer a recall, ask for an extension."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple
from datetime import datetime, timedelta

from app.agency.envelope import PAID, RECOVER, UNPAID, stamp
from app.agency.sandbox import outbox, settling
from app.agency.sandbox.clock import day_of
from app.agency.sandbox.home import Config
from app.agency.sandbox.knobs import knob
from app.agency.sandbox.paying import Chances, Fate, fate, is_plan
from app.agency.sandbox.store import Collection, Line, Packet, Recall, Store

LONGEST_EXTENSION_DAYS = 19
LONGEST_REASON = 500

STAGE_WORDS: dict[str, str] = {
    "received": "Chờ đối chiếu",
    "accepted": "Đã tiếp nhận",
    "paying": "Đang chi trả",
    "paid": "Đã chi trả xong",
    "settled": "Đã gửi quyết toán",
    "rejected": "Đã từ chối",
    "refused": "Không khớp, đã trả lại",
}

Totals = dict[str, dict[str, int]]


class ClerkRefused(Exception):
    """The post office cannot do this with this packet now."""


class Desk:
    """What the clerk can do; every act is one transaction, its message to the sender included."""

    def __init__(self, store: Store, config: Config, now: Callable[[], datetime]) -> None:
        self._store = store
        self._config = config
        self._now = now

    def packet(self, code: str) -> Packet:
        """The packet of that transaction id; raises ClerkRefused when there is none."""
        found = self._store.packet(code)
        if found is None:
            raise ClerkRefused(f"Không có gói tin {code}.")
        return found

    def totals(self, code: str) -> Totals:
        """People and đồng per outcome; lines nobody was served for are under the empty outcome."""
        rows = self._store.rows(
            "SELECT outcome, count(*) AS people, sum(amount_vnd) AS vnd FROM lines "
            "WHERE packet_code = ? GROUP BY outcome ORDER BY outcome",
            code,
        )
        return {row["outcome"]: {"people": row["people"], "vnd": row["vnd"]} for row in rows}

    def accept(self, code: str) -> Packet:
        """The packet matches our books: we shall pay it."""
        with self._store.transaction():
            self._move(code, {"received"}, "accepted")
            outbox.say(self._store, self._config, self._now(), self.packet(code), outbox.accepted())
        return self.packet(code)

    def reject(self, code: str, reason: str) -> Packet:
        """Send the packet back; possible until the first person is paid."""
        reason = _reason(reason)
        with self._store.transaction():
            self._move(code, {"received", "accepted"}, "rejected")
            self._store.run(
                "UPDATE packets SET reason_code = ?, reason = ? WHERE code = ?",
                outbox.BY_THE_CLERK,
                reason,
                code,
            )
            agreed = self._store.run(
                "UPDATE recalls SET stage = 'agreed', answer = ?, decided_at = ? "
                "WHERE packet_code = ? AND stage = 'open'",
                reason,
                stamp(self._now()),
                code,
            )
            word = outbox.rejected(reason, recalled=agreed > 0)
            outbox.say(self._store, self._config, self._now(), self.packet(code), word)
        return self.packet(code)

    def pay(self, code: str, *, days: int = 1) -> Packet:
        """Serve the people whose turn comes in the next `days` pay days; the last day ends the payment."""
        if not 1 <= days <= 31:
            raise ClerkRefused("Số ngày chi trả phải từ 1 đến 31.")
        with self._store.transaction():
            packet = self._move(code, {"accepted", "paying"}, "paying")
            chances = self._chances()
            served_until = packet.days_paid + days
            served: list[tuple[Line, Fate]] = []
            for line in self._store.lines(code):
                end = fate(chances, line.reference_id, line.payee_fa, planned=line.planned)
                if not line.outcome and end.day <= served_until:
                    served.append((line, end))
            self._serve(packet, served)
            over = served_until >= chances.pay_days
            self._store.run(
                "UPDATE packets SET days_paid = ?, stage = ? WHERE code = ?",
                served_until,
                "paid" if over else "paying",
                code,
            )
        return self.packet(code)

    def settle(self, code: str) -> Packet:
        """Report every line to the sender. Who never came is absent; settled packets are reported again."""
        with self._store.transaction():
            packet = self._move(code, {"paying", "paid", "settled"}, "settled")
            self._store.run(
                "UPDATE lines SET outcome = ?, reason_code = 'ABSENT', outcome_at = ? "
                "WHERE packet_code = ? AND outcome = ''",
                UNPAID,
                stamp(self._counter_now()),
                code,
            )
            self._store.run("UPDATE packets SET settlements = settlements + 1 WHERE code = ?", code)
            self._store.run(
                "UPDATE collections SET packet_code = ? WHERE packet_code = '' AND area = ?", code, packet.area
            )
            settling.report(self._store, self._config, self._now(), self.packet(packet.code))
        return self.packet(code)

    def collect(self, reference_id: str, amount_vnd: int) -> Collection:
        """Thu hồi: somebody brings back money handed out for a line; the commune's next settlement reports it."""
        with self._store.transaction():
            handed = self._store.one(
                "SELECT h.amount_vnd, p.area, (SELECT coalesce(sum(amount_vnd), 0) FROM collections c "
                "WHERE c.reference_id = h.reference_id) AS back_vnd, (SELECT count(*) FROM collections) AS number "
                "FROM handouts h JOIN packets p ON p.code = h.packet_code WHERE h.reference_id = ?",
                reference_id,
            )
            if handed is None:
                raise ClerkRefused(f"Chưa trao tiền cho dòng {reference_id[:64]}.")
            most_vnd = handed["amount_vnd"] - handed["back_vnd"]
            if not 1 <= amount_vnd <= most_vnd:
                raise ClerkRefused(f"Số tiền thu hồi phải từ 1 đến {most_vnd} đồng.")
            receipt = f"PT-{self._store.era()}-{handed['number'] + 1:05d}"
            made = Collection(receipt, reference_id, handed["area"], amount_vnd, stamp(self._counter_now()), "")
            self._store.run("INSERT INTO collections VALUES (?, ?, ?, ?, ?, ?)", *astuple(made))
        return made

    def ask_extension(self, code: str, days: int, reason: str) -> Packet:
        """Ask the sender for `days` more until our settlement."""
        reason = _reason(reason)
        if not 1 <= days <= LONGEST_EXTENSION_DAYS:
            raise ClerkRefused(f"Số ngày gia hạn phải từ 1 đến {LONGEST_EXTENSION_DAYS}.")
        with self._store.transaction():
            packet = self.packet(code)
            if packet.stage not in {"accepted", "paying", "paid"}:
                raise ClerkRefused("Chỉ xin gia hạn cho gói tin đã tiếp nhận và chưa quyết toán.")
            outbox.say(self._store, self._config, self._now(), packet, outbox.extension(days, reason))
        return self.packet(code)

    def answer_recall(self, recall_id: int, *, agree: bool, reason: str = "") -> Packet:
        """Yes rejects the packet; no leaves it as it is and says so."""
        with self._store.transaction():
            recall = self._open_recall(recall_id)
            if agree:
                return self.reject(recall.packet_code, reason.strip() or f"Theo đề nghị: {recall.reason}")
            reason = reason.strip()[:LONGEST_REASON] or "Không đồng ý thu hồi gói tin"
            self._store.run(
                "UPDATE recalls SET stage = 'declined', answer = ?, decided_at = ? WHERE id = ?",
                reason,
                stamp(self._now()),
                recall_id,
            )
            packet = self.packet(recall.packet_code)
            outbox.say(self._store, self._config, self._now(), packet, outbox.recall_declined(reason))
        return packet

    def plan(self, code: str, wishes: dict[str, str]) -> Packet:
        """Decide beforehand how lines end: `paid`, `recover`, `unpaid:<reason code>`, empty for by chance."""
        with self._store.transaction():
            packet = self.packet(code)
            for reference_id, wish in wishes.items():
                if not is_plan(wish):
                    raise ClerkRefused(f"Không hiểu kết quả «{wish[:40]}».")
                touched = self._store.run(
                    "UPDATE lines SET planned = ? WHERE packet_code = ? AND reference_id = ? AND outcome = ''",
                    wish,
                    code,
                    reference_id,
                )
                if touched != 1:
                    raise ClerkRefused(f"Không có dòng chưa chi trả {reference_id}.")
        return packet

    def _serve(self, packet: Packet, served: list[tuple[Line, Fate]]) -> None:
        """Money leaves the drawer: once per line reference, for good, by the drawer's own key."""
        moment = self._counter_now()
        day, at = day_of(moment), stamp(moment)
        self._store.run_many(
            "INSERT INTO handouts VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    line.reference_id,
                    packet.code,
                    line.payee_name,
                    line.payee_fa,
                    line.amount_vnd,
                    packet.period,
                    day,
                    at,
                )
                for line, end in served
                if end.outcome in (PAID, RECOVER)
            ),
        )
        self._store.run_many(
            "UPDATE lines SET outcome = ?, reason_code = ?, outcome_at = ? WHERE packet_code = ? AND reference_id = ?",
            ((end.outcome, end.reason_code, at, packet.code, line.reference_id) for line, end in served),
        )

    def _move(self, code: str, before: set[str], after: str) -> Packet:
        packet = self.packet(code)
        if packet.stage not in before:
            raise ClerkRefused(f"Gói tin {code} «{STAGE_WORDS[packet.stage]}», không làm được việc này.")
        self._store.run("UPDATE packets SET stage = ?, changed_at = ? WHERE code = ?", after, stamp(self._now()), code)
        return packet

    def _open_recall(self, recall_id: int) -> Recall:
        row = self._store.one("SELECT * FROM recalls WHERE id = ? AND stage = 'open'", recall_id)
        if row is None:
            raise ClerkRefused("Đề nghị này không có hoặc đã được trả lời.")
        return Recall(**dict(row))

    def _chances(self) -> Chances:
        return Chances(
            seed=int(knob(self._store, "seed")),
            paid_share=float(knob(self._store, "paid_share")),
            death_share=float(knob(self._store, "death_share")),
            pay_days=int(knob(self._store, "pay_days")),
        )

    def _counter_now(self) -> datetime:
        """The counter may be some simulated days ahead of the wire."""
        return self._now() + timedelta(days=int(knob(self._store, "day_offset")))


def _reason(text: str) -> str:
    text = text.strip()
    if not text:
        raise ClerkRefused("Phải nêu lý do.")
    return text[:LONGEST_REASON]
