"""Chitra: the back office for social-assistance payouts through a payment agency. `create_app()` and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Flask

    from config import Settings


def create_app(settings: Settings | None = None, *, addresses: tuple[str, str] | None = None) -> Flask:
    """Build the program in named steps; `addresses` are (run on, migrate on) where a test has its own database."""
    from flask import Flask

    import config
    from app import embedded

    settings = settings or config.load()
    run_on, migrate_on = addresses or embedded.addresses(settings)
    app = Flask(__name__)
    _configure(app, settings, run_on, migrate_on)
    _install_security(app)
    _install_extensions(app)
    _register_screens(app)
    _register_commands(app)
    return app


def _configure(app: Flask, settings: Settings, run_on: str, migrate_on: str) -> None:
    from config import APP_ROLE

    app.config.update(
        CHITRA=settings,
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_DATABASE_URI=run_on,
        OWNER_DATABASE_URI=migrate_on,
        SQLALCHEMY_SET_ROLE=APP_ROLE if run_on == migrate_on else None,
        MAX_CONTENT_LENGTH=25 * 1024 * 1024,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.production,
        SESSION_COOKIE_NAME="chitra",
        APP_NAME="Chitra",
        BABEL_DEFAULT_LOCALE="vi",
        BABEL_DEFAULT_TIMEZONE="Asia/Ho_Chi_Minh",
        BABEL_TRANSLATION_DIRECTORIES=str(_here() / "translations"),
        LANGUAGES={"vi": {"flag": "vn", "name": "Tiếng Việt"}, "en": {"flag": "gb", "name": "English"}},
        FAB_CREATE_DB=False,
        FAB_UPDATE_PERMS=False,
        FAB_ADD_SECURITY_VIEWS=False,
        FAB_ADD_MENU_API=False,
        FAB_API_SWAGGER_UI=False,
        FAB_API_MAX_PAGE_SIZE=200,
        FAB_PASSWORD_COMPLEXITY_ENABLED=False,
        AUTH_ROLE_ADMIN="central_admin",
        AUTH_ROLE_PUBLIC="public",
        RATELIMIT_ENABLED=False,
        PERMANENT_SESSION_LIFETIME=8 * 3600,
        JWT_ACCESS_TOKEN_EXPIRES=1800,
        JWT_REFRESH_TOKEN_EXPIRES=8 * 3600,
        WTF_CSRF_TIME_LIMIT=None,
    )


def _here() -> Any:
    from pathlib import Path

    return Path(__file__).parent


def _install_extensions(app: Flask) -> None:
    from app import extensions

    extensions.configure_engine(app)
    extensions.db.init_app(app)
    extensions.migrate.init_app(app, extensions.db, directory=str(_here().parent / "migrations"))
    extensions.csrf.init_app(app)


def _install_security(app: Flask) -> None:
    """Before the extensions, so that who signed out meanwhile is sent to the sign-in page, not told about a token."""
    from app import gate, scope

    scope.install()
    gate.install(app)


def _register_screens(app: Flask) -> None:
    """Screens are imported outside the context: a lazy text asked for its truth inside would look for Babel too early."""
    from flask_appbuilder import AppBuilder

    from app import api, views, web
    from app.accounts import AccountManager
    from app.extensions import db

    with app.app_context():
        web.install(app)
        appbuilder = AppBuilder(
            app,
            db.session,
            security_manager_class=AccountManager,
            indexview=views.Home,
            base_template="chitra/base.html",
            update_perms=False,
        )
        views.register(appbuilder)
        api.register(appbuilder)


def _register_commands(app: Flask) -> None:
    from app import cli

    cli.register(app)
