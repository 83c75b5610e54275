"""What the page of one list shows: its facts, tabs, lines asked for, buttons, and when to look again. No route."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import abort, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import METHODS, Packet, PayoutBatch, Settlement
from app.rules import names
from app.rules.problems import UnreadableError
from app.rules.states import LINE_RESULTS, N_
from app.screens import batch_moves, persons
from app.screens.batch_moves import Offer, Standing
from app.screens.fields import said
from app.screens.settings import BATCH_KIND_WORDS
from app.services.batches import browsing, checks
from app.services.batches.browsing import Counts, Wanted
from app.services.packets import sent_with
from app.web.words import vnd

PAGE_SIZE = 50
MOST_PAGES = 10_000
LONGEST_SEARCH = 100

SOON_S, LATER_S = 2, 20
"""How often a page looks again: while a packet is on its way, and while the agency decides."""

KIND_WORDS: Mapping[str, str] = BATCH_KIND_WORDS | {"supplementary": N_("Bổ sung")}
WITHIN: Mapping[str, str] = {"live": N_("Trong danh sách"), "excluded": N_("Đã đưa ra")}
SEVERITIES: Mapping[str, str] = {"blocking": N_("Phải xử lý"), "warning": N_("Cảnh báo")}

TABS: Mapping[str, Any] = {
    "show": _l("Dòng chi trả"),
    "findings": _l("Kiểm tra"),
    "changes": _l("So với tháng trước"),
    "packets": _l("Gói tin"),
    "history": _l("Lịch sử"),
}


@dataclass(frozen=True)
class BatchPage:
    """Everything the frame of a list's page needs; each tab brings its own facts."""

    item: PayoutBatch
    packet: Packet | None
    settlement: Settlement | None
    counts: Counts
    offers: Sequence[Offer]
    stamp: str
    who: Mapping[str, str]
    tab: str
    standing: Standing

    @property
    def tabs(self) -> list[dict[str, Any]]:
        """The tabs with what is behind each."""
        counts = {
            "show": self.item.line_count,
            "findings": self.counts.blocking + self.counts.warnings,
            "packets": self.counts.packets,
        }
        return [
            {
                "label": label,
                "href": url_for(f"BatchView.{name}", pk=self.item.id),
                "count": counts.get(name),
                "current": name == self.tab,
            }
            for name, label in TABS.items()
        ]

    @property
    def every_s(self) -> int:
        """When to look again: soon while a packet travels, later while the agency decides or pays, else never."""
        if self.packet is None or self.item.state not in ("sent", "accepted"):
            return 0
        if self.packet.state in ("queued", "in_doubt"):
            return SOON_S
        waiting = self.settlement is not None and self.settlement.state in ("waiting", "partial")
        return LATER_S if self.packet.state == "received" or self.packet.recall_asked_at or waiting else 0

    @property
    def recalling(self) -> bool:
        """The agency was asked to reject the packet and has not answered."""
        packet = self.packet
        return bool(
            packet is not None
            and packet.recall_asked_at is not None
            and packet.recall_answer is None
            and packet.state in ("received", "accepted")
        )

    @property
    def uncertain(self) -> bool:
        """A call about the packet failed and its outcome is not known."""
        return self.packet is not None and self.packet.state == "in_doubt" and self.packet.last_error is not None

    @property
    def live_stamp(self) -> str:
        """Differs as soon as anything of the part that refreshes itself does."""
        packet, settlement = self.packet, self.settlement
        parts = [self.stamp, self.item.state, self.item.version]
        if packet is not None:
            parts += [
                packet.id,
                packet.state,
                int(self.recalling),
                packet.recall_answer is not None,
                int(self.uncertain),
            ]
        if settlement is not None:
            parts += [settlement.state, settlement.parts_received]
        return "-".join(map(str, parts))


def of(session: Session, item: PayoutBatch, actor: Any, *, tab: str = "show") -> BatchPage:
    """The page of a list for this actor."""
    item = browsing.batch(session, item.id)
    packets = browsing.packets_of(session, item.id)
    packet = packets[0] if packets else None
    settlement = None
    if packet is not None:
        settlement = session.scalars(
            select(Settlement).where(Settlement.packet_id == packet.id).execution_options(populate_existing=True)
        ).one_or_none()
    counts = browsing.counts(session, item.id)
    others = sent_with(session, [item.id]) if item.state == "locked" else []
    connected, with_it = batch_moves.connected(session, item), tuple(row.code for row in others)
    standing = Standing(item, packet, counts, actor, connected, with_it)
    return BatchPage(
        item=item,
        packet=packet,
        settlement=settlement,
        counts=counts,
        offers=batch_moves.offers(standing),
        stamp=batch_moves.stamp(session, item),
        who=persons.named(
            session, [item.made_by, item.locked_by, item.closed_by, packet.queued_by if packet else None]
        ),
        tab=tab,
        standing=standing,
    )


@dataclass(frozen=True)
class Asked:
    """Which lines the address asks for; `problem` says why the search could not be read."""

    wanted: Wanted
    number: int
    problem: str

    def url(self, item: PayoutBatch) -> Callable[[int], str]:
        """The address of another page of the same search."""
        named = {
            "q": self.wanted.typed,
            "method": self.wanted.method,
            "finding": self.wanted.finding,
            "status": self.wanted.status,
        }
        kept: dict[str, Any] = {name: value for name, value in named.items() if value}
        return lambda number: url_for("BatchView.show", pk=item.id, page=number or None, **kept)


def asked() -> Asked:
    """Read the search of the lines from the address; 400 for what no form of ours sends."""
    typed, problem = request.args.get("q", ""), ""
    try:
        typed = names.clean_text(typed, max_length=LONGEST_SEARCH)
    except UnreadableError as error:
        typed, problem = "", said(error)
    return Asked(
        wanted=Wanted(
            typed=typed,
            method=_one_of("method", METHODS),
            finding=_one_of("finding", checks.LABELS),
            status=_one_of("status", {**WITHIN, **LINE_RESULTS}),
        ),
        number=page_number(),
        problem=problem,
    )


def page_number() -> int:
    """The page asked for, from 0; 400 for what is none."""
    text = request.args.get("page", "") or "0"
    if not (text.isascii() and text.isdigit() and len(text) <= 5):
        abort(400)
    return min(int(text), MOST_PAGES)


def _one_of(name: str, known: Any) -> str:
    code = request.args.get(name, "")
    if code and code not in known:
        abort(400)
    return code


def finding_detail(facts: Mapping[str, Any]) -> str:
    """The facts of a finding, as a half sentence."""
    if "other" in facts:
        return str(_("trùng với mã %(code)s", code=facts["other"]))
    if "valid_to" in facts:
        return str(_("hết hạn ngày %(day)s", day=facts["valid_to"]))
    if "age_to" in facts:
        return str(_("nhóm này đến %(age)s tuổi", age=facts["age_to"]))
    if "people" in facts:
        return str(_("%(count)s dòng giống nhau", count=facts["people"]))
    if "before" in facts:
        return str(_("kỳ trước %(before)s, kỳ này %(now)s", before=vnd(facts["before"]), now=vnd(facts["now"])))
    return ""
