"""Plays one whole month of the demo's commune through the services and a post office, with no browser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol, Self

from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.demo.counterpart import Counterpart
from app.demo.history import KINDS, exclude_blocked, settlements_of
from app.demo.load import POST
from app.demo.places import DEMO_COMMUNE
from app.demo.running import Running
from app.demo.staff import Staff, staff_of
from app.errors import NotFound, RuleBroken
from app.extensions import acting_as, transaction
from app.rules.actors import SYSTEM
from app.rules.dates import add_months
from app.services import extensions, packets, periods
from app.services.arrears import deciding, noticing, proposing
from app.services.arrears.proposing import RiseRequest
from app.services.batches import approval, making
from app.services.batches.making import ListRequest, NobodyEligible
from app.services.settlements import holding, locking
from config import Settings

SEED = 1
PLANNED = ("unpaid:ABSENT", "recover", "unpaid:NO_CONTACT")
"""How the first lines of the packet end, so that every outcome is met whatever the seed says of the others."""
RETURNED_BECAUSE = "Đề nghị kiểm tra lại họ tên người nhận ở dòng 1"
UNLOCKED_BECAUSE = "Bưu điện trả lại: kiểm tra và lập lại"
EXTENDED_BY_DAYS, EXTENDED_BECAUSE = 10, "Mưa lũ, chưa chi trả xong tại các buôn xa"
"""From the 25th past the end of the month: a shorter one would have lapsed on its last days before it is granted."""
RISEN_BECAUSE, RISEN_BY = "Nâng mức chuẩn trợ giúp xã hội, áp dụng từ 01/07/2026", "335/2026/NĐ-CP"

LATE_BECAUSE = "Bưu điện báo chậm vì mưa lũ; đã đối chiếu với bảng kê giấy"

Summary = dict[str, Any]


class MonthUnderWay(RuleBroken):
    """Kỳ này của xã trình diễn đang dở dang: danh sách %(code)s. Hãy làm tiếp trên màn hình, hoặc make demo-reset."""


class Clerk(Protocol):
    """What somebody at the post office does with a packet."""

    def accept(self, code: str) -> object: ...
    def reject(self, code: str, reason: str) -> object: ...
    def plan(self, code: str, wishes: dict[str, str]) -> object: ...
    def ask_extension(self, code: str, days: int, reason: str) -> object: ...
    def pay(self, code: str) -> object: ...
    def settle(self, code: str) -> object: ...


class Post(Protocol):
    """The agencies' side: in this process, or running beside it."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_error: Any) -> None: ...
    def desk(self, code: str) -> Clerk: ...
    def wait(self, what: str, until: Callable[[], bool]) -> None: ...


@dataclass(frozen=True, slots=True)
class _Commune:
    area_id: int
    path: str
    staff: Staff
    month: date


def run_month(app: Flask) -> Summary:
    """Play the first month from today on that the demo's commune has not closed; says what became of its monthly list.

    The list is made, people whom the checks block are held out, it is approved and sent; the post office returns
    version 1 and pays version 2; once it asks for more days. Then the settlement is locked, the period closed and the
    next month's list made. Messages travel through the running demo's own parts, or in this process when it does not
    run. Raises MonthUnderWay, NobodyEligible, Undelivered.
    """
    with app.app_context(), acting_as(SYSTEM), _post(app.config["CHITRA"]) as post:
        with transaction() as session:
            if isinstance(post, Counterpart):
                _refuse_others_packets(session)
            commune = _commune(session)
            owe_rise(session, commune.area_id, commune.path, commune.staff, due=commune.month)
            drafts = _drafts(session, commune)
        return _play(post, commune, drafts)


def owe_rise(session: Session, area_id: int, path: str, staff: Staff, *, due: date) -> None:
    """Propose and approve what a rise owes for months listed before it was known; nothing when nobody is owed."""
    found = noticing.uncounted(session, path)
    if found is not None and found.last < due:
        request = RiseRequest(area_id, found.first, found.last, due, RISEN_BECAUSE, RISEN_BY)
        proposal = proposing.propose_rise(session, request, by=staff.clerk)
        deciding.approve(session, proposal.id, by=staff.supervisor)


def _post(settings: Settings) -> Post:
    return Running.found(settings) or Counterpart((POST,), seed=SEED)


def _refuse_others_packets(session: Session) -> None:
    """A packet that waits for the real post office of the demo must not end in one that is gone in a moment."""
    code = session.execute(text("SELECT code FROM packets WHERE state IN ('queued', 'in_doubt') ORDER BY id")).scalar()
    if code is not None:
        raise MonthUnderWay(code=code)


def _commune(session: Session) -> _Commune:
    row = session.execute(text("SELECT id, path FROM areas WHERE code = :code"), {"code": DEMO_COMMUNE}).one_or_none()
    if row is None:
        raise NotFound
    closed = session.execute(
        text(
            "SELECT max(p.month) FROM area_periods a JOIN periods p ON p.id = a.period_id"
            " WHERE a.area_id = :area AND a.state = 'closed'"
        ),
        {"area": row.id},
    ).scalar()
    month = clock.today().replace(day=1)
    if closed is not None:
        month = max(month, add_months(closed, 1))
    return _Commune(row.id, row.path, staff_of(session, row.path, prefix="xa"), month)


def _drafts(session: Session, commune: _Commune) -> dict[str, int]:
    """Kind -> list: drafts that are there already, the others made now; people whom a check blocks are held out."""
    rows = session.execute(
        text(
            "SELECT b.id, b.kind, b.code, b.state FROM payout_batches b JOIN periods p ON p.id = b.period_id"
            " WHERE b.area_id = :area AND p.month = :month AND b.state <> 'cancelled' ORDER BY b.seq"
        ),
        {"area": commune.area_id, "month": commune.month},
    ).all()
    found = {}
    for row in rows:
        if row.state != "draft":
            raise MonthUnderWay(code=row.code)
        found[row.kind] = row.id
    found |= _make(session, commune, commune.month, [kind for kind in KINDS if kind not in found])
    if not found:
        raise NobodyEligible
    exclude_blocked(session, list(found.values()), commune.staff)
    return found


def _make(session: Session, commune: _Commune, month: date, kinds: list[str]) -> dict[str, int]:
    made = {}
    for kind in kinds:
        try:
            request = ListRequest(commune.area_id, month, kind)
            made[kind] = making.make_lists(session, request, by=commune.staff.clerk).batch_ids[0]
        except NobodyEligible:
            continue
    return made


def _play(post: Post, commune: _Commune, drafts: dict[str, int]) -> Summary:
    main = drafts[min(drafts, key=KINDS.index)]
    batch_ids = sorted(drafts.values())
    codes = _approve_and_send(commune, batch_ids)
    post.wait("the post office has the packets", lambda: _states("packets", batch_ids) == {"received"})
    post.desk(POST).reject(codes[main], RETURNED_BECAUSE)
    post.wait("the list comes back", lambda: _states("payout_batches", [main], key="id") == {"returned"})
    with transaction() as session:
        approval.unlock(session, main, by=commune.staff.supervisor, because=UNLOCKED_BECAUSE)
        making.remake(session, main, by=commune.staff.clerk)
        exclude_blocked(session, [main], commune.staff)
    codes |= _approve_and_send(commune, [main])
    post.wait("the post office has version 2", lambda: _states("packets", batch_ids) == {"received"})
    for code in codes.values():
        post.desk(POST).accept(code)
    post.wait("the packets are accepted", lambda: _states("packets", batch_ids) == {"accepted"})
    _extend(post, commune, main, codes[main])
    post.desk(POST).plan(codes[main], dict(zip(_references(main), PLANNED, strict=False)))
    for code in codes.values():
        post.desk(POST).pay(code)
        post.desk(POST).settle(code)
    post.wait("the settlements are here", lambda: _unheard(batch_ids) == 0)
    _let_through(commune, batch_ids)
    post.wait("the settlements are applied", lambda: _states("settlements", batch_ids) == {"received"})
    return _conclude(commune, main, batch_ids)


def _approve_and_send(commune: _Commune, batch_ids: list[int]) -> dict[int, str]:
    """List -> code of its packet, which waits in the queue."""
    with transaction() as session:
        approval.lock_many(session, batch_ids, by=commune.staff.supervisor)
    with transaction() as session:
        made = packets.queue_many(session, batch_ids, by=commune.staff.clerk)
        return {key: packet.code for key, packet in made.items()}


def _extend(post: Post, commune: _Commune, batch_id: int, code: str) -> None:
    """The post office asks for more days and gets them."""
    post.desk(POST).ask_extension(code, EXTENDED_BY_DAYS, EXTENDED_BECAUSE)
    post.wait("an extension is asked for", lambda: _asked(batch_id) is not None)
    asked = _asked(batch_id)
    assert asked is not None, code
    with transaction() as session:
        extensions.grant(session, asked, by=commune.staff.supervisor)


def _unheard(batch_ids: list[int]) -> int:
    """Settlements of which not every part has come; parts held because they came late have come."""
    with transaction() as session:
        return int(
            session.execute(
                text(
                    "SELECT count(*) FROM settlements s JOIN packets p ON p.id = s.packet_id"
                    " WHERE s.batch_id = ANY(:ids) AND s.state IN ('waiting', 'partial') AND NOT EXISTS ("
                    "   SELECT 1 FROM inbox i WHERE i.transaction_id = p.code AND i.outcome = 'held')"
                ),
                {"ids": batch_ids},
            ).scalar_one()
        )


def _let_through(commune: _Commune, batch_ids: list[int]) -> None:
    """Late in a month the cut-off has passed: the accountant lets the settlements count all the same."""
    with transaction() as session:
        for settlement_id in settlements_of(session, batch_ids):
            if holding.count(session, settlement_id):
                holding.let_through(session, settlement_id, by=commune.staff.accountant, because=LATE_BECAUSE)


def _conclude(commune: _Commune, main: int, batch_ids: list[int]) -> Summary:
    """Lock the settlements, close the period, make the next month's lists; the figures of the list `main`."""
    with transaction() as session:
        locking.lock_many(session, settlements_of(session, batch_ids), by=commune.staff.accountant)
    with transaction() as session:
        key = session.execute(
            text(
                "SELECT a.id FROM area_periods a JOIN periods p ON p.id = a.period_id"
                " WHERE a.area_id = :area AND p.month = :month"
            ),
            {"area": commune.area_id, "month": commune.month},
        ).scalar_one()
        periods.close(session, key, by=commune.staff.accountant)
    with transaction() as session:
        _make(session, commune, add_months(commune.month, 1), list(KINDS))
    with transaction() as session:
        return _summary(session, main)


def _summary(session: Session, batch_id: int) -> Summary:
    row = session.execute(
        text(
            "SELECT b.line_count, b.total_vnd, p.code, p.version, p.state, s.state AS settlement, s.paid_count,"
            "       s.paid_vnd, s.unpaid_count, s.unpaid_vnd, s.recover_count, s.recover_vnd,"
            "       c.people AS carried_count, c.vnd AS carried_vnd"
            "  FROM payout_batches b JOIN settlements s ON s.batch_id = b.id AND s.state <> 'void'"
            "  JOIN packets p ON p.id = s.packet_id"
            " CROSS JOIN LATERAL (SELECT count(DISTINCT o.to_line_id) AS people, coalesce(sum(o.amount_vnd), 0) AS vnd"
            "    FROM carry_overs o JOIN payout_lines l ON l.id = o.from_line_id WHERE l.batch_id = b.id) c"
            " WHERE b.id = :id"
        ),
        {"id": batch_id},
    ).one()
    return {
        "batch": {"lines": row.line_count, "total_vnd": row.total_vnd},
        "packet": {"code": row.code, "version": row.version, "state": row.state},
        "settlement": {
            "state": row.settlement,
            "paid": {"people": row.paid_count, "vnd": row.paid_vnd},
            "unpaid": {"people": row.unpaid_count, "vnd": row.unpaid_vnd},
            "recover": {"people": row.recover_count, "vnd": row.recover_vnd},
        },
        "carried_over": {"people": row.carried_count, "vnd": int(row.carried_vnd)},
    }


def _states(table: str, batch_ids: list[int], *, key: str = "batch_id") -> set[str]:
    """States of these lists, or of their packets and settlements that still count."""
    over = "" if key == "id" else " AND state NOT IN ('rejected', 'void')"
    with transaction() as session:
        statement = text(f"SELECT state FROM {table} WHERE {key} = ANY(:ids){over}")
        return set(session.scalars(statement, {"ids": batch_ids}))


def _asked(batch_id: int) -> int | None:
    with transaction() as session:
        return session.execute(
            text(
                "SELECT e.id FROM deadline_extensions e JOIN settlements s ON s.id = e.settlement_id"
                " WHERE s.batch_id = :id AND e.state = 'asked'"
            ),
            {"id": batch_id},
        ).scalar()


def _references(batch_id: int) -> list[str]:
    with transaction() as session:
        statement = text(
            "SELECT reference FROM payout_lines WHERE batch_id = :id AND live AND total_vnd > 0 ORDER BY no"
        )
        return list(session.scalars(statement, {"id": batch_id}))
