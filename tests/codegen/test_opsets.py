"""Models in older opsets: the same numbers, and what an older opset cannot say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import version_converter

import netdsl
from netdsl.base.arrays import Array
from netdsl.cli.app import run as command
from netdsl.codegen.onnx.opsets import IR_VERSIONS, OLDER, OLDEST, OPSET
from netdsl.codegen.onnx.scope import every_node
from netdsl.graph import Net

SPECS = Path(__file__).parents[2] / "specs"

SPELT = {
    "Gelu": "input x [3, 8]\n  one: gelu\n  two: x -> gelu(approximate=tanh)\n  (one, two) -> concat",
    "GridSample": "input x [2, 5, 6]\n  input at [4, 3, 2]\n  (x, at) -> grid_sample(pad=border)",
    "Pad": "input x [2, H, W]\n  pad(((1, 2), (0, 3)), mode=reflect) -> pad(1) -> pad(2, mode=replicate)",
    "ReduceL2": "input x [3, 8]\n  normalize",
    "ReduceMax": "input x [3, H, W]\n  global_maxpool",
    "ReduceMean": "input x [3, 8]\n  rmsnorm",
    "ReduceMin": "input x [3, 8]\n  reduce_min(axis=0)",
    "Split": "input x [T, 4]\n  lstm(6)",
}
"""A net for each operator that an older opset says in another way."""


def net_of(rows: str) -> Net:
    return netdsl.load_text(f"net Spelt {{\n  {rows}\n}}\n")


def drawn(model: onnx.ModelProto) -> dict[str, Array]:
    """Numbers for the inputs, three samples; a size that is open is 7."""
    random = np.random.default_rng(0)
    sizes = {
        v.name: [d.dim_value or (7, 3)[d.dim_param == "N"] for d in v.type.tensor_type.shape.dim]
        for v in model.graph.input
    }
    return {name: random.standard_normal(shape).astype(np.float32) for name, shape in sizes.items()}


def run(model: onnx.ModelProto, given: dict[str, Array]) -> list[Array]:
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, given)


@pytest.mark.parametrize("operator", OLDER)
@pytest.mark.parametrize("opset", [17, 19])
def test_an_older_opset_says_the_same(operator: str, opset: int) -> None:
    net = net_of(SPELT[operator])
    newest, older = netdsl.onnx_model(net), netdsl.onnx_model(net, opset=opset)
    assert (older.opset_import[0].version, older.ir_version) == (opset, IR_VERSIONS[opset])
    onnx.checker.check_model(older, full_check=True)
    given = drawn(newest)
    for mine, theirs in zip(run(older, given), run(newest, given), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)
    assert [t.name for t in older.graph.initializer if "." in t.name] == [
        t.name for t in newest.graph.initializer if "." in t.name
    ]


def test_every_spelling_has_a_net_that_needs_it() -> None:
    assert SPELT.keys() == OLDER.keys()
    for operator, rows in SPELT.items():
        assert operator in {n.op_type for n in every_node(netdsl.onnx_model(net_of(rows)).graph.node)}


def test_it_is_what_the_converter_of_onnx_makes_where_that_knows_a_way() -> None:
    """`onnx.version_converter` of onnx 1.23 has no way back for `Gelu`, for `num_outputs` of `Split`, for `ConstantOfShape`."""
    net = netdsl.load(SPECS / "unet.net", "UNetSame", width=2)
    ours, theirs = netdsl.onnx_model(net, opset=17), version_converter.convert_version(netdsl.onnx_model(net), 17)
    assert [(n.op_type, list(n.input), list(n.output)) for n in ours.graph.node] == [
        (n.op_type, list(n.input), list(n.output)) for n in theirs.graph.node
    ]
    assert theirs.opset_import[0].version == ours.opset_import[0].version
    with pytest.raises(RuntimeError, match="No Previous Version of Gelu"):
        version_converter.convert_version(netdsl.onnx_model(net_of(SPELT["Gelu"])), 17)


@pytest.mark.parametrize("spec", ["char_rnn.net CharLSTM", "gpt.net GPTChars", "mamba.net MambaChars"])
def test_bodies_of_loops_are_spelt_too(spec: str) -> None:
    file, name = spec.split()
    net = netdsl.load(SPECS / file, name)
    model = netdsl.onnx_model(net, opset=17)
    tokens = {"tokens": np.random.default_rng(0).integers(0, 60, (2, 9))}
    found, wanted = (run(m, {model.graph.input[0].name: tokens["tokens"]}) for m in (model, netdsl.onnx_model(net)))
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-4, atol=1e-5)


def test_sizes_that_are_rounded_up() -> None:
    """Where every window starts inside, all opsets agree; else 23 is needed, and an older one is refused at its row."""
    inside = netdsl.onnx_model(net_of("input x [2, H, W]\n  maxpool(3, stride=2, ceil=true)"))
    assert inside.opset_import[0].version == OPSET
    x = np.random.default_rng(0).standard_normal((1, 2, 8, 9)).astype(np.float32)
    assert run(inside, {"x": x})[0].shape == (1, 2, 4, 4)
    beyond = net_of("input x [2, H, W]\n  maxpool(2, stride=2, pad=1, ceil=true)")
    assert netdsl.onnx_model(beyond).opset_import[0].version == 23
    with pytest.raises(netdsl.NetError, match="opset 21 does not say what `maxpool` does here") as refused:
        netdsl.onnx_model(beyond, opset=21)
    assert refused.value.diagnostics[0].labels[0].span.line == 3
    for wrong in (16, 22):
        with pytest.raises(ValueError, match="from 17 to 21"):
            netdsl.onnx_model(beyond, opset=wrong)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, path = str(SPECS / "lenet.net"), str(tmp_path / "old.onnx")
    assert command(["compile", file, "--to", "onnx", "--opset", "17", "-o", path]) == 0
    assert onnx.load(path).opset_import[0].version == 17
    for words, said in {
        "onnx --opset 16": "invalid choice: 16",
        "onnx --opset 22": "invalid choice: 22",
        "onnx-train --opset 17": "only a model is written in an older one, not what `--to onnx-train` makes",
        "pytorch --opset 17": "only a model",
    }.items():
        with pytest.raises(SystemExit) as ended:
            command(["compile", file, "--to", *words.split(), "-o", path])
        assert ended.value.code == 2
        assert said in capsys.readouterr().err


@pytest.mark.slow
def test_all_cases_of_all_operations_in_the_oldest() -> None:
    from test_cases import SHOWN, layers_of, ran

    for case in SHOWN:
        for layer in layers_of(case):
            newest = layer.model
            try:
                older = netdsl.onnx_model(layer.net, opset=OLDEST)
            except netdsl.NetError:
                assert newest.opset_import[0].version == 23, case
                continue
            for tensor in older.graph.initializer:
                tensor.CopyFrom(
                    next(
                        (t for t in newest.graph.initializer if t.name == tensor.name and "constant" not in t.name),
                        tensor,
                    )
                )
            given = layer.feed(np.float32)
            found, wanted = ran(older, given), ran(newest, given)
            for name, theirs in wanted.items():
                np.testing.assert_allclose(found[name], theirs, rtol=1e-5, atol=1e-6, err_msg=str(case))
