"""The specs at work: PyTorch has the graph's shapes and weights, onnxruntime computes the same, and both compute what
networks written by hand do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file as load_tensors
from safetensors.torch import save_file as save_tensors
from torch import Tensor, nn

from netdsl.codegen.onnx.model import onnx_model
from netdsl.codegen.pytorch.module import torch_module
from netdsl.dims.tensors import DType
from netdsl.graph import Net
from netdsl.program import load_file
from netdsl.runtime.evaluate import evaluate
from netdsl.runtime.parity import still
from netdsl.runtime.scoring.pytorch import named, output_names
from netdsl.runtime.train import train

torch.set_num_threads(1)

SPECS = Path(__file__).parents[2] / "specs"
Sizes = tuple[tuple[str, int], ...]


class Small(NamedTuple):
    """A net of a spec, small enough to run, at sizes that differ from one another and between the axes."""

    file: str
    net: str
    settings: tuple[tuple[str, int | str], ...] = ()
    sizes: tuple[Sizes, ...] = ((),)
    apart: float = 1e-4
    """How far float32 may take two engines from each other: a hundred layers make much of a rounding."""

    def __str__(self) -> str:
        return self.net


def images(*sides: tuple[int, int]) -> tuple[Sizes, ...]:
    return tuple((("H", high), ("W", wide)) for high, wide in sides)


STEPS: tuple[Sizes, ...] = ((("T", 5),), (("T", 9),))
ANY = images((33, 47), (64, 40))
VALID = images((188, 204), (190, 188))
PADDED = images((16, 48), (64, 32))
NARROW = (("width", 4),)
HOURGLASS = (("width", 4), ("units", 1), ("depth", 2), ("ways", 5))
THIN = (("width", 2), ("hidden", 8))
LLAMA = (("vocab", 11), ("width", 16), ("heads", 4), ("kv_heads", 2), ("hidden", 24), ("depth", 2))
BERT = (("vocab", 11), ("width", 8), ("heads", 2), ("depth", 2))
T5 = (*BERT, ("size", 6), ("hidden", 12))
PAIRS: tuple[Sizes, ...] = ((("S", 5), ("T", 3)), (("S", 4), ("T", 9)))
MAMBA = (("vocab", 11), ("width", 8), ("state", 3), ("rank", 2), ("depth", 2))
HEARD: tuple[Sizes, ...] = ((("F", 13), ("T", 5)), (("F", 22), ("T", 9)))
CAPTION = (("width", 4), ("hidden", 6), ("seen", 5))
HIDDEN = (("vocab", 11), ("hidden", 7))
TOLD = (("read", 12), ("words", 9), ("width", 5), ("hidden", 6))

FEW = {"segments": 2, "label": 10, "said": 3, "vertices": 66}
"""Inputs that are no words."""
VOCABULARIES = {"source": "read", "target": "words"}
"""Settings that say how many words an input may have, where there is no `vocab`."""

SMALL = [
    Small("siamese", "Siamese"),
    Small("siamese", "SiameseDigits"),
    Small("perceptron", "Perceptron"),
    Small("perceptron", "PerceptronPoints"),
    *(Small("fitting", name) for name in ("Line", "Polynomial", "LinearSVM", "PointsMLP")),
    *(Small("local", name) for name in ("LocalDigits", "ConvDigits")),
    *(
        Small("upsampling", name)
        for name in ("NearestNeighbour", "BedOfNails", "MaxUnpooling", "TransposedConv", "MatrixProducts")
    ),
    Small("softmax", "Softmax"),
    Small("mlp", "MLP"),
    Small("mlp", "MLP2"),
    Small("lenet", "LeNet"),
    Small("patches", "PatchNet", NARROW),
    Small("zfnet", "ZFNetDigits", NARROW),
    Small("lenet5", "LeNet5"),
    Small("googlenet", "GoogLeNetDigits", (("width", 2),)),
    Small("googlenet", "GoogLeNetDigits", (("width", 2), ("variant", "torchvision"))),
    Small("senet", "SENetDigits", NARROW),
    Small("drn", "DRNDigits", (("width", 2),)),
    Small("xception", "XceptionDigits", NARROW),
    Small("wider_resnet", "WiderResNetDigits", (("width", 2),)),
    Small("wider_resnet", "WiderResNetDigits", (("width", 2), ("dilated", "true"))),
    Small("wider_resnet", "WiderResNetDigits", (("width", 2), ("variant", "a1"))),
    Small("wider_deeplab", "WiderDeepLabBlobs", (("width", 1),), images((33, 47), (40, 64))),
    Small("alexnet", "AlexNetDigits", (("width", 3),)),
    Small("vgg", "VGGDigits", (("width", 2),)),
    Small("resnet", "ResNetCIFAR", (("n", 1),), ANY),
    Small("resnet", "ResNet18", (("classes", 10),), ANY),
    Small("resnet", "ResNet50", (("classes", 10),), ANY),
    Small("unet", "UNet", (("width", 2), ("classes", 3)), VALID),
    Small("unet", "UNetSame", (("width", 4), ("channels", 3)), PADDED),
    Small("unet", "UNetSameBN", (("width", 4), ("classes", 3)), PADDED),
    Small("unet", "UNetBilinear", (("width", 4), ("classes", 3)), PADDED),
    Small("unet", "UNetResNet34", (("width", 8), ("classes", 3)), images((64, 96))),
    Small("fcn", "FCN8s", THIN, images((17, 30))),
    Small("deeplab", "DeepLabV3ResNet50", NARROW, images((33, 47))),
    Small("pspnet", "PSPNet50", NARROW, images((33, 49), (65, 41))),
    Small("erfnet", "ERFNet", NARROW, images((32, 48), (64, 40))),
    Small("erfnet", "ERFNetEncoder", NARROW, images((32, 48))),
    Small("drn_seg", "DRND22Seg", (("width", 2),), images((32, 48))),
    Small("linknet", "LinkNet34", NARROW, images((33, 47), (64, 40))),
    Small("osvos", "OSVOS", (("width", 2), ("maps", 3)), images((33, 47), (64, 40))),
    Small("race", "RACE", (*NARROW, ("turns", 3)), images((16, 20), (21, 18))),
    Small("road_audit", "RoadAudit", NARROW, images((32, 48))),
    Small("roads", "StackedHourglass", HOURGLASS, images((33, 46), (48, 40))),
    Small("roads", "LinkNet34MTL", (("width", 4), ("ways", 5)), images((33, 47))),
    Small("roads", "RoadRefiner", NARROW, images((33, 47))),
    Small("roads", "RoadRefinerTurns", NARROW, images((33, 47))),
    *(
        Small("clockwork", name, (("classes", 3), *THIN), images((17, 30)))
        for name in ("ClockworkFCN", "ClockworkPipelined", "ClockworkShallow", "ClockworkDeep")
    ),
    Small("clockwork", "ClockworkFixed", (("classes", 3), *THIN), ((("T", 3), ("H", 17), ("W", 30)),)),
    Small("polygon_rnn", "PolygonShapes", (("width", 2), ("hidden", 3)), STEPS),
    Small("polygon_rnn", "PolygonShapesSpeak", (("width", 2), ("hidden", 3))),
    Small("polygon_rnn", "FirstVertexShapes", (("width", 2),)),
    Small("segnet", "SegNet", NARROW, images((33, 47), (64, 40))),
    Small("segnet", "SegNetBasic", NARROW, images((33, 47), (64, 40))),
    Small("char_rnn", "CharRNN", HIDDEN, STEPS),
    Small("char_rnn", "CharRNNFused", HIDDEN, STEPS),
    Small("char_rnn", "CharStep", HIDDEN),
    Small("char_rnn", "Hello", (), STEPS),
    Small("char_rnn", "CharVanilla", (*HIDDEN, ("layers", 2)), STEPS),
    Small("char_rnn", "CharGRU", (*HIDDEN, ("layers", 2)), STEPS),
    Small("char_rnn", "CharLSTM", (*HIDDEN, ("layers", 3)), STEPS),
    Small("translate", "Seq2Seq", TOLD, PAIRS),
    Small("translate", "Seq2SeqSpeak", TOLD, (PAIRS[0][:1],)),
    Small("translate", "Sutskever", TOLD, PAIRS),
    Small("translate", "Context", TOLD, PAIRS),
    Small("translate", "Attention", TOLD, PAIRS),
    Small("translate", "AttentionSpeak", TOLD, (PAIRS[0][:1],)),
    Small("caption", "CaptionShapes", (("words", 9), ("width", 4), ("hidden", 6)), STEPS),
    Small("caption", "CaptionShapesSpeak", (("words", 9), ("width", 4), ("hidden", 6))),
    *(
        Small("caption", f"{name}Shapes", (("words", 9), ("width", 4), ("hidden", 6)), STEPS)
        for name in ("ShowAndTell", "NeuralTalk2", "ShowAttendTell")
    ),
    Small("sentiment", "Sentiment", (*HIDDEN, ("width", 5)), STEPS),
    Small("sentiment", "SentimentMean", (("vocab", 11), ("width", 5)), STEPS),
    Small("video_labels", "FrameLabels", (("hidden", 6),), STEPS),
    Small("mobilenet", "MobileNetV2Digits", NARROW),
    Small("mobilenet", "MobileNetV3Digits", NARROW),
    Small("efficientnet", "EfficientNetDigits", NARROW),
    Small("mixer", "MixerDigits", (("width", 8), ("depth", 2))),
    Small("convnext", "ConvNeXtDigits", NARROW),
    Small("vit", "ViTDigits", (("width", 8), ("depth", 2))),
    Small("ddpm", "DDPMDigits", (("width", 4), ("groups", 2))),
    Small("vqvae", "VQVAE", (("width", 6), ("codes", 5)), ((("H", 8), ("W", 12)),)),
    Small("vqvae", "VQVAEDigits", (("width", 6), ("codes", 5))),
    Small("vae", "VAE", (("side", 6), ("hidden", 8), ("latent", 4))),
    Small("vae", "VAESample", (("side", 6), ("hidden", 8), ("latent", 4))),
    Small("vae", "VAEDigits", (("hidden", 8),)),
    Small("vae", "VAEDigitsSample", (("hidden", 8),)),
    Small("pointnet", "PointNet", (("scale", 4),), ((("N", 17),), (("N", 30),))),
    Small("pointnet", "PointNetDigits", (("scale", 4),)),
    Small("spatial_transformer", "STCNN", (("filters", 4), ("width", 4))),
    Small("spatial_transformer", "STDigits", (("filters", 4), ("width", 4))),
    Small("swin", "SwinDigits", (("width", 16),)),
    Small("gan", "DCGAN", NARROW),
    Small("gan", "DCGANSample", NARROW),
    Small("gan", "GANDigits", NARROW),
    Small("gan", "GANDigitsSample", NARROW),
    Small("neuroiou", "NeuroIoU", (("width", 2), ("classes", 3)), ((("H", 16), ("W", 32)),)),
    Small("neuroiou", "NeuroIoUMask", (("width", 2), ("classes", 3)), ((("H", 16), ("W", 32)),)),
    Small("show_attend_tell", "CaptionDigits", CAPTION),
    Small("show_attend_tell", "CaptionDigitsSpeak", CAPTION),
    Small("gpt", "GPT2", (("vocab", 11), ("width", 8), ("heads", 2), ("depth", 2)), STEPS),
    Small("gpt", "GPTChars", (("vocab", 11), ("width", 8), ("heads", 2), ("depth", 2)), STEPS),
    Small("moe", "Mixtral", (*LLAMA, ("count", 4), ("room", 4)), STEPS),
    Small("moe", "MixtralChars", (*LLAMA, ("count", 4), ("room", 4)), STEPS),
    Small("llama", "Llama2", LLAMA, STEPS),
    Small("llama", "Llama32", LLAMA, STEPS),
    Small("llama", "LlamaChars", LLAMA, STEPS),
    Small("mamba", "Mamba130M", MAMBA, STEPS),
    Small("mamba", "MambaChars", MAMBA, STEPS),
    Small("t5", "T5Small", T5, PAIRS),
    Small("t5", "T5Chars", (*T5, ("first", 3)), STEPS),
    Small("bert", "BERT", BERT, STEPS),
    Small("bert", "BERTClassifier", BERT, STEPS),
    Small("bert", "BERTChars", BERT, STEPS),
    Small("whisper", "Whisper", (*BERT, ("bands", 4)), HEARD),
    Small("whisper", "WhisperChars", (*BERT, ("bands", 4)), STEPS),
]

CALLED = {case.net: case for case in SMALL}

LARGE = [
    Small("alexnet", "AlexNet"),
    Small("alexnet", "AlexNetGrouped"),
    Small("alexnet", "AlexNetOneTower"),
    Small("zfnet", "ZFNet"),
    Small("googlenet", "GoogLeNet"),
    Small("senet", "SEResNet50", (), ANY, 5e-3),
    Small("senet", "SEResNet101", (), ANY, 5e-3),
    Small("senet", "SEResNet152", (), ANY, 5e-3),
    Small("senet", "SENet154", (), ANY, 5e-3),
    Small("drn", "DRND22", (), ANY),
    Small("drn", "DRND38", (), ANY),
    Small("drn", "DRND54", (), ANY, 5e-3),
    Small("drn", "DRND105", (), ANY, 5e-3),
    Small("xception", "Xception65", (), ANY, 5e-3),
    Small("xception", "Xception71", (), ANY, 5e-3),
    Small("wider_resnet", "WiderResNet38", (), ((),), 5e-3),
    Small("vgg", "VGG11"),
    Small("vgg", "VGG11BN"),
    Small("vgg", "VGG16"),
    Small("vgg", "VGG16BN"),
    Small("vgg", "VGG19"),
    Small("vgg", "VGG19BN"),
    Small("fcn", "FCN32s", THIN, ANY),
    Small("fcn", "FCNResNet50", NARROW, ANY),
    Small("fcn", "FCNResNet101", NARROW, ANY, 5e-3),
    Small("deeplab", "DeepLabV3ResNet101", NARROW, ANY, 5e-3),
    Small("deeplab", "DeepLabV3PlusResNet101", NARROW, ANY, 5e-3),
    Small("deeplab", "DeepLabV3PlusXception65", (("units", 1), ("width", 8)), images((33, 47))),
    Small("ensemble", "IDDEnsemble", (("width", 1), ("window", "[4, 5]")), images((33, 47))),
    Small("ensemble", "BlobsEnsemble", (("width", 1),), images((33, 47))),
    Small("wider_deeplab", "WiderResNet38DeepLabV3", (("width", 1), ("window", "[4, 5]")), images((33, 47))),
    Small("drn_seg", "DRND38Seg", (("width", 2),), images((32, 48))),
    Small("pspnet", "PSPNet101", NARROW, images((33, 49)), 5e-3),
    Small("deconvnet", "DeconvNet", THIN, apart=1e-3),  # each is up to 2e-4 from float64
    Small("fcn", "FCN16s", THIN, ANY),
    Small("fcn", "FCNAlexNet", THIN, ANY),
    Small("resnet", "ResNet34", (), ANY),
    Small("resnet", "ResNet101", (), ANY, 5e-3),
    Small("resnet", "ResNet152", (), ANY, 5e-3),
    Small("resnet", "ResNet50V1", (), ANY),
    Small("resnet", "ResNet101V1", (), ANY, 5e-3),
    Small("resnet", "ResNet152V1", (), ANY, 5e-3),
    Small("mobilenet", "MobileNetV2", (), ANY),
    Small("mobilenet", "MobileNetV3Large", (), ANY),
    Small("mobilenet", "MobileNetV3Small", (), ANY),
    Small("efficientnet", "EfficientNetB0", (), ANY),
    Small("mixer", "MixerB16"),
    Small("convnext", "ConvNeXtT", (), ANY),
    Small("caption", "CaptionVGG", TOLD[1:], STEPS[:1]),
    Small("caption", "ShowAndTell", TOLD[1:], STEPS[:1], 5e-3),
    Small("caption", "NeuralTalk2", TOLD[1:], STEPS[:1]),
    Small("caption", "ShowAttendTell", TOLD[1:], STEPS[:1], 5e-3),
    Small("video_labels", "LRCN", (("hidden", 6),), ((("T", 3),),)),
    Small("ddpm", "DDPMDigitsSample", (("width", 8), ("groups", 4), ("steps", 3))),
    Small("ddpm", "DDPM", (("width", 8), ("groups", 4))),
    Small("ddpm", "DDPMSample", (("width", 8), ("groups", 4), ("steps", 3))),
    Small("vit", "ViTB16"),
    Small("vit", "ViTS16"),
    Small("swin", "SwinT"),
]

CASES = [*SMALL, *(pytest.param(c, marks=pytest.mark.slow) for c in LARGE)]


def load(file: str, net: str, **settings: int | str) -> Net:
    program = load_file(SPECS / f"{file}.net", {name: str(value) for name, value in settings.items()})
    return program.net(net, trained=False)


def build(net: Net) -> nn.Module:
    """The live module in inference, its running statistics drawn so that they matter."""
    module = torch_module(net, seed=1).eval()
    draw_statistics(module)
    return module


def draw_statistics(module: nn.Module) -> None:
    generator = torch.Generator().manual_seed(3)
    for name, buffer in module.named_buffers():
        if name.endswith("running_mean"):
            buffer.copy_(torch.randn(buffer.shape, generator=generator) * 0.1)
        if name.endswith("running_var"):
            buffer.copy_(torch.rand(buffer.shape, generator=generator) + 0.5)


def settle(module: nn.Module, inputs: list[Tensor]) -> None:
    """Running statistics of these inputs: with drawn ones next to nothing of an image comes through a deep net."""
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 1.0
    module.train()(*inputs)
    module.eval()


def samples(net: Net, sizes: Sizes, batch: int = 2) -> list[Tensor]:
    """One random batch for every input: numbers, or tokens below the net's vocabulary."""
    generator = torch.Generator().manual_seed(5)
    found = []
    for value in net.inputs:
        type = value.type.at(dict(sizes))
        shape = (batch, *map(int, type.shape))
        if type.dtype is DType.INT:
            most = FEW.get(value.name) or net.settings["vocab" if "vocab" in net.settings else VOCABULARIES[value.name]]
            found.append(torch.randint(most, shape, generator=generator))
        elif type.dtype is DType.BOOL:  # where words are: as many as the sample has, and at least one
            found.append(torch.arange(shape[-1]) < torch.randint(1, shape[-1] + 1, (batch, 1), generator=generator))
        else:
            found.append(torch.randn(shape, generator=generator))
    return found


def session(net: Net, module: nn.Module) -> onnxruntime.InferenceSession:
    weights = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    model = onnx_model(net, weights=weights).SerializeToString()
    return onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])


def run(session: onnxruntime.InferenceSession, inputs: list[Tensor]) -> list[Any]:
    names = [port.name for port in session.get_inputs()]
    return session.run(None, {n: x.numpy() for n, x in zip(names, inputs, strict=True)})


def close(ours: Any, theirs: Any, relative: float = 1e-4) -> None:
    """The largest difference, relative to the largest number."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape
    assert np.abs(theirs).max() > 0
    assert np.abs(ours - theirs).max() <= relative * np.abs(theirs).max()


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


@pytest.mark.sampled(2)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_torch_and_onnx_compute_what_the_graph_says(case: Small) -> None:
    """Same keys, same shapes of weights and results, same numbers from both engines at every size; without noise."""
    net = still(load(case.file, case.net, **dict(case.settings)))
    module = build(net)
    settle(module, samples(net, case.sizes[0], batch=4))
    stored = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    ours = {name: weight.shape for name, weight in net.weights()}
    assert stored == ours
    engine = session(net, module)
    for sizes in case.sizes:
        inputs = samples(net, sizes)
        expected = named(module(*inputs), output_names(net, False))
        for output, made in zip((o for o in net.outputs if not o.aux), run(engine, inputs), strict=True):
            shape = output.value.type.at(dict(sizes)).shape
            assert tuple(expected[output.name].shape) == (2, *shape)
            if made.any() or expected[output.name].any():  # noise itself is 0
                close(made, expected[output.name].numpy(), case.apart)


@pytest.mark.parametrize("batch", [1, 3])
def test_the_batch_is_free(batch: int) -> None:
    net = load("unet", "UNetSameBN", width=2)
    module = build(net)
    inputs = samples(net, PADDED[0], batch)
    close(run(session(net, module), inputs)[0], module(*inputs).numpy())


# ---------------------------------------------------------------- written by hand


class HandLeNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = F.max_pool2d(torch.relu(self.conv2(x)), 2)
        return self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(x.flatten(1))))))


class HandBasic(nn.Module):
    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample: nn.Module | None = None
        if stride != 1 or before != width:
            conv = nn.Conv2d(before, width, 1, stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class HandResNet18(nn.Module):
    """With torchvision's names."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        widths = [64, 64, 128, 256, 512]
        for i in range(1, 5):
            first = HandBasic(widths[i - 1], widths[i], 1 if i == 1 else 2)
            self.add_module(f"layer{i}", nn.Sequential(first, HandBasic(widths[i], widths[i], 1)))
        self.fc = nn.Linear(512, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for i in range(1, 5):
            x = self.get_submodule(f"layer{i}")(x)
        return self.fc(x.mean((2, 3)))


def torchvision_key(ours: str) -> str:
    """`stage2.basic1.main.conv2.weight` is called `layer2.0.conv2.weight` there."""
    parts = ours.split(".")
    if parts[0] == "stem":
        return ".".join([{"conv1": "conv1", "batchnorm1": "bn1"}[parts[1]], parts[2]])
    if parts[0] == "logits":
        return f"fc.{parts[2]}"
    stage, unit, branch, layer, weight = parts
    where = f"layer{stage.removeprefix('stage')}.{int(unit.removeprefix('basic')) - 1}"
    if branch == "skip":
        return f"{where}.downsample.{0 if layer == 'conv1' else 1}.{weight}"
    return f"{where}.{layer.replace('batchnorm', 'bn')}.{weight}"


def test_lenet_is_the_one_written_by_hand() -> None:
    net = load("lenet", "LeNet")
    hand = HandLeNet().eval()
    module = torch_module(net).eval()
    module.load_state_dict({k.replace("fc3", "logits"): v for k, v in hand.state_dict().items()})
    inputs = samples(net, ())
    close(module(*inputs), hand(*inputs), 1e-6)


def test_resnet18_is_the_one_written_by_hand() -> None:
    """All 122 tensors of the torchvision layout, by name; the strides and the order of layers show in the numbers."""
    net = load("resnet", "ResNet18")
    hand = HandResNet18().eval()
    draw_statistics(hand)
    theirs = hand.state_dict()
    module = torch_module(net).eval()
    names = {ours: torchvision_key(ours) for ours in module.state_dict()}
    assert sorted(names.values()) == sorted(theirs)
    module.load_state_dict({ours: theirs[name] for ours, name in names.items()})
    for sizes in ANY:
        inputs = samples(net, sizes)
        close(module(*inputs), hand(*inputs), 1e-5)


def hand_unet(weights: dict[str, Tensor], x: Tensor) -> Tensor:
    """Figure 1 of the U-Net paper from functions alone: crops in the middle, the encoder first in the join."""

    def double(x: Tensor, at: str) -> Tensor:
        for i in (1, 2):
            x = torch.relu(F.conv2d(x, weights[f"{at}.conv{i}.weight"], weights[f"{at}.conv{i}.bias"]))
        return x

    skips = []
    for i in range(1, 5):
        skips.append(double(x, f"d{i}"))
        x = F.max_pool2d(skips[-1], 2)
    x = double(x, "d5")
    for i in range(4, 0, -1):
        x = F.conv_transpose2d(x, weights[f"u{i}.grown.weight"], weights[f"u{i}.grown.bias"], stride=2)
        skip = skips.pop()
        top, left = ((skip.shape[axis] - x.shape[axis]) // 2 for axis in (2, 3))
        skip = skip[:, :, top : top + x.shape[2], left : left + x.shape[3]]
        x = double(torch.cat([skip, x], 1), f"u{i}.double_conv1")
    return F.conv2d(x, weights["mask.weight"], weights["mask.bias"])


def test_unet_is_the_one_written_by_hand() -> None:
    net = load("unet", "UNet", width=2)
    module = build(net)
    for sizes in VALID:
        inputs = samples(net, sizes)
        close(module(*inputs), hand_unet(module.state_dict(), *inputs), 1e-5)


def test_the_vanilla_cell_is_the_loop_written_by_hand_and_the_fused_layer() -> None:
    """The `recurrent` block, a loop over time and `rnn` give the same hidden states from the same weights."""
    written, fused = (load("char_rnn", name, **dict(HIDDEN)) for name in ("CharRNN", "CharRNNFused"))
    module, other = build(written), build(fused)
    weights = module.state_dict()
    read, kept, bias = (weights[f"cell.h.linear{n}"] for n in ("1.weight", "2.weight", "2.bias"))
    renamed = {k: v for k, v in weights.items() if not k.startswith("cell.")}
    renamed |= {"cell.weight_ih_l0": read, "cell.weight_hh_l0": kept, "cell.bias_ih_l0": bias}
    assert set(renamed) == set(other.state_dict())
    other.load_state_dict(renamed)
    for sizes in STEPS:
        (tokens,) = samples(written, sizes)
        h = torch.zeros(2, 7)
        states = []
        for x in weights["embed.weight"][tokens].unbind(1):
            h = torch.tanh(x @ read.T + h @ kept.T + bias)
            states.append(h)
        logits = F.linear(torch.stack(states, 1), weights["logits.weight"], weights["logits.bias"])
        close(module(tokens), logits, 1e-5)
        close(other(tokens), logits, 1e-5)


# ---------------------------------------------------------------- torch's own tools


GROWING = [Small("resnet", "ResNet18", (("classes", 10),), ANY), CALLED["UNetSameBN"]]
COMPILED = [
    pytest.param(CALLED["LeNet"], "aot_eager"),
    pytest.param(GROWING[1], "eager", marks=pytest.mark.slow),
    pytest.param(GROWING[0], "eager", marks=pytest.mark.slow),
    pytest.param(GROWING[0], "aot_eager", marks=pytest.mark.slow),
    pytest.param(GROWING[1], "aot_eager", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("case", "backend"), COMPILED, ids=str)
def test_torch_compile_takes_the_whole_net(case: Small, backend: str) -> None:
    """One graph without breaks, the same numbers at other sizes and batches."""
    net = load(case.file, case.net, **dict(case.settings))
    module = build(net)
    torch._dynamo.reset()
    compiled = torch.compile(module, backend=backend, fullgraph=True, dynamic=True)
    for sizes in case.sizes:
        for batch in (2, 3):
            inputs = samples(net, sizes, batch)
            close(compiled(*inputs), module(*inputs), 1e-5)


def dynamic_axes(net: Net) -> tuple[dict[int, Any], ...]:
    """Every batch and every symbol left free, those of multiples of 16 as such."""
    step = 16 if "UNet" in net.name else 1
    axes: dict[str, Any] = {s: torch.export.Dim(f"{s}_part", min=2, max=64) * step for s in net.symbols}
    if step == 1:  # from 33 on the last map has more than one pixel, which torch counts as another case
        axes = {s: torch.export.Dim(s, min=33, max=512) for s in net.symbols}
    batch = torch.export.Dim("batch", min=1, max=64)
    return tuple(
        {0: batch} | {i + 1: axes[str(d)] for i, d in enumerate(v.shape) if str(d) in axes} for v in net.inputs
    )


@pytest.mark.parametrize("case", GROWING, ids=str)
def test_torch_export_keeps_batch_and_sizes_free(case: Small) -> None:
    net = load(case.file, case.net, **dict(case.settings))
    module = build(net)
    inputs = samples(net, (("H", 96), ("W", 64)))
    program = torch.export.export(module, tuple(inputs), dynamic_shapes=dynamic_axes(net))
    for sizes in images((64, 48), (128, 96)):
        others = samples(net, sizes, batch=3)
        close(program.module()(*others), module(*others), 1e-5)


def test_a_character_at_a_time_is_the_whole_text() -> None:
    """With the weights of the net that was trained on whole texts, by key."""
    whole, step = (build(load("char_rnn", name, **dict(HIDDEN))) for name in ("CharRNN", "CharStep"))
    step.load_state_dict(whole.state_dict())
    tokens = torch.randint(0, 11, (2, 6))
    wanted, h = whole(tokens), None
    for place, char in enumerate(tokens.unbind(1)):
        found = step(char, h)
        h = found["h_next"]
        close(found["logits"], wanted[:, place], 1e-5)


@pytest.mark.parametrize(
    "case", [CALLED["LeNet"], CALLED["UNetSameBN"], CALLED["CharRNN"], CALLED["CharLSTM"]], ids=str
)
def test_weights_go_through_safetensors(case: Small, tmp_path: Path) -> None:
    net = load(case.file, case.net, **dict(case.settings))
    module = build(net)
    save_tensors(module.state_dict(), tmp_path / "weights.safetensors")
    other = torch_module(net, seed=9).eval()
    inputs = samples(net, case.sizes[0])
    assert not torch.equal(other(*inputs), module(*inputs))
    other.load_state_dict(load_tensors(tmp_path / "weights.safetensors"))
    assert torch.equal(other(*inputs), module(*inputs))


def test_seeds_fix_the_weights_and_leave_torch_alone() -> None:
    net = load("lenet", "LeNet")
    before = torch.random.get_rng_state()
    one, same, other = (torch_module(net, seed=s).state_dict()["conv1.weight"] for s in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(before, torch.random.get_rng_state())


# ---------------------------------------------------------------- recipes


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_lenet_reads_digits(seed: int, tmp_path: Path) -> None:
    """Ten seeds gave 97.8 to 98.9 % of the test digits."""
    net = load_file(SPECS / "lenet.net", recipe={"seed": str(seed)}).net("LeNet")
    with torch.enable_grad():
        train(net, tmp_path, device="cpu", quiet=True)
    assert evaluate(tmp_path, device="cpu")["metrics"]["accuracy"] > 0.97


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "net", "wanted"),
    [
        ("mlp", "MLP", 0.95),
        ("softmax", "Softmax", 0.92),
        ("mobilenet", "MobileNetV2Digits", 0.96),
        ("mobilenet", "MobileNetV3Digits", 0.95),
        ("efficientnet", "EfficientNetDigits", 0.96),
        ("mixer", "MixerDigits", 0.96),
        ("convnext", "ConvNeXtDigits", 0.94),
        ("vit", "ViTDigits", 0.94),
        ("spatial_transformer", "STDigits", 0.94),
        ("swin", "SwinDigits", 0.9),
        ("pointnet", "PointNetDigits", 0.93),
    ],
)
def test_other_nets_read_digits_too(file: str, net: str, wanted: float, tmp_path: Path) -> None:
    with torch.enable_grad():
        train(load(file, net), tmp_path, device="cpu", quiet=True)
    assert evaluate(tmp_path, device="cpu")["metrics"]["accuracy"] > wanted


@pytest.mark.slow
def test_unet_finds_discs(tmp_path: Path) -> None:
    net = load_file(SPECS / "unet.net", {"width": "4"}, {"epochs": "3"}).net("UNetSameBN")
    with torch.enable_grad():
        history = train(net, tmp_path, device="cpu", quiet=True).history
    scores = [row["validation"]["metrics"]["miou"] for row in history]
    assert scores[0] < scores[-1]
    assert scores[-1] > 0.6
