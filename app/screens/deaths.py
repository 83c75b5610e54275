"""Danh sách cắt chết: people who died, recording a death with the funeral cost, undoing a mistake. Rules are services."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import expose, has_access
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from app.errors import ChitraError
from app.extensions import current_actor, db, transaction
from app.models import Beneficiary, Death
from app.rules import identity
from app.screens.actions import reason
from app.screens.base import ReadOnlyView, RemoteChoices, SafeInterface
from app.screens.fields import (
    AreaSelectField,
    BirthField,
    CleanField,
    MonthField,
    NameField,
    RemoteSelectField,
    Required,
    VnDateField,
)
from app.screens.filters import Equal
from app.screens.forms import SafeForm
from app.screens.lookups import BENEFICIARIES, COMMUNES
from app.screens.registry import SEXES
from app.services.lives import deaths
from app.services.lives.deaths import Funeral
from app.web.frame import current_month
from app.web.words import dmy

LIVING = BENEFICIARIES.limited(lambda: [Beneficiary.status != "dead"])


class DeathView(ReadOnlyView):
    """People who died, the latest first."""

    datamodel = SafeInterface(Beneficiary)
    route_base = "/deaths"
    list_title = _l("Danh sách cắt chết")
    show_title = _l("Đối tượng đã chết")
    list_template = "chitra/deaths/list.html"
    list_lead = _l("Người hưởng đã chết. Trợ cấp của tháng chết vẫn được trả, từ tháng sau thì thôi.")
    empty_text = _l("Chưa ghi cắt chết cho ai.")
    label_columns = {"died_on": _l("Ngày chết"), "status_reason": _l("Ghi chú"), "birth_year": _l("Năm sinh")}
    list_columns = ["full_name", "code", "birth", "died_on", "hamlet", "area", "status_reason"]
    show_columns = [
        "code", "full_name", "birth", "sex", "id_number", "area", "hamlet", "died_on", "status_reason",
    ]  # fmt: skip
    search_columns = ["name_fold", "code", "area", "died_on"]
    order_columns = ["full_name", "code", "died_on"]
    base_order = ("died_on", "desc")
    base_filters = [["status", Equal, "dead"]]
    choice_columns = {"sex": SEXES}
    lookups = {"area": COMMUNES}
    formatters_columns = {"id_number": identity.mask_id}

    def render_template(self, template: str, **facts: Any) -> Any:
        """The list also offers recording, to who may."""
        if template == self.list_template:
            facts["may_record"] = self.appbuilder.sm.has_access("can_form", "RecordDeathView")
        return super().render_template(template, **facts)

    @expose("/show/<pk>")
    @has_access
    def show(self, pk: str) -> ResponseReturnValue:
        """One person with the record of the death, what was claimed, and the way back."""
        item = self._find(pk)
        standing = select(Death).where(Death.beneficiary_id == item.id, Death.undone_at.is_(None))
        answer: str = self.render_template(
            "chitra/deaths/show.html",
            title=self.show_title,
            item=item,
            death=db.session.scalars(standing).one_or_none(),
            may_undo=self.appbuilder.sm.has_access("can_undo", "RecordDeathView"),
            widgets=self._get_show_widget(pk, item),
            **self._trail(item),
        )
        return answer


class _FuneralFields(SafeForm):
    """Who claims the funeral cost; all empty when nobody does."""

    organiser = NameField(_l("Người tổ chức mai táng"), description=_l("Để trống nếu chưa ai đề nghị mai táng phí."))
    organiser_id_number = CleanField(_l("Số CCCD người tổ chức"), max_length=20)
    organiser_phone = CleanField(_l("Điện thoại"), max_length=20)
    funeral_month = MonthField(_l("Trả mai táng phí vào kỳ"))
    decision_no = CleanField(_l("Số quyết định mai táng phí"), max_length=120)
    account_no = CleanField(
        _l("Số tài khoản"), max_length=20, description=_l("Để trống thì người tổ chức nhận tiền mặt.")
    )
    bank_code = CleanField(_l("Ngân hàng"), max_length=20)

    def funeral(self) -> Funeral | None:
        """What was claimed, None when nobody is named."""
        if not self["organiser"].data:
            return None
        return Funeral(
            organiser=self["organiser"].data,
            month=self["funeral_month"].data or current_month(),
            decision_no=self["decision_no"].data or "",
            id_number=self["organiser_id_number"].data or "",
            phone=self["organiser_phone"].data or "",
            account_no=self["account_no"].data or "",
            bank_code=self["bank_code"].data or "",
        )


CLAIM = (
    "organiser",
    "organiser_id_number",
    "organiser_phone",
    "funeral_month",
    "decision_no",
    "account_no",
    "bank_code",
)


class DeathForm(_FuneralFields):
    """A death of somebody in the registry."""

    order = ("person", "died_on", "note", *CLAIM)
    person = RemoteSelectField(
        _l("Đối tượng"), [Required()], lookup=LIVING, url=lambda: url_for("RecordDeathView.choices", name="person")
    )
    died_on = VnDateField(_l("Ngày chết"), [Required()])
    note = CleanField(_l("Ghi chú"), max_length=300, description=_l("Ví dụ số giấy chứng tử, ai báo."))


class StrangerForm(_FuneralFields):
    """A death of somebody who is in no registry, for the funeral cost."""

    order = ("full_name", "birth", "id_number", "area", "hamlet", "died_on", "note", *CLAIM)
    full_name = NameField(_l("Họ tên người chết"), [Required()])
    birth = BirthField(_l("Ngày sinh"), [Required()])
    id_number = CleanField(_l("Số CCCD"), max_length=20)
    area = AreaSelectField(
        _l("Địa bàn"), [Required()], communes=True, url=lambda: url_for("RecordDeathView.choices", name="area")
    )
    hamlet = CleanField(_l("Thôn, tổ dân phố"), max_length=120)
    died_on = VnDateField(_l("Ngày chết"), [Required()])
    note = CleanField(_l("Ghi chú"), max_length=300)
    organiser = NameField(_l("Người tổ chức mai táng"), [Required()])


class RecordDeathView(RemoteChoices):
    """Ghi cắt chết, Hủy cắt chết."""

    route_base = "/record-death"
    default_view = "form"
    lookups = {"person": LIVING, "area": COMMUNES}

    @expose("/", methods=["GET", "POST"])
    @has_access
    def form(self) -> ResponseReturnValue:
        """Of somebody in the registry; `?person=<key>` comes from the person's page."""
        form = DeathForm()
        if request.method == "GET":
            form.person.data = LIVING.find(request.args.get("person", ""))
            form.funeral_month.data = current_month()
        elif form.validate():
            person_id, died_on = form["person"].data.id, form["died_on"].data
            made = _saved(
                form,
                lambda session: deaths.record(
                    session,
                    person_id,
                    died_on,
                    by=current_actor(),
                    note=form["note"].data or "",
                    funeral=form.funeral(),
                ),
            )
            if made is not None:
                return made
        return self._page(form, _("Ghi cắt chết"), "form")

    @expose("/stranger", methods=["GET", "POST"])
    @has_access
    def stranger(self) -> ResponseReturnValue:
        """Of somebody in no registry, for the funeral cost."""
        form = StrangerForm()
        if request.method == "GET":
            form.funeral_month.data = current_month()
        elif form.validate():
            made = _saved(form, lambda session: _record_stranger(session, form))
            if made is not None:
                return made
        return self._page(form, _("Mai táng phí cho người ngoài danh sách"), "stranger")

    @expose("/undo/<int:pk>", methods=["POST"])
    @has_access
    def undo(self, pk: int) -> ResponseReturnValue:
        """Hủy cắt chết, with a reason."""
        why = reason()
        with transaction() as session:
            death = deaths.undo(session, pk, by=current_actor(), because=why)
            person, name = death.beneficiary_id, death.beneficiary.full_name
        flash(_("Đã hủy cắt chết của %(who)s; hồ sơ và chính sách trở lại như trước.", who=name), "success")
        return redirect(url_for("BeneficiaryView.show", pk=person), 303)

    def _page(self, form: SafeForm, title: str, route: str) -> ResponseReturnValue:
        page = self.render_template("chitra/deaths/form.html", title=title, form=form, route=route)
        return page, 422 if form.errors or form.form_errors else 200


def _record_stranger(session: Any, form: StrangerForm) -> Death:
    birth, died_on = form["birth"].data, form["died_on"].data
    person = Beneficiary(
        full_name=form["full_name"].data,
        birth_year=birth.year,
        birth_month=birth.month,
        birth_day=birth.day,
        id_number=form["id_number"].data or None,
        area=form["area"].data,
        hamlet=form["hamlet"].data or "",
        address="",
    )
    funeral = form.funeral()
    assert funeral is not None, "the form demands an organiser"
    return deaths.record_stranger(session, person, died_on, funeral, by=current_actor(), note=form["note"].data or "")


def _saved(form: SafeForm, record: Any) -> ResponseReturnValue | None:
    """Record and lead to the person, or say at the field why not."""
    try:
        with transaction() as session, session.no_autoflush:
            death: Death = record(session)
            person, name, died_on = death.beneficiary_id, death.beneficiary.full_name, death.died_on
    except ChitraError as error:
        form.add_problem(_FIELDS.get(getattr(error, "field", None) or "", getattr(error, "field", None)), error.message)
        return None
    flash(_told(name, died_on), "success")
    return redirect(url_for("DeathView.show", pk=person), 303)


def _told(name: str, died_on: date) -> str:
    return str(
        _(
            "Đã ghi cắt chết %(who)s ngày %(day)s. Trợ cấp tháng chết vẫn được trả; danh sách đang lập cần lập lại.",
            who=name,
            day=dmy(died_on),
        )
    )


_FIELDS = {"month": "funeral_month", "birth": "birth"}
"""Field of a service -> field of these forms, where the names differ."""
