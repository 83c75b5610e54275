"""The demo's accounts and the commands for when nobody can sign in yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import text

from app.demo import accounts
from app.extensions import acting_as, db
from app.rules.actors import SYSTEM, Role
from config import Settings
from tests.accounts import people


@pytest.fixture
def demo(database: Flask, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """The program in demo mode."""
    monkeypatch.setitem(database.config, "CHITRA", replace(settings, demo=True))
    yield database.config["CHITRA"]


def create(settings: Settings) -> None:
    agency = people.agency_id()
    with people.system() as session:
        accounts.create_demo_accounts(session, people.HANOI, people.BA_DINH, agency_id=agency, settings=settings)


def test_the_demo_has_one_account_for_each_role_and_each_signs_in(database: Flask, demo: Settings) -> None:
    create(demo)
    held = {username: people.actor(username) for username in accounts.DEMO_ACCOUNTS}
    assert sorted(role for actor in held.values() for role in actor.roles) == sorted(
        set(Role) - {Role.SYSTEM, Role.AGENCY}
    )
    assert {username: actor.area_path for username, actor in held.items()} == {
        "xa.canbo": "VN/01/00004/",
        "xa.ketoan": "VN/01/00004/",
        "xa.lanhdao": "VN/01/00004/",
        "tinh.quantri": "VN/01/",
        "tw.quantri": "VN/",
        "thanhtra": "VN/01/",
        "buudien": "VN/01/",
    }
    assert held["buudien"].agency_id == people.agency_id()
    for username in held:
        assert people.sign_in(database, username, "demo").get("/account/").status_code == 200


def test_names_read_family_name_first(database: Flask, demo: Settings) -> None:
    create(demo)
    page = people.sign_in(database, "xa.canbo", "demo").get("/account/").get_data(as_text=True)
    assert "Nguyễn Thị Hoa" in page


def test_making_the_accounts_again_changes_nothing(demo: Settings) -> None:
    create(demo)
    create(demo)
    with acting_as(SYSTEM):
        assert db.session.execute(text("SELECT count(*) FROM ab_user")).scalar() == len(accounts.DEMO_ACCOUNTS)


def test_outside_demo_mode_there_are_no_demo_accounts(database: Flask, settings: Settings) -> None:
    with pytest.raises(accounts.NotInDemoMode):
        create(settings)
    with acting_as(SYSTEM):
        assert db.session.execute(text("SELECT count(*) FROM ab_user")).scalar() == 0


# --- Commands ------------------------------------------------------------------------------------------------------


def run(app: Flask, *arguments: str, typed: str = "") -> tuple[int, str]:
    """(exit code, output) of a command."""
    result = app.test_cli_runner().invoke(args=list(arguments), input=typed)
    return result.exit_code, result.output


NAMES = ("--last-name", "Phạm", "--first-name", "Dũng")


def test_the_first_user_of_an_installation_is_a_central_administrator(database: Flask) -> None:
    code, output = run(database, "create-user", "tw.quantri", *NAMES, typed=f"{people.SECRET}\n{people.SECRET}\n")
    assert code == 0, output
    assert people.SECRET not in output
    assert (people.roles("tw.quantri"), people.user("tw.quantri").area_path) == ({"central_admin"}, "VN/")
    assert people.changes("tw.quantri") == [("created", "system")]
    assert people.sign_in(database, "tw.quantri").get("/users/list/").status_code == 200


@pytest.mark.parametrize(
    ("arguments", "typed", "said"),
    [
        (("create-user", "tw.quantri", *NAMES), "ngắn\nngắn\n", "ít nhất 10 ký tự"),
        (("create-user", "Tw Quantri", *NAMES), f"{people.SECRET}\n" * 2, "chữ thường không dấu"),
        (("create-user", "tw.quantri", *NAMES, "--area", "99999"), f"{people.SECRET}\n" * 2, "99999"),
        (("create-user", "tw.quantri", *NAMES, "--area", "01"), f"{people.SECRET}\n" * 2, "cấp cả nước"),
        (("reset-password", "khong.co"), f"{people.SECRET}\n" * 2, "Không có người dùng"),
    ],
)
def test_a_command_that_cannot_says_why(database: Flask, arguments: tuple[str, ...], typed: str, said: str) -> None:
    code, output = run(database, *arguments, typed=typed)
    assert code == 1
    assert said in output


def test_a_lost_password_is_set_again_from_the_command_line(database: Flask) -> None:
    people.issue("tw.quantri", Role.CENTRAL_ADMIN, area="VN")
    code, output = run(database, "reset-password", "tw.quantri", typed="mật khẩu mới tinh\n" * 2)
    assert code == 0, output
    assert people.sign_in(database, "tw.quantri", "mật khẩu mới tinh").get("/account/").status_code == 200
    assert people.changes("tw.quantri")[-1] == ("password_reset", "system")
    assert run(database, "reset-password", "tw.quantri", typed="ngắn\nngắn\n")[0] == 1


def test_syncing_restores_the_permission_table(database: Flask) -> None:
    with people.system() as session:
        before = session.execute(text("SELECT count(*) FROM ab_permission_view_role")).scalar()
        session.execute(text("DELETE FROM ab_permission_view_role"))
    assert run(database, "sync-security")[0] == 0
    with acting_as(SYSTEM):
        assert db.session.execute(text("SELECT count(*) FROM ab_permission_view_role")).scalar() == before
