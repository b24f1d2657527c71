"""UNetSameBN: U-Net (Ronneberger, Fischer and Brox, "U-Net: Convolutional Networks for
Biomedical Image Segmentation", MICCAI 2015). `UNet` is the original: valid
convolutions, cropped skips, 572 in and 388 out, 31,030,658 parameters. `UNetSame` pads,
so that the mask is as large as the image; `UNetSameBN` normalises as well, as is usual
today, and `UNetBilinear` enlarges by interpolation: both are milesial/Pytorch-UNet's
(commit 21d7850, which also takes sizes that are no multiples of 16, by padding).
`UNetResNet34` has a ResNet-34 on the way down, as segmentation_models_pytorch 0.6.0 has
it (`smp.Unet("resnet34")`): with its weights the same outputs to the bit.

31,037,698 parameters with three channels and two classes, the convolutions without
bias.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class DoubleConvSame(nn.Module):
    """x [in_channels, H, W] -> [c, H, W]"""

    def __init__(self, in_channels: int, c: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, c, 3, padding=1, bias=False)
        self.batchnorm1 = nn.BatchNorm2d(c)
        self.conv2 = nn.Conv2d(c, c, 3, padding=1, bias=False)
        self.batchnorm2 = nn.BatchNorm2d(c)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.batchnorm1(self.conv1(x)))  # [c, H, W]
        return F.relu(self.batchnorm2(self.conv2(x)))  # [c, H, W]


class UpSame(nn.Module):
    """x [x_channels, H, W], skip [skip_channels, skip_H, skip_W]
    -> [c, skip_H, skip_W]
    """

    def __init__(self, x_channels: int, skip_channels: int, c: int) -> None:
        super().__init__()
        self.grown = nn.ConvTranspose2d(x_channels, c, 2, stride=2)
        self.double_conv_same1 = DoubleConvSame(skip_channels + c, c)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        grown = self.grown(x)  # [c, 2 * H, 2 * W]
        x = torch.cat([skip, grown], dim=1)  # [skip_channels + c, skip_H, skip_W]
        return self.double_conv_same1(x)  # [c, skip_H, skip_W]


class UNetSameBN(nn.Module):
    """image [channels, H, W] -> mask [classes, H, W]"""

    def __init__(self, channels: int = 3, classes: int = 2, width: int = 64) -> None:
        super().__init__()
        self.d1 = DoubleConvSame(channels, width)
        self.d2 = DoubleConvSame(width, 2 * width)
        self.d3 = DoubleConvSame(2 * width, 4 * width)
        self.d4 = DoubleConvSame(4 * width, 8 * width)
        self.d5 = DoubleConvSame(8 * width, 16 * width)
        self.u4 = UpSame(16 * width, 8 * width, 8 * width)
        self.u3 = UpSame(8 * width, 4 * width, 4 * width)
        self.u2 = UpSame(4 * width, 2 * width, 2 * width)
        self.u1 = UpSame(2 * width, width, width)
        self.mask = nn.Conv2d(width, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        d1 = self.d1(image)  # [width, H, W]
        d2 = self.d2(F.max_pool2d(d1, 2))  # [2 * width, H // 2, W // 2]
        d3 = self.d3(F.max_pool2d(d2, 2))  # [4 * width, H // 4, W // 4]
        d4 = self.d4(F.max_pool2d(d3, 2))  # [8 * width, H // 8, W // 8]
        d5 = self.d5(F.max_pool2d(d4, 2))  # [16 * width, H // 16, W // 16]
        u4 = self.u4(d5, d4)  # [8 * width, H // 8, W // 8]
        u3 = self.u3(u4, d3)  # [4 * width, H // 4, W // 4]
        u2 = self.u2(u3, d2)  # [2 * width, H // 2, W // 2]
        x = self.u1(u2, d1)  # [width, H, W]
        return self.mask(x)  # [classes, H, W]
