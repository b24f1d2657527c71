"""PyTorch as a target: source that a person can read. Light, so that a command line may ask for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from netdsl.codegen.target import Rules, Target
from netdsl.graph import Net, Recipe


def _rules() -> Rules:
    import netdsl.codegen.pytorch.rules  # noqa: F401  (fills the table)
    from netdsl.codegen.pytorch.spelling import rules

    return rules


def _emit(net: Net, options: Mapping[str, Any]) -> str:
    from netdsl.codegen.pytorch.source import torch_source

    return torch_source(net)


def _notes(net: Net) -> list[str]:
    """Which settings the recipe's row `checkpoint` takes from the class, at its place."""
    import netdsl.codegen.python.source as python
    from netdsl.codegen.pytorch.dialect import DIALECT

    words = python.numbered_by_reruns(net, DIALECT)
    if net.recipe is None or not words:
        return []
    told = ", ".join(f"`{word}` = {net.settings[word]}" for word in words)
    stand, them = ("stands", "it numbers") if len(words) == 1 else ("stand", "they number")
    return [f"{_place(net.recipe)}{told} {stand} fixed in the class, for {them} the blocks that run again by name"]


def _place(recipe: Recipe) -> str:
    """`x.net:12: ` of the row that asks for blocks to run again; nothing where it is not in the text."""
    source, span = recipe.span.source, recipe.span
    row = re.search(r"^[ \t]*checkpoint\b", source.text[span.start : span.end], re.MULTILINE)
    given = recipe.made or "checkpoint" in recipe.given
    return "--checkpoint: " if row is None or given else f"{source.name}:{source.position(span.start + row.end())[0]}: "


PYTORCH = Target(
    name="pytorch", title="PyTorch", makes="PyTorch source", ending=".py", rules=_rules, emit=_emit, notes=_notes
)
