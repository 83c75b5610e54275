"""Passwords before they are hashed, and the pauses after wrong ones."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta

import pytest

from app.rules import passwords
from app.rules.passwords import FOR_A_NAME, FOR_AN_ADDRESS, LONGEST_WAIT, PasswordError


@pytest.mark.parametrize(
    ("password", "demo", "problem"),
    [
        ("chín ký tự", False, None),
        ("chínkýtự9", False, "short"),
        ("demo", False, "short"),
        ("demo", True, None),
        ("de", True, "short"),
        ("a" * 129, False, "long"),
        ("aaaaaaaaaaaa", False, "monotonous"),
        ("xin chao\x00abc", False, "control"),
        ("toi la XA.CANBO do", False, "username"),
    ],
)
def test_what_may_be_a_password(password: str, demo: bool, problem: str | None) -> None:
    if problem is None:
        passwords.check_password(password, username="xa.canbo", demo=demo)
        return
    with pytest.raises(PasswordError) as caught:
        passwords.check_password(password, username="xa.canbo", demo=demo)
    assert caught.value.code == problem


def test_a_decomposed_password_is_the_same_password() -> None:
    assert passwords.normal(unicodedata.normalize("NFD", "mật khẩu")) == passwords.normal("mật khẩu")


def test_generated_passwords_may_be_set_and_do_not_repeat() -> None:
    made = {passwords.generate() for _ in range(200)}
    assert len(made) == 200
    for one in made:
        passwords.check_password(one, username="xa.canbo", demo=False)


@pytest.mark.parametrize(
    ("failures", "minutes"), [(0, 0), (4, 0), (5, 1), (6, 2), (7, 4), (8, 8), (9, 15), (10, 15), (5000, 15)]
)
def test_the_pause_doubles_from_one_minute_to_fifteen(failures: int, minutes: int) -> None:
    assert passwords.wait_after(failures, FOR_A_NAME) == timedelta(minutes=minutes)


def test_what_is_left_of_a_pause_never_exceeds_the_longest_even_when_the_clock_was_wrong() -> None:
    now = datetime(2026, 11, 1, tzinfo=UTC)
    assert passwords.wait_left(5, now, now=now, patience=FOR_A_NAME) == timedelta(minutes=1)
    assert passwords.wait_left(5, now, now=now + timedelta(minutes=2), patience=FOR_A_NAME) == timedelta()
    assert passwords.wait_left(5, now + timedelta(days=1), now=now, patience=FOR_A_NAME) == timedelta(minutes=1)
    assert passwords.wait_left(99, now + timedelta(days=1), now=now, patience=FOR_A_NAME) == LONGEST_WAIT
    assert passwords.wait_left(4, now + timedelta(days=1), now=now, patience=FOR_A_NAME) == timedelta()


def test_failures_are_forgotten_with_time_and_sooner_for_an_address() -> None:
    assert passwords.still_counting(7, since=timedelta(minutes=59), patience=FOR_A_NAME) == 7
    assert passwords.still_counting(7, since=timedelta(hours=2), patience=FOR_A_NAME) == 5
    assert passwords.still_counting(7, since=timedelta(days=2), patience=FOR_A_NAME) == 0
    assert passwords.still_counting(7, since=timedelta(minutes=2), patience=FOR_AN_ADDRESS) == 3
    assert passwords.still_counting(7, since=-timedelta(minutes=2), patience=FOR_AN_ADDRESS) == 7
