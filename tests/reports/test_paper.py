"""Official papers as PDF: the layout of NĐ 30/2020, sums in words, pages with numbers, the operator's own font."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from flask import Flask
from pypdf import PdfReader
from sqlalchemy.orm import Session

from app.models import PaperSetting, PayoutBatch
from app.reports import canvas, fonts, minutes, pdf_file
from app.reports.shape import Column, Row
from app.reports.sheet import Sheet
from app.rules import money
from app.services import balances, papers
from app.services.papers import Paper, Signatory
from app.services.settlements import arithmetic, lines
from tests import factories as make
from tests import money_desk as desk
from tests import office, stages
from tests.reports.conftest import asked
from tests.reports.test_files import export, text_of

PAPER = Paper("ỦY BAN NHÂN DÂN", "PHƯỜNG BA ĐÌNH", "Ba Đình", "UBND", (Signatory("Kế toán", "Lê Thị Kế"),))
COLUMNS = (
    Column("no", "STT", "number", width=6),
    Column("code", "Mã", "code", width=12),
    Column("name", "Họ tên", width=30),
    Column("vnd", "Số tiền", "money", total=True, width=16),
    Column("day", "Ngày", "date", width=10),
)


def written(path: Path, rows: list[tuple[object, ...]], **more: object) -> PdfReader:
    sheet = Sheet("Thử", ["Danh sách thử"], COLUMNS, [column.title for column in COLUMNS], paper=PAPER)
    pdf_file.write(path, replace(sheet, **more), map(Row, rows))  # type: ignore[arg-type]
    return PdfReader(path)


def mm(points: float) -> int:
    return round(float(points) / canvas.MM)


def test_a_paper_is_a4_with_the_country_its_motto_number_place_and_signatures(database: Flask, tmp_path: Path) -> None:
    pdf = written(tmp_path / "a.pdf", [(1, "DT1", "Y Bhăm Niê", 1_250_000, date(2026, 11, 5))])
    (page,) = pdf.pages
    assert (mm(page.mediabox.width), mm(page.mediabox.height)) == (210, 297)
    text = page.extract_text()
    for said in ("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Độc lập - Tự do - Hạnh phúc", "Số: ……/BC-UBND", "PHƯỜNG BA ĐÌNH",
                 "Ba Đình, ngày …… tháng …… năm ……", "Danh sách thử", "Y Bhăm Niê", "1.250.000", "05/11/2026", "Kế toán",
                 "(Ký, ghi rõ họ tên)", "Lê Thị Kế"):  # fmt: skip
        assert said in text, said
    assert pdf.metadata is not None and pdf.metadata.title == "Thử"


def test_nothing_is_written_into_the_margins(database: Flask, tmp_path: Path) -> None:
    pdf = written(tmp_path / "a.pdf", [(n, f"DT{n:06}", "Nguyễn Thị " + "Hồng " * 12, n, None) for n in range(200)])
    for number, page in enumerate(pdf.pages):
        places: list[tuple[float, float]] = []

        def note(
            text: str, _cm: object, tm: list[float], *_more: object, places: list[tuple[float, float]] = places
        ) -> None:
            if text.strip():
                places.append((tm[4] / canvas.MM, tm[5] / canvas.MM))

        page.extract_text(visitor_text=note)
        inside = [(x, y) for x, y in places if y < 297 - 19]
        assert min(x for x, _y in inside) >= 29.9 and max(x for x, _y in inside) < 195
        assert min(y for _x, y in inside) >= 20
        assert (len(places) > len(inside)) is (number > 0), "only the number of the page stands above"


def test_the_header_is_repeated_and_pages_are_numbered_from_the_second(database: Flask, tmp_path: Path) -> None:
    pdf = written(tmp_path / "a.pdf", [(n, f"DT{n:06}", f"Người số {n}", n, None) for n in range(1, 121)])
    texts = [page.extract_text() for page in pdf.pages]
    assert len(texts) > 2
    assert all("Họ tên" in text and "Số tiền" in text for text in texts[:-1])
    assert [text.split("\n")[0] for text in texts[1:]] == [str(n) for n in range(2, len(texts) + 1)]
    together = "\n".join(texts)
    assert all(f"Người số {n}\n" in together or f"Người số {n} " in together for n in range(1, 121))
    assert "Kế toán" in texts[-1]


def test_a_wide_table_lies_and_no_sum_is_broken(database: Flask, tmp_path: Path) -> None:
    columns = tuple(Column(f"c{n}", f"Cột {n}", "money", total=True, width=18) for n in range(9))
    sums = [999_999_999_999] * 9
    pdf = written(
        tmp_path / "a.pdf", [tuple(sums)], columns=columns, titles=[column.title for column in columns], totals=sums
    )
    page = pdf.pages[0]
    assert mm(page.mediabox.width) == 297
    assert page.extract_text().count("999.999.999.999") == 18


def test_letters_the_font_has_not_are_question_marks_and_long_words_are_broken(database: Flask, tmp_path: Path) -> None:
    pdf = written(tmp_path / "a.pdf", [(1, "DT1", "K'Brể 漢 " + "x" * 90, 1, None)])
    text = pdf.pages[0].extract_text()
    assert "K'Brể ?" in text
    assert text.count("x") == 90


def test_subtotals_are_rows_of_their_own_and_progress_is_told(database: Flask, tmp_path: Path) -> None:
    told: list[int] = []
    sheet = Sheet("Thử", ["Thử"], COLUMNS, [column.title for column in COLUMNS], paper=PAPER)
    rows = [Row((n, "", "", n, None)) for n in range(1, 1_002)] + [Row((None, "", "Cộng", 5, None), True)]
    assert pdf_file.write(tmp_path / "a.pdf", sheet, rows, progress=told.append) == 1_001
    assert told == [1_000]


def test_an_interrupted_paper_leaves_no_file(database: Flask, tmp_path: Path) -> None:
    sheet = Sheet("Thử", ["Thử"], COLUMNS, [column.title for column in COLUMNS], paper=PAPER)
    with pytest.raises(ValueError):
        pdf_file.write(tmp_path / "a.pdf", sheet, [Row((1,))])
    assert list(tmp_path.iterdir()) == []


# --- Fonts ---------------------------------------------------------------------------------------------------------


def test_the_operators_fonts_are_told_apart_by_what_they_say(
    database: Flask, settings: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = fonts.here()
    for number, path in enumerate((made.bold, made.italic, made.regular)):
        shutil.copy(path, tmp_path / f"{number}.TTF")
    with monkeypatch.context() as patch:
        patch.setitem(database.config, "CHITRA", replace(database.config["CHITRA"], paper_font=tmp_path))
        with pytest.raises(fonts.FontMissing):
            fonts.own(tmp_path / "none")
        found = fonts.here()
    assert {path.parent for path in (found.regular, found.bold, found.italic)} == {tmp_path}


# --- Papers of the program -----------------------------------------------------------------------------------------


def test_a_report_on_paper_bears_the_settings_of_its_area(
    session: Session, settled: PayoutBatch, tmp_path: Path
) -> None:
    session.add(
        PaperSetting(
            area=make.area(session), valid_from=date(2026, 1, 1), head_title="CHỦ TỊCH", head_name="Lê Văn Chủ"
        )
    )
    session.commit()
    text = text_of(export(asked("DVCT_08"), tmp_path, "pdf").path)
    assert "CHỦ TỊCH" in text and "Lê Văn Chủ" in text and "Số: ……/DS-UBND" in text
    assert money.in_words(settled.total_vnd) in " ".join(text.split())


def test_minutes_of_a_settlement_say_the_same_as_its_page(session: Session, tmp_path: Path) -> None:
    settlement = stages.reported(session, "paid", "unpaid", "recover", people=3)
    figures = arithmetic.figures(session, settlement.id)
    named = {tab: lines.page(session, settlement, tab) for tab in ("unpaid", "recover")}
    paper = papers.of(session, make.COMMUNE_PATH, date(2026, 11, 10))
    minutes.write(tmp_path / "a.pdf", minutes.of_settlement(settlement, figures, **named), paper)
    text = text_of(tmp_path / "a.pdf")
    for said in ("BIÊN BẢN", "(chưa chốt)", "Hai bên thống nhất", "Phụ lục 1", "Phụ lục 2", "Số liệu hai bên khớp đúng.",
                 "Vắng mặt, không đến nhận", "1.620.000", money.in_words(figures.to_recover.vnd)):  # fmt: skip
        assert said in " ".join(text.split()), said


def test_minutes_of_a_settlement_that_does_not_tie_out_say_why(session: Session, tmp_path: Path) -> None:
    packet = office.accepted(session, people=2)
    settlement = office.settlement_of(session, packet)
    figures = arithmetic.figures(session, settlement.id)
    found = minutes.of_settlement(settlement, figures, unpaid=(), recover=())
    assert found.before[1] == "Số liệu đối chiếu như sau:"
    assert any(line.startswith("Số liệu chưa khớp:") for line in found.after) and found.annexes == []
    assert "Cần truy thu" not in [row[1] for row in found.tables[0].rows]


def test_minutes_of_a_locked_settlement_name_the_fee(session: Session) -> None:
    batch = stages.settled(session, "paid", people=2)
    settlement = office.settlement_of(session, session.query(office.Packet).filter_by(batch_id=batch.id).one())
    found = minutes.of_settlement(settlement, arithmetic.figures(session, settlement.id), unpaid=(), recover=())
    assert found.after[-1] == "Phí chi trả theo hợp đồng: 8.640 đ (Tám nghìn sáu trăm bốn mươi đồng)."


def test_minutes_of_an_account_hold_its_sum_documents_and_lists(session: Session, tmp_path: Path) -> None:
    batch = stages.settled(session, "paid", "unpaid", people=2)
    kept = [
        desk.transferred(session, batch.total_vnd + 500_000, treasury_ref="KB-01"),
        desk.transferred(session, 400_000, kind="return", treasury_ref="KB-02"),
        desk.entered(session, 7, treasury_ref="KB-03"),
    ]
    down = desk.corrected(session, kept[0], batch.total_vnd + 450_000)
    one = balances.of_account(session, make.COMMUNE_PATH, make.agency(session).id, make.NOVEMBER)
    assert one is not None
    found = minutes.of_account(
        one,
        month=make.NOVEMBER,
        issuer="PHƯỜNG BA ĐÌNH",
        transfers=[*kept, down],
        lists=balances.lists(session, make.COMMUNE_PATH, one.agency_id, make.NOVEMBER),
    )
    minutes.write(tmp_path / "a.pdf", found, PAPER)
    text = " ".join(text_of(tmp_path / "a.pdf").split())
    for said in ("BIÊN BẢN ĐỐI CHIẾU", "11/2026", "Tổng công ty Bưu điện Việt Nam", "KB-01", "KB-02", "-400.000", batch.code,
                 "Điều chỉnh: Gõ nhầm", money.in_words(one.closing_vnd)):  # fmt: skip
        assert said in text, said
    assert "KB-03" not in text, "what is not approved counts nowhere"
    documents = found.tables[1]
    assert documents.totals[-1] == one.transferred_vnd == sum(row[-1] for row in documents.rows)


def test_minutes_of_an_account_without_documents_or_lists_are_its_sum_alone(session: Session) -> None:
    desk.transferred(session, 1)
    one = balances.of_account(session, make.COMMUNE_PATH, make.agency(session).id, make.NOVEMBER)
    assert one is not None
    found = minutes.of_account(one, month=make.NOVEMBER, issuer="X", transfers=[], lists=[])
    assert len(found.tables) == 1
    assert found.tables[0].rows[6][3] == 1
