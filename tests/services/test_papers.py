"""What stands on an official paper: derived where nobody says anything, inherited where it is said above."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.extensions import acting_as
from app.models import PaperSetting
from app.services import papers
from app.services.papers import Signatory
from tests import factories as make

TODAY = date(2026, 11, 10)
OTHER_PATH = "VN/01/00008/"


def setting(session: Session, of: str, since: date = date(2026, 1, 1), **values: str) -> None:
    session.add(PaperSetting(area=make.area(session, of), valid_from=since, **values))
    session.flush()


def test_a_communes_paper_is_its_committees(session: Session) -> None:
    found, area = papers.of(session, make.COMMUNE_PATH, TODAY), make.area(session)
    assert (found.superior, found.issuer, found.code) == ("ỦY BAN NHÂN DÂN", area.full_name.upper(), "UBND")
    assert found.place == area.name
    assert [who.title for who in found.signatories] == [
        "Người lập biểu",
        "Kế toán",
        "Thủ trưởng đơn vị",
        "Đại diện đơn vị chi trả",
    ]


def test_a_provinces_paper_is_its_managing_bodys(session: Session) -> None:
    found = papers.of(session, "VN/01/", TODAY)
    assert found.superior == f"ỦY BAN NHÂN DÂN {make.area(session, '01').full_name.upper()}"
    assert (found.issuer, found.code) == ("SỞ Y TẾ", "SYT")
    setting(session, "01", managing_body="Sở Nội vụ")
    found = papers.of(session, "VN/01/", TODAY)
    assert (found.issuer, found.code) == ("SỞ NỘI VỤ", "SNV")
    assert papers.of(session, "VN/", TODAY).superior == ""


def test_titles_come_from_above_and_names_do_not(session: Session) -> None:
    setting(session, "01", head_title="Chủ tịch", head_name="Nguyễn Văn Tỉnh", place="Hà Nội", issuer="SỞ")
    assert papers.of(session, "VN/01/", TODAY).signatories[2] == Signatory("Chủ tịch", "Nguyễn Văn Tỉnh")
    commune = papers.of(session, make.COMMUNE_PATH, TODAY)
    assert commune.signatories[2] == Signatory("Chủ tịch")
    assert (commune.place, commune.issuer) == (make.area(session).name, make.area(session).full_name.upper())
    setting(session, make.COMMUNE, maker_name="Lê Thị Lập", accountant_name="Trần Kế Toán", code="VHXH", superior="")
    commune = papers.of(session, make.COMMUNE_PATH, TODAY)
    assert [who.name for who in commune.signatories] == ["Lê Thị Lập", "Trần Kế Toán", "", ""]
    assert (commune.code, commune.superior) == ("VHXH", "")


def test_the_latest_row_in_force_counts(session: Session) -> None:
    setting(session, make.COMMUNE, date(2026, 6, 1), head_name="Mới")
    setting(session, make.COMMUNE, date(2026, 1, 1), head_name="Cũ", place="Ba Đình")
    setting(session, make.COMMUNE, date(2026, 12, 1), head_name="Sau này")
    found = papers.of(session, make.COMMUNE_PATH, TODAY)
    assert (found.signatories[2].name, found.place) == ("Mới", "Ba Đình")


def test_a_commune_sees_what_it_inherits_and_no_other_commune(session: Session) -> None:
    setting(session, "01", head_title="Chủ tịch")
    setting(session, "00008", head_name="Người Khác")
    session.commit()
    with acting_as(make.CLERK):
        assert papers.of(session, make.COMMUNE_PATH, TODAY).signatories[2].title == "Chủ tịch"
        assert session.query(PaperSetting).filter_by(area_path=OTHER_PATH).count() == 0
        with pytest.raises(NotFound):
            papers.of(session, OTHER_PATH, TODAY)
