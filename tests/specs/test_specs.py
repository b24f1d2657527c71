"""The specs against their papers and against other people's counts, to the last digit.

Where a number comes from stands beside it in `specs/references.csv`; docs/zoo.md says what the words there mean.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from netdsl.analysis.report import Report, Row
from netdsl.analyzer import analyze
from netdsl.program import check_program, load_file, load_source, load_text
from netdsl.reference.counted import CountedElsewhere, counted_elsewhere
from netdsl.text.diagnostics import NetError
from netdsl.text.formatter import formatted
from netdsl.text.source import Source

SPECS = Path(__file__).parents[2] / "specs"
FILES = sorted(SPECS.glob("*.net"))


KNOWN = counted_elsewhere(SPECS)
"""What others count, in `specs/references.csv`; docs/zoo.md shows it beside what is counted here."""

HEADS = {
    "GoogLeNet": 6_379_728, "GoogLeNetDigits": 11_700, "PSPNet50": 2_364_691, "PSPNet101": 2_364_691,
    "DeepLabV3ResNet50": 2_365_205, "DeepLabV3ResNet101": 2_365_205, "FCNResNet50": 2_365_205, "FCNResNet101": 2_365_205,
}  # fmt: skip
"""Parameters that are there in training alone: BVLC's train_val prototxt has 13,378,280 with the first; semseg's and
torchvision's heads behind the third stage."""

CORE_FLOPS = {
    ("alexnet", "AlexNetOneTower"): 1_428_871_144,
    ("alexnet", "AlexNet"): 2_271_171_464,
    ("alexnet", "AlexNetGrouped"): 1_449_472_904,
    ("resnet", "ResNet50"): 8_178_369_512,
    ("unet", "UNet"): 300_991_202_336,
}
"""Twice the MACs and the bias additions, as torch's and ptflops's ATen counters agree on them."""


@cache
def report(
    file: str, net: str, settings: tuple[tuple[str, int | str], ...] = (), sizes: tuple[tuple[str, int], ...] = ()
) -> Report:
    program = load_file(SPECS / f"{file}.net", {name: str(value) for name, value in settings})
    return analyze(program.net(net, trained=False), sizes=dict(sizes))


def row(report: Report, path: str) -> Row:
    return next(r for r in report.rows if r.path == path)


def nets() -> list[tuple[str, str]]:
    return [(path.stem, name) for path in FILES for name in load_file(path).names]


# ---------------------------------------------------------------- the files


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_spec_has_neither_errors_nor_warnings(path: Path) -> None:
    assert [f"{d.code}: {d.message}" for d in check_program(load_file(path))] == []


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_spec_is_formatted(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert formatted(Source(path.name, text)) == text


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_spec_names_its_paper(path: Path) -> None:
    """The head comment says who and when; every line fits a screen."""
    lines = path.read_text(encoding="utf-8").splitlines()
    head = " ".join(line for line in lines[: next(i for i, t in enumerate(lines) if not t.startswith("#"))])
    assert any(str(year) in head for year in range(1957, 2027)) or "cs231n" in head
    assert max(map(len, lines)) <= 120


def test_every_net_is_counted_somewhere() -> None:
    assert set(nets()) == {(known.file, known.net) for known in KNOWN}


# ---------------------------------------------------------------- counts


@pytest.mark.parametrize("known", KNOWN, ids=str)
def test_counts(known: CountedElsewhere) -> None:
    totals = report(known.file, known.net, known.settings, known.sizes).totals
    assert totals.params == totals.trainable_params + known.frozen == known.params
    if known.macs is not None:
        assert totals.macs == known.macs


@pytest.mark.parametrize(("file", "net"), nets(), ids=lambda x: x)
def test_nothing_is_left_uncounted_or_unused(file: str, net: str) -> None:
    found = report(file, net)
    assert [each for each in found.not_counted if each.op != "noise"] == []
    assert (found.totals.unused_params, found.totals.aux_params) == (0, HEADS.get(net, 0))
    assert found.totals.params == sum(r.params for r in found.leaves())
    assert found.totals.macs == sum(r.macs or 0 for r in found.leaves())


@pytest.mark.parametrize(("file", "net"), CORE_FLOPS, ids=lambda x: x)
def test_core_flops(file: str, net: str) -> None:
    assert report(file, net).totals.flops_core == CORE_FLOPS[file, net]


def test_core_flops_of_a_unet_of_256() -> None:
    found = report("unet", "UNetSameBN", (("classes", 1),), (("H", 256), ("W", 256)))
    assert found.totals.flops_core == 96_342_704_128


@pytest.mark.parametrize("groups", [1, 2])
def test_alexnet_by_layer(groups: int) -> None:
    """The slides' rule H · W · F · F · D1 · D2, row by row; parameters as on the slides."""
    found = report("alexnet", "AlexNet", (("groups", groups),))
    grouped = groups == 2
    macs = {
        "conv1": 105_415_200,
        "conv2": 223_948_800 if grouped else 447_897_600,
        "conv3": 149_520_384,
        "conv4": 112_140_288 if grouped else 224_280_576,
        "conv5": 74_760_192 if grouped else 149_520_384,
        "fc6": 37_748_736,
        "fc7": 16_777_216,
        "fc8": 4_096_000,
    }
    assert {path: row(found, path).macs for path in macs} == macs
    if not grouped:
        params = [34_944, 614_656, 885_120, 1_327_488, 884_992, 37_752_832, 16_781_312, 4_097_000]
        assert [row(found, path).params for path in macs] == params


def test_transcendentals_of_alexnet() -> None:
    """LRN raises each of its numbers to a power once: 113,248, as XLA counts them; nothing else has any."""
    found = report("alexnet", "AlexNet")
    assert sum(r.transcendentals or 0 for r in found.leaves() if r.op == "lrn") == 96 * 27 * 27 + 256 * 13 * 13
    assert found.totals.transcendentals == 113_248


@pytest.mark.parametrize(
    ("cell", "features", "hidden", "params", "macs"),
    [
        ("rnn", 10, 20, 640, 600),
        ("gru", 10, 20, 1_920, 1_800),
        ("lstm", 10, 20, 2_560, 2_400),
        ("rnn", 65, 128, 24_960, 24_704),
        ("gru", 65, 128, 74_880, 74_112),
        ("lstm", 65, 128, 99_840, 98_816),
        ("rnn", 256, 512, 394_240, 393_216),
        ("gru", 256, 512, 1_182_720, 1_179_648),
        ("lstm", 256, 512, 1_576_960, 1_572_864),
        ("lstm", 1000, 1000, 8_008_000, 8_000_000),
        ("rnn", 28, 128, 20_224, 19_968),
        ("gru", 28, 128, 60_672, 59_904),
        ("lstm", 28, 128, 80_896, 79_872),
        ("rnn", 512, 512, 525_312, 524_288),
        ("gru", 512, 512, 1_575_936, 1_572_864),
        ("lstm", 512, 512, 2_101_248, 2_097_152),
        ("rnn", 1000, 1000, 2_002_000, 2_000_000),
        ("gru", 1000, 1000, 6_006_000, 6_000_000),
    ],
)
def test_recurrent_layers(cell: str, features: int, hidden: int, params: int, macs: int) -> None:
    """torch's nn.RNN, nn.GRU and nn.LSTM, with two biases a gate, for one step."""
    text = f"net X {{ input x [T = 1, {features}]\n output h: {cell}({hidden}) }}"
    totals = analyze(load_text(text).net()).totals
    assert (totals.params, totals.macs) == (params, macs)


def test_stacked_lstms() -> None:
    """128 to 256 in two layers over 50 steps, and a linear layer of 10 on the last: as torchprofile counts it."""
    text = "net X { input x [T = 50, 128]\n output y: lstm(256, layers=2) -> last -> linear(10) }"
    assert analyze(load_text(text).net()).totals.macs == 45_877_760


def test_the_written_cell_costs_what_the_fused_one_costs() -> None:
    ours, fused = (report("char_rnn", name).totals for name in ("CharRNN", "CharRNNFused"))
    expected = 96 * 64 + 256 * (64 + 256) + 256 + 256 * 96 + 96
    assert ours.params == fused.params == expected
    assert ours.macs == fused.macs == 64 * (256 * (64 + 256) + 256 * 96)


# ---------------------------------------------------------------- shapes and fields of view


def test_alexnet_shapes() -> None:
    found = report("alexnet", "AlexNet")
    shapes = {
        "pool1": (96, 27, 27),
        "norm1": (96, 27, 27),
        "pool2": (256, 13, 13),
        "norm2": (256, 13, 13),
        "conv3": (384, 13, 13),
        "conv4": (384, 13, 13),
        "conv5": (256, 13, 13),
        "pool3": (256, 6, 6),
        "fc6": (4096,),
        "fc7": (4096,),
        "fc8": (1000,),
    }
    assert row(found, "conv1").outputs == ((96, 55, 55),)
    assert {path: row(found, path).outputs[0] for path in shapes} == shapes


def test_googlenet_in_training() -> None:
    """With both heads, as BVLC's train_val prototxt and torchvision's own train: theirs are the counts of two images."""
    for variant, params, macs in (
        ("caffe", 13_378_280, 1_591_044_096),
        ("torchvision", 13_004_888, 3_013_496_832 // 2),
    ):
        net = load_file(SPECS / "googlenet.net", {"variant": variant}).net("GoogLeNet")
        totals = analyze(net, training=True).totals
        assert (totals.params, totals.macs) == (params, macs)


def test_wider_resnet_in_training() -> None:
    """The mean of the whole image there, of 84×84 places around each of 90×90 at evaluation."""
    net = load_file(SPECS / "wider_deeplab.net").net("WiderResNet38DeepLabV3", trained=False)
    totals = analyze(net, training=True).totals
    assert (totals.params, totals.macs) == (135_815_251, 1_267_753_610_944)


def test_the_field_of_torchvisions_googlenet() -> None:
    field = row(report("googlenet", "GoogLeNet", (("variant", "torchvision"),)), "i5b").receptive_field
    assert field is not None
    assert field.size == (379, 379)


TRUNKS = [
    ("drn", "trunk([3, 4, 6, 3], deep=false) -> conv(19, 1)", 896, (19, 112, 112), 25_998_659),
    ("wider_resnet", "trunk([3, 3, 6, 3, 1, 1], dilated=true)", 713, (4096, 90, 90), 105_070_912),
    ("xception", "trunk(reach=16)", 513, (256, 129, 129), 37_867_312),
]


@pytest.mark.parametrize(("file", "call", "side", "shape", "params"), TRUNKS, ids=[t[0] for t in TRUNKS])
def test_trunks_serve_segmentation(file: str, call: str, side: int, shape: tuple[int, ...], params: int) -> None:
    """Another file takes them: fyu/drn's DRNSeg, mapillary's dilated body, timm's and jfzhang95's Xception."""
    text = f'use "./{file}.net" {{ trunk }}\nnet X {{\n input image [3, {side}, {side}]\n seen: {call}\n}}'
    found = analyze(load_source(Source("x.net", text, SPECS / "x.net")).net())
    assert found.outputs[0].shape == shape
    assert found.totals.params == params
    if file == "xception":
        assert found.outputs[1].shape == (2048, 33, 33)


def test_lenet5_has_the_connections_of_its_paper() -> None:
    """340,908 of them: a product or a bias at each place, five for each unit that subsamples, 840 to the targets."""
    found = report("lenet5", "LeNet5")
    macs = sum(r.macs or 0 for r in found.leaves())
    biases = 6 * 28 * 28 + 16 * 10 * 10 + 120 + 84
    assert macs + biases + 5 * (6 * 14 * 14 + 16 * 5 * 5) + 840 == 340_908
    params = {"c1": 156, "s2": 12, "c3": 1_516, "s4": 32, "c5": 48_120, "f6": 10_164}
    made = {name: sum(r.params for r in found.leaves() if r.path.split(".")[0] == name) for name in params}
    assert made == params


def test_unet_shapes() -> None:
    """Figure 1 of the paper: 572 in, 388 out."""
    found = report("unet", "UNet")
    sides = {"d1": 568, "d2": 280, "d3": 136, "d4": 64, "d5": 28, "u4": 52, "u3": 100, "u2": 196, "u1": 388}
    channels = [64, 128, 256, 512, 1024, 512, 256, 128, 64]
    wanted = [(c, side, side) for c, side in zip(channels, sides.values(), strict=True)]
    assert [row(found, path).outputs[0] for path in sides] == wanted
    assert [(p.name, p.shape) for p in found.outputs] == [("mask", (2, 388, 388))]


FIELDS = [
    ("alexnet", "AlexNet", "conv5", 163, 16),
    ("alexnet", "AlexNet", "pool3", 195, 32),
    ("alexnet", "AlexNetOneTower", "pool3", 195, 32),
    ("vgg", "VGG16", "stage5.conv_relu3", 196, 16),
    ("vgg", "VGG16", "stage5", 212, 32),
    ("vgg", "VGG19", "stage5", 268, 32),
    ("googlenet", "GoogLeNet", "i5b", 715, 32),
    ("resnet", "ResNet18", "stage4.basic2", 435, 32),
    ("resnet", "ResNet34", "stage4.basic3", 899, 32),
    ("resnet", "ResNet50", "stage4.bottleneck3", 427, 32),
    ("resnet", "ResNet101", "stage4.bottleneck3", 971, 32),
    ("resnet", "ResNet152", "stage4.bottleneck3", 1451, 32),
    ("resnet", "ResNet50V1", "stage4.original3", 483, 32),
    ("resnet", "ResNet101V1", "stage4.original3", 1027, 32),
    ("resnet", "ResNet152V1", "stage4.original3", 1507, 32),
]


@pytest.mark.parametrize(("file", "net", "path", "size", "stride"), FIELDS)
def test_receptive_fields(file: str, net: str, path: str, size: int, stride: int) -> None:
    """The published tables (Araujo et al., "Computing Receptive Fields of Convolutional Neural Networks", 2019)."""
    field = row(report(file, net), path).receptive_field
    assert field is not None
    assert (field.size, field.smallest, field.stride) == ((size, size), (size, size), (stride, stride))


def test_receptive_field_of_unet() -> None:
    """An output pixel sees 188 or 204 pixels, by its place in the grid of 16: as gradients show."""
    field = row(report("unet", "UNet"), "mask").receptive_field
    assert field is not None
    assert (field.smallest, field.size, field.stride) == ((188, 188), (204, 204), (1, 1))


# ---------------------------------------------------------------- sizes


@pytest.mark.parametrize("symbol", ["H", "W"])
def test_sizes_of_unet(symbol: str) -> None:
    rule = report("unet", "UNet").sizes[symbol]
    assert (rule.modulus, rule.minimum, rule.maximum, rule.says) == (1, 188, None, "any size from 188")
    assert (rule.exact.modulus, rule.exact.remainders, rule.exact.minimum) == (16, (12,), 188)
    assert rule.exact.says.startswith("16k + 12: 188, 204")


@pytest.mark.parametrize("net", ["UNetSame", "UNetSameBN"])
@pytest.mark.parametrize("symbol", ["H", "W"])
def test_sizes_of_padded_unets(net: str, symbol: str) -> None:
    rule = report("unet", net).sizes[symbol]
    assert (rule.modulus, rule.remainders, rule.minimum, rule.says) == (16, (0,), 16, "multiples of 16")
    assert rule.demands


def test_the_smallest_unet() -> None:
    """188 is the first size that fits: its mask has 4 rows. 187 is refused."""
    found = report("unet", "UNet", (), (("H", 188), ("W", 572)))
    assert found.outputs[0].shape == (2, 4, 388)
    with pytest.raises(NetError, match="cannot take H = 187"):
        report("unet", "UNet", (), (("H", 187), ("W", 572)))


def test_a_padded_unet_refuses_other_sizes() -> None:
    with pytest.raises(NetError, match="cannot take H = 500"):
        report("unet", "UNetSame", (), (("H", 500),))


def test_any_size_fits_a_resnet() -> None:
    rule = report("resnet", "ResNet50").sizes["H"]
    assert (rule.modulus, rule.minimum, rule.maximum) == (1, 1, None)


@pytest.mark.parametrize("symbol", ["H", "W"])
def test_sizes_of_pspnet(symbol: str) -> None:
    rule = report("pspnet", "PSPNet101").sizes[symbol]
    assert (rule.modulus, rule.remainders, rule.minimum) == (8, (1,), 1)
    assert rule.says.startswith("8k + 1: 1, 9, 17")
    with pytest.raises(NetError, match="cannot take H = 712"):
        report("pspnet", "PSPNet101", (), (("H", 712),))


PLACES = {
    ("fcn", "FCN8s"): {
        "trunk.pool1": (64, 349, 349), "trunk.pool2": (128, 175, 175), "trunk.pool3": (256, 88, 88),
        "trunk.pool4": (512, 44, 44), "trunk.pool5": (512, 22, 22), "trunk.fc6": (4096, 16, 16), "score_fr": (21, 16, 16),
        "upscore2": (21, 34, 34), "upscore_pool4": (21, 70, 70), "upscore8": (21, 568, 568),
    },
    ("fcn", "FCN16s"): {"upscore16": (21, 560, 560)},
    ("fcn", "FCN32s"): {"upscore": (21, 544, 544)},
    ("segnet", "SegNet"): {"u5": (512, 23, 30), "u4": (512, 45, 60), "u3": (256, 90, 120), "u2": (128, 180, 240)},
    ("deconvnet", "DeconvNet"): {
        "fc7": (4096, 1, 1), "fc6_deconv": (512, 7, 7), "unpool5": (512, 14, 14), "deconv4": (256, 28, 28),
        "deconv1": (64, 224, 224),
    },
    ("pspnet", "PSPNet101"): {
        "layer0": (128, 179, 179), "layer2": (512, 90, 90), "layer4": (2048, 90, 90), "ppm": (4096, 90, 90),
    },
    ("deeplab", "DeepLabV3ResNet101"): {"layer1": (256, 130, 130), "layer3": (1024, 65, 65), "layer4": (2048, 65, 65)},
    ("wider_deeplab", "WiderResNet38DeepLabV3"): {
        "trunk1.mod1": (64, 713, 713), "trunk1.mod2": (128, 357, 357), "trunk1.mod3": (256, 179, 179),
        "trunk1.mod4": (512, 90, 90), "trunk1.mod5": (1024, 90, 90), "trunk1.mod6": (2048, 90, 90),
        "trunk1.mod7": (4096, 90, 90), "head1.slid.avgpool": (4096, 7, 7), "head1": (256, 90, 90), "cls": (19, 90, 90),
    },
    ("erfnet", "ERFNet"): {"code": (128, 64, 128), "up1": (64, 128, 256), "up2": (16, 256, 512)},
}  # fmt: skip
"""What the papers' tables and files print."""


@pytest.mark.parametrize(("file", "net"), PLACES, ids=lambda x: x)
def test_sizes_on_the_way(file: str, net: str) -> None:
    rows, wanted = report(file, net).rows, PLACES[file, net]
    made = {
        path: [r for r in rows if r.path == path or r.path.startswith(f"{path}.")][-1].outputs[0] for path in wanted
    }
    assert made == wanted
