"""A network as a checked ONNX model, made without torch; written in one file, or two above 2 GB."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper

import netdsl.codegen.onnx.rules  # noqa: F401  (fills the table of rules)
from netdsl.codegen.onnx.lower import Lowering, Place, first_paths
from netdsl.codegen.onnx.scope import ELEMENTS, Ledger, Names, Scope, names_used
from netdsl.codegen.onnx.simplify import rename, simplify
from netdsl.codegen.onnx.sizes import Sizes
from netdsl.codegen.onnx.weights import Array, WeightsError, check_weights, initial, stored
from netdsl.dims.extent import symbols_of
from netdsl.ir import Graph, Net
from netdsl.tensors import Weight

OPSET = 23
"""The newest opset whose operators onnxruntime 1.31 has both for the CPU and for CUDA. It reads models up to 26,
but the shape operators of 24 and later (Reshape, Transpose, Shape …) are not all there for CUDA: a graph would
travel between the two memories at each of them. `Swish` is gone from the CPU at 25."""

IR_VERSION = 11
"""The format that came with opset 23; onnxruntime 1.31 reads up to 13."""

LIMIT = 2**31 - 2**26
"""Bytes of weights that one file may hold: protobuf ends at 2 GiB, and the graph needs some of it."""

ALIGNMENT = 4096
"""Tensors in the second file start at pages, so that a runtime can map them."""

INLINE = 1024
"""Tensors of fewer bytes stay in the first file."""

Source = Callable[[str], Array]
"""Where the numbers of a weight come from, by its key."""


class ModelTooLarge(ValueError):
    """The weights do not fit into one protobuf; `save_onnx` writes them beside the model."""


@dataclass(frozen=True)
class Draft:
    """The model without the numbers of its weights: cheap at any size."""

    model: ModelProto
    weights: dict[str, Weight]
    """Those that the graph uses."""

    @property
    def bytes(self) -> int:
        return sum(w.elements * w.dtype.size for w in self.weights.values())


def onnx_model(net: Net, *, weights: Mapping[str, Array] | None = None, seed: int = 0) -> ModelProto:
    """The inference graph of a net with its weights, checked.

    Inputs and outputs have the net's names, a symbolic batch in front and the net's symbols as symbolic sizes;
    initialisers have the keys of the PyTorch state dict, node names the path of their block (`/d1/conv1/Conv`).
    `weights` are given by key, or drawn from `seed`. Outputs marked `aux` are left out.

    Raises `NetError` where ONNX cannot say an operation, `WeightsError` when `weights` do not fit, and
    `ModelTooLarge` above 2 GB (see `save_onnx`).
    """
    draft = draft_model(net)
    source = weight_source(net, draft, weights, seed)
    if draft.bytes > LIMIT:
        raise ModelTooLarge(f"{draft.bytes:,} bytes of weights do not fit into one protobuf: use `save_onnx`")
    attach(draft, source)
    return draft.model


def save_onnx(
    net: Net,
    path: str | Path,
    *,
    weights: Mapping[str, Array] | None = None,
    seed: int = 0,
    external: bool | None = None,
) -> Path:
    """Write `onnx_model(net, …)` to a file, and return its path.

    With `external` (by itself above 2 GB) the large weights go to `<path>.data`, one at a time, so that memory holds
    only one of them. Nothing stands under the final names until it is complete.
    """
    path = Path(path)
    draft = draft_model(net)
    source = weight_source(net, draft, weights, seed)
    if external is None:
        external = draft.bytes > LIMIT
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        if external:
            attach_beside(draft, source, folder / f"{path.name}.data")
        else:
            attach(draft, source)
        (folder / path.name).write_bytes(draft.model.SerializeToString(deterministic=True))
        for name in sorted(os.listdir(folder), key=len, reverse=True):  # the data before the model that reads it
            os.replace(folder / name, path.parent / name)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return path


def draft_model(net: Net) -> Draft:
    """Write and check the graph, without any weight."""
    graph = net.inference()
    batch = batch_symbol({s for v in graph.inputs for d in v.shape for s in symbols_of(d)})
    reserved = [v.name for v in graph.inputs] + [o.name for o in graph.outputs]
    ledger = Ledger(reserved, dict(net.weights()), batch)
    scope = Scope(ledger)
    read = {v for node in graph.nodes for v in node.inputs}
    lowering = Lowering(Sizes(scope, sorted(graph.inputs, key=lambda v: v not in read)), first_paths(net))
    names: Names = {v: v.name for v in graph.inputs}
    lowering.write(graph, scope, names, Place())
    lowering.check()
    bind_outputs(graph, scope, names)
    kept = [o.name for o in graph.outputs]
    draft = assemble(net, graph, scope, simplify(scope.nodes, kept))
    check(draft)
    return draft


def batch_symbol(taken: Collection[str]) -> str:
    """`N`, unless the net has a symbol of that name."""
    return next(name for name in ("N", "batch", "batch_size", "samples") if name not in taken)


def bind_outputs(graph: Graph, scope: Scope, names: Names) -> None:
    """Give the values that leave the graph the names of its outputs."""
    made = {name for node in scope.nodes for name in node.output}
    for output in graph.outputs:
        name = names[output.value]
        if name == output.name:
            continue
        if name in made:  # the first output that a value leaves by becomes its name everywhere
            for node in scope.nodes:
                rename(node, {name: output.name})
            names.update({v: output.name for v, n in names.items() if n == name})
            made.remove(name)
        else:
            scope.nodes.append(helper.make_node("Identity", [name], [output.name], name=f"/{output.name}/Identity"))


def assemble(net: Net, graph: Graph, scope: Scope, nodes: list[onnx.NodeProto]) -> Draft:
    """The model around the nodes: typed inputs, outputs and arrows, constants, and what a reader wants to know."""
    ledger = scope.ledger
    used = names_used(nodes) | {o.name for o in graph.outputs}
    outputs = {o.name for o in graph.outputs}
    arrows = {name for node in nodes for name in node.output} - outputs
    dropped = {v for node in net.nodes for v in node.inputs} - {v for node in graph.nodes for v in node.inputs}
    inputs = [v for v in graph.inputs if v not in dropped or v.name in used]
    proto = helper.make_graph(
        nodes,
        net.name,
        [ledger.info(v.name, v.type) for v in inputs],
        [ledger.info(o.name, o.value.type) for o in graph.outputs],
        [tensor for name, tensor in ledger.constants.items() if name in used],
        doc_string=net.doc,
        value_info=[ledger.info(name, kind) for name, kind in scope.types.items() if name in arrows],
    )
    model = helper.make_model(proto, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    model.producer_name, model.producer_version, model.doc_string = "netdsl", producer_version(), net.doc
    helper.set_model_props(model, properties(net))
    return Draft(model, {key: w for key, w in ledger.weights.items() if key in used})


def properties(net: Net) -> dict[str, str]:
    """What the file says about its origin: the net's name, its settings and what its sizes must obey."""
    settings = {k: v if isinstance(v, (bool, int, float, str, list)) else str(v) for k, v in net.settings.items()}
    sizes = {symbol: net.domain.sizes(symbol).describe(symbol) for symbol in net.symbols}
    found = {"netdsl.net": net.name, "netdsl.settings": json.dumps(settings, default=str)}
    return {**found, "netdsl.sizes": json.dumps(sizes)} if sizes else found


def producer_version() -> str:
    try:
        return version("netdsl")
    except PackageNotFoundError:
        return ""


def check(draft: Draft) -> None:
    """The full checker with strict shape inference. Weights stand as typed inputs: their numbers change nothing."""
    checked = ModelProto()
    checked.CopyFrom(draft.model)
    for key, weight in draft.weights.items():
        checked.graph.input.append(helper.make_tensor_value_info(key, ELEMENTS[weight.dtype], weight.shape))
    onnx.checker.check_model(checked, full_check=True)


def weight_source(net: Net, draft: Draft, weights: Mapping[str, Array] | None, seed: int) -> Source:
    """Where each weight comes from; given ones are compared with the net first."""
    if weights is None:
        return lambda key: initial(key, draft.weights[key], seed)
    check_weights(weights, draft.weights, (key for key, _ in net.weights()))
    return lambda key: stored(weights[key], key, draft.weights[key])


def attach(draft: Draft, source: Source) -> None:
    """Put every weight into the model."""
    for key in draft.weights:
        draft.model.graph.initializer.append(numpy_helper.from_array(source(key), key))


def attach_beside(draft: Draft, source: Source, path: Path) -> None:
    """Write the large weights to a file one by one; the model says where each of them is."""
    with open(path, "wb") as file:
        for key, weight in draft.weights.items():
            array = source(key)
            if array.nbytes < INLINE:
                draft.model.graph.initializer.append(numpy_helper.from_array(array, key))
                continue
            file.seek(-file.tell() % ALIGNMENT, os.SEEK_CUR)
            tensor = TensorProto(name=key, data_type=ELEMENTS[weight.dtype], dims=weight.shape)
            tensor.data_location = TensorProto.EXTERNAL
            place = {"location": path.name, "offset": file.tell(), "length": array.nbytes}
            for name, value in place.items():
                tensor.external_data.add(key=name, value=str(value))
            draft.model.graph.initializer.append(tensor)
            array.tofile(file)


__all__ = ["ModelTooLarge", "WeightsError", "onnx_model", "save_onnx"]
