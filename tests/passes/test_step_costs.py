"""What a training step multiplies, by what its operations state: the products of the forward pass, and as many again for
each of the two factors of a product, since both learn."""

from __future__ import annotations

import gradients
import pytest

from netdsl.graph import Graph
from netdsl.ops.base import Op
from netdsl.program import load_text
from netdsl.reference.operations import example_net, example_node, operations


def multiplies(op: type[Op]) -> bool:
    made = example_node(op).op
    return isinstance(made, Op) and made.macs() != 0


EXAMPLES = {op.name: example_net(op).replace("causal=true", "") for op in operations() if multiplies(op)}
"""A causal attention multiplies only what is read, but learns by the whole square."""
FURTHER = {
    "conv in groups": "input x [6, 9, 8]\n  made: x -> conv(4, (3, 2), stride=2, pad=1, groups=2)",
    "conv_transpose in groups": "input x [6, 5, 4]\n  made: x -> conv_transpose(4, (3, 2), stride=2, groups=2)",
    "linear of rows": "input x [7, 5]\n  made: x -> linear(3)",
    "locally_connected": "input x [2, 6, 5]\n  made: x -> locally_connected(3, (3, 2))",
    "rnn with relu": "input x [7, 5]\n  made: x -> rnn(3, activation=relu)",
    "lstm both ways": "input x [7, 5]\n  made: x -> lstm(3, layers=2, bidirectional=true)",
    "gru of layers": "input x [7, 5]\n  made: x -> gru(3, layers=2)",
    "attention of heads": "input q [2, 4, 6]\n  input k [2, 5, 6]\n  input v [2, 5, 3]\n  made: (q, k, v) -> attention",
}
TEXTS = EXAMPLES | {name: f"net Further {{\n  {rows}\n  output made\n}}\n" for name, rows in FURTHER.items()}


def macs(graph: Graph) -> int:
    return sum(int(node.op.macs()) for node in graph.nodes if isinstance(node.op, Op))  # type: ignore[call-overload]


@pytest.mark.parametrize("name", TEXTS)
def test_a_step_multiplies_three_times(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradients, "_written", lambda net, graph, *rest: graph)
    net = load_text(TEXTS[name]).net()
    both: Graph = gradients.emit(net, {})  # type: ignore[assignment]
    assert macs(both) == 3 * macs(net)
