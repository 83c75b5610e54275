"""Saving people, entitlements, payees and payment methods."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.errors import BadInput
from app.models import Beneficiary, Entitlement, Payee, PaymentMethod
from app.rules.actors import Role
from app.services import registry
from tests import factories as make


@pytest.fixture(autouse=True)
def mid_november() -> Any:
    with clock.at(date(2026, 11, 10)):
        yield


def new_person(session: Session, **changes: Any) -> Beneficiary:
    facts: dict[str, Any] = {
        "area": make.area(session), "full_name": "Y Bhăm Niê", "birth_year": 1950, "status": "active",
    }  # fmt: skip
    return Beneficiary(**(facts | changes))


def test_a_new_person_gets_a_code_derived_names_and_cash(session: Session) -> None:
    row = new_person(
        session, full_name="  Đỗ  Thị Hoà ", id_number="001150000001", sex="female", phone="+84 912 345 678"
    )
    assert registry.save_beneficiary(session, row, by=make.CLERK) == []
    session.flush()
    assert (row.code, row.full_name, row.name_fold) == (f"DT{row.id:08d}", "Đỗ Thị Hoà", "do thi hoa")
    assert row.phone == "0912345678"
    paid = session.execute(
        text(
            "SELECT p.kind, p.full_name, m.kind FROM payees p JOIN payment_methods m ON m.payee_id = p.id"
            " WHERE p.beneficiary_id = :id AND p.is_current AND m.is_current"
        ),
        {"id": row.id},
    ).one()
    assert paid == ("self", "Đỗ Thị Hoà", "cash")


def test_a_changed_person_keeps_the_code_and_renews_the_derived_names(session: Session) -> None:
    row = make.person(session)
    code = row.code
    row.full_name = "Lê Văn Tám"
    registry.save_beneficiary(session, row, by=make.CLERK)
    session.flush()
    assert (row.code, row.name_fold) == (code, "le van tam")


def test_an_odd_id_number_is_told_but_saved(session: Session) -> None:
    row = new_person(session, id_number="001050000001", sex="female")
    assert registry.save_beneficiary(session, row, by=make.CLERK) != []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"full_name": " "}, "full_name"),
        ({"full_name": "A\x00B"}, "full_name"),
        ({"id_number": "12AB"}, "id_number"),
        ({"phone": "12"}, "phone"),
        ({"birth_month": 2, "birth_day": 30}, "birth"),
        ({"birth_year": 2026, "birth_month": 12}, "birth"),
        ({"status": "dead"}, "died_on"),
        ({"status": "dead", "died_on": date(2026, 11, 11)}, "died_on"),
        ({"status": "dead", "died_on": date(1949, 1, 1)}, "died_on"),
        ({"died_on": date(2026, 11, 1)}, "died_on"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(session: Session, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(BadInput) as refused:
        registry.save_beneficiary(session, new_person(session, **changes), by=make.CLERK)
    assert refused.value.field == field


@pytest.mark.parametrize("code", ["01", make.OTHER_COMMUNE])
def test_a_person_lives_in_a_commune_of_the_clerk(session: Session, code: str) -> None:
    with pytest.raises(registry.NotACommune):
        registry.save_beneficiary(session, new_person(session, area=make.area(session, code)), by=make.CLERK)


def test_a_person_lives_somewhere(session: Session) -> None:
    with pytest.raises(registry.NotACommune):
        registry.save_beneficiary(session, new_person(session, area=None), by=make.CLERK)


def test_only_a_clerk_changes_the_registry(session: Session) -> None:
    person = make.person(session)
    rows: list[tuple[Any, Any]] = [
        (registry.save_beneficiary, person),
        (registry.save_entitlement, Entitlement(beneficiary=person)),
        (registry.save_payee, Payee(beneficiary=person)),
        (registry.save_method, PaymentMethod()),
    ]
    with session.no_autoflush:
        for save, row in rows:
            with pytest.raises(registry.NotAClerk):
                save(session, row, by=make.actor(Role.SUPERVISOR))
        session.expunge_all()


def test_an_entitlement_takes_the_coefficient_by_law_unless_decided(session: Session) -> None:
    with session.no_autoflush:
        row = Entitlement(
            beneficiary=make.person(session), benefit_type=make.benefit_type(session), decision_no="1/QĐ",
            starts_on=date(2026, 1, 1),
        )  # fmt: skip
        registry.save_entitlement(session, row, by=make.CLERK)
    session.flush()
    assert row.coefficient > 0
    row.coefficient = Decimal("3")
    registry.save_entitlement(session, row, by=make.CLERK)
    assert row.coefficient == 3


def test_an_entitlement_before_the_law_needs_its_own_coefficient_and_right_dates(session: Session) -> None:
    with session.no_autoflush:
        row = Entitlement(
            beneficiary=make.person(session), benefit_type=make.benefit_type(session), decision_no="1/QĐ",
            starts_on=date(2019, 1, 1),
        )  # fmt: skip
        with pytest.raises(registry.NoCoefficient):
            registry.save_entitlement(session, row, by=make.CLERK)
        row.ends_on = date(2018, 1, 1)
        with pytest.raises(registry.EndsBeforeItStarts):
            registry.save_entitlement(session, row, by=make.CLERK)


def payee(of: Beneficiary, **changes: Any) -> Payee:
    facts: dict[str, Any] = {"kind": "guardian", "full_name": "Trần Giám Hộ", "valid_from": date(2026, 11, 1)}
    return Payee(beneficiary=of, is_current=True, **(facts | changes))


def test_a_new_current_payee_ends_the_one_before(session: Session) -> None:
    person = make.person(session)
    with session.no_autoflush:
        row = payee(person, id_number="001150000001", phone="0912345678")
        registry.save_payee(session, row, by=make.CLERK)
    session.flush()
    current = session.execute(
        text("SELECT full_name FROM payees WHERE beneficiary_id = :id AND is_current"), {"id": person.id}
    ).scalars()
    assert list(current) == ["Trần Giám Hộ"]
    row.is_current = False
    registry.save_payee(session, row, by=make.CLERK)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"kind": "authorised"}, registry.AuthorisationTooLong),
        ({"kind": "authorised", "valid_to": date(2027, 11, 2)}, registry.AuthorisationTooLong),
        ({"valid_to": date(2026, 10, 31)}, registry.EndsBeforeItStarts),
    ],
)
def test_an_authorisation_lasts_at_most_twelve_months(
    session: Session, changes: dict[str, Any], error: type[Exception]
) -> None:
    person = make.person(session)
    with session.no_autoflush:
        row = payee(person, **changes)
        with pytest.raises(error):
            registry.save_payee(session, row, by=make.CLERK)
        row.valid_to = date(2027, 11, 1)
        registry.save_payee(session, row, by=make.CLERK)


def test_a_payment_method_keeps_only_what_belongs_to_its_kind(session: Session) -> None:
    receiver = make.payee(session, make.person(session))
    everything = {
        "account_no": "0123 456 789", "bank_code": "VCB", "bank_branch": "CN", "holder": "X", "wallet_kind": "momo",
        "wallet_phone": "0912 345 678",
    }  # fmt: skip
    kept = {
        "bank": {"account_no": "0123456789", "bank_code": "VCB", "bank_branch": "CN", "holder": "X"},
        "wallet": {"wallet_kind": "momo", "wallet_phone": "0912345678", "holder": "X"},
        "cash": {},
    }
    for kind, expected in kept.items():
        with session.no_autoflush:
            row = PaymentMethod(payee=receiver, kind=kind, is_current=True, **everything)
            registry.save_method(session, row, by=make.CLERK)
        session.flush()
        assert {name: getattr(row, name) for name in everything if getattr(row, name)} == expected
    row.is_current = False
    registry.save_method(session, row, by=make.CLERK)
    count = "SELECT count(*) FROM payment_methods WHERE payee_id = :id AND is_current"
    session.flush()
    assert session.execute(text(count), {"id": receiver.id}).scalar() == 0
