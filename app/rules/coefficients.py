"""What the law grants, as rows to seed the reference tables; what is in force is read there, not here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

_ND20 = "Nghị định 20/2021/NĐ-CP"
_ND176 = "Nghị định 176/2025/NĐ-CP"
_ND20_FROM = date(2021, 7, 1)
_ND176_FROM = date(2025, 7, 1)


@dataclass(frozen=True, slots=True)
class BenefitGroup:
    """A group of people entitled (nhóm đối tượng hưởng) and its coefficient.

    Ages are full years, both ends included; None is open. `stacks`: added to another group, per child.
    `sensitive`: the name reveals health. `code` and names are for screens; the agency gets neither.
    `assumed`: our best reading, no primary text was found; to be confirmed by the office.
    """

    code: str
    name: str
    name_en: str
    coefficient: Decimal
    legal_basis: str
    age_from: int | None = None
    age_to: int | None = None
    batch_kind: str = "monthly"
    applies_from: date = _ND20_FROM
    stacks: bool = False
    sensitive: bool = False
    assumed: bool = False


@dataclass(frozen=True, slots=True)
class NationalAmount:
    """A national standard amount: owed from `applies_from`, known to nobody before `enacted_on`."""

    applies_from: date
    enacted_on: date
    amount_vnd: int
    legal_basis: str
    assumed: bool = False


BENEFIT_GROUPS: tuple[BenefitGroup, ...] = (
    BenefitGroup(
        "TG01",
        "Trẻ em dưới 4 tuổi không có nguồn nuôi dưỡng",
        "Child under 4 without support",
        Decimal("2.5"),
        f"{_ND20}, Điều 5 khoản 1",
        age_from=0,
        age_to=3,
        assumed=True,
    ),
    BenefitGroup(
        "TG02",
        "Trẻ em từ 4 đến dưới 16 tuổi không có nguồn nuôi dưỡng",
        "Child aged 4 to 15 without support",
        Decimal("1.5"),
        f"{_ND20}, Điều 5 khoản 1",
        age_from=4,
        age_to=15,
        assumed=True,
    ),
    BenefitGroup(
        "TG03",
        "Người từ 16 đến 22 tuổi không có nguồn nuôi dưỡng, đang học",
        "Aged 16 to 22 without support, studying",
        Decimal("1.5"),
        f"{_ND20}, Điều 5 khoản 2",
        age_from=16,
        age_to=22,
        assumed=True,
    ),
    BenefitGroup(
        "TG04",
        "Trẻ em dưới 4 tuổi nhiễm HIV thuộc hộ nghèo",
        "Child under 4 with HIV, poor household",
        Decimal("2.5"),
        f"{_ND20}, Điều 5 khoản 3",
        age_from=0,
        age_to=3,
        sensitive=True,
        assumed=True,
    ),
    BenefitGroup(
        "TG05",
        "Trẻ em từ 4 đến dưới 16 tuổi nhiễm HIV thuộc hộ nghèo",
        "Child aged 4 to 15 with HIV, poor household",
        Decimal("2.0"),
        f"{_ND20}, Điều 5 khoản 3",
        age_from=4,
        age_to=15,
        sensitive=True,
        assumed=True,
    ),
    BenefitGroup(
        "TG06",
        "Người đơn thân thuộc hộ nghèo, hộ cận nghèo đang nuôi con (tính theo mỗi con)",
        "Poor single parent, per child",
        Decimal("1.0"),
        f"{_ND20}, Điều 5 khoản 4",
        stacks=True,
        assumed=True,
    ),
    BenefitGroup(
        "TG07",
        "Người cao tuổi từ 60 đến 79 tuổi thuộc hộ nghèo, không có người phụng dưỡng",
        "Poor elderly aged 60 to 79 without support",
        Decimal("1.5"),
        f"{_ND20}, Điều 5 khoản 5",
        age_from=60,
        age_to=79,
    ),
    BenefitGroup(
        "TG08",
        "Người cao tuổi từ đủ 80 tuổi thuộc hộ nghèo, không có người phụng dưỡng",
        "Poor elderly aged 80 or over without support",
        Decimal("2.0"),
        f"{_ND20}, Điều 5 khoản 5",
        age_from=80,
    ),
    BenefitGroup(
        "TG09",
        "Người cao tuổi từ 75 đến 79 tuổi thuộc hộ nghèo, hộ cận nghèo ở địa bàn đặc biệt khó khăn",
        "Elderly aged 75 to 79, poor or near-poor, in a very difficult area",
        Decimal("1.0"),
        f"{_ND20}, Điều 5 khoản 5",
        age_from=75,
        age_to=79,
    ),
    BenefitGroup(
        "TG10",
        "Người từ đủ 80 tuổi không có lương hưu, trợ cấp bảo hiểm xã hội",
        "Aged 80 or over without a pension",
        Decimal("1.0"),
        f"{_ND20}, Điều 5 khoản 5",
        age_from=80,
    ),
    BenefitGroup(
        "TG11",
        "Người cao tuổi đủ điều kiện vào cơ sở trợ giúp xã hội, được nhận chăm sóc tại cộng đồng",
        "Elderly eligible for an institution, cared for in the community",
        Decimal("3.0"),
        f"{_ND20}, Điều 5 khoản 5",
        age_from=60,
    ),
    BenefitGroup(
        "TG12",
        "Người khuyết tật đặc biệt nặng",
        "Person with an extremely severe disability",
        Decimal("2.0"),
        f"{_ND20}, Điều 5 khoản 6",
        age_from=16,
        age_to=59,
        sensitive=True,
    ),
    BenefitGroup(
        "TG13",
        "Trẻ em khuyết tật đặc biệt nặng",
        "Child with an extremely severe disability",
        Decimal("2.5"),
        f"{_ND20}, Điều 5 khoản 6",
        age_from=0,
        age_to=15,
        sensitive=True,
    ),
    BenefitGroup(
        "TG14",
        "Người cao tuổi khuyết tật đặc biệt nặng",
        "Elderly person with an extremely severe disability",
        Decimal("2.5"),
        f"{_ND20}, Điều 5 khoản 6",
        age_from=60,
        sensitive=True,
    ),
    BenefitGroup(
        "TG15",
        "Người khuyết tật nặng",
        "Person with a severe disability",
        Decimal("1.5"),
        f"{_ND20}, Điều 5 khoản 6",
        age_from=16,
        age_to=59,
        sensitive=True,
    ),
    BenefitGroup(
        "TG16",
        "Trẻ em khuyết tật nặng",
        "Child with a severe disability",
        Decimal("2.0"),
        f"{_ND20}, Điều 5 khoản 6",
        age_from=0,
        age_to=15,
        sensitive=True,
    ),
    BenefitGroup(
        "TG17",
        "Người cao tuổi khuyết tật nặng",
        "Elderly person with a severe disability",
        Decimal("2.0"),
        f"{_ND20}, Điều 5 khoản 6",
        age_from=60,
        sensitive=True,
    ),
    BenefitGroup(
        "TG18",
        "Trẻ em dưới 3 tuổi thuộc hộ nghèo, hộ cận nghèo ở địa bàn đặc biệt khó khăn",
        "Child under 3, poor or near-poor, in a very difficult area",
        Decimal("1.5"),
        f"{_ND20}, Điều 5 khoản 7",
        age_from=0,
        age_to=2,
        assumed=True,
    ),
    BenefitGroup(
        "TG19",
        "Người nhiễm HIV thuộc hộ nghèo, không có thu nhập ổn định",
        "Person with HIV, poor household, no regular income",
        Decimal("1.5"),
        f"{_ND20}, Điều 5 khoản 8",
        sensitive=True,
        assumed=True,
    ),
    BenefitGroup(
        "TG20",
        "Hộ gia đình đang trực tiếp chăm sóc người khuyết tật đặc biệt nặng (chi cho người chăm sóc)",
        "Household caring for a person with an extremely severe disability (paid to the carer)",
        Decimal("1.0"),
        f"{_ND20}, Điều 20",
        sensitive=True,
        assumed=True,
    ),
    BenefitGroup(
        "HT01",
        "Hưu trí xã hội: người từ đủ 75 tuổi không có lương hưu, trợ cấp bảo hiểm xã hội",
        "Social pension: aged 75 or over without a pension",
        Decimal("1.0"),
        _ND176,
        age_from=75,
        batch_kind="social_pension",
        applies_from=_ND176_FROM,
    ),
    BenefitGroup(
        "HT02",
        "Hưu trí xã hội: người từ 70 đến 74 tuổi thuộc hộ nghèo, hộ cận nghèo",
        "Social pension: aged 70 to 74, poor or near-poor",
        Decimal("1.0"),
        _ND176,
        age_from=70,
        age_to=74,
        batch_kind="social_pension",
        applies_from=_ND176_FROM,
    ),
    BenefitGroup(
        "MT01",
        "Hỗ trợ chi phí mai táng",
        "Funeral cost",
        Decimal(20),
        f"{_ND20}, Điều 11",
        batch_kind="funeral",
    ),
)
"""Decrees 20/2021 (articles 5, 6, 11, 20) and 176/2025. The codes are neutral: none tells a diagnosis."""

STANDARD_AMOUNTS: tuple[NationalAmount, ...] = (
    NationalAmount(date(2021, 7, 1), date(2021, 7, 1), 360_000, _ND20),
    NationalAmount(date(2024, 7, 1), date(2024, 7, 1), 500_000, "Nghị định 76/2024/NĐ-CP"),
    NationalAmount(date(2026, 7, 1), date(2026, 10, 5), 540_000, "Nghị định 335/2026/NĐ-CP", assumed=True),
)
"""Mức chuẩn trợ giúp xã hội, oldest first; a row enacted later than it applies gives rise to arrears."""
