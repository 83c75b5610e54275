"""`make month`: a fresh demo in a folder of its own, one month played, its JSON on stdout and nothing else."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import config
from app import embedded
from app.demo.exchange import exchange_keys
from app.demo.month import run_month
from app.demo.up import prepare
from app.extensions import db


def main() -> int:
    """Prints the summary of the month; everything else goes to stderr."""
    people = int(os.environ.get("PEOPLE", "600"))
    with tempfile.TemporaryDirectory(prefix="chitra-month-", ignore_cleanup_errors=True) as folder:
        settings = replace(config.load({**os.environ, "CHITRA_DEMO": "1"}), home=Path(folder), demo=True)
        server = embedded.start(settings.home) if settings.embedded else None
        try:
            with contextlib.redirect_stdout(sys.stderr):
                exchange_keys(settings)
                app = prepare(settings, people=people)
                with app.app_context():
                    summary = run_month(app)
                    db.engine.dispose()
        finally:
            if server is not None:
                embedded.stop(server)
    sys.stdout.write(json.dumps(summary, ensure_ascii=False, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
