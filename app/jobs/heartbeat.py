"""Telling a watcher that the scheduler lives: one call at intervals, because a dead scheduler cannot say so itself."""

from __future__ import annotations

import logging

import requests

ANSWERS_WITHIN_S = 10

log = logging.getLogger("app.jobs")


def beat(url: str) -> bool:
    """Call the address; a watcher that does not answer is logged and hurts nothing. Never anything more to do."""
    try:
        requests.get(url, timeout=ANSWERS_WITHIN_S, allow_redirects=False).raise_for_status()
    except requests.RequestException as error:
        log.warning("heartbeat_failed", extra={"error": type(error).__name__})
    return False
