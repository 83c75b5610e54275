"""The banks of a stormy day: their files come torn first, whole then, and once more; some orders come back."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from app.agency.files import OUTBOX
from app.agency.iso20022 import CAMT_054
from app.demo import bank
from app.demo.bank import Answered, DemoBank
from app.demo.counterpart import bring_in
from app.demo.storm.fates import Fate
from app.errors import ChitraError
from app.extensions import transaction

SENT_BACK = "Tài khoản chi không đủ số dư"


class Banks:
    """Each order is answered once in each of its states, whatever the files meet on their way."""

    def __init__(self, home: Path, fates: dict[str, Fate], *, seed: int) -> None:
        self._home, self._fates, self._seed = home, fates, seed
        self._answered: set[tuple[str, str]] = set()
        self._paid: dict[str, str] = {}
        self.met = {"bank_torn_file": 0, "bank_file_twice": 0}

    def act(self) -> int:
        """One round; how many orders were answered."""
        with transaction() as session:
            waiting = [one for one in bank.waiting(session) if one[1:] not in self._answered]
        for agency, code, act in waiting:
            self._answer(agency, code, act)
        return len(waiting)

    def ledger(self) -> dict[tuple[str, str], int]:
        """(packet, line) -> đồng that stayed booked."""
        return {
            (code, reference): vnd
            for code, agency in self._paid.items()
            for reference, vnd in self._bank(agency).booked(code).items()
        }

    def _answer(self, agency: str, code: str, act: str) -> None:
        there = self._bank(agency)
        fate = self._fates.get(code.rpartition("-V")[0]) if code.endswith("-V1") else None
        if act == "accept" and fate in (Fate.SENT_BACK, Fate.LEFT_RETURNED):
            there.reject(code, SENT_BACK)
        else:
            getattr(there, act)(code)
        if act == "settle":
            self._paid[code] = agency
        for said in there.answers():
            if said.action == CAMT_054:
                self._bring(Answered(said.code, said.action, said.body[: len(said.body) // 2]), "bank_torn_file")
            self._bring(said)
            self._bring(said, "bank_file_twice")
        self._answered.add((code, act))

    def _bring(self, said: Answered, fault: str = "") -> None:
        if fault:
            self.met[fault] += 1
        with suppress(ChitraError):
            bring_in([said])

    def _bank(self, agency: str) -> DemoBank:
        return DemoBank(self._home / OUTBOX / agency, seed=self._seed)
