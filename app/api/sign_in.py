"""Signing in by REST: bearer tokens for programs, counted and bound to the password like a browser's session."""

from __future__ import annotations

from typing import Any

from flask import request
from flask.typing import ResponseReturnValue
from flask_appbuilder.api import BaseApi, expose
from flask_jwt_extended import create_access_token, create_refresh_token, get_jwt_identity, verify_jwt_in_request

from app.accounts import address_key_of
from app.errors import BadInput
from app.extensions import acting_as, transaction
from app.rules.actors import SYSTEM
from app.rules.passwords import FOR_AN_ADDRESS, MOST_LENGTH
from app.services.accounts import attempts

LONGEST = {"username": 128, "password": MOST_LENGTH}


class SignInApi(BaseApi):
    """`/api/v1/security/login` and `/api/v1/security/refresh`, with Flask-AppBuilder's addresses and bodies."""

    resource_name = "security"
    version = "v1"
    openapi_spec_tag = "Security"

    def add_apispec_components(self, api_spec: Any) -> None:
        """The bearer scheme that every other resource refers to."""
        super().add_apispec_components(api_spec)
        bearer = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
        for name in ("jwt", "jwt_refresh"):
            api_spec.components.security_scheme(name, bearer)

    @expose("/login", methods=["POST"])
    def login(self) -> ResponseReturnValue:
        """Sign in with a user name and a password
        ---
        post:
          description: >-
            Credentials for an access token, and a refresh token when asked for. Wrong ones are counted per name and
            per address; after five the next attempt waits a minute, doubling up to fifteen.
          requestBody:
            required: true
            content:
              application/json:
                schema:
                  type: object
                  required: [username, password]
                  properties:
                    username:
                      type: string
                    password:
                      type: string
                      format: password
                    refresh:
                      type: boolean
          responses:
            200:
              description: The tokens
              content:
                application/json:
                  schema:
                    type: object
                    properties:
                      access_token:
                        type: string
                      refresh_token:
                        type: string
            401:
              description: Wrong credentials
            422:
              description: A field is missing or of the wrong type
            429:
              description: Too many attempts; see Retry-After
        """
        body = request.get_json(silent=True)
        if not isinstance(body, dict):
            raise BadInput("Hãy gửi một đối tượng JSON có username và password.")
        user = self.appbuilder.sm.sign_in(_text(body, "username"), _text(body, "password"))
        tokens = {"access_token": create_access_token(identity=str(user.id), fresh=True)}
        if body.get("refresh") is True:
            tokens["refresh_token"] = create_refresh_token(identity=str(user.id))
        return tokens

    @expose("/refresh", methods=["POST"])
    def refresh(self) -> ResponseReturnValue:
        """A new access token for a refresh token
        ---
        post:
          description: >-
            Refused once the user is disabled or their password was changed after the refresh token was issued.
          responses:
            200:
              description: The token
              content:
                application/json:
                  schema:
                    type: object
                    properties:
                      access_token:
                        type: string
            401:
              description: The refresh token is missing, expired, or older than the password
            429:
              description: Too many attempts; see Retry-After
          security:
            - jwt_refresh: []
        """
        key = address_key_of(request.remote_addr)
        with acting_as(SYSTEM), transaction() as opened:
            attempts.claim(opened, key, FOR_AN_ADDRESS)
        verify_jwt_in_request(refresh=True)
        with acting_as(SYSTEM), transaction() as opened:
            attempts.take_back(opened, key)
        return {"access_token": create_access_token(identity=get_jwt_identity(), fresh=False)}


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST[name]:
        raise BadInput("Thiếu hoặc sai %(name)s.", field=name, name=name)
    return value
