"""Truth tables of app/rules/money.py."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest

from app.rules.money import (
    MAX_VND,
    MoneyError,
    benefit_vnd,
    fee_vnd,
    format_vnd,
    group_thousands,
    in_words,
    parse_vnd,
)


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        # what people type
        ("1.250.000", 1_250_000),
        ("1,250,000", 1_250_000),
        ("1250000", 1_250_000),
        ("1 250 000", 1_250_000),
        ("0", 0),
        ("5", 5),
        ("999", 999),
        ("1.000", 1_000),
        ("12.000", 12_000),
        ("123.456", 123_456),
        # with the currency
        ("1 250 000 đ", 1_250_000),
        ("1.250.000đ", 1_250_000),
        ("1.250.000 Đ", 1_250_000),
        ("1.250.000 đồng", 1_250_000),
        ("1.250.000 đo\u0302\u0300ng", 1_250_000),
        ("1.250.000 VND", 1_250_000),
        ("1.250.000 VNĐ", 1_250_000),
        ("1.250.000 ₫", 1_250_000),
        # pasted blanks, a workbook's text mark
        ("  1250000\n", 1_250_000),
        ("1\u00a0250\u00a0000", 1_250_000),
        ("1\u202f250\u2009000", 1_250_000),
        ("'1250000", 1_250_000),
        # the largest
        ("999999999999999", MAX_VND),
        ("999.999.999.999.999", MAX_VND),
        # numbers of programs and workbooks
        (1_250_000, 1_250_000),
        (1_250_000.0, 1_250_000),
        (0.0, 0),
        (-0.0, 0),
        (1.25e6, 1_250_000),
        (999_999_999_999_999.0, MAX_VND),
        (Decimal("1250000"), 1_250_000),
        (Decimal("1250000.00"), 1_250_000),
        (Decimal("1.25E+6"), 1_250_000),
        # 500.000 × 1,1 in a workbook: the residue below Excel's 15 digits is not money
        (500_000 * 1.1, 550_000),
    ],
)
def test_an_amount_is_read(value, amount):
    read = parse_vnd(value)
    assert read == amount
    assert type(read) is int


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("", "empty"),
        ("  \u00a0", "empty"),
        ("đ", "not_a_number"),
        ("abc", "not_a_number"),
        ("1e18", "not_a_number"),
        ("12a", "not_a_number"),
        ("=1+1", "not_a_number"),
        ("+5", "not_a_number"),
        ("--5", "not_a_number"),
        ("-", "not_a_number"),
        ("5-", "not_a_number"),
        ("(5.000)", "not_a_number"),
        ("1_000", "not_a_number"),
        ("1\t000", "not_a_number"),
        ("10²", "not_a_number"),
        ("١٢٣", "not_a_number"),
        ("１２３", "not_a_number"),
        ("$5", "not_a_number"),
        ("nan", "not_a_number"),
        ("...", "not_a_number"),
        (True, "not_a_number"),
        (None, "not_a_number"),
        ([], "not_a_number"),
        (float("nan"), "not_a_number"),
        (float("inf"), "not_a_number"),
        (float("-inf"), "not_a_number"),
        (Decimal("NaN"), "not_a_number"),
        (Decimal("sNaN"), "not_a_number"),
        (Decimal("Infinity"), "not_a_number"),
        # is it a fraction or a slip? nobody guesses
        ("1.25", "ambiguous"),
        ("1,25", "ambiguous"),
        ("1250000.0", "ambiguous"),
        ("1250000,50", "ambiguous"),
        ("1.2500", "ambiguous"),
        ("1.250.00", "ambiguous"),
        ("1250.000", "ambiguous"),
        ("1.250,000", "ambiguous"),
        ("1.250.000,00", "ambiguous"),
        ("1 250.000", "ambiguous"),
        ("1..000", "ambiguous"),
        ("1  000", "ambiguous"),
        (".5", "ambiguous"),
        (".500", "ambiguous"),
        ("5.", "ambiguous"),
        ("0.500", "ambiguous"),
        # an ID number in the column of amounts
        ("001090012345", "leading_zero"),
        ("007", "leading_zero"),
        ("00", "leading_zero"),
        (1_250_000.5, "fraction"),
        (0.1, "fraction"),
        (Decimal("0.01"), "fraction"),
        (Decimal("1.00000000000000000000000000000000000001"), "fraction"),
        ("-5", "negative"),
        ("-1.250.000 đ", "negative"),
        ("\u22125", "negative"),
        (-5, "negative"),
        (-5.0, "negative"),
        (Decimal(-1), "negative"),
        ("1000000000000000", "too_large"),
        ("1.000.000.000.000.000", "too_large"),
        ("9" * 5000, "too_large"),
        (10**15, "too_large"),
        (1e18, "too_large"),
        (10**400, "too_large"),
        (Decimal("1E+1000000"), "too_large"),
        ("-1000000000000000", "too_large"),
    ],
)
def test_what_is_no_amount_is_refused_with_its_reason(value, code):
    with pytest.raises(MoneyError) as refused:
        parse_vnd(value)
    assert refused.value.code == code
    assert refused.value.text == MoneyError.texts[code] != ""


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        ("-5", -5),
        ("- 1.250.000 đ", -1_250_000),
        ("\u22125", -5),
        (-5.0, -5),
        ("-0", 0),
        ("7", 7),
        (-MAX_VND, -MAX_VND),
    ],
)
def test_a_negative_amount_is_read_where_it_is_allowed(value, amount):
    assert parse_vnd(value, allow_negative=True) == amount


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (0, "0 đ"),
        (7, "7 đ"),
        (999, "999 đ"),
        (1_000, "1.000 đ"),
        (1_250_000, "1.250.000 đ"),
        (812_340_000, "812.340.000 đ"),
        (-1_250_000, "-1.250.000 đ"),
        (MAX_VND, "999.999.999.999.999 đ"),
    ],
)
def test_an_amount_is_shown(amount, shown):
    assert format_vnd(amount) == shown
    assert f"{group_thousands(amount)} đ" == shown


def test_what_is_shown_can_be_read_again():
    chance = random.Random(7)
    for length in range(1, 16):
        for _ in range(20):
            amount = chance.randrange(-(10**length) + 1, 10**length)
            assert parse_vnd(format_vnd(amount), allow_negative=True) == amount


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        # the examples of the domain
        (1_005_000, "Một triệu không trăm linh năm nghìn đồng"),
        (21_000_000, "Hai mươi mốt triệu đồng"),
        (24_000, "Hai mươi tư nghìn đồng"),
        (15_000, "Mười lăm nghìn đồng"),
        (1_000_540_000, "Một tỷ năm trăm bốn mươi nghìn đồng"),
        (0, "Không đồng"),
        # one and two digits
        (1, "Một đồng"),
        (4, "Bốn đồng"),
        (5, "Năm đồng"),
        (9, "Chín đồng"),
        (10, "Mười đồng"),
        (11, "Mười một đồng"),
        (14, "Mười bốn đồng"),
        (15, "Mười lăm đồng"),
        (20, "Hai mươi đồng"),
        (21, "Hai mươi mốt đồng"),
        (22, "Hai mươi hai đồng"),
        (24, "Hai mươi tư đồng"),
        (25, "Hai mươi lăm đồng"),
        (50, "Năm mươi đồng"),
        (55, "Năm mươi lăm đồng"),
        (91, "Chín mươi mốt đồng"),
        (99, "Chín mươi chín đồng"),
        # hundreds
        (100, "Một trăm đồng"),
        (101, "Một trăm linh một đồng"),
        (104, "Một trăm linh bốn đồng"),
        (105, "Một trăm linh năm đồng"),
        (110, "Một trăm mười đồng"),
        (111, "Một trăm mười một đồng"),
        (114, "Một trăm mười bốn đồng"),
        (115, "Một trăm mười lăm đồng"),
        (120, "Một trăm hai mươi đồng"),
        (121, "Một trăm hai mươi mốt đồng"),
        (144, "Một trăm bốn mươi tư đồng"),
        (555, "Năm trăm năm mươi lăm đồng"),
        (999, "Chín trăm chín mươi chín đồng"),
        # thousands
        (1_000, "Một nghìn đồng"),
        (1_001, "Một nghìn không trăm linh một đồng"),
        (1_010, "Một nghìn không trăm mười đồng"),
        (1_021, "Một nghìn không trăm hai mươi mốt đồng"),
        (1_100, "Một nghìn một trăm đồng"),
        (4_000, "Bốn nghìn đồng"),
        (10_000, "Mười nghìn đồng"),
        (54_321, "Năm mươi tư nghìn ba trăm hai mươi mốt đồng"),
        (104_000, "Một trăm linh bốn nghìn đồng"),
        (115_000, "Một trăm mười lăm nghìn đồng"),
        (360_000, "Ba trăm sáu mươi nghìn đồng"),
        (500_000, "Năm trăm nghìn đồng"),
        (540_000, "Năm trăm bốn mươi nghìn đồng"),
        # millions and above
        (1_000_000, "Một triệu đồng"),
        (1_000_001, "Một triệu không trăm linh một đồng"),
        (1_010_101, "Một triệu không trăm mười nghìn một trăm linh một đồng"),
        (1_250_000, "Một triệu hai trăm năm mươi nghìn đồng"),
        (1_350_000, "Một triệu ba trăm năm mươi nghìn đồng"),
        (10_005_015, "Mười triệu không trăm linh năm nghìn không trăm mười lăm đồng"),
        (812_340_000, "Tám trăm mười hai triệu ba trăm bốn mươi nghìn đồng"),
        (2_000_000_000, "Hai tỷ đồng"),
        (2_000_000_005, "Hai tỷ không trăm linh năm đồng"),
        (
            1_001_001_001,
            "Một tỷ không trăm linh một triệu không trăm linh một nghìn không trăm linh một đồng",
        ),
        (
            999_999_999_999,
            "Chín trăm chín mươi chín tỷ chín trăm chín mươi chín triệu "
            "chín trăm chín mươi chín nghìn chín trăm chín mươi chín đồng",
        ),
        (1_000_000_000_000, "Một nghìn tỷ đồng"),
        (2_324_000_000_000, "Hai nghìn ba trăm hai mươi tư tỷ đồng"),
        (1_001_000_000_000, "Một nghìn không trăm linh một tỷ đồng"),
        (100_000_000_000_000, "Một trăm nghìn tỷ đồng"),
        (-24_000, "Âm hai mươi tư nghìn đồng"),
    ],
)
def test_an_amount_in_words(amount, words):
    assert in_words(amount) == words


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"zero_word": "lẻ"}, "Một triệu không trăm lẻ năm nghìn không trăm lẻ một đồng"),
        ({"thousand_word": "ngàn"}, "Một triệu không trăm linh năm ngàn không trăm linh một đồng"),
        (
            {"zero_word": "lẻ", "thousand_word": "ngàn"},
            "Một triệu không trăm lẻ năm ngàn không trăm lẻ một đồng",
        ),
    ],
)
def test_words_of_the_south_may_be_chosen(options, words):
    assert in_words(1_005_001, **options) == words


def test_words_of_the_south_reach_the_count_of_billions():
    assert in_words(1_005 * 10**9, zero_word="lẻ", thousand_word="ngàn") == "Một ngàn không trăm lẻ năm tỷ đồng"


@pytest.mark.parametrize("amount", [MAX_VND, -MAX_VND])
def test_fifteen_digits_have_words(amount):
    nines = "chín trăm chín mươi chín"
    groups = f"{nines} nghìn {nines} tỷ {nines} triệu {nines} nghìn {nines} đồng"
    assert in_words(amount).lower().removeprefix("âm ") == groups


@pytest.mark.parametrize("amount", [MAX_VND + 1, -MAX_VND - 1])
def test_no_words_beyond_fifteen_digits(amount):
    with pytest.raises(MoneyError) as refused:
        in_words(amount)
    assert refused.value.code == "too_large"


def test_words_of_all_small_numbers_differ():
    assert len({in_words(amount) for amount in range(20_000)}) == 20_000


@pytest.mark.parametrize(
    ("coefficient", "standard_vnd", "units", "amount"),
    [
        ("1.0", 500_000, 1, 500_000),
        ("2.5", 540_000, 1, 1_350_000),
        ("1.0", 540_000, 3, 1_620_000),
        ("1.25", 500_001, 1, 625_001),
        # half a đồng goes up, less goes down
        ("0.5", 3, 1, 2),
        ("2.5", 1, 1, 3),
        ("0.49", 1, 1, 0),
        ("0.5", 1, 1, 1),
        # units are counted before rounding
        ("0.5", 1, 3, 2),
        ("20", 540_000, 1, 10_800_000),
    ],
)
def test_a_benefit_is_coefficient_times_standard_amount(coefficient, standard_vnd, units, amount):
    computed = benefit_vnd(Decimal(coefficient), standard_vnd, units)
    assert computed == amount
    assert type(computed) is int


def test_a_benefit_is_for_one_unit_unless_said():
    assert benefit_vnd(Decimal("1.5"), 500_000) == 750_000


@pytest.mark.parametrize(
    ("kind", "percent", "per_person", "cap", "fee"),
    [
        # 0,8 % of 812.345.678 = 6.498.765,424
        ("percent", "0.8", 6_600, None, 6_498_765),
        # 1,05 % = 8.529.629,619
        ("percent", "1.05", 6_600, None, 8_529_630),
        ("percent", "0", 6_600, None, 0),
        ("percent", "0.8", 6_600, 6_000_000, 6_000_000),
        ("percent", "0.8", 6_600, 7_000_000, 6_498_765),
        ("percent", "0.8", 6_600, 0, 0),
        # đồng per paid person
        ("per_person", "0.8", 6_600, None, 8_474_400),
        ("per_person", "0.8", 6_600, 8_000_000, 8_000_000),
        ("per_person", "0.8", 6_600, 9_000_000, 8_474_400),
    ],
)
def test_a_fee_follows_the_contract(kind, percent, per_person, cap, fee):
    computed = fee_vnd(812_345_678, 1_284, kind=kind, percent=Decimal(percent), per_person_vnd=per_person, cap_vnd=cap)
    assert computed == fee
    assert type(computed) is int


def test_a_fee_rounds_half_up():
    terms = {"kind": "percent", "percent": Decimal("0.5"), "per_person_vnd": 0, "cap_vnd": None}
    assert [fee_vnd(paid, 1, **terms) for paid in (99, 100, 299, 300, 500)] == [0, 1, 1, 2, 3]


def test_an_unknown_kind_of_fee_is_an_error_of_the_program():
    with pytest.raises(ValueError, match="flat"):
        fee_vnd(1, 1, kind="flat", percent=Decimal(1), per_person_vnd=1, cap_vnd=None)
