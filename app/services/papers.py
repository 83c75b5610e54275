"""What stands on an official paper of an area on a day: who is above, who issues, place, sign, who signs (NĐ 30/2020).

Titles and the managing body are inherited; names, place and issuer belong to one area. What nobody has set is derived:
a commune's paper is issued by its People's Committee, a province's by its managing body, Sở Y tế unless set otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.errors import NotFound

INHERITED = ("managing_body", "maker_title", "accountant_title", "head_title", "agency_title")
OWN = ("superior", "issuer", "place", "code", "maker_name", "accountant_name", "head_name")

MANAGING_BODY = "Sở Y tế"
COMMITTEE = "ỦY BAN NHÂN DÂN"
TITLES = {
    "maker_title": "Người lập biểu",
    "accountant_title": "Kế toán",
    "head_title": "Thủ trưởng đơn vị",
    "agency_title": "Đại diện đơn vị chi trả",
}
"""What nobody has set."""


@dataclass(frozen=True, slots=True)
class Signatory:
    """Who signs: a title, and a name where it is known beforehand."""

    title: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Paper:
    """The fixed parts of a paper. `code` is the sign of the issuer in the number: "Số: ……/BC-UBND"."""

    superior: str
    issuer: str
    place: str
    code: str
    signatories: tuple[Signatory, ...]


_NEAREST = ", ".join(
    f"(array_agg({name} ORDER BY length(area_path) DESC, valid_from DESC) FILTER (WHERE {name} IS NOT NULL))[1] AS {name}"
    for name in INHERITED
)
_OWN = ", ".join(
    f"(array_agg({name} ORDER BY valid_from DESC) FILTER (WHERE {name} IS NOT NULL AND area_path = :path))[1] AS {name}"
    for name in OWN
)


def of(session: Session, path: str, on: date) -> Paper:
    """The paper of the area at `path`. Raises NotFound for a path that is no area in sight."""
    area = session.execute(text("SELECT level, name, full_name FROM areas WHERE path = :path"), {"path": path}).first()
    if area is None:
        raise NotFound
    row = session.execute(
        text(
            f"SELECT {_NEAREST}, {_OWN} FROM paper_settings WHERE starts_with(:path, area_path) AND valid_from <= :on"
        ),
        {"path": path, "on": on},
    ).one()
    body = row.managing_body or MANAGING_BODY
    superior, issuer, code = _derived(area.level, area.full_name, body)
    return Paper(
        superior=superior if row.superior is None else row.superior,
        issuer=row.issuer or issuer,
        place=row.place or area.name,
        code=row.code or code,
        signatories=(
            Signatory(row.maker_title or TITLES["maker_title"], row.maker_name or ""),
            Signatory(row.accountant_title or TITLES["accountant_title"], row.accountant_name or ""),
            Signatory(row.head_title or TITLES["head_title"], row.head_name or ""),
            Signatory(row.agency_title or TITLES["agency_title"]),
        ),
    )


def _derived(level: str, full_name: str, body: str) -> tuple[str, str, str]:
    if level == "commune":
        return COMMITTEE, full_name.upper(), "UBND"
    sign = "".join(word[0] for word in body.split()).upper()
    return ("" if level == "country" else f"{COMMITTEE} {full_name.upper()}"), body.upper(), sign
