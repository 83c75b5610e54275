"""One measured run in a process of its own, so that its memory is its own; prints seconds and peak memory as JSON.

Peak memory is that of the process and of the largest process it started, together.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import config
from app import clock, create_app
from app.extensions import db
from bench.data import MADE_ON
from bench.measures import find


def main(name: str, home: str, run_on: str, migrate_on: str) -> None:
    """Run the step `name` on a database; starting the program and connecting are not part of it."""
    settings = config.load({"CHITRA_HOME": home, "SECRET_KEY": "bench", "CHITRA_LOG_LEVEL": "WARNING"})
    app = create_app(settings, addresses=(run_on, migrate_on))
    step = find(name)
    with app.app_context(), clock.at(MADE_ON):
        db.engine.connect().close()
        started = time.perf_counter()
        step.run()
        seconds = time.perf_counter() - started
    children_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6
    print(json.dumps({"seconds": seconds, "peak_mb": peak_mb("self") + children_mb}))


def peak_mb(process: str | int) -> float:
    """Most memory the process has held so far, in MB (VmHWM; `ru_maxrss` would count the parent's share too)."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError("no VmHWM in /proc: memory is measured on Linux only")


if __name__ == "__main__":
    main(*sys.argv[1:])
