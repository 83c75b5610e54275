"""What an agency announced: its reports, their parts and control totals, as a pure function of the parts that came.

Stored as JSON on the settlement: for each report the announced numbers of parts and totals, and for each part the sums
of its lines. Everything is a sorted set, so that order and repetition of messages do not matter; more than one value
where there should be one is a contradiction.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any

from app.agency.messages import ControlTotals, SettlementPart

Reported = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Report:
    """One report of a settlement. `announced` is None when its parts announce different totals."""

    report_id: str
    parts_expected: int
    parts_received: int
    announced: ControlTotals | None
    said: ControlTotals
    unreadable: int
    contradictory: bool

    @property
    def complete(self) -> bool:
        """Every part has come."""
        return self.parts_received == self.parts_expected

    @property
    def consistent(self) -> bool:
        """Complete, readable, and its lines add up to what it announced."""
        return self.complete and not self.unreadable and not self.contradictory and self.announced == self.said


def add(reported: Reported | None, part: SettlementPart, said: ControlTotals, unreadable: int) -> Reported:
    """The reports with one more part; a part that was there before changes nothing."""
    result: Reported = {key: dict(value) for key, value in (reported or {}).items()}
    report = result.setdefault(part.settlement_id, {"parts": [], "totals": [], "said": {}})
    report["parts"] = _with(report["parts"], part.parts)
    report["totals"] = _with(report["totals"], list(astuple(part.totals)))
    key = str(part.part)
    report["said"] = report["said"] | {key: _with(report["said"].get(key, []), [*astuple(said), unreadable])}
    return result


def read(reported: Reported | None) -> tuple[Report, ...]:
    """Every report, the one that counts most last: consistent before complete before the rest, then by its id."""
    reports = [_read(report_id, report) for report_id, report in (reported or {}).items()]
    return tuple(sorted(reports, key=lambda r: (r.consistent, r.complete, r.report_id)))


def _with(values: list[Any], value: Any) -> list[Any]:
    return values if value in values else sorted([*values, value])


def _read(report_id: str, report: Reported) -> Report:
    columns = [sums for said in report["said"].values() for sums in said]
    totals = [sum(column) for column in zip(*columns, strict=True)]
    single = (report["parts"], report["totals"], *report["said"].values())
    return Report(
        report_id=report_id,
        parts_expected=max(report["parts"]),
        parts_received=len(report["said"]),
        announced=ControlTotals(*report["totals"][0]) if len(report["totals"]) == 1 else None,
        said=ControlTotals(*totals[:6]),
        unreadable=totals[6],
        contradictory=any(len(values) > 1 for values in single),
    )
