"""The tensors of a file under the names of a net, by a map; shapes are worked out before anything is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from netdsl.base.arrays import Array
from netdsl.text.diagnostics import did_you_mean
from netdsl.weights.changes import ChangeError, TensorShape
from netdsl.weights.files import StoredTensors, WeightsError
from netdsl.weights.fit import COUNTER, joined
from netdsl.weights.maps import MapRule, WeightMap
from netdsl.weights.patterns import Captured, PatternError

MOST_WORK = 50_000_000
"""Rules times tensors of a file."""
SHOWN = 5
"""So many mistakes of a map one message tells."""
LEFT_OUT = "`--partial` (`partial=true` in a recipe) leaves as initialised what does not fit, such as another head"
COMPARED = 200
"""So many names a misspelt one is compared with."""


@dataclass(frozen=True)
class MadeWeight:
    """Where a weight comes from: one result of a rule, for one match of it."""

    rule: MapRule
    sources: tuple[str, ...]
    wanted: tuple[TensorShape, ...]
    """The shapes of all targets of the rule."""
    place: int
    shape: TensorShape


class Mapped(StoredTensors):
    """Tensors by the names of a net; each is read and changed when it is asked for."""

    def __init__(self, tensors: StoredTensors, made: Mapping[str, MadeWeight], names: Mapping[str, str]) -> None:
        self.path, self.facts = tensors.path, tensors.facts
        self._tensors, self._made, self._names = tensors, made, names

    def __getitem__(self, key: str) -> Array:
        made = self._made[key]
        arrays: Sequence[Array] = [self._tensors[self._names[source]] for source in made.sources]
        for change in made.rule.changes:
            arrays = change.arrays(arrays, made.wanted)
        return arrays[made.place]

    def __contains__(self, key: object) -> bool:
        return key in self._made

    def shape(self, key: str) -> tuple[int, ...]:
        return self._made[key].shape

    def sources(self, key: str) -> list[str]:
        """The tensors of the file that a weight is made of, by their full names."""
        return [self._names[source] for source in self._made[key].sources]

    def kind(self, key: str) -> str:
        return self._tensors.kind(self._names[self._made[key].sources[0]])

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)


@dataclass
class MapRun:
    """A map carried out on the names and shapes of a file."""

    map: WeightMap
    needed: Mapping[str, TensorShape]
    shapes: Mapping[str, TensorShape]
    """Of the tensors, by their names without prefix."""
    takers: dict[str, MapRule] = field(default_factory=dict)
    made: dict[str, MadeWeight] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    """What is wrong with the map, whatever is wanted of it."""
    doubts: list[str] = field(default_factory=list)
    """What does not fit, which a part of the weights may leave out."""
    heads: int = 0
    """How many of these differ in the first axis alone, as a head for other classes does."""

    def run(self) -> None:
        if len(self.map.rules) * len(self.shapes) > MOST_WORK:
            raise WeightsError(
                f"{self.map.name}: its rules are too many for the {len(self.shapes):,} tensors of the file"
            )
        for rule in self.map.rules:
            found = [(key, match) for key in self.shapes if (match := rule.source.match(key)) is not None]
            for key, match in found:
                self._take(rule, key, match)
            if not found and not rule.optional:
                self.doubts.append(self._unmatched(rule))

    def check_copies(self, tensors: StoredTensors, names: Mapping[str, str]) -> None:
        """What is dropped as the copy of another tensor must be one."""
        for key, rule in self.takers.items():
            match = rule.source.match(key) if rule.like is not None else None
            if rule.like is None or match is None:
                continue
            other = rule.like.fill(match)
            if other not in names:
                self.faults.append(f"{self._at(rule)}`{key}` is dropped as `{other}`, which is not there")
            elif self.shapes[key] != self.shapes[other] or not np.array_equal(
                tensors[names[key]], tensors[names[other]]
            ):
                self.faults.append(f"{self._at(rule)}`{key}` is no copy of `{other}`, and the net has no place for it")

    @property
    def left(self) -> list[str]:
        """Tensors that no rule takes."""
        return [key for key in self.shapes if key not in self.takers and not key.endswith(COUNTER)]

    def _unmatched(self, rule: MapRule) -> str:
        first = rule.source.parts[0] if isinstance(rule.source.parts[0], str) else ""
        near = [key for key in self.shapes if key not in self.takers and key[:1] == first[:1]][:COMPARED]
        help = did_you_mean(rule.source.text, near or list(self.shapes)[:COMPARED])
        return f"{self._at(rule)}nothing is called `{rule.source.text}`" + (f": {help}" if help else "")

    def _at(self, rule: MapRule) -> str:
        return f"{self.map.name}, line {rule.line}: "

    def _take(self, rule: MapRule, key: str, match: Captured) -> None:
        """One match of a rule: what it takes, and what that becomes."""
        try:
            sources = (key, *(template.fill(match) for template in rule.further))
            targets = [template.fill(match) for template in rule.targets]
        except PatternError as error:
            self.faults.append(f"{self._at(rule)}{error}")
            return
        for source in sources:
            self._own(rule, source)
        missing = [source for source in sources if source not in self.shapes]
        if missing:
            self.doubts.append(f"{self._at(rule)}with `{key}` goes `{missing[0]}`, which is not there")
        elif targets:
            self._make(rule, sources, targets)

    def _own(self, rule: MapRule, source: str) -> None:
        other = self.takers.setdefault(source, rule)
        if other is not rule:
            self.faults.append(f"{self._at(rule)}`{source}` is taken by line {other.line} already")

    def _make(self, rule: MapRule, sources: tuple[str, ...], targets: list[str]) -> None:
        strange = [target for target in targets if target not in self.needed]
        if strange and not strange[0].endswith(COUNTER):
            help = did_you_mean(strange[0], [k for k in self.needed if k[:1] == strange[0][:1]][:COMPARED])
            what = f"`{sources[0]}` becomes `{strange[0]}`, which the net has not"
            self.doubts.append(f"{self._at(rule)}{what}" + (f": {help}" if help else ""))
        if strange:
            return
        wanted = tuple(self.needed[target] for target in targets)
        shapes: Sequence[TensorShape] = [self.shapes[source] for source in sources]
        try:
            for change in rule.changes:
                shapes = change.shapes(shapes, wanted)
        except (ChangeError, ValueError) as error:
            said = str(error) if isinstance(error, ChangeError) else "it takes one tensor"
            self.doubts.append(f"{self._at(rule)}`{sources[0]}` {list(self.shapes[sources[0]])}: {said}")
            return
        self._place(rule, sources, targets, shapes, wanted)

    def _place(
        self,
        rule: MapRule,
        sources: tuple[str, ...],
        targets: list[str],
        shapes: Sequence[TensorShape],
        wanted: tuple[TensorShape, ...],
    ) -> None:
        if len(shapes) != len(targets):
            self.faults.append(f"{self._at(rule)}{len(shapes)} tensors come out, and {len(targets)} are named")
            return
        for place, (target, shape) in enumerate(zip(targets, shapes, strict=True)):
            if target in self.made:
                other = self.made[target]
                self.faults.append(
                    f"{self._at(rule)}`{sources[0]}` becomes `{target}`, which `{other.sources[0]}` of line "
                    f"{other.rule.line} is already"
                )
            elif shape != wanted[place]:
                self.heads += shape[1:] == wanted[place][1:]
                now = f", which becomes {list(shape)}" * bool(rule.changes)
                own = " and ".join(str(list(self.shapes[source])) for source in sources)
                self.doubts.append(
                    f"{self._at(rule)}`{sources[0]}` is {own}{now}, but `{target}` is {list(wanted[place])}"
                )
            else:
                self.made[target] = MadeWeight(rule, sources, wanted, place, shape)


def mapped(
    tensors: StoredTensors, by: WeightMap, needed: Mapping[str, TensorShape], partial: bool
) -> tuple[Mapped, list[str], list[str]]:
    """The tensors under the names of a net, the names that no rule takes, and what is passed over as it may be a part.

    `WeightsError` tells what is wrong with the map, each with its line.
    """
    names = _unprefixed(tensors, by.prefixes)
    found = MapRun(by, needed, {name: tensors.shape(key) for name, key in names.items()})
    found.run()
    found.check_copies(tensors, names)
    wrong = found.faults if partial else [*found.faults, *found.doubts]
    if wrong:
        more = [f"and {len(wrong) - SHOWN:,} more"] if len(wrong) > SHOWN else []
        more += [LEFT_OUT] * (found.heads == len(found.doubts) and not found.faults)
        raise WeightsError("; ".join([*wrong[:SHOWN], *more]))
    missing = [key for key in needed if key not in found.made and not key.endswith(COUNTER)]
    if not partial and (missing or found.left):
        way = f"; {LEFT_OUT}" if not found.left else ""
        raise WeightsError(f"{by.name} does not say it all: {_rest(missing, found.left)}{way}")
    return Mapped(tensors, found.made, names), found.left, found.doubts


def _rest(missing: Sequence[str], left: Sequence[str]) -> str:
    """What is left over on both sides."""
    lines = [f"nothing becomes {joined([f'`{k}`' for k in missing])}"] if missing else []
    lines += [f"no rule takes {joined([f'`{k}`' for k in left])} (`drop {left[0]}` leaves it out)"] if left else []
    return "; ".join(lines)


def _unprefixed(tensors: StoredTensors, prefixes: Sequence[str]) -> dict[str, str]:
    """The names of a file without what may stand in front of them, each with its full name."""
    found: dict[str, str] = {}
    for key in tensors:
        name = key
        for prefix in prefixes:
            name = name.removeprefix(prefix)
        if name in found:
            raise WeightsError(f"`{found[name]}` and `{key}` are both `{name}` without what stands in front of them")
        found[name] = key
    return found
