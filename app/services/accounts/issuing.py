"""Issuing accounts: created, changed, disabled and reset by an administrator of the area; nobody is ever deleted.

Who may give what is `rules.granting`; every change leaves a row in `user_changes`. Passwords arrive here in clear and
leave as a hash, in no log and no record.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from werkzeug.security import check_password_hash, generate_password_hash

from app import clock
from app.errors import BadInput, NotAllowed, NotFound, RuleBroken, Stale
from app.models import Agency, AppUser, Area
from app.rules import names, passwords
from app.rules.actors import Actor, Role
from app.rules.granting import check_roles, grantable
from app.rules.problems import UnreadableError

USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{2,63}")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
NO_EMAIL = "@no-mail.invalid"
"""The column wants an address of everybody; `.invalid` never belongs to anybody (RFC 2606)."""


class UsernameTaken(BadInput):
    """Tên đăng nhập này đã có người dùng."""


class EmailTaken(BadInput):
    """Thư điện tử này đã có người dùng."""


class NotYourArea(NotAllowed):
    """Bạn chỉ quản lý người dùng thuộc địa bàn của mình và cấp dưới."""


class NotYourRole(NotAllowed):
    """Bạn không có quyền cấp hoặc thu hồi vai trò này, hay sửa người đang giữ nó."""


class OwnAccount(NotAllowed):
    """Bạn không thể tự sửa, tự khóa hay tự đặt lại mật khẩu ở đây. Hãy nhờ quản trị viên khác."""


class WrongPassword(BadInput):
    """Mật khẩu hiện tại không đúng."""


class NothingToDo(RuleBroken):
    """Tài khoản đã ở trạng thái này."""


@dataclass(frozen=True, slots=True)
class Account:
    """What an administrator fills in; `last_name` is họ và tên đệm, `first_name` is tên."""

    last_name: str
    first_name: str
    email: str | None
    area_id: int
    agency_id: int | None
    roles: frozenset[Role]


def create(
    session: Session, username: str, account: Account, password: str, *, by: Actor, demo: bool = False
) -> AppUser:
    """Issue an account.

    Raises BadInput with the field, UsernameTaken, EmailTaken, NotYourArea, NotYourRole.
    """
    if not USERNAME.fullmatch(username):
        raise BadInput("Tên đăng nhập gồm 3 đến 64 chữ thường không dấu, chữ số, dấu chấm, gạch nối.", field="username")
    area = _check(session, account, by=by)
    values = _texts(account, username)
    hashed = hash_password(password, username=username, demo=demo)
    now = clock.now().replace(tzinfo=None)
    user = AppUser(
        username=username,
        area_id=area.id,
        agency_id=account.agency_id,
        active=True,
        password=hashed,
        created_on=now,
        changed_on=now,
        created_by_fk=by.user_id,
        changed_by_fk=by.user_id,
        **values,
    )
    try:
        with session.begin_nested():
            session.add(user)
    except IntegrityError as error:
        raise _taken(error, values["email"]) from error
    _set_roles(session, user.id, account.roles)
    session.refresh(user)
    _record(session, user, "created", before={}, after=_facts(session, user), by=by)
    return user


def change(session: Session, user_id: int, account: Account, *, by: Actor, seen_version: int | None = None) -> None:
    """Change names, area, agency and roles; the user name stays for good, since books refer to it.

    Raises what `create` raises, NotFound, OwnAccount, and Stale when the row is no longer the version seen.
    """
    user = _managed(session, user_id, by=by)
    if seen_version is not None and seen_version != user.row_version:
        raise Stale
    area = _check(session, account, by=by)
    before = _facts(session, user)
    values = _texts(account, user.username)
    for name, value in values.items():
        setattr(user, name, value)
    user.area_id, user.area, user.agency_id = area.id, area, account.agency_id
    user.row_version += 1
    user.changed_on, user.changed_by_fk = clock.now().replace(tzinfo=None), by.user_id
    try:
        with session.begin_nested():
            session.flush()
    except IntegrityError as error:
        raise _taken(error, values["email"]) from error
    _set_roles(session, user_id, account.roles)
    session.refresh(user)
    after = _facts(session, user)
    changed = [name for name in after if after[name] != before[name]]
    if changed:
        _record(
            session,
            user,
            "changed",
            before={name: before[name] for name in changed},
            after={name: after[name] for name in changed},
            by=by,
        )


def disable(session: Session, user_id: int, *, by: Actor) -> None:
    """Close an account; open sessions and tokens end at their next request. Raises NothingToDo when it is closed."""
    _set_active(session, user_id, False, by=by)


def enable(session: Session, user_id: int, *, by: Actor) -> None:
    """Open a closed account again; sessions of before stay ended. Raises NothingToDo when it is open."""
    _set_active(session, user_id, True, by=by)


def reset_password(session: Session, user_id: int, password: str, *, by: Actor, demo: bool = False) -> None:
    """Set a user's password; their open sessions and tokens end. Raises BadInput, NotFound, OwnAccount, NotYourRole."""
    user = _managed(session, user_id, by=by)
    user.password = hash_password(password, username=user.username, demo=demo)
    user.session_version += 1
    session.flush()
    _record(session, user, "password_reset", before={}, after={}, by=by)


def end_own_sessions(session: Session, user_id: int) -> None:
    """End every session and token of a user, wherever they are: a cookie somebody copied dies with the sign-out."""
    session.scalars(select(AppUser).where(AppUser.id == user_id).with_for_update()).one().session_version += 1
    session.flush()


def change_own_password(session: Session, user_id: int, old: str, new: str, *, by: Actor, demo: bool = False) -> int:
    """Change one's own password and return the new session version, which ends every other session.

    Raises WrongPassword, BadInput.
    """
    user = session.scalars(select(AppUser).where(AppUser.id == user_id).with_for_update()).one()
    if not check_password_hash(user.password or "", passwords.normal(old)):
        raise WrongPassword(field="old")
    hashed = hash_password(new, username=user.username, demo=demo, field="new")
    if passwords.normal(old) == passwords.normal(new):
        raise BadInput(passwords.PasswordError.texts["same"], field="new")
    user.password = hashed
    user.session_version += 1
    session.flush()
    _record(session, user, "password_changed", before={}, after={}, by=by)
    return user.session_version


def hash_password(password: str, *, username: str, demo: bool, field: str = "password") -> str:
    """The hash to store. Raises BadInput when the password may not be set."""
    try:
        passwords.check_password(password, username=username, demo=demo)
    except UnreadableError as error:
        raise BadInput(error.text, field=field, **error.facts) from error
    return generate_password_hash(passwords.normal(password))


def roles_of(session: Session, user_id: int) -> frozenset[Role]:
    """Roles a user holds now."""
    rows = session.execute(
        text("SELECT r.name FROM ab_user_role ur JOIN ab_role r ON r.id = ur.role_id WHERE ur.user_id = :id"),
        {"id": user_id},
    )
    known = {role.value: role for role in Role}
    return frozenset(known[name] for (name,) in rows if name in known)


def demand_managed(user: AppUser, roles: Collection[Role], *, by: Actor) -> None:
    """Raise unless `by` may change a user who holds `roles`: OwnAccount, NotYourArea, NotYourRole."""
    if user.id == by.user_id:
        raise OwnAccount
    if user.area_path is None or not by.may_see(user.area_path):
        raise NotYourArea
    if not grantable(by.roles) or not frozenset(roles) <= grantable(by.roles):
        raise NotYourRole


def _managed(session: Session, user_id: int, *, by: Actor) -> AppUser:
    user = session.scalars(
        select(AppUser)
        .where(AppUser.id == user_id)
        .with_for_update(of=AppUser)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if user is None:
        raise NotFound
    demand_managed(user, roles_of(session, user_id), by=by)
    return user


def _check(session: Session, account: Account, *, by: Actor) -> Area:
    if not account.roles <= grantable(by.roles):
        raise NotYourRole
    area = session.get(Area, account.area_id)
    if area is None or not by.may_see(area.path):
        raise NotYourArea
    if account.agency_id is not None and session.get(Agency, account.agency_id) is None:
        raise BadInput("Đơn vị chi trả không có trong danh mục.", field="agency")
    try:
        check_roles(account.roles, level=area.level, of_an_agency=account.agency_id is not None)
    except UnreadableError as error:
        raise BadInput(error.text, field="agency" if error.code.startswith("agency") else "roles") from error
    return area


def _texts(account: Account, username: str) -> dict[str, str]:
    values = {}
    for name in ("last_name", "first_name"):
        try:
            values[name] = names.clean_name(getattr(account, name), max_length=64)
        except UnreadableError as error:
            raise BadInput(error.text, field=name, **error.facts) from error
    email = (account.email or "").strip().lower()
    if email and (len(email) > 320 or not EMAIL.fullmatch(email) or email.endswith(NO_EMAIL)):
        raise BadInput("Địa chỉ thư điện tử chưa đúng.", field="email")
    return values | {"email": email or username + NO_EMAIL}


def _taken(error: IntegrityError, email: str) -> BadInput:
    """What is taken; without an address of one's own, the one that stands for none is the user name again."""
    constraint = getattr(getattr(error.orig, "diag", None), "constraint_name", "") or ""
    if "email" in constraint and not email.endswith(NO_EMAIL):
        return EmailTaken(field="email")
    if "email" in constraint or "username" in constraint:
        return UsernameTaken(field="username")
    raise error


def _set_roles(session: Session, user_id: int, roles: frozenset[Role]) -> None:
    session.flush()
    wanted = {"id": user_id, "names": sorted(role.value for role in roles)}
    session.execute(
        text(
            "DELETE FROM ab_user_role WHERE user_id = :id"
            " AND role_id NOT IN (SELECT id FROM ab_role WHERE name = ANY(:names))"
        ),
        wanted,
    )
    session.execute(
        text(
            "INSERT INTO ab_user_role (user_id, role_id) SELECT :id, id FROM ab_role WHERE name = ANY(:names)"
            " ON CONFLICT (user_id, role_id) DO NOTHING"
        ),
        wanted,
    )
    if roles_of(session, user_id) != roles:
        raise LookupError("roles are missing: run `flask sync-security`")


def _set_active(session: Session, user_id: int, active: bool, *, by: Actor) -> None:
    user = _managed(session, user_id, by=by)
    if bool(user.active) == active:
        raise NothingToDo
    user.active = active
    user.session_version += 1
    user.row_version += 1
    session.flush()
    _record(session, user, "enabled" if active else "disabled", before={}, after={}, by=by)


def _facts(session: Session, user: AppUser) -> dict[str, Any]:
    return {
        "username": user.username,
        "last_name": user.last_name,
        "first_name": user.first_name,
        "email": user.email,
        "area": user.area.code if user.area else None,
        "agency": user.agency.code if user.agency else None,
        "roles": sorted(role.value for role in roles_of(session, user.id)),
    }


def _record(
    session: Session,
    user: AppUser,
    what: str,
    *,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    by: Actor,
) -> None:
    session.execute(
        text(
            "INSERT INTO user_changes (at, actor, actor_id, user_id, what, before, after, area_path) VALUES"
            " (:at, :actor, :actor_id, :user_id, :what, CAST(:before AS jsonb), CAST(:after AS jsonb), :area_path)"
        ),
        {
            "at": clock.now(),
            "actor": by.username,
            "actor_id": by.user_id,
            "user_id": user.id,
            "what": what,
            "before": json.dumps(before),
            "after": json.dumps(after),
            "area_path": user.area_path,
        },
    )
