"""Danh sách cắt chết: beneficiaries who died, as the registry has them. Nothing is changed here."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from app.models import Beneficiary
from app.rules import identity
from app.screens.base import ReadOnlyView, SafeInterface
from app.screens.filters import Equal
from app.screens.lookups import COMMUNES
from app.screens.registry import SEXES


class DeathView(ReadOnlyView):
    """People who died, the latest first."""

    datamodel = SafeInterface(Beneficiary)
    route_base = "/deaths"
    list_title = _l("Danh sách cắt chết")
    show_title = _l("Đối tượng đã chết")
    list_lead = _l("Người hưởng đã chết. Trợ cấp của tháng chết vẫn được trả, từ tháng sau thì thôi.")
    empty_text = _l("Không có ai. Ghi ngày chết ở trang Hồ sơ đối tượng của người đó.")
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
