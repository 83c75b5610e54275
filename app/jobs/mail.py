"""The mail server of the configuration, and addresses of our pages as letters name them. What is sent is a service's."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

from flask import current_app

from app.services.digests import Link
from app.services.mailing import Post
from config import Settings

ANSWERS_WITHIN_S = 30


def server(settings: Settings) -> Post:
    """Hands one letter over in a connection of its own; without a name of a user it does not sign in."""
    host, port = settings.smtp_host or "", settings.smtp_port

    def post(message: EmailMessage) -> None:
        context = ssl.create_default_context()
        with _connected(host, port, settings.smtp_security, context) as line:
            if settings.smtp_user:
                line.login(settings.smtp_user, settings.smtp_password or "")
            line.send_message(message)

    return post


def _connected(host: str, port: int, security: str, context: ssl.SSLContext) -> smtplib.SMTP:
    if security == "tls":
        return smtplib.SMTP_SSL(host, port, timeout=ANSWERS_WITHIN_S, context=context)
    line = smtplib.SMTP(host, port, timeout=ANSWERS_WITHIN_S)
    if security == "starttls":
        line.starttls(context=context)
    return line


def links(public_url: str) -> Link:
    """Addresses under the public one; needs no request."""
    base = urlsplit(public_url)

    def link(endpoint: str, args: dict[str, Any]) -> str:
        paths = current_app.url_map.bind(base.netloc, url_scheme=base.scheme or "http")
        return paths.build(endpoint, args, force_external=True)

    return link
