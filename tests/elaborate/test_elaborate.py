"""What each part of the language means: the graph that a text becomes."""

from __future__ import annotations

from math import prod
from typing import Any, get_args

import pytest

from netdsl.elaborate.core import APPLY, EVALUATE, RUN
from netdsl.elaborate.values import Layer
from netdsl.graph import Block, Net, Node, Recurrent
from netdsl.graph.invariants import verify
from netdsl.graph.phases import inference_graph
from netdsl.program import check_text, load_text
from netdsl.text import syntax
from netdsl.text.diagnostics import Diagnostic, NetError


def net(text: str, name: str | None = None, **settings: str) -> Net:
    """A net of a text, its invariants checked."""
    found = load_text(text, settings=settings).net(name)
    verify(found)
    return found


def body(rows: str, inputs: str = "image [3, 32, 32]", before: str = "") -> Net:
    """A net of some rows."""
    return net(f"{before}\nnet X {{\n  input {inputs}\n  {rows}\n}}")


def nodes(graph: Any) -> list[str]:
    return [node.name for node in graph.nodes]


def weights(graph: Any) -> list[str]:
    return [name for name, _ in graph.weights()]


def shape(graph: Net, place: int = 0) -> str:
    return str(graph.outputs[place].value.type)


def node(graph: Any, name: str) -> Node:
    return next(n for n in graph.nodes if n.name == name)


def errors(text: str) -> list[Diagnostic]:
    return [d for d in check_text(text) if d.severity == "error"]


# ---------------------------------------------------------------- names of layers


def test_a_row_with_one_weighted_layer_gives_it_its_label() -> None:
    made = body("conv1: conv(8, 3) -> relu -> dropout(0.5)")
    assert nodes(made) == ["conv1", "conv1.relu", "conv1.dropout"]
    assert weights(made) == ["conv1.weight", "conv1.bias"]


def test_a_row_with_several_weighted_layers_numbers_them_inside() -> None:
    made = body("main: conv(8, 3) -> bn -> relu -> conv(8, 3) -> bn")
    assert nodes(made) == ["main.conv1", "main.batchnorm1", "main.relu1", "main.conv2", "main.batchnorm2"]


def test_rows_without_a_label_are_numbered_over_the_body() -> None:
    made = body("conv(8, 3) -> relu\n conv(8, 3) -> relu\n maxpool(2)")
    assert nodes(made) == ["conv1", "relu1", "conv2", "relu2", "maxpool1"]


def test_a_weightless_layer_alone_is_the_label() -> None:
    assert nodes(body("pool1: maxpool(2)")) == ["pool1"]


def test_numbers_keep_clear_of_labels() -> None:
    assert nodes(body("conv(8, 3)\n conv1: conv(8, 3)")) == ["conv2", "conv1"]


def test_a_block_in_a_labelled_row_is_the_label() -> None:
    made = body("enc: unit(8)", before="block unit(c) { conv1: conv(c, 3) -> relu }")
    assert weights(made) == ["enc.conv1.weight", "enc.conv1.bias"]


def test_repeated_blocks_are_numbered_under_the_label() -> None:
    made = body("stage: unit(3) * 2 -> unit(3)", before="block unit(c) { conv(c, 1) }")
    assert nodes(made) == ["stage.unit1", "stage.unit2", "stage.unit3"]


def test_inserting_a_row_changes_no_labelled_weight() -> None:
    before = body("a: conv(8, 3)\n b: conv(8, 3)")
    after = body("a: conv(8, 3)\n relu -> maxpool(2)\n b: conv(8, 3)")
    assert weights(before) == weights(after)


# ---------------------------------------------------------------- rows and arrows


def test_a_row_that_starts_with_a_layer_carries_on() -> None:
    made = body("a: conv(8, 3)\n b: conv(4, 3)")
    assert node(made, "b").inputs == node(made, "a").results


def test_a_row_that_starts_with_an_arrow_starts_there() -> None:
    made = body("a: conv(8, 3)\n b: image -> conv(8, 3)\n a + b")
    assert node(made, "b").inputs == (made.inputs[0],)


def test_underscore_is_the_row_before() -> None:
    made = body("a: conv(8, 3)\n b: conv(8, 3, pad=1)\n (_, a) -> concat")
    assert shape(made) == "[16, 30, 30]"


def test_a_line_that_begins_with_an_arrow_continues_the_row() -> None:
    made = body("a: conv(8, 3)\n    -> relu\n    -> [8, 30, 30]")
    assert nodes(made) == ["a", "a.relu"]


def test_tuples_nest_and_flatten() -> None:
    made = body("pair: (a, b)\n (pair, (b, a)) -> concat", inputs="a [2], b [3]")
    assert shape(made) == "[10]"


def test_a_bundle_is_named_apart_indexed_and_measured() -> None:
    made = body(
        "(left, right): x -> split(2)\n parts: x -> split(3)\n"
        " picked: parts[2]\n n: linear(len(parts))\n output n, left, right, picked",
        inputs="x [12]",
    )  # fmt: skip
    assert [shape(made, i) for i in range(4)] == ["[3]", "[6]", "[6]", "[4]"]


def test_arithmetic_of_arrows() -> None:
    made = body("y: 0.5 * (a + b) - a / 2\n z: -y\n z ** 2", inputs="a [4], b [4]")
    kinds = [n.kind for n in made.nodes]
    assert [k for k in kinds if k != "constant"] == ["add", "mul", "div", "sub", "neg", "power"]


def test_the_last_row_is_the_result_unless_there_are_outputs() -> None:
    assert [o.name for o in body("a: conv(8, 3)\n b: relu").outputs] == ["b"]
    assert [o.name for o in body("a: conv(8, 3)\n b: relu\n output a, b").outputs] == ["a", "b"]
    assert [o.name for o in body("output mask: conv(8, 3)").outputs] == ["mask"]


def test_an_aux_output_is_left_out_of_inference() -> None:
    made = body("stem: conv(8, 3)\n output aux side: flatten -> linear(2)\n conv(4, 3)")
    assert [(o.name, o.aux) for o in made.outputs] == [("side", True), ("conv", False)]
    kept = inference_graph(made)
    assert nodes(kept) == ["stem", "conv1"]
    assert not any(o.aux for o in kept.outputs)


def test_a_claim_of_words_pins_kind_and_free_axes() -> None:
    made = body("argmax -> int[30, _]\n", inputs="x [8, 30, 20]")
    assert shape(made) == "int[30, 20]"


# ---------------------------------------------------------------- compile-time values


def test_let_carries_numbers_lists_and_sizes() -> None:
    made = body("let wide = image.channels * 4\n let sizes = [wide, 2 * wide]\n conv(sizes[1], 1)\n conv(sizes[-2], 1)")
    assert [n.op.channels for n in made.nodes] == [24, 12]


def test_a_let_of_the_file_is_seen_in_nets_and_blocks() -> None:
    made = net("let c = 5\nblock unit { conv(c, 1) }\nnet X { input x [3, 4, 4]\n unit }")
    assert shape(made) == "[5, 4, 4]"


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("2 + 3 * 4", 14), ("(2 + 3) * 4", 20), ("7 // 2", 3), ("-7 // 2 + 9", 5), ("7 % 4", 3), ("2 ** 5", 32), ("12 / 4", 3),
        ("min(3, 5)", 3), ("max([3, 5])", 5), ("len([1, 2, 3])", 3), ("len(range(2, 10, 2))", 4), ("round(2.6)", 3),
        ("floor(2.6)", 2), ("ceil(2.1)", 3), ("int(2.9)", 2), ("reversed([1, 2])[0]", 2), ("zip([1], [2])[0][1]", 2),
        ("enumerate([7])[0][1]", 7), ("([1] + [2, 3])[2]", 3), ("([4] * 3)[2]", 4), ("image.shape[2]", 32), ("image.rank", 3),
        ("image.height + image.width", 64), ("image.elements // 3", 1024), ("1K", 1000),
    ],
)  # fmt: skip
def test_expressions(expression: str, value: int) -> None:
    assert body(f"conv({expression}, 1)").nodes[0].op.channels == value


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("1 < 2 and 2 <= 2", True), ("1 > 2 or 2 >= 3", False), ("not 1 == 2", True), ("2 in [1, 2]", True),
        ("image.channels == 3", True), ("image.height != 32", False), ('"a" == "a"', True), ("false or true", True),
        ("mode == fast", True),
    ],
)  # fmt: skip
def test_conditions_choose_rows(condition: str, holds: bool) -> None:
    text = f"net X(mode: word = fast) {{\n input image [3, 32, 32]\n y: if {condition} {{ relu }} else {{ tanh }}\n}}"
    if "fast" in condition:
        text = text.replace("== fast", "in [fast]")
    assert [n.kind for n in net(text).nodes] == ["relu" if holds else "tanh"]


@pytest.mark.parametrize("shape", [(7,), (4, 7), (4, 6, 7), (4, 5, 6, 7)])
def test_what_arrows_are_asked(shape: tuple[int, ...]) -> None:
    """Each word for a part of a shape, at every rank: the axis that docs/language.md says, or refused where there is none."""
    last, rank = shape[-1], len(shape)
    length = shape[0] if rank < 3 else shape[1]
    asked: dict[str, int | None] = {"channels": shape[0], "features": last, "length": length, "rank": rank}
    asked |= {"width": last if rank > 1 else None, "height": shape[-2] if rank > 1 else None}
    asked |= {"depth": shape[1] if rank > 3 else None, "elements": prod(shape)}
    for word, size in asked.items():
        text = f"net X {{ input x {list(shape)}\n assert x.{word} == {size or 1}\n relu\n}}"
        assert [d.code for d in check_text(text)] == ([] if size else ["wrong-rank"]), word
        assert [d.code for d in check_text(text.replace("==", "!="))] == [
            "assertion-failed" if size else "wrong-rank"
        ], word


def test_else_if_and_if_as_a_row() -> None:
    rows = "if n == 1 { relu } else if n == 2 { tanh } else { sigmoid }\n linear(4)"
    kinds = [[n.kind for n in net(f"net X(n = {n}) {{ input x [4]\n {rows}\n}}").nodes] for n in (1, 2, 3)]
    assert kinds == [["relu", "linear"], ["tanh", "linear"], ["sigmoid", "linear"]]


def test_an_if_without_else_passes_on() -> None:
    text = "net X(deep = false) { input x [4]\n if deep { linear(9) }\n linear(2)\n}"
    assert nodes(net(text)) == ["linear1"]
    assert [n.op.features for n in net(text, deep="true").nodes] == [9, 2]


def test_loops_unroll_and_number_their_layers() -> None:
    made = body("for (c, k) in [(4, 3), (5, 1)] { step: conv(c, k) -> relu }")
    assert nodes(made) == ["step1", "step1.relu", "step2", "step2.relu"]


def test_a_loop_may_bind_the_name_it_reads() -> None:
    made = body("all: image\n for i in range(3) { all: (all, all -> conv(2, 1)) -> concat }")
    assert shape(made) == "[9, 32, 32]"
    assert nodes(made)[0::2] == ["all1", "all2", "all3"]


def test_each_makes_branches_from_one_value() -> None:
    made = body("parts: each k in [1, 3] { image -> conv(4, k, pad=same) -> relu }\n (image, parts) -> concat")
    assert shape(made) == "[11, 32, 32]"
    assert nodes(made)[:4] == ["parts.conv1", "parts.relu1", "parts.conv2", "parts.relu2"]


def test_each_starts_all_branches_from_the_row_before() -> None:
    made = body("conv(4, 1)\n each k in [1, 2] { conv(k, 1) }\n _ -> concat")
    assert {n.inputs[0] for n in made.nodes[1:3]} == set(made.nodes[0].results)


@pytest.mark.parametrize(("count", "layers"), [(0, 1), (1, 2), (3, 4)])
def test_repetition(count: int, layers: int) -> None:
    made = net(f"net X(n = {count}) {{ input x [4]\n linear(4) * n -> linear(2)\n}}")
    assert len(made.nodes) == layers
    assert len(list(made.weights())) == 2 * layers


def test_set_changes_defaults_from_here_on_in_its_scope() -> None:
    made = body(
        "a: conv(4, 1)\n set conv(bias=false)\n b: conv(4, 1)\n c: conv(4, 1, bias=true)\n inner",
        before="block inner { conv(4, 1) }",
    )
    biased = [n.op.bias if not isinstance(n.op, Block) else n.op.body.nodes[0].op.bias for n in made.nodes]
    assert biased == [True, False, True, True]


def test_a_param_is_one_for_all_samples() -> None:
    made = body("param position [5, 8] = normal(0.02)\n x + position", inputs="x [5, 8]")
    (name, weight), *_ = made.weights()
    assert (name, weight.shape, weight.init.kind) == ("position", (5, 8), "normal")
    assert not node(made, "position").results[0].type.batched
    assert made.outputs[0].value.type.batched


def test_initialisers_are_settings() -> None:
    made = body("linear(3, init=he_normal)", inputs="x [4]")
    assert dict(made.weights())["linear1.weight"].init.kind == "he_normal"


def test_settings_from_outside() -> None:
    text = "net X(classes = 10, widths = [4, 5]) { input x [4]\n for w in widths { linear(w) }\n linear(classes)\n}"
    made = net(text, classes="2 + 1", widths="[7]")
    assert [n.op.features for n in made.nodes] == [7, 3]
    assert made.settings["classes"] == 3
    with pytest.raises(NetError, match="no setting `clases`"):
        net(text, clases="3")


# ---------------------------------------------------------------- shared layers


def test_a_shared_layer_has_one_set_of_weights() -> None:
    made = body("shared tower: linear(3)\n l: a -> tower\n r: b -> tower\n l + r", inputs="a [4], b [4]")
    assert weights(made) == ["tower.weight", "tower.bias"]
    first, second = (n for n in made.nodes if n.kind == "linear")
    assert second.shares is first
    assert second.owner is first


def test_a_shared_pipeline_is_a_block() -> None:
    made = body(
        "shared tower: linear(3) -> relu -> linear(2)\n l: a -> tower\n r: b -> tower\n l - r", inputs="a [4], b [4]"
    )
    assert weights(made) == ["tower.linear1.weight", "tower.linear1.bias", "tower.linear2.weight", "tower.linear2.bias"]


# ---------------------------------------------------------------- blocks

UP = """
block up(c) {
  input x, skip
  grown: x -> conv_transpose(c, 2, stride=2)
  (grown, skip) -> concat -> conv(c, 3, pad=1)
}
"""


def test_a_block_of_several_inputs() -> None:
    made = body("low: maxpool(2)\n (low, image) -> up(4)", before=UP)
    assert shape(made) == "[4, 32, 32]"
    block = made.nodes[-1].op
    assert isinstance(block, Block)
    assert [v.name for v in block.body.inputs] == ["x", "skip"]
    assert block.settings == {"c": 4}


def test_a_block_without_an_input_row_has_one() -> None:
    assert shape(body("unit", before="block unit { conv(2, 1)\n relu }")) == "[2, 32, 32]"


def test_an_input_pattern_names_the_sizes_that_come_in() -> None:
    before = "block halve { input x [c, h, w]\n conv(2 * c, 3, pad=1) -> maxpool(2) -> [2 * c, h // 2, w // 2]\n}"
    assert shape(body("halve", before=before)) == "[6, 16, 16]"


def test_several_outputs_are_reached_by_name() -> None:
    before = "block two { input x\n output a: x -> conv(2, 1)\n output b: x -> conv(5, 1)\n}"
    made = body("both: two\n left: both.a\n output left\n output right: both.b -> relu", before=before)
    assert [shape(made, i) for i in range(2)] == ["[2, 32, 32]", "[5, 32, 32]"]


def test_layer_parameters() -> None:
    before = "block unit(c, act: layer = relu) { conv(c, 1) -> act }"
    made = body("unit(2)\n unit(2, act=silu)\n unit(2, act=leaky_relu(0.2))\n unit(2, act=bn -> tanh)", before=before)
    kinds = [[n.kind for n in use.op.body.nodes][1:] for use in made.nodes]
    assert kinds == [["relu"], ["silu"], ["leaky_relu"], ["batchnorm", "tanh"]]


def test_a_block_may_be_handed_to_itself() -> None:
    before = "block res(f: layer) {\n input x\n y: x -> f\n x + y\n}"
    made = body("res(relu -> res(tanh))\n res(res(res(sigmoid)))", "x [3]", before)
    depths = [path.count(".y") for path, node in made.walk() if node.kind in ("tanh", "sigmoid")]
    assert depths == [2, 3]


def test_defaults_may_use_earlier_parameters() -> None:
    made = body("unit(3)", before="block unit(c, wide = 2 * c) { conv(wide, 1) }")
    assert shape(made) == "[6, 32, 32]"


def test_equal_uses_share_a_body_but_no_weights() -> None:
    made = body("a: unit(3)\n b: unit(3)", before="block unit(c) { conv(c, 1) }")
    assert made.nodes[0].op is made.nodes[1].op
    assert weights(made) == ["a.conv1.weight", "a.conv1.bias", "b.conv1.weight", "b.conv1.bias"]


def test_a_net_is_a_layer_of_another_net() -> None:
    text = "net A(n = 4) { input x [8]\n linear(n)\n}\nnet B { input x [8]\n back: A(6) -> relu\n linear(2)\n}"
    made = net(text, "B")
    assert weights(made)[0] == "back.linear1.weight"
    assert load_text(text).names == ["A", "B"]
    assert load_text(text).net().name == "A"


def test_the_standard_library() -> None:
    made = net("use std.resnet { bottleneck }\nnet X { input x [3, 32, 32]\n bottleneck(4) -> conv_bn_relu(5)\n}")
    assert [n.kind for n in made.nodes] == ["bottleneck", "conv_bn_relu"]
    assert made.nodes[0].op.origin == "std.resnet"


def test_a_choice_is_remembered() -> None:
    before = "block unit(c, norm = true) { y: if norm { conv(c, 1) -> bn } else { conv(c, 1) } }"
    made = body("unit(2)\n unit(2, norm=false)", before=before)
    assert [use.op.body.choices["y"].taken for use in made.nodes] == [True, False]


# ---------------------------------------------------------------- recurrence

CELL = """
recurrent cell(n, act: layer = tanh) {
  input x, start
  state h [n] = start
  state c [n] = 0
  next c: (x -> linear(n)) + c
  next h: (h -> linear(n)) * c -> act
  output h, c
}
"""


def test_a_recurrent_block_goes_over_a_sequence() -> None:
    made = body(
        "both: (xs, first) -> cell(5)\n last_h: both.h -> last\n output last_h, both", "xs [T, 4], first [5]", CELL
    )
    assert [shape(made, i) for i in range(3)] == ["[5]", "[T, 5]", "[T, 5]"]
    block = made.nodes[0].op
    assert isinstance(block, Recurrent)
    assert [str(v.type) for v in block.sequences] == ["[4]"]
    assert [s.name for s in block.states] == ["h", "c"]
    assert block.states[0].initial is made.inputs[1]
    assert block.states[1].initial == 0


@pytest.mark.parametrize("rows", ["input x, start\n state h = start", "input x\n given start\n state h = start"])
def test_each_use_begins_with_what_it_is_given(rows: str) -> None:
    """Two uses alike in all but what comes in: neither has the other's start, which the steps see no more of."""
    cell = f"recurrent begun() {{\n {rows}\n next h: h + x\n output h\n}}"
    made = body("a: (xs, one) -> begun\n b: (xs, two) -> begun\n output a, b", "xs [T, 4], one [4], two [4]", cell)
    xs, one, two = made.inputs
    assert [node.inputs for node in made.nodes] == [(xs, one), (xs, two)]
    assert [node.op.states[0].initial for node in made.nodes if isinstance(node.op, Recurrent)] == [one, two]


def test_after_next_the_name_means_the_new_value() -> None:
    made = body("(xs, first) -> cell(5)\n _[0]", "xs [T, 4], first [5]", CELL)
    block = made.nodes[0].op
    assert isinstance(block, Recurrent)
    product = next(n for n in block.body.nodes if n.kind == "mul")
    assert block.states[1].following in product.inputs
    assert block.states[1].current not in product.inputs


# ---------------------------------------------------------------- which sizes work


def same_unet(contract: str = "") -> str:
    return f"""
block double_conv(c) {{
  conv(c, 3, pad=1) -> relu
  conv(c, 3, pad=1) -> relu
}}
{UP.replace("conv(c, 3, pad=1)", "double_conv(c)")}
net UNet(width = 2) {{
  input image [3, H, W]
  {contract}
  d1: double_conv(width)
  d2: maxpool(2) -> double_conv(2 * width)
  d3: maxpool(2) -> double_conv(4 * width)
  d4: maxpool(2) -> double_conv(8 * width)
      maxpool(2) -> double_conv(16 * width)
  u4: (_, d4) -> up(8 * width)
  u3: (_, d3) -> up(4 * width)
  u2: (_, d2) -> up(2 * width)
  u1: (_, d1) -> up(width)
  output mask: conv(2, 1) -> [2, H, W]
}}
"""


def test_a_padded_unet_takes_multiples_of_16() -> None:
    made = net(same_unet())
    assert made.domain.sizes("H").describe("H") == "multiples of 16"
    assert made.domain.sizes("W").describe("W") == "multiples of 16"
    assert shape(made) == "[2, H, W]"


def test_a_contract_that_is_just_right_passes() -> None:
    assert check_text(same_unet("assert H % 16 == 0 and W % 16 == 0")) == []


def test_a_contract_that_is_stronger_than_needed_passes() -> None:
    made = net(same_unet("assert H % 32 == 0 and W % 16 == 0"))
    assert made.domain.sizes("H").describe("H") == "multiples of 32"


@pytest.mark.parametrize("weak", ["H % 8 == 0", "H % 24 == 0", "H >= 16"])
def test_a_contract_that_is_too_weak_shows_a_size_and_a_row(weak: str) -> None:
    (found,) = errors(same_unet(f"assert {weak} and W % 16 == 0"))
    assert found.code == "contract-too-weak"
    assert any("fails at H" in label.text for label in found.labels[1:])
    assert found.help is not None
    assert "multiples of" in found.help


def test_the_original_unet_takes_any_size_from_188() -> None:
    text = same_unet().replace("pad=1", "pad=0").replace("(grown, skip)", "((skip, grown) -> crop, grown)")
    made = net(text.replace(" -> [2, H, W]", ""))
    assert made.domain.sizes("H").describe("H") == "any size from 188"
    assert made.domain.exact_sizes("H").describe("H").startswith("16k + 12")
    assert made.outputs[0].value.type.at({"H": 572, "W": 572}).shape[1:] == (388, 388)


def test_alexnet_names_the_one_range_that_gives_6_by_6() -> None:
    made = net("""
net AlexNet {
  input image [3, H, W]
  conv(96, 11, stride=4) -> relu -> maxpool(3, stride=2)
  conv(256, 5, pad=2) -> relu -> maxpool(3, stride=2)
  conv(384, 3, pad=1) -> relu -> conv(384, 3, pad=1) -> relu -> conv(256, 3, pad=1) -> relu
  maxpool(3, stride=2) -> [256, 6, 6]
  flatten -> linear(10)
}""")
    sizes = made.domain.sizes("H")
    wanted = [h for h in range(1, 600) if alexnet_size(h) == 6]
    assert list(sizes) == wanted
    assert sizes.describe("H") == f"{wanted[0]} to {wanted[-1]}"
    assert shape(made) == "[10]"


def alexnet_size(size: int) -> int:
    """The arithmetic of AlexNet's windows, written out."""
    size = (size - 11) // 4 + 1
    for _ in range(3):
        size = (size - 3) // 2 + 1
    return size


def test_a_join_restricts_a_size() -> None:
    made = body("low: maxpool(2) -> conv_transpose(3, 2, stride=2)\n low + image", "image [3, H, W]")
    assert made.domain.sizes("H").describe("H") == "even sizes"


def test_a_size_that_a_file_gives_its_symbol() -> None:
    made = body("conv(4, 3)", "image [3, H = 224, W = 2 * 50]")
    assert made.defaults == {"H": 224, "W": 100}


def test_conditions_on_sizes_are_decided_where_every_size_agrees() -> None:
    made = body("maxpool(8)\n y: if H >= 8 { relu } else { tanh }", "image [3, H, H]")
    assert nodes(made) == ["maxpool1", "y"]


# ---------------------------------------------------------------- recipes

TRAINED = """
net LeNet {
  input image [1, 8, 8]
  output aux side: flatten -> linear(10)
  output logits: image -> flatten -> linear(10)
}
train LeNet {
  data      digits
  loss      (logits, label) -> cross_entropy
  loss      0.4 * ((side, label) -> cross_entropy)
  metric    (logits, label) -> accuracy
  metric    top3: (logits, label) -> top_k_accuracy(3)
  optimizer sgd(lr=0.05, momentum=0.9)
  schedule  cosine
  epochs    10
  batch     64
}
"""


def test_a_recipe() -> None:
    recipe = net(TRAINED).recipe
    assert recipe is not None
    assert (recipe.data.name, recipe.optimizer.name, recipe.schedule.name) == ("digits", "sgd", "cosine")
    assert recipe.optimizer.lr == 0.05
    assert recipe.settings["epochs"] == 10
    assert [t.name for t in recipe.metrics] == ["accuracy", "top3"]
    assert [{v.name for v in t.graph.inputs} for t in recipe.losses] == [{"logits", "label"}, {"side", "label"}]
    assert all(t.graph.outputs[0].value.shape == () for t in recipe.losses + recipe.metrics)


def test_rows_of_a_recipe_are_replaced_from_outside() -> None:
    recipe = load_text(TRAINED, recipe={"epochs": "3", "optimizer": "adam(lr=0.1)"}).net().recipe
    assert recipe is not None
    assert recipe.settings["epochs"] == 3
    assert (recipe.optimizer.name, recipe.optimizer.lr) == ("adam", 0.1)
    assert recipe.settings["batch"] == 64


def test_a_recipe_without_its_optional_rows_has_defaults() -> None:
    text = TRAINED[: TRAINED.index("  optimizer")] + "}"
    recipe = net(text).recipe
    assert recipe is not None
    assert recipe.optimizer.name == "adam"
    assert recipe.settings["epochs"] >= 1


def test_doc_and_budgets_are_kept() -> None:
    made = net("# A paper.\n\n# What it does.\nnet X { input x [4]\n linear(2)\n assert params < 1K\n}")
    assert made.doc == "A paper.\n\nWhat it does."
    assert len(made.budgets) == 1


def test_a_comment_is_said_of_the_nearest_that_it_heads() -> None:
    block, rest = "block b {\n linear(2)\n}\n\n", "net X { input x [4]\n x -> b\n}"
    assert net(f"# What it does.\n{block}{rest}").doc == ""
    assert net(f"# A paper.\n\n# What it does.\n{block}{rest}").doc == "A paper."
    assert net(f"# A paper.\n\n{block}# What it does.\n{rest}").doc == "A paper.\n\nWhat it does."


def test_a_printed_graph_tells_values_apart() -> None:
    rows = """h: (image -> conv(4, 1)) + (image -> conv(4, 1))
  (low, high): h -> split(2)
  output both: (high, low) -> concat"""
    lines = str(body(rows)).splitlines()
    assert "h.add1: (h.conv1, h.conv2) -> add() -> [4, 32, 32]" in lines
    split = next(line.partition(":")[0] for line in lines if "-> split(" in line)
    assert f"both: ({split}#2, {split}#1) -> concat() -> [4, 32, 32]" in lines
    assert lines[-1] == "output both = both"


def test_a_layer_parameter_that_is_the_identity_makes_no_layer() -> None:
    unit = "block unit(c, norm: layer = identity) { conv(c, 3) -> norm -> relu }"
    made = body("unit(8) -> unit(8, norm=batchnorm)\n  same: identity", before=unit)
    plain, normed, same = made.nodes
    assert isinstance(plain.op, Block)
    assert isinstance(normed.op, Block)
    assert nodes(plain.op.body) == ["conv1", "relu1"]
    assert nodes(normed.op.body) == ["conv1", "batchnorm1", "relu1"]
    assert (same.name, same.kind) == ("same", "identity")


# ---------------------------------------------------------------- the tables


def test_every_kind_of_expression_row_and_layer_stands_in_its_table() -> None:
    assert set(EVALUATE) == set(get_args(syntax.Expr))
    assert set(RUN) == set(get_args(syntax.BodyRow)) - {syntax.RecipeRow}, "rows of a recipe stand in no body"
    assert set(APPLY) == {*get_args(Layer), syntax.Claim}
