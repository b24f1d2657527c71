"""LeNet-5 as it is taught today: dense second convolution, max-pooling, a linear last
layer (LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to Document
Recognition", 1998). 61,706 parameters.
"""

import torch.nn.functional as F
from torch import Tensor, nn


class LeNet(nn.Module):
    """image [1, 28, 28] -> logits [classes]"""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.logits = nn.Linear(84, classes)

    def forward(self, image: Tensor) -> Tensor:
        x = F.relu(self.conv1(image))  # [6, 28, 28]
        x = F.max_pool2d(x, 2)  # [6, 14, 14]
        x = F.relu(self.conv2(x))  # [16, 10, 10]
        x = F.max_pool2d(x, 2)  # [16, 5, 5]
        x = x.flatten(1)  # [400]
        x = F.relu(self.fc1(x))  # [120]
        x = F.relu(self.fc2(x))  # [84]
        return self.logits(x)  # [classes]
