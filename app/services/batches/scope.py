"""Where and by whom lists are paid: settings, contracts and standard amounts of every commune, as one temporary table."""

from __future__ import annotations

from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.services.settings import GROUP_MONTH

_AREAS = f"""
CREATE TEMPORARY TABLE make_area ON COMMIT DROP AS
WITH communes AS (
    SELECT id, path FROM areas WHERE level = 'commune' AND path >= :low AND path < :high
       AND valid_from <= :month AND (valid_to IS NULL OR valid_to >= :month)
), settings AS (
    SELECT c.id, c.path,
           (array_agg(s.paying_level ORDER BY length(s.area_path) DESC, s.valid_from DESC)
               FILTER (WHERE s.paying_level IS NOT NULL))[1] AS paying_level,
           (array_agg(s.through_agency ORDER BY length(s.area_path) DESC, s.valid_from DESC)
               FILTER (WHERE s.through_agency IS NOT NULL))[1] AS through_agency
      FROM communes c
      LEFT JOIN payment_settings s ON starts_with(c.path, s.area_path) AND s.valid_from <= :month
     GROUP BY c.id, c.path
), standards AS (
    SELECT DISTINCT ON (c.id, a.batch_kind) c.id, a.batch_kind, a.amount_vnd
      FROM communes c
      JOIN standard_amounts a ON starts_with(c.path, a.area_path)
     WHERE a.applies_from <= :month AND a.enacted_on <= :known_on
     ORDER BY c.id, a.batch_kind, length(a.area_path) DESC, a.applies_from DESC, a.enacted_on DESC
)
SELECT s.id AS commune_id, s.path AS commune_path, p.id AS paying_id, p.path AS paying_path,
       p.full_name AS paying_name, s.through_agency,
       {GROUP_MONTH.format(path="p.path", month="CAST(:month AS date)")} AS group_month,
       (SELECT amount_vnd FROM standards x WHERE x.id = s.id AND x.batch_kind = 'monthly') AS monthly_vnd,
       (SELECT amount_vnd FROM standards x WHERE x.id = s.id AND x.batch_kind = 'social_pension') AS pension_vnd,
       (SELECT amount_vnd FROM standards x WHERE x.id = s.id AND x.batch_kind = 'funeral') AS funeral_vnd
  FROM settings s
  LEFT JOIN areas p ON p.path = CASE s.paying_level WHEN 'province' THEN left(s.path, 6) ELSE s.path END
"""

_CONTRACTS = """
CREATE TEMPORARY TABLE make_contract ON COMMIT DROP AS
SELECT DISTINCT ON (a.commune_id, c.method) a.commune_id, c.method, c.id AS contract_id, c.agency_id, g.code
  FROM make_area a
  JOIN agency_contracts c ON starts_with(a.commune_path, c.area_path)
  JOIN agencies g ON g.id = c.agency_id AND g.is_active
 WHERE c.valid_from <= :month AND (c.valid_to IS NULL OR c.valid_to >= :month)
 ORDER BY a.commune_id, c.method, length(c.area_path) DESC, c.id
"""


def prepare(session: Session, low: str, high: str, *, month: date, known_on: date) -> None:
    """Fill `make_area` and `make_contract` for the communes between the bounds.

    `known_on` is the day the list is made: a rate enacted later is not yet known, though it may apply back.
    """
    facts = {"low": low, "high": high, "month": month, "known_on": known_on}
    for name in ("make_contract", "make_area"):
        session.execute(text(f"DROP TABLE IF EXISTS {name}"))
    session.execute(text(_AREAS), facts)
    session.execute(text(_CONTRACTS), facts)
    session.execute(text("CREATE INDEX ON make_area (commune_id)"))
    session.execute(text("ANALYZE make_area"))
