"""Weights of several sources, each under the label of the row that it fills: the members of an ensemble."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from netdsl.base.arrays import Array
from netdsl.dims.tensors import Weight
from netdsl.graph import Block, Net
from netdsl.text.diagnostics import did_you_mean
from netdsl.weights.files import StoredTensors, WeightsError
from netdsl.weights.fit import COUNTER, NAME, Fitted, GivenWeights, trained_of

SHOWN = 6
"""So many rows a message names."""


class LabelledTensors(StoredTensors):
    """The tensors of several sources under the keys of a whole net."""

    def __init__(self, parts: Mapping[str, Fitted]) -> None:
        self._places = {f"{label}.{key}": (part, key) for label, part in parts.items() for key in part}
        self.facts = _shared([part.given.facts for part in parts.values()])

    def __getitem__(self, key: str) -> Array:
        part, own = self._places[key]
        return part[own]

    def __contains__(self, key: object) -> bool:
        return key in self._places

    def shape(self, key: str) -> tuple[int, ...]:
        part, own = self._places[key]
        return part.given.shape(own)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def _shared(facts: list[Mapping[str, Any]]) -> dict[str, Any]:
    """What all sources know alike of the data that they were trained on."""
    first, *others = facts
    return {key: value for key, value in first.items() if all(other.get(key) == value for other in others)}


def uses_of(net: Net) -> dict[str, str]:
    """By the path of its row what each use of a block or a net is a use of, the outer ones first."""
    blocks = [(path, node) for path, node in net.walk() if isinstance(node.op, Block)]
    return {node.keyed or path.removesuffix(node.name) + node.owner.name: node.kind for path, node in blocks}


def needed_under(label: str, needed: Mapping[str, Weight]) -> dict[str, Weight]:
    """What a row needs, under the keys that it has by itself."""
    return {key.removeprefix(f"{label}."): w for key, w in needed.items() if key.startswith(f"{label}.")}


def check_labels(net: Net, labels: Collection[str], needed: Collection[str]) -> None:
    """Refuse labels of no row with weights, and what would fill a weight twice."""
    for label in labels:
        if not any(key.startswith(f"{label}.") for key in needed):
            rows = labels_of(net, needed)
            way = did_you_mean(label, rows) or f"there are {rows_listed(rows)}"
            raise WeightsError(f"no row of {net.name} that has weights is called `{label}`: {way}")
        inner = next((other for other in labels if other.startswith(f"{label}.")), None)
        if inner is not None:
            raise WeightsError(
                f"`{inner}` lies in `{label}`, so that weights would be filled twice: leave one of them out"
            )


def labelled(net: Net, parts: Mapping[str, Fitted]) -> GivenWeights:
    """The weights of several sources as those of one; what none of them fills is told as a doubt."""
    doubts = [f"`{label}`: {note}" for label, part in parts.items() for note in part.notes()]
    doubts += [*_strangers(net, parts), *_drawn(net, parts)]
    files = {f"{label}: {name}": path for label, part in parts.items() for name, path in part.given.files.items()}
    return GivenWeights(LabelledTensors(parts), partial=True, doubts=doubts, files=files, parts=parts)


def _strangers(net: Net, parts: Mapping[str, Fitted]) -> Iterator[str]:
    """Uses that are filled by a run of something else, which happens to fit."""
    uses = uses_of(net)
    for label, part in parts.items():
        owner, use = trained_of(part.given.tensors), uses.get(label, "")
        if owner and use and owner != use:
            yield f"`{label}` is a use of {use}, but {part.given.name} is of a run of {owner[:NAME]}: is that meant?"


def _drawn(net: Net, parts: Mapping[str, Fitted]) -> Iterator[str]:
    """The rows that nothing is given for."""
    rest = [key for key, _ in net.weights() if not any(key.startswith(f"{label}.") for label in parts)]
    if rows := labels_of(net, rest):
        yield (
            f"no weights are given for {rows_listed(rows)}: drawn from the seed, they have learned nothing "
            f"(`--weights {rows[0]}=RUN` fills a row)"
        )


def labels_of(net: Net, keys: Iterable[str]) -> list[str]:
    """The rows that weights belong to: uses of blocks and nets, or what is not in one."""
    uses = uses_of(net)

    def row(key: str) -> str:
        return next((use for use in uses if key.startswith(f"{use}.")), key.partition(".")[0])

    return list(dict.fromkeys(row(key) for key in keys if not key.endswith(COUNTER)))


def rows_listed(rows: Sequence[str]) -> str:
    """The first few rows, and how many more there are."""
    more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
    return ", ".join(f"`{row}`" for row in rows[:SHOWN]) + more
