"""Making payment lists: one list for each paying area, kind and agency, as a snapshot of the registry.

A whole province is a handful of SQL statements. Re-making a draft throws its lines away and computes them again;
people held out by hand stay held out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.errors import BadInput, NotAllowed, NotFound, RuleBroken
from app.extensions import acting_as
from app.models import BATCH_KINDS, Area, PayoutBatch, Period
from app.rules import dates
from app.rules.actors import SYSTEM, Actor, Role, bounds_of
from app.services import periods, settings, transitions
from app.services.batches import candidates, checks, scope
from app.services.batches.lines import attach_money, write_totals
from app.services.recoveries import withholding

KIND_LETTERS = {"monthly": "M", "social_pension": "P", "funeral": "F", "supplementary": "S"}


class NobodyEligible(RuleBroken):
    """Không có ai đủ điều kiện nhận tiền trong danh sách này."""


class ListExists(RuleBroken):
    """Danh sách loại này của kỳ %(period)s đã có: %(areas)s."""


class PreviousPeriodOpen(RuleBroken):
    """Chưa chốt kỳ trước: %(areas)s. Hãy chốt kỳ trước rồi lập danh sách."""


class PeriodClosed(RuleBroken):
    """Kỳ %(period)s đã chốt ở %(areas)s nên không lập thêm danh sách. Lãnh đạo mở lại kỳ thì lập được."""


class SettingsMissing(RuleBroken):
    """Chưa có thiết lập chi trả hoặc mức chuẩn trợ giúp xã hội cho: %(areas)s."""


class ContractMissing(RuleBroken):
    """Chưa có hợp đồng với đơn vị chi trả cho: %(areas)s."""


class OtherListFixed(RuleBroken):
    """%(count)s người nay thuộc danh sách %(code)s, đã duyệt, nên chưa có trong danh sách nào. Hãy lập danh sách bổ sung."""


class NotAClerk(NotAllowed):
    """Chỉ cán bộ bảo trợ xã hội được lập danh sách."""


@dataclass(frozen=True, slots=True)
class ListRequest:
    """What to make: every paying area in `area_id` and below, for `month` (its first day).

    With `together` also for the other months that the area settles at once with it.
    """

    area_id: int
    month: date
    kind: str = "monthly"
    together: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """What was made, and the paying areas that were left out with the reason of each."""

    batch_ids: list[int]
    left_out: list[tuple[str, RuleBroken]] = field(default_factory=list)


def make_lists(session: Session, request: ListRequest, *, by: Actor) -> Made:
    """Lập danh sách chi trả for an area and below.

    Areas that already have a list, or whose previous period is still open, are left out and named in the result; when
    nothing at all can be made the first reason is raised. Missing settings or contracts stop everything, because a
    list without an agency would hide somebody's money.

    Raises NotAClerk, NotFound, BadInput, SettingsMissing, ContractMissing, PreviousPeriodOpen, PeriodClosed, ListExists,
    NobodyEligible.
    """
    area = _check_request(session, request, by)
    month = request.month.replace(day=1)
    if not request.together:
        return _make(session, area, month, request.kind, by)
    made: list[int] = []
    left_out: list[tuple[str, RuleBroken]] = []
    for one in settings.months_together(session, area.path, month):
        try:
            found = _make(session, area, one, request.kind, by)
        except (ListExists, PreviousPeriodOpen, PeriodClosed, NobodyEligible) as error:
            left_out.append((dates.format_month(one), error))
        else:
            made += found.batch_ids
            left_out += found.left_out
    if not made:
        raise left_out[0][1]
    return Made(made, left_out)


def _make(session: Session, area: Area, month: date, kind: str, by: Actor) -> Made:
    period = periods.ensure(session, month)
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext('make_lists'), :period)"), {"period": period.id})
    _compute(session, area.path, period, kind)
    _check_settings(session)
    left_out = _leave_out(session, period, kind)
    _check_contracts(session)
    batch_ids = _insert_batches(session, period, kind, by)
    if not batch_ids:
        raise left_out[0][1] if left_out else NobodyEligible()
    periods.open_in(session, _paying_areas(session, batch_ids), period.id, by=by)
    transitions.created(session, "batch", batch_ids, by=by)
    _fill(session, batch_ids)
    return Made(batch_ids, left_out)


def remake(session: Session, batch_id: int, *, by: Actor) -> Made:
    """Lập lại: compute a draft again from the registry as it is now.

    Other drafts of the same area, period and kind are computed again too, because people may have changed from one
    agency to another; a list for a new agency is added. Who now belongs to a list that is approved or sent stays out: the
    result names those nobody held out of it. The system remakes drafts whose earlier month has changed; their maker
    stays who it was.
    """
    batch = session.get(PayoutBatch, batch_id, populate_existing=True)
    if batch is None:
        raise NotFound
    transitions.move(session, "batch", batch_id, "remake", by=by)
    period, kind = session.get_one(Period, batch.period_id), batch.kind
    drafts = _drafts_beside(session, batch)
    others = [key for key in drafts if key != batch_id]
    if others:
        transitions.move_all(session, "batch", others, "remake", by=by)
    _remember_excluded(session, drafts)
    session.execute(text("DELETE FROM payout_lines WHERE batch_id = ANY(:ids)"), {"ids": drafts})
    _compute(session, session.get_one(Area, batch.area_id).path, period, kind)
    _check_settings(session)
    _check_contracts(session)
    left_out = _leave_to_fixed_lists(session, period, kind)
    added = _insert_batches(session, period, kind, by, beside=drafts)
    if added:
        transitions.created(session, "batch", added, by=by)
    session.execute(
        text(
            "UPDATE payout_batches SET made_at = :now, made_by = CASE WHEN :by_system THEN made_by ELSE :name END,"
            " made_by_id = CASE WHEN :by_system THEN made_by_id ELSE :key END WHERE id = ANY(:ids)"
        ),
        {
            "now": clock.now(),
            "by_system": by.has(Role.SYSTEM),
            "name": by.username,
            "key": by.user_id,
            "ids": drafts,
        },
    )
    _fill(session, [*drafts, *added])
    return Made([*drafts, *added], left_out)


def _check_request(session: Session, request: ListRequest, by: Actor) -> Area:
    if not by.has(Role.CLERK, Role.SYSTEM):
        raise NotAClerk
    if request.kind not in BATCH_KINDS:
        raise BadInput("Loại danh sách không hợp lệ.", field="kind")
    if not date(2000, 1, 1) <= request.month <= dates.add_months(clock.today(), 13):
        raise BadInput("Kỳ chi trả không hợp lệ.", field="month")
    area = session.get(Area, request.area_id)
    if area is None or not by.may_see(area.path):
        raise NotFound
    return area


def _compute(session: Session, path: str, period: Period, kind: str) -> None:
    low, high = bounds_of(path)
    session.execute(text("SET LOCAL work_mem = '64MB'"))  # a province's lines are sorted in memory
    # arrears are approved and taken back before or after, never between reading what is owed and tying it to lines
    session.execute(text("SELECT pg_advisory_xact_lock_shared(hashtext('arrears_owed'))"))
    last = date.fromordinal(dates.add_months(period.month, 1).toordinal() - 1)
    scope.prepare(session, low, high, month=period.month, known_on=clock.today())
    # Of a person who has moved in, money of the old area's lists must be seen: the bounds limit the people, not the lists.
    with acting_as(SYSTEM):
        candidates.compute(session, low, high, month=period.month, last=last, period_id=period.id, kind=kind)


def _names(session: Session, sql: str, **facts: object) -> list[str]:
    return list(session.execute(text(sql), facts).scalars())


def _shown(areas: list[str]) -> str:
    more = f" … (+{len(areas) - 5})" if len(areas) > 5 else ""
    return ", ".join(areas[:5]) + more


def _check_settings(session: Session) -> None:
    lacking = _names(
        session,
        "SELECT full_name FROM make_area a JOIN areas x ON x.id = a.commune_id WHERE paying_id IS NULL"
        " OR through_agency IS NULL OR monthly_vnd IS NULL OR pension_vnd IS NULL OR funeral_vnd IS NULL ORDER BY code",
    )
    if lacking:
        raise SettingsMissing(areas=_shown(lacking))


def _check_contracts(session: Session) -> None:
    lacking = _names(
        session,
        "SELECT DISTINCT paying_name || ' (' || method || ')' FROM make_line"
        " WHERE through_agency AND agency_id IS NULL ORDER BY 1",
    )
    if lacking:
        raise ContractMissing(areas=_shown(lacking))


def _leave_out(session: Session, period: Period, kind: str) -> list[tuple[str, RuleBroken]]:
    """Remove from `make_line` the paying areas that cannot have a list now; says which and why."""
    left_out: list[tuple[str, RuleBroken]] = []
    open_before = _names(
        session,
        "SELECT DISTINCT m.paying_name FROM make_area m JOIN area_periods a ON a.area_id = m.paying_id"
        " JOIN periods p ON p.id = a.period_id WHERE a.state = 'open' AND p.month < m.group_month ORDER BY 1",
    )
    left_out += [(name, PreviousPeriodOpen(areas=name)) for name in open_before]
    if kind == "supplementary":
        existing = _names(
            session,
            "SELECT DISTINCT m.paying_name FROM make_area m JOIN payout_batches b ON b.area_id = m.paying_id"
            " WHERE b.period_id = :period AND b.kind = :kind AND b.state = 'draft' ORDER BY 1",
            period=period.id,
            kind=kind,
        )
    else:
        existing = _names(
            session,
            "SELECT DISTINCT m.paying_name FROM make_area m JOIN payout_batches b ON b.area_id = m.paying_id"
            " WHERE b.period_id = :period AND b.kind = :kind AND b.state <> 'cancelled' ORDER BY 1",
            period=period.id,
            kind=kind,
        )
    shown = dates.format_month(period.month)
    left_out += [(name, ListExists(period=shown, areas=name)) for name in existing if name not in open_before]
    known = {name for name, _why in left_out}
    over = _names(
        session,
        "SELECT DISTINCT m.paying_name FROM make_area m JOIN area_periods a ON a.area_id = m.paying_id"
        " WHERE a.state = 'closed' AND a.period_id = :period ORDER BY 1",
        period=period.id,
    )
    left_out += [(name, PeriodClosed(period=shown, areas=name)) for name in over if name not in known]
    if left_out:
        session.execute(
            text("DELETE FROM make_line WHERE paying_name = ANY(:names)"), {"names": [name for name, _why in left_out]}
        )
    return left_out


def _leave_to_fixed_lists(session: Session, period: Period, kind: str) -> list[tuple[str, RuleBroken]]:
    """Remove from `make_line` who belongs to a list that can no longer change; says of how many nobody knew."""
    if kind == "supplementary":
        return []
    rows = session.execute(
        text(
            "WITH gone AS (DELETE FROM make_line m USING payout_batches b WHERE b.area_id = m.paying_id"
            "   AND b.agency_id IS NOT DISTINCT FROM m.agency_id AND b.period_id = :period AND b.kind = :kind"
            "   AND b.state NOT IN ('draft', 'cancelled') RETURNING m.paying_name, m.entitlement_id, b.id, b.code)"
            " SELECT paying_name, code, count(*) AS count FROM gone WHERE NOT EXISTS (SELECT 1 FROM payout_lines l"
            "   WHERE l.batch_id = gone.id AND l.entitlement_id = gone.entitlement_id)"
            " GROUP BY paying_name, code ORDER BY code"
        ),
        {"period": period.id, "kind": kind},
    )
    return [(row.paying_name, OtherListFixed(count=row.count, code=row.code)) for row in rows]


def _insert_batches(
    session: Session, period: Period, kind: str, by: Actor, *, beside: list[int] | None = None
) -> list[int]:
    """One list for each paying area and agency that `make_line` needs and that is not among `beside`."""
    rows = session.execute(
        text(
            "INSERT INTO payout_batches (code, area_id, period_id, kind, agency_id, contract_id, seq, made_by_id,"
            " made_by, made_at, group_month)"
            " SELECT 'CT-' || :yyyymm || '-' || a.code || '-' || :letter || CASE WHEN n.seq > 1 THEN n.seq::text ELSE '' END,"
            "        a.id, :period, :kind, n.agency_id, n.contract_id, n.seq, :by_id, :by, :now, n.group_month"
            "   FROM ("
            "     SELECT w.*, row_number() OVER (PARTITION BY w.paying_id ORDER BY w.agency_id NULLS FIRST)"
            "            + coalesce((SELECT max(seq) FROM payout_batches b WHERE b.area_id = w.paying_id"
            "                          AND b.period_id = :period AND b.kind = :kind), 0) AS seq"
            "       FROM (SELECT paying_id, agency_id, min(contract_id) AS contract_id, min(group_month) AS group_month"
            "               FROM make_line"
            "              GROUP BY paying_id, agency_id) w"
            "      WHERE NOT EXISTS (SELECT 1 FROM payout_batches b WHERE b.id = ANY(:beside)"
            "                           AND b.area_id = w.paying_id AND b.agency_id IS NOT DISTINCT FROM w.agency_id)"
            "   ) n JOIN areas a ON a.id = n.paying_id"
            " RETURNING id"
        ),
        {
            "yyyymm": f"{period.month:%Y%m}",
            "letter": KIND_LETTERS[kind],
            "period": period.id,
            "kind": kind,
            "by_id": by.user_id,
            "by": by.username,
            "now": clock.now(),
            "beside": beside or [],
        },
    )
    return sorted(row.id for row in rows)


def _fill(session: Session, batch_ids: list[int]) -> None:
    """Write the lines of drafts from `make_line`, attach earlier money, sum up, check."""
    _table_of_excluded(session)
    session.execute(text("ANALYZE make_excluded"))  # mostly empty; unknown, all lines would be hashed to look it up
    session.execute(text(_INSERT_LINES), {"ids": batch_ids})
    attach_money(session, batch_ids)
    withholding.attach(session, batch_ids)
    write_totals(session, batch_ids)
    session.execute(text("DROP TABLE IF EXISTS make_excluded"))
    checks.check(session, batch_ids)
    session.expire_all()


_INSERT_LINES = """
INSERT INTO payout_lines (batch_id, area_path, agency_id, period_id, no, reference, entitlement_id, beneficiary_id,
    beneficiary_code, full_name, name_fold, birth, hamlet, benefit_type_id, payee_kind, payee_name, method, account_no,
    account_holder, bank_code, payee_fa, standard_vnd, coefficient, units, benefit_vnd, arrears_vnd, carried_vnd,
    total_vnd, live, excluded_reason, excluded_by)
SELECT b.id, m.area_path, m.agency_id, b.period_id,
       row_number() OVER (PARTITION BY b.id ORDER BY m.area_path, m.hamlet, m.name_sort, m.code, m.entitlement_id),
       to_char(p.month, 'YYYYMM') || '-' || m.entitlement_id, m.entitlement_id, m.beneficiary_id, m.code, m.full_name,
       m.name_fold, m.birth, m.hamlet, m.benefit_type_id, m.payee_kind, m.payee_name, m.method, m.account_no, m.holder,
       m.bank_code,
       CASE m.method WHEN 'bank' THEN 'account:' || coalesce(m.account_no, '') || '@' || lower(coalesce(m.bank_code, ''))
            WHEN 'wallet' THEN 'wallet:' || coalesce(m.account_no, '') || '@' || lower(coalesce(m.bank_code, ''))
            ELSE 'cash:' || m.code || '@' || m.agency_code END,
       m.standard_vnd, m.coefficient, m.units, m.benefit_vnd, m.arrears_vnd, m.carried_vnd,
       m.benefit_vnd + m.arrears_vnd + m.carried_vnd, x.entitlement_id IS NULL, x.reason, x.by_name
  FROM payout_batches b
  JOIN periods p ON p.id = b.period_id
  JOIN make_line m ON m.paying_id = b.area_id AND m.agency_id IS NOT DISTINCT FROM b.agency_id
  LEFT JOIN make_excluded x ON x.entitlement_id = m.entitlement_id
 WHERE b.id = ANY(:ids)
"""


def _table_of_excluded(session: Session) -> None:
    session.execute(
        text(
            "CREATE TEMPORARY TABLE IF NOT EXISTS make_excluded"
            " (entitlement_id bigint, reason text, by_name text) ON COMMIT DROP"
        )
    )


def _remember_excluded(session: Session, batch_ids: list[int]) -> None:
    _table_of_excluded(session)
    session.execute(
        text(
            "INSERT INTO make_excluded SELECT entitlement_id, excluded_reason, excluded_by FROM payout_lines"
            " WHERE batch_id = ANY(:ids) AND NOT live"
        ),
        {"ids": batch_ids},
    )


def _drafts_beside(session: Session, batch: PayoutBatch) -> list[int]:
    statement = select(PayoutBatch.id).where(
        PayoutBatch.area_id == batch.area_id,
        PayoutBatch.period_id == batch.period_id,
        PayoutBatch.kind == batch.kind,
        PayoutBatch.state == "draft",
    )
    return sorted(session.scalars(statement))


def _paying_areas(session: Session, batch_ids: list[int]) -> list[int]:
    return list(session.scalars(select(PayoutBatch.area_id).where(PayoutBatch.id.in_(batch_ids)).distinct()))
