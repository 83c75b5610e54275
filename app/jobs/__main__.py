"""`python -m app.jobs`: the scheduler process. Any number may run: each piece of work is claimed with a lease."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from types import FrameType

from apscheduler.schedulers.background import BackgroundScheduler
from flask import Flask

from app import clock, create_app, logs
from app.jobs.running import run
from app.jobs.table import jobs

log = logging.getLogger("app.jobs")


def main() -> int:
    """Runs until SIGTERM or SIGINT, finishes what it is doing, exits 0."""
    app = create_app()
    settings = app.config["CHITRA"]
    logs.install(settings.log_level)
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    scheduler = _scheduler(app, stopping)
    scheduler.start()
    log.info("scheduler started")
    stopping.wait()
    scheduler.shutdown(wait=True)
    log.info("scheduler finished")
    return 0


def _scheduler(app: Flask, stopping: threading.Event) -> BackgroundScheduler:
    """Every job of the table, due at once: one that looks every hour must not wait an hour after every start."""
    scheduler = BackgroundScheduler(
        timezone="Asia/Ho_Chi_Minh",
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": 3600},
    )
    owner = f"{socket.gethostname()}:{os.getpid()}"
    for job in jobs(app.config["CHITRA"]):
        scheduler.add_job(
            run,
            "interval",
            seconds=job.every_s,
            id=job.name,
            next_run_time=clock.wall(),
            args=[app, job],
            kwargs={"owner": owner, "stopping": stopping},
        )
    return scheduler


if __name__ == "__main__":
    sys.exit(main())
