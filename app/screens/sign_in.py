"""The sign-in page, signing out, and what a user may do with their own account. Who may sign in is `app/accounts.py`."""

from __future__ import annotations

import logging
from typing import Any

from flask import current_app, flash, g, make_response, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import BaseView, expose, has_access
from flask_appbuilder.security.decorators import no_cache
from flask_appbuilder.security.views import AuthDBView
from flask_babel import gettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import logout_user
from wtforms import PasswordField, StringField
from wtforms.validators import DataRequired, EqualTo, Length

from app.accounts import WrongCredentials, name_key_of
from app.errors import BadInput
from app.extensions import acting_as, current_actor, db, transaction
from app.gate import safe_path, start_page
from app.models import AppUser
from app.rules.actors import SYSTEM
from app.rules.passwords import FOR_A_NAME, MOST_LENGTH
from app.screens.fields import Input
from app.screens.forms import SafeForm
from app.security import ROLE_NAMES, actor_of
from app.services.accounts import attempts, issuing
from app.services.accounts.attempts import TooManyAttempts

log = logging.getLogger(__name__)


class PasswordBox(Input):
    """A box whose content is not shown, nor sent back to the browser."""

    input_type = "password"

    def __call__(self, field: Any, **kwargs: Any) -> Any:
        return super().__call__(field, **(kwargs | {"value": ""}))


class SignInForm(SafeForm):
    """User name and password."""

    username = StringField(
        _l("Tên đăng nhập"),
        [DataRequired(_l("Hãy nhập tên đăng nhập."))],
        widget=Input(autocomplete="username", autocapitalize="none", spellcheck="false"),
    )
    password = PasswordField(
        _l("Mật khẩu"),
        [DataRequired(_l("Hãy nhập mật khẩu.")), Length(max=MOST_LENGTH)],
        widget=PasswordBox(autocomplete="current-password"),
    )


class OwnPasswordForm(SafeForm):
    """The old password, and the new one twice."""

    old = PasswordField(
        _l("Mật khẩu hiện tại"),
        [DataRequired(_l("Hãy nhập mật khẩu hiện tại.")), Length(max=MOST_LENGTH)],
        widget=PasswordBox(autocomplete="current-password"),
    )
    new = PasswordField(
        _l("Mật khẩu mới"),
        [DataRequired(_l("Hãy nhập mật khẩu mới."))],
        description=_l("Càng dài càng tốt: một câu dễ nhớ với bạn mà người khác không đoán được."),
        widget=PasswordBox(autocomplete="new-password"),
    )
    again = PasswordField(
        _l("Nhập lại mật khẩu mới"),
        [DataRequired(_l("Hãy nhập lại mật khẩu mới.")), EqualTo("new", _l("Hai lần nhập không giống nhau."))],
        widget=PasswordBox(autocomplete="new-password"),
    )


class SignIn(AuthDBView):
    """Đăng nhập, đăng xuất."""

    route_base = ""
    login_template = "accounts/sign_in.html"

    @expose("/login/", methods=["GET", "POST"])
    @no_cache
    def login(self) -> ResponseReturnValue:
        """The sign-in page; leads on to `next` within this site, or to the first page."""
        target = safe_path(request.args.get("next", "")) or start_page()
        if g.user.is_authenticated:
            return redirect(target, 303)
        form, status, headers = SignInForm(), 200, {}
        if form.validate_on_submit():
            try:
                user = self.appbuilder.sm.sign_in(form.username.data, form.password.data)
            except WrongCredentials as error:
                form.add_problem(None, error.message)
                status = error.status
            except TooManyAttempts as error:
                form.add_problem(None, error.message)
                status, headers = error.status, {"Retry-After": str(error.retry_after_s)}
            else:
                self.appbuilder.sm.open_session(user)
                return redirect(target, 303)
        page = self.render_template(self.login_template, title=_("Đăng nhập"), form=form)
        return make_response(page, status, headers)

    @expose("/logout/", methods=["POST"])
    def logout(self) -> ResponseReturnValue:
        """End one's sessions in every browser; a link from elsewhere cannot, since it is no GET."""
        language = session.get("locale")
        if g.user.is_authenticated:
            with acting_as(SYSTEM), transaction() as opened:
                issuing.end_own_sessions(opened, g.user.id)
        logout_user()
        session.clear()
        if language:
            session["locale"] = language
        return redirect(url_for("SignIn.login"), 303)


class OwnAccount(BaseView):
    """Tài khoản của tôi."""

    route_base = "/account"
    default_view = "userinfo"

    @expose("/")
    @has_access
    def userinfo(self) -> ResponseReturnValue:
        """Who I am to the program: names, area, agency, roles. Changed by the administrator who issued the account."""
        user = db.session.get_one(AppUser, g.user.id)
        held = actor_of(user).roles
        facts = [
            (_("Họ và tên"), user.get_full_name()),
            (_("Tên đăng nhập"), user.username),
            (_("Vai trò"), ", ".join(gettext(words) for role, words in ROLE_NAMES.items() if role in held)),
            (_("Đơn vị hành chính"), user.area),
        ]
        if user.agency is not None:
            facts.append((_("Đơn vị chi trả"), user.agency))
        page = self.render_template("accounts/own_account.html", title=_("Tài khoản của tôi"), facts=facts)
        return make_response(page)

    @expose("/password", methods=["GET", "POST"])
    @has_access
    @no_cache
    def password(self) -> ResponseReturnValue:
        """Change my password: asks the old one, and ends my sessions on other computers."""
        form = OwnPasswordForm()
        if form.validate_on_submit():
            try:
                session["sv"] = self._change(form.old.data, form.new.data)
            except BadInput as error:
                form.add_problem(error.field, error.message)
            except TooManyAttempts as error:
                form.add_problem("old", error.message)
            else:
                flash(_("Đã đổi mật khẩu. Các phiên đăng nhập khác của bạn đã kết thúc."), "success")
                return redirect(url_for("OwnAccount.userinfo"), 303)
        page = self.render_template("accounts/own_password.html", title=_("Đổi mật khẩu"), form=form)
        return make_response(page, 422 if form.errors else 200)

    def _change(self, old: str, new: str) -> int:
        """The old password is guessed no faster here than on the sign-in page: both count under the same name."""
        key, me = name_key_of(g.user.username), current_actor()
        with acting_as(SYSTEM):
            with transaction() as opened:
                attempts.claim(opened, key, FOR_A_NAME)
            with transaction() as opened:
                version = issuing.change_own_password(opened, g.user.id, old, new, by=me, demo=_demo())
                attempts.forgive(opened, key)
        log.info("password changed", extra={"user_id": g.user.id})
        return version


def _demo() -> bool:
    return bool(current_app.config["CHITRA"].demo)
