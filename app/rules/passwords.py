"""Passwords before they are hashed, and how long somebody who got them wrong has to wait. Nothing is stored here."""

from __future__ import annotations

import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.rules.problems import UnreadableError
from app.rules.states import N_

LEAST_LENGTH = 10
LEAST_LENGTH_DEMO = 4
MOST_LENGTH = 128

_UNAMBIGUOUS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Read out over the telephone: no i, l, o, 0, 1."""


class PasswordError(UnreadableError):
    """A password that cannot be taken."""

    texts = {
        "short": N_("Mật khẩu phải có ít nhất %(least)s ký tự."),
        "long": N_("Mật khẩu dài quá %(most)s ký tự."),
        "control": N_("Mật khẩu có ký tự điều khiển."),
        "monotonous": N_("Mật khẩu phải có ít nhất %(least)s ký tự khác nhau."),
        "username": N_("Mật khẩu không được chứa tên đăng nhập."),
        "same": N_("Mật khẩu mới phải khác mật khẩu cũ."),
    }


def normal(password: str) -> str:
    """One spelling for what a Vietnamese keyboard may send composed or decomposed."""
    return unicodedata.normalize("NFC", password)


def check_password(password: str, *, username: str, demo: bool) -> None:
    """Raise PasswordError unless the password may be set; length and variety, no recipe of character classes."""
    chosen = normal(password)
    least = LEAST_LENGTH_DEMO if demo else LEAST_LENGTH
    if len(chosen) < least:
        raise PasswordError("short", least=least)
    if len(chosen) > MOST_LENGTH:
        raise PasswordError("long", most=MOST_LENGTH)
    if any(unicodedata.category(char) == "Cc" for char in chosen):
        raise PasswordError("control")
    if demo:
        return
    if len(set(chosen)) < LEAST_LENGTH // 2:
        raise PasswordError("monotonous", least=LEAST_LENGTH // 2)
    if username.lower() in chosen.lower():
        raise PasswordError("username")


def generate() -> str:
    """A password to hand over once: four groups of four, 79 bits."""
    return "-".join("".join(secrets.choice(_UNAMBIGUOUS) for _ in range(4)) for _ in range(4))


@dataclass(frozen=True, slots=True)
class Patience:
    """How many failures are free, and how long it takes to forget one."""

    free: int
    forget: timedelta


FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(minutes=15)

FOR_A_NAME = Patience(free=5, forget=timedelta(hours=1))
FOR_AN_ADDRESS = Patience(free=30, forget=timedelta(seconds=30))
"""An address is a whole office behind one router, so it is patient and forgets quickly."""


def wait_after(failures: int, patience: Patience) -> timedelta:
    """Pause before the next attempt: none, then one minute doubling up to fifteen."""
    over = failures - patience.free
    return timedelta() if over < 0 else min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(over, 10))


def still_counting(failures: int, *, since: timedelta, patience: Patience) -> int:
    """Failures not forgotten yet when the last one was `since` ago."""
    return max(0, failures - max(since, timedelta()) // patience.forget)


def wait_left(failures: int, failed_at: datetime, *, now: datetime, patience: Patience) -> timedelta:
    """What is left of the pause at `now`; zero when the next attempt may be made."""
    wait = wait_after(failures, patience)
    return max(timedelta(), min(wait, failed_at + wait - now))
