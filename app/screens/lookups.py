"""Choosing a row of another table: found by what people type, always inside their scope. No form, no page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, func, or_, select
from sqlalchemy.orm import selectinload

from app.extensions import current_actor, db
from app.models import Agency, Area, Beneficiary, BenefitType, PayoutBatch, Period
from app.rules import names

LIMIT = 20
"""Rows offered for what was typed; who needs another types more."""

MAX_TYPED = 100


def in_own_area() -> list[ColumnElement[bool]]:
    """Areas the user may write for: their own and below, not those above, which they can only see."""
    low, high = current_actor().bounds
    return [Area.path >= low, Area.path < high]


@dataclass(frozen=True)
class Lookup:
    """How rows of `model` are found, named and limited; `small` tables are offered whole."""

    model: Any
    label: Callable[[Any], str] = str
    limits: Callable[[], list[ColumnElement[bool]]] = list
    order: tuple[str, ...] = ("id",)
    small: bool = False
    with_: tuple[str, ...] = ()
    anywhere: bool = False

    def limited(self, limits: Callable[[], list[ColumnElement[bool]]]) -> Lookup:
        """The same with further limits."""
        before = self.limits
        return replace(self, limits=lambda: [*before(), *limits()])

    def find(self, key: Any) -> Any | None:
        """The row with this key, None when there is none in scope and within the limits."""
        column = self.model.__mapper__.primary_key[0]
        read = read_key(column, key)
        if read is None:
            return None
        return db.session.scalars(self._statement().where(column == read)).one_or_none()

    def search(self, typed: str) -> list[Any]:
        """The first rows matching what was typed: the beginning of a code or of a name without marks."""
        statement = self._statement().limit(LIMIT)
        text = " ".join(typed[:MAX_TYPED].split())
        if text:
            statement = statement.where(or_(*self._conditions(text)))
        return list(db.session.scalars(statement))

    def all(self) -> list[Any]:
        """Every row, for a small table."""
        assert self.small, self.model
        return list(db.session.scalars(self._statement()))

    def _statement(self) -> Select[Any]:
        eager = [selectinload(getattr(self.model, relation)) for relation in self.with_]
        order = [getattr(self.model, column) for column in self.order]
        return select(self.model).where(*self.limits()).options(*eager).order_by(*order)

    def _conditions(self, text: str) -> list[ColumnElement[bool]]:
        conditions: list[ColumnElement[bool]] = []
        if hasattr(self.model, "name_fold"):
            folded = names.fold(text)
            conditions.append(
                func.strpos(self.model.name_fold, folded) > 0
                if self.anywhere
                else func.starts_with(self.model.name_fold, folded)
            )
        conditions += [
            func.starts_with(func.lower(getattr(self.model, column)), text.lower())
            for column in ("code", "name", "contract_no")
            if hasattr(self.model, column)
        ]
        return conditions


def read_key(column: Any, text: Any) -> Any | None:
    """A key as it came from outside, as the column's type; None when it cannot be one."""
    wanted = column.type.python_type
    if isinstance(text, wanted):
        return text
    if wanted is int:
        written = str(text)
        if not (written.isascii() and written.isdigit() and len(written) <= 18):
            return None
        number = int(written)
        return number if isinstance(column.type, BigInteger) or number < 2**31 else None
    try:
        return wanted.fromisoformat(text) if hasattr(wanted, "fromisoformat") else wanted(text)
    except ValueError:
        return None


def area_label(area: Area) -> str:
    """A commune with its province: the same name exists in several provinces."""
    if area.level == "commune" and area.parent is not None:
        return f"{area.full_name}, {area.parent.full_name} ({area.code})"
    return f"{area.full_name} ({area.code})"


AREAS = Lookup(Area, label=area_label, limits=in_own_area, order=("name_fold", "id"), with_=("parent",), anywhere=True)
COMMUNES = AREAS.limited(lambda: [Area.level == "commune"])
BENEFICIARIES = Lookup(Beneficiary, order=("name_sort", "id"))

_KNOWN: dict[Any, Lookup] = {
    Area: AREAS,
    Beneficiary: BENEFICIARIES,
    PayoutBatch: Lookup(PayoutBatch, order=("code",)),
    Agency: Lookup(Agency, order=("name", "id"), small=True),
    BenefitType: Lookup(BenefitType, order=("code",), small=True),
    Period: Lookup(Period, limits=list, order=("month",), small=True),
}


def lookup_of(model: Any) -> Lookup:
    """How rows of `model` are chosen where a view says nothing else."""
    return _KNOWN.get(model) or Lookup(model, order=tuple(key.name for key in model.__mapper__.primary_key))
