"""Form fields that read what people type: text, money, dates, numbers, choices, rows of other tables. No form."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from flask_babel import gettext as _
from markupsafe import Markup
from wtforms import Field, HiddenField, SelectField, StringField
from wtforms.validators import StopValidation, ValidationError
from wtforms.widgets import Select, TextArea, TextInput

from app.rules import dates, money, names
from app.rules.problems import UnreadableError
from app.rules.states import N_
from app.screens.lookups import AREAS, COMMUNES, Lookup
from app.web.words import plain_decimal

MAX_TEXT, MAX_LONG_TEXT = 255, 4000
YES_NO = {"yes": N_("Có"), "no": N_("Không")}

_WHOLE = re.compile(r"-?[0-9]{1,20}")
_DECIMAL = re.compile(r"-?[0-9]{1,20}(?:[.,][0-9]{1,20})?")


def said(error: UnreadableError) -> str:
    """What an unreadable value is told, in the language of the page."""
    return str(_(error.text, **error.facts))


class Required:
    """The field must be filled in; says so once, and not when what was typed is already refused."""

    field_flags: Mapping[str, Any] = {"required": True}

    def __call__(self, form: Any, field: Any) -> None:
        if field.data is None or field.data == "":
            raise StopValidation(None if field.process_errors else _("Chưa nhập ô này."))


class Input(TextInput):
    """A text box of our skin; `parts` are further attributes."""

    def __init__(self, **parts: Any) -> None:
        super().__init__()
        self.parts = parts

    def __call__(self, field: Any, **kwargs: Any) -> Any:
        kwargs["class"] = " ".join(filter(None, ("form-control", self.parts.get("class_"))))
        kwargs |= {name: value for name, value in self.parts.items() if name != "class_"}
        return super().__call__(field, **kwargs)


class LongInput(TextArea):
    """A box of several lines."""

    def __call__(self, field: Any, **kwargs: Any) -> Any:
        return super().__call__(field, **({"rows": 3} | kwargs | {"class": "form-control"}))


class DateInput(Input):
    """dd/mm/yyyy, typed or picked from a calendar by a button beside it."""

    def __call__(self, field: Any, **kwargs: Any) -> Markup:
        return Markup(
            '<span class="with-calendar">{}<button type="button" class="btn btn-default" data-calendar'
            ' aria-label="{}"><i class="fa fa-calendar" aria-hidden="true"></i></button></span>'
        ).format(super().__call__(field, **kwargs), _("Chọn ngày: %(field)s", field=field.label.text))


class Picker(Select):
    """A plain select of our skin."""

    def __call__(self, field: Any, **kwargs: Any) -> Any:
        return super().__call__(field, **(kwargs | {"class": "form-control"}))


class TypedField(Field):
    """What is typed is read by `read`; what cannot be read is refused in words and kept in the box."""

    widget = Input(autocomplete="off")

    def read(self, text: str) -> Any:
        """The value of a text that is not empty. Raises UnreadableError or ValueError."""
        raise NotImplementedError

    def show(self, value: Any) -> str:
        """The text of a value."""
        return str(value)

    def process_formdata(self, valuelist: Sequence[Any]) -> None:
        """Read the first value sent; nothing sent leaves the value as it was."""
        if not valuelist:
            return
        self.data = None
        text = str(valuelist[0]).strip()
        if not text:
            return
        try:
            self.data = self.read(text)
        except UnreadableError as error:
            raise ValueError(said(error)) from error

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else self.show(self.data)


class CleanField(StringField):
    """Text in NFC without control characters and not too long; empty is `empty` (None, or "" where never NULL)."""

    widget = Input()

    def __init__(self, label: Any = None, validators: Any = None, **options: Any) -> None:
        self.multiline = options.pop("multiline", False)
        self.max_length = options.pop("max_length", MAX_LONG_TEXT if self.multiline else MAX_TEXT)
        self.empty = options.pop("empty", None)
        if self.multiline:
            options.setdefault("widget", LongInput())
        super().__init__(label, validators, **options)

    def read(self, text: str) -> str:
        """The text as stored."""
        return names.clean_text(text, max_length=self.max_length, multiline=self.multiline)

    def process_formdata(self, valuelist: Sequence[Any]) -> None:
        """Clean what was sent."""
        if not valuelist:
            return
        self.data = None
        try:
            self.data = self.read(str(valuelist[0])) or self.empty
        except UnreadableError as error:
            raise ValueError(said(error)) from error

    def _value(self) -> str:
        return str(self.raw_data[0]) if self.raw_data else str(self.data or "")


class NameField(CleanField):
    """A person's name."""

    def read(self, text: str) -> str:
        """The name as stored; "" stays empty."""
        return names.clean_name(text) if text.strip() else ""


class WholeNumberField(TypedField):
    """A whole number from `least` to `most`."""

    widget = Input(inputmode="numeric", class_="number", autocomplete="off")

    def __init__(self, label: Any = None, validators: Any = None, **options: Any) -> None:
        self.least: int = options.pop("least", 0)
        self.most: int = options.pop("most", 2**31 - 1)
        super().__init__(label, validators, **options)

    def read(self, text: str) -> int:
        """The number. Raises ValueError when it is none or out of range."""
        if _WHOLE.fullmatch(text) is None:
            raise ValueError(_("Hãy nhập một số nguyên, chỉ gồm chữ số."))
        number = int(text)
        if not self.least <= number <= self.most:
            raise ValueError(
                _(
                    "Hãy nhập một số từ %(least)s đến %(most)s.",
                    least=money.group_thousands(self.least),
                    most=money.group_thousands(self.most),
                )
            )
        return number


class DecimalNumberField(TypedField):
    """A decimal number with comma or point, at most `places` digits after it, from `least` to `most`."""

    widget = Input(inputmode="decimal", class_="number", autocomplete="off")

    def __init__(self, label: Any = None, validators: Any = None, **options: Any) -> None:
        self.places: int = options.pop("places", 2)
        self.least = Decimal(options.pop("least", 0))
        self.most = Decimal(options.pop("most", 10**9))
        super().__init__(label, validators, **options)

    def read(self, text: str) -> Decimal:
        """The number. Raises ValueError when it is none, too fine or out of range."""
        if _DECIMAL.fullmatch(text) is None:
            raise ValueError(_("Hãy nhập một số, ví dụ 1,5."))
        number = Decimal(text.replace(",", "."))
        if -int(number.as_tuple().exponent) > self.places:
            raise ValueError(_("Nhiều nhất %(places)s chữ số sau dấu phẩy.", places=self.places))
        if not self.least <= number <= self.most:
            raise ValueError(
                _("Hãy nhập một số từ %(least)s đến %(most)s.", least=self.show(self.least), most=self.show(self.most))
            )
        return number

    def show(self, value: Any) -> str:
        """With a comma."""
        return plain_decimal(Decimal(value)).replace(".", ",")


class MoneyField(TypedField):
    """Whole đồng: "1.250.000", "1250000 đ"."""

    widget = Input(inputmode="numeric", class_="number", autocomplete="off")

    def read(self, text: str) -> int:
        """Đồng."""
        return money.parse_vnd(text)

    def show(self, value: Any) -> str:
        """With separators."""
        return money.group_thousands(value)


class VnDateField(TypedField):
    """A day, dd/mm/yyyy."""

    widget = DateInput(inputmode="numeric", placeholder="dd/mm/yyyy", autocomplete="off", maxlength=10)

    def read(self, text: str) -> date:
        """The day, of 1900 to 2100."""
        return dates.parse_date(text)

    def show(self, value: Any) -> str:
        """dd/mm/yyyy."""
        return dates.format_date(value)


class MonthField(TypedField):
    """A month, MM/YYYY; its value is the first day."""

    widget = Input(inputmode="numeric", placeholder="mm/yyyy", autocomplete="off", maxlength=7)

    def read(self, text: str) -> date:
        """The first day of the month."""
        return dates.parse_month(text)

    def show(self, value: Any) -> str:
        """MM/YYYY."""
        return dates.format_month(value)


class BirthField(TypedField):
    """A birth date as far as it is known, kept in birth_year, birth_month and birth_day."""

    widget = Input(inputmode="numeric", placeholder="dd/mm/yyyy, mm/yyyy, yyyy", autocomplete="off", maxlength=10)

    def read(self, text: str) -> dates.BirthDate:
        """The birth date."""
        return dates.BirthDate.parse(text)

    def process_data(self, value: Any) -> None:
        """From the text a person's `birth` shows."""
        self.data = dates.BirthDate.parse(value) if isinstance(value, str) and value else value

    def show(self, value: Any) -> str:
        """What is known."""
        return str(value.show())

    def populate_obj(self, obj: Any, name: str) -> None:
        """Write the three columns."""
        if self.data is not None:
            obj.birth_year, obj.birth_month, obj.birth_day = self.data.year, self.data.month, self.data.day


class ChoiceField(SelectField):
    """One of the codes of `words` (code -> Vietnamese msgid), shown by its words; `blank` offers none of them."""

    widget = Picker()

    def __init__(self, label: Any = None, validators: Any = None, **options: Any) -> None:
        words: Mapping[str, Any] = options.pop("words")
        blank: Any = options.pop("blank", None)
        first = [] if blank is None else [("", blank)]
        options["choices"] = lambda: [*first, *((code, _(str(text))) for code, text in words.items())]
        super().__init__(label, validators, coerce=lambda code: code or None, **options)
        self.validate_choice = False

    def pre_validate(self, form: Any) -> None:
        """Refuse a code that was not offered."""
        if self.data is not None and self.data not in {code for code, _words in self.choices}:
            raise ValidationError(_("Hãy chọn một giá trị trong danh sách."))


class YesNoField(ChoiceField):
    """Yes, no or unsaid."""

    def __init__(self, label: Any = None, validators: Any = None, **options: Any) -> None:
        super().__init__(label, validators, **({"words": YES_NO, "blank": ""} | options))

    def process_data(self, value: Any) -> None:
        """From True, False or None."""
        self.data = None if value is None else "yes" if value else "no"

    def populate_obj(self, obj: Any, name: str) -> None:
        """True, False or None."""
        setattr(obj, name, None if self.data is None else self.data == "yes")


class RowWidget:
    """A select of a few rows, or one that asks the server for rows matching what is typed."""

    def __call__(self, field: RowField, **kwargs: Any) -> Markup:
        kwargs = {"id": field.id} | kwargs | {"name": field.name, "class": "form-control"}
        if field.lookup.small:
            rows = field.lookup.all()
            blank = field.blank
        else:
            kwargs |= {"class": "form-control remote-select", "data-url": field.url(), "data-blank": field.blank}
            rows = [] if field.data is None else [field.data]
            blank = ""
        options = [Markup('<option value="">{}</option>').format(blank)]
        for row in rows:
            chosen = Markup(" selected") if field.data is not None and field.key(row) == field.key() else ""
            options.append(
                Markup('<option value="{}"{}>{}</option>').format(field.key(row), chosen, field.lookup.label(row))
            )
        return Markup("<select{}>{}</select>").format(_attributes(kwargs), Markup("").join(options))


def _attributes(parts: Mapping[str, Any]) -> Markup:
    named = {name: "" if value is True else value for name, value in parts.items() if value not in (None, False)}
    return Markup("").join(Markup(' {}="{}"').format(name, value) for name, value in named.items())


class RowField(Field):
    """A row of another table; the key sent is looked up again inside the user's scope and the lookup's limits."""

    widget = RowWidget()

    def __init__(self, label: Any = None, validators: Any = None, **options: Any) -> None:
        self.lookup: Lookup = options.pop("lookup")
        self.url: Callable[[], str] = options.pop("url", str)
        self.blank: Any = options.pop("blank", "")
        super().__init__(label, validators, **options)

    def key(self, row: Any = None) -> Any:
        """Key of `row`, or of the row chosen."""
        row = self.data if row is None else row
        return getattr(row, row.__mapper__.primary_key[0].name)

    def process_formdata(self, valuelist: Sequence[Any]) -> None:
        """Look the key up; nothing sent leaves the value as it was."""
        if not valuelist:
            return
        self.data = None
        key = str(valuelist[0]).strip()
        if not key:
            return
        self.data = self.lookup.find(key)
        if self.data is None:
            raise ValueError(_("Hãy chọn lại: lựa chọn này không có, hoặc không thuộc địa bàn của bạn."))


class RemoteSelectField(RowField):
    """A row of a big table: `lookup` finds it, `url` is the address that searches (RemoteChoices)."""


class AreaSelectField(RowField):
    """An area of the user's own or below; only communes with `communes=True`."""

    def __init__(self, label: Any = None, validators: Any = None, **options: Any) -> None:
        options.setdefault("lookup", COMMUNES if options.pop("communes", False) else AREAS)
        super().__init__(label, validators, **options)


class VersionField(HiddenField):
    """The version of the row the form was opened with; it is compared, never stored."""

    def populate_obj(self, obj: Any, name: str) -> None:
        """Store nothing: the view counts versions."""
