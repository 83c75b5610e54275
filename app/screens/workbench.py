"""Bàn làm việc, the first page: the month of a commune as a task list, of a province or the country as a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import abort, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import IndexView, expose, has_access
from flask_appbuilder.security.decorators import permission_name
from flask_babel import gettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.extensions import current_actor, db, transaction
from app.models import Area, Packet, Settlement
from app.rules import dates, own_lists
from app.rules.actors import Role
from app.screens import persons
from app.screens.batch_page import KIND_WORDS, LATER_S, SOON_S
from app.screens.settlement_page import due_of, reason_words
from app.security import PERMISSIONS, ROLE_NAMES
from app.services import access, attention, month_facts, workbench
from app.services.attention import Item
from app.services.month_facts import ListFacts
from app.services.month_steps import ENTERING, STATE_WORDS, TONES, Action, Step, StepState
from app.services.workbench import AreaMonth, ProvinceMonth
from app.web import maps
from app.web.frame import current_month
from app.web.words import dmy, tag, thousands

WHO_WORDS: dict[Role, Any] = {Role.AGENCY: _l("Bưu điện")}

OWN_PAGES = ("books", "due", "rise", "streak", "streak_long", "stuck", "suspension")
"""Kinds of trouble that are no places; each has a page of its own."""

SORTS: dict[str, Callable[[AreaMonth], Any]] = {
    "late": lambda row: (row.empty, *row.lateness),
    "name": lambda row: 0,
    "people": lambda row: -sum(one.people_count for one in row.lists),
}
SORT_WORDS: dict[str, Any] = {"late": _l("Chậm nhất trước"), "name": _l("Theo tên"), "people": _l("Đông người trước")}


class Home(IndexView):
    """The workbench of whoever signed in."""

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """One's own area, or one below it (`?area=<code>`)."""
        actor, session = current_actor(), db.session()
        if actor.agency_id is not None:
            return self._agency(session)
        if actor.reading:
            return redirect(url_for("BatchView.list"), 303)
        area = _area(session)
        if area.level == "country":
            return self._country(session, area)
        if area.level == "province":
            rows = workbench.table(session, area, current_month(), by=actor)
            if [row.area.id for row in rows] != [area.id]:
                return self._province(session, area, rows)
        return self._one(session, area)

    def _one(self, session: Session, area: Area) -> ResponseReturnValue:
        page: str = self.render_template("chitra/workbench/area.html", **_area_facts(session, area))
        return page

    def _province(self, session: Session, area: Area, rows: Sequence[AreaMonth]) -> ResponseReturnValue:
        sort = _sort()
        tallies = workbench.tally(rows)
        page: str = self.render_template(
            "chitra/workbench/province.html",
            area=area,
            rows=sorted(rows, key=SORTS[sort]),
            tallies=tallies,
            sort=sort,
            sorts=SORT_WORDS,
            step_tag=step_tag,
            state_words=STATE_WORDS,
            tones=TONES,
            drawing=maps.communes(area.code),
            shades={row.area.code: _shade(row) for row in rows if not row.empty},
            **_shared(session, area),
        )
        return page

    def _country(self, session: Session, area: Area) -> ResponseReturnValue:
        sort = _sort()
        rows = workbench.provinces(session, area, current_month(), by=current_actor())
        if sort == "late":
            rows.sort(key=lambda row: (-row.days_late, -sum(one.late + one.troubled for one in row.tallies)))
        elif sort == "people":
            rows.sort(key=lambda row: -max(one.people for one in row.tallies))
        page: str = self.render_template(
            "chitra/workbench/country.html",
            area=area,
            rows=rows,
            sort=sort,
            sorts=SORT_WORDS,
            state_words=STATE_WORDS,
            tones=TONES,
            drawing=maps.provinces(),
            shades={row.code: _shade_of_many(row) for row in rows},
            **_shared(session, area),
        )
        return page

    def _agency(self, session: Session) -> ResponseReturnValue:
        """What an agency's staff see: their packets that wait for them, and settlements to hand in."""
        packets = session.scalars(
            select(Packet).where(Packet.state.in_(("received", "accepted"))).order_by(Packet.queued_at).limit(200)
        ).all()
        settlements = session.scalars(
            select(Settlement)
            .where(Settlement.state.in_(("waiting", "partial")))
            .order_by(Settlement.due_on)
            .limit(200)
        ).all()
        page: str = self.render_template(
            "chitra/workbench/agency.html",
            title=_("Bàn làm việc"),
            undecided=[one for one in packets if one.state == "received" or one.recall_asked_at],
            settlements=[(one, due_of(one)) for one in settlements],
        )
        return page

    @expose("/workbench/status")
    @has_access
    @permission_name("list")
    def status(self) -> ResponseReturnValue:
        """What the task list looks at while a packet is on its way: itself, if it has changed."""
        session = db.session()
        facts = _area_facts(session, _area(session))
        answer: dict[str, Any] = {"stamp": facts["stamp"], "every_s": facts["every_s"]}
        if request.args.get("seen") != facts["stamp"]:
            answer["html"] = render_template("chitra/workbench/tasks.html", **facts)
        return jsonify(answer)

    @expose("/workbench/attention/<kind>")
    @has_access
    @permission_name("list")
    def attention(self, kind: str) -> ResponseReturnValue:
        """Every place with one kind of trouble."""
        known = {one.name: one for one in attention.KINDS if one.name not in OWN_PAGES}
        if kind not in known:
            abort(404)
        session = db.session()
        area = _area(session)
        page: str = self.render_template(
            "chitra/workbench/attention.html",
            title=gettext(known[kind].label),
            kind=known[kind],
            area=area,
            places=attention.places(session, area.path, kind),
        )
        return page

    @expose("/workbench/streaks")
    @has_access
    @permission_name("list")
    def streaks(self) -> ResponseReturnValue:
        """People unpaid for several periods in a row; who looked is recorded (Luật 91/2025)."""
        session = db.session()
        area = _area(session)
        people = attention.unpaid_streaks(session, area.path, current_month())
        page: str = self.render_template(
            "chitra/workbench/streaks.html",
            title=_("Người chưa nhận tiền nhiều kỳ liên tiếp"),
            area=area,
            people=people,
            many=attention.SUSPEND_AFTER,
            may_propose=current_actor().has(Role.CLERK),
            reason_words=reason_words,
        )
        if people:
            with transaction() as opened:
                access.seen(opened, "unpaid_streaks", by=current_actor(), area_path=area.path, people=len(people))
        return page


def _area(session: Session) -> Area:
    """The area asked for within the user's own, which is the default. Raises NotFound."""
    code, actor = request.args.get("area", ""), current_actor()
    wanted = Area.code == code if code else Area.path == actor.area_path
    found = session.scalars(select(Area).where(wanted)).one_or_none()
    if found is None or not actor.may_see(found.path):
        raise NotFound
    return found


def _sort() -> str:
    sort = request.args.get("sort", "late")
    if sort not in SORTS:
        abort(400)
    return sort


def _shared(session: Session, area: Area) -> dict[str, Any]:
    """What stands above every workbench: what needs a person, what waits for my approval, the way back up."""
    actor = current_actor()
    return {
        "title": _("Bàn làm việc"),
        "month": current_month(),
        "items": [
            (item, _item_url(item, area))
            for item in attention.items(session, area.path, current_month())
            if item.kind.name != "books" or actor.has(*PERMISSIONS["BookView"]["can_list"])
        ],
        "approvals": attention.approvals(session, area.path, by=actor),
        "kinds": KIND_WORDS,
        "above": area.parent if area.parent is not None and actor.may_see(area.parent.path) else None,
        "own": area.path == actor.area_path,
    }


def _item_url(item: Item, area: Area) -> str:
    if item.id is not None and item.places == 1 and item.kind.name not in OWN_PAGES:
        return url_for(item.kind.page, pk=item.id)
    if item.kind.name == "rise" and current_actor().has(Role.CLERK):
        return url_for("MakeArrearsView.form")
    if item.kind.name in OWN_PAGES:
        return url_for(item.kind.page, area=area.code)
    return url_for("Home.attention", kind=item.kind.name, area=area.code)


def _area_facts(session: Session, area: Area) -> dict[str, Any]:
    """The task list of one paying area."""
    actor = current_actor()
    row = workbench.month(session, area, current_month(), by=actor)
    names = persons.named(session, [who for step in row.steps for who in step.done_by])
    changes = month_facts.changes(session, area.path, row.month)
    shared = _shared(session, area)
    mine = row.next_action
    return shared | {
        "area": area,
        "row": row,
        "steps": [_task(step, row, names, changes, mine) for step in row.steps],
        "previous": None if row.area.open_before is None else dates.format_month(row.area.open_before),
        "every_s": max((_every_s(one) for one in row.lists), key=lambda every: (every > 0, -every), default=0),
        "stamp": _stamp(row, shared["items"], len(shared["approvals"])),
    }


def _every_s(one: ListFacts) -> int:
    if one.state == "sent":
        return LATER_S if one.packet_state == "received" and not one.recalled else SOON_S
    waiting = one.state == "accepted" and one.settlement_state in ("waiting", "partial")
    return LATER_S if waiting or one.recalled else 0


def _stamp(row: AreaMonth, items: Sequence[tuple[Item, str]], approvals: int) -> str:
    """Differs as soon as anything of the task list does."""
    lists = [
        f"{one.id}{one.state}{one.packet_state}{one.settlement_state}{one.total_vnd}{one.doubtful}{one.recalled}"
        for one in row.lists
    ]
    troubles = [f"{item.kind.name}{item.count}" for item, _url in items]
    return "-".join([*lists, *troubles, str(approvals), str(row.area.period_state)])


def _task(step: Step, row: AreaMonth, names: Any, changes: month_facts.Changes, mine: Action | None) -> dict[str, Any]:
    """A step as the task list shows it."""
    done_by = ", ".join(names.get(who, who) for who in step.done_by)
    here = mine is not None and step.action is mine
    return {
        "title": gettext((own_lists.STEPS.get(step.kind.name) if row.own else None) or step.kind.label),
        "hint": _hint(step, row, changes),
        "tag": step_tag(step),
        "people": step.people or None,
        "vnd": step.amount_vnd or None,
        "due": step.due if step.state not in (StepState.DONE, StepState.WAITING) else None,
        "who": done_by if done_by else ", ".join(_roles(step, own=row.own)),
        "mine": here,
        "action": step.action,
    }


def _roles(step: Step, *, own: bool) -> list[str]:
    words = ROLE_NAMES | ({Role.AGENCY: own_lists.CASHIER} if own else WHO_WORDS)
    who = ENTERING if own and step.kind.name == "settle" else step.kind.who
    return [gettext(str(words[role])) for role in words if role in who]


def _hint(step: Step, row: AreaMonth, changes: month_facts.Changes) -> str:
    """What the step says under its name."""
    if step.kind.name == "changes":
        return str(
            _(
                "Tăng %(added)s, hết hạn %(ended)s, chết %(died)s người.",
                added=thousands(changes.added),
                ended=thousands(changes.ended),
                died=thousands(changes.died),
            )
        )
    if step.kind.name == "make" and row.missing_kinds:
        missing = ", ".join(gettext(KIND_WORDS[kind]) for kind in row.missing_kinds)
        return str(_("Cần lập: %(kinds)s.", kinds=missing))
    if step.state == StepState.WAITING:
        return str(_("Hạn %(day)s.", day=dmy(step.due))) if step.due else ""
    if step.lists > 1 and step.state != StepState.DONE:
        return str(_("%(done)s trong %(lists)s danh sách.", done=step.done, lists=step.lists))
    return ""


@dataclass(frozen=True, slots=True)
class Shade:
    """How an area stands on the map: how many of the steps are done, whether it is late, both in words."""

    full_name: str
    done: int
    late: bool
    words: str


def _shade(row: AreaMonth) -> Shade:
    words = _("Đã xong cả kỳ") if row.current is None else gettext(row.current.kind.label)
    if row.days_late:
        words = f"{words}, {_('quá hạn %(days)s ngày', days=thousands(row.days_late))}"
    return Shade(row.area.full_name, sum(step.state == StepState.DONE for step in row.steps), row.days_late > 0, words)


def _shade_of_many(row: ProvinceMonth) -> Shade:
    """A province is as far as its areas are on average."""
    done = sum(one.done for one in row.tallies) // row.areas
    words = _("%(closed)s/%(areas)s xã đã chốt kỳ", closed=thousands(row.tallies[-1].done), areas=thousands(row.areas))
    if row.days_late:
        words = f"{words}, {_('chậm nhất %(days)s ngày', days=thousands(row.days_late))}"
    return Shade(row.full_name, done, row.days_late > 0, words)


def step_tag(step: Step) -> Any:
    """The badge of a step."""
    return tag(gettext(STATE_WORDS[step.state]), TONES[step.state])
