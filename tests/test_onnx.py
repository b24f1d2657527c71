"""The ONNX target: hand-built graphs in onnxruntime against numpy, weights, sizes, files and errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from safetensors.numpy import save_file

from netdsl.codegen.onnx import model as onnx_target
from netdsl.codegen.onnx.lowering import rules
from netdsl.codegen.onnx.model import ModelTooLarge, onnx_model, save_onnx
from netdsl.codegen.onnx.scope import names_read
from netdsl.codegen.onnx.weights import WeightsError, initial, load_weights
from netdsl.diagnostics import NetError
from netdsl.dims import Dim, Domain, compare
from netdsl.ir import Block, Graph, Net, Node, Output, Recurrent, State, result_types
from netdsl.ops.activation import Relu
from netdsl.ops.base import Op
from netdsl.ops.conv import Conv
from netdsl.program import load_file
from netdsl.runtime.session import Session, SessionError, cuda_devices
from netdsl.source import Source, Span
from netdsl.tensors import DType, Init, TensorType, Value, Weight

SPECS = Path(__file__).parent.parent / "specs"
SPAN = Span(Source("test", "x"), 0, 1)
H, W = Dim.symbol("H"), Dim.symbol("W")


def value(name: str, *shape: Any, dtype: DType = DType.FLOAT) -> Value:
    return Value(name, TensorType(shape, dtype))


def apply(graph: Graph, name: str, op: Op, shares: Node | None = None) -> Value:
    results = tuple(Value(name, t) for t in result_types(op))
    graph.nodes.append(Node(name, op, tuple(op.operands()), results, SPAN, shares))
    return results[0]


def enter(graph: Graph, name: str, block: Block, *inputs: Value, shares: Node | None = None) -> Value:
    results = tuple(Value(name, o.value.type) for o in block.body.outputs)
    graph.nodes.append(Node(name, block, inputs, results, SPAN, shares))
    return results[0]


def leave(graph: Graph, name: str, result: Value, aux: bool = False) -> None:
    graph.outputs.append(Output(name, result, aux, SPAN))


def conv_net(*shape: Any, kernel: int = 3) -> Net:
    net = Net("Small", doc="Two convolutions.", settings={"width": 4})
    image = value("image", *shape)
    net.inputs.append(image)
    main = apply(net, "conv1", Conv(image, 4, kernel, pad=1))
    main = apply(net, "conv1.relu", Relu(main))
    leave(net, "mask", apply(net, "conv2", Conv(main, 2, kernel, stride=2)))
    return net


def unit(channels: int, width: int) -> Block:
    """A block of a convolution and a relu."""
    body = Graph("unit", [value("x", channels, width, width)])
    leave(body, "y", apply(body, "relu", Relu(apply(body, "conv", Conv(body.inputs[0], channels, 3, pad=1)))))
    return Block("unit", {"c": channels}, body, SPAN)


def numbers(*shape: int, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def convolve(x: Any, weight: Any, bias: Any, stride: int, pad: int) -> Any:
    """A convolution as its definition says it."""
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], (2, 3))[:, :, ::stride, ::stride]
    return np.einsum("nchwij,ocij->nohw", windows, weight) + bias[:, None, None]


def reference(image: Any, weights: dict[str, Any]) -> Any:
    hidden = np.maximum(convolve(image, weights["conv1.weight"], weights["conv1.bias"], 1, 1), 0)
    return convolve(hidden, weights["conv2.weight"], weights["conv2.bias"], 2, 0)


def weights_of(model: onnx.ModelProto) -> dict[str, Any]:
    return {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}


def shape_of(info: onnx.ValueInfoProto) -> list[Any]:
    return [d.dim_param or d.dim_value for d in info.type.tensor_type.shape.dim]


def types(model: onnx.ModelProto) -> dict[str, list[Any]]:
    graph = model.graph
    return {v.name: shape_of(v) for v in [*graph.input, *graph.value_info, *graph.output]}


def test_a_small_net_computes_what_numpy_does() -> None:
    model = onnx_model(conv_net(3, 8, 10), seed=3)
    onnx.checker.check_model(model, full_check=True)
    weights = weights_of(model)
    assert list(weights) == ["conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias"]
    image = numbers(2, 3, 8, 10)
    got = Session(model, "cpu").run({"image": image})
    np.testing.assert_allclose(got["mask"], reference(image, weights), atol=1e-5)


def test_the_file_says_what_it_is() -> None:
    model = onnx_model(conv_net(3, 8, 10))
    assert [n.name for n in model.graph.node] == ["/conv1/Conv", "/conv1.relu/Relu", "/conv2/Conv"]
    assert types(model)["image"] == ["N", 3, 8, 10]
    assert types(model)["mask"] == ["N", 2, 3, 4]
    assert types(model)["/conv1/Conv_output_0"] == ["N", 4, 8, 10]
    properties = {p.key: p.value for p in model.metadata_props}
    assert properties["netdsl.net"] == "Small" and properties["netdsl.settings"] == '{"width": 4}'
    assert model.producer_name == "netdsl" and model.doc_string == "Two convolutions."
    assert Session(model, "cpu").metadata["netdsl.net"] == "Small"


def test_sizes_stay_symbolic_and_run_at_any_size() -> None:
    model = onnx_model(conv_net(3, H, W))
    onnx.checker.check_model(model, full_check=True)
    assert types(model)["image"] == ["N", 3, "H", "W"]
    assert types(model)["mask"][:2] == ["N", 2] and types(model)["mask"][2] == str((H - 3) // 2 + 1)
    session = Session(model, "cpu")
    for n, h, w in ((1, 8, 9), (3, 5, 17)):
        image = numbers(n, 3, h, w)
        np.testing.assert_allclose(
            session.run({"image": image})["mask"], reference(image, weights_of(model)), atol=1e-5
        )


def test_sizes_that_a_net_takes_stand_in_the_file_and_in_errors(rule: Any) -> None:
    rule(Relu, lambda op, inputs, build: build.node("Reshape", [inputs[0], build.ints(0, -1, 16)]))
    net = Net("Sixteen", [value("x", H)], domain=Domain(["H"]))
    net.domain.demand(compare("==", H % 16, 0), None)
    leave(net, "y", Value("y", TensorType((H // 16, 16))))
    apply(net, "rows", Relu(net.inputs[0]))
    net.nodes[0].results = (net.outputs[0].value,)
    session = Session(onnx_model(net), "cpu")
    assert session.metadata["netdsl.sizes"] == '{"H": "multiples of 16"}'
    assert session.run({"x": numbers(3, 32)})["y"].shape == (3, 2, 16)
    with pytest.raises(SessionError, match=r"running \(with N = 3, H = 33\); it takes H: multiples of 16"):
        session.run({"x": numbers(3, 33)})


def test_a_batch_symbol_never_meets_one_of_the_author() -> None:
    model = onnx_model(conv_net(3, Dim.symbol("N"), 8))
    assert types(model)["image"] == ["batch", 3, "N", 8]


def test_blocks_are_inline_under_their_path_and_shared_ones_share_weights() -> None:
    net = Net("Twice", [value("x", 2, 6, 6)])
    first = enter(net, "a", unit(2, 6), net.inputs[0])
    second = enter(net, "b", unit(2, 6), first, shares=net.nodes[0])
    leave(net, "y", enter(net, "c", unit(2, 6), second))
    model = onnx_model(net)
    assert [n.name for n in model.graph.node][:4] == ["/a/conv/Conv", "/a/relu/Relu", "/b/conv/Conv", "/b/relu/Relu"]
    assert list(weights_of(model)) == ["a.conv.weight", "a.conv.bias", "c.conv.weight", "c.conv.bias"]
    notes = {p.key: p.value for p in model.graph.node[2].metadata_props}
    assert notes["netdsl.blocks"] == "unit(c=2)" and notes["netdsl.layer"] == "a.conv"
    assert Session(model, "cpu").run({"x": numbers(1, 2, 6, 6)})["y"].shape == (1, 2, 6, 6)


def test_a_sharer_keeps_its_weights_when_the_owner_is_only_for_training() -> None:
    net = Net("Aux", [value("x", 2, 6, 6), value("other", 2, 6, 6)])
    leave(net, "extra", apply(net, "tower", Conv(net.inputs[1], 2, 1)), aux=True)
    leave(net, "y", apply(net, "again", Conv(net.inputs[0], 2, 1), net.nodes[0]))
    model = onnx_model(net)
    assert list(weights_of(model)) == ["tower.weight", "tower.bias"]
    assert [v.name for v in model.graph.input] == ["x"], "an input that only training needs is left out"
    assert [v.name for v in model.graph.output] == ["y"]


def test_one_body_for_several_blocks_has_weights_for_each() -> None:
    net = Net("Repeated", [value("x", 2, 6, 6)])
    block, x = unit(2, 6), net.inputs[0]
    for name in ("a", "b"):
        x = enter(net, name, block, x)
    leave(net, "y", x)
    weights = weights_of(onnx_model(net))
    assert list(weights) == [key for key, _ in net.weights()] and len(weights) == 4
    assert not np.array_equal(weights["a.conv.weight"], weights["b.conv.weight"])


def test_outputs_of_one_value_and_of_an_input() -> None:
    net = Net("Many", [value("x", 3)])
    result = apply(net, "relu", Relu(net.inputs[0]))
    for name, v in (("a", result), ("b", result), ("same", net.inputs[0]), ("c", apply(net, "relu2", Relu(result)))):
        leave(net, name, v)
    x = numbers(2, 3)
    got = Session(onnx_model(net), "cpu").run({"x": x})
    positive = np.maximum(x, 0)
    for name, wanted in (("a", positive), ("b", positive), ("same", x), ("c", positive)):
        np.testing.assert_array_equal(got[name], wanted)


def test_building_twice_gives_the_same_bytes() -> None:
    first, second = (onnx_model(conv_net(3, Dim.symbol("H"), 8), seed=5) for _ in range(2))
    assert first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True)
    other = onnx_model(conv_net(3, Dim.symbol("H"), 8), seed=6)
    assert weights_of(other)["conv1.weight"].tobytes() != weights_of(first)["conv1.weight"].tobytes()


# Rules for operations that only these tests know.


@pytest.fixture
def rule(monkeypatch: pytest.MonkeyPatch) -> Callable[[type[Op], Any], None]:
    def add(op: type[Op], function: Any) -> None:
        monkeypatch.setitem(rules.table, op.name, function)

    return add


class Extent(Op, abstract=True):
    """Fills a tensor of a symbolic shape, to see sizes computed at run time."""

    name = "test_extent"
    x: Value

    def result(self) -> TensorType:
        return TensorType((SIZE[0],), DType.FLOAT)


SIZE: list[Any] = [1]


@pytest.mark.parametrize(
    "size",
    [
        H, H + 3, 2 * H - 1, H // 2, (H + 1) // 2, -(-H // 3), 16 * (H // 16), (H // 2 - 1) // 2 + 7, H - H // 3,
        (3 * H + 2) // 5, H * W, (H // 2) * (W // 2) * 4 + H, (H * W) // 3, H + W, (H + W) // 2 + H * H,
        5 + (H * W - 200) // 7 + 40, -(-(H * W) // 4),
    ],
    ids=str,
)  # fmt: skip
def test_every_size_is_computed_at_run_time(size: Any, rule: Any) -> None:
    SIZE[0] = size

    def fill(op: Op, inputs: Any, build: Any) -> str:
        return str(build.node("Expand", [build.constant(1.0), build.extents(build.shape_of(inputs[0], 0, 1), size)]))

    rule(Extent, fill)
    net = Net("Sizes", [value("image", H, W)])
    leave(net, "y", apply(net, "extent", Extent(net.inputs[0])))
    model = onnx_model(net)
    onnx.checker.check_model(model, full_check=True)
    session = Session(model, "cpu")
    for h, w in ((7, 5), (16, 9), (33, 32), (50, 1)):
        got = session.run({"image": numbers(2, h, w)})["y"]
        assert got.shape == (2, size.at({"H": h, "W": w}))


def test_constants_are_stored_once_and_copies_and_dead_ends_are_dropped(rule: Any) -> None:
    def wasteful(op: Op, inputs: Any, build: Any) -> str:
        build.node("Sigmoid", inputs)
        doubled = build.node("Mul", [build.node("Identity", inputs), build.constant(2.0)])
        return str(build.node("Identity", [build.node("Add", [doubled, build.constant([2.0, 3.0])])]))

    rule(Relu, wasteful)
    net = Net("Waste", [value("x", 2)])
    leave(net, "y", apply(net, "two", Relu(apply(net, "one", Relu(net.inputs[0])))))
    model = onnx_model(net)
    assert [n.op_type for n in model.graph.node if n.op_type != "Identity"] == ["Mul", "Add", "Mul", "Add"]
    assert len([n for n in model.graph.node if n.op_type == "Identity"]) <= 1
    assert len(model.graph.initializer) == 2
    got = Session(model, "cpu").run({"x": np.zeros((1, 2), np.float32)})["y"]
    np.testing.assert_array_equal(got, [[6.0, 9.0]])


class Cell(Op, abstract=True):
    """tanh(x W + h U) with weights of its own."""

    name = "test_cell"
    x: Value
    h: Value

    def result(self) -> TensorType:
        return self.h.type

    def weights(self) -> tuple[Weight, ...]:
        inputs, width = int(str(self.x.shape[-1])), int(str(self.h.shape[-1]))
        init = Init("torch", (), width)
        return Weight("w", (inputs, width), init), Weight("u", (width, width), init)


def cell(op: Op, inputs: Any, build: Any) -> str:
    x = build.node("MatMul", [inputs[0], build.weight("w")])
    h = build.node("MatMul", [inputs[1], build.weight("u")])
    return str(build.node("Tanh", [build.node("Add", [x, h])]))


def recurrent_net(initial_value: float | None) -> Net:
    """A cell over [T, 3]; its state starts from a number, or from the input `start`."""
    sequence, start = value("x", Dim.symbol("T"), 3), value("start", 4)
    net = Net("Recurrent", [sequence] if initial_value is not None else [sequence, start])
    x, h = value("x", 3), value("h", 4)
    body = Graph("cell", [x, h])
    after = apply(body, "cell", Cell(x, h))
    leave(body, "h", after)
    leave(body, "positive", apply(body, "relu", Relu(after)))
    state = State("h", h, after, start if initial_value is None else initial_value)
    block = Recurrent("vanilla", {"hidden": 4}, body, SPAN, sequences=(x,), states=(state,))
    results = tuple(value(n, Dim.symbol("T"), 4) for n in ("h", "positive"))
    inputs = (sequence, start) if initial_value is None else (sequence,)
    net.nodes.append(Node("rnn", block, inputs, results, SPAN))
    for result in results:
        leave(net, f"{result.name}s", result)
    return net


@pytest.mark.parametrize("start", [0.0, 0.5, None])
def test_a_recurrent_block_is_a_scan_that_equals_a_loop(start: float | None, rule: Any) -> None:
    rule(Cell, cell)
    model = onnx_model(recurrent_net(start))
    onnx.checker.check_model(model, full_check=True)
    scan = next(n for n in model.graph.node if n.op_type == "Scan")
    assert scan.name == "/rnn/Scan"
    assert "/rnn/cell/Tanh" in [n.name for n in scan.attribute[0].g.node]
    weights, session = weights_of(model), Session(model, "cpu")
    for n, steps in ((2, 5), (1, 1), (3, 11)):
        x = numbers(n, steps, 3)
        fed = {"x": x} if start is not None else {"x": x, "start": numbers(n, 4, seed=1)}
        state = np.full((n, 4), start, np.float32) if start is not None else fed["start"]
        loop = []
        for t in range(steps):
            state = np.tanh(x[:, t] @ weights["rnn.cell.w"] + state @ weights["rnn.cell.u"])
            loop.append(state)
        got = session.run(fed)
        np.testing.assert_allclose(got["hs"], np.stack(loop, 1), atol=1e-5)
        np.testing.assert_allclose(got["positives"], np.maximum(np.stack(loop, 1), 0), atol=1e-5)


def test_a_state_may_be_handed_on_as_it_came(rule: Any) -> None:
    rule(Cell, cell)
    net = recurrent_net(0.25)
    block = net.nodes[0].op
    assert isinstance(block, Recurrent)
    block.states[0].following = block.states[0].current
    x = numbers(2, 3, 3)
    model = onnx_model(net)
    got = Session(model, "cpu").run({"x": x})["hs"]
    weights = weights_of(model)
    want = np.tanh(x @ weights["rnn.cell.w"] + np.full((2, 1, 4), 0.25, np.float32) @ weights["rnn.cell.u"])
    np.testing.assert_allclose(got, want, atol=1e-5)


def test_an_operation_without_a_rule_is_an_error_at_its_place() -> None:
    net = Net("None", [value("x", 3, 4)])
    leave(net, "y", apply(net, "a", Cell(net.inputs[0], value("x", 3))))
    net.nodes[0].inputs = (net.inputs[0], net.inputs[0])
    with pytest.raises(NetError) as caught:
        onnx_model(net)
    (problem,) = caught.value.diagnostics
    assert problem.code == "not-supported-by-target" and problem.span is SPAN and "test_cell" in problem.message


# Weights.


def test_weights_of_one_layer_do_not_depend_on_others() -> None:
    weight = Weight("w", (64, 64), Init("he_normal", (), 64, 64))
    np.testing.assert_array_equal(initial("a.w", weight, 0), initial("a.w", weight, 0))
    assert not np.array_equal(initial("a.w", weight, 0), initial("b.w", weight, 0))
    assert not np.array_equal(initial("a.w", weight, 0), initial("a.w", weight, 1))


@pytest.mark.parametrize(
    ("kind", "values", "deviation", "limit"),
    [
        ("normal", (0.02,), 0.02, None),
        ("uniform", (0.3,), 0.3 / 3**0.5, 0.3),
        ("truncated_normal", (0.5,), 0.5 * 0.8796, 1.0),
        ("he_normal", (), (2 / 32) ** 0.5, None),
        ("he_uniform", (), (2 / 32) ** 0.5, (6 / 32) ** 0.5),
        ("xavier_normal", (), (2 / 96) ** 0.5, None),
        ("xavier_uniform", (), (2 / 96) ** 0.5, (6 / 96) ** 0.5),
        ("lecun_normal", (), (1 / 32) ** 0.5, None),
        ("torch", (), (1 / 96) ** 0.5, (1 / 32) ** 0.5),
    ],
)
def test_initialisers_spread_as_they_should(
    kind: str, values: tuple[float, ...], deviation: float, limit: float | None
) -> None:
    drawn = initial("w", Weight("w", (200, 100), Init(kind, values, 32, 64)), 0)
    assert drawn.dtype == np.float32 and drawn.shape == (200, 100)
    assert abs(drawn.mean()) < 0.02 * deviation * 2
    assert drawn.std() == pytest.approx(deviation, rel=0.03)
    assert limit is None or np.abs(drawn).max() <= limit * 1.0001


def test_initialisers_with_a_form() -> None:
    def draw(kind: str, *shape: int, values: tuple[float, ...] = ()) -> Any:
        return initial("w", Weight("w", shape, Init(kind, values)), 0)

    assert (draw("ones", 3) == 1).all() and (draw("constant", 3, values=(0.25,)) == 0.25).all()
    for shape in ((4, 9), (9, 4), (6, 2, 3)):
        flat = draw("orthogonal", *shape).reshape(shape[0], -1)
        small = flat if flat.shape[0] <= flat.shape[1] else flat.T
        np.testing.assert_allclose(small @ small.T, np.eye(len(small)), atol=1e-5)
    window = draw("bilinear", 2, 2, 4, 4)
    np.testing.assert_allclose(window[0, 0, 0], np.array([0.25, 0.75, 0.75, 0.25]) * 0.25)
    assert (window[0, 1] == 0).all() and (draw("bilinear", 3, 1, 4, 4)[2, 0] == window[0, 0]).all()


def given(net: Net) -> dict[str, Any]:
    return {key: numbers(*w.shape, seed=i) for i, (key, w) in enumerate(net.weights())}


def test_given_weights_are_used(tmp_path: Path) -> None:
    net = conv_net(3, 8, 10)
    weights = given(net)
    save_file({**weights, "bn.num_batches_tracked": np.zeros((), np.int64)}, tmp_path / "w.safetensors")
    image = numbers(1, 3, 8, 10)
    for source in (weights, load_weights(tmp_path / "w.safetensors")):
        got = Session(onnx_model(net, weights=source), "cpu").run({"image": image})["mask"]
        np.testing.assert_allclose(got, reference(image, weights), atol=1e-4)


def test_weights_that_do_not_fit_are_all_named(tmp_path: Path) -> None:
    net = conv_net(3, 8, 10)
    weights = given(net)
    weights["conv3.weight"] = weights.pop("conv2.weight")
    weights["conv1.bias"] = np.zeros(5, np.float32)
    save_file(weights, tmp_path / "w.safetensors")
    for source in (weights, load_weights(tmp_path / "w.safetensors")):
        with pytest.raises(WeightsError) as caught:
            onnx_model(net, weights=source)
        for part in (
            "missing `conv2.weight` [2, 4, 3, 3]",
            "unexpected `conv3.weight`",
            "`conv1.bias` is [5], not [4]",
        ):
            assert part in str(caught.value)
    wrong = {**given(net), "conv1.bias": np.zeros(4, np.int64)}
    with pytest.raises(WeightsError, match="conv1.bias"):
        onnx_model(net, weights=wrong)


def test_a_weight_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no weight file.*none.safetensors"):
        load_weights(tmp_path / "none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"not a weight file at all")
    with pytest.raises(WeightsError, match="bad.safetensors cannot be read"):
        load_weights(tmp_path / "bad.safetensors")


# Files.


def test_large_weights_go_beside_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = conv_net(3, 16, 16, kernel=7)
    image = numbers(1, 3, 16, 16)
    want = Session(save_onnx(net, tmp_path / "one.onnx", seed=1), "cpu").run({"image": image})["mask"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.onnx"]
    monkeypatch.setattr(onnx_target, "LIMIT", 1000)
    path = save_onnx(net, tmp_path / "two.onnx", seed=1)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.onnx", "two.onnx", "two.onnx.data"]
    onnx.checker.check_model(str(path), full_check=True)
    np.testing.assert_array_equal(Session(path, "cpu").run({"image": image})["mask"], want)
    stored = onnx.load(path, load_external_data=False)
    places = [t.name for t in stored.graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL]
    assert places == ["conv1.weight", "conv2.weight"]
    with pytest.raises(ModelTooLarge):
        onnx_model(net)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_onnx(conv_net(3, 8, 8), tmp_path / "model.onnx")
    before = path.read_bytes()

    def fail(*_: Any) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(onnx_target, "attach_beside", fail)
    with pytest.raises(OSError, match="full"):
        save_onnx(conv_net(3, 8, 8), path, external=True)
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"] and path.read_bytes() == before


# Sessions.


def test_inputs_that_do_not_fit_are_refused_in_words() -> None:
    session = Session(onnx_model(conv_net(3, Dim.symbol("H"), Dim.symbol("H"))))
    for fed, words in (
        ({}, "image .* is missing"),
        ({"image": numbers(1, 3, 8, 8), "im": 1}, "no input im; its inputs are image"),
        ({"image": numbers(3, 8, 8)}, r"does not take an array of shape \[3, 8, 8\]"),
        ({"image": numbers(1, 4, 8, 8)}, "does not take an array of shape"),
        ({"image": numbers(1, 3, 8, 9)}, "H = 8"),
        ({"image": np.zeros((1, 3, 8, 8), np.complex64)}, "takes float32, not complex64"),
    ):
        with pytest.raises(SessionError, match=words):
            session.run(fed)
    doubled = session.run({"image": numbers(1, 3, 8, 8).astype(np.float64)})
    assert doubled["mask"].dtype == np.float32


def test_models_that_cannot_be_loaded_are_named(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="no model file.*none.onnx"):
        Session(tmp_path / "none.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"this is not a model")
    with pytest.raises(SessionError, match="bad.onnx cannot be loaded"):
        Session(tmp_path / "bad.onnx")


def test_devices(capfd: pytest.CaptureFixture[str]) -> None:
    model = onnx_model(conv_net(3, 8, 8))
    session = Session(model)
    assert session.device == ("cuda:0" if cuda_devices() else "cpu")
    with pytest.raises(SessionError, match="tpu"):
        Session(model, "tpu")
    with pytest.raises(SessionError, match="cuda:9"):
        Session(model, "cuda:9")
    assert capfd.readouterr() == ("", "")


def test_names_inside_bodies_count_as_read(rule: Any) -> None:
    rule(Cell, cell)
    scan = next(n for n in onnx_model(recurrent_net(0.0)).graph.node if n.op_type == "Scan")
    assert {"rnn.cell.w", "rnn.cell.u"} <= set(names_read(scan))


# Real networks against PyTorch, on one state dict.

NETS = [
    ("lenet", "LeNet", {}, [(1, 28, 28)], None),
    ("resnet", "ResNet50", {"classes": "7"}, [(3, 33, 47), (3, 64, 32)], None),
    ("unet", "UNetSameBN", {"width": "4"}, [(3, 16, 32), (3, 48, 16)], None),
    ("unet", "UNet", {"width": "2"}, [(1, 188, 204)], None),
    ("char_rnn", "CharRNN", {"hidden": "12"}, [(7,), (2,)], 40),
    ("char_rnn", "CharRNNFused", {"hidden": "12"}, [(7,)], 40),
    ("char_rnn", "CharLSTM", {"hidden": "12"}, [(7,), (3,)], 40),
]


@pytest.mark.parametrize(("spec", "name", "settings", "shapes", "symbols"), NETS, ids=[n[1] for n in NETS])
def test_networks_agree_with_pytorch(
    spec: str, name: str, settings: dict[str, str], shapes: list[tuple[int, ...]], symbols: int | None
) -> None:
    import torch

    from netdsl.codegen.pytorch.module import torch_module

    net = load_file(SPECS / f"{spec}.net", settings).net(name)
    module = torch_module(net, seed=0).eval()
    weights = {key: tensor.numpy() for key, tensor in module.state_dict().items()}
    for key, array in weights.items():  # running statistics that are not those of a fresh layer
        if key.endswith("running_var"):
            array *= 1.5
        elif key.endswith("running_mean"):
            array += 0.1
    model = onnx_model(net, weights=weights)
    onnx.checker.check_model(model, full_check=True)
    session = Session(model, "cpu", threads=1)
    for shape in shapes:
        x = numbers(2, *shape) if symbols is None else np.random.default_rng(0).integers(0, symbols, (2, *shape))
        with torch.no_grad():
            want = module(torch.from_numpy(x)).numpy()
        (got,) = session.run({session.inputs[0].name: x}).values()
        np.testing.assert_allclose(got, want, atol=1e-4 * max(1.0, float(np.abs(want).max())))
