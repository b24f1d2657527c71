"""The networks of the reference table, as texts or specs."""

from __future__ import annotations

from pathlib import Path

import netdsl
from netdsl.graph import Net

SPECS = Path(__file__).parents[2] / "specs"
ALEXNET = """
net AlexNet(classes = 1000) {
  input image [3, 224, 224]
  conv(64, 11, stride=4, pad=2) -> relu -> maxpool(3, stride=2)
  conv(192, 5, pad=2) -> relu -> maxpool(3, stride=2)
  conv(384, 3, pad=1) -> relu
  conv(256, 3, pad=1) -> relu
  conv(256, 3, pad=1) -> relu -> maxpool(3, stride=2)
  adaptive_avgpool(6) -> flatten -> dropout(0.5) -> linear(4096) -> relu
  dropout(0.5) -> linear(4096) -> relu
  linear(classes)
}
"""
"""As torchvision has it (Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014)."""
LSTM = """
net Recurrent {
  input steps [50, 128]
  lstm(256, layers=2) -> last -> linear(10)
}
"""


def nets() -> dict[str, tuple[Net, dict[str, int]]]:
    """Each by its name, with the sizes at which it is counted."""
    square = {"H": 224, "W": 224}
    return {
        "AlexNet torchvision 224": (netdsl.load_text(ALEXNET), {}),
        "AlexNet slides 227": (netdsl.load(SPECS / "alexnet.net", "AlexNet"), {}),
        "AlexNet slides 227 grouped": (netdsl.load(SPECS / "alexnet.net", "AlexNet", groups=2), {}),
        "ResNet-50 224": (netdsl.load(SPECS / "resnet.net", "ResNet50"), square),
        "U-Net BN 256": (netdsl.load(SPECS / "unet.net", "UNetSameBN", classes=1), {"H": 256, "W": 256}),
        "U-Net 2015 572": (netdsl.load(SPECS / "unet.net", "UNet"), {"H": 572, "W": 572}),
        "MobileNetV2 224": (netdsl.load(SPECS / "mobilenet.net", "MobileNetV2"), square),
        "ViT-B/16": (netdsl.load(SPECS / "vit.net", "ViTB16"), {}),
        "LSTM 128-256 T50": (netdsl.load_text(LSTM), {}),
    }
