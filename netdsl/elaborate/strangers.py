"""Names in a loss or metric that mean nothing: the way out. Read when a mistake is made."""

from __future__ import annotations

from collections.abc import Sequence

from netdsl.dims.tensors import Value
from netdsl.elaborate.context import Site
from netdsl.elaborate.lookup import find_layer, unknown_layer, unknown_name
from netdsl.elaborate.values import OpLayer
from netdsl.graph import Net
from netdsl.ops.loss import Loss
from netdsl.ops.measure import Measure
from netdsl.text import syntax


def refuse_unknown_layer(site: Site, row: syntax.RecipeRow) -> None:
    """`(y, label) -> mes`: as long as the layer means nothing, nobody can tell what `label` is."""
    for stage in row.value.stages[1:]:
        word = stage.function if isinstance(stage, syntax.Call) else stage
        if not isinstance(word, syntax.Name) or site.scope.find(word.id) or find_layer(site, word):
            continue
        if stage is word:
            unknown_name(site, word)
        assert not isinstance(stage, syntax.Claim)
        unknown_layer(site, stage, word.id, stage.span.text)


def among_outputs(site: Site, net: Net, row: syntax.RecipeRow, name: syntax.Name) -> str | None:
    """Help for the first of a pair, which nothing explains and which stands in the place of an output."""
    first, *rest = row.value.stages
    items = first.items if isinstance(first, syntax.TupleOf) else ()
    if len(items) != 2 or not rest or items[0] is not name or not isinstance(items[1], syntax.Name):
        return None
    outputs = [o.name for o in net.main_answers or net.answers]
    call = "".join(f" -> {stage.span.text}" for stage in rest)
    other = items[1].id
    if other in outputs:
        return f"the output stands first: write `({other}, {name.id}){call}`" if _compares(site, rest) else None
    if _is_value(site, other) or not outputs:
        return None
    if len(outputs) == 1:
        return f"the output of the net is `{outputs[0]}`: write `({outputs[0]}, {other}){call}`"
    return f"outputs of the net are {', '.join(f'`{n}`' for n in outputs)}"


def _compares(site: Site, stages: Sequence[syntax.Expr | syntax.Claim]) -> bool:
    """Whether the first of some stages is a loss or metric that is not the author's own."""
    word = stages[0].function if isinstance(stages[0], syntax.Call) else stages[0]
    layer = find_layer(site, word) if isinstance(word, syntax.Name) else None
    return isinstance(layer, OpLayer) and issubclass(layer.op, Loss | Measure)


def _is_value(site: Site, name: str) -> bool:
    found = site.scope.find(name)
    return found is not None and isinstance(found.value, Value)
