"""The post office of a demo that is running: its clerk played over HTTP, messages carried by the demo's own parts."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import requests

from app.agency.sandbox.home import CONTROL_TOKEN
from app.demo.counterpart import Undelivered
from config import Settings

ANSWERS_WITHIN_S, CALL_S = 2.0, 30.0
CARRIED_WITHIN_S, PAUSE_S = 90.0, 0.3


class RemoteDesk:
    """The clerk's acts through the sandbox's control API. Each raises Undelivered when the post office says no."""

    def __init__(self, base_url: str, token: str) -> None:
        self._base_url, self._headers = base_url, {"Authorization": f"Bearer {token}"}

    def is_there(self) -> bool:
        """True when the sandbox of this very home answers."""
        try:
            said = requests.get(f"{self._base_url}/knobs", headers=self._headers, timeout=ANSWERS_WITHIN_S)
        except requests.RequestException:
            return False
        return said.status_code == 200

    def see(self, path: str) -> dict[str, Any]:
        """What the post office shows: `/packets`, `/recalls`, `/drawer`, `/faults`."""
        return self._said(path, requests.get(self._base_url + path, headers=self._headers, timeout=CALL_S))

    def turn(self, path: str, **values: Any) -> dict[str, Any]:
        """Turn its knobs: `/knobs` with their values, `/faults/storm`, `/faults/clear`."""
        return self._posted(path, values)

    def answer_recall(self, recall_id: int, *, agree: bool, reason: str) -> object:
        """Give a packet back that its sender asked for, or keep it."""
        return self._posted(f"/recalls/{recall_id}", {"agree": agree, "reason": reason})

    def accept(self, code: str) -> object:
        """The packet matches."""
        return self._act(code, "accept")

    def reject(self, code: str, reason: str) -> object:
        """Send the packet back."""
        return self._act(code, "reject", reason=reason)

    def plan(self, code: str, wishes: dict[str, str]) -> object:
        """Decide beforehand how lines end."""
        return self._act(code, "plan", **wishes)

    def ask_extension(self, code: str, days: int, reason: str) -> object:
        """Ask for more days."""
        return self._act(code, "extension", days=days, reason=reason)

    def pay(self, code: str) -> object:
        """Serve the people of one day."""
        return self._act(code, "pay")

    def settle(self, code: str) -> object:
        """Report every line."""
        return self._act(code, "settle")

    def _act(self, code: str, act: str, **facts: Any) -> object:
        return self._posted(f"/packets/{code}/{act}", facts)

    def _posted(self, path: str, facts: dict[str, Any]) -> dict[str, Any]:
        url = self._base_url + path
        return self._said(path, requests.post(url, json=facts, headers=self._headers, timeout=CALL_S))

    def _said(self, path: str, said: requests.Response) -> dict[str, Any]:
        if said.status_code != 200:
            raise Undelivered(f"{path}: {said.status_code} {said.text[:200]}")
        found: dict[str, Any] = said.json()
        return found


class Running:
    """A running demo as the month sees it: one desk, and patience until its parts have carried the messages."""

    def __init__(self, desk: RemoteDesk) -> None:
        self._desk = desk

    @classmethod
    def found(cls, settings: Settings) -> Running | None:
        """The running demo of these settings, if there is one."""
        token = settings.home / "sandbox" / CONTROL_TOKEN
        if not token.exists():
            return None
        address = f"http://127.0.0.1:{settings.sandbox_port}/sandbox/api"
        desk = RemoteDesk(address, token.read_text().strip())
        return cls(desk) if desk.is_there() else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Leave the running demo as it is."""

    def desk(self, _code: str) -> RemoteDesk:
        """The clerk of the post office."""
        return self._desk

    def wait(self, what: str, until: Callable[[], bool]) -> None:
        """Wait until the parts of the demo have done it. Raises Undelivered."""
        ends = time.monotonic() + CARRIED_WITHIN_S
        while not until():
            if time.monotonic() > ends:
                raise Undelivered(what)
            time.sleep(PAUSE_S)
