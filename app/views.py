"""The menu: every generated screen registered, in the order of the menu. No logic."""

from __future__ import annotations

from typing import Any

from flask_appbuilder import IndexView
from flask_babel import lazy_gettext as _l

from app.screens import users


class Home(IndexView):
    """Sign-in leads to the workbench."""


def register(appbuilder: Any) -> None:
    """Register every screen in the order of the menu."""
    system = {"category": "Quản trị hệ thống", "category_label": _l("Quản trị hệ thống")}
    appbuilder.add_view(users.UserView, "Quản lý người dùng", label=_l("Quản lý người dùng"), **system)
    appbuilder.add_view(users.UserChangeView, "Nhật ký người dùng", label=_l("Nhật ký người dùng"), **system)
