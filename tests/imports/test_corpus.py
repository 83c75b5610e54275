"""Every file of the corpus ends as rows or as a reason; none raises anything else, and none keeps a process alive."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from app.imports import reading, table
from app.imports.layouts import SHEET
from app.imports.limits import FileRefused
from app.imports.table import ERROR, NoHeading, Seen
from tests.imports.corpus import CORPUS


def outcome(path: Path) -> str:
    """What becomes of a file, in the words of the corpus."""
    seen = Seen()
    try:
        rows = list(table.rows(reading.read(path), SHEET, seen))
    except FileRefused as error:
        return f"refused {error.code}"
    except NoHeading:
        return "no heading"
    errors = sum(finding.severity == ERROR for row in rows for finding in row.findings)
    return f"rows {len(rows)} errors {errors}" if errors else f"rows {len(rows)}"


def test_the_corpus_is_large_enough() -> None:
    assert len(CORPUS) >= 64


@pytest.mark.parametrize("name", CORPUS)
def test_a_bad_file_gives_rows_or_a_reason(name: str, app: Flask, tmp_path: Path) -> None:
    build, expected = CORPUS[name]
    path = tmp_path / "tep"
    path.write_bytes(build())
    with app.test_request_context():
        assert outcome(path) == expected
