"""The log of a running process: one line a record, with the facts that make it worth reading."""

from __future__ import annotations

import logging
import subprocess
import sys

from app.logs import Line


def line(**facts: object) -> str:
    record = logging.makeLogRecord(
        {"name": "app.api.agency", "levelname": "WARNING", "msg": "agency_turned_away", **facts}
    )
    return Line().format(record).split(" ", 2)[2]


def test_a_line_carries_the_facts_of_its_record() -> None:
    said = line(code="err.signature.invalid", status=401, client="vnpost")
    assert said == "WARNING app.api.agency agency_turned_away code=err.signature.invalid status=401 client=vnpost"


def test_nobody_writes_a_second_line_into_the_log() -> None:
    said = line(client="vnpost\n2026-11-28 INFO app all is well", code="")
    assert said.endswith('client="vnpost\\n2026-11-28 INFO app all is well" code=""')


def test_a_process_writes_each_record_once_and_with_its_facts() -> None:
    program = (
        "import logging; from app import logs; logs.install('INFO'); logs.install('INFO');"
        "logging.getLogger('app.x').info('sent', extra={'packet': 'CT-1'}); logging.getLogger('app.x').debug('unseen')"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    (only,) = ran.stderr.splitlines()
    assert only.endswith(" INFO app.x sent packet=CT-1")
