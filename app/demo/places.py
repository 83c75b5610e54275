"""Where the demo takes place: two real provinces, their communes, who lives there and in which hamlets."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

DEMO_PROVINCE, DEMO_COMMUNE = "66", "24235"
"""Đắk Lắk, and its commune Buôn Đôn: where the accounts of the demo work."""
BANK_PROVINCE = "01"
"""Hà Nội: a bank pays into accounts there, and the social pension is higher than the nation's."""
PROVINCES = (DEMO_PROVINCE, BANK_PROVINCE)

USUAL = 170
"""People in an average commune of a small demo; the demo's own has twice as many, others 0.15 to 1.7 times."""

Mix = tuple[tuple[str, ...], tuple[int, ...]]
"""What there is, and how common each is."""

_ETHNICITIES: dict[str, Mix] = {
    DEMO_PROVINCE: (("Kinh", "Ê Đê", "Nùng", "Tày", "Mông", "Dao", "Ba Na", "Mạ"), (56, 22, 6, 5, 4, 3, 2, 2)),
    BANK_PROVINCE: (("Kinh", "Mường", "Dao"), (96, 3, 1)),
}
_BIRTHPLACES: dict[str, Mix] = {
    DEMO_PROVINCE: (("066", "054", "004", "020", "040", "042", "052", "049"), (52, 22, 6, 5, 6, 4, 3, 2)),
    BANK_PROVINCE: (("001", "030", "033", "035", "036", "038", "017"), (80, 4, 4, 3, 5, 3, 1)),
}
"""Codes of the old provinces where people's births were registered."""

_BUON = ("Ea Mar", "Trí", "Yang Lành", "Ea Rông", "Niêng", "Jang Pông", "Kô Đung", "Tul", "Ea Sar", "Knia", "Drai")
_VILLAGES = ("Đông", "Đoài", "Thượng", "Hạ", "Trung", "Nội", "Đình", "Chùa", "Bãi", "Yên Lạc", "Phú Thứ", "Hòa Bình")


@dataclass(frozen=True, slots=True)
class Place:
    """A commune as people know it; `villages` are the hamlets where its minorities live, often the same as all."""

    area_id: int
    code: str
    path: str
    province: str
    hamlets: tuple[str, ...]
    villages: tuple[str, ...]
    ethnicities: Mix
    birthplaces: Mix


def dice(*parts: object) -> random.Random:
    """Chance that always falls the same way for the same parts; nothing here is a secret."""
    return random.Random(":".join(map(str, parts)))


def places(session: Session, seed: int, codes: Sequence[str] | None = None) -> list[Place]:
    """The communes of both provinces, the demo's own first, then one of each province in turn; or those of `codes`."""
    rows = session.execute(
        text(
            "SELECT c.id, c.code, c.path, c.kind, p.code AS province FROM areas c JOIN areas p ON p.id = c.parent_id"
            " WHERE c.level = 'commune' AND CASE WHEN CAST(:codes AS text[]) IS NULL THEN p.code = ANY(:provinces)"
            " ELSE c.code = ANY(:codes) END ORDER BY c.code"
        ),
        {"codes": None if codes is None else list(codes), "provinces": list(PROVINCES)},
    ).all()
    found = {row.code: _place(row, dice(seed, "place", row.code)) for row in rows}
    if codes is not None:
        return [found[code] for code in dict.fromkeys(codes)]
    shuffled = sorted(found)
    dice(seed, "places").shuffle(shuffled)
    turns: dict[str, int] = {}
    for code in shuffled:
        province = found[code].province
        turns[code] = -1 if code == DEMO_COMMUNE else sum(found[other].province == province for other in turns)
    return [found[code] for code in sorted(shuffled, key=lambda code: (turns[code], found[code].province))]


def spread(seed: int, people: int, found: Sequence[Place], *, everywhere: bool) -> list[tuple[Place, int]]:
    """How many people live where: in a few communes of a usual size, or `everywhere`; the sum is `people`."""
    wanted = len(found) if everywhere else max(1, round(people / USUAL))
    chosen = found[:wanted]
    rng = dice(seed, "spread")
    weights = [2.0, *(rng.uniform(0.15, 1.7) for _ in chosen[1:])]
    sizes = [int(people * weight / sum(weights)) for weight in weights]
    sizes[0] += people - sum(sizes)
    return [(place, size) for place, size in zip(chosen, sizes, strict=True) if size]


def _place(row: Any, rng: random.Random) -> Place:
    town = row.kind == "Phường"
    count = rng.randint(6, 14)
    if row.province == DEMO_PROVINCE:
        hamlets = [f"Tổ dân phố {n}" if town else f"Thôn {n}" for n in range(1, count + 1)]
        villages = [f"Buôn {name}" for name in rng.sample(_BUON, rng.randint(3, 6))]
    else:
        hamlets = [f"Tổ dân phố số {n}" for n in range(1, count + 1)]
        if not town:
            hamlets = [f"Thôn {name}" for name in rng.sample(_VILLAGES, min(count, len(_VILLAGES)))]
        villages = hamlets[-2:]
    return Place(
        row.id,
        row.code,
        row.path,
        row.province,
        tuple(hamlets),
        tuple(villages),
        _ETHNICITIES.get(row.province, _ETHNICITIES[BANK_PROVINCE]),
        _BIRTHPLACES.get(row.province, _BIRTHPLACES[BANK_PROVINCE]),
    )
