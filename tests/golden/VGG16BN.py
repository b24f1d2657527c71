"""VGG16BN: VGG (Simonyan and Zisserman, "Very Deep Convolutional Networks for
Large-Scale Image Recognition", ICLR 2015), configurations A (11), D (16) and E (19),
with and without batch normalisation.

Configuration D, batch normalisation after every convolution.
"""

import torch.nn.functional as F
from torch import Tensor, nn


class ConvRelu(nn.Module):
    """x [in_channels, H, W] -> [c, H, W]"""

    def __init__(self, in_channels: int, c: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, c, 3, padding=1)
        self.batchnorm1 = nn.BatchNorm2d(c)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.batchnorm1(self.conv1(x)))  # [c, H, W]


class Classifier(nn.Module):
    """x [in_channels, 7, 7] -> [classes]"""

    def __init__(
        self,
        in_channels: int,
        in_height: int,
        in_width: int,
        classes: int,
        hidden: int = 4096,
    ) -> None:
        super().__init__()
        self.fc6 = nn.Linear(in_channels * in_height * in_width, hidden)
        self.fc6_dropout = nn.Dropout(0.5)
        self.fc7 = nn.Linear(hidden, hidden)
        self.fc7_dropout = nn.Dropout(0.5)
        self.fc8 = nn.Linear(hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)  # [25088]
        x = self.fc6_dropout(F.relu(self.fc6(x)))  # [hidden]
        x = self.fc7_dropout(F.relu(self.fc7(x)))  # [hidden]
        return self.fc8(x)  # [classes]


class StageN2(nn.Module):
    """x [in_channels, H, W] -> [c, H // 2, W // 2]"""

    def __init__(self, in_channels: int, c: int) -> None:
        super().__init__()
        self.conv_relu1 = ConvRelu(in_channels, c)
        self.conv_relu2 = ConvRelu(c, c)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_relu1(x)  # [c, H, W]
        x = self.conv_relu2(x)  # [c, H, W]
        return F.max_pool2d(x, 2)  # [c, H // 2, W // 2]


class StageN3(nn.Module):
    """x [in_channels, H, W] -> [c, H // 2, W // 2]"""

    def __init__(self, in_channels: int, c: int) -> None:
        super().__init__()
        self.conv_relu1 = ConvRelu(in_channels, c)
        self.conv_relu2 = ConvRelu(c, c)
        self.conv_relu3 = ConvRelu(c, c)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_relu1(x)  # [c, H, W]
        x = self.conv_relu2(x)  # [c, H, W]
        x = self.conv_relu3(x)  # [c, H, W]
        return F.max_pool2d(x, 2)  # [c, H // 2, W // 2]


class VGG16BN(nn.Module):
    """image [3, 224, 224] -> logits [classes]"""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.stage1 = StageN2(3, 64)
        self.stage2 = StageN2(64, 128)
        self.stage3 = StageN3(128, 256)
        self.stage4 = StageN3(256, 512)
        self.stage5 = StageN3(512, 512)
        self.logits = Classifier(512, 7, 7, classes)

    def forward(self, image: Tensor) -> Tensor:
        x = self.stage1(image)  # [64, 112, 112]
        x = self.stage2(x)  # [128, 56, 56]
        x = self.stage3(x)  # [256, 28, 28]
        x = self.stage4(x)  # [512, 14, 14]
        x = self.stage5(x)  # [512, 7, 7]
        return self.logits(x)  # [classes]
