"""Files that machines send: multipart bodies with one file, as long as a file may be. Nothing is stored or looked up here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from app.api import reading
from app.api.reading import Member
from app.errors import BadInput, ChitraError
from app.imports.limits import PACKED_BYTES
from app.imports.staging import Upload

AROUND_BYTES = 64 * 1024
"""What a multipart body adds to its file."""


class NotMultipart(ChitraError):
    """Hãy gửi tệp trong nội dung loại multipart/form-data."""

    status = 415
    code = "content_type"


class FileTooLarge(ChitraError):
    """Tệp lớn hơn %(limit)s MB. Hãy chia nhỏ tệp."""

    status = 413
    code = "too_large"


class NotANumber(BadInput):
    """Phải là số nguyên dương."""


def received(wanted: Mapping[str, Member]) -> tuple[dict[str, Any], Upload]:
    """The members and the one file of a multipart body. Raises NotMultipart, FileTooLarge, BadMembers."""
    request.max_content_length = PACKED_BYTES + AROUND_BYTES
    if request.mimetype != "multipart/form-data":
        raise NotMultipart
    try:
        form, files = request.form, request.files
    except RequestEntityTooLarge as error:
        raise FileTooLarge(limit=PACKED_BYTES // 2**20) from error
    named: dict[str, Any] = {name: many[0] if len(many) == 1 else many for name, many in form.lists()}
    named |= {name: many[0] if len(many) == 1 else many for name, many in files.lists()}
    found = reading.members(named, {**wanted, "file": Member(_file, required=True)})
    return {name: value for name, value in found.items() if name != "file"}, found["file"]


def key(value: Any) -> int:
    """Reads a key written in digits, as forms send it."""
    if not isinstance(value, str) or not (value.isascii() and value.isdigit() and len(value) <= 18):
        raise NotANumber
    return int(value)


def _file(value: Any) -> Upload:
    name = getattr(value, "filename", None)
    if not name:
        raise BadInput("Phải là một tệp có tên.")
    content: bytes = value.read()
    if len(content) > PACKED_BYTES:
        raise FileTooLarge(limit=PACKED_BYTES // 2**20)
    return Upload(name, content)
