"""The search box of the header: reports by code or words, people by code, identity number or name."""

from __future__ import annotations

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import BaseView, expose, has_access
from flask_babel import gettext as _

from app.extensions import current_actor, db, transaction
from app.reports import catalogue
from app.services import access, finding

LONGEST = 100


class SearchView(BaseView):
    """What was found, people first; a person's code leads straight to the person."""

    route_base = "/search"
    default_view = "find"

    @expose("/")
    @has_access
    def find(self) -> ResponseReturnValue:
        """People and reports by what was typed; who saw names is recorded (Luật 91/2025)."""
        typed = request.args.get("q", "")[:LONGEST]
        people = finding.people(db.session(), typed)
        if len(people) == 1 and people[0].code == typed.strip().upper():
            return redirect(url_for("BeneficiaryView.show", pk=people[0].id), 303)
        answer: str = self.render_template(
            "chitra/search.html",
            title=_("Tìm kiếm"),
            typed=typed.strip(),
            people=people,
            reports=catalogue.search(typed) if typed.strip() else [],
            is_capped=len(people) == finding.MOST,
        )
        if people:
            by = current_actor()
            with transaction() as session:
                access.seen(session, "search", by=by, area_path=by.area_path or "", people=len(people))
        return answer
