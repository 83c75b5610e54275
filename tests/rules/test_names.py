"""Truth tables of app/rules/names.py."""

from __future__ import annotations

import random
import unicodedata

import pytest

from app.rules.names import TextError, clean_name, clean_text, file_name, fold, sort_key


def refused_with(code: str):
    return pytest.raises(TextError, check=lambda error: error.code == code and error.text == TextError.texts[code])


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Nguyễn Văn An", "Nguyễn Văn An"),
        ("  Nguyễn   Văn  An \n", "Nguyễn Văn An"),
        ("Nguyễn\u00a0Văn\u3000An", "Nguyễn Văn An"),
        (unicodedata.normalize("NFD", "Nguyễn Thị Thuý"), "Nguyễn Thị Thuý"),
        ("Y Bhăm Niê", "Y Bhăm Niê"),
        ("H'Hen", "H'Hen"),
        ("K\u2019Brể", "K\u2019Brể"),
        ("An", "An"),
        # a commune's own way to tell two people of one name apart
        ("Nguyễn Thị Hoa (2)", "Nguyễn Thị Hoa (2)"),
        # the place of the tone is as the person writes it
        ("Hoà", "Hoà"),
        ("Hòa", "Hòa"),
    ],
)
def test_a_name_is_kept_clean(typed, kept):
    assert clean_name(typed) == kept


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "empty"),
        (" \t\u00a0", "empty"),
        ("123", "no_letter"),
        ("-", "no_letter"),
        ("An\x00", "control"),
        ("An\x1f", "control"),
        ("Nguyễn\tAn", "control"),
        ("Nguyễn\nAn", "control"),
        ("An\x85", "control"),
        ("A\u200bn", "control"),
        ("\ufeffAn", "control"),
        ("An\u202e", "control"),
        ("An\u2028Bình", "control"),
        ("An\u2029Bình", "control"),
        ("An\ud800", "control"),
        ("An\ue000", "control"),
        ("An\uffff", "control"),
        # TCVN3's ư: converting comes first, dropping it would lose a letter
        ("Nguy\u00adễn", "control"),
        ("A" * 101, "too_long"),
    ],
)
def test_what_is_no_name_is_refused(typed, code):
    with refused_with(code):
        clean_name(typed)


def test_a_name_is_measured_after_cleaning():
    assert clean_name("  " + unicodedata.normalize("NFD", "Ế" * 100) + "  ") == "Ế" * 100
    assert clean_name("An Bình", max_length=7) == "An Bình"
    with pytest.raises(TextError) as refused:
        clean_name("An Bình", max_length=6)
    assert (refused.value.code, refused.value.facts) == ("too_long", {"limit": 6})
    assert refused.value.text % refused.value.facts == "Dài quá 6 ký tự."


@pytest.mark.parametrize(
    ("typed", "multiline", "kept"),
    [
        ("", False, ""),
        ("  Thôn   3 ", False, "Thôn 3"),
        (unicodedata.normalize("NFD", "Đã chuyển"), False, "Đã chuyển"),
        ("123", False, "123"),
        ("", True, ""),
        ("dòng 1\r\ndòng 2\rdòng 3\n\n", True, "dòng 1\ndòng 2\ndòng 3"),
        ("cột\tcột  x", True, "cột\tcột  x"),
    ],
)
def test_free_text_is_kept_clean(typed, multiline, kept):
    assert clean_text(typed, max_length=50, multiline=multiline) == kept


@pytest.mark.parametrize(
    ("typed", "multiline", "code"),
    [
        ("a\nb", False, "control"),
        ("a\tb", False, "control"),
        ("a\x00b", False, "control"),
        ("a\x00b", True, "control"),
        ("a\x0bb", True, "control"),
        ("a\u200bb", True, "control"),
        ("123456", False, "too_long"),
        ("12\n456", True, "too_long"),
    ],
)
def test_free_text_is_refused(typed, multiline, code):
    with refused_with(code):
        clean_text(typed, max_length=5, multiline=multiline)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Hoà", "hoa"),
        ("Hòa", "hoa"),
        ("HOA", "hoa"),
        ("thuý", "thuy"),
        ("thúy", "thuy"),
        ("Đặng Thị Đào", "dang thi dao"),
        ("Nguyễn  Trường\tƯớc\n", "nguyen truong uoc"),
        (unicodedata.normalize("NFD", "Nguyễn Đức Ước"), "nguyen duc uoc"),
        ("ăâêôơưđ ĂÂÊÔƠƯĐ", "aaeooud aaeooud"),
        ("áàảãạ ấầẩẫậ ắằẳẵặ", "aaaaa aaaaa aaaaa"),
        ("éèẻẽẹ ếềểễệ íìỉĩị", "eeeee eeeee iiiii"),
        ("óòỏõọ ốồổỗộ ớờởỡợ", "ooooo ooooo ooooo"),
        ("úùủũụ ứừửữự ýỳỷỹỵ", "uuuuu uuuuu yyyyy"),
        # look-alikes of đ
        ("Ðào Ɖức", "dao duc"),
        ("Y Bhăm Niê", "y bham nie"),
        ("H'Hen", "hhen"),
        ("H\u2019Hen", "hhen"),
        ("K'Brể", "kbre"),
        ("Bkrŏng Ñuê", "bkrong nue"),
        ("An\u00a0Bình", "an binh"),
        ("CT-202611-00004", "ct-202611-00004"),
        ("", ""),
        ("  ", ""),
    ],
)
def test_text_is_folded_for_search(text, folded):
    assert fold(text) == folded
    assert fold(folded) == folded


# Each list is in the right order; the test shuffles it.
@pytest.mark.parametrize(
    "ordered",
    [
        # the alphabet decides before the tone
        list("aăâbcdđeêfghijklmnoôơpqrstuưvwxyz"),
        # ngang huyền hỏi ngã sắc nặng
        ["Ma", "Mà", "Mả", "Mã", "Má", "Mạ"],
        ["Mâ", "Mầ", "Mẩ", "Mẫ", "Mấ", "Mậ"],
        ["Mơ", "Mờ", "Mở", "Mỡ", "Mớ", "Mợ"],
        # a longer word comes after all tones of the shorter
        ["Lan", "Làn", "Lạn", "Lanh", "Lành"],
        ["Hoa", "Hòa", "Hoàn", "Hoàng", "Hồ", "Hơ"],
        ["An", "Án", "Anh", "Ánh", "Ăn", "Ân", "Ấn"],
        ["Tuân", "Tuấn", "Tuyên", "Tuyền", "Tư", "Từ", "Tưởng"],
        # given name, then family, then middle
        ["Nguyễn Văn An", "Phạm Văn An", "Trần An", "Bùi Thị Bình", "Lê Bình"],
        ["Lê An", "Lê Thị An", "Lê Thị Thu An", "Lê Văn An"],
        ["Đoàn An", "Đỗ An", "Ngụy An", "Nguyễn An"],
        ["Đinh Thị Lan", "Đinh Thị Ngọc Lan", "Đinh Văn Lan"],
        # all tones of a given name are different given names
        ["Vũ An", "Bùi Án", "Bùi Ân"],
        # a single word is a given name without family
        ["An", "Bùi An", "Lê An"],
        # minority names
        ["H'Hen Niê", "Y Bhăm Niê", "K'Brể Niêm"],
        ["H'Bia", "Hbin", "H'Hen", "K'Brể", "Y"],
        # numbers before letters, other alphabets last
        ["Lan", "Lan10", "Lan2", "Lana"],
        ["Z", "Ω", "王"],
    ],
)
def test_names_sort_in_vietnamese_order(ordered):
    shuffled = list(ordered)
    random.Random(3).shuffle(shuffled)
    assert sorted(shuffled, key=sort_key) == ordered
    assert len({sort_key(name) for name in ordered}) == len(ordered)


@pytest.mark.parametrize(
    "alike",
    [
        ["Hoà", "Hòa", "HÒA", unicodedata.normalize("NFD", "hoà")],
        ["H'Hen", "H\u2019Hen", "HHen"],
        ["Đào", "Ðào", "đào"],
        ["Lê  Văn An", " lê văn an "],
        ["Lê An", "Lê - An"],
        # the tilde of ñ is no tone
        ["Ñuê", "Nuê"],
        # a vowel's mark that Vietnamese does not have
        ["Hŏ", "Ho"],
        # one tone a word: the first written
        ["Mánà", "Mána"],
        # marks after what is no letter belong to nothing
        ["A'\u0306n", "An"],
    ],
)
def test_names_that_sort_together(alike):
    assert len({sort_key(name) for name in alike}) == 1


@pytest.mark.parametrize("nothing", ["", "  ", "-", "' ()", "\u0301"])
def test_nothing_has_an_empty_key(nothing):
    assert sort_key(nothing) == ""


def test_the_key_is_plain_and_documented():
    assert sort_key("Lê Án") == "a0n04l0e10"
    assert sort_key("Đ2") == "d1620"
    assert sort_key("王") == "z900738b0"
    assert set("".join(map(sort_key, ["Nguyễn Đức Ước", "K'Brể", "王", "A9"]))) <= set(
        "0123456789abcdefghijklmnopqrstuvwxyz"
    )


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("kết quả.xlsx", "kết quả.xlsx"),
        ("ke\u0302\u0301t.xlsx", "kết.xlsx"),
        ("C:\\xa\\b.xlsx", "b.xlsx"),
        ("../../b.xlsx", "b.xlsx"),
        ("a\r\n\x00\u202eb.csv", "ab.csv"),
        ("x" * 30 + ".csv", "x" * 16 + ".csv"),
        (" \u200b/", ""),
    ],
)
def test_a_file_is_called_by_what_can_be_seen(sent, kept):
    assert file_name(sent, max_length=20) == kept
