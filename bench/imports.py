"""A workbook of 100.000 people: written as an office would, then read, checked and applied, as the scheduler does."""

from __future__ import annotations

from pathlib import Path

from flask import current_app
from sqlalchemy import select, text

from app.extensions import acting_as, transaction
from app.imports import staging
from app.imports.kinds import KINDS
from app.imports.staging import Upload
from app.models import Area
from app.reports import workbook
from app.reports.shape import Column, Row
from app.reports.sheet import Sheet
from app.rules.actors import SYSTEM, Actor, Role
from bench.data import PATH

CLERK = Actor("tinh.canbo", frozenset({Role.CLERK}), PATH)
IMPORTED = 100_000


def write_workbook() -> None:
    """100.000 new people with a benefit and an account each, as an office would send them; twelve columns."""
    titles = ("Họ và tên", "Ngày sinh", "Giới tính", "Mã xã", "Thôn", "Mã chính sách", "Hệ số", "Số quyết định", "Hưởng từ",
              "Hình thức nhận", "Số tài khoản", "Ngân hàng")  # fmt: skip
    with acting_as(SYSTEM), transaction() as session:
        communes = session.execute(
            text("SELECT code FROM areas WHERE level = 'commune' AND path LIKE :path AND valid_to IS NULL ORDER BY code"),
            {"path": f"{PATH}%"},
        ).scalars().all()  # fmt: skip
        benefit = session.execute(text("SELECT min(code) FROM benefit_types WHERE batch_kind = 'monthly'")).scalar_one()
    rows = (
        Row((f"Nguyễn Thị {_in_letters(n)}", f"{n % 28 + 1:02}/03/{1930 + n % 60}", "Nữ" if n % 2 else "Nam",
             communes[n % len(communes)], f"Thôn {n % 9 + 1}", benefit, "1,5", f"{n}/QĐ-UBND", "01/11/2026",
             "Tài khoản" if n % 5 else "Tiền mặt", f"{n:010}" if n % 5 else None, "BIDV" if n % 5 else None))
        for n in range(IMPORTED)
    )  # fmt: skip
    sheet = Sheet("Nhap", (), [Column(title, title) for title in titles], titles)
    workbook.write(_sent_file(), sheet, rows)


def import_read() -> None:
    """Nhập từ tệp: the workbook read, checked against the registry and shown, findings and all."""
    with acting_as(CLERK):
        with transaction() as session:
            area = session.scalars(select(Area).where(Area.path == PATH)).one()
            upload = Upload("ho-so.xlsx", _sent_file().read_bytes())
            item = staging.accept(session, "registry", upload, area=area, by=CLERK, home=_home())
            key = item.id
        staging.read(key, KINDS, home=_home())


def import_apply() -> None:
    """Áp dụng: everybody in the file with benefit, payee and payment method, in one transaction."""
    with acting_as(CLERK):
        with transaction() as session:
            key, stamp = session.execute(text("SELECT max(id), max(stamp) FROM file_imports")).one()
        staging.apply(key, KINDS, by=CLERK, stamp=stamp, home=_home())


def _in_letters(number: int) -> str:
    """A made-up given name, another for every number."""
    letters = ""
    while number or not letters:
        number, rest = divmod(number, 20)
        letters += "abcdeghiklmnopqrstuv"[rest]
    return letters.capitalize()


def _sent_file() -> Path:
    return _home() / "import.xlsx"


def _home() -> Path:
    home: Path = current_app.config["CHITRA"].home
    return home
