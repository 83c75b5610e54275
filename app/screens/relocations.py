"""Chuyển vùng: asked by the old commune, answered by the new one; areas that merge or split. Rules are services."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import expose, has_access
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from app.errors import ChitraError
from app.extensions import acting_as, current_actor, db, transaction
from app.models import Area, Beneficiary, Relocation
from app.rules import dates
from app.rules.actors import SYSTEM
from app.screens.actions import action, reason
from app.screens.base import ReadOnlyView, RemoteChoices, SafeInterface
from app.screens.fields import AreaSelectField, CleanField, MonthField, RemoteSelectField, Required
from app.screens.forms import SafeForm
from app.screens.lookups import BENEFICIARIES, COMMUNES, Lookup, area_label
from app.services.lives import relocating, succession
from app.services.lives.succession import Succession, Successor
from app.web.words import thousands

MOVING = BENEFICIARIES.limited(lambda: [Beneficiary.status.in_(("active", "suspended", "moved"))])


class EveryCommune(Lookup):
    """Communes of the whole country: their names are public, and a person may move anywhere."""

    def find(self, key: Any) -> Any | None:
        """By key, wherever it is."""
        with acting_as(SYSTEM):
            found = super().find(key)
        return None if found is None else _kept(found)

    def search(self, typed: str) -> list[Any]:
        """By code or name, wherever they are."""
        with acting_as(SYSTEM):
            found = super().search(typed)
        return [_kept(area) for area in found]


def _kept(area: Area) -> Area:
    """Areas out of scope leave the session as they are: it could not read them again for this user."""
    for one in (area, area.parent):
        if one is not None and one in db.session and not current_actor().may_see(one.path):
            db.session.expunge(one)
    return area


COUNTRY = EveryCommune(
    Area,
    label=area_label,
    limits=lambda: [Area.level == "commune", Area.valid_to.is_(None)],
    order=("name_fold", "id"),
    with_=("parent",),
    anywhere=True,
)


class RelocationView(ReadOnlyView):
    """People who leave for another commune, and people whom another commune sends here."""

    datamodel = SafeInterface(Relocation)
    route_base = "/relocations"
    list_title = _l("Chuyển vùng")
    show_title = _l("Chuyển vùng")
    list_template = "chitra/relocations/list.html"
    list_lead = _l(
        "Người chuyển đi và chuyển đến. Nơi đến tiếp nhận rồi thì lập danh sách cho người đó từ kỳ ghi ở đây."
    )
    empty_text = _l("Chưa có ai chuyển đi hoặc chuyển đến.")
    label_columns = {
        "beneficiary_code": _l("Mã đối tượng"), "from_name": _l("Nơi đi"), "to_name": _l("Nơi đến"),
        "to_hamlet": _l("Thôn, địa chỉ nơi đến"), "first_month": _l("Nơi đến lập từ kỳ"), "asked_by": _l("Người đề nghị"),
        "asked_at": _l("Đề nghị lúc"), "decided_by": _l("Người trả lời"), "decided_at": _l("Trả lời lúc"),
        "decision_note": _l("Ghi chú"), "birth": _l("Ngày sinh"),
    }  # fmt: skip
    month_columns = ("first_month",)
    list_columns = [
        "full_name",
        "beneficiary_code",
        "birth",
        "from_name",
        "to_name",
        "state",
        "first_month",
        "asked_at",
    ]
    show_columns = [
        "full_name", "beneficiary_code", "birth", "from_name", "to_name", "to_hamlet", "reason", "state", "first_month",
        "asked_by", "asked_at", "decided_by", "decided_at", "decision_note",
    ]  # fmt: skip
    search_columns = ["full_name", "beneficiary_code", "state", "asked_at"]
    order_columns = ["full_name", "asked_at", "first_month"]
    base_order = ("id", "desc")
    machine_columns = {"state": "relocation"}

    def render_template(self, template: str, **facts: Any) -> Any:
        """The list also offers asking, to who may."""
        if template == self.list_template:
            facts["may_ask"] = self.appbuilder.sm.has_access("can_form", "AskRelocationView")
        return super().render_template(template, **facts)

    @action(
        "accept",
        _l("Tiếp nhận"),
        _l("Hồ sơ, chính sách, người nhận và tiền chưa trả chuyển về địa bàn của bạn."),
        tone="primary",
        possible=lambda row: row.state == "asked" and _is_ours(row.to_path),
    )
    def accept(self, asked: Any) -> ResponseReturnValue:
        """Take the person in."""
        with transaction() as session:
            first = relocating.accept(session, asked.id, by=current_actor())
        flash(
            _("Đã tiếp nhận. Người này vào danh sách của bạn từ kỳ %(month)s.", month=dates.format_month(first)),
            "success",
        )
        return redirect(url_for("RelocationView.list"), 303)

    @action(
        "refuse",
        _l("Không tiếp nhận"),
        _l("Người này ở lại danh sách của nơi đi."),
        reason_required=True,
        tone="danger",
        possible=lambda row: row.state == "asked" and _is_ours(row.to_path),
    )
    def refuse(self, asked: Any) -> ResponseReturnValue:
        """Send the person back, with a reason."""
        why = reason()
        with transaction() as session:
            relocating.refuse(session, asked.id, by=current_actor(), because=why)
        flash(_("Đã trả lời không tiếp nhận."), "success")
        return redirect(url_for("RelocationView.list"), 303)

    @action(
        "withdraw",
        _l("Rút đề nghị"),
        _l("Người này ở lại danh sách của nơi đi."),
        reason_required=True,
        possible=lambda row: row.state == "asked" and _is_ours(row.area_path),
    )
    def withdraw(self, asked: Any) -> ResponseReturnValue:
        """Take the request back, with a reason."""
        why = reason()
        with transaction() as session:
            relocating.withdraw(session, asked.id, by=current_actor(), because=why)
        flash(_("Đã rút đề nghị chuyển vùng."), "success")
        return redirect(url_for("RelocationView.list"), 303)


def _is_ours(path: str) -> bool:
    return current_actor().may_see(path)


class AskForm(SafeForm):
    """Who moves where, and why."""

    order = ("person", "to", "to_hamlet", "reason")
    person = RemoteSelectField(
        _l("Đối tượng"), [Required()], lookup=MOVING, url=lambda: url_for("AskRelocationView.choices", name="person")
    )
    to = AreaSelectField(
        _l("Nơi đến"), [Required()], lookup=COUNTRY, url=lambda: url_for("AskRelocationView.choices", name="to"),
        description=_l("Xã, phường, đặc khu bất kỳ trong cả nước."),
    )  # fmt: skip
    to_hamlet = CleanField(_l("Thôn, địa chỉ nơi đến"), max_length=120)
    reason = CleanField(_l("Lý do"), [Required()], multiline=True, max_length=1000)


class AskRelocationView(RemoteChoices):
    """Đề nghị chuyển vùng."""

    route_base = "/ask-relocation"
    default_view = "form"
    lookups = {"person": MOVING, "to": COUNTRY}

    @expose("/", methods=["GET", "POST"])
    @has_access
    def form(self) -> ResponseReturnValue:
        """`?person=<key>` comes from the person's page."""
        form = AskForm()
        if request.method == "GET":
            form.person.data = MOVING.find(request.args.get("person", ""))
        elif form.validate() and _asked(form):
            return redirect(url_for("RelocationView.list"), 303)
        return _page(
            self,
            form,
            title=_("Đề nghị chuyển vùng"),
            lead=_("Người này vẫn ở danh sách của bạn cho đến khi nơi đến tiếp nhận."),
            button=_("Gửi đề nghị"),
        )


def _asked(form: AskForm) -> bool:
    person_id, code = form["person"].data.id, form["to"].data.code
    try:
        with transaction() as session:
            made = relocating.ask(
                session,
                person_id,
                code,
                by=current_actor(),
                reason=form["reason"].data,
                to_hamlet=form["to_hamlet"].data or "",
            )
            name, to = made.full_name, made.to_name
    except ChitraError as error:
        field = getattr(error, "field", None)
        form.add_problem("to" if field == "to_code" else field, error.message)
        return False
    flash(_("Đã gửi đề nghị chuyển %(who)s tới %(area)s; chờ nơi đến tiếp nhận.", who=name, area=to), "success")
    return True


class SuccessionForm(SafeForm):
    """An area, its successor, from when, by which decision."""

    order = ("old", "new", "hamlets", "first_month", "decision")
    old = AreaSelectField(
        _l("Địa bàn cũ"), [Required()], lookup=COMMUNES, url=lambda: url_for("SuccessionView.choices", name="old")
    )
    new = AreaSelectField(
        _l("Địa bàn mới"), [Required()], lookup=COMMUNES, url=lambda: url_for("SuccessionView.choices", name="new")
    )
    hamlets = CleanField(
        _l("Chỉ các thôn"), multiline=True, max_length=4000,
        description=_l("Mỗi dòng một thôn khi chia tách; để trống khi sáp nhập cả địa bàn, địa bàn cũ sẽ kết thúc."),
    )  # fmt: skip
    first_month = MonthField(_l("Từ kỳ"), [Required()], description=_l("Các kỳ trước vẫn là danh sách của địa bàn cũ."))
    decision = CleanField(_l("Nghị quyết, quyết định"), [Required()], max_length=300)


class SuccessionView(RemoteChoices):
    """Sáp nhập, chia tách."""

    route_base = "/succession"
    default_view = "form"
    lookups = {"old": COMMUNES, "new": COMMUNES}

    @expose("/", methods=["GET", "POST"])
    @has_access
    def form(self) -> ResponseReturnValue:
        """One successor at a time; a division is entered hamlet by hamlet, the rest last."""
        form = SuccessionForm()
        if request.method == "POST" and form.validate():
            moved = _succeeded(form)
            if moved is not None:
                flash(_("Đã chuyển %(count)s hồ sơ sang địa bàn mới.", count=thousands(moved)), "success")
                return redirect(url_for("RelocationView.list"), 303)
        elif request.method == "GET":
            form.old.data = db.session.scalars(
                select(Area).where(Area.code == request.args.get("area", ""))
            ).one_or_none()
        return _page(
            self,
            form,
            title=_("Sáp nhập, chia tách địa bàn"),
            lead=_("Mọi người của địa bàn cũ sang địa bàn mới từ kỳ đã chọn; danh sách cũ giữ nguyên và vẫn xem được."),
            button=_("Chuyển hồ sơ"),
        )


def _page(view: RemoteChoices, form: SafeForm, **words: str) -> ResponseReturnValue:
    page = view.render_template("chitra/relocations/form.html", form=form, **words)
    return page, 422 if form.errors or form.form_errors else 200


def _succeeded(form: SuccessionForm) -> int | None:
    hamlets = tuple(line.strip() for line in (form["hamlets"].data or "").splitlines() if line.strip())
    wanted = Succession(
        old_area_id=form["old"].data.id,
        first_month=form["first_month"].data,
        decision=form["decision"].data,
        successors=(Successor(form["new"].data.id, hamlets),),
        ends=not hamlets,
    )
    try:
        with transaction() as session:
            return succession.succeed(session, wanted, by=current_actor())
    except ChitraError as error:
        field = getattr(error, "field", None)
        form.add_problem({"area": "old", "successor": "new"}.get(field or "", field), error.message)
        return None
