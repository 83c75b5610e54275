"""The rows of a report, by column."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.reports.catalogue import REPORTS
from tests.reports.conftest import asked


def table(session: Session, code: str, **more: object) -> list[dict[str, object]]:
    """The rows of a report without subtotals, by column."""
    report = REPORTS[code]
    keys = [column.key for column in report.columns]
    rows = report.rows(session, asked(code, **more))
    return [dict(zip(keys, row.cells, strict=True)) for row in rows if not row.subtotal]


def row_of(session: Session, code: str, **more: object) -> dict[str, object]:
    """The only row of a report, by column."""
    report = REPORTS[code]
    rows = [row for row in report.rows(session, asked(code, **more)) if not row.subtotal]
    assert len(rows) == 1
    return dict(zip([column.key for column in report.columns], rows[0].cells, strict=True))
