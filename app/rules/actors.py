"""Who acts: the roles of the domain and the actor that every service takes. No permissions to screens here."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """Roles of people (domain.md, section 8) and of the two machines that act on their own."""

    CLERK = "clerk"
    ACCOUNTANT = "accountant"
    SUPERVISOR = "supervisor"
    PROVINCE_ADMIN = "province_admin"
    CENTRAL_ADMIN = "central_admin"
    AUDITOR = "auditor"
    AGENCY_USER = "agency_user"
    AGENCY = "agency"
    SYSTEM = "system"


PEOPLE = frozenset(Role) - {Role.AGENCY, Role.SYSTEM}

ROOT_PATH = "VN/"
"""Path of the country, the root of the area tree."""

NOTHING = ("~", "")
"""Bounds that no path lies between."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A person or machine on whose behalf something happens, limited to one area and below.

    `area_path` is None for somebody who may see nothing; `agency_id` limits an agency's user to its own packets.
    `reading`: sees, and changes nothing whatever the roles (docs/decisions/006-reading-ended-areas.md).
    """

    username: str
    roles: frozenset[Role]
    area_path: str | None
    user_id: int | None = None
    agency_id: int | None = None
    full_name: str = field(default="", compare=False)
    reading: bool = False

    @property
    def bounds(self) -> tuple[str, str]:
        """Half-open range of paths in scope, for `path >= lo AND path < hi` in byte order."""
        return bounds_of(self.area_path)

    def may_see(self, path: str) -> bool:
        """True when `path` is the actor's area or lies below it."""
        low, high = self.bounds
        return low <= path < high

    def has(self, *roles: Role) -> bool:
        """True when the actor holds one of `roles`."""
        return not self.roles.isdisjoint(roles)


def bounds_of(path: str | None) -> tuple[str, str]:
    """`VN/25/` -> (`VN/25/`, `VN/250`): "0" is the byte after "/", so the range is the area and all below it."""
    return NOTHING if path is None else (path, path[:-1] + "0")


SYSTEM = Actor("system", frozenset({Role.SYSTEM}), ROOT_PATH, full_name="Hệ thống")
NOBODY = Actor("nobody", frozenset(), None)


def agency_actor(code: str) -> Actor:
    """The payment agency itself, speaking through its messages."""
    return Actor(f"agency:{code}", frozenset({Role.AGENCY}), ROOT_PATH, full_name=code)
