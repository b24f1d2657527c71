"""Losses and metrics of a recipe: each a small graph that reads outputs of the net and fields of the data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import netdsl.elaborate.core as core
import netdsl.elaborate.labels as labels
import netdsl.elaborate.nodes as nodes
import netdsl.elaborate.phases as phases
from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.elaborate.context import Site
from netdsl.elaborate.expectations import warn_of_activations
from netdsl.elaborate.lookup import find_layer
from netdsl.elaborate.scope import Build, NodeNames
from netdsl.elaborate.values import arrows
from netdsl.graph import Divisor, Graph, Net, Output, Recipe, RecipeTerm, divisors_of, restrict
from netdsl.graph.clock import CLOCK, TICK
from netdsl.ops import REGISTRY
from netdsl.ops.base import Op, RuleError
from netdsl.ops.loss import ClassLoss, Loss, PairLoss
from netdsl.ops.metric import Metric
from netdsl.text import syntax
from netdsl.text.diagnostics import Label, did_you_mean
from netdsl.text.source import Span

if TYPE_CHECKING:
    from netdsl.recipe import Data

UNTYPED = "add a row such as `data digits`, or a block that declares it: `input {} int[]`"
DECLARED = "a block in the loss says what it is: `input {} []`"


def fields_of(
    site: Site, net: Net, recipe: Recipe, rows: Iterable[syntax.RecipeRow], place: Span
) -> dict[str, TensorType]:  # fmt: skip
    """The fields of a sample, given the net's inputs: without data these alone, and what losses say of others."""
    if recipe.data is None:
        return {v.name: v.type for v in net.fed}
    span = next((r.value.span for r in rows if r.keyword.id == "data"), place)
    try:
        return recipe.data.sample({v.name: v.type for v in net.fed})
    except RuleError as error:
        site.error(error.code, str(error), span, help=error.help)


def term_row(site: Site, net: Net, recipe: Recipe, fields: dict[str, TensorType], row: syntax.RecipeRow) -> None:
    """Add a loss or a metric to a recipe; `fields` learns what it says of names that nothing else explains."""
    graph = Graph(row.keyword.id)
    inner = site.inner()
    available = _bind_values(inner, net, fields, row)
    if recipe.data is None or recipe.data.open:
        new = labels.inferred(inner, row)
        fields.update((name, type) for name, type in new.items() if name not in rows_of(net))
        inner = site.inner()
        available = _bind_values(inner, net, fields, row)
    build = Build(graph, NodeNames(), inner.scope, row.keyword.id)
    graph.inputs.extend(available.values())
    site.context.builds.append(build)
    try:
        result = _scalar(inner, _term_value(inner, net, fields, row, recipe.data), row)
        name = row.label.id if row.label else labels.term_name(graph, result)
        if not graph.nodes and row.keyword.id == "loss":  # an output that is a loss by itself
            result = nodes.operate(site, "identity", (result,), row.value.span)
        for node in build.fresh:
            node.name = build.names.number(node.name)
    finally:
        site.context.builds.pop()
    read = {v for n in graph.nodes for v in n.inputs}
    graph.inputs = [v for v in graph.inputs if v in read]
    graph.outputs.append(Output("value", result, False, row.span))
    terms = recipe.losses if row.keyword.id == "loss" else recipe.metrics
    if any(t.name == name for t in terms):
        name = f"{name}{len(terms) + 1}"
    phases.refuse_in_term(site, graph)
    _check_term(site, net, graph, row)
    term = RecipeTerm(name, graph, row.span)
    if row.keyword.id == "loss":
        _check_divisors(site, net, term, row)
    terms.append(term)


def _bind_values(site: Site, net: Net, fields: Mapping[str, TensorType], row: syntax.RecipeRow) -> dict[str, Value]:
    """Outputs of the net and fields of the data, by name; an output wins over an input of the same name."""
    types = {**fields, **{o.name: o.value.type for o in net.answers}}
    if row.keyword.id == "loss":
        types.update((n, TICK) for n in CLOCK if n not in types and n not in rows_of(net) and not site.scope.find(n))
    values = {name: Value(name, type) for name, type in types.items()}
    places = {o.name: o.span for o in net.answers}
    for name, value in values.items():
        site.scope.bind(name, value, row.span)
        if name in places:
            site.errors.origins[value] = places[name]
    return values


def _term_value(
    site: Site, net: Net, fields: Mapping[str, TensorType], row: syntax.RecipeRow, data: Data | None
) -> Any:  # fmt: skip
    own, known = rows_of(net), data is not None and not data.open
    _refuse_decay(site, row)
    for name in _free_names(row.value):
        _refuse_state(site, net, name)
        if not site.scope.find(name.id) and name.id in own:
            message = f"`{name.id}` is a row of `{net.name}`, but not an output"
            site.error("not-an-output", message, name.span, help=f"add `output {name.id}` to the net")
        if not site.scope.find(name.id) and find_layer(site, name) is None:
            import netdsl.elaborate.strangers as strangers  # late: right texts need none

            strangers.refuse_unknown_layer(site, row)
            _check_given(site, net, fields, row, known)
            names = [*fields, *(o.name for o in net.answers)]
            help = (
                _no_loss(name.id)
                or _clock(name.id)
                or did_you_mean(name.id, [*names, *_layers(row)])
                or f"there are {', '.join(names)}"
            )
            message = f"neither the net nor its data has `{name.id}`"
            if not known:
                none = "there is no `data`, " if data is None else ""
                message = f"the net has no `{name.id}`, {none}and no loss says what `{name.id}` is"
                way = UNTYPED if data is None else DECLARED
                meant = strangers.among_outputs(site, net, row, name)
                help = _no_loss(name.id) or did_you_mean(name.id, names) or meant or way.format(name.id)
            site.error("unknown-name", message, name.span, help=help)
    _check_given(site, net, fields, row, known)
    return core.start(site, row.value)


def _refuse_state(site: Site, net: Net, name: syntax.Name) -> None:
    """A state goes to the next call: a loss or metric reads what the net answers."""
    state = next((s for s in net.states if name.id in (s.name, s.output)), None)
    if state is not None and all(o.name != name.id for o in net.answers):
        message = f"`{name.id}` goes from call to call, and is no output that a row of the recipe could read"
        help = f"add an output to the net, below its `next {state.name}`: `output kept: {state.name} -> identity`"
        site.error("not-an-output", message, name.span, help=help)


def _clock(word: str) -> str | None:
    """Help for `epoch` in a metric."""
    return "the weight of a `loss` may follow it; a metric is the same in every epoch" if word in CLOCK else None


def _layers(row: syntax.RecipeRow) -> list[str]:
    """What a row that is one word could be meant to be."""
    return [n for n, op in REGISTRY.items() if issubclass(op, Loss | Metric)] if len(row.value.stages) == 1 else []


def _no_loss(word: str) -> str | None:
    """Help for `loss focal`, a loss of the library, or one that is not there yet."""
    from netdsl.text import foreign  # late: right texts need none

    return foreign.loss(word) if foreign.no_loss(word) else foreign.shipped_loss(word)


def _refuse_decay(site: Site, row: syntax.RecipeRow) -> None:
    """`… + 0.01 * l2`: the size of the weights is no part of a loss here."""
    for name in _operands(row.value):
        if not name.id.isidentifier() or site.scope.find(name.id):
            continue
        from netdsl.text import foreign  # late: right texts need none

        if foreign.decays(name.id):
            help = (
                "weights are kept small by `weight_decay=` of the optimizer, as in `optimizer adam(weight_decay=1e-4)`"
            )
            site.error(
                "unknown-name", f"`{name.id}` is no part of a loss", name.span, help=f"{help}: leave it out here"
            )


def _operands(expr: Any) -> list[syntax.Name]:
    """Names, or those of calls, that stand beside a sign of arithmetic."""
    if isinstance(expr, syntax.Pipeline):
        return [n for stage in expr.stages for n in _operands(stage)]
    if not isinstance(expr, syntax.Binary):
        return []
    sides = [s.function if isinstance(s, syntax.Call) else s for s in (expr.left, expr.right)]
    return [s for s in sides if isinstance(s, syntax.Name)] + _operands(expr.left) + _operands(expr.right)


def _refuse_headless(site: Site, row: syntax.RecipeRow, pair: tuple[str, str], data: bool) -> None:
    """`loss cross_entropy`, `loss CrossEntropyLoss`; a name that is no loss anywhere is another mistake."""
    import netdsl.elaborate.terms as terms  # late: right texts need none
    from netdsl.elaborate.single_rows import bare

    first = row.value.stages[0]
    function = first.function if isinstance(first, syntax.Call) else first
    word = bare(function.span.text)
    arrows, text = terms.apart(first.span.text)
    other, said = terms.read(text)
    if other is None and not said and not find_layer(site, syntax.Name(first.span, word)):
        return
    named = [a.span.text for a in first.arguments if a.name] if isinstance(first, syntax.Call) else []
    call = other or word + (f"({', '.join(named)})" if named else "")
    message = f"a {row.keyword.id} says what goes into it, as a row of a net does"
    op = REGISTRY.get(call.partition("(")[0])
    same = op is not None and issubclass(op, PairLoss)
    more = "" if data else f", and add a row{'' if same else ' such as'} `data {'…' if same else 'digits'}`"
    arrows = arrows or f"({', '.join(pair)})"
    help = f"{terms.row(row.keyword.id, text, arrows) or f'write `{row.keyword.id} {arrows} -> {call}`'}{more}"
    if same and data and row.keyword.id == "loss" and not terms.apart(first.span.text)[0]:
        help = _alike(site, row.keyword.id, pair[0], call)
    site.error("nothing-before", message, row.value.span, help=help)


def _alike(site: Site, keyword: str, output: str, call: str) -> str:
    """Which arrow of its own shape an output may be held against."""
    types = {n: b.value.type for n, b in site.scope.names.items() if isinstance(b.value, Value)}
    other = next((n for n, type in types.items() if n != output and type == types.get(output)), None)
    if other is not None:
        return f"write `{keyword} ({output}, {other}) -> {call}`"
    return f"say which two arrows of one shape it compares, in front of an arrow: `(…, …) -> {call}`"


def _check_given(
    site: Site, net: Net, fields: Mapping[str, TensorType], row: syntax.RecipeRow, data: bool
) -> None:  # fmt: skip
    """`loss cross_entropy` says nothing of what goes in; `(label, logits) -> cross_entropy` says it in turn."""
    stages = row.value.stages
    first, last = stages[0], stages[-1]
    outputs = [o.name for o in net.main_answers or net.answers]
    labels = [n for n in fields if n not in {v.name for v in net.fed}] or (list(fields) if data else ["label"])
    function = first.function if isinstance(first, syntax.Call) else first
    if outputs and labels and _words(site, function):
        _refuse_headless(site, row, (outputs[0], labels[0]), data)
    _check_pair(site, row, outputs, labels)
    _check_sum(site, row)
    if isinstance(first, syntax.TupleOf) and len(first.items) == 2 and not isinstance(last, syntax.Claim):
        names = [i.id if isinstance(i, syntax.Name) else "" for i in first.items]
        types = [b.value.type for n in names if (b := site.scope.find(n)) and isinstance(b.value, Value)]
        swapped = len(types) == 2 and types[0].dtype is DType.INT and types[1].dtype is DType.FLOAT
        if swapped and names[0] in labels and names[1] in outputs:
            message = f"`{last.span.text}` takes the scores first, then the label"
            rest = "".join(f" -> {s.span.text}" for s in stages[1:])
            site.error("wrong-inputs", message, first.span, help=f"write `({names[1]}, {names[0]}){rest}`")


def _check_pair(site: Site, row: syntax.RecipeRow, outputs: Sequence[str], labels: Sequence[str]) -> None:
    """`loss logits -> cross_entropy`: what it is held against is missing."""
    first, last = row.value.stages[0], row.value.stages[-1]
    word = last.function if isinstance(last, syntax.Call) else last
    op = REGISTRY.get(word.id) if isinstance(word, syntax.Name) else None
    alone = len(row.value.stages) == 2 and isinstance(first, syntax.Name) and first.id in outputs and labels
    if alone and op is not None and issubclass(op, ClassLoss | PairLoss | Metric):
        call, head = last.span.text, f"{row.keyword.id} {f'{row.label.id}: ' if row.label else ''}"
        help = f"write `{head}({first.span.text}, {labels[0]}) -> {call}`"
        if issubclass(op, PairLoss):
            help = _alike(site, row.keyword.id, first.span.text, call)
        site.error("wrong-inputs", f"`{op.name}` takes 2 arrows, but 1 comes in", last.span, help=help)


def _check_sum(site: Site, row: syntax.RecipeRow) -> None:
    """`loss (a, b) -> cross_entropy + 0.1 * (c, d) -> mse`: losses add up by rows."""
    for place, stage in enumerate(row.value.stages[1:], 1):
        word = stage.left if isinstance(stage, syntax.Binary) and stage.operator == "+" else None
        word = word.function if isinstance(word, syntax.Call) else word
        if isinstance(word, syntax.Name) and word.id in REGISTRY and issubclass(REGISTRY[word.id], Loss):
            assert isinstance(stage, syntax.Binary)
            source, start = row.span.source, row.value.stages[0].span.start
            one = source.text[start : stage.left.span.end]
            other = source.text[stage.right.span.start : row.value.span.end]
            weight, _, rest = other.rpartition("* ") if place < len(row.value.stages) - 1 else ("", "", other)
            if "->" not in rest:
                rest = source.text[start : row.value.stages[place - 1].span.end] + f" -> {rest}"
            other = f"{weight.strip()} * ({rest})" if weight.strip() else rest
            help = f"losses add up, each in a row of its own: `{row.keyword.id} {one}` and `{row.keyword.id} {other}`"
            message = "`+` stands between two layers here, not between what they give"
            site.error("wrong-kind", message, stage.operator_span, help=help)


def _words(site: Site, expr: Any) -> bool:
    """Whether an expression can name a loss, with dots or in quotes as other programs write it too."""
    if isinstance(expr, syntax.Name):
        return site.scope.find(expr.id) is None
    return isinstance(expr, syntax.Attribute) or (isinstance(expr, syntax.Literal) and isinstance(expr.value, str))


@lru_cache(maxsize=1)
def rows_of(net: Net) -> frozenset[str]:
    """The names of its rows."""
    return frozenset({node.name for node in net.nodes} | {v.name for node in net.nodes for v in node.results})


def _free_names(expr: Any) -> list[syntax.Name]:
    """Names that stand for arrows at the head of a pipeline."""
    if isinstance(expr, syntax.Name):
        return [expr]
    if isinstance(expr, syntax.Pipeline):
        return _free_names(expr.stages[0])
    if isinstance(expr, syntax.TupleOf):
        return [n for item in expr.items for n in _free_names(item)]
    if isinstance(expr, syntax.Spread):
        return _free_names(expr.value)
    if isinstance(expr, syntax.Binary):
        return _free_names(expr.left) + _free_names(expr.right)
    return []


def _scalar(site: Site, value: Any, row: syntax.RecipeRow) -> Value:
    """The one real number that a row gives."""
    flat = arrows(value)
    one = len(flat) == 1 and flat[0].type.shape == ()
    if not one or flat[0].type.dtype is not DType.FLOAT:
        import netdsl.elaborate.scalars as scalars  # late: right texts need none

        shown = str(flat[0].type) if len(flat) == 1 else f"{len(flat)} arrows"
        message = f"a {row.keyword.id} is {'a real' if one else 'one'} number, but this is {shown}"
        site.error("not-a-scalar", message, row.value.span, help=scalars.way_out(site, row, flat))
    return flat[0]


def _check_term(site: Site, net: Net, graph: Graph, row: syntax.RecipeRow) -> None:
    from netdsl.ops.measure import Measure
    from netdsl.ops.metric import Metric

    last = graph.nodes[-1].op if graph.nodes else None
    if row.keyword.id == "metric" and not isinstance(last, Measure):
        what = last.name if last else row.value.span.text
        site.error("not-a-metric", f"`{what}` is not a metric", row.value.span, help=_metric_for(what))
    for node in graph.nodes:
        if isinstance(node.op, Metric) and row.keyword.id == "loss":
            message = f"`{node.op.name}` is a metric: it has no gradient, so nothing can learn from it"
            help = f"train on a loss such as `{LOSS_OF.get(node.op.name, 'cross_entropy')}`"
            site.error("not-a-loss", message, row.value.span, help=help)
    if row.keyword.id == "loss":
        warn_of_activations(site, net, graph, row.value.span)
    _check_learning(site, net, graph, row)


LOSS_OF = {"mae": "l1", "rmse": "mse", "r2": "mse"}
"""By metric of numbers: the loss that makes it better."""


def _metric_for(what: str) -> str | None:
    """Help for a row that ends in no metric."""
    import netdsl.elaborate.terms as terms  # late: right texts need none

    if what == "l1":
        return "the mean of absolute differences is measured by `mae`"
    if what in ("cross_entropy", "nll"):
        return "`perplexity` is measured from scores, the exponential of their mean `cross_entropy`"
    return terms.listed("metric")


def _check_learning(site: Site, net: Net, graph: Graph, row: syntax.RecipeRow) -> None:
    """A row computes with what the net gives: it owns no weights, and a loss depends on some of the net's."""
    kind = row.keyword.id
    owner = next((node for _, node in graph.walk() if isinstance(node.op, Op) and any(node.op.weights())), None)
    if owner is not None:
        what = f"`{owner.kind}` has weights" if owner.kind != "free_param" else "a `param` is a weight"
        message = f"{what}, but those of a `{kind}` row would never be trained or kept"
        help = "put it into the net, behind an `output` (one marked `aux` exists in training only)"
        site.error("weights-in-loss", message, row.value.span, Label(owner.span, "here"), help=help)
    outputs = {o.name for o in net.answers}
    if kind == "loss" and not outputs & {value.name for value in graph.inputs}:
        message = f"this `loss` reads no output of `{net.name}`, so there is nothing that it could train"
        site.error("nothing-to-learn", message, row.value.span, help=f"its outputs are {', '.join(outputs)}")


def check_classes(site: Site, net: Net, recipe: Recipe, data: Span | None) -> None:
    """Say once which scores are too few for the classes that the data is known to have."""
    from netdsl.graph.classes import shortages

    assert recipe.data is not None
    names = recipe.data.class_names()
    said: set[str] = set()
    for term in (*recipe.losses, *recipe.metrics) if names else ():
        for short in shortages(term.graph, len(names)):
            if short.scores.name in said:
                continue
            said.add(short.scores.name)
            labels = [Label(data, f"{len(names)} classes: {_few(names)}")] if data else []
            labels += [Label(o.span, f"{o.value.type}") for o in net.answers if o.name == short.scores.name]
            message = f"`{recipe.data.name}` has {len(names)} classes, but {short}"
            site.errors.report("wrong-data", message, term.span, *labels, help=short.help(len(names)))


def check_ignored(site: Site, net: Net, recipe: Recipe, data: Span | None) -> None:
    """Say which losses and metrics count labels that the data says do not count."""
    from netdsl.graph.classes import counted, unheeded

    assert recipe.data is not None
    ignored = recipe.data.ignored()
    if ignored is None:
        return
    for term in (*recipe.losses, *recipe.metrics):
        for node, own in counted(term.graph, ignored):
            labels = [Label(data, f"{ignored} marks what does not count")] if data else []
            told = f"ignores {own}" if own is not None else "cannot be told to"
            message = f"`{recipe.data.name}` has labels of {ignored} that do not count, but `{node.kind}` {told}"
            help = f"write `{node.kind}(ignore={ignored})`" if own is not None else "choose a loss that takes `ignore`"
            site.errors.report("wrong-data", message, term.span, *labels, help=help)
        for node in unheeded(term.graph):
            message = (
                f"`{recipe.data.name}` has labels of {ignored} that do not count, but `{node.kind}` makes zeros of them"
            )
            help = f"compare the labels with {ignored}, and leave out where they are that, as `dice` of std.losses does"
            site.errors.collector.warn("uncounted-labels", message, term.span, help=help)


def _few(names: tuple[str, ...]) -> str:
    """The first classes by name."""
    return ", ".join(names if len(names) <= 4 else (*names[:2], "…", names[-1]))


def _check_divisors(site: Site, net: Net, term: RecipeTerm, row: syntax.RecipeRow) -> None:
    """Batches of one row must add up: it may not mix means over different things, nor hide what they are over."""
    read = {value.name for value in term.graph.inputs}
    for output in net.answers:
        inner = divisors_of(restrict(net, [output])) if output.name in read and not output.value.type.batched else ()
        if not all(d.plain for d in inner):
            message = f"what counts in the loss behind `{output.name}` cannot be seen from here"
            help = "make what it reads outputs of the net, and write the loss in this row"
            site.error("mixed-loss", message, row.value.span, Label(output.span, "here"), help=help)
    found = term.divisors()
    if all(d.plain for d in found):
        return
    if len(found) > 1:
        message = f"this `loss` adds means over different things: {', '.join(map(_counted, found))}"
        help = "give each its own `loss` row: rows add up"
        site.error("mixed-loss", message, row.value.span, help=help)
    label = found[0].label
    if label not in term.graph.inputs and label not in term.graph.producer():
        message = "the label of this loss is made inside a block, where what counts cannot be seen"
        site.error("mixed-loss", message, row.value.span, help="make the label in the `loss` row itself")


def _counted(divisor: Divisor) -> str:
    """What a loss is the mean over, in words."""
    if divisor.label is None:
        return "samples"
    rest = "" if divisor.ignore == -100 else f" other than {divisor.ignore}"
    return f"labels of `{divisor.label.name}`{rest}" + (" by the weights of their classes" if divisor.weights else "")
