"""The front matter of a card: what a model hub reads of a run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from netdsl.graph import Net, Recipe
from netdsl.graph.classes import SCORED
from netdsl.recipe.data.images import Images
from netdsl.recipe.data.tables import HandedData, Table

OTHER = "other"
"""The task of what a hub has no word for."""


@dataclass(frozen=True)
class Score:
    """One number that the weights have scored on a split."""

    split: str
    name: str
    value: float


def front_matter(net: Net, recipe: Recipe, scores: Sequence[Score]) -> str:
    """YAML between lines of dashes. Texts are written as JSON has them, which is YAML too."""
    task = task_of(recipe)
    lines = ["library_name: netdsl", *([f"pipeline_tag: {task}"] if task != OTHER else [])]
    lines += ["tags:", "- netdsl", "- safetensors"]
    metrics = list(dict.fromkeys(score.name for score in scores if score.name != "loss"))
    lines += ["metrics:", *(f"- {quoted(name)}" for name in metrics)] if metrics else []
    lines += ["model-index:", f"- name: {quoted(net.name)}", "  results:" + (" []" if not scores else "")]
    for split in dict.fromkeys(score.split for score in scores):
        lines += _result(recipe, task, split, [score for score in scores if score.split == split])
    return "\n".join(["---", *lines, "---"])


def _result(recipe: Recipe, task: str, split: str, scores: Sequence[Score]) -> Iterator[str]:
    name = str(recipe.data.name) if recipe.data is not None else HandedData.name
    yield from ["  - task:", f"      type: {task}", "    dataset:"]
    yield from [f"      name: {quoted(name)}", f"      type: {quoted(name)}", f"      split: {split}", "    metrics:"]
    for score in scores:
        yield from [f"    - type: {quoted(score.name)}", f"      value: {score.value!r}"]


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=True)


def task_of(recipe: Recipe) -> str:
    """What a hub calls what the net does, as far as its recipe shows it."""
    data = recipe.data
    ops = [node.op for term in (*recipe.losses, *recipe.metrics) for node in term.graph.nodes]
    scored = [op for op in ops if isinstance(op, SCORED)]
    if getattr(data, "main", "") == "tokens":
        return "text-generation"
    if isinstance(data, Images):
        pixels = any(value.type.rank >= 2 for op in scored for value in op.operands() if value.type.dtype.name == "INT")
        return "image-segmentation" if pixels else "image-classification" if scored else OTHER
    if isinstance(data, Table):
        return "tabular-classification" if scored else "tabular-regression"
    return OTHER
