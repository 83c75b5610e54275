"""The post-office clerk's pages: sign in, packets, recalls, drawer, faults; plain forms, in Vietnamese."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, session, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from app.agency.envelope import VIETNAM
from app.agency.sandbox.desk import STAGE_WORDS, ClerkRefused
from app.agency.sandbox.engine import SandboxPostOffice
from app.agency.sandbox.knobs import KNOBS, STORM, Knob, KnobRefused, all_knobs, clear_faults, turn
from app.agency.sandbox.paying import REASONS
from app.agency.sandbox.store import Packet

CLERK = "buudien"
DECISION_WORDS = {
    "granted": "Đồng ý gia hạn",
    "refused": "Không đồng ý gia hạn",
    "revoked": "Thu hồi gia hạn",
    "lapsed": "Đề nghị gia hạn hết hiệu lực",
}

PAGE_LINES = 100

_LOOKS = {"received": "todo", "settled": "done", "rejected": "bad", "refused": "bad"}
STAGES: dict[str, tuple[str, str]] = {
    **{stage: (words, _LOOKS.get(stage, "ok")) for stage, words in STAGE_WORDS.items()},
    "open": ("Chờ trả lời", "todo"),
    "agreed": ("Đã đồng ý", "ok"),
    "declined": ("Không đồng ý", "bad"),
    "queued": ("Chờ gửi", "todo"),
    "delivered": ("Đã gửi", "ok"),
    "dropped": ("Bị thất lạc", "bad"),
}

KINDS: dict[str, str] = {
    "accepted": "Tiếp nhận",
    "rejected": "Từ chối",
    "recall_declined": "Không đồng ý thu hồi",
    "extension": "Xin gia hạn",
    "settlement": "Quyết toán",
    "status": "Trả lời câu hỏi",
}

OUTCOMES: dict[str, str] = {
    "": "Chưa chi trả",
    "paid": "Đã trả",
    "unpaid": "Chưa trả",
    "recover": "Cần truy thu",
}


@dataclass(frozen=True)
class Login:
    """The one account of the page: shown on the login page in demo mode only."""

    password: str
    shown: bool


def blueprint(office: SandboxPostOffice, login: Login) -> Blueprint:
    """Every page but the login asks for a session; every POST asks for its CSRF token."""
    pages = Blueprint("pages", __name__, template_folder="templates", static_folder="static", static_url_path="/static")

    @pages.before_request
    def ask_who() -> Response | None:
        if request.endpoint == "pages.static":
            return None
        session.setdefault("csrf", secrets.token_urlsafe(24))
        if request.method == "POST":
            offered = request.form.get("csrf", "").encode()
            if not hmac.compare_digest(offered, str(session["csrf"]).encode()):
                abort(400, "Phiên làm việc đã cũ. Hãy tải lại trang rồi thử lại.")
        if request.endpoint != "pages.sign_in" and session.get("clerk") != CLERK:
            return redirect(url_for("pages.sign_in"))
        return None

    @pages.after_request
    def harden(answer: Response) -> Response:
        answer.headers["Content-Security-Policy"] = (
            "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        )
        answer.headers["X-Content-Type-Options"] = "nosniff"
        answer.headers["Referrer-Policy"] = "same-origin"
        if request.endpoint != "pages.static":
            answer.headers["Cache-Control"] = "no-store"
        return answer

    @pages.context_processor
    def words() -> dict[str, Any]:
        waiting = sum(1 for recall in office.store.recalls() if recall.stage == "open")
        return {
            "stages": STAGES,
            "kinds": KINDS,
            "outcomes": OUTCOMES,
            "reasons": REASONS,
            "waiting_recalls": waiting,
        }

    pages.add_app_template_filter(_money, "money")
    pages.add_app_template_filter(_number, "number")
    pages.add_app_template_filter(_moment, "moment")
    pages.add_app_template_filter(_month, "month")
    pages.register_error_handler(HTTPException, shown_error)
    _sign_in_routes(pages, login)
    _packet_routes(pages, office)
    _recall_routes(pages, office)
    _fault_routes(pages, office)
    return pages


def shown_error(error: HTTPException) -> tuple[str, int]:
    """A page that says what went wrong."""
    words = {404: "Không có trang này.", 405: "Trang này không nhận cách gọi đó."}
    code = error.code or 500
    text = error.description if code == 400 else words.get(code, error.description)
    return render_template("sandbox/error.html", code=code, text=text), code


def _sign_in_routes(pages: Blueprint, login: Login) -> None:
    @pages.get("/")
    def home() -> Response:
        return redirect(url_for("pages.packets"))

    @pages.route("/login", methods=["GET", "POST"])
    def sign_in() -> str | Response | tuple[str, int]:
        if request.method == "GET":
            return render_template("sandbox/login.html", login=login, clerk=CLERK, wrong=False)
        password_fits = hmac.compare_digest(request.form.get("password", "").encode(), login.password.encode())
        if request.form.get("username") != CLERK or not password_fits:
            return render_template("sandbox/login.html", login=login, clerk=CLERK, wrong=True), 401
        session.clear()
        session["clerk"] = CLERK
        session["csrf"] = secrets.token_urlsafe(24)
        return redirect(url_for("pages.packets"))

    @pages.post("/logout")
    def sign_out() -> Response:
        session.clear()
        return redirect(url_for("pages.sign_in"))


def _packet_routes(pages: Blueprint, office: SandboxPostOffice) -> None:
    desk = office.desk

    @pages.get("/packets")
    def packets() -> str:
        return render_template("sandbox/packets.html", packets=office.store.packets())

    @pages.get("/packets/<code>")
    def packet(code: str) -> str:
        found = _or_missing(lambda: desk.packet(code))
        page = max(1, request.args.get("page", 1, type=int))
        lines = office.store.lines(code, limit=PAGE_LINES, offset=(page - 1) * PAGE_LINES)
        last_page = max(1, -(-found.line_count // PAGE_LINES))
        return render_template(
            "sandbox/packet.html",
            packet=found,
            lines=lines,
            totals=desk.totals(code),
            notices=office.store.notices(code),
            decisions=DECISION_WORDS,
            page=page,
            last_page=last_page,
        )

    @pages.get("/drawer")
    def drawer() -> str:
        handouts = office.drawer()
        total_vnd = sum(handout.amount_vnd for handout in handouts)
        return render_template(
            "sandbox/drawer.html",
            handouts=handouts[-500:],
            people=len(handouts),
            total_vnd=total_vnd,
            collections=office.store.collections()[:500],
        )

    @pages.post("/drawer/collect")
    def collect() -> Response:
        amount = request.form.get("amount", "").replace(".", "")
        amount_vnd = int(amount) if amount.isascii() and amount.isdigit() and len(amount) <= 13 else 0
        reference = request.form.get("reference", "").strip()
        _try(lambda: desk.collect(reference, amount_vnd), "Đã thu hồi; kỳ quyết toán tới của xã sẽ báo.")
        return redirect(url_for("pages.drawer"))

    @pages.post("/packets/<code>/<verb>")
    def act(code: str, verb: str) -> Response:
        form = request.form
        acts: dict[str, tuple[Callable[[], object], str]] = {
            "accept": (lambda: desk.accept(code), "Đã tiếp nhận gói tin."),
            "reject": (lambda: desk.reject(code, form.get("reason", "")), "Đã từ chối gói tin."),
            "pay": (lambda: desk.pay(code), "Đã chi trả một ngày."),
            "settle": (lambda: desk.settle(code), "Đã lập quyết toán và đưa vào hàng gửi."),
            "extension": (
                lambda: desk.ask_extension(code, form.get("days", 0, type=int) or 0, form.get("reason", "")),
                "Đã gửi đề nghị gia hạn.",
            ),
        }
        if verb not in acts:
            abort(404)
        _or_missing(lambda: desk.packet(code))
        _try(*acts[verb])
        return redirect(url_for("pages.packet", code=code))


def _recall_routes(pages: Blueprint, office: SandboxPostOffice) -> None:
    @pages.get("/recalls")
    def recalls() -> str:
        return render_template("sandbox/recalls.html", recalls=office.store.recalls())

    @pages.post("/recalls/<int:recall_id>")
    def answer_recall(recall_id: int) -> Response:
        agree = request.form.get("answer") == "agree"
        reason = request.form.get("reason", "")
        _try(lambda: office.desk.answer_recall(recall_id, agree=agree, reason=reason), "Đã trả lời đề nghị.")
        return redirect(url_for("pages.recalls"))


def _fault_routes(pages: Blueprint, office: SandboxPostOffice) -> None:
    @pages.get("/faults")
    def faults() -> str:
        groups: dict[str, list[Knob]] = {}
        for knob in KNOBS.values():
            groups.setdefault(knob.group, []).append(knob)
        return render_template(
            "sandbox/faults.html",
            groups=groups,
            values=all_knobs(office.store),
            callbacks=office.callback_rows(),
        )

    @pages.post("/faults")
    def turn_knobs() -> Response:
        _try(lambda: turn(office.store, _knobs_of_the_form()), "Đã lưu.")
        return redirect(url_for("pages.faults"))

    @pages.post("/faults/clear")
    def clear() -> Response:
        _try(lambda: clear_faults(office.store), "Đã tắt mọi lỗi giả lập.")
        return redirect(url_for("pages.faults"))

    @pages.post("/faults/storm")
    def storm() -> Response:
        _try(lambda: turn(office.store, dict(STORM)), "Đã bật mọi lỗi giả lập.")
        return redirect(url_for("pages.faults"))


def _knobs_of_the_form() -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, knob in KNOBS.items():
        if isinstance(knob.default, bool):
            values[name] = name in request.form
        elif name not in request.form:
            continue
        elif isinstance(knob.default, list):
            values[name] = [item.strip() for item in request.form[name].split(",") if item.strip()]
        else:
            values[name] = _as_number(knob, request.form[name])
    return values


def _as_number(knob: Knob, text: str) -> int | float:
    try:
        return int(text) if isinstance(knob.default, int) else float(text.replace(",", "."))
    except ValueError:
        raise KnobRefused(f"{knob.text}: «{text[:40]}» không phải là số hợp lệ.") from None


def _try(act: Callable[[], object], done: str) -> None:
    try:
        act()
    except (ClerkRefused, KnobRefused) as refusal:
        flash(str(refusal), "bad")
    else:
        flash(done, "ok")


def _or_missing(find: Callable[[], Packet]) -> Packet:
    try:
        return find()
    except ClerkRefused:
        abort(404, "Không có gói tin này.")


def _number(value: int) -> str:
    return f"{value:,}".replace(",", ".")


def _money(value: int) -> str:
    return f"{_number(value)} đ"


def _moment(text: str) -> str:
    return datetime.fromisoformat(text).astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M") if text else ""


def _month(period: str) -> str:
    return f"{period[4:]}/{period[:4]}" if len(period) == 6 and period.isdigit() else period
