"""Who receives an invented person's money and how: themselves or another, in cash, into an account, into a wallet."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta

from app.demo.naming import FEMALE, MALE, cccd, full_name, phone
from app.rules import names
from app.rules.dates import add_months

BANK_SHARE, WALLET_SHARE = 0.25, 0.03
CARER_SHARE = 0.4
AUTHORISED_SHARE_FROM_80, AUTHORISED_SHARE_FROM_60 = 0.12, 0.03
SINCE = date(2025, 7, 1)
"""First day of payees who are not authorised for a term: the reform of the areas."""

_BANKS = (
    ("AGRIBANK", "Chi nhánh huyện", 9),
    ("BIDV", "", 12),
    ("VIETINBANK", "", 14),
    ("VCB", "", 13),
    ("LPBANK", "", 12),
)
_WALLETS = ("viettelmoney", "vnptmoney", "momo")
_BANK_WEIGHTS = (40, 15, 15, 12, 18)


@dataclass(frozen=True, slots=True)
class Account:
    """How somebody is paid; number or holder may be missing."""

    kind: str = "cash"
    account_no: str | None = None
    holder: str | None = None
    bank_code: str | None = None
    bank_branch: str | None = None
    wallet_kind: str | None = None
    wallet_phone: str | None = None


@dataclass(frozen=True, slots=True)
class Receiver:
    """The current payee of a person."""

    kind: str
    full_name: str
    id_number: str | None
    phone: str | None
    account: Account
    valid_from: date = SINCE
    valid_to: date | None = None


@dataclass(frozen=True, slots=True)
class Entitled:
    """What decides who receives somebody's money."""

    full_name: str
    id_number: str | None
    phone: str | None
    ethnicity: str
    birthplace: str
    age: int
    needs_care: bool


def receiver_of(
    rng: random.Random, who: Entitled, *, today: date, expired: bool = False, account_missing: bool = False
) -> Receiver:
    """The payee. `expired`: an authorisation that has run out; `account_missing`: paid to an account nobody noted."""
    kind = "authorised" if expired else _kind(rng, who)
    if kind == "self":
        name, number, called = who.full_name, who.id_number, who.phone
    else:
        name, number, called = _relative(rng, who, today)
    begins, ends = SINCE, None
    if kind == "authorised":
        begins, ends = _term(rng, today, expired=expired)
    account = _account(rng, name, called or phone(rng))
    if account_missing:
        account = Account("bank", bank_code="AGRIBANK", holder=_as_banks_write(name))
    return Receiver(kind, name, number, called, account, begins, ends)


def _kind(rng: random.Random, who: Entitled) -> str:
    drawn = rng.random()
    if who.age < 16:
        return "guardian"
    if who.needs_care and drawn < CARER_SHARE:
        return "carer"
    authorised = AUTHORISED_SHARE_FROM_80 if who.age >= 80 else AUTHORISED_SHARE_FROM_60 if who.age >= 60 else 0.0
    return "authorised" if drawn < authorised else "self"


def _relative(rng: random.Random, who: Entitled, today: date) -> tuple[str, str | None, str | None]:
    sex = rng.choice((MALE, FEMALE))
    born = today.year - rng.randint(24, 62)
    number = cccd(who.birthplace, sex, born, rng.randrange(1_000_000))
    return full_name(rng, who.ethnicity, sex, born), number, phone(rng)


def _term(rng: random.Random, today: date, *, expired: bool) -> tuple[date, date]:
    """Twelve months at most; an expired one ended before this month began."""
    this_month = today.replace(day=1)
    if expired:
        ends = this_month - timedelta(days=rng.randint(1, 25))
        return add_months(ends, -12) + timedelta(days=1), ends
    begins = this_month - timedelta(days=rng.randint(0, 300))
    return begins, add_months(begins, 12) - timedelta(days=1)


def _account(rng: random.Random, name: str, called: str) -> Account:
    drawn = rng.random()
    if drawn < BANK_SHARE:
        bank, branch, digits = rng.choices(_BANKS, _BANK_WEIGHTS)[0]
        number = f"{rng.randint(1, 9)}{rng.randrange(10 ** (digits - 1)):0{digits - 1}}"
        return Account("bank", number, _as_banks_write(name), bank, branch or None)
    if drawn < BANK_SHARE + WALLET_SHARE:
        return Account("wallet", holder=name, wallet_kind=rng.choice(_WALLETS), wallet_phone=called)
    return Account()


def _as_banks_write(name: str) -> str:
    return names.fold(name).upper()
