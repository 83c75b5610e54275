"""Packets that travel as files: written into an outbox folder of the agency, all or nothing, the same bytes every time."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from app.agency.port import Answer, NotSent, OutcomeUnknown, OutgoingPacket, SettlementRef

OUTBOX = "outbox"
RECALL_SUFFIX = ".recall.json"
NOTICE_SUFFIX = ".notice.json"

Files = Callable[[str, bytes], dict[str, bytes]]


class FileAgency:
    """The port over a folder: `send` is a file that is there. What the agency says comes in by a person."""

    def __init__(self, folder: Path, files: Files) -> None:
        self._folder, self._files = folder, files

    def send(self, packet: OutgoingPacket) -> Answer:
        """Write the packet's files and, last, the list of their hashes. Raises ValueError for other bytes than stored."""
        if hashlib.sha256(packet.body).hexdigest() != packet.sha256:
            raise ValueError("the bytes are not the stored ones")
        files = self._files(packet.code, packet.body)
        hashes = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items())
        self._put(packet, files | {_hashes(packet.code): hashes.encode()})
        return Answer("received")

    def ask(self, packet: OutgoingPacket) -> Answer:
        """Whether the files are there, all of them."""
        is_there = (self._at(packet) / _hashes(packet.code)).exists()
        return Answer("received" if is_there else "not_found")

    def recall(self, packet: OutgoingPacket, reason: str) -> Answer:
        """Lay our request beside the packet, for whoever takes the files to the agency."""
        self._put(packet, {packet.code + RECALL_SUFFIX: packet.body})
        return Answer("received", reason_message=reason)

    def notify(self, notice: OutgoingPacket) -> Answer:
        """Lay a notice beside the packet, under its own id."""
        self._put(notice, {notice.message_id + NOTICE_SUFFIX: notice.body})
        return Answer("received")

    def fetch_settlement(self, ref: SettlementRef) -> Answer:
        """Nothing can be fetched: settlements come as files, by a person."""
        return Answer("received")

    def _at(self, packet: OutgoingPacket) -> Path:
        return self._folder / packet.endpoint.receiver_id

    def _put(self, packet: OutgoingPacket, files: dict[str, bytes]) -> None:
        """Once one file is there somebody may have taken it: a failure after that leaves the outcome unknown."""
        folder, may_have_left = self._at(packet), False
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name, content in files.items():
                _write(folder / name, content)
                may_have_left = True
        except FileExistsError as error:
            raise OutcomeUnknown("other_bytes", f"{error.filename} holds something else") from error
        except OSError as error:
            kind = OutcomeUnknown if may_have_left else NotSent
            raise kind("outbox", type(error).__name__) from error


def _hashes(code: str) -> str:
    return f"{code}.sha256"


def _write(path: Path, content: bytes) -> None:
    """The whole file under its name, or no file. FileExistsError when another one bears the name."""
    if path.exists() and path.read_bytes() == content:
        return
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError as error:
            if path.read_bytes() != content:
                raise FileExistsError(error.errno, "another file", path.name) from error
    finally:
        draft.unlink(missing_ok=True)
