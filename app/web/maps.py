"""Outlines of areas as SVG paths, drawn on the server from the shipped TopoJSON files. What a shade means is the page's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import cos, radians
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "data" / "geo"
WIDTH = 1000
"""Of every drawing, in its own units; the page decides how large it is shown."""

Point = tuple[float, float]
Arc = Sequence[Point]


@dataclass(frozen=True, slots=True)
class Drawing:
    """The areas of one map: code -> path data, and the box they lie in."""

    paths: Mapping[str, str]
    width: int
    height: int

    @property
    def view_box(self) -> str:
        """For the `viewBox` of an svg element."""
        return f"0 0 {self.width} {self.height}"


@lru_cache(maxsize=40)
def communes(province: str) -> Drawing | None:
    """The communes of the province with this code; None where no outlines are shipped."""
    return _drawing(FOLDER / f"communes_{province}.topojson")


@lru_cache(maxsize=1)
def provinces() -> Drawing | None:
    """The provinces of the country."""
    return _drawing(FOLDER / "provinces.topojson")


def _drawing(file: Path) -> Drawing | None:
    if not file.exists():
        return None
    topology = json.loads(file.read_text("utf-8"))
    arcs = [list(_unpacked(arc, topology["transform"])) for arc in topology["arcs"]]
    shapes = {
        shape["properties"]["code"]: [_ring(ring, arcs) for ring in _rings(shape)]
        for collection in topology["objects"].values()
        for shape in collection["geometries"]
    }
    points = [point for rings in shapes.values() for ring in rings for point in ring]
    west, east = min(x for x, _y in points), max(x for x, _y in points)
    south, north = min(y for _x, y in points), max(y for _x, y in points)
    narrowing = cos(radians((south + north) / 2))  # a degree of longitude is this much shorter than one of latitude
    scale = WIDTH / ((east - west) * narrowing)

    def placed(point: Point) -> str:
        return f"{(point[0] - west) * narrowing * scale:.0f} {(north - point[1]) * scale:.0f}"

    paths = {code: "".join(f"M{'L'.join(map(placed, ring))}Z" for ring in rings) for code, rings in shapes.items()}
    return Drawing(paths, WIDTH, round((north - south) * scale))


def _unpacked(arc: Sequence[Sequence[int]], transform: Mapping[str, Sequence[float]]) -> Iterator[Point]:
    """Degrees of an arc that is stored as steps on a grid (the TopoJSON format's quantization)."""
    (scale_x, scale_y), (from_x, from_y) = transform["scale"], transform["translate"]
    x = y = 0
    for step in arc:
        x, y = x + step[0], y + step[1]
        yield x * scale_x + from_x, y * scale_y + from_y


def _rings(shape: Mapping[str, Any]) -> list[Sequence[int]]:
    if shape["type"] == "Polygon":
        return list(shape["arcs"])
    return [ring for polygon in shape["arcs"] for ring in polygon]


def _ring(ring: Sequence[int], arcs: Sequence[Arc]) -> list[Point]:
    """The points of a ring; a negative number is an arc walked backwards (TopoJSON)."""
    points: list[Point] = []
    for number in ring:
        points += arcs[number] if number >= 0 else arcs[~number][::-1]
    return points
