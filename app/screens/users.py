"""Quản lý người dùng: an administrator lists, issues, changes, closes and resets accounts, and reads what was changed.

Who may give what to whom is `services/accounts/issuing.py`; the screens only offer no more than that.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from flask import current_app, flash, g, make_response, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import expose, has_access
from flask_babel import gettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from sqlalchemy.orm import Session
from wtforms import PasswordField, SelectMultipleField
from wtforms.validators import StopValidation, ValidationError

from app.errors import BadInput, ChitraError, NotAllowed
from app.extensions import current_actor, transaction
from app.models import AppUser, UserChange
from app.rules import passwords
from app.rules.actors import Role
from app.rules.granting import grantable
from app.rules.states import N_
from app.screens.base import ReadOnlyView, SafeInterface, SafeModelView, action
from app.screens.fields import CleanField, NameField, Required
from app.screens.forms import SafeForm
from app.screens.lookups import Lookup
from app.screens.sign_in import PasswordBox
from app.security import ROLE_NAMES, actor_of
from app.services.accounts import issuing
from app.web.words import NOTHING, dmy

log = logging.getLogger(__name__)

CHANGES = {
    "created": N_("Cấp tài khoản"),
    "changed": N_("Sửa"),
    "disabled": N_("Khóa"),
    "enabled": N_("Mở khóa"),
    "password_reset": N_("Đặt lại mật khẩu"),
    "password_changed": N_("Tự đổi mật khẩu"),
}

LABELS: dict[str, Any] = {
    "username": _l("Tên đăng nhập"),
    "last_name": _l("Họ và tên đệm"),
    "first_name": _l("Tên"),
    "get_full_name": _l("Họ và tên"),
    "email": _l("Thư điện tử"),
    "area": _l("Đơn vị hành chính"),
    "agency": _l("Đơn vị chi trả"),
    "roles": _l("Vai trò"),
    "active": _l("Đang hoạt động"),
    "last_login": _l("Đăng nhập lần cuối"),
    "initial_password": _l("Mật khẩu ban đầu"),
}


class EmailField(CleanField):
    """An e-mail address; the one that stands for none is never shown."""

    def process_data(self, value: Any) -> None:
        """From the column."""
        self.data = shown_email(value)


class SomeRole:
    """At least one role is chosen."""

    field_flags = {"required": True}

    def __call__(self, form: Any, field: Any) -> None:
        if not field.data:
            raise StopValidation(_("Hãy chọn ít nhất một vai trò."))


class RoleBoxes:
    """One box for each role, in one named group."""

    def __call__(self, field: RolesField, **kwargs: Any) -> Markup:
        boxes = [
            Markup(
                '<div class="form-check"><input type="checkbox" id="{0}" name="{1}" value="{2}"{3}>'
                '<label for="{0}">{4}</label></div>'
            ).format(f"{field.id}-{code}", field.name, code, Markup(" checked") if chosen else "", label)
            for code, label, chosen, *_rest in field.iter_choices()
        ]
        return Markup('<div role="group" id="{}" tabindex="-1" aria-label="{}">{}</div>').format(
            field.id, field.label.text, Markup("").join(boxes)
        )


class RolesField(SelectMultipleField):
    """Roles the administrator may give; others are neither offered nor taken."""

    widget = RoleBoxes()

    def __init__(self, label: Any = None, validators: Any = None, **options: Any) -> None:
        super().__init__(label, validators, choices=_offered_roles, validate_choice=False, **options)

    def process_data(self, value: Any) -> None:
        """From the roles of a user."""
        self.data = [role.name for role in value or ()]

    def pre_validate(self, form: Any) -> None:
        """Refuse what was not offered; the service refuses it again."""
        if not set(self.data or ()) <= {code for code, _label in _offered_roles()}:
            raise ValidationError(_("Bạn không có quyền cấp vai trò này."))

    def populate_obj(self, obj: Any, name: str) -> None:
        """Nothing: roles are given by the service, which checks and records it."""


class OncePassword(PasswordField):
    """Read when the account is issued, never shown again and never put on the row."""

    widget = PasswordBox(autocomplete="new-password")

    def populate_obj(self, obj: Any, name: str) -> None:
        """Nothing: the service hashes it."""


class UserView(SafeModelView):
    """Users of the administrator's area and below."""

    datamodel = SafeInterface(AppUser)
    route_base = "/users"
    list_title = _l("Quản lý người dùng")
    show_title = _l("Người dùng")
    add_title = _l("Cấp tài khoản")
    edit_title = _l("Sửa người dùng")
    list_lead = _l("Người dùng thuộc địa bàn của bạn và cấp dưới. Tài khoản không bao giờ bị xóa, chỉ bị khóa.")
    empty_text = _l("Chưa có người dùng nào ở đây.")
    label_columns = LABELS
    list_columns = [
        "username", "get_full_name", "roles", "area", "agency", "active", "last_login",
    ]  # fmt: skip
    show_columns = [
        "username", "get_full_name", "email", "roles", "area", "agency", "active", "last_login",
    ]  # fmt: skip
    search_columns = ["username", "first_name", "last_name", "area", "agency", "active"]
    order_columns = ["username", "active", "last_login"]
    base_order = ("username", "asc")
    add_columns = [
        "username", "last_name", "first_name", "email", "area", "agency", "roles", "initial_password",
    ]  # fmt: skip
    edit_columns = ["last_name", "first_name", "email", "area", "agency", "roles"]
    description_columns = {
        "area": _l("Người dùng chỉ thấy đơn vị này và cấp dưới."),
        "agency": _l("Chỉ dành cho cán bộ đơn vị chi trả."),
    }
    validators_columns = {"area": [Required()]}
    _names = {
        "last_name": NameField(LABELS["last_name"], [Required()], max_length=64),
        "first_name": NameField(LABELS["first_name"], [Required()], max_length=64),
        "email": EmailField(LABELS["email"], max_length=320, description=_l("Có thể để trống.")),
        "roles": RolesField(LABELS["roles"], [SomeRole()]),
    }
    add_form_extra_fields = {
        **_names,
        "username": CleanField(
            LABELS["username"],
            [Required()],
            max_length=64,
            description=_l("Chữ thường không dấu, chữ số, dấu chấm, gạch nối. Không đổi được về sau."),
        ),
        "initial_password": OncePassword(
            LABELS["initial_password"], description=_l("Để trống thì chương trình tự tạo và cho xem một lần.")
        ),
    }
    edit_form_extra_fields = _names
    formatters_columns = {
        "roles": lambda roles: roles_in_words(roles),
        "email": lambda email: shown_email(email) or NOTHING,
        "last_login": lambda moment: _local(moment),
    }

    def lookup_named(self, name: str) -> Lookup | None:
        """Roles are offered by their own field only."""
        return None if name == "roles" else super().lookup_named(name)

    def may_change(self, item: AppUser) -> bool:
        """True for another user of the area who holds nothing the administrator could not give."""
        return _managed(item)

    @expose("/edit/<pk>", methods=["GET", "POST"])
    @has_access
    def edit(self, pk: str) -> ResponseReturnValue:
        """The generated form, after saying why when the user is not the administrator's to change."""
        item = self._find(pk)
        issuing.demand_managed(item, actor_of(item).roles, by=current_actor())
        answer: ResponseReturnValue = super().edit(pk)
        return answer

    def store(self, session: Session, item: AppUser, form: SafeForm, *, created: bool) -> None:
        """Issue or change the account by the service, which checks and records it."""
        account = issuing.Account(
            last_name=form["last_name"].data,
            first_name=form["first_name"].data,
            email=form["email"].data,
            area_id=form["area"].data.id,
            agency_id=form["agency"].data.id if form["agency"].data is not None else None,
            roles=frozenset(Role(code) for code in form["roles"].data),
        )
        if not created:
            issuing.change(session, item.id, account, by=current_actor())
            return
        typed = form["initial_password"].data
        password = typed or passwords.generate()
        try:
            user = issuing.create(session, form["username"].data, account, password, by=current_actor(), demo=_demo())
        except ChitraError as error:
            raise _at_its_box(error) from error
        item.id = user.id
        g.shown_once = None if typed else password
        log.info("account issued", extra={"user_id": user.id})

    def _saved(self, item: AppUser, *, created: bool) -> ResponseReturnValue:
        """A generated password is shown in the very answer: no redirect, so that no cookie or address carries it."""
        password = g.pop("shown_once", None)
        if created and password is not None:
            return self._show_once(item, password)
        return super()._saved(item, created=created)

    @action(
        "reset_password",
        _l("Đặt lại mật khẩu"),
        _l("Chương trình tạo mật khẩu mới và cho xem một lần. Mọi phiên đăng nhập của người này kết thúc."),
        possible=lambda user: _managed(user),
    )
    def reset_password(self, user: AppUser) -> ResponseReturnValue:
        """A new password, shown once."""
        password = passwords.generate()
        with transaction() as session:
            issuing.reset_password(session, user.id, password, by=current_actor(), demo=_demo())
        log.info("password reset", extra={"user_id": user.id})
        return self._show_once(user, password)

    @action(
        "disable",
        _l("Khóa tài khoản"),
        _l("Người này không đăng nhập được nữa, các phiên đang mở kết thúc ngay. Dữ liệu đã làm vẫn còn."),
        tone="danger",
        possible=lambda user: bool(user.active) and _managed(user),
    )
    def disable(self, user: AppUser) -> ResponseReturnValue:
        """Close the account."""
        with transaction() as session:
            issuing.disable(session, user.id, by=current_actor())
        flash(_("Đã khóa tài khoản %(username)s.", username=user.username), "success")
        return self._back_to(user)

    @action(
        "enable",
        _l("Mở khóa tài khoản"),
        _l("Người này đăng nhập lại được với mật khẩu cũ."),
        possible=lambda user: not user.active and _managed(user),
    )
    def enable(self, user: AppUser) -> ResponseReturnValue:
        """Open the account again."""
        with transaction() as session:
            issuing.enable(session, user.id, by=current_actor())
        flash(_("Đã mở khóa tài khoản %(username)s.", username=user.username), "success")
        return self._back_to(user)

    def _show_once(self, user: AppUser, password: str) -> ResponseReturnValue:
        answer = make_response(
            self.render_template(
                "accounts/password_once.html", title=_("Mật khẩu mới"), user=user, password=password, **self._trail()
            )
        )
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def _back_to(self, user: AppUser) -> ResponseReturnValue:
        return redirect(url_for("UserView.show", pk=user.id), 303)


class UserChangeView(ReadOnlyView):
    """Who changed which user, newest first."""

    datamodel = SafeInterface(UserChange)
    route_base = "/user-changes"
    list_title = _l("Nhật ký người dùng")
    show_title = _l("Thay đổi người dùng")
    empty_text = _l("Chưa có thay đổi nào.")
    label_columns = {
        "at": _l("Lúc"),
        "actor": _l("Người thực hiện"),
        "user": _l("Người dùng"),
        "user.username": _l("Tên đăng nhập"),
        "what": _l("Việc"),
        "before": _l("Trước"),
        "after": _l("Sau"),
    }
    list_columns = ["at", "actor", "what", "user.username", "before", "after"]
    show_columns = ["at", "actor", "what", "user.username", "user", "before", "after"]
    search_columns = ["actor", "what", "at"]
    order_columns = ["at", "actor"]
    choice_columns = {"what": CHANGES}
    formatters_columns = dict.fromkeys(("before", "after"), lambda facts: facts_in_words(facts))


def facts_in_words(facts: Mapping[str, Any]) -> Markup:
    """What a record of change holds, one fact a line; of a whole new account only what was filled in."""
    shown = [(LABELS[name], _fact(name, facts[name])) for name in LABELS if name in facts]
    lines = [
        Markup("{}: {}").format(label, value) for label, value in shown if value != NOTHING or "username" not in facts
    ]
    return Markup("<br>").join(lines or [NOTHING])


def _fact(name: str, value: Any) -> Any:
    if name == "roles":
        return roles_in_words(value)
    return (shown_email(value) if name == "email" else value) or NOTHING


def roles_in_words(roles: Collection[Any]) -> str:
    """Roles, by name or as rows, in the order of the roles."""
    names = {getattr(role, "name", role) for role in roles}
    return ", ".join(gettext(words) for role, words in ROLE_NAMES.items() if role.value in names) or NOTHING


def shown_email(email: str | None) -> str | None:
    """The address, None for the one that stands for none."""
    return None if email is None or email.endswith(issuing.NO_EMAIL) else email


def _local(moment: datetime | None) -> str:
    return dmy(None if moment is None else moment.replace(tzinfo=UTC))


def _offered_roles() -> list[tuple[str, str]]:
    offered = grantable(current_actor().roles)
    return [(role.value, gettext(words)) for role, words in ROLE_NAMES.items() if role in offered]


def _managed(user: AppUser) -> bool:
    try:
        issuing.demand_managed(user, actor_of(user).roles, by=current_actor())
    except NotAllowed:
        return False
    return True


def _at_its_box(error: ChitraError) -> ChitraError:
    """The service's field is `password`, the form's `initial_password`."""
    if isinstance(error, BadInput) and error.field == "password":
        error.field = "initial_password"
    return error


def _demo() -> bool:
    return bool(current_app.config["CHITRA"].demo)
