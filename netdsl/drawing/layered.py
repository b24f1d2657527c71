"""Where the boxes of a picture stand: in layers from top to bottom, each arrow around the boxes (Sugiyama's method).

graphlay lays out. Its answer is the same on every machine.
"""

from __future__ import annotations

import json
from typing import TypedDict

from netdsl.drawing.assembling import assembled
from netdsl.drawing.boxes import Card, card
from netdsl.drawing.closing import HEADER
from netdsl.drawing.labels import is_crossed
from netdsl.drawing.picture import Diagram
from netdsl.drawing.pieces import Piece, Sketch, Wire
from netdsl.drawing.places import Point, Rect
from netdsl.drawing.trunk import longest

MAIN = 30.0
"""How much straighter than others an arrow is of the trunk."""

OPTIONS: dict[str, object] = {
    "direction": "topbottom",
    "spacing": {
        "layer_gap": 34.0,
        "node_gap": 26.0,
        "dummy_gap": 18.0,
        "compound_padding": 12.0,
        "compound_header": HEADER,
    },
    "routing": {"style": "orthogonal", "merge_edges": "forks", "centre_ports": "all", "port_sides": "facing_preferred"},
}
WAYS = ("symmetric", "straight_main", "free")
"""How branches are put, the best first; the others are for a picture in which an arrow went through a box."""


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


class Laid(TypedDict):
    """What the library answers."""

    nodes: list[NodeLaid]
    edges: list[EdgeLaid]


def layered(sketch: Sketch, title: str) -> Diagram:
    """The parts of a net in layers, the inputs at the top."""
    cards = {piece: card(piece) for piece in sketch.pieces}
    for way in WAYS:
        found = _laid(sketch, cards, way, title)
        if not is_crossed(found):
            return found
    return _laid(sketch, cards, WAYS[0], title)


def _laid(sketch: Sketch, cards: dict[Piece, Card], way: str, title: str) -> Diagram:
    laid = _ask(sketch, cards, way)
    rects = {piece: _rect(node) for piece, node in zip(sketch.pieces, laid["nodes"], strict=True)}
    routes = {wire: _route(wire, edge) for wire, edge in zip(sketch.wires, laid["edges"], strict=True)}
    return assembled(cards, rects, routes, title)


def _ask(sketch: Sketch, cards: dict[Piece, Card], way: str) -> Laid:
    from graphlay import _native

    places = {piece: place for place, piece in enumerate(sketch.pieces)}
    trunk = set(longest(sketch))
    nodes = [_node(piece, cards[piece], places) for piece in sketch.pieces]
    edges = [_edge(wire, trunk, places) for wire in sketch.wires]
    options = {**OPTIONS, "coords": {"placement": "network_simplex", "branch_style": way}}
    request = {"graph": {"nodes": nodes, "edges": edges}, "preset": "layered", "options": options}
    laid: Laid = json.loads(_native.layout(json.dumps(request)))
    return laid


def _node(piece: Piece, made: Card, places: dict[Piece, int]) -> dict[str, object]:
    node: dict[str, object] = {"size": {"width": made.width, "height": made.height}, "shape": "box", "key": piece.path}
    if piece.parent is not None:
        node["parent"] = places[piece.parent]
    return node


def _edge(wire: Wire, trunk: set[Wire], places: dict[Piece, int]) -> dict[str, object]:
    """A way back is laid out as one down, which is then drawn upwards."""
    ends = (wire.target, wire.source) if wire.back else (wire.source, wire.target)
    return {"source": places[ends[0]], "target": places[ends[1]], "weight": MAIN if wire in trunk else 1.0}


def _rect(node: NodeLaid) -> Rect:
    wide, high = node["size"]["width"], node["size"]["height"]
    return Rect(node["center"]["x"] - wide / 2, node["center"]["y"] - high / 2, wide, high)


def _route(wire: Wire, edge: EdgeLaid) -> list[Point]:
    points = [(p["x"], p["y"]) for p in edge["points"]]
    return points[::-1] if wire.back and wire.source is not wire.target else points
