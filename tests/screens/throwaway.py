"""Small throw-away screens on real tables, to try the base screen; the program's own screens are tested elsewhere."""

from __future__ import annotations

from typing import Any

from flask import flash
from flask_appbuilder import BaseView, expose, has_access
from flask_appbuilder.models.sqla.filters import FilterEqual
from sqlalchemy.orm import Session

from app.errors import RuleBroken
from app.models import Agency, AgencyContract, Beneficiary, Entitlement, PayoutBatch
from app.rules import names
from app.rules.actors import Role
from app.screens.base import ReadOnlyView, SafeInterface, SafeModelView, action, reason
from app.screens.fields import BirthField, NameField, Required
from app.screens.filters import FoldContains
from app.screens.forms import SafeForm
from app.screens.lookups import COMMUNES

SEX = {"female": "Nữ", "male": "Nam"}
STATUS = {
    "active": "Đang hưởng", "suspended": "Tạm dừng", "stopped": "Thôi hưởng", "dead": "Đã chết", "moved": "Chuyển đi",
}  # fmt: skip
METHODS = {"cash": "Tiền mặt", "bank": "Tài khoản", "wallet": "Ví điện tử"}


class TryEntitlements(SafeModelView):
    """Chính sách of a person."""

    datamodel = SafeInterface(Entitlement)
    list_title, show_title = "Chính sách đang hưởng", "Chính sách"
    add_title, edit_title = "Thêm chính sách", "Sửa chính sách"
    label_columns = {"units": "Số suất", "decision_no": "Số quyết định", "starts_on": "Từ", "ends_on": "Đến"}
    list_columns = ["benefit_type.name", "coefficient", "decision_no", "starts_on", "ends_on", "status"]
    show_columns = [*list_columns, "beneficiary"]
    add_columns = ["beneficiary", "benefit_type", "coefficient", "units", "decision_no", "starts_on", "ends_on"]
    edit_columns = ["coefficient", "units", "decision_no", "starts_on", "ends_on"]
    search_columns = ["beneficiary", "starts_on"]
    choice_columns = {"status": {"active": "Đang hưởng", "suspended": "Tạm dừng", "ended": "Đã hết"}}


class TryPeople(SafeModelView):
    """People, with an action that counts what it was done to."""

    datamodel = SafeInterface(Beneficiary)
    exclude_route_methods = {"download"}
    list_title, show_title = "Hồ sơ đối tượng", "Đối tượng"
    add_title, edit_title = "Thêm đối tượng", "Sửa đối tượng"
    list_lead = "Người hưởng trợ giúp xã hội trên địa bàn."
    empty_text = "Chưa có hồ sơ nào. Thêm hồ sơ đầu tiên, hoặc nhập từ tệp Excel."
    label_columns = {"birth": "Ngày sinh", "died_on": "Ngày mất", "status_reason": "Lý do tình trạng"}
    list_columns = ["full_name", "code", "birth", "hamlet", "area.full_name", "status"]
    label_columns["area.full_name"] = "Địa bàn"
    show_fieldsets = [
        ("Nhân thân", {"fields": ["code", "full_name", "birth", "sex", "id_number", "phone"]}),
        ("Nơi ở", {"fields": ["area", "hamlet", "address"]}),
        ("Tình trạng", {"fields": ["status", "died_on", "status_reason", "row_version", "changed_at"]}),
    ]
    add_columns = ["code", "full_name", "birth", "sex", "id_number", "area", "hamlet", "phone"]
    edit_columns = [*add_columns[1:], "status", "status_reason", "died_on"]
    search_columns = ["name_fold", "code", "area", "status", "died_on"]
    order_columns = ["code", "full_name", "hamlet"]
    description_columns = {"hamlet": "Thôn, bản, tổ dân phố như trong hộ khẩu."}
    choice_columns = {"sex": SEX, "status": STATUS}
    search_ways = {"name_fold": FoldContains}
    multiline_columns = ["status_reason"]
    lookups = {"area": COMMUNES}
    add_form_extra_fields = {
        "full_name": NameField("Họ tên", [Required()]),
        "birth": BirthField("Ngày sinh", [Required()], description="Chỉ biết năm thì ghi năm, ví dụ 1948."),
    }
    edit_form_extra_fields = add_form_extra_fields
    related_views = [TryEntitlements]
    base_filters = [["sex", FilterEqual, "female"]]
    done: list[Any] = []

    def pre_add(self, item: Beneficiary) -> None:
        item.name_fold, item.name_sort = names.fold(item.full_name), names.sort_key(item.full_name)

    pre_update = pre_add

    @action("mark", "Đánh dấu", "Người này được đánh dấu.", rows="both", reason_required=True)
    def mark(self, rows: Any) -> None:
        people = rows if isinstance(rows, list) else [rows]
        self.done.append(([person.code for person in people], reason()))
        flash("Đã đánh dấu.", "success")

    @action("refuse", "Từ chối", "Chương trình sẽ từ chối.", rows="both", tone="danger")
    def refuse(self, rows: Any) -> None:
        raise RuleBroken("Không đánh dấu được người này.")


class TryAgencies(SafeModelView):
    """A small table with a unique code, a limit of its own in the database, and deletion."""

    datamodel = SafeInterface(Agency)
    exclude_route_methods = {"download"}
    list_title, show_title = "Đơn vị chi trả", "Đơn vị chi trả"
    add_title, edit_title = "Thêm đơn vị chi trả", "Sửa đơn vị chi trả"
    label_columns = {"base_url": "Địa chỉ giao tiếp"}
    list_columns = ["name", "code", "kind", "is_active"]
    show_columns = ["code", "name", "kind", "base_url", "is_active"]
    add_columns = edit_columns = ["code", "name", "kind", "base_url", "is_active"]
    search_columns = ["name", "is_active"]
    choice_columns = {"kind": {"post": "Bưu chính", "bank": "Ngân hàng", "telecom": "Viễn thông"}}

    def store(self, session: Session, item: Any, form: SafeForm, *, created: bool) -> None:
        if item.code == "khong":
            raise RuleBroken("Mã này không dùng được.")
        super().store(session, item, form, created=created)


class TryContracts(SafeModelView):
    """Inherited rows: seen from below, changed only by their own area."""

    datamodel = SafeInterface(AgencyContract)
    list_title, show_title = "Hợp đồng chi trả", "Hợp đồng"
    add_title, edit_title = "Thêm hợp đồng", "Sửa hợp đồng"
    label_columns = {
        "contract_no": "Số hợp đồng", "adapter": "Cách gửi", "fee_kind": "Cách tính phí", "fee_percent": "Phí (%)",
        "fee_vnd": "Phí mỗi người", "fee_cap_vnd": "Phí cao nhất",
    }  # fmt: skip
    list_columns = ["contract_no", "agency.name", "area", "method", "fee_percent", "fee_cap_vnd", "valid_from"]
    show_columns = [*list_columns, "valid_to", "row_version"]
    add_columns = ["contract_no", "agency", "area", "method", "fee_percent", "fee_cap_vnd", "valid_from", "valid_to"]
    edit_columns = add_columns
    search_columns = ["agency", "area", "method", "valid_from"]
    choice_columns = {"method": METHODS, "adapter": {"g2p": "Mạng"}, "fee_kind": {"percent": "Phần trăm"}}


class TryBatches(ReadOnlyView):
    """States and money."""

    datamodel = SafeInterface(PayoutBatch)
    list_title, show_title = "Chi trả trợ cấp xã hội", "Danh sách chi trả"
    list_columns = ["code", "area", "period.month", "state", "people_count", "total_vnd"]
    show_columns = [*list_columns, "benefit_vnd", "agency"]
    search_columns = ["state", "period"]
    machine_columns = {"state": "batch"}


class TryPage(BaseView):
    """A page of our own that fails in many ways, and shows the pieces pages are built from."""

    route_base = "/trypage"
    default_view = "pieces"

    @expose("/pieces")
    @has_access
    def pieces(self) -> Any:
        return self.render_template("pieces.html", title="Bàn làm việc")

    @expose("/fail/<kind>", methods=["GET", "POST"])
    @has_access
    def fail(self, kind: str) -> Any:
        raise FAILURES[kind]()


FAILURES: dict[str, Any] = {}
VIEWS = [TryEntitlements, TryPeople, TryAgencies, TryContracts, TryBatches]

WRITES = ("can_add", "can_edit", "can_delete", "mark", "refuse")
PERMISSIONS: dict[str, dict[str, frozenset[Role]]] = {
    view.__name__: dict.fromkeys(("can_list", "can_show"), frozenset({Role.CLERK, Role.AUDITOR}))
    | dict.fromkeys(WRITES, frozenset({Role.CLERK}))
    for view in VIEWS
} | {"TryPage": dict.fromkeys(("can_pieces", "can_fail"), frozenset({Role.CLERK}))}

MENU = {
    "Quản lý đối tượng": [("Hồ sơ", TryPeople), ("Chính sách", TryEntitlements)],
    "Quản lý dòng NS và chi trả": [("Chi trả", TryBatches)],
    "Quản trị hệ thống": [("Đơn vị", TryAgencies), ("Hợp đồng", TryContracts)],
}
