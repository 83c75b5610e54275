"""Generated documents equal the tables they are generated from."""

from __future__ import annotations

import pytest

from app.docs import DOCUMENTS, FOLDER


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_a_generated_document_is_up_to_date(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == DOCUMENTS[name](), "run: make docs"
