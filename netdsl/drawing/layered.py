"""Where the boxes of a picture stand: in layers from top to bottom, each arrow around the boxes (Sugiyama's method).

graphlay lays out. Its answer is the same on every machine.
"""

from __future__ import annotations

import json
from typing import TypedDict

from netdsl.drawing.boxes import Card, card, heat, notes
from netdsl.drawing.closing import HEADER, closed_up
from netdsl.drawing.labels import in_the_way, labelled
from netdsl.drawing.picture import Diagram
from netdsl.drawing.pieces import Piece, Sketch, Wire
from netdsl.drawing.places import PictureArrow, PictureBox, Point, Rect
from netdsl.drawing.wording import shapes_text

MAIN = 30.0
"""How much straighter than others an arrow is of the trunk."""
MARGIN = 16.0
"""Pixels around the picture."""

OPTIONS = {
    "direction": "topbottom",
    "spacing": {
        "layer_gap": 34.0,
        "node_gap": 26.0,
        "dummy_gap": 18.0,
        "compound_padding": 12.0,
        "compound_header": HEADER,
    },
    "routing": {"style": "orthogonal", "merge_edges": "forks", "centre_ports": "all", "port_sides": "facing_preferred"},
    "coords": {"placement": "network_simplex", "branch_style": "symmetric"},
}


class XY(TypedDict):
    x: float
    y: float


class SizeLaid(TypedDict):
    width: float
    height: float


class NodeLaid(TypedDict):
    center: XY
    size: SizeLaid


class EdgeLaid(TypedDict):
    points: list[XY]


class BoundsLaid(TypedDict):
    min: XY
    max: XY


class Laid(TypedDict):
    """What the library answers."""

    nodes: list[NodeLaid]
    edges: list[EdgeLaid]
    bounds: BoundsLaid


def layered(sketch: Sketch, title: str) -> Diagram:
    """The parts of a net in layers, the inputs at the top."""
    cards = {part: card(part) for part in sketch.parts}
    labels = _labels(sketch)
    laid = _ask(sketch, cards)
    left, top = laid["bounds"]["min"]["x"] - MARGIN, laid["bounds"]["min"]["y"] - MARGIN
    rects = {part: _rect(node, left, top) for part, node in zip(sketch.parts, laid["nodes"], strict=True)}
    most = max((part.macs for part in sketch.parts if not part.opened), default=0)
    boxes = [_box(part, cards[part], rects[part], most) for part in sketch.parts]
    arrows = [
        _arrow(wire, labels.get(wire, ""), edge, (left, top))
        for wire, edge in zip(sketch.wires, laid["edges"], strict=True)
    ]
    boxes, arrows, closer = closed_up(boxes, arrows)
    arrows = labelled(arrows, in_the_way(boxes))
    right, bottom = laid["bounds"]["max"]["x"] + MARGIN - left, closer(laid["bounds"]["max"]["y"] - top) + MARGIN
    return Diagram(title, tuple(boxes), tuple(arrows), round(right, 1), round(bottom, 1))


def _labels(sketch: Sketch) -> dict[Wire, str]:
    """The shape that each arrow says: every shape that leaves a part is told once."""
    found: dict[Wire, str] = {}
    told: set[tuple[Piece, str]] = set()
    for wire in sketch.wires:
        text = shapes_text(wire.shapes)
        if not wire.back and (wire.source, text) not in told:
            told.add((wire.source, text))
            found[wire] = text
    return found


def _ask(sketch: Sketch, cards: dict[Piece, Card]) -> Laid:
    from graphlay import _native

    places = {part: place for place, part in enumerate(sketch.parts)}
    trunk = set(longest(sketch))
    nodes = [_node(part, cards[part], places) for part in sketch.parts]
    edges = [_edge(wire, trunk, places) for wire in sketch.wires]
    request = {"graph": {"nodes": nodes, "edges": edges}, "preset": "layered", "options": OPTIONS}
    laid: Laid = json.loads(_native.layout(json.dumps(request)))
    return laid


def longest(sketch: Sketch) -> list[Wire]:
    """The way through the net that passes the most boxes: its trunk, which is drawn as straight as can be."""
    steps = dict.fromkeys(sketch.parts, 0)
    best: dict[Piece, Wire] = {}
    places = {part: place for place, part in enumerate(sketch.parts)}
    for wire in sorted((w for w in sketch.wires if not w.back), key=lambda w: places[w.target]):
        if steps[wire.source] + 1 > steps[wire.target]:
            steps[wire.target], best[wire.target] = steps[wire.source] + 1, wire
    part = max(sketch.parts, key=lambda p: steps[p])
    found = []
    while part in best:
        found.append(best[part])
        part = best[part].source
    return found


def _node(part: Piece, made: Card, places: dict[Piece, int]) -> dict[str, object]:
    node: dict[str, object] = {"size": {"width": made.width, "height": made.height}, "shape": "box", "key": part.path}
    if part.parent is not None:
        node["parent"] = places[part.parent]
    return node


def _edge(wire: Wire, trunk: set[Wire], places: dict[Piece, int]) -> dict[str, object]:
    """A way back is laid out as one down, which is then drawn upwards."""
    ends = (wire.target, wire.source) if wire.back else (wire.source, wire.target)
    return {"source": places[ends[0]], "target": places[ends[1]], "weight": MAIN if wire in trunk else 1.0}


def _rect(node: NodeLaid, left: float, top: float) -> Rect:
    wide, high = node["size"]["width"], node["size"]["height"]
    return Rect(
        round(node["center"]["x"] - wide / 2 - left, 1), round(node["center"]["y"] - high / 2 - top, 1), wide, high
    )


def _box(part: Piece, made: Card, rect: Rect, most: int) -> PictureBox:
    paths = tuple(row.path for row in part.rows) or (part.path,)
    parent = part.parent.path if part.parent is not None else ""
    return PictureBox(
        part.path, paths, part.kind, rect, made.title, made.lines, notes(part), 0 if part.opened else heat(part, most),
        part.copies, part.steps, part.opened, parent,
    )  # fmt: skip


def _arrow(wire: Wire, text: str, edge: EdgeLaid, corner: Point) -> PictureArrow:
    points = tuple((round(p["x"] - corner[0], 1), round(p["y"] - corner[1], 1)) for p in edge["points"])
    if wire.back and wire.source is not wire.target:
        points = points[::-1]
    kind = "back" if wire.back else "skip" if len(points) > 2 else ""
    return PictureArrow(wire.source.path, wire.target.path, points, kind, text)
