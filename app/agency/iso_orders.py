"""Payment orders to banks, pain.001.001.09: a packet's bytes, and what a packet asked for.

One file is one packet with one payment order; a transaction's EndToEndId is our line's reference, by which the bank's
answers are read. Texts are folded to the Latin letters that every bank's system takes: a name is for the teller's eye,
the account decides, and no answer is matched by name.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from pyiso20022.pain import pain_001_001_09 as pain
from xsdata.models.datatype import XmlDate, XmlDateTime

from app.agency.envelope import CURRENCY, VIETNAM, LinesDiffer, PacketHead, PacketLine
from app.agency.iso_xml import NotOfTheStandard, repeated, written
from app.rules import names

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
NAME_CHARS = 140

_FOREIGN_TO_BANKS = re.compile(r"[^A-Za-z0-9/\-?:().,'+ ]")
"""All but the characters of SWIFT's set X, the ones every bank's system takes."""


def compose(head: PacketHead, lines: Iterable[PacketLine]) -> bytes:
    """The payment order. LinesDiffer when the lines are not those of the head, ValueError for what no bank takes."""
    transactions: list[str] = []
    digest = hashlib.sha256()
    total_vnd, last = 0, ""
    for number, line in enumerate(lines, start=1):
        if line.reference <= last:
            raise LinesDiffer(f"line {line.reference} is repeated or out of order")
        last = line.reference
        transactions.append(written("CdtTrfTxInf", _transaction(head, number, line)))
        digest.update(f"{line.reference}|{line.amount_vnd}|{line.payee_fa}\n".encode())
        total_vnd += line.amount_vnd
    if (len(transactions), total_vnd, digest.hexdigest()) != (head.line_count, head.total_vnd, head.line_set_sha256):
        raise LinesDiffer("the lines are not those the list was locked with")
    order = written("PmtInf", _order(head)).replace(_written_placeholder(head), "".join(transactions))
    parts = ('<?xml version="1.0" encoding="UTF-8"?>\n', f'<Document xmlns="{NAMESPACE}"><CstmrCdtTrfInitn>')
    return "".join((*parts, written("GrpHdr", _header(head)), order, "</CstmrCdtTrfInitn></Document>\n")).encode()


def folded(text: str) -> str:
    """Vietnamese in the letters of banks: no marks, đ as D, capitals; what is left is a full stop."""
    return _FOREIGN_TO_BANKS.sub(".", names.fold(text).upper())


def sent_amounts(body: bytes) -> dict[str, int]:
    """Reference -> đồng of a packet we sent."""
    return {
        transaction.pmt_id.end_to_end_id: int(transaction.amt.instd_amt.value)
        for _name, transaction in repeated(body, NAMESPACE, {"CdtTrfTxInf": pain.CreditTransferTransaction34})
    }


def _header(head: PacketHead) -> pain.GroupHeader85:
    return pain.GroupHeader85(
        msg_id=head.transaction_id,
        cre_dt_tm=XmlDateTime.from_datetime(head.message_ts.astimezone(VIETNAM).replace(microsecond=0)),
        nb_of_txs=str(head.line_count),
        ctrl_sum=Decimal(head.total_vnd),
        initg_pty=_named(head.sender_id),
    )


def _order(head: PacketHead) -> pain.PaymentInstruction30:
    """The order without its transactions: one stands for all of them, to be replaced."""
    month = date(int(head.period[:4]), int(head.period[4:]), 1)
    day = max(month, head.message_ts.astimezone(VIETNAM).date())
    account, _, _office = head.payer_fa.partition("@")
    return pain.PaymentInstruction30(
        pmt_inf_id=head.transaction_id,
        pmt_mtd=pain.PaymentMethod3Code.TRF,
        btch_bookg=True,
        nb_of_txs=str(head.line_count),
        ctrl_sum=Decimal(head.total_vnd),
        reqd_exctn_dt=pain.DateAndDateTime2Choice(dt=XmlDate.from_date(day)),
        dbtr=_named(head.sender_id),
        dbtr_acct=_account(account),
        dbtr_agt=_bank(head.receiver_id),
        instr_for_dbtr_agt=f"REPLACES {head.replaces}" if head.replaces else None,
        chrg_br=pain.ChargeBearerType1Code.DEBT,
        cdt_trf_tx_inf=[_transaction(head, 0, _PLACEHOLDER)],
    )


_PLACEHOLDER = PacketLine("placeholder", "account:0@bank", "PLACEHOLDER", 1)


def _written_placeholder(head: PacketHead) -> str:
    return written("CdtTrfTxInf", _transaction(head, 0, _PLACEHOLDER))


def _transaction(head: PacketHead, number: int, line: PacketLine) -> pain.CreditTransferTransaction34:
    if line.amount_vnd <= 0:
        raise NotOfTheStandard(f"amount of {line.reference}: a line with nothing to pay is not sent")
    account, _, bank = line.payee_fa.partition("@")
    return pain.CreditTransferTransaction34(
        pmt_id=pain.PaymentIdentification6(instr_id=str(number), end_to_end_id=line.reference),
        amt=pain.AmountType4Choice(
            instd_amt=pain.ActiveOrHistoricCurrencyAndAmount(value=Decimal(line.amount_vnd), ccy=CURRENCY)
        ),
        cdtr_agt=_bank(bank),
        cdtr=_named(line.payee_name),
        cdtr_acct=_account(account),
        rmt_inf=pain.RemittanceInformation16(ustrd=[f"{head.purpose} {head.period}"]),
    )


def _named(text: str) -> pain.PartyIdentification135:
    return pain.PartyIdentification135(nm=folded(text)[:NAME_CHARS])


def _account(address: str) -> pain.CashAccount38:
    """`account:0011001234567`: the number, and what kind of number it is when it is no account's."""
    kind, _, number = address.partition(":")
    scheme = None if kind == "account" else pain.AccountSchemeName1Choice(prtry=kind.upper())
    return pain.CashAccount38(
        id=pain.AccountIdentification4Choice(othr=pain.GenericAccountIdentification1(id=number, schme_nm=scheme))
    )


def _bank(code: str) -> pain.BranchAndFinancialInstitutionIdentification6:
    other = pain.GenericFinancialIdentification1(id=folded(code))
    return pain.BranchAndFinancialInstitutionIdentification6(
        fin_instn_id=pain.FinancialInstitutionIdentification18(othr=other)
    )
