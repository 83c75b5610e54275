"""`make demo`: the whole product in one command, and a clean end on Ctrl-C. Nothing here is used in production."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import IO

from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import text

import config
from app import create_app, embedded, security
from app.demo import accounts, history, load
from app.demo.exchange import AGENCY, exchange_keys
from app.extensions import acting_as, db, transaction
from app.rules.actors import SYSTEM
from app.services import reference

STARTED_WITHIN_S = 60
STOPPED_WITHIN_S = 15
UNFINISHED = "demo-unfinished"
"""File in the data folder that is there while the past months are played: each is committed on its own."""


class CannotStart(Exception):
    """Why the demo does not start, for the person at the terminal."""


def main(arguments: list[str] | None = None) -> int:
    """0 after Ctrl-C or SIGTERM, 2 when it could not start, 1 when a part ended by itself."""
    words = sys.argv[1:] if arguments is None else arguments
    settings = replace(config.load({**os.environ, "CHITRA_DEMO": "1"}), demo=True)
    try:
        if settings.production:
            raise CannotStart("CHITRA_MODE=production: bản trình diễn chỉ chạy ở chế độ development.")
        if "--reset" in words or _was_cut_off(settings):
            _forget(settings.home)
        for port, name in ((settings.port, "PORT"), (settings.sandbox_port, "SANDBOX_PORT")):
            _demand_free(port, name)
        return _run(settings, people=_number_after(words, "--people", 5000))
    except CannotStart as why:
        sys.stderr.write(f"\n{why}\n")
        return 2


def prepare(settings: config.Settings, *, people: int, months: int = 3) -> Flask:
    """Migrate, load reference data and, the first time, the demo's people and past months."""
    app = create_app(settings)
    with app.app_context():
        if settings.one_address:
            embedded.ensure_app_role(app.config["OWNER_DATABASE_URI"])
        upgrade()
        with acting_as(SYSTEM):
            with transaction() as session:
                reference.load(session)
                security.sync(session)
            if not db.session.execute(text("SELECT 1 FROM beneficiaries LIMIT 1")).first():
                _say(f"Đang nạp {people} người và {months} kỳ đã quyết toán …")
                unfinished = settings.home / UNFINISHED
                unfinished.touch()
                _load(settings, people=people, months=months)
                unfinished.unlink()
        db.session.remove()
    return app


def _load(settings: config.Settings, *, people: int, months: int) -> None:
    """People and accounts in one transaction, then the past months, each step of which is committed."""
    with transaction() as session:
        loaded = load.load(session, people=people)
        session.execute(
            text("UPDATE agencies SET base_url = :url WHERE code = :code"),
            {"url": f"http://127.0.0.1:{settings.sandbox_port}", "code": AGENCY},
        )
        accounts.create_demo_accounts(
            session, loaded.province_code, loaded.commune_code, agency_id=loaded.agency_id, settings=settings
        )
    history.play_history(db.session(), loaded, months=months)


def _run(settings: config.Settings, *, people: int) -> int:
    with ExitStack() as stack:
        if settings.embedded:
            _say("Đang khởi động PostgreSQL …")
            server = embedded.start(settings.home)
            stack.callback(embedded.stop, server)
        exchange_keys(settings)
        app = prepare(settings, people=people)
        with app.app_context():
            db.engine.dispose()
        stopping = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_args: stopping.set())
        parts = start_parts(settings, app, stack)
        wait_until_up(settings, parts, stopping)
        if not stopping.is_set():
            _greet(settings)
        return _watch(parts, stopping)


class Part:
    """One process of a demo, in a group of its own; its log grows on through every start."""

    def __init__(self, command: list[str], environment: dict[str, str], log: IO[bytes]) -> None:
        self._command, self._environment, self._log = command, environment, log
        self.start()

    def start(self) -> None:
        """Start it, for the first time or again."""
        self.process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
            cwd=Path(__file__).parents[2],
        )

    def kill_and_start(self) -> None:
        """SIGKILL, at whatever it is doing, and a new one."""
        self.process.kill()
        self.process.wait()
        self.start()

    def stop(self) -> None:
        """Ask it to end, and end it when it does not."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOPPED_WITHIN_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def start_parts(settings: config.Settings, app: Flask, stack: ExitStack) -> dict[str, Part]:
    """The processes of a demo over a prepared database; leaving `stack` stops them."""
    environment = {
        **os.environ,
        "CHITRA_DEMO": "1",
        "CHITRA_HOME": str(settings.home),
        "PORT": str(settings.port),
        "SANDBOX_PORT": str(settings.sandbox_port),
        "CHITRA_PUBLIC_URL": settings.public_url,
        "CHITRA_POLL_AFTER_S": str(settings.poll_after_s),
        "DATABASE_URL": app.config["SQLALCHEMY_DATABASE_URI"],
        "PYTHONUNBUFFERED": "1",
    }
    if app.config["OWNER_DATABASE_URI"] != app.config["SQLALCHEMY_DATABASE_URI"]:
        environment["DATABASE_OWNER_URL"] = app.config["OWNER_DATABASE_URI"]
    logs = settings.home / "log"
    logs.mkdir(exist_ok=True)
    python = sys.executable
    commands = {
        "sandbox": [python, "-m", "app.agency.sandbox", "--port", str(settings.sandbox_port),
                    "--home", str(settings.home / "sandbox")],
        "jobs": [python, "-m", "app.jobs"],
        "web": [python, "-m", "gunicorn", "run:app", "--bind", f"127.0.0.1:{settings.port}", "--worker-class", "gthread",
                "--workers", str(settings.workers), "--threads", "4", "--graceful-timeout", "5", "--log-level", "warning"],
    }  # fmt: skip
    if settings.smtp_host is None:
        port = free_port()
        commands["mail"] = [python, "-m", "app.demo.mailbox", "--port", str(port), "--home", str(settings.home)]
        environment |= {"CHITRA_SMTP_HOST": "127.0.0.1", "CHITRA_SMTP_PORT": str(port), "CHITRA_SMTP_SECURITY": "none"}
    parts = {}
    for name, command in commands.items():
        log = stack.enter_context((logs / f"{name}.log").open("ab"))
        part = Part(command, environment, log)
        stack.callback(part.stop)
        parts[name] = part
    return parts


def wait_until_up(settings: config.Settings, parts: dict[str, Part], stopping: threading.Event) -> None:
    """Wait until the pages of both sides answer. Raises CannotStart."""
    addresses = [
        f"http://127.0.0.1:{settings.port}/health/live",
        f"http://127.0.0.1:{settings.sandbox_port}/",
    ]
    until = time.monotonic() + STARTED_WITHIN_S
    while addresses and not stopping.is_set():
        addresses = [address for address in addresses if not _answers(address)]
        for name, part in parts.items():
            if part.process.poll() is not None:
                raise CannotStart(f"Phần “{name}” dừng ngay khi khởi động; xem {settings.home}/log/{name}.log")
        if time.monotonic() > until:
            raise CannotStart(f"Quá {STARTED_WITHIN_S} giây chưa khởi động xong; xem thư mục {settings.home}/log")
        stopping.wait(0.2)


def _watch(parts: dict[str, Part], stopping: threading.Event) -> int:
    while not stopping.wait(0.5):
        for name, part in parts.items():
            if part.process.poll() is not None:
                sys.stderr.write(f"\nPhần “{name}” đã dừng (mã {part.process.returncode}); dừng tất cả.\n")
                return 1
    _say("\nĐang dừng …")
    return 0


def _greet(settings: config.Settings) -> None:
    lines = [
        "",
        f"  Chitra đang chạy:      http://127.0.0.1:{settings.port}/",
        f"  Bưu điện giả lập:      http://127.0.0.1:{settings.sandbox_port}/",
        "",
        "  Tài khoản trình diễn (mật khẩu: demo)",
        *(f"    {name:<14} {who}" for name, who in accounts.DEMO_ACCOUNTS.items()),
        "",
        "  Dừng: Ctrl-C. Lần sau dữ liệu còn nguyên; làm lại từ đầu: make demo-reset",
        "",
    ]
    _say("\n".join(lines))


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def _demand_free(port: int, name: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise CannotStart(
                f"Cổng {port} đang có chương trình khác dùng. Chọn cổng khác, ví dụ: make demo {name}={port + 1}"
            ) from None


def _was_cut_off(settings: config.Settings) -> bool:
    """True when loading the demo was ended half-way; a database of the operator's own is never thrown away here."""
    if not (settings.home / UNFINISHED).exists():
        return False
    if not settings.embedded:
        raise CannotStart("Lần nạp dữ liệu mẫu trước bị dừng giữa chừng. Hãy tạo lại cơ sở dữ liệu trống rồi chạy lại.")
    _say("Lần nạp dữ liệu mẫu trước bị dừng giữa chừng; nạp lại từ đầu.")
    return True


def free_port() -> int:
    """A port on loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _forget(home: Path) -> None:
    if (home / "pg").exists():
        embedded.stop(embedded.start(home))
    for name in ("pg", "sandbox", "keys", "exports", "log", "mail"):
        shutil.rmtree(home / name, ignore_errors=True)
    (home / UNFINISHED).unlink(missing_ok=True)


def _number_after(words: list[str], option: str, default: int) -> int:
    return int(words[words.index(option) + 1]) if option in words else default


def _say(message: str) -> None:
    sys.stdout.write(message + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
