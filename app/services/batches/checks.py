"""Checks of a draft before it is locked: each finding is blocking or a warning, and points at its line."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.rules.states import N_


@dataclass(frozen=True, slots=True)
class Check:
    """One check: SQL selecting (batch_id, line_id, area_path, facts) for the lists `:ids`, and its words."""

    code: str
    severity: str
    label: str
    advice: str
    sql: str


_LIVE = "FROM payout_lines l WHERE l.batch_id = ANY(:ids) AND l.live"

CHECKS: tuple[Check, ...] = (
    Check(
        "account_missing",
        "blocking",
        N_("Thiếu số tài khoản hoặc ví của người nhận"),
        N_("Bổ sung thông tin nhận tiền rồi lập lại danh sách, hoặc đưa người này ra khỏi danh sách."),
        f"SELECT l.batch_id, l.id, l.area_path, '{{}}'::jsonb {_LIVE}"
        " AND l.method <> 'cash' AND (l.account_no IS NULL OR l.bank_code IS NULL)",
    ),
    Check(
        "authorisation_expired",
        "blocking",
        N_("Giấy ủy quyền đã hết hạn"),
        N_("Cập nhật người nhận rồi lập lại danh sách, hoặc đưa người này ra khỏi danh sách."),
        "SELECT l.batch_id, l.id, l.area_path, jsonb_build_object('valid_to', to_char(y.valid_to, 'DD/MM/YYYY'))"
        "  FROM payout_lines l JOIN periods p ON p.id = l.period_id"
        "  JOIN payees y ON y.beneficiary_id = l.beneficiary_id AND y.is_current AND y.valid_to < p.month"
        " WHERE l.batch_id = ANY(:ids) AND l.live",
    ),
    Check(
        "zero_amount",
        "blocking",
        N_("Số tiền bằng 0"),
        N_("Kiểm tra hệ số và mức chuẩn, hoặc đưa người này ra khỏi danh sách."),
        f"SELECT l.batch_id, l.id, l.area_path, '{{}}'::jsonb {_LIVE} AND l.total_vnd = 0",
    ),
    Check(
        "double_by_id",
        "blocking",
        N_("Trùng số định danh với đối tượng khác cùng nhận tiền trong kỳ"),
        N_("Một người chỉ có một hồ sơ: đưa dòng của hồ sơ trùng ra khỏi danh sách."),
        "SELECT l.batch_id, l.id, l.area_path, jsonb_build_object('other', o.code)"
        "  FROM payout_lines l JOIN beneficiaries b ON b.id = l.beneficiary_id AND b.id_number IS NOT NULL"
        "  JOIN beneficiaries o ON o.id_number = b.id_number AND o.id <> b.id"
        " WHERE l.batch_id = ANY(:ids) AND l.live AND EXISTS (SELECT 1 FROM payout_lines x"
        "   JOIN entitlements e ON e.id = x.entitlement_id"
        "  WHERE e.beneficiary_id = o.id AND x.period_id = l.period_id AND x.live)",
    ),
    Check(
        "double_by_name",
        "warning",
        N_("Trùng họ tên, ngày sinh và thôn với đối tượng khác"),
        N_("Kiểm tra xem hai hồ sơ có phải là một người không."),
        "SELECT batch_id, id, area_path, jsonb_build_object('people', people) FROM ("
        "  SELECT l.batch_id, l.id, l.area_path, l.beneficiary_id,"
        "         min(l.beneficiary_id) OVER same <> max(l.beneficiary_id) OVER same AS several, count(*) OVER same AS people"
        f"   {_LIVE} WINDOW same AS (PARTITION BY l.area_path, l.name_fold, l.birth, l.hamlet)) d WHERE several",
    ),
    Check(
        "age_reached",
        "warning",
        N_("Đã quá tuổi của nhóm hưởng"),
        N_("Kiểm tra chính sách: có thể phải dừng hoặc chuyển nhóm."),
        "SELECT l.batch_id, l.id, l.area_path, jsonb_build_object('age_to', t.age_to)"
        "  FROM payout_lines l JOIN periods p ON p.id = l.period_id"
        "  JOIN benefit_types t ON t.id = l.benefit_type_id AND t.age_to IS NOT NULL"
        "  JOIN beneficiaries b ON b.id = l.beneficiary_id"
        " WHERE l.batch_id = ANY(:ids) AND l.live AND l.benefit_vnd > 0"
        "   AND (b.birth_year + t.age_to + 1) * 12 + coalesce(b.birth_month, 12)"
        "       <= extract(year FROM p.month) * 12 + extract(month FROM p.month)",
    ),
    Check(
        "unusual_amount",
        "warning",
        N_("Trợ cấp thay đổi bất thường so với kỳ trước"),
        N_("Kiểm tra quyết định và hệ số."),
        "SELECT l.batch_id, l.id, l.area_path, jsonb_build_object('before', o.benefit_vnd, 'now', l.benefit_vnd)"
        "  FROM payout_lines l JOIN periods p ON p.id = l.period_id"
        "  JOIN periods q ON q.month = (p.month - interval '1 month')::date"
        "  JOIN payout_lines o ON o.entitlement_id = l.entitlement_id AND o.period_id = q.id AND o.live"
        " WHERE l.batch_id = ANY(:ids) AND l.live AND o.benefit_vnd > 0 AND l.benefit_vnd > 0"
        "   AND abs(l.benefit_vnd - o.benefit_vnd) * 100 > o.benefit_vnd * ("
        "     SELECT s.unusual_change_percent FROM payment_settings s"
        "      WHERE starts_with(l.area_path, s.area_path) AND s.valid_from <= p.month"
        "        AND s.unusual_change_percent IS NOT NULL"
        "      ORDER BY length(s.area_path) DESC, s.valid_from DESC LIMIT 1)",
    ),
)

LABELS = {check.code: check.label for check in CHECKS}
ADVICE = {check.code: check.advice for check in CHECKS}


def check(session: Session, batch_ids: list[int]) -> dict[str, int]:
    """Run every check on the lists and replace their findings; returns how many of each severity were found."""
    facts = {"ids": batch_ids}
    session.execute(text("DELETE FROM batch_findings WHERE batch_id = ANY(:ids)"), facts)
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
