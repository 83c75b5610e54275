"""What the reports say: every line sent stands in exactly one column, and nobody sees another area's."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.errors import BadInput, NotFound
from app.extensions import acting_as
from app.models import Agency, Packet, PayoutBatch
from app.reports import asking, catalogue
from app.reports.catalogue import REPORTS
from app.rules.actors import Role
from app.services import balances, packets, sending
from app.services.batches import approval, lines, making, versions
from app.services.recoveries import returning
from app.services.settlements import arithmetic, locking
from tests import factories as make
from tests import hand, office, stages
from tests.reports.conftest import asked

OTHER = make.actor(Role.CLERK, "khac.canbo", "VN/01/00008/")


OF_RESULTS = ("DVCT_01", "DVCT_02", "DVCT_03", "DVCT_06", "C74B_HD")
"""Reports on what was sent and what became of it."""


def table(session: Session, code: str, **more: object) -> list[dict[str, object]]:
    """The rows of a report without subtotals, by column."""
    report = REPORTS[code]
    keys = [column.key for column in report.columns]
    rows = report.rows(session, asked(code, **more))
    return [dict(zip(keys, row.cells, strict=True)) for row in rows if not row.subtotal]


def row_of(session: Session, code: str, **more: object) -> dict[str, object]:
    """The only row of a report, by column."""
    report = REPORTS[code]
    rows = [row for row in report.rows(session, asked(code, **more)) if not row.subtotal]
    assert len(rows) == 1
    return dict(zip([column.key for column in report.columns], rows[0].cells, strict=True))


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


# --- Each report ---------------------------------------------------------------------------------------------------


def test_unpaid_people_come_with_their_periods_in_a_row(session: Session, everything: PayoutBatch) -> None:
    rows = table(session, "DVCT_03")
    assert [(row["streak"], row["since"], row["reason"]) for row in rows] == [(1, make.NOVEMBER, "ABSENT")]
    assert REPORTS["DVCT_03"].totals(session, asked("DVCT_03")).sums["total_vnd"] == rows[0]["total_vnd"]


def test_months_unpaid_are_counted_back_until_one_is_missing(session: Session) -> None:
    person = make.entitled(session, "Hồ Thị Sáu")
    for month in (date(2026, 7, 1), date(2026, 9, 1), make.OCTOBER):
        make.settled_month(session, month, unpaid=[person.id])
    packet = office.accepted(session, people=1)
    office.settle(
        session,
        packet,
        *["unpaid" if line.full_name == "Hồ Thị Sáu" else "paid" for line in office.lines_of(session, packet)],
    )
    (row,) = table(session, "DVCT_03")
    assert (row["full_name"], row["streak"], row["since"]) == ("Hồ Thị Sáu", 3, date(2026, 9, 1))
    assert REPORTS["DVCT_03"].totals(session, asked("DVCT_03")).provisional == 1


def test_recoveries_say_what_came_back_before_and_in_the_period_and_what_is_left(
    session: Session, everything: PayoutBatch
) -> None:
    (row,) = table(session, "DVCT_04")
    owed = row["amount_vnd"]
    assert (row["reason"], row["state"], row["left_vnd"], row["now_vnd"]) == ("DEAD", "open", owed, 0)
    key = session.execute(text("SELECT id FROM recoveries")).scalar_one()
    returning.pay_cash(session, key, 40_000, reference="PT-1", by=make.ACCOUNTANT)
    with clock.at(date(2026, 12, 5)):
        returning.pay_cash(session, key, 60_000, reference="PT-2", by=make.ACCOUNTANT)
        returning.write_off(session, key, because="Hộ nghèo", by=make.SUPERVISOR)
    session.commit()
    december = date(2026, 12, 1)
    moneys = ("before_vnd", "now_vnd", "written_vnd", "left_vnd")
    (row,) = table(session, "DVCT_04")
    assert [row[name] for name in moneys] == [0, 40_000, 0, owed - 40_000]
    (row,) = table(session, "DVCT_04", month_from=december, month_to=december)
    assert [row[name] for name in moneys] == [40_000, 60_000, owed - 100_000, 0]
    january = date(2027, 1, 1)
    assert table(session, "DVCT_04", month_from=january, month_to=january) == []
    balance = balances.of_account(session, make.COMMUNE_PATH, make.agency(session).id, december)
    assert balance is not None and balance.recovered_vnd == 60_000


def test_arrears_say_in_which_list_they_are_and_which_wait(session: Session, everything: PayoutBatch) -> None:
    make.arrears(session, make.entitled(session, "Chờ Thị Sau"), 70_000)
    session.commit()
    found = {
        row["full_name"]: (row["amount_vnd"], row["paid_month"], row["outcome"]) for row in table(session, "DVCT_05")
    }
    assert found == {
        "Đặng Thị Út": (120_000, make.NOVEMBER, "paid"),
        "Chờ Thị Sau": (70_000, None, "waiting"),
    }
    listed = sum(amount for amount, month, _outcome in found.values() if month)
    assert listed == everything.arrears_vnd


def test_payment_methods_add_up_to_what_was_sent(session: Session) -> None:
    someone = make.entitled(session, "Bùi Thị Bank")
    make.payee(session, someone.beneficiary, method=make.BANK)
    batch = stages.settled(session, "paid", people=2)
    rows = {row["method"]: row for row in table(session, "DVCT_06")}
    assert {method: row["paid_people"] for method, row in rows.items()} == {"bank": 1, "cash": 2}
    assert REPORTS["DVCT_06"].totals(session, asked("DVCT_06")).sums["sent_vnd"] == batch.total_vnd
    for method, row in rows.items():
        totals = REPORTS["DVCT_02"].totals(session, asked("DVCT_02", method=method))
        assert totals.sums["total_vnd"] == row["sent_vnd"]


def test_carried_money_says_where_it_comes_from_and_whether_it_is_paid_now(
    session: Session, everything: PayoutBatch
) -> None:
    (row,) = table(session, "DVCT_07")
    assert (row["full_name"], row["from_month"], row["carried_vnd"]) == ("Đặng Thị Út", make.OCTOBER, 1_080_000)
    assert row["outcome"] == "paid"
    assert REPORTS["DVCT_07"].totals(session, asked("DVCT_07")).sums["carried_vnd"] == everything.carried_vnd


def test_the_list_to_sign_is_the_approved_list_to_the_dong(session: Session) -> None:
    batch_id = make.locked_list(session, people=3)
    session.commit()
    batch = session.get_one(PayoutBatch, batch_id)
    totals = REPORTS["DVCT_08"].totals(session, asked("DVCT_08", batch_id=batch_id))
    assert (totals.rows, totals.sums["total_vnd"]) == (batch.line_count, batch.total_vnd)
    assert totals.sums["benefit_vnd"] == batch.benefit_vnd
    assert REPORTS["DVCT_08"].totals(session, asked("DVCT_08", batch_id=batch_id + 1)).rows == 0


def test_two_versions_differ_by_the_line_that_was_held_out(session: Session, everything: PayoutBatch) -> None:
    (row,) = table(session, "DVCT_09")
    assert (row["section"], row["before_version"], row["now_version"]) == ("left", 1, 2)
    assert (row["before_vnd"], row["now_vnd"], row["difference_vnd"]) == (540_000, 0, -540_000)
    sent = session.execute(text("SELECT total_vnd FROM packets ORDER BY version")).scalars().all()
    assert row["difference_vnd"] == sent[1] - sent[0]


@pytest.mark.parametrize("adapter", ["g2p", "iso20022", "workbook", "office"])
def test_versions_are_compared_however_they_travelled(session: Session, adapter: str) -> None:
    """Twice sent, twice come back: each version against the one before, the last one also before it is opened."""
    stays, raised = make.entitled(session, "Đỗ Thị Ở"), make.entitled(session, "Đỗ Thị Tăng")
    batch_id = _sent_and_returned(session, adapter)
    assert table(session, "DVCT_09") == [], "one version differs from nothing"
    _opened(session, batch_id)
    key = session.execute(
        text("SELECT id FROM payout_lines WHERE entitlement_id = :id AND live"), {"id": stays.id}
    ).scalar_one()
    lines.exclude(session, key, by=make.CLERK, because="Chờ xác minh")
    _again(session, batch_id, adapter)
    first = [("left", 1, 2, -540_000, "Đỗ Thị Ở")]
    assert _differences(session) == first, "on its way"
    _opened(session, batch_id)
    raised.coefficient = 2
    session.flush()
    making.remake(session, batch_id, by=make.CLERK)
    assert _differences(session) == first, "came back and opened"
    _again(session, batch_id, adapter)
    assert _differences(session) == [*first, ("changed", 2, 3, 540_000, "Đỗ Thị Tăng")]
    shown = versions.between(session, batch_id)
    assert [(one.older[-2:], one.newer[-2:], one.count) for one in shown] == [("V1", "V2", 1), ("V2", "V3", 1)]


def _differences(session: Session) -> list[tuple[str, int, int, int, str]]:
    return [
        (
            row["section"],
            row["before_version"],
            row["now_version"],
            row["difference_vnd"],
            row["before_payee"] or row["now_payee"],
        )
        for row in table(session, "DVCT_09")
    ]


def _sent_and_returned(session: Session, adapter: str) -> int:
    if adapter == "office":
        hand.pays_itself(session)
    else:
        make.agency(session)
        session.execute(text("UPDATE agency_contracts SET adapter = :adapter"), {"adapter": adapter})
    batch_id = make.locked_list(session, people=1)
    _send(session, batch_id, adapter)
    return batch_id


def _send(session: Session, batch_id: int, adapter: str) -> None:
    packet = packets.queue(session, batch_id, by=make.CLERK)
    session.commit()
    if adapter != "office":
        assert sending.send_next(office.ScriptedAgency().connect)
    office.refresh(session)
    assert session.get_one(PayoutBatch, batch_id).version == packet.version


def _opened(session: Session, batch_id: int) -> None:
    """Comes back, and a supervisor opens it."""
    packet = session.query(Packet).filter_by(batch_id=batch_id).order_by(Packet.version.desc()).first()
    assert packet is not None
    if packet.agency.kind == "office":
        packets.ask_recall(session, packet.id, by=make.CLERK, because="Sai")
        session.commit()
    else:
        office.tell(session, packet, status="rjct", reason_message="Sai")
    approval.unlock(session, batch_id, by=make.SUPERVISOR, because="Sửa")


def _again(session: Session, batch_id: int, adapter: str) -> None:
    approval.lock(session, batch_id, by=make.SUPERVISOR)
    _send(session, batch_id, adapter)


def test_the_months_differ_by_who_came_who_left_and_whose_money_changed(
    session: Session, everything: PayoutBatch
) -> None:
    found = {(row["section"], row["full_name"]): row["difference_vnd"] for row in table(session, "DVCT_10")}
    assert found[("left", "Lò Văn Đi")] == -540_000
    came = [name for section, name in found if section == "came"]
    assert len(came) == 2
    totals = REPORTS["DVCT_10"].totals(session, asked("DVCT_10"))
    months = session.execute(
        text("SELECT benefit_vnd FROM payout_batches b JOIN periods p ON p.id = b.period_id ORDER BY p.month")
    ).scalars()
    october, november = months
    assert totals.sums["difference_vnd"] == november - october


def test_the_balance_is_the_one_of_its_service(session: Session, everything: PayoutBatch) -> None:
    row = row_of(session, "DVCT_11")
    found = balances.of_account(session, make.COMMUNE_PATH, make.agency(session).id, make.NOVEMBER)
    assert found is not None
    assert {name: row[name] for name in ("closing_vnd", "fee_vnd", "due_vnd")} == {
        "closing_vnd": found.closing_vnd,
        "fee_vnd": found.fee_vnd,
        "due_vnd": found.due_vnd,
    }
    assert row["closing_vnd"] == everything.total_vnd - found.paid_vnd - found.wrong_vnd


def test_the_settlement_sheet_holds_its_pairs(session: Session) -> None:
    packet = office.accepted(session, people=5)
    lines = office.lines_of(session, packet)
    said = office.results(lines, "paid", "unpaid", "unpaid", "recover", "paid")
    said[2] = office.result(lines[2], "unpaid", reason="MOVED")
    office.hear(session, *office.parts(packet.code, said))
    before = row_of(session, "C74B_HD")
    locking.lock(session, office.settlement_of(session, packet).id, by=make.ACCOUNTANT)
    session.commit()
    after = row_of(session, "C74B_HD")
    one = 540_000
    pairs = {
        name: (after[f"{name}_people"], after[f"{name}_vnd"])
        for name in ("payable", "paid", "moved", "unpaid", "approved")
    }
    assert pairs == {
        "payable": (5, 5 * one), "paid": (3, 3 * one), "moved": (1, one), "unpaid": (1, one), "approved": (2, 2 * one),
    }  # fmt: skip
    assert (before["paid_people"], before["approved_people"]) == (3, 0), "nothing is approved before the lock"


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


def test_an_empty_address_asks_for_ones_own_area_and_the_month_of_the_header(session: Session) -> None:
    request = asking.read(session, "DVCT_01", {}, by=make.CLERK, month=make.NOVEMBER)
    assert request == asked("DVCT_01")


def test_an_address_is_read_with_all_its_filters(session: Session) -> None:
    agency = make.agency(session)
    batch_id = make.made_list(session, people=1)
    written = {
        "area": "00004",
        "batch": "ct-202611-00004-m",
        "method": "cash",
        "from": "10/2026",
        "to": "2026-11",
        "agency": str(agency.id),
        "kind": "monthly",
    }
    request = asking.read(
        session,
        "DVCT_02",
        written | {"outcome": "unpaid", "order": "name"},
        by=make.PROVINCE_CLERK,
        month=make.NOVEMBER,
    )
    wanted = {"agency_id": agency.id, "kind": "monthly", "outcome": "unpaid", "order": "name", "method": "cash"}
    wanted["batch_id"] = batch_id
    assert request == asked("DVCT_02", month_from=make.OCTOBER, **wanted)
    assert type(request).read(request.written()) == request


def test_a_filter_the_report_does_not_have_is_left_out(session: Session) -> None:
    assert asking.read(session, "DVCT_01", {"outcome": "unpaid"}, by=make.CLERK, month=make.NOVEMBER).outcome == ""


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("from", "tháng mười"),
        ("from", "13/2026"),
        ("to", "10/2026"),
        ("to", "11/2027"),
        ("kind", "pension"),
        ("outcome", "lost"),
        ("order", "total_vnd; DROP TABLE"),
        ("agency", "x"),
        ("agency", "99999999999999999999"),
        ("agency", "²"),
        ("batch", "CT-209901-00004-M"),
        ("batch", "x\x00"),
        ("method", "gold"),
    ],
)
def test_what_cannot_be_read_names_its_field(session: Session, field: str, value: str) -> None:
    with pytest.raises(BadInput) as caught:
        asking.read(session, "DVCT_02", {field: value}, by=make.CLERK, month=make.NOVEMBER)
    assert caught.value.field == field


@pytest.mark.parametrize("code", ["00008", "01", "VN", "99999", "x\x00y"])
def test_an_area_out_of_scope_is_not_found(session: Session, code: str) -> None:
    with pytest.raises(NotFound):
        asking.read(session, "DVCT_01", {"area": code}, by=make.CLERK, month=make.NOVEMBER)


def test_a_request_is_refused_once_its_area_is_out_of_scope(session: Session) -> None:
    asking.check_scope(asked("DVCT_01"), by=make.PROVINCE_CLERK)
    with pytest.raises(NotFound):
        asking.check_scope(asked("DVCT_01", area="VN/01/"), by=make.CLERK)


def test_reports_show_no_diagnosis_and_no_id_number() -> None:
    for report in REPORTS.values():
        assert not {"benefit_type", "id_number"} & {column.key for column in report.columns}
