"""The kinds of trouble that need a person, in the order in which they are shown."""

from __future__ import annotations

from dataclasses import dataclass

from app.rules.states import N_


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of trouble: its words, and the page that shows one of it."""

    name: str
    label: str
    advice: str
    page: str


KINDS: tuple[Kind, ...] = (
    Kind(
        "returned",
        N_("Danh sách bị trả lại"),
        N_("Xem lý do, mở lại danh sách, sửa rồi gửi phiên bản mới."),
        "BatchView.show",
    ),
    Kind(
        "in_doubt",
        N_("Gói tin chưa rõ bưu điện đã nhận hay chưa"),
        N_("Hệ thống đang tự hỏi lại. Nếu kéo dài, hãy gọi bưu điện."),
        "PacketView.show",
    ),
    Kind(
        "reminder",
        N_("Danh sách sắp đến hạn gửi"),
        N_("Danh sách chưa duyệt không được gửi. Danh sách đã duyệt chỉ tự gửi nếu địa bàn bật tự gửi."),
        "BatchView.show",
    ),
    Kind(
        "stuck",
        N_("Gói tin hơn 24 giờ chưa rõ kết quả"),
        N_("Xem các lần gọi và câu trả lời, gọi bưu điện; có thể hỏi lại ngay hoặc tiếp tục chờ."),
        "PacketView.doubtful",
    ),
    Kind(
        "message",
        N_("Tin của bưu điện cần người xem"),
        N_("Tin không làm thay đổi gì: xem bưu điện nói gì, xử lý với bưu điện rồi ghi đã xem xét."),
        "InboxView.show",
    ),
    Kind(
        "held",
        N_("Quyết toán đến sau hạn đang giữ lại"),
        N_("Kế toán hoặc lãnh đạo ghi nhận, không ghi nhận, hoặc gia hạn."),
        "SettlementView.show",
    ),
    Kind(
        "overdue",
        N_("Quyết toán quá hạn chưa nhận đủ"),
        N_("Hỏi đơn vị chi trả, hoặc nhập kết quả nếu nhập tay; nếu cần thêm thời gian thì ghi đề nghị gia hạn."),
        "SettlementView.show",
    ),
    Kind(
        "partial",
        N_("Quyết toán còn thiếu phần"),
        N_("Hệ thống tự hỏi bưu điện phần còn thiếu. Nếu kéo dài, hãy gọi bưu điện."),
        "SettlementView.show",
    ),
    Kind(
        "undecided",
        N_("Dòng quyết toán có chênh lệch chưa có quyết định"),
        N_("Xem từng dòng và quyết định kết quả trước khi chốt quyết toán."),
        "SettlementView.show",
    ),
    Kind(
        "untied",
        N_("Quyết toán có tổng số không khớp"),
        N_("Đối chiếu với đơn vị chi trả; quyết toán chưa khớp không chốt được."),
        "SettlementView.show",
    ),
    Kind(
        "extension",
        N_("Đề nghị gia hạn chờ quyết định"),
        N_("Lãnh đạo đồng ý hoặc không đồng ý gia hạn."),
        "ExtensionView.show",
    ),
    Kind(
        "relocation",
        N_("Người chuyển đến chờ tiếp nhận"),
        N_("Tiếp nhận để đưa người này vào danh sách kỳ sau, hoặc trả lời không tiếp nhận."),
        "RelocationView.show",
    ),
    Kind(
        "recovery",
        N_("Đề nghị truy thu chờ quyết định"),
        N_("Lãnh đạo đồng ý hoặc không đồng ý truy thu."),
        "RecoveryView.show",
    ),
    Kind(
        "transfer",
        N_("Chứng từ chuyển tiền chờ duyệt"),
        N_("Lãnh đạo duyệt hoặc không duyệt; tiền được tính vào số dư khi duyệt."),
        "TransferView.show",
    ),
    Kind(
        "due",
        N_("Nơi còn phải chuyển tiền cho đơn vị chi trả"),
        N_("Xem số dư, chuyển tiền rồi ghi chứng từ."),
        "BalanceView.list",
    ),
    Kind(
        "blocking",
        N_("Lỗi phải xử lý trước khi duyệt danh sách"),
        N_("Sửa hồ sơ rồi lập lại danh sách, hoặc đưa người có lỗi ra khỏi danh sách."),
        "BatchView.findings",
    ),
    Kind(
        "books",
        N_("Chỗ sổ sách không khớp"),
        N_("Kiểm tra tự động thấy sổ sách sai. Báo ngay cho đội kỹ thuật, không sửa dữ liệu bằng tay."),
        "BookView.list",
    ),
    Kind(
        "rise",
        N_("Danh sách đã lập theo mức cũ, chưa tính truy lĩnh"),
        N_("Mức hưởng đã tăng và áp dụng từ trước: lập đề nghị truy lĩnh để lãnh đạo duyệt."),
        "ArrearsProposalView.list",
    ),
    Kind(
        "suspension",
        N_("Đề nghị tạm dừng hoặc cho hưởng lại chờ quyết định"),
        N_("Lãnh đạo quyết định; người đang tạm dừng không có trong danh sách."),
        "SuspensionView.list",
    ),
    Kind(
        "streak",
        N_("Người chưa nhận tiền từ hai kỳ liên tiếp trở lên"),
        N_("Liên hệ gia đình; ba kỳ liên tiếp là căn cứ để xem xét tạm dừng."),
        "Home.streaks",
    ),
    Kind(
        "streak_long",
        N_("Người chưa nhận tiền ba kỳ liên tiếp: xem xét đề nghị tạm dừng"),
        N_("Mở trang người chưa nhận, liên hệ lần cuối rồi đề nghị tạm dừng nếu có căn cứ."),
        "Home.streaks",
    ),
)
