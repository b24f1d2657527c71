"""Radford, Metz and Chintala, "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
Networks", 2016, sections 3 and 4, with kernels of 4 and half of figure 1's channels, as PyTorch's own example has them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Generator(nn.Module):
    """A code `[N, 100]` becomes an image `[N, 3, 64, 64]` in five fractionally-strided convolutions."""

    def __init__(self, code: int = 100, width: int = 64, channels: int = 3) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(code, width * 8, 4, 1, 0, bias=False),
            nn.BatchNorm2d(width * 8),
            nn.ReLU(),
            nn.ConvTranspose2d(width * 8, width * 4, 4, 2, 1, bias=False),
            nn.BatchNorm2d(width * 4),
            nn.ReLU(),
            nn.ConvTranspose2d(width * 4, width * 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(width * 2),
            nn.ReLU(),
            nn.ConvTranspose2d(width * 2, width, 4, 2, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.ConvTranspose2d(width, channels, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, code: Tensor) -> Tensor:
        return self.main(code[:, :, None, None])


class Discriminator(nn.Module):
    """An image `[N, 3, 64, 64]` becomes a score `[N]`: the logit of its being real."""

    def __init__(self, width: int = 64, channels: int = 3) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(channels, width, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, width * 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(width * 2),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width * 2, width * 4, 4, 2, 1, bias=False),
            nn.BatchNorm2d(width * 4),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width * 4, width * 8, 4, 2, 1, bias=False),
            nn.BatchNorm2d(width * 8),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width * 8, 1, 4, 1, 0, bias=False),
        )

    def forward(self, image: Tensor) -> Tensor:
        return self.main(image).view(-1)


class Game:
    """Both players with an Adam each (learning rate 0.0002, beta1 0.5), and their turns on one batch."""

    def __init__(self, generator: Generator, discriminator: Discriminator) -> None:
        self.generator, self.discriminator = generator, discriminator
        self.optimizers = [torch.optim.Adam(m.parameters(), 0.0002, (0.5, 0.999)) for m in (discriminator, generator)]

    def turn(self, images: Tensor, codes: tuple[Tensor, Tensor]) -> tuple[float, float]:
        """The discriminator's loss and the generator's; each turn has a code of its own."""
        one, none = torch.ones(len(images)), torch.zeros(len(images))
        self.discriminator.zero_grad()
        real, fake = self.discriminator(images), self.discriminator(self.generator(codes[0]).detach())
        first = F.binary_cross_entropy_with_logits(real, one) + F.binary_cross_entropy_with_logits(fake, none)
        first.backward()
        self.optimizers[0].step()
        self.generator.zero_grad()
        second = F.binary_cross_entropy_with_logits(self.discriminator(self.generator(codes[1])), one)
        second.backward()
        self.optimizers[1].step()
        return first.item(), second.item()
