"""Biên bản: what two sides sign. Of a settlement, and of an account with an agency; said once, for paper and for PDF."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from flask_babel import gettext
from flask_babel import gettext as _

from app.models import AgencyTransfer, Settlement
from app.reports.shape import Column, Row
from app.rules import dates, money
from app.services.balances import Balance, ListOf
from app.services.papers import Paper
from app.services.settlements.arithmetic import Figures, Tally
from app.services.settlements.lines import Line
from app.services.settlements.saying import REASONS

TYPE = "application/pdf"

ALWAYS = 3
"""Figures of a settlement that are shown though they are nothing: sent, paid, unpaid."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a title of its own, empty for the main one."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[tuple[Any, ...]]
    totals: Sequence[Any] = ()

    @property
    def titles(self) -> list[str]:
        """Titles of the columns."""
        return [column.title for column in self.columns]


@dataclass(frozen=True, slots=True)
class Minutes:
    """The paper: its title and lines under it, what is agreed, the sums in words, and annexes on pages of their own."""

    title: str
    lines: Sequence[str]
    before: Sequence[str]
    tables: Sequence[Table]
    after: Sequence[str]
    annexes: Sequence[Table] = field(default=())


def write(path: Path, minutes: Minutes, paper: Paper) -> None:
    """As PDF in the layout of NĐ 30/2020; only who writes one loads the libraries that draw."""
    from app.reports import fonts
    from app.reports.pdf_file import Document

    with Document(fonts.here(), paper, title=minutes.title) as out:
        out.opening(minutes.title, minutes.lines, number="BB-")
        for text in minutes.before:
            out.paragraph(text)
        for table in minutes.tables:
            if table.title:
                out.paragraph(table.title, "B")
            out.table(table.columns, table.titles, [Row(row) for row in table.rows], totals=table.totals)
        for text in minutes.after:
            out.paragraph(text)
        out.signatures()
        for table in minutes.annexes:
            out.heading(table.title)
            out.table(table.columns, table.titles, [Row(row) for row in table.rows], totals=table.totals)
        out.save(path)


# --- Of a settlement -----------------------------------------------------------------------------------------------


def of_settlement(item: Settlement, figures: Figures, *, unpaid: Sequence[Line], recover: Sequence[Line]) -> Minutes:
    """What was sent, paid, not paid and must be recovered; the names of the last two as annexes."""
    draft = [] if item.state == "locked" else [_("(chưa chốt)")]
    parts = (
        (_("Số đã gửi"), figures.sent),
        (_("Đã chi trả"), figures.paid),
        (_("Chưa chi trả"), figures.unpaid),
        (_("Trong đó dừng chi trả"), figures.stopped),
        (_("Cần truy thu"), figures.to_recover),
        (_("Chưa có kết quả"), figures.pending),
        (_("Tranh chấp, sai số tiền"), figures.disputed),
    )
    shown = [(label, tally) for n, (label, tally) in enumerate(parts) if tally.people or n < ALWAYS]
    before = [
        _(
            "Danh sách chi trả: %(batch)s. Gói tin: %(packet)s. Đơn vị chi trả: %(agency)s.",
            batch=item.batch,
            packet=item.packet,
            agency=item.agency,
        ),
        _("Số liệu đối chiếu như sau:") if figures.problems else _("Hai bên thống nhất số liệu như sau:"),
    ]
    annexes = [
        _named(title, lines)
        for title, lines in (
            (_("Phụ lục 1. Danh sách chưa chi trả"), unpaid),
            (_("Phụ lục 2. Danh sách cần truy thu"), recover),
        )
        if lines
    ]
    return Minutes(
        title=_("BIÊN BẢN"),
        lines=[_("Đối chiếu, quyết toán chi trả tháng %(month)s", month=dates.format_month(item.period.month)), *draft],
        before=before,
        tables=[_figures(shown)],
        after=_words_of(item, figures),
        annexes=annexes,
    )


def _words_of(item: Settlement, figures: Figures) -> list[str]:
    after = [
        _("Số tiền đã gửi (bằng chữ): %(words)s.", words=money.in_words(figures.sent.vnd)),
        _("Số tiền đã chi trả (bằng chữ): %(words)s.", words=money.in_words(figures.paid.vnd)),
        _("Số tiền chưa chi trả (bằng chữ): %(words)s.", words=money.in_words(figures.unpaid.vnd)),
    ]
    if figures.to_recover.people:
        after.append(_("Số tiền cần truy thu (bằng chữ): %(words)s.", words=money.in_words(figures.to_recover.vnd)))
    if figures.problems:
        after.append(_("Số liệu chưa khớp: %(why)s", why=" ".join(figures.problems)))
    else:
        after.append(_("Số liệu hai bên khớp đúng."))
    if item.state == "locked":
        fee, words = money.format_vnd(item.fee_vnd), money.in_words(item.fee_vnd)
        after.append(_("Phí chi trả theo hợp đồng: %(vnd)s (%(words)s).", vnd=fee, words=words))
    return after


def _figures(shown: Sequence[tuple[str, Tally]]) -> Table:
    columns = (
        Column("no", _("STT"), "number", width=5),
        Column("what", _("Nội dung"), width=34),
        Column("people", _("Số lượt người"), "number", width=14),
        Column("vnd", _("Số tiền (đồng)"), "money", width=20),
    )
    return Table("", columns, [(n, label, tally.people, tally.vnd) for n, (label, tally) in enumerate(shown, 1)])


def _named(title: str, lines: Sequence[Line]) -> Table:
    columns = (
        Column("no", _("STT"), "number", width=5),
        Column("code", _("Mã đối tượng"), "code", width=11),
        Column("full_name", _("Họ tên"), width=22),
        Column("birth", _("Ngày sinh"), "code", width=10),
        Column("hamlet", _("Thôn, tổ dân phố"), width=14),
        Column("vnd", _("Số tiền (đồng)"), "money", width=12),
        Column("reason", _("Lý do"), width=18),
    )
    rows = [
        (n, line.code, line.full_name, line.birth, line.hamlet, line.total_vnd, line.decided_reason or _why(line))
        for n, line in enumerate(lines, 1)
    ]
    total = sum(line.total_vnd for line in lines)
    people = _("%(count)s người", count=money.group_thousands(len(lines)))
    return Table(title, columns, rows, (None, _("Cộng"), people, None, None, total, None))


def _why(line: Line) -> str:
    code = line.reason_code
    return "" if code is None else gettext(REASONS.get(code, code))


# --- Of an account -------------------------------------------------------------------------------------------------


def of_account(
    one: Balance, *, month: date, issuer: str, transfers: Sequence[AgencyTransfer], lists: Sequence[ListOf]
) -> Minutes:
    """Biên bản đối chiếu: the account of a period, with the documents and lists it is made of."""
    shown = (
        (_("Số dư đầu kỳ (1)"), None, one.opening_vnd),
        (_("Phải chi trả trong kỳ (2)"), one.payable_people, one.payable_vnd),
        (_("Đã chuyển trong kỳ (3)"), None, one.transferred_vnd),
        (_("Đã chi trả (4)"), one.paid_people, one.paid_vnd),
        (_("Đã chi, phải thu hồi (5)"), None, one.wrong_vnd),
        (_("Đã thu hồi (6)"), None, one.recovered_vnd),
        (_("Số dư cuối kỳ (7 = 1 + 3 − 4 − 5 + 6)"), None, one.closing_vnd),
        (_("Chưa chi trả theo quyết toán đã chốt (8)"), None, one.unpaid_vnd),
        (_("Còn phải chuyển (9)"), None, one.due_vnd),
        (_("Phí chi trả theo hợp đồng (10)"), None, one.fee_vnd),
    )
    columns = (
        Column("no", _("STT"), "number", width=5),
        Column("what", _("Nội dung"), width=40),
        Column("people", _("Số lượt người"), "number", width=12),
        Column("vnd", _("Số tiền (đồng)"), "money", width=18),
    )
    rows = [(n, label, people, amount) for n, (label, people, amount) in enumerate(shown, 1)]
    closing = _("Số dư cuối kỳ (bằng chữ): %(words)s.", words=money.in_words(one.closing_vnd))
    fee = _("Phí chi trả (bằng chữ): %(words)s.", words=money.in_words(one.fee_vnd))
    return Minutes(
        title=_("BIÊN BẢN ĐỐI CHIẾU"),
        lines=[
            _("Số dư kinh phí chi trả tháng %(month)s", month=dates.format_month(month)),
            _("giữa %(office)s và %(agency)s", office=issuer, agency=one.agency),
        ],
        before=[_("Địa bàn: %(area)s. Hai bên thống nhất số liệu như sau:", area=one.area_name)],
        tables=[Table("", columns, rows), *_documents(transfers), *_lists(lists)],
        after=[closing, fee],
    )


def _documents(transfers: Sequence[AgencyTransfer]) -> list[Table]:
    counted = [one for one in transfers if one.state == "approved"]
    if not counted:
        return []
    columns = (
        Column("ref", _("Số chứng từ"), width=22),
        Column("day", _("Ngày chuyển"), "date", width=12),
        Column("what", _("Nội dung"), width=26),
        Column("vnd", _("Số tiền (đồng)"), "money", width=18),
    )
    signed = [(-one.amount_vnd if one.kind == "return" else one.amount_vnd) for one in counted]
    rows = [
        (one.treasury_ref, one.transferred_on, _what(one), amount) for one, amount in zip(counted, signed, strict=True)
    ]
    return [Table(_("Chuyển tiền trong kỳ"), columns, rows, (_("Cộng"), None, None, sum(signed)))]


def _what(one: AgencyTransfer) -> str:
    if one.corrects_id is not None:
        return str(_("Điều chỉnh: %(why)s", why=one.reason))
    return str(_("Đơn vị chi trả trả lại") if one.kind == "return" else _("Chuyển cho đơn vị chi trả"))


def _lists(lists: Sequence[ListOf]) -> list[Table]:
    if not lists:
        return []
    columns = (
        Column("code", _("Danh sách"), "code", width=20),
        Column("payable", _("Phải chi trả"), "money", width=15),
        Column("paid", _("Đã chi trả"), "money", width=15),
        Column("unpaid", _("Chưa chi trả"), "money", width=14),
        Column("recover", _("Cần truy thu"), "money", width=14),
    )
    money_of = [(one.total_vnd, one.paid_vnd, one.unpaid_vnd, one.recover_vnd) for one in lists]
    rows = [(one.code, *amounts) for one, amounts in zip(lists, money_of, strict=True)]
    sums = [sum(amounts) for amounts in zip(*money_of, strict=True)]
    return [Table(_("Danh sách và quyết toán trong kỳ"), columns, rows, (_("Cộng"), *sums))]
