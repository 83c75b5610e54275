"""The two OpenAPI descriptions of the contract, against the running programs: served, true of every answer, of every example."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import requests
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode, checks
from werkzeug.serving import make_server

from app import clock
from app.agency import description, signing
from app.agency.keys import KeyRing
from app.agency.sandbox.engine import SandboxPostOffice
from app.agency.sandbox.home import prepare_home
from app.agency.sandbox.server import create_site
from tests.agency.document_examples import EXAMPLES
from tests.api.agencies import Agency
from tests.scale import scale

EXAMPLES_OF_EACH = scale(10, 1_000)
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
AGENCY_PATHS = ("/disburse", "/disburse/sync/disburse", "/disburse/txn/status", "/disburse/sync/txn/status")
AGENCY_CALLS = list(zip(AGENCY_PATHS, ("disburse", "disburse", "status", "status"), strict=True))


class Side:
    """One running program, and how to write to it as its partner."""

    def __init__(self, base: str, keys: KeyRing, fit: dict[str, str], token: Callable[[], str]) -> None:
        self.base, self.keys, self.fit, self.token = base, keys, fit, token
        self.bearer = ""

    def send(self, case: Any, *, signed: bool, fit: bool) -> requests.Response:
        """The case on the wire: signed over its bytes or not, its header made that of the partner or left as it is."""
        body = case.body
        if fit and isinstance(body, dict) and isinstance(body.get("header"), dict):
            moment = "2026-11-12T09:30:05.000+07:00"
            body = body | {"header": body["header"] | self.fit | {"message_ts": moment}}
        raw = json.dumps(body).encode() if isinstance(body, dict | list | str | int | float | None) else b"?"
        headers = {"Content-Type": "application/json", **self._proof(raw, signed)}
        if (case.headers or {}).get("Content-Encoding") == "gzip":
            raw, headers["Content-Encoding"] = gzip.compress(raw), "gzip"
        return requests.post(self.base + case.path, data=raw, headers=headers, timeout=10)

    def _proof(self, raw: bytes, signed: bool) -> dict[str, str]:
        if not signed:
            return {"Authorization": "Bearer x", "Signature": "a..b"}
        self.bearer = self.bearer or self.token()
        signature = signing.sign(raw, self.keys.signing_key(), now=clock.wall())
        return {"Authorization": f"Bearer {self.bearer}", "Signature": signature}


def _served(site: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, site, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(5)
    server.server_close()


@pytest.fixture
def office(database: Flask, vnpost: Agency) -> Iterator[Side]:
    fit = {"sender_id": "vnpost", "receiver_id": "chitra"}
    for base in _served(database):
        yield Side(f"{base}/agency", vnpost.theirs, fit, lambda: str(vnpost.fetch().json["access_token"]))


@pytest.fixture
def agency(tmp_path: Path) -> Iterator[Side]:
    ours = KeyRing(tmp_path / "keys")
    ours.new_key(now=clock.wall())
    given = prepare_home(
        tmp_path / "sandbox", callback_base_url="http://127.0.0.1:9", partner_keys=ours.published(),
        client_secret=ours.issue_client("vnpost"),
    )  # fmt: skip
    post_office = SandboxPostOffice(tmp_path / "sandbox", in_memory=True)
    form = {"grant_type": "client_credentials", "client_id": given.client_id, "client_secret": given.client_secret}

    def token() -> str:
        return str(json.loads(post_office.token(form, None).body)["access_token"])

    for base in _served(create_site(post_office, "x", "y", "z")):
        yield Side(base, ours, {"sender_id": "chitra", "receiver_id": "vnpost"}, token)
    post_office.close()


def _try(side: Side, path: str, example: str) -> set[int]:
    """Statuses met; every answer is one that the served description allows. The first message is the document's own."""
    operation = schemathesis.openapi.from_url(f"{side.base}/openapi.json", timeout=10)[path]["POST"]
    good, bad = (operation.as_strategy(generation_mode=mode) for mode in GenerationMode)
    met: set[int] = set()

    def one(case: Any, *, signed: bool, fit: bool) -> None:
        answer = side.send(case, signed=signed, fit=fit)
        case.validate_response(answer, checks=CHECKS)
        met.add(answer.status_code)

    @settings(
        max_examples=EXAMPLES_OF_EACH, derandomize=True, database=None, deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=st.one_of(good, bad), signed=st.integers(0, 9), fit=st.booleans())
    def each(case: Any, signed: int, fit: bool) -> None:
        one(case, signed=signed > 0, fit=fit)

    one(operation.Case(body=EXAMPLES[example], media_type="application/json"), signed=True, fit=True)
    each()
    return met


@pytest.mark.parametrize(
    ("path", "example"), list(zip(description.OFFICE_PATHS, ("accepted", "on-status"), strict=True))
)
def test_the_office_answers_as_it_is_described(office: Side, path: str, example: str) -> None:
    assert {202, 400} <= _try(office, path, example)


@pytest.mark.parametrize(("path", "example"), AGENCY_CALLS)
def test_the_sandbox_answers_as_it_is_described(agency: Side, path: str, example: str) -> None:
    assert 200 in _try(agency, path, example)


@pytest.mark.parametrize(("path", "example"), [(path, one) for path, one in AGENCY_CALLS if "/sync/" in path])
@pytest.mark.parametrize("name", ["W", "H-V1935*", "CT-202611-00004-M", "Đ'-V1", "CT-V0"])
def test_a_no_at_once_about_what_is_no_packet_is_as_described(agency: Side, path: str, example: str, name: str) -> None:
    operation = schemathesis.openapi.from_url(f"{agency.base}/openapi.json", timeout=10)[path]["POST"]
    body = EXAMPLES[example] | {"message": EXAMPLES[example]["message"] | {"transaction_id": name}}
    case = operation.Case(body=body, media_type="application/json")
    answer = agency.send(case, signed=True, fit=True)
    case.validate_response(answer, checks=CHECKS)
    assert answer.json()["message"]["ack_status"] == "NACK"


@pytest.mark.parametrize("side", ["office", "agency"])
def test_tokens_are_given_and_refused_as_described(side: str, request: pytest.FixtureRequest) -> None:
    running: Side = request.getfixturevalue(side)
    schema = schemathesis.openapi.from_url(f"{running.base}/openapi.json", timeout=10)
    operation = schema["/oauth2/client/token"]["POST"]
    for form, auth, status in (
        ({"grant_type": "client_credentials"}, ("x", "y"), 401),
        ({"grant_type": "password"}, None, 400),
    ):
        answer = requests.post(f"{running.base}/oauth2/client/token", data=form, auth=auth, timeout=10)
        operation.Case(body=form, media_type="application/x-www-form-urlencoded").validate_response(
            answer, checks=CHECKS
        )
        assert answer.status_code == status


SCHEMA_OF = {
    "disburse": "Packet", "recall": "Recall", "notice": "Notice", "status": "Question", "status-part": "Question", "ack": "Ack",
    "nack": "Ack", "accepted": "OnDisburse", "rejected": "OnDisburse", "settlement": "OnDisburse",
    "on-status": "OnStatus", "not-found": "OnStatus",
}  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_of_the_document_fits_its_schema(name: str) -> None:
    document = description.agency()
    wanted = {"$ref": f"#/components/schemas/{SCHEMA_OF[name]}", "components": document["components"]}
    jsonschema.validate(EXAMPLES[name], wanted)


def test_the_descriptions_name_the_paths_that_are_there(office: Side, agency: Side) -> None:
    for running, paths in ((office, description.OFFICE_PATHS), (agency, AGENCY_PATHS)):
        served = requests.get(f"{running.base}/openapi.json", timeout=10).json()
        assert set(served["paths"]) == {*paths, "/oauth2/client/token"}
        for path in served["paths"]:
            assert requests.post(running.base + path, data=b"{}", timeout=10).status_code in (400, 401, 415)
