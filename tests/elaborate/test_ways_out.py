"""Rows as newcomers write them: one error, at the row, and the way out that it names leads to a text that checks."""

from __future__ import annotations

import re

import pytest

from netdsl.program import check_text

IMAGE = "input x [3, 32, 32]"
VOLUME = "input x [3, 8, 8, 8]"
SEQUENCE = "input h [16, 8]"
PAIR = "input a [8, 4, 4], b [8, 4, 4]"
WORDS = "input words int[16]"

ROWS: tuple[tuple[str, str, str], ...] = (
    # several numbers of one setting
    (IMAGE, "resize(64, 64)", "resize((64, 64))"),
    (IMAGE, "crop(24, 24)", "crop((24, 24))"),
    (IMAGE, "adaptive_avgpool(7, 7)", "adaptive_avgpool((7, 7))"),
    (IMAGE, "unpool(2, 2)", "unpool((2, 2))"),
    (IMAGE, "reshape(3, 1024)", "reshape((3, 1024))"),
    (IMAGE, "transpose(1, 2, 0)", "transpose((1, 2, 0))"),
    (IMAGE, "pad(1, 1)", "pad((1, 1))"),
    (IMAGE, "layernorm([3, 32, 32])", "layernorm(axes=3)"),
    (IMAGE, "rmsnorm((32, 32), eps=1e-5)", "rmsnorm(eps=1e-5, axes=2)"),
    (IMAGE, "layernorm([32])", "layernorm"),
    (IMAGE, "layernorm([32], 1e-6)", "layernorm(eps=1e-6)"),
    (IMAGE, "layernorm((3, 32, 32), 1e-6)", "layernorm(eps=1e-6, axes=3)"),
    (VOLUME, "pad(1, 2, 3)", "pad((1, 2, 3))"),
    (VOLUME, "crop(4, 4, 2)", "crop((4, 4, 2))"),
    (IMAGE, "unpool(2, nearest)", "unpool(2, mode=nearest)"),
    # the size of the input, where it may be told first
    (IMAGE, "conv2d(3, 16, 3, padding=1)", "conv(16, 3, pad=1)"),
    (IMAGE, "conv2d(3, 16, 3)", "conv(3, 16, stride=3)"),
    (IMAGE, "conv2d(3, 64, 7, 2, 3)", "conv(64, 7, stride=2, pad=3)"),
    (IMAGE, "conv2d(16, 3, 2)", "conv(16, 3, stride=2)"),
    (IMAGE, "Conv(3, 16, kernel_size=3)", "conv(16, 3)"),
    (IMAGE, "conv(3, 16, kernel_size=3)", "conv(16, 3)"),
    (IMAGE, "atrous_conv(3, 16, 3, 2)", "conv(16, 3, dilation=2)"),
    (IMAGE, "Sequential(conv2d(3, 8, 3), relu(), conv2d(8, 4, 3))", "conv(8, 3) -> relu -> conv(4, 3)"),
    (IMAGE, "reshape(-1, 3072)", "reshape((3072,))"),
    (IMAGE, "-conv(8, 3)", "-(_ -> conv(8, 3))"),
    # weights that are not trained
    (IMAGE, "FrozenBatchNorm2d(3)", "batchnorm(frozen=true)"),
    (IMAGE, "BatchNormalization(trainable=false)", "frozen batchnorm"),
    (IMAGE, "conv(16, 3, trainable=false)", "frozen conv(16, 3)"),
    (IMAGE, "conv(out_channels=16, kernel_size=3, requires_grad=false)", "frozen conv(16, 3)"),
    (IMAGE, "Conv2D(16, 3, trainable=false)", "frozen conv(16, 3)"),
    (IMAGE, "no_grad conv(8, 3)", "conv(8, 3) -> detach"),
    (IMAGE, "freeze stem: conv(8, 3)", "frozen stem: conv(8, 3)"),
    # what arrows are asked for elsewhere
    (IMAGE, "x.view(3, 1024)", "x -> reshape((3, 1024))"),
    (IMAGE, "x.view(16, 3, 1024)", "x -> reshape((3, 1024))"),
    (IMAGE, "x.view(16, 3072)", "x -> flatten"),
    (IMAGE, "x.view(16, -1)", "x -> flatten"),
    (IMAGE, "x.view(16, -1)", "x -> reshape((16, -1))"),
    (IMAGE, "torch.reshape(x, (3, 32*32))", "x -> reshape((3, 32*32))"),
    (IMAGE, "2 * x.view(3, 1024)", "(x -> reshape((3, 1024)))"),
    (IMAGE, "x.float()", "x"),
    (IMAGE, "x.clone() -> relu", "x"),
    (IMAGE, "x.T", "x -> transpose((0, 2, 1))"),
    (SEQUENCE, "h.T", "h -> transpose"),
    # functions of Python, axes and shares
    (PAIR, "max(a, b) -> relu", "(a, b) -> maximum"),
    (PAIR, "2 * min(a, b)", "((a, b) -> minimum)"),
    (PAIR, "max(a, 0)", "(a, 0) -> maximum"),
    (PAIR, "max(a)", "a -> reduce_max"),
    (PAIR, "conv(8, 3) <- a", "a -> conv(8, 3)"),
    (IMAGE, "mean((2, 3))", "mean(axis=(1, 2))"),
    (IMAGE, "mean(3)", "mean(axis=2)"),
    (IMAGE, "x -> mean((1, 2))", "mean(axis=(0, 1))"),
    (IMAGE, "x -> mean((1, 2))", "mean(axis=(1, 2))"),
    (PAIR, "torch.cat([a, b], dim=0)", "(a, b) -> concat"),
    # arrows cut and joined
    (SEQUENCE, "h[-1] -> linear(2)", "h -> last"),
    (SEQUENCE, "h[0]", "h -> slice(0, start=0, end=1) -> squeeze(0)"),
    (SEQUENCE, "h[:, -1]", "h -> last"),
    (SEQUENCE, "h[:, -1, :]", "h -> last"),
    (SEQUENCE, "h[:, 0]", "h -> slice(0, start=0, end=1) -> squeeze(0)"),
    (SEQUENCE, "h[2:4]", "h -> slice(0, start=2, end=4)"),
    (SEQUENCE, "h[::2]", "h -> slice(0, step=2)"),
    (SEQUENCE, "2 * h[..., :4]", "(h -> slice(-1, end=4))"),
    (SEQUENCE, "h[1:, :] + h[:-1, :] -> relu", "(h -> slice(0, start=1))"),
    (SEQUENCE, "h[..., :4]", "h -> slice(-1, end=4)"),
    (SEQUENCE, "h[..., -1]", "h -> slice(-1, start=-1) -> squeeze(-1)"),
    (SEQUENCE, "h[:, 1:3]", "h -> slice(0, start=1, end=3)"),
    (SEQUENCE, "h[:, 1:3]", "h -> slice(1, start=1, end=3)"),
    (IMAGE, "x[:, 2:-2, 2:-2]", "x -> slice(-2, start=2, end=-2) -> slice(-1, start=2, end=-2)"),
    (IMAGE, "x[:, :, 2:-2, 2:-2]", "x -> slice(1, start=2, end=-2) -> slice(2, start=2, end=-2)"),
    (IMAGE, "x[..., 2:-2]", "x -> slice(-1, start=2, end=-2)"),
    (IMAGE, "x[..., 2:-2, :]", "x -> slice(-2, start=2, end=-2)"),
    (SEQUENCE, "h[:, :, 1:3]", "h -> slice(-1, start=1, end=3)"),
    (PAIR, "[a, b] -> concat", "(a, b) -> concat"),
    (PAIR, "[a, b]", "(a, b) -> concat"),
    (PAIR, "Add()([a, b])", "a + b"),
    (PAIR, "Multiply()([a, b])", "a * b"),
    (PAIR, "Concatenate(axis=-1)([a, b])", "(a, b) -> concat"),
    (PAIR, "c: Conv2D(32, 3)(a)", "a -> conv(32, 3)"),
    (PAIR, "layers.Conv2D(32, 3)(a)", "a -> conv(32, 3)"),
    (PAIR, "conv(32, 3)(a)", "a -> conv(32, 3)"),
    (PAIR, "BatchNormalization()(Conv2D(8, 3)(a))", "a -> conv(8, 3) -> batchnorm"),
    # layers called on arithmetic
    (PAIR, "layernorm(a + b)", "a + b -> layernorm"),
    (PAIR, "relu(0.5 * a)", "0.5 * a -> relu"),
    (PAIR, "F.relu(-a)", "-a -> relu"),
    (PAIR, "sqrt(a ** 2 + 1)", "a ** 2 + 1 -> sqrt"),
    (PAIR, "softmax(a + b)", "a + b -> softmax"),
    (PAIR, "mean(a ** 2)", "a ** 2 -> mean"),
    (PAIR, "dropout(a + b, 0.5)", "a + b -> dropout(0.5)"),
    (PAIR, "log(mean(a ** 2) + 1)", "(a ** 2 -> mean) + 1 -> log"),
    (PAIR, "sigmoid(conv(2, 1)(a) + conv(2, 1)(b))", "(a -> conv(2, 1)) + (b -> conv(2, 1)) -> sigmoid"),
    (PAIR, "add(conv(8, 1)(a), b)", "(a -> conv(8, 1)) + b"),
    (PAIR, "mul(a + b, a)", "(a + b) * a"),
    (PAIR, "relu(a -> conv(3, 3))", "a -> conv(3, 3) -> relu"),
    (PAIR, "crop(a, b)", "(a, b) -> crop"),
    (PAIR, "resize(a, b)", "(a, b) -> resize"),
    # sums of layers, and lists that a word brings together
    (IMAGE, "x -> (conv(3, 3, pad=1) + identity) -> relu", "(x -> conv(3, 3, pad=1)) + x -> relu"),
    (IMAGE, "x -> (conv(8, 3, pad=1) + conv(8, 1))", "(x -> conv(8, 3, pad=1)) + (x -> conv(8, 1))"),
    (IMAGE, "x -> ((conv(3, 1) -> relu) + identity)", "(x -> conv(3, 1) -> relu) + x"),
    (IMAGE, "(conv(3, 1) + identity) -> relu", "(_ -> conv(3, 1)) + _ -> relu"),
    (IMAGE, "x -> relu -> (conv(3, 1) * sigmoid)", "(_ -> conv(3, 1)) * (_ -> sigmoid)"),
    (IMAGE, "x -> 0.5 * conv(3, 1)", "0.5 * (x -> conv(3, 1))"),
    (IMAGE, "x -> conv(3, 1) * 0.5", "(x -> conv(3, 1)) * 0.5"),
    (IMAGE, "x -> 1 - sigmoid", "1 - (x -> sigmoid)"),
    (IMAGE, "x -> -sigmoid + 1", "-(x -> sigmoid) + 1"),
    (IMAGE, "conv(3, 1) - relu", "conv(3, 1) -> relu"),
    (IMAGE, "conv(3, 1) - identity", "(_ -> conv(3, 1)) - _"),
    (PAIR, "sum([a, b])", "a + b"),
    (PAIR, "2 * sum(a, b)", "(a + b)"),
    (PAIR, "mean([a, b])", "(a + b) / 2"),
    (PAIR, "max([a, b])", "(a, b) -> maximum"),
    # sums at every position
    (IMAGE, "linear(8)", "linear(8, axis=-1)"),
    (IMAGE, "linear(8)", "conv(8, 1)"),
    (IMAGE, "linear(8, axis=0)", "conv(8, 1)"),
    # commas, names in front of `=`, and brackets of other kinds
    (PAIR, "a, b -> concat", "(a, b) -> concat"),
    (PAIR, "c: a, relu(b) -> concat -> relu", "c: (a, b -> relu) -> concat -> relu"),
    (PAIR, "output y: a, b -> concat", "output y: (a, b) -> concat"),
    (IMAGE, "a, b, c = x.split(1, dim=1)", "(a, b, c): x -> split(3)"),
    (IMAGE, "a, _ = torch.chunk(x, 2, dim=-1)", "(a, rest1): x -> split(2, axis=-1)"),
    (IMAGE, "a, b = torch.split(x, [16, 16], dim=2)", "(a, b): x -> split([16, 16], axis=1)"),
    (IMAGE, "(a, b, c) = x -> split(3)", "(a, b, c): x -> split(3)"),
    (SEQUENCE, "out, _ = lstm(64)", "out: lstm(64)"),
    (SEQUENCE, "out, (n, c) = nn.LSTM(8, 64)(h)", "out: h -> lstm(64)"),
    (PAIR, "{a, b} -> concat", "(a, b) -> concat"),
    (PAIR, "y: concat{a, b}", "y: (a, b) -> concat"),
    (IMAGE, "conv{8, 3} -> relu", "conv(8, 3) -> relu"),
    (IMAGE, "flatten -> linear<10> -> relu", "flatten -> linear(10) -> relu"),
    (IMAGE, "conv<8, 3>", "conv(8, 3)"),
    # arrows and layers as Python asks them
    (IMAGE, "2 * x[None]", "(x -> unsqueeze(0))"),
    (IMAGE, "x.max(1)", "x -> reduce_max(axis=0)"),
    (IMAGE, "x.max(dim=1)", "x -> reduce_max(axis=0)"),
    (IMAGE, "x.view(-1)", "x -> flatten"),
    (PAIR, "relu(max(a, 0))", "(a, 0) -> maximum -> relu"),
    (SEQUENCE, "h[0] + 1", "(h -> slice(0, start=0, end=1) -> squeeze(0))"),
    (IMAGE, "conv 16 3 pad=1 -> relu", "conv(16, 3, pad=1)"),
    (IMAGE, 'SeparableConv2D(8, 3, padding="valid")', "separable_conv(8, 3, pad=0)"),
    (SEQUENCE, "2 * h[::-1]", "(h -> reverse)"),
    (SEQUENCE, "h[:, ::-1]", "h -> reverse"),
    (IMAGE, "reshape(batch, 3, 1024)", "reshape((3, 1024))"),
    (IMAGE, "reshape(x.shape[0], -1)", "flatten"),
    (SEQUENCE, "h -> lstm(64)[-1]", "lstm(64) -> last"),
    # two results where there is one, and methods
    (SEQUENCE, "a, b = torch.max(h, dim=1)", "(a, b): (h -> reduce_max(axis=0), h -> argmax(axis=0))"),
    (SEQUENCE, "a, b = h.min(-1)", "(a, b): (h -> reduce_min(axis=-1), -h -> argmax(axis=-1))"),
    (SEQUENCE, "(a, b): reduce_max(axis=0)", "(a, b): (_ -> reduce_max(axis=0), _ -> argmax(axis=0))"),
    (SEQUENCE, "(a, b): h -> sort", "(a, b): h -> sort(indices=true)"),
    (SEQUENCE, "a, b = torch.sort(h, dim=1)", "(a, b): h -> sort(axis=0, indices=true)"),
    (SEQUENCE, "h.max(dim=1)[1]", "h -> argmax(axis=0)"),
    (SEQUENCE, "torch.min(h, 2).values", "h -> reduce_min(axis=1)"),
    (SEQUENCE, "(a, b): linear(8)", "(a, b): linear(8) -> split(2, axis=-1)"),
    (SEQUENCE, "a, b = linear(4), linear(4)", "(a, b): (_ -> linear(4), _ -> linear(4))"),
    (SEQUENCE, "(a, b): linear(4), linear(4)", "(a, b): (_ -> linear(4), _ -> linear(4))"),
    (SEQUENCE, "a, b = linear(8).chunk(2, dim=-1)", "(a, b): linear(8) -> split(2, axis=-1)"),
    (SEQUENCE, "linear(8).softmax(-1)", "linear(8) -> softmax(axis=-1)"),
    (SEQUENCE, "h -> layernorm.relu()", "layernorm -> relu"),
    # a bundle that leads into a layer is joined before another
    (
        "input q [4, 8], seen bool[1, 4, 4]",
        "(q, q) -> concat(axis=1) -> multihead_attention(2, attn_mask=seen)",
        f"({', '.join(['(q, q) -> concat(axis=1)'] * 3)}, seen) -> multihead_attention(2)",
    ),
    (IMAGE, "x.pow(2).sum(1).sqrt()", "x ** 2 -> sum(axis=0) -> sqrt"),
    (IMAGE, "(x + 1).mean(dim=(2, 3))", "(x + 1) -> mean(axis=(1, 2))"),
    (IMAGE, "x.permute(0, 2, 3, 1).contiguous()", "x -> transpose((1, 2, 0))"),
    # whole numbers
    (WORDS, "lstm(8)", "embedding(1000, 64) -> lstm(8)"),
    (WORDS, "gru(8)", "embedding(1000, 64) -> gru(8)"),
    (WORDS, "rnn(8)", "embedding(1000, 64) -> rnn(8)"),
    (WORDS, "linear(8)", "embedding(1000, 64) -> linear(8)"),
    # layers in a row
    (IMAGE, "conv(16, 3), relu", "conv(16, 3) -> relu"),
    (IMAGE, "[conv(3, 3)] * 3", "conv(3, 3) * 3"),
    (IMAGE, "[conv(3, 3), relu]", "conv(3, 3) -> relu"),
    (IMAGE, "[conv(3, 3), relu] * 2", "(conv(3, 3) -> relu) * 2"),
    (IMAGE, "- conv(16, 3)", "conv(16, 3)"),
    (IMAGE, "* conv(16, 3)", "conv(16, 3)"),
    (IMAGE, "conv(16, 3) -> (16, 30, 30)", "-> [16, 30, 30]"),
    (IMAGE, "conv(16, 3) -> output y", "output y: conv(16, 3)"),
    (IMAGE, "conv(16, 3, bias=None)", "bias=false"),
    (IMAGE, "dropout(0,5)", "0.5"),
    (IMAGE, "x * 0,5", "0.5"),
    (SEQUENCE, "TimeDistributed(Dense(8))", "linear(8)"),
    (SEQUENCE, "time_distributed(linear(8))", "linear(8)"),
    # tables of papers
    (IMAGE, "3x3 conv, 64", "conv(64, 3, pad=1)"),
    (IMAGE, "3x3 conv, 64, stride 2", "conv(64, 3, stride=2, pad=1)"),
    (IMAGE, "7x7 conv, 64, /2", "conv(64, 7, stride=2, pad=3)"),
    (IMAGE, "conv1: 7x7, 64, stride 2", "conv1: conv(64, 7, stride=2, pad=3)"),
    (IMAGE, "conv 3x3, 64", "conv(64, 3, pad=1)"),
    (IMAGE, "conv3-64", "conv(64, 3, pad=1)"),
    (IMAGE, "conv 64", "conv(64, 3, pad=1)"),
    (IMAGE, "- conv: 16", "conv(16, 3, pad=1)"),
    (IMAGE, "fc-4096", "flatten -> linear(4096)"),
    (IMAGE, "FC 1000", "flatten -> linear(1000)"),
    (IMAGE, "max pool", "maxpool(2)"),
    (IMAGE, "3x3 max pool, stride 2", "maxpool(3, stride=2)"),
    (IMAGE, "global average pool", "global_avgpool"),
    (IMAGE, "3x3 conv, 64, BN, relu", "conv(64, 3, pad=1) -> batchnorm -> relu"),
)
"""An input, a row that is wrong, and what is to be written for it, or for the wrong part of it."""


CHOICES: tuple[tuple[str, str], ...] = (
    # conditions
    ("assert H + 1 is even", "assert (H + 1) % 2 == 0"),
    ("assert H is not even", "assert H % 2 == 1"),
    ("assert H and W are divisible by 4", "assert H % 4 == 0 and W % 4 == 0"),
    ('assert H mod 32 == 0, "say it"', 'assert H % 32 == 0, "say it"'),
    ("assert H at least 32", "assert H >= 32"),
    # choices
    ("if wide: relu", "if wide { relu }"),
    ("if wide then relu else tanh end", "if wide { relu } else { tanh }"),
    ("if (wide) relu", "if (wide) { relu }"),
    ("relu if wide", "if wide { relu }"),
    ("y: relu(x) if wide else F.elu(x)", "y: if wide { x -> relu } else { x -> elu }"),
    ("y: x -> relu if wide else x", "y: if wide { x -> relu } else { x }"),
    ("y: x -> relu if wide else tanh", "y: if wide { x -> relu } else { x -> tanh }"),
    ("y: x -> (relu if wide else identity) -> tanh", "y: if wide { x -> relu -> tanh } else { x -> identity -> tanh }"),
    ("y: x -> (wide ? relu : tanh)", "y: if wide { x -> relu } else { x -> tanh }"),
    ('assert H % 2 == 0: "even"', 'assert H % 2 == 0, "even"'),
    ("unless (c > 3) { relu }", "if not (c > 3) { … }"),
    ('assert(H % 2 == 0, "even")', 'assert H % 2 == 0, "even"'),
    ("assert (H > 3, W > 3)", "assert H > 3 and W > 3"),
    # outputs
    ("output tanh(x + x)", "output y: x + x -> tanh"),
    ("output x -> relu", "output y: x -> relu"),
    ("output = x", "output x"),
    ("output z = x + x", "output z: x + x"),
    ("output y = relu(x)", "output y: x -> relu"),
    # names given anew
    ("if wide { x: x -> conv(3, 1) }", "x1: if wide { x -> conv(3, 1) } else { x }"),
    ("if wide { x: relu } else { x: tanh }", "x1: if wide { relu } else { tanh }"),
    ("if c > 3 { x: relu } else if wide { x: tanh }", "x1: if c > 3 { relu } else if wide { tanh } else { x }"),
    ("x -= x + x", "x1: x - (x + x)"),
    ("x += x -> relu", "x1: x + (x -> relu)"),
    ("x *= 2", "x1: x * 2"),
    # lists that are counted
    ("[conv(c, 1) for _ in range(3)]", "conv(c, 1) * 3"),
    ("nn.Sequential(*[nn.Conv2d(8, c, 1) for i in range(c)])", "conv(c, 1) * c"),
    ("[conv(w, 1) for w in [8, 16]]", "for w in [8, 16] { conv(w, 1) }"),
    ("[conv(w, 1) for w in [8, 16] if w > 8]", "for w in [8, 16] { if w > 8 { conv(w, 1) } }"),
    # settings
    ("conv(in=3, out=8, kernel=3)", "conv(8, 3)"),
    ("conv(8, 3, in=3)", "conv(8, 3)"),
    # loops
    ("for (i in range(3)) relu", "for i in range(3) { relu }"),
    ("for (auto c : [3, 4]) conv(c, 1)", "for c in [3, 4] { conv(c, 1) }"),
    ("for (int i = 1; i <= c; i += 2) conv(i, 1)", "for i in range(1, c + 1, 2) { conv(i, 1) }"),
    ("for _ in range(3): relu", "for i in range(3) { relu }"),
)
"""Rows of a net with a switch `wide` and a number `c` in the words of other languages, and the row that is meant."""


@pytest.mark.parametrize(("row", "way"), CHOICES, ids=[row for row, _ in CHOICES])
def test_conditions_choices_and_loops_of_other_languages_lead_to_rows_that_check(row: str, way: str) -> None:
    text = "net N(wide = true, c = 4) {{\n  input x [3, H, W]\n  {}\n  x -> tanh\n}}\n"
    found = [d for d in check_text(text.format(row)) if d.severity == "error"]
    assert [d.span.line for d in found] == [3], [d.message for d in found]
    assert f"`{way}`" in (found[0].help or ""), found[0].help
    assert [d.message for d in check_text(text.format(way.replace("…", "relu"))) if d.severity == "error"] == []


def net(given: str, row: str) -> str:
    return f"net N {{\n  {given}\n  {row}\n}}\n"


@pytest.mark.parametrize(("given", "row", "way"), ROWS, ids=[row for _, row, _ in ROWS])
def test_the_way_out_of_a_row_leads_to_a_text_that_checks(given: str, row: str, way: str) -> None:
    found = [d for d in check_text(net(given, row)) if d.severity == "error"]
    assert [d.span.line for d in found] == [3], [d.message for d in found]
    assert f"`{way}`" in (found[0].help or ""), found[0].help
    mended = {
        "-> [16, 30, 30]": f"conv(16, 3) {way}", "bias=false": f"conv(16, 3, {way})",
        "0.5": row.replace("0,5", way),
    }.get(way, way)  # fmt: skip
    assert [d.message for d in check_text(net(given, mended)) if d.severity == "error"] == []


SAID = (
    (IMAGE, "dropout(50)", "50 % is `0.5`"), (IMAGE, "conv(6, 3, groups=depthwise)", "write `3`"),
    (IMAGE, "mean(3)", "write `mean(axis=2)`"), (PAIR, "torch.cat([a, b], dim=0)", "along the batch, which is `0` there"),
    (IMAGE, "residual(16)", "such as `conv(16, 3, pad=1)`"), (IMAGE, "random_crop(24)", "`augment flip -> crop(32, pad=4)`"),
    (IMAGE, "linear(len(x))", "`x.shape`"), (IMAGE, "floor(x)", "`x -> floor`"), (IMAGE, "x.item()", "`x.shape`"),
    (IMAGE, "x -> relu -> conv(3, 1) + identity", "say what leads into each layer"),
    (IMAGE, "(conv(3, 1) + identity) * 3", "the body of a `block`"), (PAIR, "flatten(a, a)", "2 come in here"),
    (IMAGE, "B, C, H, W = x.shape", "write `let C = x.shape[0]`, `let H = x.shape[1]` and `let W = x.shape[2]`"),
    (IMAGE, "a, b = relu(x), F.tanh(x)", "write `a: x -> relu` and `b: x -> tanh`"),
    (IMAGE, "reshape((batch, 3, 1024))", "leave `batch` out"), (IMAGE, "adaptive_avgpool((None, 7))", "a size that stays"),
    (PAIR, "(a, b) -> concat(dim=0)", "along the batch"), (SEQUENCE, "h[::-2]", "does a layer go backwards"),
    (IMAGE, "x.size(1)", "as in `let n = x.channels`"),
    (IMAGE, "x -> selu(x)", "write the pipeline up to here as `x -> selu` then"),
    (IMAGE, "x.unsqueeze(0)", "as in `x -> unsqueeze(0)`, with axes"), (IMAGE, "x -> split(3)[0]", "write `parts: split(3)`"),
    (IMAGE, "range(x)", "`x.shape`"), (IMAGE, "relu -> tanh <- x", "begin the row with `x ->`"),
    (IMAGE, "x.view(7, 11)", "which holds 3,072 numbers"), (IMAGE, "y: math.sqrt(3)", "`let n = 3 ** 0.5`"),
    ("input a [4, 8]", "(a, a) -> concat -> split(2) -> matmul", "write `(a, b -> transpose) -> matmul`"),
)  # fmt: skip
"""Where no text can be known to be meant, and what is said."""


@pytest.mark.parametrize(("given", "row", "said"), SAID, ids=[row for _, row, _ in SAID])
def test_what_no_text_can_be_meant_by_is_said_in_words(given: str, row: str, said: str) -> None:
    found = [d for d in check_text(net(given, row)) if d.severity == "error"]
    assert [said in (d.help or "") for d in found] == [True], [d.help for d in found]


@pytest.mark.parametrize("first", ["model.parameters()", "params", "net.trainable_weights"])
def test_an_optimizer_is_not_told_the_weights(first: str) -> None:
    recipe = "{}train N {{\n  data digits\n  loss (y, label) -> cross_entropy\n  optimizer {}\n}}\n"
    text = net("input image [1, 8, 8]", "y: flatten -> linear(10)")
    found = check_text(recipe.format(text, f"adam({first}, lr=0.01, betas=(0.8, 0.9))"))
    way = "adam(lr=0.01, beta1=0.8, beta2=0.9)"
    assert [d.help for d in found] == [f"the weights are those of the net: write `{way}`"]
    assert check_text(recipe.format(text, way)) == []


SIZES = (
    (IMAGE, "x.size(1)", "x.channels"), (IMAGE, "x.size(dim=-1)", "x.width"), (SEQUENCE, "h.size(2)", "h.features"),
    (VOLUME, "x.size(2)", "x.shape[1]"), (IMAGE, "x.ndim", "x.rank"), (IMAGE, "x.dim()", "x.rank"),
    (IMAGE, "x.numel()", "x.elements"), (IMAGE, "x.h", "x.height"),
)  # fmt: skip
"""What an arrow is asked for in the words of PyTorch, which counts the batch among the axes."""


@pytest.mark.parametrize(("given", "asked", "way"), SIZES, ids=[asked for _, asked, _ in SIZES])
def test_what_an_arrow_is_asked_for_has_a_word_here(given: str, asked: str, way: str) -> None:
    found = [d for d in check_text(net(given, f"flatten -> linear({asked})")) if d.severity == "error"]
    assert [f"`{way}`" in (d.help or "") for d in found] == [True], [d.help for d in found]
    assert check_text(net(given, f"flatten -> linear({way})")) == []


NUMBERS = (
    ("pow(2, 3)", "2 ** 3"), ("math.pow(2, c)", "2 ** c"), ("np.prod([3, 4])", "3 * 4"), ("sum([2, c])", "2 + c"),
    ("sum(w)", "w[0] + w[1]"), ("abs(-3)", "max((-3), -(-3))"), ("math.ceil(3.2)", "ceil(3.2)"), ("sqrt(16)", "16 ** 0.5"),
    ("2 * math.sqrt(c)", "(c ** 0.5)"), ("2 * abs(c - 8)", "max((c - 8), -(c - 8))"), ("int(math.sqrt(9))", "9 ** 0.5"),
)  # fmt: skip
"""What Python computes with numbers, and how it is written here."""


@pytest.mark.parametrize(("text", "way"), NUMBERS)
@pytest.mark.parametrize("row", ["flatten -> linear({})", "let n = {}"])
def test_functions_of_numbers_have_a_text_here(row: str, text: str, way: str) -> None:
    above = "let c = 4\n  let w = [2, 3]\n  relu"
    found = [d for d in check_text(net(f"{IMAGE}\n  {above}", row.format(text))) if d.severity == "error"]
    assert [d.help for d in found] == [f"write `{way}`"]
    call = re.sub(r"^2 \* |^int\(|(?<=\))\)$", "", text)
    mended = check_text(net(f"{IMAGE}\n  {above}", row.format(text.replace(call, way))))
    assert [d.message for d in mended if d.severity == "error"] == []


@pytest.mark.parametrize("value", ["foo(2)", "conv(3, 3)", "rond(3.2)"])
def test_a_let_names_no_call_that_gives_no_number(value: str) -> None:
    found = [d for d in check_text(net(f"{IMAGE}\n  relu", f"let n = {value}")) if d.severity == "error"]
    assert [d.code for d in found] in (["unknown-name"], ["wrong-kind"])


INPUTS: tuple[tuple[str, str, str], ...] = (
    ("", "input_shape = [3, 32, 32]", "input image [3, 32, 32]"),
    ("", "input_shape = (32, 32, 3)", "input image [3, 32, 32]"),
    ("", "x = Input(shape=(3, 32, 32))", "input x [3, 32, 32]"),
    ("", "x = tf.keras.Input((28, 28, 1))", "input x [1, 28, 28]"),
    ("", "x = Input(shape=(None, 128))", "input x [128]"),
    ("", "x = torch.randn(1, 3, 32, 32)", "input x [3, 32, 32]"),
    ("", "x: Input(shape=[3, 32, 32])", "input image [3, 32, 32]"),
    ("", "Input(shape=(3, 32, 32))", "input image [3, 32, 32]"),
    ("", "conv(4, 3, input_shape=(3, 32, 32))", "input image [3, 32, 32]"),
    ("(input_shape = [3, 32, 32])", "", "input image [3, 32, 32]"),
    ("(x: [3, 32, 32])", "", "input x [3, 32, 32]"),
)
"""The settings of a net, a row in place of its input, and the row that is meant."""


@pytest.mark.parametrize(("settings", "row", "way"), INPUTS, ids=[row or settings for settings, row, _ in INPUTS])
def test_an_input_declared_as_elsewhere_is_told_its_row(settings: str, row: str, way: str) -> None:
    text = f"net N{settings} {{\n  {row}\n  flatten -> linear(3)\n}}\n"
    found = [d for d in check_text(text) if d.severity == "error"]
    assert [d.span.line for d in found] == [2 if row else 1], [d.message for d in found]
    assert f"`{way}`" in (found[0].help or ""), found[0].help
    assert check_text(f"net N {{\n  {way}\n  flatten -> linear(3)\n}}\n") == []


@pytest.mark.parametrize("row", ["batchnorm(16,1)", "lrn(5,1,2)", "pad(1,1,1,1)", "conv(16,3,1,1)"])
def test_numbers_side_by_side_are_no_decimal_where_none_goes(row: str) -> None:
    found = [d for d in check_text(net(IMAGE, row)) if d.severity == "error"]
    assert [d.code for d in found] == ["too-many-settings"]
