"""Networks built by hand, node by node, for the tests of the ONNX target; and what they compute, in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from netdsl.dims import Dim
from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.graph import Block, Graph, Net, Node, Output, result_types
from netdsl.ops.activation import Relu
from netdsl.ops.base import Op
from netdsl.ops.conv import Conv
from netdsl.text.source import Source, Span

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
