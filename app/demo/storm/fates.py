"""What is to happen to each list of the day: a function of the seed and the lists' codes alone."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from app.demo.places import dice


class Fate(StrEnum):
    """What the post office and our office do about the first version of a list; later versions are simply paid."""

    PAID = "paid"
    SENT_BACK = "sent_back"
    LEFT_RETURNED = "left_returned"
    SENT_BACK_AFTER_ACCEPTING = "sent_back_after_accepting"
    RECALLED = "recalled"
    RECALLED_IN_VAIN = "recalled_in_vain"
    MORE_DAYS = "more_days"
    NO_MORE_DAYS = "no_more_days"


_TURN = (
    Fate.SENT_BACK,
    Fate.PAID,
    Fate.LEFT_RETURNED,
    Fate.MORE_DAYS,
    Fate.SENT_BACK_AFTER_ACCEPTING,
    Fate.RECALLED,
    Fate.PAID,
    Fate.NO_MORE_DAYS,
    Fate.RECALLED_IN_VAIN,
    Fate.PAID,
)


_AT_A_BANK = (Fate.SENT_BACK, Fate.PAID, Fate.PAID, Fate.LEFT_RETURNED)


def fates(post: Iterable[str], banks: Iterable[str], seed: int) -> dict[str, Fate]:
    """List -> what happens to it; which list meets which fate is by the seed, how many meet each is not."""
    return _dealt(post, _TURN, seed) | _dealt(banks, _AT_A_BANK, seed)


def _dealt(codes: Iterable[str], turn: tuple[Fate, ...], seed: int) -> dict[str, Fate]:
    shuffled = sorted(codes)
    dice(seed, "storm").shuffle(shuffled)
    return {code: turn[at % len(turn)] for at, code in enumerate(shuffled)}
