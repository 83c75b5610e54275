"""The adapters a contract may name. Each is one module with the same five names, `Adapter`; nothing else knows them apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Protocol

from app.agency import g2p, iso20022, workbook
from app.agency.messages import Callback, PacketHead, PacketLine
from app.agency.port import Agency, Form, Letter


class Adapter(Protocol):
    """What a module in `ADAPTERS` offers.

    `compose` builds a packet's exact bytes, once, before anything leaves; LinesDiffer when the lines are not those of
    the head, ValueError for what would not survive the way. `connect` gives the four calls of the port; `home` is the
    data folder. `read` understands what the agency said; BadMessage when nobody can. `files` are the packet as people
    take it away, by file name.
    """

    @property
    def FORM(self) -> Form: ...

    def compose(self, head: PacketHead, lines: Iterable[PacketLine]) -> bytes: ...

    def connect(self, home: Path, *, now: Callable[[], datetime]) -> Agency: ...

    def read(self, letter: Letter, *, now: datetime) -> Callback: ...

    def files(self, code: str, body: bytes) -> dict[str, bytes]: ...


ADAPTERS: Mapping[str, Adapter] = {"g2p": g2p, "iso20022": iso20022, "workbook": workbook}
"""Name in a contract -> adapter."""


def address(adapter: str, base_url: str) -> str:
    """Where a packet goes: the agency's address on the network, or `iso20022:` for a folder of files."""
    return f"{adapter}:" if ADAPTERS[adapter].FORM.by_hand else base_url


def at(where: str) -> str:
    """The adapter that reaches an address."""
    scheme = where.partition(":")[0]
    return scheme if scheme in ADAPTERS else "g2p"
