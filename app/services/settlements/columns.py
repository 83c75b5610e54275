"""Lines of a message as columns for one statement: each a single text, joined by a character no line may hold.

PostgreSQL takes such a text apart several times faster than a driver writes an array of the same values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.agency.messages import RECOVER, LineStatus

SEPARATOR = "\x1f"
"""Refused in every text of the contract (agency/reading.py), and XML cannot hold it."""

REFERENCES = "string_to_array(:references, chr(31))"
OUTCOMES = "string_to_array(:outcomes, ',')"
AMOUNTS = "CAST(string_to_array(:amounts, ',') AS bigint[])"
REASONS = "string_to_array(:reasons, chr(31), '')"
MOMENTS = "CAST(string_to_array(:moments, ',') AS timestamptz[])"


def joined(values: Iterable[object], separator: str = ",") -> str:
    """The values as one text."""
    return separator.join(map(str, values))


def of_lines(lines: Sequence[LineStatus]) -> dict[str, str]:
    """The parameters of REFERENCES, OUTCOMES and AMOUNTS."""
    return {
        "references": joined((line.reference for line in lines), SEPARATOR),
        "outcomes": joined("to_recover" if line.outcome == RECOVER else line.outcome for line in lines),
        "amounts": joined(line.amount_vnd for line in lines),
    }


def of_entries(lines: Sequence[LineStatus]) -> dict[str, str]:
    """The parameters of `of_lines`, of REASONS and of MOMENTS."""
    return of_lines(lines) | {
        "reasons": joined((line.reason_code for line in lines), SEPARATOR),
        "moments": joined(line.at.isoformat() for line in lines),
    }
