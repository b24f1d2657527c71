"""The report as it is read: tables that fit, the same bytes for the same net, documents that keep their schema."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import asdict
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

import netdsl
from netdsl.analysis.report import PARTS, Report, Row
from netdsl.analyzer import analyze
from netdsl.base.record import contents
from netdsl.program import check_text, load_text
from netdsl.reports import FORMATS, render
from netdsl.reports.data import document
from netdsl.reports.folding import lines
from netdsl.reports.schema import ASKED_FOR, published
from netdsl.reports.table import break_layer, table, wrap
from netdsl.text.diagnostics import NetError

ALEXNET = """
# AlexNet as the slides draw it (Krizhevsky, Sutskever and Hinton, 2012).
# A second line that no header shows.
net AlexNet(classes = 1000) {
  input image [3, 227, 227]
  conv1: conv(96, 11, stride=4) -> relu
  pool1: maxpool(3, stride=2)
  norm1: lrn(5)
  conv2: conv(256, 5, pad=2) -> relu
  pool2: maxpool(3, stride=2)
  norm2: lrn(5)
  conv3: conv(384, 3, pad=1) -> relu
  conv4: conv(384, 3, pad=1) -> relu
  conv5: conv(256, 3, pad=1) -> relu
  pool3: maxpool(3, stride=2)
  fc6:   flatten -> linear(4096) -> relu -> dropout(0.5)
  fc7:   linear(4096) -> relu -> dropout(0.5)
  fc8:   linear(classes)
  output fc8
}
net Other {
  input x [4]
  linear(2)
}
"""

RESNET = """
block bottleneck(c, stride = 1) {
  input x
  set conv(bias=false)
  main: conv(c, 1, stride=V1) -> batchnorm -> relu -> conv(c, 3, stride=V15, pad=1) -> batchnorm -> relu
        -> conv(4 * c, 1) -> batchnorm
  skip: if stride != 1 or x.channels != 4 * c { x -> conv(4 * c, 1, stride=stride) -> batchnorm } else { x }
  main + skip -> relu
}
net ResNet50 {
  input image [3, 224, 224]
  stem: conv(64, 7, stride=2, pad=3, bias=false) -> batchnorm -> relu -> maxpool(3, stride=2, pad=1)
  stage2: bottleneck(64) * 3
  stage3: bottleneck(128, stride=2) -> bottleneck(128) * 3
  stage4: bottleneck(256, stride=2) -> bottleneck(256) * 5
  stage5: bottleneck(512, stride=2) -> bottleneck(512) * 2
  global_avgpool
  fc: linear(1000)
}
"""

UNET = """
block double_conv(c) {
  conv(c, 3, pad=1, bias=false) -> batchnorm -> relu
  conv(c, 3, pad=1, bias=false) -> batchnorm -> relu
}
block up(c) {
  input x, skip
  grown: x -> conv_transpose(c, 2, stride=2)
  (grown, skip) -> concat -> double_conv(c)
}
net UNet(classes = 1, width = 64) {
  input image [3, H, W]
  d1: double_conv(width)
  d2: maxpool(2) -> double_conv(2 * width)
  d3: maxpool(2) -> double_conv(4 * width)
  d4: maxpool(2) -> double_conv(8 * width)
      maxpool(2) -> double_conv(16 * width)
  u4: (_, d4) -> up(8 * width)
  u3: (_, d3) -> up(4 * width)
  u2: (_, d2) -> up(2 * width)
  u1: (_, d1) -> up(width)
  output mask: conv(classes, 1) -> [classes, H, W]
}
"""


def resnet(v1: bool) -> Report:
    text = RESNET.replace("V15", "1" if v1 else "stride").replace("V1", "stride" if v1 else "1")
    return analyze(load_text(text).net())


def report_of(text: str, **options: Any) -> Report:
    return analyze(load_text(text, "test.net").net(), **options)


@pytest.fixture(scope="module")
def alexnet() -> Report:
    return report_of(ALEXNET)


@pytest.fixture(scope="module")
def unet() -> Report:
    return report_of(UNET, sizes={"H": 256, "W": 256})


def find(report: Report, path: str) -> Row:
    return next(r for r in report.rows if r.path == path)


# ---------------------------------------------------------------- numbers through the whole pipeline


def test_resnet50_with_the_stride_on_the_3x3() -> None:
    report = resnet(v1=False)
    assert (report.totals.params, report.totals.macs) == (25_557_032, 4_089_184_256)
    assert report.totals.flops_core == 8_178_369_512
    seen = find(report, "stage5.bottleneck3").receptive_field
    assert seen is not None
    assert (seen.size, seen.stride) == ((427, 427), (32, 32))


def test_resnet50_with_the_stride_on_the_1x1() -> None:
    report = resnet(v1=True)
    assert (report.totals.params, report.totals.macs) == (25_557_032, 3_857_973_248)
    seen = find(report, "stage5.bottleneck3").receptive_field
    assert seen is not None
    assert (seen.size, seen.stride) == ((483, 483), (32, 32))


def test_vgg16_sees_212_pixels_at_its_last_pool() -> None:
    stages = ["conv(8, 3, pad=1) -> " * n + "maxpool(2)" for n in (2, 2, 3, 3, 3)]
    report = report_of("net V { input image [3, 224, 224]\n pool5: " + " -> ".join(stages) + "\n}")
    seen = report.rows[-1].receptive_field
    assert seen is not None
    assert (seen.size, seen.stride, seen.start) == ((212, 212), (32, 32), (-90, -90))


def test_unet_at_256(unet: Report) -> None:
    assert unet.at == {"H": 256, "W": 256}
    assert (unet.totals.params, unet.totals.macs, unet.totals.flops_core) == (
        31_037_633,
        48_167_387_136,
        96_342_704_128,
    )
    rule = unet.sizes["H"]
    assert (rule.modulus, rule.remainders, rule.minimum, rule.maximum) == (16, (0,), 16, None)
    assert rule.exact.modulus == 16
    assert rule.demands
    assert find(unet, "d2").symbolic_out == ("[128, H // 2, W // 2]",)


def test_chosen_sizes_work_and_impossible_ones_are_refused() -> None:
    net = load_text(UNET).net()
    chosen = analyze(net).at
    assert chosen["H"] % 16 == 0
    with pytest.raises(NetError, match="cannot take H = 100") as caught:
        analyze(net, sizes={"H": 100, "W": 64})
    (found,) = caught.value.diagnostics
    assert found.code == "size-not-possible"
    assert found.help == "H: multiples of 16 (nearest: 96 and 112)"


def test_a_given_size_takes_the_place_of_the_size_in_the_file() -> None:
    text = "net N {\n  input a [3, H = 32, W = 32]\n  conv(4, 3)\n}"
    assert report_of(text).at == {"H": 32, "W": 32}
    assert report_of(text, sizes={"H": 40}).at == {"H": 40, "W": 32}


def test_a_given_size_settles_the_sizes_that_depend_on_it() -> None:
    text = "net N {\n  input a [3, H, 8], b [3, W, 8]\n  a + b -> conv(4, 3)\n}"
    assert report_of(text, sizes={"W": 40}).at == {"H": 40, "W": 40}
    with pytest.raises(NetError, match="cannot take H = 40, W = 41"):
        report_of(text, sizes={"H": 40, "W": 41})


def test_a_recurrent_block_written_out_counts_as_the_fused_layer_does() -> None:
    cell = """
recurrent cell(hidden) {
  input x
  state h [hidden] = 0
  next h: (x -> linear(hidden, bias=false)) + (h -> linear(hidden)) -> tanh
  output h
}
net Written {
  input x [28, 10]
  cell(20)
}
net Fused {
  input x [28, 10]
  rnn(20, biases=1)
}
"""
    program = load_text(cell)
    written, fused = (analyze(program.net(name)).totals for name in ("Written", "Fused"))
    assert (written.params, written.macs) == (fused.params, fused.macs) == (620, 28 * 600)
    assert written.transcendentals == fused.transcendentals == 28 * 20


def test_budgets_of_a_file_are_checked_at_their_line() -> None:
    from netdsl.program import check_text

    text = "net A {\n  input x [4]\n  linear(3)\n  assert params <= 15 and macs < 13\n  assert macs < 5\n}"
    (found,) = [d for d in check_text(text) if d.code == "assertion-failed"]
    assert found.span.line == 5
    assert "macs is 12" in found.message


# ---------------------------------------------------------------- the table


@pytest.mark.parametrize("width", [64, 80, 100, 120, 160])
def test_tables_fit_their_width_with_every_shape_and_setting(alexnet: Report, unet: Report, width: int) -> None:
    for report in (alexnet, unet, resnet(v1=False)):
        text = render(report, width=width, expand=True)
        assert max(map(len, text.splitlines())) <= width
        for row in report.rows:
            for shape in row.inputs + row.outputs:
                pattern = r",\s?".join(map(str, shape))
                assert re.search(rf"\[{pattern}\]", text)
            assert all(part in text for part in re.split(r"[(, ]+", row.settings))


def test_a_wide_table_has_exact_numbers_and_all_columns(alexnet: Report) -> None:
    text = render(alexnet, width=160)
    head = next(line for line in text.splitlines() if line.startswith("name"))
    assert head.split() == [
        "name",
        "layer",
        "in",
        "→",
        "out",
        "params",
        "MACs",
        "MACs",
        "%",
        "memory",
        "RF",
        "(stride)",
    ]
    row = next(line for line in text.splitlines() if line.startswith("conv1 "))
    assert re.split(r"\s{2,}", row) == [
        "conv1", "conv(96, 11, stride=4)", "[3, 227, 227]", "→ [96, 55, 55]", "34,944", "105,415,200", "9.3", "1.16 MB",
        "11 (4)",
    ]  # fmt: skip


def test_narrow_tables_round_and_drop_columns_in_order(alexnet: Report) -> None:
    def head(width: int) -> str:
        return next(line for line in render(alexnet, width=width).splitlines() if line.startswith("name"))

    assert "MACs %" in head(120)
    assert "MACs %" not in head(100)
    assert "memory" in head(100)
    assert "memory" not in head(80)
    assert "RF" in head(80)
    assert "→" in head(50)


def test_the_totals_name_their_conventions(alexnet: Report) -> None:
    text = render(alexnet, width=120, others=("Other",))
    assert "62,378,344, all trainable" in text
    assert "1,135,256,096 multiply-accumulates" in text
    assert "2,271,171,464 = 2·MACs + bias additions" in text
    assert "113,248 exp, log, pow, sqrt, tanh" in text
    assert "2,941,548 bytes) of inputs and activations alive at once, at `conv1.relu`" in text
    assert "same file" in text
    assert "Other (--net to choose)" in text


def test_the_header_says_what_the_numbers_hold_for(unet: Report) -> None:
    text = render(unet, width=100)
    assert text.startswith("UNet(classes=1, width=64)")
    assert "image [3, H, W] → mask [1, H, W]" in text
    assert "at H = 256, W = 256; --size to change" in text
    assert "multiples of 16" in text
    assert "size H, W" in text
    first = render(report_of(ALEXNET, batch=8), width=100).splitlines()
    assert first[1].startswith("AlexNet as the slides draw it")
    assert "batch 8" in first[3]
    assert "second line" not in "".join(first)


def test_the_header_says_of_which_kind_numbers_are() -> None:
    """At sizes that are open and at others."""
    for size, told in (("5", "5"), ("T = 5", "T")):
        found = analyze(load_text(f"net N {{\n input ids int[{size}]\n output y: ids -> embedding(7, 2)\n}}").net())
        assert f"ids int[{told}] → y [{told}, 2]" in render(found, width=100)
        assert found.inputs[0].numbers == "int"


def test_depth_folds_blocks(unet: Report) -> None:
    folded, whole = render(unet, depth=1, width=120), render(unet, width=120)
    assert "├─" not in folded
    assert "└─ relu2" in whole
    assert len(lines(unet.rows, 2)) < len(lines(unet.rows)) == len(unet.rows)
    assert "name" not in render(unet, depth=0, width=120)


def test_repeated_blocks_are_drawn_once_with_their_sums() -> None:
    report = resnet(v1=False)
    shown = {line.name: line for line in lines(report.rows, 1)}
    group = shown["stage3.bottleneck2…4"]
    assert group.layer == "bottleneck(128) × 3"
    single = find(report, "stage3.bottleneck2")
    assert (group.row.params, group.row.macs) == (3 * single.params, 3 * (single.macs or 0))
    assert group.row.receptive_field == find(report, "stage3.bottleneck4").receptive_field
    assert sum(line.row.params for line in shown.values()) == report.totals.params
    assert "stage3.bottleneck4" in {line.name for line in lines(report.rows, 1, expand=True)}


def test_different_blocks_are_not_drawn_as_one() -> None:
    text = "block b(c) { conv(c, 1) }\nnet N { input x [4, 8, 8]\n a1: b(4)\n a2: b(4)\n b1: b(5)\n other: b(5)\n }"
    names = [line.name for line in lines(report_of(text).rows, 1)]
    assert names == ["a1…2", "b1", "other"]


def test_explanations_stand_under_their_rows() -> None:
    text = render(report_of(ALEXNET, explained=True), width=100)
    place = text.splitlines().index(next(line for line in text.splitlines() if line.startswith("conv1 ")))
    below = "\n".join(text.splitlines()[place : place + 8])
    assert "size: (227 − 11 + 2·0) / 4 + 1 = 55" in below
    assert "params: 11·11·3·96 + 96 = 34,944" in below
    assert "(227 − 11" not in render(report_of(ALEXNET), width=100)


def test_the_size_of_a_1x1_convolution_is_explained_too() -> None:
    rows = report_of("net X {\n input image [3, 20, 20]\n a: conv(4, 1)\n b: pad(2)\n c: relu\n}", explained=True).rows
    assert rows[0].explanation[0] == "size: (20 − 1 + 2·0) / 1 + 1 = 20"
    assert rows[1].explanation[0] == "size: 20 + 2 + 2 = 24"
    assert not any("/ 1" in line for line in rows[2].explanation)


def test_settings_that_an_author_wrote_are_shown_though_they_are_defaults() -> None:
    unit = "block unit(c, norm: layer = identity, stride = 1) { conv(c, 3, stride=stride) -> norm }\n"
    rows = """
      a: lrn(5) -> lrn(size=5) -> lrn -> dropout(0.5) -> conv(4, 3, stride=1, pad=0)
      b: unit(8, batchnorm, 1) -> unit(8, norm=batchnorm) -> unit(8, identity, 1) -> unit(8, stride=1)
    """
    found = report_of(unit + "net X {\n input image [3, 64, 64]\n" + rows + "}").rows
    assert [r.settings for r in found if r.path.startswith("a.") or r.path == "a"] == [
        "lrn(5)", "lrn(size=5)", "lrn", "dropout(0.5)", "conv(4, 3, stride=1, pad=0)",
    ]  # fmt: skip
    assert [r.settings for r in found if r.kind == "block"] == [
        "unit(8, batchnorm, 1)", "unit(8, norm=batchnorm)", "unit(8, stride=1)", "unit(8, stride=1)",
    ]  # fmt: skip
    inside = [r.settings for r in found if r.path.startswith("b.unit") and r.op == "conv"]
    assert set(inside) == {"conv(8, 3)"}  # `stride=stride` says nothing of its own


def test_colour_only_repeats_what_the_characters_say(unet: Report) -> None:
    plain, coloured = render(unet, width=100), render(unet, width=100, color=True)
    assert "\x1b[" in coloured
    stripped = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert [line.rstrip() for line in stripped.splitlines()] == plain.splitlines()


def test_what_is_left_out_is_said() -> None:
    text = """
net N {
  input x [3, 224, 224]
  conv1: conv(4, 11, stride=4)
  output aux side: conv(2, 1)
  output main: conv1 -> conv(5, 1)
}
"""
    shown = render(report_of(text), width=120)
    assert "aux outputs" in shown
    assert "`side`: in training only, left out above, with 10 parameters that nothing else uses" in shown
    assert "`conv1` (line 4): 1 row at the bottom and 1 column at the right are never read" in shown


def test_every_format_is_the_same_bytes_again(unet: Report) -> None:
    again = report_of(UNET, sizes={"H": 256, "W": 256})
    for format in FORMATS:
        assert render(unet, format, width=90) == render(again, format, width=90)
    with pytest.raises(ValueError, match="no format is called `yaml`"):
        render(unet, "yaml")


def test_text_breaks_at_spaces_and_commas() -> None:
    assert wrap("one two three", 7) == ["one two", "three"]
    assert break_layer("conv(96, 11, stride=4)", 14) == ["conv(96, 11,", "  stride=4)"]
    assert break_layer("relu", 3) == ["relu"]


# ---------------------------------------------------------------- documents


def test_json_has_the_promised_keys(unet: Report) -> None:
    made = json.loads(render(unet, "json"))
    assert made == document(unet)
    assert made["net"] == "UNet"
    assert {
        "params", "trainable_params", "macs", "flops", "activation_bytes", "peak_inference_bytes",
    } <= set(made["totals"])  # fmt: skip
    for symbol in ("H", "W"):
        assert {"modulus", "remainders", "minimum"} <= set(made["sizes"][symbol])
        assert {"modulus", "remainders", "minimum"} <= set(made["sizes"][symbol]["exact"])
    row = next(r for r in made["rows"] if r["path"] == "u4.double_conv1.conv1")
    assert {"name", "path", "op", "line", "in", "out", "params", "macs", "receptive_field"} <= set(row)
    assert (row["name"], row["op"], row["line"]) == ("conv1", "conv", 3)
    assert (row["in"], row["out"]) == ([[1024, 32, 32]], [[512, 32, 32]])


def test_json_reads_back_as_the_report(unet: Report) -> None:
    """The published schema describes what is written: pydantic validates it into the same value."""
    from pydantic import TypeAdapter

    reader = TypeAdapter(published()["Report"])
    for report in (unet, resnet(v1=True), report_of(ALEXNET, explained=True)):
        assert asdict(reader.validate_json(render(report, "json"))) == plain(report) | dict.fromkeys(ASKED_FOR)


def plain(part: Any) -> Any:
    """A report as dictionaries and tuples."""
    if type(part) in PARTS:
        return {name: plain(value) for name, value in contents(part).items()}
    if isinstance(part, dict):
        return {name: plain(value) for name, value in part.items()}
    return tuple(map(plain, part)) if isinstance(part, tuple) else part


def test_csv_layers_sum_to_the_totals(unet: Report) -> None:
    records = list(csv.DictReader(StringIO(render(unet, "csv"))))
    assert len(records) == len(unet.rows)
    layers = [r for r in records if r["kind"] == "layer"]
    assert sum(int(r["params"]) for r in layers) == unet.totals.params
    assert sum(int(r["macs"]) for r in layers) == unet.totals.macs
    concat = next(r for r in records if r["op"] == "concat")
    assert concat["in"] == "512x32x32 512x32x32"


def test_markdown_tables_have_equal_cells(unet: Report) -> None:
    text = render(unet, "markdown", depth=1)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in rows}) == 1
    assert text.startswith("## UNet(classes=1, width=64)\n")
    assert "- **parameters**: 31,037,633, all trainable" in text


LAYERS_AS_SETTINGS = """
block plain(n) {
  input x
  linear(n) -> relu
}
net N(body: layer = plain(8), act: layer = relu, d: layer = conv(4, 3,
    pad=1), n = 3, s = 0.5, word = "a", flag = true, l = [1, [2]]) {
  input x [4]
  output y: body -> linear(n)
}
"""


def test_settings_that_are_layers_are_shown_as_written() -> None:
    report = analyze(load_text(LAYERS_AS_SETTINGS).net())
    written = {"body": "plain(8)", "act": "relu", "d": "conv(4, 3, pad=1)"}
    assert document(report)["settings"] == {**written, "n": 3, "s": 0.5, "word": "a", "flag": True, "l": [1, [2]]}
    title = "N(body=plain(8), act=relu, d=conv(4, 3, pad=1), n=3, s=0.5, word=a, flag=true, l=[1, [2]])"
    assert title in table(report, width=200)
    other = {"body": "plain(5) * 2"}
    assert analyze(load_text(LAYERS_AS_SETTINGS, settings=other).net()).settings["body"] == "plain(5) * 2"


def test_what_a_report_calls_flops_is_what_budgets_and_json_call_so() -> None:
    """The number behind each name in the sentence is that of the name: in JSON, in CSV, and where a budget is held."""
    text = Path("specs/lenet.net").read_text("utf-8").partition("\n}\n")[0] + "\n"
    wide = netdsl.report(netdsl.load_text(text + "}"), width=200)
    said = next(line for line in wide.splitlines() if line.startswith("FLOPs "))
    told = {word: int(number.replace(",", "")) for number, word in re.findall(r"([\d,]+) [^(;]*\(`(\w+)`\)", said)}
    assert set(told) == {"flops_core", "flops"}
    totals = json.loads(netdsl.report(netdsl.load_text(text + "}"), format="json"))["totals"]
    assert told == {word: totals[word] for word in told}
    for word, number in told.items():
        assert not check_text(f"{text}  assert {word} <= {number}\n}}")
        broken = check_text(f"{text}  assert {word} < {number}\n}}")
        assert f"{word} is {number:,}" in broken[0].message
    assert f"`flops_core`, without them, is {told['flops_core']:,}" in broken[0].notes[0]
