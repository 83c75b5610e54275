"""DVCT_11: what each agency holds, account by account: opening + transferred − paid out + recovered = closing."""

from __future__ import annotations

from app.reports.shape import Column, Order, Report
from app.rules.states import N_
from app.services import balances

_SOURCE = f"SELECT x.*, false AS subtotal, 0 AS provisional FROM ({balances.source()}) x"

REPORT = Report(
    code="DVCT_11",
    title=N_("Số dư đơn vị chi trả"),
    description=N_(
        "Đầu kỳ, đã chuyển, đã chi, đã thu hồi, cuối kỳ, còn phải chuyển và phí của từng đơn vị chi trả, địa bàn."
    ),
    columns=(
        Column("agency", N_("Đơn vị chi trả"), width=28),
        Column("area_code", N_("Mã địa bàn"), "code", width=10),
        Column("area_name", N_("Địa bàn"), width=22),
        Column("opening_vnd", N_("Số dư đầu kỳ"), "money", total=True, width=16),
        Column("payable_vnd", N_("Phải chi trong kỳ"), "money", total=True, width=16),
        Column("need_vnd", N_("Phải chuyển"), "money", total=True, width=16),
        Column("transferred_vnd", N_("Đã chuyển"), "money", total=True, width=16),
        Column("paid_vnd", N_("Đã chi trả"), "money", total=True, width=16),
        Column("wrong_vnd", N_("Đã chi phải thu hồi"), "money", total=True, width=15),
        Column("recovered_vnd", N_("Đã thu hồi"), "money", total=True, width=15),
        Column("closing_vnd", N_("Số dư cuối kỳ"), "money", total=True, width=16),
        Column("due_vnd", N_("Còn phải chuyển"), "money", total=True, width=16),
        Column("fee_vnd", N_("Phí chi trả"), "money", total=True, width=14),
    ),
    source=_SOURCE,
    orders={
        "area": Order(N_("Theo địa bàn"), 'x.agency COLLATE "C", x.agency_id, x.area_path'),
        "due": Order(N_("Còn phải chuyển nhiều nhất trước"), "x.due_vnd DESC, x.agency_id, x.area_path"),
    },
    filters=frozenset({"agency"}),
    words_of="closing_vnd",
)
