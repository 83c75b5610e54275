"""The running sandbox by command: its knobs, packets and drawer, and everything its clerk can do. Speaks its control API.

`python -m app.agency.sandbox knobs http_429=0.2 seed=7`, `… storm`, `… clear`, `… faults`, `… packets`, `… drawer [CODE]`,
`… accept|reject|pay|settle|extension CODE`, `… recall ID yes|no`, `… collect LINE ĐỒNG`, `… collections`. What comes
back is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.agency.sandbox.home import control_token
from app.agency.sandbox.knobs import KNOBS

ANSWERS_WITHIN_S = 30

Ask = Callable[[str, Any], Any]
"""What the control API answers to a path, and to a body when there is one to post."""


class NotDone(Exception):
    """Why the running sandbox did not do it."""


def main(arguments: list[str]) -> int:
    """0 when it was done, 1 when the sandbox said no or is not there."""
    asked = _parser().parse_args(arguments)

    def ask(path: str, body: Any = None) -> Any:
        return _call(asked, path, body)

    try:
        done = COMMANDS[asked.command](asked, ask)
    except NotDone as why:
        sys.stderr.write(f"{why}\n")
        return 1
    sys.stdout.write(json.dumps(done, ensure_ascii=False, indent=2) + "\n")
    return 0


def _knobs(asked: argparse.Namespace, ask: Ask) -> Any:
    values = dict(_turned(text) for text in asked.what)
    return ask("/knobs", values) if values else ask("/knobs", None)


def _drawer(asked: argparse.Namespace, ask: Ask) -> Any:
    return ask(f"/drawer?packet={asked.what[0]}" if asked.what else "/drawer", None)


def _recall(asked: argparse.Namespace, ask: Ask) -> Any:
    number, answer = _named(asked, 2)
    if answer not in ("yes", "no"):
        raise NotDone("recall ID yes|no")
    return ask(f"/recalls/{number}", {"agree": answer == "yes", "reason": asked.reason})


def _collect(asked: argparse.Namespace, ask: Ask) -> Any:
    reference, amount = _named(asked, 2)
    if not (amount.isascii() and amount.isdigit()):
        raise NotDone("collect: số tiền là số đồng, ví dụ 540000")
    return ask("/collections", {"reference": reference, "amount": int(amount)})


def _act(asked: argparse.Namespace, ask: Ask) -> Any:
    (code,) = _named(asked, 1)
    facts = {"reason": {"reason": asked.reason}, "days": {"days": asked.days}}
    needed: dict[str, Any] = {"reject": facts["reason"], "pay": facts["days"]}
    needed["extension"] = facts["reason"] | facts["days"]
    return ask(f"/packets/{code}/{asked.command}", needed.get(asked.command, {}))


COMMANDS: dict[str, Callable[[argparse.Namespace, Ask], Any]] = {
    "knobs": _knobs,
    "storm": lambda _asked, ask: ask("/faults/storm", {}),
    "clear": lambda _asked, ask: ask("/faults/clear", {}),
    "packets": lambda _asked, ask: ask("/packets", None),
    "recalls": lambda _asked, ask: ask("/recalls", None),
    "callbacks": lambda _asked, ask: ask("/callbacks", None),
    "faults": lambda _asked, ask: ask("/faults", None),
    "drawer": _drawer,
    "recall": _recall,
    "collect": _collect,
    "collections": lambda _asked, ask: ask("/collections", None),
    **dict.fromkeys(("accept", "reject", "pay", "settle", "extension"), _act),
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m app.agency.sandbox", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("what", nargs="*")
    parser.add_argument("--reason", default="")
    parser.add_argument("--days", type=int, default=1)
    parser.add_argument("--port", type=int, default=int(os.environ.get("SANDBOX_PORT", "8090")))
    parser.add_argument("--home", type=Path, default=Path(os.environ.get("CHITRA_HOME", ".data")) / "sandbox")
    return parser


def _named(asked: argparse.Namespace, count: int) -> list[str]:
    if len(asked.what) != count:
        raise NotDone(f"{asked.command}: cần {count} đối số")
    found: list[str] = asked.what
    return found


def _turned(text: str) -> tuple[str, Any]:
    """`seed=7`, `auto_accept=true`, `fault_script=http_429,none`: the value as its knob has it."""
    name, _, value = text.partition("=")
    if isinstance(getattr(KNOBS.get(name), "default", None), list):
        return name, [item for item in value.split(",") if item]
    try:
        return name, json.loads(value)
    except ValueError:
        raise NotDone(f"{name}: «{value}» không phải là số, true hay false") from None


def _call(asked: argparse.Namespace, path: str, body: Any) -> Any:
    if not asked.home.is_dir():
        raise NotDone(f"Không có thư mục {asked.home}. Hãy đặt CHITRA_HOME hoặc --home.")
    request = urllib.request.Request(
        f"http://127.0.0.1:{asked.port}/sandbox/api{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {control_token(asked.home)}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=ANSWERS_WITHIN_S) as answer:  # noqa: S310 - loopback
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise NotDone(json.load(error).get("detail", str(error))) from error
    except OSError as error:
        raise NotDone(f"Bưu điện giả lập không chạy ở cổng {asked.port}: {error}") from error
