"""Names and shapes of published models: `weights/*.json.gz`, which say how they were made."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from netdsl.graph import Net
from netdsl.program import load_file
from netdsl.weights.files import StoredTensors

SPECS = Path(__file__).parents[1] / "specs"
LISTED = sorted((Path(__file__).parent / "weights").glob("*.json.gz"))
MODELS: dict[str, dict[str, list[int]]] = {
    name: shapes for path in LISTED for name, shapes in json.loads(gzip.decompress(path.read_bytes()))["models"].items()
}


VARIANTS = {"torchvision/GoogLeNet": {"variant": "torchvision"}}
"""Settings with which a net is that of a library."""


class Listed(StoredTensors):
    """Names and shapes alone."""

    def __init__(self, shapes: Mapping[str, Any]) -> None:
        self.shapes = {key: tuple(shape) for key, shape in shapes.items()}

    def __getitem__(self, key: str) -> Any:
        raise AssertionError("nothing is read")

    def shape(self, key: str) -> tuple[int, ...]:
        return self.shapes[key]

    def kind(self, key: str) -> str:
        return "F32"

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    def __len__(self) -> int:
        return len(self.shapes)


def spec_of(net: str) -> Path:
    """The spec that defines a net."""
    return next(p for p in sorted(SPECS.glob("*.net")) if re.search(rf"net {net}[ (]", p.read_text(encoding="utf-8")))


def load(net: str, library: str = "") -> Net:
    return load_file(spec_of(net), VARIANTS.get(f"{library}/{net}")).net(net, trained=False)
