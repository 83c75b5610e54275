"""How people are paid, set for many at once: the current payee and payment method, replaced only where they differ.

Works on the temporary table `import_pay`: beneficiary_id, area_path, full_name, and what the file says of payee and
method; an empty value is one the file does not speak of.
"""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.imports import layouts
from app.imports.staging import Kind, add_findings, names_of_columns
from app.imports.table import WARNING, Finding, Parsed
from app.models import FileImport
from app.rules import dates, money, names
from app.rules.actors import Actor, Role, bounds_of
from app.services.registry import AUTHORISATION_MONTHS, NotAClerk

COLUMNS = """facts ->> 'payee_kind' AS payee_kind, facts ->> 'payee_name' AS payee_name,
       (facts ->> 'payee_until')::date AS payee_until, facts ->> 'method' AS method, facts ->> 'account_no' AS account_no,
       facts ->> 'holder' AS holder, facts ->> 'bank_code' AS bank_code, facts ->> 'bank_branch' AS bank_branch,
       facts ->> 'wallet_kind' AS wallet_kind, facts ->> 'wallet_phone' AS wallet_phone"""

# What becomes of payee and method. A new payee starts with the method the file gives, or with cash.
_WANTED = """
CREATE TEMPORARY TABLE import_paying ON COMMIT DROP AS
SELECT i.*, p.id AS payee_id, m.id AS method_id,
       p.id IS NULL OR (i.payee_kind IS NOT NULL AND (i.payee_kind <> p.kind
           OR (i.payee_kind <> 'self' AND i.payee_name IS DISTINCT FROM p.full_name))) AS payee_changes,
       i.payee_until IS DISTINCT FROM p.valid_to AND i.payee_kind = 'authorised' AS until_changes,
       i.method IS NOT NULL AND (m.id IS NULL OR (i.method, i.account_no, i.bank_code, i.wallet_phone) IS DISTINCT FROM
           (m.kind, m.account_no, coalesce(i.bank_code, m.bank_code), m.wallet_phone)
           OR coalesce(i.holder, m.holder) IS DISTINCT FROM m.holder
           OR coalesce(i.bank_branch, m.bank_branch) IS DISTINCT FROM m.bank_branch
           OR coalesce(i.wallet_kind, m.wallet_kind) IS DISTINCT FROM m.wallet_kind) AS method_changes
  FROM import_pay i
  LEFT JOIN payees p ON p.beneficiary_id = i.beneficiary_id AND p.is_current
  LEFT JOIN payment_methods m ON m.payee_id = p.id AND m.is_current
"""

_APPLY = (
    "UPDATE payees p SET is_current = false, valid_to = coalesce(p.valid_to, greatest(:today, p.valid_from)),"
    " row_version = p.row_version + 1 FROM import_paying w WHERE p.id = w.payee_id AND w.payee_changes",
    "UPDATE payees p SET valid_to = w.payee_until, row_version = p.row_version + 1 FROM import_paying w"
    " WHERE p.id = w.payee_id AND NOT w.payee_changes AND w.until_changes",
    "INSERT INTO payees (beneficiary_id, area_path, kind, full_name, valid_from, valid_to, is_current)"
    " SELECT beneficiary_id, area_path, coalesce(payee_kind, 'self'),"
    "        CASE WHEN coalesce(payee_kind, 'self') = 'self' THEN full_name ELSE payee_name END, :today, payee_until, true"
    "   FROM import_paying WHERE payee_changes",
    "UPDATE payment_methods m SET is_current = false, row_version = m.row_version + 1 FROM import_paying w"
    " WHERE m.id = w.method_id AND w.method_changes AND NOT w.payee_changes",
    "INSERT INTO payment_methods (payee_id, area_path, kind, account_no, holder, bank_code, bank_branch, wallet_kind,"
    " wallet_phone, is_current)"
    " SELECT p.id, p.area_path, coalesce(w.method, 'cash'), w.account_no, w.holder, w.bank_code, w.bank_branch,"
    "        w.wallet_kind, w.wallet_phone, true"
    "   FROM import_paying w JOIN payees p ON p.beneficiary_id = w.beneficiary_id AND p.is_current"
    "  WHERE w.payee_changes OR w.method_changes",
)

_PEOPLE = f"""
CREATE TEMPORARY TABLE import_person ON COMMIT DROP AS
SELECT r.no, r.facts ->> 'code' AS code, r.facts ->> 'fold' AS fold, b.id AS beneficiary_id, b.area_path, b.full_name,
       b.name_fold, b.status, b.row_version,
       row_number() OVER (PARTITION BY r.facts ->> 'code' ORDER BY r.no) AS nth,
       min(r.no) OVER (PARTITION BY r.facts ->> 'code') AS first_no, {COLUMNS}
  FROM file_import_rows r
  LEFT JOIN beneficiaries b ON b.code = r.facts ->> 'code' AND b.area_path >= :low AND b.area_path < :high
 WHERE r.import_id = :id AND r.facts ? 'code'
"""
_FINDINGS = (
    "SELECT no, 'code', CAST(:unknown AS text), 'error' FROM import_person WHERE beneficiary_id IS NULL",
    "SELECT no, 'full_name', replace(:other_name, '{name}', full_name), 'error' FROM import_person"
    " WHERE fold IS NOT NULL AND fold <> name_fold",
    "SELECT no, 'code', replace(:twice, '{no}', first_no::text), 'error' FROM import_person WHERE nth > 1",
    "SELECT no, 'code', CAST(:gone AS text), 'error' FROM import_person WHERE status IN ('dead', 'moved')",
    "SELECT no, 'method', CAST(:no_method AS text), 'error' FROM import_person WHERE method IS NULL",
)


def prepare(row: Parsed) -> None:
    """Payee and method made whole: the kind that an account or wallet implies, nothing that does not belong to it."""
    facts = row.facts
    if "full_name" in facts:
        facts["fold"], facts["sort"] = names.fold(facts["full_name"]), names.sort_key(facts["full_name"])
    _prepare_payee(row)
    if "method" not in facts:
        implied = "bank" if "account_no" in facts else "wallet" if "wallet_phone" in facts else None
        if implied is None:
            return
        facts["method"] = implied
    kind = facts["method"]
    foreign = {
        "cash": ("account_no", "bank_code", "bank_branch", "wallet_kind", "wallet_phone", "holder"),
        "bank": ("wallet_kind", "wallet_phone"),
        "wallet": ("account_no", "bank_code", "bank_branch"),
    }[kind]
    for key in foreign:
        facts.pop(key, None)
    if (kind == "bank" and ("account_no" not in facts or "bank_code" not in facts)) or (
        kind == "wallet" and ("wallet_phone" not in facts or "wallet_kind" not in facts)
    ):
        text_ = _("Chưa đủ số tài khoản và ngân hàng, hoặc số ví và loại ví; danh sách chi trả sẽ báo thiếu.")
        row.findings.append(Finding(row.number, None, "", str(text_), WARNING))


def _prepare_payee(row: Parsed) -> None:
    facts = row.facts
    kind = facts.get("payee_kind")
    if kind is None:
        if "payee_name" in facts and names.fold(facts["payee_name"]) != facts.get("fold"):
            row.findings.append(
                Finding(row.number, None, "", str(_("Có tên người nhận thì phải ghi người nhận là ai.")))
            )
        return
    if kind != "self" and "payee_name" not in facts:
        row.findings.append(Finding(row.number, None, "", str(_("Chưa ghi họ tên người nhận."))))
    if kind != "authorised":
        facts.pop("payee_until", None)
        return
    until, today = facts.get("payee_until"), clock.today()
    latest = dates.add_months(today, AUTHORISATION_MONTHS).isoformat()
    if until is None or not today.isoformat() <= until <= latest:
        row.findings.append(
            Finding(row.number, None, "", str(_("Giấy ủy quyền phải còn hạn và không quá 12 tháng kể từ hôm nay.")))
        )


def hold(session: Session, item: FileImport) -> None:
    """Hold the people a file names by code: nobody saves them, and no other commune takes them in, while it is applied."""
    low, high = bounds_of(item.area_path)
    session.execute(
        text(
            "SELECT b.id FROM beneficiaries b WHERE b.area_path >= :low AND b.area_path < :high AND b.code IN ("
            " SELECT facts ->> 'code' FROM file_import_rows WHERE import_id = :id) ORDER BY b.id FOR UPDATE"
        ),
        {"id": item.id, "low": low, "high": high},
    )


def wanted(session: Session) -> dict[str, int]:
    """Compare `import_pay` with what is; how many payees and methods change."""
    session.execute(text("DROP TABLE IF EXISTS import_paying"))
    session.execute(text("ANALYZE import_pay"))
    session.execute(text(_WANTED))
    row = session.execute(
        text(
            "SELECT count(*) FILTER (WHERE payee_id IS NOT NULL AND (payee_changes OR until_changes)) AS payees,"
            " count(*) FILTER (WHERE payee_id IS NOT NULL AND method_changes) AS methods FROM import_paying"
        )
    ).one()
    return {"payees": row.payees, "methods": row.methods}


def write(session: Session) -> None:
    """Replace payees and methods that change."""
    for statement in _APPLY:
        session.execute(text(statement), {"today": clock.today()})


def stamp(session: Session, people: str) -> str:
    """Differs as soon as anybody saved one of these people, their benefits, payees or methods; `people` selects keys."""
    found = session.execute(
        text(
            f"WITH who AS MATERIALIZED ({people}) SELECT md5(coalesce(string_agg(x.what, '|' ORDER BY x.what), '')) FROM ("
            " SELECT 'b' || b.id || '.' || b.row_version AS what FROM beneficiaries b JOIN who ON who.id = b.id UNION ALL"
            " SELECT 'e' || e.id || '.' || e.row_version FROM entitlements e JOIN who ON who.id = e.beneficiary_id UNION ALL"
            " SELECT 'p' || p.id || '.' || p.row_version || '.' || coalesce(m.id, 0) || '.' || coalesce(m.row_version, 0)"
            "   FROM payees p JOIN who ON who.id = p.beneficiary_id"
            "   LEFT JOIN payment_methods m ON m.payee_id = p.id AND m.is_current WHERE p.is_current) x"
        )
    ).scalar_one()
    return str(found)


def check(session: Session, item: FileImport) -> tuple[dict[str, Any], str]:
    """Thông tin chi trả: people known by code in the area, and what of their payment details changes."""
    low, high = bounds_of(item.area_path)
    session.execute(text("DROP TABLE IF EXISTS import_person"))
    session.execute(text(_PEOPLE), {"id": item.id, "low": low, "high": high})
    session.execute(text("ANALYZE import_person"))
    known = names_of_columns(item, layouts.PAYMENTS) | {
        "unknown": _("Mã này không có trong địa bàn của bạn."),
        "other_name": _("Trong hồ sơ, mã này là %(name)s.", name="{name}"),
        "twice": _("Trùng với dòng %(no)s.", no="{no}"),
        "gone": _("Đối tượng này đã chết hoặc đã chuyển đi."),
        "no_method": _("Chưa ghi hình thức nhận."),
    }
    for sql in _FINDINGS:
        add_findings(session, item.id, sql, known)
    session.execute(text("DROP TABLE IF EXISTS import_pay"))
    session.execute(
        text(
            "CREATE TEMPORARY TABLE import_pay ON COMMIT DROP AS SELECT beneficiary_id, area_path, full_name, payee_kind,"
            " payee_name, payee_until, method, account_no, holder, bank_code, bank_branch, wallet_kind, wallet_phone"
            " FROM import_person WHERE beneficiary_id IS NOT NULL AND nth = 1"
        )
    )
    plan: dict[str, Any] = dict(wanted(session))
    plan["total"] = plan["methods"]
    return plan, stamp(session, "SELECT beneficiary_id AS id FROM import_pay")


def apply(session: Session, item: FileImport, by: Actor) -> str:
    """Replace the payment details that change. Raises NotAClerk."""
    if not by.has(Role.CLERK):
        raise NotAClerk
    write(session)
    return str(
        _("Đã cập nhật thông tin chi trả của %(count)s người.", count=money.group_thousands(item.plan["methods"]))
    )


PAYMENTS = Kind(layouts.PAYMENTS, check, apply, prepare, hold)
