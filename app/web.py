"""What every page shares: security headers, filters for templates, error pages. No page of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask


def install(app: Flask) -> None:
    """Install what every page shares."""
