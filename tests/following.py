"""Whether the constructor arguments of emitted classes do what the settings of the text do."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from itertools import islice
from math import prod
from typing import Any

import torch
from torch import nn

from netdsl.codegen.python.tracing import new_use
from netdsl.codegen.pytorch.dialect import DIALECT
from netdsl.codegen.pytorch.source import net_class_name, torch_source
from netdsl.dims import at
from netdsl.dims.tensors import MOST
from netdsl.graph import Block, Net
from netdsl.text.diagnostics import NetError

Load = Callable[..., Net]
"""Loads one net of a text with settings."""
LARGE = 2_000_000
"""Weights from which on only shapes are compared."""


class Emitted:
    """The source of a net, executed; its modules remember what they were made with."""

    def __init__(self, net: Net) -> None:
        self.net = net
        self.source = torch_source(net)
        self.names: dict[str, Any] = {"__name__": "emitted"}
        exec(compile(self.source, "<emitted>", "exec"), self.names)
        self.device = "meta" if sum(w.elements for _, w in net.weights()) > LARGE else "cpu"
        self.blocks: dict[str, list[Block]] = {}
        for made in self.classes():
            if "__init__" in vars(made):
                _remember(made)

        self._note_blocks()

    def _note_blocks(self) -> None:
        """The uses of blocks behind each class."""
        with torch.device("meta"):
            module = self.names[net_class_name(self.net)]()
        kinds = {path: type(m).__name__ for path, m in module.named_modules()}
        for path, node in self.net.walk():
            if isinstance(node.op, Block) and path in kinds:
                self.blocks.setdefault(kinds[path], []).append(node.op)

    def classes(self) -> list[type]:
        return [v for v in self.names.values() if isinstance(v, type) and v.__module__ == "emitted"]

    def arguments(self) -> dict[str, Any]:
        """Constructor arguments of the net's class, with their defaults."""
        return arguments(self.names[net_class_name(self.net)])

    def __call__(self, **given: Any) -> nn.Module:
        with torch.device(self.device):
            module: nn.Module = self.names[net_class_name(self.net)](**given)
        return module.eval()


def _remember(made: Any) -> None:
    plain = made.__init__
    signature = inspect.signature(made)

    @functools.wraps(plain)
    def init(self: Any, *given: Any, **named: Any) -> None:
        plain(self, *given, **named)
        bound = signature.bind(*given, **named)
        bound.apply_defaults()
        self.__dict__["made_with"] = bound.arguments

    made.__init__ = init


def arguments(made: type) -> dict[str, Any]:
    """Constructor arguments by name, with their defaults."""
    if "__init__" not in vars(made):
        return {}
    return {p.name: p.default for p in inspect.signature(made).parameters.values()}


def others(value: Any) -> list[Any]:
    """A few more values for a setting, on both sides of its own."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, float):
        return [value / 2, value + 0.125]
    if isinstance(value, int):
        found = [2 * value, value + 1, value - 1, value // 2, 3 * value, value + 2, 4 * value]
        return [v for v in dict.fromkeys(found) if v >= 0 and v != value]
    return []


def strays(load: Load, most: int = 8) -> Iterator[str]:
    """Whatever does not follow the text: arguments of the net's class, and those of the classes inside it.

    Each setting takes a few other values. The class that is emitted for the text as it is, made with the argument, has
    to be the text loaded with the setting; its inner classes, made with what the text's modules are made with there,
    have to be these or to refuse it.
    """
    emitted = Emitted(load())
    for word, own in emitted.net.settings.items():
        argument = next((a for a in emitted.arguments() if a in (word, f"{word}_")), "")
        for value, there in islice(_accepted(load, word, own), most):
            expected = there()
            title = f"{emitted.net.name}, {word}={value}"
            if argument:
                yield from _said(title, _net_difference(emitted, {argument: value}, expected, there.net))
            yield from _said(title, _inner_difference(emitted, expected, there.net))


def _accepted(load: Load, word: str, own: Any) -> Iterator[tuple[Any, Emitted]]:
    """Other values of a setting that the text takes."""
    for value in others(own):
        try:
            net = load(**{word: value})
        except NetError:
            continue
        if all(prod(weight.shape) < MOST for _, weight in net.weights()):  # a report refuses more
            yield value, Emitted(net)


def _said(title: str, difference: str) -> Iterator[str]:
    if difference:
        yield f"{title}: {difference}"


def _net_difference(emitted: Emitted, given: dict[str, Any], expected: nn.Module, net: Net) -> str:
    try:
        found = emitted(**given)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if shapes(found) != shapes(expected):
        odd = dict(set(shapes(found)) ^ set(shapes(expected)))
        return f"weights {dict(list(odd.items())[:4]) or 'in another order'}"
    if settings(found) != settings(expected):
        return f"layers {list(set(settings(found)) ^ set(settings(expected)))[:4]}"
    device = "meta" if any(p.is_meta for m in (found, expected) for p in m.parameters()) else "cpu"
    if device == "meta":
        found, expected = found.to("meta"), expected.to("meta")
    else:
        found.load_state_dict(expected.state_dict())
    try:
        ours, theirs = (flat(drawn_alike(m, samples(net, device))) for m in (found, expected))
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if [o.shape for o in ours] != [t.shape for t in theirs]:
        return f"results {[tuple(o.shape) for o in ours]} for {[tuple(t.shape) for t in theirs]}"
    pairs = zip(ours, theirs, strict=True)
    same = device == "meta" or all(torch.allclose(o, t, rtol=1e-4, atol=1e-5, equal_nan=True) for o, t in pairs)
    return "" if same else "other results"


def _inner_difference(emitted: Emitted, expected: nn.Module, there: Net) -> str:
    """How the classes inside differ from modules of the text, where only their arguments do."""
    blocks = {path: node.op for path, node in there.walk() if isinstance(node.op, Block)}
    for path, module in expected.named_modules():
        given, made = module.__dict__.get("made_with"), emitted.names.get(type(module).__name__)
        if path not in blocks or given is None or made is None or arguments(made).keys() != given.keys():
            continue
        others = emitted.blocks.get(made.__name__, ())
        if not any(_alike((there, blocks[path]), (emitted.net, other), given) for other in others):
            continue
        try:
            with torch.device(emitted.device):
                found = made(**given)
        except ValueError:
            continue
        if shapes(found) != shapes(module):
            return f"{type(module).__name__}({given}): weights {dict(set(shapes(found)) ^ set(shapes(module)))}"
    return ""


def _alike(one: tuple[Net, Block], another: tuple[Net, Block], given: dict[str, Any]) -> bool:
    """Whether two uses of a block differ in nothing but what the class has arguments for."""
    (_, block), (_, other) = one, another
    ours, theirs = (new_use(net, b, DIALECT) for net, b in (one, another))
    if ours.definition is None:
        return False  # a shared pipeline, which has what it reads from around it
    if block.name != other.name or any(p.kind and p.kind.id == "layer" for p in ours.parameters):
        return False
    same = {w: v for w, v in block.settings.items() if w not in given}
    if any(other.settings[w] != v for w, v in same.items()) or ours.places.keys() != theirs.places.keys():
        return False
    pairs = [(n, (u.graph.inputs[i].shape[j] for u in (ours, theirs))) for n, (i, j) in ours.places.items()]
    return all(n in given or a == b for n, (a, b) in pairs)


def shapes(module: nn.Module) -> list[tuple[str, tuple[int, ...]]]:
    return [(k, tuple(v.shape)) for k, v in module.state_dict().items()]


def settings(module: nn.Module) -> list[tuple[str, str]]:
    """What PyTorch's own layers inside were made with, dropout rates among it."""
    own = [(path, m) for path, m in module.named_modules() if type(m).__module__.startswith("torch.nn")]
    plain = [(path, m.extra_repr()) for path, m in own if not isinstance(m, nn.Sequential | nn.ModuleDict)]
    return [(path, said) for path, said in plain if said]  # a ReLU is as good as a function


def samples(net: Net, device: str, batch: int = 2) -> list[torch.Tensor]:
    """Inputs of a net, drawn with a fixed seed."""
    draw = torch.Generator().manual_seed(0)
    known = net.domain.choose(8)
    made = []
    for value in net.inputs:
        shape = [batch, *(at(e, known) for e in value.shape)]
        whole = value.type.dtype != "float"
        drawn = torch.randint(0, 2, shape, generator=draw) if whole else torch.randn(shape, generator=draw)
        drawn = drawn.bool() if value.type.dtype == "bool" else drawn
        made.append(drawn.to(device))
    return made


def drawn_alike(module: nn.Module, given: list[torch.Tensor]) -> Any:
    """What a module gives, with the same numbers for whatever it draws."""
    torch.manual_seed(0)
    return module(*given)


def flat(result: Any) -> list[torch.Tensor]:
    return list(result.values()) if isinstance(result, dict) else [result]
