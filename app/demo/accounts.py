"""The accounts of the demo, one for each role; their password is known, so they exist in demo mode only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import AppUser, Area
from app.rules.actors import SYSTEM, Role
from app.security import ROLE_NAMES
from app.services.accounts import issuing
from config import Settings

KNOWN_TO_ALL = "demo"
"""The password of every demo account."""


class NotInDemoMode(Exception):
    """Demo accounts have a known password and are made in demo mode only."""


@dataclass(frozen=True, slots=True)
class _Person:
    last_name: str
    first_name: str
    role: Role
    level: str


_PEOPLE: Mapping[str, _Person] = {
    "xa.canbo": _Person("Nguyễn Thị", "Hoa", Role.CLERK, "commune"),
    "xa.ketoan": _Person("Trần Văn", "Minh", Role.ACCOUNTANT, "commune"),
    "xa.lanhdao": _Person("Y Bhăm", "Niê", Role.SUPERVISOR, "commune"),
    "tinh.quantri": _Person("Lê Thị Thanh", "Hương", Role.PROVINCE_ADMIN, "province"),
    "tw.quantri": _Person("Phạm Quốc", "Dũng", Role.CENTRAL_ADMIN, "country"),
    "thanhtra": _Person("Hoàng Đức", "Anh", Role.AUDITOR, "province"),
    "buudien": _Person("Võ Thị Kim", "Ngân", Role.AGENCY_USER, "province"),
}

DEMO_ACCOUNTS: Mapping[str, str] = {username: ROLE_NAMES[person.role] for username, person in _PEOPLE.items()}
"""User name -> role in Vietnamese."""


def create_demo_accounts(
    session: Session, province_code: str, commune_code: str, *, agency_id: int, settings: Settings
) -> None:
    """Issue the demo accounts that are missing. Raises NotInDemoMode."""
    if not settings.demo:
        raise NotInDemoMode
    codes = {"country": "VN", "province": province_code, "commune": commune_code}
    ids = {area.code: area.id for area in session.scalars(select(Area).where(Area.code.in_(codes.values())))}
    there = set(session.scalars(select(AppUser.username).where(AppUser.username.in_(_PEOPLE))))
    for username, person in _PEOPLE.items():
        if username in there:
            continue
        account = issuing.Account(
            last_name=person.last_name,
            first_name=person.first_name,
            email=f"{username}@demo.example",
            area_id=ids[codes[person.level]],
            agency_id=agency_id if person.role is Role.AGENCY_USER else None,
            roles=frozenset({person.role}),
        )
        issuing.create(session, username, account, KNOWN_TO_ALL, by=SYSTEM, demo=True)
