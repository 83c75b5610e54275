"""The post office of the year, in one process: the sandbox, the wire to it, and its clerk, on good days and bad."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.agency import adapters
from app.agency.files import OUTBOX
from app.agency.keys import KeyRing
from app.agency.port import Endpoint
from app.agency.sandbox.engine import SandboxPostOffice
from app.agency.sandbox.home import prepare_home
from app.agency.sandbox.knobs import turn
from app.services import inbox, notices, sending
from app.services.sending import Connection
from tests import office
from tests.life.world import Killed, Wire
from tests.year.bank import Bank
from tests.year.plan import DELIVERY, SPOILED


class PostOffice:
    """One for many years: each begins with an empty drawer."""

    def __init__(self, folder: Path) -> None:
        ours = KeyRing(folder / "ours")
        ours.new_key(now=clock.wall())
        given = prepare_home(
            folder / "post",
            callback_base_url="http://127.0.0.1:9/agency",
            partner_keys=ours.published(),
            client_secret=ours.issue_client("vnpost"),
        )
        for kid, pem in given.public_keys.items():
            ours.trust("vnpost", kid, pem)
        self.folder = folder
        self.bank = Bank(folder / OUTBOX)
        self.inside = SandboxPostOffice(folder / "post", in_memory=True)
        self.desk = self.inside.desk
        self.wire = Wire(ours, self.inside, (given.client_id, given.client_secret))
        self.endpoint = Endpoint("http://127.0.0.1:9", "chitra", "vnpost", given.client_id)

    def begin(self, seed: int) -> None:
        """Forget the year before."""
        self.inside.reset()
        self.bank.begin()
        self.wire.fault = "none"
        turn(self.inside.store, {"seed": seed, "part_lines": 3})

    def connect(self, code: str, address: str) -> Connection:
        """As the scheduler connects: over the wire, or as files."""
        adapter = adapters.at(address)
        if adapter == "g2p":
            return Connection(self.wire, self.endpoint)
        agency = adapters.ADAPTERS[adapter].connect(self.folder, now=clock.wall)
        return Connection(agency, Endpoint(address, "chitra", code, "chitra"))

    def until_certain(self, session: Session, faults: tuple[str, ...] = ()) -> None:
        """The scheduler sends and asks, meeting `faults` one after the other, until nothing is queued or in doubt."""
        waiting = list(faults)
        for _round in range(12):
            states = session.execute(_UNCERTAIN).scalars().all()
            if not states:
                self.inside.land_late_requests(everything=True)
                return
            self._call(session, sending.send_next if "queued" in states else sending.ask_next, waiting)
        raise AssertionError("a packet stays in doubt on a sound line")

    def recall(self, session: Session) -> None:
        """Deliver what is asked back."""
        self._call(session, sending.recall_next, [])

    def tell(self, session: Session) -> None:
        """Deliver our decisions on extensions."""
        while self._call(session, notices.deliver_next, []):
            pass

    def _call(self, session: Session, step: Callable[[sending.Connect], bool], waiting: list[str]) -> bool:
        office.hurry(session)
        self.wire.fault = waiting.pop(0) if waiting else "none"
        try:
            did = step(self.connect)
        except Killed:
            did = True
        self.wire.fault = "none"
        office.refresh(session)
        return did

    def weather(self, delivery: tuple[str, ...] = (), spoiled: str = "") -> None:
        """How callbacks are lost, doubled and mixed up, and what is wrong with settlements, from now on."""
        knobs: dict[str, Any] = dict.fromkeys((*DELIVERY, *SPOILED), 0.0)
        turn(self.inside.store, knobs | dict.fromkeys(delivery, 0.6) | ({spoiled: 1.0} if spoiled else {}))

    def deliver(self, session: Session) -> None:
        """Every callback that was not lost arrives, as often as it is sent, and is applied."""
        while due := self.inside.due_callbacks(everything=True):
            for out in due:
                office.arrive(session, out.body)
                self.inside.note_delivery(out.id, delivered=True, answer="200")
        inbox.apply_waiting()
        office.refresh(session)

    def results(self, code: str) -> dict[str, str]:
        """What became of each line of a packet at the counter: paid, unpaid, recover."""
        return {line.reference_id: line.outcome for line in self.inside.store.lines(code)}

    def drawer(self) -> dict[str, int]:
        """Đồng handed out, by reference."""
        return {one.reference_id: one.amount_vnd for one in self.inside.drawer()}


_UNCERTAIN = text("SELECT DISTINCT state FROM packets WHERE state IN ('queued', 'in_doubt')")
