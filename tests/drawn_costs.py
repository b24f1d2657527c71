"""Small nets drawn to be counted: every kind of layer that some tool counts in a way of its own."""

from __future__ import annotations

import random

ACTIVATIONS = (
    "relu", "relu6", "leaky_relu(0.1)", "prelu", "elu", "gelu", "silu", "hardswish", "sigmoid", "tanh", "softplus",
    "softmax(axis=0)", "log_softmax(axis=0)", "dropout(0.5)", "hardsigmoid",
)  # fmt: skip
NORMS = (
    "batchnorm", "batchnorm(affine=false)", "groupnorm(1)", "instancenorm", "instancenorm(affine=true)", "lrn(3)", "lrn(5)",
)  # fmt: skip


class Drawing:
    """Writes one text; equal seeds give equal texts."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.rows: list[str] = []
        self.chained = self.random.random() < 0.5
        """Whether layers stand in one row, so that they are modules of one sequence in PyTorch."""

    def text(self) -> str:
        made = self.image() if self.random.random() < 0.65 else self.sequence()
        if self.chained:
            made = [made[0], f"all: {' -> '.join(made[1:])}"]
        rows = "\n".join(f"  {row}" for row in [made[0], *made[1:]])
        return f"net Drawn {{\n{rows}\n}}\n"

    def image(self) -> list[str]:
        pick, channels, size = self.random, self.random.choice([3, 4, 6]), self.random.choice([12, 16, 17])
        made, self.channels, self.size = [f"input image [{channels}, {size}, {size}]"], channels, size
        steps = [self.conv, self.conv, self.norm, self.activation, self.pool, self.enlarge]
        for _ in range(pick.randint(3, 7)):
            made.append(pick.choice(steps)())
        made.append(pick.choice(["global_avgpool", "adaptive_avgpool(1) -> flatten", "flatten", "global_maxpool"]))
        return [*made, f"linear({pick.randint(2, 9)}{pick.choice(['', ', bias=false'])})"]

    def conv(self) -> str:
        pick, kernel = self.random, self.random.choice([1, 2, 3, 5])
        out = self.channels * pick.choice([1, 2])
        bias = pick.choice(["", ", bias=false"])
        if pick.random() < 0.35 and self.size <= 20:
            self.size, self.channels = self.size * 2, out
            return f"conv_transpose({out}, 2, stride=2{bias})"
        groups = pick.choice(["", f", groups={self.channels}", ""])
        pad, stride = kernel // 2, pick.choice([1, 1, 2])
        kernel = min(kernel, self.size)
        self.size, self.channels = (self.size + 2 * pad - kernel) // stride + 1, out
        return f"conv({out}, {kernel}, stride={stride}, pad={pad}{groups}{bias})"

    def norm(self) -> str:
        return self.random.choice(NORMS)

    def activation(self) -> str:
        return self.random.choice(ACTIVATIONS)

    def pool(self) -> str:
        if self.size < 6:
            return self.activation()
        kind = self.random.choice(
            ["maxpool(2)", "avgpool(2)", "maxpool(3, stride=2, pad=1)", "avgpool(3, stride=2, pad=1)"]
        )
        self.size = self.size // 2 if "2)" in kind[:11] and "stride" not in kind else (self.size + 2 - 3) // 2 + 1
        return kind

    def enlarge(self) -> str:
        if self.size > 20:
            return self.pool()
        self.size *= 2
        return self.random.choice(["resize(scale=2)", "resize(scale=2, mode=bilinear)", "unpool(2)"])

    def sequence(self) -> list[str]:
        pick, width = self.random, self.random.choice([4, 8, 12])
        made = [f"input steps [{pick.randint(3, 7)}, {width}]"]
        for _ in range(pick.randint(2, 5)):
            step = pick.choice(["linear", "norm", "activation", "recurrent", "attention"])
            if step == "linear":
                width = pick.choice([4, 8, 12])
                made.append(f"linear({width}{pick.choice(['', ', bias=false'])})")
            elif step == "recurrent":
                hidden, both = pick.choice([4, 6]), pick.choice([True, False])
                more = f", layers={pick.randint(1, 2)}, bidirectional={str(both).lower()}"
                made.append(f"{pick.choice(['lstm', 'gru', 'rnn'])}({hidden}{more})")
                width = hidden * (2 if both else 1)
            elif step == "attention":
                made.append(f"multihead_attention({pick.choice([1, 2, 4] if width % 4 == 0 else [1, 2])})")
            else:
                made.append(
                    pick.choice(["layernorm", "layernorm(affine=false)"]) if step == "norm" else self.pointwise()
                )
        return [*made, "flatten", "linear(3)"]

    def pointwise(self) -> str:
        return self.random.choice([a for a in ACTIVATIONS if "prelu" not in a and "axis" not in a] + ["softmax"])


def drawn(seed: int) -> str:
    """The text of a net by its seed."""
    return Drawing(seed).text()
