"""Old fonts: known words by hand, every letter there and back, and what must not be touched."""

from __future__ import annotations

import unicodedata

import pytest

from app.rules.legacy_fonts import encoding_of_font, from_unicode, to_unicode

LETTERS = (
    "".join(
        unicodedata.normalize("NFC", base + mark)
        for base in "aăâeêioôơuưy"
        for mark in ("", "\u0300", "\u0309", "\u0303", "\u0301", "\u0323")
    )
    + "đ"
)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("NguyÔn ThÞ B×nh", "Nguyễn Thị Bình"),
        ("Tr\xad¬ng V¨n Th¾ng", "Trương Văn Thắng"),
        ("§µo Quúnh H\xad¬ng", "Đào Quỳnh Hương"),
        ("X· ®\xadîc tæng céng", "Xã được tổng cộng"),
        ("Vâ NghÜa Dòng", "Võ Nghĩa Dũng"),
    ],
)
def test_tcvn3_words_are_read_as_they_were_meant(written: str, meant: str) -> None:
    assert to_unicode(written, "tcvn3") == meant
    assert from_unicode(meant, "tcvn3") == written


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Nguyeãn Thò Bình", "Nguyễn Thị Bình"),
        ("Tröông Vaên Thaéng", "Trương Văn Thắng"),
        ("Ñaøo Quyønh Höông", "Đào Quỳnh Hương"),
        ("COÄNG HOØA XAÕ HOÄI", "CỘNG HÒA XÃ HỘI"),
        ("Löu Kyõ, Myõ Thuûy", "Lưu Kỹ, Mỹ Thủy"),
        ("Vónh Æ", "Vĩnh Ỉ"),
    ],
)
def test_vni_words_are_read_as_they_were_meant(written: str, meant: str) -> None:
    assert to_unicode(written, "vni") == meant
    assert from_unicode(meant, "vni") == written


def test_every_letter_goes_there_and_back() -> None:
    assert to_unicode(from_unicode(LETTERS, "tcvn3"), "tcvn3") == LETTERS
    for text in (LETTERS, LETTERS.upper()):
        assert to_unicode(from_unicode(text, "vni"), "vni") == text
        assert to_unicode(from_unicode(text, "tcvn3_capitals"), "tcvn3_capitals") == text.upper()
    assert len(set(from_unicode(LETTERS, "tcvn3"))) == len(LETTERS)


def test_the_h_fonts_are_capitals_and_other_capitals_with_tones_have_no_code() -> None:
    assert to_unicode("tr­ưêng".replace("ư", ""), "tcvn3_capitals") == "TRƯỜNG"
    assert to_unicode(from_unicode("TRƯỜNG", "tcvn3"), "tcvn3") == "TRƯờNG"


def test_the_soft_hyphen_is_the_letter_u_with_horn() -> None:
    assert to_unicode("\xad", "tcvn3") == "ư"


def test_text_that_is_unicode_already_stays_in_nfc() -> None:
    decomposed = unicodedata.normalize("NFD", "Nguyễn")
    assert to_unicode(decomposed, "tcvn3") == "Nguyễn"
    assert to_unicode("Nguyễn", "vni") == "Nguyễn"


def test_a_small_mark_after_a_capital_is_read_too() -> None:
    assert to_unicode("AÙnh, Aùnh", "vni") == "Ánh, Ánh"


@pytest.mark.parametrize(
    ("font", "encoding"),
    [
        (".VnTime", "tcvn3"), (".vnarial narrow", "tcvn3"), (".VnTimeH", "tcvn3_capitals"), ("VNI-Times", "vni"),
        (" VNI Helve", "vni"), ("Times New Roman", None), ("Vnifont", None), ("", None),
    ],
)  # fmt: skip
def test_the_font_says_how_text_is_written(font: str, encoding: str | None) -> None:
    assert encoding_of_font(font) == encoding
