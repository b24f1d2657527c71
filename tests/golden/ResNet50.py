"""ResNet50: Residual networks (He, Zhang, Ren and Sun, "Deep Residual Learning for
Image Recognition", CVPR 2016). `ResNet50` and deeper put a stage's stride on the 3×3
convolution, as torchvision does ("v1.5"); `ResNet50V1` and its like put it on the first
1×1, as the paper and the authors' Caffe models do. Parameters agree, MACs do not.
(Caffe's ResNet-50 alone has a bias in its first convolution: 25,557,096 parameters;
here it has none.)

25,557,032 parameters.
"""

from collections import OrderedDict

import torch.nn.functional as F
from torch import Tensor, nn


class Entry(nn.Module):
    """x [in_channels, H, W] -> [64, (H + 3) // 4, (W + 3) // 4]"""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False)
        self.batchnorm1 = nn.BatchNorm2d(64)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.batchnorm1(self.conv1(x)))  # [64, (H + 1) // 2, (W + 1) // 2]
        return F.max_pool2d(x, 3, 2, padding=1)  # [64, (H + 3) // 4, (W + 3) // 4]


class Bottleneck(nn.Module):
    """1×1 down, 3×3 with the stride, 1×1 up to four times the channels.

    x [in_channels, H, W] -> [4 * c, ceil(H / stride), ceil(W / stride)]
    """

    def __init__(self, in_channels: int, c: int, stride: int = 1) -> None:
        super().__init__()
        self.main = nn.Sequential(
            OrderedDict(
                conv1=nn.Conv2d(in_channels, c, 1, bias=False),
                batchnorm1=nn.BatchNorm2d(c),
                relu1=nn.ReLU(),
                conv2=nn.Conv2d(c, c, 3, stride=stride, padding=1, bias=False),
                batchnorm2=nn.BatchNorm2d(c),
                relu2=nn.ReLU(),
                conv3=nn.Conv2d(c, 4 * c, 1, bias=False),
                batchnorm3=nn.BatchNorm2d(4 * c),
            ),
        )
        if stride != 1 or in_channels != 4 * c:
            self.skip = nn.Sequential(
                OrderedDict(
                    conv1=nn.Conv2d(in_channels, 4 * c, 1, stride=stride, bias=False),
                    batchnorm1=nn.BatchNorm2d(4 * c),
                ),
            )
        else:
            self.skip = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        main = self.main(x)  # [4 * c, ceil(H / stride), ceil(W / stride)]
        skip = self.skip(x)  # [4 * c, ceil(H / stride), ceil(W / stride)]
        return F.relu(main + skip)  # [4 * c, ceil(H / stride), ceil(W / stride)]


class Classifier(nn.Module):
    """x [in_channels, H, W] -> [classes]"""

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(in_channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = x.mean(dim=(-2, -1))  # [in_channels]
        return self.linear1(x)  # [classes]


class ResNet50(nn.Module):
    """image [3, H, W] -> logits [classes]"""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.stem = Entry(3)
        self.stage1 = nn.Sequential(
            OrderedDict(
                bottleneck1=Bottleneck(64, 64),
                bottleneck2=Bottleneck(256, 64),
                bottleneck3=Bottleneck(256, 64),
            ),
        )
        self.stage2 = nn.Sequential(
            OrderedDict(
                bottleneck1=Bottleneck(256, 128, stride=2),
                **{f"bottleneck{i}": Bottleneck(512, 128) for i in range(2, 5)},
            ),
        )
        self.stage3 = nn.Sequential(
            OrderedDict(
                bottleneck1=Bottleneck(512, 256, stride=2),
                **{f"bottleneck{i}": Bottleneck(1024, 256) for i in range(2, 7)},
            ),
        )
        self.stage4 = nn.Sequential(
            OrderedDict(
                bottleneck1=Bottleneck(1024, 512, stride=2),
                bottleneck2=Bottleneck(2048, 512),
                bottleneck3=Bottleneck(2048, 512),
            ),
        )
        self.logits = Classifier(2048, classes)

    def forward(self, image: Tensor) -> Tensor:
        x = self.stem(image)  # [64, (H + 3) // 4, (W + 3) // 4]
        x = self.stage1(x)  # [256, (H + 3) // 4, (W + 3) // 4]
        x = self.stage2(x)  # [512, (H + 7) // 8, (W + 7) // 8]
        x = self.stage3(x)  # [1024, (H + 15) // 16, (W + 15) // 16]
        x = self.stage4(x)  # [2048, (H + 31) // 32, (W + 31) // 32]
        return self.logits(x)  # [classes]
