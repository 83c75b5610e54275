"""Reference data: areas with succession, benefit types, standard amounts, holidays. Loading again changes nothing."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.rules import names
from app.rules.actors import ROOT_PATH
from app.rules.coefficients import BENEFIT_GROUPS, STANDARD_AMOUNTS

DATA = Path(__file__).parent.parent / "data"
REFORM = date(2025, 7, 1)
"""The two-level map of areas begins: no districts, 34 provinces, 3.321 communes."""


def load(session: Session) -> None:
    """Everything the program cannot run without; idempotent."""
    load_areas(session)
    load_benefits(session)
    load_defaults(session)
    load_holidays(session, range(2024, 2029))


def load_areas(session: Session) -> None:
    """34 provinces, 3.321 communes and their predecessors, from the official lists in `app/data`."""
    if session.execute(text("SELECT 1 FROM areas LIMIT 1")).first():
        return
    units = _read("units.csv")
    country: dict[str, Any] = {"code": "VN", "path": ROOT_PATH, "level": "country", "parent": None, "kind": "Quốc gia",
               "name": "Việt Nam", "full_name": "Việt Nam", "full_name_en": "Viet Nam"}  # fmt: skip
    for level, rows in (
        ("country", [country]),
        (
            "province",
            [_unit(row, f"{ROOT_PATH}{row['code']}/", "VN") for row in units if row["level"] == "province"],
        ),
        (
            "commune",
            [
                _unit(row, f"{ROOT_PATH}{row['parent_code']}/{row['code']}/", row["parent_code"])
                for row in units
                if row["level"] == "commune"
            ],
        ),
    ):
        session.execute(
            text(
                "INSERT INTO areas (code, path, level, parent_id, kind, name, full_name, full_name_en, name_fold,"
                " valid_from) VALUES (:code, :path, :level, (SELECT id FROM areas WHERE code = :parent), :kind, :name,"
                " :full_name, :full_name_en, :name_fold, :valid_from)"
            ),
            [{**row, "level": level, "name_fold": names.fold(row["name"]), "valid_from": REFORM} for row in rows],
        )
    session.execute(
        text(
            "INSERT INTO area_predecessors (old_commune_code, old_commune, old_district_code, old_district,"
            " old_province_code, old_province, area_id, is_default) VALUES (:old_commune_code, :old_commune,"
            " :old_district_code, :old_district, :old_province_code, :old_province,"
            " (SELECT id FROM areas WHERE code = :new_commune_code AND level = 'commune'), :is_default = '1')"
        ),
        list(_known(_read("legacy_units.csv"), {row["code"] for row in units})),
    )


def load_benefits(session: Session) -> None:
    """Benefit types with their coefficients, and the national standard amounts, each with its legal basis."""
    session.execute(
        text(
            "INSERT INTO benefit_types (code, name, name_en, batch_kind, stacks, sensitive, age_from, age_to,"
            " legal_basis) VALUES (:code, :name, :name_en, :batch_kind, :stacks, :sensitive, :age_from, :age_to,"
            " :legal_basis) ON CONFLICT (code) DO NOTHING"
        ),
        [_benefit(group) for group in BENEFIT_GROUPS],
    )
    session.execute(
        text(
            "INSERT INTO benefit_rates (benefit_type_id, coefficient, applies_from, legal_basis)"
            " SELECT id, :coefficient, :applies_from, :legal_basis FROM benefit_types WHERE code = :code"
            " ON CONFLICT DO NOTHING"
        ),
        [{**_benefit(group), "applies_from": group.applies_from} for group in BENEFIT_GROUPS],
    )
    session.execute(
        text(
            "INSERT INTO standard_amounts (area_id, area_path, batch_kind, amount_vnd, applies_from, enacted_on,"
            " legal_basis) SELECT id, path, :batch_kind, :amount_vnd, :applies_from, :enacted_on, :basis FROM areas"
            " WHERE code = 'VN' ON CONFLICT DO NOTHING"
        ),
        [
            {
                "batch_kind": kind,
                "amount_vnd": row.amount_vnd,
                "applies_from": row.applies_from,
                "enacted_on": row.enacted_on,
                "basis": row.legal_basis,
            }
            for row in STANDARD_AMOUNTS
            for kind in ("monthly", "social_pension", "funeral")
        ],
    )


def load_defaults(session: Session) -> None:
    """The country's payment settings, from which every area inherits until it has its own."""
    session.execute(
        text(
            "INSERT INTO payment_settings (area_id, area_path, valid_from, list_cutoff_day, settlement_cutoff_day,"
            " months_per_settlement, through_agency, payment_day_from, payment_day_to, paying_level,"
            " shift_to_working_day, unusual_change_percent, recovery_share_percent, auto_send, remind_days)"
            " SELECT id, path, DATE '2021-07-01', 25, 25, 1, true, 5, 15, 'commune', true, 50, 30, false, 3 FROM areas"
            " WHERE code = 'VN' ON CONFLICT DO NOTHING"
        )
    )


def load_holidays(session: Session, years: Iterable[int]) -> None:
    """Vietnam's public holidays with Tết and compensatory days; a person may add or change days later."""
    import holidays  # calendars of the whole world, which only loading needs

    calendar = holidays.country_holidays("VN", years=list(years), language="vi")
    rows = [{"day": day, "name": name, "is_workday": False} for day, name in sorted(calendar.items())]
    worked: dict[date, Any] = getattr(calendar, "weekend_workdays", {})
    rows += [{"day": day, "name": "Làm bù", "is_workday": True} for day in sorted(worked)]
    session.execute(
        text(
            "INSERT INTO holidays (day, name, is_workday) VALUES (:day, :name, :is_workday)"
            " ON CONFLICT (day) DO NOTHING"
        ),
        rows,
    )


def _read(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _unit(row: dict[str, str], path: str, parent: str) -> dict[str, Any]:
    wanted = ("code", "kind", "name", "full_name", "full_name_en")
    return {**{key: row[key] for key in wanted}, "path": path, "parent": parent}


def _known(rows: list[dict[str, str]], codes: set[str]) -> Iterator[dict[str, str]]:
    return (row for row in rows if row["new_commune_code"] in codes)


def _benefit(group: Any) -> dict[str, Any]:
    return {
        "code": group.code,
        "name": group.name,
        "name_en": group.name_en,
        "batch_kind": group.batch_kind,
        "stacks": group.stacks,
        "sensitive": group.sensitive,
        "age_from": group.age_from,
        "age_to": group.age_to,
        "legal_basis": group.legal_basis,
        "coefficient": group.coefficient,
    }
