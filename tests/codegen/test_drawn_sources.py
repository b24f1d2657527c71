"""Drawn nets whose values are computed twice: by the emitted source, and row by row as they were drawn."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
import torch.nn.functional as F

from netdsl.codegen.onnx.model import onnx_model
from netdsl.codegen.pytorch.module import torch_module
from netdsl.program import load_text

torch.set_num_threads(1)

LABELS = (
    "x", "y", "z", "out", "self", "x2", "x3", "y_", "unused", "torch", "F", "nn", "Tensor", "math", "next_x", "x_",
    "result", "body", "a", "b", "left", "right", "super", "print", "x_1", "linear1",
)  # fmt: skip
Env = dict[str, torch.Tensor]
Row = Callable[[Env, dict[str, torch.Tensor]], None]


@dataclass
class Drawn:
    """A text, and its rows as functions over the values so far and the weights."""

    random: random.Random
    lines: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    widths: dict[str, int] = field(default_factory=dict)
    plain: list[str] = field(default_factory=list)
    aux: list[str] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)

    def text(self) -> str:
        return "\n".join(["net Drawn {", *self.lines, "}"])

    def results(self) -> list[str]:
        """All outputs in the order of the text."""
        return [line.split()[-1] for line in self.lines if line.startswith("output ")]

    def text_of_block(self) -> str:
        """The same rows as the block `rows` of a net."""
        given = [f"in{i}" for i in range(len(self.inputs))]
        results = self.results()
        rows = [line.replace("output aux", "output") for line in self.lines]
        row = f"({', '.join(f'o{name}' for name in results)})" if len(results) > 1 else f"o{results[0]}"
        called = f"{row}: {f'({chr(44).join(given)})' if len(given) > 1 else given[0]} -> inner"
        outputs = [f"output o{name}" for name in results]
        inputs = f"input {', '.join(f'{name} [4]' for name in given)}"
        return "\n".join(["block inner {", *rows, "}", "net Drawn {", inputs, called, *outputs, "}"])

    def values(self, inputs: list[torch.Tensor], state: dict[str, torch.Tensor]) -> Env:
        env = dict(zip(self.inputs, inputs, strict=True))
        for row in self.rows:
            row(env, state)
        return env


def draw(seed: int) -> Drawn:
    made = Drawn(random.Random(seed))
    labels = made.random.sample(LABELS, len(LABELS))
    made.inputs = [labels.pop() for _ in range(made.random.choice((1, 1, 2)))]
    made.widths = dict.fromkeys(made.inputs, 4)
    made.lines.append(f"input {', '.join(f'{name} [4]' for name in made.inputs)}")
    for _ in range(made.random.randint(4, 9)):
        made.random.choice((_linear, _linear, _chain, _function, _join, _split))(made, labels)
    _outputs(made)
    return made


def _linear(made: Drawn, labels: list[str]) -> None:
    """`label: x -> linear(3) -> relu`, or with a function on each side."""
    label, source, width = labels.pop(), made.random.choice(list(made.widths)), made.random.choice((2, 3, 4))
    before, after = made.random.random() < 0.3, made.random.random() < 0.6
    stages = [source, *(["tanh"] if before else []), f"linear({width})", *(["relu"] if after else [])]
    made.lines.append(f"{label}: {' -> '.join(stages)}")

    def row(env: Env, state: dict[str, torch.Tensor]) -> None:
        value = torch.tanh(env[source]) if before else env[source]
        value = F.linear(value, state[f"{label}.weight"], state[f"{label}.bias"])
        env[label] = torch.relu(value) if after else value

    _add(made, label, width, row)


def _chain(made: Drawn, labels: list[str]) -> None:
    """Two layers with weights in one row: an attribute that holds both."""
    label, source, width = labels.pop(), made.random.choice(list(made.widths)), made.random.choice((2, 3, 4))
    made.lines.append(f"{label}: {source} -> linear(3) -> relu -> linear({width})")

    def row(env: Env, state: dict[str, torch.Tensor]) -> None:
        first, second = ((state[f"{label}.linear{i}.weight"], state[f"{label}.linear{i}.bias"]) for i in (1, 2))
        env[label] = F.linear(torch.relu(F.linear(env[source], *first)), *second)

    _add(made, label, width, row)


def _function(made: Drawn, labels: list[str]) -> None:
    label, source = labels.pop(), made.random.choice(list(made.widths))
    word = made.random.choice(("relu", "tanh", "sigmoid", "identity"))
    made.lines.append(f"{label}: {source} -> {word}")
    function = getattr(torch, word, lambda value: value)
    _add(made, label, made.widths[source], lambda env, _: env.__setitem__(label, function(env[source])))


def _join(made: Drawn, labels: list[str]) -> None:
    """`a - b * b`, nested as the rows before have it, or two beside one another."""
    label, left = labels.pop(), made.random.choice(list(made.widths))
    alike = [name for name, width in made.widths.items() if width == made.widths[left]]
    right, other = made.random.choice(alike), made.random.choice(list(made.widths))
    if made.random.random() < 0.5:
        made.lines.append(f"{label}: {left} - {right} * {left}")
        row: Row = lambda env, _: env.__setitem__(label, env[left] - env[right] * env[left])  # noqa: E731
        _add(made, label, made.widths[left], row)
        return
    made.lines.append(f"{label}: ({left}, {other} -> tanh) -> concat")
    joined: Row = lambda env, _: env.__setitem__(label, torch.cat([env[left], torch.tanh(env[other])], 1))  # noqa: E731
    _add(made, label, made.widths[left] + made.widths[other], joined)


def _split(made: Drawn, labels: list[str]) -> None:
    """Two values from one row; neither need be read."""
    source = made.random.choice([name for name, width in made.widths.items() if width % 2 == 0])
    first, second = labels.pop(), labels.pop()
    made.lines.append(f"({first}, {second}): {source} -> split(2)")

    def row(env: Env, state: dict[str, torch.Tensor]) -> None:
        env[first], env[second] = env[source].chunk(2, 1)

    made.widths[second] = made.widths[source] // 2
    _add(made, first, made.widths[source] // 2, row)


def _add(made: Drawn, label: str, width: int, row: Row) -> None:
    made.widths[label] = width
    made.rows.append(row)


def _outputs(made: Drawn) -> None:
    rows = [name for name in made.widths if name not in made.inputs]
    chosen = made.random.sample(rows, min(len(rows), made.random.randint(1, 4)))
    plain = made.random.randint(1, len(chosen))
    made.plain, made.aux = chosen[:plain], chosen[plain:]
    lines = [f"output {name}" for name in made.plain] + [f"output aux {name}" for name in made.aux]
    made.lines += made.random.sample(lines, len(lines))


def wanted_by(session: onnxruntime.InferenceSession) -> set[str]:
    """What inference reads: an input that only `aux` outputs need is none of it."""
    return {given.name for given in session.get_inputs()}


def as_table(result: Any, names: list[str]) -> dict[str, Any]:
    return result if isinstance(result, dict) else {names[0]: result}


@pytest.mark.parametrize("seed", range(120))
def test_source_means_what_its_rows_say(seed: int) -> None:
    drawn = draw(seed)
    net = load_text(drawn.text()).net()
    module = torch_module(net, seed=seed)
    inputs = [torch.randn(3, 4, generator=torch.Generator().manual_seed(seed + i)) for i in range(len(drawn.inputs))]
    expected = drawn.values(inputs, module.state_dict())
    for names, result in ((drawn.plain + drawn.aux, module(*inputs)), (drawn.plain, module.eval()(*inputs))):
        table = as_table(result, names)
        assert set(table) == set(names), drawn.text()
        for name, value in table.items():
            torch.testing.assert_close(value, expected[name], msg=lambda m: f"{name}: {m}\n{drawn.text()}")


@pytest.mark.parametrize("seed", range(120, 180))
def test_block_means_what_its_rows_say(seed: int) -> None:
    drawn = draw(seed)
    text = drawn.text_of_block()
    module = torch_module(load_text(text).net(), seed=seed).eval()
    inputs = [torch.randn(3, 4, generator=torch.Generator().manual_seed(seed + i)) for i in range(len(drawn.inputs))]
    state = {name.split(".", 1)[1]: value for name, value in module.state_dict().items()}
    expected = drawn.values(inputs, state)
    for name, value in as_table(module(*inputs), [f"o{name}" for name in drawn.results()]).items():
        torch.testing.assert_close(value, expected[name[1:]], msg=lambda m: f"{name}: {m}\n{text}")


@pytest.mark.parametrize("seed", range(0, 120, 6))
def test_onnx_means_what_its_rows_say(seed: int) -> None:
    drawn = draw(seed)
    net = load_text(drawn.text()).net()
    state = torch_module(net, seed=seed).state_dict()
    model = onnx_model(net, weights={name: value.numpy() for name, value in state.items()})
    inputs = [np.random.default_rng(seed + i).normal(size=(3, 4)).astype(np.float32) for i in range(len(drawn.inputs))]
    expected = drawn.values([torch.from_numpy(value) for value in inputs], state)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    given = {name: value for name, value in zip(drawn.inputs, inputs, strict=True) if name in wanted_by(session)}
    found = session.run(drawn.plain, given)
    for name, value in zip(drawn.plain, found, strict=True):
        np.testing.assert_allclose(value, expected[name].numpy(), rtol=1e-4, atol=1e-5, err_msg=drawn.text())
