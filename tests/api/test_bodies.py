"""What every action of the REST API is sent: an unknown member and a member of the wrong kind are named, nothing is written."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.rules.actors import Role
from tests.accounts import people
from tests.api.answers import fields_of, rows
from tests.api.conftest import Program
from tests.api.test_matrix import DOORS, Door, keys, mid_november

__all__ = ["keys", "mid_november"]

ACTIONS = [door for door in DOORS if door.method != "GET"]
ODD = {
    "integer": ("1", 1.5, True, [], {}, -(2**70), 2**70),
    "boolean": (1, "true", [], {}),
    "string": (5, True, [], {}, "\x00", "x" * 70_0),
    "array": ("x", 5, {}, [5]),
    "object": ("x", 5, []),
}
"""Kind of a member -> what is none of that kind, or too long for all of ours but reasons."""


def acting(program: Program, door: Door) -> FlaskClient:
    """A program that may pass this door, above the row."""
    role = sorted(door.who - {Role.AGENCY_USER})[0]
    return program(role, area={Role.CENTRAL_ADMIN: "VN"}.get(role, people.HANOI))


def written() -> Any:
    return rows(
        "SELECT (SELECT count(*) FROM state_changes), (SELECT sum(row_version) FROM beneficiaries),"
        " (SELECT count(*) FROM result_changes), (SELECT count(*) FROM acknowledgements)"
    )


def test_a_member_nobody_knows_is_named_by_every_action(program: Program, keys: dict[str, Any]) -> None:
    before, wrong = written(), []
    for door in ACTIONS:
        address = door.address.format(keys.get(door.key, ""))
        answer = acting(program, door).open(address, method=door.method, json={"no_such_member": 1})
        if answer.status_code != 422 or "no_such_member" not in fields_of(answer):
            wrong.append(f"{door.method} {address}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)
    assert written() == before


def test_a_member_of_another_kind_is_named_by_every_action(program: Program, keys: dict[str, Any]) -> None:
    spec = program(Role.CLERK).get("/api/v1/_openapi").json
    before, wrong, tried = written(), [], 0
    for door in ACTIONS:
        address, client = door.address.format(keys.get(door.key, "")), acting(program, door)
        for name, value in _odd_members(spec, door):
            tried += 1
            answer = client.open(address, method=door.method, json={name: value})
            if answer.status_code != 422 or name not in fields_of(answer):
                wrong.append(f"{door.method} {address} {name}={value!r:.40}: {answer.status_code} {answer.text[:200]}")
    assert not wrong, "\n".join(wrong)
    assert tried > 500
    assert written() == before


@pytest.mark.parametrize("sent", [b"[]", b"1", b"{", b'{"reason": "a", "reason": "b"}', b"\xff", b'"x"', b"[" * 9_000])
def test_what_is_no_object_is_refused_by_every_action(program: Program, keys: dict[str, Any], sent: bytes) -> None:
    wrong = []
    for door in ACTIONS:
        address = door.address.format(keys.get(door.key, ""))
        client = acting(program, door)
        answer = client.open(address, method=door.method, data=sent, content_type="application/json")
        if answer.status_code != 400:
            wrong.append(f"{door.method} {address}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)


def _odd_members(spec: dict[str, Any], door: Door) -> list[tuple[str, Any]]:
    """(member, value) for each member that is described, and each value that is of another kind."""
    operation = _operation(spec, door)
    schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    if "$ref" in schema:
        schema = spec["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    found = []
    for name, about in schema.get("properties", {}).items():
        odd = [one for one in ODD[about["type"]] if not (isinstance(one, str) and len(one) == 700 and _long(name))]
        found += [(name, one) for one in odd]
    return found


def _operation(spec: dict[str, Any], door: Door) -> dict[str, Any]:
    """The description of a door: its address is one of those described."""
    for path, methods in spec["paths"].items():
        pattern = re.sub(r"\\{\w+\\}", r"[^/]+", re.escape(path).replace(r"\{", "{").replace(r"\}", "}"))
        pattern = re.sub(r"{\w+}", "[^/]+", pattern)
        if re.fullmatch(pattern, door.address.replace("{}", "1")) and door.method.lower() in methods:
            operation: dict[str, Any] = methods[door.method.lower()]
            return operation
    raise AssertionError(f"{door.address} is not described")


def _long(name: str) -> bool:
    """A member that takes long texts."""
    return name in ("reason", "note", "decision")
