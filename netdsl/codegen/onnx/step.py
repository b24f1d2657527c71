"""A training step as one ONNX file of ordinary operators: the contract is `docs/onnx-training.md`.

Inputs: the batch's fields by name, `learning_rate`, `seed`, and everything carried from step to step, which has its
first value as an initialiser. Outputs: `loss`, what else is reported, and `<name>:next` of everything carried.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from onnx import ModelProto, NodeProto, TensorProto, checker, helper, numpy_helper

import netdsl.codegen.onnx.rules  # noqa: F401  (fills the table of rules)
from netdsl.codegen.onnx.lower import Lowering, Place
from netdsl.codegen.onnx.model import IR_VERSION, OPSET, batch_symbol, producer_version
from netdsl.codegen.onnx.scope import ELEMENTS, Ledger, Names, Scope, names_used
from netdsl.codegen.onnx.simplify import simplify
from netdsl.codegen.onnx.sizes import Sizes
from netdsl.codegen.onnx.weights import Array, initial, stored
from netdsl.dims.extent import symbols_of
from netdsl.ir import Net
from netdsl.passes.step import RATE, SEED, Step, training_step
from netdsl.tensors import TensorType, Value

NEXT = ":next"


def onnx_step(net: Net, *, weights: Mapping[str, Array] | None = None, seed: int = 0) -> ModelProto:
    """The training step of a net's recipe as a checked model; weights are given or drawn from `seed`."""
    step = training_step(net)
    fields = list(step.fields.values())
    batch = batch_symbol({s for v in fields for d in v.shape for s in symbols_of(d)})
    carried = {c.name: c.weight for c in step.carried}
    known = {**carried, **{w.name: w.weight for w in step.constant}}
    outputs = _outputs(step)
    ledger = Ledger([*step.fields, RATE, SEED, *(name for name, _ in outputs)], known, batch)
    scope = Scope(ledger)
    names: Names = {v: v.name for v in [*fields, step.rate, step.seed]}
    names.update({c.value: c.name for c in step.carried})
    names.update({w: w.name for w in step.constant})
    lowering = Lowering(Sizes(scope, fields), {})
    lowering.write(step.graph, scope, names, Place())
    lowering.check()
    for name, value in outputs:
        scope.nodes.append(helper.make_node("Identity", [names[value]], [name], name=f"/{name}/Identity"))
    nodes = simplify(scope.nodes, [name for name, _ in outputs])
    model = _model(step, scope, nodes, outputs)
    _check(model)
    for name, weight in known.items():
        array = stored(weights[name], name, weight) if weights and name in weights else initial(name, weight, seed)
        model.graph.initializer.append(numpy_helper.from_array(array, name))
    return model


def _outputs(step: Step) -> list[tuple[str, Value]]:
    return [
        ("loss", step.loss),
        *((name, value) for name, value in step.reported.items() if name not in step.fields),
        *((f"{c.name}{NEXT}", c.following) for c in step.carried),
    ]


def _model(
    step: Step, scope: Scope, nodes: list[NodeProto], outputs: list[tuple[str, Value]]
) -> ModelProto:
    ledger = scope.ledger
    used = names_used(nodes)
    arrows = {name for node in nodes for name in node.output} - {name for name, _ in outputs}
    plain = [v for v in [*step.fields.values(), step.rate, step.seed] if v.name in used]
    inputs = [ledger.info(v.name, v.type) for v in plain]
    inputs += [helper.make_tensor_value_info(k, ELEMENTS[w.dtype], w.shape) for k, w in ledger.known.items()]
    graph = helper.make_graph(
        nodes,
        f"{step.net.name}_step",
        inputs,
        [ledger.info(name, value.type) for name, value in outputs],
        [tensor for name, tensor in ledger.constants.items() if name in used],
        doc_string=step.net.doc,
        value_info=[ledger.info(n, t) for n, t in scope.types.items() if n in arrows and _plain(t)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    model.producer_name, model.producer_version, model.doc_string = "netdsl", producer_version(), step.net.doc
    helper.set_model_props(model, _properties(step))
    return model


def _plain(type: TensorType) -> bool:
    return all(isinstance(d, int) for d in type.shape)


def _properties(step: Step) -> dict[str, str]:
    """The contract in the file itself."""
    return {
        "netdsl.net": step.net.name,
        "netdsl.kind": "training-step",
        "netdsl.fields": json.dumps(list(step.fields)),
        "netdsl.carried": json.dumps([c.name for c in step.carried]),
        "netdsl.reported": json.dumps(list(step.reported)),
    }


def _check(model: ModelProto) -> None:
    checked = ModelProto()
    checked.CopyFrom(model)
    checker.check_model(checked, full_check=True)


__all__ = ["TensorProto", "onnx_step"]
