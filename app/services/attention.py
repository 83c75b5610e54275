"""What needs a person: trouble with lists, packets and settlements, people unpaid for months, what waits for approval.

Everything is counted in one statement for any number of areas, each kind with the page that shows it. Nothing changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.models import FAULTS_FOR_A_PERSON
from app.rules import dates
from app.rules.actors import ROOT_PATH, Actor, Role, bounds_of
from app.rules.states import ARREARS, BATCH, EXTENSION, N_, TRANSFER
from app.services import auto_sending, balances
from app.services.arrears import noticing
from app.services.settlements import arithmetic, reports

SUSPEND_AFTER = 3
"""Unpaid periods in a row that are a legal ground to suspend; people are told of it from the second on."""


DOUBT_SHOWN_AFTER = timedelta(hours=24)
"""A packet that waits or is in doubt for longer is on a person's list."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of trouble: its words, and the page that shows one of it."""

    name: str
    label: str
    advice: str
    page: str


KINDS: tuple[Kind, ...] = (
    Kind(
        "returned",
        N_("Danh sách bị bưu điện trả lại"),
        N_("Xem lý do, mở lại danh sách, sửa rồi gửi phiên bản mới."),
        "BatchView.show",
    ),
    Kind(
        "in_doubt",
        N_("Gói tin chưa rõ bưu điện đã nhận hay chưa"),
        N_("Hệ thống đang tự hỏi lại. Nếu kéo dài, hãy gọi bưu điện."),
        "PacketView.show",
    ),
    Kind(
        "reminder",
        N_("Danh sách sắp đến hạn gửi"),
        N_("Danh sách chưa duyệt không được gửi. Danh sách đã duyệt chỉ tự gửi nếu địa bàn bật tự gửi."),
        "BatchView.show",
    ),
    Kind(
        "stuck",
        N_("Gói tin hơn 24 giờ chưa rõ kết quả"),
        N_("Xem các lần gọi và câu trả lời, gọi bưu điện; có thể hỏi lại ngay hoặc tiếp tục chờ."),
        "PacketView.doubtful",
    ),
    Kind(
        "message",
        N_("Tin của bưu điện cần người xem"),
        N_("Tin không làm thay đổi gì: xem bưu điện nói gì, xử lý với bưu điện rồi ghi đã xem xét."),
        "InboxView.show",
    ),
    Kind(
        "held",
        N_("Quyết toán đến sau hạn đang giữ lại"),
        N_("Kế toán hoặc lãnh đạo ghi nhận, không ghi nhận, hoặc gia hạn."),
        "SettlementView.show",
    ),
    Kind(
        "overdue",
        N_("Quyết toán quá hạn chưa nhận đủ"),
        N_("Gọi bưu điện; nếu bưu điện cần thêm thời gian thì ghi đề nghị gia hạn."),
        "SettlementView.show",
    ),
    Kind(
        "partial",
        N_("Quyết toán còn thiếu phần"),
        N_("Hệ thống tự hỏi bưu điện phần còn thiếu. Nếu kéo dài, hãy gọi bưu điện."),
        "SettlementView.show",
    ),
    Kind(
        "undecided",
        N_("Dòng quyết toán có chênh lệch chưa có quyết định"),
        N_("Xem từng dòng và quyết định kết quả trước khi chốt quyết toán."),
        "SettlementView.show",
    ),
    Kind(
        "untied",
        N_("Quyết toán có tổng số không khớp"),
        N_("Đối chiếu với bưu điện; quyết toán chưa khớp không chốt được."),
        "SettlementView.show",
    ),
    Kind(
        "extension",
        N_("Đề nghị gia hạn chờ quyết định"),
        N_("Lãnh đạo đồng ý hoặc không đồng ý gia hạn."),
        "ExtensionView.show",
    ),
    Kind(
        "relocation",
        N_("Người chuyển đến chờ tiếp nhận"),
        N_("Tiếp nhận để đưa người này vào danh sách kỳ sau, hoặc trả lời không tiếp nhận."),
        "RelocationView.show",
    ),
    Kind(
        "recovery",
        N_("Đề nghị truy thu chờ quyết định"),
        N_("Lãnh đạo đồng ý hoặc không đồng ý truy thu."),
        "RecoveryView.show",
    ),
    Kind(
        "transfer",
        N_("Chứng từ chuyển tiền chờ duyệt"),
        N_("Lãnh đạo duyệt hoặc không duyệt; tiền được tính vào số dư khi duyệt."),
        "TransferView.show",
    ),
    Kind(
        "due",
        N_("Nơi còn phải chuyển tiền cho đơn vị chi trả"),
        N_("Xem số dư, chuyển tiền rồi ghi chứng từ."),
        "BalanceView.list",
    ),
    Kind(
        "blocking",
        N_("Lỗi phải xử lý trước khi duyệt danh sách"),
        N_("Sửa hồ sơ rồi lập lại danh sách, hoặc đưa người có lỗi ra khỏi danh sách."),
        "BatchView.findings",
    ),
    Kind(
        "books",
        N_("Chỗ sổ sách không khớp"),
        N_("Kiểm tra tự động thấy sổ sách sai. Báo ngay cho đội kỹ thuật, không sửa dữ liệu bằng tay."),
        "BookView.list",
    ),
    Kind(
        "rise",
        N_("Danh sách đã lập theo mức cũ, chưa tính truy lĩnh"),
        N_("Mức hưởng đã tăng và áp dụng từ trước: lập đề nghị truy lĩnh để lãnh đạo duyệt."),
        "ArrearsProposalView.list",
    ),
    Kind(
        "suspension",
        N_("Đề nghị tạm dừng hoặc cho hưởng lại chờ quyết định"),
        N_("Lãnh đạo quyết định; người đang tạm dừng không có trong danh sách."),
        "SuspensionView.list",
    ),
    Kind(
        "streak",
        N_("Người chưa nhận tiền từ hai kỳ liên tiếp trở lên"),
        N_("Liên hệ gia đình; ba kỳ liên tiếp là căn cứ để xem xét tạm dừng."),
        "Home.streaks",
    ),
    Kind(
        "streak_long",
        N_("Người chưa nhận tiền ba kỳ liên tiếp: xem xét đề nghị tạm dừng"),
        N_("Mở trang người chưa nhận, liên hệ lần cuối rồi đề nghị tạm dừng nếu có căn cứ."),
        "Home.streaks",
    ),
)


@dataclass(frozen=True, slots=True)
class Item:
    """So much of one kind of trouble, in so many places; `id` is the one place where there is no more."""

    kind: Kind
    count: int
    places: int
    id: int | None


@dataclass(frozen=True, slots=True)
class Place:
    """A list, packet, settlement or request with one kind of trouble."""

    id: int
    code: str
    area_name: str
    month: date | None
    count: int


_SINCE = (
    "CASE k.state WHEN 'queued' THEN k.queued_at ELSE (SELECT max(c.at) FROM state_changes c"
    " WHERE c.machine = 'packet' AND c.entity_id = k.id AND c.move = 'claim' AND c.from_state = 'queued') END"
)
"""SQL: since when packet k has been waiting or in doubt; further calls about it change nothing of that."""

_DUE = (
    "s.due_on + coalesce((SELECT sum(x.days) FROM deadline_extensions x"
    " WHERE x.settlement_id = s.id AND x.state = 'granted'), 0)::int"
)
"""SQL: the deadline of settlement s with its granted extensions."""

_STUCK = f"k.state IN ('queued', 'in_doubt') AND {_SINCE} < :day_ago"

_PLACES = {
    "returned": """
SELECT b.id, b.code, b.area_path, b.period_id, 1 AS n FROM payout_batches b
 WHERE b.state = 'returned' AND b.area_path >= :low AND b.area_path < :high
""",
    "in_doubt": """
SELECT k.id, k.code, k.area_path, b.period_id, 1 AS n FROM packets k JOIN payout_batches b ON b.id = k.batch_id
 WHERE k.state = 'in_doubt' AND k.area_path >= :low AND k.area_path < :high
   AND (k.last_error IS NOT NULL OR k.lease_until IS NULL OR k.lease_until < now())
   AND NOT ("""
    + _STUCK
    + """)
""",
    "reminder": """
SELECT b.id, b.code, b.area_path, b.period_id, 1 AS n FROM payout_batches b WHERE b.id = ANY(:reminded)
""",
    "stuck": f"""
SELECT k.id, k.code, k.area_path, b.period_id, 1 AS n FROM packets k JOIN payout_batches b ON b.id = k.batch_id
 WHERE k.area_path >= :low AND k.area_path < :high AND {_STUCK}
   AND NOT EXISTS (SELECT 1 FROM acknowledgements w
                    WHERE w.subject = 'packet' AND w.entity_id = k.id AND w.until > :now)
""",
    "message": """
SELECT i.id, coalesce(i.transaction_id, i.message_id, '—') AS code, i.area_path, b.period_id, 1 AS n FROM inbox i
  LEFT JOIN packets k ON k.code = i.transaction_id AND k.agency_id = i.agency_id
  LEFT JOIN payout_batches b ON b.id = k.batch_id
 WHERE i.area_path >= :low AND i.area_path < :high
   AND i.id IN (SELECT id FROM inbox WHERE outcome = 'failed'
                UNION SELECT inbox_id FROM message_faults WHERE code = ANY(:faults))
   AND NOT EXISTS (SELECT 1 FROM acknowledgements w WHERE w.subject = 'message' AND w.entity_id = i.id)
""",
    "held": """
SELECT s.id, k.code, s.area_path, s.period_id, count(*) AS n FROM inbox i
  JOIN packets k ON k.code = i.transaction_id AND k.agency_id = i.agency_id JOIN settlements s ON s.packet_id = k.id
 WHERE i.outcome = 'held' AND s.area_path >= :low AND s.area_path < :high
 GROUP BY s.id, k.code
""",
    "overdue": f"""
SELECT s.id, k.code, s.area_path, s.period_id, 1 AS n FROM settlements s JOIN packets k ON k.id = s.packet_id
 WHERE s.state IN ('waiting', 'partial') AND {_DUE} < :today AND s.area_path >= :low AND s.area_path < :high
""",
    "partial": f"""
SELECT s.id, k.code, s.area_path, s.period_id, 1 AS n FROM settlements s JOIN packets k ON k.id = s.packet_id
 WHERE s.state = 'partial' AND {_DUE} >= :today AND s.area_path >= :low AND s.area_path < :high
""",
    "undecided": """
SELECT s.id, k.code, s.area_path, s.period_id, count(*) AS n FROM settlements s JOIN packets k ON k.id = s.packet_id
  JOIN settlement_records r ON r.settlement_id = s.id
 WHERE s.state IN ('partial', 'received') AND s.area_path >= :low AND s.area_path < :high
   AND r.finding NOT IN ('matched', 'duplicate') AND r.decided_outcome IS NULL
 GROUP BY s.id, k.code
""",
    "untied": """
SELECT s.id, k.code, s.area_path, s.period_id, 1 AS n FROM settlements s JOIN packets k ON k.id = s.packet_id
 WHERE s.id = ANY(:untied)
""",
    "extension": """
SELECT x.id, k.code, x.area_path, s.period_id, 1 AS n FROM deadline_extensions x
  JOIN settlements s ON s.id = x.settlement_id JOIN packets k ON k.id = s.packet_id
 WHERE x.state = 'asked' AND x.area_path >= :low AND x.area_path < :high
""",
    "relocation": """
SELECT r.id, r.full_name AS code, r.to_path AS area_path, CAST(NULL AS integer) AS period_id, 1 AS n FROM relocations r
 WHERE r.state = 'asked' AND r.to_path >= :low AND r.to_path < :high
""",
    "recovery": """
SELECT r.id, l.full_name AS code, r.area_path, l.period_id, 1 AS n FROM recoveries r JOIN payout_lines l ON l.id = r.line_id
 WHERE r.state = 'proposed' AND r.area_path >= :low AND r.area_path < :high
""",
    "transfer": """
SELECT t.id, t.treasury_ref AS code, t.area_path, t.period_id, 1 AS n FROM agency_transfers t
 WHERE t.state = 'entered' AND t.area_path >= :low AND t.area_path < :high
""",
    "blocking": """
SELECT b.id, b.code, b.area_path, b.period_id, count(*) AS n FROM payout_batches b
  JOIN batch_findings f ON f.batch_id = b.id AND f.severity = 'blocking'
 WHERE b.state = 'draft' AND b.area_path >= :low AND b.area_path < :high
 GROUP BY b.id
""",
}
"""Kind of trouble -> its places: key, code, area, period and how much of it is there. Some kinds are no places."""

_COUNTS = " UNION ALL ".join(
    f"SELECT '{kind}' AS kind, coalesce(sum(n), 0)::bigint AS n, count(*) AS places, min(id) AS id FROM ({sql}) x"
    for kind, sql in _PLACES.items()
)

_BOOKS = """
SELECT coalesce(sum(row_count), 0)::bigint FROM book_findings
 WHERE check_id = (SELECT max(id) FROM book_checks) AND area_path >= :low AND area_path < :high
"""

_REPORTED = """
SELECT id, reported FROM settlements
 WHERE state IN ('partial', 'received') AND reported IS NOT NULL AND area_path >= :low AND area_path < :high ORDER BY id
"""

_STREAKS = """
  FROM payout_lines u
  JOIN periods p ON p.id = u.period_id AND p.month IN (:month, :before)
  JOIN payout_lines v ON v.entitlement_id = u.entitlement_id AND v.result = 'unpaid'
   AND v.period_id = (SELECT id FROM periods WHERE month = (p.month - interval '1 month')::date)
 WHERE u.result = 'unpaid' AND u.area_path >= :low AND u.area_path < :high
   AND (p.month = :month OR NOT EXISTS (
       SELECT 1 FROM payout_lines n WHERE n.entitlement_id = u.entitlement_id AND n.live AND n.result <> 'pending'
          AND n.period_id = (SELECT id FROM periods WHERE month = :month)))
"""


_THIRD = (
    "w.entitlement_id = u.entitlement_id AND w.result = 'unpaid' AND w.period_id ="
    " (SELECT id FROM periods WHERE month = (p.month - interval '2 months')::date)"
)
"""The same was unpaid in the period before those two."""

_SUSPENSIONS = """
SELECT count(*) FROM suspensions WHERE state IN ('proposed', 'resuming') AND area_path >= :low AND area_path < :high
"""


def items(session: Session, path: str, month: date) -> list[Item]:
    """What needs a person in the area and below, of any month still open; unpaid streaks as of `month`."""
    reminded = [one.batch_id for one in auto_sending.reminders(session, path)]
    facts = {**_facts(path), "untied": _untied(session, path), "reminded": reminded}
    found: dict[str, tuple[int, int, int | None]] = {
        row.kind: (row.n, row.places, row.id) for row in session.execute(text(_COUNTS), facts)
    }
    found["books"] = (int(session.execute(text(_BOOKS), _bounds(path)).scalar_one()), 0, None)
    uncounted = None if path == ROOT_PATH else noticing.uncounted(session, path)
    found["due"] = (0 if path == ROOT_PATH else balances.short(session, path), 0, None)
    found["rise"] = (uncounted.lists if uncounted else 0, 0, None)
    found["suspension"] = (int(session.execute(text(_SUSPENSIONS), _bounds(path)).scalar_one()), 0, None)
    twice, longer = _streaks_count(session, path, month)
    found["streak"], found["streak_long"] = (twice, 0, None), (longer, 0, None)
    return [Item(kind, *found[kind.name]) for kind in KINDS if found[kind.name][0]]


def places(session: Session, path: str, kind: str, *, limit: int = 500) -> list[Place]:
    """Where one kind of trouble is, the oldest month first; unpaid streaks have a list of their own."""
    reminded = [one.batch_id for one in auto_sending.reminders(session, path)] if kind == "reminder" else []
    untied = _untied(session, path) if kind == "untied" else []
    facts = {**_facts(path), "untied": untied, "reminded": reminded, "limit": limit}
    rows = session.execute(
        text(
            "SELECT x.id, x.code, a.full_name AS area_name, p.month, x.n AS count"
            f"  FROM ({_PLACES[kind]}) x JOIN areas a ON a.path = x.area_path LEFT JOIN periods p ON p.id = x.period_id"
            " ORDER BY p.month, a.name_fold, x.code LIMIT :limit"
        ),
        facts,
    )
    return [Place(**row._mapping) for row in rows]


def stuck(session: Session, path: str, *, limit: int = 100) -> list[tuple[int, datetime]]:
    """(packet, since when) of what has waited or been in doubt for more than a day, the longest first.

    Those somebody has put aside are here too, after the others.
    """
    rows = session.execute(
        text(
            f"SELECT k.id, {_SINCE} AS since FROM packets k"
            f" WHERE k.area_path >= :low AND k.area_path < :high AND {_STUCK}"
            " ORDER BY EXISTS (SELECT 1 FROM acknowledgements w WHERE w.subject = 'packet' AND w.entity_id = k.id"
            "                  AND w.until > :now), since, k.id LIMIT :limit"
        ),
        {**_facts(path), "limit": limit},
    )
    return [(row.id, row.since) for row in rows]


def _untied(session: Session, path: str) -> list[int]:
    """Settlements reported in full whose announced totals are not those of their lines.

    Only these few are added up line by line: a decision may have put them right.
    """
    doubtful = []
    for row in session.execute(text(_REPORTED), _bounds(path)):
        told = reports.read(row.reported)
        if told[-1].complete and not told[-1].consistent:
            doubtful.append(row.id)
    found = arithmetic.figures_of(session, doubtful) if doubtful else {}
    return [key for key in doubtful if not found[key].ties_out]


@dataclass(frozen=True, slots=True)
class Streak:
    """Somebody unpaid for several periods in a row; `periods` counts up to SUSPEND_AFTER."""

    beneficiary_id: int
    code: str
    full_name: str
    birth: str
    hamlet: str
    area_name: str
    periods: int
    total_vnd: int
    reason: str | None
    suspension: int | None


def unpaid_streaks(session: Session, path: str, month: date, *, limit: int = 500) -> list[Streak]:
    """People unpaid in the last known period and the one before, the longest first. `total_vnd` waits for them now."""
    rows = session.execute(
        text(
            "SELECT u.beneficiary_id, u.beneficiary_code AS code, u.full_name, u.birth, u.hamlet, a.full_name AS area_name,"
            f" u.total_vnd, u.result_reason AS reason, CASE WHEN EXISTS (SELECT 1 FROM payout_lines w WHERE {_THIRD})"
            f" THEN {SUSPEND_AFTER} ELSE 2 END AS periods,"
            " (SELECT max(x.id) FROM suspensions x WHERE x.beneficiary_id = u.beneficiary_id"
            "   AND x.state IN ('proposed', 'suspended', 'resuming')) AS suspension"
            + _STREAKS.replace(" WHERE u.result", "  JOIN areas a ON a.path = u.area_path\n WHERE u.result", 1)
            + " ORDER BY periods DESC, a.name_fold, u.hamlet, u.name_fold, u.id LIMIT :limit"
        ),
        {**_bounds(path), **_months(month), "limit": limit},
    )
    return [Streak(**row._mapping) for row in rows]


def _streaks_count(session: Session, path: str, month: date) -> tuple[int, int]:
    """People unpaid for two periods or more; of them, those unpaid for three who are still active."""
    counted = text(
        "SELECT count(DISTINCT u.beneficiary_id) AS twice, count(DISTINCT u.beneficiary_id) FILTER (WHERE EXISTS ("
        f"  SELECT 1 FROM payout_lines w WHERE {_THIRD}) AND EXISTS (SELECT 1 FROM beneficiaries b"
        f"   WHERE b.id = u.beneficiary_id AND b.status = 'active')) AS longer {_STREAKS}"
    )
    row = session.execute(counted, {**_bounds(path), **_months(month)}).one()
    return row.twice, row.longer


@dataclass(frozen=True, slots=True)
class Approval:
    """A list, an extension or a proposal of arrears that waits for a decision."""

    kind: str
    id: int
    code: str
    area_name: str
    month: date
    list_kind: str
    people: int
    amount_vnd: int
    blocking: int
    asked_by: str
    days: int


_APPROVALS = """
SELECT 'batch' AS kind, b.id, b.code, a.full_name AS area_name, p.month, b.kind AS list_kind, b.people_count AS people,
       b.total_vnd AS amount_vnd, (SELECT count(*) FROM batch_findings f WHERE f.batch_id = b.id
                                      AND f.severity = 'blocking')::int AS blocking, b.made_by AS asked_by, 0 AS days
  FROM payout_batches b JOIN areas a ON a.id = b.area_id JOIN periods p ON p.id = b.period_id
 WHERE b.state = 'draft' AND b.made_by <> :me AND b.line_count > 0 AND b.area_path >= :low AND b.area_path < :high
   AND 'batch' = ANY(:kinds)
UNION ALL
SELECT 'extension', x.id, k.code, a.full_name, p.month, b.kind, k.people_count, k.total_vnd, 0, x.asked_by, x.days
  FROM deadline_extensions x JOIN settlements s ON s.id = x.settlement_id JOIN packets k ON k.id = s.packet_id
  JOIN payout_batches b ON b.id = s.batch_id JOIN areas a ON a.id = b.area_id JOIN periods p ON p.id = s.period_id
 WHERE x.state = 'asked' AND x.entered_by <> :me AND x.area_path >= :low AND x.area_path < :high
   AND 'extension' = ANY(:kinds)
UNION ALL
SELECT 'arrears', q.id, 'TL-' || q.id, a.full_name, q.due_month, 'monthly', q.people_count, q.total_vnd, 0, q.made_by, 0
  FROM arrears_proposals q JOIN areas a ON a.id = q.area_id
 WHERE q.state = 'proposed' AND q.made_by <> :me AND q.area_path >= :low AND q.area_path < :high
   AND 'arrears' = ANY(:kinds)
UNION ALL
SELECT 'transfer', t.id, t.treasury_ref, a.full_name, p.month, '', 0, t.amount_vnd, 0, t.entered_by, 0
  FROM agency_transfers t JOIN areas a ON a.id = t.area_id JOIN periods p ON p.id = t.period_id
 WHERE t.state = 'entered' AND t.entered_by <> :me AND t.area_path >= :low AND t.area_path < :high
   AND 'transfer' = ANY(:kinds)
 ORDER BY month, kind, area_name, code LIMIT :limit
"""


def approvals(session: Session, path: str, *, by: Actor, limit: int = 200) -> Sequence[Approval]:
    """What the actor may approve now, the oldest month first: never their own preparation."""
    kinds = [
        machine.name
        for machine, move in ((BATCH, "lock"), (EXTENSION, "grant"), (ARREARS, "approve"), (TRANSFER, "approve"))
        if by.has(*machine.moves[move].who - {Role.SYSTEM})
    ]
    facts = {**_bounds(path), "me": by.username, "kinds": kinds, "limit": limit}
    return [Approval(**row._mapping) for row in session.execute(text(_APPROVALS), facts)] if kinds else []


def _bounds(path: str) -> dict[str, str]:
    low, high = bounds_of(path)
    return {"low": low, "high": high}


def _facts(path: str) -> dict[str, object]:
    now = clock.now()
    return {
        **_bounds(path),
        "now": now,
        "today": clock.today(),
        "day_ago": now - DOUBT_SHOWN_AFTER,
        "faults": list(FAULTS_FOR_A_PERSON),
    }


def _months(month: date) -> dict[str, date]:
    return {"month": month, "before": dates.add_months(month, -1)}
