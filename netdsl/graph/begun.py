"""A net at its first call: its states are no inputs, but what they start as.

So it is trained and scored: each batch begins anew, and what a state becomes goes nowhere. A net that goes on from
call to call takes its states as inputs and gives their next values as outputs.
"""

from __future__ import annotations

from netdsl.base.record import changed
from netdsl.dims.tensors import TensorType, Value
from netdsl.graph import Net, Node, State
from netdsl.ops.const import Const, measured
from netdsl.ops.value import PerSample
from netdsl.text.source import Source, Span


def begun(net: Net) -> Net:
    """The net without states, each in its place what it starts as; itself where it keeps none."""
    if not net.states:
        return net
    taken = {node.name for node in net.nodes}
    starts = [node for state in net.states for node in _start(net, state, taken)]
    return changed(net, inputs=net.fed, nodes=[*starts, *net.nodes], outputs=net.answers, states=())


def _start(net: Net, state: State, taken: set[str]) -> tuple[Node, Node]:
    """The nodes that make what a state starts as, once a sample."""
    assert not isinstance(state.initial, Value)
    type, span = state.current.type, net.span or Span(Source(net.name, ""), 0, 0)
    op = Const(measured(type.shape, net.fed), type.shape, state.initial, str(type.dtype))
    whole = Value(f"{state.name}.start", TensorType(type.shape, type.dtype, batched=False))
    spread = PerSample(whole, next(v for v in net.fed if v.type.batched))
    first = Node(_unused(whole.name, taken), op, tuple(op.operands()), (whole,), span)
    return first, Node(_unused(state.name, taken), spread, tuple(spread.operands()), (state.current,), span)


def _unused(name: str, taken: set[str]) -> str:
    while name in taken:
        name = f"{name}_"
    taken.add(name)
    return name
