"""A training step as one ONNX file of ordinary operators: the contract is `docs/onnx-training.md`.

Inputs: the batch's fields by name, `learning_rate`, `seed`, and everything carried from step to step, which has its
first value as an initialiser. Outputs: `loss`, what else is reported, and `<name>:next` of everything carried.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import safetensors.numpy
from onnx import ModelProto, NodeProto, helper

import netdsl.codegen.onnx.rules  # noqa: F401  (fills the table of rules)
from netdsl.base.arrays import Array
from netdsl.base.asking import public
from netdsl.base.files import replacing
from netdsl.codegen.onnx.draft import ArraySource, Draft, batch_symbol, bind_outputs, check, complete, make_model, save
from netdsl.codegen.onnx.lower import Lowering, NodePlace
from netdsl.codegen.onnx.lowering import TensorName
from netdsl.codegen.onnx.model import properties
from netdsl.codegen.onnx.passes import finished_step
from netdsl.codegen.onnx.scope import ELEMENTS, GraphScope, Ledger, ValueNames, names_used
from netdsl.codegen.onnx.sizes import RuntimeSizes
from netdsl.codegen.onnx.weights import start
from netdsl.dims.extent import symbols_of
from netdsl.dims.tensors import TensorType
from netdsl.graph import Net, Part
from netdsl.graph.clock import of_clock
from netdsl.passes.optimize import AVERAGE, SEPARATOR
from netdsl.passes.pipeline import training_step
from netdsl.passes.step import NEXT, TrainingStep, part_of
from netdsl.recipe import steering_of
from netdsl.text.diagnostics import Diagnostic, Label, NetError
from netdsl.weights.fit import Fitted, fit
from netdsl.weights.given import WeightSource, given_weights

CONTRACT = "3"
"""The version of `docs/onnx-training.md` that a file follows."""


@public()
def onnx_step(
    net: Net,
    *,
    weights: WeightSource | None = None,
    seed: int = 0,
    cuda: bool = False,
    recipe: str | None = None,
    part: str | None = None,
    epoch: int = 0,
) -> ModelProto:
    """The training step of a net's recipe as a checked model that can start by itself.

    It is the recipe in force, unless `recipe` names another; of one that has parts it is the step of one `part`, and of
    one that freezes rows in its first epochs that of an `epoch`, counted from 0.
    `weights` are given by state-dict key (the optimizer's state by `<key>:<slot>`, zero where it is left out), or
    drawn from `seed`. The graph runs everywhere; it is spelt to be fast on a CPU, or on CUDA with `cuda`.
    Raises `NetError` where something cannot be learned or said, `WeightsError` when `weights` do not fit, and
    `ModelTooLarge` above 2 GB (see `save_step`).
    """
    draft, source = _drafted(net if recipe is None else net.by(recipe), part, epoch, weights, seed, cuda)
    return complete(draft, source)


@public()
def save_step(
    net: Net,
    path: str | Path,
    *,
    weights: WeightSource | None = None,
    seed: int = 0,
    cuda: bool = False,
    external: bool | None = None,
    state: str | Path | None = None,
    recipe: str | None = None,
    part: str | None = None,
    epoch: int = 0,
) -> Path:
    """Write `onnx_step(net, …)` to a file, and return its path; large weights beside it as `save_onnx` does.

    With `state`, a safetensors file of that name, what is carried has no first value in the model: it is in that file.
    """
    net, files = net if recipe is None else net.by(recipe), {(part, epoch): Path(path)}
    save_steps(net, files, weights=weights, seed=seed, cuda=cuda, external=external, state=state)
    return Path(path)


def save_steps(
    net: Net,
    files: Mapping[tuple[str | None, int], Path],
    *,
    weights: WeightSource | None,
    seed: int,
    cuda: bool,
    external: bool | None = None,
    state: str | Path | None = None,
) -> None:
    """Write the step of each part and epoch to its file, all of them or none; `state` is one for all."""
    first: dict[str, Array] = {}
    with ExitStack() as held:
        place = None if state is None else held.enter_context(replacing(Path(state)))
        for (part, epoch), path in files.items():
            draft, source = _drafted(net, part, epoch, weights, seed, cuda)
            if place is None:
                save(draft, source, path, external, held)
            else:
                first |= _save_bare(draft, source, held.enter_context(replacing(path)))
        if place is not None:
            place.write_bytes(safetensors.numpy.save(first))


def _drafted(
    net: Net, part: str | None, epoch: int, weights: WeightSource | None, seed: int, cuda: bool
) -> tuple[Draft, ArraySource]:
    """The graph of a step, and where it starts."""
    draft = draft_step(training_step(net, part=_part(net, part), epoch=epoch), cuda=cuda)
    return draft, step_source(net, draft, weights, seed)


def _save_bare(draft: Draft, source: ArraySource, path: Path) -> dict[str, Array]:
    """Write the step with everything carried as an input that has no first value, and return these values by name."""
    state = {key: source(key) for key in draft.weights}
    draft.model.metadata_props.add(key="netdsl.state", value=json.dumps(list(state)))
    path.write_bytes(draft.model.SerializeToString(deterministic=True))
    return state


def _part(net: Net, name: str | None) -> Part | None:
    return None if name is None else part_of(net, name)


def draft_step(step: TrainingStep, sizes: Mapping[str, int] | None = None, *, cuda: bool = False) -> Draft:
    """Write and check the graph without the numbers it starts from; `cuda` spells it for that, to the same meaning.

    With `sizes`, the size of every symbol, recurrences of that length are written out, so that nothing is control flow.
    """
    fields = list(step.fields.values())
    batch = batch_symbol({s for v in fields for d in v.shape for s in symbols_of(d)})
    carried = {c.name: c.weight for c in step.carried}
    known = {**carried, **{w.name: w.weight for w in step.constant}}
    outputs = step.outputs
    held = [c.name for c in step.carried] + [w.name for w in step.constant]
    _check_names(step, [*(v.name for v in step.inputs), *held], [name for name, _ in outputs])
    ledger = Ledger([*(v.name for v in step.inputs), *(name for name, _ in outputs)], known, batch, cuda)
    scope = GraphScope(ledger)
    names: ValueNames = {v: TensorName(v.name) for v in step.inputs}
    names.update({c.value: TensorName(c.name) for c in step.carried})
    names.update({w: TensorName(w.name) for w in step.constant})
    lowering = Lowering(RuntimeSizes(scope, fields, sizes), mixed=step.precision != "no")
    lowering.write(step.graph, scope, names, NodePlace())
    lowering.check()
    bind_outputs(outputs, scope, names)
    kept = [name for name, _ in outputs]
    nodes = finished_step(scope.nodes, kept, ledger, step.precision)
    used = names_used(nodes)
    draft = Draft(_model(step, scope, nodes), {k: w for k, w in known.items() if k in carried or k in used})
    for key, weight in draft.weights.items():
        draft.model.graph.input.append(helper.make_tensor_value_info(key, ELEMENTS[weight.dtype], weight.shape))
    check(draft)
    return draft


def _check_names(step: TrainingStep, inputs: list[str], outputs: list[str]) -> None:
    """Names of inputs and outputs are the contract: none can be changed to make room for another."""
    twice = [name for name, count in Counter([*inputs, *outputs]).items() if count > 1]
    if twice:
        assert step.net.span is not None
        message = f"two inputs or outputs of the training step would be called `{twice[0]}`"
        help = "give the input, output, label or `param` of that name another one"
        raise NetError([Diagnostic("not-supported-by-target", message, (Label(step.net.span),), help=help)])


def _model(step: TrainingStep, scope: GraphScope, nodes: list[NodeProto]) -> ModelProto:
    ledger = scope.ledger
    used = names_used(nodes)
    outputs = step.outputs
    arrows = {name for node in nodes for name in node.output} - {name for name, _ in outputs}
    graph = helper.make_graph(
        nodes,
        f"{step.net.name}_step",
        [ledger.info(v.name, v.type) for v in step.inputs],
        [ledger.info(name, value.type) for name, value in outputs],
        [tensor for name, tensor in ledger.constants.items() if name in used],
        doc_string=step.net.doc,
        value_info=[ledger.info(n, t) for n, t in scope.types.items() if n in arrows and _plain(t)],
    )
    return make_model(graph, step.net.doc, {**properties(step.net), **_contract(step, ledger)})


def _plain(type: TensorType) -> bool:
    return all(isinstance(d, int) for d in type.shape)


def _contract(step: TrainingStep, ledger: Ledger) -> dict[str, str]:
    """The contract in the file itself, for a program that has nothing but the file."""
    assert step.net.recipe is not None
    optimizer = step.part.optimizer
    settings = step.net.recipe.settings
    named = {"netdsl.recipe": step.net.recipe.name} if step.net.recipe.name else {}
    if step.part.name:
        parts = [part.name for part in step.net.recipe.parts]
        named |= {"netdsl.part": step.part.name, "netdsl.parts": json.dumps(parts)}
    stages = steering_of(settings).stages
    if len(stages) > 1:
        named |= {"netdsl.epoch": str(step.epoch), "netdsl.epochs": json.dumps(stages)}
    if settings.get("ema") is not None:
        named |= {"netdsl.ema": repr(settings["ema"])}
    return {
        **named,
        "netdsl.kind": "training-step",
        "netdsl.contract": CONTRACT,
        "netdsl.fields": json.dumps([name for name, value in step.fields.items() if not of_clock(value)]),
        "netdsl.reported": json.dumps(list(step.reported)),
        "netdsl.carried": json.dumps([c.name for c in step.carried]),
        "netdsl.optimizer": repr(optimizer),
        "netdsl.learning_rate": repr(float(optimizer.lr)),
        "netdsl.accumulate": str(settings.get("accumulate", 1)),
        "netdsl.precision": step.precision,
        "netdsl.device": "cuda" if ledger.cuda else "cpu",
    }


def step_source(net: Net, draft: Draft, weights: WeightSource | None, seed: int) -> ArraySource:
    """Where each carried tensor starts: given ones are compared with the net first, state may be left out."""
    given = {} if weights is None else _fitted(net, draft, weights)

    def source(key: str) -> Array:
        averaged = key.removesuffix(f"{SEPARATOR}{AVERAGE}")
        if key not in given and averaged != key:
            return source(averaged)
        return start(key, draft.weights[key], given, seed)

    return source


def _fitted(net: Net, draft: Draft, weights: WeightSource) -> Fitted:
    """The given weights that a step starts from, and the state of its optimizer as far as it is given."""
    given, own = given_weights(net, weights), dict(net.weights())
    needed = {k: w for k, w in draft.weights.items() if k in own or k in given.tensors}
    return fit(given, needed, [*own, *draft.weights], net.name)


__all__ = ["CONTRACT", "NEXT", "draft_step", "onnx_step", "save_step", "step_source"]
