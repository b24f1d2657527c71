"""A checkpoint read again: whole, of this net, with the optimizer's memory where it still has a meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from netdsl.base.errors import RunError
from netdsl.graph import Net, Part
from netdsl.ops.base import RuleError
from netdsl.ops.declared import Declared
from netdsl.ops.fields import FieldError
from netdsl.recipe import AUGMENT, DATA, OPTIMIZERS, SCHEDULES, SETTINGS, Optimizer
from netdsl.recipe.data.tables import HandedData
from netdsl.runtime.runs import kinds
from netdsl.runtime.runs.history import row_kind
from netdsl.runtime.runs.recipes import recipe_kind, restore, restore_safely, setting_words, written
from netdsl.runtime.runs.tensorfile import (
    NamedArrays,
    facts_of,
    load_arrays,
    remembered,
    require_finite,
    save_arrays,
    under,
)
from netdsl.runtime.scoring.totals import RunningTotals

FORMAT = 2

_facts = kinds.fields(
    net=kinds.text,
    epoch=kinds.whole(0),
    step=kinds.whole(0),
    batch=kinds.whole(1),
    seconds=kinds.duration,
    history=kinds.listed(row_kind),
    scaler=kinds.optional(kinds.mapped(kinds.number)),
    recipe=recipe_kind,
    samples=kinds.mapped(kinds.whole(0)),
    tensors=kinds.listed(kinds.text),
)


@dataclass
class Saved:
    """Tensors and facts of a checkpoint, each of the kind it has to be."""

    path: Path
    tensors: NamedArrays
    facts: dict[str, Any]

    @property
    def makers(self) -> list[tuple[frozenset[str] | None, Optimizer]]:
        """The optimizers that made the memory, each with the keys of the weights that it moved (None: all)."""
        recipe = self.facts["recipe"]
        parts = recipe.get("parts") or [{**recipe, "moves": None}]
        found = ((p["moves"], restore_safely(OPTIMIZERS, p["optimizer"], str(self.path))) for p in parts)
        return [(None if moves is None else frozenset(moves), optimizer) for moves, optimizer in found]

    def totals(self, rank: int) -> RunningTotals:
        """What the epoch under way has added up to."""
        try:
            return RunningTotals.from_arrays(under(self.tensors, f"totals/{rank}/"))
        except (ValueError, TypeError, IndexError):
            raise RunError(f"{self.path}: the sums of its epoch cannot be read") from None


def save(path: Path, tensors: NamedArrays, facts: Mapping[str, object]) -> None:
    """Replace a checkpoint; it lists its own tensors, so that none can be lost."""
    save_arrays(path, tensors, {"format": FORMAT, **facts, "tensors": sorted(tensors)})


def read_saved(path: Path, net: Net) -> Saved:
    """A checkpoint of a net; `RunError` says what is wrong with it."""
    tensors, facts = load_arrays(path, net)
    if not isinstance(facts, dict) or "format" not in facts:
        raise RunError(f"{path} is no checkpoint: it says nothing of a run")
    if facts["format"] != FORMAT:
        raise RunError(f"{path} was made by another version of netdsl: begin anew with --overwrite")
    said = _facts(facts, "")
    if said:
        raise RunError(f"{path} is damaged: {said}")
    lost = sorted(set(facts["tensors"]) ^ tensors.keys())
    if lost:
        raise RunError(
            f"{path} is damaged: the tensor `{lost[0]}` " + ("is lost" if lost[0] not in tensors else "is new")
        )
    if facts["net"] != net.name:
        raise RunError(f"{path} is of a net called {facts['net']}, not {net.name}")
    if len(facts["history"]) != facts["epoch"]:
        raise RunError(f"{path} is damaged: {facts['epoch']} epochs, but {len(facts['history'])} in its history")
    for part in ("model/", "average/"):
        require_finite(under(tensors, part), path)
    shapes = {key: weight.shape for key, weight in net.weights() if not weight.buffer}
    other = next((k for k, v in under(tensors, "average/").items() if k not in shapes or v.shape != shapes[k]), None)
    if other is not None:
        raise RunError(f"{path} is damaged: its average of `{other}` is of no weight of the net")
    return Saved(path, tensors, facts)


def require_same(kept: Net, net: Net, folder: Path) -> None:
    """Refuse to go on with another network, or with other losses and metrics: what is kept would mean nothing."""
    before, after = (lines_of(n) for n in (kept, net))
    if before != after:
        pairs = zip_longest(before, after, fillvalue="nothing")
        was, now = next((a.strip(), b.strip()) for a, b in pairs if a != b)
        other = str(kept) != str(net)
        those = "this is not the net" if other else "these are not the losses, metrics and parts"
        raise RunError(
            f"{those} of {folder}, which has `{was}` where there is `{now}` now: go on with its own text "
            f"(netdsl train {folder} --resume), or begin anew in another folder"
        )


def lines_of(net: Net) -> list[str]:
    """A network with its losses and metrics, and what each part of its recipe moves, line by line."""
    recipe = net.recipe
    terms = [] if recipe is None else [*recipe.losses, *recipe.metrics]
    parts = [] if recipe is None else [f"part {p.name} moves {', '.join(sorted(p.moves or ()))}" for p in recipe.parts]
    return [line for graph in (net, *(t.graph for t in terms)) for line in str(graph).splitlines()] + parts


def with_memory(saved: Saved, parts: Sequence[Part], net: Net) -> tuple[NamedArrays, str | None]:
    """The tensors to go on with, and a note where optimizers have to start without memory."""
    if [moves for moves, _ in saved.makers] != [part.moves for part in parts]:
        raise RunError(f"{saved.path} is damaged: the parts of its recipe are not those of the text")
    left, lost, gone = under(saved.tensors, "optimizer/"), set[str](), list[Optimizer]()
    for (moves, before), part in zip(saved.makers, parts, strict=True):
        own = remembered(left, moves)
        _check_memory(saved, before, own, net)
        left = {k: v for k, v in left.items() if k not in own}
        if own and before.slots() != part.optimizer.slots():
            lost.update(f"optimizer/{key}" for key in own)
            gone.append(before)
    for key in left:
        raise RunError(f"{saved.path} is damaged: it remembers `{key.rpartition('/')[0]}`, which no part moves")
    note = f"the optimizer starts without memory: that of the checkpoint is of {', '.join(map(written, gone))}"
    return {k: v for k, v in saved.tensors.items() if k not in lost}, note if gone else None


def _check_memory(saved: Saved, optimizer: Optimizer, memory: Mapping[str, np.ndarray[Any, Any]], net: Net) -> None:
    """Every weight that has a memory must have all of it, in its shape."""
    shapes = {key: weight.shape for key, weight in net.weights()}
    found: dict[str, set[str]] = {}
    for key, value in memory.items():
        name, _, slot = key.rpartition("/")
        if name not in shapes:
            raise RunError(f"{saved.path} remembers a weight `{name}` that the net has not")
        if slot not in optimizer.slots() or value.shape != (() if slot == "step" else shapes[name]):
            raise RunError(f"{saved.path} is damaged: its memory `{key}` is not one of {written(optimizer)}")
        found.setdefault(name, set()).add(slot)
    partial = next((name for name, slots in found.items() if slots != optimizer.slots()), None)
    begun = saved.facts["epoch"] or saved.facts["step"]
    if partial or (begun and optimizer.slots() and not found):
        raise RunError(
            f"{saved.path} is damaged: the memory of {written(optimizer)} is lost"
            + (f" of `{partial}`" * bool(partial))
        )


def changes(
    before: Mapping[str, Any], after: Mapping[str, Any], had: Mapping[str, int], has: Mapping[str, int]
) -> list[str]:
    """The rows of two recipes that differ, and the splits whose samples are others in number, in words."""
    tables: dict[str, Mapping[str, type[Declared]]] = {"data": DATA, "optimizer": OPTIMIZERS, "schedule": SCHEDULES}
    pairs = [(row, *(_declared(table, recipe[row]) for recipe in (before, after))) for row, table in tables.items()]
    pairs.insert(1, ("augment", *(_stages(recipe.get("augment", ())) for recipe in (before, after))))
    for was, now in zip(before.get("parts", ()), after.get("parts", ()), strict=False):
        for row in ("optimizer", "schedule"):
            pairs.append((f"{now['name']}: {row}", *(_declared(tables[row], part[row]) for part in (was, now))))
        pairs.append((f"{now['name']}: clip", *(setting_words(part["clip"]) for part in (was, now))))
    pairs.insert(0, ("recipe", *(recipe.get("name") or "without a name" for recipe in (before, after))))
    pairs += [
        (row, *(setting_words(recipe["settings"].get(row, SETTINGS[row].default)) for recipe in (before, after)))
        for row in SETTINGS
    ]
    pairs += [(f"samples for {split}", str(had.get(split, 0)), str(has[split])) for split in has]
    return [f"{row} {was} → {now}" for row, was, now in pairs if was != now]


def other_meaning(weights: Path, facts: Mapping[str, Any]) -> str:
    """Which number of a class or a token no longer means what it meant when a run kept its weights; else nothing.

    Weights that are not there yet, or cannot be read, say nothing.
    """
    try:
        before = meanings(facts_of(weights))
    except (RunError, AttributeError, KeyError, TypeError):
        return ""
    now = meanings(facts)
    pairs = ((name, was, now[name]) for name, was in before.items() if name in now)
    for name, was, own in pairs:
        number = next((i for i, (a, b) in enumerate(zip_longest(was, own)) if a != b), None)
        if number is not None and was and own:
            said = [f"`{names[number]}`" if number < len(names) else "nothing" for names in (was, own)]
            return f"number {number} of its {name} was {said[0]}, and is {said[1]}"
    return ""


def meanings(facts: Mapping[str, Any]) -> dict[str, list[str]]:
    """What the numbers of classes and tokens stand for, by what facts of weights call them."""
    found = {"classes": list(facts.get("classes") or ())}
    found |= {f"column `{name}`": list(one["classes"]) for name, one in (facts.get("table") or {}).items()}
    return found | {f"tokens `{name}`": list(one["tokens"]) for name, one in (facts.get("words") or {}).items()}


def _declared(table: Mapping[str, type[Declared]], stored: Mapping[str, object] | None) -> str:
    """As an author would write it; that of a version which declared other things as it is stored."""
    if stored is None:
        return HandedData.name
    try:
        return written(restore(table, stored))
    except (RuleError, FieldError):
        return str(dict(stored))


def _stages(stored: Sequence[Mapping[str, object]]) -> str:
    return " -> ".join(_declared(AUGMENT, stage) for stage in stored) or "none"
