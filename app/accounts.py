"""Signing in: Flask-AppBuilder's security manager with our users, our actor and its known holes closed.

No page and no rule about users lives here: pages are in `screens/sign_in.py` and `screens/users.py`, the REST sign-in in
`api/sign_in.py`, who may give what in `rules/granting.py`.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import logging
from dataclasses import replace
from typing import Any

from flask import Response, current_app, g, request, session
from flask_appbuilder.security.sqla.manager import SecurityManager
from flask_appbuilder.security.sqla.models import (
    Permission,
    PermissionView,
    ViewMenu,
    assoc_permissionview_role,
)
from flask_babel import gettext
from flask_login import login_user
from sqlalchemy import func, select, update
from werkzeug.security import check_password_hash

from app import clock
from app.errors import ChitraError
from app.extensions import acting_as, become, current_actor, db, transaction
from app.models import AppUser
from app.rules.actors import SYSTEM, Actor, Role
from app.rules.passwords import FOR_A_NAME, FOR_AN_ADDRESS, normal
from app.security import MENUS, PERMISSIONS, actor_of
from app.services.accounts import attempts, issuing
from app.services.lives import keeping
from app.web.answers import problem

log = logging.getLogger(__name__)

AREA_HEADER = "Chitra-Area"
"""Code of an ended area a program wants to read."""

KEPT_AT_SIGN_IN = ("locale", "month")
"""What a session keeps when it becomes somebody's; everything else, the CSRF token too, is new."""


class WrongCredentials(ChitraError):
    """Tên đăng nhập hoặc mật khẩu không đúng, hoặc tài khoản đã bị khóa."""

    status = 401
    code = "credentials"


class AccountManager(SecurityManager):
    """Reads users outside any scope while signing them in, then limits the request to the user's area."""

    user_model = AppUser

    def register_views(self) -> None:
        """Our sign-in, own account and REST sign-in; nothing of Flask-AppBuilder's own security screens."""
        from app.api.sign_in import SignInApi
        from app.screens.sign_in import OwnAccount, SignIn

        self.auth_view = self.appbuilder.add_view_no_menu(SignIn)
        self.user_view = self.appbuilder.add_view_no_menu(OwnAccount)
        self.appbuilder.add_api(SignInApi)

    # --- signing in

    def sign_in(self, username: str, password: str) -> AppUser:
        """The user these credentials belong to. Raises WrongCredentials, TooManyAttempts.

        The attempt is counted, for the name and for the address, before the password is looked at. A name nobody has
        takes the same steps, and a hash of the same cost, as a wrong password.
        """
        name_key, address_key = name_key_of(username), address_key_of(request.remote_addr)
        with acting_as(SYSTEM):
            with transaction() as opened:
                attempts.sweep(opened)
                attempts.claim(opened, address_key, FOR_AN_ADDRESS)
                attempts.claim(opened, name_key, FOR_A_NAME)
            user = self._named(username)
            usable = user is not None and actor_for(user) is not None
            hashed = (user.password if user is not None and usable else None) or _nobodys_hash()
            right = check_password_hash(hashed, normal(password)) and usable
            with transaction() as opened:
                self._count(user.id if user is not None else 0, right)
                if right:
                    attempts.forgive(opened, name_key)
                    attempts.take_back(opened, address_key)
            if user is None or not right:
                log.warning("sign-in refused", extra={"name_key": name_key[:12]})
                raise WrongCredentials
            db.session.refresh(user)
            log.info("signed in", extra={"user_id": user.id})
            return user

    def open_session(self, user: AppUser) -> None:
        """A new session for the browser, bound to the password it was opened with; eight idle hours end it."""
        kept = {name: session[name] for name in KEPT_AT_SIGN_IN if name in session}
        session.clear()
        session.update(kept)
        session.permanent = True
        login_user(user, remember=False)
        session["sv"] = user.session_version

    def auth_user_db(self, username: str, password: str) -> AppUser | None:
        """What Flask-AppBuilder's own pages would call; counted like every other way in."""
        try:
            return self.sign_in(username, password)
        except WrongCredentials:
            return None

    def reset_password(self, userid: Any, password: str) -> None:
        """What Flask-AppBuilder's own code would call; recorded, and ends every open session and token of the user."""
        demo = current_app.config["CHITRA"].demo
        with acting_as(SYSTEM), transaction() as opened:
            issuing.reset_password(opened, int(userid), password, by=SYSTEM, demo=demo)

    def _named(self, username: str) -> AppUser | None:
        wanted = normal(username).strip().lower()
        found = db.session.scalars(select(AppUser).where(func.lower(AppUser.username) == wanted))
        user: AppUser | None = found.one_or_none()
        return user

    def _count(self, user_id: int, right: bool) -> None:
        values: dict[str, Any] = {"fail_login_count": func.coalesce(AppUser.fail_login_count, 0) + 1}
        if right:
            values = {
                "fail_login_count": 0,
                "login_count": func.coalesce(AppUser.login_count, 0) + 1,
                "last_login": clock.now().replace(tzinfo=None),
            }
        db.session.execute(update(AppUser).where(AppUser.id == user_id).values(**values))

    # --- whose request this is

    def load_user(self, pk: Any) -> AppUser | None:
        """The user of a session cookie; None when disabled, or when the cookie is older than the password.

        A request that carries a bearer token is the token's user's and nobody else's.
        """
        return None if has_bearer_token() else self._load(pk, session.get("sv"))

    def load_user_jwt(self, _header: Any, claims: Any) -> AppUser | None:
        """The user of a bearer token; same conditions."""
        user = self._load(claims["sub"], claims.get("sv"))
        if user is not None:
            g.user = user
        return user

    def create_jwt_manager(self, app: Any) -> Any:
        """Bind tokens to the password they were opened with, and refuse the others in one voice."""
        manager = super().create_jwt_manager(app)
        for refused in (manager.unauthorized_loader, manager.invalid_token_loader):
            refused(lambda _reason: _token_refused())
        for refused in (
            manager.expired_token_loader,
            manager.revoked_token_loader,
            manager.user_lookup_error_loader,
        ):
            refused(lambda _header, _claims: _token_refused())

        @manager.additional_claims_loader
        def claims(identity: Any) -> dict[str, Any]:
            with acting_as(SYSTEM):
                found = db.session.get(AppUser, int(identity))
                return {"sv": found.session_version if found is not None else 0}

        return manager

    def _load(self, pk: Any, session_version: Any) -> AppUser | None:
        with acting_as(SYSTEM):
            user: AppUser | None = db.session.get(AppUser, int(pk)) if str(pk).isdigit() else None
            actor = actor_for(user) if user is not None else None
        if user is None or actor is None or user.session_version != session_version:
            return None
        become(actor)
        wanted = request.headers.get(AREA_HEADER) if has_bearer_token() else session.get("kept")
        if wanted:
            become(self._reader(user, actor, wanted))
        return user

    def _reader(self, user: AppUser, actor: Actor, code: str) -> Actor:
        """Who reads an ended area; a program that asks for one that is not its own sees nothing at all."""
        found = keeping.reader(db.session(), actor, code)
        if found is not None:
            db.session.expunge(user)  # their own row is out of the old area's sight, and stays as it was read
            return found
        session.pop("kept", None)
        return replace(actor, roles=frozenset(), area_path=None) if has_bearer_token() else actor

    # --- permissions

    def _get_safe_user(self, user: Any) -> Any:
        """A reader of an ended area is not looked up again: their own row is out of that area's sight."""
        return user if current_actor().reading else super()._get_safe_user(user)

    def _has_view_access(self, user: Any, permission_name: str, view_name: str) -> bool:
        return (permission_name, view_name) in self._permissions(user)

    def _get_user_permission_view_menus(self, user: Any, permission_name: str, view_menus_name: list[str]) -> set[str]:
        if user is None:
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
            found = {(permission, view) for permission, view in rows}
            held = g.permissions = (user.id, for_readers(found) if current_actor().reading else found)
        return held[1]


def for_readers(held: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Of these permissions what an auditor has too: who reads an ended area opens no form; their own account is elsewhere."""
    return {
        (permission, view)
        for permission, view in held
        if Role.AUDITOR in PERMISSIONS.get(view, {}).get(permission, MENUS.get(view, ())) and view != "OwnAccount"
    }


def actor_for(user: AppUser) -> Actor | None:
    """The actor a user is, or None for one who may not come in: disabled, or without an area or agency to see."""
    actor = actor_of(user)
    return actor if user.is_active and actor.area_path is not None else None


def has_bearer_token() -> bool:
    """True when the request speaks for a token, so that its cookie counts for nothing."""
    return request.headers.get("Authorization", "").lower().startswith("bearer ")


def name_key_of(username: str) -> str:
    """Under which attempts of a typed name are counted; what was typed, perhaps a password, is not kept."""
    return _keyed("name:" + normal(username).strip().lower())


def address_key_of(address: str | None) -> str:
    """Under which attempts from an address are counted; of IPv6 the network, since a host has billions."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return _keyed("address:?")
    network = ipaddress.ip_network((found, 64 if found.version == 6 else 32), strict=False)
    return _keyed(f"address:{network}")


def _token_refused() -> Response:
    return problem(401, gettext("Thẻ truy cập thiếu, sai hoặc đã hết hạn. Hãy đăng nhập lại."), code="sign_in")


def _keyed(text: str) -> str:
    secret = str(current_app.config["SECRET_KEY"]).encode()
    return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()


def _nobodys_hash() -> str:
    return str(current_app.config["AUTH_DB_FAKE_PASSWORD_HASH_CHECK"])
