"""Danh mục hành chính: today's areas, and which area a commune of before 1 July 2025 became."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l

from app.models import Area, AreaPredecessor
from app.rules.states import N_
from app.screens.base import ReadOnlyView, SafeInterface

AREA_LEVELS = {"country": N_("Cả nước"), "province": N_("Tỉnh, thành phố"), "commune": N_("Xã, phường, đặc khu")}


class AreaPredecessorView(ReadOnlyView):
    """Communes of before 1 July 2025 and today's area of each."""

    datamodel = SafeInterface(AreaPredecessor)
    route_base = "/old-areas"
    list_title = _l("Đơn vị hành chính trước 01/07/2025")
    show_title = _l("Đơn vị hành chính cũ")
    list_lead = _l("Tìm tên hoặc mã xã cũ để biết nay thuộc đơn vị nào.")
    empty_text = _l("Không có đơn vị hành chính cũ nào như vậy.")
    label_columns = {
        "old_commune_code": _l("Mã cũ"),
        "old_commune": _l("Xã, phường cũ"),
        "old_district": _l("Huyện, quận cũ"),
        "old_province": _l("Tỉnh, thành phố cũ"),
        "area": _l("Nay là"),
        "area.parent": _l("Thuộc"),
        "is_default": _l("Phần chính"),
    }
    list_columns = [
        "old_commune_code",
        "old_commune",
        "old_district",
        "old_province",
        "area",
        "area.parent",
        "is_default",
    ]
    show_columns = list_columns
    search_columns = ["old_commune", "old_commune_code", "old_district", "old_province", "area"]
    order_columns = ["old_commune_code", "old_commune", "old_district", "old_province"]


class AreaView(ReadOnlyView):
    """The tree of areas."""

    datamodel = SafeInterface(Area)
    route_base = "/areas"
    list_title = _l("Danh mục hành chính")
    show_title = _l("Đơn vị hành chính")
    list_template = "chitra/areas/list.html"
    empty_text = _l("Không có đơn vị hành chính nào như vậy.")
    label_columns = {"level": _l("Cấp"), "parent": _l("Thuộc"), "full_name": _l("Tên đầy đủ"),
                     "full_name_en": _l("Tên tiếng Anh")}  # fmt: skip
    list_columns = ["code", "full_name", "level", "kind", "parent", "valid_from", "valid_to"]
    show_columns = ["code", "full_name", "full_name_en", "level", "kind", "parent", "valid_from", "valid_to"]
    search_columns = ["name_fold", "code", "level", "parent"]
    order_columns = ["code", "full_name", "level"]
    base_order = ("code", "asc")
    choice_columns = {"level": AREA_LEVELS}
    related_views = [AreaPredecessorView]

    def render_template(self, template: str, **facts: Any) -> Any:
        """The list also offers merging and dividing, to who may."""
        if template == self.list_template:
            facts["may_succeed"] = self.appbuilder.sm.has_access("can_form", "SuccessionView")
        return super().render_template(template, **facts)
