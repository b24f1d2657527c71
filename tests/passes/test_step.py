"""Training steps of the specs: ten steps from the same weights and batches in onnxruntime and in PyTorch."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from undrawn import undrawn

from netdsl.base.arrays import Array
from netdsl.cli.app import run as command
from netdsl.codegen.onnx.simplify import key_of
from netdsl.codegen.onnx.step import NEXT, onnx_step, save_step
from netdsl.codegen.pytorch.module import torch_module
from netdsl.dims import at
from netdsl.dims.tensors import DType, TensorType
from netdsl.graph import Net
from netdsl.program import load_file, load_source, load_text
from netdsl.runtime.engines.optimizers import make_optimizer
from netdsl.runtime.runs.recipes import plan_of, recipe_of
from netdsl.runtime.scoring.pytorch import RunningTotals, Scoring, named, output_names
from netdsl.text.diagnostics import NetError
from netdsl.text.source import Source

torch.set_num_threads(1)
onnxruntime.set_default_logger_severity(3)

SPECS = Path(__file__).parents[2] / "specs"
STEPS, BATCH = 10, 4

IMAGES = """
  data      imagefolder("nowhere")
  loss      (logits, label) -> cross_entropy(smoothing=0.1)
  metric    (logits, label) -> accuracy
"""
MASKS = """
  data      shapes(count=10)
  loss      (OUTPUT, label) -> cross_entropy(ignore=0)
  metric    (OUTPUT, label) -> pixel_accuracy(ignore=0)
"""
WHOLE = IMAGES.replace("logits", "mask -> global_avgpool -> flatten")
TEXTS = """
  data      text("nowhere")
  loss      (logits, label) -> cross_entropy
  metric    (logits, label) -> accuracy
"""
ONE = """
  loss      (logits, label) -> cross_entropy
  metric    (logits, label) -> accuracy
"""
HINGE = """
  data      imagefolder("nowhere")
  loss      (score, label) -> hinge
  metric    (score, label) -> accuracy
"""
MOMENTUM = "sgd(lr=0.02, momentum=0.9, nesterov=true, weight_decay=0.001, no_decay=true)"
CLIPPED = {"optimizer": "sgd(lr=0.01, momentum=0.9, weight_decay=0.001)", "clip": "0.002"}
"""Deep nets that normalise over few positions have huge gradients at first: within a few larger steps PyTorch in
float32 parts from PyTorch in float64."""
OURS = {"data": 'imagefolder("nowhere", size=28)', "accumulate": "1"}
"""For what has a recipe of its own."""
ADAM = "adam(lr=0.001, eps=0.0001, weight_decay=0.01)"
ADAMW = "adamw(lr=0.002, eps=0.0001, no_decay=true)"

GPT = {"vocab": "96", "width": "16", "heads": "2", "depth": "2"}
LLAMA = {**GPT, "heads": "4", "kv_heads": "2", "hidden": "24"}
MIXTRAL = {**LLAMA, "count": "4", "room": "9"}
BERT = {**GPT, "drop": "0"}
WHISPER = {**GPT, "bands": "4", "depth": "1"}
ASKEW = {"change": ("param change [2, 3] = zeros", "param change [2, 3] = normal(0.1)")}
"""What is read right at a pixel has a slope to either side, and rounding says to which."""
T5 = {**BERT, "size": "6", "hidden": "12"}
MAMBA = {"vocab": "96", "width": "16", "state": "3", "rank": "2", "depth": "2"}
SEQ2SEQ = {"read": "20", "words": "18", "width": "6", "hidden": "8"}
PHRASES = {"sizes": {"S": 5, "T": 6}, "optimizer": ADAM}
SENTENCES = {"sizes": {"T": 6}, "optimizer": ADAM}
THIN = {"width": "2", "hidden": "16"}


def masks(side: int, **settings: str) -> dict[str, Any]:
    """A small net of segmentation; rounding may decide between two classes at a few pixels."""
    data, told = f"shapes(size={side}, count=10)", {**settings, "classes": "4"}
    return {"by": "small", "data": data, "sizes": {"H": side, "W": side}, "settings": told, **CLIPPED, "near": 0.003}


WIDER = (
    'use "./wider_resnet.net" { abn, trunk }',
    undrawn((SPECS / "wider_resnet.net").read_text().split("\nnet ")[0]),
)
"""Its blocks stand in another file, which draws."""
AUDITED = (
    'use "./erfnet.net" { ERFNet }',
    undrawn((SPECS / "erfnet.net").read_text().split("\n# What is trained first")[0]),
)
"""So does its network."""


def roads(**settings: str) -> dict[str, Any]:
    """A small net of roads."""
    sizes = {"H": 32, "W": 36}
    return {"by": "small", "data": "roads(count=10)", "sizes": sizes, "settings": settings, **CLIPPED, "near": 0.003,
            "fewer": {"label": 2, "orientation": 37}}  # fmt: skip


QUICK: dict[str, dict[str, Any]] = {
    "LeNet": {},
    "PatchNet": {"settings": {"width": "4", "hidden": "8"}, **CLIPPED},
    "Siamese": {},
    "SiameseDigits": {"settings": {"width": "4"}, "optimizer": ADAM},
    "MLP": {"optimizer": "adagrad(lr=0.02, lr_decay=0.1)"},
    "MLP2": {"recipe": IMAGES, "optimizer": "rmsprop(lr=0.001, momentum=0.5, centered=true, eps=0.01)"},
    "Softmax": {},
    "Perceptron": {"recipe": HINGE, "optimizer": "sgd(lr=0.01)"},
    "AlexNet": {"recipe": IMAGES.replace("logits", "fc8"), "image": 67, "optimizer": MOMENTUM},
    "AlexNetGrouped": {"recipe": IMAGES.replace("logits", "fc8"), "image": 67, "optimizer": ADAM},
    "LeNet5": {},
    "GoogLeNetDigits": {"settings": {"width": "2"}, "optimizer": ADAM},
    "SENetDigits": {"settings": {"width": "4"}, **CLIPPED},
    "DRNDigits": {"settings": {"width": "2"}, **CLIPPED},
    "XceptionDigits": {"settings": {"width": "4"}, **CLIPPED},
    "WiderResNetDigits": {"settings": {"width": "2"}, **CLIPPED},
    "ZFNetDigits": {"settings": {"width": "4"}, "optimizer": ADAM},
    "VGG11BN": {"recipe": IMAGES, "image": 32, "optimizer": MOMENTUM},
    "ResNet18": {"recipe": IMAGES, "sizes": {"H": 64, "W": 57}, **CLIPPED},
    "UNetSame": {
        "recipe": MASKS,
        "sizes": {"H": 16, "W": 32},
        "settings": {"width": "4", "classes": "4"},
        "optimizer": ADAM,
    },
    "MobileNetV2Digits": {"settings": {"width": "4"}, **CLIPPED},
    "MobileNetV3Digits": {"settings": {"width": "4"}, "optimizer": ADAM},
    "EfficientNetDigits": {"settings": {"width": "4"}, "optimizer": MOMENTUM},
    "MixerDigits": {"settings": {"width": "8", "depth": "2"}, "optimizer": ADAMW},
    "ConvNeXtDigits": {"settings": {"width": "4"}, "optimizer": ADAMW},
    "PointNetDigits": {"settings": {"scale": "2", "count": "8", "drop": "0"}, **CLIPPED},
    "STDigits": {"settings": {"filters": "3", "width": "2", "turn": "0", "shift": "0"}, "optimizer": MOMENTUM, **ASKEW},
    "DDPMDigits": {"settings": {"width": "4", "groups": "2"}, "optimizer": ADAM},
    "VQVAE": {"sizes": {"H": 8, "W": 12}, "settings": {"width": "6", "codes": "5"}, "optimizer": ADAM},
    "VQVAEDigits": {"settings": {"width": "6", "codes": "5"}, "optimizer": ADAM},
    "CaptionDigits": {
        "settings": {"width": "4", "hidden": "6", "seen": "5"},
        "optimizer": ADAM,
        "fewer": {"label": 10},
    },
    "VAE": {"settings": {"side": "6", "hidden": "12", "latent": "4"}, "unit": True},
    "DCGAN": {"settings": {"width": "2", "latent": "6"}, "data": "digits"},
    "GANDigits": {"settings": {"width": "4", "latent": "6"}},
    "VAEDigits": {"settings": {"hidden": "12", "latent": "4"}, "optimizer": ADAM, "unit": True},
    "ViTDigits": {"settings": {"width": "8", "depth": "2", "drop": "0"}, "optimizer": ADAMW},
    "SwinDigits": {"settings": {"width": "16"}, "optimizer": ADAMW},
    "GPTChars": {"sizes": {"T": 9}, "settings": GPT, "optimizer": ADAMW, "data": 'text("nowhere")'},
    "GPT2": {"sizes": {"T": 9}, "settings": GPT, "optimizer": ADAM, "data": 'text("nowhere")', "accumulate": "1"},
    "LlamaChars": {"sizes": {"T": 9}, "settings": LLAMA, "optimizer": ADAMW, "data": 'text("nowhere")'},
    "T5Chars": {"sizes": {"T": 40}, "settings": T5, "optimizer": ADAMW, "data": 'text("nowhere")'},
    "MambaChars": {"sizes": {"T": 6}, "settings": MAMBA, "optimizer": ADAMW, "data": 'text("nowhere")'},
    "MixtralChars": {"sizes": {"T": 9}, "settings": MIXTRAL, "optimizer": ADAMW, "data": 'text("nowhere")'},
    "BERTChars": {"sizes": {"T": 9}, "settings": BERT, "optimizer": ADAMW, "data": 'text("nowhere")'},
    "WhisperChars": {
        "sizes": {"T": 9},
        "settings": {**WHISPER, "hiss": "0"},
        "optimizer": ADAMW,
        "data": 'text("nowhere")',
    },
    "CharRNN": {"sizes": {"T": 9}, "settings": {"hidden": "16"}, "optimizer": ADAM, "data": 'text("nowhere")'},
    "CharStep": {"recipe": ONE, "settings": {"hidden": "16"}, "optimizer": ADAM},
    "CharRNNFused": {"recipe": TEXTS, "sizes": {"T": 9}, "settings": {"hidden": "16"}, "optimizer": MOMENTUM},
    "Hello": {"recipe": TEXTS, "sizes": {"T": 4}, "optimizer": "adagrad(lr=0.1)"},
    "CharVanilla": {"recipe": TEXTS, "sizes": {"T": 7}, "settings": {"hidden": "12"}, "optimizer": "adagrad(lr=0.05)"},
    "CharGRU": {"recipe": TEXTS, "sizes": {"T": 7}, "settings": {"hidden": "12"}, "optimizer": ADAMW},
    "CharLSTM": {"sizes": {"T": 7}, "settings": {"hidden": "12"}, "optimizer": ADAM, "data": 'text("nowhere")'},
    "LinearSVM": {},
    "Polynomial": {"unit": True, "optimizer": "sgd(lr=0.05, momentum=0.9)"},
    "LocalDigits": {"optimizer": ADAM},
    "Sentiment": {"by": "small", **SENTENCES, "settings": {"vocab": "30", "width": "6", "hidden": "8", "drop": "0"}},
    "PolygonShapes": {"settings": {"width": "4", "hidden": "4"}, "sizes": {"T": 6}, "optimizer": ADAM},
    "FirstVertexShapes": {"settings": {"width": "4"}, "optimizer": ADAM, "fewer": {"edges": 2, "corners": 2}},
    "Attention": {"by": "small", **PHRASES, "settings": {**SEQ2SEQ, "drop": "0"}},
    "FrameLabels": {"sizes": {"T": 3}, "settings": {"hidden": "8"}, "optimizer": ADAM},
    "SegNetBasic": masks(32, width="4"),
    "OSVOS": {
        "by": "small",
        "data": "moving_object(size=33, count=10)",
        "sizes": {"H": 33, "W": 33},
        "settings": {"width": "2", "maps": "3"},
        **CLIPPED,
    },
}
"""One net of each kind."""

THREE = ("* depth", "* 3")
"""Layers are as many, all alike."""
SLOW: dict[str, dict[str, Any]] = {
    "GoogLeNet": {"data": 'imagefolder("nowhere")', "augment": "none", **CLIPPED},
    **{
        name: {"recipe": IMAGES, "sizes": {"H": 64, "W": 64}, **CLIPPED, "clip": "0.0002"}
        for name in ("SEResNet101", "SEResNet152", "DRND22", "DRND54", "DRND105", "Xception71")
    },
    **{name: {"sizes": {"H": 64, "W": 64}, **OURS, **CLIPPED} for name in ("SEResNet50", "SENet154", "DRND38")},
    "Xception65": {"sizes": {"H": 64, "W": 64}, **OURS, **CLIPPED},
    "WiderResNet38": {"data": 'imagefolder("nowhere")', "augment": "none", **CLIPPED},
    "ZFNet": {"data": 'imagefolder("nowhere")', "augment": "none", "image": 67, "optimizer": MOMENTUM},
    "AlexNetOneTower": {"recipe": IMAGES.replace("logits", "fc8"), "image": 66, "optimizer": MOMENTUM},
    **{name: {"recipe": IMAGES, "image": 80, **CLIPPED} for name in ("VGG11", "VGG16", "VGG16BN", "VGG19", "VGG19BN")},
    **{
        name: {"recipe": IMAGES, "sizes": {"H": 64, "W": 64}, **CLIPPED, "clip": "0.0002"}
        for name in ("ResNet34", "ResNet50", "ResNet101", "ResNet152", "ResNet50V1", "ResNet101V1", "ResNet152V1")
    },
    **{name: {"sizes": {"H": 64, "W": 64}, **OURS, **CLIPPED} for name in ("MobileNetV2", "MobileNetV3Large")},
    "MobileNetV3Small": {"recipe": IMAGES, "sizes": {"H": 64, "W": 64}, **CLIPPED},
    "EfficientNetB0": {"sizes": {"H": 64, "W": 64}, **OURS, **CLIPPED},
    "MixerB16": {**OURS, "data": 'imagefolder("nowhere")', "image": 64, "change": ("range(12)", "range(3)"), **CLIPPED},
    "ViTB16": {
        **OURS,
        "data": 'imagefolder("nowhere")',
        "image": 64,
        "settings": {"drop": "0"},
        "change": THREE,
        **CLIPPED,
    },
    "ViTS16": {"recipe": IMAGES, "image": 64, "settings": {"drop": "0"}, "change": THREE, **CLIPPED},
    "SwinT": {**OURS, "data": 'imagefolder("nowhere")', "settings": {"width": "32"}, **CLIPPED},
    "ConvNeXtT": {"sizes": {"H": 64, "W": 64}, **OURS, "change": ("stage(9, ", "stage(3, "), **CLIPPED},
    "Llama2": {"sizes": {"T": 9}, "settings": LLAMA, "optimizer": ADAMW, "data": 'text("nowhere")', "accumulate": "1"},
    "Llama32": {"recipe": TEXTS, "sizes": {"T": 9}, "settings": LLAMA, "optimizer": ADAM},
    "T5Small": {"sizes": {"S": 7, "T": 9}, "settings": T5, "optimizer": ADAM, "accumulate": "1"},
    "Mamba130M": {"sizes": {"T": 6}, "settings": MAMBA, "optimizer": ADAM, "accumulate": "1"},
    "Mixtral": {"sizes": {"T": 9}, "settings": MIXTRAL, "optimizer": ADAM, "accumulate": "1"},
    "BERT": {"sizes": {"T": 9}, "settings": BERT, "optimizer": ADAMW, "accumulate": "1"},
    "BERTClassifier": {"sizes": {"T": 9}, "settings": BERT, "optimizer": ADAM},
    "PointNet": {"sizes": {"N": 12}, "settings": {"scale": "2", "drop": "0"}, **CLIPPED},
    "STCNN": {"settings": {"filters": "4", "width": "4"}, "optimizer": ADAM, **ASKEW},
    "Whisper": {"sizes": {"F": 13, "T": 5}, "settings": WHISPER, "optimizer": ADAM, "accumulate": "1"},
    "DDPM": {"settings": {"width": "8", "groups": "4"}, **CLIPPED},
    "UNetSameBN": {"sizes": {"H": 16, "W": 32}, "settings": {"width": "4"}, "optimizer": ADAMW},
    "UNetBilinear": masks(32, width="4"),
    "UNetResNet34": {
        "by": "small",
        "data": "blobs(size=64, count=10)",
        "sizes": {"H": 64, "W": 64},
        "settings": {"width": "8"},
        **CLIPPED,
        "near": 0.003,
    },
    "UNet": {"recipe": WHOLE, "sizes": {"H": 188, "W": 188}, "settings": {"width": "2"}, "optimizer": ADAM},
    "AlexNetDigits": {"settings": {"width": "6"}, "optimizer": ADAM},
    "VGGDigits": {"settings": {"width": "4"}, "optimizer": MOMENTUM},
    "ResNetCIFAR": {"by": "small", "settings": {"n": "2"}, **CLIPPED},
    "Line": {},
    "PointsMLP": {"optimizer": ADAM},
    "PerceptronPoints": {},
    "ConvDigits": {"optimizer": ADAM},
    "SentimentMean": {**SENTENCES, "settings": {"vocab": "30", "width": "6"}},
    "Seq2Seq": {"by": "small", **PHRASES, "settings": {**SEQ2SEQ, "drop": "0"}},
    "Context": {"by": "small", **PHRASES, "settings": {**SEQ2SEQ, "drop": "0"}},
    "Sutskever": {**PHRASES, "settings": {**SEQ2SEQ, "layers": "2"}},
    "CaptionShapes": {**SENTENCES, "settings": {"width": "6", "hidden": "8"}},
    "ShowAndTellShapes": {**SENTENCES, "settings": {"width": "6", "hidden": "8"}},
    **{
        name: {**SENTENCES, "settings": {"width": "6", "hidden": "8", "drop": "0"}}
        for name in ("NeuralTalk2Shapes", "ShowAttendTellShapes")
    },
    "CaptionVGG": {**SENTENCES, "settings": {"words": "20", "width": "6", "hidden": "8"}},
    "LRCN": {
        "sizes": {"T": 2},
        "settings": {"classes": "6", "hidden": "8"},
        "optimizer": ADAM,
        "augment": "crop(67)",
        "change": ("[T = 16, 3, 227, 227]", "[T = 16, 3, 67, 67]"),
    },
    "NeuroIoU": {
        "by": "small",
        "data": "shapes(size=16, count=10)",
        "sizes": {"H": 16, "W": 16},
        "settings": {"width": "4", "hidden": "8", "classes": "4"},
    },
    "ERFNetEncoder": {
        "recipe": MASKS.replace("OUTPUT", "(OUTPUT -> resize(scale=8))"),
        **{key: value for key, value in masks(32, width="4").items() if key != "by"},
    },
    **{name: masks(32, **THIN) for name in ("FCN32s", "FCN16s", "FCN8s", "FCNAlexNet")},
    "ClockworkFCN": {**masks(32, **THIN), "data": "moving_object(size=32, count=10)"},
    **{name: masks(33, width="4") for name in ("FCNResNet50", "FCNResNet101", "PSPNet50", "LinkNet34")},
    "PSPNet101": {**masks(33, width="4"), "clip": "0.0002"},
    **{name: masks(32, width="4") for name in ("ERFNet", "SegNet")},
    **{name: masks(32, width="2") for name in ("DRND22Seg", "DRND38Seg")},
    "DeepLabV3PlusXception65": masks(33, units="1", width="8"),
    "WiderResNet38DeepLabV3": {
        "recipe": MASKS,
        **{key: value for key, value in masks(32, width="1", window="[4, 4]").items() if key != "by"},
        "change": WIDER,
    },
    "WiderDeepLabBlobs": {**masks(32, width="1", window="[4, 4]"), "change": WIDER},
    "RACE": {
        "by": "small",
        "data": "blobs(count=10)",
        "sizes": {"H": 16, "W": 20},
        "settings": {"width": "4", "turns": "3"},
        **CLIPPED,
        "near": 0.003,
        "fewer": {"label": 2},
    },
    "RoadAudit": {**masks(32, width="4", groups="[[1], [2, 3]]"), "near": 0.01, "change": AUDITED},
    "StackedHourglass": roads(width="4", units="1", depth="2"),
    "LinkNet34MTL": roads(width="4"),
    "RoadRefinerTurns": {**roads(width="4"), "sizes": {"H": 33, "W": 33}},
}
"""The other nets: more of the same."""

DECIDED = "rounding decides: PyTorch in float32 parts from PyTorch in float64 at the first step"
LEFT_OUT = {
    "DeepLabV3ResNet50": DECIDED,
    "DeepLabV3ResNet101": DECIDED,
    "DeepLabV3PlusResNet101": DECIDED,
    "DeconvNet": "onnxruntime adds up the loss of its 200,000 pixels with an error of 6e-5",
    **dict.fromkeys(("IDDEnsemble", "BlobsEnsemble"), "four of what is compared, whose dropout stands in another file"),
    **dict.fromkeys(
        ("ShowAndTell", "NeuralTalk2", "ShowAttendTell"), "those of shapes are these over fewer layers that see"
    ),
    **dict.fromkeys(("PolygonRNN", "FirstVertex"), "PolygonShapes and FirstVertexShapes are these at a smaller size"),
    "CaptionDigitsSpeak": "it speaks: what it has was learned by CaptionDigits",
}
"""What has a recipe and is not compared here, and why."""

FEWER = {"segments": 2}
"""Inputs that tell fewer apart than the classes of the net."""

WIDTHS = re.compile(r"(?<=[(, ])(64|96|128|192|256|384|512|4096)(?=[),])")
RECIPE = re.compile(r"^train [^\n]*\{$.*?^\}$\n?", re.MULTILINE | re.DOTALL)


def spec_texts() -> dict[str, str]:
    """The text of the file that each net is in."""
    texts = (path.read_text() for path in sorted(SPECS.glob("*.net")))
    return {name: text for text in texts for name in re.findall(r"^net (\w+)", text, re.MULTILINE)}


def small(name: str, case: dict[str, Any]) -> Net:
    """A spec with an eighth of the channels, smaller images, no dropout, and few equal blocks in a row.

    Claims of shapes are taken out, and the file's recipes where the case has one of its own. What weighs a loss less from
    epoch to epoch is a number.
    """
    text = re.sub(r"\s*-> \[[^\]]*\]$", "", spec_texts()[name], flags=re.MULTILINE)
    text = undrawn(text).replace("beta1=0.5", "beta1=0.5, eps=0.0001").replace("(1 - epoch / epochs)", "0.5")
    if "image" in case:
        text = re.sub(r"input image \[3, \d+, \d+\]", f"input image [3, {case['image']}, {case['image']}]", text)
    text = re.sub(r"\* (22|35)$", "* 3", text, flags=re.MULTILINE)
    if any(word in name for word in ("AlexNet", "VGG", "ResNet", "LRCN")):
        text = WIDTHS.sub(lambda found: str(int(found[1]) // 8), text).replace("1000", "12")
    if "change" in case:
        text = text.replace(*case["change"])
    if "recipe" in case:
        output = re.findall(rf"^net {name}\b.*?^  output (\w+)", text, re.MULTILINE | re.DOTALL)[0]
        recipe = case["recipe"].replace("OUTPUT", output)
        if "H" in case.get("sizes", {}):
            recipe = recipe.replace('"nowhere"', '"nowhere", size=28')
        text = RECIPE.sub("", text) + f"\ntrain {name} {{{recipe}}}\n"
    rows = {row: case[row] for row in ("optimizer", "data", "clip", "accumulate", "augment") if row in case}
    source = Source(f"{name}.net", text, SPECS / f"{name}.net")
    only = "small" if f"train small of {name} " in text and f"train {name} " not in text else None
    return load_source(source, case.get("settings"), rows, case.get("by", only)).net(name)


def fields_of(net: Net) -> dict[str, TensorType]:
    """What a step is fed: the fields of the data, or inputs and what the losses read beside them."""
    if recipe_of(net).data:
        return plan_of(net).data.sample({v.name: v.type for v in net.inputs})
    outputs = {output.name for output in net.outputs}
    read = [v for term in recipe_of(net).losses for v in term.graph.inputs if v.name not in outputs]
    return {v.name: v.type for v in (*net.inputs, *read)}


def batch_of(
    net: Net, sizes: dict[str, int], number: int, unit: bool = False, fewer: dict[str, int] = FEWER
) -> dict[str, Array]:  # fmt: skip
    """Random samples: every label a class that the net tells apart; pixels from 0 to 1 where they are to be `unit`.

    What is said to be there (booleans) is there up to a place, and at least one is.
    """
    random = np.random.default_rng(number)
    ops: list[Any] = [
        node.op for term in recipe_of(net).losses for node in term.graph.nodes if hasattr(node.op, "along")
    ]
    classes = max(2, int(ops[-1].x.shape[ops[-1].along])) if ops else 2
    found: dict[str, Array] = {}
    for name, kind in fields_of(net).items():
        shape = (BATCH, *(at(d, sizes) for d in kind.shape))
        if kind.dtype is DType.FLOAT:
            found[name] = (random.uniform if unit else random.normal)(size=shape).astype(np.float32)
        elif kind.dtype is DType.BOOL:
            found[name] = np.arange(shape[-1]) < random.integers(1, shape[-1] + 1, (*shape[:-1], 1))
        else:
            found[name] = random.integers(0, fewer.get(name, classes), shape)
    return found


class Onnx:
    """The step in onnxruntime, what it carries fed back as it came."""

    def __init__(self, model: onnx.ModelProto) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        content = model.SerializeToString()
        self.session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        ports = (*self.session.get_inputs(), *self.session.get_overridable_initializers())
        self.inputs = {i.name for i in ports}
        self.outputs = [o.name for o in self.session.get_outputs()]
        self.state: dict[str, Array] = {}

    def step(self, fields: dict[str, Array], rate: float, seed: int = 0) -> dict[str, Array]:
        numbers = {"learning_rate": np.array(rate, np.float32), "ema_share": np.array(0.1, np.float32)}
        given = {**fields, **numbers, "seed": np.array(seed), **self.state}
        read = {name: value for name, value in given.items() if name in self.inputs}
        found = dict(zip(self.outputs, self.session.run(None, read), strict=True))
        self.state |= {name.removesuffix(NEXT): v for name, v in found.items() if name.endswith(NEXT)}
        return found


class Torch:
    """The same by the run of PyTorch, for a part of the recipe: all of it where it is one."""

    def __init__(self, net: Net, part: int = 0, module: torch.nn.Module | None = None) -> None:
        self.net = net
        self.part = recipe_of(net).turns[part]
        self.module = module or torch_module(net, 0).train()
        self.optimizer = make_optimizer(self.part.optimizer, self.module, self.part.moves)
        self.scoring = Scoring(net, self.part.losses, self.part.metrics)

    def weights(self) -> dict[str, Array]:
        return {k: v.detach().numpy().copy() for k, v in self.module.state_dict().items()}

    def step(self, fields: dict[str, Array], rate: float) -> tuple[float, dict[str, float]]:
        values = {k: torch.from_numpy(v) for k, v in fields.items()}
        result = self.module(*(values[v.name] for v in self.net.fed))
        values |= named(result, output_names(self.net, True))
        totals = RunningTotals()
        loss = sum(self.scoring.loss(totals, values, True).values(), torch.zeros(()))
        self.scoring.count(totals, values, True)
        self.module.zero_grad()
        loss.backward()
        if self.part.clip is not None:
            moved = [p for group in self.optimizer.param_groups for p in group["params"]]
            torch.nn.utils.clip_grad_norm_(moved, self.part.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        return loss.item(), self.scoring.result(totals)["metrics"]


def assert_alike(name: str, case: dict[str, Any], device: str = "cpu") -> None:
    net = small(name, case)
    sizes = {**net.defaults, **case.get("sizes", {})}
    first = Torch(net)
    references = [first, *(Torch(net, part, first.module) for part in range(1, len(recipe_of(net).turns)))]
    start, state = first.weights(), dict[str, Array]()
    names = [reference.part.name or None for reference in references]
    steps = [Onnx(onnx_step(net, weights=start, cuda=device == "cuda", part=name)) for name in names]
    for step in steps:
        step.state = state
    for number in range(STEPS):
        fields = batch_of(net, sizes, number, "unit" in case, case.get("fewer", FEWER))
        for ours, reference in zip(steps, references, strict=True):
            rate = reference.part.optimizer.lr * (1 - number / (2 * STEPS))
            found = ours.step(fields, rate, number)
            loss, metrics = reference.step(fields, rate)
            assert float(found["loss"]) == pytest.approx(loss, rel=1e-4), f"step {number}"
            for metric, value in metrics.items():
                assert float(found[metric]) == pytest.approx(value, rel=1e-4, abs=case.get("near", 1e-6), nan_ok=True)
    frozen = {key for key, weight in first.module.named_parameters() if not weight.requires_grad}
    theirs = {key: value for key, value in first.weights().items() if key not in frozen}
    assert state.keys() >= theirs.keys()
    for key, value in theirs.items():
        largest = np.abs(value).max(initial=1e-3)
        np.testing.assert_allclose(state[key], value, rtol=0, atol=1e-3 * largest, err_msg=key)


def test_every_net_with_a_recipe_is_stepped() -> None:
    """A net that its file has no recipe for is drawn from, is a part of another, or is there for its shapes."""
    texts = spec_texts()
    trained = {name for name, text in texts.items() if re.search(rf"^train (\w+ of )?{name} {{", text, re.MULTILINE)}
    stepped = {*QUICK, *SLOW}
    assert trained <= {*stepped, *LEFT_OUT}
    assert stepped <= texts.keys()
    assert LEFT_OUT.keys() <= trained - stepped


DEEP = {
    "DDPMDigits", "MobileNetV2Digits", "MobileNetV3Digits", "EfficientNetDigits", "ConvNeXtDigits", "GoogLeNetDigits",
    "DRNDigits", "XceptionDigits", "WiderResNetDigits", "SENetDigits", "SegNetBasic",
}  # fmt: skip
"""What takes seconds to open."""


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n in DEEP else n for n in QUICK])
def test_ten_steps_as_in_pytorch(name: str) -> None:
    assert_alike(name, QUICK[name])


SPELT = {
    "LeNet", "AlexNetGrouped", "PatchNet", "DCGAN", "LocalDigits", "VQVAEDigits", "SwinDigits", "CharRNN", "CharRNNFused",
    "CharGRU", "CharLSTM", "PointNetDigits",
}  # fmt: skip
"""Nets whose gradients of convolutions, recurrent layers and picked elements are spelt in another way for CUDA."""


@pytest.mark.parametrize("name", [n if n in SPELT else pytest.param(n, marks=pytest.mark.slow) for n in QUICK])
def test_ten_steps_as_they_are_spelt_for_cuda(name: str) -> None:
    """Either device's spelling means the same wherever it runs."""
    assert_alike(name, QUICK[name], "cuda")


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_ten_steps_of_the_others(name: str) -> None:
    assert_alike(name, SLOW[name])


# ---------------------------------------------------------------- the file by itself

TWO = """
net Two(classes = 4) {
  input image [3, H, W]
  trunk: conv(5, 3, pad=1, bias=false) -> batchnorm -> relu -> global_avgpool -> flatten
  output aux side: trunk -> linear(classes)
  output logits: trunk -> dropout(0.5) -> linear(classes)
}
train Two {
  data      imagefolder("nowhere", size=16)
  loss      (logits, label) -> cross_entropy
  loss      extra: 0.4 * ((side, label) -> cross_entropy)
  metric    (logits, label) -> accuracy
  optimizer adam(lr=0.01)
}
"""


def two(**recipe: str) -> Net:
    return load_text(TWO, "two.net", None, recipe).net("Two")


def two_batch(number: int, size: int = 3, side: int = 6) -> dict[str, Array]:
    random = np.random.default_rng(number)
    image = random.normal(size=(size, 3, side, side)).astype(np.float32)
    return {"image": image, "label": random.integers(0, 4, size)}


def properties(model: onnx.ModelProto) -> dict[str, str]:
    return {p.key: p.value for p in model.metadata_props}


def test_the_contract() -> None:
    model = onnx_step(two())
    onnx.checker.check_model(model, full_check=True)
    assert {o.domain for o in model.opset_import} == {""}
    assert {n.domain for n in model.graph.node} == {""}
    inputs = [v.name for v in model.graph.input]
    outputs = [v.name for v in model.graph.output]
    weights = [k for k, _ in two().weights()]
    trained = [k for k in weights if k.startswith(("side", "logits", "trunk.conv")) or k.endswith(("bias", "1.weight"))]
    assert inputs[:4] == ["image", "label", "learning_rate", "seed"]
    slots = {f"{k}:{slot}" for k in trained for slot in ("exp_avg", "exp_avg_sq")}
    assert set(inputs[4:]) == {*weights, *slots, "updates"}
    assert outputs[:4] == ["loss", "cross_entropy", "extra", "accuracy"]
    assert outputs[4:] == [f"{name}{NEXT}" for name in json.loads(properties(model)["netdsl.carried"])]
    carried = {name.removesuffix(NEXT) for name in outputs[4:]}
    assert carried == set(inputs[4:]) <= {t.name for t in model.graph.initializer}
    shape = [d.dim_param or d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    assert shape == ["N", 3, "H", "W"]
    assert properties(model)["netdsl.kind"] == "training-step"
    assert properties(model)["netdsl.contract"] == "3"
    assert json.loads(properties(model)["netdsl.fields"]) == ["image", "label"]


def test_seeds_and_sizes_of_batches() -> None:
    """The same seed gives the same step, another seed another; batches and images of any size go through one file."""
    model = onnx_step(two())
    first, second, third = (Onnx(model).step(two_batch(0), 0.01, seed) for seed in (5, 5, 6))
    assert all(np.array_equal(first[k], second[k]) for k in first)
    assert first["loss"] != third["loss"]
    step = Onnx(model)
    for number, (size, side) in enumerate([(3, 6), (1, 9), (7, 5)]):
        found = step.step(two_batch(number, size, side), 0.01, number)
        assert np.isfinite(found["loss"])
        assert float(found["loss"]) == pytest.approx(float(found["cross_entropy"] + found["extra"]), rel=1e-6)
    assert step.state["trunk.batchnorm1.num_batches_tracked"] == 3


def test_nothing_is_there_twice() -> None:
    """No copy, no pair of equal nodes, nothing that no output needs, nothing of constants alone."""
    model = onnx_step(small("LeNet", {}))
    nodes, outputs = list(model.graph.node), {o.name for o in model.graph.output}
    assert not any(n.op_type == "Identity" for n in nodes)
    keys = [key_of(n) for n in nodes]
    assert len(set(keys)) == len(keys)
    read = {name for n in nodes for name in n.input}
    assert all(outputs.union(read).intersection(n.output) for n in nodes)
    constants = {t.name for t in model.graph.initializer} - {v.name for v in model.graph.input}
    assert constants <= read
    assert not [n.name for n in nodes if n.input and all(name in constants for name in n.input)]


def test_large_weights_go_beside_the_step(tmp_path: Path) -> None:
    net = small("LeNet", {})
    path = save_step(net, tmp_path / "step.onnx", seed=3, external=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step.onnx", "step.onnx.data"]
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    fields = batch_of(net, {}, 0)
    given = {**fields, "learning_rate": np.array(0.01, np.float32), "seed": np.array(0)}
    (loss,) = session.run(["loss"], given)
    assert loss == pytest.approx(float(Onnx(onnx_step(net, seed=3)).step(fields, 0.01)["loss"]), rel=1e-6)


def test_the_command_writes_either_spelling(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spelt = {}
    for given in ([], ["--device", "cpu"], ["--device", "cuda"]):
        path = tmp_path / f"{len(spelt)}.onnx"
        assert command(["compile", str(SPECS / "lenet.net"), "--to", "onnx-train", "-o", str(path), *given]) == 0
        spelt[path] = onnx.load(path)
    plain, cpu, cuda = spelt.values()
    assert [properties(model)["netdsl.device"] for model in spelt.values()] == ["cpu", "cpu", "cuda"]
    assert plain == cpu
    assert [n.op_type for n in cpu.graph.node] != [n.op_type for n in cuda.graph.node]
    with pytest.raises(SystemExit) as ended:
        command(["compile", str(SPECS / "lenet.net"), "--to", "onnx", "-o", str(tmp_path / "m.onnx"), *given])
    assert ended.value.code == 2
    assert "onnx runs on any as it is" in capsys.readouterr().err


def test_what_has_no_step() -> None:
    with pytest.raises(NetError, match="has nothing to be trained by"):
        onnx_step(load_text(TWO.split("train")[0]).net())
    text = TWO.replace("(logits, label) -> accuracy", "seed: (logits, label) -> accuracy")
    assert "seed2" in {o.name for o in onnx_step(load_text(text).net()).graph.output}
    text = TWO.replace("input image", "input seed")
    with pytest.raises(NetError, match="two inputs or outputs of the training step would be called `seed`"):
        onnx_step(load_text(text).net())


@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        ("updates", {"optimizer": "adam"}),
        ("loss_scale", {"precision": "fp16"}),
        ("loss_scale_steps", {"precision": "fp16"}),
        ("accumulated_count", {"accumulate": "2"}),
    ],
)
def test_a_param_called_as_what_a_step_carries_is_refused(name: str, recipe: dict[str, str]) -> None:
    """Only where the step has such a tensor: elsewhere it is a name like any other."""
    text = f"""
net Named {{
  input image [1, 8, 8]
  flatten -> linear(10)
  param {name} [10] = constant(1.0)
  output logits: _ * {name}
}}
train Named {{
  data digits
  loss (logits, label) -> cross_entropy
}}
"""
    with pytest.raises(NetError, match=f"two inputs or outputs of the training step would be called `{name}`"):
        onnx_step(load_text(text, "named.net", None, recipe).net())
    plain = onnx_step(load_text(text, "named.net", None, {"optimizer": "sgd(lr=0.1)"}).net())
    assert [v.name for v in plain.graph.input].count(name) == 1


def script_of(page: str) -> str:
    """The one Python block of a page that steps a file."""
    (found,) = [b for b in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "_step.onnx" in b]
    return str(found)


BAR = "import sys\nsys.modules.update(torch=None, onnx=None, netdsl=None)\n"


@pytest.mark.parametrize("page", ["docs/onnx-training.md", "README.md"])
def test_the_script_trains_the_file_alone(tmp_path: Path, page: str) -> None:
    """Nothing but numpy and onnxruntime: other imports fail in its process."""
    text = (SPECS.parent / page).read_text()
    save_step(load_file(SPECS / "lenet.net").net("LeNet"), tmp_path / "lenet_step.onnx")
    line = [sys.executable, "-c", BAR + script_of(text)]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    loss, accuracy = map(float, re.findall(r"\d\.\d+", done.stdout))
    assert accuracy > 0.9
    assert loss < 0.9
