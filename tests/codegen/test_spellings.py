"""What PyTorch's rules say of each use of an operation: no bracket too many, no word that PyTorch takes anyway, its slopes."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from typing import Any

import cases
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from cases.case import SIZES, Case
from one_layer import Layer, close
from single_op import modules, source, spellings
from torch import nn

from netdsl.codegen.python.spelling import Infix, Made, Spelling
from netdsl.ops.base import REGISTRY
from netdsl.ops.metric import Metric

CASES = [c for c in dict.fromkeys(cases.CASES) if not issubclass(REGISTRY[c.op], Metric)]


@cache
def layer_of(case: Case) -> Layer:
    return Layer(case, SIZES)


def spelling_of(case: Case) -> Spelling:
    rule = spellings.find(layer_of(case).op)
    assert rule is not None
    made: Spelling = rule(layer_of(case).op)
    return made


def test_an_expression_is_bracketed_where_python_needs_it() -> None:
    """As Python reads it: calls, subscripts, attributes and names bind by themselves."""
    alone = (ast.Call, ast.Subscript, ast.Attribute, ast.Name)
    for case in CASES:
        call = spelling_of(case).call
        if isinstance(call, Infix):
            text = source(call, [f"x{i}" for i in range(len(case.inputs))], SIZES)
            assert call.tight == isinstance(ast.parse(text, mode="eval").body, alone), f"{case}: {text}"


def calls(part: object) -> Iterator[Made]:
    if isinstance(part, Made):
        yield part
        for inner in (*part.arguments, *part.keywords.values()):
            yield from calls(inner)


def written(call: object) -> Iterator[tuple[str, dict[str, Any]]]:
    """The functions of an expression with the keywords that they are given as plain values."""
    for made in calls(call):
        yield made.function, dict(made.keywords)
    if isinstance(call, Infix):
        text = source(call, [f"x{i}" for i in range(9)], SIZES)
        for node in ast.walk(ast.parse(text, mode="eval")):
            if isinstance(node, ast.Call):
                plain = {k.arg: k.value for k in node.keywords if k.arg}
                yield ast.unparse(node.func), {k: ast.literal_eval(v) for k, v in plain.items() if literal(v)}


def literal(node: ast.expr) -> bool:
    return all(isinstance(n, ast.Constant | ast.Tuple | ast.UnaryOp | ast.USub | ast.Load) for n in ast.walk(node))


def test_nothing_is_said_that_pytorch_takes_anyway() -> None:
    scope = {"torch": torch, "nn": nn, "F": F}
    seen = 0
    for case in CASES:
        spelling = spelling_of(case)
        for function, keywords in (*written(spelling.module), *written(spelling.call)):
            if function.partition(".")[0] not in scope:
                continue
            found = eval(function, scope)
            try:
                known = inspect.signature(found).parameters
            except ValueError:  # a builtin function, which tells nothing
                continue
            seen += len(keywords)
            for word, value in keywords.items():
                default = known[word].default if word in known else inspect.Parameter.empty
                assert type(default) is not type(value) or value != default, f"{case}: {function}({word}={value})"
    assert seen > 100


@pytest.mark.parametrize("case", [c for c in CASES if c.learns and any("int" not in x for x in c.inputs)], ids=str)
def test_gradients_of_a_spelling_are_the_references(case: Case) -> None:
    """Both ways that it is spelt, ties and edges among the inputs."""
    layer = layer_of(case)
    if layer.op.training_differs:
        return
    rng = np.random.default_rng(3)
    probes = [torch.from_numpy(rng.standard_normal(r.shape)) for r in layer.expected() if r.is_floating_point()]
    xs = [x.clone().requires_grad_(x.is_floating_point()) for x in layer.inputs]
    real = [x for x in xs if x.requires_grad]
    wanted = slopes(layer.referred(xs, {k: w.clone() for k, w in layer.weights.items()}, False), probes, real)
    for module in layer.modules():
        made = module(*layer.read(xs))
        results = list(made) if isinstance(made, tuple | list) else [made]
        for got, slope in zip(slopes(results, probes, real), wanted, strict=True):
            close(got, slope, str(case), 1e-9)


def slopes(results: list[torch.Tensor], probes: list[torch.Tensor], xs: list[torch.Tensor]) -> list[torch.Tensor]:
    terms = [(r * p).sum() for r, p in zip((r for r in results if r.is_floating_point()), probes, strict=True)]
    whole = torch.stack(terms).sum()
    if not whole.requires_grad:  # `detach`
        return [torch.zeros_like(x) for x in xs]
    found = torch.autograd.grad(whole, xs, allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for g, x in zip(found, xs, strict=True)]


STARTS = {c: w for c in CASES if "init=" in c.layer for w in [c.layer.partition("init=")[2].rstrip(")")]}


@pytest.mark.parametrize("case", [c for c in STARTS if STARTS[c][0].isdigit() or "normal(" in c.layer], ids=str)
def test_weights_start_as_they_are_asked_to(case: Case) -> None:
    """A number is what each of them is, `normal(s)` a spread of that size."""
    word = STARTS[case]
    (weight,) = (w for w in layer_of(case).op.weights() if w.name == "weight")
    for module in modules(layer_of(case).op, SIZES):
        own = module.state_dict().get("layer.weight")
        start = spelling_of(case).init.get("weight")
        assert (start == weight.init) if start is not None else bool((own == float(word)).all())
