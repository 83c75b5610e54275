"""The gate every request passes: nobody, until a cookie or token says who; no page without a signed-in user.

Default deny: a route is open to strangers only by its name in `security.PUBLIC`. What a user may do once inside is
decided by the permission table, what they see by the scope.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.accounts import has_bearer_token
from app.errors import ChitraError
from app.extensions import become
from app.rules.actors import NOBODY
from app.security import ASSETS, MACHINES, PUBLIC
from app.web.answers import for_machines

if TYPE_CHECKING:
    from flask import Flask

API_PATH = "/api/"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class SignInNeeded(ChitraError):
    """Hãy đăng nhập rồi thử lại."""

    status = 401
    code = "sign_in"


def install(app: Flask) -> None:
    """Every request starts as nobody and becomes its user; nothing leaks into the thread's next request."""

    @app.before_request
    def begin() -> ResponseReturnValue | None:
        become(NOBODY)
        g.user = current_user
        if request.endpoint in ASSETS or request.endpoint in MACHINES:
            return None
        signed_in = bool(current_user.is_authenticated)
        if request.endpoint is None or request.endpoint in PUBLIC:
            return None
        if request.path.startswith(API_PATH):
            _let_into_the_api(signed_in)
            return None
        return None if signed_in else _ask_to_sign_in()

    @app.teardown_request
    def end(_error: BaseException | None) -> None:
        become(NOBODY)


def _let_into_the_api(signed_in: bool) -> None:
    """The API checks no CSRF token, so there a cookie may read and never write; a bearer token is checked by the API."""
    if has_bearer_token() or (signed_in and request.method in SAFE_METHODS):
        return
    raise SignInNeeded


def _ask_to_sign_in() -> ResponseReturnValue:
    if for_machines():
        raise SignInNeeded
    return redirect(url_for("SignIn.login", next=_wanted() or None), 303)


def _wanted() -> str:
    """Where to go after signing in: this page, or the page whose form was sent too late."""
    if request.method == "GET":
        return request.full_path.rstrip("?")
    return safe_path(request.referrer or "")


def safe_path(url: str) -> str:
    """The path and query of an address within this site; empty for any other, whatever a browser makes of it."""
    if not url.isprintable() or "\\" in url or url != url.strip() or url.startswith("//"):
        return ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    if (parts.scheme or parts.netloc) and (parts.scheme not in ("http", "https") or parts.netloc != request.host):
        return ""
    if not parts.path.startswith("/") or parts.path.startswith("//"):
        return ""
    return parts.path + (f"?{parts.query}" if parts.query else "")


def start_page() -> str:
    """The first page after signing in."""
    return str(current_app.extensions["appbuilder"].get_url_for_index)
