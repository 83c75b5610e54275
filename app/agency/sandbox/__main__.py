"""python -m app.agency.sandbox: starts the sandbox post office over a prepared home; with a command, asks a running one."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

from app.agency.sandbox import commands
from app.agency.sandbox.engine import SandboxPostOffice
from app.agency.sandbox.home import HomeNotReady
from app.agency.sandbox.knobs import KnobRefused
from app.agency.sandbox.server import PortBusy, Server, open_site


def main(arguments: list[str] | None = None) -> int:
    """0 after a clean end, 2 when it cannot start; a command's own answer."""
    words = sys.argv[1:] if arguments is None else arguments
    if words and words[0] in commands.COMMANDS:
        return commands.main(words)
    asked = _parser().parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    try:
        office = SandboxPostOffice(asked.home, seed=asked.seed)
        server = Server(office, open_site(office, asked.home), host=asked.host, port=asked.port)
    except HomeNotReady as trouble:
        return _cannot(f"Thư mục của bưu điện giả lập chưa sẵn sàng: {trouble}")
    except PortBusy as trouble:
        return _cannot(f"Cổng {trouble} đang có chương trình khác dùng. Chọn cổng khác bằng --port hoặc SANDBOX_PORT.")
    except KnobRefused as trouble:
        return _cannot(str(trouble))
    server.stop_on_signals()
    sys.stdout.write(f"Bưu điện giả lập: http://{asked.host}:{server.port}/\n")
    sys.stdout.flush()
    server.serve()
    return 0


def _parser() -> argparse.ArgumentParser:
    default_home = Path(os.environ.get("CHITRA_HOME", ".data")) / "sandbox"
    parser = argparse.ArgumentParser(prog="python -m app.agency.sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=int(os.environ.get("SANDBOX_PORT", "8090")))
    parser.add_argument("--home", type=Path, default=default_home)
    parser.add_argument("--seed", type=int, default=None)
    return parser


def _cannot(why: str) -> int:
    sys.stderr.write(f"{why}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
