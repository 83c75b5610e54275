"""Sign-in: Flask-AppBuilder's security manager with our users, our actor and its known holes closed."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import g, session
from flask_appbuilder.security.sqla.manager import SecurityManager
from flask_appbuilder.security.sqla.models import (
    Permission,
    PermissionView,
    ViewMenu,
    assoc_permissionview_role,
)
from sqlalchemy import select, update

from app.extensions import acting_as, become, db
from app.models import AppUser
from app.rules.actors import SYSTEM
from app.security import actor_of


def _as_system(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def inner(self: Any, *args: Any, **kwargs: Any) -> Any:
        with acting_as(SYSTEM):
            return method(self, *args, **kwargs)

    return inner


class AccountManager(SecurityManager):
    """Reads users outside any scope while signing them in, then limits the request to the user's area."""

    user_model = AppUser

    auth_user_db = _as_system(SecurityManager.auth_user_db)
    find_user = _as_system(SecurityManager.find_user)
    update_user = _as_system(SecurityManager.update_user)

    def load_user(self, pk: Any) -> AppUser | None:
        """The user of a session cookie; None when disabled, or when the cookie is older than the password."""
        return self._load(pk, session.get("sv"))

    def load_user_jwt(self, _header: Any, claims: Any) -> AppUser | None:
        """The user of a bearer token; same conditions."""
        user = self._load(claims["sub"], claims.get("sv"))
        if user is not None:
            g.user = user
        return user

    def _load(self, pk: Any, session_version: Any) -> AppUser | None:
        with acting_as(SYSTEM):
            user = db.session.get(AppUser, int(pk)) if str(pk).isdigit() else None
            actor = actor_of(user) if user is not None else None
        if user is None or actor is None or not user.is_active or user.session_version != session_version:
            return None
        become(actor)
        return user

    def on_user_login(self, user: AppUser) -> None:
        """Bind the cookie to the password it was opened with."""
        session["sv"] = user.session_version

    def create_jwt_manager(self, app: Any) -> Any:
        """Bind tokens to the password they were opened with."""
        manager = super().create_jwt_manager(app)

        @manager.additional_claims_loader
        def claims(identity: Any) -> dict[str, Any]:
            with acting_as(SYSTEM):
                found = db.session.get(AppUser, int(identity))
                return {"sv": found.session_version if found is not None else 0}

        return manager

    def reset_password(self, userid: Any, password: str) -> None:
        """A new password ends every open session and token of the user."""
        super().reset_password(userid, password)
        db.session.execute(
            update(AppUser)
            .where(AppUser.id == int(userid))
            .values(session_version=AppUser.session_version + 1)
        )
        db.session.commit()

    def get_user_roles(self, user: Any) -> list[Any]:
        """Roles given directly; groups are not used."""
        return list(user.roles) if user.is_authenticated else []

    def _has_view_access(self, user: Any, permission_name: str, view_name: str) -> bool:
        return (permission_name, view_name) in self._permissions(user)

    def _get_user_permission_view_menus(
        self, user: Any, permission_name: str, view_menus_name: list[str]
    ) -> set[str]:
        if user is None or not user.is_authenticated:
            return set()
        return {view for name, view in self._permissions(user) if name == permission_name}

    def is_item_public(self, permission_name: str, view_name: str) -> bool:
        """Nothing is public by permission; public pages carry no permission at all."""
        return False

    def _permissions(self, user: Any) -> set[tuple[str, str]]:
        """Every permission of the user: one query a request instead of one for each menu entry and button."""
        held: tuple[int, set[tuple[str, str]]] | None = g.get("permissions")
        if held is None or held[0] != user.id:
            rows = db.session.execute(
                select(Permission.name, ViewMenu.name)
                .select_from(PermissionView)
                .join(Permission, Permission.id == PermissionView.permission_id)
                .join(ViewMenu, ViewMenu.id == PermissionView.view_menu_id)
                .join(
                    assoc_permissionview_role,
                    assoc_permissionview_role.c.permission_view_id == PermissionView.id,
                )
                .where(assoc_permissionview_role.c.role_id.in_([role.id for role in user.roles]))
            )
            held = g.permissions = (user.id, {(permission, view) for permission, view in rows})
        return held[1]
