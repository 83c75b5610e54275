"""Pages of A4 on which words and lines are put by their place in points; fonts are subset once, at the end. No layout.

Cells are written straight into the page's content: the table functions of the library measure every cell several times
over and take a hundred times as long.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

from fpdf import FPDF
from fpdf.fonts import TTFFont

from app.reports.fonts import Fonts

MM = 72 / 25.4
TOP, BOTTOM, LEFT, RIGHT = 20 * MM, 20 * MM, 30 * MM, 15 * MM
"""Margins of NĐ 30/2020, in points."""

MOST_KEPT = 20_000
"""Words whose width and code are remembered; a list has the same hamlets and amounts again and again."""

Style = Literal["", "B", "I"]
Word = tuple[str, float]
"""A text as the page's content spells it, and its width at size 1."""


class Canvas:
    """A document being drawn, top to bottom; `y` runs down from the upper edge of the page."""

    def __init__(self, fonts: Fonts, *, landscape: bool, title: str, created: datetime) -> None:
        self._pdf = FPDF("landscape" if landscape else "portrait", "pt", "A4")
        self._pdf.set_auto_page_break(False)
        self._pdf.set_title(title)
        self._pdf.set_lang("vi")
        self._pdf.set_creation_date(created)
        self._fonts: dict[Style, TTFFont] = {}
        for style, path in (("", fonts.regular), ("B", fonts.bold), ("I", fonts.italic)):
            self._pdf.add_font("paper", style, path)
            font = self._pdf.fonts[f"paper{style}"]
            assert isinstance(font, TTFFont)
            self._fonts[style] = font  # type: ignore[index]
        self._letters: dict[tuple[Style, str], Word] = {}
        self._words: dict[tuple[Style, str], Word] = {}
        self._content: list[str] = []
        self.width, self.height = float(self._pdf.w), float(self._pdf.h)
        self.pages = 0

    @property
    def inner(self) -> float:
        """Width between the margins."""
        return self.width - LEFT - RIGHT

    @property
    def bottom(self) -> float:
        """How far down may be written."""
        return self.height - BOTTOM

    def turn(self) -> None:
        """A new page; its number is in the middle of the upper margin, except on the first (NĐ 30/2020)."""
        self._flush()
        self._pdf.add_page()
        self.pages += 1
        for font in self._fonts.values():
            self._pdf._set_font_for_page(font, 1)
        self._content.append("0.6 w")
        if self.pages > 1:
            self.put(self.width / 2, TOP * 0.6, str(self.pages), 13, align="C")

    def word(self, text: str, style: Style = "") -> Word:
        """The text spelled for the page, and its width at size 1."""
        known = self._words.get((style, text))
        if known is None:
            letters = [self._letter(style, char) for char in text]
            known = "".join(code for code, _width in letters), sum(width for _code, width in letters)
            if len(self._words) > MOST_KEPT:
                self._words.clear()
            self._words[(style, text)] = known
        return known

    def put(
        self, x: float, y: float, text: str, size: float, style: Style = "", align: Literal["L", "C", "R"] = "L"
    ) -> None:
        """A text with its base line at `y`, beginning, centred or ending at `x`."""
        code, width = self.word(text, style)
        shift = {"L": 0.0, "C": width * size / 2, "R": width * size}[align]
        font = self._fonts[style].i
        self._content.append(f"BT /F{font} {size:g} Tf {x - shift:.2f} {self.height - y:.2f} Td ({code}) Tj ET")

    def rule(self, x: float, y: float, to_x: float, to_y: float) -> None:
        """A straight line."""
        self._content.append(f"{x:.2f} {self.height - y:.2f} m {to_x:.2f} {self.height - to_y:.2f} l S")

    def wrapped(self, text: str, size: float, room: float, style: Style = "") -> list[str]:
        """The text in lines no wider than `room`; a word wider than that is broken."""
        if self.word(text, style)[1] * size <= room:
            return [text]
        lines, line = [], ""
        for word in text.split():
            for piece in self._pieces(word, size, room, style):
                longer = f"{line} {piece}" if line else piece
                if line and self.word(longer, style)[1] * size > room:
                    lines.append(line)
                    line = piece
                else:
                    line = longer
        return [*lines, line]

    def save(self, path: Path) -> None:
        """Write the file."""
        self._flush()
        self._pdf.output(str(path))

    def close(self) -> None:
        """Let go of the files of the fonts."""
        for font in self._fonts.values():
            font.ttfont.close()

    def _pieces(self, word: str, size: float, room: float, style: Style) -> list[str]:
        pieces, piece = [], ""
        for char in word:
            if piece and self.word(piece + char, style)[1] * size > room:
                pieces.append(piece)
                piece = char
            else:
                piece += char
        return [*pieces, piece]

    def _letter(self, style: Style, char: str) -> Word:
        known = self._letters.get((style, char))
        if known is None:
            font = self._fonts[style]
            shown = char if ord(char) in font.cmap else "?"
            picked = font.subset.pick(ord(shown))
            assert picked is not None, shown
            known = font.escape_text(chr(picked)), font.cw[ord(shown)] * 0.001
            self._letters[(style, char)] = known
        return known

    def _flush(self) -> None:
        if self._content:
            self._pdf._out("\n".join(self._content))
            self._content = []
