"""The form of a graph as text, which `netdsl/graph/reading.py` reads back.

    graph LeNet
    input image [1, 28, 28]
    conv1: (image) -> conv(channels=6, kernel=5, pad=2) -> [6, 28, 28]
    output logits = fc1

A line a node: its name, what it reads, the operation or block with its settings, and the types of what it gives. The
body of a block stands behind it, set in; that of a loop has `over` for a sequence or else `steps 20`, `whole` for what
every step is given, `state h [4] = 0.0` for what is carried (`given`: it starts as an input of the node), `next h = …`,
and `end h` where the last value is a result too. A net with states has the same lines for what it keeps from call to
call. An arrow is called by its node, `#2` is its second result; `@2` is the
second input where a node has its name.
A value that is the same for all samples is `[4] for all`, a layer that is not trained is `frozen`. What an author wrote
and where is not in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from netdsl.dims import Dim
from netdsl.dims.tensors import Init, TensorType, Value, WeightValue
from netdsl.graph import Block, Graph, Net, Node, Recurrent, State
from netdsl.ops.base import Op
from netdsl.ops.declared import Declared
from netdsl.ops.fields import Word

INDENT = "  "


def printed(graph: Graph) -> str:
    """A line a node, with the bodies of blocks set in."""
    return "\n".join(
        [f"graph {graph.name}", *_lines(graph, flat=not any(isinstance(node.op, Block) for node in graph.nodes))]
    )


def _lines(graph: Graph, loop: Recurrent | None = None, flat: bool = False) -> Iterator[str]:
    """Of a graph, or of the body of a loop; `flat` where no block is left, and keys are names."""
    called = references(graph)
    net = graph if isinstance(graph, Net) else None
    if loop is not None:
        yield from _entries(loop)
    else:
        yield from (f"input {v.name} {type_text(v.type)}" for v in (net.fed if net else graph.inputs))
    states = loop.states if loop else net.states if net else ()
    yield from map(_entry, states)
    for node in graph.nodes:
        yield _node(node, called, flat)
        if isinstance(node.op, Block):
            inner = _lines(node.op.body, node.op if isinstance(node.op, Recurrent) else None)
            yield from map(INDENT.__add__, inner)
    for output in net.answers if net else graph.outputs:
        yield f"output {'aux ' if output.aux else ''}{output.name} = {_reference(output.value, called)}"
    yield from (f"next {s.name} = {_reference(s.following, called)}" for s in states)
    if loop is not None:
        yield from (f"end {s.name}" for s in loop.final)


def _node(node: Node, called: Mapping[Value, str], flat: bool) -> str:
    results = ", ".join(type_text(v.type) for v in node.results)
    given = node.op.given() if isinstance(node.op, Op) else node.op.settings
    what = f"{node.kind}({', '.join(f'{k}={literal(v)}' for k, v in given.items())})"
    shares = f" shares {node.shares.name}" if node.shares else ""
    keyed = f" keyed {node.keyed}" if node.keyed is not None and (not flat or node.keyed != node.name) else ""
    frozen = " frozen" if node.frozen else ""
    return f"{node.name}: ({', '.join(_operands(node, called))}) -> {what}{shares}{keyed}{frozen} -> {results}"


def _entries(loop: Recurrent) -> Iterator[str]:
    """What the body of a loop takes: elements of sequences, what is given whole, before its states."""
    if loop.reverse:
        yield "backwards"
    yield from (f"over {v.name} {type_text(v.type)}" for v in loop.sequences)
    if loop.length is not None:
        yield f"steps {literal(loop.length)}"
    yield from (f"whole {v.name} {type_text(v.type)}" for v in loop.given)


def _entry(state: State) -> str:
    start = "given" if isinstance(state.initial, Value) else f"= {literal(state.initial)}"
    return f"state {state.name} {type_text(state.current.type)} {start}"


def references(graph: Graph) -> dict[Value, str]:
    """What the form calls each value of a graph."""
    taken = Counter([*(v.name for v in graph.inputs), *(n.name for n in graph.nodes)])
    found = {v: v.name if taken[v.name] == 1 else f"@{i}" for i, v in enumerate(graph.inputs, 1)}
    for node in graph.nodes:
        several = len(node.results) > 1
        found.update({v: f"{node.name}#{i}" if several else node.name for i, v in enumerate(node.results, 1)})
    return found


def _reference(value: Value, called: Mapping[Value, str]) -> str:
    """Its name here. A weight of a training graph goes by its key; `?` marks what is not there."""
    if value in called:
        return called[value]
    return f"{'%' if isinstance(value, WeightValue) else '?'}{value.name}"


def _operands(node: Node, called: Mapping[Value, str]) -> Iterator[str]:
    """What is read, by place; by name behind an input that is left out, in brackets where there are several kinds."""
    if not isinstance(node.op, Op):
        yield from (_reference(v, called) for v in node.inputs)
        return
    declared, by_name = node.op.inputs(), False
    for each in declared:
        value = getattr(node.op, each.name)
        if value is None:
            by_name = True
            continue
        names = [_reference(v, called) for v in (value if each.many else (value,))]
        text = f"[{', '.join(names)}]" if each.many and len(declared) > 1 else ", ".join(names)
        yield f"{each.name}={text}" if by_name else text


def type_text(type: TensorType) -> str:
    """`[3, H, W]`, `int[T]`, `[4] for all` samples, `[4] for one` in a batch of one, `[4] each of [T]` items."""
    kept = f" within [{', '.join(map(str, type.plane))}]" if type.plane else ""
    whose = " for one" if type.single else "" if type.batched else " for all"
    each = f" each of [{', '.join(map(str, type.folded))}]" if type.folded else ""
    return f"{type}{kept}{whose}{each}"


def literal(value: Any) -> str:
    """A setting's value: a number, a text in quotes, a size, a list of them."""
    if isinstance(value, Dim):
        return str(value)
    if isinstance(value, tuple):
        return f"({', '.join(map(literal, value))}{',' * (len(value) == 1)})"
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, Word):
        return f"Word({', '.join(map(literal, (value.name, *value.values)))})"
    if isinstance(value, Init):
        return f"Init({', '.join(map(literal, (value.kind, value.values, value.fan_in, value.fan_out)))})"
    if isinstance(value, Declared):
        return f"{value.name}({', '.join(f'{k}={literal(v)}' for k, v in value.given().items())})"
    return repr(str(value) if isinstance(value, str) else value)
