"""Text typed with the fonts of before Unicode: TCVN3 (.VnTime …) and VNI (VNI-Times …), to Unicode and back.

Workbooks keep such text as Latin-1 characters that only look Vietnamese in the right font, so the cell's font decides.
TCVN3 writes ư as the soft hyphen U+00AD: whatever strips invisible characters must come after the conversion.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

Encoding = Literal["tcvn3", "tcvn3_capitals", "vni"]

_TCVN3_BYTES = (
    (0xA1, "ĂÂÊÔƠƯĐăâêôơưđ"),
    (0xB5, "àảãáạ"),
    (0xBB, "ằẳẵắ"),
    (0xC6, "ặầẩẫấậè"),
    (0xCE, "ẻẽéẹềểễếệìỉ"),
    (0xDC, "ĩíịò"),
    (0xE1, "ỏõóọồổỗốộờởỡớợù"),
    (0xF1, "ủũúụừửữứựỳỷỹýỵ"),
)
"""Runs of the table of TCVN 5712:1993 (VN3): first byte, then the letters that follow each other."""

_TCVN3 = {first + n: letter for first, letters in _TCVN3_BYTES for n, letter in enumerate(letters)}
_TO_TCVN3 = {ord(letter): chr(code) for code, letter in _TCVN3.items()}


def _vni_pairs() -> dict[str, str]:
    """ "aù" -> "á" …: a base letter followed by a letter that stands for the marks, in small and capital letters."""
    plain = {
        "a": {"á": "ù", "à": "ø", "ả": "û", "ã": "õ", "ạ": "ï", "ă": "ê", "ắ": "é", "ằ": "è", "ẳ": "ú", "ẵ": "ü",
              "ặ": "ë", "â": "â", "ấ": "á", "ầ": "à", "ẩ": "å", "ẫ": "ã", "ậ": "ä"},
        "e": {"é": "ù", "è": "ø", "ẻ": "û", "ẽ": "õ", "ẹ": "ï", "ê": "â", "ế": "á", "ề": "à", "ể": "å", "ễ": "ã",
              "ệ": "ä"},
        "o": {"ó": "ù", "ò": "ø", "ỏ": "û", "õ": "õ", "ọ": "ï", "ô": "â", "ố": "á", "ồ": "à", "ổ": "å", "ỗ": "ã",
              "ộ": "ä"},
        "u": {"ú": "ù", "ù": "ø", "ủ": "û", "ũ": "õ", "ụ": "ï"},
        "y": {"ý": "ù", "ỳ": "ø", "ỷ": "û", "ỹ": "õ"},
        "ô": {"ớ": "ù", "ờ": "ø", "ở": "û", "ỡ": "õ", "ợ": "ï"},
        "ö": {"ứ": "ù", "ừ": "ø", "ử": "û", "ữ": "õ", "ự": "ï"},
    }  # fmt: skip
    small = {base + mark: letter for base, marks in plain.items() for letter, mark in marks.items()}
    capitals = {pair.upper(): letter.upper() for pair, letter in small.items()}
    # some people type a small mark after the capital of a name
    return small | capitals | {pair[0].upper() + pair[1]: letter.upper() for pair, letter in small.items()}


_VNI_PAIRS = _vni_pairs()
_VNI_SINGLES = {
    "í": "í", "ì": "ì", "æ": "ỉ", "ó": "ĩ", "ò": "ị", "ô": "ơ", "ö": "ư", "î": "ỵ", "ñ": "đ",
}  # fmt: skip
_VNI_LETTERS = _VNI_PAIRS | _VNI_SINGLES | {code.upper(): letter.upper() for code, letter in _VNI_SINGLES.items()}
_VNI_CODE = re.compile("|".join(sorted(map(re.escape, _VNI_LETTERS), key=len, reverse=True)))
_TO_VNI = {ord(letter): code for code, letter in reversed(_VNI_LETTERS.items())}


def encoding_of_font(name: str) -> Encoding | None:
    """How text in a font of this name is written; None for every font of today.

    ".VnTime" and ".VnArial" are TCVN3, with a final H (".VnTimeH") in capitals; "VNI-Times" is VNI.
    """
    plain = name.strip().lower()
    if plain.startswith(".vn"):
        return "tcvn3_capitals" if plain.endswith("h") else "tcvn3"
    return "vni" if re.match("vni[- ]", plain) else None


def to_unicode(text: str, encoding: Encoding) -> str:
    """The text as it was meant, NFC. Text that already holds letters beyond Latin-1 was typed in Unicode and stays."""
    if any(char > "\xff" for char in text):
        return unicodedata.normalize("NFC", text)
    if encoding == "vni":
        return _VNI_CODE.sub(lambda found: _VNI_LETTERS[found[0]], text)
    meant = text.translate(_TCVN3)
    return meant.upper() if encoding == "tcvn3_capitals" else meant


def from_unicode(text: str, encoding: Encoding) -> str:
    """The text as an old program would have stored it; capitals that TCVN3 has only in its H fonts become small."""
    meant = unicodedata.normalize("NFC", text)
    if encoding == "vni":
        return meant.translate(_TO_VNI)
    if encoding == "tcvn3_capitals":
        meant = meant.lower()
    return "".join(char if ord(char) in _TO_TCVN3 or char < "\x80" else char.lower() for char in meant).translate(
        _TO_TCVN3
    )
