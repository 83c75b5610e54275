"""The kinds of files the program reads and the columns of each. No reading here."""

from __future__ import annotations

from app.imports.columns import Column, Layout
from app.rules.states import N_

_CODE_WORDS = (
    "ma doi tuong", "ma dt", "ma doi tuong bao tro", "ma doi tuong btxh", "ma thanh vien", "ma nguoi huong",
    "ma doi tuong huong", "ma so doi tuong", "ma ho so", "ma so", "ma",
)  # fmt: skip
_NAME_WORDS = (
    "ho va ten", "ho ten", "ho va ten doi tuong", "ho ten doi tuong", "ho va ten nguoi huong", "ho ten nguoi huong",
    "ten doi tuong", "doi tuong", "ho ten doi tuong huong",
)  # fmt: skip
_REASON_WORDS = ("ly do", "ly do chua tra", "ly do chua chi", "ly do chua nhan", "ghi chu", "nguyen nhan")

RESULTS = {
    "da tra": "paid", "da chi": "paid", "da chi tra": "paid", "da nhan": "paid", "da linh": "paid", "thanh cong": "paid",
    "paid": "paid", "x": "paid", "v": "paid",
    "chua tra": "unpaid", "chua chi": "unpaid", "chua chi tra": "unpaid", "chua nhan": "unpaid", "chua linh": "unpaid",
    "khong thanh cong": "unpaid", "that bai": "unpaid", "khong nhan": "unpaid", "unpaid": "unpaid",
    "chua tra va dung chi tra": "unpaid_stopped", "dung chi tra": "unpaid_stopped", "dung": "unpaid_stopped",
    "can truy thu": "to_recover", "truy thu": "to_recover", "phai thu hoi": "to_recover", "thu hoi": "to_recover",
}  # fmt: skip
"""What agencies write in the column of results, folded."""

RESULTS_SHOWN = (N_("Đã trả"), N_("Chưa trả"), N_("Chưa trả và dừng chi trả"), N_("Cần truy thu"))

SEXES = {"nam": "male", "nu": "female", "male": "male", "female": "female", "m": "male", "f": "female"}
PAYEES = {
    "chinh doi tuong": "self", "ban than": "self", "chinh minh": "self", "doi tuong": "self", "self": "self",
    "nguoi giam ho": "guardian", "giam ho": "guardian", "guardian": "guardian",
    "nguoi cham soc": "carer", "cham soc": "carer", "nguoi nuoi duong": "carer", "carer": "carer",
    "nguoi duoc uy quyen": "authorised", "uy quyen": "authorised", "authorised": "authorised",
}  # fmt: skip
SEXES_SHOWN = (N_("Nam"), N_("Nữ"))
METHODS_SHOWN = (N_("Tiền mặt"), N_("Tài khoản ngân hàng"), N_("Ví điện tử"))
PAYEES_SHOWN = (N_("Chính đối tượng"), N_("Người giám hộ"), N_("Người chăm sóc"), N_("Người được ủy quyền"))
METHODS = {
    "tien mat": "cash", "tm": "cash", "cash": "cash",
    "tk": "bank", "tai khoan": "bank", "tai khoan ngan hang": "bank", "ngan hang": "bank", "chuyen khoan": "bank", "ck": "bank",
    "bank": "bank",
    "vi dien tu": "wallet", "vi": "wallet", "wallet": "wallet",
}  # fmt: skip

_CODE = Column("code", N_("Mã đối tượng"), "code", required=True, words=_CODE_WORDS, width=16)
_NAME = Column("full_name", N_("Họ và tên"), "name", words=_NAME_WORDS, width=28)
_REASON = Column("reason", N_("Lý do"), words=_REASON_WORDS, most=300, width=32)

CODES = Layout("codes", (_CODE, _NAME, _REASON), ("code",))
"""Cập nhật chi trả nâng cao: whom a change is about."""

LISTED = (
    _CODE,
    _NAME,
    Column("hamlet", N_("Thôn, tổ dân phố"), width=24),
    Column("amount_vnd", N_("Số tiền phải trả"), "money"),
    Column("standing", N_("Trạng thái"), width=24),
)
"""People of a list as its template shows them; only codes, names and reasons are read again."""

SHEET = Layout(
    "sheet",
    (
        _CODE,
        _NAME,
        Column("amount_vnd", N_("Số tiền phải trả"), "money", words=(
            "so tien", "so tien phai tra", "so tien phai chi", "tong so tien", "so tien duoc nhan", "thanh tien", "tong tien",
            "tong cong", "so tien duoc huong", "phai tra",
        )),
        Column("result", N_("Kết quả"), "choice", choices=RESULTS, shown=RESULTS_SHOWN, words=(
            "ket qua", "ket qua chi tra", "trang thai", "tinh trang", "trang thai chi tra", "tinh trang chi tra",
        )),
        Column("paid_vnd", N_("Số tiền đã trả"), "money", words=(
            "da tra", "so tien da tra", "so tien da chi", "da chi", "so tien da chi tra", "da chi tra", "so tien thuc tra",
            "thuc tra", "thuc chi",
        )),
        Column("unpaid_vnd", N_("Số tiền chưa trả"), "money", words=(
            "chua tra", "so tien chua tra", "so tien chua chi", "chua chi", "so tien chua chi tra", "con lai",
        )),
        _REASON,
    ),
    ("code",),
)  # fmt: skip
"""The whole result sheet of an agency."""

_METHOD = (
    Column("method", N_("Hình thức nhận"), "choice", choices=METHODS, shown=METHODS_SHOWN, words=(
        "hinh thuc nhan", "hinh thuc chi tra", "hinh thuc", "phuong thuc", "phuong thuc chi tra", "phuong thuc nhan",
    )),
    Column("account_no", N_("Số tài khoản"), "account", words=("so tai khoan", "stk", "so tk", "tai khoan"), width=22),
    Column("holder", N_("Chủ tài khoản"), "name", words=(
        "chu tai khoan", "ten chu tai khoan", "ten tai khoan", "chu tk", "chu vi",
    ), width=28),
    Column("bank_code", N_("Ngân hàng"), words=("ngan hang", "ten ngan hang", "ma ngan hang", "tai ngan hang"), most=60),
    Column("bank_branch", N_("Chi nhánh"), words=("chi nhanh", "chi nhanh ngan hang", "phong giao dich"), most=120),
    Column("wallet_kind", N_("Loại ví"), words=("loai vi", "ten vi", "vi dien tu"), most=60),
    Column("wallet_phone", N_("Số điện thoại của ví"), "phone", words=("so vi", "sdt vi", "so dien thoai vi")),
)  # fmt: skip

PAYMENTS = Layout("payments", (_CODE, _NAME, *_METHOD), ("code",))
"""Thông tin chi trả: how people already in the registry are paid."""

REGISTRY = Layout(
    "registry",
    (
        Column("code", N_("Mã đối tượng"), "code", words=_CODE_WORDS, width=16),
        Column("area", N_("Mã xã"), "code", words=(
            "ma xa", "ma xa phuong", "ma dia ban", "ma don vi hanh chinh", "ma dvhc",
        ), width=10),
        Column("full_name", N_("Họ và tên"), "name", required=True, words=_NAME_WORDS, width=28),
        Column("birth", N_("Ngày sinh"), "birth", required=True, words=(
            "ngay sinh", "ngay thang nam sinh", "nam sinh", "sinh ngay", "ngay thang sinh",
        ), width=13),
        Column("sex", N_("Giới tính"), "choice", choices=SEXES, shown=SEXES_SHOWN, words=("gioi tinh", "phai", "nam nu"), width=10),
        Column("id_number", N_("Số CCCD/định danh"), "id", words=(
            "so cccd", "cccd", "so dinh danh", "so dinh danh ca nhan", "cmnd cccd", "so cmnd cccd", "cccd cmnd", "so cmnd",
            "so cccd dinh danh", "cmnd", "can cuoc",
        ), width=16),
        Column("ethnicity", N_("Dân tộc"), words=("dan toc",), most=40, width=12),
        Column("hamlet", N_("Thôn, tổ dân phố"), words=(
            "thon", "thon to", "thon ban", "to dan pho", "thon to dan pho", "khu pho", "ap", "thon xom", "dia chi thon",
        ), most=120),
        Column("address", N_("Địa chỉ"), words=("dia chi", "noi o", "cho o", "dia chi chi tiet"), width=28),
        Column("phone", N_("Điện thoại"), "phone", words=("dien thoai", "so dien thoai", "sdt", "dien thoai lien he")),
        Column("benefit", N_("Mã chính sách"), "code", words=(
            "ma chinh sach", "ma nhom", "ma nhom doi tuong", "ma loai doi tuong", "nhom doi tuong", "chinh sach",
        )),
        Column("coefficient", N_("Hệ số"), "decimal", words=("he so", "he so huong"), width=9),
        Column("units", N_("Số con"), "whole", words=("so con", "so luong con"), width=9),
        Column("decision_no", N_("Số quyết định"), words=("so quyet dinh", "quyet dinh so", "so qd", "quyet dinh"), most=60),
        Column("decided_on", N_("Ngày quyết định"), "day", words=("ngay quyet dinh", "ngay qd", "ngay ky"), width=13),
        Column("starts_on", N_("Hưởng từ"), "day", words=(
            "huong tu", "huong tu ngay", "ngay huong", "thoi diem huong", "ngay bat dau", "tu ngay", "ngay bat dau huong",
        ), width=13),
        Column("ends_on", N_("Hưởng đến"), "day", words=(
            "huong den", "den ngay", "ngay ket thuc", "huong den ngay", "ngay thoi huong",
        ), width=13),
        Column("payee_kind", N_("Người nhận là"), "choice", choices=PAYEES, shown=PAYEES_SHOWN, words=(
            "nguoi nhan la", "loai nguoi nhan", "quan he nguoi nhan", "quan he",
        )),
        Column("payee_name", N_("Họ tên người nhận"), "name", words=(
            "ho ten nguoi nhan", "ho va ten nguoi nhan", "nguoi nhan", "ten nguoi nhan", "nguoi nhan thay",
        ), width=28),
        Column("payee_until", N_("Ủy quyền đến"), "day", words=("uy quyen den", "han uy quyen", "uy quyen den ngay"), width=13),
        *_METHOD,
        Column("died_on", N_("Ngày chết"), "day", words=("ngay chet", "ngay mat", "chet ngay", "ngay tu vong"), width=13),
    ),
    ("code", "full_name"),
)  # fmt: skip
"""People of an area with what they receive and how they are paid; a row is one person and one benefit."""

LAYOUTS = {layout.kind: layout for layout in (CODES, SHEET, REGISTRY, PAYMENTS)}

NAMES: dict[str, str] = {
    "codes": N_("Cập nhật chi trả nâng cao"),
    "sheet": N_("Bảng kết quả của đơn vị chi trả"),
    "registry": N_("Hồ sơ đối tượng"),
    "payments": N_("Thông tin chi trả"),
}
"""What each kind is called on screens."""
