"""Số dư đơn vị chi trả: what each agency holds, account by account, and the way down to transfers, lists, settlements."""

from __future__ import annotations

from datetime import date

from flask import abort, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import expose, has_access
from flask_babel import force_locale
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.errors import NotFound
from app.extensions import current_actor, db
from app.models import Agency, AgencyTransfer, Area, Period
from app.reports import minutes as reconciliation
from app.reports.minutes import Minutes
from app.rules import dates
from app.screens.base import RemoteChoices
from app.screens.batch_page import KIND_WORDS
from app.screens.lookups import AREAS
from app.screens.papers import as_pdf
from app.screens.transfers import KIND_WORDS as TRANSFER_WORDS
from app.services import balances, papers
from app.services.balances import Balance
from app.services.papers import Paper
from app.web.frame import current_month

MOST_ACCOUNTS = 400
"""Accounts on one page; for more there is the report."""

MONTHS_SHOWN = 12

SUMMED = (
    "opening_vnd", "need_vnd", "transferred_vnd", "paid_vnd", "wrong_vnd", "recovered_vnd", "closing_vnd", "due_vnd",
)  # fmt: skip


class BalanceView(RemoteChoices):
    """Accounts of the month in the user's area, and the page of one."""

    route_base = "/balances"
    default_view = "list"
    lookups = {"area": AREAS}
    list_title = _l("Số dư đơn vị chi trả")

    @expose("/")
    @has_access
    def list(self) -> ResponseReturnValue:
        """Every account of the area in the month every page obeys."""
        session, month = db.session(), current_month()
        area = area_asked(session, request.args.get("area", ""))
        found = balances.of_month(session, area.path, month)
        answer: str = self.render_template(
            "chitra/balances/list.html",
            title=self.list_title,
            area=area,
            month=month,
            accounts=found[:MOST_ACCOUNTS],
            count=len(found),
            sums={name: sum(getattr(one, name) for one in found) for name in SUMMED},
            may_enter=self.appbuilder.sm.has_access("can_enter", "TransferView"),
        )
        return answer

    @expose("/<int:agency>/<code>")
    @has_access
    def show(self, agency: int, code: str) -> ResponseReturnValue:
        """One account: its month as a sum a person can check, what it is made of, and the months before."""
        session, month = db.session(), current_month()
        area, payer = area_asked(session, code), agency_asked(session, agency)
        months = balances.history(
            session, area.path, dates.add_months(month, 1 - MONTHS_SHOWN), month, agency_id=payer.id
        )
        own = [one for one in months if one.area_path == area.path]
        answer: str = self.render_template(
            "chitra/balances/show.html",
            title=self.list_title,
            area=area,
            agency=payer,
            month=month,
            one=next((one for one in own if one.month == month), None),
            months=own,
            transfers=transfers_of(session, area, payer, month),
            lists=balances.lists(session, area.path, payer.id, month),
            kinds=KIND_WORDS,
            transfer_kinds=TRANSFER_WORDS,
            may_enter=self.appbuilder.sm.has_access("can_enter", "TransferView"),
            list_url=url_for("BalanceView.list"),
        )
        return answer

    @expose("/<int:agency>/<code>/minutes")
    @has_access
    def minutes(self, agency: int, code: str) -> ResponseReturnValue:
        """Biên bản đối chiếu of the month, in Vietnamese whatever the language of the page; `form=pdf` as a file."""
        session, month = db.session(), current_month()
        area, payer = area_asked(session, code), agency_asked(session, agency)
        one = account(session, area, payer)
        with force_locale("vi"):
            wanted, paper = minutes_of(session, area, payer, one, month)
            if request.args.get("form") == "pdf":
                return as_pdf(wanted, paper, f"BBDC_{payer.code}_{area.code}_{month:%Y%m}")
            answer: str = self.render_template(
                "chitra/minutes.html",
                minutes=wanted,
                paper=paper,
                back=url_for("BalanceView.show", agency=agency, code=code),
                pdf=url_for("BalanceView.minutes", agency=agency, code=code, form="pdf"),
            )
        return answer


def area_asked(session: Session, code: str) -> Area:
    """The area with this code, one's own without one. Raises NotFound."""
    actor = current_actor()
    if not code.isprintable():
        raise NotFound
    wanted = Area.code == code if code else Area.path == actor.area_path
    found = session.scalars(select(Area).where(wanted)).one_or_none()
    if found is None or not actor.may_see(found.path):
        raise NotFound
    return found


def agency_asked(session: Session, agency_id: int) -> Agency:
    """The agency with this key; 404 for a number that is none."""
    found = session.get(Agency, agency_id) if agency_id < 2**31 else None
    if found is None:
        abort(404)
    return found


def account(session: Session, area: Area, agency: Agency) -> Balance:
    """The balance of an account in the month every page obeys. Raises NotFound."""
    found = balances.of_account(session, area.path, agency.id, current_month())
    if found is None:
        raise NotFound
    return found


def minutes_of(session: Session, area: Area, agency: Agency, one: Balance, month: date) -> tuple[Minutes, Paper]:
    """Biên bản đối chiếu of an account and a month, and the letterhead it goes on; said in the language of the block."""
    paper = papers.of(session, area.path, clock.today())
    wanted = reconciliation.of_account(
        one,
        month=month,
        issuer=paper.issuer,
        transfers=transfers_of(session, area, agency, month),
        lists=balances.lists(session, area.path, agency.id, month),
    )
    return wanted, paper


def transfers_of(session: Session, area: Area, agency: Agency, month: object) -> list[AgencyTransfer]:
    """Documents of an account for a month, corrections too, by day."""
    statement = (
        select(AgencyTransfer)
        .join(Period, Period.id == AgencyTransfer.period_id)
        .where(AgencyTransfer.area_id == area.id, AgencyTransfer.agency_id == agency.id, Period.month == month)
        .order_by(AgencyTransfer.transferred_on, AgencyTransfer.id)
    )
    return list(session.scalars(statement))
