"""`docs/authorization.md`, written from the permission table, the roles and the scope of tables. Decides nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from app.rules.actors import Role
from app.rules.granting import ALONE, GRANTABLE, LEVELS
from app.scope import INTERNAL, REFERENCE, scope_of_tables
from app.security import MENUS, PERMISSIONS, PUBLIC, ROLE_NAMES, SIGNED_IN

HEAD = """# Phân quyền · Authorisation

Sinh từ `app/security.py`, `app/rules/granting.py` và `app/scope.py` bằng `make docs`; đừng sửa tay.
Generated from those three by `make docs`; do not edit.

Một yêu cầu đi qua ba cửa. A request passes three doors.

1. **Cổng · the gate** (`app/gate.py`): không đăng nhập thì chỉ tới được các địa chỉ công khai nêu dưới đây. Without a
   signed-in user only the public endpoints below answer.
2. **Quyền · the permission table** (`app/security.py`): màn hình và nút bấm theo vai trò, ghi vào cơ sở dữ liệu bằng
   `flask sync-security`; vai trò được đọc lại ở mỗi yêu cầu. Screens and buttons by role; roles are read at each request.
3. **Phạm vi · scope**: mọi câu lệnh ORM bị giới hạn trong địa bàn của người dùng (`app/scope.py`), và PostgreSQL giới
   hạn lần nữa bằng row-level security (`migrations/`); mỗi lớp tự nó đã đủ. Every statement is limited to the user's
   area and below, once in the ORM and once by PostgreSQL; each suffices alone.
"""

SCOPES = {
    "scoped": "địa bàn của mình và cấp dưới · own area and below",
    "shared": "giữa hai địa bàn: cả hai cùng thấy · between two areas: seen from both",
    "agency": "như trên, và chỉ của đơn vị chi trả mình · the same, and only one's own agency's",
    "inherited": "đọc cả của cấp trên, sửa từ địa bàn mình xuống · read from above, changed from the own area down",
    "areas": "địa bàn mình, cấp dưới và các cấp trên · own area, below, and those above",
    "reference": "ai cũng đọc · everybody reads",
    "internal": "không màn hình nào hiện · no screen shows it",
}


def authorization_markdown() -> str:
    """The document."""
    return "\n".join(
        [
            HEAD,
            *_roles(),
            *_endpoints("Công khai · Public", PUBLIC),
            *_endpoints("Chỉ cần đăng nhập · Signed in is enough", SIGNED_IN),
            *_permissions(),
            *_matrix("Danh mục chức năng · Menu", MENUS.items()),
            *_tables(),
        ]
    )


def _roles() -> list[str]:
    rows = []
    for role, name in ROLE_NAMES.items():
        gives = ", ".join(ROLE_NAMES[given] for given in ROLE_NAMES if given in GRANTABLE.get(role, ()))
        level = ", ".join(sorted(LEVELS.get(role, ()))) or "mọi cấp"
        rows.append(f"| `{role}` | {name} | {level} | {'một mình' if role in ALONE else ''} | {gives or 'không'} |")
    return [
        "## Vai trò · Roles\n",
        "| Mã | Tên | Cấp · Level | Đi cùng vai trò khác · With others | Được cấp · May give |",
        "|---|---|---|---|---|",
        *rows,
        "",
        "Người quản trị chỉ sửa người khác, trong địa bàn mình trở xuống, và chỉ người không giữ vai trò nào họ không cấp"
        " được. An administrator changes only other users, in the own area and below, who hold nothing they could not"
        " give. Mọi thay đổi ghi vào `user_changes`.\n",
    ]


def _endpoints(title: str, endpoints: dict[str, str]) -> list[str]:
    rows = [f"| `{endpoint}` | {why} |" for endpoint, why in sorted(endpoints.items())]
    return [f"## {title}\n", "| Endpoint | Why |", "|---|---|", *rows, ""]


def _permissions() -> list[str]:
    parts = ["## Quyền theo màn hình · Permissions by screen\n"]
    for view, permissions in PERMISSIONS.items():
        parts += _matrix(f"`{view}`", permissions.items(), level=3)
    return parts


def _matrix(title: str, rows: Iterable[tuple[str, Collection[Role]]], *, level: int = 2) -> list[str]:
    return [
        f"{'#' * level} {title}\n",
        "| |" + "|".join(ROLE_NAMES.values()) + "|",
        "|---|" + "---|" * len(ROLE_NAMES),
        *(f"| `{name}` |" + "|".join("●" if role in who else "" for role in ROLE_NAMES) + "|" for name, who in rows),
        "",
    ]


def _tables() -> list[str]:
    why = {**REFERENCE, **INTERNAL}
    rows = [
        f"| `{table}` | {SCOPES[kind]} | {why.get(table, '')} |" for table, kind in sorted(scope_of_tables().items())
    ]
    return ["## Bảng và phạm vi · Tables and scope\n", "| Bảng | Phạm vi | |", "|---|---|---|", *rows, ""]
