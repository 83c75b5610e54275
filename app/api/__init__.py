"""Inbound HTTP for machines: the REST API, the agency's callbacks, health. Rules live in services."""

from __future__ import annotations

from typing import Any


def register(appbuilder: Any) -> None:
    """Register every endpoint for machines."""
