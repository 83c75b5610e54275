"""What the page of a sent file shows: what was read, what is odd, what applying would do, in words. No route."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask_babel import gettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.imports import files, layouts, results
from app.imports.columns import letter_of
from app.imports.starting import of_results
from app.imports.table import ERROR, Finding
from app.models import BenefitType, FileImport, Settlement
from app.rules.states import N_
from app.services.settlements import entering
from app.services.settlements.saying import DECISIONS
from app.web.words import tag, thousands, vnd

SHOWN = 100
EVERY_S = 1
OUTCOMES = DECISIONS

PHASES: dict[str, str] = {
    "reading": N_("Đang đọc"),
    "columns": N_("Chờ chọn cột"),
    "refused": N_("Không đọc được"),
    "ready": N_("Chờ áp dụng"),
    "applied": N_("Đã áp dụng"),
    "discarded": N_("Đã bỏ"),
}
TONES = {"columns": "warn", "refused": "bad", "ready": "warn", "applied": "good", "discarded": "off"}

LEADS: dict[str, Any] = {
    "codes": _l(
        "Tải tệp mẫu của danh sách, chép mã đối tượng từ trang “Danh sach” sang trang “Nhap” (ghi lý do nếu có), tải lên,"
        " rồi chọn trạng thái cũ và trạng thái mới."
    ),
    "sheet": _l(
        "Tải lên nguyên bảng kết quả của đơn vị chi trả: có mã đối tượng, và kết quả hoặc số tiền đã trả, chưa trả."
    ),
    "registry": _l(
        "Mỗi dòng là một người và một chính sách. Người đã có thì ghi mã để cập nhật, người mới thì để trống mã."
    ),
    "payments": _l("Mỗi dòng là một người theo mã đối tượng, với tài khoản hoặc ví nhận tiền."),
}
HEADINGS: dict[str, str] = {
    "codes": "CẬP NHẬT CHI TRẢ NÂNG CAO",
    "sheet": "KẾT QUẢ CHI TRẢ",
    "registry": "HỒ SƠ ĐỐI TƯỢNG",
    "payments": "THÔNG TIN CHI TRẢ",
}
"""First line of a template; in Vietnamese, as everything in files that travel between offices."""


@dataclass(frozen=True)
class ImportPage:
    """Everything the template needs of one file."""

    item: FileImport
    findings: Sequence[Finding]
    doing: dict[str, Any] | None

    @property
    def busy(self) -> bool:
        """The scheduler reads or applies it."""
        return self.item.phase == "reading" or bool(self.doing and self.doing["unfinished"])

    @property
    def every_s(self) -> int:
        """When the page looks again."""
        return EVERY_S if self.busy else 0

    @property
    def stamp(self) -> str:
        """Differs as soon as anything moved."""
        return f"{self.item.phase}.{self.item.row_count}.{self.doing['stamp'] if self.doing else ''}"

    @property
    def may_apply(self) -> bool:
        """Nothing stands in the way, and something would change."""
        return (
            self.item.phase == "ready"
            and not self.item.error_count
            and bool(self.item.plan.get("total"))
            and not self.busy
        )

    @property
    def plan(self) -> list[str]:
        """What applying would do, a sentence each."""
        plan = self.item.plan
        if of_results(self.item.kind):
            return _of_results(plan)
        sentences = [
            ("new_people", _("Thêm %(count)s người mới.", count=thousands(plan.get("new_people", 0)))),
            (
                "changed_people",
                _("Cập nhật hồ sơ của %(count)s người.", count=thousands(plan.get("changed_people", 0))),
            ),
            ("new_benefits", _("Thêm %(count)s chính sách.", count=thousands(plan.get("new_benefits", 0)))),
            ("changed_benefits", _("Sửa %(count)s chính sách.", count=thousands(plan.get("changed_benefits", 0)))),
            ("deaths", _("Ghi cắt chết %(count)s người.", count=thousands(plan.get("deaths", 0)))),
            ("payees", _("Đổi người nhận của %(count)s người.", count=thousands(plan.get("payees", 0)))),
            ("methods", _("Đổi thông tin chi trả của %(count)s người.", count=thousands(plan.get("methods", 0)))),
        ]
        return [str(sentence) for key, sentence in sentences if plan.get(key)]

    @property
    def notes(self) -> list[str]:
        """What was left out of the file or made of it, a sentence each."""
        seen, notes = self.item.seen, []
        if seen.get("subtotals"):
            notes.append(_("Bỏ qua %(count)s dòng cộng.", count=thousands(seen["subtotals"])))
        if seen.get("skipped"):
            notes.append(
                _("Bỏ qua %(count)s dòng không phải dữ liệu (tiêu đề lặp, chữ ký…).", count=thousands(seen["skipped"]))
            )
        if seen.get("hidden"):
            notes.append(_("Không đọc trang tính ẩn: %(names)s.", names=", ".join(seen["hidden"])))
        if seen.get("others"):
            notes.append(
                _(
                    "Chỉ đọc trang “%(sheet)s”, không đọc: %(names)s.",
                    sheet=seen["sheet"],
                    names=", ".join(seen["others"]),
                )
            )
        if seen.get("macros"):
            notes.append(_("Tệp có macro; macro không được chạy."))
        if self.item.options.get("remembered"):
            notes.append(_("Dùng cách chọn cột đã nhớ của đơn vị chi trả này."))
        return [str(note) for note in notes]

    @property
    def columns(self) -> list[dict[str, Any]]:
        """Columns to be chosen, with what is chosen now."""
        places = self.item.options.get("places") or self.item.seen.get("places") or {}
        return [
            {
                "key": column.key,
                "title": gettext(column.title),
                "required": column.required,
                "place": places.get(column.key),
            }
            for column in layouts.LAYOUTS[self.item.kind].columns
        ]

    @property
    def letters(self) -> list[str]:
        """Names of the columns of the sample."""
        width = max((len(row) for row in self.item.seen.get("sample", [])), default=0)
        return [letter_of(number) for number in range(width)]

    @property
    def more_findings(self) -> int:
        """Findings that are not on the page."""
        return self.item.error_count + self.item.warning_count - len(self.findings)


def of(session: Session, item: FileImport, doing: dict[str, Any] | None) -> ImportPage:
    """The page of one file."""
    shown = files.findings(session, item.id, limit=SHOWN) if item.phase == "ready" else []
    return ImportPage(item, shown, doing)


def _of_results(plan: dict[str, Any]) -> list[str]:
    before = gettext(entering.FROM[plan.get("standing", "pending")])
    sentences = [
        _(
            "%(count)s dòng, %(money)s từ “%(before)s” thành “%(after)s”",
            count=thousands(count), money=vnd(total_vnd), before=before, after=gettext(DECISIONS[outcome]),
        ) + "."
        for outcome, count, total_vnd in plan.get("outcomes", [])
    ]  # fmt: skip
    if plan.get("left"):
        sentences.append(
            _(
                "%(count)s dòng “%(before)s” không có trong tệp, giữ nguyên.",
                count=thousands(plan["left"]),
                before=before,
            )
        )
    return [str(sentence) for sentence in sentences]


def benefits(session: Session) -> Sequence[BenefitType]:
    """What the column of benefits may hold."""
    statement = select(BenefitType).where(BenefitType.batch_kind != "funeral").order_by(BenefitType.code)
    return session.scalars(statement).all()


@dataclass(frozen=True)
class Template:
    """An empty workbook; `people` are the members of the list it names."""

    content: bytes
    name: str
    people: int


def template_of(session: Session, kind: str, settlement: Settlement | None, *, home: Path) -> Template:
    """The empty workbook of a kind, named after its list; for codes with the people of the list."""
    heading, people = [HEADINGS[kind]], []
    if settlement is not None:
        heading.append(f"{settlement.batch.code} · {settlement.batch.area.full_name}")
    if settlement is not None and kind == "codes":
        people = results.listed(session, settlement.id)
    content = files.template(layouts.LAYOUTS[kind], heading, home=home, people=people)
    name = f"mau-{kind}{f'-{settlement.batch.code}' if settlement is not None else ''}.xlsx"
    return Template(content, name, len(people))


def name_of(kind: str) -> str:
    """What a kind of file is called."""
    return str(gettext(layouts.NAMES[kind]))


def phase_tag(phase: str) -> Any:
    """How far a file is, as a badge."""
    return tag(str(gettext(PHASES[phase])), TONES.get(phase, "plain"))


def is_error(finding: Finding) -> bool:
    """It stands in the way of applying."""
    return finding.severity == ERROR
