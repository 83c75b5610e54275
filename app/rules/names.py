"""Names and free text of people: cleaning on input, the key for search, the key for Vietnamese order."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from app.rules.problems import UnreadableError
from app.rules.states import N_

MAX_NAME_LENGTH = 100

_EDGE_BLANKS = " \t\r\n\u00a0"
_APOSTROPHES = str.maketrans(dict.fromkeys("'`\u00b4\u02b9\u02bc\u2018\u2019\u2032", ""))
_D_WITH_STROKE = str.maketrans(dict.fromkeys("\u00f0\u0256", "đ"))
"""Look-alikes of đ from other keyboards: Icelandic ð, African ɖ."""

_BREVE, _CIRCUMFLEX, _HORN = "\u0306", "\u0302", "\u031b"
_LETTERS = {"a" + _BREVE: "a1", "a" + _CIRCUMFLEX: "a2", "e" + _CIRCUMFLEX: "e1"} | {
    "o" + _CIRCUMFLEX: "o1",
    "o" + _HORN: "o2",
    "u" + _HORN: "u1",
}
"""A letter with a mark that makes it another letter of the alphabet -> its place after the plain letter."""

_TONES = {"\u0300": "1", "\u0309": "2", "\u0303": "3", "\u0301": "4", "\u0323": "5"}
"""Huyền, hỏi, ngã, sắc, nặng; "0" is the level tone."""

_VOWELS = frozenset("aeiouy")
"""Only these carry tones: the tilde of ñ is none."""


class TextError(UnreadableError):
    """A name or free text that cannot be kept."""

    texts = {
        "empty": N_("Chưa nhập nội dung."),
        "no_letter": N_("Tên phải có chữ cái."),
        "control": N_("Có ký tự điều khiển hoặc ký tự ẩn. Hãy gõ lại thay vì dán."),
        "too_long": N_("Dài quá %(limit)s ký tự."),
    }


def clean_name(text: str, *, max_length: int = MAX_NAME_LENGTH) -> str:
    """A person's name as stored: NFC, single spaces, at least one letter. Raises TextError.

    A soft hyphen is refused, not dropped: in a TCVN3 text it is the letter ư.
    """
    name = clean_text(text, max_length=max_length)
    if not name:
        raise TextError("empty")
    if not any(char.isalpha() for char in name):
        raise TextError("no_letter")
    return name


def clean_text(text: str, *, max_length: int, multiline: bool = False) -> str:
    """Free text as stored: NFC, trimmed, no control or invisible characters; may be empty. Raises TextError.

    One line: white space collapses. `multiline` keeps inner spaces, tabs and line ends (as a single newline).
    """
    kept = unicodedata.normalize("NFC", text).strip(_EDGE_BLANKS)
    if multiline:
        kept = kept.replace("\r\n", "\n").replace("\r", "\n")
    if any(_is_invisible(char) for char in kept if not (multiline and char in "\n\t")):
        raise TextError("control")
    if not multiline:
        kept = " ".join(kept.split())
    if len(kept) > max_length:
        raise TextError("too_long", limit=max_length)
    return kept


def file_name(text: str, *, max_length: int) -> str:
    """What a sent file is called: its last part in NFC, without what cannot be seen; may be empty.

    What is too long loses its beginning, so that the ending stays.
    """
    last = unicodedata.normalize("NFC", text).replace("\\", "/").rpartition("/")[2]
    return "".join(char for char in last if not _is_invisible(char)).strip()[-max_length:].strip()


def _is_invisible(char: str) -> bool:
    """Controls, formats (zero width, direction), surrogates, private and unassigned, line separators."""
    category = unicodedata.category(char)
    return category.startswith("C") or category in ("Zl", "Zp")


def fold(text: str) -> str:
    """The key for search: no marks, đ as d, lower case, no apostrophes, single spaces.

    "Hoà", "Hòa" and "HOA" are "hoa"; "H'Hen" and "H\u2019Hen" are "hhen".
    """
    return " ".join(" ".join(map(_folded_word, text.split())).split())


@lru_cache(maxsize=65_536)
def _folded_word(word: str) -> str:
    """One word; a country's names are made of few, so that a file of 100.000 people is folded in a second."""
    plain = word.translate(_APOSTROPHES).lower().translate(_D_WITH_STROKE).replace("đ", "d")
    decomposed = unicodedata.normalize("NFKD", plain)
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def sort_key(full_name: str) -> str:
    """The key for order: given name (last word), family (first), middle; a ă â b … y, then the tone.

    Only [0-9a-z], so it sorts alike under COLLATE "C" and any other collation. A letter is two characters
    ("a0" a, "a1" ă, "a2" â) and a word ends with its tone, which is below every letter: Lan, Làn, Lanh.
    """
    words = [key for key in map(_word_key, full_name.split()) if key]
    return "".join(words[-1:] + words[:-1])


@lru_cache(maxsize=65_536)
def _word_key(word: str) -> str:
    keys: list[str] = []
    base, tone = "", "0"
    for char in unicodedata.normalize("NFKD", word.lower().translate(_D_WITH_STROKE)):
        if unicodedata.combining(char):
            if base + char in _LETTERS:
                keys[-1] = _LETTERS[base + char]
            elif tone == "0" and base in _VOWELS:
                tone = _TONES.get(char, "0")
            continue
        base = char
        if char.isalnum():
            keys.append(_letter_key(char))
    return "".join(keys) + tone if keys else ""


def _letter_key(char: str) -> str:
    """Digits come before letters and after the end of a word; foreign letters come after z."""
    if char == "đ":
        return "d1"
    if char in "0123456789":
        return "6" + char
    return char + "0" if "a" <= char <= "z" else f"z9{ord(char):06x}"
