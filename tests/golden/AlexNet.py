"""AlexNet as the cs231n slides draw it, not grouped (Krizhevsky, Sutskever and Hinton,
"ImageNet Classification with Deep Convolutional Neural Networks", NeurIPS 2012). The
slides' shapes stand as claims at the end of the rows. `groups=2` gives the two halves
of the original, one per GPU: 60,965,224 parameters instead of 62,378,344.
"""

import torch.nn.functional as F
from torch import Tensor, nn


class AlexNet(nn.Module):
    """image [3, 227, 227] -> fc8 [classes]"""

    def __init__(self, classes: int = 1000, groups: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 96, 11, stride=4)
        self.conv2 = nn.Conv2d(96, 256, 5, padding=2, groups=groups)
        self.conv3 = nn.Conv2d(256, 384, 3, padding=1)
        self.conv4 = nn.Conv2d(384, 384, 3, padding=1, groups=groups)
        self.conv5 = nn.Conv2d(384, 256, 3, padding=1, groups=groups)
        self.fc6 = nn.Linear(9216, 4096)
        self.fc6_dropout = nn.Dropout(0.5)
        self.fc7 = nn.Linear(4096, 4096)
        self.fc7_dropout = nn.Dropout(0.5)
        self.fc8 = nn.Linear(4096, classes)

    def forward(self, image: Tensor) -> Tensor:
        x = F.relu(self.conv1(image))  # [96, 55, 55]
        x = F.max_pool2d(x, 3, 2)  # [96, 27, 27]
        x = F.local_response_norm(x, 5)  # [96, 27, 27]
        x = F.relu(self.conv2(x))  # [256, 27, 27]
        x = F.max_pool2d(x, 3, 2)  # [256, 13, 13]
        x = F.local_response_norm(x, 5)  # [256, 13, 13]
        x = F.relu(self.conv3(x))  # [384, 13, 13]
        x = F.relu(self.conv4(x))  # [384, 13, 13]
        x = F.relu(self.conv5(x))  # [256, 13, 13]
        x = F.max_pool2d(x, 3, 2)  # [256, 6, 6]
        x = x.flatten(1)  # [9216]
        x = self.fc6_dropout(F.relu(self.fc6(x)))  # [4096]
        x = self.fc7_dropout(F.relu(self.fc7(x)))  # [4096]
        return self.fc8(x)  # [classes]
