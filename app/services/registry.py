"""The registry: saving people, their entitlements, payees and payment methods, always clean and with derived columns."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import inspect, select, text
from sqlalchemy.orm import Session

from app import clock
from app.errors import BadInput, NotAllowed
from app.models import Area, Beneficiary, BenefitRate, Entitlement, Payee, PaymentMethod, Suspension
from app.rules import dates, identity, names
from app.rules.actors import Actor, Role
from app.rules.problems import UnreadableError
from app.services.saying import cleaned

AUTHORISATION_MONTHS = 12
"""An authorisation to receive somebody's money lasts at most this long (domain.md, section 1)."""


class NotAClerk(NotAllowed):
    """Chỉ cán bộ bảo trợ xã hội được sửa hồ sơ đối tượng."""


class NotACommune(BadInput):
    """Hãy chọn xã, phường hoặc đặc khu thuộc địa bàn của bạn."""


class MovesByRelocation(BadInput):
    """Người này đang ở địa bàn khác; đổi địa bàn bằng chức năng Chuyển vùng, khi nơi đến tiếp nhận."""


class DeathNeedsDate(BadInput):
    """Đối tượng đã chết thì phải có ngày chết, không ở tương lai và không trước ngày sinh."""


class DateOfTheLiving(BadInput):
    """Chỉ ghi ngày chết khi tình trạng là “Đã chết”."""


class BornInTheFuture(BadInput):
    """Ngày sinh không thể ở tương lai."""


class EndsBeforeItStarts(BadInput):
    """Ngày kết thúc không thể trước ngày bắt đầu."""


class SuspensionNeedsDecision(BadInput):
    """Tạm dừng và hưởng lại phải có đề nghị và quyết định, ở trang Tạm dừng chi trả."""


class NoCoefficient(BadInput):
    """Nhóm này chưa có hệ số theo quy định vào ngày bắt đầu; hãy nhập hệ số theo quyết định."""


class AuthorisationTooLong(BadInput):
    """Giấy ủy quyền phải có ngày hết hạn, không quá 12 tháng kể từ ngày bắt đầu."""


def save_beneficiary(session: Session, row: Beneficiary, *, by: Actor) -> list[str]:
    """Save a new or changed person; a new one gets a code, and receives their own money in cash until told otherwise.

    Returns what is odd about the ID number (codes of `rules.identity.ID_FINDINGS`): warnings, never refusals.
    Raises NotAClerk, BadInput naming the field.
    """
    _demand_clerk(by)
    area = row.area if row.area is not None else session.get(Area, row.area_id or 0)
    if area is None or area.level != "commune" or not by.may_see(area.path):
        raise NotACommune(field="area")
    if row.code is not None and row.area_path is not None and row.area_path != area.path:
        raise MovesByRelocation(field="area")
    row.full_name = cleaned("full_name", names.clean_name, row.full_name or "")
    row.name_fold, row.name_sort = names.fold(row.full_name), names.sort_key(row.full_name)
    row.id_number = cleaned("id_number", identity.parse_id, row.id_number) if row.id_number else None
    row.phone = cleaned("phone", identity.parse_phone, row.phone) if row.phone else None
    _check_life(row)
    _check_suspension(session, row)
    row.changed_at = clock.now()
    if row.code is None:
        _give_code(session, row)
        _pay_in_cash(session, row, area)
    session.add(row)
    return identity.check_id(row.id_number, row.sex, row.birth_year) if row.id_number else []


def save_entitlement(session: Session, row: Entitlement, *, by: Actor) -> None:
    """Save a policy line; without a coefficient it takes the one by law on its first day. Raises as above."""
    _demand_clerk(by)
    if row.ends_on is not None and row.ends_on < row.starts_on:
        raise EndsBeforeItStarts(field="ends_on")
    if row.coefficient is None:
        found = session.scalars(
            select(BenefitRate.coefficient)
            .where(BenefitRate.benefit_type_id == row.benefit_type.id, BenefitRate.applies_from <= row.starts_on)
            .order_by(BenefitRate.applies_from.desc())
        ).first()
        if found is None:
            raise NoCoefficient(field="coefficient")
        row.coefficient = found
    session.add(row)


def save_payee(session: Session, row: Payee, *, by: Actor) -> None:
    """Save who receives a person's money; making one current ends the one before. Raises as above."""
    _demand_clerk(by)
    row.full_name = cleaned("full_name", names.clean_name, row.full_name or "")
    row.id_number = cleaned("id_number", identity.parse_id, row.id_number) if row.id_number else None
    row.phone = cleaned("phone", identity.parse_phone, row.phone) if row.phone else None
    if row.valid_to is not None and row.valid_to < row.valid_from:
        raise EndsBeforeItStarts(field="valid_to")
    if row.kind == "authorised" and (
        row.valid_to is None or row.valid_to > dates.add_months(row.valid_from, AUTHORISATION_MONTHS)
    ):
        raise AuthorisationTooLong(field="valid_to")
    if row.is_current:
        session.execute(
            text("UPDATE payees SET is_current = false WHERE beneficiary_id = :person AND id <> :id AND is_current"),
            {"person": row.beneficiary.id, "id": row.id or 0},
        )
    session.add(row)


def save_method(session: Session, row: PaymentMethod, *, by: Actor) -> None:
    """Save how a payee is paid; what does not belong to its kind is emptied. Raises as above."""
    _demand_clerk(by)
    if row.kind != "bank":
        row.account_no = row.bank_code = row.bank_branch = None
    if row.kind != "wallet":
        row.wallet_kind = row.wallet_phone = None
    if row.kind == "cash":
        row.holder = None
    row.account_no = cleaned("account_no", identity.parse_account, row.account_no) if row.account_no else None
    row.wallet_phone = cleaned("wallet_phone", identity.parse_phone, row.wallet_phone) if row.wallet_phone else None
    if row.is_current:
        session.execute(
            text("UPDATE payment_methods SET is_current = false WHERE payee_id = :payee AND id <> :id AND is_current"),
            {"payee": row.payee.id, "id": row.id or 0},
        )
    session.add(row)


def demand_day_of_death(row: Beneficiary, died_on: date | None) -> None:
    """Raises DeathNeedsDate."""
    earliest = dates.BirthDate(row.birth_year, row.birth_month, row.birth_day).earliest
    if died_on is None or not earliest <= died_on <= clock.today():
        raise DeathNeedsDate(field="died_on")


def _demand_clerk(by: Actor) -> None:
    if not by.has(Role.CLERK):
        raise NotAClerk


def _check_life(row: Beneficiary) -> None:
    try:
        birth = dates.BirthDate(row.birth_year, row.birth_month, row.birth_day)
    except UnreadableError as error:
        raise BadInput(error.text, field="birth", **error.facts) from error
    today = clock.today()
    if birth.earliest > today:
        raise BornInTheFuture(field="birth")
    if row.status != "dead" and row.died_on is not None:
        raise DateOfTheLiving(field="died_on")
    if row.status == "dead":
        demand_day_of_death(row, row.died_on)


def _check_suspension(session: Session, row: Beneficiary) -> None:
    """Suspending is decided by another person; a decision in force is ended by a decision, or by death."""
    changed: Any = inspect(row).attrs.status.history
    before = changed.deleted[0] if changed.deleted else None
    if not changed.added or row.status == before:
        return
    if row.status == "suspended":
        raise SuspensionNeedsDecision(field="status")
    if before == "suspended" and row.status != "dead":
        open_one = select(Suspension.id).where(
            Suspension.beneficiary_id == row.id, Suspension.state.in_(("suspended", "resuming"))
        )
        with session.no_autoflush:
            if session.scalars(open_one).first() is not None:
                raise SuspensionNeedsDecision(field="status")


def _give_code(session: Session, row: Beneficiary) -> None:
    number = session.execute(text("SELECT nextval(pg_get_serial_sequence('beneficiaries', 'id'))")).scalar_one()
    row.id, row.code = number, f"DT{number:08d}"


def _pay_in_cash(session: Session, row: Beneficiary, area: Area) -> None:
    since: date = clock.today()
    payee = Payee(beneficiary=row, kind="self", full_name=row.full_name, valid_from=since, is_current=True)
    payee.area_path = area.path
    method = PaymentMethod(payee=payee, kind="cash", is_current=True)
    method.area_path = area.path
    session.add_all([payee, method])
