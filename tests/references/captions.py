"""Words about a picture as three repositories say them: what reads the features of a picture and the words so far.

Written from yunjey/pytorch-tutorial (image_captioning/model.py, commit 0500d3d), karpathy/neuraltalk2
(misc/LanguageModel.lua and misc/net_utils.lua, commit bd8c9d8) and sgrvinod/a-PyTorch-Tutorial-to-Image-Captioning
(models.py, commit cc9c7e2). `target` `int64 [N, T]` begins with the sign that begins; out come scores `[N, T, words]`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PictureFirst(nn.Module):
    """yunjey's, but for the sign that begins, which is read and said there between the picture and the first word."""

    def __init__(self, seen: int, words: int, width: int, hidden: int) -> None:
        super().__init__()
        self.linear, self.bn = nn.Linear(seen, width), nn.BatchNorm1d(width, momentum=0.01)
        self.embed, self.lstm = nn.Embedding(words, width), nn.LSTM(width, hidden, batch_first=True)
        self.out = nn.Linear(hidden, words)

    def forward(self, features: Tensor, target: Tensor) -> Tensor:
        read = torch.cat([self.bn(self.linear(features))[:, None], self.embed(target)[:, 1:]], 1)
        return self.out(self.lstm(read)[0])


class PictureBefore(nn.Module):
    """karpathy's: what is said behind the picture itself is thrown away; dropout is training's alone."""

    def __init__(self, seen: int, words: int, width: int, hidden: int) -> None:
        super().__init__()
        self.linear, self.table = nn.Linear(seen, width), nn.Embedding(words, width)
        self.lstm, self.out = nn.LSTM(width, hidden, batch_first=True), nn.Linear(hidden, words)

    def forward(self, features: Tensor, target: Tensor) -> Tensor:
        read = torch.cat([self.linear(features).relu()[:, None], self.table(target)], 1)
        return self.out(self.lstm(read)[0][:, 1:])


class Attending(nn.Module):
    """sgrvinod's, of features `[N, places, seen]`, with the shares of the places, `[N, T, places]`."""

    def __init__(self, seen: int, words: int, width: int, hidden: int, attention: int) -> None:
        super().__init__()
        self.encoder_att, self.decoder_att = nn.Linear(seen, attention), nn.Linear(hidden, attention)
        self.full_att, self.f_beta = nn.Linear(attention, 1), nn.Linear(hidden, seen)
        self.embedding, self.decode_step = nn.Embedding(words, width), nn.LSTMCell(width + seen, hidden)
        self.init_h, self.init_c = nn.Linear(seen, hidden), nn.Linear(seen, hidden)
        self.fc = nn.Linear(hidden, words)

    def forward(self, features: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        mean = features.mean(1)
        h, c = self.init_h(mean), self.init_c(mean)
        scores, shares = [], []
        for word in self.embedding(target).unbind(1):
            energy = self.full_att((self.encoder_att(features) + self.decoder_att(h)[:, None]).relu())
            share = energy[..., 0].softmax(1)
            glimpse = self.f_beta(h).sigmoid() * (features * share[..., None]).sum(1)
            h, c = self.decode_step(torch.cat([word, glimpse], 1), (h, c))
            scores.append(self.fc(h))
            shares.append(share)
        return torch.stack(scores, 1), torch.stack(shares, 1)
