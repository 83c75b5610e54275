"""What the reports say: every line sent stands in exactly one column, and nobody sees another area's."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.extensions import acting_as
from app.models import Agency, PayoutBatch
from app.reports import catalogue
from app.reports.catalogue import REPORTS
from app.rules.actors import Role
from app.services.settlements import arithmetic
from tests import factories as make
from tests import office, stages
from tests.reports.conftest import asked
from tests.reports.rows import row_of

OTHER = make.actor(Role.CLERK, "khac.canbo", "VN/01/00008/")
OF_RESULTS = ("DVCT_01", "DVCT_02", "DVCT_03", "DVCT_06", "C74B_HD")
"""Reports on what was sent and what became of it."""


@pytest.mark.parametrize(
    ("typed", "codes"),
    [
        ("", list(REPORTS)),
        ("dvct", [code for code in REPORTS if code.startswith("DVCT")]),
        ("ĐVCT 1", ["DVCT_01", "DVCT_10", "DVCT_11"]),
        ("dvct 02", ["DVCT_02"]),
        ("DVCT_01", ["DVCT_01"]),
        ("danh sách đối tượng", ["DVCT_02"]),
        ("lien tiep", ["DVCT_03"]),
        ("khau tru", ["DVCT_04", "DVCT_08"]),
        ("phiên bản", ["DVCT_09"]),
        ("mẫu c74b", ["C74B_HD"]),
        ("số dư cuối kỳ", ["DVCT_11"]),
        ("mang sang", ["DVCT_07", "DVCT_08"]),
        ("lương hưu", []),
    ],
)
def test_reports_are_found_by_code_and_by_words_with_or_without_marks(
    session: Session, typed: str, codes: list[str]
) -> None:
    assert [report.code for report in catalogue.search(typed)] == codes


def test_a_code_that_is_no_report_is_not_found() -> None:
    with pytest.raises(NotFound):
        catalogue.find("DVCT_99")


def test_every_line_sent_stands_in_one_column(session: Session, settled: PayoutBatch) -> None:
    row = row_of(session, "DVCT_01")
    assert (row["sent_people"], row["sent_vnd"]) == (7, settled.total_vnd)
    assert (row["paid_people"], row["unpaid_people"], row["recover_people"], row["pending_people"]) == (5, 1, 1, 0)
    parts = ("paid", "unpaid", "recover", "pending")
    assert sum(int(str(row[f"{part}_vnd"])) for part in parts) == row["sent_vnd"]
    assert row["area_code"] == make.COMMUNE
    assert row["agency"] == "Tổng công ty Bưu điện Việt Nam"


def test_before_the_lock_a_report_says_what_the_settlements_page_says(session: Session) -> None:
    settlement = stages.reported(session, "unpaid", "paid", people=3)
    figures = arithmetic.figures(session, settlement.id)
    row = row_of(session, "DVCT_01")
    assert (row["paid_people"], row["paid_vnd"]) == (figures.paid.people, figures.paid.vnd) == (2, 1_080_000)
    assert (row["unpaid_people"], row["unpaid_vnd"]) == (figures.unpaid.people, figures.unpaid.vnd)
    assert REPORTS["DVCT_01"].totals(session, asked("DVCT_01")).provisional == 3


def test_after_the_lock_nothing_is_provisional(session: Session, settled: PayoutBatch) -> None:
    for code, report in REPORTS.items():
        assert report.totals(session, asked(code)).provisional == 0


def test_a_list_that_was_sent_and_not_answered_has_no_result(session: Session) -> None:
    office.accepted(session, people=2)
    row = row_of(session, "DVCT_01")
    assert (row["sent_people"], row["pending_people"], row["pending_vnd"]) == (2, 2, 1_080_000)


def test_a_list_that_was_not_sent_is_in_no_report(session: Session) -> None:
    make.locked_list(session)
    session.commit()
    for code in OF_RESULTS:
        assert REPORTS[code].totals(session, asked(code)).rows == 0


def test_a_list_the_agency_gave_back_is_in_no_report(session: Session) -> None:
    stages.returned(session)
    assert REPORTS["DVCT_01"].totals(session, asked("DVCT_01")).rows == 0


def test_subtotals_repeat_the_rows_of_their_agency_and_are_no_part_of_the_totals(
    session: Session, settled: PayoutBatch
) -> None:
    report = REPORTS["DVCT_01"]
    rows = list(report.rows(session, asked("DVCT_01")))
    assert [row.subtotal for row in rows] == [False, True]
    assert rows[0].cells[4:] == rows[1].cells[4:]
    totals = report.totals(session, asked("DVCT_01"))
    assert (totals.rows, totals.shown, totals.sums["sent_vnd"]) == (1, 2, settled.total_vnd)


def test_names_come_in_the_order_of_the_list_and_are_narrowed_by_result(session: Session, settled: PayoutBatch) -> None:
    report = REPORTS["DVCT_02"]
    everyone = [row.cells[2] for row in report.rows(session, asked("DVCT_02"))]
    assert everyone == list(range(1, 8))
    unpaid = list(report.rows(session, asked("DVCT_02", outcome="unpaid")))
    assert [(row.cells[10], row.cells[11]) for row in unpaid] == [("unpaid", "ABSENT")]
    recover = report.totals(session, asked("DVCT_02", outcome="to_recover"))
    assert recover.rows == 1
    paid = [row.cells[11] for row in report.rows(session, asked("DVCT_02", outcome="paid"))]
    assert paid == [None] * 5


def test_names_add_up_to_the_figures_above_them(session: Session, settled: PayoutBatch) -> None:
    figures = row_of(session, "DVCT_01")
    for outcome, column in (("paid", "paid"), ("unpaid", "unpaid"), ("to_recover", "recover"), ("pending", "pending")):
        totals = REPORTS["DVCT_02"].totals(session, asked("DVCT_02", outcome=outcome))
        assert totals.rows == figures[f"{column}_people"]
        assert totals.sums["total_vnd"] == figures[f"{column}_vnd"]


@pytest.mark.parametrize("code", ["DVCT_02", "DVCT_08", "DVCT_10"])
def test_names_come_in_vietnamese_order_by_the_given_name(session: Session, code: str) -> None:
    for name in ("Trần Văn Út", "Đinh Ân", "Ân Thị Lý", "Lê Thị Ẩn", "Phạm Đào", "Vũ An", "Ngô Dũng"):
        make.entitled(session, name)
    office.accepted(session, people=0)
    place = [column.key for column in REPORTS[code].columns].index("full_name")
    found = [row.cells[place] for row in REPORTS[code].rows(session, asked(code, order="name"))]
    assert found == ["Vũ An", "Đinh Ân", "Lê Thị Ẩn", "Ngô Dũng", "Phạm Đào", "Ân Thị Lý", "Trần Văn Út"]


def test_sorting_is_by_amount_and_a_wrong_order_is_the_reports_own(session: Session, settled: PayoutBatch) -> None:
    report = REPORTS["DVCT_02"]
    amounts = [row.cells[4] for row in report.rows(session, asked("DVCT_02", order="amount"))]
    assert amounts[0] == "Đặng Thị Út"
    assert [row.cells[2] for row in report.rows(session, asked("DVCT_02", order="no such"))] == list(range(1, 8))


def test_pages_together_are_the_whole_report(session: Session, settled: PayoutBatch) -> None:
    report, request = REPORTS["DVCT_02"], asked("DVCT_02")
    pages = [row for first in (0, 3, 6) for row in report.page(session, request, first=first, size=3)]
    assert pages == list(report.rows(session, request))


def test_a_report_of_several_months_has_a_row_for_each(session: Session) -> None:
    stages.settled(session, people=2)
    request = asked("DVCT_01", month_from=make.OCTOBER)
    assert REPORTS["DVCT_01"].totals(session, request).rows == 1
    only_october = asked("DVCT_01", month_from=make.OCTOBER, month_to=make.OCTOBER)
    assert REPORTS["DVCT_01"].totals(session, only_october).rows == 0


# --- Scope ---------------------------------------------------------------------------------------------------------


def test_another_commune_sees_nothing_even_when_it_asks_for_this_one(session: Session, settled: PayoutBatch) -> None:
    session.rollback()
    for code, report in REPORTS.items():
        with acting_as(OTHER):
            assert report.totals(session, asked(code)).rows == 0
            assert list(report.rows(session, asked(code))) == []


def test_the_bounds_of_the_request_hold_without_row_level_security(session: Session, settled: PayoutBatch) -> None:
    for code, report in REPORTS.items():
        assert report.totals(session, asked(code, area=OTHER.area_path)).rows == 0
    for code in OF_RESULTS:
        assert REPORTS[code].totals(session, asked(code, area="VN/01/")).rows >= 1


def test_an_agencys_user_sees_its_own_agencys_lines_only(session: Session, settled: PayoutBatch) -> None:
    session.rollback()
    own = session.query(Agency).filter_by(code="vnpost").one().id
    for agency_id, rows in ((own, 1), (own + 1, 0)):
        who = make.actor(Role.AGENCY_USER, "buudien")
        with acting_as(type(who)(who.username, who.roles, who.area_path, agency_id=agency_id)):
            assert REPORTS["DVCT_01"].totals(session, asked("DVCT_01")).rows == rows


# --- What an address may ask -----------------------------------------------------------------------------------------


def test_reports_show_no_diagnosis_and_no_id_number() -> None:
    for report in REPORTS.values():
        assert not {"benefit_type", "id_number"} & {column.key for column in report.columns}
