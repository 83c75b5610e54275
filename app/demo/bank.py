"""A bank of a demo: takes payment orders out of an outbox and answers in the files that a real one would write."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from pyiso20022.camt import camt_054_001_08 as camt
from pyiso20022.pain import pain_001_001_09 as pain
from pyiso20022.pain import pain_002_001_10 as status
from sqlalchemy import text
from sqlalchemy.orm import Session
from xsdata.models.datatype import XmlDateTime

from app import clock
from app.agency import iso_orders
from app.agency.envelope import CURRENCY, UNPAID
from app.agency.files import OUTBOX
from app.agency.iso20022 import CAMT_054, PAIN_002
from app.agency.iso_answers import CAMT_054_NAMESPACE, PAIN_002_NAMESPACE
from app.agency.iso_xml import repeated, written
from app.agency.sandbox.paying import Chances, fate

PAID_SHARE = 0.985
CLOSED_ACCOUNT = "AC04"


@dataclass(frozen=True, slots=True)
class Answered:
    """A file of the bank about a packet: of which kind, which bytes."""

    code: str
    action: str
    body: bytes


class DemoBank:
    """One bank over its folder of the outbox. Who is paid depends on the seed and the line alone."""

    def __init__(self, folder: Path, *, seed: int) -> None:
        self._folder = folder
        self._chances = Chances(seed, PAID_SHARE, 0.0, 1)
        self.day: date = clock.today()
        self._answers: list[Answered] = []

    def accept(self, code: str) -> None:
        """The order is in good form and will be carried out."""
        self._say_status(code, status.OriginalGroupHeader17(grp_sts="ACCP", **_original(code)))

    def reject(self, code: str, reason: str) -> None:
        """The order is not carried out."""
        why = status.StatusReasonInformation12(rsn=status.StatusReason6Choice(cd="NARR"), addtl_inf=[reason[:105]])
        self._say_status(code, status.OriginalGroupHeader17(grp_sts="RJCT", sts_rsn_inf=[why], **_original(code)))

    def pay(self, code: str) -> None:
        """A bank books by itself; what it booked is in `settle`."""

    def settle(self, code: str) -> None:
        """Every payment booked, and what came back booked again."""
        out, back = [], []
        for _name, payment in self._order(code):
            reference, vnd = payment.pmt_id.end_to_end_id, int(payment.amt.instd_amt.value)
            out.append(_booked(code, reference, vnd))
            if fate(self._chances, reference, "account:").outcome == UNPAID:
                back.append(_booked(code, reference, vnd, reason=CLOSED_ACCOUNT))
        entries = [self._entry(out, camt.CreditDebitCode.DBIT)]
        entries += [self._entry(back, camt.CreditDebitCode.CRDT)] if back else []
        number = camt.AccountIdentification4Choice(othr=camt.GenericAccountIdentification1(id="CHITRA"))
        account = camt.CashAccount39(id=number)
        message = camt.BankToCustomerDebitCreditNotificationV08(
            grp_hdr=camt.GroupHeader81(msg_id=f"SO-{code}", cre_dt_tm=_now()),
            ntfctn=[camt.AccountNotification17(id=f"SO-{code}", acct=account, ntry=entries)],
        )
        self._say(code, CAMT_054, CAMT_054_NAMESPACE, written("BkToCstmrDbtCdtNtfctn", message))

    def booked(self, code: str) -> dict[str, int]:
        """Line reference -> đồng that stayed booked: the bank's own ledger of an order it carried out."""
        return {
            payment.pmt_id.end_to_end_id: int(payment.amt.instd_amt.value)
            for _name, payment in self._order(code)
            if fate(self._chances, payment.pmt_id.end_to_end_id, "account:").outcome != UNPAID
        }

    def answers(self) -> list[Answered]:
        """What it has said since it was last asked."""
        said, self._answers = self._answers, []
        return said

    def _order(self, code: str) -> Any:
        body = (self._folder / f"{code}.xml").read_bytes()
        return repeated(body, iso_orders.NAMESPACE, {"CdtTrfTxInf": pain.CreditTransferTransaction34})

    def _say_status(self, code: str, group: status.OriginalGroupHeader17) -> None:
        header = status.GroupHeader86(msg_id=f"TT-{code}", cre_dt_tm=_now())
        message = status.CustomerPaymentStatusReportV10(grp_hdr=header, orgnl_grp_inf_and_sts=group)
        self._say(code, PAIN_002, PAIN_002_NAMESPACE, written("CstmrPmtStsRpt", message))

    def _say(self, code: str, action: str, namespace: str, content: str) -> None:
        text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{namespace}">{content}</Document>\n'
        self._answers.append(Answered(code, action, text.encode()))

    def _entry(self, payments: list[Any], direction: camt.CreditDebitCode) -> camt.ReportEntry10:
        total = sum((payment.amt.value for payment in payments), Decimal(0))
        return camt.ReportEntry10(
            amt=camt.ActiveOrHistoricCurrencyAndAmount(value=total, ccy=CURRENCY),
            cdt_dbt_ind=direction,
            sts=camt.EntryStatus1Choice(cd="BOOK"),
            bookg_dt=camt.DateAndDateTime2Choice(dt_tm=XmlDateTime.from_datetime(_noon(self.day))),
            bk_tx_cd=camt.BankTransactionCodeStructure4(prtry=camt.ProprietaryBankTransactionCodeStructure1(cd="PMT")),
            ntry_dtls=[camt.EntryDetails9(tx_dtls=payments)],
        )


def _booked(code: str, reference: str, vnd: int, *, reason: str = "") -> camt.EntryTransaction10:
    back = camt.PaymentReturnReason5(rsn=camt.ReturnReason5Choice(cd=reason)) if reason else None
    return camt.EntryTransaction10(
        refs=camt.TransactionReferences6(pmt_inf_id=code, end_to_end_id=reference),
        amt=camt.ActiveOrHistoricCurrencyAndAmount(value=Decimal(vnd), ccy=CURRENCY),
        rtr_inf=back,
    )


def _original(code: str) -> dict[str, str]:
    return {"orgnl_msg_id": code, "orgnl_msg_nm_id": "pain.001.001.09"}


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), clock.LOCAL)


def _now() -> XmlDateTime:
    moment: datetime = clock.now().astimezone(clock.LOCAL)
    return XmlDateTime.from_datetime(moment.replace(microsecond=0))


def waiting(session: Session) -> list[tuple[str, str, str]]:
    """(agency, packet, "accept" or "settle") of every packet that waits for a bank."""
    rows = session.execute(
        text(
            "SELECT g.code AS agency, p.code, CASE p.state WHEN 'received' THEN 'accept' ELSE 'settle' END AS act"
            "  FROM packets p JOIN agencies g ON g.id = p.agency_id JOIN payout_batches b ON b.id = p.batch_id"
            "  JOIN agency_contracts c ON c.id = b.contract_id LEFT JOIN settlements s ON s.packet_id = p.id"
            " WHERE c.adapter = 'iso20022' AND (p.state = 'received' OR p.state = 'accepted' AND s.state = 'waiting')"
            " ORDER BY p.id"
        )
    )
    return [(row.agency, row.code, row.act) for row in rows]


def play(session: Session, home: Path, *, seed: int) -> list[Path]:
    """Let the banks answer what waits for them; returns the files they wrote, below the data folder's `bank/`."""
    written_files = []
    for agency, code, act in waiting(session):
        bank = DemoBank(home / OUTBOX / agency, seed=seed)
        getattr(bank, act)(code)
        for said in bank.answers():
            path = home / "bank" / agency / f"{code}.{said.action}.xml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(said.body)
            written_files.append(path)
    return written_files
