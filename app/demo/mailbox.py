"""Where the demo's letters land: a mail server on loopback that writes each into a file. It passes nothing on."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from email import message_from_bytes, policy
from itertools import count
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller

FOLDER = "mail"


class Mailbox:
    """Keeps every letter as a file of its own, numbered."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._numbers = count(1 + len(list(folder.glob("*.eml"))))

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        """What aiosmtpd calls with a letter."""
        content: bytes = envelope.content
        (self.folder / f"{next(self._numbers):05d}.eml").write_bytes(content)
        return "250 kept"


def letters(home: Path) -> list[tuple[str, str, str]]:
    """(address, subject, text) of every letter, oldest first."""
    found = []
    for path in sorted((home / FOLDER).glob("*.eml")):
        message = message_from_bytes(path.read_bytes(), policy=policy.default)
        found.append((str(message["To"]), str(message["Subject"]), message.get_content()))
    return found


def main(arguments: list[str] | None = None) -> int:
    """Runs until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m app.demo.mailbox", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--home", type=Path, required=True)
    asked = parser.parse_args(arguments)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_args: stopping.set())
    box = Controller(Mailbox(asked.home / FOLDER), hostname="127.0.0.1", port=asked.port)
    box.start()
    stopping.wait()
    box.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
