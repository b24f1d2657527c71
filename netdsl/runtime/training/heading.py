"""What the head of a run says of how it is steered."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from netdsl.graph import TERMS, Net
from netdsl.ops.normalize import Batchnorm
from netdsl.ops.value import AllSamples
from netdsl.recipe import SETTINGS
from netdsl.recipe.data.tables import HandedData
from netdsl.runtime.runs.recipes import Plan, pipeline, setting_words, written

SAID = ("freeze", "rate", "decay", "ema", "patience", "checkpoint")
"""Rows that are said where they stand."""
SHOWN = ("epochs", "batch")
"""Rows of a recipe of options that are said whatever they are."""


def trained_words(net: Net, plan: Plan) -> str:
    """How many numbers are trained, and how many of them later than others."""
    moved = {k for turn in plan.turns for k in (dict(net.weights()) if turn.moves is None else turn.moves)}
    own = {k: w.elements for k, w in net.weights() if w.trainable and not w.buffer and k in moved}
    starts = {key: plan.steering.thaws(key) for key in own}
    words = [f"{sum(own[k] for k, start in starts.items() if start is not None):,} trained weights"]
    for stage in plan.steering.stages[1:]:
        words.append(f"{sum(own[k] for k, start in starts.items() if start == stage):,} of them from epoch {stage + 1}")
    return ", ".join(words)


def made_words(net: Net, plan: Plan) -> Iterator[str]:
    """The section that a recipe of options comes to, as it would stand in the text, with what they left unsaid."""
    recipe = net.recipe
    if recipe is None or not recipe.made:
        return
    rows = {"data": [] if isinstance(plan.data, HandedData) else [written(plan.data)]}
    rows |= {"augment": [pipeline(plan.augment)] if plan.augment else []}
    rows |= {term: recipe.given.get(term, []) for term in TERMS}
    rows |= {"optimizer": [written(plan.optimizer)], "schedule": [written(plan.schedule)]}
    plain = {name: value for name, value in plan.settings.items() if name in SHOWN or value != SETTINGS[name].default}
    rows |= {name: [setting_words(value)] for name, value in plain.items()}
    width = max(len(name) for name, said in rows.items() if said)
    yield "its text has no `train` section; by the options, and by what holds where they say nothing, it is"
    yield f"train {net.name} {{"
    yield from (f"  {name:{width}} {text}" for name, said in rows.items() for text in said)
    yield "}"


def steering_words(plan: Plan) -> Iterator[str]:
    """The rows that say how training is steered, in one line."""
    said = {name: plan.settings[name] for name in SAID}
    rows = [f"{name} {setting_words(value)}" for name, value in said.items() if value not in (None, ())]
    if rows:
        yield "; ".join(rows)


def rerun_words(plan: Plan, libraries: Collection[str]) -> Iterator[str]:
    """What a run without PyTorch does with `checkpoint`."""
    if plan.checkpoint and "torch" not in libraries:
        yield "`checkpoint` is of the engine torch: onnxruntime keeps what it keeps, and the numbers are the same"


def sharing_words(net: Net, plan: Plan, world: int) -> Iterator[str]:
    """What several processes that share a batch compute otherwise than one."""
    if world == 1:
        return
    norms = [path for path, node in net.walk() if isinstance(node.op, Batchnorm) and not node.frozen]
    seeing = [term.name for term in plan.losses if any(isinstance(node.op, AllSamples) for node in term.graph.nodes)]
    found = [f"`{norms[0]}` normalises"] if norms else []
    found += [f"the loss {seeing[0]} sees"] if seeing else []
    if found:
        yield f"{' and '.join(found)} what one process has of a batch: the numbers are not those of one process"
