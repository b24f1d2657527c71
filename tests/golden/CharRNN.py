"""CharRNN: Character-level language models (Karpathy, "The Unreasonable Effectiveness
of Recurrent Neural Networks", 2015; vanilla recurrence: Elman, "Finding Structure in
Time", 1990; LSTM: Hochreiter and Schmidhuber, 1997).

The cell written out; `CharRNNFused` computes the same with the fused `rnn`.
"""

import torch
from torch import Tensor, nn


class Vanilla(nn.Module):
    """h_t = tanh(W_xh x_t + W_hh h_{t-1} + b)

    One step: x [in_features] -> [hidden]; `forward` runs it over axis 1.
    """

    def __init__(self, in_features: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.h = nn.ModuleDict(
            {
                "linear1": nn.Linear(in_features, hidden, bias=False),
                "linear2": nn.Linear(hidden, hidden),
            },
        )

    def step(self, x: Tensor, h: Tensor) -> Tensor:
        return torch.tanh(self.h["linear1"](x) + self.h["linear2"](h))  # [hidden]

    def forward(self, x: Tensor) -> Tensor:
        h = x.new_zeros(x.shape[0], self.hidden)
        steps = []
        for x_t in x.unbind(1):
            h = self.step(x_t, h)
            steps.append(h)
        return torch.stack(steps, dim=1)


class CharRNN(nn.Module):
    """tokens int[T] -> logits [T, vocab]"""

    def __init__(self, vocab: int = 96, hidden: int = 256) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocab, 64)
        self.cell = Vanilla(64, hidden)
        self.logits = nn.Linear(hidden, vocab)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)  # [T, 64]
        x = self.cell(x)  # [T, hidden]
        return self.logits(x)  # [T, vocab]
