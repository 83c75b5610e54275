"""The seed rows of app/rules/coefficients.py against the tables of the domain."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from app.rules.coefficients import BENEFIT_GROUPS, STANDARD_AMOUNTS

BY_CODE = {group.code: group for group in BENEFIT_GROUPS}


@pytest.mark.parametrize(
    ("code", "ages", "coefficient", "assumed"),
    [
        # child without support; 16–22 from that group, studying
        ("TG01", (0, 3), "2.5", True),
        ("TG02", (4, 15), "1.5", True),
        ("TG03", (16, 22), "1.5", True),
        # child with HIV, poor household
        ("TG04", (0, 3), "2.5", True),
        ("TG05", (4, 15), "2.0", True),
        # poor single parent, per child
        ("TG06", (None, None), "1.0", True),
        # poor elderly without support
        ("TG07", (60, 79), "1.5", False),
        ("TG08", (80, None), "2.0", False),
        # elderly 75–79 in a very difficult area; 80+ without pension
        ("TG09", (75, 79), "1.0", False),
        ("TG10", (80, None), "1.0", False),
        # elderly cared for in the community
        ("TG11", (60, None), "3.0", False),
        # extremely severe disability: adult, child, elderly
        ("TG12", (16, 59), "2.0", False),
        ("TG13", (0, 15), "2.5", False),
        ("TG14", (60, None), "2.5", False),
        # severe disability: adult, child, elderly
        ("TG15", (16, 59), "1.5", False),
        ("TG16", (0, 15), "2.0", False),
        ("TG17", (60, None), "2.0", False),
        # child under 3 in a very difficult area
        ("TG18", (0, 2), "1.5", True),
        # HIV, poor household
        ("TG19", (None, None), "1.5", True),
        # household caring for a disabled person
        ("TG20", (None, None), "1.0", True),
        # social pension: equal to the standard amount
        ("HT01", (75, None), "1.0", False),
        ("HT02", (70, 74), "1.0", False),
        # funeral: 20 times
        ("MT01", (None, None), "20", False),
    ],
)
def test_a_group_has_its_coefficient_and_ages(code, ages, coefficient, assumed):
    group = BY_CODE[code]
    assert (group.age_from, group.age_to) == ages
    assert group.coefficient == Decimal(coefficient)
    assert group.assumed is assumed


def test_codes_and_names_are_unique_and_complete():
    assert len(BENEFIT_GROUPS) == 23
    for texts in (
        {g.code for g in BENEFIT_GROUPS},
        {g.name for g in BENEFIT_GROUPS},
        {g.name_en for g in BENEFIT_GROUPS},
    ):
        assert len(texts) == len(BENEFIT_GROUPS)
        assert all(texts)


def test_only_the_single_parents_benefit_is_added_to_another():
    assert [group.code for group in BENEFIT_GROUPS if group.stacks] == ["TG06"]


def test_disability_and_hiv_are_sensitive_and_nothing_else():
    for group in BENEFIT_GROUPS:
        reveals_health = "khuyết tật" in group.name or "HIV" in group.name
        assert group.sensitive is reveals_health, group.code


def test_each_group_has_its_kind_of_list_its_law_and_its_first_day():
    for group in BENEFIT_GROUPS:
        kind, law, first_day = {
            "TG": ("monthly", "Nghị định 20/2021/NĐ-CP, Điều ", date(2021, 7, 1)),
            "HT": ("social_pension", "Nghị định 176/2025/NĐ-CP", date(2025, 7, 1)),
            "MT": ("funeral", "Nghị định 20/2021/NĐ-CP, Điều 11", date(2021, 7, 1)),
        }[group.code[:2]]
        assert group.batch_kind == kind
        assert group.legal_basis.startswith(law)
        assert group.applies_from == first_day


def test_the_standard_amounts_and_the_retroactive_rise():
    rows = [(row.applies_from, row.enacted_on, row.amount_vnd, row.assumed) for row in STANDARD_AMOUNTS]
    assert rows == [
        (date(2021, 7, 1), date(2021, 7, 1), 360_000, False),
        (date(2024, 7, 1), date(2024, 7, 1), 500_000, False),
        (date(2026, 7, 1), date(2026, 10, 5), 540_000, True),
    ]
    assert [row.legal_basis for row in STANDARD_AMOUNTS] == [
        "Nghị định 20/2021/NĐ-CP",
        "Nghị định 76/2024/NĐ-CP",
        "Nghị định 335/2026/NĐ-CP",
    ]
