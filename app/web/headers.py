"""Headers of every answer: content security policy, caching, and what a proxy in front says. No content."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response
from flask_talisman import Talisman
from werkzeug.middleware.proxy_fix import ProxyFix

if TYPE_CHECKING:
    from flask import Flask

    from config import Settings

POLICY = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
"""Nothing from another host, no inline style; an inline script only with the nonce of its answer."""


def install(app: Flask) -> None:
    """Security headers on every answer; https is demanded in production only."""
    settings: Settings = app.config["CHITRA"]
    Talisman(
        app,
        force_https=settings.production,
        strict_transport_security=settings.production,
        session_cookie_secure=settings.production,
        content_security_policy=POLICY,
        content_security_policy_nonce_in=["script-src"],
        frame_options="DENY",
        referrer_policy="same-origin",
    )
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    app.config.setdefault("SEND_FILE_MAX_AGE_DEFAULT", 3600)
    app.after_request(_ask_again)


def _ask_again(response: Response) -> Response:
    """A page may hold personal data: a shared computer asks the server again, so that signing out hides it."""
    if response.mimetype == "text/html" and "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "private, no-cache"
    return response
