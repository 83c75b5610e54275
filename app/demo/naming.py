"""Invented names by people, sex and generation, ID numbers and telephone numbers. Nobody real is meant."""

from __future__ import annotations

import random
from itertools import accumulate

OLD, MIDDLE, YOUNG = "old", "middle", "young"
MALE, FEMALE = "male", "female"

_KINH_FAMILIES = (
    ("Nguyễn", 31), ("Trần", 11), ("Lê", 10), ("Phạm", 7), ("Phan", 5), ("Hoàng", 4), ("Vũ", 4), ("Võ", 4), ("Đặng", 3),
    ("Bùi", 3), ("Đỗ", 2), ("Hồ", 2), ("Ngô", 2), ("Dương", 2), ("Huỳnh", 2), ("Đinh", 1), ("Trịnh", 1), ("Mai", 1),
    ("Lương", 1), ("Đoàn", 1), ("Tạ", 1), ("Cao", 1), ("Phùng", 1), ("Chu", 1), ("Tô", 1), ("Thái", 1),
)  # fmt: skip
_KINH_MIDDLES: dict[tuple[str, str], tuple[str, ...]] = {
    (OLD, MALE): ("Văn", "Văn", "Văn", "Đình", "Xuân", "Bá", "Hữu", "Công", "Quang", "Ngọc", ""),
    (OLD, FEMALE): ("Thị", "Thị", "Thị", "Thị", "Thị", "Thị", "Thị Kim", "Thị Ngọc"),
    (MIDDLE, MALE): ("Văn", "Văn", "Đức", "Quốc", "Hữu", "Thanh", "Minh", "Ngọc", "Xuân", "Trọng"),
    (MIDDLE, FEMALE): ("Thị", "Thị", "Thị", "Thị Thu", "Thị Thanh", "Thị Mỹ", "Thị Hồng", "Thị Bích"),
    (YOUNG, MALE): ("Gia", "Minh", "Đức", "Tuấn", "Hoàng", "Quốc", "Anh", "Bảo", "Nhật", "Văn"),
    (YOUNG, FEMALE): ("Ngọc", "Khánh", "Bảo", "Thị Thùy", "Thảo", "Phương", "Minh", "Thị", "Hà", "Quỳnh"),
}
_KINH_GIVEN: dict[tuple[str, str], str] = {
    (
        OLD,
        MALE,
    ): "Bình Can Chiến Cử Dần Đạt Hai Hiệp Hợi Khoan Lạc Lực Mão Ngọ Phúc Quý Sửu Sáu Tạo Thìn Thuận Tiến Tỵ Út",
    (
        OLD,
        FEMALE,
    ): "Bảy Bình Chắt Chín Cúc Đào Gái Hoà Hòa Hợi Lan Liên Lụa Mận Mùi Nhài Nụ Sen Tám Thơm Thuý Thúy Tý Vân",
    (
        MIDDLE,
        MALE,
    ): "Cường Dũng Đông Đức Hải Hòa Hoàng Hùng Khoa Long Nam Phong Quân Sơn Thắng Thành Toàn Trung Tuấn Việt",
    (MIDDLE, FEMALE): "Dung Hà Hạnh Hằng Hiền Hoa Huệ Hương Lan Loan Mai Nga Nhung Oanh Phượng Thu Thuỷ Thủy Trang Yến",
    (YOUNG, MALE): "An Anh Bảo Dương Đạt Huy Hưng Khang Khôi Kiên Long Minh Nam Nguyên Phúc Quân Thiên Trí Tùng Vinh",
    (YOUNG, FEMALE): "Anh Châu Chi Diệp Giang Hân Linh Ly My Ngân Nhi Như Quyên Thảo Thư Trâm Trân Uyên Vy Ý",
}
_NORTHERN: dict[str, tuple[str, str, str, str, str]] = {
    "Tày": (
        "Nông Hoàng Lương Ma Bế Đàm Triệu Lý", "Văn Đình Ích", "Hoan Khuê Lèng Pảo Quyền Sắt Thắng Thổ Viện",
        "Thị", "Nhình Ngoan Pham Sim Thắm Then Viên Xuyến",
    ),
    "Nùng": (
        "Nông Lộc Vi Lăng Long Chu Hứa Mông", "Văn A Viết", "Cắm Chấn Hí Páo Phúng Sình Thàng Tài Vần",
        "Thị", "Ín Kheo Mủi Nhót Pè Sầm Sliu Tứ",
    ),
    "Mông": (
        "Vàng Giàng Sùng Thào Hạng Lầu Mùa Cứ Tráng Lý", "A Seo Mí Chứ", "Chua Dế Dơ Lử Páo Pó Sính Súa Tủa Và",
        "Thị Y", "Chứ Dính Dợ Mỷ Pà Sua Sua Súng Xua",
    ),
    "Dao": (
        "Bàn Triệu Đặng Phùng Chảo Tẩn Lý Dương", "Văn Tòn Tiến Láo Sành", "Chiêu Khé Kim Lở Phin Phúc Quyên Sử Tả",
        "Mùi Thị Tả", "Chẳn Khe Liều Mẩy Nái Pham Sếnh Viện",
    ),
    "Mường": (
        "Bùi Đinh Quách Hà Cao", "Văn Công", "Ẻn Hểnh Khơi Lự Nhởn Thiển Vượng",
        "Thị", "Bẩm Dợn Hượng Inh Lịch Nhạn Xiển",
    ),
}  # fmt: skip
"""Families, middle and given names of men, middle and given names of women."""

_EDE_CLANS = (
    "Niê", "Mlô", "Êban", "Byă", "Ktla", "Kbuôr", "Ayŭn", "Kpă", "Knul", "Hmŏk", "Adrơng", "Bkrông", "Ênuôl",
    "Niê Kdăm", "Mlô Duôn Du", "Buôn Yă",
)  # fmt: skip
_OTHERS = {
    "Ê Đê": (
        "Bhăm Blô Thuơn Nuê Wăn Djă Kriăk Bliu Tlam Sônh Bhiông Hin Mok Phôn Khoan Ngông Lôč Siu",
        "Hen Bia Ngăm Nga Rưk Duyên Wôn Juăn Bluil Luyn Mai Zuôn Hiên Nuer Djuăi Lŏk",
    ),
    "Ba Na": ("Biu Thút Jar Wek Hmưnh Rip Yơm Bri", "Blơ Hnhưi Thil Byai Mưn Pyưn Lêm"),
    "Mạ": ("Brể Tiếu Dũng Broh Măng Wẻo Sình", "Nhẻo Hằng Thoa Brét Mhoai Dịu"),
}
"""Given names of men and of women."""

_KINH_NAMES = [name for name, _weight in _KINH_FAMILIES]
_KINH_WEIGHTS = list(accumulate(weight for _name, weight in _KINH_FAMILIES))
_GIVEN = {key: names.split() for key, names in _KINH_GIVEN.items()}
_OTHER_NAMES = {people: {MALE: men.split(), FEMALE: women.split()} for people, (men, women) in _OTHERS.items()}
_NORTHERN_WORDS = {people: tuple(words.split() for words in lists) for people, lists in _NORTHERN.items()}

SINGLE_WORD_SHARE = 0.02
"""Minority people registered under one word."""

_PHONE_STARTS = ("032", "033", "035", "037", "038", "039", "086", "090", "091", "094", "096", "097", "098")


def generation(birth_year: int) -> str:
    """Which fashion of names a year of birth belongs to."""
    return OLD if birth_year < 1965 else MIDDLE if birth_year < 1998 else YOUNG


def full_name(rng: random.Random, ethnicity: str, sex: str, birth_year: int) -> str:
    """A full name as it would stand in the registry, NFC."""
    if ethnicity == "Kinh":
        return _kinh(rng, sex, generation(birth_year))
    if ethnicity in _OTHER_NAMES:
        return _other(rng, ethnicity, sex)
    families, men_middle, men, women_middle, women = _NORTHERN_WORDS[ethnicity]
    middles, given = (men_middle, men) if sex == MALE else (women_middle, women)
    if rng.random() < SINGLE_WORD_SHARE:
        return rng.choice(given)
    return f"{rng.choice(families)} {rng.choice(middles)} {rng.choice(given)}"


def _kinh(rng: random.Random, sex: str, born: str) -> str:
    family = rng.choices(_KINH_NAMES, cum_weights=_KINH_WEIGHTS)[0]
    middle, given = rng.choice(_KINH_MIDDLES[born, sex]), rng.choice(_GIVEN[born, sex])
    return f"{family} {middle} {given}" if middle else f"{family} {given}"


def _other(rng: random.Random, ethnicity: str, sex: str) -> str:
    given = rng.choice(_OTHER_NAMES[ethnicity][sex])
    if ethnicity == "Ba Na":
        return f"A {given}" if sex == MALE else f"Y {given}"
    if ethnicity == "Mạ":
        return f"K'{given}" if sex == MALE else f"Ka {given}"
    if rng.random() < SINGLE_WORD_SHARE:
        return given if sex == MALE else f"H'{given}"
    title = "Y " if sex == MALE else "H'"
    return f"{title}{given} {rng.choice(_EDE_CLANS)}"


def cccd(place: str, sex: str, birth_year: int, serial: int) -> str:
    """Twelve digits: old province of the birth's registration, century and sex, year, six of the serial number."""
    marker = 2 * (birth_year // 100 - 19) + (sex == FEMALE)
    return f"{place}{marker}{birth_year % 100:02}{serial % 1_000_000:06}"


def phone(rng: random.Random) -> str:
    """A mobile number."""
    return f"{rng.choice(_PHONE_STARTS)}{rng.randrange(10_000_000):07}"
