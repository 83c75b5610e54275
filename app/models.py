"""The data dictionary: every table, column, constraint and index, each with its comment. No workflow lives here.

Money is BIGINT đồng. Times are timestamptz in UTC. `area_path` is the copied path of the owning area; row-level
security and every list filter are a range over it (docs/authorization.md). The triggers that freeze, audit and
fill are in `migrations/`, because they are code of the database.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from flask_appbuilder import Model
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.rules import dates
from app.rules.states import (
    ARREARS,
    BATCH,
    EXTENSION,
    LINE_RESULTS,
    LIVE_PACKET_STATES,
    MACHINES,
    PACKET,
    PERIOD,
    RECOVERY,
    RELOCATION,
    SETTLEMENT,
    SUSPENSION,
    TRANSFER,
)

metadata: MetaData = Model.metadata
metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

BATCH_KINDS = ("monthly", "social_pension", "funeral", "supplementary")
METHODS = ("cash", "bank", "wallet")
PAYEE_KINDS = ("self", "guardian", "carer", "authorised", "organiser")
OUTCOMES = ("paid", "unpaid", "to_recover")
FINDINGS = ("matched", "missing", "extra", "wrong_amount", "duplicate", "dispute", "by_hand")
HOW_CHANGED = ("all", "line", "codes", "sheet")
IMPORT_KINDS = ("codes", "sheet", "registry", "payments")
IMPORT_PHASES = ("reading", "columns", "refused", "ready", "applied", "discarded")
BUCKETS = ("owed", "with_agency", "paid", "unpaid", "carried", "stopped", "to_recover", "recovered", "written_off")
RECOVERY_SOURCES = ("settlement", "death", "stop", "hand")
RECOVERY_ENTRIES = ("withheld", "cash", "written_off")
WITHHOLDING_OUTCOMES = ("waiting", "recovered", "released")
ARREARS_CAUSES = ("manual", "rates", "resumption")
ARREARS_EXCLUSIONS = (
    "dead", "ended", "stopped", "to_recover", "suspended", "moved", "by_hand", "reopened", "rejected", "withdrawn",
)  # fmt: skip
USER_CHANGES = ("created", "changed", "disabled", "enabled", "password_reset", "password_changed")
FAULTS_FOR_A_PERSON = (
    "unknown_packet", "other_agency", "superseded", "after_lock", "collected_unread", "not_collected",
)  # fmt: skip
MESSAGE_FAULTS = (
    *FAULTS_FOR_A_PERSON,
    "unreadable_line",
    "foreign_line",
    "foreign_area",
    "wrong_amount",
    "duplicate_line",
    "contradiction",
    "wrong_totals",
    "missing_part",
)
CALL_VERBS = ("send", "ask", "recall", "fetch", "notify")
NOTICES = ("granted", "refused", "revoked", "lapsed")
CALL_OUTCOMES = ("received", "accepted", "rejected", "settled", "not_found", "refused", "not_sent", "unknown")
REASON_CODES = (
    "ABSENT",
    "MOVED",
    "DEAD",
    "NO_CONTACT",
    "REFUSED",
    "WRONG_DATA",
    "NO_AUTHORISATION",
    "ACCOUNT_INVALID",
    "OTHER",
)


def one_of(column: str, values: Any, *, name: str | None = None, nullable: bool = False) -> CheckConstraint:
    """`column` holds one of `values`."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(
        f"{column} IN ({listed})" + (f" OR {column} IS NULL" if nullable else ""), name=name or column
    )


def live_packet() -> str:
    """SQL condition: the packet is in a live state."""
    return "state IN ({})".format(", ".join(f"'{state}'" for state in LIVE_PACKET_STATES))


def key() -> Mapped[int]:
    return mapped_column(BigInteger, Identity(always=False), primary_key=True, comment="Surrogate key")


def vnd(comment: str, *, default: int | None = 0) -> Mapped[int]:
    server_default = None if default is None else text(str(default))
    return mapped_column(BigInteger, nullable=False, server_default=server_default, comment=comment)


def instant(comment: str, *, now: bool = False) -> Mapped[Any]:
    return mapped_column(
        DateTime(timezone=True),
        nullable=not now,
        server_default=text("now()") if now else None,
        comment=comment,
    )


def state(machine: Any) -> Mapped[str]:
    return mapped_column(
        Text,
        nullable=False,
        server_default=machine.initial,
        comment=f"State of machine '{machine.name}'; set only by services.transitions.move()",
    )


def words(comment: str, *, nullable: bool = False, default: str | None = None) -> Mapped[Any]:
    return mapped_column(Text, nullable=nullable, server_default=default, comment=comment)


def row_version() -> Mapped[int]:
    return mapped_column(
        Integer,
        nullable=False,
        server_default=text("1"),
        comment="Counts saves; a second stale save is refused",
    )


def saved_by() -> Mapped[Any]:
    return mapped_column(Text, comment="User name of who saved the row last; empty for what a program wrote")


PATH = Text(collation="C")
PATH_COMMENT = "Path of the owning area, copied; scope and row-level security are a range over it"


class Scoped:
    """Rows of one area: seen and changed by whoever's area contains it."""

    area_path: Mapped[str] = mapped_column(PATH, nullable=False, comment=PATH_COMMENT)


class Inherited:
    """Rows of one area that hold for the areas below: seen from below too, changed only by the area itself."""

    area_path: Mapped[str] = mapped_column(PATH, nullable=False, comment=PATH_COMMENT)


class Shared:
    """Rows between two areas: seen from both, asked for by one and answered by the other."""

    area_path: Mapped[str] = mapped_column(PATH, nullable=False, comment=PATH_COMMENT)
    to_path: Mapped[str] = mapped_column(PATH, nullable=False, comment="Path of the other area, which sees the row too")


# --- Areas -------------------------------------------------------------------------------------------------------


class Area(Model):
    """A node of the tree country -> province -> commune."""

    __tablename__ = "areas"
    __table_args__ = (
        one_of("level", ("country", "province", "commune")),
        CheckConstraint("path LIKE '%/'", name="path_ends_with_slash"),
        CheckConstraint("(level = 'country') = (parent_id IS NULL)", name="only_the_country_has_no_parent"),
        Index("ix_areas_name_fold", "name_fold", postgresql_ops={"name_fold": "text_pattern_ops"}),
        {"comment": "Administrative areas with official codes; a code is never reused"},
    )
    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True, comment="Surrogate key")
    code: Mapped[str] = mapped_column(Text, unique=True, nullable=False, comment="Official code with leading zeros")
    path: Mapped[str] = mapped_column(
        Text(collation="C"), unique=True, nullable=False, comment="VN/<province>/<commune>/ in byte order"
    )
    level: Mapped[str] = words("country, province or commune")
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("areas.id"), index=True, comment="The area above")
    kind: Mapped[str] = words("Official kind: Tỉnh, Thành phố, Xã, Phường, Đặc khu")
    name: Mapped[str] = words("Official name without its kind")
    full_name: Mapped[str] = words("Official name with its kind")
    full_name_en: Mapped[str] = words("Official English name")
    name_fold: Mapped[str] = words("Name without marks, for search")
    valid_from: Mapped[date] = mapped_column(Date, nullable=False, comment="First day of existence")
    valid_to: Mapped[date | None] = mapped_column(Date, comment="Last day of existence")

    parent: Mapped[Area | None] = relationship(remote_side=[id])

    def __str__(self) -> str:
        return self.full_name


class AreaPredecessor(Model):
    """Succession: which area a commune of before 1 July 2025 became."""

    __tablename__ = "area_predecessors"
    __table_args__ = (
        UniqueConstraint("old_commune_code", "area_id"),
        {"comment": "Communes of before 1/7/2025 and the area each went into (old -> new)"},
    )
    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True, comment="Surrogate key")
    old_commune_code: Mapped[str] = mapped_column(Text, index=True, nullable=False, comment="Code before 1/7/2025")
    old_commune: Mapped[str] = words("Commune name then")
    old_district_code: Mapped[str] = words("District code then")
    old_district: Mapped[str] = words("District name then")
    old_province_code: Mapped[str] = words("Province code then")
    old_province: Mapped[str] = words("Province name then")
    area_id: Mapped[int] = mapped_column(ForeignKey("areas.id"), index=True, nullable=False, comment="Today's area")
    is_default: Mapped[bool] = mapped_column(Boolean, nullable=False, comment="Main successor of a divided commune")

    area: Mapped[Area] = relationship()

    def __str__(self) -> str:
        return f"{self.old_commune_code} {self.old_commune}"


# --- Users (Flask-AppBuilder's table, with our columns) ----------------------------------------------------------


class KeptArea(Scoped, Model):
    """An area that has ended, owned by the one area that keeps what it leaves and may read it (services/lives/keeping)."""

    __tablename__ = "kept_areas"
    __table_args__ = (
        Index("ix_kept_areas_area_path", "area_path"),
        {"comment": "Areas that ended, owned by the one area that keeps and reads what they leave"},
    )
    id: Mapped[int] = key()
    old_area_id: Mapped[int] = mapped_column(
        ForeignKey("areas.id"), unique=True, nullable=False, comment="Area that has ended"
    )
    old_path: Mapped[str] = mapped_column(PATH, nullable=False, comment="Its path")
    code: Mapped[str] = words("Its official code")
    full_name: Mapped[str] = words("Its name")
    ended_on: Mapped[date] = mapped_column(Date, nullable=False, comment="Its last day")
    decision: Mapped[str] = words("By which decision it ended")


class AppUser(User):
    """A user of the program: Flask-AppBuilder's user with an area and, for an agency's staff, an agency."""

    __tablename__ = "ab_user"
    __table_args__ = ({"extend_existing": True},)
    area_id: Mapped[int | None] = mapped_column(
        ForeignKey("areas.id"), index=True, comment="The user sees this area and below; nothing when empty"
    )
    area_path: Mapped[str | None] = mapped_column(Text(collation="C"), index=True, comment="Path of the area, copied")
    agency_id: Mapped[int | None] = mapped_column(
        ForeignKey("agencies.id"), comment="Set for staff of a payment agency: only that agency's packets"
    )
    session_version: Mapped[int] = mapped_column(
        Integer,
        nullable=False,
        server_default=text("1"),
        default=1,
        comment="Raised by a password change or lock-out; older cookies and tokens stop working",
    )
    row_version: Mapped[int] = row_version()

    area: Mapped[Area | None] = relationship(foreign_keys=[area_id])
    agency: Mapped[Agency | None] = relationship(foreign_keys=[agency_id])

    def get_full_name(self) -> str:
        """Family name first, as Vietnamese names are written."""
        return f"{self.last_name} {self.first_name}"


# --- Agencies, contracts, settings, rates ------------------------------------------------------------------------


class Agency(Model):
    """A payment agency: who hands out the money."""

    __tablename__ = "agencies"
    __table_args__ = (
        one_of("kind", ("post", "bank", "telecom", "office")),
        {"comment": "Payment agencies (đơn vị chi trả). Keys and secrets are files, never here"},
    )
    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True, comment="Surrogate key")
    code: Mapped[str] = mapped_column(Text, unique=True, nullable=False, comment="Sender id on the wire, e.g. vnpost")
    name: Mapped[str] = words("Full name")
    kind: Mapped[str] = words("post, bank or telecom; office for the office that pays by itself")
    base_url: Mapped[str | None] = words("Address of its interface", nullable=True)
    is_active: Mapped[bool] = mapped_column(Boolean, nullable=False, server_default=text("true"), comment="In use")

    def __str__(self) -> str:
        return self.name


class AgencyContract(Inherited, Model):
    """Which agency pays by which method in an area, at what fee."""

    __tablename__ = "agency_contracts"
    __table_args__ = (
        one_of("method", METHODS),
        one_of("adapter", ("g2p", "iso20022", "workbook")),
        one_of("fee_kind", ("percent", "per_person")),
        CheckConstraint("fee_percent >= 0 AND fee_percent <= 100", name="fee_percent"),
        CheckConstraint("fee_vnd >= 0", name="fee_vnd"),
        CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="dates"),
        {
            "comment": "Contracts: agency x area x payment method, with the fee model; no two overlap (exclusion constraint)"
        },
    )
    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True, comment="Surrogate key")
    contract_no: Mapped[str] = words("Number of the contract on paper")
    agency_id: Mapped[int] = mapped_column(ForeignKey("agencies.id"), nullable=False, comment="The agency")
    area_id: Mapped[int] = mapped_column(ForeignKey("areas.id"), nullable=False, comment="Area and below")
    method: Mapped[str] = words("Payment method covered: cash, bank, wallet")
    adapter: Mapped[str] = words("How packets travel: g2p, iso20022, workbook", default="g2p")
    fee_kind: Mapped[str] = words("percent of đồng paid, or đồng per paid person", default="percent")
    fee_percent: Mapped[Decimal] = mapped_column(
        Numeric(6, 4), nullable=False, server_default=text("0"), comment="Percent of money actually paid"
    )
    fee_vnd: Mapped[int] = vnd("Đồng per paid person")
    fee_cap_vnd: Mapped[int | None] = mapped_column(BigInteger, comment="Most the fee of one settlement may be")
    valid_from: Mapped[date] = mapped_column(Date, nullable=False, comment="First day")
    valid_to: Mapped[date | None] = mapped_column(Date, comment="Last day; open when empty")
    row_version: Mapped[int] = row_version()
    saved_by: Mapped[str | None] = saved_by()

    agency: Mapped[Agency] = relationship()
    area: Mapped[Area] = relationship()

    def __str__(self) -> str:
        return self.contract_no


class PaymentSetting(Inherited, Model):
    """How payments run in an area from a day on; an empty value is inherited from the area above."""

    __tablename__ = "payment_settings"
    __table_args__ = (
        UniqueConstraint("area_id", "valid_from"),
        CheckConstraint("list_cutoff_day BETWEEN 2 AND 31", name="list_cutoff_day"),
        CheckConstraint("settlement_cutoff_day BETWEEN 1 AND 31", name="settlement_cutoff_day"),
        CheckConstraint("months_per_settlement BETWEEN 1 AND 3", name="months_per_settlement"),
        CheckConstraint("payment_day_from BETWEEN 1 AND 31", name="payment_day_from"),
        CheckConstraint("payment_day_to BETWEEN 1 AND 31", name="payment_day_to"),
        CheckConstraint("unusual_change_percent BETWEEN 1 AND 1000", name="unusual_change_percent"),
        CheckConstraint("remind_days BETWEEN 0 AND 20", name="remind_days"),
        CheckConstraint("recovery_share_percent BETWEEN 0 AND 90", name="recovery_share_percent"),
        one_of("paying_level", ("province", "commune"), nullable=True),
        one_of("transfer_level", ("province", "commune"), nullable=True),
        {"comment": "Payment settings per area, effective-dated, inherited from the parent where empty"},
    )
    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True, comment="Surrogate key")
    area_id: Mapped[int] = mapped_column(ForeignKey("areas.id"), nullable=False, comment="Area and below")
    valid_from: Mapped[date] = mapped_column(
        Date, nullable=False, comment="In force from this day; the latest row wins"
    )
    list_cutoff_day: Mapped[int | None] = mapped_column(
        SmallInteger, comment="Lists are sent before this day of the month before the period"
    )
    settlement_cutoff_day: Mapped[int | None] = mapped_column(
        SmallInteger, comment="The agency settles by this day of the period's month"
    )
    months_per_settlement: Mapped[int | None] = mapped_column(
        SmallInteger, comment="1, 2 or 3 months in one settlement"
    )
    through_agency: Mapped[bool | None] = mapped_column(
        Boolean, comment="Paid through an agency or by the office itself"
    )
    payment_day_from: Mapped[int | None] = mapped_column(SmallInteger, comment="First payment day of the month")
    payment_day_to: Mapped[int | None] = mapped_column(SmallInteger, comment="Last payment day of the month")
    paying_level: Mapped[str | None] = words("Level at which one list is made: commune or province", nullable=True)
    transfer_level: Mapped[str | None] = words(
        "Level whose account the agency is paid through: commune or province", nullable=True
    )
    shift_to_working_day: Mapped[bool | None] = mapped_column(
        Boolean, comment="A cut-off on a day off moves to the previous working day"
    )
    extension_past_cutoff: Mapped[bool | None] = mapped_column(
        Boolean, comment="An extension may reach the cut-off of the next lists"
    )
    unusual_change_percent: Mapped[int | None] = mapped_column(
        SmallInteger, comment="A change of amount against last month above this percent is a finding"
    )
    auto_send: Mapped[bool | None] = mapped_column(
        Boolean, comment="Approved lists are sent by themselves on the last day before the cut-off"
    )
    remind_days: Mapped[int | None] = mapped_column(
        SmallInteger, comment="Days before the last day to send from which people are reminded; 0 for never"
    )
    recovery_share_percent: Mapped[int | None] = mapped_column(
        SmallInteger, comment="Most of a line that may be withheld for recoveries, in percent; nothing when nobody says"
    )
    row_version: Mapped[int] = row_version()
    saved_by: Mapped[str | None] = saved_by()

    area: Mapped[Area] = relationship()

    def __str__(self) -> str:
        return f"{self.area} · {dates.format_date(self.valid_from)}"


class PaperSetting(Inherited, Model):
    """What stands on official papers of an area from a day on; an empty value is inherited or derived."""

    __tablename__ = "paper_settings"
    __table_args__ = (
        UniqueConstraint("area_id", "valid_from"),
        {"comment": "What stands on official papers per area, effective-dated; an empty value is inherited or derived"},
    )
    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True, comment="Surrogate key")
    area_id: Mapped[int] = mapped_column(ForeignKey("areas.id"), nullable=False, comment="Area and below")
    valid_from: Mapped[date] = mapped_column(
        Date, nullable=False, comment="In force from this day; the latest row wins"
    )
    managing_body: Mapped[str | None] = words(
        "Body that manages payouts in a province (Sở Y tế, Sở Nội vụ); inherited", nullable=True
    )
    superior: Mapped[str | None] = words("Line above the issuer on papers of this area alone", nullable=True)
    issuer: Mapped[str | None] = words("Who issues papers of this area alone", nullable=True)
    place: Mapped[str | None] = words("Place in the line of the date, of this area alone", nullable=True)
    code: Mapped[str | None] = words("Sign of the issuer in the number, of this area alone", nullable=True)
    maker_title: Mapped[str | None] = words("Title of who made it; inherited", nullable=True)
    maker_name: Mapped[str | None] = words("Their name, of this area alone", nullable=True)
    accountant_title: Mapped[str | None] = words("Title of the accountant; inherited", nullable=True)
    accountant_name: Mapped[str | None] = words("Their name, of this area alone", nullable=True)
    head_title: Mapped[str | None] = words("Title of the head of the office; inherited", nullable=True)
    head_name: Mapped[str | None] = words("Their name, of this area alone", nullable=True)
    agency_title: Mapped[str | None] = words("Title of the agency's representative; inherited", nullable=True)
    row_version: Mapped[int] = row_version()

    area: Mapped[Area] = relationship()

    def __str__(self) -> str:
        return self.area.full_name


class BenefitType(Model):
    """A kind of benefit (chính sách) with its legal basis."""

    __tablename__ = "benefit_types"
    __table_args__ = (
        one_of("batch_kind", ("monthly", "social_pension", "funeral")),
        CheckConstraint("age_from >= 0 AND (age_to IS NULL OR age_to >= age_from)", name="ages"),
        {"comment": "Benefit types (nhóm đối tượng hưởng)"},
    )
    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True, comment="Surrogate key")
    code: Mapped[str] = mapped_column(Text, unique=True, nullable=False, comment="Short code, not a diagnosis")
    name: Mapped[str] = words("Vietnamese name")
    name_en: Mapped[str] = words("English name")
    batch_kind: Mapped[str] = words("Kind of list it is paid in")
    stacks: Mapped[bool] = mapped_column(
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="Added to another group (single parent, per child)",
    )
    sensitive: Mapped[bool] = mapped_column(
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="Reveals health; never goes to the agency",
    )
    age_from: Mapped[int | None] = mapped_column(SmallInteger, comment="Youngest age in years")
    age_to: Mapped[int | None] = mapped_column(SmallInteger, comment="Oldest age in years")
    legal_basis: Mapped[str] = words("Law and article")

    def __str__(self) -> str:
        return self.name


class BenefitRate(Model):
    """Coefficient of a benefit type from a day on."""

    __tablename__ = "benefit_rates"
    __table_args__ = (
        UniqueConstraint("benefit_type_id", "applies_from"),
        CheckConstraint("coefficient > 0 AND coefficient <= 100", name="coefficient"),
        {"comment": "Coefficients by law, effective-dated; an entitlement's decision copies one"},
    )
    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True, comment="Surrogate key")
    benefit_type_id: Mapped[int] = mapped_column(ForeignKey("benefit_types.id"), nullable=False, comment="Benefit type")
    coefficient: Mapped[Decimal] = mapped_column(Numeric(5, 2), nullable=False, comment="Times the standard amount")
    applies_from: Mapped[date] = mapped_column(Date, nullable=False, comment="First day of validity")
    legal_basis: Mapped[str] = words("Law and article")

    benefit_type: Mapped[BenefitType] = relationship()

    def __str__(self) -> str:
        return f"{self.benefit_type} × {self.coefficient}"


class StandardAmount(Inherited, Model):
    """Mức chuẩn: the base amount in an area from a day on."""

    __tablename__ = "standard_amounts"
    __table_args__ = (
        UniqueConstraint("area_id", "batch_kind", "applies_from"),
        one_of("batch_kind", ("monthly", "social_pension", "funeral")),
        CheckConstraint("amount_vnd BETWEEN 1 AND 100000000", name="amount_vnd"),
        {
            "comment": "Standard amounts: nationwide at the country, provincial overrides below; the nearest area's latest row wins"
        },
    )
    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True, comment="Surrogate key")
    area_id: Mapped[int] = mapped_column(ForeignKey("areas.id"), nullable=False, comment="Area and below")
    batch_kind: Mapped[str] = words("Programme it applies to")
    amount_vnd: Mapped[int] = vnd("Đồng per month at coefficient 1", default=None)
    applies_from: Mapped[date] = mapped_column(Date, nullable=False, comment="First month it is owed for")
    enacted_on: Mapped[date] = mapped_column(
        Date, nullable=False, comment="Day the rule came into force; lists made earlier could not know it"
    )
    legal_basis: Mapped[str] = words("Law and article")
    row_version: Mapped[int] = row_version()
    saved_by: Mapped[str | None] = saved_by()

    area: Mapped[Area] = relationship()

    def __str__(self) -> str:
        return f"{self.area} · {dates.format_date(self.applies_from)}"


class Holiday(Model):
    """A day off, or a working day that replaces one."""

    __tablename__ = "holidays"
    __table_args__ = ({"comment": "Public holidays and compensatory days, for cut-offs"},)
    day: Mapped[date] = mapped_column(Date, primary_key=True, comment="The day")
    name: Mapped[str] = words("What is celebrated")
    is_workday: Mapped[bool] = mapped_column(
        Boolean, nullable=False, server_default=text("false"), comment="A weekend day worked in exchange"
    )

    def __str__(self) -> str:
        return f"{dates.format_date(self.day)} {self.name}"


# --- Registry ----------------------------------------------------------------------------------------------------


class Beneficiary(Scoped, Model):
    """Đối tượng: the person entitled."""

    __tablename__ = "beneficiaries"
    __table_args__ = (
        one_of("status", ("active", "suspended", "stopped", "dead", "moved")),
        one_of("sex", ("male", "female"), nullable=True),
        CheckConstraint("birth_year BETWEEN 1900 AND 2100", name="birth_year"),
        CheckConstraint("birth_month BETWEEN 1 AND 12", name="birth_month"),
        CheckConstraint(
            "birth_day BETWEEN 1 AND 31 AND (birth_day IS NULL OR birth_month IS NOT NULL)", name="birth_day"
        ),
        CheckConstraint("id_number ~ '^[0-9]{9,12}$'", name="id_number"),
        CheckConstraint("(status = 'dead') = (died_on IS NOT NULL)", name="the_dead_have_a_date"),
        Index("ix_beneficiaries_area_path_id", "area_path", "id"),
        Index("ix_beneficiaries_name_fold", "name_fold", postgresql_ops={"name_fold": "text_pattern_ops"}),
        Index("ix_beneficiaries_id_number", "id_number", postgresql_where=text("id_number IS NOT NULL")),
        {"comment": "The registry: people entitled; the key of people is the code, never the ID number"},
    )
    id: Mapped[int] = key()
    code: Mapped[str] = mapped_column(Text, unique=True, nullable=False, comment="Mã đối tượng")
    area_id: Mapped[int] = mapped_column(ForeignKey("areas.id"), nullable=False, comment="Commune of residence")
    full_name: Mapped[str] = words("Full name, NFC")
    name_fold: Mapped[str] = words("Name without marks, for search")
    name_sort: Mapped[str] = mapped_column(
        Text(collation="C"),
        nullable=False,
        comment="Sort key: given name, family, middle, in Vietnamese order",
    )
    sex: Mapped[str | None] = words("male or female", nullable=True)
    birth_year: Mapped[int] = mapped_column(SmallInteger, nullable=False, comment="Year of birth")
    birth_month: Mapped[int | None] = mapped_column(SmallInteger, comment="Month, when known")
    birth_day: Mapped[int | None] = mapped_column(SmallInteger, comment="Day, when known")
    id_number: Mapped[str | None] = words("CCCD / số định danh; empty is a normal state", nullable=True)
    ethnicity: Mapped[str | None] = words("Dân tộc", nullable=True)
    hamlet: Mapped[str] = words("Thôn, bản, tổ dân phố", default="")
    address: Mapped[str] = words("Rest of the address", default="")
    phone: Mapped[str | None] = words("Telephone", nullable=True)
    status: Mapped[str] = words("active, suspended, stopped, dead, moved", default="active")
    status_reason: Mapped[str | None] = words("Why the status is not active", nullable=True)
    died_on: Mapped[date | None] = mapped_column(Date, comment="Date of death")
    row_version: Mapped[int] = row_version()
    saved_by: Mapped[str | None] = saved_by()
    created_at: Mapped[datetime] = instant("When entered", now=True)
    changed_at: Mapped[datetime] = instant("When last saved", now=True)

    area: Mapped[Area] = relationship()
    entitlements: Mapped[list[Entitlement]] = relationship(back_populates="beneficiary")
    payees: Mapped[list[Payee]] = relationship(back_populates="beneficiary")

    @property
    def birth(self) -> str:
        """dd/mm/yyyy, mm/yyyy or yyyy: what is known."""
        return dates.BirthDate(self.birth_year, self.birth_month, self.birth_day).show()

    def __str__(self) -> str:
        return f"{self.code} {self.full_name}"


class Entitlement(Scoped, Model):
    """Chính sách đang hưởng: one policy line of a beneficiary."""

    __tablename__ = "entitlements"
    __table_args__ = (
        CheckConstraint("coefficient > 0 AND coefficient <= 100", name="coefficient"),
        CheckConstraint("units BETWEEN 1 AND 20", name="units"),
        CheckConstraint("ends_on IS NULL OR ends_on >= starts_on", name="dates"),
        one_of("status", ("active", "suspended", "ended")),
        Index("ix_entitlements_area_path_id", "area_path", "id"),
        Index("ix_entitlements_running", "area_path", "benefit_type_id", postgresql_where=text("status = 'active'")),
        {"comment": "Entitlements: what a beneficiary receives, by which decision, from when to when"},
    )
    id: Mapped[int] = key()
    beneficiary_id: Mapped[int] = mapped_column(
        ForeignKey("beneficiaries.id"), index=True, nullable=False, comment="The person"
    )
    benefit_type_id: Mapped[int] = mapped_column(ForeignKey("benefit_types.id"), nullable=False, comment="Benefit type")
    coefficient: Mapped[Decimal] = mapped_column(Numeric(5, 2), nullable=False, comment="By the decision")
    units: Mapped[int] = mapped_column(
        SmallInteger,
        nullable=False,
        server_default=text("1"),
        comment="Children, for the single parent's benefit",
    )
    decision_no: Mapped[str] = words("Number of the decision")
    decided_on: Mapped[date | None] = mapped_column(Date, comment="Date of the decision")
    starts_on: Mapped[date] = mapped_column(Date, nullable=False, comment="First month paid contains this day")
    ends_on: Mapped[date | None] = mapped_column(Date, comment="Last month paid contains this day")
    status: Mapped[str] = words("active, suspended, ended", default="active")
    row_version: Mapped[int] = row_version()
    saved_by: Mapped[str | None] = saved_by()

    beneficiary: Mapped[Beneficiary] = relationship(back_populates="entitlements")
    benefit_type: Mapped[BenefitType] = relationship()

    def __str__(self) -> str:
        return f"{self.benefit_type} × {self.coefficient}"


class Payee(Scoped, Model):
    """Người nhận: who receives a beneficiary's money."""

    __tablename__ = "payees"
    __table_args__ = (
        one_of("kind", PAYEE_KINDS),
        CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="dates"),
        Index(
            "uq_payees_current",
            "beneficiary_id",
            unique=True,
            postgresql_where=text("is_current"),
        ),
        Index("ix_payees_beneficiary_id", "beneficiary_id"),
        Index("ix_payees_area_path_id", "area_path", "id"),
        {"comment": "Payees: the person, guardian, carer, authorised person, funeral organiser; one is current"},
    )
    id: Mapped[int] = key()
    beneficiary_id: Mapped[int] = mapped_column(ForeignKey("beneficiaries.id"), nullable=False, comment="For whom")
    kind: Mapped[str] = words("self, guardian, carer, authorised, organiser", default="self")
    full_name: Mapped[str] = words("Full name, NFC")
    id_number: Mapped[str | None] = words("CCCD of the payee", nullable=True)
    phone: Mapped[str | None] = words("Telephone", nullable=True)
    valid_from: Mapped[date] = mapped_column(Date, nullable=False, comment="First day")
    valid_to: Mapped[date | None] = mapped_column(Date, comment="Last day; an authorisation lasts at most 12 months")
    is_current: Mapped[bool] = mapped_column(
        Boolean, nullable=False, server_default=text("true"), comment="Receives now"
    )
    row_version: Mapped[int] = row_version()
    saved_by: Mapped[str | None] = saved_by()

    beneficiary: Mapped[Beneficiary] = relationship(back_populates="payees")
    methods: Mapped[list[PaymentMethod]] = relationship(back_populates="payee")

    def __str__(self) -> str:
        return self.full_name


class PaymentMethod(Scoped, Model):
    """Hình thức nhận: how a payee is paid."""

    __tablename__ = "payment_methods"
    __table_args__ = (
        one_of("kind", METHODS),
        CheckConstraint("account_no ~ '^[0-9]{6,19}$'", name="account_no"),
        Index("uq_payment_methods_current", "payee_id", unique=True, postgresql_where=text("is_current")),
        Index("ix_payment_methods_payee_id", "payee_id"),
        Index("ix_payment_methods_area_path_id", "area_path", "id"),
        {"comment": "Payment methods of payees; an account may still be missing, which is a finding before locking"},
    )
    id: Mapped[int] = key()
    payee_id: Mapped[int] = mapped_column(ForeignKey("payees.id"), nullable=False, comment="Whose")
    kind: Mapped[str] = words("cash, bank, wallet", default="cash")
    account_no: Mapped[str | None] = words("Bank account, 6 to 19 digits", nullable=True)
    holder: Mapped[str | None] = words("Holder of the account or wallet; may be the guardian", nullable=True)
    bank_code: Mapped[str | None] = words("Bank", nullable=True)
    bank_branch: Mapped[str | None] = words("Branch", nullable=True)
    wallet_kind: Mapped[str | None] = words("Kind of e-wallet", nullable=True)
    wallet_phone: Mapped[str | None] = words("Telephone number of the e-wallet", nullable=True)
    is_current: Mapped[bool] = mapped_column(Boolean, nullable=False, server_default=text("true"), comment="In use")
    row_version: Mapped[int] = row_version()
    saved_by: Mapped[str | None] = saved_by()

    payee: Mapped[Payee] = relationship(back_populates="methods")

    def __str__(self) -> str:
        return self.account_no or self.wallet_phone or self.kind


class Death(Scoped, Model):
    """Cắt chết: a death as recorded, what it ended, the funeral cost it led to; undone when it was a mistake."""

    __tablename__ = "deaths"
    __table_args__ = (
        Index("uq_deaths_standing", "beneficiary_id", unique=True, postgresql_where=text("undone_at IS NULL")),
        Index("ix_deaths_area_path_id", "area_path", "id"),
        CheckConstraint("(undone_at IS NULL) = (undone_reason IS NULL)", name="undone_for_a_reason"),
        {"comment": "Deaths recorded (danh sách cắt chết); a mistaken one is undone, never deleted"},
    )
    id: Mapped[int] = key()
    beneficiary_id: Mapped[int] = mapped_column(ForeignKey("beneficiaries.id"), nullable=False, comment="Who died")
    died_on: Mapped[date] = mapped_column(Date, nullable=False, comment="When; that month is still paid")
    note: Mapped[str] = words("Death certificate, who reported it", default="")
    funeral_id: Mapped[int | None] = mapped_column(
        ForeignKey("entitlements.id"), comment="Entitlement to the funeral cost, when somebody claims it"
    )
    before: Mapped[dict[str, Any]] = mapped_column(
        JSONB, nullable=False, comment="Status, payee and last days of entitlements before, to undo it"
    )
    recorded_by: Mapped[str] = words("Who recorded it")
    recorded_at: Mapped[datetime] = instant("When", now=True)
    undone_by: Mapped[str | None] = words("Who undid it", nullable=True)
    undone_at: Mapped[datetime | None] = instant("When undone")
    undone_reason: Mapped[str | None] = words("Why", nullable=True)

    beneficiary: Mapped[Beneficiary] = relationship()
    funeral: Mapped[Entitlement | None] = relationship()


class Relocation(Shared, Model):
    """Chuyển vùng: a person leaves one commune for another, which has to take them in."""

    __tablename__ = "relocations"
    __table_args__ = (
        one_of("state", RELOCATION.states),
        Index("uq_relocations_asked", "beneficiary_id", unique=True, postgresql_where=text("state = 'asked'")),
        Index("ix_relocations_area_path_id", "area_path", "id"),
        Index("ix_relocations_to_path_id", "to_path", "id"),
        CheckConstraint("area_path <> to_path", name="elsewhere"),
        CheckConstraint("state <> 'accepted' OR first_month IS NOT NULL", name="first_month"),
        {"comment": "Relocations; the receiving side sees name and birth only until it has taken the person in"},
    )
    id: Mapped[int] = key()
    beneficiary_id: Mapped[int] = mapped_column(ForeignKey("beneficiaries.id"), nullable=False, comment="Who moves")
    from_area_id: Mapped[int] = mapped_column(ForeignKey("areas.id"), nullable=False, comment="Commune left")
    to_area_id: Mapped[int] = mapped_column(ForeignKey("areas.id"), nullable=False, comment="Commune moved to")
    from_name: Mapped[str] = words("Name of the commune left, which the other side cannot look up")
    to_name: Mapped[str] = words("Name of the commune moved to")
    beneficiary_code: Mapped[str] = words("Code of the person")
    full_name: Mapped[str] = words("Name of the person")
    birth: Mapped[str] = words("Birth date as shown")
    to_hamlet: Mapped[str] = words("Hamlet or address there", default="")
    reason: Mapped[str] = words("Why")
    first_month: Mapped[date | None] = mapped_column(
        Date, comment="First month whose list the new commune makes; earlier months stay with the old one"
    )
    state: Mapped[str] = state(RELOCATION)
    asked_by: Mapped[str] = words("Who asked")
    asked_at: Mapped[datetime] = instant("When", now=True)
    decided_by: Mapped[str | None] = words("Who answered, or withdrew it", nullable=True)
    decided_at: Mapped[datetime | None] = instant("When")
    decision_note: Mapped[str | None] = words("Reason of a refusal or withdrawal", nullable=True)

    def __str__(self) -> str:
        return f"{self.beneficiary_code} {self.full_name}"


# --- Periods -----------------------------------------------------------------------------------------------------


class Period(Model):
    """Kỳ chi trả: a month of payment."""

    __tablename__ = "periods"
    __table_args__ = (
        CheckConstraint("extract(day FROM month) = 1", name="first_of_month"),
        {"comment": "Months of payment"},
    )
    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True, comment="Surrogate key")
    month: Mapped[date] = mapped_column(Date, unique=True, nullable=False, comment="First day of the month")

    def __str__(self) -> str:
        return dates.format_month(self.month)


class AreaPeriod(Scoped, Model):
    """A period as one paying area lives it: open, then closed."""

    __tablename__ = "area_periods"
    __table_args__ = (
        UniqueConstraint("area_id", "period_id"),
        one_of("state", PERIOD.states),
        Index("ix_area_periods_area_path", "area_path"),
        {"comment": "State of a period in a paying area; created with its first list"},
    )
    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True, comment="Surrogate key")
    area_id: Mapped[int] = mapped_column(ForeignKey("areas.id"), nullable=False, comment="Paying area")
    period_id: Mapped[int] = mapped_column(ForeignKey("periods.id"), nullable=False, comment="Period")
    state: Mapped[str] = state(PERIOD)

    area: Mapped[Area] = relationship()
    period: Mapped[Period] = relationship()

    def __str__(self) -> str:
        return f"{self.period} {self.area}"


# --- Lists -------------------------------------------------------------------------------------------------------


class PayoutBatch(Scoped, Model):
    """Danh sách chi trả: the snapshot of who gets what in one area, period, kind and agency."""

    __tablename__ = "payout_batches"
    __table_args__ = (
        one_of("kind", BATCH_KINDS),
        one_of("state", BATCH.states),
        UniqueConstraint("area_id", "period_id", "kind", "seq"),
        Index(
            "uq_payout_batches_one_per_agency",
            "area_id",
            "period_id",
            "kind",
            text("coalesce(agency_id, 0)"),
            unique=True,
            postgresql_where=text("state <> 'cancelled' AND kind <> 'supplementary'"),
        ),
        Index("ix_payout_batches_area_path_id", "area_path", "id"),
        Index("ix_payout_batches_period_id_area_path", "period_id", "area_path"),
        CheckConstraint("total_vnd = benefit_vnd + arrears_vnd + carried_vnd - withheld_vnd", name="total_is_the_sum"),
        CheckConstraint(
            "closed_at IS NULL OR (state = 'settled' AND closed_by IS NOT NULL)", name="closed_when_settled"
        ),
        {"comment": "Payout batches (danh sách chi trả)"},
    )
    id: Mapped[int] = key()
    code: Mapped[str] = mapped_column(Text, unique=True, nullable=False, comment="CT-<yyyymm>-<area>-<kind letter>")
    area_id: Mapped[int] = mapped_column(ForeignKey("areas.id"), nullable=False, comment="Paying area")
    period_id: Mapped[int] = mapped_column(ForeignKey("periods.id"), nullable=False, comment="Period paid")
    kind: Mapped[str] = words("monthly, social_pension, funeral, supplementary")
    agency_id: Mapped[int | None] = mapped_column(
        ForeignKey("agencies.id"), comment="Payment agency; empty where the office pays by itself"
    )
    contract_id: Mapped[int | None] = mapped_column(ForeignKey("agency_contracts.id"), comment="Contract in force")
    seq: Mapped[int] = mapped_column(SmallInteger, nullable=False, comment="Number within area, period and kind")
    state: Mapped[str] = state(BATCH)
    version: Mapped[int] = mapped_column(
        SmallInteger, nullable=False, server_default=text("1"), comment="Version the next packet carries"
    )
    made_by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id"), comment="Last maker")
    made_by: Mapped[str] = words("User name of the last maker", default="")
    made_at: Mapped[datetime] = instant("When last made", now=True)
    locked_by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id"), comment="Approver")
    locked_by: Mapped[str | None] = words("User name of the approver", nullable=True)
    locked_at: Mapped[datetime | None] = instant("When approved")
    return_reason: Mapped[str | None] = words("Why the agency returned the last version", nullable=True)
    people_count: Mapped[int] = mapped_column(
        Integer, nullable=False, server_default=text("0"), comment="People with a live line"
    )
    line_count: Mapped[int] = mapped_column(Integer, nullable=False, server_default=text("0"), comment="Live lines")
    benefit_vnd: Mapped[int] = vnd("Sum of the lines' benefit")
    arrears_vnd: Mapped[int] = vnd("Sum of the lines' arrears")
    carried_vnd: Mapped[int] = vnd("Sum of the lines' carried-over money")
    withheld_vnd: Mapped[int] = vnd("Sum of the lines' withheld recovery")
    total_vnd: Mapped[int] = vnd("Sum of the lines' total")
    lines_sha256: Mapped[str | None] = words("SHA-256 of the line set, stored by the lock", nullable=True)
    closed_by: Mapped[str | None] = words("User name of who closed the list, alone or with its period", nullable=True)
    closed_at: Mapped[datetime | None] = instant("When closed; empty while its settlement can be reopened")
    group_month: Mapped[date] = mapped_column(
        Date,
        nullable=False,
        comment="First of the months settled at once with this list; its own month where each is settled by itself",
    )

    area: Mapped[Area] = relationship()
    period: Mapped[Period] = relationship()
    agency: Mapped[Agency | None] = relationship()

    def __str__(self) -> str:
        return self.code


class PayoutLine(Scoped, Model):
    """Dòng chi trả: one entitlement in a batch, for one payee, with the amount's components."""

    __tablename__ = "payout_lines"
    __table_args__ = (
        one_of("result", LINE_RESULTS),
        one_of("method", METHODS),
        CheckConstraint("total_vnd = benefit_vnd + arrears_vnd + carried_vnd - withheld_vnd", name="total_is_the_sum"),
        CheckConstraint(
            "benefit_vnd >= 0 AND arrears_vnd >= 0 AND carried_vnd >= 0 AND withheld_vnd >= 0 AND total_vnd >= 0",
            name="not_negative",
        ),
        CheckConstraint("live OR excluded_reason IS NOT NULL", name="excluded_for_a_reason"),
        Index(
            "uq_payout_lines_live_entitlement_period",
            "entitlement_id",
            "period_id",
            unique=True,
            postgresql_where=text("live"),
        ),
        Index("ix_payout_lines_batch_id_no", "batch_id", "no"),
        Index("ix_payout_lines_area_path_id", "area_path", "id"),
        Index("ix_payout_lines_beneficiary_id", "beneficiary_id"),
        Index("ix_payout_lines_unpaid", "entitlement_id", postgresql_where=text("result = 'unpaid'")),
        Index("ix_payout_lines_name_fold", "name_fold", postgresql_ops={"name_fold": "text_pattern_ops"}),
        {
            "comment": "Lines: the snapshot of amounts, payee and payment method; frozen once the list is locked",
            "postgresql_with": {"fillfactor": "85"},
        },
    )
    id: Mapped[int] = key()
    batch_id: Mapped[int] = mapped_column(
        BigInteger, nullable=False, comment="The list it belongs to (trigger demand_parents)"
    )
    agency_id: Mapped[int | None] = mapped_column(Integer, comment="The list's agency, copied for row-level security")
    period_id: Mapped[int] = mapped_column(Integer, nullable=False, comment="The list's period, copied")
    no: Mapped[int] = mapped_column(Integer, nullable=False, comment="STT in the list")
    reference: Mapped[str] = words("Reference on the wire: yyyymm-<entitlement>, the same in every version")
    entitlement_id: Mapped[int] = mapped_column(
        BigInteger, nullable=False, comment="What is paid (trigger demand_parents)"
    )
    beneficiary_id: Mapped[int] = mapped_column(BigInteger, nullable=False, comment="Who is entitled")
    beneficiary_code: Mapped[str] = words("Code then")
    full_name: Mapped[str] = words("Name then")
    name_fold: Mapped[str] = words("Name without marks, for search")
    birth: Mapped[str] = words("Birth date as shown then")
    hamlet: Mapped[str] = words("Hamlet then")
    benefit_type_id: Mapped[int] = mapped_column(Integer, nullable=False, comment="Benefit type then")
    payee_kind: Mapped[str] = words("Kind of payee then")
    payee_name: Mapped[str] = words("Payee's name then")
    method: Mapped[str] = words("Payment method then")
    account_no: Mapped[str | None] = words("Account or wallet number then", nullable=True)
    account_holder: Mapped[str | None] = words("Holder then", nullable=True)
    bank_code: Mapped[str | None] = words("Bank or wallet kind then", nullable=True)
    payee_fa: Mapped[str] = words("Financial address on the wire")
    standard_vnd: Mapped[int] = vnd("Standard amount applied")
    coefficient: Mapped[Decimal] = mapped_column(Numeric(5, 2), nullable=False, comment="Coefficient applied")
    units: Mapped[int] = mapped_column(SmallInteger, nullable=False, server_default=text("1"), comment="Units applied")
    benefit_vnd: Mapped[int] = vnd("Benefit of this period")
    arrears_vnd: Mapped[int] = vnd("Truy lĩnh paid in this list")
    carried_vnd: Mapped[int] = vnd("Carried over from earlier lists")
    withheld_vnd: Mapped[int] = vnd("Withheld for a recovery")
    total_vnd: Mapped[int] = vnd("To be paid")
    live: Mapped[bool] = mapped_column(
        Boolean,
        nullable=False,
        server_default=text("true"),
        comment="False when held out, or its list is cancelled",
    )
    excluded_reason: Mapped[str | None] = words("Why the line is held out", nullable=True)
    excluded_by: Mapped[str | None] = words("Who held it out", nullable=True)
    result: Mapped[str] = words("What became of it; written by the lock of the settlement", default="pending")
    result_reason: Mapped[str | None] = words("Reason code of the agency for an unpaid line", nullable=True)
    result_at: Mapped[datetime | None] = instant("When the result was written")

    batch: Mapped[PayoutBatch] = relationship(primaryjoin="foreign(PayoutLine.batch_id) == PayoutBatch.id")
    beneficiary: Mapped[Beneficiary] = relationship(
        primaryjoin="foreign(PayoutLine.beneficiary_id) == Beneficiary.id", viewonly=True
    )

    def __str__(self) -> str:
        return f"{self.no}. {self.full_name}"


class CarryOver(Scoped, Model):
    """Tiền tháng trước mang sang: an unpaid line's money, taken into exactly one later line."""

    __tablename__ = "carry_overs"
    __table_args__ = (
        Index("ix_carry_overs_to_line_id", "to_line_id"),
        CheckConstraint("from_line_id <> to_line_id AND amount_vnd > 0", name="forward"),
        {"comment": "Which later line carries an unpaid line; the primary key makes it happen at most once"},
    )
    from_line_id: Mapped[int] = mapped_column(
        ForeignKey("payout_lines.id"), primary_key=True, autoincrement=False, comment="The unpaid line"
    )
    to_line_id: Mapped[int] = mapped_column(
        ForeignKey("payout_lines.id", ondelete="CASCADE"), nullable=False, comment="The line that carries it"
    )
    amount_vnd: Mapped[int] = vnd("The unpaid line's whole total", default=None)


class Arrears(Scoped, Model):
    """Truy lĩnh: money owed for a past period, paid in a later list."""

    __tablename__ = "arrears"
    __table_args__ = (
        CheckConstraint("amount_vnd > 0", name="amount_vnd"),
        Index("ix_arrears_entitlement_id", "entitlement_id"),
        Index("ix_arrears_line_id", "line_id"),
        Index("ix_arrears_area_path_id", "area_path", "id"),
        {"comment": "Arrears rows; line_id says which line paid one, so that it is paid once"},
    )
    id: Mapped[int] = key()
    entitlement_id: Mapped[int] = mapped_column(ForeignKey("entitlements.id"), nullable=False, comment="For what")
    for_month: Mapped[date] = mapped_column(Date, nullable=False, comment="Month it was owed for")
    due_month: Mapped[date] = mapped_column(
        Date, nullable=False, comment="Paid in the list of this month or the next made"
    )
    amount_vnd: Mapped[int] = vnd("Đồng owed", default=None)
    reason: Mapped[str] = words("Why it is owed")
    decision_no: Mapped[str | None] = words("Number of the decision", nullable=True)
    line_id: Mapped[int | None] = mapped_column(
        ForeignKey("payout_lines.id", ondelete="SET NULL"), comment="The line that pays it"
    )
    proposal_line_id: Mapped[int | None] = mapped_column(
        BigInteger, unique=True, comment="The line of the approved proposal it comes from"
    )
    row_version: Mapped[int] = row_version()
    saved_by: Mapped[str | None] = saved_by()

    entitlement: Mapped[Entitlement] = relationship()

    def __str__(self) -> str:
        return f"{self.entitlement} · {dates.format_month(self.for_month)}"


class ArrearsProposal(Scoped, Model):
    """Đề nghị truy lĩnh: money said to be owed for past months, which no list takes before a supervisor approves it."""

    __tablename__ = "arrears_proposals"
    __table_args__ = (
        one_of("cause", ARREARS_CAUSES),
        one_of("state", ARREARS.states),
        CheckConstraint("to_month >= from_month AND due_month > to_month", name="months"),
        Index("ix_arrears_proposals_area_path_id", "area_path", "id"),
        {"comment": "Proposals of arrears: by hand, by a rise of rates applied back, by a resumption"},
    )
    id: Mapped[int] = key()
    area_id: Mapped[int] = mapped_column(ForeignKey("areas.id"), nullable=False, comment="Area and below")
    cause: Mapped[str] = words("manual, rates, resumption")
    state: Mapped[str] = state(ARREARS)
    from_month: Mapped[date] = mapped_column(Date, nullable=False, comment="First month it is owed for")
    to_month: Mapped[date] = mapped_column(Date, nullable=False, comment="Last month it is owed for")
    due_month: Mapped[date] = mapped_column(
        Date, nullable=False, comment="Paid in the list of this month or the next made"
    )
    reason: Mapped[str] = words("Why it is owed")
    decision_no: Mapped[str | None] = words("Number of the decision", nullable=True)
    people_count: Mapped[int] = mapped_column(
        Integer, nullable=False, server_default=text("0"), comment="People, without those held out"
    )
    line_count: Mapped[int] = mapped_column(
        Integer, nullable=False, server_default=text("0"), comment="Person-months, without those held out"
    )
    excluded_count: Mapped[int] = mapped_column(
        Integer, nullable=False, server_default=text("0"), comment="Person-months held out"
    )
    total_vnd: Mapped[int] = vnd("Sum, without those held out; written by every step of the office that made it")
    made_by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id"), comment="Maker")
    made_by: Mapped[str] = words("User name of the maker")
    made_at: Mapped[datetime] = instant("When made", now=True)
    decided_by: Mapped[str | None] = words("Who approved, rejected or withdrew it", nullable=True)
    decided_at: Mapped[datetime | None] = instant("When")
    decision_note: Mapped[str | None] = words("Note or reason of that", nullable=True)

    area: Mapped[Area] = relationship()

    def __str__(self) -> str:
        return f"TL-{self.id}"


class ArrearsProposalLine(Scoped, Model):
    """One person-month of a proposal: what the month's line gave, what it would be now, the difference."""

    __tablename__ = "arrears_proposal_lines"
    __table_args__ = (
        one_of("excluded_code", ARREARS_EXCLUSIONS, nullable=True),
        CheckConstraint("amount_vnd > 0", name="amount_vnd"),
        CheckConstraint("live = (excluded_code IS NULL)", name="excluded_for_a_reason"),
        Index("ix_arrears_proposal_lines_proposal_id_id", "proposal_id", "id"),
        Index("ix_arrears_proposal_lines_area_path_for_month", "area_path", "for_month"),
        Index("ix_arrears_proposal_lines_of_line_id", "of_line_id"),
        Index(
            "uq_arrears_proposal_lines_live",
            "entitlement_id",
            "for_month",
            "owed_vnd",
            unique=True,
            postgresql_where=text("live"),
        ),
        {"comment": "Person-months of proposals; one month of an entitlement is brought up to one amount once"},
    )
    id: Mapped[int] = key()
    proposal_id: Mapped[int] = mapped_column(BigInteger, nullable=False, comment="Of which proposal")
    entitlement_id: Mapped[int] = mapped_column(BigInteger, nullable=False, comment="For what")
    beneficiary_id: Mapped[int] = mapped_column(BigInteger, nullable=False, comment="To whom")
    for_month: Mapped[date] = mapped_column(Date, nullable=False, comment="Month it is owed for")
    of_line_id: Mapped[int | None] = mapped_column(BigInteger, comment="The listed line of that month; empty when none")
    was_vnd: Mapped[int] = vnd("The benefit that line gave, with arrears owed for the month before")
    owed_vnd: Mapped[int | None] = mapped_column(BigInteger, comment="What it is now; empty for an amount by hand")
    amount_vnd: Mapped[int] = vnd("Đồng owed", default=None)
    live: Mapped[bool] = mapped_column(
        Boolean, nullable=False, server_default=text("true"), comment="False when held out, or the proposal is over"
    )
    excluded_code: Mapped[str | None] = words("Why it does not count", nullable=True)
    excluded_reason: Mapped[str | None] = words("A person's reason", nullable=True)
    excluded_by: Mapped[str | None] = words("Who held it out", nullable=True)
    kept_by: Mapped[str | None] = words("Who put it back, whatever the checks say", nullable=True)

    proposal: Mapped[ArrearsProposal] = relationship(
        primaryjoin="foreign(ArrearsProposalLine.proposal_id) == ArrearsProposal.id", viewonly=True
    )
    beneficiary: Mapped[Beneficiary] = relationship(
        primaryjoin="foreign(ArrearsProposalLine.beneficiary_id) == Beneficiary.id", viewonly=True
    )
    entitlement: Mapped[Entitlement] = relationship(
        primaryjoin="foreign(ArrearsProposalLine.entitlement_id) == Entitlement.id", viewonly=True
    )

    def __str__(self) -> str:
        return f"{self.beneficiary} · {dates.format_month(self.for_month)}"


class Suspension(Scoped, Model):
    """Tạm dừng chi trả: proposed after three unpaid periods, decided by another, ended by a decision too."""

    __tablename__ = "suspensions"
    __table_args__ = (
        one_of("state", SUSPENSION.states),
        Index("ix_suspensions_area_path_id", "area_path", "id"),
        Index(
            "uq_suspensions_open",
            "beneficiary_id",
            unique=True,
            postgresql_where=text("state IN ('proposed', 'suspended', 'resuming')"),
        ),
        {"comment": "Suspensions of people unpaid for three periods; at most one of a person is open"},
    )
    id: Mapped[int] = key()
    beneficiary_id: Mapped[int] = mapped_column(ForeignKey("beneficiaries.id"), nullable=False, comment="Who")
    state: Mapped[str] = state(SUSPENSION)
    unpaid_periods: Mapped[int] = mapped_column(SmallInteger, nullable=False, comment="Unpaid periods in a row then")
    reason: Mapped[str] = words("Why it was proposed")
    proposed_by: Mapped[str] = words("User name of who proposed it")
    proposed_at: Mapped[datetime] = instant("When", now=True)
    from_month: Mapped[date | None] = mapped_column(Date, comment="First month not listed; set by the decision")
    decided_by: Mapped[str | None] = words("Who decided", nullable=True)
    decided_at: Mapped[datetime | None] = instant("When decided")
    decision_note: Mapped[str | None] = words("Reason of the decision", nullable=True)
    resume_reason: Mapped[str | None] = words("Why it should end", nullable=True)
    resume_asked_by: Mapped[str | None] = words("User name of who asked for its end", nullable=True)
    with_arrears: Mapped[bool] = mapped_column(
        Boolean, nullable=False, server_default=text("false"), comment="The months missed become arrears at its end"
    )
    resumed_at: Mapped[datetime | None] = instant("When it ended")
    proposal_id: Mapped[int | None] = mapped_column(BigInteger, comment="The proposal of arrears made at its end")

    beneficiary: Mapped[Beneficiary] = relationship()

    def __str__(self) -> str:
        return str(self.beneficiary)


class BatchFinding(Scoped, Model):
    """A finding of the checks before locking."""

    __tablename__ = "batch_findings"
    __table_args__ = (
        one_of("severity", ("blocking", "warning")),
        Index("ix_batch_findings_batch_id", "batch_id"),
        Index("ix_batch_findings_line_id", "line_id"),
        {"comment": "Findings of the checks on a list, rewritten by every check"},
    )
    id: Mapped[int] = key()
    batch_id: Mapped[int] = mapped_column(ForeignKey("payout_batches.id"), nullable=False, comment="The list")
    line_id: Mapped[int | None] = mapped_column(
        ForeignKey("payout_lines.id", ondelete="CASCADE"), comment="The line, when it is about one"
    )
    code: Mapped[str] = words("What was found; its text is in services/batches/checks.py")
    severity: Mapped[str] = words("blocking or warning")
    facts: Mapped[dict[str, Any]] = mapped_column(
        JSONB, nullable=False, server_default=text("'{}'"), comment="Values for the text"
    )

    batch: Mapped[PayoutBatch] = relationship()
    line: Mapped[PayoutLine | None] = relationship()


class Packet(Scoped, Model):
    """Gói tin: one transmission of a locked list to the agency."""

    __tablename__ = "packets"
    __table_args__ = (
        one_of("state", PACKET.states),
        UniqueConstraint("batch_id", "version"),
        Index("uq_packets_one_live", "batch_id", unique=True, postgresql_where=text(live_packet())),
        Index(
            "ix_packets_due",
            "next_attempt_at",
            postgresql_where=text("state IN ('queued', 'in_doubt')"),
        ),
        Index(
            "ix_packets_recall_due",
            "next_attempt_at",
            postgresql_where=text("recall_asked_at IS NOT NULL AND recall_delivered_at IS NULL"),
        ),
        Index("ix_packets_area_path_id", "area_path", "id"),
        Index("ix_packets_polled", "polled_at", postgresql_where=text("state IN ('received', 'accepted')")),
        CheckConstraint("(body IS NULL) = (body_sha256 IS NULL)", name="body_has_its_hash"),
        CheckConstraint("state = 'queued' OR state = 'withdrawn' OR body IS NOT NULL", name="bytes_before_the_wire"),
        {"comment": "Packets: key, exact bytes and their hash are stored before the wire"},
    )
    id: Mapped[int] = key()
    code: Mapped[str] = mapped_column(
        Text,
        unique=True,
        nullable=False,
        comment="Batch code with version: the idempotency key, transaction_id",
    )
    batch_id: Mapped[int] = mapped_column(ForeignKey("payout_batches.id"), nullable=False, comment="The list")
    agency_id: Mapped[int] = mapped_column(ForeignKey("agencies.id"), nullable=False, comment="To whom")
    version: Mapped[int] = mapped_column(SmallInteger, nullable=False, comment="1, 2, …")
    replaces_id: Mapped[int | None] = mapped_column(ForeignKey("packets.id"), comment="The version it replaces")
    state: Mapped[str] = state(PACKET)
    message_id: Mapped[str] = mapped_column(Text, unique=True, nullable=False, comment="Fixed at the first attempt")
    line_count: Mapped[int] = mapped_column(Integer, nullable=False, comment="Lines sent")
    people_count: Mapped[int] = mapped_column(Integer, nullable=False, comment="People sent")
    total_vnd: Mapped[int] = vnd("Sum sent", default=None)
    lines_sha256: Mapped[str] = words("SHA-256 of the line set")
    body: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True, comment="The exact bytes, before the wire")
    body_sha256: Mapped[str | None] = words("SHA-256 of the bytes", nullable=True)
    queued_at: Mapped[datetime] = instant("When queued", now=True)
    queued_by: Mapped[str] = words("Who pressed send")
    attempts: Mapped[int] = mapped_column(Integer, nullable=False, server_default=text("0"), comment="Calls made")
    unknown_count: Mapped[int] = mapped_column(
        Integer, nullable=False, server_default=text("0"), comment="Calls whose outcome is unknown"
    )
    next_attempt_at: Mapped[datetime] = instant("Not before", now=True)
    lease_until: Mapped[datetime | None] = instant("Claimed by a scheduler until")
    sent_at: Mapped[datetime | None] = instant("When first answered")
    answered_at: Mapped[datetime | None] = instant("When accepted, rejected or refused")
    answer_reason: Mapped[str | None] = words("Reason of a rejection or refusal", nullable=True)
    last_error: Mapped[str | None] = words("What the last failed call said", nullable=True)
    recall_asked_at: Mapped[datetime | None] = instant("When we asked the agency to reject it")
    recall_asked_by: Mapped[str | None] = words("Who asked", nullable=True)
    recall_reason: Mapped[str | None] = words("Why", nullable=True)
    recall_delivered_at: Mapped[datetime | None] = instant("When the agency acknowledged the request")
    recall_answer: Mapped[str | None] = words("The agency's no, when it said no", nullable=True)
    polled_at: Mapped[datetime | None] = instant("When the agency was last asked because nothing was heard")

    batch: Mapped[PayoutBatch] = relationship()
    agency: Mapped[Agency] = relationship()
    replaces: Mapped[Packet | None] = relationship(remote_side=[id])

    def __str__(self) -> str:
        return self.code


class SentLine(Scoped, Model):
    """One line of a packet that came back, as it was sent."""

    __tablename__ = "sent_lines"
    __table_args__ = (
        {"comment": "Lines of packets that came back, as sent; the lines of a live packet are its list's. Append-only"},
    )
    packet_id: Mapped[int] = mapped_column(
        ForeignKey("packets.id"), primary_key=True, autoincrement=False, comment="Of which version"
    )
    reference: Mapped[str] = mapped_column(Text, primary_key=True, comment="Reference of the line on the wire")
    payee_name: Mapped[str] = words("Who was to receive it")
    payee_fa: Mapped[str] = words("Financial address")
    amount_vnd: Mapped[int] = vnd("Đồng sent", default=None)


class AgencyCall(Scoped, Model):
    """One call to an agency about a packet; append-only."""

    __tablename__ = "agency_calls"
    __table_args__ = (
        one_of("verb", CALL_VERBS),
        Index("ix_agency_calls_packet_id", "packet_id"),
        {"comment": "Calls to agencies, each begun before the wire. Append-only"},
    )
    id: Mapped[int] = key()
    packet_id: Mapped[int] = mapped_column(ForeignKey("packets.id"), nullable=False, comment="About which packet")
    verb: Mapped[str] = words("send, ask, recall, fetch, notify")
    started_at: Mapped[datetime] = instant("When begun; committed before anything leaves", now=True)


class AgencyAnswer(Scoped, Model):
    """What came of a call; a call without one was cut off on our side. Append-only."""

    __tablename__ = "agency_answers"
    __table_args__ = (
        one_of("outcome", CALL_OUTCOMES),
        {"comment": "What came of calls to agencies; a call without a row was cut off on our side. Append-only"},
    )
    call_id: Mapped[int] = mapped_column(
        ForeignKey("agency_calls.id"), primary_key=True, autoincrement=False, comment="To which call"
    )
    ended_at: Mapped[datetime] = instant("When recorded", now=True)
    outcome: Mapped[str] = words("received, accepted, rejected, settled, not_found; refused, not_sent, unknown")
    code: Mapped[str | None] = words("The agency's reason code, or a short word of ours", nullable=True)
    excerpt: Mapped[str | None] = words("Beginning of what was answered, without personal data", nullable=True)


# --- Settlements -------------------------------------------------------------------------------------------------


class InboxMessage(Scoped, Model):
    """A verified message of an agency, exactly as it came, kept before it is answered."""

    __tablename__ = "inbox"
    __table_args__ = (
        one_of("outcome", ("applied", "ignored", "failed", "held"), nullable=True),
        UniqueConstraint("agency_id", "message_id"),
        Index("ix_inbox_waiting", "id", postgresql_where=text("outcome IS NULL")),
        Index("ix_inbox_transaction_id", "transaction_id"),
        Index(
            "uq_inbox_without_id", "agency_id", "body_sha256", unique=True, postgresql_where=text("message_id IS NULL")
        ),
        Index("ix_inbox_problem", "id", postgresql_where=text("problem IS NOT NULL")),
        CheckConstraint("problem IS NULL OR outcome = 'failed'", name="problem_is_failed"),
        CheckConstraint("message_id IS NOT NULL OR problem IS NOT NULL", name="id_or_problem"),
        Index("ix_inbox_area_path_id", "area_path", "id"),
        Index("ix_inbox_held", "transaction_id", postgresql_where=text("outcome = 'held'")),
        Index("ix_inbox_failed", "id", postgresql_where=text("outcome = 'failed'")),
        CheckConstraint("(released_at IS NULL) = (release_reason IS NULL)", name="released_for_a_reason"),
        {"comment": "Messages received: the row commits before the 2xx (promise P5)"},
    )
    id: Mapped[int] = key()
    agency_id: Mapped[int] = mapped_column(ForeignKey("agencies.id"), nullable=False, comment="Who signed it")
    message_id: Mapped[str | None] = words(
        "Its message_id; kept for good. Empty when it has none of its own: unreadable, or taken by other bytes",
        nullable=True,
    )
    action: Mapped[str] = words("Action of the envelope")
    transaction_id: Mapped[str | None] = words("The packet it speaks of", nullable=True)
    received_at: Mapped[datetime] = instant("When received", now=True)
    headers: Mapped[dict[str, Any]] = mapped_column(JSONB, nullable=False, comment="HTTP headers without credentials")
    key_id: Mapped[str] = words("Key that verified the signature")
    body: Mapped[bytes] = mapped_column(LargeBinary, nullable=False, deferred=True, comment="Raw bytes")
    body_sha256: Mapped[str] = words("SHA-256 of the bytes")
    answer: Mapped[dict[str, Any]] = mapped_column(JSONB, nullable=False, comment="What we answered; answered again")
    answer_status: Mapped[int] = mapped_column(
        SmallInteger, nullable=False, server_default=text("202"), comment="HTTP status of the answer"
    )
    problem: Mapped[str | None] = words("Code of the contract that the message breaks; never applied", nullable=True)
    attempts: Mapped[int] = mapped_column(Integer, nullable=False, server_default=text("0"), comment="Times tried")
    lease_until: Mapped[datetime | None] = instant("Claimed by a scheduler until")
    outcome: Mapped[str | None] = words("applied, ignored, failed, held; empty while waiting", nullable=True)
    note: Mapped[str | None] = words("Why ignored or failed", nullable=True)
    applied_at: Mapped[datetime | None] = instant("When dealt with")
    released_at: Mapped[datetime | None] = instant("When a person let a held message through")
    released_by: Mapped[str | None] = words("Who let it through", nullable=True)
    release_reason: Mapped[str | None] = words("Why", nullable=True)

    agency: Mapped[Agency] = relationship()

    def __str__(self) -> str:
        return self.message_id or self.body_sha256[:12]


class MessageFault(Scoped, Model):
    """One thing wrong with a message, or with a line of it; append-only."""

    __tablename__ = "message_faults"
    __table_args__ = (
        one_of("code", MESSAGE_FAULTS),
        Index("ix_message_faults_inbox_id", "inbox_id"),
        Index("ix_message_faults_settlement_id", "settlement_id", "id"),
        Index(
            "ix_message_faults_for_a_person",
            "area_path",
            postgresql_where=text("code IN ({})".format(", ".join(f"'{one}'" for one in FAULTS_FOR_A_PERSON))),
        ),
        {"comment": "What was wrong with messages, line by line; the rest of each was applied. Append-only"},
    )
    id: Mapped[int] = key()
    inbox_id: Mapped[int] = mapped_column(ForeignKey("inbox.id"), nullable=False, comment="In which message")
    agency_id: Mapped[int] = mapped_column(
        Integer, nullable=False, comment="Whose message, copied for row-level security"
    )
    settlement_id: Mapped[int | None] = mapped_column(BigInteger, comment="Of which settlement, when there is one")
    position: Mapped[int | None] = mapped_column(Integer, comment="Line of the message, from 1; empty for the whole")
    reference: Mapped[str | None] = words("The line's reference, as far as it could be read", nullable=True)
    code: Mapped[str] = words("Which fault: see app/services/settlements/faults.py")
    facts: Mapped[dict[str, Any]] = mapped_column(
        JSONB, nullable=False, server_default=text("'{}'"), comment="Amounts, codes and counts; nobody's name"
    )
    at: Mapped[datetime] = instant("When found", now=True)


class Acknowledgement(Scoped, Model):
    """Somebody has looked at a message or a packet and put it aside, for a reason; append-only."""

    __tablename__ = "acknowledgements"
    __table_args__ = (
        one_of("subject", ("message", "packet")),
        Index("ix_acknowledgements_subject_entity_id", "subject", "entity_id"),
        {"comment": "What people have looked at and put aside, each for a reason. Append-only"},
    )
    id: Mapped[int] = key()
    subject: Mapped[str] = words("message or packet")
    entity_id: Mapped[int] = mapped_column(BigInteger, nullable=False, comment="Key of the thing in its table")
    actor: Mapped[str] = words("User name")
    actor_id: Mapped[int | None] = mapped_column(Integer, comment="User")
    reason: Mapped[str] = words("What they found or decided")
    until: Mapped[datetime | None] = instant("Looked at until then; empty for good")
    at: Mapped[datetime] = instant("When", now=True)


class Settlement(Scoped, Model):
    """Quyết toán: what the agency reports back for a packet, with control totals."""

    __tablename__ = "settlements"
    __table_args__ = (
        one_of("state", SETTLEMENT.states),
        UniqueConstraint("packet_id"),
        Index("ix_settlements_area_path_id", "area_path", "id"),
        Index("ix_settlements_batch_id", "batch_id"),
        {"comment": "Settlements; opened when the agency accepts the packet"},
    )
    id: Mapped[int] = key()
    packet_id: Mapped[int] = mapped_column(ForeignKey("packets.id"), nullable=False, comment="Of which packet")
    batch_id: Mapped[int] = mapped_column(ForeignKey("payout_batches.id"), nullable=False, comment="Of which list")
    agency_id: Mapped[int] = mapped_column(ForeignKey("agencies.id"), nullable=False, comment="Whose")
    period_id: Mapped[int] = mapped_column(ForeignKey("periods.id"), nullable=False, comment="Period paid")
    state: Mapped[str] = state(SETTLEMENT)
    due_on: Mapped[date] = mapped_column(Date, nullable=False, comment="Settlement cut-off, without extensions")
    sent_count: Mapped[int] = mapped_column(Integer, nullable=False, comment="Lines sent")
    sent_vnd: Mapped[int] = vnd("Đồng sent", default=None)
    parts_expected: Mapped[int | None] = mapped_column(SmallInteger, comment="Parts announced by the agency")
    parts_received: Mapped[int] = mapped_column(
        SmallInteger, nullable=False, server_default=text("0"), comment="Different parts received"
    )
    reported: Mapped[dict[str, Any] | None] = mapped_column(
        JSONB, comment="Control totals announced: people and đồng per outcome"
    )
    last_message_at: Mapped[datetime | None] = instant("When the last message was applied")
    locked_by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id"), comment="Who locked it")
    locked_by: Mapped[str | None] = words("User name of who locked it", nullable=True)
    locked_at: Mapped[datetime | None] = instant("When locked")
    paid_count: Mapped[int] = mapped_column(Integer, nullable=False, server_default=text("0"), comment="Lines paid")
    paid_vnd: Mapped[int] = vnd("Đồng paid")
    unpaid_count: Mapped[int] = mapped_column(Integer, nullable=False, server_default=text("0"), comment="Lines unpaid")
    unpaid_vnd: Mapped[int] = vnd("Đồng unpaid")
    recover_count: Mapped[int] = mapped_column(
        Integer, nullable=False, server_default=text("0"), comment="Lines to recover"
    )
    recover_vnd: Mapped[int] = vnd("Đồng to recover")
    fee_vnd: Mapped[int] = vnd("Fee by the contract on what was paid, set by the lock")

    packet: Mapped[Packet] = relationship()
    batch: Mapped[PayoutBatch] = relationship()
    agency: Mapped[Agency] = relationship()
    period: Mapped[Period] = relationship()
    extensions: Mapped[list[DeadlineExtension]] = relationship(back_populates="settlement")

    def __str__(self) -> str:
        return str(self.packet)


class SettlementEntry(Scoped, Model):
    """What one message said about one reference; never changed."""

    __tablename__ = "settlement_entries"
    __table_args__ = (
        one_of("outcome", OUTCOMES),
        Index("ix_settlement_entries_settlement_id_reference", "settlement_id", "reference"),
        Index("ix_settlement_entries_inbox_id", "inbox_id"),
        {"comment": "Entries of settlement messages, as said; append-only"},
    )
    id: Mapped[int] = key()
    settlement_id: Mapped[int] = mapped_column(BigInteger, nullable=False, comment="Of which settlement")
    inbox_id: Mapped[int] = mapped_column(BigInteger, nullable=False, comment="Said by which message")
    reference: Mapped[str] = words("The line's reference")
    outcome: Mapped[str] = words("paid, unpaid, to_recover")
    amount_vnd: Mapped[int] = vnd("Đồng said", default=None)
    reason_code: Mapped[str | None] = words("Reason of an unpaid line", nullable=True)
    happened_at: Mapped[datetime | None] = instant("When it happened, by the agency")


class SettlementCollection(Scoped, Model):
    """Cash of a recovery that an agency says it took back: one receipt, one line, one amount; never changed."""

    __tablename__ = "settlement_collections"
    __table_args__ = (
        UniqueConstraint("settlement_id", "receipt", "reference", "amount_vnd", name="uq_settlement_collections_said"),
        CheckConstraint("amount_vnd > 0", name="amount_vnd"),
        Index("ix_settlement_collections_receipt", "agency_id", "receipt"),
        Index("ix_settlement_collections_line_id", "line_id"),
        {
            "comment": "Cash of recoveries that agencies say they took back: a set, whatever messages repeat. Append-only"
        },
    )
    id: Mapped[int] = key()
    settlement_id: Mapped[int] = mapped_column(
        ForeignKey("settlements.id"), nullable=False, comment="Reported in which settlement"
    )
    inbox_id: Mapped[int] = mapped_column(ForeignKey("inbox.id"), nullable=False, comment="By which message first")
    agency_id: Mapped[int] = mapped_column(Integer, nullable=False, comment="Whose receipt")
    receipt: Mapped[str] = words("The agency's receipt: one receipt, one amount")
    reference: Mapped[str] = words("Reference of the line once wrongly paid")
    line_id: Mapped[int | None] = mapped_column(
        ForeignKey("payout_lines.id"), comment="That line; empty when it is not one of ours"
    )
    amount_vnd: Mapped[int] = vnd("Đồng taken back", default=None)
    happened_at: Mapped[datetime] = instant("When, by the agency")


class SettlementRecord(Scoped, Model):
    """What we make of all that was said about one line of a settlement."""

    __tablename__ = "settlement_records"
    __table_args__ = (
        one_of("outcome", OUTCOMES, nullable=True),
        one_of("finding", FINDINGS),
        one_of("decided_outcome", (*OUTCOMES, "unpaid_stopped"), nullable=True),
        UniqueConstraint("settlement_id", "reference"),
        Index("ix_settlement_records_line_id", "line_id"),
        Index("ix_settlement_records_area_path_id", "area_path", "id"),
        Index(
            "ix_settlement_records_undecided",
            "settlement_id",
            postgresql_where=text("finding NOT IN ('matched', 'duplicate') AND decided_outcome IS NULL"),
        ),
        CheckConstraint("(decided_outcome IS NULL) = (decided_reason IS NULL)", name="decided_for_a_reason"),
        CheckConstraint("line_id IS NOT NULL OR finding = 'extra'", name="no_line_is_extra"),
        CheckConstraint("finding <> 'by_hand' OR decided_outcome IS NOT NULL", name="by_hand_is_decided"),
        {"comment": "Settlement records: one per line or foreign reference; a function of the set of entries"},
    )
    id: Mapped[int] = key()
    settlement_id: Mapped[int] = mapped_column(
        ForeignKey("settlements.id"), nullable=False, comment="Of which settlement"
    )
    line_id: Mapped[int | None] = mapped_column(BigInteger, comment="The line; empty for a reference that is not ours")
    agency_id: Mapped[int] = mapped_column(Integer, nullable=False, comment="Agency, copied for row-level security")
    reference: Mapped[str] = words("Reference on the wire")
    outcome: Mapped[str | None] = words("What the agency's entries add up to; empty in a dispute", nullable=True)
    amount_vnd: Mapped[int] = vnd("Đồng the agency reports")
    reason_code: Mapped[str | None] = words("Reason of an unpaid line", nullable=True)
    finding: Mapped[str] = words("matched, missing, extra, wrong_amount, duplicate, dispute, by_hand")
    decided_outcome: Mapped[str | None] = words("What a person decided; wins over the agency's word", nullable=True)
    decided_reason: Mapped[str | None] = words("Why", nullable=True)
    decided_by: Mapped[str | None] = words("Who", nullable=True)
    decided_at: Mapped[datetime | None] = instant("When")
    change_id: Mapped[int | None] = mapped_column(
        BigInteger,
        comment="The change set that wrote the decision as it stands; empty when a person decided one by one",
    )

    settlement: Mapped[Settlement] = relationship()
    line: Mapped[PayoutLine | None] = relationship(
        primaryjoin="foreign(SettlementRecord.line_id) == PayoutLine.id", viewonly=True
    )

    def __str__(self) -> str:
        return self.reference


class ResultChange(Scoped, Model):
    """Results entered by hand in one go: from one standing to one outcome, for so many lines."""

    __tablename__ = "result_changes"
    __table_args__ = (
        one_of("how", HOW_CHANGED),
        Index("ix_result_changes_settlement_id", "settlement_id"),
        Index("ix_result_changes_area_path_id", "area_path", "id"),
        {"comment": "Change sets of results by hand; only being undone is written later"},
    )
    id: Mapped[int] = key()
    settlement_id: Mapped[int] = mapped_column(
        ForeignKey("settlements.id"), nullable=False, comment="Of which settlement"
    )
    how: Mapped[str] = words("all, line, codes (a workbook of codes), sheet (the agency's result sheet)")
    from_standing: Mapped[str] = words("What every line was: pending, paid, unpaid, unpaid_stopped, to_recover")
    to_outcome: Mapped[str] = words("What they became")
    reason: Mapped[str] = words("Why")
    line_count: Mapped[int] = mapped_column(Integer, nullable=False, comment="Lines changed")
    total_vnd: Mapped[int] = vnd("Their đồng", default=None)
    file_name: Mapped[str | None] = words("Name of the workbook", nullable=True)
    file_sha256: Mapped[str | None] = words("SHA-256 of the workbook", nullable=True)
    made_by: Mapped[str] = words("Who")
    made_by_id: Mapped[int | None] = mapped_column(Integer, comment="Who")
    made_at: Mapped[datetime] = instant("When", now=True)
    undone_by: Mapped[str | None] = words("Who undid it", nullable=True)
    undone_at: Mapped[datetime | None] = instant("When undone")
    undone_count: Mapped[int | None] = mapped_column(
        Integer, comment="Lines set back; fewer than changed where somebody changed them since"
    )

    settlement: Mapped[Settlement] = relationship()


class ResultChangeLine(Scoped, Model):
    """What one line was before a change set; append-only."""

    __tablename__ = "result_change_lines"
    __table_args__ = ({"comment": "Lines of change sets, as they were before. Append-only"},)
    change_id: Mapped[int] = mapped_column(
        ForeignKey("result_changes.id"), primary_key=True, autoincrement=False, comment="Of which change set"
    )
    reference: Mapped[str] = mapped_column(Text, primary_key=True, comment="Reference of the line")
    before: Mapped[dict[str, Any] | None] = mapped_column(
        JSONB, comment="Finding, decision and reason code of the record before; empty when there was no record"
    )


class FileImport(Scoped, Model):
    """A file a person sent: read and checked, shown, then applied whole or not at all."""

    __tablename__ = "file_imports"
    __table_args__ = (
        one_of("kind", IMPORT_KINDS),
        one_of("phase", IMPORT_PHASES),
        CheckConstraint("(kind IN ('codes', 'sheet')) = (settlement_id IS NOT NULL)", name="results_have_a_settlement"),
        Index("ix_file_imports_area_path_id", "area_path", "id"),
        {"comment": "Files people send; their rows are kept until they are applied, discarded or a week old"},
    )
    id: Mapped[int] = key()
    kind: Mapped[str] = words("codes, sheet, registry, payments")
    area_id: Mapped[int] = mapped_column(ForeignKey("areas.id"), nullable=False, comment="For which area and below")
    settlement_id: Mapped[int | None] = mapped_column(ForeignKey("settlements.id"), comment="For which settlement")
    options: Mapped[dict[str, Any]] = mapped_column(
        JSONB, nullable=False, server_default=text("'{}'"), comment="What the person chose: from, to, reason, columns"
    )
    file_name: Mapped[str] = words("Its name as sent")
    file_path: Mapped[str] = words("Where it is, below the data folder")
    file_sha256: Mapped[str] = words("SHA-256 of its bytes")
    phase: Mapped[str] = words("reading, columns, refused, ready, applied, discarded", default="reading")
    message: Mapped[str | None] = words("Why refused, or what was applied", nullable=True)
    seen: Mapped[dict[str, Any]] = mapped_column(
        JSONB, nullable=False, server_default=text("'{}'"), comment="Sheet, heading, what was left out or converted"
    )
    row_count: Mapped[int] = mapped_column(Integer, nullable=False, server_default=text("0"), comment="Rows of data")
    error_count: Mapped[int] = mapped_column(
        Integer, nullable=False, server_default=text("0"), comment="Findings that stand in the way"
    )
    warning_count: Mapped[int] = mapped_column(
        Integer, nullable=False, server_default=text("0"), comment="Findings to look at"
    )
    stamp: Mapped[str | None] = words("What the preview was made of; another value means it is stale", nullable=True)
    plan: Mapped[dict[str, Any]] = mapped_column(
        JSONB, nullable=False, server_default=text("'{}'"), comment="What applying would do, in numbers"
    )
    work_item_id: Mapped[int | None] = mapped_column(BigInteger, comment="The work that reads or applies it")
    started_by: Mapped[str] = words("Who sent it")
    started_by_id: Mapped[int | None] = mapped_column(Integer, comment="Who sent it")
    started_at: Mapped[datetime] = instant("When sent", now=True)
    applied_by: Mapped[str | None] = words("Who applied it", nullable=True)
    applied_at: Mapped[datetime | None] = instant("When applied")

    area: Mapped[Area] = relationship()
    settlement: Mapped[Settlement | None] = relationship()

    def __str__(self) -> str:
        return self.file_name


class FileImportRow(Scoped, Model):
    """One row of data of a file, as read, with what was found about it."""

    __tablename__ = "file_import_rows"
    __table_args__ = ({"comment": "Rows of files between preview and applying; removed afterwards"},)
    import_id: Mapped[int] = mapped_column(
        ForeignKey("file_imports.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
        comment="Of which file",
    )
    no: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False, comment="Row as Excel numbers it")
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB, nullable=False, comment="Values by column")
    findings: Mapped[list[Any]] = mapped_column(
        JSONB, nullable=False, server_default=text("'[]'"), comment="[column, title, text, severity], …"
    )


class ColumnChoice(Scoped, Model):
    """Which column is what in an agency's sheet, as a person once said."""

    __tablename__ = "column_choices"
    __table_args__ = (
        UniqueConstraint("area_path", "agency_id", "kind"),
        {"comment": "Columns of sheets whose headings are not known, remembered per area and agency"},
    )
    id: Mapped[int] = key()
    agency_id: Mapped[int] = mapped_column(ForeignKey("agencies.id"), nullable=False, comment="Whose sheet")
    kind: Mapped[str] = words("Kind of file")
    heading: Mapped[list[Any]] = mapped_column(JSONB, nullable=False, comment="Texts of the heading; none: by position")
    places: Mapped[dict[str, Any]] = mapped_column(JSONB, nullable=False, comment="Column by key, from 0")
    saved_by: Mapped[str] = words("Who said so")
    saved_at: Mapped[datetime] = instant("When", now=True)


class DeadlineExtension(Scoped, Model):
    """Gia hạn: a later deadline for a settlement."""

    __tablename__ = "deadline_extensions"
    __table_args__ = (
        one_of("state", EXTENSION.states),
        CheckConstraint("days BETWEEN 1 AND 19", name="days"),
        Index("ix_deadline_extensions_settlement_id", "settlement_id"),
        Index("ix_deadline_extensions_area_path_id", "area_path", "id"),
        {"comment": "Extensions; granted days of one settlement stay under 20 in total (trigger)"},
    )
    id: Mapped[int] = key()
    settlement_id: Mapped[int] = mapped_column(
        ForeignKey("settlements.id"), nullable=False, comment="Of which settlement"
    )
    days: Mapped[int] = mapped_column(SmallInteger, nullable=False, comment="Days asked for, or granted")
    asked_days: Mapped[int | None] = mapped_column(SmallInteger, comment="Days asked for, where fewer were granted")
    reason: Mapped[str] = words("Why")
    asked_by: Mapped[str] = words("Who asked: the agency's person, or a user name")
    asked_at: Mapped[datetime] = instant("When asked", now=True)
    entered_by: Mapped[str] = words("Who entered it")
    state: Mapped[str] = state(EXTENSION)
    decided_by: Mapped[str | None] = words("Who decided", nullable=True)
    decided_at: Mapped[datetime | None] = instant("When decided")
    decision_note: Mapped[str | None] = words("Note of the decision", nullable=True)

    settlement: Mapped[Settlement] = relationship(back_populates="extensions")
    notices: Mapped[list[AgencyNotice]] = relationship(order_by="AgencyNotice.id", viewonly=True)

    def __str__(self) -> str:
        return str(self.settlement)


class AgencyNotice(Scoped, Model):
    """What the agency is told of a decision about an extension: stored before the wire, the same bytes every time."""

    __tablename__ = "agency_notices"
    __table_args__ = (
        one_of("decision", NOTICES),
        CheckConstraint("(body IS NULL) = (body_sha256 IS NULL)", name="body_has_its_hash"),
        CheckConstraint("delivered_at IS NULL OR body IS NOT NULL", name="bytes_before_the_wire"),
        Index("ix_agency_notices_extension_id", "extension_id"),
        Index("ix_agency_notices_area_path_id", "area_path", "id"),
        Index("ix_agency_notices_due", "next_attempt_at", postgresql_where=text("delivered_at IS NULL")),
        {"comment": "Notices to agencies about extensions, one for each decision"},
    )
    id: Mapped[int] = key()
    extension_id: Mapped[int] = mapped_column(
        ForeignKey("deadline_extensions.id"), nullable=False, comment="About which extension"
    )
    packet_id: Mapped[int] = mapped_column(ForeignKey("packets.id"), nullable=False, comment="Of which packet")
    decision: Mapped[str] = words("granted, refused, revoked, lapsed")
    days: Mapped[int] = mapped_column(SmallInteger, nullable=False, comment="Days it is about")
    due_on: Mapped[date] = mapped_column(Date, nullable=False, comment="The deadline from then on")
    reason: Mapped[str] = words("Why, in the deciding person's words", default="")
    message_id: Mapped[str] = mapped_column(Text, unique=True, nullable=False, comment="Fixed when decided")
    body: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True, comment="The exact bytes, before the wire")
    body_sha256: Mapped[str | None] = words("SHA-256 of the bytes", nullable=True)
    decided_at: Mapped[datetime] = instant("When decided", now=True)
    attempts: Mapped[int] = mapped_column(Integer, nullable=False, server_default=text("0"), comment="Calls made")
    next_attempt_at: Mapped[datetime] = instant("Not before", now=True)
    lease_until: Mapped[datetime | None] = instant("Claimed by a scheduler until")
    delivered_at: Mapped[datetime | None] = instant("When the agency acknowledged it, or said it never will")
    answer: Mapped[str | None] = words("The agency's no, when it said no", nullable=True)
    last_error: Mapped[str | None] = words("What the last failed call said", nullable=True)


class Recovery(Scoped, Model):
    """Truy thu: money wrongly paid that must come back, by one decision for one person."""

    __tablename__ = "recoveries"
    __table_args__ = (
        one_of("state", RECOVERY.states),
        one_of("source", RECOVERY_SOURCES),
        CheckConstraint("amount_vnd > 0", name="amount_vnd"),
        CheckConstraint("instalment_vnd > 0", name="instalment_vnd"),
        Index("ix_recoveries_area_path_id", "area_path", "id"),
        Index("ix_recoveries_line_id", "line_id"),
        Index("ix_recoveries_of_person", "beneficiary_id", postgresql_where=text("state IN ('proposed', 'open')")),
        {"comment": "Recoveries; what came back is the sum of their entries, which the journal mirrors"},
    )
    id: Mapped[int] = key()
    line_id: Mapped[int] = mapped_column(
        ForeignKey("payout_lines.id"), nullable=False, comment="The first line wrongly paid; all are in recovery_lines"
    )
    beneficiary_id: Mapped[int] = mapped_column(
        ForeignKey("beneficiaries.id"), nullable=False, comment="From whose money it is withheld"
    )
    amount_vnd: Mapped[int] = vnd("Đồng to come back, by the decision", default=None)
    instalment_vnd: Mapped[int | None] = mapped_column(
        BigInteger, comment="Most that is withheld in one period; as much as the share of a line allows when empty"
    )
    reason: Mapped[str] = words("Why: a reason code or words")
    source: Mapped[str] = words("settlement, death, stop, hand", default="settlement")
    decision_no: Mapped[str | None] = words("Number of the decision", nullable=True)
    decided_on: Mapped[date | None] = mapped_column(Date, comment="Date of the decision")
    state: Mapped[str] = state(RECOVERY)
    entered_by: Mapped[str] = words("Who entered it", default="system")
    opened_at: Mapped[datetime] = instant("When entered", now=True)
    decided_by: Mapped[str | None] = words("Who approved or refused it", nullable=True)
    decided_at: Mapped[datetime | None] = instant("When approved or refused")
    closed_at: Mapped[datetime | None] = instant("When the last đồng came back or was written off")

    line: Mapped[PayoutLine] = relationship()
    beneficiary: Mapped[Beneficiary] = relationship()

    def __str__(self) -> str:
        return str(self.beneficiary)


class RecoveryLine(Scoped, Model):
    """Which wrongly paid line a recovery asks how much of."""

    __tablename__ = "recovery_lines"
    __table_args__ = (
        CheckConstraint("amount_vnd > 0", name="amount_vnd"),
        Index("ix_recovery_lines_line_id", "line_id"),
        {"comment": "Lines of a recovery; together never more than was paid on the line (trigger)"},
    )
    recovery_id: Mapped[int] = mapped_column(ForeignKey("recoveries.id"), primary_key=True, comment="Of which recovery")
    line_id: Mapped[int] = mapped_column(
        ForeignKey("payout_lines.id"), primary_key=True, autoincrement=False, comment="The line wrongly paid"
    )
    amount_vnd: Mapped[int] = vnd("Đồng of this line to come back", default=None)


class Withholding(Scoped, Model):
    """What a list's line withholds for one recovery."""

    __tablename__ = "withholdings"
    __table_args__ = (
        one_of("outcome", WITHHOLDING_OUTCOMES),
        CheckConstraint("amount_vnd > 0", name="amount_vnd"),
        Index("ix_withholdings_recovery_id", "recovery_id"),
        Index("ix_withholdings_waiting", "line_id", postgresql_where=text("outcome = 'waiting'")),
        {"comment": "Money withheld by lines; counts as recovered only when the line, or who carries it, is paid"},
    )
    line_id: Mapped[int] = mapped_column(
        ForeignKey("payout_lines.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
        comment="The line that withholds",
    )
    recovery_id: Mapped[int] = mapped_column(
        ForeignKey("recoveries.id"), primary_key=True, autoincrement=False, comment="For which recovery"
    )
    amount_vnd: Mapped[int] = vnd("Đồng withheld", default=None)
    outcome: Mapped[str] = words(
        "waiting, recovered (the line was paid), released (it never will be)", default="waiting"
    )

    line: Mapped[PayoutLine] = relationship()
    recovery: Mapped[Recovery] = relationship()


class RecoveryEntry(Scoped, Model):
    """One amount that came back, or was written off; append-only, a correction is another entry."""

    __tablename__ = "recovery_entries"
    __table_args__ = (
        one_of("kind", RECOVERY_ENTRIES),
        CheckConstraint("amount_vnd <> 0", name="amount_vnd"),
        Index("ix_recovery_entries_recovery_id", "recovery_id"),
        {"comment": "Ledger of recoveries, mirrored by the journal. Append-only, but the area follows the recovery"},
    )
    id: Mapped[int] = key()
    recovery_id: Mapped[int] = mapped_column(ForeignKey("recoveries.id"), nullable=False, comment="Of which recovery")
    kind: Mapped[str] = words("withheld by a list, cash back through the agency, written_off")
    amount_vnd: Mapped[int] = vnd("Đồng; negative takes an earlier entry back", default=None)
    line_id: Mapped[int | None] = mapped_column(ForeignKey("payout_lines.id"), comment="The line that withheld it")
    settlement_id: Mapped[int | None] = mapped_column(
        ForeignKey("settlements.id"), comment="The settlement that counted it, or was reopened"
    )
    reference: Mapped[str | None] = words("Receipt or decision number", nullable=True)
    note: Mapped[str | None] = words("Why, or how", nullable=True)
    entered_by: Mapped[str] = words("Who")
    at: Mapped[datetime] = instant("When", now=True)

    recovery: Mapped[Recovery] = relationship()
    line: Mapped[PayoutLine | None] = relationship()
    settlement: Mapped[Settlement | None] = relationship()


class AgencyTransfer(Scoped, Model):
    """Chuyển tiền: money handed to an agency, or given back by it; a correction is another row."""

    __tablename__ = "agency_transfers"
    __table_args__ = (
        one_of("kind", ("transfer", "return")),
        one_of("state", TRANSFER.states),
        CheckConstraint("amount_vnd > 0 OR (amount_vnd < 0 AND corrects_id IS NOT NULL)", name="amount_vnd"),
        CheckConstraint("(corrects_id IS NULL) = (reason IS NULL)", name="corrected_for_a_reason"),
        Index("ix_agency_transfers_area_path_id", "area_path", "id"),
        Index("ix_agency_transfers_corrects_id", "corrects_id"),
        Index(
            "uq_agency_transfers_document",
            "agency_id",
            "area_id",
            "kind",
            "treasury_ref",
            unique=True,
            postgresql_where=text("corrects_id IS NULL AND state <> 'refused'"),
        ),
        {
            "comment": "Money handed to agencies and given back; a correction is another row. Append-only but for its decision"
        },
    )
    id: Mapped[int] = key()
    agency_id: Mapped[int] = mapped_column(ForeignKey("agencies.id"), nullable=False, comment="To or from which agency")
    area_id: Mapped[int] = mapped_column(
        ForeignKey("areas.id"), nullable=False, comment="Whose account with the agency"
    )
    period_id: Mapped[int] = mapped_column(ForeignKey("periods.id"), nullable=False, comment="For which period")
    kind: Mapped[str] = words("transfer: to the agency; return: given back by the agency")
    amount_vnd: Mapped[int] = vnd(
        "Đồng; of a correction what is added to the row it corrects, perhaps negative", default=None
    )
    treasury_ref: Mapped[str] = words("Number of the treasury's or bank's document")
    transferred_on: Mapped[date] = mapped_column(Date, nullable=False, comment="Day of the document")
    corrects_id: Mapped[int | None] = mapped_column(
        ForeignKey("agency_transfers.id"), comment="The row this one corrects"
    )
    reason: Mapped[str | None] = words("Why it is corrected", nullable=True)
    entered_by: Mapped[str] = words("User name of the accountant")
    entered_at: Mapped[datetime] = instant("When", now=True)
    state: Mapped[str] = state(TRANSFER)
    decided_by: Mapped[str | None] = words("Who approved or refused it", nullable=True)
    decided_at: Mapped[datetime | None] = instant("When")
    decision_note: Mapped[str | None] = words("Note of the decision", nullable=True)

    agency: Mapped[Agency] = relationship()
    area: Mapped[Area] = relationship()
    period: Mapped[Period] = relationship()
    corrects: Mapped[AgencyTransfer | None] = relationship(remote_side=[id])

    def __str__(self) -> str:
        return self.treasury_ref


# --- Journal, audit, work ----------------------------------------------------------------------------------------


class MoneyMovement(Scoped, Model):
    """One movement of a line's money from one bucket to another; append-only."""

    __tablename__ = "money_movements"
    __table_args__ = (
        one_of("from_bucket", BUCKETS),
        one_of("to_bucket", BUCKETS),
        CheckConstraint("amount_vnd > 0 AND from_bucket <> to_bucket", name="amount_vnd"),
        Index("ix_money_movements_line_id", "line_id"),
        Index("ix_money_movements_to_recover", "line_id", postgresql_where=text("to_bucket = 'to_recover'")),
        Index(
            "ix_money_movements_afterwards",
            "line_id",
            postgresql_where=text("from_bucket NOT IN ('owed', 'with_agency')"),
        ),
        Index(
            "ix_money_movements_recovered",
            "area_path",
            "id",
            postgresql_where=text("from_bucket = 'recovered' OR to_bucket = 'recovered'"),
        ),
        {"comment": "The journal (promise P2): one row a movement; a correction is another row. Append-only"},
    )
    id: Mapped[int] = key()
    line_id: Mapped[int] = mapped_column(BigInteger, nullable=False, comment="Whose money")
    from_bucket: Mapped[str] = words("From")
    to_bucket: Mapped[str] = words("To")
    amount_vnd: Mapped[int] = vnd("Đồng moved", default=None)
    packet_id: Mapped[int | None] = mapped_column(BigInteger, comment="Because of which packet")
    settlement_id: Mapped[int | None] = mapped_column(BigInteger, comment="Because of which settlement")
    other_line_id: Mapped[int | None] = mapped_column(
        BigInteger, comment="The line that carries it, or carried it here"
    )
    recovery_entry_id: Mapped[int | None] = mapped_column(
        BigInteger, comment="Because of which entry of a recovery's ledger"
    )
    actor: Mapped[str] = words("Who")
    reason: Mapped[str | None] = words("Why, for a correction", nullable=True)
    at: Mapped[datetime] = instant("When", now=True)


class StateChange(Scoped, Model):
    """The audit: one row for every change of state, in the same transaction; append-only."""

    __tablename__ = "state_changes"
    __table_args__ = (
        one_of("machine", MACHINES),
        Index("ix_state_changes_machine_entity_id", "machine", "entity_id"),
        Index("ix_state_changes_area_path_id", "area_path", "id"),
        {"comment": "Audit of state changes (promise P4). Append-only"},
    )
    id: Mapped[int] = key()
    machine: Mapped[str] = words("batch, packet, settlement, extension, period, recovery")
    entity_id: Mapped[int] = mapped_column(BigInteger, nullable=False, comment="Key of the thing in its table")
    move: Mapped[str] = words("Name of the move; 'create' for the first")
    from_state: Mapped[str | None] = words("Before", nullable=True)
    to_state: Mapped[str] = words("After")
    actor: Mapped[str] = words("User name, agency:<code> or system")
    actor_id: Mapped[int | None] = mapped_column(Integer, comment="User, when a person")
    reason: Mapped[str | None] = words("The person's or agency's reason", nullable=True)
    facts: Mapped[dict[str, Any]] = mapped_column(
        JSONB, nullable=False, server_default=text("'{}'"), comment="Totals and references at that moment"
    )
    at: Mapped[datetime] = instant("When", now=True)
    txid: Mapped[int] = mapped_column(
        BigInteger,
        nullable=False,
        server_default=text("txid_current()"),
        comment="Transaction that made the change",
    )


class AccessLog(Scoped, Model):
    """Views and exports of personal data; append-only."""

    __tablename__ = "access_log"
    __table_args__ = (
        Index("ix_access_log_area_path_id", "area_path", "id"),
        {"comment": "Who saw or exported personal data (Luật 91/2025). Append-only"},
    )
    id: Mapped[int] = key()
    at: Mapped[datetime] = instant("When", now=True)
    actor: Mapped[str] = words("User name")
    actor_id: Mapped[int | None] = mapped_column(Integer, comment="User")
    what: Mapped[str] = words("What was seen: beneficiary, report DVCT_02, export …")
    entity_id: Mapped[int | None] = mapped_column(BigInteger, comment="Key, when one thing")
    row_count: Mapped[int] = mapped_column(
        Integer, nullable=False, server_default=text("1"), comment="People concerned"
    )


class UserChange(Scoped, Model):
    """Who changed which user; append-only."""

    __tablename__ = "user_changes"
    __table_args__ = (
        one_of("what", USER_CHANGES),
        Index("ix_user_changes_area_path_id", "area_path", "id"),
        Index("ix_user_changes_user_id", "user_id"),
        {"comment": "Who changed which user, and how. Append-only"},
    )
    id: Mapped[int] = key()
    at: Mapped[datetime] = instant("When", now=True)
    actor: Mapped[str] = words("User name of who did it, or system")
    actor_id: Mapped[int | None] = mapped_column(Integer, comment="User, when a person")
    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"), nullable=False, comment="Whom it concerns")
    what: Mapped[str] = words("created, changed, disabled, enabled, password_reset, password_changed")
    before: Mapped[dict[str, Any]] = mapped_column(
        JSONB,
        nullable=False,
        server_default=text("'{}'"),
        comment="What was changed, as it was; never a password",
    )
    after: Mapped[dict[str, Any]] = mapped_column(
        JSONB,
        nullable=False,
        server_default=text("'{}'"),
        comment="What was changed, as it is; never a password",
    )

    user: Mapped[AppUser] = relationship()

    def __str__(self) -> str:
        return str(self.user)


class SignInAttempt(Model):
    """Attempts to sign in by one user name or from one address."""

    __tablename__ = "sign_in_attempts"
    __table_args__ = (
        Index("ix_sign_in_attempts_failed_at", "failed_at"),
        {"comment": "Counted attempts to sign in: all web processes on all hosts wait together"},
    )
    key: Mapped[str] = mapped_column(
        Text,
        primary_key=True,
        comment="Keyed hash of a typed user name or of a network address; neither is kept",
    )
    failures: Mapped[int] = mapped_column(Integer, nullable=False, comment="Attempts not yet forgiven or forgotten")
    failed_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), nullable=False, comment="When the last one was made"
    )


class WorkItem(Scoped, Model):
    """Công việc: long work a user started; a scheduler process does it, the screen polls its progress."""

    __tablename__ = "work_items"
    __table_args__ = (
        one_of("phase", ("queued", "running", "done", "failed")),
        Index(
            "uq_work_items_once",
            "once_key",
            unique=True,
            postgresql_where=text("phase IN ('queued', 'running')"),
        ),
        Index("ix_work_items_due", "id", postgresql_where=text("phase IN ('queued', 'running')")),
        Index("ix_work_items_area_path_id", "area_path", "id"),
        {"comment": "User-started long work: survives a restart, cannot be started twice (once_key)"},
    )
    id: Mapped[int] = key()
    kind: Mapped[str] = words("Which work: see app/jobs/work.py")
    title: Mapped[str] = words("What the user sees")
    params: Mapped[dict[str, Any]] = mapped_column(JSONB, nullable=False, comment="Arguments")
    once_key: Mapped[str] = words("Two unfinished items never share it")
    area_id: Mapped[int] = mapped_column(ForeignKey("areas.id"), nullable=False, comment="Area of who started it")
    started_by_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"), nullable=False, comment="Who started it")
    started_at: Mapped[datetime] = instant("When asked for", now=True)
    phase: Mapped[str] = words("queued, running, done, failed", default="queued")
    done_count: Mapped[int] = mapped_column(Integer, nullable=False, server_default=text("0"), comment="Done so far")
    total_count: Mapped[int] = mapped_column(
        Integer, nullable=False, server_default=text("0"), comment="All there is to do"
    )
    lease_until: Mapped[datetime | None] = instant("Claimed by a scheduler until")
    attempts: Mapped[int] = mapped_column(
        SmallInteger, nullable=False, server_default=text("0"), comment="Times started"
    )
    finished_at: Mapped[datetime | None] = instant("When finished")
    message: Mapped[str | None] = words("Result or error in words", nullable=True)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB, comment="Link or figures of the result")
    file_name: Mapped[str | None] = words("Name of the file made", nullable=True)
    file_path: Mapped[str | None] = words("Where the file is, below the data folder", nullable=True)

    started_by: Mapped[AppUser] = relationship()

    def __str__(self) -> str:
        return self.title


class Digest(Scoped, Model):
    """What needed a person in an area on a day."""

    __tablename__ = "digests"
    __table_args__ = (
        UniqueConstraint("area_path", "day"),
        {"comment": "What needed a person in an area on a day; made once a day, by whichever scheduler comes first"},
    )
    id: Mapped[int] = key()
    day: Mapped[date] = mapped_column(Date, nullable=False, comment="Local day it speaks of")
    subject: Mapped[str | None] = words("Subject of its letters; empty when there was nothing", nullable=True)
    body: Mapped[str | None] = words("Counts, codes and links; nobody's name", nullable=True)
    made_at: Mapped[datetime] = instant("When made", now=True)


class Mail(Scoped, Model):
    """A digest on its way to one person."""

    __tablename__ = "mails"
    __table_args__ = (
        UniqueConstraint("digest_id", "user_id"),
        Index("ix_mails_due", "next_attempt_at", postgresql_where=text("sent_at IS NULL AND given_up_at IS NULL")),
        {"comment": "Letters on their way: a mail server that is away delays them and nothing else"},
    )
    id: Mapped[int] = key()
    digest_id: Mapped[int] = mapped_column(ForeignKey("digests.id"), nullable=False, comment="Which digest")
    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"), nullable=False, comment="To whom")
    address: Mapped[str] = words("Where to, as it was then")
    attempts: Mapped[int] = mapped_column(SmallInteger, nullable=False, server_default=text("0"), comment="Times tried")
    next_attempt_at: Mapped[datetime] = instant("Not before", now=True)
    lease_until: Mapped[datetime | None] = instant("Claimed by a scheduler until")
    sent_at: Mapped[datetime | None] = instant("When the mail server took it")
    given_up_at: Mapped[datetime | None] = instant("When it had become old news")
    last_error: Mapped[str | None] = words("What the last failed attempt said", nullable=True)


class JobRun(Model):
    """The last run of each sweep of the scheduler."""

    __tablename__ = "job_runs"
    __table_args__ = ({"comment": "Sweeps of the scheduler: last start, success, error and duration"},)
    name: Mapped[str] = mapped_column(Text, primary_key=True, comment="Name in the table of jobs")
    owner: Mapped[str] = words("Host and process of the last start")
    started_at: Mapped[datetime] = instant("Last start", now=True)
    succeeded_at: Mapped[datetime | None] = instant("Last success")
    failed_at: Mapped[datetime | None] = instant("Last failure")
    error: Mapped[str | None] = words("What the last failure said", nullable=True)
    duration_ms: Mapped[int | None] = mapped_column(Integer, comment="Of the last finished run")
    run_count: Mapped[int] = mapped_column(BigInteger, nullable=False, server_default=text("0"), comment="Runs started")


class BookCheck(Model):
    """One check of all the books."""

    __tablename__ = "book_checks"
    __table_args__ = ({"comment": "Checks of the books (promise P9): when, how long, how many checks broke; 30 days"},)
    id: Mapped[int] = key()
    at: Mapped[datetime] = instant("When", now=True)
    duration_ms: Mapped[int] = mapped_column(Integer, nullable=False, comment="How long it took")
    wrong: Mapped[int] = mapped_column(Integer, nullable=False, comment="Checks that found something; 0 is well")


class BookFinding(Scoped, Model):
    """What one check of the books found in one area."""

    __tablename__ = "book_findings"
    __table_args__ = (
        Index("ix_book_findings_check_id", "check_id"),
        {"comment": "What checks of the books found, by area: an empty table is what we promise"},
    )
    id: Mapped[int] = key()
    check_id: Mapped[int] = mapped_column(
        ForeignKey("book_checks.id", ondelete="CASCADE"), nullable=False, comment="Found when"
    )
    name: Mapped[str] = words("Name of the check: see app/services/books")
    row_count: Mapped[int] = mapped_column(Integer, nullable=False, comment="How many things break it")
    ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), nullable=False, comment="Keys of the first few")
