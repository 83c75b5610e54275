"""Small real rows for tests: an agency with contracts, people with entitlements, the actors of a commune."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.models import (
    Agency,
    AgencyContract,
    Area,
    Arrears,
    Beneficiary,
    BenefitType,
    Entitlement,
    Payee,
    PaymentMethod,
)
from app.rules import names
from app.rules.actors import Actor, Role
from app.services import periods, transitions
from app.services.batches import approval, making

COMMUNE = "00004"
COMMUNE_PATH = "VN/01/00004/"
OTHER_COMMUNE = "00008"
NOVEMBER = date(2026, 11, 1)
OCTOBER = date(2026, 10, 1)

_numbers = iter(range(1, 10_000_000))


def actor(role: Role, username: str | None = None, path: str = COMMUNE_PATH) -> Actor:
    """Somebody of a commune with one role; not a row of the users' table."""
    return Actor(username or f"xa.{role.value}", frozenset({role}), path)


CLERK = actor(Role.CLERK)
SUPERVISOR = actor(Role.SUPERVISOR)
ACCOUNTANT = actor(Role.ACCOUNTANT)
PROVINCE_CLERK = actor(Role.CLERK, "tinh.canbo", "VN/01/")
PROVINCE_SUPERVISOR = actor(Role.SUPERVISOR, "tinh.lanhdao", "VN/01/")
PROVINCE_ACCOUNTANT = actor(Role.ACCOUNTANT, "tinh.ketoan", "VN/01/")


def area(session: Session, code: str = COMMUNE) -> Area:
    """An area by its official code."""
    return session.scalars(select(Area).where(Area.code == code)).one()


def agency(session: Session, code: str = "vnpost", *, methods: tuple[str, ...] = ("cash", "bank", "wallet")) -> Agency:
    """A payment agency with a nationwide contract for each of `methods`, created once."""
    found = session.scalars(select(Agency).where(Agency.code == code)).one_or_none()
    if found is not None:
        return found
    made = Agency(code=code, name="Tổng công ty Bưu điện Việt Nam", kind="post", base_url="http://127.0.0.1:8090")
    session.add(made)
    session.flush()
    country = area(session, "VN")
    for method in methods:
        session.add(
            AgencyContract(
                contract_no=f"HĐ-{code}-{method}",
                agency_id=made.id,
                area_id=country.id,
                area=country,
                method=method,
                adapter="g2p",
                fee_kind="percent",
                fee_percent=Decimal("0.8"),
                valid_from=date(2025, 7, 1),
            )
        )
    session.flush()
    return made


def person(session: Session, name: str = "Nguyễn Thị Bình", *, commune: str = COMMUNE, **changes: Any) -> Beneficiary:
    """A living beneficiary who is their own payee, paid in cash."""
    number = next(_numbers)
    facts: dict[str, Any] = {
        "code": f"DT{number:08d}",
        "area": area(session, commune),
        "full_name": name,
        "name_fold": names.fold(name),
        "name_sort": names.sort_key(name),
        "sex": "female",
        "birth_year": 1945,
        "hamlet": "Thôn 1",
    } | changes
    made = Beneficiary(**facts)
    session.add(made)
    session.flush()
    payee(session, made)
    return made


def payee(
    session: Session,
    of: Beneficiary,
    *,
    kind: str = "self",
    name: str | None = None,
    valid_to: date | None = None,
    method: dict[str, Any] | None = None,
) -> Payee:
    """The current payee of a person, replacing the one before; `method` holds columns of PaymentMethod."""
    session.execute(text("UPDATE payees SET is_current = false WHERE beneficiary_id = :id"), {"id": of.id})
    made = Payee(
        beneficiary=of, kind=kind, full_name=name or of.full_name, valid_from=date(2025, 7, 1), valid_to=valid_to
    )
    session.add(made)
    session.flush()
    session.add(PaymentMethod(payee=made, **({"kind": "cash"} | (method or {}))))
    session.flush()
    return made


BANK = {"kind": "bank", "account_no": "0123456789", "bank_code": "BIDV", "holder": "NGUYEN THI BINH"}


def benefit_type(session: Session, *, batch_kind: str = "monthly", stacks: bool = False) -> BenefitType:
    """Some benefit type of a kind without an upper age."""
    return session.scalars(
        select(BenefitType)
        .where(
            BenefitType.batch_kind == batch_kind,
            BenefitType.stacks == stacks,
            BenefitType.age_to.is_(None),
        )
        .order_by(BenefitType.code)
        .limit(1)
    ).one()


def entitlement(
    session: Session, of: Beneficiary, coefficient: str = "1", *, batch_kind: str = "monthly", **changes: Any
) -> Entitlement:
    """A running entitlement."""
    stacks = changes.pop("stacks", False)
    facts: dict[str, Any] = {
        "beneficiary": of,
        "benefit_type": benefit_type(session, batch_kind=batch_kind, stacks=stacks),
        "coefficient": Decimal(coefficient),
        "decision_no": "12/QĐ-UBND",
        "starts_on": date(2025, 7, 1),
    } | changes
    made = Entitlement(**facts)
    session.add(made)
    session.flush()
    return made


def entitled(session: Session, name: str = "Nguyễn Thị Bình", coefficient: str = "1", **changes: Any) -> Entitlement:
    """A person with one running entitlement."""
    return entitlement(session, person(session, name, **changes), coefficient)


def arrears(session: Session, of: Entitlement, amount_vnd: int, *, due: date = NOVEMBER) -> Arrears:
    """Money owed for an earlier month."""
    made = Arrears(
        entitlement=of, for_month=date(2026, 9, 1), due_month=due, amount_vnd=amount_vnd, reason="Nâng mức chuẩn"
    )
    session.add(made)
    session.flush()
    return made


def made_list(session: Session, *, month: date = NOVEMBER, kind: str = "monthly", people: int = 0) -> int:
    """A draft list of the commune, with `people` more people on it; its key."""
    agency(session)
    for number in range(people):
        entitled(session, f"Trần Văn {number + 1}")
    request = making.ListRequest(area(session).id, month, kind)
    return making.make_lists(session, request, by=CLERK).batch_ids[0]


def locked_list(session: Session, *, people: int = 2, month: date = NOVEMBER) -> int:
    """A locked list of the commune; its key."""
    batch_id = made_list(session, month=month, people=people)
    approval.lock(session, batch_id, by=SUPERVISOR)
    return batch_id


def settled_month(session: Session, month: date, *, unpaid: list[int] | None = None, people: int = 0) -> int:
    """A whole month written as its services would have left it, without an agency: settled, and its period closed.

    `unpaid` are entitlements whose lines stay unpaid.
    """
    batch_id = made_list(session, month=month, people=people)
    approval.lock(session, batch_id, by=SUPERVISOR)
    everyone = {role: actor(role) for role in (Role.CLERK, Role.AGENCY, Role.ACCOUNTANT)}
    transitions.move(session, "batch", batch_id, "send", by=everyone[Role.CLERK])
    transitions.move(session, "batch", batch_id, "accept", by=everyone[Role.AGENCY])
    session.execute(
        text(
            "UPDATE payout_lines SET result = CASE WHEN entitlement_id = ANY(:unpaid) THEN 'unpaid' ELSE 'paid' END"
            " WHERE batch_id = :id AND live"
        ),
        {"id": batch_id, "unpaid": unpaid or []},
    )
    transitions.move(session, "batch", batch_id, "settle", by=everyone[Role.ACCOUNTANT])
    period = periods.ensure(session, month)
    key = session.execute(
        text("SELECT id FROM area_periods WHERE period_id = :period AND area_path = :path"),
        {"period": period.id, "path": COMMUNE_PATH},
    ).scalar_one()
    periods.close(session, key, by=actor(Role.ACCOUNTANT))
    session.expire_all()
    return batch_id
