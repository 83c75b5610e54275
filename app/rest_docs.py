"""`docs/rest-api.md`, written from the resources of the REST API and the permission table. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.api import resources
from app.rules.actors import Role
from app.security import EVERYONE, PERMISSIONS, READERS, ROLE_NAMES

HEAD = """# REST API

Sinh từ `app/api` và `app/security.py` bằng `make docs`; đừng sửa tay. Generated from those two by `make docs`; do not edit.

Chương trình của bạn làm được mọi việc như trên màn hình, với cùng vai trò và địa bàn của tài khoản. Your program does what
a person does on the pages, with the same roles and area as the account it signs in with.

- **Sign in** (đăng nhập): `POST /api/v1/security/login` with `{"username", "password", "refresh": true}`; send the token as
  `Authorization: Bearer …`. No cookie counts. The whole description as OpenAPI 3 is at `/api/v1/_openapi`.
- **Read**: a list takes `?q=` in rison or JSON: `filters` (`{col, opr, value}`), `columns`, `order_column`, `page`,
  `page_size` (at most 200), or `after` for everything, key by key. What is asked and not known is refused (400).
- **Write**: JSON objects with known members only; money is whole đồng, months are `MM/YYYY` or `YYYY-MM`, days `dd/mm/yyyy`
  or `yyyy-mm-dd`. Files are `multipart/form-data` of at most 10 MB (413 beyond).
- **Refusals** are `application/problem+json` with `detail` in the language asked for and `errors` by member: 422 for what was
  sent, 403 for the role, 404 for what is not there or not in your area, 409 for what the state of things does not allow. An
  action sent twice is done once: the second is a 409.
- **Long work** answers 202 with `work`: ask `/api/v1/work/<work>` until `phase` is `done` or `failed`; `/file` has its file.
- **Ended areas**: with the header `Chitra-Area: <code>` you read, and cannot change, the lists, settlements and reports of
  an area that has ended and whose papers your area keeps.
- **Results by hand, for one month** of a commune without a connection: `POST payout_batches/`, another person
  `lock`, `send`; `POST imports/` with the sheet and `apply` with its `stamp`, or `POST result_changes/` for everybody; read
  `settlements/<pk>/lines?tab=pending` and `decide` the rest; the accountant `lock`s the settlement;
  `POST area_periods/<pk>/close`.
"""


def rest_markdown() -> str:
    """The document."""
    parts = [HEAD]
    for resource in resources():
        name = resource.__name__
        words = (resource.__doc__ or "").strip().splitlines()[0]
        rows = [f"| `{method} {address}` | {what} | {who} |" for address, method, what, who in _routes(resource)]
        title = getattr(resource, "resource_name", None) or name
        parts += [
            f"## {title}\n",
            f"{words}\n",
            "| Địa chỉ · Address | Làm gì · What | Ai · Who |",
            "|---|---|---|",
            *rows,
            "",
        ]
    return "\n".join(parts)


def _routes(resource: Any) -> Iterator[tuple[str, str, str, str]]:
    """(address, method, first line of its description, roles) in the order of addresses."""
    wanted = getattr(resource, "include_route_methods", None)
    found = []
    for name in dir(resource):
        method = getattr(resource, name)
        if not hasattr(method, "_urls") or (wanted is not None and name not in wanted):
            continue
        permission = f"can_{method._permission_name}"
        who = PERMISSIONS[resource.__name__][permission]
        what = (method.__doc__ or "").strip().splitlines()[0]
        base = getattr(resource, "route_base", None) or f"/api/{resource.version}/{resource.resource_name}"
        found += [(f"{base}{url}", verb, what, _people(who)) for url, verbs in method._urls for verb in verbs]
    return iter(sorted(found))


def _people(who: frozenset[Role]) -> str:
    shared = {EVERYONE: "mọi vai trò · everybody", READERS: "mọi vai trò của cơ quan · everybody but agencies"}
    return shared.get(who) or ", ".join(ROLE_NAMES[role].lower() for role in ROLE_NAMES if role in who)
