"""Show, Attend and Tell with soft attention, from the paper (Xu et al., ICML 2015), sections 3 and 4.2.

Section 3.1.2: an LSTM reads the word before, its own state and a context (equations 1 to 3); both of its states begin as
perceptrons of the mean annotation; words are scored by equation 7. Section 4.2: the context is the mean of annotations
under attention (equation 13), passed by a gate of the state before; the attention is a softmax of a perceptron of
annotation and state (equations 4 to 6). Section 4.2.1: equation 14. Annotations come from two 3×3 convolutions here.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

State = tuple[Tensor, Tensor]


class Attention(nn.Module):
    """Annotations [N, L, D], state [N, n] -> context [N, D], shares [N, L]"""

    def __init__(self, annotation: int, hidden: int) -> None:
        super().__init__()
        self.of_annotation = nn.Linear(annotation, hidden)
        self.of_state = nn.Linear(hidden, hidden, bias=False)
        self.energy = nn.Linear(hidden, 1)
        self.beta = nn.Linear(hidden, 1)

    def forward(self, a: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        e = self.energy(torch.tanh(self.of_annotation(a) + self.of_state(h)[:, None]))[..., 0]
        alpha = F.softmax(e, dim=1)
        return torch.sigmoid(self.beta(h)) * (alpha[..., None] * a).sum(1), alpha


class Teller(nn.Module):
    """Images [N, 1, 8, 8] to words, told those before or saying its own."""

    def __init__(self, words: int, embedding: int, hidden: int, annotation: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(1, annotation, 3, padding=1), nn.BatchNorm2d(annotation))
        self.second = nn.Sequential(nn.Conv2d(annotation, annotation, 3, padding=1), nn.BatchNorm2d(annotation))
        self.begin = nn.Linear(annotation, 2 * hidden)
        self.attention = Attention(annotation, hidden)
        self.embedding = nn.Embedding(words, embedding)
        self.gates = nn.Linear(embedding + hidden + annotation, 4 * hidden)
        self.of_state = nn.Linear(hidden, embedding)
        self.of_context = nn.Linear(annotation, embedding)
        self.out = nn.Linear(embedding, words)

    def see(self, image: Tensor) -> Tensor:
        x = F.relu(self.second(F.relu(self.first(image))))
        return F.max_pool2d(x, 2).flatten(2).transpose(1, 2)

    def start(self, a: Tensor) -> State:
        h, c = torch.tanh(self.begin(a.mean(1))).chunk(2, 1)
        return h, c

    def step(self, word: Tensor, a: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
        h, c = state
        z, alpha = self.attention(a, h)
        y = self.embedding(word)
        i, f, o, g = self.gates(torch.cat([y, h, z], 1)).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return self.out(y + self.of_state(h) + self.of_context(z)), alpha, (h, c)

    def forward(self, image: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        """Scores [N, T, words] and shares [N, T, L] of words that are told."""
        a = self.see(image)
        state, made = self.start(a), []
        for word in before.unbind(1):
            scores, alpha, state = self.step(word, a, state)
            made.append((scores, alpha))
        scores_of, shares = zip(*made, strict=True)
        return torch.stack(scores_of, 1), torch.stack(shares, 1)

    def speak(self, image: Tensor, length: int) -> Tensor:
        """The likeliest word at each step [N, length], from the first of the vocabulary on."""
        a = self.see(image)
        state, word = self.start(a), torch.zeros(len(image), dtype=torch.int64)
        said = []
        for _ in range(length):
            scores, _, state = self.step(word, a, state)
            word = scores.argmax(1)
            said.append(word)
        return torch.stack(said, 1)


def loss(scores: Tensor, shares: Tensor, words: Tensor, weight: float) -> Tensor:
    """Equation 14, its first term a mean over words."""
    return F.cross_entropy(scores.flatten(0, 1), words.flatten()) + weight * ((1 - shares.sum(1)) ** 2).sum(1).mean()
