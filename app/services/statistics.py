"""The planner's statistics, refreshed for tables that have just grown, before autovacuum gets to them."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session


def refresh(session: Session) -> int:
    """Analyse every table that has grown by half since it was last analysed; how many. Costs a millisecond when none has.

    To be called in a short transaction of its own: the tables cannot be analysed by anybody else until it ends.
    """
    return int(session.execute(text("SELECT refresh_statistics()")).scalar_one())
