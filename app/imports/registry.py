"""People of an area out of a workbook: new ones added, known ones changed by their code, with benefits and payment details.

A row is one person and one benefit; people without a code are new, and rows of new people with one ID number are one
person. An empty cell leaves what is in the registry. Nothing outside the area of the file is read or written.
"""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.imports import layouts, paying
from app.imports.staging import Kind, add_findings, names_of_columns
from app.imports.table import Finding, Parsed
from app.models import Area, FileImport
from app.rules import dates, money
from app.rules.actors import Actor, Role, bounds_of
from app.services.lives import deaths
from app.services.lives.deaths import Died
from app.services.registry import NotAClerk

_FACTS = f"""
CREATE TEMPORARY TABLE import_fact ON COMMIT DROP AS
SELECT r.no, facts ->> 'code' AS code, facts ->> 'area' AS area_code, facts ->> 'full_name' AS full_name,
       facts ->> 'fold' AS fold, facts ->> 'sort' AS sort, (facts -> 'birth' ->> 0)::int AS birth_year,
       (facts -> 'birth' ->> 1)::int AS birth_month, (facts -> 'birth' ->> 2)::int AS birth_day, facts ->> 'sex' AS sex,
       facts ->> 'id_number' AS id_number, facts ->> 'ethnicity' AS ethnicity, facts ->> 'hamlet' AS hamlet,
       facts ->> 'address' AS address, facts ->> 'phone' AS phone, facts ->> 'benefit' AS benefit,
       (facts ->> 'coefficient')::numeric AS coefficient, (facts ->> 'units')::int AS units,
       facts ->> 'decision_no' AS decision_no, (facts ->> 'decided_on')::date AS decided_on,
       (facts ->> 'starts_on')::date AS starts_on, (facts ->> 'ends_on')::date AS ends_on,
       (facts ->> 'died_on')::date AS died_on, {paying.COLUMNS},
       coalesce('c' || (facts ->> 'code'), 'i' || (facts ->> 'id_number'), 'r' || r.no) AS person
  FROM file_import_rows r WHERE r.import_id = :id AND facts ? 'full_name' AND facts ? 'birth'
"""
# The first row of a person says who it is.
_PEOPLE = """
CREATE TEMPORARY TABLE import_person ON COMMIT DROP AS
SELECT DISTINCT ON (f.person) f.*, b.id AS old_id, b.status, b.area_id AS old_area_id, b.area_path AS old_area_path,
       a.id AS area_id, a.path AS new_area_path, max(f.died_on) OVER (PARTITION BY f.person) AS day_of_death,
       b.id IS NOT NULL AND (
           f.full_name <> b.full_name OR f.birth_year <> b.birth_year
           OR (f.birth_month, f.birth_day) IS DISTINCT FROM (b.birth_month, b.birth_day)
           OR coalesce(f.sex, b.sex) IS DISTINCT FROM b.sex OR coalesce(f.id_number, b.id_number) IS DISTINCT FROM b.id_number
           OR coalesce(f.ethnicity, b.ethnicity) IS DISTINCT FROM b.ethnicity OR coalesce(f.hamlet, b.hamlet) <> b.hamlet
           OR coalesce(f.address, b.address) <> b.address OR coalesce(f.phone, b.phone) IS DISTINCT FROM b.phone) AS changes
  FROM import_fact f
  LEFT JOIN beneficiaries b ON b.code = f.code AND b.area_path >= :low AND b.area_path < :high
  LEFT JOIN areas a ON a.code = coalesce(f.area_code, :area_code) AND a.level = 'commune' AND a.valid_to IS NULL
        AND a.path >= :low AND a.path < :high
 ORDER BY f.person, f.no
"""
_BENEFITS = """
CREATE TEMPORARY TABLE import_benefit ON COMMIT DROP AS
SELECT f.no, f.person, f.benefit, p.old_id, t.id AS type_id, f.units, f.decision_no, f.decided_on, f.starts_on, f.ends_on,
       coalesce(f.coefficient, (SELECT c.coefficient FROM benefit_rates c WHERE c.benefit_type_id = t.id
            AND c.applies_from <= f.starts_on ORDER BY c.applies_from DESC LIMIT 1)) AS coefficient,
       e.id AS entitlement_id, o.starts_on AS other_start,
       min(f.no) OVER (PARTITION BY f.person, f.benefit) AS first_no,
       e.id IS NOT NULL AND (coalesce(f.coefficient, e.coefficient) <> e.coefficient OR coalesce(f.units, e.units) <> e.units
            OR coalesce(f.decision_no, e.decision_no) <> e.decision_no
            OR coalesce(f.decided_on, e.decided_on) IS DISTINCT FROM e.decided_on
            OR coalesce(f.ends_on, e.ends_on) IS DISTINCT FROM e.ends_on) AS changes
  FROM import_fact f JOIN import_person p ON p.person = f.person
  LEFT JOIN benefit_types t ON t.code = f.benefit AND t.batch_kind <> 'funeral'
  LEFT JOIN entitlements e ON e.beneficiary_id = p.old_id AND e.benefit_type_id = t.id AND e.starts_on = f.starts_on
  LEFT JOIN LATERAL (SELECT starts_on FROM entitlements x WHERE x.beneficiary_id = p.old_id AND x.benefit_type_id = t.id
        AND x.starts_on <> f.starts_on AND x.status <> 'ended' AND (x.ends_on IS NULL OR x.ends_on >= f.starts_on)
        ORDER BY x.starts_on DESC LIMIT 1) o ON true
"""
_FINDINGS = (
    "SELECT no, 'code', CAST(:unknown AS text), 'error' FROM import_person WHERE code IS NOT NULL AND old_id IS NULL",
    "SELECT f.no, 'area', CAST(:area AS text), 'error' FROM import_fact f WHERE NOT EXISTS (SELECT 1 FROM areas a"
    "  WHERE a.code = coalesce(f.area_code, :area_code) AND a.level = 'commune' AND a.valid_to IS NULL"
    "    AND a.path >= :low AND a.path < :high) AND (f.area_code IS NOT NULL OR f.code IS NULL)",
    "SELECT no, 'area', CAST(:moves AS text), 'error' FROM import_person"
    " WHERE old_id IS NOT NULL AND area_code IS NOT NULL AND area_id <> old_area_id",
    "SELECT no, 'code', CAST(:gone AS text), 'error' FROM import_person WHERE status IN ('dead', 'moved')",
    "SELECT no, 'died_on', CAST(:new_dead AS text), 'error' FROM import_person WHERE old_id IS NULL AND day_of_death IS NOT NULL",
    "SELECT f.no, 'died_on', replace(:other_death, '{no}', p.no::text), 'error' FROM import_fact f"
    "  JOIN import_person p ON p.person = f.person WHERE f.died_on <> p.day_of_death",
    "SELECT f.no, 'full_name', replace(:other_name, '{no}', p.no::text), 'error' FROM import_fact f"
    "  JOIN import_person p ON p.person = f.person WHERE p.fold <> f.fold",
    "SELECT p.no, 'id_number', replace(:id_known, '{code}', o.code), CASE WHEN p.old_id IS NULL THEN 'error' ELSE 'warning' END"
    "  FROM import_person p JOIN beneficiaries o ON o.id_number = p.id_number AND o.id IS DISTINCT FROM p.old_id"
    "   AND o.area_path >= :low AND o.area_path < :high",
    "SELECT p.no, 'full_name', replace(:alike, '{code}', min(o.code)), 'warning' FROM import_person p JOIN beneficiaries o"
    "  ON o.name_fold = p.fold AND o.birth_year = p.birth_year AND o.birth_month IS NOT DISTINCT FROM p.birth_month"
    " AND o.birth_day IS NOT DISTINCT FROM p.birth_day AND o.area_id = p.area_id WHERE p.old_id IS NULL GROUP BY p.no",
    "SELECT p.no, 'full_name', replace(:coming, '{code}', min(r.beneficiary_code)), 'warning' FROM import_person p"
    "  JOIN relocations r ON r.state = 'asked' AND r.to_area_id = p.area_id AND lower(r.full_name) = lower(p.full_name)"
    "   AND r.birth = concat_ws('/', lpad(p.birth_day::text, 2, '0'), lpad(p.birth_month::text, 2, '0'), p.birth_year)"
    " WHERE p.old_id IS NULL GROUP BY p.no",
    "SELECT p.no, 'full_name', replace(:alike_row, '{no}', min(o.no)::text), 'warning' FROM import_person p"
    "  JOIN import_person o ON o.fold = p.fold AND o.birth_year = p.birth_year AND o.person <> p.person AND o.no < p.no"
    "   AND o.birth_month IS NOT DISTINCT FROM p.birth_month AND o.birth_day IS NOT DISTINCT FROM p.birth_day"
    "   AND coalesce(o.hamlet, '') = coalesce(p.hamlet, '') AND o.area_id = p.area_id GROUP BY p.no",
    "SELECT no, 'benefit', CAST(:no_benefit AS text), 'error' FROM import_benefit WHERE benefit IS NOT NULL AND type_id IS NULL",
    "SELECT no, 'starts_on', CAST(:no_start AS text), 'error' FROM import_benefit WHERE benefit IS NOT NULL AND starts_on IS NULL",
    "SELECT no, 'decision_no', CAST(:no_decision AS text), 'error' FROM import_benefit"
    " WHERE benefit IS NOT NULL AND decision_no IS NULL AND entitlement_id IS NULL",
    "SELECT no, 'coefficient', CAST(:no_coefficient AS text), 'error' FROM import_benefit"
    " WHERE type_id IS NOT NULL AND starts_on IS NOT NULL AND coefficient IS NULL AND entitlement_id IS NULL",
    "SELECT no, '', replace(:twice, '{no}', first_no::text), 'error' FROM import_benefit WHERE no <> first_no",
    "SELECT no, 'starts_on', replace(:running, '{day}', to_char(other_start, 'DD/MM/YYYY')), 'error' FROM import_benefit"
    " WHERE other_start IS NOT NULL",
)

# Who is in the registry already as far as names and days tell, for each person the file takes for new.
_ALIKE = """
SELECT md5(coalesce(string_agg(p.no || '.' || o.id, '|' ORDER BY p.no, o.id), ''))
  FROM import_person p JOIN beneficiaries o ON o.name_fold = p.fold AND o.birth_year = p.birth_year
   AND o.birth_month IS NOT DISTINCT FROM p.birth_month AND o.birth_day IS NOT DISTINCT FROM p.birth_day
   AND o.area_id = p.area_id
 WHERE p.old_id IS NULL
"""

# Of several rows of a person the first with a method or payee says how the money goes.
_PAY = """
CREATE TEMPORARY TABLE import_pay ON COMMIT DROP AS
SELECT DISTINCT ON (f.person) p.old_id AS beneficiary_id, coalesce(p.old_area_path, p.new_area_path) AS area_path,
       p.full_name, p.person, f.payee_kind, f.payee_name, f.payee_until, f.method, f.account_no, f.holder, f.bank_code,
       f.bank_branch, f.wallet_kind, f.wallet_phone
  FROM import_fact f JOIN import_person p ON p.person = f.person
 ORDER BY f.person, f.method IS NULL, f.payee_kind IS NULL, f.no
"""

_APPLY = (
    "UPDATE import_person SET old_id = nextval(pg_get_serial_sequence('beneficiaries', 'id')) WHERE old_id IS NULL",
    "INSERT INTO beneficiaries (id, code, area_id, area_path, full_name, name_fold, name_sort, sex, birth_year, birth_month,"
    " birth_day, id_number, ethnicity, hamlet, address, phone, created_at, changed_at)"
    " SELECT old_id, 'DT' || lpad(old_id::text, 8, '0'), area_id, new_area_path, full_name, fold, sort, sex, birth_year,"
    "        birth_month, birth_day, id_number, ethnicity, coalesce(hamlet, ''), coalesce(address, ''), phone, :now, :now"
    "   FROM import_person WHERE old_area_id IS NULL ORDER BY no",
    "UPDATE beneficiaries b SET full_name = p.full_name, name_fold = p.fold, name_sort = p.sort, birth_year = p.birth_year,"
    " birth_month = p.birth_month, birth_day = p.birth_day, sex = coalesce(p.sex, b.sex),"
    " id_number = coalesce(p.id_number, b.id_number), ethnicity = coalesce(p.ethnicity, b.ethnicity),"
    " hamlet = coalesce(p.hamlet, b.hamlet), address = coalesce(p.address, b.address), phone = coalesce(p.phone, b.phone),"
    " changed_at = :now, row_version = b.row_version + 1 FROM import_person p WHERE b.id = p.old_id AND p.changes",
    "INSERT INTO entitlements (beneficiary_id, area_path, benefit_type_id, coefficient, units, decision_no, decided_on,"
    " starts_on, ends_on)"
    " SELECT p.old_id, coalesce(p.old_area_path, p.new_area_path), e.type_id, e.coefficient, coalesce(e.units, 1),"
    "        e.decision_no, e.decided_on, e.starts_on, e.ends_on"
    "   FROM import_benefit e JOIN import_person p ON p.person = e.person"
    "  WHERE e.type_id IS NOT NULL AND e.entitlement_id IS NULL ORDER BY e.no",
    "UPDATE entitlements t SET coefficient = e.coefficient, units = coalesce(e.units, t.units),"
    " decision_no = coalesce(e.decision_no, t.decision_no), decided_on = coalesce(e.decided_on, t.decided_on),"
    " ends_on = coalesce(e.ends_on, t.ends_on), row_version = t.row_version + 1"
    "  FROM import_benefit e WHERE t.id = e.entitlement_id AND e.changes",
    "UPDATE import_paying w SET beneficiary_id = p.old_id FROM import_person p WHERE p.person = w.person",
)


def prepare(row: Parsed) -> None:
    """Payment details made whole, days that cannot be."""
    paying.prepare(row)
    facts = row.facts
    if "birth" in facts and dates.BirthDate(*facts["birth"]).earliest > clock.today():
        row.findings.append(Finding(row.number, None, "", str(_("Ngày sinh không thể ở tương lai."))))
    starts, ends = facts.get("starts_on"), facts.get("ends_on")
    if starts is not None and ends is not None and ends < starts:
        row.findings.append(Finding(row.number, None, "", str(_("Ngày kết thúc không thể trước ngày bắt đầu."))))
    died = facts.get("died_on", "")
    if died > clock.today().isoformat():
        row.findings.append(Finding(row.number, None, "", str(_("Ngày chết không thể ở tương lai."))))
    if died and "birth" in facts and died < dates.BirthDate(*facts["birth"]).earliest.isoformat():
        row.findings.append(Finding(row.number, None, "", str(_("Ngày chết không thể trước ngày sinh."))))
    if not 1 <= facts.get("units", 1) <= 20:
        row.findings.append(Finding(row.number, None, "", str(_("Số con phải từ 1 đến 20."))))


def check(session: Session, item: FileImport) -> tuple[dict[str, Any], str]:
    """Who is new, who changes, what is odd; the stamp is every known person of the file and who is like the new ones."""
    area = session.get_one(Area, item.area_id)
    low, high = bounds_of(item.area_path)
    facts: dict[str, Any] = {
        "id": item.id, "low": low, "high": high, "area_code": area.code if area.level == "commune" else None,
    }  # fmt: skip
    tables = (("import_fact", _FACTS), ("import_person", _PEOPLE), ("import_benefit", _BENEFITS), ("import_pay", _PAY))
    for name, sql in tables:
        session.execute(text(f"DROP TABLE IF EXISTS {name}"))
        session.execute(text(sql), facts)
        session.execute(text(f"ANALYZE {name}"))
    known = names_of_columns(item, layouts.REGISTRY) | _words() | facts
    for sql in _FINDINGS:
        add_findings(session, item.id, sql, known)
    plan = _plan(session) | paying.wanted(session)
    plan["total"] = sum(plan.values())
    known_people = paying.stamp(session, "SELECT old_id AS id FROM import_person WHERE old_id IS NOT NULL")
    return plan, f"{known_people}.{session.execute(text(_ALIKE)).scalar_one()}"


def hold(session: Session, item: FileImport) -> None:
    """Hold the people a file names, and let files of one province enter new people one after the other."""
    province = "/".join(item.area_path.split("/")[:2])
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext('import'), hashtext(:one))"), {"one": province})
    paying.hold(session, item)


def _words() -> dict[str, str]:
    return {
        "unknown": _("Mã này không có trong địa bàn của bạn. Người mới thì để trống mã."),
        "area": _("Mã xã này không thuộc địa bàn của bạn."),
        "moves": _("Đối tượng đang thuộc xã khác; việc chuyển xã không làm bằng tệp."),
        "new_dead": _(
            "Người mới thêm không thể đã chết. Mai táng phí cho người ngoài danh sách ghi ở Danh sách cắt chết."
        ),
        "other_death": _("Khác ngày chết ở một dòng khác của cùng một người (dòng %(no)s).", no="{no}"),
        "gone": _("Đối tượng này đã chết hoặc đã chuyển đi."),
        "other_name": _("Khác họ tên với dòng %(no)s của cùng một người.", no="{no}"),
        "id_known": _("Số định danh này là của %(code)s.", code="{code}"),
        "alike": _("Trùng họ tên và ngày sinh với %(code)s.", code="{code}"),
        "coming": _("Đang chờ tiếp nhận %(code)s chuyển đến, trùng họ tên và ngày sinh.", code="{code}"),
        "alike_row": _("Trùng họ tên, ngày sinh và thôn với dòng %(no)s.", no="{no}"),
        "no_benefit": _("Không có mã chính sách này."),
        "no_start": _("Chưa ghi ngày hưởng."),
        "no_decision": _("Chưa ghi số quyết định."),
        "no_coefficient": _("Nhóm này chưa có hệ số theo quy định vào ngày hưởng; hãy ghi hệ số theo quyết định."),
        "twice": _("Trùng với dòng %(no)s.", no="{no}"),
        "running": _("Đang hưởng chính sách này từ %(day)s.", day="{day}"),
    }


def _plan(session: Session) -> dict[str, Any]:
    row = session.execute(
        text(
            "SELECT (SELECT count(*) FROM import_person WHERE old_id IS NULL) AS new_people,"
            " (SELECT count(*) FROM import_person WHERE changes) AS changed_people,"
            " (SELECT count(*) FROM import_benefit WHERE type_id IS NOT NULL AND entitlement_id IS NULL) AS new_benefits,"
            " (SELECT count(*) FROM import_benefit WHERE changes) AS changed_benefits,"
            " (SELECT count(*) FROM import_person WHERE day_of_death IS NOT NULL) AS deaths"
        )
    ).one()
    return dict(row._mapping)


def apply(session: Session, item: FileImport, by: Actor) -> str:
    """Write everything in a handful of statements. Raises NotAClerk."""
    if not by.has(Role.CLERK):
        raise NotAClerk
    for statement in _APPLY:
        session.execute(text(statement), {"now": clock.now()})
    paying.write(session)
    died = session.execute(
        text("SELECT old_id, day_of_death FROM import_person WHERE day_of_death IS NOT NULL ORDER BY old_id")
    )
    found = [Died(row.old_id, row.day_of_death, str(_("Theo tệp %(name)s", name=item.file_name))) for row in died]
    if found:
        deaths.record_many(session, found, by=by)
    plan = item.plan
    said = _("Ghi cắt chết %(count)s người.", count=money.group_thousands(len(found))) if found else ""
    done = _(
        "Đã thêm %(new)s người, cập nhật %(changed)s người, thêm %(benefits)s chính sách.",
        new=money.group_thousands(plan["new_people"]),
        changed=money.group_thousands(plan["changed_people"]),
        benefits=money.group_thousands(plan["new_benefits"]),
    )
    return f"{done} {said}".strip()


REGISTRY = Kind(layouts.REGISTRY, check, apply, prepare, hold)
