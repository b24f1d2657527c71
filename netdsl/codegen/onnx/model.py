"""A network as a checked ONNX model, made without torch; written in one file, or two above 2 GB."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

from onnx import ModelProto, NodeProto, helper

import netdsl.codegen.onnx.rules  # noqa: F401  (fills the table of rules)
from netdsl.base.asking import public
from netdsl.codegen.onnx.draft import (
    ArraySource,
    Draft,
    ModelTooLarge,
    batch_symbol,
    bind_outputs,
    check,
    complete,
    make_model,
    save,
)
from netdsl.codegen.onnx.lower import Lowering, NodePlace
from netdsl.codegen.onnx.lowering import TensorName
from netdsl.codegen.onnx.opsets import checked_opset
from netdsl.codegen.onnx.passes import finished
from netdsl.codegen.onnx.scope import GraphScope, Ledger, ValueNames, names_used, seed_input, seed_property
from netdsl.codegen.onnx.sizes import RuntimeSizes
from netdsl.codegen.onnx.weights import initial, start
from netdsl.dims.extent import symbols_of
from netdsl.graph import Graph, Net
from netdsl.graph.meaning import answer
from netdsl.ops.base import RuleError
from netdsl.passes.pipeline import inference
from netdsl.weights.files import WeightsError
from netdsl.weights.fit import GivenWeights, fit
from netdsl.weights.given import WeightSource, given_weights, origin


@public()
def onnx_model(net: Net, *, weights: WeightSource | None = None, seed: int = 0, opset: int | None = None) -> ModelProto:
    """The inference graph of a net with its weights, checked.

    Inputs and outputs have the net's names, a symbolic batch in front and the net's symbols as symbolic sizes;
    initialisers have the keys of the PyTorch state dict, node names the path of their block (`/d1/conv1/Conv`).
    `weights` are those of a file, or arrays by key; else they are drawn from `seed`. Outputs marked `aux` are left out.
    It is of opset 21, or 23 where that does not say all; `opset`, 17 to 21, is for runtimes that read no newer one.

    Raises `NetError` where ONNX cannot say an operation, `WeightsError` when `weights` do not fit, and
    `ModelTooLarge` above 2 GB (see `save_onnx`).
    """
    given = None if weights is None else given_weights(net, weights)
    draft = draft_model(net, given, opset)
    return complete(draft, weight_source(net, draft, given, seed))


@public()
def save_onnx(
    net: Net,
    path: str | Path,
    *,
    weights: WeightSource | None = None,
    seed: int = 0,
    external: bool | None = None,
    opset: int | None = None,
) -> Path:
    """Write `onnx_model(net, …)` to a file, and return its path.

    With `external` (by itself above 2 GB) the large weights go to `<path>.data`, one at a time, so that memory holds
    only one of them. Nothing stands under the final names until it is complete.
    """
    given = None if weights is None else given_weights(net, weights)
    draft = draft_model(net, given, opset)
    return save(draft, weight_source(net, draft, given, seed), path, external)


def draft_model(net: Net, weights: GivenWeights | None = None, opset: int | None = None) -> Draft:
    """Write and check the graph, without any weight; `weights` tell what they were trained on, if they know."""
    graph = inference(net)
    batch = batch_symbol({s for v in graph.inputs for d in v.shape for s in symbols_of(d)})
    reserved = [v.name for v in graph.inputs] + [o.name for o in graph.outputs]
    ledger = Ledger(reserved, dict(net.weights()), batch, opset=checked_opset(opset))
    ledger.called = {o.name: ledger.unique(f"{o.name}/param") for o in graph.outputs if o.name in ledger.known}
    scope = GraphScope(ledger)
    read = {v for node in graph.nodes for v in node.inputs}
    lowering = Lowering(RuntimeSizes(scope, sorted(graph.inputs, key=lambda v: v not in read)))
    names: ValueNames = {v: TensorName(v.name) for v in graph.inputs}
    lowering.write(graph, scope, names, NodePlace())
    lowering.check()
    bind_outputs([(o.name, o.value) for o in graph.outputs], scope, names)
    kept = [o.name for o in graph.outputs]
    draft = assemble(net, graph, scope, finished(scope.nodes, kept, ledger), {} if weights is None else _known(weights))
    check(draft)
    return draft


def _known(weights: GivenWeights) -> dict[str, object]:
    """What weights tell of their training; of several by label also the sha256 of each file."""
    return {**weights.facts, **({"weights": origin(weights)} if weights.parts else {})}


def assemble(
    net: Net, graph: Graph, scope: GraphScope, nodes: list[NodeProto], trained: Mapping[str, object] | None = None
) -> Draft:
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
        [*(ledger.info(v.name, v.type) for v in inputs), *seed_input(ledger)],
        [ledger.info(o.name, o.value.type) for o in graph.outputs],
        [tensor for name, tensor in ledger.constants.items() if name in used],
        doc_string=net.doc,
        value_info=[ledger.info(name, kind) for name, kind in scope.types.items() if name in arrows],
    )
    told = {**properties(net, trained), **seed_property(ledger), **_states(net, {v.name for v in inputs})}
    model = make_model(proto, net.doc, told, ledger.opset)
    held = {key: w for key, w in ledger.weights.items() if ledger.called.get(key, key) in used}
    return Draft(model, held, ledger.called)


def properties(net: Net, trained: Mapping[str, object] | None = None) -> dict[str, str]:
    """What the file says about its origin: the net's name, its settings, what its sizes must obey, and its data.

    What files have to become before the net reads them (`netdsl.picture`), what its classes are called
    (`netdsl.classes`) and how they are coloured (`netdsl.colours`) is what the weights were `trained` on, else what the
    recipe declares; what the first output is (`netdsl.answer`) follows from its losses and metrics.
    """
    settings = {
        k: v if isinstance(v, (bool, int, float, str, list)) else getattr(v, "text", str(v))
        for k, v in net.settings.items()
    }
    sizes = {symbol: net.domain.sizes(symbol).describe(symbol) for symbol in net.symbols}
    found = {"netdsl.net": net.name, "netdsl.settings": json.dumps(settings, default=str)}
    facts = {"netdsl.sizes": sizes, **{f"netdsl.{k}": v for k, v in {**_declared(net), **(trained or {})}.items()}}
    facts["netdsl.answer"] = answer(net, {"classes": facts.get("netdsl.classes")})
    told = (
        "netdsl.answer",
        "netdsl.sizes",
        "netdsl.picture",
        "netdsl.classes",
        "netdsl.colours",
        "netdsl.table",
        "netdsl.words",
        "netdsl.weights",
    )
    return {**found, **{k: json.dumps(facts[k]) for k in told if facts.get(k)}}


def _states(net: Net, inputs: Container[str]) -> dict[str, str]:
    """What is to go from call to call: by input the output that it becomes, and what it is before the first call."""
    kept = {s.name: {"next": s.output, "start": s.initial} for s in net.states if s.name in inputs}
    return {"netdsl.states": json.dumps(kept)} if kept else {}


def _declared(net: Net) -> dict[str, Any]:
    """What the recipe says about the data; nothing where it does not fit the net."""
    data = net.recipe.data if net.recipe is not None else None
    try:
        return data.facts({v.name: v.type for v in net.fed}, net.defaults) if data is not None else {}
    except RuleError:
        return {}


def weight_source(net: Net, draft: Draft, weights: GivenWeights | None, seed: int) -> ArraySource:
    """Where each weight comes from; given ones are compared with the net first."""
    if weights is None:
        return lambda key: initial(key, draft.weights[key], seed)
    given = fit(weights, draft.weights, (key for key, _ in net.weights()), net.name)
    return lambda key: start(key, draft.weights[key], given, seed)


__all__ = ["ModelTooLarge", "WeightsError", "batch_symbol", "onnx_model", "save_onnx"]
