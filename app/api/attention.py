"""Việc cần người xem by REST: what needs a person in an area, and where. Found by `services.attention`, changed nowhere."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from flask_appbuilder.api import BaseApi, expose, protect
from flask_appbuilder.security.decorators import permission_name
from flask_babel import gettext
from sqlalchemy.orm import Session

from app import clock
from app.api import asking
from app.api.resource import Answers
from app.errors import NotFound
from app.extensions import current_actor, db
from app.screens.balances import area_asked
from app.screens.workbench import OWN_PAGES
from app.security import PERMISSIONS
from app.services import attention

RESOURCES = {
    "BatchView": "payout_batches", "PacketView": "packets", "InboxView": "messages", "SettlementView": "settlements",
    "ExtensionView": "extensions", "RelocationView": "relocations", "RecoveryView": "recoveries",
    "TransferView": "transfers", "BalanceView": "balances", "ArrearsProposalView": "arrears_proposals",
    "SuspensionView": "suspensions",
}  # fmt: skip
"""Page of a kind of trouble -> resource of the API where it is worked on."""


class AttentionApi(Answers, BaseApi):
    """The list of the workbench: trouble, what is late, what waits for a decision."""

    resource_name = "attention"
    version = "v1"
    allow_browser_login = False

    @expose("/", methods=["GET"])
    @protect()
    @permission_name("get")
    def get_list(self) -> Response:
        """How much needs a person, kind by kind, of any month that is still open
        ---
        get:
          parameters:
          - in: query
            name: area
            description: Official code of an area; one's own when left out
            schema:
              type: string
          responses:
            200:
              description: Kinds of which there is something, the most urgent first
              content:
                application/json:
                  schema:
                    type: object
                    properties:
                      result:
                        type: array
                        items:
                          type: object
                          properties:
                            kind:
                              type: string
                            label:
                              type: string
                            advice:
                              type: string
                            resource:
                              type: string
                              nullable: true
                              description: Where it is worked on
                            count:
                              type: integer
        """
        asking.refuse_arguments(("area",))
        session: Session = db.session()
        area, sees_books = area_asked(session, request.args.get("area", "")), PERMISSIONS["BookView"]["can_list"]
        found = attention.items(session, area.path, clock.today().replace(day=1))
        return self.response(
            200,
            result=[
                _about(item.kind) | {"count": item.count}
                for item in found
                if item.kind.name != "books" or current_actor().has(*sees_books)
            ],
        )

    @expose("/<code>", methods=["GET"])
    @protect()
    @permission_name("get")
    def get(self, code: str) -> Response:
        """Every place with one kind of trouble; people unpaid for months are in a report of their own
        ---
        get:
          parameters:
          - in: query
            name: area
            schema:
              type: string
          responses:
            200:
              description: The places, the oldest month first; `id` is the key in `resource`
              content:
                application/json:
                  schema:
                    type: object
                    properties:
                      kind:
                        type: string
                      resource:
                        type: string
                        nullable: true
                      result:
                        type: array
                        items:
                          type: object
                          properties:
                            id:
                              type: integer
                            code:
                              type: string
                            area_name:
                              type: string
                            month:
                              type: string
                              nullable: true
                            count:
                              type: integer
        """
        asking.refuse_arguments(("area",))
        known = {one.name: one for one in attention.KINDS if one.name not in OWN_PAGES or one.name == "stuck"}
        if code not in known:
            raise NotFound
        session: Session = db.session()
        area = area_asked(session, request.args.get("area", ""))
        places = [
            {
                "id": one.id,
                "code": one.code,
                "area_name": one.area_name,
                "month": one.month and one.month.isoformat(),
                "count": one.count,
            }
            for one in attention.places(session, area.path, code)
        ]
        return self.response(200, **_about(known[code]), result=places)


def _about(kind: attention.Kind) -> dict[str, Any]:
    return {
        "kind": kind.name,
        "label": gettext(kind.label),
        "advice": gettext(kind.advice),
        "resource": RESOURCES.get(kind.page.partition(".")[0]),
    }
