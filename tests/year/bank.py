"""A bank that takes payment orders as files and tells by files what it booked and what came back to it.

It reads what lies in the outbox with its own eyes: nothing of the program but the bytes.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

from app import clock
from tests.agency import bank as files

PAIN_001 = "{urn:iso:std:iso:20022:tech:xsd:pain.001.001.09}"
File = tuple[str, bytes]
"""A kind of file, and its bytes."""


class Bank:
    """Its account of ours: `booked` is what left and did not come back, by reference."""

    def __init__(self, outbox: Path) -> None:
        self.outbox = outbox
        self.booked: dict[str, int] = {}

    def begin(self) -> None:
        """Forget the year before."""
        self.booked = {}
        shutil.rmtree(self.outbox, ignore_errors=True)

    def order(self, code: str) -> dict[str, int]:
        """Đồng by reference, of the payment order in the outbox."""
        tree = ElementTree.parse(self.outbox / "bank" / f"{code}.xml")
        return {
            one.findtext(f"{PAIN_001}PmtId/{PAIN_001}EndToEndId", ""): int(
                one.findtext(f"{PAIN_001}Amt/{PAIN_001}InstdAmt", "")
            )
            for one in tree.iter(f"{PAIN_001}CdtTrfTxInf")
        }

    def accept(self, code: str) -> File:
        return "pain.002", _today(files.pain_002(code))

    def reject(self, code: str) -> File:
        return "pain.002", _today(files.pain_002(code, "RJCT", reason="NARR", text="Sai ten"))

    def book(self, code: str, fates: Mapping[str, str], how: str) -> list[File]:
        """Carry an order out; the files that tell, in the order in which they are written."""
        order = self.order(code)
        back = {reference for reference in order if fates[reference] in ("unpaid", "stopped")}
        for reference in order.keys() - back:
            assert reference not in self.booked, f"{reference} was booked twice"
            self.booked[reference] = order[reference]
        refused = back if how == "refused_first" else set()
        told: list[File] = []
        if refused:
            said = "".join(files.payment(one, "RJCT", reason="AC04", amount=order[one]) for one in sorted(refused))
            told.append(("pain.002", _today(files.pain_002(code, "PART", payments=said))))
        debit = _entry(code, {one: vnd for one, vnd in sorted(order.items()) if one not in refused}, "DBIT")
        credit = _entry(code, {one: order[one] for one in sorted(back - refused)}, "CRDT", reason="AC04")
        statements = [[*debit], [*credit]] if how == "late_returns" else [[*debit, *credit]]
        for number, entries in enumerate(filter(None, statements)):
            told.append(("camt.054", _today(files.camt_054(entries, message_id=f"SK-{code}-{number}"))))
        return told


def _entry(code: str, payments: Mapping[str, int], direction: str, *, reason: str = "") -> list[str]:
    details = "".join(
        files.booking(reference, str(vnd), order=code, reason=reason) for reference, vnd in payments.items()
    )
    return [files.entry(details, sum(payments.values()), direction=direction)] if payments else []


def _today(body: bytes) -> bytes:
    """The day of the year instead of the one that stands in every file of the tests."""
    return body.replace(files.CREATED.encode(), clock.now().astimezone(clock.LOCAL).isoformat("T", "seconds").encode())
