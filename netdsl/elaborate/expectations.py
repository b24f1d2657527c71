"""What losses expect to read, and the activations before them that make it impossible: worth a warning."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, MutableMapping
from functools import lru_cache

from netdsl.base.record import record
from netdsl.dims.tensors import Value
from netdsl.elaborate.context import Site
from netdsl.graph import Block, Graph, Net, Node
from netdsl.text.diagnostics import Label, Severity
from netdsl.text.source import Span

GIVES = {
    "softmax": "0 to 1", "sigmoid": "0 to 1", "hardsigmoid": "0 to 1", "tanh": "-1 to 1", "relu": "0 and more",
    "relu6": "0 to 6", "log_softmax": "0 and less", "softplus": "more than 0", "linear": "any number",
    "conv": "any number",
}  # fmt: skip
"""Layers that bound what comes out, and those that do not."""

BOUNDED = frozenset(GIVES) - {"linear", "conv"}


@record
class Expectation:
    """What a loss takes, and what must not come right before it."""

    takes: str
    wrong: frozenset[str]
    way: str


EXPECTED: dict[str, Expectation] = {
    "cross_entropy": Expectation("scores of any size", BOUNDED, "send the scores to the loss"),
    "binary_cross_entropy_with_logits": Expectation("scores of any size", BOUNDED, "send the scores to the loss"),
    "multi_margin": Expectation("scores of any size", BOUNDED, "send the scores to the loss"),
    "hinge": Expectation("scores below and above 0", BOUNDED - {"tanh"}, "send the scores to the loss"),
    "nll": Expectation(
        "log-probabilities", frozenset(GIVES) - {"log_softmax"},
        "put `log_softmax` there, or send the scores to `cross_entropy`",
    ),
    "binary_cross_entropy": Expectation(
        "probabilities", frozenset(GIVES) - {"sigmoid", "softmax", "hardsigmoid"},
        "put `sigmoid` there, or send the scores to `binary_cross_entropy_with_logits`",
    ),
}  # fmt: skip
"""By loss. `mse`, `l1`, `huber` and `smooth_l1` take anything."""

APPLIES = {
    "cross_entropy": ("softmax", "log_softmax"),
    "binary_cross_entropy_with_logits": ("sigmoid",),
}
"""Losses that apply an activation themselves: applying it before as well flattens the gradient."""

KEEPING = frozenset({
    "identity", "flatten", "reshape", "transpose", "tokens", "squeeze", "unsqueeze", "slice", "crop", "last",
    "reverse", "dropout",
})  # fmt: skip
"""Layers that hand numbers on as they are."""


def warn_of_activations(site: Site, net: Net, term: Graph, span: Span) -> None:
    """Say where a loss of a row reads what it cannot mean, through the row and the net that made it."""
    of_net = _traced(net)
    makers, stands = ChainMap[Value, Node]({}, of_net[0]), ChainMap[Value, Value]({}, of_net[1])
    outputs = {o.name: o.value for o in net.outputs}
    stands.update((value, outputs[value.name]) for value in term.inputs if value.name in outputs)
    _trace(term, makers, stands)
    for _, node in term.walk():
        expected = EXPECTED.get(node.kind)
        found = _maker(node.inputs[0], makers, stands) if expected else None
        if expected and found and found.kind in expected.wrong:
            _warn(site, node, found, expected, span)


@lru_cache(maxsize=1)
def _traced(net: Net) -> tuple[dict[Value, Node], dict[Value, Value]]:
    """Of a net with many losses this is worked out once."""
    makers: dict[Value, Node] = {}
    stands: dict[Value, Value] = {}
    _trace(net, makers, stands)
    return makers, stands


def _trace(graph: Graph, makers: MutableMapping[Value, Node], stands: MutableMapping[Value, Value]) -> None:
    """Which operation makes each value, and what else a value stands for: blocks are looked through."""
    for node in graph.nodes:
        if isinstance(node.op, Block):
            stands.update(zip(node.op.body.inputs, node.inputs, strict=False))
            stands.update((r, o.value) for r, o in zip(node.results, node.op.body.outputs, strict=False))
            _trace(node.op.body, makers, stands)
        else:
            makers.update(dict.fromkeys(node.results, node))


def _maker(value: Value, makers: Mapping[Value, Node], stands: Mapping[Value, Value]) -> Node | None:
    """The operation whose numbers a value has, None for an input."""
    while True:
        if value in stands:
            value = stands[value]
        elif value in makers and makers[value].kind in KEEPING:
            value = makers[value].inputs[0]
        else:
            return makers.get(value)


def _warn(site: Site, node: Node, found: Node, expected: Expectation, span: Span) -> None:
    name, loss, read = found.kind, node.kind, node.inputs[0].name
    if name in APPLIES.get(loss, ()):
        through = f"reads what `{name}` gives" if read == name else f"`{read}` has been through `{name}` already"
        message = f"`{loss}` applies {name} itself, and {through}"
        help = f"send the logits to the loss: leave `{name}` out{' of the net' * (read != name)}"
    else:
        source = f"reads what `{name}` gives," if read == name else f"`{read}` comes out of `{name}`, which gives"
        message = f"`{loss}` takes {expected.takes}, but {source} {GIVES[name]}"
        help = expected.way if name in ("linear", "conv") else f"{expected.way}: leave `{name}` out"
    label = Label(found.span, f"`{name}` here")
    site.errors.report("softmax-before-loss", message, span, label, severity=Severity.WARNING, help=help)
