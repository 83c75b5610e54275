"""Which fault, if any, meets an incoming call, and what it does to the answer; all drawn from the seed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from app.agency.sandbox.knobs import WIRE_FAULTS, count, happens, knob, turn
from app.agency.sandbox.store import Store

HANG, RESET = "hang", "reset"
JSON, HTML = "application/json", "text/html; charset=utf-8"
BAD_GATEWAY = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n"
OTHER_PACKET = b"CT-209901-99999-X-V1"


@dataclass(frozen=True)
class Answer:
    """What goes back on the wire: `cut` hang or reset means that nothing does."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    cut: str = ""
    delay_s: float = 0.0
    drip_s: float = 0.0


def draw(store: Store, action: str) -> str:
    """The name of the fault for this call, or empty; a scripted fault goes before the drawn ones."""
    if action not in knob(store, "fault_actions"):
        return ""
    with store.transaction():
        script = list(knob(store, "fault_script"))
        if script:
            turn(store, {"fault_script": script[1:]})
            if script[0] == "none":
                return ""
            count(store, script[0])
            return str(script[0])
        for name in WIRE_FAULTS:
            if happens(store, name):
                return name
    return ""


def before(store: Store, fault: str) -> Answer | None:
    """The answer of a fault that keeps the call from reaching us; None when the call goes through."""
    if fault == "timeout_before":
        return Answer(0, b"", cut=HANG, delay_s=float(knob(store, "hang_s")))
    if fault in ("reset_before", "late_request"):
        return Answer(0, b"", cut=RESET)
    if fault == "http_429":
        return Answer(429, b"", {"Retry-After": str(knob(store, "retry_after_s"))})
    return _broken(fault) if fault.endswith("_before") else None


def after(store: Store, fault: str, answer: Answer) -> Answer:
    """What is left of a good answer."""
    if fault == "timeout_after":
        return Answer(0, b"", cut=HANG, delay_s=float(knob(store, "hang_s")))
    if fault == "reset_after":
        return Answer(0, b"", cut=RESET)
    if fault == "truncated_json":
        return replace(answer, body=answer.body[: len(answer.body) // 2])
    if fault == "drip":
        return replace(answer, drip_s=float(knob(store, "drip_s")))
    return (_broken(fault) if fault.endswith("_after") else None) or answer


def of_another_packet(answer: Answer, transaction_id: str) -> Answer:
    """The answer as if it were about another packet; the signature, still to come, will be genuine."""
    return replace(answer, body=answer.body.replace(transaction_id.encode(), OTHER_PACKET))


def spoiled(signature: str) -> str:
    """The same signature with its last part turned around: well-formed and worth nothing."""
    head, _, tail = signature.rpartition(".")
    return f"{head}.{tail[:-2][::-1]}{tail[-2:]}"


def _broken(fault: str) -> Answer:
    if fault.startswith("html_502"):
        return Answer(502, BAD_GATEWAY, {"Content-Type": HTML})
    status = 503 if fault.startswith("http_503") else 500
    return Answer(status, b'{"error":"internal"}', {"Content-Type": JSON})
