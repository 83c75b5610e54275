"""`make storm`: a fresh demo in a folder of its own, one day of it under every fault, then what is left; prints JSON.

0 when every packet and settlement is at an end or on a person's list and the drawers equal our books to the đồng, else 1.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import config
from app import embedded
from app.demo.exchange import exchange_keys
from app.demo.storm.day import Day, Summary
from app.demo.up import free_port, prepare, start_parts, wait_until_up
from app.extensions import db


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the summary of the day; everything else goes to stderr."""
    asked = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # like Ctrl-C: nothing that was started is left behind
    with (
        contextlib.redirect_stdout(sys.stderr),
        tempfile.TemporaryDirectory(prefix="chitra-storm-", ignore_cleanup_errors=True) as folder,
    ):
        summary = _weather(asked, Path(folder))
    sys.stdout.write(json.dumps(summary, ensure_ascii=False, indent=2) + "\n")
    return 0 if summary["well"] else 1


def _weather(asked: argparse.Namespace, home: Path) -> Summary:
    web = free_port()
    settings = replace(
        config.load({**os.environ, "CHITRA_DEMO": "1"}),
        home=home,
        demo=True,
        port=web,
        sandbox_port=free_port(),
        public_url=f"http://127.0.0.1:{web}",
        poll_after_s=60,
    )
    with ExitStack() as stack:
        if settings.embedded:
            stack.callback(embedded.stop, embedded.start(home))
        exchange_keys(settings)
        app = prepare(settings, people=asked.people, months=asked.months)
        with app.app_context():
            db.engine.dispose()
        parts = start_parts(settings, app, stack)
        wait_until_up(settings, parts, threading.Event())
        with app.app_context():
            stack.callback(db.engine.dispose)
            day = Day(
                settings,
                seed=asked.seed,
                patience_s=asked.patience,
                part_lines=asked.part_lines,
                fury=asked.fury,
                ahead=0 if asked.this_month else 1,
            )
            return day.live(
                storm_s=asked.storm, calm_s=asked.calm, kills=asked.kills, kill=parts["jobs"].kill_and_start
            )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app.demo.storm", description=__doc__)
    parser.add_argument("--people", type=int, default=int(os.environ.get("PEOPLE", "600")))
    parser.add_argument("--months", type=int, default=1, help="past months, played in fair weather")
    parser.add_argument(
        "--seed", type=int, default=1, help="same seed, same fates and faults, as far as processes allow"
    )
    parser.add_argument("--this-month", action="store_true", help="not the next: after its cut-off everything is late")
    parser.add_argument("--fury", type=float, default=2.0, help="times as many faults as the sandbox's own storm")
    parser.add_argument("--kills", type=int, default=0, help="kill -9 of the scheduler during the storm")
    parser.add_argument("--storm", type=int, default=60, help="seconds after which the faults stop at the latest")
    parser.add_argument("--calm", type=int, default=900, help="seconds after which it is said that it never gets quiet")
    parser.add_argument("--patience", type=int, default=3, help="seconds after which somebody asks again at once")
    parser.add_argument("--part-lines", type=int, default=25, help="lines in each part of a settlement")
    return parser


if __name__ == "__main__":
    sys.exit(main())
