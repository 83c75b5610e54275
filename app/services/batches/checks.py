"""Checks of a draft before it is locked: each finding is blocking or a warning, and points at its line."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.extensions import acting_as, current_actor
from app.rules.actors import SYSTEM
from app.rules.states import N_


@dataclass(frozen=True, slots=True)
class Check:
    """One check: SQL selecting (batch_id, line_id, area_path, facts) from `check_line`, and its words."""

    code: str
    severity: str
    label: str
    advice: str
    sql: str


# The live lines of the lists, read once. The planner knows nothing yet of lines just made, and would look up each one
# in every check; a temporary table can be analysed, which an ordinary one cannot by a role that does not own it.
_CHECK_LINE = """
CREATE TEMPORARY TABLE check_line ON COMMIT DROP AS
SELECT l.id, l.batch_id, l.area_path, l.period_id, p.month, q.id AS before_id, l.beneficiary_id, l.entitlement_id,
       l.benefit_type_id, l.method, l.account_no, l.bank_code, l.benefit_vnd, l.total_vnd, l.name_fold, l.birth, l.hamlet,
       b.id_number, b.birth_year, b.birth_month
  FROM payout_lines l
  LEFT JOIN beneficiaries b ON b.id = l.beneficiary_id
  JOIN periods p ON p.id = l.period_id
  LEFT JOIN periods q ON q.month = (p.month - interval '1 month')::date
 WHERE l.batch_id = ANY(:ids) AND l.live
"""
_KNOWN = "beneficiary_id, entitlement_id, before_id, benefit_type_id, benefit_vnd, id_number"

CHECKS: tuple[Check, ...] = (
    Check(
        "account_missing",
        "blocking",
        N_("Thiếu số tài khoản hoặc ví của người nhận"),
        N_("Bổ sung thông tin nhận tiền rồi lập lại danh sách, hoặc đưa người này ra khỏi danh sách."),
        "SELECT l.batch_id, l.id, l.area_path, '{}'::jsonb FROM check_line l"
        " WHERE l.method <> 'cash' AND (l.account_no IS NULL OR l.bank_code IS NULL)",
    ),
    Check(
        "authorisation_expired",
        "blocking",
        N_("Giấy ủy quyền đã hết hạn"),
        N_("Cập nhật người nhận rồi lập lại danh sách, hoặc đưa người này ra khỏi danh sách."),
        "SELECT l.batch_id, l.id, l.area_path, jsonb_build_object('valid_to', to_char(y.valid_to, 'DD/MM/YYYY'))"
        "  FROM check_line l"
        "  JOIN payees y ON y.beneficiary_id = l.beneficiary_id AND y.is_current AND y.valid_to IS NOT NULL"
        " WHERE y.valid_to < l.month",
    ),
    Check(
        "suspended",
        "blocking",
        N_("Đối tượng đã bị tạm dừng sau khi lập danh sách"),
        N_("Lập lại danh sách, hoặc đưa người này ra khỏi danh sách."),
        "SELECT l.batch_id, l.id, l.area_path, '{}'::jsonb FROM check_line l"
        "  JOIN beneficiaries b ON b.id = l.beneficiary_id AND b.status = 'suspended'",
    ),
    Check(
        "zero_amount",
        "blocking",
        N_("Số tiền bằng 0"),
        N_("Kiểm tra hệ số và mức chuẩn, hoặc đưa người này ra khỏi danh sách."),
        "SELECT l.batch_id, l.id, l.area_path, '{}'::jsonb FROM check_line l WHERE l.total_vnd = 0",
    ),
    Check(
        "double_by_id",
        "blocking",
        N_("Trùng số định danh với đối tượng khác cùng nhận tiền trong kỳ"),
        N_("Một người chỉ có một hồ sơ: đưa dòng của hồ sơ trùng ra khỏi danh sách."),
        # the scalar subquery keeps the planner from joining every line of the period before it looks at the few pairs
        "WITH pairs AS MATERIALIZED (SELECT l.batch_id, l.id, l.area_path, l.period_id, o.id AS other_id,"
        "        CASE WHEN o.area_path >= :low AND o.area_path < :high THEN o.code"
        "             ELSE (SELECT full_name FROM areas WHERE id = o.area_id) END AS other"
        "   FROM check_line l JOIN beneficiaries o ON o.id_number = l.id_number AND o.id <> l.beneficiary_id)"
        " SELECT p.batch_id, p.id, p.area_path, jsonb_build_object('other', p.other) FROM pairs p"
        "  WHERE (SELECT true FROM entitlements e JOIN payout_lines x ON x.entitlement_id = e.id"
        "          WHERE e.beneficiary_id = p.other_id AND x.period_id = p.period_id AND x.live LIMIT 1)",
    ),
    Check(
        "double_by_name",
        "warning",
        N_("Trùng họ tên, ngày sinh và thôn với đối tượng khác"),
        N_("Kiểm tra xem hai hồ sơ có phải là một người không."),
        # namesakes are found by a hash first; counting them needs a sort, of the few
        "WITH alike AS MATERIALIZED (SELECT area_path, name_fold, birth, hamlet FROM check_line"
        "   GROUP BY area_path, name_fold, birth, hamlet HAVING min(beneficiary_id) <> max(beneficiary_id)),"
        " namesakes AS MATERIALIZED (SELECT l.* FROM check_line l JOIN alike USING (area_path, name_fold, birth, hamlet))"
        " SELECT l.batch_id, l.id, l.area_path, jsonb_build_object('people', d.people) FROM namesakes l JOIN ("
        "  SELECT area_path, name_fold, birth, hamlet, count(DISTINCT beneficiary_id) AS people FROM namesakes"
        "   GROUP BY area_path, name_fold, birth, hamlet) d USING (area_path, name_fold, birth, hamlet)",
    ),
    Check(
        "age_reached",
        "warning",
        N_("Đã quá tuổi của nhóm hưởng"),
        N_("Kiểm tra chính sách: có thể phải dừng hoặc chuyển nhóm."),
        "SELECT l.batch_id, l.id, l.area_path, jsonb_build_object('age_to', t.age_to)"
        "  FROM check_line l"
        "  JOIN benefit_types t ON t.id = l.benefit_type_id AND t.age_to IS NOT NULL"
        " WHERE l.benefit_vnd > 0 AND (l.birth_year + t.age_to + 1) * 12 + coalesce(l.birth_month, 12)"
        "       <= extract(year FROM l.month) * 12 + extract(month FROM l.month)",
    ),
    Check(
        "unusual_amount",
        "warning",
        N_("Trợ cấp thay đổi bất thường so với kỳ trước"),
        N_("Kiểm tra quyết định và hệ số."),
        "WITH limits AS MATERIALIZED (SELECT area_path, month, (SELECT s.unusual_change_percent FROM payment_settings s"
        "    WHERE starts_with(d.area_path, s.area_path) AND s.valid_from <= d.month"
        "      AND s.unusual_change_percent IS NOT NULL"
        "    ORDER BY length(s.area_path) DESC, s.valid_from DESC LIMIT 1) AS most"
        "   FROM (SELECT DISTINCT area_path, month FROM check_line) d)"
        " SELECT l.batch_id, l.id, l.area_path, jsonb_build_object('before', o.benefit_vnd, 'now', l.benefit_vnd)"
        "   FROM check_line l JOIN limits USING (area_path, month)"
        "   JOIN payout_lines o ON o.entitlement_id = l.entitlement_id AND o.period_id = l.before_id AND o.live"
        "  WHERE o.benefit_vnd > 0 AND l.benefit_vnd > 0"
        "    AND abs(l.benefit_vnd - o.benefit_vnd) * 100 > o.benefit_vnd * limits.most",
    ),
)

LABELS = {check.code: check.label for check in CHECKS}
ADVICE = {check.code: check.advice for check in CHECKS}


def check(session: Session, batch_ids: list[int]) -> dict[str, int]:
    """Run every check on the lists and replace their findings; returns how many of each severity were found.

    A double registration is looked for everywhere, also where the actor sees nothing; of a person out of scope the
    finding names the area and no more.
    """
    low, high = current_actor().bounds
    facts = {"ids": batch_ids, "low": low, "high": high}
    session.execute(text("DELETE FROM batch_findings WHERE batch_id = ANY(:ids)"), facts)
    session.execute(text("DROP TABLE IF EXISTS check_line"))
    session.execute(text(_CHECK_LINE), facts)
    session.execute(text("SET LOCAL default_statistics_target = 10"))  # 3.000 rows tell enough
    session.execute(text(f"ANALYZE check_line ({_KNOWN})"))
    with acting_as(SYSTEM):
        for item in CHECKS:
            session.execute(
                text(
                    "INSERT INTO batch_findings (batch_id, line_id, area_path, facts, code, severity)"
                    f" SELECT x.*, '{item.code}', '{item.severity}' FROM ({item.sql}) x"
                ),
                facts,
            )
    rows = session.execute(
        text("SELECT severity, count(*) AS n FROM batch_findings WHERE batch_id = ANY(:ids) GROUP BY severity"), facts
    )
    return {"blocking": 0, "warning": 0} | {row.severity: row.n for row in rows}
