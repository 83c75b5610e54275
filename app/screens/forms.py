"""Forms made from a model: each column gets a field that cleans and bounds what is typed. No view, no saving."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, ClassVar

from flask_appbuilder.forms import DynamicForm
from sqlalchemy import BigInteger, Boolean, CheckConstraint, Date, Integer, Numeric, SmallInteger, String
from wtforms import BooleanField, PasswordField, StringField, TextAreaField
from wtforms.validators import ValidationError

from app.rules import names
from app.rules.problems import UnreadableError
from app.screens.fields import (
    MAX_LONG_TEXT,
    MAX_TEXT,
    ChoiceField,
    CleanField,
    DecimalNumberField,
    MoneyField,
    Required,
    RowField,
    VersionField,
    VnDateField,
    WholeNumberField,
    YesNoField,
    said,
)
from app.screens.lookups import Lookup, lookup_of

MOST_OF = ((SmallInteger, 2**15 - 1), (BigInteger, 10**15 - 1), (Integer, 2**31 - 1))

_BETWEEN = re.compile(r"\b(\w+) BETWEEN (-?[0-9]+) AND (-?[0-9]+)")
_ONE_OF = re.compile(r"\b(\w+) IN \('")


class SafeForm(DynamicForm):
    """A form in which every text is cleaned, also of fields that know nothing of it; fields come in `order`."""

    order: ClassVar[Sequence[str]] = ()
    _fields: dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.order:
            first = {name: self._fields[name] for name in self.order}
            self._fields = first | {name: one for name, one in self._fields.items() if name not in first}

    def validate(self, extra_validators: Mapping[str, Any] | None = None) -> bool:
        """Clean, then validate; what cannot be cleaned is an error of its field."""
        extra = {name: list(checks) for name, checks in (extra_validators or {}).items()}
        for one in self:
            if isinstance(one, StringField) and not isinstance(one, CleanField | PasswordField):
                problem = _clean(one)
                if problem is not None:
                    extra.setdefault(one.name, []).append(_refuse(problem))
        return bool(super().validate(extra_validators=extra))

    def add_problem(self, name: str | None, message: str) -> None:
        """An error found after validation, at its field or above the form."""
        if name is not None and name in self:
            self[name].errors = [*self[name].errors, message]
        else:
            self.form_errors.append(message)


def _clean(one: Any) -> UnreadableError | None:
    if not isinstance(one.data, str):
        return None
    multiline = isinstance(one, TextAreaField)
    try:
        one.data = names.clean_text(one.data, max_length=MAX_LONG_TEXT if multiline else MAX_TEXT, multiline=multiline)
    except UnreadableError as error:
        return error
    return None


def _refuse(problem: UnreadableError) -> Callable[[Any, Any], None]:
    def check(_form: Any, _field: Any) -> None:
        raise ValidationError(said(problem))

    return check


@dataclass(frozen=True)
class FormPlan:
    """What a view says about the fields of its forms."""

    labels: Mapping[str, Any]
    descriptions: Mapping[str, Any] = field(default_factory=dict)
    validators: Mapping[str, list[Any]] = field(default_factory=dict)
    choices: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    lookups: Mapping[str, Lookup] = field(default_factory=dict)
    ranges: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    max_lengths: Mapping[str, int] = field(default_factory=dict)
    multiline: frozenset[str] = frozenset()
    inherited_word: Any = ""
    choices_url: Callable[[str], str] = str


class NoWords(TypeError):
    """A column of codes would be shown to people as codes."""


def form_of(
    model: Any, columns: list[str], plan: FormPlan, *, extra_fields: Mapping[str, Any], versioned: bool
) -> type[SafeForm]:
    """A form class over `columns` of `model`; `extra_fields` stand in for columns of their name."""
    fields = {name: extra_fields.get(name) or _field_of(model, name, plan) for name in columns}
    if versioned:
        fields["opened_version"] = VersionField()
    return type("GeneratedForm", (SafeForm,), fields | {"order": tuple(columns)})


def _field_of(model: Any, name: str, plan: FormPlan) -> Any:
    options: dict[str, Any] = {"description": plan.descriptions.get(name, "")}
    relation = model.__mapper__.relationships.get(name)
    if relation is not None:
        required = not next(iter(relation.local_columns)).nullable
        options |= {
            "lookup": plan.lookups.get(name) or lookup_of(relation.mapper.class_),
            "url": lambda: plan.choices_url(name),
        }
        return RowField(plan.labels[name], _validators(plan, name, required), **options)
    column = model.__mapper__.columns[name]
    options["default"] = default_of(column)
    return _column_field(column, name, plan, options)


def _column_field(column: Any, name: str, plan: FormPlan, options: dict[str, Any]) -> Any:
    label, kind, required = plan.labels[name], column.type, not column.nullable
    if name in plan.choices:
        blank = None if required and options["default"] else plan.inherited_word
        words = {"words": plan.choices[name], "blank": blank}
        return ChoiceField(label, _validators(plan, name, required), **options, **words)
    if isinstance(kind, Boolean):
        if required:
            return BooleanField(label, plan.validators.get(name), **options)
        return YesNoField(label, plan.validators.get(name), blank=plan.inherited_word, **options)
    if isinstance(kind, String):
        if one_of_codes(column):
            raise NoWords(f"{column.table.name}.{name} holds codes: give their words in choice_columns")
        empty = None if column.nullable else ""
        required = required and column.server_default is None
        limits: dict[str, Any] = {"multiline": name in plan.multiline, "empty": empty}
        if name in plan.max_lengths:
            limits["max_length"] = plan.max_lengths[name]
        return CleanField(label, _validators(plan, name, required), **options, **limits)
    made, bounds = _numeric_or_date(column, name, plan)
    return made(label, _validators(plan, name, required), **options, **bounds)


def _numeric_or_date(column: Any, name: str, plan: FormPlan) -> tuple[Any, dict[str, Any]]:
    if name.endswith("_vnd"):
        return MoneyField, {}
    if isinstance(column.type, Date):
        return VnDateField, {}
    bounds = plan.ranges.get(name) or _range_of(column)
    if isinstance(column.type, Integer):
        least, most = bounds or (0, next(top for kind, top in MOST_OF if isinstance(column.type, kind)))
        return WholeNumberField, {"least": least, "most": most}
    if isinstance(column.type, Numeric):
        digits, places = column.type.precision or 9, column.type.scale or 0
        least, most = bounds or (0, 10 ** (digits - places) - 1)
        return DecimalNumberField, {"places": places, "least": least, "most": most}
    raise TypeError(f"no field for {column}: give one in add_form_extra_fields")


def _validators(plan: FormPlan, name: str, required: bool) -> list[Any]:
    return [*([Required()] if required else []), *plan.validators.get(name, [])]


def _range_of(column: Any) -> tuple[int, int] | None:
    """The bounds a check constraint states as `column BETWEEN a AND b`."""
    for constraint in column.table.constraints:
        if isinstance(constraint, CheckConstraint):
            for name, least, most in _BETWEEN.findall(str(constraint.sqltext)):
                if name == column.name:
                    return int(least), int(most)
    return None


def one_of_codes(column: Any) -> bool:
    """True when a check constraint limits the column to a list of codes."""
    return any(
        isinstance(constraint, CheckConstraint) and column.name in _ONE_OF.findall(str(constraint.sqltext))
        for constraint in column.table.constraints
    )


def default_of(column: Any) -> Any:
    """The value the database would take for a column left out, for the form to show."""
    server_default = getattr(column.server_default, "arg", None)
    text = str(getattr(server_default, "text", server_default) or "").strip("'")
    if not text or isinstance(column.type, Date):
        return None
    wanted = column.type.python_type
    if wanted is bool:
        return text == "true"
    return None if wanted in (date, datetime) else wanted(text)
