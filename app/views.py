"""The menu: every generated screen registered, in the order of the menu. No logic."""

from __future__ import annotations

from typing import Any

from flask_appbuilder import IndexView


class Home(IndexView):
    """Sign-in leads to the workbench."""


def register(appbuilder: Any) -> None:
    """Register every screen in the order of the menu."""
