"""Công việc: how far long work is that a program started. What the work does is in app/jobs/work.py."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_appbuilder.api import BaseApi, expose, protect
from flask_appbuilder.security.decorators import permission_name

from app.api import asking
from app.api.resource import Answers
from app.errors import NotFound
from app.extensions import current_actor, db
from app.models import WorkItem
from app.screens.lookups import read_key
from app.screens.work import file_of
from app.services.work import mine


class WorkApi(Answers, BaseApi):
    """One's own long work."""

    resource_name = "work"
    version = "v1"
    allow_browser_login = False

    @expose("/<pk>", methods=["GET"])
    @protect()
    @permission_name("get")
    def get(self, pk: str) -> Response:
        """How far one's own work is, and what it left
        ---
        get:
          responses:
            200:
              description: The work
              content:
                application/json:
                  schema:
                    $ref: '#/components/schemas/Work'
        """
        asking.refuse_arguments()
        key = read_key(WorkItem.__table__.c.id, pk)
        if key is None:
            raise NotFound
        return self.response(200, **work_members(mine(db.session(), key, by=current_actor())))

    @expose("/<pk>/file", methods=["GET"])
    @protect()
    @permission_name("file")
    def file(self, pk: str) -> Response:
        """The file that one's own finished work left; kept for a week
        ---
        get:
          responses:
            200:
              description: The file
              content:
                application/octet-stream:
                  schema:
                    type: string
                    format: binary
        """
        asking.refuse_arguments()
        key = read_key(WorkItem.__table__.c.id, pk)
        if key is None:
            raise NotFound
        by = current_actor()
        answer = file_of(mine(db.session(), key, by=by), by=by)
        answer.headers["Cache-Control"] = "no-store"
        return answer


def work_members(item: WorkItem) -> dict[str, Any]:
    """Work as programs read it; `result` holds the keys of what was made."""
    return {
        "work": item.id,
        "title": item.title,
        "phase": item.phase,
        "done": item.done_count,
        "total": item.total_count,
        "message": item.message,
        "file_name": item.file_name,
        "result": item.result,
    }
