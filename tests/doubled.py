"""An ONNX model with all its real numbers as float64, where onnxruntime's operators have that."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnx
from onnx import GraphProto, TensorProto, numpy_helper

SINGLE_ONLY = {
    "AveragePool", "Conv", "ConvTranspose", "Elu", "Erf", "GRU", "Gelu", "GlobalAveragePool", "GlobalMaxPool",
    "HardSigmoid", "HardSwish", "InstanceNormalization", "LRN", "LSTM", "LeakyRelu", "PRelu", "RNN", "Resize", "Softplus",
}  # fmt: skip
"""Operators that onnxruntime's CPU has for float32 alone."""


def doubled(model: onnx.ModelProto) -> onnx.ModelProto | None:
    """The same in float64; None where an operator is for float32 alone."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    rows = any(n.op_type == "LayerNormalization" and len(n.output) > 1 for n in model.graph.node)
    found = used(made.graph.node)
    if found & SINGLE_ONLY or rows:  # mean and deviation of rows are float32 by its definition
        return None
    if {
        "Pow",
        "ReduceMean",
        "Sqrt",
        "Div",
        "Mul",
    } <= found:  # made one kernel, which takes 1e-5 for any other float64 eps
        return None
    _double(made.graph)
    return made


def used(nodes: Iterable[onnx.NodeProto]) -> set[str]:
    """The operators of nodes and of the graphs in them."""
    found = set()
    for node in nodes:
        found.add(node.op_type)
        for attribute in node.attribute:
            found |= used(attribute.g.node)
    return found


def _double(graph: GraphProto) -> None:
    for tensor in graph.initializer:
        _widen(tensor)
    for info in (*graph.input, *graph.output, *graph.value_info):
        if info.type.tensor_type.elem_type == TensorProto.FLOAT:
            info.type.tensor_type.elem_type = TensorProto.DOUBLE
    for node in graph.node:
        if node.op_type == "ConstantOfShape" and not node.attribute:
            node.attribute.append(onnx.helper.make_attribute("value", numpy_helper.from_array(np.zeros(1))))
        for attribute in node.attribute:
            if attribute.HasField("t"):
                _widen(attribute.t)
            if attribute.HasField("g"):
                _double(attribute.g)
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.DOUBLE


def _widen(tensor: TensorProto) -> None:
    """Numbers that were written as float32 become the decimals that they stand for."""
    if tensor.data_type == TensorProto.FLOAT:
        array = numpy_helper.to_array(tensor)
        wide = np.array([float(str(v)) for v in array.ravel()], np.float64).reshape(array.shape)
        tensor.CopyFrom(numpy_helper.from_array(wide, tensor.name))
