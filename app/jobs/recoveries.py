"""The sweep of recoveries, in a transaction of its own. Run by the scheduler; what it does is a service's."""

from __future__ import annotations

from app.extensions import transaction
from app.services.recoveries import finding


def find() -> bool:
    """Propose, drop, follow and count; nothing more is due until next time."""
    with transaction() as session:
        finding.sweep(session)
    return False
