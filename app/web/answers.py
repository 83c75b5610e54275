"""Errors as answers: a page in our layout for people, `application/problem+json` for machines. No rule of its own."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

from flask import Response, current_app, flash, json, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RoutingException

from app.errors import BadInput, ChitraError, Stale
from app.extensions import db
from app.rules.problems import UnreadableError
from app.rules.states import N_
from app.web.guards import explain

if TYPE_CHECKING:
    from flask import Flask

log = logging.getLogger(__name__)

MACHINE_PATHS = ("/api/", "/agency/", "/health/")
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data", "")

TITLES: Mapping[int, str] = {
    400: N_("Yêu cầu không đọc được"),
    401: N_("Cần đăng nhập"),
    403: N_("Bạn không có quyền"),
    404: N_("Không tìm thấy"),
    405: N_("Không mở được theo cách này"),
    409: N_("Không thực hiện được"),
    413: N_("Tệp hoặc biểu mẫu quá lớn"),
    415: N_("Loại dữ liệu không nhận được"),
    422: N_("Dữ liệu nhập chưa đúng"),
    429: N_("Quá nhiều lần thử"),
    500: N_("Chương trình có lỗi"),
    503: N_("Hệ thống đang bận"),
}

SENTENCES: Mapping[int, str] = {
    400: N_("Địa chỉ hoặc biểu mẫu có giá trị không hợp lệ. Hãy quay lại và thử lại."),
    401: N_("Hãy đăng nhập rồi thử lại."),
    403: N_("Vai trò của bạn không được mở trang này hoặc làm việc này. Hãy hỏi người cấp tài khoản cho bạn."),
    404: N_("Trang này không có, hoặc bản ghi không thuộc địa bàn của bạn."),
    405: N_("Việc này chỉ làm được bằng nút bấm trên trang. Hãy quay lại và bấm nút."),
    409: N_("Dữ liệu không ở trạng thái cho phép việc này. Hãy tải lại trang."),
    413: N_("Hãy gửi tệp nhỏ hơn %(limit)s MB."),
    415: N_("Hãy gửi dữ liệu đúng loại được yêu cầu."),
    422: N_("Hãy kiểm tra lại những gì đã nhập."),
    429: N_("Hãy đợi một phút rồi thử lại."),
    500: N_("Việc vừa làm chưa được ghi. Hãy thử lại; nếu vẫn lỗi, hãy báo người quản trị mã sự cố %(incident)s."),
    503: N_("Chưa có gì được ghi. Hãy thử lại sau ít giây."),
}


def install(app: Flask) -> None:
    """One answer for each kind of failure; nothing of the program's inside reaches a person."""
    app.register_error_handler(ChitraError, _said_no)
    app.register_error_handler(UnreadableError, _unreadable)
    app.register_error_handler(DBAPIError, lambda error: _said_no(explain(error)))
    app.register_error_handler(StaleDataError, lambda _error: _said_no(Stale()))
    app.register_error_handler(CSRFError, _page_too_old)
    app.register_error_handler(HTTPException, _http)


def for_machines() -> bool:
    """True when the answer goes to a program: its address, or what it accepts, says so."""
    if request.path.startswith(MACHINE_PATHS):
        return True
    accepted = request.accept_mimetypes
    wanted = accepted.best_match(["text/html", "application/problem+json", "application/json"])
    return wanted is not None and wanted != "text/html"


def problem(status: int, detail: str, *, code: str = "", title: str = "", **members: Any) -> Response:
    """An answer of RFC 9457; `code` is for programs, `members` are further facts."""
    body = {
        "type": "about:blank" if not code else f"urn:chitra:{code}",
        "title": title or _title(status),
        "status": status,
        "detail": detail,
        **({"code": code} if code else {}),
        **({"instance": request.path, "errors": []} if request.path.startswith(MACHINE_PATHS) else {}),
        **members,
    }
    return Response(json.dumps(body, ensure_ascii=False), status, mimetype="application/problem+json")


def page(status: int, sentence: str, *, title: str = "") -> Response:
    """The same for a person: what happened and what next, in our layout, or bare when even that fails."""
    facts = {"status": status, "title": title or _title(status), "sentence": sentence, "back": _came_from()}
    try:
        text = render_template("chitra/error.html", **_for_layout(), **facts)
    except SQLAlchemyError:
        db.session.rollback()
        text = render_template("chitra/error_bare.html", **facts)
    return make_response(text, status)


def _for_layout() -> dict[str, Any]:
    appbuilder = current_app.extensions["appbuilder"]
    return {"appbuilder": appbuilder, "base_template": appbuilder.base_template}


def _said_no(error: ChitraError) -> ResponseReturnValue:
    """A form that was sent goes back to where it came from with the message; anything else is a page or a problem."""
    db.session.rollback()
    if for_machines():
        wait_s = getattr(error, "retry_after_s", None)
        answer = problem(error.status, error.message, code=error.code, **_fields(error))
        if wait_s is not None:
            answer.headers["Retry-After"] = str(wait_s)
        return answer
    came_from = _came_from()
    if request.method == "POST" and request.mimetype in FORM_TYPES and came_from:
        flash(error.message, "danger")
        return redirect(came_from, 303)
    return page(error.status, error.message)


def _fields(error: ChitraError) -> dict[str, Any]:
    """Which field is wrong, for the script of a page; every one that is, for a program."""
    field = getattr(error, "field", None)
    named = {"field": field} if field else {}
    if not request.path.startswith(MACHINE_PATHS):
        return named
    one = [{"field": field, "detail": error.message}] if field else []
    return named | {"errors": getattr(error, "errors", one)}


def _unreadable(error: UnreadableError) -> ResponseReturnValue:
    facts: dict[str, Any] = dict(error.facts)
    return _said_no(BadInput(error.text, **facts))


def _page_too_old(error: CSRFError) -> ResponseReturnValue:
    """A form without a valid token: an old page, a second sign-in, or another site."""
    if for_machines():
        return problem(400, str(error.description), code="csrf")
    sentence = _(
        "Trang đã mở quá lâu hoặc bạn đã đăng nhập lại. Hãy quay lại, tải lại trang rồi làm lại; chưa có gì được ghi."
    )
    return page(400, sentence, title=_("Trang đã cũ"))


def _http(error: HTTPException) -> ResponseReturnValue:
    if error.code is None or error.response is not None or isinstance(error, RoutingException):
        return error
    db.session.rollback()
    status = error.code if error.code in SENTENCES else _nearest(error.code)
    facts: dict[str, Any] = {}
    if status == 413:
        facts = {"limit": (current_app.config["MAX_CONTENT_LENGTH"] or 0) // (1024 * 1024)}
    if status == 500:
        facts = {"incident": _remember(error)}
    sentence = gettext(SENTENCES[status], **facts)
    answer = problem(error.code, sentence, **facts) if for_machines() else page(error.code, sentence)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After", "WWW-Authenticate"):
            answer.headers[name] = value
    return answer


def _remember(error: HTTPException) -> str:
    """A number for the person to tell and for the log to be found by; what failed is already logged by Flask."""
    incident = uuid4().hex[:8]
    log.error("incident", extra={"incident": incident, "endpoint": request.endpoint, "status": error.code})
    return incident


def _nearest(status: int) -> int:
    return 400 if status < 500 else 500


def _title(status: int) -> str:
    known = TITLES.get(status) or TITLES[_nearest(status)]
    return gettext(known) if status >= 400 else HTTPStatus(status).phrase


def _came_from() -> str | None:
    """The page of this site the request came from, unless it is this very address."""
    if not request.referrer:
        return None
    parts = urlsplit(request.referrer)
    if parts.netloc != request.host:
        return None
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return path if request.method == "POST" or path != request.full_path.rstrip("?") else None
