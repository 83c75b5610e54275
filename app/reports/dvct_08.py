"""DVCT_08: the list as people sign it on pay day; a receipt, so it holds what each line is made of and no diagnosis."""

from __future__ import annotations

from app.reports.sent import LISTED, NAME_ORDER
from app.reports.shape import Column, Order, Report
from app.rules.states import N_

_SOURCE = f"""
SELECT * FROM (
SELECT l.no, l.beneficiary_code, l.full_name, l.birth, l.hamlet, l.payee_name, l.method, l.account_no, l.benefit_vnd,
       l.arrears_vnd, l.carried_vnd, l.withheld_vnd, l.total_vnd, CAST(NULL AS text) AS signature,
       false AS subtotal, 0 AS provisional, b.area_path, p.month, b.id AS batch_id, l.name_fold, l.beneficiary_id,
       l.id AS line_id
{LISTED}) line
"""

REPORT = Report(
    code="DVCT_08",
    title=N_("Danh sách chi trả, ký nhận"),
    description=N_("Danh sách đã duyệt để chi trả và ký nhận: trợ cấp, truy lĩnh, mang sang, khấu trừ, tổng cộng."),
    columns=(
        Column("no", N_("STT"), "number", width=7),
        Column("beneficiary_code", N_("Mã đối tượng"), "code", width=13),
        Column("full_name", N_("Họ tên"), width=24),
        Column("birth", N_("Ngày sinh"), "code", width=11),
        Column("hamlet", N_("Thôn, tổ dân phố"), width=16),
        Column("payee_name", N_("Người nhận"), width=24),
        Column("method", N_("Hình thức chi trả"), "method", width=14),
        Column("account_no", N_("Số tài khoản"), "code", width=16),
        Column("benefit_vnd", N_("Trợ cấp"), "money", total=True, width=13),
        Column("arrears_vnd", N_("Truy lĩnh"), "money", total=True, width=13),
        Column("carried_vnd", N_("Mang sang"), "money", total=True, width=13),
        Column("withheld_vnd", N_("Khấu trừ"), "money", total=True, width=13),
        Column("total_vnd", N_("Tổng cộng"), "money", total=True, width=14),
        Column("signature", N_("Ký nhận"), width=16),
    ),
    source=_SOURCE,
    orders={
        "area": Order(N_("Theo địa bàn và STT"), "area_path, month, batch_id, no"),
        "hamlet": Order(N_("Theo thôn và họ tên"), f"area_path, month, hamlet, {NAME_ORDER}"),
        "name": Order(N_("Theo họ tên"), NAME_ORDER),
    },
    filters=frozenset({"agency", "kind", "batch", "method"}),
    personal=True,
    words_of="total_vnd",
    paper_kind="DS",
)
