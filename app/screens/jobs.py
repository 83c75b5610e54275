"""Việc nền: every sweep of the scheduler, when it last ran, how it went, whether it is late. Nothing is started here."""

from __future__ import annotations

from flask import current_app
from flask.typing import ResponseReturnValue
from flask_appbuilder import BaseView, expose, has_access
from flask_babel import gettext as _

from app.extensions import current_actor, db
from app.jobs.standing import standing
from app.scope import unlimited


class JobsView(BaseView):
    """The table of jobs."""

    route_base = "/jobs"
    default_view = "list"

    @expose("/")
    @has_access
    def list(self) -> ResponseReturnValue:
        """Each sweep; what an error said is for those who see the whole country, because it may speak of anybody."""
        answer: str = self.render_template(
            "chitra/jobs/list.html",
            title=_("Việc nền"),
            jobs=standing(db.session(), current_app.config["CHITRA"]),
            whole=unlimited(current_actor()),
        )
        return answer
