"""Loads the demo: agencies with contracts, settings, and the people of two provinces, in bulk. Past months are history's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.demo.people import Commune, Person
from app.demo.places import BANK_PROVINCE, Place, places, spread
from app.errors import RuleBroken
from app.rules import names

POST, BANK = "vnpost", "agribank"
EVERYWHERE_FROM = 60_000
"""From so many people on, all communes of both provinces are used."""
CHUNK = 5_000
SINCE = date(2025, 7, 1)


class AlreadyLoaded(RuleBroken):
    """Cơ sở dữ liệu đã có hồ sơ đối tượng nên không nạp dữ liệu mẫu. Muốn làm lại từ đầu: make demo-reset."""


@dataclass(frozen=True, slots=True)
class LoadedDemo:
    """What was loaded, by official codes; `communes` maps each commune's code to how many people it has."""

    province_code: str
    commune_code: str
    agency_id: int
    people: int
    seed: int
    communes: dict[str, int]


def load(session: Session, *, people: int = 5_000, seed: int = 1, communes: Sequence[str] | None = None) -> LoadedDemo:
    """Write the demo into a database that holds reference data and nobody yet; the same seed and day, the same rows.

    `communes` are official codes, the demo's own first; without them, communes of two provinces as `people` asks for.
    Raises AlreadyLoaded.
    """
    if session.execute(text("SELECT 1 FROM beneficiaries LIMIT 1")).first():
        raise AlreadyLoaded
    everywhere = communes is not None or people >= EVERYWHERE_FROM
    shares = spread(seed, people, places(session, seed, communes), everywhere=everywhere)
    provinces = sorted({place.province for place, _count in shares})
    agency_id = _load_agencies(session, provinces)
    _load_settings(session, provinces)
    _load_people(session, _everybody(shares, seed, clock.today()))
    own = shares[0][0]
    return LoadedDemo(own.province, own.code, agency_id, people, seed, {place.code: count for place, count in shares})


def _everybody(shares: Iterable[tuple[Place, int]], seed: int, today: date) -> Iterator[tuple[Place, Person]]:
    first = 0
    for place, count in shares:
        commune = Commune(place, seed=seed, first=first, today=today)
        yield from ((place, person) for person in commune.people(count))
        first += 2 * count


def _load_agencies(session: Session, provinces: Iterable[str]) -> int:
    """A post office that pays everything everywhere, but for accounts in one province, which a bank pays."""
    session.execute(
        text(
            "INSERT INTO agencies (code, name, kind, base_url) VALUES (:code, :name, :kind, :url)"
            " ON CONFLICT (code) DO NOTHING"
        ),
        [
            {"code": POST, "name": "Tổng công ty Bưu điện Việt Nam", "kind": "post", "url": "http://127.0.0.1:8090"},
            {"code": BANK, "name": "Ngân hàng Nông nghiệp và Phát triển Nông thôn Việt Nam", "kind": "bank",
             "url": None},
        ],
    )  # fmt: skip
    session.execute(
        text(
            "INSERT INTO agency_contracts (contract_no, agency_id, area_id, area_path, method, adapter, fee_kind,"
            " fee_percent, fee_vnd, fee_cap_vnd, valid_from)"
            " SELECT :number, g.id, a.id, a.path, :method, :adapter, :fee_kind, :percent, :vnd, :cap, :since"
            "   FROM agencies g, areas a WHERE g.code = :agency AND a.code = :province AND a.level = 'province'"
            " ON CONFLICT DO NOTHING"
        ),
        [_contract(province, method) for province in provinces for method in ("cash", "bank", "wallet")],
    )
    return int(session.execute(text("SELECT id FROM agencies WHERE code = :code"), {"code": POST}).scalar_one())


def _contract(province: str, method: str) -> dict[str, Any]:
    by_bank = province == BANK_PROVINCE and method == "bank"
    by_head = province == BANK_PROVINCE and method == "cash"
    return {
        "number": f"{'NH' if by_bank else 'BĐ'}-{province}-{method}/2025/HĐ-CTXH",
        "agency": BANK if by_bank else POST,
        "province": province,
        "method": method,
        "adapter": "iso20022" if by_bank else "g2p",
        "fee_kind": "per_person" if by_head else "percent",
        "percent": "0" if by_head else "0.8",
        "vnd": 6_600 if by_head else 0,
        "cap": 50_000_000,
        "since": SINCE,
    }


def _load_settings(session: Session, provinces: Iterable[str]) -> None:
    """Each province's own payment settings, and the higher social pension of one."""
    session.execute(
        text(
            "INSERT INTO payment_settings (area_id, area_path, valid_from, list_cutoff_day, settlement_cutoff_day,"
            " payment_day_from, payment_day_to, through_agency)"
            " SELECT id, path, :since, 25, :settled, 5, :until, true FROM areas WHERE code = :code AND level = 'province'"
            " ON CONFLICT DO NOTHING"
        ),
        [
            {"code": code, "since": SINCE, "settled": 22 if code == BANK_PROVINCE else 25,
             "until": 12 if code == BANK_PROVINCE else 15}
            for code in provinces
        ],
    )  # fmt: skip
    session.execute(
        text(
            "INSERT INTO standard_amounts (area_id, area_path, batch_kind, amount_vnd, applies_from, enacted_on,"
            " legal_basis) SELECT id, path, 'social_pension', 650000, :since, :since, :basis FROM areas"
            " WHERE code = :code AND level = 'province' ON CONFLICT DO NOTHING"
        ),
        {"code": BANK_PROVINCE, "since": SINCE, "basis": "Nghị quyết của Hội đồng nhân dân thành phố (trình diễn)"},
    )


_COLUMNS = {
    "beneficiaries": "id, area_id, area_path, code, full_name, name_fold, name_sort, sex, birth_year, birth_month,"
    " birth_day, id_number, ethnicity, hamlet, phone, status, status_reason, died_on",
    "entitlements": "beneficiary_id, area_path, benefit_type_id, coefficient, units, decision_no, decided_on,"
    " starts_on, ends_on, status",
    "payees": "id, beneficiary_id, area_path, kind, full_name, id_number, phone, valid_from, valid_to",
    "payment_methods": "payee_id, area_path, kind, account_no, holder, bank_code, bank_branch, wallet_kind, wallet_phone",
}
"""What is written, in this order of tables; every column else has its default."""

Rows = dict[str, list[tuple[Any, ...]]]


def _load_people(session: Session, everybody: Iterator[tuple[Place, Person]]) -> None:
    """By COPY into temporary tables, because COPY cannot write where row-level security guards; then set by set."""
    types = {row.code: row.id for row in session.execute(text("SELECT id, code FROM benefit_types"))}
    for table, columns in _COLUMNS.items():
        session.execute(text(f"DROP TABLE IF EXISTS load_{table}"))
        session.execute(
            text(f"CREATE TEMPORARY TABLE load_{table} ON COMMIT DROP AS SELECT {columns} FROM {table} WITH NO DATA")
        )
    while chunk := list(islice(everybody, CHUNK)):
        people, payees = _keys(session, "beneficiaries", len(chunk)), _keys(session, "payees", len(chunk))
        rows: Rows = {table: [] for table in _COLUMNS}
        for (place, person), person_id, payee_id in zip(chunk, people, payees, strict=True):
            _add_rows(rows, place, person, person_id=person_id, payee_id=payee_id, types=types)
        for table, columns in _COLUMNS.items():
            _copy(session, table, columns, rows[table])
    for table in _COLUMNS:
        session.execute(text(f"DROP TABLE load_{table}"))


def _keys(session: Session, table: str, count: int) -> list[int]:
    statement = text(f"SELECT nextval(pg_get_serial_sequence('{table}', 'id')) FROM generate_series(1, :count)")
    return list(session.scalars(statement, {"count": count}))


def _copy(session: Session, table: str, columns: str, rows: list[tuple[Any, ...]]) -> None:
    driver: Any = session.connection().connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY load_{table} ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    session.execute(text(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM load_{table}"))
    session.execute(text(f"TRUNCATE load_{table}"))


def _add_rows(
    rows: Rows, place: Place, person: Person, *, person_id: int, payee_id: int, types: dict[str, int]
) -> None:
    birth, receiver, account = person.birth, person.receiver, person.receiver.account
    rows["beneficiaries"].append((
        person_id, place.area_id, place.path, person.code, person.full_name, names.fold(person.full_name),
        names.sort_key(person.full_name), person.sex, birth.year, birth.month, birth.day, person.id_number,
        person.ethnicity, person.hamlet, person.phone, person.status, person.status_reason, person.died_on,
    ))  # fmt: skip
    rows["entitlements"].extend(
        (person_id, place.path, types[grant.group], grant.coefficient, grant.units, grant.decision_no,
         grant.decided_on, grant.starts_on, grant.ends_on, grant.status)
        for grant in person.grants
    )  # fmt: skip
    rows["payees"].append((
        payee_id, person_id, place.path, receiver.kind, receiver.full_name, receiver.id_number, receiver.phone,
        receiver.valid_from, receiver.valid_to,
    ))  # fmt: skip
    rows["payment_methods"].append((
        payee_id, place.path, account.kind, account.account_no, account.holder, account.bank_code, account.bank_branch,
        account.wallet_kind, account.wallet_phone,
    ))  # fmt: skip
