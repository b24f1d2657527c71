"""Gradients of whole graphs drawn at random: rows that branch, join, share weights and reuse what came before."""

from __future__ import annotations

from dataclasses import dataclass, field

from gradients import check, term_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netdsl.passes.differentiate import differentiate
from netdsl.program import load_text

SMOOTH = ["tanh", "sigmoid", "gelu", "silu", "softplus", "softmax", "elu"]
LAYERS = [
    "conv(4, 3, pad=1)", "conv(4, 1, bias=false)", "conv(4, 3, pad=2, dilation=2)", "conv(4, 3, pad=1, groups=2)",
    "conv_transpose(4, 3, pad=1)", "batchnorm", "groupnorm(2)", "instancenorm(affine=true)", "lrn(3)", "prelu",
    "avgpool(3, stride=1, pad=1)", "leaky_relu(0.2)", "spatial", "tower", *SMOOTH,
]  # fmt: skip
"""Layers that keep `[4, 6, 6]`; `tower` is shared, `spatial` a block with a shortcut."""
JOINS = [
    "({a} + {b})",
    "({a} * {b})",
    "({a} - 0.5 * {b})",
    "(({a}, {b}) -> concat -> conv(4, 1))",
    "(({a}, {b}) -> maximum)",
]


@dataclass
class Draft:
    """A net being written: the names of its rows, each of shape `[4, 6, 6]`."""

    rows: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=lambda: ["stem"])

    def add(self, row: str) -> None:
        self.names.append(f"v{len(self.names)}")
        self.rows.append(f"  {self.names[-1]}: {row}")


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A net of two to seven rows; what nothing reads is an output."""
    draft = Draft()
    for _ in range(draw(st.integers(2, 7))):
        a, b = draw(st.sampled_from(draft.names)), draw(st.sampled_from(draft.names))
        join = draw(st.sampled_from(["{a}", *JOINS])).format(a=a, b=b)
        draft.add(" -> ".join([join, *draw(st.lists(st.sampled_from(LAYERS), min_size=1, max_size=2))]))
    unread = [n for n in draft.names if not any(n in row.partition(":")[2] for row in draft.rows)]
    outputs = "\n".join(f"  output {name}" for name in unread)
    return f"""
block spatial {{
  input x
  scale: x -> global_avgpool(keep=true) -> conv(4, 1) -> sigmoid
  x * scale + x
}}
net Random {{
  input image [3, 6, 6]
  shared tower: conv(4, 3, pad=1) -> tanh
  stem: conv(4, 3, pad=1)
{chr(10).join(draft.rows)}
{outputs}
}}
"""


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(texts())
def test_random_graphs_learn_as_in_pytorch(text: str) -> None:
    check(text, batch=3, tolerance=2e-3)


def test_rows_that_nothing_reads_keep_their_statistics() -> None:
    """PyTorch does not run them either."""
    text = """
net Idle {
  input x [4]
  idle: x -> batchnorm
  y: x -> linear(2)
  output y
}
"""
    net = load_text(text).net()
    found = differentiate(net, [term_of(net.outputs[0], net)])
    assert not found.carried
    assert set(found.gradients) == {"y.weight", "y.bias"}
