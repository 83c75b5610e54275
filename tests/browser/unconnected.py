"""A second office of the running demo: a commune that pays without an agency, with people of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from tests.browser.conftest import Demo

PREFIX = "tu"
"""Begins the user names: `tu.canbo`, `tu.ketoan`, `tu.lanhdao`; the password is the demo's."""


@dataclass(frozen=True)
class Office:
    """The commune and its people."""

    code: str
    clerk: str = f"{PREFIX}.canbo"
    accountant: str = f"{PREFIX}.ketoan"
    supervisor: str = f"{PREFIX}.lanhdao"


def open_office(demo: Demo) -> Office:
    """Take the largest commune but the demo's own, let it pay by itself from now on, and issue its accounts."""
    with _database(demo) as books:
        area_id, code = books.execute(
            "SELECT a.id, a.code FROM beneficiaries b JOIN areas a ON a.id = b.area_id"
            " WHERE a.id NOT IN (SELECT area_id FROM ab_user WHERE area_id IS NOT NULL)"
            " GROUP BY a.id, a.code ORDER BY count(*) DESC, a.code LIMIT 1"
        ).fetchone()  # type: ignore[misc]
        books.execute(
            "INSERT INTO payment_settings (area_id, valid_from, through_agency) VALUES (%s, %s, false)",
            (area_id, _last_closed(books)),
        )
        for name in ("canbo", "ketoan", "lanhdao"):
            books.execute(
                "INSERT INTO ab_user SELECT (jsonb_populate_record(u, jsonb_build_object('id', nextval('ab_user_id_seq'),"
                " 'username', %(new)s::text, 'email', %(new)s::text || '@example.invalid', 'area_id', %(area)s::int))).*"
                "  FROM ab_user u WHERE username = %(old)s",
                {"new": f"{PREFIX}.{name}", "old": f"xa.{name}", "area": area_id},
            )
            books.execute(
                "INSERT INTO ab_user_role (user_id, role_id) SELECT n.id, r.role_id FROM ab_user n, ab_user o"
                "  JOIN ab_user_role r ON r.user_id = o.id WHERE n.username = %s AND o.username = %s",
                (f"{PREFIX}.{name}", f"xa.{name}"),
            )
    return Office(code)


def _last_closed(books: Any) -> Any:
    """The day after the last closed month: what is settled already stays as it was."""
    return books.execute(
        "SELECT (max(p.month) + interval '1 month')::date FROM area_periods a JOIN periods p ON p.id = a.period_id"
        " WHERE a.state = 'closed'"
    ).fetchone()[0]


def _database(demo: Demo) -> Any:
    lines = (demo.home / "pg" / "postmaster.pid").read_text().splitlines()
    return psycopg.connect(host=lines[4], port=int(lines[3]), user="postgres", dbname="chitra", autocommit=True)
