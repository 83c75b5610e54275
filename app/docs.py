"""Documents generated from tables of the program; a test holds them equal."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from app.agency import description
from app.rest_docs import rest_markdown
from app.rules.states import LINE_RESULTS, MACHINES, Machine
from app.security import ROLE_NAMES
from app.security_docs import authorization_markdown

FOLDER = Path(__file__).parent.parent / "docs"
_MACHINE_ROLES = {"agency": "đơn vị chi trả (thông điệp)", "system": "hệ thống"}


def states_markdown() -> str:
    """`docs/states.md`: every machine, its states and its moves."""
    parts = [
        "# Trạng thái · States\n",
        "Sinh từ `app/rules/states.py` bằng `make docs`; đừng sửa tay."
        " Generated from `app/rules/states.py` by `make docs`; do not edit.\n",
    ]
    parts += [_machine(machine) for machine in MACHINES.values()]
    parts.append("## Kết quả của dòng chi trả (`payout_lines.result`)\n\n| Mã | Tên |\n|---|---|")
    parts.append("\n".join(f"| `{code}` | {label} |" for code, label in LINE_RESULTS.items()) + "\n")
    return "\n".join(parts)


def _machine(machine: Machine) -> str:
    final = machine.final_states()
    states = [
        f"| `{code}` | {label} | {'bắt đầu' if code == machine.initial else 'kết thúc' if code in final else ''} |"
        for code, label in machine.states.items()
    ]
    moves = [
        f"| `{move.name}` | {move.label} | {', '.join(f'`{s}`' for s in machine.states if s in move.sources)} | `{move.target}`"
        f" | {', '.join(sorted(_role(role) for role in move.who))} | {'có' if move.reason_required else ''} | {move.why} |"
        for move in machine.moves.values()
    ]
    return "\n".join(
        [
            f"## {machine.label} (`{machine.name}`, bảng `{machine.table}`)\n",
            "| Trạng thái | Tên | |",
            "|---|---|---|",
            *states,
            "",
            "| Bước | Tên | Từ | Đến | Ai | Cần lý do | Khi nào |",
            "|---|---|---|---|---|---|---|",
            *moves,
            "",
        ]
    )


def _role(role: str) -> str:
    named = {key.value: name.lower() for key, name in ROLE_NAMES.items()} | _MACHINE_ROLES
    return named[role]


def _shown(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


DOCUMENTS: Mapping[str, Callable[[], str]] = {
    "states.md": states_markdown,
    "authorization.md": authorization_markdown,
    "rest-api.md": rest_markdown,
    "openapi-office.json": lambda: _shown(description.office()),
    "openapi-agency.json": lambda: _shown(description.agency()),
}


def main() -> int:
    """Write every generated document."""
    for name, make in DOCUMENTS.items():
        (FOLDER / name).write_text(make(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
