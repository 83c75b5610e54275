"""`flask agency …`: keys made, shown, rotated and retired, an agency's keys trusted, secrets issued and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app import clock
from app.agency import signing
from app.agency.keys import KeyRing

Run = Callable[..., Any]


@pytest.fixture
def run(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.setitem(app.config, "CHITRA", replace(app.config["CHITRA"], home=tmp_path))
    runner = app.test_cli_runner()
    yield lambda *words, **more: runner.invoke(args=["agency", *words], **more)


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing(tmp_path / "keys")


def test_a_key_is_made_and_its_public_half_printed(run: Run, ring: KeyRing) -> None:
    made = run("keys", "new")
    (kid,) = ring.published()
    assert (
        made.exit_code == 0
        and ring.public_pem(kid).decode() in made.output
        and "keys use" not in made.output
        and "PRIVATE" not in made.output
    )
    assert run("keys", "show", kid).output == ring.public_pem(kid).decode()


def test_two_keys_live_during_a_rotation_and_the_old_one_is_retired(run: Run, ring: KeyRing) -> None:
    run("keys", "new")
    (old,) = ring.published()
    run("keys", "new", "--alg", "RS256")
    (new,) = set(ring.published()) - {old}
    assert ring.signing_key().kid == old, "agencies do not know the new one yet"
    assert run("keys", "use", new).exit_code == 0
    listed = [line.split() for line in run("keys", "list").output.splitlines()]
    assert [(line[0], line[-2]) for line in listed] == [("chitra", "EdDSA"), ("*", "RS256")]
    assert (ring.signing_key().kid, ring.signing_key().alg) == (new, "RS256")
    third = run("keys", "new")
    assert (third.exit_code, third.output) == (1, "Error: two keys are live: retire one first\n")
    assert run("keys", "retire", old).exit_code == 0
    assert set(ring.published()) == {new}
    last = run("keys", "retire", new)
    assert last.exit_code == 1 and "cannot be retired" in last.output


def test_a_waiting_key_signs_when_no_other_is_left(run: Run, ring: KeyRing) -> None:
    run("keys", "new")
    (old,) = ring.published()
    run("keys", "new")
    (new,) = set(ring.published()) - {old}
    run("keys", "retire", old)
    assert ring.signing_key().kid == new
    assert run("keys", "use", "nobody").exit_code == 1
    assert run("keys", "use", new).exit_code == 0 and ring.signing_key().kid == new


def test_an_agencys_key_is_trusted_by_its_file_and_distrusted(run: Run, ring: KeyRing, tmp_path: Path) -> None:
    theirs = KeyRing(tmp_path / "theirs")
    kid = theirs.new_key(now=clock.wall())
    pem = tmp_path / "key.pem"
    pem.write_bytes(theirs.public_pem(kid))
    trusted = run("keys", "trust", "vnpost", kid, str(pem))
    (fact,) = ring.list_keys()
    assert trusted.exit_code == 0 and fact.fingerprint in trusted.output
    signature = signing.sign(b"{}", theirs.signing_key(), now=clock.wall())
    assert signing.verify(b"{}", signature, ring.trusted_keys("vnpost"), now=clock.wall()) == kid
    assert run("keys", "distrust", "vnpost", kid).exit_code == 0
    assert ring.trusted_keys("vnpost") == {}
    pem.write_text("no key")
    assert run("keys", "trust", "vnpost", kid, str(pem)).exit_code == 1


def test_client_secrets_are_issued_once_and_kept(run: Run, ring: KeyRing) -> None:
    issued = run("client", "issue", "vnpost").output.strip()
    assert ring.knows_client("vnpost", issued) and not ring.knows_client("vnpost", issued + "x")
    kept = run("client", "keep", input="a secret of the agency\n")
    assert kept.exit_code == 0 and "a secret" not in kept.output
    assert ring.secret("chitra") == "a secret of the agency"
    assert run("client", "keep", "--secret", "short").exit_code == 1
