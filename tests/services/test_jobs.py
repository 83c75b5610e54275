"""The table of jobs on its page and in health, the heartbeat, and the mail server of the configuration."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from flask import Flask

import config
from app import clock
from app.demo import mailbox
from app.demo.up import free_port
from app.jobs import heartbeat, mail, running
from app.jobs.__main__ import _scheduler
from app.jobs.standing import LABELS, standing
from app.jobs.table import Job, jobs
from app.rules.actors import Role
from tests.screens.desk import Desk, text_of


@pytest.fixture
def everything(settings: config.Settings) -> config.Settings:
    """A configuration with every job of the table."""
    return replace(settings, heartbeat_url="http://127.0.0.1:9/beat", smtp_host="127.0.0.1")


def test_every_job_has_a_name_for_people_a_trigger_and_an_alarm_behind_it(everything: config.Settings) -> None:
    table = jobs(everything)
    assert {job.name for job in table} >= set(LABELS)
    assert all(job.every_s < job.late_after_s for job in table)
    assert {job.name for job in table if job.lease_s} >= {
        "send_packets", "ask_in_doubt", "deliver_recalls", "poll_quiet", "apply_inbox", "long_work", "send_mail",
    }  # fmt: skip


def test_without_a_mail_server_or_a_watcher_there_is_no_job_for_them(settings: config.Settings) -> None:
    assert not {"make_digests", "send_mail", "heartbeat"} & {job.name for job in jobs(settings)}


def test_the_page_shows_how_each_job_goes_to_administrators_and_auditors(database: Flask) -> None:
    desk = Desk(database)

    def fail() -> bool:
        raise ValueError("Nguyễn Thị Bình")

    running.run(database, Job("apply_inbox", 1, lambda: False), owner="host:1")
    running.run(database, Job("apply_inbox", 1, fail), owner="host:2")
    running.run(database, Job("send_packets", 1, lambda: False), owner="host:3")
    page = text_of(desk.signed_in(Role.PROVINCE_ADMIN, area="01").get("/jobs/"))
    assert "Có việc chạy muộn." in page and "Chạy muộn" in page and "chưa chạy" in page
    assert "Đang lỗi" in page and "ValueError" in page and "Bình" not in page
    assert "host:2 · 2 lần" in page and "host:3 · 1 lần" in page and "Tốt" in page
    assert "Nguyễn Thị Bình" in text_of(desk.signed_in(Role.CENTRAL_ADMIN, area="VN").get("/jobs/"))
    assert desk.signed_in(Role.AUDITOR).get("/jobs/").status_code == 200
    clerk = desk.signed_in(Role.CLERK)
    assert clerk.get("/jobs/").status_code == 403
    assert clerk.post("/jobs/").status_code == 405
    with desk.books() as session:
        found = {one.job.name: one for one in standing(session, database.config["CHITRA"])}
    assert (found["apply_inbox"].failing, found["apply_inbox"].late) == (True, False)
    assert (found["long_work"].late, found["long_work"].error_kind, found["long_work"].label) == (
        True,
        "",
        "Công việc dài",
    )


def test_every_job_is_due_when_the_scheduler_starts(database: Flask) -> None:
    scheduler = _scheduler(database, threading.Event())
    waiting = scheduler.get_jobs()
    assert {job.id for job in waiting} == {job.name for job in jobs(database.config["CHITRA"])}
    assert all(job.next_run_time <= clock.wall() for job in waiting)


# --- Heartbeat -----------------------------------------------------------------------------------------------------


@pytest.fixture
def watcher() -> Iterator[tuple[str, list[str]]]:
    """Somebody who listens for the heartbeat: its address, and what was asked."""
    heard: list[str] = []

    class Listening(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.path)
            self.send_response(500 if "bad" in self.path else 200)
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Listening) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", heard
        server.shutdown()
        thread.join()


def test_the_scheduler_tells_a_watcher_that_it_lives_and_a_deaf_one_is_only_logged(
    watcher: tuple[str, list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    address, heard = watcher
    assert heartbeat.beat(f"{address}/ping") is False
    assert caplog.records == []
    with caplog.at_level(logging.WARNING):
        heartbeat.beat(f"{address}/bad")
        heartbeat.beat("http://127.0.0.1:1/")
    assert heard == ["/ping", "/bad"]
    assert [record.message for record in caplog.records] == ["heartbeat_failed"] * 2


# --- Mail ----------------------------------------------------------------------------------------------------------


def letter() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "c@so.example", "canbo@xa.example", "Việc cần xử lý"
    message.set_content("Quyết toán quá hạn: 1")
    return message


def test_the_demos_mailbox_keeps_each_letter_in_a_file_to_be_read(
    tmp_path: Path, settings: config.Settings, database: Flask
) -> None:
    port = free_port()
    box = Controller(mailbox.Mailbox(tmp_path / mailbox.FOLDER), hostname="127.0.0.1", port=port, ready_timeout=10)
    box.start()
    try:
        post = mail.server(replace(settings, smtp_host="127.0.0.1", smtp_port=port, smtp_security="none"))
        post(letter())
        post(letter())
        with pytest.raises(Exception, match="STARTTLS"):
            mail.server(replace(settings, smtp_host="127.0.0.1", smtp_port=port))(letter())
        with pytest.raises(OSError):
            mail.server(replace(settings, smtp_host="127.0.0.1", smtp_port=port, smtp_security="tls"))(letter())
        with pytest.raises(Exception, match="AUTH"):
            mail.server(replace(settings, smtp_host="127.0.0.1", smtp_port=port, smtp_security="none", smtp_user="u"))(
                letter()
            )
    finally:
        box.stop()
    found = mailbox.letters(tmp_path)
    assert [(to, subject) for to, subject, _body in found] == [("canbo@xa.example", "Việc cần xử lý")] * 2
    assert "Quyết toán quá hạn: 1" in found[0][2]


def test_addresses_in_letters_are_those_of_the_public_site(database: Flask) -> None:
    link = mail.links("https://chitra.example:8443")
    assert link("SettlementView.show", {"pk": 7}) == "https://chitra.example:8443/settlements/show/7"
    assert link("Home.index", {"area": "00004"}) == "https://chitra.example:8443/?area=00004"


@pytest.mark.parametrize(
    ("name", "value"),
    [("CHITRA_SMTP_SECURITY", "ssl"), ("CHITRA_POLL_AFTER_S", "5"), ("CHITRA_SMTP_PORT", "0")],
)
def test_a_configuration_that_makes_no_sense_is_refused(name: str, value: str) -> None:
    with pytest.raises(config.UnsafeConfiguration, match=name):
        config.load({name: value})


def test_a_password_is_never_shown_with_the_configuration() -> None:
    loaded = config.load({"CHITRA_SMTP_HOST": "mail", "CHITRA_SMTP_PASSWORD": "geheim", "CHITRA_SMTP_SECURITY": "TLS"})
    assert (loaded.smtp_host, loaded.smtp_security, loaded.smtp_port) == ("mail", "tls", 25)
    assert "geheim" not in repr(loaded)
