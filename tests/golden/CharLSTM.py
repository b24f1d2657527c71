"""CharLSTM: Character-level language models (Karpathy, "The Unreasonable Effectiveness
of Recurrent Neural Networks", 2015; vanilla recurrence: Elman, "Finding Structure in
Time", 1990; LSTM: Hochreiter and Schmidhuber, 1997).

Its LSTM, with two layers as is its default: 240,321 parameters.
"""

import torch.nn.functional as F
from torch import Tensor, nn


class CharLSTM(nn.Module):
    """tokens int[T] -> logits [T, 65]"""

    def __init__(self, vocab: int = 65, hidden: int = 128, layers: int = 2) -> None:
        super().__init__()
        self.vocab = vocab
        self.cell = nn.LSTM(vocab, hidden, num_layers=layers, batch_first=True)
        self.logits = nn.Linear(hidden, vocab)

    def forward(self, tokens: Tensor) -> Tensor:
        x = F.one_hot(tokens, self.vocab).float()  # [T, vocab]
        x = self.cell(x)[0]  # [T, hidden]
        return self.logits(x)  # [T, vocab]
