"""The menu: every generated screen registered, in the order of the menu. No logic."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l

from app.screens import (
    areas,
    arrears,
    arrears_making,
    balances,
    batches,
    books,
    deaths,
    extensions,
    imports,
    inbox,
    jobs,
    making,
    packets,
    papers,
    periods,
    recoveries,
    registry,
    relocations,
    reports,
    result_entry,
    search,
    settings,
    settlement_records,
    settlements,
    suspensions,
    transfers,
    users,
    work,
)
from app.screens.workbench import Home

__all__ = ["Home", "register"]

IN_THE_MENU = ("DVCT_01", "DVCT_02", "C74B_HD")
"""Reports that everybody opens every month; the others are found under “Tất cả báo cáo” and by the search."""


def register(appbuilder: Any) -> None:
    """Register every screen in the order of the menu."""
    appbuilder.add_link("Bàn làm việc", href="/", label=_l("Bàn làm việc"))
    _system(appbuilder)
    _registry(appbuilder)
    _paying(appbuilder)
    _settling(appbuilder)
    _reporting(appbuilder)
    appbuilder.add_view_no_menu(search.SearchView)
    appbuilder.add_view(work.WorkView, "Công việc", label=_l("Công việc"))


def _system(appbuilder: Any) -> None:
    system = {"category": "Quản trị hệ thống", "category_label": _l("Quản trị hệ thống")}
    appbuilder.add_view(settings.PaymentSettingView, "Thiết lập hệ thống", label=_l("Thiết lập hệ thống"), **system)
    appbuilder.add_view(papers.PaperSettingView, "Thiết lập văn bản", label=_l("Thiết lập văn bản"), **system)
    appbuilder.add_view(settings.AgencyView, "Đơn vị chi trả", label=_l("Đơn vị chi trả"), **system)
    appbuilder.add_view(settings.AgencyContractView, "Hợp đồng chi trả", label=_l("Hợp đồng chi trả"), **system)
    appbuilder.add_view(settings.StandardAmountView, "Mức chuẩn", label=_l("Mức chuẩn trợ giúp xã hội"), **system)
    appbuilder.add_view_no_menu(settings.BenefitRateView)
    appbuilder.add_view(settings.BenefitTypeView, "Nhóm đối tượng hưởng", label=_l("Nhóm đối tượng hưởng"), **system)
    appbuilder.add_view(settings.HolidayView, "Ngày nghỉ", label=_l("Ngày nghỉ"), **system)
    appbuilder.add_view(users.UserView, "Quản lý người dùng", label=_l("Quản lý người dùng"), **system)
    appbuilder.add_view(users.UserChangeView, "Nhật ký người dùng", label=_l("Nhật ký người dùng"), **system)
    appbuilder.add_view(books.BookView, "Kiểm tra sổ sách", label=_l("Kiểm tra sổ sách"), **system)
    appbuilder.add_view(jobs.JobsView, "Việc nền", label=_l("Việc nền"), **system)
    appbuilder.add_view_no_menu(areas.AreaPredecessorView)
    appbuilder.add_view(areas.AreaView, "Danh mục hành chính", label=_l("Danh mục hành chính"), **system)


def _registry(appbuilder: Any) -> None:
    people = {"category": "Quản lý đối tượng", "category_label": _l("Quản lý đối tượng")}
    for under in (
        registry.LineHistoryView, registry.EntitlementView, registry.PaymentMethodView, registry.PayeeView,
        registry.ArrearsView,
    ):  # fmt: skip
        appbuilder.add_view_no_menu(under)
    appbuilder.add_view(registry.BeneficiaryView, "Hồ sơ đối tượng", label=_l("Hồ sơ đối tượng"), **people)
    appbuilder.add_view(relocations.RelocationView, "Chuyển vùng", label=_l("Chuyển vùng"), **people)
    appbuilder.add_view_no_menu(relocations.AskRelocationView)
    appbuilder.add_view_no_menu(relocations.SuccessionView)
    appbuilder.add_view(imports.ImportView, "Nhập từ tệp", label=_l("Nhập từ tệp"), **people)


def _paying(appbuilder: Any) -> None:
    paying = {"category": "Quản lý dòng NS và chi trả", "category_label": _l("Quản lý dòng NS và chi trả")}
    appbuilder.add_view(batches.BatchView, "Chi trả trợ cấp xã hội", label=_l("Chi trả trợ cấp xã hội"), **paying)
    appbuilder.add_view_no_menu(making.MakeListsView)
    appbuilder.add_view_no_menu(arrears.ArrearsLineView)
    appbuilder.add_view(arrears.ArrearsProposalView, "Truy lĩnh", label=_l("Truy lĩnh"), **paying)
    appbuilder.add_view_no_menu(arrears_making.MakeArrearsView)
    appbuilder.add_view(suspensions.SuspensionView, "Tạm dừng chi trả", label=_l("Tạm dừng chi trả"), **paying)
    appbuilder.add_view_no_menu(deaths.RecordDeathView)
    appbuilder.add_view(deaths.DeathView, "Danh sách cắt chết", label=_l("Danh sách cắt chết"), **paying)


def _settling(appbuilder: Any) -> None:
    other = {"category": "Chức năng khác", "category_label": _l("Chức năng khác")}
    appbuilder.add_view(packets.PacketView, "Gói tin", label=_l("Gói tin"), **other)
    appbuilder.add_view(periods.AreaPeriodView, "Chốt kỳ chi trả", label=_l("Chốt kỳ chi trả"), **other)
    appbuilder.add_view_no_menu(settlement_records.SettlementRecordView)
    appbuilder.add_view_no_menu(result_entry.ResultEntryView)
    appbuilder.add_view(
        settlements.SettlementView, "Quyết toán đơn vị chi trả", label=_l("Quyết toán đơn vị chi trả"), **other
    )
    appbuilder.add_view(recoveries.RecoveryView, "Danh sách truy thu", label=_l("Danh sách truy thu"), **other)
    appbuilder.add_view(extensions.ExtensionView, "Gia hạn", label=_l("Gia hạn"), **other)
    appbuilder.add_view(balances.BalanceView, "Số dư đơn vị chi trả", label=_l("Số dư đơn vị chi trả"), **other)
    appbuilder.add_view(transfers.TransferView, "Chuyển tiền", label=_l("Chuyển tiền"), **other)
    appbuilder.add_view(inbox.InboxView, "Tin nhận được", label=_l("Tin nhận được"), **other)


def _reporting(appbuilder: Any) -> None:
    statistics = {"category": "Báo cáo thống kê", "category_label": _l("Báo cáo thống kê")}
    appbuilder.add_view_no_menu(reports.ReportView)
    for code in IN_THE_MENU:
        appbuilder.add_link(code, href=f"/reports/{code}", label=code, **statistics)
    appbuilder.add_link("Tất cả báo cáo", href="/reports/", label=_l("Tất cả báo cáo"), **statistics)
