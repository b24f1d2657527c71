"""Words of PyTorch, Keras, Caffe, ONNX and the papers: each leads to a text that checks, or to "no such layer yet"."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import torch

from netdsl.elaborate.functions import FUNCTIONS
from netdsl.ops import REGISTRY
from netdsl.ops.base import INTERNAL
from netdsl.ops.metric import Metric
from netdsl.program import check_text, load_source
from netdsl.recipe import AUGMENT, DATA, OPTIMIZERS, SCHEDULES
from netdsl.stdlib import STDLIB
from netdsl.text import foreign
from netdsl.text.diagnostics import Diagnostic
from netdsl.text.foreign import settings
from netdsl.text.source import as_source

BLOCKS = {n for p in STDLIB.glob("*.net") for n in re.findall(r"^block (\w+)", p.read_text(encoding="utf-8"), re.M)}


def errors(text: str) -> list[str]:
    return [f"{d.code}: {d.message}: {d.help}" for d in check_text(text) if d.severity == "error"]


def helps(text: str) -> str:
    """The way out of the one mistake of a text."""
    found = [d for d in check_text(text) if d.severity == "error"]
    assert len(found) == 1, [d.message for d in found]
    assert found[0].help is not None, found[0].message
    return found[0].help


def written(help: str) -> str:
    """The first text in a help."""
    found = re.search(r"`([^`]+)`", help)
    assert found is not None, help
    return found[1]


def net(on: str, rows: str) -> str:
    return f"net N {{\n  input {on}\n  {rows.replace('; ', chr(10))}\n}}\n"


WAYS = [(word, way) for way in foreign.WAYS for word in way.words.split()]
GAPS = [(word, gap) for gap in foreign.MISSING for word in gap.words.split()]


def test_there_are_enough_words() -> None:
    renamed = {w for words in settings.RENAMED.values() for w in words.split()}
    assert len(foreign.ways()) >= 150
    assert len(renamed) >= 100
    assert len({foreign.plain(w) for w, _ in GAPS}) >= 50


@pytest.mark.parametrize("way", foreign.WAYS, ids=lambda way: way.write)
def test_ways_lead_to_texts_that_check(way: foreign.Way) -> None:
    assert errors(net(way.on, way.write)) == []


@pytest.mark.parametrize("gap", [g for g in foreign.MISSING if g.instead], ids=lambda gap: gap.words)
def test_texts_in_place_of_a_missing_layer_check(gap: foreign.Missing) -> None:
    assert errors(net(gap.on, gap.instead)) == []


@pytest.mark.parametrize(
    "gap", [g for g in foreign.MISSING if re.search(r"\bx\b", g.instead)], ids=lambda gap: gap.words
)
def test_a_block_in_place_of_a_missing_layer_stands_wherever_the_layer_stood(gap: foreign.Missing) -> None:
    for word in gap.words.split():
        leaf = foreign.plain(word)
        rows = {
            f"x -> {word}": f"x -> {word}", f"x -> {word} -> identity": f"x -> {word} -> identity",
            word: word, f"x -> nn.{word}()": f"x -> {leaf}", f"{word}(x)": f"x -> {word}",
            f"2 * F.{word}(x)": f"2 * (x -> {leaf})",
        }  # fmt: skip
        for row, mended in rows.items():
            help = helps(net(gap.on, row))
            block, *rest = re.findall(r"`([^`]+)`", help)
            assert all(text in mended for text in rest), help
            assert errors(f"{block}\n{net(gap.on, mended)}") == [], help


@pytest.mark.parametrize("word", sorted({w for w, _ in WAYS}))
def test_every_word_is_answered_by_its_way(word: str) -> None:
    """Alone, with the dots and brackets of other languages, and in other capitals."""
    if word in REGISTRY or word in FUNCTIONS or word in BLOCKS:
        return
    way = foreign.way(word)
    assert way is not None
    for spelt in (word, f"nn.{word}", f"tf.keras.layers.{word}", word.upper(), f"{word}()"):
        if foreign.plain(spelt.strip("()")) in REGISTRY:
            continue
        help = helps(net(way.on, spelt))
        assert errors(net(way.on, written(help))) == [], (spelt, help)


@pytest.mark.parametrize("word", sorted({w for w, _ in GAPS}))
def test_missing_layers_are_called_missing(word: str) -> None:
    known = {foreign.plain(n): n for n in (*REGISTRY, *FUNCTIONS, *BLOCKS)}
    found = known.get(foreign.plain(word))
    assert found is None, (
        f"netdsl has `{found}` now: take `{word}` out of the row `{foreign.missing(word).words}` of MISSING "  # type: ignore[union-attr]
        f"in netdsl/text/foreign/absent.py; words that mean it elsewhere go to WAYS"
    )
    assert foreign.way(word) is None, f"`{word}` stands in WAYS too"
    assert "no such layer yet" in helps(net("x [16, 32, 32]", word))


INNER = sorted({"per_sample", "free_param", "constant", *INTERNAL})


@pytest.mark.parametrize("word", INNER)
def test_inner_words_are_never_offered(word: str) -> None:
    for spelt in (word[:-1], f"{word}s", word[1:], f"{word[0]}{word[2]}{word[1]}{word[3:]}"):
        if spelt in REGISTRY:
            continue
        for found in check_text(net("x [16, 32, 32]", spelt)):
            assert f"`{word}`" not in (found.help or "") or word in REGISTRY.keys() - set(INNER), found.help


# ---------------------------------------------------------------- settings

SETTINGS = ("too-many-settings", "unknown-setting", "repeated-setting", "wrong-kind", "wrong-setting")


def unfit(name: str, help: str, around: str) -> list[str]:
    """What is wrong with the settings of the calls of `name` that a help offers, each put into a text."""
    offered = [t for t in re.findall(r"`([^`]+)`", help) if re.match(rf"{name}\b[(]", t) and "…" not in t]
    found = [(t, d) for t in offered for d in check_text(around.replace("{}", t)) if d.severity == "error"]
    return [f"{t}: {d.message}" for t, d in found if d.code in SETTINGS and said_of(name, d)]


def said_of(name: str, found: Diagnostic) -> bool:
    """Whether a message is about a setting of a layer, and not about what comes into it."""
    return (f"(in `{name}`)" if found.code == "wrong-kind" else f"`{name}`") in found.message


def takers(setting: str) -> list[str]:
    """A layer that has a setting of that name, as its example writes it."""
    found = [op for name, op in REGISTRY.items() if name == op.name and any(f.name == setting for f in op.settings())]
    return [op.name for op in found if op.name not in INNER]


RENAMED = [(word, here) for here, words in settings.RENAMED.items() for word in words.split() if takers(here)]


@pytest.mark.parametrize(("word", "here"), RENAMED)
def test_foreign_settings_are_named_here(word: str, here: str) -> None:
    """For every layer that has the setting and takes no setting of the foreign name itself."""
    for name in takers(here):
        names = [f.name for f in REGISTRY[name].settings()]
        if word in names:
            continue
        help = helps(net("x [16, 32, 32]", f"{name}({word}=1)"))
        named = re.match(r"it is called `(\w+)` here", help)
        assert named is not None or "a layer of its own" in help, (name, help)
        assert named is None or named[1] in names
        assert unfit(name, help, net("x [16, 32, 32]", "{}")) == [], (name, help)


CALLS = {
    "nn.Conv2d(16, 6, 5)": "conv(6, 5)",
    "nn.Conv2d(16, 64, kernel_size=3, stride=2, padding=1, bias=false)": "conv(64, 3, stride=2, pad=1, bias=false)",
    "nn.Conv2d(16, 6, 5, 2, 1)": "conv(6, 5, stride=2, pad=1)",
    "nn.Conv2d(in_channels=16, out_channels=8, kernel_size=3)": "conv(8, 3)",
    "torch.nn.Conv2d(16, 8, 3, dilation=2)": "conv(8, 3, dilation=2)",
    "Conv2D(32, (3, 3), activation=relu, padding=same)": "conv(32, (3, 3), pad=same) -> relu",
    "tf.keras.layers.Conv2D(filters=32, kernel_size=3, strides=2, padding=valid)": "conv(32, 3, stride=2)",
    "Convolution(num_output=20, kernel_size=5, stride=1)": "conv(20, 5, stride=1)",
    "nn.ConvTranspose2d(16, 8, 2, stride=2)": "conv_transpose(8, 2, stride=2)",
    "Conv2DTranspose(8, 2, strides=2)": "conv_transpose(8, 2, stride=2)",
    "deconv(8, 2, stride=2)": "conv_transpose(8, 2, stride=2)",
    "nn.BatchNorm2d(16)": "batchnorm",
    "nn.BatchNorm2d(16, eps=0.001)": "batchnorm(eps=0.001)",
    "BatchNormalization(momentum=0.9, epsilon=0.001)": "batchnorm(eps=0.001, momentum=0.1)",
    "nn.GroupNorm(4, 16)": "groupnorm(4)",
    "nn.MaxPool2d(2, 2)": "maxpool(2, stride=2)",
    "nn.MaxPool2d(kernel_size=3, stride=2, padding=1)": "maxpool(3, stride=2, pad=1)",
    'DepthwiseConv2D(3, padding="same")': "depthwise(3, pad=same)",
    "DepthwiseConv2D(3)": "depthwise(3, pad=0)",
    'keras.layers.SeparableConv2D(16, 3, activation="relu")': "separable_conv(16, 3, pad=0) -> relu",
    'SeparableConv2D(16, 3, padding="same")': "separable_conv(16, 3, pad=same)",
    "DepthwiseConv1D(3, strides=2)": "depthwise(3, stride=2, pad=0)",
    "BasicConv2d(16, kernel_size=3)": "conv_bn_relu(16, 3, pad=0)",
    'AveragePooling2D(3, strides=1, padding="same")': "avgpool(3, stride=1, pad=same, count_padding=false)",
    'AveragePooling2D(2, padding="same")': "avgpool(2, ceil=true)",
    "Dropout(keep_prob=0.8)": "dropout(0.2)",
    "MaxPooling2D(pool_size=(2, 2))": "maxpool((2, 2))",
    "nn.AdaptiveAvgPool2d((1, 1))": "adaptive_avgpool((1, 1))",
    "nn.Dropout2d(p=0.25)": "spatial_dropout(0.25)",
    "DropPath(drop_prob=0.1)": "drop_path(0.1)",
    "StochasticDepth(p=0.1)": "drop_path(0.1)",
    "nn.ReLU(inplace=true)": "relu",
    "nn.LeakyReLU(negative_slope=0.2)": "leaky_relu(0.2)",
    "F.relu(x)": "x -> relu",
    "F.max_pool2d(x, 2)": "x -> maxpool(2)",
    "F.max_pool2d(F.relu(x), 2)": "x -> relu -> maxpool(2)",
    "relu(conv(x, 6, 5))": "x -> conv(6, 5) -> relu",
    "maxpool(relu(conv(x, 6, 5)), 2)": "x -> conv(6, 5) -> relu -> maxpool(2)",
    "torch.flatten(x, 1)": "x -> flatten",
    "torch.cat([x, x], dim=1)": "(x, x) -> concat",
    "torch.add(x, x)": "x + x",
    "nn.Sequential(nn.Conv2d(16, 8, 3), nn.BatchNorm2d(8), nn.ReLU())": "conv(8, 3) -> batchnorm -> relu",
    "x.relu()": "x -> relu",
    "Dense(10, activation=softmax)": "flatten -> linear(10) -> softmax",
    "InnerProduct(num_output=10)": "flatten -> linear(10)",
    "conv(64, kernel_size=3)": "conv(64, 3)",
    "conv(64, 3, padding=1, activation=relu)": "conv(64, 3, pad=1) -> relu",
    "conv(64, 3, in_channels=16)": "conv(64, 3)",
    "dropout(p=0.5)": "dropout(0.5)",
    "conv(16, 8, 3)": "conv(8, 3)",
    "conv(64, 3, 2)": "conv(64, 3, stride=2)",
    "conv(16, 3, 2)": "conv(3, 2)",
    "conv(64, 3, 2, padding=1)": "conv(64, 3, stride=2, pad=1)",
    "conv(64, 5, 1, 2, groups=2)": "conv(64, 5, stride=1, pad=2, groups=2)",
    "conv_transpose(16, 8, 2)": "conv_transpose(8, 2)",
    "maxpool(3, 2)": "maxpool(3, stride=2)",
    "maxpool(3, 2, 1)": "maxpool(3, stride=2, pad=1)",
    "batchnorm(16)": "batchnorm",
    "groupnorm(4, 16)": "groupnorm(4)",
    "instancenorm(16)": "instancenorm",
    "softmax(1)": "softmax(axis=0)",
    "mean(1)": "mean(axis=0)",
    "reduce_max(2, keepdim=true)": "reduce_max(axis=1, keep=true)",
    "concat(1)": "concat",
    "flatten(1)": "flatten",
    "softmax(dim=1)": "softmax(axis=0)",
    "batchnorm2d(16)": "batchnorm",
    "conv(32, 3, same)": "conv(32, 3, pad=same)",
    'conv(32, 3, "SAME")': "conv(32, 3, pad=same)",
    'conv(32, 3, 2, "same")': "conv(32, 3, stride=2, pad=same)",
    'Conv2D(8, 3, strides=2, padding="same", activation="relu")': "conv(8, 3, stride=2, pad=((0, 1), (0, 1))) -> relu",
    'Conv(8, kernel_shape=[3,3], strides=[2,2], auto_pad="SAME_LOWER")': "conv(8, [3,3], stride=[2,2], "
    "pad=((1, 0), (1, 0)))",
    'MaxPooling2D(3, strides=2, padding="same")': "maxpool(3, stride=2, pad=((0, 1), (0, 1)))",
    'MaxPooling2D(2, padding="same")': "maxpool(2)",
    'AveragePooling2D(3, strides=2, padding="same")': "avgpool(3, stride=2, ceil=true)",
    'Conv2DTranspose(8, 3, strides=2, padding="same")': "conv_transpose(8, 3, stride=2) -> "
    "crop(margin=((0, 1), (0, 1)))",
    'Conv2DTranspose(8, 4, strides=2, padding="same")': "conv_transpose(8, 4, stride=2, pad=same)",
    "conv2d_same(8, 3, stride=2)": "conv(8, 3, stride=2, pad=((0, 1), (0, 1)))",
    'conv(32, 3, "valid")': "conv(32, 3)",
    'conv(32, 3, "same", activation="relu")': "conv(32, 3, pad=same) -> relu",
    "conv_bn_relu(32, 3, 1, sigmoid)": "conv_bn_relu(32, 3, stride=1, act=sigmoid)",
    "depthwise(3, same)": "depthwise(3, pad=same)",
    "relu(conv(3, 3) -> batchnorm)": "conv(3, 3) -> batchnorm -> relu",
    "maxpool(conv(3, 3), 2)": "conv(3, 3) -> maxpool(2)",
    "batchnorm(conv(3, 3) -> relu, eps=0.1)": "conv(3, 3) -> relu -> batchnorm(eps=0.1)",
    "softmax(relu, 1)": "relu -> softmax(axis=0)",
    "transpose(1, 2)": "transpose((1, 0, 2))",
    "transpose(-1, -2)": "transpose((0, 2, 1))",
    "transpose(0, 2, 3, 1)": "transpose((1, 2, 0))",
    "x.transpose(2, 3)": "x -> transpose((0, 2, 1))",
    "torch.transpose(x, 1, 3)": "x -> transpose((2, 1, 0))",
    "swapaxes(1, 3)": "transpose((2, 1, 0))",
    "add(x, x)": "x + x",
    "concat(x, x)": "(x, x) -> concat",
    "dense(10, relu)": "flatten -> linear(10) -> relu",
    'conv(64, 3, pad="same")': "same",
    "conv(64, 3, init=glorot_uniform)": "xavier_uniform",
    "prelu(16)": "prelu(per_channel=true)",
    "x -> Cropping2D(2)": "crop(margin=2)",
    "x -> Cropping2D(cropping=((2, 2), (4, 4)))": "crop(margin=((2, 2), (4, 4)))",
    "x -> upsampling2d(size=(2, 2))": "resize(scale=(2, 2))",
    'x -> Activation("tanh")': "tanh",
    "x -> Activation(linear)": "identity",
    "Pooling(pool=AVE, kernel_size=3, stride=2)": "avgpool(3, stride=2, ceil=true)",
    "Pooling(pool=MAX, kernel_size=3, stride=2)": "maxpool(3, stride=2, ceil=true)",
    'Conv2D(16, 3, activation="linear")': "conv(16, 3)",
    "upsample(2)": "resize(scale=2)",
    "pool(3, stride=2, type=avg)": "avgpool(3, stride=2)",
    "pool(2, max)": "maxpool(2)",
    "x -> narrow(1, 2, 10)": "slice(0, start=2, end=12)",
    "Permute((2, 3, 1))": "transpose((1, 2, 0))",
    "torch.permute(x, (0, 2, 3, 1))": "x -> transpose((1, 2, 0))",
    "atrous_conv(8, 3, 2)": "conv(8, 3, dilation=2)",
    "grouped_conv(8, 3, 4)": "conv(8, 3, groups=4)",
    'nn.Conv2d(3, 8, 3, padding=1, padding_mode="reflect")': "pad(1, mode=reflect) -> conv(8, 3)",
    "x -> mean(dim=(2, 3))": "mean(axis=(1, 2))",
    "conv1x1(24)": "conv(24, 1)",
    "pointwise(24)": "conv(24, 1)",
    "conv3x3(24)": "conv(24, 3, pad=1)",
    "nn.PReLU(16)": "prelu(per_channel=true)",
    "nn.LazyConv2d(41, 3, 2)": "conv(41, 3, stride=2)",
    "layers.UpSampling2D((2, 3))": "resize(scale=(2, 3))",
    "F.layer_norm(x, (32, 32))": "x -> layernorm(axes=2, affine=false)",
    "x.view(x.size(0), -1)": "x -> flatten",
    "torch.pow(x, 3)": "x ** 3",
    "conv3x3(24, stride=2)": "conv(24, 3, stride=2, pad=1)",
}
"""Calls on an image `x [16, 32, 32]`, with the text that the message writes for them."""


@pytest.mark.parametrize("call", CALLS)
def test_calls_are_written_anew(call: str) -> None:
    help = helps(net("x [16, 32, 32]", call))
    assert written(help.partition("write ")[2]) == CALLS[call]
    if call not in ("prelu(16)", "concat(1)") and CALLS[call] not in ("same", "xavier_uniform"):
        assert errors(net("x [16, 32, 32]", CALLS[call])) == []


VECTORS = {
    "nn.Linear(784, 10)": "linear(10)",
    "nn.Linear(120)": "linear(120)",
    "nn.Linear(in_features=784, out_features=10, bias=false)": "linear(10, bias=false)",
    "linear(784, 10)": "linear(10)",
    "linear(units=10)": "linear(10)",
    "linear(out_features=10, in_features=784)": "linear(10)",
    "linear(120, relu)": "linear(120) -> relu",
    'linear(120, "relu", use_bias=false)': "linear(120, bias=false) -> relu",
    "linear(120, normal(0.02))": "linear(120, init=normal(0.02))",
    "linear(relu, 120)": "relu -> linear(120)",
    "linear(dropout(0.5) -> relu, 120)": "dropout(0.5) -> relu -> linear(120)",
    "linear(784, 120, relu)": "linear(120) -> relu",
    "linear(120, 84)": "linear(84)",
    "layernorm(784)": "layernorm",
    "nn.Dropout(p=0.5)": "dropout(0.5)",
}


@pytest.mark.parametrize("call", VECTORS)
def test_calls_on_vectors_are_written_anew(call: str) -> None:
    help = helps(net("x [784]", call))
    assert written(help.partition("write ")[2]) == VECTORS[call]
    assert errors(net("x [784]", VECTORS[call])) == []


SEQUENCES = {
    "Concatenate(axis=2)([x, x])": "(x, x) -> concat(axis=1)",
    "Concatenate(axis=-1)([x, x])": "(x, x) -> concat(axis=-1)",
    "Bidirectional(LSTM(64))(x)": "(x -> lstm(64) -> last, x -> reverse -> lstm(64) -> last) -> concat",
    "Sequential([relu, Bidirectional(GRU(64))])": "(_ -> relu -> gru(64) -> last, _ -> relu -> reverse -> gru(64) "
    "-> last) -> concat",
    "LSTM(32, 64)": "lstm(64)",
    "nn.LSTM(32, 64, 2)": "lstm(64, layers=2)",
    "LSTM(64)": "lstm(64) -> last",
    "GRU(64)": "gru(64) -> last",
    "Bidirectional(LSTM(64))": "(_ -> lstm(64) -> last, _ -> reverse -> lstm(64) -> last) -> concat",
    "Bidirectional(LSTM(64, return_sequences=true))": "lstm(64, bidirectional=true)",
    "transpose(1, 2)": "transpose",
    "x.transpose(1, 2)": "x -> transpose",
    "lstm(32, bidirectional)": "lstm(32, bidirectional=true)",
    "rnn(16, relu)": "rnn(16, activation=relu)",
    "lstm(16, 2)": "lstm(16, layers=2)",
    "RNN(32, 64)": "rnn(64)",
    "GRU(32, 64, num_layers=2)": "gru(64, layers=2)",
    "MultiheadAttention(32, 4)": "multihead_attention(4)",
    "MultiHeadAttention(4, 64)": "multihead_attention(4)",
    "layers.MultiHeadAttention(num_heads=2, key_dim=16)": "multihead_attention(2)",
    "GroupNorm(4, 12)": "groupnorm(4)",
    "mean(dim=1)": "mean(axis=0)",
    "torch.sum(x, dim=2)": "x -> sum(axis=1)",
    "Permute((2, 1))": "transpose((1, 0))",
    "rnn(32, nonlinearity=relu)": "rnn(32, activation=relu)",
    "lstm(32, return_sequences=false)": "lstm(32) -> last",
    "layers.LSTM(32)": "lstm(32) -> last",
    'Conv1D(8, 3, padding="causal")': "transpose -> conv(8, 3, pad=((2, 0),)) -> transpose",
    "LSTM(32, dropout=0.2)": "lstm(32) -> last",
    'Dense(10, "relu")': "linear(10) -> relu",
    "Dense(10)(x)": "x -> linear(10)",
    "fc(64)": "linear(64)",
    "InnerProduct(64)": "flatten -> linear(64)",
    "torch.var(x, dim=2)": "x -> variance(axis=1, unbiased=true)",
    "x.var(dim=1, keepdim=true)": "x -> variance(axis=0, keep=true, unbiased=true)",
    "x.var(dim=1, unbiased=false)": "x -> variance(axis=0, unbiased=false)",
}


@pytest.mark.parametrize("call", SEQUENCES)
def test_calls_on_sequences_are_written_anew(call: str) -> None:
    assert written(helps(net("x [12, 32]", call)).partition("write ")[2]) == SEQUENCES[call]
    assert errors(net("x [12, 32]", SEQUENCES[call])) == []


AS_IN = {
    "conv1x1(16, 24)": "it is written as in `conv(64, 1)`",
    "nn.AvgPool2d(5, divisor_override=7)": "nothing here stands for `divisor_override`",
    "nn.Embedding(97, 37, max_norm=0.5)": "nothing here stands for `max_norm`",
    "nn.CELU(0.7)": "without settings it is the same as `x -> elu`",
    'F.interpolate(x, scale_factor=2, mode="bicubic")': "it is written as in `resize(scale=2)`",
    "nn.Unflatten(1, (4, 4))": "it is written as in `reshape([16, -1])`",
}
"""Calls whose settings nothing here stands for: an example is named, and nothing with other numbers offered."""


@pytest.mark.parametrize("call", AS_IN)
def test_no_other_numbers_are_offered_for_those_that_were_written(call: str) -> None:
    help = helps(net("x [16, 32, 32]", call))
    assert AS_IN[call] in help
    assert "write `" not in help


def test_borders_that_depend_on_a_size_are_told_of_where_it_is_open() -> None:
    strided = 'Conv2D(8, 3, strides=2, padding="same")'
    assert "what is odd goes behind" in helps(net("x [16, H, W]", strided))
    assert helps(net("x [16, 31, 31]", strided)) == "write `conv(8, 3, stride=2, pad=same)`"


FEATURES_LAST = {
    "nn.BatchNorm1d(32)": "transpose -> batchnorm -> transpose",
    "Conv1d(32, 8, 3, padding=1)": "transpose -> conv(8, 3, pad=1)",
    "conv1d(32, 8, 3, padding=1)": "transpose -> conv(8, 3, pad=1)",
}


@pytest.mark.parametrize("call", FEATURES_LAST)
def test_a_number_of_features_tells_that_they_come_last(call: str) -> None:
    assert helps(net("x [12, 32]", call)) == f"the features come last here: write `{FEATURES_LAST[call]}`"
    assert errors(net("x [12, 32]", FEATURES_LAST[call])) == []


def test_what_goes_without_saying_in_keras_is_said() -> None:
    assert "`biases=1`" in helps(net("x [12, 32]", "LSTM(64)"))
    assert "biases" not in helps(net("x [12, 32]", "nn.LSTM(32, 64)")) + helps(net("x [12, 32]", "GRU(64)"))
    assert "`eps=1e-3` and `momentum=0.01`" in helps(net("x [3, 8, 8]", "BatchNormalization()"))
    assert "eps" not in helps(net("x [12, 32]", "LayerNormalization(epsilon=1e-5)")).partition(";")[2]


def test_what_no_text_stands_for_is_said() -> None:
    assert "; of all steps together, `flatten -> linear(64)`" in helps(net("x [12, 32]", "fc(64)"))
    assert "; nothing is dropped inside a layer" in helps(net("x [12, 32]", "LSTM(32, dropout=0.2)"))
    assert "; every row of a table is learned alike" in helps(net("x int[12]", "nn.Embedding(9, 4, padding_idx=0)"))


def test_the_size_that_comes_in_is_left_out_wherever_it_stands() -> None:
    assert written(helps(net("x [784]", "linear(10, 784)")).partition("write ")[2]) == "linear(10)"
    assert written(helps(net("x [784]", "linear(784, 10)")).partition("write ")[2]) == "linear(10)"


def test_batch_statistics_after_training_are_said_to_be_missing() -> None:
    assert "no variant without them" in helps(net("x [16, 32, 32]", "batchnorm(track_running_stats=false)"))
    assert "write `batchnorm`" in helps(net("x [16, 32, 32]", "batchnorm(track_running_stats=true)"))


POOLS_OF_STEPS = {
    "GlobalAveragePooling1D()": "transpose -> global_avgpool",
    "GlobalMaxPooling1D()": "transpose -> global_maxpool",
    "MaxPooling1D(2)": "transpose -> maxpool(2) -> transpose",
    "AveragePooling1D(2)": "transpose -> avgpool(2) -> transpose",
}
"""Layers of Keras that pool the steps of a sequence, with what does so here."""


@pytest.mark.parametrize("call", POOLS_OF_STEPS)
def test_pools_of_steps_are_turned(call: str) -> None:
    turned = POOLS_OF_STEPS[call]
    assert f"features come last in Keras: write `{turned}`" in helps(net("x [20, 32]", call))
    assert errors(net("x [20, 32]", turned)) == []


def shape_of(rows: str) -> tuple[object, ...]:
    """The shape of the last row."""
    return load_source(as_source("n.net", net("x [3, 12, 16]", rows))).net().outputs[-1].value.type.shape


@pytest.mark.parametrize("dim", [1, 2, 3, -1, -2])
@pytest.mark.parametrize("name", ["cat", "stack"])
def test_arrows_are_joined_along_the_axis_that_pytorch_means(name: str, dim: int) -> None:
    """PyTorch counts the batch among the axes."""
    layer = {"cat": "concat", "stack": "stack"}[name]
    wanted = tuple(getattr(torch, name)([torch.zeros(1, 3, 12, 16)] * 2, dim=dim).shape[1:])
    for call in (f"torch.{name}([x, z], dim={dim})", f"torch.{name}([x, z], {dim})", f"{layer}(x, z, dim={dim})"):
        offered = re.findall("write `(.*)`", helps(net("x [3, 12, 16]", f"z: relu; {call}")))[0]
        assert shape_of(f"z: relu; {offered}") == wanted, call
    offered = re.findall("write `(.*)`", helps(net("x [3, 12, 16]", f"z: relu; (x, z) -> {layer}(dim={dim})")))[0]
    assert shape_of(f"z: relu; (x, z) -> {offered}") == wanted


OWN_AXES = {
    "concat([x, x], axis=1)": "(x, x) -> concat(axis=1)",
    "concat(x, x, axis=2)": "(x, x) -> concat(axis=2)",
    "concat([x, x], 2)": "(x, x) -> concat(axis=1)",
    "stack([x, x], axis=2)": "(x, x) -> stack(axis=2)",
}


@pytest.mark.parametrize("call", OWN_AXES)
def test_a_join_keeps_its_axis(call: str) -> None:
    assert re.findall("write `(.*)`", helps(net("x [3, 12, 16]", call))) == [OWN_AXES[call]]
    assert errors(net("x [3, 12, 16]", OWN_AXES[call])) == []


@pytest.mark.parametrize("call", ["tf.concat([x, x], 2)", "concat([x, x], axes)"])
def test_a_join_along_an_axis_that_is_not_certain_is_not_written(call: str) -> None:
    assert "write `" not in helps(net("x [3, 12, 16]", call))


BLOCKS_FOR = [w for w, gap in GAPS if re.search(r"\bx\b", gap.instead) and ";" not in gap.instead and w.isidentifier()]


@pytest.mark.parametrize("word", BLOCKS_FOR)
def test_an_activation_that_is_no_layer_is_led_to_a_block(word: str) -> None:
    calls = {f'Activation("{word}")': word, f"conv(8, 3, activation={word})": f"conv(8, 3) -> {word}"}
    for call, wanted in {**calls, f"conv(8, 3, {word})": f"conv(8, 3) -> {word}"}.items():
        help = helps(net("x [16, 32, 32]", call))
        block = re.findall(r"`(block [^`]*)`", help)[0]
        assert written(help.partition("write ")[2]) == wanted, help
        assert errors(f"{block}\n{net('x [16, 32, 32]', wanted)}") == []


def test_an_activation_that_means_nothing_is_no_other() -> None:
    for word in ("wibble", "hardshrink"):
        assert helps(net("x [16, 32, 32]", f"conv(8, 3, activation={word})")).endswith(f"none called `{word}`")
    assert "write" not in helps(net("x [12, 16]", "lstm(8, activation=relu)"))


@pytest.mark.parametrize("more", ["", ", bidirectional=true"])
@pytest.mark.parametrize("layer", ["lstm", "gru", "rnn"])
def test_what_is_dropped_between_layers_is_kept(layer: str, more: str) -> None:
    said = helps(net("x [12, 16]", f"{layer}(32, layers=3{more}, dropout=0.3)"))
    offered = re.findall("write `(.*)`", said)[0]
    assert offered == " -> dropout(0.3) -> ".join([f"{layer}(32{more})"] * 3)
    assert errors(net("x [12, 16]", offered)) == []


@pytest.mark.parametrize("name", foreign.LIBRARY)
def test_words_for_blocks_of_the_library_lead_to_their_use_rows(name: str) -> None:
    for word in foreign.LIBRARY[name].split():
        use = written(helps(net("x [16, 32, 32]", f"{word}(4)")))
        assert use.endswith(f"{{ {name} }}")
        assert errors(f"{use}\n{net('x [16, 32, 32]', 'relu')}") == []


# ---------------------------------------------------------------- recipes


def recipe(row: str) -> str:
    rows = ["data digits", "loss (logits, label) -> cross_entropy", row]
    kept = [r for r in rows if r is row or r.split()[0] != row.split()[0] or row.startswith("loss")]
    body = "\n  ".join(kept)
    block = "block flat { output y: flatten }\n"
    made = "net N { input image [1, 8, 8]\n stem: flat\n output logits: linear(10) }"
    return f"{block}{made}\ntrain N {{\n  {body}\n}}\n"


@pytest.mark.parametrize("row", settings.ROWS, ids=lambda row: row.write)
def test_rows_of_recipes_have_foreign_words(row: settings.ForeignRow) -> None:
    assert errors(recipe(row.write)) == []
    keyword = row.write.split()[0]
    for word in row.words.split():
        help = helps(recipe(f"{word} given"))
        assert help.startswith((f"write `{keyword} ", "it is called `", "the row is called `")), word
        assert f"`{keyword}` here" in help or f"`{keyword} " in help
        if keyword in ("optimizer", "schedule", "data", "augment"):
            assert written(helps(recipe(f"{word} {row.write.split()[1]}"))) == row.write
        elif keyword == "checkpoint":
            assert helps(recipe(f"{word} 1")).endswith("takes rows of the net"), word
        elif keyword not in ("loss", "metric"):
            number = "0.5" if keyword == "ema" else "1"
            said = written(helps(recipe(f"{word} {number}")))
            assert said == (row.write if keyword == "precision" else f"{keyword} {number}"), word
            assert errors(recipe(said)) == []


@pytest.mark.parametrize("says", settings.NO_ROWS)
def test_rows_that_no_recipe_needs_are_said_to_be_needless(says: str) -> None:
    for word in settings.NO_ROWS[says].split():
        assert helps(recipe(f"{word} 1")) == says, word


@pytest.mark.parametrize("what", settings.UNDECLARED)
def test_what_is_not_there_yet_is_not_taken_for_what_looks_like_it(what: str) -> None:
    for word in settings.UNDECLARED[what].split():
        assert helps(recipe(f"{what} {word}")).startswith("there are "), word


LOSSES = [(word, row) for row in settings.LOSSES for word in row.words.split()]


@pytest.mark.parametrize(("word", "row"), LOSSES, ids=lambda v: v if isinstance(v, str) else "")
def test_losses_have_foreign_words(word: str, row: settings.ForeignRow) -> None:
    layer = row.write.rpartition(" -> ")[2]
    keyword = "metric" if issubclass(REGISTRY[layer.partition("(")[0]], Metric) else "loss"
    assert written(helps(recipe(f"{keyword} (logits, label) -> {word}"))) == layer
    assert written(helps(recipe(f"{keyword} {word}"))).endswith(f"{keyword} (logits, label) -> {layer}")
    assert errors(recipe(f"{keyword} {row.write}")) == []


@pytest.mark.parametrize("row", settings.PAIRS, ids=lambda row: row.write)
def test_losses_of_pairs_check(row: settings.ForeignRow) -> None:
    text = "net N { input image [1, 8, 8]\n flatten\n output x: linear(64) }\n"
    keyword = "metric" if issubclass(REGISTRY[row.write.rpartition(" -> ")[2]], Metric) else "loss"
    text += f"train N {{ data digits\n loss (x, x) -> mse\n {keyword} {row.write.replace('label', 'x')} }}"
    assert errors(text) == []


@pytest.mark.parametrize("word", settings.NO_LOSS.split())
def test_missing_losses_are_called_missing(word: str) -> None:
    shipped = re.findall(r"^block (\w+)", (STDLIB / "losses.net").read_text("utf-8"), re.MULTILINE)
    known = {foreign.plain(name) for name in (*REGISTRY, *shipped)}
    own = foreign.plain(word)
    assert not {own, own.removesuffix("loss")} & known, f"take `{word}` out of NO_LOSS"
    assert "no such loss or metric yet" in helps(recipe(f"loss (logits, label) -> {word}"))


@pytest.mark.parametrize("here", settings.DECLARED)
def test_declared_words_are_there(here: str) -> None:
    known = [t for t in (DATA, AUGMENT, OPTIMIZERS, SCHEDULES) if here in t]
    assert known
    for word in settings.DECLARED[here].split():
        assert foreign.declared(word, known[0]) == here


# ---------------------------------------------------------------- by place


def test_what_may_stand_by_place_is_decided_for_every_operation() -> None:
    """The whole table: whoever adds an operation decides, and says so here."""
    by_place = {op.name: op.positional for op in REGISTRY.values() if op.positional}
    two = {"conv", "conv_transpose", "locally_connected", "embedding", "clamp", "roll", "noise"}
    one = {"linear", "maxpool", "avgpool", "adaptive_avgpool", "adaptive_maxpool", "groupnorm", "lrn", "dropout"}
    one |= {
        "spatial_dropout",
        "drop_path",
        "elu",
        "leaky_relu",
        "rnn",
        "gru",
        "lstm",
        "multihead_attention",
        "one_hot",
        "pad",
    }
    one |= {"crop", "slice", "split", "squeeze", "unsqueeze", "reshape", "transpose", "resize", "unpool"}
    one |= {
        "max_unpool",
        "pixel_shuffle",
        "pixel_unshuffle",
        "top_k",
        "top_k_accuracy",
        "scatter_add",
        "constant",
        "free_param",
        "to",
    }
    assert by_place == {**dict.fromkeys(two, 2), **dict.fromkeys(one, 1)}


@pytest.mark.parametrize("name", sorted({op.name for op in REGISTRY.values()} - {*INNER, *FUNCTIONS}))
def test_more_by_place_than_declared_is_refused(name: str) -> None:
    op = REGISTRY[name]
    given = ", ".join(["1"] * (op.positional + 1))
    found = check_text(net("x [16, 32, 32]", f"{name}({given})"))
    assert [d.code for d in found if d.severity == "error"] == ["too-many-settings"]


LITERALS = ("1", "2", "0.5", "true", "(1, 2)")
DECLARATIONS = {"data": DATA, "augment": AUGMENT, "optimizer": OPTIMIZERS, "schedule": SCHEDULES}
OPERATIONS = sorted({op.name for op in REGISTRY.values()} - {*INNER, *FUNCTIONS})
"""With brackets `floor` and its like are functions of numbers."""


def calls(name: str, most: int) -> list[str]:
    """Calls with one to three settings too many by their place."""
    return [f"{name}({', '.join([literal] * (most + more))})" for literal in LITERALS for more in (1, 2, 3)]


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_is_offered_for_settings_by_place_can_be_given(name: str) -> None:
    around = net("x [16, 32, 32]", "{}")
    for call in calls(name, REGISTRY[name].positional):
        found = [d for d in check_text(around.replace("{}", call)) if d.code == "too-many-settings"]
        assert len(found) == 1, call
        assert found[0].help, call
        assert unfit(name, found[0].help, around) == [], (call, found[0].help)


@pytest.mark.parametrize("what", DECLARATIONS)
def test_what_is_offered_for_settings_of_a_recipe_can_be_given(what: str) -> None:
    for name, declared in DECLARATIONS[what].items():
        texts = ", ".join(['"x"'] * (declared.positional + 1))
        for call in (f"{name}({texts})", *calls(name, declared.positional)):
            found = [d for d in check_text(recipe(f"{what} {call}")) if d.code == "too-many-settings"]
            assert len(found) == 1, call
            assert unfit(name, found[0].help or "", recipe(f"{what} {{}}")) == [], call


def test_a_call_of_another_framework_loses_what_nothing_takes() -> None:
    offered = {
        "resize(64, 64)": "resize((64, 64))", "unpool(2, 2)": "unpool((2, 2))", "crop(28, 28)": "crop((28, 28))",
        "pad(1, 1, 1, 1)": "pad(1)", "dropout(0.5, true)": "dropout(0.5)", "leaky_relu(0.2, true)": "leaky_relu(0.2)",
        "relu(true)": "relu", "layernorm(32)": "layernorm", "lstm(32, 64, 2)": "lstm(64, layers=2)",
    }  # fmt: skip
    for call, wanted in offered.items():
        on = "x [16, 32]" if call.startswith("lstm") else "x [16, 32, 32]"
        help = helps(net(on, call))
        assert re.findall(r"`([^`]+)`", help)[0] == wanted, help
        assert errors(net(on, wanted)) == []


def offered(name: str, help: str) -> list[str]:
    """The calls of a layer in a help."""
    return [t for t in re.findall(r"`([^`]+)`", help) if re.match(rf"{name}\b", t)]


def number_for(name: str) -> str:
    return "0.3" if "drop" in name else "3"


def told(name: str, *extra: str) -> str:
    """The help for words behind what a layer takes by its place."""
    numbers = ["normal", "3"] if name == "noise" else [number_for(name)] * REGISTRY[name].positional
    found = check_text(net("x [16, 32, 32]", f"{name}({', '.join([*numbers, *extra])})"))
    assert [d.code for d in found if d.severity == "error"] == ["too-many-settings"]
    return found[0].help or ""


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_word_without_a_meaning_is_filled_into_no_setting(name: str) -> None:
    for word in ("wibble", '"wibble"', "nn.Wibble()", "wibble + 1"):
        for extra in ((word,), ("2", word), (word, "2")):
            assert not [t for t in offered(name, told(name, *extra)) if "ibble" in t], extra


PLACED_WORDS = [
    (op, f.name, word) for op in OPERATIONS for f in REGISTRY[op].settings() if f.kind for word in f.kind.words()
]


@pytest.mark.parametrize(("name", "setting", "word"), PLACED_WORDS)
def test_a_word_by_its_place_joins_the_setting_that_takes_it(name: str, setting: str, word: str) -> None:
    takes = [f.name for f in REGISTRY[name].settings() if f.kind and word in f.kind.words()]
    for spelt in (word, f'"{word}"'):
        if REGISTRY[name].positional and takes[0] in ("amount", "margin", "kind"):
            continue  # by its place it is read already, or stands beside what it excludes
        help = told(name, spelt)
        assert f"{takes[0]}={word}" in written(help) or word == "none", (spelt, help)
        assert unfit(name, help, net("x [16, 32, 32]", "{}")) == []


SWITCHES = [(op, f.name) for op in OPERATIONS for f in REGISTRY[op].settings() if type(f.kind).__name__ == "BoolKind"]


@pytest.mark.parametrize(("name", "switch"), SWITCHES)
def test_a_switch_by_its_place_is_turned_on(name: str, switch: str) -> None:
    assert f"{switch}=true" in written(told(name, switch))


@pytest.mark.parametrize(
    "name", [n for n in OPERATIONS if REGISTRY[n].positional and n not in ("lstm", "gru", "to", "noise")]
)
def test_an_activation_by_its_place_follows_the_layer(name: str) -> None:
    words = {w for f in REGISTRY[name].settings() if f.kind for w in f.kind.words()}
    numbers = ", ".join([number_for(name)] * REGISTRY[name].positional)
    for act in ("relu", '"relu"', "sigmoid", "nn.Sigmoid()"):
        bare = act.strip('"').removeprefix("nn.").removesuffix("()").lower()
        if bare not in words:
            assert written(told(name, act)) == f"{name}({numbers}) -> {bare}"


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_an_activation_that_gates_compute_with_is_no_layer_behind_them(name: str) -> None:
    assert "takes no other activation" in helps(net("x [12, 32]", f"{name}(8, relu)"))
    assert helps(net("x [12, 32]", f"{name}(8, tanh)")) == f"write `{name}(8)`"


MISFITS = {
    "conv(8, 3, pad=causal)": "transpose -> conv(8, 3, pad=((2, 0),)) -> transpose",
    'conv(8, 3, pad="causal", dilation=2)': "conv(8, 3, pad=((4, 0),), dilation=2)",
    "conv(8, 2 + 1, pad=causal)": "conv(8, 2 + 1, pad=((((2 + 1) - 1), 0),))",
    "conv(8, 3, stride=same)": "conv(8, 3, pad=same)",
    'conv("8", 3)': "conv(8, 3)",
    "conv(8, 3, bias=0)": "conv(8, 3, bias=false)",
    "gelu(approximate=true)": "gelu(approximate=tanh)",
}


@pytest.mark.parametrize("call", MISFITS)
def test_a_value_that_a_setting_does_not_take_is_led_to_one_that_it_does(call: str) -> None:
    assert written(helps(net("x [12, 16]", call)).partition("write ")[2]) in MISFITS[call]
    assert errors(net("x [12, 16]", MISFITS[call])) == []


@pytest.mark.parametrize("name", [n for n in OPERATIONS if REGISTRY[n].positional])
def test_a_layer_in_the_place_of_a_number_stands_before_it(name: str) -> None:
    numbers = ["sigmoid", *["3"] * (REGISTRY[name].positional - 1)]
    for layer in ("sigmoid", "conv(3, 3)", "nn.Sigmoid()"):
        help = helps(net("x [16, 32, 32]", f"{name}({', '.join([layer, *numbers[1:]])})"))
        stage = layer if layer[0] == "c" else "sigmoid"
        assert f"`{stage} -> {name}(…)`" in help or "`sigmoid`" in help, help


def test_right_texts_read_no_table() -> None:
    code = (
        "import sys; from netdsl.program import check_text\n"
        "check_text('net N { input image [3, 8, 8]\\n conv(4, 3) -> relu }')\n"
        "print([m for m in sys.modules if m.startswith(('netdsl.text.foreign', 'netdsl.base.slips', 'netdsl.elaborate.advice'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
