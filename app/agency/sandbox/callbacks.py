"""Delivers the queued callbacks to the main system in a thread of its own, until each has met a 2xx."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping

from app.agency import wire
from app.agency.bodies import pack
from app.agency.keys import KeyTrouble
from app.agency.port import AgencyError
from app.agency.sandbox.desk import ClerkRefused
from app.agency.sandbox.engine import CallbackOut, SandboxPostOffice
from app.agency.tokens import TOKEN_PATH, TokenSource, TokenUnavailable

DEADLINE_S = 60.0
PAUSE_S = 0.25
ANSWER_MAX_BYTES = 64 * 1024

log = logging.getLogger(__name__)


class Postman(threading.Thread):
    """One walk after another: let things happen by themselves, then deliver what is due; `stop()` ends it."""

    def __init__(self, office: SandboxPostOffice) -> None:
        super().__init__(name="sandbox-postman", daemon=True)
        self._office = office
        self._over = threading.Event()
        config = office.config
        self._tokens = TokenSource(
            self._ask_for_a_token,
            config.client_id,
            lambda: office.keys.secret(config.client_id),
            now=office.clock,
        )

    def run(self) -> None:
        """Until stopped; a walk that fails is logged and tried again."""
        while not self._over.wait(PAUSE_S):
            try:
                self.walk()
            except Exception:
                log.exception("a walk failed")

    def stop(self) -> None:
        """Finish the delivery under way and end."""
        self._over.set()
        if self.is_alive():
            self.join(timeout=5)

    def walk(self) -> int:
        """One round; how many deliveries were tried."""
        try:
            self._office.tick()
        except ClerkRefused:
            log.info("somebody was quicker than the automatic clerk")
        due = self._office.due_callbacks()
        for callback in due:
            if self._over.is_set():
                break
            delivered, answer = self._deliver(callback)
            self._office.note_delivery(callback.id, delivered=delivered, answer=answer)
        return len(due)

    def _deliver(self, callback: CallbackOut) -> tuple[bool, str]:
        url = self._office.config.callback_base_url + callback.path
        try:
            packed, encoding = pack(callback.body)
            headers = {**callback.headers, **encoding, "Authorization": self._tokens.bearer(within_s=DEADLINE_S)}
            answer = wire.post(
                url,
                packed,
                headers=headers,
                deadline_s=DEADLINE_S,
                answer_max_bytes=ANSWER_MAX_BYTES,
            )
        except (AgencyError, TokenUnavailable, KeyTrouble) as error:
            return False, f"{type(error).__name__}: {error}"
        if answer.status == 401:
            self._tokens.forget()
        return 200 <= answer.status < 300, f"{answer.status}"

    def _ask_for_a_token(self, headers: Mapping[str, str], body: bytes, within_s: float) -> bytes:
        answer = wire.post(
            self._office.config.callback_base_url + TOKEN_PATH,
            body,
            headers=headers,
            deadline_s=within_s,
            answer_max_bytes=ANSWER_MAX_BYTES,
        )
        if answer.status != 200:
            raise TokenUnavailable(f"status {answer.status}")
        return answer.body
