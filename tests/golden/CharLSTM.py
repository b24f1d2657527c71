"""CharLSTM: Character-level language models (Karpathy, "The Unreasonable Effectiveness
of Recurrent Neural Networks", 2015; vanilla recurrence: Elman, "Finding Structure in
Time", 1990; LSTM: Hochreiter and Schmidhuber, 1997).

Its LSTM, with two layers as is its default: 240,321 parameters.
"""

import torch
from torch import Tensor, nn


class OneHot(nn.Module):
    """Whole numbers as vectors along `dim`: a one at their place, or all zeros.

    The numbers are of the kind that the module is.
    """

    def __init__(self, classes, dim=-1):
        super().__init__()
        self.classes = classes
        self.dim = dim
        self.register_buffer("one", torch.ones(()), persistent=False)

    def forward(self, x):
        hot = x.unsqueeze(-1) == torch.arange(self.classes, device=x.device)
        return hot.to(self.one.dtype).movedim(-1, self.dim)


class CharLSTM(nn.Module):
    """tokens int[T] -> logits [T, vocab]"""

    def __init__(self, vocab: int = 65, hidden: int = 128, layers: int = 2) -> None:
        super().__init__()
        self.onehot = OneHot(vocab)
        self.cell = nn.LSTM(vocab, hidden, num_layers=layers, batch_first=True)
        self.logits = nn.Linear(hidden, vocab)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.onehot(tokens)  # [T, vocab]
        x = self.cell(x)[0]  # [T, hidden]
        return self.logits(x)  # [T, vocab]
