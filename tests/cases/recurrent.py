"""Layers that go from step to step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from cases.case import Given, reference, use

KINDS = ("rnn", "lstm", "gru")
CASES = [
    *(
        use(f"{name}(4{more})", "5 3")
        for name in KINDS
        for more in ("", ", biases=1, bidirectional=true", ", layers=2, bidirectional=true", ", biases=0, layers=2")
    ),
    use("rnn(4, activation=relu)", "5 3", costs=(5 * 4 * 2, 0)),
    use("rnn(4, activation=relu, biases=1)", "5 3"),
    use("rnn(3, layers=2, bidirectional=true, biases=0)", "5 3"),
    use("lstm(4, init=orthogonal)", "5 3"),
    use("gru(3, bidirectional=true, biases=0)", "5 3"),
    use("gru(3, layers=2, biases=1)", "5 3"),
    use("rnn(3)", "T 3"),
    use("lstm(3, bidirectional=true)", "T 3"),
    use("gru(3)", "T 3"),
    *(
        use(name, shape)
        for name in ("last", "reverse")
        for shape in ("5 3", "5 3 2", "param 5 3", "T 4", "param 4")[:4]
    ),
    use("reverse", "param 4"),
    use("rnn(3)", "6 8", macs=6 * 3 * (8 + 3), costs=(6 * 3, 6 * 3)),
    use("gru(3)", "6 8", macs=6 * 3 * 3 * (8 + 3), costs=(6 * 3 * 14, 6 * 3 * 3)),
    use("lstm(3)", "6 8", macs=6 * 4 * 3 * (8 + 3), costs=(6 * 3 * 17, 6 * 3 * 5)),
    use("lstm(3, layers=2, bidirectional=true)", "6 8", costs=(4 * 6 * 3 * 17, 4 * 6 * 3 * 5)),
    *(use(name, "6 8", costs=(0, 0)) for name in ("last", "reverse")),
]


def walked(g: Given, step: Any, hidden: int, layers: int, both: bool, biases: int) -> Tensor:
    """Layer after layer, one way or both; `step` has the products with the input, with the state, and the states."""
    x = g.x
    for layer in range(layers):
        sides = []
        for suffix in ("", "_reverse")[: 1 + both]:
            w, u = (g.weights[f"weight_{part}_l{layer}{suffix}"] for part in ("ih", "hh"))
            a, b = (g.weights.get(f"bias_{part}_l{layer}{suffix}") for part in ("ih", "hh"))
            assert (a is not None, b is not None) == (biases > 0, biases > 1)
            states = (torch.zeros(len(x), hidden, dtype=x.dtype),) * 2
            rows = []
            for t in (x.flip(1) if suffix else x).unbind(1):
                states = step(
                    t @ w.T + (a if a is not None else 0), states[0] @ u.T + (b if b is not None else 0), states
                )
                rows.append(states[0])
            made = torch.stack(rows, 1)
            sides.append(made.flip(1) if suffix else made)
        x = torch.cat(sides, -1)
    return x


@reference
def rnn(
    g: Given, hidden: int, *, layers: int = 1, bidirectional: bool = False, biases: int = 2, init: Any = None,
    activation: str = "tanh",
) -> Tensor:  # fmt: skip
    """Elman, 1990."""
    turned = torch.tanh if activation == "tanh" else torch.relu
    return walked(g, lambda i, h, states: (turned(i + h),), hidden, layers, bidirectional, biases)


@reference
def lstm(
    g: Given, hidden: int, *, layers: int = 1, bidirectional: bool = False, biases: int = 2, init: Any = None
) -> Tensor:
    """Hochreiter and Schmidhuber, 1997; gates in PyTorch's order."""

    def step(i: Tensor, h: Tensor, states: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        let, forget, new, out = (i + h).chunk(4, -1)
        cell = forget.sigmoid() * states[1] + let.sigmoid() * new.tanh()
        return out.sigmoid() * cell.tanh(), cell

    return walked(g, step, hidden, layers, bidirectional, biases)


@reference
def gru(
    g: Given, hidden: int, *, layers: int = 1, bidirectional: bool = False, biases: int = 2, init: Any = None
) -> Tensor:
    """Cho et al., 2014, with the reset behind the product, as in PyTorch."""

    def step(i: Tensor, h: Tensor, states: tuple[Tensor, ...]) -> tuple[Tensor]:
        reset, update, new = i.chunk(3, -1)
        u, v, w = h.chunk(3, -1)
        share = (update + v).sigmoid()
        return ((1 - share) * (new + (reset + u).sigmoid() * w).tanh() + share * states[0],)

    return walked(g, step, hidden, layers, bidirectional, biases)


@reference
def last(g: Given) -> Tensor:
    return g.x.select(g.axis(0), -1)


@reference
def reverse(g: Given) -> Tensor:
    return g.x.flip(g.axis(0))
