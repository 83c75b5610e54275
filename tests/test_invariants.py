"""docs/invariants.md: every promise has its tests, every test named exists, every check stands under its promise."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from app.docs import FOLDER
from app.services.books import checking

DOCUMENT = (FOLDER / "invariants.md").read_text(encoding="utf-8")
PROMISES = dict(re.findall(r"^## (P\d+) .*?\n(.*?)(?=^## |\Z)", DOCUMENT, re.M | re.S))
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", DOCUMENT)


def test_each_of_the_sixteen_promises_has_tests() -> None:
    assert list(PROMISES) == [f"P{number}" for number in range(1, 17)]
    for promise, words in PROMISES.items():
        assert "::test_" in words, f"{promise} names no test"


@pytest.mark.parametrize("path", sorted({path for path, _name in NAMED}))
def test_every_test_that_is_named_exists(path: str) -> None:
    module = ast.parse((Path(__file__).parents[1] / path).read_text(encoding="utf-8"))
    there = {part.name for part in module.body if isinstance(part, ast.FunctionDef)}
    assert {name for where, name in NAMED if where == path} <= there


def test_every_check_of_the_books_stands_under_its_promise() -> None:
    told = {promise: set(re.findall(r"`(\w+)`", words.partition("Checks:")[2])) for promise, words in PROMISES.items()}
    checks = {promise: {check.name for check in checking.CHECKS if check.promise == promise} for promise in PROMISES}
    assert told == checks
