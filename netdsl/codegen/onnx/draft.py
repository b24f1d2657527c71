"""An ONNX file in the making: the checked graph first, the numbers of its weights last, in one file or two."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import onnx
from onnx import GraphProto, ModelProto, TensorProto, helper, numpy_helper

from netdsl.base.arrays import Array
from netdsl.base.errors import RunError
from netdsl.base.files import replacing
from netdsl.codegen.onnx.lowering import TensorName
from netdsl.codegen.onnx.opsets import IR_VERSIONS, opset_of
from netdsl.codegen.onnx.scope import ELEMENTS, GraphScope, ValueNames
from netdsl.codegen.onnx.simplify import rename
from netdsl.dims.tensors import Value, Weight

LIMIT = 2**31 - 2**26
"""Bytes of weights that one file may hold: protobuf ends at 2 GiB, and the graph needs some of it."""

ALIGNMENT = 4096
"""Tensors in the second file start at pages, so that a runtime can map them."""

INLINE = 1024
"""Tensors of fewer bytes stay in the first file."""

ArraySource = Callable[[str], Array]
"""Where the numbers of a weight come from, by its key."""


class ModelTooLarge(RunError, ValueError):
    """The weights do not fit into one protobuf; they are written beside the model when it is saved."""


@dataclass(frozen=True)
class Draft:
    """The model without the numbers of its weights: cheap at any size."""

    model: ModelProto
    weights: dict[str, Weight]
    """Those that the graph uses."""
    called: Mapping[str, str] = field(default_factory=dict)
    """The names in the file of those that are not called as their key is."""

    @property
    def bytes(self) -> int:
        return sum(w.elements * w.dtype.size for w in self.weights.values())


def batch_symbol(taken: Collection[str]) -> str:
    """`N`, unless the net has a symbol of that name."""
    return next(name for name in ("N", "batch", "batch_size", "samples") if name not in taken)


def bind_outputs(outputs: Collection[tuple[str, Value]], scope: GraphScope, names: ValueNames) -> None:
    """Give the values that leave the graph the names of its outputs.

    The first output that a value leaves by becomes its name everywhere; further ones, and values that were not made
    here, are copied.
    """
    made = {name for node in scope.nodes for name in node.output}
    renamed: dict[str, TensorName] = {}
    copies: list[tuple[TensorName, str]] = []
    for output, value in outputs:
        name = names[value]
        if name in made and name not in renamed:
            renamed[name] = TensorName(output)
        elif name != output:
            copies.append((name, output))
    for node in scope.nodes:
        rename(node, renamed)
    names.update({v: renamed[n] for v, n in names.items() if n in renamed})
    for name, output in copies:
        source = renamed.get(name, name)
        scope.nodes.append(helper.make_node("Identity", [source], [output], name=f"/{output}/Identity"))


def make_model(graph: GraphProto, doc: str, properties: dict[str, str], opset: int | None = None) -> ModelProto:
    """The file around a graph: formats, who made it, and what a reader wants to know."""
    opset = opset or opset_of(graph.node)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=IR_VERSIONS[opset])
    model.producer_name, model.producer_version, model.doc_string = "netdsl", producer_version(), doc
    helper.set_model_props(model, properties)
    return model


def producer_version() -> str:
    try:
        return version("netdsl")
    except PackageNotFoundError:
        return ""


def check(draft: Draft) -> None:
    """The full checker with strict shape inference. Weights stand as typed inputs: their numbers change nothing."""
    checked = ModelProto()
    checked.CopyFrom(draft.model)
    inputs = {value.name for value in checked.graph.input}
    for key, weight in draft.weights.items():
        name = draft.called.get(key, key)
        if name not in inputs:
            checked.graph.input.append(helper.make_tensor_value_info(name, ELEMENTS[weight.dtype], weight.shape))
    onnx.checker.check_model(checked, full_check=True)


def complete(draft: Draft, source: ArraySource) -> ModelProto:
    """The model with every weight in it; `ModelTooLarge` above 2 GB."""
    if draft.bytes > LIMIT:
        raise ModelTooLarge(f"{draft.bytes:,} bytes of weights do not fit into one protobuf: save it to a file instead")
    attach(draft, source)
    return draft.model


def save(
    draft: Draft, source: ArraySource, path: str | Path, external: bool | None = None, held: ExitStack | None = None
) -> Path:
    """Write the model to a file, and return its path.

    With `external` (by itself above 2 GB) the large weights go to `<path>.data`, one at a time, so that memory holds
    only one of them. Nothing stands under the final names until it is complete, nor before `held` is left well, where
    it is one of several: the one that was saved first takes its place last.
    """
    path = Path(path)
    with ExitStack() as own:
        files = own if held is None else held
        new = files.enter_context(replacing(path))
        if draft.bytes > LIMIT if external is None else external:
            data = files.enter_context(replacing(path.with_name(f"{path.name}.data")))
            attach_beside(draft, source, data, f"{path.name}.data")
        else:
            attach(draft, source)
        new.write_bytes(draft.model.SerializeToString(deterministic=True))
    return path


def attach(draft: Draft, source: ArraySource) -> None:
    """Put every weight into the model."""
    for key in draft.weights:
        draft.model.graph.initializer.append(numpy_helper.from_array(source(key), draft.called.get(key, key)))


def attach_beside(draft: Draft, source: ArraySource, path: Path, location: str) -> None:
    """Write the large weights to a file one by one; the model says where at `location` each is."""
    with open(path, "wb") as file:
        for key, weight in draft.weights.items():
            array, name = source(key), draft.called.get(key, key)
            if array.nbytes < INLINE:
                draft.model.graph.initializer.append(numpy_helper.from_array(array, name))
                continue
            file.seek(-file.tell() % ALIGNMENT, os.SEEK_CUR)
            tensor = TensorProto(name=name, data_type=ELEMENTS[weight.dtype], dims=weight.shape)
            tensor.data_location = TensorProto.EXTERNAL
            place = {"location": location, "offset": file.tell(), "length": array.nbytes}
            for part, value in place.items():
                tensor.external_data.add(key=part, value=str(value))
            draft.model.graph.initializer.append(tensor)
            array.tofile(file)
