"""How each sweep stands: its last start, success and error, how long it took, whether it is late. For page and health."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.jobs.table import Job, jobs
from app.models import JobRun
from app.rules.states import N_
from config import Settings

LABELS: dict[str, str] = {
    "send_packets": N_("Gửi gói tin"),
    "ask_in_doubt": N_("Hỏi lại gói tin chưa rõ"),
    "deliver_recalls": N_("Gửi đề nghị từ chối"),
    "deliver_notices": N_("Báo quyết định gia hạn cho bưu điện"),
    "lapse_extensions": N_("Cho đề nghị gia hạn quá hạn hết hiệu lực"),
    "poll_quiet": N_("Hỏi bưu điện khi lâu không có tin"),
    "send_at_cutoff": N_("Tự gửi danh sách khi đến hạn"),
    "apply_inbox": N_("Xử lý tin nhận được"),
    "long_work": N_("Công việc dài"),
    "find_recoveries": N_("Tìm khoản phải truy thu"),
    "forget_attempts": N_("Xóa lần đăng nhập sai đã cũ"),
    "check_books": N_("Kiểm tra sổ"),
    "expire_exports": N_("Xóa tệp đã cũ"),
    "expire_imports": N_("Xóa tệp nhập đã cũ"),
    "make_digests": N_("Soạn thư tóm tắt hằng ngày"),
    "send_mail": N_("Gửi thư"),
    "heartbeat": N_("Báo còn sống"),
}
"""What each sweep does, for people."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A sweep of the table with its last run, None for one that never ran."""

    job: Job
    run: JobRun | None
    now: datetime

    @property
    def label(self) -> str:
        """What it does, as a msgid."""
        return LABELS.get(self.job.name, self.job.name)

    @property
    def late(self) -> bool:
        """No success for longer than its alarm allows."""
        ago = self.ago(self.run and self.run.succeeded_at)
        return ago is None or ago > self.job.late_after_s

    @property
    def failing(self) -> bool:
        """The last run that ended, ended badly."""
        return self.run is not None and self.run.error is not None

    @property
    def error_kind(self) -> str:
        """What kind of error it was, without its text, which may speak of people anywhere."""
        return (self.run.error or "").split(":", 1)[0] if self.run is not None else ""

    def ago(self, moment: datetime | None) -> int | None:
        """Whole seconds since then."""
        return None if moment is None else int((self.now - moment).total_seconds())


def standing(session: Session, settings: Settings) -> list[Standing]:
    """Every sweep of the table, in its order."""
    now = clock.now()
    runs = {run.name: run for run in session.scalars(select(JobRun))}
    return [Standing(job, runs.get(job.name), now) for job in jobs(settings)]
