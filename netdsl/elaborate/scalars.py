"""The way out for a loss or metric that is not one real number. Read when a mistake is made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.elaborate.context import Site
from netdsl.elaborate.labels import label_of
from netdsl.ops import REGISTRY
from netdsl.ops.loss import CrossEntropy
from netdsl.text import syntax

KINDS = {DType.INT: "whole numbers", DType.BOOL: "truth values"}


def way_out(site: Site, row: syntax.RecipeRow, found: Sequence[Value]) -> str:
    """Help for a row that gives what was `found`: several arrows, one with axes, or one that holds no real numbers."""
    text = " ".join(re.sub(r"#[^\n]*", "", row.value.span.text).split())
    read = re.findall(r"(?<![\w.])[A-Za-z_]\w*", text)
    pair = _pair(site, read)
    if row.keyword.id == "metric":
        return f"write `metric ({pair}) -> accuracy`" if pair else "end it with what compares: `(…, …) -> accuracy`"
    if len(found) > 1:
        return "add them up, each as one number: `(a -> mean) + (b -> mean)`"
    compared = f"`loss ({pair}) -> cross_entropy`" if pair else "`(logits, label) -> cross_entropy`"
    if found[0].type.dtype is not DType.FLOAT:
        return f"{KINDS[found[0].type.dtype]} have no gradient: end it with a loss, as in {compared}"
    label = f"{row.label.id}: " if row.label else ""
    mean = f"`loss {label}{text} -> mean`"
    if pair and pair.rpartition(", ")[2] not in read and _is_answer(row.value):
        return f"end it with a loss, as in {compared}; where it is to be small itself, write {mean}"
    stages = row.value.stages
    joined = len(stages) == 1 and isinstance(stages[0], syntax.Binary) and stages[0].operator in "+-"
    return f"write {mean}" + ("" if joined else "; `sum` in place of `mean` adds up")


def _is_answer(value: syntax.Pipeline) -> bool:
    """Whether a row gives an output as it is, or behind layers: `logits`, `logits -> softmax`."""
    layers = (s.function if isinstance(s, syntax.Call) else s for s in value.stages[1:])
    known = all(isinstance(layer, syntax.Name) and layer.id in REGISTRY for layer in layers)
    return isinstance(value.stages[0], syntax.Name) and known


def _pair(site: Site, read: Iterable[str]) -> str:
    """Scores that are read with a label that suits them, as "logits, label"; "" where there are no two such."""
    types = _types(site)
    for name in read:
        wanted = label_of(CrossEntropy, types[name]) if name in types and types[name].shape not in ((), (1,)) else None
        label = next((n for n, type in types.items() if type == wanted), None) if wanted else None
        if types.get(name) is not None and types[name].dtype is DType.FLOAT and label is not None:
            return f"{name}, {label}"
    return ""


def _types(site: Site) -> dict[str, TensorType]:
    return {n: b.value.type for n, b in site.scope.names.items() if isinstance(b.value, Value)}
