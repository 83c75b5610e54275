"""Words of templates, fields that read what people type, and the catalogues of the two languages."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_babel import force_locale, gettext
from wtforms import Form

from app import clock
from app.rules.states import LINE_RESULTS, MACHINES
from app.screens import fields
from app.translations import catalogue
from app.web import words


@pytest.fixture(autouse=True)
def context(app: Flask) -> Any:
    with app.app_context():
        yield


def test_money_numbers_and_months_are_shown_the_vietnamese_way() -> None:
    assert words.vnd(1250000) == "1.250.000\u00a0đ"
    assert words.thousands(1284) == "1.284"
    assert words.month(date(2026, 3, 1)) == "03/2026"
    assert words.in_words(1005000) == "Một triệu không trăm linh năm nghìn đồng"
    for show in (words.vnd, words.thousands, words.month, words.dmy, words.relative_days, words.in_words, words.shown):
        assert show(None) == "—"


def test_an_instant_is_shown_in_vietnam() -> None:
    assert words.dmy(datetime(2026, 11, 30, 18, 5, tzinfo=UTC)) == "01/12/2026 01:05"
    assert words.dmy(date(2026, 3, 5)) == "05/03/2026"


@pytest.mark.parametrize(
    ("due", "said"),
    [
        (date(2026, 11, 27), "còn 3 ngày"), (date(2026, 11, 24), "hôm nay"), (date(2026, 11, 22), "quá hạn 2 ngày"),
        (date(2031, 11, 24), "còn 1.826 ngày"),
    ],
)  # fmt: skip
def test_a_deadline_is_said_in_days(due: date, said: str) -> None:
    with clock.at(date(2026, 11, 24), 23):
        assert words.relative_days(due) == said


def test_every_state_has_a_badge_with_a_word_in_both_languages() -> None:
    for name in [*MACHINES, "line"]:
        for state, word in (LINE_RESULTS if name == "line" else MACHINES[name].states).items():
            badge = words.state_tag(state, name)
            assert word in badge
            assert 'class="tag tag-' in badge
    assert words.state_tag("returned", "batch") == '<span class="tag tag-bad">Bị trả lại</span>'
    assert words.tag("<b>", "evil") == '<span class="tag tag-plain">&lt;b&gt;</span>'


@pytest.mark.parametrize(
    ("value", "kind", "said"),
    [
        (True, "", "Có"), (False, "", "Không"), (1948, "", "1948"), (1948, "number", "1.948"),
        (Decimal("1.50"), "number", "1,5"), (Decimal("100"), "", "100"), (date(2026, 3, 1), "month", "03/2026"),
        ("", "", "—"), ("x", "", "x"), (0, "money", "0\u00a0đ"),
    ],
)  # fmt: skip
def test_any_value_is_shown_as_people_read_it(value: Any, kind: str, said: str) -> None:
    assert str(words.shown(value, kind)) == said


def test_a_capped_count_says_more_than() -> None:
    assert (words.many(10_001, 10_000), words.many(10_000, 10_000)) == ("hơn 10.000", "10.000")


# --- Fields ----------------------------------------------------------------------------------------------------------


def read(field: Any, text: str) -> Any:
    """(value, error) of a text typed into a field."""
    from werkzeug.datastructures import MultiDict

    form = type("One", (Form,), {"one": field})(MultiDict({"one": text}))
    form.validate()
    return form.one.data, (form.one.errors or [None])[0]


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        (fields.MoneyField(), " 1.250.000 đ ", 1250000), (fields.MoneyField(), "", None),
        (fields.VnDateField(), "5/3/2026", date(2026, 3, 5)), (fields.VnDateField(), "2026-03-05", date(2026, 3, 5)),
        (fields.MonthField(), "3/2026", date(2026, 3, 1)), (fields.WholeNumberField(most=9), "9", 9),
        (fields.DecimalNumberField(), "1,5", Decimal("1.5")), (fields.DecimalNumberField(), "1.5", Decimal("1.5")),
        (fields.CleanField(), "  a  b ", "a b"), (fields.CleanField(empty=""), "  ", ""), (fields.CleanField(), "", None),
        (fields.CleanField(multiline=True), "a\r\nb", "a\nb"), (fields.YesNoField(), "no", "no"),
    ],
)  # fmt: skip
def test_a_field_reads_what_people_type(field: Any, text: str, value: Any) -> None:
    assert read(field, text) == (value, None)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (fields.MoneyField(), "1e18"), (fields.MoneyField(), "٣"), (fields.WholeNumberField(), "٣"),
        (fields.WholeNumberField(most=9), "10"), (fields.WholeNumberField(), "-1"), (fields.WholeNumberField(), "1.5"),
        (fields.DecimalNumberField(), "1e5"), (fields.DecimalNumberField(), "inf"), (fields.MonthField(), "13/2026"),
        (fields.VnDateField(), "30/02/2026"), (fields.YesNoField(), "maybe"), (fields.BirthField(), "00/1950"),
        (fields.CleanField(max_length=3), "abcd"), (fields.CleanField(), "a\u202eb"),
    ],
)  # fmt: skip
def test_a_field_refuses_the_rest_in_words(field: Any, text: str) -> None:
    _value, error = read(field, text)
    assert error
    assert error == gettext(error) or error.istitle() or error[0].isupper()


# --- Catalogues ------------------------------------------------------------------------------------------------------


def test_the_frameworks_speak_vietnamese_completely() -> None:
    assert [problem for problem in catalogue.check() if problem.startswith("vi")] == []


def test_wtforms_speaks_through_our_catalogue(app: Flask) -> None:
    with app.test_request_context("/"), force_locale("vi"):
        from wtforms import validators

        from app.screens.forms import SafeForm

        form = type("One", (SafeForm,), {"one": fields.CleanField("x", [validators.DataRequired()])})(
            meta={"csrf": False}
        )
        assert not form.validate()
        assert form.one.errors == ["Chưa nhập ô này."]


def test_an_error_speaks_the_language_of_the_page_with_its_facts(app: Flask) -> None:
    from app.services.transitions import WrongState

    move, batch = MACHINES["batch"].moves["lock"], MACHINES["batch"]
    error = WrongState(move=move.label, what=batch.label, state=batch.states["sent"], code="")
    with app.test_request_context("/"), force_locale("vi"):
        assert error.message == "Không thể “Duyệt” khi Danh sách chi trả đang ở trạng thái “Đã gửi”."
    with app.test_request_context("/"), force_locale("en"):
        assert all(word in error.message for word in ("Approve", "Payout list", "Sent")), error.message


def test_texts_of_error_classes_are_collected(tmp_path: Path) -> None:
    source = tmp_path / "some.py"
    source.write_text(
        'class A(ChitraError):\n    """Một."""\nclass B(A):\n    """Hai.\n\n    Ba."""\nclass C(Exception):\n    """Không."""\n'
        'def f():\n    raise A("Bốn %(n)s.", n=1)\n    raise errors.B("Năm.")\n    raise ValueError("Không")\n'
    )
    assert catalogue.error_messages([source]) == ["Một.", "Hai.\n\n    Ba.", "Bốn %(n)s.", "Năm."]


def test_our_own_words_are_collected_from_code_and_templates() -> None:
    wanted = catalogue.ours()
    for text in ("Đến nội dung chính", "còn %(days)s ngày", "Bị trả lại", "Không đọc được ngày. Hãy viết ngày/tháng/năm,"
                 " ví dụ 05/03/2026.", "Dữ liệu nhập chưa đúng.", "Họ tên"):  # fmt: skip
        assert text in wanted, text


def test_placeholders_must_be_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from babel.messages.catalog import Catalog

    kept = Catalog(locale="en")
    kept.add("còn %(days)s ngày", "%(day)s days left")
    kept.add("Một", "")
    kept.add("Hai", "Two")
    monkeypatch.setattr(catalogue, "ours", lambda: _messages("còn %(days)s ngày", "Một", "Hai", "Ba"))
    monkeypatch.setattr(catalogue, "of_the_frameworks", Catalog)
    monkeypatch.setattr(catalogue, "read", lambda _locale: kept)
    assert catalogue.check() == [
        "en: other placeholders: 'còn %(days)s ngày' -> '%(day)s days left'",
        "en: not translated: 'Một'",
        "en: not translated: 'Ba'",
    ]
    assert catalogue.main(["check"]) == 1
    assert catalogue.main(["nonsense"]) == 2


def _messages(*ids: str) -> Any:
    from babel.messages.catalog import Catalog

    made = Catalog()
    for one in ids:
        made.add(one)
    return made


def test_extracting_keeps_translations_and_compiling_follows_the_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "HERE", tmp_path)
    monkeypatch.setattr(catalogue, "ours", lambda: _messages("Một", "Hai"))
    monkeypatch.setattr(catalogue, "of_the_frameworks", lambda: _messages("Save"))
    assert catalogue.main(["extract"]) == 0
    path = catalogue.path_of("en")
    path.write_text(path.read_text().replace('msgid "Một"\nmsgstr ""', 'msgid "Một"\nmsgstr "One"'))
    before = path.read_text()
    catalogue.extract()
    assert path.read_text() == before, "extracting again changes nothing"
    assert catalogue.main(["compile"]) == 0
    compiled = catalogue.path_of("en", "mo")
    assert b"One" in compiled.read_bytes()
    path.write_text(before.replace("One", "Eins"))
    os.utime(path, ns=(compiled.stat().st_mtime_ns + 10**9,) * 2)
    catalogue.compile_all()
    assert b"Eins" in compiled.read_bytes()
