"""One target more: a folder with a few rules and one line. What it says runs, and all else is an error at its place."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy_jax import modules
from one_more import EVERY, PLACE

from netdsl.cli.app import run
from netdsl.codegen.python.dialect import Dialect
from netdsl.codegen.python.source import net_class_name
from netdsl.codegen.pytorch.module import torch_module
from netdsl.codegen.target import TARGETS
from netdsl.graph import Net
from netdsl.ops.base import Op
from netdsl.program import load_file, load_text
from netdsl.reference.operations import example_net, operations
from netdsl.text.diagnostics import NetError

JAX = EVERY["jax"]
SPECS = Path(__file__).parents[2] / "specs"
NETS = {
    "windows": (
        "net A {\n  input x [4, 17, 15]\n"
        "  x -> conv(6, (3, 5), stride=(2, 1), pad=(1, 2), dilation=(2, 1), groups=2, bias=false) -> tanh\n"
        "  maxpool(3, stride=2, pad=1) -> sigmoid\n  output y: flatten -> linear(5, bias=false)\n}\n"
    ),
    "dilated pool": "net A {\n  input x [2, 9, 9]\n  output y: maxpool(2, stride=1, dilation=3)\n}\n",
    "a signal": "net A {\n  input x [2, 20]\n  output y: conv(3, 5, stride=2) -> relu -> maxpool(2)\n}\n",
    "blocks": (
        "block unit(c, k = 3) {\n  input x\n  conv(c, k, pad=same) -> relu -> conv(c, k, pad=same)\n}\n"
        "block twice(c) {\n  input x\n  main: unit(c) -> unit(c, 5)\n  (main, x -> conv(c, 1)) -> add -> tanh\n}\n"
        "net A(width = 4) {\n  input x [2, 6, 6]\n  twice(width) -> twice(2 * width) -> residual(unit(2 * width))\n"
        "  output y: flatten -> linear(3)\n}\n"
    ),
    "shared": "net A {\n  input x [3, 5, 5]\n  shared kept: conv(3, 3, pad=1)\n  output y: x -> kept -> relu -> kept\n}\n",
}


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TARGETS.places, "jax", PLACE)


def dialect() -> Dialect:
    found: Dialect = import_module("netdsl.codegen.jax.dialect").DIALECT
    return found


def executed(source: str, net: Net, monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], Any]:
    """An instance of the net's class, where JAX is or its stand-in."""
    for name, module in modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    space: dict[str, Any] = {}
    exec(compile(source, "<source>", "exec"), space)
    made: Callable[[Any], Any] = space[net_class_name(net, dialect())]()
    return made


def give(module: Any, weights: dict[str, Any]) -> None:
    """Set each weight under its key in the state dict, whose shape the source has already."""
    for key, value in weights.items():
        *path, name = key.split(".")
        owner = module
        for part in path:
            owner = owner[part] if isinstance(owner, dict) else getattr(owner, part)
        assert getattr(owner, name).shape == value.shape
        setattr(owner, name, value)


def compare(net: Net, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The source computes what PyTorch does with the same weights."""
    want = torch_module(net, seed=3).eval()
    made = executed(source, net, monkeypatch)
    give(made, {key: value.numpy() for key, value in want.state_dict().items()})
    x = np.random.default_rng(0).normal(size=(3, *net.inputs[0].shape)).astype(np.float32)
    with torch.no_grad():
        numbers = want(torch.from_numpy(x)).numpy()
    assert np.abs(numbers).max() > 1e-3
    np.testing.assert_allclose(np.asarray(made(x)), numbers, atol=1e-5)


@pytest.mark.usefixtures("registered")
def test_lenet_is_compiled_and_computes_what_pytorch_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "lenet.py"
    assert run(["compile", str(SPECS / "lenet.net"), "--to", "jax", "-o", str(file)]) == 0
    source = file.read_text(encoding="utf-8")
    assert "torch" not in source
    compare(load_file(SPECS / "lenet.net").net(), source, monkeypatch)


@pytest.mark.parametrize("name", NETS)
def test_nets_of_its_operations_compute_what_pytorch_does(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net = load_text(NETS[name]).net()
    assert JAX.emit is not None
    compare(net, JAX.emit(net, {}), monkeypatch)


def refused(net: Net) -> NetError:
    assert JAX.emit is not None
    with pytest.raises(NetError) as caught:
        JAX.emit(net, {})
    assert {d.code for d in caught.value.diagnostics} == {"not-supported-by-target"}
    return caught.value


@pytest.mark.parametrize("op", [o for o in operations() if o.name not in JAX.rules().table], ids=lambda op: op.name)
def test_what_it_declines_is_an_error_at_its_place(op: type[Op]) -> None:
    net = load_text(example_net(op)).net()
    (node,) = (n for _, n in net.walk() if n.op.name == op.name)
    (problem,) = (d for d in refused(net).diagnostics if f"`{op.name}`" in d.message)
    assert problem.span == node.span
    assert problem.help == JAX.rules().declined(op)


USES = ("maxpool(2, ceil=true)", "conv(3, 3, init=zeros)", "flatten(start=1)")


@pytest.mark.parametrize("use", USES)
def test_a_use_that_it_cannot_say_is_an_error_at_its_place(use: str) -> None:
    (problem,) = refused(load_text(f"net A {{\n  input x [2, 5, 5]\n  output y: {use}\n}}\n").net()).diagnostics
    assert problem.span.text == use


def test_a_recurrent_block_that_it_cannot_say_is_an_error_at_its_place() -> None:
    text = (
        "recurrent cell {\n  input x\n  state h [4] = 0\n  next h: (x -> linear(4)) + (h -> linear(4)) -> tanh\n"
        "  output h\n}\nnet A {\n  input x [5, 3]\n  output y: cell\n}\n"
    )
    (problem,) = refused(load_text(text).net()).diagnostics
    assert problem.span.source.name == "text"
    assert "JAX source" in problem.message


SAID = ("fitting.net", "lenet.net", "local.net", "mlp.net", "perceptron.net", "siamese.net", "softmax.net")
"""Specs whose first net has no other operations."""


def beyond(net: Net) -> set[str]:
    """The files in which the net has operations without a rule: of a file that is used it may take the others alone."""
    lacking = {op.name for op in operations() if op.name not in JAX.rules().table}
    return {Path(node.span.source.name).name for _, node in net.walk() if node.op.name in lacking}


def used(spec: str) -> set[str]:
    """The files that a spec uses, and those that these use."""
    text = (SPECS / spec).read_text(encoding="utf-8")
    own = re.findall(r'^use "\./(\w+\.net)"', text, re.MULTILINE)
    return set(own).union(*map(used, own))


@pytest.mark.sampled(3)
@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("spec", sorted(p.name for p in SPECS.glob("*.net")))
def test_a_whole_spec_is_written_or_refused_in_places_of_the_text(spec: str, tmp_path: Path) -> None:
    arguments = ["compile", str(SPECS / spec), "--to", "jax", "-o", str(tmp_path / "made.py")]
    if spec in SAID:
        assert run(arguments) == 0
        compile((tmp_path / "made.py").read_text(encoding="utf-8"), spec, "exec")
        return
    with pytest.raises(NetError) as caught:
        run(arguments)
    assert not (tmp_path / "made.py").exists()
    at_fault = beyond(load_file(SPECS / spec).net()) & used(spec)
    assert {Path(d.span.source.name).name for d in caught.value.diagnostics} == {spec, *at_fault}
