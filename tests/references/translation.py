"""Recurrent translators as PyTorch's own layers make them: the modules of bentrevett/pytorch-seq2seq, notebooks 1 to 3,
rebuilt from what their text says, told the right words all along; and the decoder of Show, Attend and Tell."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class TwoLstms(nn.Module):
    """An LSTM reads, another goes on from its last states (Sutskever et al., 2014)."""

    def __init__(self, read: int, words: int, width: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.read, self.said = nn.Embedding(read, width), nn.Embedding(words, width)
        self.encoder = nn.LSTM(width, hidden, layers, batch_first=True)
        self.decoder = nn.LSTM(width, hidden, layers, batch_first=True)
        self.scores = nn.Linear(hidden, words)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        _, states = self.encoder(self.read(source))
        return self.scores(self.decoder(self.said(target), states)[0])


class WithContext(nn.Module):
    """What was read is seen at each step and in the scores (Cho et al., 2014)."""

    def __init__(self, read: int, words: int, width: int, hidden: int) -> None:
        super().__init__()
        self.read, self.said = nn.Embedding(read, width), nn.Embedding(words, width)
        self.encoder = nn.GRU(width, hidden, batch_first=True)
        self.decoder = nn.GRU(width + hidden, hidden, batch_first=True)
        self.scores = nn.Linear(width + 2 * hidden, words)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        _, last = self.encoder(self.read(source))
        said = self.said(target)
        seen = last[0][:, None].expand(-1, said.shape[1], -1)
        states, _ = self.decoder(torch.cat([said, seen], 2), last)
        return self.scores(torch.cat([said, states, seen], 2))


class Attending(nn.Module):
    """At each step the places of the source are weighed by what was said so far (Bahdanau et al., 2015)."""

    def __init__(self, read: int, words: int, width: int, hidden: int) -> None:
        super().__init__()
        self.read, self.said = nn.Embedding(read, width), nn.Embedding(words, width)
        self.encoder = nn.GRU(width, hidden, bidirectional=True, batch_first=True)
        self.start = nn.Linear(2 * hidden, hidden)
        self.energy, self.weigh = nn.Linear(3 * hidden, hidden), nn.Linear(hidden, 1, bias=False)
        self.decoder = nn.GRU(2 * hidden + width, hidden, batch_first=True)
        self.scores = nn.Linear(3 * hidden + width, words)

    def forward(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        memory, last = self.encoder(self.read(source))
        state = torch.tanh(self.start(torch.cat([last[0], last[1]], 1)))
        scores, shares = [], []
        for word in self.said(target).unbind(1):
            asked = state[:, None].expand(-1, memory.shape[1], -1)
            share = self.weigh(torch.tanh(self.energy(torch.cat([asked, memory], 2))))[..., 0].softmax(1)
            seen = torch.bmm(share[:, None], memory)[:, 0]
            _, after = self.decoder(torch.cat([word, seen], 1)[:, None], state[None])
            state = after[0]
            scores.append(self.scores(torch.cat([state, seen, word], 1)))
            shares.append(share)
        return torch.stack(scores, 1), torch.stack(shares, 1)


class Telling(nn.Module):
    """The slides' h = tanh(Wxh x + Whh h + Wih v): one cell of PyTorch, and what is seen beside its input."""

    def __init__(self, words: int, width: int, hidden: int, seen: int) -> None:
        super().__init__()
        self.said, self.seen = nn.Embedding(words, width), nn.Linear(seen, hidden, bias=False)
        self.cell, self.scores = nn.RNN(width + hidden, hidden, batch_first=True), nn.Linear(hidden, words)
        with torch.no_grad():
            self.cell.weight_ih_l0[:, width:] = torch.eye(hidden)  # what is seen is added as it is
            self.cell.bias_ih_l0.zero_()

    def forward(self, target: Tensor, v: Tensor) -> Tensor:
        said = self.said(target)
        seen = self.seen(v)[:, None].expand(-1, said.shape[1], -1)
        return self.scores(self.cell(torch.cat([said, seen], 2))[0])
