"""A bank's side of ISO 20022 files: what pain.002 and camt.054 look like, written out as text so that a reader proves itself."""

from __future__ import annotations

from collections.abc import Iterable

PAIN_002 = "urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"
CAMT_054 = "urn:iso:std:iso:20022:tech:xsd:camt.054.001.08"
CREATED = "2026-11-12T09:30:05+07:00"


def pain_002(code: str, status: str = "ACCP", *, reason: str = "", text: str = "", payments: str = "") -> bytes:
    """A status report about the packet `code`; `payments` are made by `payment`."""
    why = f"<StsRsnInf><Rsn><Cd>{reason}</Cd></Rsn><AddtlInf>{text}</AddtlInf></StsRsnInf>" if reason else ""
    order = (
        f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>{code}</OrgnlPmtInfId>{payments}</OrgnlPmtInfAndSts>" if payments else ""
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><Document xmlns="{PAIN_002}"><CstmrPmtStsRpt>'
        f"<GrpHdr><MsgId>BANK-1</MsgId><CreDtTm>{CREATED}</CreDtTm></GrpHdr><OrgnlGrpInfAndSts>"
        f"<OrgnlMsgId>{code}</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId><GrpSts>{status}</GrpSts>{why}"
        f"</OrgnlGrpInfAndSts>{order}</CstmrPmtStsRpt></Document>"
    ).encode()


def payment(reference: str, status: str, *, reason: str = "", amount: int | None = None) -> str:
    """What became of one payment of an order."""
    why = f"<StsRsnInf><Rsn><Cd>{reason}</Cd></Rsn></StsRsnInf>" if reason else ""
    of = f'<OrgnlTxRef><Amt><InstdAmt Ccy="VND">{amount}</InstdAmt></Amt></OrgnlTxRef>' if amount is not None else ""
    end = f"<OrgnlEndToEndId>{reference}</OrgnlEndToEndId>" if reference else ""
    return f"<TxInfAndSts>{end}<TxSts>{status}</TxSts>{why}{of}</TxInfAndSts>"


def camt_054(entries: Iterable[str], *, message_id: str = "BANK-2") -> bytes:
    """A notification of bookings; entries are made by `entry`."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><Document xmlns="{CAMT_054}"><BkToCstmrDbtCdtNtfctn>'
        f"<GrpHdr><MsgId>{message_id}</MsgId><CreDtTm>{CREATED}</CreDtTm></GrpHdr><Ntfctn><Id>N-1</Id>"
        "<Acct><Id><Othr><Id>3713</Id></Othr></Id></Acct>"
        f"{''.join(entries)}</Ntfctn></BkToCstmrDbtCdtNtfctn></Document>"
    ).encode()


def entry(
    details: str, amount: int, *, direction: str = "DBIT", status: str = "BOOK", booked: str = "", more: str = ""
) -> str:
    """One booking; `details` are made by `booking`."""
    inside = f"<NtryDtls>{details}</NtryDtls>" if details else ""
    return (
        f'<Ntry><Amt Ccy="VND">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd>{more}<Sts><Cd>{status}</Cd></Sts>'
        f"{booked}<BkTxCd><Prtry><Cd>PMT</Cd></Prtry></BkTxCd>{inside}</Ntry>"
    )


def booking(
    reference: str, amount: str = "", *, order: str = "", direction: str = "", reason: str = "", currency: str = "VND"
) -> str:
    """One payment of a booking."""
    name = f"<PmtInfId>{order}</PmtInfId>" if order else ""
    end = f"<EndToEndId>{reference}</EndToEndId>" if reference else ""
    money = f'<Amt Ccy="{currency}">{amount}</Amt>' if amount else ""
    way = f"<CdtDbtInd>{direction}</CdtDbtInd>" if direction else ""
    back = f"<RtrInf><Rsn><Cd>{reason}</Cd></Rsn></RtrInf>" if reason else ""
    return f"<TxDtls><Refs>{name}{end}</Refs>{money}{way}{back}</TxDtls>"
