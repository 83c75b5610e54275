"""The key ring: rotation with two live keys, files nobody else can read, names that cannot leave the folder."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from app.agency import signing
from app.agency.keys import KeyRing, KeyTrouble
from tests.agency.contract_samples import NOW, Rings

BODY = b"{}"


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing(tmp_path / "deep" / "keys")


@pytest.mark.parametrize("alg", ["EdDSA", "RS256"])
def test_a_new_key_signs_and_is_ours_alone(ring: KeyRing, alg: str) -> None:
    kid = ring.new_key(alg, now=NOW)
    assert (ring.signing_key().kid, ring.signing_key().alg) == (kid, alg)
    for path in ring.folder.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    assert stat.S_IMODE(ring.folder.stat().st_mode) == 0o700
    assert b"PRIVATE" in (ring.folder / "own" / f"{kid}.pem").read_bytes()
    assert b"PRIVATE" not in ring.public_pem(kid)


def test_a_rotation_never_leaves_a_message_unverifiable(rings: Rings) -> None:
    """Both live keys are published before the new one signs; the old one goes when the partner has both."""
    old = rings.ours.signing_key()
    new = rings.ours.new_key(now=NOW + timedelta(days=90))
    assert rings.ours.signing_key().kid == new
    assert set(rings.ours.published()) == {old.kid, new}
    for kid, pem in rings.ours.published().items():
        rings.theirs.trust("chitra", kid, pem)
    on_the_way = signing.sign(BODY, old, now=NOW)
    fresh = signing.sign(BODY, rings.ours.signing_key(), now=NOW)
    assert signing.verify(BODY, on_the_way, rings.theirs.trusted_keys("chitra"), now=NOW) == old.kid
    assert signing.verify(BODY, fresh, rings.theirs.trusted_keys("chitra"), now=NOW) == new
    rings.ours.retire(old.kid)
    rings.theirs.distrust("chitra", old.kid)
    assert set(rings.ours.published()) == {new}
    with pytest.raises(signing.SignatureInvalid):
        signing.verify(BODY, on_the_way, rings.theirs.trusted_keys("chitra"), now=NOW)


def test_two_keys_are_live_at_most_and_one_at_least(ring: KeyRing) -> None:
    first = ring.new_key(now=NOW)
    with pytest.raises(KeyTrouble, match="last live key"):
        ring.retire(first)
    ring.new_key(now=NOW + timedelta(seconds=1))
    with pytest.raises(KeyTrouble, match="two keys are live"):
        ring.new_key(now=NOW + timedelta(seconds=2))
    ring.retire(first)
    with pytest.raises(KeyTrouble, match="no live key"):
        ring.retire(first)


def test_retiring_destroys_the_private_half_and_keeps_the_public_one(ring: KeyRing) -> None:
    first = ring.new_key(now=NOW)
    pem = ring.public_pem(first)
    ring.new_key(now=NOW + timedelta(seconds=1))
    ring.retire(first)
    assert not (ring.folder / "own" / f"{first}.pem").exists()
    assert (ring.folder / "retired" / f"{first}.pem").read_bytes() == pem


def test_a_folder_without_keys_says_so(ring: KeyRing) -> None:
    with pytest.raises(KeyTrouble, match="no key of our own"):
        ring.signing_key()
    assert ring.trusted_keys("vnpost") == {}
    assert ring.list_keys() == ()


def test_a_private_key_that_others_can_read_is_not_used(ring: KeyRing) -> None:
    kid = ring.new_key(now=NOW)
    (ring.folder / "own" / f"{kid}.pem").chmod(0o640)
    with pytest.raises(KeyTrouble, match="chmod 600"):
        ring.signing_key()


def test_a_private_key_that_is_no_key_is_not_used(ring: KeyRing) -> None:
    kid = ring.new_key(now=NOW)
    (ring.folder / "own" / f"{kid}.pem").write_bytes(b"-----BEGIN NOTHING-----")
    with pytest.raises(KeyTrouble, match="cannot be read as a key"):
        ring.signing_key()


def test_a_kid_never_changes_its_key(rings: Rings) -> None:
    kid = rings.theirs.signing_key().kid
    rings.ours.trust("vnpost", kid, rings.theirs.public_pem(kid))
    other = rings.ours.public_pem(rings.ours.signing_key().kid)
    with pytest.raises(KeyTrouble, match="another key"):
        rings.ours.trust("vnpost", kid, other)
    assert set(rings.ours.trusted_keys("vnpost")) == {kid}


def test_a_partner_has_two_trusted_keys_at_most(rings: Rings) -> None:
    pem = rings.ours.public_pem(rings.ours.signing_key().kid)
    rings.ours.trust("vnpost", "second", pem)
    with pytest.raises(KeyTrouble, match="distrust one first"):
        rings.ours.trust("vnpost", "third", pem)


def test_the_keys_of_one_partner_verify_nothing_of_another(rings: Rings) -> None:
    signature = signing.sign(BODY, rings.theirs.signing_key(), now=NOW)
    assert signing.verify(BODY, signature, rings.ours.trusted_keys("vnpost"), now=NOW)
    for other in ("viettel", "VNPOST", "..", "", "vnpost/../vnpost"):
        with pytest.raises(signing.SignatureInvalid):
            signing.verify(BODY, signature, rings.ours.trusted_keys(other), now=NOW)


@pytest.mark.parametrize("name", ["..", "../x", "a/b", "", ".hidden", "x" * 65, "a\x00b", "Bưu điện"])
def test_a_name_cannot_leave_the_folder(rings: Rings, name: str) -> None:
    pem = rings.ours.public_pem(rings.ours.signing_key().kid)
    for change in (
        lambda: rings.ours.trust(name, "k", pem),
        lambda: rings.ours.trust("vnpost", name, pem),
        lambda: rings.ours.keep_secret(name, "x" * 32),
        lambda: rings.ours.secret(name),
        lambda: rings.ours.issue_client(name),
        lambda: rings.ours.public_pem(name),
    ):
        with pytest.raises(KeyTrouble):
            change()
    assert not rings.ours.knows_client(name, "x" * 32)


def test_a_weak_or_foreign_public_key_is_not_trusted(ring: KeyRing) -> None:
    curve = generate_private_key(SECP256R1()).public_key()
    pem = curve.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for bad in (pem, b"", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"):
        with pytest.raises(KeyTrouble, match="not a public"):
            ring.trust("vnpost", "k", bad)
    assert ring.trusted_keys("vnpost") == {}


def test_the_list_shows_who_signs_and_no_secret(rings: Rings) -> None:
    rings.ours.new_key("RS256", now=NOW + timedelta(days=1))
    facts = rings.ours.list_keys()
    assert [(fact.alg, fact.owner, fact.signs) for fact in facts] == [
        ("EdDSA", "", False),
        ("RS256", "", True),
        ("EdDSA", "vnpost", False),
    ]
    assert len({fact.fingerprint for fact in facts}) == 3
    assert rings.ours.senders() == ("vnpost",)


def test_a_client_secret_is_told_once_and_kept_as_a_hash(ring: KeyRing) -> None:
    secret = ring.issue_client("chitra")
    assert ring.knows_client("chitra", secret)
    assert not ring.knows_client("chitra", secret + "x")
    assert not ring.knows_client("chitra", "")
    assert not ring.knows_client("other", secret)
    assert all(secret.encode() not in path.read_bytes() for path in ring.folder.rglob("*") if path.is_file())
    again = ring.issue_client("chitra")
    assert ring.knows_client("chitra", again) and not ring.knows_client("chitra", secret)


def test_a_secret_given_to_us_is_kept_and_changed(ring: KeyRing) -> None:
    with pytest.raises(KeyTrouble, match="missing"):
        ring.secret("chitra")
    for bad in ("short", "ngắn nhưng không phải ASCII", "x" * 20 + "\n"):
        with pytest.raises(KeyTrouble, match="16 printable"):
            ring.keep_secret("chitra", bad)
    ring.keep_secret("chitra", "a" * 20)
    ring.keep_secret("chitra", "b" * 20)
    assert ring.secret("chitra") == "b" * 20


def test_the_bearer_key_is_made_once(ring: KeyRing) -> None:
    assert ring.bearer_key() == KeyRing(ring.folder).bearer_key()
    assert len(ring.bearer_key()) == 32
    assert not [path for path in ring.folder.iterdir() if path.name.startswith(".")]
