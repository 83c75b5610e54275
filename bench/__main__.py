"""`python -m bench [--lines N] [--rows N] [--only NAME,…]`: measure, print the table, write build/bench.json."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench import books, data, screens, wire
from bench.measures import ARREARS, CHECK_BOOKS, PROOFS, RISEN_MONTHS, STEPS, Step
from bench.server import Bench, running

RUNS = 3
REPORT = Path("build/bench.json")
LIST_SCREENS = "list_screens"
Figures = dict[str, Any]


def main() -> None:
    """Measure everything asked for; figures over their limit are reported like the others."""
    options = _options()
    everything = {step.name for step in (*STEPS, ARREARS, CHECK_BOOKS)} | {LIST_SCREENS, wire.NAME}
    wanted = set(options.only.split(",")) if options.only else everything
    figures: dict[str, Figures] = wire.measure() if wire.NAME in wanted else {}
    with running() as bench:
        figures |= _month(bench, wanted, options.lines)
        if ARREARS.name in wanted:
            figures[ARREARS.name] = _arrears(bench, options.person_months)
            _say(ARREARS.name, figures[ARREARS.name])
        if wanted & {LIST_SCREENS, CHECK_BOOKS.name}:
            _past(bench, options.rows)
        if LIST_SCREENS in wanted:
            figures |= screens.measure(bench, "past", options.rows)
        if CHECK_BOOKS.name in wanted:
            figures[CHECK_BOOKS.name] = _books(bench, options.rows)
    _print(figures)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(figures, indent=2) + "\n")
    print(f"{REPORT} · {os.cpu_count()} cores · load {os.getloadavg()[0]:.1f} at the end")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--lines", type=int, default=100_000, help="payable lines of the province")
    parser.add_argument("--rows", type=int, default=1_000_000, help="lines under the list screens")
    parser.add_argument("--person-months", type=int, default=100_000, help="listed person-months of a rise")
    parser.add_argument("--only", help="names of the measures wanted, with commas")
    return parser.parse_args()


def _month(bench: Bench, wanted: set[str], lines: int) -> dict[str, Figures]:
    """The steps of a month, as far as the last one wanted."""
    names = [step.name for step in STEPS]
    last = max((names.index(name) for name in wanted if name in names), default=-1)
    if last < 0:
        return {}
    bench.create("base")
    with bench.admin("base") as admin:
        data.fill(admin, lines=lines, months=1)
    found = {}
    for step in STEPS[: last + 1]:
        measured = step.limit_seconds is not None and step.name in wanted
        figures = _measure(bench, step, lines, RUNS if measured else 1)
        if measured:
            found[step.name] = figures
            _say(step.name, figures)
    return found


def _measure(bench: Bench, step: Step, lines: int, runs: int) -> Figures:
    """Median of the runs, each on a fresh copy of `base`; what the last one leaves becomes the new `base`."""
    found = []
    for _ in range(runs):
        bench.copy("base", "run")
        found.append(_run(bench, step))
    _prove(bench, step, lines)
    bench.copy("run", "base")
    return {
        "seconds": round(statistics.median(run["seconds"] for run in found), 3),
        "peak_mb": round(statistics.median(run["peak_mb"] for run in found), 1),
        "limit_seconds": step.limit_seconds,
        "limit_mb": step.limit_mb,
        "n": lines,
        "runs": [round(run["seconds"], 3) for run in found],
    }


def _run(bench: Bench, step: Step) -> Figures:
    command = [sys.executable, "-W", "ignore", "-m", "bench.child", step.name, str(bench.home)]
    done = subprocess.run([*command, *bench.addresses("run")], stdout=subprocess.PIPE, check=True)
    found: Figures = json.loads(done.stdout.splitlines()[-1])
    return found


def _prove(bench: Bench, step: Step, lines: int) -> None:
    if step.name not in PROOFS:
        return
    with bench.admin("run") as admin:
        row = admin.execute(PROOFS[step.name].replace(":month", "%(month)s"), {"month": data.MONTH}).fetchone()
    if row is None or row[0] != lines:
        raise SystemExit(f"{step.name} dealt with {row and row[0]} lines of {lines}: its figure would mean nothing")


def _arrears(bench: Bench, person_months: int) -> Figures:
    """A rise computed for months listed at the old amount."""
    bench.create("rise")
    with bench.admin("rise") as admin:
        data.fill(admin, lines=person_months // RISEN_MONTHS, months=RISEN_MONTHS)
    bench.copy("rise", "base")
    return _measure(bench, ARREARS, person_months, RUNS)


def _past(bench: Bench, rows: int) -> None:
    """Ten settled months with `rows` lines in all."""
    months = 10
    bench.create("past")
    with bench.admin("past") as admin:
        data.fill(admin, lines=rows // months, months=months, settled=True)


def _books(bench: Bench, rows: int) -> Figures:
    """Every check of the books over `rows` lines, the last month still with the agency."""
    bench.copy("past", "run")
    with bench.admin("run") as admin:
        books.write(admin)
    found = [_run(bench, CHECK_BOOKS) for _ in range(RUNS)]
    return {
        "seconds": round(statistics.median(run["seconds"] for run in found), 3),
        "peak_mb": round(statistics.median(run["peak_mb"] for run in found), 1),
        "limit_seconds": CHECK_BOOKS.limit_seconds,
        "limit_mb": None,
        "n": rows,
        "runs": [round(run["seconds"], 3) for run in found],
    }


def _say(name: str, found: Figures) -> None:
    print(f"{name}: {found['seconds']} s of {found['limit_seconds']} s", file=sys.stderr, flush=True)


def _print(figures: dict[str, Figures]) -> None:
    print(f"{'':44}{'n':>10}{'seconds':>10}{'limit':>8}{'peak MB':>10}{'limit':>8}")
    for name, found in figures.items():
        memory = found.get("limit_mb")
        over = found["seconds"] > found["limit_seconds"] or (memory is not None and found["peak_mb"] > memory)
        print(
            f"{name:44}{found['n']:>10,}{found['seconds']:>10.3f}{found['limit_seconds']:>8.2f}{found['peak_mb']:>10.0f}"
            f"{memory or '':>8}{'  OVER' if over else ''}"
        )


if __name__ == "__main__":
    main()
