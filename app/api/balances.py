"""Số dư đơn vị chi trả by REST: every account of a month, one account with what it is made of, its minutes as PDF."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from flask import Response, make_response, request
from flask_appbuilder.api import BaseApi, expose, protect
from flask_appbuilder.security.decorators import permission_name
from flask_babel import force_locale
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.api import asking
from app.api.resource import Answers
from app.errors import NotFound
from app.extensions import db
from app.models import Agency, Area
from app.rules import dates
from app.rules.problems import UnreadableError
from app.screens.balances import MONTHS_SHOWN, area_asked, minutes_of, transfers_of
from app.screens.papers import as_pdf
from app.services import balances
from app.services.balances import Balance

ARGUMENTS = ("month", "area", "agency")
MOST_ACCOUNTS = 10_000


class BalancesApi(Answers, BaseApi):
    """What agencies hold: opening + transferred - paid out + recovered = closing, for each account."""

    resource_name = "balances"
    version = "v1"
    allow_browser_login = False

    @expose("/", methods=["GET"])
    @protect()
    @permission_name("get")
    def get_list(self) -> Response:
        """Every account of an area and below in a month, with what is due and the fee
        ---
        get:
          parameters:
          - in: query
            name: month
            description: MM/YYYY or YYYY-MM; the present one when left out
            schema:
              type: string
          - in: query
            name: area
            description: Official code of an area; one's own when left out
            schema:
              type: string
          - in: query
            name: agency
            description: Code of an agency
            schema:
              type: string
          responses:
            200:
              description: The accounts, and the sums of all of them
              content:
                application/json:
                  schema:
                    type: object
                    properties:
                      month:
                        type: string
                      count:
                        type: integer
                      sums:
                        type: object
                        additionalProperties:
                          type: integer
                      result:
                        type: array
                        items:
                          $ref: '#/components/schemas/Balance'
        """
        asking.refuse_arguments(ARGUMENTS)
        session: Session = db.session()
        area, month, agency = _area(session), _month(), _agency(session)
        found = balances.of_month(session, area.path, month, agency_id=agency.id if agency is not None else None)
        sums = {name: sum(getattr(one, name) for one in found) for name in _FIGURES}
        result = _shown(session, found[:MOST_ACCOUNTS])
        return self.response(200, month=month.isoformat(), count=len(found), sums=sums, result=result)

    @expose("/account", methods=["GET"])
    @protect()
    @permission_name("get")
    def account(self) -> Response:
        """One account: its month, the months before, the transfers and the lists it is made of
        ---
        get:
          parameters:
          - in: query
            name: month
            schema:
              type: string
          - in: query
            name: area
            description: Official code of the area whose account it is; one's own when left out
            schema:
              type: string
          - in: query
            name: agency
            required: true
            description: Code of an agency
            schema:
              type: string
          responses:
            200:
              description: The account; `result` is null in a month that has no row of it
              content:
                application/json:
                  schema:
                    type: object
                    properties:
                      result:
                        nullable: true
                        allOf:
                        - $ref: '#/components/schemas/Balance'
                      months:
                        type: array
                        items:
                          $ref: '#/components/schemas/Balance'
                      transfers:
                        type: array
                        items:
                          type: object
                      lists:
                        type: array
                        items:
                          type: object
        """
        session, area, agency, month = _asked()
        before = dates.add_months(month, 1 - MONTHS_SHOWN)
        found = balances.history(session, area.path, before, month, agency_id=agency.id)
        shown = _shown(session, [one for one in found if one.area_path == area.path])
        return self.response(
            200,
            month=month.isoformat(),
            result=next((one for one in shown if one["month"] == month.isoformat()), None),
            months=shown,
            transfers=[
                {
                    "id": one.id,
                    "kind": one.kind,
                    "amount_vnd": one.amount_vnd,
                    "treasury_ref": one.treasury_ref,
                    "transferred_on": one.transferred_on.isoformat(),
                    "state": one.state,
                    "corrects_id": one.corrects_id,
                }
                for one in transfers_of(session, area, agency, month)
            ],
            lists=[asdict(one) for one in balances.lists(session, area.path, agency.id, month)],
        )

    @expose("/minutes", methods=["GET"])
    @protect()
    @permission_name("minutes")
    def minutes(self) -> Response:
        """Biên bản đối chiếu of an account and month as PDF, in Vietnamese whatever language is asked for
        ---
        get:
          parameters:
          - in: query
            name: month
            schema:
              type: string
          - in: query
            name: area
            schema:
              type: string
          - in: query
            name: agency
            required: true
            schema:
              type: string
          responses:
            200:
              description: The paper
              content:
                application/pdf:
                  schema:
                    type: string
                    format: binary
        """
        session, area, agency, month = _asked()
        one = balances.of_account(session, area.path, agency.id, month)
        if one is None:
            raise NotFound
        with force_locale("vi"):
            wanted, paper = minutes_of(session, area, agency, one, month)
            answer = make_response(as_pdf(wanted, paper, f"BBDC_{agency.code}_{area.code}_{month:%Y%m}"))
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def add_apispec_components(self, api_spec: Any) -> None:
        """What an account looks like."""
        super().add_apispec_components(api_spec)
        members: dict[str, Any] = {name: {"type": "string"} for name in _NAMES}
        members |= {name: {"type": "integer"} for name in _FIGURES}
        api_spec.components.schema("Balance", {"type": "object", "properties": members})


_NAMES = ("agency", "agency_code", "month", "area_code", "area_name", "area_path")
_FIGURES = tuple(name for name in Balance.__slots__ if name.endswith(("_vnd", "_people")))


def _asked() -> tuple[Session, Area, Agency, date]:
    """The account and the month of the address. Raises BadQuestion, NotFound."""
    asking.refuse_arguments(ARGUMENTS)
    session: Session = db.session()
    agency = _agency(session)
    if agency is None:
        raise asking.BadQuestion(what="agency")
    return session, _area(session), agency, _month()


def _area(session: Session) -> Area:
    return area_asked(session, request.args.get("area", ""))


def _agency(session: Session) -> Agency | None:
    code = request.args.get("agency", "")
    if not code:
        return None
    found = session.scalars(select(Agency).where(Agency.code == code)).one_or_none() if code.isprintable() else None
    if found is None:
        raise NotFound
    return found


def _month() -> date:
    written = request.args.get("month", "")
    if not written:
        return clock.today().replace(day=1)
    try:
        return dates.parse_month(written)
    except UnreadableError as error:
        raise asking.BadQuestion(what="month") from error


def _shown(session: Session, rows: Sequence[Balance]) -> list[dict[str, Any]]:
    codes = {row.id: row.code for row in session.scalars(select(Agency))}
    return [asdict(one) | {"month": one.month.isoformat(), "agency_code": codes[one.agency_id]} for one in rows]
