"""`python -m bench [--lines N] [--only NAME,…]`: measure, print the table, write build/bench.json."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench import data
from bench.measures import MEASURES, Measure
from bench.server import Bench, running

RUNS = 3
REPORT = Path("build/bench.json")
Figures = dict[str, Any]


def main() -> None:
    """Measure everything asked for; figures over their limit are reported like the others."""
    options = _options()
    wanted = set(options.only.split(",")) if options.only else {measure.name for measure in MEASURES}
    figures: dict[str, Figures] = {}
    with running() as bench:
        bench.create("base")
        with bench.admin("base") as admin:
            data.fill(admin, lines=options.lines, months=1)
        for measure in MEASURES:
            figures[measure.name] = _measure(bench, measure, options.lines, RUNS if measure.name in wanted else 1)
            if wanted <= figures.keys():
                break
    figures = {name: found for name, found in figures.items() if name in wanted}
    _print(figures)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(figures, indent=2) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--lines", type=int, default=100_000, help="payable lines of the province")
    parser.add_argument("--only", help="names of the measures wanted, with commas")
    return parser.parse_args()


def _measure(bench: Bench, measure: Measure, lines: int, runs: int) -> Figures:
    """Median of the runs, each on a fresh copy of `base`; what the last one leaves becomes the new `base`."""
    found = []
    for _ in range(runs):
        bench.copy("base", "run")
        found.append(_run(bench, measure))
    bench.copy("run", "base")
    return {
        "seconds": round(statistics.median(run["seconds"] for run in found), 3),
        "peak_mb": round(statistics.median(run["peak_mb"] for run in found), 1),
        "limit_seconds": measure.limit_seconds,
        "limit_mb": measure.limit_mb,
        "n": lines,
        "runs": [round(run["seconds"], 3) for run in found],
    }


def _run(bench: Bench, measure: Measure) -> Figures:
    command = [sys.executable, "-W", "ignore", "-m", "bench.child", measure.name, str(bench.home)]
    done = subprocess.run([*command, *bench.addresses("run")], stdout=subprocess.PIPE, check=True)
    found: Figures = json.loads(done.stdout.splitlines()[-1])
    return found


def _print(figures: dict[str, Figures]) -> None:
    print(f"{'':28}{'n':>10}{'seconds':>10}{'limit':>8}{'peak MB':>10}{'limit':>8}")
    for name, found in figures.items():
        memory = found["limit_mb"]
        over = found["seconds"] > found["limit_seconds"] or (memory is not None and found["peak_mb"] > memory)
        print(
            f"{name:28}{found['n']:>10,}{found['seconds']:>10.2f}{found['limit_seconds']:>8.2f}{found['peak_mb']:>10.0f}"
            f"{memory or '':>8}{'  OVER' if over else ''}"
        )


if __name__ == "__main__":
    main()
