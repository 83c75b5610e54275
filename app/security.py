"""Who may do what: the permission table, and the actor a user is. Nothing here renders or stores anything else.

The table is what a reviewer reads and what `flask sync-security` writes into Flask-AppBuilder's tables; a test fails
when a route, action or menu entry is missing from it (docs/authorization.md is generated from it).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.rules.actors import NOBODY, PEOPLE, Actor, Role
from app.rules.states import N_

CLERK, ACCOUNTANT, SUPERVISOR = Role.CLERK, Role.ACCOUNTANT, Role.SUPERVISOR
PROVINCE, CENTRAL, AUDITOR, AGENCY_USER = (
    Role.PROVINCE_ADMIN,
    Role.CENTRAL_ADMIN,
    Role.AUDITOR,
    Role.AGENCY_USER,
)

OFFICE = frozenset({CLERK, ACCOUNTANT, SUPERVISOR})
ADMINS = frozenset({PROVINCE, CENTRAL})
READERS = OFFICE | ADMINS | {AUDITOR}
EVERYONE = READERS | {AGENCY_USER}
NONE: frozenset[Role] = frozenset()


def reads(who: Iterable[Role]) -> dict[str, frozenset[Role]]:
    """List and show for `who`."""
    return dict.fromkeys(("can_list", "can_show"), frozenset(who))


def writes(who: Iterable[Role]) -> dict[str, frozenset[Role]]:
    """Add and edit for `who`; nothing of ours is ever deleted by a screen unless a row says so."""
    return dict.fromkeys(("can_add", "can_edit"), frozenset(who))


ASSETS: frozenset[str] = frozenset({"static", "appbuilder.static"})
"""Endpoints of files without content of ours: style sheets, scripts, fonts."""

PUBLIC: dict[str, str] = {
    "SignIn.login": "the sign-in page",
    "SignInApi.login": "signing in by REST: counted like the page",
    "SignInApi.refresh": "checks the refresh token itself",
    "LocaleView.index": "switches the language of the session",
    "frame.choose_language": "switches the language of the session",
    "agency.token": "checks the client credentials of an agency itself",
    "agency.on_disburse": "checks the token and the signature of an agency itself",
    "agency.on_status": "checks the token and the signature of an agency itself",
    "agency.description": "the contract's description for an agency's engineers; nobody's data",
    "agency.on_status_of_disburse": "the same under the specification's own address",
    "health.live": "says that the process answers, and nothing else",
    "health.ready": "says whether it can work, with no personal data and no versions",
}
"""Endpoint -> why a stranger may reach it. Every other route demands a signed-in user (app/gate.py)."""

MACHINES: frozenset[str] = frozenset(name for name in PUBLIC if name.startswith(("agency.", "health.")))
"""Public endpoints where no cookie counts, so that nobody's is read."""

SIGNED_IN: dict[str, str] = {
    "Home.index": "leads to the first page of one's role",
    "SignIn.logout": "ends one's own session",
    "UtilView.back": "leads back to the page before",
    "frame.choose_month": "switches the month one looks at",
    "frame.choose_area": "switches to reading an ended area that one's own keeps",
}
"""Endpoint -> why every signed-in user may reach it without a permission. It shows and changes no record."""

PERMISSIONS: dict[str, dict[str, frozenset[Role]]] = {
    # --- Accounts (app/screens/sign_in.py, app/screens/users.py)
    "OwnAccount": {"can_userinfo": EVERYONE, "can_password": EVERYONE},
    "UserView": reads(ADMINS | {AUDITOR})
    | writes(ADMINS)
    | dict.fromkeys(("reset_password", "disable", "enable"), ADMINS),
    "UserChangeView": reads(ADMINS | {AUDITOR}),
    # --- Settings and areas (app/screens/settings.py, app/screens/areas.py)
    "PaymentSettingView": reads(READERS) | writes(ADMINS),
    "PaperSettingView": reads(READERS) | writes(ADMINS),
    "AgencyView": reads(READERS) | writes({CENTRAL}),
    "AgencyContractView": reads(READERS) | writes(ADMINS),
    "StandardAmountView": reads(READERS) | writes({CENTRAL}),
    "BenefitTypeView": reads(READERS) | writes({CENTRAL}),
    "BenefitRateView": reads(READERS) | writes({CENTRAL}),
    "HolidayView": reads(READERS) | writes({CENTRAL}),
    "AreaView": reads(READERS),
    "AreaPredecessorView": reads(READERS),
    # --- Registry (app/screens/registry.py)
    "BeneficiaryView": reads(READERS) | writes({CLERK}),
    "EntitlementView": reads(READERS) | writes({CLERK}),
    "PayeeView": reads(READERS) | writes({CLERK}),
    "PaymentMethodView": reads(READERS) | writes({CLERK}),
    "ArrearsView": reads(READERS),
    "LineHistoryView": reads(READERS),
    # --- Arrears (app/screens/arrears.py, arrears_making.py)
    "ArrearsProposalView": reads(READERS)
    | dict.fromkeys(("can_approve", "can_reject", "can_revoke"), frozenset({SUPERVISOR}))
    | {"can_withdraw": frozenset({CLERK}), "can_workbook": READERS},
    "SuspensionView": reads(READERS)
    | dict.fromkeys(("can_propose", "can_ask_resume"), frozenset({CLERK}))
    | dict.fromkeys(("can_suspend", "can_refuse", "can_resume", "can_keep"), frozenset({SUPERVISOR})),
    "ArrearsLineView": reads(READERS) | dict.fromkeys(("exclude", "restore"), frozenset({CLERK, SUPERVISOR})),
    "MakeArrearsView": dict.fromkeys(("can_form", "can_hand", "can_list"), frozenset({CLERK})),
    # --- Workbench, lists, packets, periods (app/screens/workbench.py, batches.py, making.py, packets.py, periods.py)
    "Home": {"can_list": READERS},
    "SearchView": {"can_find": READERS},
    "BatchView": reads(READERS)
    | dict.fromkeys(("can_exclude", "remake", "send", "cancel"), frozenset({CLERK}))
    | dict.fromkeys(("lock", "unlock", "open"), frozenset({SUPERVISOR}))
    | dict.fromkeys(("withdraw", "recall"), frozenset({CLERK, SUPERVISOR}))
    | {"close": OFFICE},
    "MakeListsView": dict.fromkeys(("can_form", "can_make", "can_list"), frozenset({CLERK})),
    "DeathView": reads(READERS),
    "RecordDeathView": dict.fromkeys(("can_form", "can_stranger", "can_undo", "can_list"), frozenset({CLERK})),
    "RelocationView": reads(READERS) | dict.fromkeys(("accept", "refuse", "withdraw"), frozenset({CLERK, SUPERVISOR})),
    "AskRelocationView": dict.fromkeys(("can_form", "can_list"), frozenset({CLERK})),
    "SuccessionView": dict.fromkeys(("can_form", "can_list"), frozenset({CENTRAL})),
    "PacketView": reads(EVERYONE)
    | {"can_recall": frozenset({CLERK, SUPERVISOR}), "can_body": ADMINS | {AUDITOR}, "can_file": OFFICE | {AGENCY_USER}}
    | dict.fromkeys(("can_answer", "can_bring"), frozenset({CLERK, SUPERVISOR, AGENCY_USER}))
    | {"can_doubtful": READERS}
    | dict.fromkeys(("can_ask_now", "can_keep_waiting"), frozenset({CLERK, SUPERVISOR})),
    "InboxView": reads(READERS) | {"can_acknowledge": OFFICE},
    "AreaPeriodView": reads(READERS)
    | {"can_close": OFFICE, "can_close_all": OFFICE, "can_reopen": frozenset({SUPERVISOR})},
    # --- Settlements, extensions, recoveries (app/screens/settlements.py, extensions.py, recoveries.py)
    "SettlementView": reads(EVERYONE)
    | {
        "can_lock": frozenset({ACCOUNTANT}),
        "can_reopen": frozenset({SUPERVISOR}),
        "can_decide": frozenset({CLERK, ACCOUNTANT}),
        "can_decide_missing": frozenset({CLERK, ACCOUNTANT}),
        "can_extend": OFFICE | {AGENCY_USER},
        "can_let_through": frozenset({ACCOUNTANT, SUPERVISOR}),
        "can_decline": frozenset({ACCOUNTANT, SUPERVISOR}),
        "can_minutes": READERS,
        "can_workbook": READERS,
    },
    "ResultEntryView": dict.fromkeys(("can_enter", "can_undo"), frozenset({CLERK, ACCOUNTANT})),
    "ImportView": dict.fromkeys(("can_list", "can_show", "can_send", "can_apply"), frozenset({CLERK, ACCOUNTANT})),
    "SettlementRecordView": reads(EVERYONE),
    "ExtensionView": reads(EVERYONE)
    | dict.fromkeys(("can_grant", "can_refuse", "can_revoke"), frozenset({SUPERVISOR})),
    "RecoveryView": reads(READERS)
    | {"can_propose": frozenset({CLERK}), "can_cash": frozenset({ACCOUNTANT})}
    | dict.fromkeys(
        ("can_approve", "can_refuse", "can_write_off", "can_instalment", "can_withdraw"), frozenset({SUPERVISOR})
    ),
    # --- Checks of the books (app/screens/books.py)
    "BookView": {"can_list": ADMINS | {AUDITOR}},
    # --- The agency's balance (app/screens/balances.py, app/screens/transfers.py)
    "BalanceView": reads(READERS) | {"can_minutes": READERS},
    "TransferView": reads(READERS)
    | dict.fromkeys(("can_enter", "can_correct"), frozenset({ACCOUNTANT}))
    | dict.fromkeys(("can_approve", "can_refuse"), frozenset({SUPERVISOR})),
    # --- Reports and long work (app/screens/reports.py, app/screens/work.py)
    "ReportView": reads(READERS) | {"can_export": READERS},
    "JobsView": {"can_list": ADMINS | {AUDITOR}},
    "WorkView": dict.fromkeys(("can_list", "can_progress", "can_file"), READERS),
    # --- REST API (app/api): reading as on the screens, each action as the machine of its states has it
    "AreasApi": {"can_get": READERS},
    "BeneficiariesApi": {"can_get": READERS} | dict.fromkeys(("can_post", "can_put"), frozenset({CLERK})),
    "PayoutBatchesApi": {"can_get": READERS}
    | dict.fromkeys(("can_post", "can_remake", "can_cancel", "can_send"), frozenset({CLERK}))
    | dict.fromkeys(("can_lock", "can_unlock", "can_open"), frozenset({SUPERVISOR}))
    | {"can_recall": frozenset({CLERK, SUPERVISOR}), "can_close": OFFICE},
    "PayoutLinesApi": {"can_get": READERS, "can_exclude": frozenset({CLERK})},
    "BatchFindingsApi": {"can_get": READERS},
    "PacketsApi": {"can_get": EVERYONE, "can_file": OFFICE | {AGENCY_USER}}
    | dict.fromkeys(("can_answer", "can_bring"), frozenset({CLERK, SUPERVISOR, AGENCY_USER}))
    | dict.fromkeys(("can_ask_now", "can_keep_waiting"), frozenset({CLERK, SUPERVISOR})),
    "SettlementsApi": {
        "can_get": EVERYONE,
        "can_lock": frozenset({ACCOUNTANT}),
        "can_reopen": frozenset({SUPERVISOR}),
        "can_extend": OFFICE | {AGENCY_USER},
        "can_decide": frozenset({CLERK, ACCOUNTANT}),
        "can_decide_missing": frozenset({CLERK, ACCOUNTANT}),
        "can_let_through": frozenset({ACCOUNTANT, SUPERVISOR}),
        "can_decline": frozenset({ACCOUNTANT, SUPERVISOR}),
        "can_minutes": READERS,
    },
    "FileImportsApi": dict.fromkeys(("can_get", "can_send", "can_apply"), frozenset({CLERK, ACCOUNTANT})),
    "ResultChangesApi": {"can_get": READERS} | dict.fromkeys(("can_post", "can_undo"), frozenset({CLERK, ACCOUNTANT})),
    "RecoveriesApi": {"can_get": READERS, "can_post": frozenset({CLERK}), "can_cash": frozenset({ACCOUNTANT})}
    | dict.fromkeys(
        ("can_approve", "can_refuse", "can_write_off", "can_instalment", "can_withdraw"), frozenset({SUPERVISOR})
    ),
    "DeathsApi": {"can_get": READERS} | dict.fromkeys(("can_post", "can_stranger", "can_undo"), frozenset({CLERK})),
    "RelocationsApi": {"can_get": READERS, "can_post": frozenset({CLERK})}
    | dict.fromkeys(("can_accept", "can_refuse", "can_withdraw"), frozenset({CLERK, SUPERVISOR})),
    "SettlementRecordsApi": {"can_get": EVERYONE},
    "ExtensionsApi": {"can_get": EVERYONE}
    | dict.fromkeys(("can_grant", "can_refuse", "can_revoke"), frozenset({SUPERVISOR})),
    "TransfersApi": {"can_get": READERS}
    | dict.fromkeys(("can_post", "can_correct"), frozenset({ACCOUNTANT}))
    | dict.fromkeys(("can_approve", "can_refuse"), frozenset({SUPERVISOR})),
    "BalancesApi": {"can_get": READERS, "can_minutes": READERS},
    "SuspensionsApi": {"can_get": READERS}
    | dict.fromkeys(("can_post", "can_ask_resume"), frozenset({CLERK}))
    | dict.fromkeys(("can_suspend", "can_refuse", "can_resume", "can_keep"), frozenset({SUPERVISOR})),
    "AreaPeriodsApi": {"can_get": READERS, "can_reopen": frozenset({SUPERVISOR})}
    | dict.fromkeys(("can_close", "can_close_all"), OFFICE),
    "MessagesApi": {"can_get": READERS, "can_acknowledge": OFFICE},
    "SuccessionsApi": {"can_get": READERS, "can_post": frozenset({CENTRAL})},
    **{
        name: {"can_get": READERS} | dict.fromkeys(("can_post", "can_put"), frozenset({CLERK}))
        for name in ("EntitlementsApi", "PayeesApi", "PaymentMethodsApi")
    },
    "AttentionApi": {"can_get": READERS},
    "ArrearsApi": {"can_get": READERS},
    "ArrearsLinesApi": {"can_get": READERS}
    | dict.fromkeys(("can_exclude", "can_restore"), frozenset({CLERK, SUPERVISOR})),
    "ArrearsProposalsApi": {"can_get": READERS}
    | dict.fromkeys(("can_post", "can_enter", "can_withdraw"), frozenset({CLERK}))
    | dict.fromkeys(("can_approve", "can_reject", "can_revoke"), frozenset({SUPERVISOR})),
    "ReportsApi": {"can_get": READERS, "can_export": READERS},
    "WorkApi": {"can_get": READERS, "can_file": READERS},
    "PaymentSettingsApi": {"can_get": READERS, "can_post": ADMINS},
    "ApiDescription": {"can_get": EVERYONE},
}
"""View or API class name -> permission -> roles that hold it."""

MENUS: dict[str, frozenset[Role]] = {
    "Quản trị hệ thống": READERS,
    "Thiết lập hệ thống": READERS,
    "Thiết lập văn bản": READERS,
    "Đơn vị chi trả": READERS,
    "Hợp đồng chi trả": READERS,
    "Mức chuẩn": READERS,
    "Nhóm đối tượng hưởng": READERS,
    "Ngày nghỉ": READERS,
    "Danh mục hành chính": READERS,
    "Quản lý đối tượng": READERS,
    "Hồ sơ đối tượng": READERS,
    "Chuyển vùng": READERS,
    "Nhập từ tệp": frozenset({CLERK, ACCOUNTANT}),
    "Kiểm tra sổ sách": ADMINS | {AUDITOR},
    "Quản lý người dùng": ADMINS | {AUDITOR},
    "Nhật ký người dùng": ADMINS | {AUDITOR},
    "Việc nền": ADMINS | {AUDITOR},
    "Bàn làm việc": EVERYONE,
    "Quản lý dòng NS và chi trả": READERS,
    "Chi trả trợ cấp xã hội": READERS,
    "Truy lĩnh": READERS,
    "Tạm dừng chi trả": READERS,
    "Danh sách cắt chết": READERS,
    "Gói tin": EVERYONE,
    "Chốt kỳ chi trả": READERS,
    "Chức năng khác": EVERYONE,
    "Quyết toán đơn vị chi trả": EVERYONE,
    "Danh sách truy thu": READERS,
    "Gia hạn": EVERYONE,
    "Số dư đơn vị chi trả": READERS,
    "Chuyển tiền": READERS,
    "Tin nhận được": READERS,
    "Báo cáo thống kê": READERS,
    "DVCT_01": READERS,
    "DVCT_02": READERS,
    "C74B_HD": READERS,
    "Tất cả báo cáo": READERS,
    "Công việc": READERS,
}
"""Menu entry -> roles that see it."""

ROLE_NAMES: dict[Role, str] = {
    CLERK: N_("Cán bộ bảo trợ xã hội"),
    ACCOUNTANT: N_("Kế toán"),
    SUPERVISOR: N_("Lãnh đạo"),
    PROVINCE: N_("Quản trị tỉnh"),
    CENTRAL: N_("Quản trị trung ương"),
    AUDITOR: N_("Thanh tra, kiểm toán"),
    AGENCY_USER: N_("Cán bộ đơn vị chi trả"),
}


def actor_of(user: Any) -> Actor:
    """The actor a signed-in user is: roles and area as they are now, so that taking one away works at once."""
    names = {role.name for role in user.roles}
    roles = frozenset(role for role in PEOPLE if role.value in names)
    agency_id = user.agency_id
    if Role.AGENCY_USER in roles and agency_id is None:
        return NOBODY
    return Actor(
        username=user.username,
        roles=roles,
        area_path=user.area_path,
        user_id=user.id,
        agency_id=agency_id,
        full_name=user.get_full_name(),
    )


def sync(session: Session) -> None:
    """Write roles and the permission table into Flask-AppBuilder's tables, exactly; run by `flask sync-security`."""
    grants = [
        {"permission": permission, "view": view, "role": role.value}
        for view, permissions in PERMISSIONS.items()
        for permission, roles in permissions.items()
        for role in roles
    ] + [
        {"permission": "menu_access", "view": menu, "role": role.value}
        for menu, roles in MENUS.items()
        for role in roles
    ]
    session.execute(
        text("INSERT INTO ab_role (name) VALUES (:name) ON CONFLICT (name) DO NOTHING"),
        [{"name": role.value} for role in sorted(PEOPLE)] + [{"name": "public"}],
    )
    session.execute(text("DELETE FROM ab_permission_view_role"))
    session.execute(text("DELETE FROM ab_permission_view"))
    rows = {"rows": json.dumps(grants)}
    wanted = "jsonb_to_recordset(CAST(:rows AS jsonb)) AS w(permission text, view text, role text)"
    for statement in (
        f"INSERT INTO ab_permission (name) SELECT DISTINCT permission FROM {wanted} ON CONFLICT (name) DO NOTHING",
        f"INSERT INTO ab_view_menu (name) SELECT DISTINCT view FROM {wanted} ON CONFLICT (name) DO NOTHING",
        f"INSERT INTO ab_permission_view (permission_id, view_menu_id) SELECT DISTINCT p.id, v.id FROM {wanted}"
        " JOIN ab_permission p ON p.name = w.permission JOIN ab_view_menu v ON v.name = w.view",
        f"INSERT INTO ab_permission_view_role (permission_view_id, role_id) SELECT pv.id, r.id FROM {wanted}"
        " JOIN ab_permission p ON p.name = w.permission JOIN ab_view_menu v ON v.name = w.view"
        " JOIN ab_permission_view pv ON pv.permission_id = p.id AND pv.view_menu_id = v.id"
        " JOIN ab_role r ON r.name = w.role",
    ):
        session.execute(text(statement), rows)
