"""What a check of the books is. The checks themselves are in `money` and `course`."""

from __future__ import annotations

from dataclasses import dataclass

ROOT = "'VN/'"
"""SQL: the area of what belongs to no area in particular."""


@dataclass(frozen=True, slots=True)
class Check:
    """`sql` gives (id, area_path) of everything that breaks the sentence `words`; nothing when all is well.

    `promise` is the number in docs/invariants.md; `what` says of which table the ids are.
    """

    name: str
    promise: str
    what: str
    words: str
    sql: str
