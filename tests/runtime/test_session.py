"""Running models: names, shapes and elements are checked, devices chosen, failures said in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_graphs import H, apply, conv_net, leave, numbers, value

from netdsl.codegen.onnx.lowering import rules
from netdsl.codegen.onnx.model import onnx_model
from netdsl.dims import Dim, Domain, compare
from netdsl.dims.tensors import TensorType, Value
from netdsl.graph import Net, invariants
from netdsl.ops.activation import Relu
from netdsl.runtime.sessions.session import Session, SessionError, cuda_devices


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
    with pytest.raises(SessionError, match=r"none\.onnx: no such file"):
        Session(tmp_path / "none.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"this is not a model")
    with pytest.raises(SessionError, match=r"bad\.onnx is no ONNX model"):
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


def test_sizes_that_a_net_takes_stand_in_the_file_and_in_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    def rows(op: Any, inputs: Any, build: Any) -> Any:
        return build.node("Reshape", [inputs[0], build.ints(0, -1, 16)])

    monkeypatch.setitem(rules.table, "relu", rows)
    monkeypatch.setattr(invariants, "WATCHES", [])  # no operation gives such rows
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
