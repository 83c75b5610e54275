"""Thiết lập văn bản: what stands on official papers, by area; and a paper of ours sent as a file."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from flask import send_file
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l

from app.models import PaperSetting
from app.reports import minutes
from app.reports.minutes import Minutes
from app.screens.base import SafeInterface, SafeModelView
from app.services.papers import Paper


class PaperSettingView(SafeModelView):
    """Letterhead and signatories, inherited from the area above where it says so."""

    datamodel = SafeInterface(PaperSetting)
    route_base = "/paper-settings"
    list_title = _l("Thiết lập văn bản")
    show_title = _l("Thiết lập văn bản")
    add_title = _l("Thêm thiết lập văn bản")
    edit_title = _l("Sửa thiết lập văn bản")
    list_lead = _l(
        "Cơ quan quản lý và chức danh ký được dùng cho cả cấp dưới; tên cơ quan, địa danh, họ tên người ký chỉ dùng cho"
        " đơn vị ghi ở đây. Ô để trống lấy theo cấp trên hoặc theo tên địa bàn."
    )
    empty_text = _l("Chưa có thiết lập nào: văn bản in theo mẫu chung, cơ quan quản lý là Sở Y tế.")
    inherited_word = _l("Theo cấp trên")
    label_columns = {
        "managing_body": _l("Cơ quan quản lý"),
        "superior": _l("Cơ quan chủ quản (dòng trên)"),
        "issuer": _l("Cơ quan ban hành (dòng dưới)"),
        "place": _l("Địa danh"),
        "code": _l("Ký hiệu cơ quan"),
        "maker_title": _l("Chức danh người lập"),
        "maker_name": _l("Họ tên người lập"),
        "accountant_title": _l("Chức danh kế toán"),
        "accountant_name": _l("Họ tên kế toán"),
        "head_title": _l("Chức danh thủ trưởng"),
        "head_name": _l("Họ tên thủ trưởng"),
        "agency_title": _l("Chức danh đại diện đơn vị chi trả"),
    }
    list_columns = ["area", "valid_from", "managing_body", "issuer", "head_title", "head_name"]
    add_columns = ["area", "valid_from", *label_columns]
    edit_columns = add_columns
    show_columns = add_columns
    search_columns = ["area", "valid_from"]
    order_columns = ["valid_from"]
    max_lengths = dict.fromkeys(label_columns, 120)
    description_columns = {
        "managing_body": _l("Sở Y tế ở phần lớn các tỉnh, Sở Nội vụ ở một số tỉnh."),
        "code": _l("Viết trong số văn bản, ví dụ UBND trong “Số: 12/BC-UBND”."),
    }


def as_pdf(wanted: Minutes, paper: Paper, name: str) -> ResponseReturnValue:
    """Minutes as a file to take away."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "minutes.pdf"
        minutes.write(path, wanted, paper)
        content = BytesIO(path.read_bytes())
    return send_file(content, minutes.TYPE, as_attachment=True, download_name=f"{name}.pdf")
