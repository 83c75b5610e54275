"""The JSON control API under /sandbox/api: how tests and the demo play the clerk and the weather."""

from __future__ import annotations

import hmac
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from app.agency.sandbox.desk import ClerkRefused
from app.agency.sandbox.engine import SandboxPostOffice
from app.agency.sandbox.knobs import STORM, KnobRefused, all_knobs, clear_faults, faults_met, turn
from app.agency.sandbox.store import Line, Packet


def blueprint(office: SandboxPostOffice, control_token: str) -> Blueprint:
    """Every route asks for `Authorization: Bearer <control token>`."""
    api = Blueprint("control", __name__, url_prefix="/sandbox/api")

    @api.before_request
    def ask_for_the_token() -> Response | None:
        offered = request.headers.get("Authorization", "").removeprefix("Bearer ").encode()
        if hmac.compare_digest(offered, control_token.encode()):
            return None
        return problem(401, "Thiếu hoặc sai mã điều khiển.")

    api.register_error_handler(ClerkRefused, lambda error: problem(409, str(error)))
    api.register_error_handler(KnobRefused, lambda error: problem(422, str(error)))
    api.register_error_handler(HTTPException, lambda error: problem(error.code or 500, error.description or error.name))
    _reading_routes(api, office)
    _clerk_routes(api, office)
    _weather_routes(api, office)
    return api


def problem(status: int, detail: str) -> Response:
    """An error in the words of RFC 9457."""
    answer = jsonify(status=status, detail=detail)
    answer.status_code = status
    answer.content_type = "application/problem+json"
    return answer


def _reading_routes(api: Blueprint, office: SandboxPostOffice) -> None:
    @api.get("/packets")
    def packets() -> Response:
        return jsonify(packets=[asdict(packet) for packet in office.store.packets()])

    @api.get("/packets/<code>")
    def packet(code: str) -> Response:
        found = office.desk.packet(code)
        return jsonify({**asdict(found), "totals": office.desk.totals(code)})

    @api.get("/packets/<code>/lines")
    def lines(code: str) -> Response:
        office.desk.packet(code)
        return jsonify(lines=[_line(line) for line in office.store.lines(code)])

    @api.get("/drawer")
    def drawer() -> Response:
        handouts = office.drawer(request.args.get("packet"))
        return jsonify(
            handouts=[asdict(handout) for handout in handouts],
            people=len(handouts),
            vnd=sum(handout.amount_vnd for handout in handouts),
        )

    @api.get("/collections")
    def collections() -> Response:
        return jsonify(collections=[asdict(one) for one in office.store.collections()])

    @api.get("/recalls")
    def recalls() -> Response:
        return jsonify(recalls=[asdict(recall) for recall in office.store.recalls()])

    @api.get("/packets/<code>/notices")
    def notices(code: str) -> Response:
        return jsonify(notices=[asdict(notice) for notice in office.store.notices(code)])

    @api.get("/messages")
    def messages() -> Response:
        seen = office.store.rows(
            "SELECT message_id, path, body_sha256, status, seen_at, times FROM messages ORDER BY seen_at"
        )
        return jsonify(messages=[dict(row) for row in seen])

    @api.get("/alarms")
    def alarms() -> Response:
        return jsonify(alarms=[dict(row) for row in office.store.rows("SELECT * FROM alarms ORDER BY id")])

    @api.get("/callbacks")
    def callbacks() -> Response:
        return jsonify(callbacks=office.callback_rows())


def _clerk_routes(api: Blueprint, office: SandboxPostOffice) -> None:
    desk = office.desk

    @api.post("/packets/<code>/accept")
    def accept(code: str) -> Response:
        return _shown(desk.accept(code))

    @api.post("/packets/<code>/reject")
    def reject(code: str) -> Response:
        return _shown(desk.reject(code, str(_asked().get("reason", ""))))

    @api.post("/packets/<code>/pay")
    def pay(code: str) -> Response:
        return _shown(desk.pay(code, days=_whole("days", 1)))

    @api.post("/packets/<code>/settle")
    def settle(code: str) -> Response:
        return _shown(desk.settle(code))

    @api.post("/packets/<code>/extension")
    def extension(code: str) -> Response:
        return _shown(desk.ask_extension(code, _whole("days", 0), str(_asked().get("reason", ""))))

    @api.post("/packets/<code>/plan")
    def plan(code: str) -> Response:
        return _shown(desk.plan(code, {str(key): str(value) for key, value in _asked().items()}))

    @api.post("/collections")
    def collect() -> Response:
        return jsonify(asdict(desk.collect(str(_asked().get("reference", "")), _whole("amount", 0))))

    @api.post("/recalls/<int:recall_id>")
    def answer_recall(recall_id: int) -> Response:
        asked = _asked()
        if not isinstance(asked.get("agree"), bool):
            return problem(422, "«agree» phải là đúng hoặc sai.")
        return _shown(desk.answer_recall(recall_id, agree=asked["agree"], reason=str(asked.get("reason", ""))))


def _weather_routes(api: Blueprint, office: SandboxPostOffice) -> None:
    @api.get("/knobs")
    def knobs() -> Response:
        return jsonify(all_knobs(office.store))

    def turn_them() -> Response:
        turn(office.store, _asked())
        return jsonify(all_knobs(office.store))

    api.add_url_rule("/knobs", "turn", turn_them, methods=["PUT", "PATCH", "POST"])

    @api.get("/faults")
    def faults() -> Response:
        return jsonify(met=faults_met(office.store), on_the_way=office.on_the_way())

    @api.post("/faults/clear")
    def clear() -> Response:
        clear_faults(office.store)
        return jsonify(all_knobs(office.store))

    @api.post("/faults/storm")
    def storm() -> Response:
        turn(office.store, dict(STORM))
        return jsonify(all_knobs(office.store))

    @api.post("/callbacks/hurry")
    def hurry() -> Response:
        return jsonify(hurried=office.hurry())

    @api.post("/tick")
    def tick() -> Response:
        return jsonify(done=office.tick())

    @api.post("/reset")
    def reset() -> Response:
        office.reset()
        return jsonify(reset=True)


def _asked() -> dict[str, Any]:
    if not request.get_data():
        return {}
    asked = request.get_json(force=True)
    if not isinstance(asked, dict):
        raise KnobRefused("Nội dung phải là một đối tượng JSON.")
    return asked


def _whole(name: str, default: int) -> int:
    value = _asked().get(name, default)
    if isinstance(value, bool) or not isinstance(value, int):
        raise KnobRefused(f"«{name}» phải là số nguyên.")
    return value


def _shown(packet: Packet) -> Response:
    return jsonify(asdict(packet))


def _line(line: Line) -> dict[str, Any]:
    return asdict(line)
