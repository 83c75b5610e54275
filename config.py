"""Configuration: read from the environment only, and refused when unsafe for production."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

DEFAULT_SECRET = "only-for-development-and-the-demo"  # noqa: S105 - refused in production
APP_ROLE = "chitra_app"
OWNER_ROLE = "chitra_owner"


class UnsafeConfiguration(Exception):
    """The configuration must not run in production."""


@dataclass(frozen=True)
class Settings:
    """All there is to configure; README lists the variables.

    `database_url` is what the program runs on; `owner_url` migrates. Where only one address is known, connections
    take on the role `chitra_app`, which owns nothing, so that row-level security binds them all the same.
    """

    mode: str
    home: Path
    secret_key: str
    database_url: str | None
    owner_url: str | None
    port: int
    sandbox_port: int
    public_url: str
    demo: bool
    debug: bool
    log_level: str
    workers: int
    trusted_proxies: int
    paper_font: Path | None = None
    heartbeat_url: str | None = None
    poll_after_s: int = 3600
    smtp_host: str | None = None
    smtp_port: int = 25
    smtp_security: str = "starttls"
    smtp_user: str | None = None
    smtp_password: str | None = field(default=None, repr=False)
    mail_from: str = "chitra@localhost"

    @property
    def production(self) -> bool:
        """True when unsafe values must stop the program."""
        return self.mode == "production"

    @property
    def embedded(self) -> bool:
        """True when the embedded PostgreSQL is used."""
        return self.database_url is None

    @property
    def one_address(self) -> bool:
        """True when the running program shares the owner's address and must change role itself."""
        return self.database_url is not None and self.owner_url is None

    def refuse_if_unsafe(self) -> None:
        """Raise `UnsafeConfiguration` naming every unsafe value, in production only."""
        if not self.production:
            return
        wrong = []
        if self.secret_key == DEFAULT_SECRET or len(self.secret_key) < 32:
            wrong.append("SECRET_KEY must be set to at least 32 characters of your own")
        if self.demo:
            wrong.append("CHITRA_DEMO must be off: demo accounts have a known password")
        if self.debug:
            wrong.append("CHITRA_DEBUG must be off")
        if self.embedded:
            wrong.append("DATABASE_URL must name a PostgreSQL server")
        if self.one_address:
            wrong.append("DATABASE_OWNER_URL must name another login than DATABASE_URL")
        if wrong:
            raise UnsafeConfiguration("Refusing to start in production: " + "; ".join(wrong))


def _flag(env: Mapping[str, str], name: str) -> bool:
    return env.get(name, "").strip().lower() in {"1", "true", "yes", "on"}


def _number(env: Mapping[str, str], name: str, default: int, *, least: int = 1, most: int = 65535) -> int:
    text = env.get(name, "").strip() or str(default)
    if not text.isdigit() or not least <= int(text) <= most:
        raise UnsafeConfiguration(f"{name} must be a whole number from {least} to {most}, not {text!r}")
    return int(text)


def _folder(env: Mapping[str, str], name: str) -> Path | None:
    text = env.get(name, "").strip()
    if not text:
        return None
    folder = Path(text).expanduser().resolve()
    if not folder.is_dir():
        raise UnsafeConfiguration(f"{name} must be a folder, not {text!r}")
    return folder


def _one_of(env: Mapping[str, str], name: str, known: tuple[str, ...]) -> str:
    """One of `known`, the first when nothing is said."""
    text = env.get(name, "").strip().lower() or known[0]
    if text not in known:
        raise UnsafeConfiguration(f"{name} must be one of {', '.join(known)}, not {text!r}")
    return text


def with_driver(url: str) -> str:
    """`postgres://` and `postgresql://` become `postgresql+psycopg://`."""
    for scheme in ("postgresql://", "postgres://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    return url


def load(env: Mapping[str, str] | None = None) -> Settings:
    """Read the environment; refuses a production mode with unsafe values."""
    env = os.environ if env is None else env
    mode = env.get("CHITRA_MODE", "development").strip().lower()
    if mode not in {"development", "production"}:
        raise UnsafeConfiguration(f"CHITRA_MODE must be development or production, not {mode!r}")
    port = _number(env, "PORT", 8080)
    database_url, owner_url = env.get("DATABASE_URL") or None, env.get("DATABASE_OWNER_URL") or None
    settings = Settings(
        mode=mode,
        home=Path(env.get("CHITRA_HOME") or ".data").expanduser().resolve(),
        secret_key=env.get("SECRET_KEY") or DEFAULT_SECRET,
        database_url=with_driver(database_url) if database_url else None,
        owner_url=with_driver(owner_url) if owner_url else None,
        port=port,
        sandbox_port=_number(env, "SANDBOX_PORT", 8090),
        public_url=env.get("CHITRA_PUBLIC_URL") or f"http://127.0.0.1:{port}",
        demo=_flag(env, "CHITRA_DEMO"),
        debug=_flag(env, "CHITRA_DEBUG"),
        log_level=env.get("CHITRA_LOG_LEVEL", "INFO").upper(),
        workers=_number(env, "WEB_CONCURRENCY", 2, most=64),
        trusted_proxies=_number(env, "CHITRA_TRUSTED_PROXIES", 0, least=0, most=5),
        paper_font=_folder(env, "CHITRA_PAPER_FONT"),
        heartbeat_url=env.get("CHITRA_HEARTBEAT_URL") or None,
        poll_after_s=_number(env, "CHITRA_POLL_AFTER_S", 3600, least=60, most=7 * 86_400),
        smtp_host=env.get("CHITRA_SMTP_HOST") or None,
        smtp_port=_number(env, "CHITRA_SMTP_PORT", 25),
        smtp_security=_one_of(env, "CHITRA_SMTP_SECURITY", ("starttls", "tls", "none")),
        smtp_user=env.get("CHITRA_SMTP_USER") or None,
        smtp_password=env.get("CHITRA_SMTP_PASSWORD") or None,
        mail_from=env.get("CHITRA_MAIL_FROM") or "chitra@localhost",
    )
    settings.refuse_if_unsafe()
    return settings
