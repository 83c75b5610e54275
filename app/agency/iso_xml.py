"""ISO 20022 messages as XML: dataclasses of the standard written within their bounds, files of others read safely.

The classes come from `pyiso20022`, generated from the standard's schemas with every bound in their metadata. Reading
takes one repeated element at a time, so that memory does not grow with the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from io import BytesIO
from typing import Any, TypeVar
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from lxml import etree
from xsdata.exceptions import ConverterError, ParserError
from xsdata.formats.dataclass.context import XmlContext
from xsdata.formats.dataclass.parsers import XmlParser
from xsdata.formats.dataclass.parsers.config import ParserConfig

from app.agency.envelope import BadMessage

MOST_DEPTH = 40
MOST_ELEMENTS = 2_000_000

T = TypeVar("T")

_CONTEXT = XmlContext()
_KNOWN: dict[type, list[tuple[str, str, str, dict[str, Any]]]] = {}
_CONFIG = ParserConfig(fail_on_converter_warnings=True)


class NotOfTheStandard(ValueError):
    """A value that the standard does not allow; the text says which."""


def written(name: str, value: Any) -> str:
    """One element with everything below it, every bound of the standard checked. Raises NotOfTheStandard."""
    attributes, content = [], []
    for field, kind, tag, metadata in _members(type(value)):
        found = getattr(value, field)
        if found is None or found == []:
            if metadata.get("required") or metadata.get("min_occurs"):
                raise NotOfTheStandard(f"{name}/{tag or field}: missing")
            continue
        items = found if isinstance(found, list) else [found]
        if len(items) > metadata.get("max_occurs", len(items)):
            raise NotOfTheStandard(f"{name}/{tag}: too many")
        for item in items:
            if is_dataclass(item):
                content.append(written(tag, item))
                continue
            text = _text(f"{name}/{tag or field}", item, metadata)
            if kind == "Attribute":
                attributes.append(f" {tag}={quoteattr(text)}")
            else:
                content.append(f"<{tag}>{escape(text)}</{tag}>" if tag else escape(text))
    return f"<{name}{''.join(attributes)}>{''.join(content)}</{name}>"


def repeated(body: bytes, namespace: str, wanted: dict[str, type]) -> Iterator[tuple[str, Any]]:
    """The wanted elements of a message, innermost first, as (name, dataclass); a text class gives its text.

    No document type, no entities, nothing fetched. Raises BadMessage for what is no message of that namespace.
    """
    _refuse_dangerous(body)
    names = {f"{{{namespace}}}{name}": (name, kind) for name, kind in wanted.items()}
    parser = XmlParser(context=_CONTEXT, config=_CONFIG)
    try:
        events = etree.iterparse(
            BytesIO(body), events=("start", "end"), resolve_entities=False, load_dtd=False, no_network=True
        )
        first = True
        for event, element in events:
            if first:
                first = False
                if element.tag != f"{{{namespace}}}Document":
                    raise BadMessage("err.request.bad", f"not a message of {namespace}")
            if event == "end" and element.tag in names:
                name, kind = names[element.tag]
                yield name, (element.text or "" if kind is str else parser.parse(element, kind))
                element.clear(keep_tail=False)
    except (etree.XMLSyntaxError, ParserError, ConverterError, ValueError, TypeError) as error:
        raise BadMessage("err.request.bad", f"not readable as XML of {namespace}") from error


def _refuse_dangerous(body: bytes) -> None:
    """A first reading that keeps nothing: no document type (so no entities), bounded depth and size."""
    seen = depth = 0

    def start(_name: str, _attributes: dict[str, str]) -> None:
        nonlocal seen, depth
        seen, depth = seen + 1, depth + 1
        if depth > MOST_DEPTH or seen > MOST_ELEMENTS:
            raise BadMessage("err.request.bad", "more elements, or deeper ones, than a message has")

    def end(_name: str) -> None:
        nonlocal depth
        depth -= 1

    def doctype(*_about: Any) -> None:
        raise BadMessage("err.request.bad", "a document type is not allowed")

    reader = expat.ParserCreate()
    reader.StartElementHandler, reader.EndElementHandler = start, end
    reader.StartDoctypeDeclHandler = doctype
    try:
        reader.Parse(body, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise BadMessage("err.request.bad", "not readable as XML") from error


def _members(kind: Any) -> list[tuple[str, str, str, dict[str, Any]]]:
    """(attribute in Python, kind, name in XML, bounds) of a class of the standard, in its order."""
    if kind not in _KNOWN:
        _KNOWN[kind] = [
            (field.name, field.metadata.get("type", "Text"), field.metadata.get("name", ""), dict(field.metadata))
            for field in fields(kind)
        ]
    return _KNOWN[kind]


def _text(where: str, value: Any, bounds: dict[str, Any]) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool):
        return "true" if value else "false"
    text = f"{value:f}" if isinstance(value, Decimal) else str(value)
    if not bounds.get("min_length", 0) <= len(text) <= bounds.get("max_length", len(text)):
        raise NotOfTheStandard(f"{where}: at most {bounds.get('max_length')} characters")
    if "pattern" in bounds and not re.fullmatch(bounds["pattern"], text):
        raise NotOfTheStandard(f"{where}: not as the standard wants it")
    return text
