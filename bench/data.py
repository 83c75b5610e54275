"""A province's registry and its settled past, written set by set as its services would have left them; same every time."""

from __future__ import annotations

from datetime import date
from itertools import product
from typing import Any

import psycopg

from app.rules import dates, names

PROVINCE = "25"
PATH = f"VN/{PROVINCE}/"
MONTH = date(2026, 11, 1)
"""The period whose lists are made; everything before it is settled and closed."""

MADE_ON = date(2026, 10, 20)
"""The day on which the measured month is played."""

_FAMILIES = "Nguyễn Trần Lê Phạm Hoàng Huỳnh Phan Vũ Võ Đặng Bùi Đỗ Hồ Ngô Dương Lý Hà Quách Bạch Đinh"
_MIDDLES = "Thị Văn Đức Ngọc Hữu Xuân Minh Quang Thanh Đình Thu Kim Công Bá Mai Hồng Tiến Như Thế Gia"
_GIVEN = (
    "An Anh Bình Bích Chi Cúc Cường Dung Dũng Duyên Đào Đạt Giang Hà Hải Hạnh Hằng Hiền Hiếu Hoa Hoà Hồng Huệ Hùng"
    " Hương Huyền Khánh Lan Liên Loan Long Lý Mai Minh Nam Nga Ngân Nhung Oanh Phúc Phương Quang Quý Sơn Tâm Thảo"
    " Thắng Thành Thuý Thủy Tiến Trang Tuấn Tùng Tuyết Tư Út Vân Việt Xuân Yến"
)

_CONTRACTS = """
INSERT INTO agencies (code, name, kind, base_url)
VALUES ('vnpost', 'Tổng công ty Bưu điện Việt Nam', 'post', 'http://127.0.0.1:9');
INSERT INTO agency_contracts (contract_no, agency_id, area_id, area_path, method, fee_percent, valid_from)
SELECT 'HĐ-' || m, g.id, a.id, a.path, m, 0.8, DATE '2025-07-01'
  FROM agencies g, areas a, unnest(ARRAY['cash', 'bank', 'wallet']) m WHERE a.code = 'VN';
"""

# A pseudo-random number in [0, 1) of a row, the same every time.
_DICE = """
CREATE FUNCTION pg_temp.dice(n bigint, salt int) RETURNS float8 IMMUTABLE LANGUAGE sql RETURN
    (hashint8extended(n, salt) & 2147483647) / 2147483648.0::float8
"""

# The largest commune is some five times the smallest. People past `lines` are suspended, dead, moved, or their
# entitlement has ended: they never come into a list.
_PEOPLE = """
CREATE TEMPORARY TABLE person AS
SELECT g.n, c.id AS area_id, c.path, f.full_name, f.name_fold, f.name_sort, g.n < %(lines)s AS eligible,
       'Thôn ' || 1 + floor(pg_temp.dice(g.n, 2) * 12) AS hamlet,
       (CASE WHEN g.n %% 20 < 10 THEN 1936 + pg_temp.dice(g.n, 3) * 10 WHEN g.n %% 20 < 14 THEN 1948 + pg_temp.dice(g.n, 3) * 18
             WHEN g.n %% 20 < 18 THEN 1968 + pg_temp.dice(g.n, 3) * 40 ELSE 2013 + pg_temp.dice(g.n, 3) * 10 END)::int AS born
  FROM generate_series(0, %(people)s - 1) g(n)
  JOIN (SELECT id, path, row_number() OVER (ORDER BY path) - 1 AS place, count(*) OVER () AS communes
          FROM areas WHERE level = 'commune' AND path >= 'VN/25/' AND path < 'VN/250') c
    ON c.place = floor(c.communes * power(pg_temp.dice(g.n, 1), 1.5))
  JOIN spelled f ON f.n = floor(pg_temp.dice(g.n, 4) * (SELECT count(*) FROM spelled))
"""

_REGISTRY = (
    """
INSERT INTO beneficiaries (code, area_id, area_path, full_name, name_fold, name_sort, sex, birth_year, birth_month,
    birth_day, id_number, hamlet, status, died_on)
SELECT 'DT' || lpad(n::text, 8, '0'), area_id, path, full_name, name_fold, name_sort,
       CASE WHEN name_fold LIKE '%% thi %%' THEN 'female' ELSE 'male' END, born,
       CASE WHEN n %% 3 > 0 THEN 1 + n %% 12 END, CASE WHEN n %% 3 > 0 THEN 1 + n %% 28 END,
       CASE WHEN n %% 10 > 0 THEN '0' || lpad((25000000000 + n)::text, 11, '0') END, hamlet,
       CASE WHEN eligible OR n %% 2 = 0 THEN 'active' WHEN n %% 3 = 0 THEN 'suspended' ELSE 'dead' END,
       CASE WHEN NOT eligible AND n %% 2 > 0 AND n %% 3 > 0 THEN DATE '2026-08-15' END
  FROM person ORDER BY n
""",
    """
INSERT INTO payees (beneficiary_id, area_path, kind, full_name, valid_from)
SELECT b.id, b.area_path, CASE WHEN birth_year > 2010 THEN 'guardian' WHEN b.id %% 15 = 0 THEN 'carer' ELSE 'self' END,
       b.full_name, DATE '2025-07-01' FROM beneficiaries b ORDER BY b.id
""",
    """
INSERT INTO payment_methods (payee_id, area_path, kind, account_no, holder, bank_code, wallet_kind, wallet_phone)
SELECT p.id, p.area_path, k.kind, CASE k.kind WHEN 'bank' THEN (1000000000 + p.id)::text END,
       CASE WHEN k.kind <> 'cash' THEN upper(b.name_fold) END, CASE k.kind WHEN 'bank' THEN 'BIDV' END,
       CASE k.kind WHEN 'wallet' THEN 'VIETTELMONEY' END,
       CASE k.kind WHEN 'wallet' THEN '09' || lpad((p.id %% 100000000)::text, 8, '0') END
  FROM payees p JOIN beneficiaries b ON b.id = p.beneficiary_id,
       LATERAL (SELECT CASE WHEN p.id %% 100 < 35 THEN 'bank' WHEN p.id %% 100 < 38 THEN 'wallet' ELSE 'cash' END) k(kind)
 ORDER BY p.id
""",
    """
INSERT INTO entitlements (beneficiary_id, area_path, benefit_type_id, coefficient, decision_no, starts_on, ends_on)
SELECT b.id, b.area_path, t.id, r.coefficient, b.id %% 900 || '/QĐ-UBND', DATE '2025-07-01',
       CASE WHEN NOT p.eligible AND b.status = 'active' THEN DATE '2026-06-30' END
  FROM beneficiaries b JOIN person p ON 'DT' || lpad(p.n::text, 8, '0') = b.code
  JOIN benefit_types t ON t.code = CASE WHEN p.born > 2010 THEN (ARRAY['TG02', 'TG16'])[1 + p.n %% 2]
       WHEN p.born > 1966 THEN 'TG15' WHEN p.born > 1946 THEN (ARRAY['TG07', 'TG17'])[1 + p.n %% 2]
       ELSE (ARRAY['TG08', 'TG10', 'TG17'])[1 + p.n %% 3] END
  JOIN benefit_rates r ON r.benefit_type_id = t.id
 ORDER BY b.id
""",
    # one in fifty holds a second, lower entitlement: only the higher one is paid
    """
INSERT INTO entitlements (beneficiary_id, area_path, benefit_type_id, coefficient, decision_no, starts_on)
SELECT e.beneficiary_id, e.area_path, t.id, 1.0, 'II/QĐ-UBND', DATE '2025-07-01'
  FROM entitlements e JOIN benefit_types t ON t.code = 'TG20'
 WHERE e.id %% 50 = 0 AND e.coefficient > 1 AND e.ends_on IS NULL
""",
)

_PAST_BATCHES = """
WITH made AS (
    INSERT INTO payout_batches (code, area_id, area_path, period_id, kind, agency_id, contract_id, seq, state, made_by,
        locked_by, locked_at, closed_by, closed_at)
    SELECT 'CT-' || %(yyyymm)s || '-' || a.code || '-M', a.id, a.path, %(period)s, 'monthly', c.agency_id, c.id, 1,
           'settled', 'xa.canbo', 'xa.lanhdao', now(), 'xa.ketoan', now()
      FROM areas a, (SELECT * FROM agency_contracts WHERE method = 'cash') c
     WHERE a.level = 'commune' AND a.path >= 'VN/25/' AND a.path < 'VN/250'
    RETURNING id
)
SELECT count(*) FROM made
"""

# One in 67 is not paid, other people every month; the next month carries their money.
_PAST_LINES = """
INSERT INTO payout_lines (batch_id, area_path, agency_id, period_id, no, reference, entitlement_id, beneficiary_id,
    beneficiary_code, full_name, name_fold, birth, hamlet, benefit_type_id, payee_kind, payee_name, method, account_no,
    account_holder, bank_code, payee_fa, standard_vnd, coefficient, benefit_vnd, carried_vnd, total_vnd, result,
    result_reason, result_at)
SELECT l.id, e.area_path, l.agency_id, l.period_id,
       row_number() OVER (PARTITION BY l.id ORDER BY b.hamlet, b.name_sort, b.code, e.id),
       %(yyyymm)s || '-' || e.id, e.id, b.id, b.code, b.full_name, b.name_fold,
       concat_ws('/', lpad(b.birth_day::text, 2, '0'), lpad(b.birth_month::text, 2, '0'), b.birth_year), b.hamlet,
       e.benefit_type_id, p.kind, p.full_name, m.kind, coalesce(m.account_no, m.wallet_phone), m.holder,
       coalesce(m.bank_code, m.wallet_kind),
       CASE m.kind WHEN 'cash' THEN 'cash:' || b.code || '@vnpost' ELSE 'account:' || m.id || '@bidv' END,
       500000, e.coefficient, e.coefficient * 500000, x.carried, e.coefficient * 500000 + x.carried,
       CASE WHEN e.id %% 67 = %(turn)s %% 67 THEN 'unpaid' ELSE 'paid' END,
       CASE WHEN e.id %% 67 = %(turn)s %% 67 THEN 'ABSENT' END, now()
  FROM payout_batches l JOIN beneficiaries b ON b.area_id = l.area_id
  JOIN entitlements e ON e.beneficiary_id = b.id AND e.ends_on IS NULL AND e.decision_no <> 'II/QĐ-UBND'
  JOIN payees p ON p.beneficiary_id = b.id JOIN payment_methods m ON m.payee_id = p.id,
  LATERAL (SELECT CASE WHEN e.id %% 67 = (%(turn)s - 1) %% 67 AND %(turn)s > 0
                       THEN (e.coefficient * 500000)::bigint ELSE 0 END) x(carried)
 WHERE l.period_id = %(period)s AND b.status = 'active'
 ORDER BY l.id, 5
"""

_PAST_TOTALS = """
UPDATE payout_batches b SET people_count = x.n, line_count = x.n, benefit_vnd = x.benefit, carried_vnd = x.carried,
       total_vnd = x.total
  FROM (SELECT batch_id, count(*) AS n, sum(benefit_vnd) AS benefit, sum(carried_vnd) AS carried, sum(total_vnd) AS total
          FROM payout_lines WHERE period_id = %(period)s GROUP BY batch_id) x
 WHERE b.id = x.batch_id
"""

_PAST_CARRIED = """
INSERT INTO carry_overs (from_line_id, to_line_id, area_path, amount_vnd)
SELECT u.id, l.id, l.area_path, l.carried_vnd FROM payout_lines l
  JOIN payout_lines u ON u.entitlement_id = l.entitlement_id AND u.period_id = %(before)s
 WHERE l.period_id = %(period)s AND l.carried_vnd > 0
"""

# What the agency said of a settled month: a packet, its settlement and a record for each line. Only list screens read
# them, so the bytes of the packets are left out.
_PAST_SETTLED = (
    """
INSERT INTO packets (code, batch_id, agency_id, area_path, version, state, message_id, line_count, people_count, total_vnd,
    lines_sha256, body, body_sha256, queued_by, sent_at, answered_at)
SELECT code || '-V1', id, agency_id, area_path, 1, 'settled', code || '-V1-bench', line_count, people_count, total_vnd,
       'bench', '{}', 'bench', 'xa.canbo', now(), now() FROM payout_batches WHERE period_id = %(period)s
""",
    """
INSERT INTO settlements (packet_id, batch_id, agency_id, area_path, period_id, state, due_on, sent_count, sent_vnd,
    paid_count, paid_vnd, unpaid_count, unpaid_vnd, locked_by, locked_at)
SELECT p.id, p.batch_id, p.agency_id, p.area_path, %(period)s, 'locked', %(month)s, p.line_count, p.total_vnd, x.paid,
       x.paid_vnd, x.unpaid, x.unpaid_vnd, 'xa.ketoan', now()
  FROM packets p JOIN (
    SELECT batch_id, count(*) FILTER (WHERE result = 'paid') AS paid, count(*) FILTER (WHERE result = 'unpaid') AS unpaid,
           coalesce(sum(total_vnd) FILTER (WHERE result = 'paid'), 0) AS paid_vnd,
           coalesce(sum(total_vnd) FILTER (WHERE result = 'unpaid'), 0) AS unpaid_vnd
      FROM payout_lines WHERE period_id = %(period)s GROUP BY batch_id) x ON x.batch_id = p.batch_id
""",
    """
INSERT INTO settlement_records (settlement_id, line_id, agency_id, area_path, reference, outcome, amount_vnd, reason_code,
    finding)
SELECT s.id, l.id, l.agency_id, l.area_path, l.reference, l.result, l.total_vnd, l.result_reason, 'matched'
  FROM settlements s JOIN payout_lines l ON l.batch_id = s.batch_id WHERE s.period_id = %(period)s ORDER BY l.id
""",
)

_PAST_PERIODS = """
INSERT INTO area_periods (area_id, area_path, period_id, state)
SELECT DISTINCT area_id, area_path, period_id, 'closed' FROM payout_batches
"""


def fill(admin: psycopg.Connection[Any], *, lines: int, months: int, settled: bool = False) -> None:
    """A province with `lines` payable lines a month and `months` closed periods before MONTH.

    `settled`: with the packets, settlements and records of those periods, too.
    """
    admin.execute("SET session_replication_role = replica")
    admin.execute("SET synchronous_commit = off")
    admin.execute(_CONTRACTS)
    admin.execute(_DICE)
    _spell(admin)
    admin.execute(_PEOPLE, {"lines": lines, "people": lines * 21 // 20})
    for statement in _REGISTRY:
        admin.execute(statement, {})
    before = None
    for turn in range(months):
        month = dates.add_months(MONTH, turn - months)
        before = _past_month(admin, turn, month, before=before)
        for statement in _PAST_SETTLED if settled else ():
            admin.execute(statement, {"period": before, "month": month})
    admin.execute(_PAST_PERIODS)
    admin.execute("VACUUM (ANALYZE, FREEZE)")
    admin.execute("CHECKPOINT")


def _spell(admin: psycopg.Connection[Any]) -> None:
    admin.execute("CREATE TEMPORARY TABLE spelled (n int, full_name text, name_fold text, name_sort text)")
    with admin.cursor() as cursor, cursor.copy("COPY spelled FROM STDIN") as copy:
        for n, parts in enumerate(product(_FAMILIES.split(), _MIDDLES.split(), _GIVEN.split())):
            name = " ".join(parts)
            copy.write_row((n, name, names.fold(name), names.sort_key(name)))


def _past_month(admin: psycopg.Connection[Any], turn: int, month: date, *, before: int | None) -> int:
    row = admin.execute("INSERT INTO periods (month) VALUES (%s) RETURNING id", [month]).fetchone()
    assert row is not None
    facts = {"period": row[0], "before": before, "turn": turn, "yyyymm": f"{month:%Y%m}"}
    for statement in (_PAST_BATCHES, _PAST_LINES, _PAST_TOTALS):
        admin.execute(statement, facts)
    if before is not None:
        admin.execute("ANALYZE payout_lines")  # or the join below is planned for an empty table
        admin.execute(_PAST_CARRIED, facts)
    return int(row[0])
