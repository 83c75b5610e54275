"""The sandbox post office in one object, without HTTP: calls in, callbacks out, the cash drawer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.agency.bodies import pack
from app.agency.messages import named_ids
from app.agency.sandbox import answering, faults
from app.agency.sandbox.clock import Clock, wall_clock
from app.agency.sandbox.desk import ClerkRefused, Desk
from app.agency.sandbox.door import Call, TurnedAway, let_in
from app.agency.sandbox.faults import JSON, Answer
from app.agency.sandbox.home import DATABASE, key_ring, read_config
from app.agency.sandbox.knobs import knob, share, turn
from app.agency.sandbox.outbox import DELIVERED, QUEUED
from app.agency.sandbox.receiving import Reception
from app.agency.sandbox.store import Handout, Store
from app.agency.signing import HEADER_NAME, sign
from app.agency.tokens import TokenOffice, TokenRefused

BACKOFF_FIRST_S, BACKOFF_LAST_S = 0.5, 60.0
TOKEN_LIFETIME_S = 300

__all__ = ["Answer", "CallbackOut", "ClerkRefused", "SandboxPostOffice"]


@dataclass(frozen=True)
class CallbackOut:
    """One message on its way to the main system: exact bytes, and this attempt's headers but the bearer."""

    id: int
    message_id: str
    kind: str
    packet_code: str
    path: str
    body: bytes
    headers: dict[str, str]


class SandboxPostOffice:
    """The whole post office over one prepared home (see `home.prepare_home`); safe between threads."""

    def __init__(
        self, home: Path, *, seed: int | None = None, clock: Clock = wall_clock, in_memory: bool = False
    ) -> None:
        """`seed` sets the knob of that name; `in_memory` keeps packets and drawer out of the folder."""
        self.config = read_config(home)
        self.keys = key_ring(home)
        self.clock = clock
        self.store = Store(None if in_memory else home / DATABASE)
        self.desk = Desk(self.store, self.config, clock)
        self._seed = seed
        self._tokens = TokenOffice(self.keys, self.config.sender_id, lifetime_s=TOKEN_LIFETIME_S)
        self._reception = Reception(self.store, self.config)
        if seed is not None:
            turn(self.store, {"seed": seed})

    def receive(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """A call to one of the contract's paths, under the faults that are switched on.

        An answer with `cut` set never reached the caller: in-process callers treat it as a lost connection.
        """
        call = Call(path, body, {name.lower(): value for name, value in headers.items()}, self.clock())
        fault = faults.draw(self.store, call.route.action)
        if fault == "late_request":
            self._hold_back(call)
        lost = faults.before(self.store, fault)
        answer = self._take(call) if lost is None else lost
        if lost is None:
            if fault == "wrong_packet":
                answer = faults.of_another_packet(answer, named_ids(body)[1])
            answer = _packed(call, self._signed(answer, spoil=fault == "bad_signature"))
            answer = faults.after(self.store, fault, answer)
        return replace(answer, delay_s=answer.delay_s + float(knob(self.store, "delay_s")))

    def token(self, form: Mapping[str, str], authorization: str | None) -> Answer:
        """The token endpoint: client credentials in, bearer token out."""
        fault = faults.draw(self.store, "token")
        lost = faults.before(self.store, fault)
        if lost is not None:
            return lost
        try:
            issued = self._tokens.issue(form, authorization, now=self.clock())
        except TokenRefused as refused:
            return Answer(refused.status, json.dumps({"error": refused.code}).encode(), {"Content-Type": JSON})
        headers = {"Content-Type": JSON, "Cache-Control": "no-store"}
        return faults.after(self.store, fault, Answer(200, json.dumps(issued).encode(), headers))

    def land_late_requests(self, *, everything: bool = False) -> int:
        """Let the held-back requests arrive whose time has come; their answers reach nobody."""
        until = float("inf") if everything else self.clock().timestamp()
        rows = self.store.rows("SELECT * FROM late_requests WHERE due_at <= ? ORDER BY due_at, id", until)
        for row in rows:
            came_at = datetime.fromtimestamp(row["came_at"], tz=UTC)
            self._take(Call(row["path"], row["body"], json.loads(row["headers"]), came_at))
            self.store.run("DELETE FROM late_requests WHERE id = ?", row["id"])
        return len(rows)

    def due_callbacks(self, *, everything: bool = False, limit: int = 20) -> list[CallbackOut]:
        """What is to be delivered now, signed afresh; `everything` ignores delays and back-off."""
        until = float("inf") if everything else self.clock().timestamp()
        rows = self.store.rows(
            "SELECT * FROM outbox WHERE stage = ? AND due_at <= ? ORDER BY due_at, id LIMIT ?",
            QUEUED,
            until,
            limit,
        )
        key = self.keys.signing_key() if rows else None
        out = []
        for row in rows:
            assert key is not None
            signature = sign(row["body"], key, now=self.clock())
            if row["spoil_next"]:
                signature = faults.spoiled(signature)
            headers = {"Content-Type": JSON, HEADER_NAME: signature}
            names = (row["message_id"], row["kind"], row["packet_code"], row["path"])
            out.append(CallbackOut(row["id"], *names, row["body"], headers))
        return out

    def note_delivery(self, callback_id: int, *, delivered: bool, answer: str) -> None:
        """What became of one attempt: done after a 2xx unless a copy is owed, else again after a pause."""
        with self.store.transaction():
            row = self.store.one("SELECT * FROM outbox WHERE id = ?", callback_id)
            if row is None or row["stage"] != QUEUED:
                return
            copies = row["copies"] - (1 if delivered else 0)
            pause_s = 0.0 if delivered else self._pause_s(callback_id, row["attempts"])
            self.store.run(
                "UPDATE outbox SET stage = ?, copies = ?, attempts = attempts + 1, spoil_next = 0, "
                "due_at = ?, last_answer = ? WHERE id = ?",
                QUEUED if copies > 0 else DELIVERED,
                copies,
                self.clock().timestamp() + pause_s,
                answer[:200],
                callback_id,
            )

    def callback_rows(self) -> list[dict[str, Any]]:
        """The queue as it stands, newest first, without bodies."""
        rows = self.store.rows(
            "SELECT id, message_id, kind, packet_code, path, settlement_id, part, stage, copies, attempts, "
            "last_answer, created_at FROM outbox ORDER BY id DESC LIMIT 1000"
        )
        return [dict(row) for row in rows]

    def on_the_way(self) -> dict[str, int]:
        """How much has not arrived: callbacks still to be delivered, requests held back."""
        row = self.store.one(
            "SELECT (SELECT count(*) FROM outbox WHERE stage = ?) AS callbacks,"
            " (SELECT count(*) FROM late_requests) AS late_requests",
            QUEUED,
        )
        assert row is not None
        return dict(row)

    def hurry(self) -> int:
        """Make every waiting callback due now; how many there are."""
        return self.store.run("UPDATE outbox SET due_at = ? WHERE stage = ?", self.clock().timestamp(), QUEUED)

    def tick(self) -> int:
        """What happens by itself: late requests land, the automatic clerk takes a step per packet."""
        return self.land_late_requests() + self._automatic_clerk()

    def drawer(self, code: str | None = None) -> list[Handout]:
        """The ground truth: who was handed how much, for which reference, when."""
        return self.store.handouts(code)

    def reset(self) -> None:
        """Forget packets, drawer, messages and knobs; keys, config and the seed given at the start stay."""
        self.store.empty()
        if self._seed is not None:
            turn(self.store, {"seed": self._seed})

    def close(self) -> None:
        """Close the database file."""
        self.store.close()

    def _take(self, call: Call) -> Answer:
        if "content-encoding" in call.headers and not knob(self.store, "takes_gzip"):
            return answering.turned_away(415, "err.request.bad", now=call.at)
        try:
            body = let_in(call, self.config, self.keys, self._tokens)
        except TurnedAway as turned:
            return answering.turned_away(turned.status, turned.code, now=call.at)
        return self._reception.take(call, body)

    def _signed(self, answer: Answer, *, spoil: bool) -> Answer:
        signature = sign(answer.body, self.keys.signing_key(), now=self.clock())
        signature = faults.spoiled(signature) if spoil else signature
        return replace(answer, headers={**answer.headers, HEADER_NAME: signature})

    def _hold_back(self, call: Call) -> None:
        came_at = call.at.timestamp()
        self.store.run(
            "INSERT INTO late_requests (path, headers, body, due_at, came_at) VALUES (?, ?, ?, ?, ?)",
            call.path,
            json.dumps(dict(call.headers)),
            call.body,
            came_at + float(knob(self.store, "late_s")),
            came_at,
        )

    def _pause_s(self, callback_id: int, attempts: int) -> float:
        jitter = 0.5 + share(int(knob(self.store, "seed")), "pause", callback_id, attempts)
        return min(BACKOFF_LAST_S, BACKOFF_FIRST_S * 2.0 ** min(attempts, 20)) * jitter

    def _automatic_clerk(self) -> int:
        steps = {
            "received": ("auto_accept", self.desk.accept),
            "accepted": ("auto_pay", self.desk.pay),
            "paying": ("auto_pay", self.desk.pay),
            "paid": ("auto_settle", self.desk.settle),
        }
        wanted = {stage: step for stage, (name, step) in steps.items() if knob(self.store, name)}
        if not wanted:
            return 0
        ripe = self.clock() - timedelta(seconds=float(knob(self.store, "auto_after_s")))
        done = 0
        for packet in self.store.packets_at(list(wanted)):
            if datetime.fromisoformat(packet.changed_at) <= ripe:
                wanted[packet.stage](packet.code)
                done += 1
        return done


def _packed(call: Call, answer: Answer) -> Answer:
    """A large answer, packed for a caller who takes that; the signature stays over what is inside."""
    if "gzip" not in call.headers.get("accept-encoding", ""):
        return answer
    body, encoding = pack(answer.body)
    return replace(answer, body=body, headers={**answer.headers, **encoding})
