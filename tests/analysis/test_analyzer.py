"""The analyzer against numbers from elsewhere: published totals, hand arithmetic and brute force."""

from __future__ import annotations

import random
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from netdsl.analysis.budgets import budget_values, evaluate
from netdsl.analysis.dropped import find_loss, nearest_sizes
from netdsl.analysis.memory import Timeline
from netdsl.analysis.receptive import NOTHING, PIXEL, AxisField, join_axes, slide
from netdsl.analysis.report import Report
from netdsl.analyzer import analyze, check_budgets
from netdsl.dims.tensors import TensorType, Value
from netdsl.graph import Block, Budget, Graph, Net, Node, Output, Recurrent, State, result_types
from netdsl.ops import REGISTRY
from netdsl.ops.base import Op, Window
from netdsl.ops.windows import grow
from netdsl.ops.windows import slide as positions
from netdsl.text import syntax
from netdsl.text.diagnostics import Collector, NetError, Severity
from netdsl.text.source import Source, Span

SPAN = Span(Source("test.net", "row\n"), 0, 3)
ROOT = Path(__file__).parents[2]


class Sketch:
    """Builds a graph by hand: `net("conv1", "conv", x, 96, 11, stride=4)`."""

    def __init__(self, graph: Graph, *shapes: tuple[int, ...]) -> None:
        self.graph = graph
        self.graph.inputs = [Value(f"in{i}", TensorType(shape)) for i, shape in enumerate(shapes)]

    def __call__(self, name: str, op: str, *given: Any, shares: Node | None = None, **named: Any) -> Any:
        return self.add(name, REGISTRY[op](*given, **named), shares=shares)

    def add(self, name: str, op: Op, shares: Node | None = None) -> Any:
        results = tuple(Value(name, t) for t in result_types(op))
        self.graph.nodes.append(Node(name, op, tuple(op.operands()), results, SPAN, shares))
        return results[0] if len(results) == 1 else results

    def block(self, name: str, block: Block, *inputs: Value, shares: Node | None = None) -> Value:
        results = tuple(Value(name, o.value.type) for o in block.body.outputs)
        self.graph.nodes.append(Node(name, block, inputs, results, SPAN, shares))
        return results[0]

    def output(self, value: Value, name: str = "out", aux: bool = False) -> Any:
        self.graph.outputs.append(Output(name, value, aux, SPAN))
        return self.graph

    @property
    def x(self) -> Value:
        return self.graph.inputs[0]


def sketch(*shapes: tuple[int, ...]) -> Sketch:
    return Sketch(Net("Test", span=SPAN), *shapes)


def alexnet(size: int = 227, groups: int = 1) -> Net:
    net = sketch((3, size, size))
    x = net("conv1", "conv", net.x, 96, 11, stride=4)
    x = net("conv1.relu", "relu", x)
    x = net("pool1", "maxpool", x, 3, stride=2)
    x = net("norm1", "lrn", x, 5)
    x = net("conv2", "conv", x, 256, 5, pad=2, groups=groups)
    x = net("conv2.relu", "relu", x)
    x = net("pool2", "maxpool", x, 3, stride=2)
    x = net("norm2", "lrn", x, 5)
    for name, channels, split in (("conv3", 384, 1), ("conv4", 384, groups), ("conv5", 256, groups)):
        x = net(name, "conv", x, channels, 3, pad=1, groups=split)
        x = net(f"{name}.relu", "relu", x)
    x = net("pool3", "maxpool", x, 3, stride=2)
    x = net("fc6.flatten", "flatten", x)
    for name in ("fc6", "fc7"):
        x = net(name, "linear", x, 4096)
        x = net(f"{name}.relu", "relu", x)
        x = net(f"{name}.dropout", "dropout", x, 0.5)
    net.output(net("fc8", "linear", x, 1000), "fc8")
    assert isinstance(net.graph, Net)
    return net.graph


def row(report: Report, path: str) -> Any:
    return next(r for r in report.rows if r.path == path)


# ---------------------------------------------------------------- counts


def test_alexnet_has_the_published_totals() -> None:
    totals = analyze(alexnet()).totals
    assert (totals.params, totals.trainable_params) == (62_378_344, 62_378_344)
    assert totals.macs == 1_135_256_096
    assert totals.flops_core == 2_271_171_464
    assert totals.transcendentals == 113_248
    assert totals.param_bytes == totals.model_bytes == 4 * 62_378_344


def test_alexnet_in_two_groups() -> None:
    totals = analyze(alexnet(groups=2)).totals
    assert (totals.params, totals.macs, totals.flops_core) == (60_965_224, 724_406_816, 1_449_472_904)


def test_alexnet_layer_by_layer() -> None:
    report = analyze(alexnet())
    assert [row(report, f"conv{i}").macs for i in range(1, 6)] == [
        105_415_200, 447_897_600, 149_520_384, 224_280_576, 149_520_384,
    ]  # fmt: skip
    assert [row(report, f"fc{i}").params for i in (6, 7, 8)] == [37_752_832, 16_781_312, 4_097_000]
    assert row(report, "conv1").settings == "conv(96, 11, stride=4)"
    assert row(report, "pool3").outputs == ((256, 6, 6),)
    assert row(report, "conv1").line == 1


def test_leaves_sum_to_totals() -> None:
    report = analyze(alexnet())
    assert sum(r.flops or 0 for r in report.leaves()) == report.totals.flops
    assert sum(r.activation_bytes for r in report.leaves()) == report.totals.activation_bytes
    assert report.totals.layers == len(report.rows) == 23


def test_flops_add_what_is_done_element_by_element() -> None:
    report = analyze(alexnet())
    relu, pool, norm = (row(report, p) for p in ("conv1.relu", "pool1", "norm1"))
    assert relu.flops == 96 * 55 * 55
    assert pool.flops == 96 * 27 * 27 * 8
    assert (norm.flops, norm.transcendentals) == (8 * 96 * 27 * 27, 96 * 27 * 27)


def test_batch_multiplies_work_and_activations_but_not_weights() -> None:
    one, many = analyze(alexnet()).totals, analyze(alexnet(), batch=7).totals
    assert many.params == one.params
    for name in ("macs", "flops", "transcendentals", "activation_bytes", "peak_inference_bytes"):
        assert getattr(many, name) == 7 * getattr(one, name)


def test_a_free_parameter_is_a_weight_and_no_activation() -> None:
    net = sketch((16, 8))
    position = net("position", "free_param", (16, 8))
    net.output(net("sum", "add", (net.x, position)))
    report = analyze(net.graph, batch=3)  # type: ignore[arg-type]
    assert report.totals.params == 128
    assert report.totals.activation_bytes == 3 * 128 * 4
    assert row(report, "position").activation_bytes == 0


def test_an_operation_that_states_nothing_is_listed_and_not_zero() -> None:
    class Opaque(Op, abstract=True):
        x: Value

        def result(self) -> TensorType:
            return self.x.type

    net = sketch((3, 8, 8))
    net.output(net.add("odd", Opaque(net("conv", "conv", net.x, 4, 3))))
    report = analyze(net.graph)  # type: ignore[arg-type]
    assert [(m.path, m.what) for m in report.not_counted] == [("odd", ("macs", "elementwise flops"))]
    odd = row(report, "odd")
    assert odd.macs is odd.flops is odd.flops_core is None
    assert report.totals.macs == row(report, "conv").macs > 0


# ---------------------------------------------------------------- sharing, blocks, recurrence, aux


def test_shared_weights_count_once_at_the_first_use() -> None:
    net = sketch((3, 8, 8), (3, 8, 8))
    first = net("left", "conv", net.x, 4, 3)
    second = net("right", "conv", net.graph.inputs[1], 4, 3, shares=net.graph.nodes[0])
    net.output(net("join", "concat", (first, second)))
    report = analyze(net.graph)  # type: ignore[arg-type]
    left, right = row(report, "left"), row(report, "right")
    assert (left.params, right.params, report.totals.params) == (112, 0, 112)
    assert left.macs == right.macs
    assert (right.shares, right.notes) == ("left", ("uses the weights of `left`",))


def test_shared_weights_whose_owner_is_left_out_count_at_the_use_that_stays() -> None:
    net = sketch((3, 8, 8), (3, 8, 8))
    side = net("side", "conv", net.x, 4, 3)
    main = net("main", "conv", net.graph.inputs[1], 4, 3, shares=net.graph.nodes[0])
    net.output(main)
    net.output(side, "side", aux=True)
    totals = analyze(net.graph).totals  # type: ignore[arg-type]
    assert (totals.params, totals.aux_params, totals.unused_params) == (112, 0, 0)


def double_conv(shape: tuple[int, ...], channels: int) -> Block:
    body = Sketch(Graph("double_conv"), shape)
    x = body("conv1", "conv", body.x, channels, 3, pad=1)
    x = body("conv2", "conv", x, channels, 3, pad=1)
    return Block("double_conv", {"c": channels}, body.output(body("relu", "relu", x)), SPAN)


def test_a_block_sums_its_rows_and_its_copies_own_their_weights() -> None:
    block = double_conv((4, 8, 8), 4)
    net = sketch((4, 8, 8))
    x = net.block("double_conv1", block, net.x)
    net.output(net.block("double_conv2", block, x))
    report = analyze(net.graph)  # type: ignore[arg-type]
    assert [(r.path, r.depth) for r in report.rows[:3]] == [
        ("double_conv1", 0), ("double_conv1.conv1", 1), ("double_conv1.conv2", 1),
    ]  # fmt: skip
    assert [r.params for r in report.rows if r.kind == "block"] == [296, 296]
    assert report.totals.params == 592
    assert report.rows[0].macs == 2 * 64 * 9 * 16
    assert row(report, "double_conv2.relu").receptive_field.size == (9, 9)


def test_a_shared_block_owns_nothing_the_second_time() -> None:
    block = double_conv((4, 8, 8), 4)
    net = sketch((4, 8, 8))
    x = net.block("first", block, net.x)
    net.output(net.block("second", block, x, shares=net.graph.nodes[0]))
    report = analyze(net.graph)  # type: ignore[arg-type]
    assert report.totals.params == 296
    assert row(report, "second.conv1").params == 0


def vanilla(features: int, hidden: int) -> Recurrent:
    body = Sketch(Graph("vanilla"), (features,), (hidden,))
    x, h = body.graph.inputs
    left = body("in", "linear", x, hidden, bias=False)
    right = body("back", "linear", h, hidden)
    following = body("tanh", "tanh", body("sum", "add", (left, right)))
    states = (State("h", h, following, 0.0),)
    return Recurrent("vanilla", {"hidden": hidden}, body.output(following), SPAN, sequences=(x,), states=states)


def recurrent_net(steps: int) -> Net:
    net = sketch((steps, 10))
    cell = vanilla(10, 20)
    result = Value("cell", TensorType((steps, 20)))
    net.graph.nodes.append(Node("cell", cell, (net.x,), (result,), SPAN))
    return net.output(result)  # type: ignore[no-any-return]


def test_a_recurrent_block_counts_its_body_for_every_step() -> None:
    report = analyze(recurrent_net(7))
    assert report.totals.params == 10 * 20 + 20 * 20 + 20
    assert report.totals.macs == 7 * 600
    assert row(report, "cell").steps == 7
    assert row(report, "cell").kind == "recurrent"
    assert report.totals.transcendentals == 7 * 20


def test_a_recurrent_block_needs_memory_for_one_step_at_a_time() -> None:
    peaks = [analyze(recurrent_net(t)).totals.peak_inference_bytes for t in (10, 1010)]
    assert peaks[1] - peaks[0] == 1000 * (10 + 20) * 4
    step = 20 * 4
    assert peaks[0] == 10 * (10 + 20) * 4 + 4 * step  # the state, both products and their sum


def test_aux_outputs_are_left_out_and_their_parameters_named() -> None:
    net = sketch((3, 8, 8))
    x = net("conv", "conv", net.x, 4, 3)
    net.output(net("side", "conv", x, 2, 1), "side", aux=True)
    net("dead", "conv", x, 8, 1)
    net.output(net("main", "conv", x, 5, 1))
    report = analyze(net.graph)  # type: ignore[arg-type]
    assert [r.path for r in report.rows] == ["conv", "main"]
    assert report.aux_outputs == ("side",)
    assert (report.totals.params, report.totals.aux_params, report.totals.unused_params) == (112 + 25, 10, 40)
    assert analyze(net.graph, training=True).totals.params == 112 + 25 + 10  # type: ignore[arg-type]


# ---------------------------------------------------------------- receptive field


def test_receptive_fields_of_alexnet() -> None:
    report = analyze(alexnet())
    found = {p: row(report, p).receptive_field for p in ("conv5", "pool3", "fc6", "conv1.relu")}
    assert (found["conv5"].size, found["conv5"].stride) == ((163, 163), (16, 16))
    assert (found["pool3"].size, found["pool3"].stride, found["pool3"].start) == ((195, 195), (32, 32), (-64, -64))
    assert found["fc6"].whole
    assert found["fc6"].size == (227, 227)
    assert found["conv1.relu"].size == (11, 11)
    assert report.totals.receptive_field == 227


def brute(field: list[set[int]], window: Window) -> list[set[int]]:
    """The pixels that each output sees, position by position."""
    size = len(field)
    made = positions(window) if window.up == 1 else grow(window)
    assert isinstance(made, int)
    outputs: list[set[int]] = []
    for o in range(made):
        seen: set[int] = set()
        for tap in range(window.kernel):
            place = o * window.stride - window.before + tap * window.dilation
            if window.up != 1:
                place = o + window.before - tap * window.dilation
                if place % window.up:
                    continue
                place //= window.up
            if 0 <= place < size:
                seen |= field[place]
        outputs.append(seen)
    return outputs


def check_axis(axis: AxisField, field: list[set[int]], size: int) -> None:
    for position, seen in enumerate(field):
        low, high = axis.at(position)
        if seen:
            assert (max(low, 0), min(high, size - 1)) == (min(seen), max(seen))
        else:
            assert low > high or low >= size or high < 0


def test_random_chains_agree_with_brute_force() -> None:
    draw = random.Random(4)
    for _ in range(60):
        size = 64
        axis, field = PIXEL, [{i} for i in range(size)]
        for _ in range(draw.randint(1, 5)):
            up = draw.choice((1, 1, 1, 2, 3))
            kernel = max(draw.randint(1, 4), up)
            stride = draw.randint(1, 3) if up == 1 else 1
            pad = draw.randint(0, (kernel - 1) // 2)
            window = Window(len(field), kernel, stride, pad, pad, draw.choice((1, 1, 2)) if up == 1 else 1, up=up)
            if len(field) < window.reach or len(field) > 300:
                break
            found = slide(axis, window)
            assert found is not None
            axis, field = found, brute(field, window)
        # Padding seen from inside reaches no pixel, so only whole images can be compared: far from the border.
        middle = range(len(field) // 3, 2 * len(field) // 3)
        for position in middle:
            low, high = axis.at(position)
            if low >= 0 and high < size and field[position]:
                assert (low, high) == (min(field[position]), max(field[position]))


def test_bed_of_nails_leaves_positions_that_see_nothing() -> None:
    axis = slide(PIXEL, Window(4, kernel=1, up=2))
    assert axis == AxisField(((0, 0), NOTHING), 1)
    blurred = slide(axis, Window(8, kernel=2))
    assert blurred is not None
    assert blurred.sizes() == (1, 1)


def test_upsampling_and_pooling_back_is_one_phase_again() -> None:
    up = slide(PIXEL, Window(8, kernel=2, up=2))
    assert up is not None
    assert (up.period, up.stride) == (2, Fraction(1, 2))
    down = slide(up, Window(16, kernel=2, stride=2))
    assert down == PIXEL


def test_joins_take_the_hull_and_refuse_what_does_not_line_up() -> None:
    narrow = slide(PIXEL, Window(16, 3, 1, 1, 1))
    wide = slide(PIXEL, Window(16, 5, 1, 4, 0))
    strided = slide(PIXEL, Window(16, 1, 2))
    assert narrow is not None
    assert wide is not None
    assert strided is not None
    assert join_axes(narrow, wide) == AxisField(((-4, 1),), 1)
    assert join_axes(narrow, strided) is None


def unet_valid(size: int = 572) -> Net:
    net = sketch((1, size, size))

    def double(name: str, x: Value, channels: int) -> Any:
        for i in (1, 2):
            x = net(f"{name}.conv{i}", "conv", x, channels, 3)
            x = net(f"{name}.relu{i}", "relu", x)
        return x

    x, skips = net.x, []
    for level in range(4):
        x = double(f"d{level}", x, 64 << level)
        skips.append(x)
        x = net(f"pool{level}", "maxpool", x, 2)
    x = double("bottom", x, 1024)
    for level in reversed(range(4)):
        x = net(f"up{level}", "conv_transpose", x, 64 << level, 2, stride=2)
        skip = net(f"crop{level}", "crop", skips[level], x)
        x = net(f"cat{level}", "concat", (skip, x))
        x = double(f"u{level}", x, 64 << level)
    net.output(net("score", "conv", x, 2, 1))
    assert isinstance(net.graph, Net)
    return net.graph


def test_the_original_unet() -> None:
    report = analyze(unet_valid())
    assert report.totals.params == 31_030_658
    assert report.totals.macs == 150_428_424_448
    assert report.totals.flops_core == 300_991_202_336
    assert report.outputs[0].shape == (2, 388, 388)
    seen = row(report, "score").receptive_field
    assert (seen.smallest, seen.size, seen.stride) == ((188, 188), (204, 204), (1, 1))


# ---------------------------------------------------------------- memory


def test_peak_memory_of_alexnet_is_the_measured_one() -> None:
    totals = analyze(alexnet()).totals
    assert totals.peak_inference_bytes == 2_941_548  # the input, conv1 and its relu, as measured in eager PyTorch
    assert totals.peak_at == "conv1.relu"


def test_memory_is_freed_after_the_last_reader() -> None:
    a, b, c, d = (Value(n, TensorType((1,))) for n in "abcd")
    schedule = Timeline()
    schedule.hold(a, 10)
    schedule.run("b", (a,), [(b, 100)])
    schedule.run("c", (b,), [(c, 1)])
    schedule.run("d", (c,), [(d, 50)])
    schedule.keep([d])
    assert list(schedule.live()) == [("b", 110), ("c", 111), ("d", 61)]
    assert schedule.peak() == (111, "c")


def test_a_skip_keeps_its_memory_until_the_join() -> None:
    net = sketch((1, 10))
    x = net("first", "relu", net.x)
    y = net("second", "relu", x)
    y = net("third", "relu", y)
    net.output(net("join", "add", (x, y)))
    totals = analyze(net.graph).totals  # type: ignore[arg-type]
    assert (totals.peak_inference_bytes, totals.peak_at) == (4 * 40, "third")


def test_views_take_no_memory_and_keep_what_they_view_alive() -> None:
    net = sketch((1, 10))
    x = net("relu", "relu", net.x)
    flat = net("flat", "flatten", x)
    other = net("other", "relu", net.x)
    net.output(net("join", "add", (net("flat2", "flatten", other), flat)))
    report = analyze(net.graph)  # type: ignore[arg-type]
    assert row(report, "flat").activation_bytes == 0
    assert report.totals.peak_inference_bytes == 4 * 40


def test_inside_a_block_memory_is_freed_as_outside() -> None:
    net = sketch((4, 8, 8))
    net.output(net.block("double", double_conv((4, 8, 8), 4), net.x))
    flat = sketch((4, 8, 8))
    x = flat("a", "conv", flat.x, 4, 3, pad=1)
    x = flat("b", "conv", x, 4, 3, pad=1)
    flat.output(flat("c", "relu", x))
    totals = [analyze(n.graph).totals for n in (net, flat)]  # type: ignore[arg-type]
    assert totals[0].peak_inference_bytes == totals[1].peak_inference_bytes == 3 * 1024
    assert totals[0].peak_at == "double.conv2"


# ---------------------------------------------------------------- lost pixels


def test_alexnet_at_224_loses_pixels_and_says_so() -> None:
    net = sketch((3, 224, 224))
    net.output(net("conv1", "conv", net.x, 96, 11, stride=4))
    collector = Collector()
    report = analyze(net.graph, collector=collector)  # type: ignore[arg-type]
    (warning,) = collector.found
    assert (warning.code, warning.severity, warning.span) == ("pixels-dropped", Severity.WARNING, SPAN)
    assert "1 row at the bottom and 1 column at the right are never read (447 of 50,176 positions)" in warning.message
    assert warning.help is not None
    assert "223 or 227" in warning.help
    assert row(report, "conv1").warnings


def test_alexnet_at_227_loses_nothing() -> None:
    collector = Collector()
    analyze(alexnet(), collector=collector)
    assert not collector.found


@pytest.mark.parametrize(
    ("window", "loses"),
    [
        (Window(7, 2, 2), 1),
        (Window(7, 2, 2, ceil=True), 0),
        (Window(224, 7, 2, 3, 3), 0),  # what is left over is padding
        (Window(56, 1, 2), 0),  # what is left over the stride skips anyway
        (Window(14, 5, 4), 1),
        (Window(16, 5, 4), 3),
    ],
)
def test_lost_pixels(window: Window, loses: int) -> None:
    found = find_loss((window,))
    assert (found is None) == (loses == 0)
    if found is not None:
        assert found.text.startswith(f"{loses} position")
        assert all(find_loss((Window(s, window.kernel, window.stride),)) is None for s in nearest_sizes(window))


# ---------------------------------------------------------------- explanations


def test_explanations_show_the_arithmetic_with_its_numbers() -> None:
    report = analyze(alexnet(), explained=True)
    assert row(report, "conv1").explanation == (
        "size: (227 − 11 + 2·0) / 4 + 1 = 55",
        "params: 11·11·3·96 + 96 = 34,944",
        "MACs: 55·55·11·11·3·96 = 105,415,200",
        "FLOPs: 2·105,415,200 + 290,400 = 211,120,800 (MACs, bias)",
        "memory: 96·55·55·4 = 1,161,600 bytes",
        "receptive field: 1 + (11 − 1)·1 = 11, stride 1·4 = 4",
    )
    assert "params: 9,216·4,096 + 4,096 = 37,752,832" in row(report, "fc6").explanation
    assert row(report, "fc6.flatten").explanation == ("memory: a view of its input, none of its own",)
    assert "receptive field: 35 + (5 − 1)·8 = 67, stride 8·1 = 8" not in row(report, "conv2").explanation
    assert "receptive field: 19 + (5 − 1)·8 = 51, stride 8·1 = 8" in row(report, "conv2").explanation


def test_explanations_say_when_a_window_does_not_divide() -> None:
    net = sketch((3, 224, 230))
    net.output(net("conv1", "conv", net.x, 96, 11, stride=4))
    lines = analyze(net.graph, explained=True, batch=2).rows[0].explanation  # type: ignore[arg-type]
    assert lines[0] == "height: (224 − 11 + 2·0) / 4 + 1 = 54.25, rounded down to 54"
    assert lines[1] == "width: (230 − 11 + 2·0) / 4 + 1 = 55.75, rounded down to 55"
    assert "MACs: 2·54·55·11·11·3·96 = 206,997,120" in lines


def test_explanations_of_upsampling_and_dilation() -> None:
    net = sketch((4, 28, 28))
    x = net("up", "conv_transpose", net.x, 2, 3, stride=2, pad=1, output_padding=1)
    net.output(net("atrous", "conv", x, 2, 3, dilation=2))
    report = analyze(net.graph, explained=True)  # type: ignore[arg-type]
    assert row(report, "up").explanation[0] == "size: (28 − 1)·2 − 2·1 + 3 + 1 = 56"
    assert row(report, "atrous").explanation[0] == "size: (56 − 5 + 2·0) / 1 + 1 = 52, where 5 = 2·(3 − 1) + 1"


def test_explanations_of_padding_cropping_and_ceil_mode() -> None:
    net = sketch((4, 9, 9))
    x = net("pad", "pad", net.x, 2)
    x = net("crop", "crop", x, margin=1)
    net.output(net("pool", "maxpool", x, 2, ceil=True))
    report = analyze(net.graph, explained=True)  # type: ignore[arg-type]
    sizes = [row(report, name).explanation[0] for name in ("pad", "crop", "pool")]
    assert sizes == [
        "size: 9 + 2 + 2 = 13",
        "size: 13 − 1 − 1 = 11",
        "size: (11 − 2 + 2·0) / 2 + 1 = 5.5, rounded up to 6",
    ]


def test_every_explained_product_is_right() -> None:
    """Each `a·b + c = d` is worked out again."""
    for net in (alexnet(), unet_valid(188)):
        for line in (line for r in analyze(net, explained=True).rows for line in r.explanation):
            if line.startswith(("params:", "MACs:", "memory:")) and "=" in line:
                left, _, right = line.partition(": ")[2].partition(" = ")
                total = sum(product(term) for term in left.split(" + "))
                assert total == int(right.split()[0].replace(",", "")), line


def product(term: str) -> int:
    total = 1
    for factor in term.split("·"):
        total *= int(factor.replace(",", ""))
    return total


# ---------------------------------------------------------------- budgets


def name(text: str) -> syntax.Name:
    return syntax.Name(SPAN, text)


def number(value: float) -> syntax.Literal:
    return syntax.Literal(SPAN, value)


def binary(left: syntax.Expr, operator: str, right: syntax.Expr) -> syntax.Binary:
    return syntax.Binary(SPAN, operator, SPAN, left, right)


def broken(condition: syntax.Expr, scope: dict[str, Any] | None = None, message: str | None = None) -> Collector:
    net = alexnet()
    net.budgets = [Budget(net.written.note(condition), message, scope or {})]
    collector = Collector()
    check_budgets(net, analyze(net), collector)
    return collector


def test_budgets_that_hold_say_nothing() -> None:
    small = binary(name("params"), "<", number(63_000_000))
    fast = binary(name("macs"), "<=", binary(number(1_200), "*", binary(number(10), "**", number(6))))
    sees = binary(name("receptive_field"), ">=", name("wanted"))
    both = binary(small, "and", binary(fast, "and", sees))
    assert not broken(both, {"wanted": 224}).found


def test_a_broken_budget_shows_the_actual_number_at_its_line() -> None:
    (found,) = broken(binary(name("macs"), "<", number(300_000_000))).found
    assert (found.code, found.span) == ("assertion-failed", SPAN)
    assert "macs is 1,135,256,096" in found.message
    (found,) = broken(binary(name("peak_memory"), "<", number(10)), message="too big for the chip").found
    assert found.message == "too big for the chip"
    assert found.notes == ("peak_memory is 2,941,548 bytes",)


def test_budgets_that_cannot_be_evaluated_are_located() -> None:
    assert [d.help for d in broken(binary(name("mac"), "<", number(1))).found] == ["did you mean `macs`?"]
    assert broken(binary(number(1), "/", number(0))).found[0].code == "wrong-setting"
    huge = binary(number(9), "**", binary(number(9), "**", number(99)))
    assert "too large" in broken(huge).found[0].message
    call = syntax.Call(SPAN, name("open"), ())
    assert broken(call).found[0].code == "wrong-kind"


def test_the_words_of_budgets_are_those_of_the_totals() -> None:
    values = budget_values(analyze(alexnet()))
    assert {"params", "macs", "flops", "peak_memory", "receptive_field", "model_size"} <= set(values)
    assert evaluate(syntax.Unary(SPAN, "not", binary(name("macs"), "==", number(0))), values) is True


# ---------------------------------------------------------------- the document


def test_a_size_that_is_not_there_is_refused() -> None:
    with pytest.raises(NetError, match="no size called `H`"):
        analyze(alexnet(), sizes={"H": 3})


def test_analysis_imports_nothing_heavy() -> None:
    code = (
        "import sys, netdsl.analyzer, netdsl.reports.table;"
        "heavy = {'torch', 'numpy', 'onnx', 'onnxruntime', 'pydantic', 'rich'} & set(sys.modules);"
        "sys.exit(', '.join(sorted(heavy)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_two_reports_of_one_net_are_equal() -> None:
    assert analyze(alexnet()) == analyze(alexnet())
