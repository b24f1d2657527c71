"""Names that Python, PyTorch or emitted source have a use for: each is a name like any other, in every place.

What the language keeps for itself is refused where it stands; all else means the same on every target, and the keys of
the weights are the author's names.
"""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from netdsl.codegen.onnx.model import onnx_model
from netdsl.codegen.pytorch.dialect import DIALECT
from netdsl.codegen.pytorch.module import torch_module
from netdsl.codegen.pytorch.source import net_class_name, torch_source
from netdsl.codegen.pytorch.support import SUPPORT
from netdsl.graph import Net
from netdsl.ops import REGISTRY
from netdsl.program import check_text, load_text

torch.set_num_threads(1)

LANGUAGE = {"and", "or", "not", "in", "if", "else", "for", "each", "True", "False", "_", "training", *REGISTRY}
OWN = (
    "self", "torch", "nn", "F", "Tensor", "math", "OrderedDict", "x", "x_", "_x", "__x", "x__x", "y_", "z", "out", "i",
    "step", "one_step", "h_0", "steps", "args", "kwargs", "cls", "float32", "int64", "dtype", "device", "shape", "size",
    "Named", "Inner", "in_features", "in_channels", "a_t", "y_t", "bilinear_", "B", "H", "W", "C", "unused", "next_x",
)  # fmt: skip
MODULES = (nn.Module(), nn.Sequential(), nn.ModuleDict(), nn.Parameter(torch.empty(0)))
WORDS = sorted(
    {*(a for m in MODULES[:3] for a in dir(m)), *keyword.kwlist, *keyword.softkwlist, *dir(builtins), *OWN, *SUPPORT}
    - LANGUAGE
)
FEW = (
    "named_modules", "_modules", "_parameters", "children", "forward", "state_dict", "train", "half", "type", "_x",
    "__x", "__init__", "x_", "x", "self", "self_", "torch", "F", "step", "OneHot", "class", "i", "Inner", "T_destination",
)  # fmt: skip


def joined(values: list[str]) -> str:
    return f"output everything: ({', '.join(values)}) -> concat"


def net(rows: list[str], head: str = "N", before: list[str] | None = None) -> str:
    return "\n".join([*(before or []), f"net {head} {{", "input a [4]", *rows, "}"])


def block(kind: str, rows: list[str], shape: str = "[4]") -> str:
    return "\n".join([f"{kind} inner {{", "input a", *rows, "}", "net N {", f"input a {shape}", "a -> inner", "}"])


def many(words: list[str], row: str) -> list[str]:
    return [row.format(w=w, i=i) for i, w in enumerate(words)]


def as_settings(words: list[str], row: str) -> str:
    head = f"N({', '.join(f'{w} = 2' for w in words)})"
    return net([joined(many(words, row))], head)


def as_block_settings(words: list[str]) -> str:
    names, layers = ", ".join(words), ", ".join(many(words, "a -> linear({w}) -> slice(0, start={w} - 1)"))
    calls = [f"a -> inner({', '.join([str(n)] * len(words))})" for n in (2, 3)]
    text = f"block inner({names}) {{\ninput a\n({layers}, a) -> concat\n}}"
    return net([joined(calls)], before=[text])


def as_blocks(words: list[str], row: str) -> str:
    blocks = many(words, "block {w} {{\ninput a\nlinear(1) -> relu\n}}")
    return net([row.format(joined=", ".join(many(words, "a -> {w}")))], before=blocks)


def as_states(words: list[str]) -> str:
    rows = [*many(words, "state {w} [1] = 0.5"), *many(words, "next {w}: (a, {w}) -> concat -> linear(1)")]
    return block("recurrent", [*rows, f"output everything: ({', '.join([*words, 'a'])}) -> concat"], "[3, 4]")


def as_inputs(words: list[str]) -> str:
    given = ", ".join(many(words, "{w} [2]"))
    return f"net N {{\ninput {given}\n{joined([*many(words, '{w} -> linear(1)'), words[0]])}\n}}"


def as_block_inputs(words: list[str]) -> str:
    text = f"block inner {{\ninput {', '.join(words)}\n({', '.join([*many(words, '{w} -> relu'), words[0]])}) -> concat\n}}"
    given = f"({', '.join(['a'] * len(words))})" if len(words) > 1 else "a"
    return net([f"{given} -> inner"], before=[text])


Place = Callable[[list[str]], str]
PLACES: dict[str, Place] = {
    "label of a layer": lambda ws: net([*many(ws, "{w}: a -> linear(1)"), joined([*ws, "a"])]),
    "label of several": lambda ws: net([*many(ws, "{w}: a -> linear(2) -> relu -> linear(1)"), joined([*ws, "a"])]),
    "label of a table": lambda ws: net([*many(ws, "{w}: (a -> linear(1)) + (a -> linear(1))"), joined([*ws, "a"])]),
    "label without weights": lambda ws: net([*many(ws, "{w}: a -> relu"), joined([*ws, *ws, "a -> linear(2)"])]),
    "label in a value": lambda ws: net([
        f"rows: each turn in range(2) {{\n{chr(10).join(many(ws, '{w}: a -> linear(1)'))}\n({', '.join([*ws, 'a'])}) -> concat\n}}",
        "rows -> concat",
    ]),
    "param": lambda ws: net([*many(ws, "param {w} [4]"), joined([*many(ws, "a * {w}"), "a"])]),
    "setting": lambda ws: as_settings(ws, "a -> linear({w})"),
    "setting of a cut": lambda ws: as_settings(ws, "a -> slice(0, start={w})"),
    "setting of a block": as_block_settings,
    "let": lambda ws: net([*many(ws, "let {w} = 2"), joined([*many(ws, "a -> linear({w})"), "a"])]),
    "loop": lambda ws: net([joined([*many(ws, "(each {w} in range(2) {{ a -> linear({w} + 1) }}) -> concat"), "a"])]),
    "input": as_inputs,
    "input of a block": as_block_inputs,
    "output": lambda ws: net([*many(ws, "output {w}: a -> linear(1)"), "output besides: a -> linear(2)"]),
    "output of training": lambda ws: net([*many(ws, "output aux {w}: a -> linear(1)"), "output besides: a -> linear(2)"]),
    "block": lambda ws: as_blocks(ws, "output everything: ({joined}, a) -> concat"),
    "block in a row": lambda ws: as_blocks(ws, "row: ({joined}, a) -> concat\noutput everything: row -> relu"),
    "part of a bundle": lambda ws: net([*many(ws, "({w}, q{i}): a -> split(2)"), joined([*ws, "q0"])]),
    "shared layer": lambda ws: net([*many(ws, "shared {w}: linear(4)"), joined([*many(ws, "a -> {w} -> {w}"), "a"])]),
    "label in a block": lambda ws: block("block", [*many(ws, "{w}: a -> linear(1)"), f"({', '.join([*ws, 'a'])}) -> concat"]),
    "label in a recurrent block": lambda ws: block("recurrent", [
        "state h [4] = 0.5", *many(ws, "{w}: (a, h) -> concat -> linear(4)"), f"next h: ({', '.join([*ws, 'h'])}) -> add -> tanh",
        f"output everything: ({', '.join([*ws, 'a'])}) -> add",
    ], "[3, 4]"),
    "state": as_states,
    "symbol": lambda ws: f"net N {{\ninput a [2, {ws[0]} = 4, K]\nconv(2, 1) -> reshape([2, {ws[0]} * K])\n}}",
}  # fmt: skip


LONG = ("setting of a block", "loop", "state", "block", "block in a row", "label of a table", "label of several")
"""Places where every word takes many lines."""
LONE = ("symbol", "label of a layer", "label in a recurrent block", "setting of a block", "input of a block", "output")
"""Where each word stands alone in the quick checks too."""
TOGETHER = 75
"""So many names meet in one net: what joins all of them is as long again for each."""


def agree(made: Net) -> None:
    """The source runs, its keys are the net's, and onnxruntime computes the same from initialisers of these names."""
    module: Any = torch_module(made, seed=1)
    state = module.state_dict()
    assert sorted(state) == sorted(name for name, _ in made.weights())
    inputs = [torch.rand(2, *(e if isinstance(e, int) else 4 for e in value.shape)) for value in made.inputs]
    trained = module(*inputs)
    assert not made.outputs[1:] or set(trained) == {o.name for o in made.outputs}
    model = onnx_model(made, weights={name: value.numpy() for name, value in state.items()})
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs()]
    given = {i.name: value.numpy() for i, value in zip(session.get_inputs(), inputs, strict=True)}
    found = module.eval()(*inputs)
    for name, value in zip(names, session.run(None, given), strict=True):
        ours = found[name] if isinstance(found, dict) else found
        np.testing.assert_allclose(ours.detach().numpy(), value, rtol=1e-4, atol=1e-4)
    if not any(o.aux for o in made.outputs):
        assert set(state) <= {i.name for i in model.graph.initializer}


def made_of(text: str) -> Net:
    found = [d for d in check_text(text) if d.severity == "error"]
    assert found == [], text
    return load_text(text).net()


def meet(place: str, words: list[str]) -> None:
    for first in range(0, len(words), TOGETHER):
        agree(made_of(PLACES[place](words[first : first + TOGETHER])))


@pytest.mark.sampled(2)
@pytest.mark.parametrize("place", [p for p in PLACES if p != "symbol"])
def test_names_together(place: str) -> None:
    meet(place, WORDS[:: 9 if place in LONG else 4])


@pytest.mark.slow
@pytest.mark.parametrize("place", [p for p in PLACES if p != "symbol"])
def test_all_names_together(place: str) -> None:
    meet(place, WORDS[::5] if place in LONG else WORDS)


@pytest.mark.parametrize("place", [p if p in LONE else pytest.param(p, marks=pytest.mark.slow) for p in PLACES])
def test_each_name_alone(place: str) -> None:
    for word in FEW:
        agree(made_of(PLACES[place]([word])))


def test_names_of_nets() -> None:
    for word in {*WORDS[::5], *FEW}:
        made = made_of(f"block inner {{\ninput x\nlinear(2)\n}}\nnet {word} {{\ninput x [3]\ninner\n}}")
        namespace: dict[str, Any] = {}
        exec(compile(torch_source(made), word, "exec"), namespace)
        assert namespace[net_class_name(made)]()(torch.zeros(1, 3)).shape == (1, 2), word


@pytest.mark.parametrize("name", sorted(set(SUPPORT) - set(REGISTRY)))  # no net is called like an operation
def test_a_net_called_like_what_its_file_needs(name: str) -> None:
    made = made_of(f"net {name} {{\ninput x int[3]\nhot: x -> one_hot(4)\nhot -> lstm(2, biases=1)\n}}")
    agree_on_shape: Any = torch_module(made, seed=1)
    assert agree_on_shape(torch.zeros(1, 3, dtype=torch.long)).shape == (1, 3, 2)


def test_two_names_never_become_one() -> None:
    names = [*WORDS, *(f"{w}_" for w in WORDS), *(f"_{w}" for w in WORDS), *(f"x{w}" for w in WORDS)]
    assert len({DIALECT.identifier(n) for n in set(names)}) == len(set(names))
    for made in map(DIALECT.identifier, names):
        assert made.isidentifier()
        assert made not in dir(builtins)
        assert not made.startswith("__")


@pytest.mark.parametrize("place", ["setting", "setting of a block", "let"])
def test_the_word_of_conditions_is_a_name_of_numbers(place: str) -> None:
    agree(made_of(PLACES[place](["training"])))


@pytest.mark.parametrize("place", [
    "label of a layer", "label of several", "label without weights", "param", "output", "output of training", "part of a bundle",
    "shared layer", "label in a block", "label in a recurrent block",
])  # fmt: skip
def test_the_word_of_conditions_is_refused_at_its_place(place: str) -> None:
    found = [d for d in check_text(PLACES[place](["training"])) if d.severity == "error"]
    assert [d.code for d in found] == ["reserved-word"]
    assert found[0].span.text == "training"
    assert found[0].help
