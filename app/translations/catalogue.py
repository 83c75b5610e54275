"""The catalogues: collects what the program says, merges it into the .po files, compiles them, finds what is missing.

`python -m app.translations.catalogue extract|compile|check`. Our message ids are Vietnamese and need English; the
message ids of Flask-AppBuilder and WTForms are English and need Vietnamese.
"""

from __future__ import annotations

import ast
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

HERE = Path(__file__).parent
APP = HERE.parent
KEYWORDS: dict[str, Any] = {
    "_": None, "gettext": None, "_l": None, "lazy_gettext": None, "N_": None, "ngettext": (1, 2),
}  # fmt: skip
FRAMEWORK_KEYWORDS = KEYWORDS | {"__": None}
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
JINJA = {"trimmed": "false", "silent": "false"}
FIRST_ERROR = "ChitraError"
WRITTEN = datetime(2026, 1, 1, tzinfo=UTC)
"""Date in the headers, fixed so that a catalogue changes only when a word does."""

HEADER = dict.fromkeys(("msgid_bugs_address", "last_translator", "language_team", "copyright_holder"), "Chitra")

_PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]|%[sd]|\{(\w*)\}")


def ours() -> Catalog:
    """Every message of the program: marked texts, texts of error classes and of the errors raised."""
    catalog = Catalog()
    for _file, _line, message, _comments, _context in _marked(APP, KEYWORDS):
        catalog.add(message)
    for message in error_messages(sorted(APP.rglob("*.py"))):
        catalog.add(message)
    return catalog


def of_the_frameworks() -> Catalog:
    """Every message of Flask-AppBuilder and WTForms as installed."""
    catalog = Catalog()
    for package in ("flask_appbuilder", "wtforms"):
        spec = find_spec(package)
        assert spec is not None and spec.origin is not None
        for _file, _line, message, _comments, _context in _marked(Path(spec.origin).parent, FRAMEWORK_KEYWORDS):
            catalog.add(message)
    return catalog


def _marked(root: Path, keywords: dict[str, Any]) -> Iterator[Any]:
    return extract_from_dir(
        str(root), method_map=METHODS, options_map={"**/templates/**.html": JINJA}, keywords=keywords
    )


def error_messages(files: Sequence[Path]) -> list[str]:
    """Docstrings of the subclasses of ChitraError, and texts such errors are raised with."""
    trees = [ast.parse(file.read_text("utf-8")) for file in files]
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    names = {FIRST_ERROR}
    while more := {one.name for one in classes if one.name not in names and _bases(one) & names}:
        names |= more
    said = [ast.get_docstring(one, clean=False) for one in classes if one.name in names]
    raised = [
        node.args[0].value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _name(node.func) in names and node.args
        if isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str)
    ]
    return [text.strip() for text in (*said, *raised) if text]


def _bases(one: ast.ClassDef) -> set[str]:
    return {_name(base) for base in one.bases}


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def path_of(locale: str, ending: str = "po") -> Path:
    """Where a catalogue is kept."""
    return HERE / locale / "LC_MESSAGES" / f"messages.{ending}"


def read(locale: str) -> Catalog:
    """The catalogue of a language as it is kept."""
    path = path_of(locale)
    return read_po(BytesIO(path.read_bytes()), locale=locale) if path.exists() else Catalog(locale=locale)


def extract() -> None:
    """Bring the .po files up to date: new messages come in untranslated, those no longer said go."""
    for locale, wanted in (("en", ours()), ("vi", of_the_frameworks())):
        kept, merged = (
            read(locale),
            Catalog(locale=locale, project="Chitra", version="1", header_comment="# Chitra", fuzzy=False, **HEADER),
        )
        for message in wanted:
            if message.id:
                merged.add(message.id, kept[message.id].string if message.id in kept else None)
        merged.creation_date = merged.revision_date = WRITTEN
        file = BytesIO()
        write_po(file, merged, width=110, sort_output=True, no_location=True, include_lineno=False)
        path_of(locale).parent.mkdir(parents=True, exist_ok=True)
        path_of(locale).write_bytes(file.getvalue())


def compile_all() -> None:
    """Compile each catalogue whose .mo is missing or older; safe while others do the same or read it."""
    for locale in ("en", "vi"):
        source, target = path_of(locale), path_of(locale, "mo")
        if target.exists() and target.stat().st_mtime_ns >= source.stat().st_mtime_ns:
            continue
        with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as file:
            write_mo(file, read(locale))
        os.chmod(file.name, 0o644)
        os.replace(file.name, target)


def check() -> list[str]:
    """What is missing or does not fit: empty when every text exists in both languages (promise P16)."""
    problems = []
    for locale, wanted in (("en", ours()), ("vi", of_the_frameworks())):
        kept = read(locale)
        for message in wanted:
            if message.id:
                problems += [f"{locale}: {problem}" for problem in _problems(message, kept)]
    return problems


def _problems(message: Message, kept: Catalog) -> list[str]:
    first = message.id if isinstance(message.id, str) else message.id[0]
    found = kept.get(message.id)
    said = found.string if found is not None else None
    texts = [said] if isinstance(said, str) else list(said or ())
    if not texts or not all(texts):
        return [f"not translated: {first!r}"]
    if found is not None and found.fuzzy:
        return [f"not checked (fuzzy): {first!r}"]
    wanted = placeholders(first)
    return [f"other placeholders: {first!r} -> {text!r}" for text in texts if placeholders(text) != wanted]


def placeholders(text: str) -> list[str]:
    """What a text leaves to be filled in, in alphabetical order."""
    return sorted({found.group(0) for found in _PLACEHOLDER.finditer(text.replace("%%", ""))})


def main(arguments: Sequence[str]) -> int:
    """The command line; 1 when `check` finds something."""
    if list(arguments) == ["extract"]:
        extract()
    elif list(arguments) == ["compile"]:
        compile_all()
    elif list(arguments) == ["check"]:
        problems = check()
        sys.stdout.writelines(f"{problem}\n" for problem in problems)
        sys.stdout.write(f"{len(problems)} problem(s)\n")
        return 1 if problems else 0
    else:
        sys.stderr.write("usage: python -m app.translations.catalogue extract|compile|check\n")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
