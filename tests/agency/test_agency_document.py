"""docs/agency-api.md says what the program does: its examples, test vectors and tables are compared with the code."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from app.agency import bodies, g2p, port, signing, tokens
from app.agency.envelope import LINE_REASONS
from app.agency.port import Refused
from tests.agency.contract_samples import NOW
from tests.agency.document_examples import EXAMPLES, LINE_SET_TEXT, SIGNED_BODY, SIGNED_BY

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs/agency-api.md").read_text(encoding="utf-8")
SHOWN = dict(re.findall(r"<!-- example: ([a-z-]+) -->\n```json\n(.*?)\n```", DOCUMENT, re.DOTALL))


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_what_the_program_builds(name: str) -> None:
    assert json.loads(SHOWN[name]) == EXAMPLES[name]


def test_every_example_has_its_builder() -> None:
    assert set(SHOWN) == set(EXAMPLES)


def test_the_signature_s_test_vector_verifies() -> None:
    signature = signing.sign(SIGNED_BODY, SIGNED_BY, now=NOW)
    public = SIGNED_BY.private.public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for part in (signature, pem.decode().strip(), SIGNED_BODY.decode(), f"{int(NOW.timestamp())} ± 300"):
        assert part in DOCUMENT
    assert f"Body ({len(SIGNED_BODY)} bytes)" in DOCUMENT


def test_the_line_set_s_test_vector_hashes_to_the_example() -> None:
    assert LINE_SET_TEXT in DOCUMENT
    stated = EXAMPLES["disburse"]["header"]["meta"]["line_set_sha256"]
    assert stated == hashlib.sha256(LINE_SET_TEXT.encode()).hexdigest()


def test_the_table_of_refusals_is_the_program_s() -> None:
    rows = dict(re.findall(r"^\| `((?:err|rjct)\.[a-z_.]+)` \| (refused|unknown)", DOCUMENT, re.MULTILINE))
    known = {code: "refused" if kind is Refused else "unknown" for code, kind in g2p.NO_MEANS.items() if code}
    assert rows == known


def test_the_table_of_reasons_is_the_program_s() -> None:
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", DOCUMENT, re.MULTILINE)) == LINE_REASONS


def test_the_limits_stated_are_the_program_s() -> None:
    waits_s = port.Endpoint.__dataclass_fields__["deadline_s"].default
    for text in (
        f"waits {waits_s:.0f} seconds in all",
        f"{bodies.REQUEST_MAX_BYTES >> 20} MiB of unpacked body",
        f"above {bodies.GZIP_ABOVE_BYTES >> 10} KiB",
        f"to a question at most {g2p.ANSWER_MAX_BYTES >> 20} MiB",
        f"acknowledgement at most {g2p.ACK_MAX_BYTES >> 10} KiB",
        f'"expires_in": {tokens.LIFETIME_S}',
        "more than 2.048 characters",
        "within **five minutes**",
    ):
        assert text in DOCUMENT
    assert (signing.SIGNATURE_MAX_CHARS, signing.TOLERANCE_S) == (2048, 300)
