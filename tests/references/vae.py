"""Kingma and Welling, "Auto-Encoding Variational Bayes", 2014, section 3 and appendices B and C.1, as one module."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class BernoulliVAE(nn.Module):
    """Equations 9 to 12: perceptrons with a hidden layer of `tanh`; weights are called as in appendix C."""

    def __init__(self, pixels: int, hidden: int, latent: int) -> None:
        super().__init__()
        self.w3 = nn.Linear(pixels, hidden)
        self.w4 = nn.Linear(hidden, latent)
        self.w5 = nn.Linear(hidden, latent)
        self.w1 = nn.Linear(latent, hidden)
        self.w2 = nn.Linear(hidden, pixels)

    def forward(self, x: Tensor, epsilon: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of pixels `[N, pixels]`, and the distance of the code from the prior `[N]`."""
        h = torch.tanh(self.w3(x))
        mu, log_variance = self.w4(h), self.w5(h)
        z = mu + torch.exp(0.5 * log_variance) * epsilon
        divergence = -0.5 * (1 + log_variance - mu**2 - torch.exp(log_variance)).sum(1)
        return self.w2(torch.tanh(self.w1(z))), divergence

    def bound(self, x: Tensor, epsilon: Tensor) -> Tensor:
        """The negative lower bound, a mean over samples (equation 10)."""
        scores, divergence = self(x, epsilon)
        log_likelihood = -nn.functional.binary_cross_entropy_with_logits(scores, x, reduction="none").sum(1)
        return (divergence - log_likelihood).mean()
