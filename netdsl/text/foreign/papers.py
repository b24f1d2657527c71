"""Rows as the tables of papers have them (`3x3 conv, 64, stride 2`, `conv3-64`, `fc-4096`), written as rows here."""

from __future__ import annotations

import re

WORDS: dict[str, str] = {
    "conv": "conv convs convolution convolutional conv2d conv1d conv3d cnn c",
    "maxpool": "maxpool maxpooling pool pooling mp max",
    "avgpool": "avgpool avgpooling averagepool averagepooling ap avg average",
    "global_avgpool": "gap globalavgpool globalaveragepool globalaveragepooling globalavgpooling globalpool",
    "linear": "fc linear dense fullyconnected innerproduct f",
    "conv_transpose": "deconv upconv transposedconv convtranspose",
    "depthwise": "dwconv depthwiseconv dw depthwise",
    "dropout": "dropout drop",
    "softmax": "softmax",
    "relu": "relu",
    "batchnorm": "bn batchnorm",
    "lrn": "lrn localresponsenorm",
    "flatten": "flatten",
}
KERNEL = re.compile(r"(\d+)\s*[x×]\s*(\d+)")
STRIDE = re.compile(r"\b(?:stride|strides|s)\s*[=:]?\s*(\d+)|/\s*(\d+)\b", re.IGNORECASE)


FILLING = (
    "filters filter channels units neurons features d way layer layers with kernel kernels size of stride strides s "
    "and pad padding same x by the an"
)
"""Words that such rows have beside the layer."""


def row_of(text: str) -> str | None:
    """The layers that a row of a paper's table means; None where it reads like none."""
    text = re.sub(r"^\s*(?:[-*•+]|\d+[.)])\s+", "", text.strip())
    stages: list[str] = []
    for part in text.split(","):
        if stages and _layer(_words(part))[0] is None:
            stages[-1] += f",{part}"
        else:
            stages.append(part)
    written = [_stage(stage) for stage in stages]
    return " -> ".join(str(w) for w in written) if all(written) and re.search(r"[(=<>]", text) is None else None


def _words(text: str) -> list[str]:
    return re.findall(r"[A-Za-z]+", STRIDE.sub(" ", KERNEL.sub(" ", text)))


def _layer(words: list[str]) -> tuple[str | None, list[str]]:
    """The layer that some words name, and the words beside it."""
    for size in (3, 2, 1):
        for at in range(len(words) - size + 1):
            joined = "".join(words[at : at + size]).lower()
            found = next((here for here, names in WORDS.items() if joined in names.split()), None)
            if found is not None:
                return found, words[:at] + words[at + size :]
    return None, words


def _stage(text: str) -> str | None:
    """One layer of such a row."""
    kernel, stride = KERNEL.search(text), STRIDE.search(text)
    rest = STRIDE.sub(" ", KERNEL.sub(" ", text))
    layer, beside = _layer(_words(text))
    numbers = re.findall(r"\d+\.\d+|\d+", rest)
    if any(word.lower() not in FILLING.split() for word in beside):
        return None
    if layer is None:
        layer = "conv" if kernel and numbers else None
    return _written(layer, kernel, numbers, stride) if layer is not None else None


def _written(layer: str, kernel: re.Match[str] | None, numbers: list[str], stride: re.Match[str] | None) -> str | None:
    steps = f", stride={stride[1] or stride[2]}" if stride else ""
    if layer in ("conv", "conv_transpose"):
        return _convolution(layer, kernel, numbers, steps)
    if layer in ("maxpool", "avgpool", "depthwise"):
        size = _size(kernel, numbers[-1:] or [stride[1] or stride[2] if stride else "2"])
        return f"{layer}({size}{steps})"
    if layer == "linear":
        return f"flatten -> linear({numbers[-1]})" if numbers else None
    if layer == "dropout":
        rate = next((n for n in numbers if n.startswith("0.")), "0.5")
        return f"dropout({rate})"
    return layer


def _convolution(layer: str, kernel: re.Match[str] | None, numbers: list[str], steps: str) -> str | None:
    if kernel is None and len(numbers) == 1:
        numbers = ["3", numbers[0]]
    if not numbers or (kernel is None and len(numbers) < 2):
        return None
    size = _size(kernel, numbers)
    channels = numbers[-1]
    if kernel is None and float(numbers[0]) > float(channels):
        channels, size = numbers[0], channels
    odd = size.isdecimal() and int(size) % 2 == 1 and int(size) > 1
    pad = f", pad={int(size) // 2}" if odd and layer == "conv" else ""
    return f"{layer}({channels}, {size}{steps}{pad})"


def _size(kernel: re.Match[str] | None, numbers: list[str]) -> str:
    if kernel is None:
        return numbers[0]
    return kernel[1] if kernel[1] == kernel[2] else f"({kernel[1]}, {kernel[2]})"
