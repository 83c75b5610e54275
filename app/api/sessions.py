"""Sessions belong to people: what a program is answered carries no cookie. Who a caller is, is decided elsewhere."""

from __future__ import annotations

from flask import Flask, Response, request
from flask.sessions import SecureCookieSessionInterface, SessionMixin

from app.web.answers import MACHINE_PATHS


class SessionsOfPeople(SecureCookieSessionInterface):
    """Flask's, which keeps even the language of a refusal in a cookie."""

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Nothing is kept for a program."""
        if not request.path.startswith(MACHINE_PATHS):
            super().save_session(app, session, response)
