"""UNet: U-Net (Ronneberger, Fischer and Brox, "U-Net: Convolutional Networks for
Biomedical Image Segmentation", MICCAI 2015). `UNet` is the original: valid
convolutions, cropped skips, 572 in and 388 out, 31,030,658 parameters. `UNetSame` pads,
so that the mask is as large as the image; `UNetSameBN` normalises as well, as is usual
today, and `UNetBilinear` enlarges by interpolation: both are milesial/Pytorch-UNet's
(commit 21d7850, which also takes sizes that are no multiples of 16, by padding).
`UNetResNet34` has a ResNet-34 on the way down, as segmentation_models_pytorch 0.6.0 has
it (`smp.Unet("resnet34")`): with its weights the same outputs to the bit.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def center_crop(x, size):
    """The middle of a size out of the last axes of `x`, rounded towards the front."""
    for axis, length in enumerate(size, start=x.dim() - len(size)):
        x = x.narrow(axis, (x.shape[axis] - length) // 2, length)
    return x


class DoubleConv(nn.Module):
    """x [in_channels, H, W] -> [c, H - 4, W - 4]"""

    def __init__(self, in_channels: int, c: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, c, 3)
        self.conv2 = nn.Conv2d(c, c, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv1(x))  # [c, H - 2, W - 2]
        return F.relu(self.conv2(x))  # [c, H - 4, W - 4]


class Up(nn.Module):
    """x [x_channels, H, W], skip [skip_channels, skip_H, skip_W]
    -> [c, 2 * H - 4, 2 * W - 4]
    """

    def __init__(self, x_channels: int, skip_channels: int, c: int) -> None:
        super().__init__()
        self.grown = nn.ConvTranspose2d(x_channels, c, 2, stride=2)
        self.double_conv1 = DoubleConv(skip_channels + c, c)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        grown = self.grown(x)  # [c, 2 * H, 2 * W]
        cropped = center_crop(skip, grown.shape[2:])  # [skip_channels, 2 * H, 2 * W]
        x = torch.cat([cropped, grown], dim=1)  # [skip_channels + c, 2 * H, 2 * W]
        return self.double_conv1(x)  # [c, 2 * H - 4, 2 * W - 4]


class UNet(nn.Module):
    """image [channels, H, W]
    -> mask [classes, 16 * ((H - 172) // 16) - 12, 16 * ((W - 172) // 16) - 12]
    """

    def __init__(self, channels: int = 1, classes: int = 2, width: int = 64) -> None:
        super().__init__()
        self.d1 = DoubleConv(channels, width)
        self.d2 = DoubleConv(width, 2 * width)
        self.d3 = DoubleConv(2 * width, 4 * width)
        self.d4 = DoubleConv(4 * width, 8 * width)
        self.d5 = DoubleConv(8 * width, 16 * width)
        self.u4 = Up(16 * width, 8 * width, 8 * width)
        self.u3 = Up(8 * width, 4 * width, 4 * width)
        self.u2 = Up(4 * width, 2 * width, 2 * width)
        self.u1 = Up(2 * width, width, width)
        self.mask = nn.Conv2d(width, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        d1 = self.d1(image)  # [width, H - 4, W - 4]
        d2 = self.d2(F.max_pool2d(d1, 2))  # [2 * width, (H - 12) // 2, (W - 12) // 2]
        d3 = self.d3(F.max_pool2d(d2, 2))  # [4 * width, (H - 28) // 4, (W - 28) // 4]
        d4 = self.d4(F.max_pool2d(d3, 2))  # [8 * width, (H - 60) // 8, (W - 60) // 8]
        # [16 * width, (H - 124) // 16, (W - 124) // 16]
        d5 = self.d5(F.max_pool2d(d4, 2))
        # [8 * width, 2 * ((H - 156) // 16), 2 * ((W - 156) // 16)]
        u4 = self.u4(d5, d4)
        # [4 * width, 4 * ((H - 172) // 16), 4 * ((W - 172) // 16)]
        u3 = self.u3(u4, d3)
        # [2 * width, 8 * ((H - 12) // 16) - 84, 8 * ((W - 12) // 16) - 84]
        u2 = self.u2(u3, d2)
        # [width, 16 * ((H - 172) // 16) - 12, 16 * ((W - 172) // 16) - 12]
        x = self.u1(u2, d1)
        # [classes, 16 * ((H - 172) // 16) - 12, 16 * ((W - 172) // 16) - 12]
        return self.mask(x)
