"""The serif of official papers: the operator's own (Times New Roman), or one made from the package we ship. No drawing."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fontpkg_noto_serif
from flask import current_app
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fontTools.varLib import instancer

FOLDER = "fonts"
"""Below the data folder: the cuts made once from the variable font."""

VERSION = "2"
"""Of how they are cut; another version makes new files."""

# Latin with every Vietnamese letter, composed or not, and the signs of official texts.
_LETTERS = (
    *range(0x20, 0x180), 0x1A0, 0x1A1, 0x1AF, 0x1B0, *range(0x300, 0x324), *range(0x1E00, 0x1F00), *range(0x2010, 0x2040),
    0x20AB, 0x2212, 0x2264, 0x2265,
)  # fmt: skip
_LAYOUT_TABLES = ("GSUB", "GPOS", "GDEF", "STAT", "HVAR", "MVAR")
_BOLD, _ITALIC = 1, 2
"""Bits of macStyle."""

_STYLES = {"regular": (False, 400), "bold": (False, 700), "italic": (True, 400)}


class FontMissing(Exception):
    """The folder of CHITRA_PAPER_FONT holds no regular, bold and italic cut of one family."""


@dataclass(frozen=True, slots=True)
class Fonts:
    """Files of the three cuts papers use."""

    regular: Path
    bold: Path
    italic: Path


def own(folder: Path) -> Fonts:
    """The cuts in the operator's folder, told apart by what the files say of themselves. Raises FontMissing."""
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*.[tT][tT][fF]")):
        with TTFont(path, lazy=True) as font:
            bold, italic = (bool(font["head"].macStyle & bit) for bit in (_BOLD, _ITALIC))
        name = "bold" if bold and not italic else "italic" if italic and not bold else "" if bold else "regular"
        found.setdefault(name, path)
    if missing := sorted(set(_STYLES) - set(found)):
        raise FontMissing(f"{folder}: {', '.join(missing)}")
    return Fonts(**{name: found[name] for name in _STYLES})


def shipped(home: Path) -> Fonts:
    """The cuts of the font we ship, made below `home` when they are not there yet; safe while others do the same."""
    folder = home / FOLDER
    files = {name: folder / f"paper-{VERSION}-{name}.ttf" for name in _STYLES}
    for name, path in files.items():
        if not path.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            _put(path, _cut(*_STYLES[name]))
    return Fonts(**files)


def here() -> Fonts:
    """The fonts to print with: the operator's (CHITRA_PAPER_FONT) where there is a folder."""
    settings = current_app.config["CHITRA"]
    folder: Path | None = settings.paper_font
    return shipped(settings.home) if folder is None else own(folder)


def _cut(italic: bool, weight: int) -> Any:
    package = Path(fontpkg_noto_serif.__file__).parent
    (source,) = (path for path in package.rglob("*.ttf") if ("Italic" in path.name) is italic)
    font = TTFont(source)
    for tag in _LAYOUT_TABLES:
        if tag in font:
            del font[tag]
    options = Options()
    options.hinting = options.glyph_names = False
    options.layout_features = []
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=_LETTERS)
    subsetter.subset(font)
    instancer.instantiateVariableFont(font, {"wght": weight, "wdth": 100}, inplace=True)
    font["head"].macStyle = (_BOLD if weight > 400 else 0) | (_ITALIC if italic else 0)
    return font


def _put(path: Path, font: Any) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    with os.fdopen(handle, "wb") as file:
        font.save(file)
    Path(name).replace(path)
