"""The ONNX target: hand-built graphs in onnxruntime against numpy, weights, sizes, files and errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx_graphs import (
    SPAN,
    H,
    W,
    apply,
    conv_net,
    enter,
    leave,
    numbers,
    reference,
    types,
    unit,
    value,
    weights_of,
)

from netdsl.codegen.onnx import draft as onnx_target
from netdsl.codegen.onnx.lowering import rules
from netdsl.codegen.onnx.model import ModelTooLarge, onnx_model, save_onnx
from netdsl.codegen.onnx.scope import names_read
from netdsl.dims import Dim
from netdsl.dims.tensors import DType, Init, TensorType, Value, Weight
from netdsl.graph import Graph, Net, Node, Recurrent, State
from netdsl.ops.activation import Relu
from netdsl.ops.base import Op
from netdsl.ops.conv import Conv
from netdsl.program import load_file, load_text
from netdsl.runtime.sessions.session import Session
from netdsl.text.diagnostics import NetError

SPECS = Path(__file__).parents[2] / "specs"


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
    assert properties["netdsl.net"] == "Small"
    assert properties["netdsl.settings"] == '{"width": 4}'
    assert model.producer_name == "netdsl"
    assert model.doc_string == "Two convolutions."
    assert Session(model, "cpu").metadata["netdsl.net"] == "Small"


def test_sizes_stay_symbolic_and_run_at_any_size() -> None:
    model = onnx_model(conv_net(3, H, W))
    onnx.checker.check_model(model, full_check=True)
    assert types(model)["image"] == ["N", 3, "H", "W"]
    assert types(model)["mask"][:2] == ["N", 2]
    assert types(model)["mask"][2] == str((H - 3) // 2 + 1)
    session = Session(model, "cpu")
    for n, h, w in ((1, 8, 9), (3, 5, 17)):
        image = numbers(n, 3, h, w)
        np.testing.assert_allclose(
            session.run({"image": image})["mask"], reference(image, weights_of(model)), atol=1e-5
        )


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
    assert notes["netdsl.blocks"] == "unit(c=2)"
    assert notes["netdsl.layer"] == "a.conv"
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
    assert list(weights) == [key for key, _ in net.weights()]
    assert len(weights) == 4
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
        return build.node("Expand", [build.constant(1.0), build.extents(build.shape_of(inputs[0], 0, 1), size)])

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
        return build.node("Identity", [build.node("Add", [doubled, build.constant([2.0, 3.0])])])

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
    return build.node("Tanh", [build.node("Add", [x, h])])


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
    net = Net("None", [value("x", 3, 4), value("h", 3)])
    leave(net, "y", apply(net, "a", Cell(*net.inputs)))
    with pytest.raises(NetError) as caught:
        onnx_model(net)
    (problem,) = caught.value.diagnostics
    assert problem.code == "not-supported-by-target"
    assert problem.span is SPAN
    assert "test_cell" in problem.message


@pytest.mark.parametrize(("origin", "notes"), [("", ["in `unit(c=2)`, used at test:1:1"]), ("std.unit", ["inside"])])
def test_an_error_inside_blocks_is_said_once_with_the_way_there(
    origin: str, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(rules.table, "relu")
    net = Net("Blocks", [value("x", 2, 6, 6)])
    block, x = unit(2, 6), net.inputs[0]
    block.origin = origin
    for name in ("a", "b"):
        x = enter(net, name, block, x)
    leave(net, "y", x)
    with pytest.raises(NetError) as caught:
        onnx_model(net)
    (problem,) = caught.value.diagnostics
    assert problem.message == "`relu` has no ONNX form"
    assert [note.startswith(text) for note, text in zip(problem.notes, notes, strict=True)] == [True]


def test_names_inside_bodies_count_as_read(rule: Any) -> None:
    rule(Cell, cell)
    scan = next(n for n in onnx_model(recurrent_net(0.0)).graph.node if n.op_type == "Scan")
    assert {"rnn.cell.w", "rnn.cell.u"} <= set(names_read(scan))


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
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]
    assert path.read_bytes() == before


# Real networks against PyTorch, on one state dict.

CELLS = """
recurrent convlstm(c) {
  input x
  state h [c, x.height, x.width] = 0
  state m [c, x.height, x.width] = 0
  gates: (x, h) -> concat -> conv(4 * c, 3, pad=1)
  (i, f, o, g): gates -> split(4)
  next m: (f -> sigmoid) * m + (i -> sigmoid) * (g -> tanh)
  next h: (o -> sigmoid) * (m -> tanh)
  output h
}
recurrent cell(n) {
  input x, start
  state h [n] = start
  next h: (x -> linear(n, bias=false)) + (h -> linear(n)) -> tanh
  output h
}
recurrent inner(n) {
  input x
  state h [n] = 0
  next h: (x -> linear(n)) + (h -> linear(n)) -> tanh
  output h
}
recurrent outer(n) {
  input x
  state s [n] = 0
  rows: x -> inner(n) -> last
  next s: rows + s
  output s
}
net Video { input video [T, 3, H, W]
  output y: convlstm(4) -> last }
net Started { input x [T, 3], start [4]
  output y: (x, start) -> cell(4) }
net Nested { input x [T, S, 3]
  output y: outer(4) }
"""

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


@pytest.mark.parametrize(
    ("name", "runs"),
    [
        ("Video", [[(5, 3, 6, 7)], [(2, 3, 4, 4)]]),
        ("Started", [[(5, 3), (4,)], [(1, 3), (4,)]]),
        ("Nested", [[(3, 5, 3)], [(2, 1, 3)]]),
    ],
)
def test_recurrent_blocks_agree_with_pytorch(name: str, runs: list[list[tuple[int, ...]]]) -> None:
    import torch

    from netdsl.codegen.pytorch.module import torch_module

    net = load_text(CELLS).net(name)
    module = torch_module(net, seed=0).eval()
    model = onnx_model(net, weights={key: tensor.numpy() for key, tensor in module.state_dict().items()})
    onnx.checker.check_model(model, full_check=True)
    session = Session(model, "cpu", threads=1)
    for shapes in runs:
        arrays = [numbers(2, *shape, seed=i) for i, shape in enumerate(shapes)]
        with torch.no_grad():
            want = module(*map(torch.from_numpy, arrays)).numpy()
        got = session.run({port.name: array for port, array in zip(session.inputs, arrays, strict=True)})
        np.testing.assert_allclose(got["y"], want, atol=1e-5)
