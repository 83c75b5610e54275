"""What the treasuries of a demo transfer to the agencies: for each list month all that is due, through the services."""

from __future__ import annotations

from datetime import date

from sqlalchemy.orm import Session

from app import clock
from app.demo.staff import Staff
from app.models import Area
from app.services import balances, transfers
from app.services.transfers import Document


def transfer_due(session: Session, path: str, staff: Staff, month: date) -> int:
    """Transfer today what every account of the area and below still needs for `month`; how many documents there are."""
    short = [one for one in balances.of_month(session, path, month) if one.due_vnd]
    for one in short:
        area_id = session.query(Area.id).filter(Area.path == one.area_path).scalar()
        document = Document(
            agency_id=one.agency_id,
            area_id=area_id,
            month=month,
            kind="transfer",
            amount_vnd=one.due_vnd,
            treasury_ref=f"UNC-{month:%Y%m}-{one.area_code}-{one.agency_id}",
            transferred_on=clock.today(),
        )
        entered = transfers.enter(session, document, by=staff.accountant)
        transfers.approve(session, entered.id, by=staff.supervisor)
    return len(short)
