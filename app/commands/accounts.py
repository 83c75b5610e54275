"""`flask sync-security`, `flask create-user`, `flask reset-password`: accounts where no administrator can sign in yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy import select

from app import security
from app.errors import ChitraError
from app.extensions import acting_as, transaction
from app.models import AppUser, Area
from app.rules.actors import PEOPLE, SYSTEM, Role
from app.services.accounts import issuing

if TYPE_CHECKING:
    from flask import Flask

ROLES = click.Choice(sorted(role.value for role in PEOPLE))


def register(app: Flask) -> None:
    """Register the commands of accounts."""
    for command in (sync_security, create_user, reset_password):
        app.cli.add_command(command)


@click.command("sync-security")
@with_appcontext
def sync_security() -> None:
    """Write roles and the permission table into the database, exactly as in app/security.py."""
    with acting_as(SYSTEM), transaction() as session:
        security.sync(session)
    click.echo("Đã đồng bộ vai trò và quyền.")


@click.command("create-user")
@click.argument("username")
@click.option("--last-name", required=True, prompt="Họ và tên đệm", help="Family and middle names.")
@click.option("--first-name", required=True, prompt="Tên", help="Given name.")
@click.option("--role", "roles", multiple=True, type=ROLES, default=[Role.CENTRAL_ADMIN.value], show_default=True)
@click.option("--area", "area_code", default="VN", show_default=True, help="Official code of the area.")
@click.password_option(prompt="Mật khẩu", confirmation_prompt="Nhập lại mật khẩu")
@with_appcontext
def create_user(
    username: str,
    last_name: str,
    first_name: str,
    roles: tuple[str, ...],
    area_code: str,
    password: str,
) -> None:
    """Issue an account; the first one of a new installation is a central administrator."""
    with acting_as(SYSTEM), transaction() as session:
        area_id = session.scalar(select(Area.id).where(Area.code == area_code))
        if area_id is None:
            raise click.ClickException(
                f"Không có đơn vị hành chính mã {area_code}. Đã chạy `flask load-reference` chưa?"
            )
        account = issuing.Account(
            last_name=last_name,
            first_name=first_name,
            email=None,
            area_id=area_id,
            agency_id=None,
            roles=frozenset(Role(name) for name in roles),
        )
        try:
            issuing.create(session, username, account, password, by=SYSTEM, demo=_demo())
        except ChitraError as error:
            raise click.ClickException(error.message) from error
    click.echo(f"Đã tạo người dùng {username}.")


@click.command("reset-password")
@click.argument("username")
@click.password_option(prompt="Mật khẩu mới", confirmation_prompt="Nhập lại mật khẩu mới")
@with_appcontext
def reset_password(username: str, password: str) -> None:
    """Set a user's password and end their sessions."""
    with acting_as(SYSTEM), transaction() as session:
        user_id = session.scalar(select(AppUser.id).where(AppUser.username == username))
        if user_id is None:
            raise click.ClickException(f"Không có người dùng {username}.")
        try:
            issuing.reset_password(session, user_id, password, by=SYSTEM, demo=_demo())
        except ChitraError as error:
            raise click.ClickException(error.message) from error
    click.echo(f"Đã đặt lại mật khẩu của {username}.")


def _demo() -> bool:
    return bool(current_app.config["CHITRA"].demo)
