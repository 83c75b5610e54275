"""Loading the demo: complete, the same for the same seed, and never on top of anybody."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.demo.load import BANK, EVERYWHERE_FROM, POST, AlreadyLoaded, LoadedDemo, load
from app.demo.places import DEMO_COMMUNE, DEMO_PROVINCE
from app.rules.actors import SYSTEM
from app.services.batches.making import ListRequest, make_lists
from tests import factories as make
from tests.demo.conftest import WARD

_DUMP = """
SELECT b.code, b.area_path, b.full_name, b.name_fold, b.name_sort, b.sex, b.birth_year, b.birth_month, b.birth_day,
       b.id_number, b.ethnicity, b.hamlet, b.phone, b.status, b.died_on, y.kind, y.full_name AS payee, y.id_number AS payee_id,
       y.valid_from, y.valid_to, m.kind AS method, m.account_no, m.holder, m.bank_code, m.wallet_kind, m.wallet_phone,
       (SELECT string_agg(concat_ws(' ', t.code, e.coefficient, e.units, e.decision_no, e.decided_on, e.starts_on, e.ends_on,
               e.status, e.area_path), ';' ORDER BY t.code, e.starts_on)
          FROM entitlements e JOIN benefit_types t ON t.id = e.benefit_type_id WHERE e.beneficiary_id = b.id) AS entitled
  FROM beneficiaries b JOIN payees y ON y.beneficiary_id = b.id AND y.is_current
  JOIN payment_methods m ON m.payee_id = y.id AND m.is_current ORDER BY b.code
"""


def dump(session: Session) -> list[Any]:
    return [tuple(row) for row in session.execute(text(_DUMP))]


def count(session: Session, sql: str) -> int:
    return int(session.execute(text(f"SELECT count(*) FROM {sql}")).scalar_one())


def test_everybody_has_entitlements_a_payee_and_a_method_in_their_own_area(
    session: Session, loaded: LoadedDemo
) -> None:
    assert loaded.people == 240 and sum(loaded.communes.values()) == 240
    assert len(dump(session)) == 240
    assert count(session, "beneficiaries b JOIN areas a ON a.id = b.area_id AND a.path = b.area_path") == 240
    for table in ("entitlements", "payees"):
        elsewhere = f"{table} x JOIN beneficiaries b ON b.id = x.beneficiary_id WHERE x.area_path <> b.area_path"
        assert count(session, elsewhere) == 0
        nobody = f"beneficiaries b WHERE NOT EXISTS (SELECT 1 FROM {table} x WHERE x.beneficiary_id = b.id)"
        assert count(session, nobody) == 0
    assert count(session, "payment_methods m JOIN payees p ON p.id = m.payee_id AND p.area_path = m.area_path") == 240


def test_rows_written_afterwards_get_keys_of_their_own(session: Session, loaded: LoadedDemo) -> None:
    assert make.entitled(session).id is not None


def test_the_same_seed_and_day_give_the_same_rows(session: Session) -> None:
    load(session, people=150, communes=[DEMO_COMMUNE])
    first = dump(session)
    session.rollback()
    load(session, people=150, communes=[DEMO_COMMUNE])
    assert dump(session) == first
    session.rollback()
    load(session, people=150, seed=2, communes=[DEMO_COMMUNE])
    assert dump(session) != first


def test_it_refuses_kindly_when_people_are_there_already(session: Session, loaded: LoadedDemo) -> None:
    with pytest.raises(AlreadyLoaded, match="make demo-reset"):
        load(session, people=60)
    assert count(session, "beneficiaries") == 240


def test_without_communes_the_demo_uses_two_provinces_as_people_ask_for(session: Session) -> None:
    loaded = load(session, people=800)
    assert (loaded.province_code, loaded.commune_code) == (DEMO_PROVINCE, DEMO_COMMUNE)
    assert len(loaded.communes) == 5
    assert count(session, "(SELECT DISTINCT left(area_path, 6) FROM beneficiaries) provinces") == 2
    assert EVERYWHERE_FROM < 200_000


def test_a_bank_pays_into_accounts_of_one_province_and_the_post_office_everything_else(
    session: Session, loaded: LoadedDemo
) -> None:
    rows = session.execute(
        text(
            "SELECT a.code AS province, c.method, g.code AS agency FROM agency_contracts c"
            " JOIN agencies g ON g.id = c.agency_id JOIN areas a ON a.id = c.area_id"
        )
    )
    paying = {(row.province, row.method): row.agency for row in rows}
    assert paying == {
        ("01", "bank"): BANK,
        **{("01", method): POST for method in ("cash", "wallet")},
        **{(DEMO_PROVINCE, method): POST for method in ("cash", "bank", "wallet")},
    }


@pytest.mark.parametrize(("code", "pension_vnd"), [(DEMO_COMMUNE, 540_000), (WARD, 650_000)])
def test_lists_of_both_kinds_can_be_made_at_once(
    session: Session, loaded: LoadedDemo, code: str, pension_vnd: int
) -> None:
    area_id = make.area(session, code).id
    for kind in ("monthly", "social_pension"):
        made = make_lists(session, ListRequest(area_id, date(2026, 11, 1), kind), by=SYSTEM)
        assert made.batch_ids and not made.left_out
    standards = session.scalars(
        text(
            "SELECT DISTINCT l.standard_vnd FROM payout_lines l JOIN payout_batches b ON b.id = l.batch_id"
            " WHERE b.kind = 'social_pension'"
        )
    )
    assert list(standards) == [pension_vnd]


def test_the_checks_find_what_was_hidden_in_the_registry(session: Session, loaded: LoadedDemo) -> None:
    area_id = make.area(session, DEMO_COMMUNE).id
    for kind in ("monthly", "social_pension"):
        make_lists(session, ListRequest(area_id, date(2026, 11, 1), kind), by=SYSTEM)
    found = set(session.scalars(text("SELECT DISTINCT code FROM batch_findings")))
    assert {"account_missing", "authorisation_expired"} <= found
    assert found & {"double_by_id", "double_by_name"}


def test_another_day_gives_people_of_the_same_ages(session: Session) -> None:
    with clock.at(date(2027, 3, 2)):
        load(session, people=120, communes=[DEMO_COMMUNE])
        assert count(session, "entitlements WHERE starts_on > DATE '2027-03-02'") == 0
        assert count(session, "entitlements WHERE starts_on >= DATE '2026-12-01'") > 0
