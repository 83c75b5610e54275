"""Truth tables of app/rules/identity.py."""

from __future__ import annotations

import pytest

from app.rules.identity import (
    ID_FINDINGS,
    IdentityError,
    check_id,
    mask_id,
    parse_account,
    parse_id,
    parse_phone,
    zero_fill_offer,
)


@pytest.mark.parametrize(
    ("number", "sex", "birth_year", "findings"),
    [
        # 4th digit: 0/1 of the 1900s, 2/3 of the 2000s, male/female
        ("001050012345", "male", 1950, []),
        ("001150012345", "female", 1950, []),
        ("001215012345", "male", 2015, []),
        ("001315012345", "female", 2015, []),
        ("096000012345", "male", 1900, []),
        ("001399012345", "female", 2099, []),
        # what is unknown cannot disagree
        ("001050012345", None, None, []),
        ("001050012345", "male", None, []),
        ("001050012345", None, 1950, []),
        ("001050012345", "other", 1950, []),
        # sex and year
        ("001050012345", "female", 1950, ["id_sex"]),
        ("001150012345", "male", 1950, ["id_sex"]),
        ("001315012345", "male", 2015, ["id_sex"]),
        ("001050012345", "male", 1951, ["id_birth_year"]),
        ("001050012345", "male", 2050, ["id_birth_year"]),
        ("001250012345", "male", 1950, ["id_birth_year"]),
        ("001050012345", "female", 1951, ["id_sex", "id_birth_year"]),
        # place of registration: the old provinces, or a country
        ("025050012345", "male", 1950, []),
        ("000050012345", "male", 1950, []),
        ("100050012345", "male", 1950, []),
        ("101050012345", "male", 1950, []),
        ("999050012345", "male", 1950, []),
        ("003050012345", "male", 1950, ["id_place"]),
        ("013050012345", "male", 1950, ["id_place"]),
        ("097050012345", "male", 1950, ["id_place"]),
        ("099050012345", "male", 1950, ["id_place"]),
        # a century to come
        ("001450012345", "male", 2150, ["id_century"]),
        ("001950012345", "male", 1950, ["id_century", "id_sex", "id_birth_year"]),
        ("003950012345", "male", 1950, ["id_place", "id_century", "id_sex", "id_birth_year"]),
        # not such a number at all
        ("", None, None, ["id_format"]),
        ("00105001234A", "male", 1950, ["id_format"]),
        ("001 050 012 345", "male", 1950, ["id_format"]),
        ("٠٠١٠٥٠٠١٢٣٤٥", "male", 1950, ["id_format"]),
        ("12345678901", "male", 1950, ["id_length"]),
        ("123456789", "male", 1950, ["id_length"]),
        ("0010500123456", "male", 1950, ["id_length"]),
    ],
)
def test_an_id_number_is_checked(number, sex, birth_year, findings):
    assert check_id(number, sex, birth_year) == findings
    assert all(ID_FINDINGS[code] for code in findings)


def test_an_id_number_may_be_checked_alone():
    assert check_id("001050012345") == []


def test_the_63_old_provinces_are_known():
    known = [place for place in range(1, 100) if check_id(f"{place:03}050012345") == []]
    assert len(known) == 63
    assert (known[0], known[-1]) == (1, 96)


@pytest.mark.parametrize(
    ("text", "sex", "birth_year", "offer"),
    [
        # 11 and 10 digits: one or two zeros lost
        ("25050012345", "male", 1950, "025050012345"),
        ("1150012345", "female", 1950, "001150012345"),
        ("1.150.012.345", "female", 1950, "001150012345"),
        ("'1150012345", "female", 1950, "001150012345"),
        # 9 digits: three zeros, a country code
        ("150012345", "female", 1950, "000150012345"),
        # an old ID card number agrees with nothing
        ("131234567", "female", 1950, None),
        # disagreement, or nothing to agree with
        ("1150012345", "male", 1950, None),
        ("1150012345", "female", 1951, None),
        ("1150012345", None, 1950, None),
        ("1150012345", "female", None, None),
        ("3150012345", "female", 1950, None),
        # no zero was lost
        ("001150012345", "female", 1950, None),
        ("01150012345", "female", 1950, None),
        ("150012345678", "female", 1950, None),
        ("50012345", "female", 1950, None),
        ("115001234A", "female", 1950, None),
        ("", "female", 1950, None),
    ],
)
def test_lost_zeros_are_offered_when_sex_and_year_agree(text, sex, birth_year, offer):
    assert zero_fill_offer(text, sex, birth_year) == offer


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("001090012345", "001******345"),
        ("123456789", "123***789"),
        ("12345678", "********"),
        ("1", "*"),
        ("", ""),
        (None, ""),
    ],
)
def test_an_id_number_is_masked(number, masked):
    assert mask_id(number) == masked


@pytest.mark.parametrize(
    ("reader", "text", "digits"),
    [
        (parse_id, "001090012345", "001090012345"),
        (parse_id, " 001 090 012 345 ", "001090012345"),
        (parse_id, "'001090012345", "001090012345"),
        (parse_id, "001-090-012-345", "001090012345"),
        (parse_id, "123456789", "123456789"),
        (parse_account, "123456", "123456"),
        (parse_account, "0011 0045 6789", "001100456789"),
        (parse_account, "3713.0.1234567", "371301234567"),
        (parse_account, "1" * 19, "1" * 19),
        (parse_phone, "0912345678", "0912345678"),
        (parse_phone, "0912.345.678", "0912345678"),
        (parse_phone, "0912 345-678", "0912345678"),
        (parse_phone, "+84912345678", "0912345678"),
        (parse_phone, "+84 912 345 678", "0912345678"),
        (parse_phone, "+84 (0) 912 345 678", "0912345678"),
        (parse_phone, "0084912345678", "0912345678"),
        (parse_phone, "84912345678", "0912345678"),
        (parse_phone, "0843456789", "0843456789"),
        # fixed lines
        (parse_phone, "024 3825 1234", "02438251234"),
        (parse_phone, "+84 24 3825 1234", "02438251234"),
        (parse_phone, "(0210) 3846 123", "02103846123"),
    ],
)
def test_a_number_is_read(reader, text, digits):
    assert reader(text) == digits


@pytest.mark.parametrize(
    ("reader", "text", "code"),
    [
        (parse_id, "", "empty"),
        (parse_id, " - ", "empty"),
        (parse_id, "12345678", "id"),
        (parse_id, "0010900123456", "id"),
        (parse_id, "00109001234A", "id"),
        (parse_id, "００１０９００１２３４５", "id"),
        (parse_id, "001090012345\x00", "id"),
        (parse_account, "", "empty"),
        (parse_account, "12345", "account"),
        (parse_account, "1" * 20, "account"),
        (parse_account, "VN12345678", "account"),
        (parse_account, "1234/567", "account"),
        (parse_phone, "  ", "empty"),
        (parse_phone, "912345678", "phone"),
        (parse_phone, "091234567", "phone"),
        (parse_phone, "09123456789", "phone"),
        (parse_phone, "0012345678", "phone"),
        (parse_phone, "+1 202 555 0123", "phone"),
        (parse_phone, "+84 0 0912345678", "phone"),
        (parse_phone, "843456789", "phone"),
        (parse_phone, "0912345678 gặp An", "phone"),
        (parse_phone, "0123456789012345", "phone"),
    ],
)
def test_what_is_no_such_number_is_refused(reader, text, code):
    with pytest.raises(IdentityError) as refused:
        reader(text)
    assert refused.value.code == code
    assert refused.value.text == IdentityError.texts[code] != ""
