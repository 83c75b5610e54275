"""The frame around every page: who I am, my area, the month every page obeys, the language. No content of a page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cached_property, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import Blueprint, current_app, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import gettext as _
from sqlalchemy import select

from app import clock
from app.errors import BadInput
from app.extensions import current_actor, db
from app.models import Agency, Area, KeptArea
from app.rules import dates
from app.rules.actors import Actor
from app.security import ROLE_NAMES
from app.services.lives import keeping

if TYPE_CHECKING:
    from flask import Flask

MONTHS_BACK, MONTHS_AHEAD = 14, 2
blueprint = Blueprint("frame", __name__)


class UnknownMonth(BadInput):
    """Tháng không hợp lệ. Hãy chọn một tháng trong danh sách."""


class UnknownArea(BadInput):
    """Đơn vị bạn không giữ hồ sơ của địa bàn này."""


class UnknownLanguage(BadInput):
    """Chương trình chưa có ngôn ngữ này."""


def install(app: Flask) -> None:
    """The switches of the header, and `frame` in every template."""
    app.register_blueprint(blueprint)
    app.context_processor(lambda: {"frame": here()})
    app.jinja_env.globals.update(asset=asset, today=clock.today, current_month=current_month)


def here() -> Frame:
    """The frame of this request; it asks the database only for what a template shows."""
    if "frame" not in g:
        g.frame = Frame(current_actor())
    frame: Frame = g.frame
    return frame if frame.actor == current_actor() else Frame(current_actor())


def current_month() -> date:
    """The first day of the month the user works on: chosen in the header, this month unless chosen."""
    try:
        return dates.parse_month(str(session["month"]))
    except (KeyError, dates.DateError):
        return clock.today().replace(day=1)


class Frame:
    """Facts of the header, each found when it is first asked for."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor

    @property
    def signed_in(self) -> bool:
        """False on the sign-in page."""
        return self.actor.user_id is not None

    @property
    def name(self) -> str:
        """The user's name, the login where no name is known."""
        return self.actor.full_name.strip() or self.actor.username

    @property
    def roles(self) -> list[str]:
        """The user's roles in words, in the order of the roles."""
        return [gettext(words) for role, words in ROLE_NAMES.items() if role in self.actor.roles]

    @cached_property
    def area_name(self) -> str:
        """The area the user sees, with its kind: "Phường Ba Đình"."""
        if self.actor.area_path is None:
            return ""
        return db.session.scalar(select(Area.full_name).where(Area.path == self.actor.area_path)) or ""

    @cached_property
    def agency_name(self) -> str:
        """The agency of an agency's user, else nothing."""
        if self.actor.agency_id is None:
            return ""
        return db.session.scalar(select(Agency.name).where(Agency.id == self.actor.agency_id)) or ""

    @cached_property
    def kept(self) -> Sequence[KeptArea]:
        """Ended areas whose lists the user may read."""
        return keeping.kept_for(db.session(), self.actor)

    @property
    def month(self) -> date:
        """The month every page obeys."""
        return current_month()

    @property
    def months(self) -> Sequence[date]:
        """Months to choose from, newest first; the chosen one is always among them."""
        this = clock.today().replace(day=1)
        around = {dates.add_months(this, offset) for offset in range(-MONTHS_BACK, MONTHS_AHEAD + 1)}
        return sorted(around | {self.month}, reverse=True)

    @property
    def languages(self) -> list[tuple[str, str, bool]]:
        """(code, name in itself, chosen) of every language."""
        chosen = session.get("locale") or current_app.config["BABEL_DEFAULT_LOCALE"]
        return [(code, facts["name"], code == chosen) for code, facts in current_app.config["LANGUAGES"].items()]

    @property
    def language(self) -> str:
        """The chosen language, for the `lang` of the page."""
        return next((code for code, _name, chosen in self.languages if chosen), "vi")

    @property
    def search_url(self) -> str | None:
        """Where the search box leads; an agency's staff have no registry and no reports to search."""
        return url_for("SearchView.find") if self.actor.agency_id is None else None

    @property
    def address(self) -> str:
        """This page within the site, to come back to after a switch; the start page after a form was sent."""
        return request.full_path.rstrip("?") if request.method == "GET" else url_for_start()

    def is_here(self, entry: Any) -> bool:
        """True when the page belongs to a menu entry."""
        view = entry.baseview
        if view is not None and request.blueprint is not None:
            return bool(request.blueprint == getattr(view, "endpoint", None))
        return bool(urlsplit(entry.get_url()).path == request.path)

    @property
    def script_words(self) -> dict[str, Any]:
        """What scripts show: the strings of the picker of remote choices and of the calendar."""
        return {
            "chosen": _("Đã chọn {number} dòng."),
            "noResults": _("Không tìm thấy."),
            "searching": _("Đang tìm…"),
            "errorLoading": _("Không tải được kết quả. Hãy thử lại."),
            "inputTooShort": _("Gõ để tìm."),
            "loadingMore": _("Đang tải thêm…"),
            "removeItem": _("Bỏ chọn"),
            "days": _("Chủ nhật,Thứ hai,Thứ ba,Thứ tư,Thứ năm,Thứ sáu,Thứ bảy").split(","),
            "daysMin": _("CN,T2,T3,T4,T5,T6,T7").split(","),
            "months": [_("Tháng %(number)s", number=number) for number in range(1, 13)],
            "today": _("Hôm nay"),
            "clear": _("Xóa"),
        }


def url_for_start() -> str:
    """The first page after signing in."""
    return str(current_app.extensions["appbuilder"].get_url_for_index)


def way_back() -> str:
    """The page within this site that the form says to return to, never another site."""
    wanted = request.form.get("back", "")
    safe = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
    return wanted if safe else url_for_start()


@blueprint.post("/month")
def choose_month() -> ResponseReturnValue:
    """Switch the month that every page obeys, for this session."""
    try:
        chosen = dates.parse_month(request.form.get("month", ""))
    except dates.DateError as error:
        raise UnknownMonth(field="month") from error
    session["month"] = f"{chosen:%Y-%m}"
    return redirect(way_back(), 303)


@blueprint.post("/kept-area")
def choose_area() -> ResponseReturnValue:
    """Read what an ended area leaves, from its last month on backwards; without a code, back to one's own area."""
    code = request.form.get("code", "")
    left = session.pop("kept", None)
    if code:
        found = next((one for one in keeping.kept_for(db.session(), current_actor()) if one.code == code), None)
        if found is None:
            raise UnknownArea(field="code")
        session["kept"], session["month"] = code, f"{found.ended_on:%Y-%m}"
    elif left:
        session.pop("month", None)
    return redirect(url_for("BatchView.list"), 303)


@blueprint.post("/language")
def choose_language() -> ResponseReturnValue:
    """Switch the language, for this session."""
    chosen = request.form.get("language", "")
    if chosen not in current_app.config["LANGUAGES"]:
        raise UnknownLanguage(field="language")
    session["locale"] = chosen
    return redirect(way_back(), 303)


def asset(filename: str) -> str:
    """Address of one of our static files, with its content in the address so that a new release is seen at once."""
    return url_for("static", filename=filename, v=_fingerprint(str(current_app.static_folder), filename))


@lru_cache(maxsize=64)
def _fingerprint(folder: str, filename: str) -> str:
    return sha256((Path(folder) / filename).read_bytes()).hexdigest()[:8]
