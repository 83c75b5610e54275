"""A test client whose every request stands alone, as in production, though the test holds an application context.

Flask would share the test's context with each request: `g`, the signed-in user and the database session of one request
would be those of the next.
"""

from __future__ import annotations

import contextvars
from typing import Any

from flask.globals import _cv_app, _cv_request
from flask.testing import FlaskClient


class Browser(FlaskClient):
    """Keeps cookies and nothing else between requests; the clock of the test is the clock of the request."""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        return contextvars.copy_context().run(self._alone, *args, **kwargs)

    def _alone(self, *args: Any, **kwargs: Any) -> Any:
        _cv_app.set(None)  # type: ignore[arg-type]
        _cv_request.set(None)  # type: ignore[arg-type]
        return super().open(*args, **kwargs)
