"""How far a proof goes: a short form in `make test`, the full form in `make night`."""

from __future__ import annotations

import os

NIGHT = os.environ.get("CHITRA_NIGHT") == "1"


def scale(short: int, full: int) -> int:
    """`short` in `make test`, `full` in `make night`."""
    return full if NIGHT else short
