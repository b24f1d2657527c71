"""Sizes in emitted source: read in `forward` from the shape of the input, under the words of the text."""

from __future__ import annotations

import math
import re
from functools import partial

import pytest
import torch
from following import Emitted, others
from test_arguments import KEPT, NETS, QUICK

from netdsl.codegen.pytorch.module import torch_module
from netdsl.codegen.pytorch.source import torch_source
from netdsl.dims import at
from netdsl.graph import Net
from netdsl.program import load_text
from netdsl.surface import load
from netdsl.surface import load_text as load_net
from netdsl.text.diagnostics import NetError

WINDOWS = """
block window(size) {
  input x [H, W, C]
  let rows = H // size
  let cols = W // size
  a: x -> reshape((rows, size, cols, size, C)) -> transpose((0, 2, 1, 3, 4))
  b: a -> reshape((rows * cols * size * size, C)) -> linear(C)
  b -> reshape((H, W, C))
}
net N {
  input x [8, 8, 16]
  output y: x -> window(2) -> conv(4, 1) -> window(4)
}
"""
SYMBOLS = """
net N {
  input x [H, W, 16]
  a: x -> reshape((H * W, 16)) -> linear(16)
  output y: a -> reshape((H, W, 16))
}
"""


def test_sizes_of_the_input_are_no_arguments() -> None:
    source = torch_source(load_text(WINDOWS).net())
    assert "H, W, C = x.shape[1:]" in source
    assert "x.reshape(-1, H // self.size, self.size, W // self.size, self.size, C)" in source
    assert "def __init__(self, in_features: int, size: int)" in source
    assert "x [H, W, C] -> [H, W, C]" in source
    assert max(map(len, source.split("\n"))) <= 88


@pytest.mark.parametrize(("height", "width"), [(8, 8), (3, 5), (1, 7)])
def test_a_size_is_the_inputs_after_its_name_holds_something_else(height: int, width: int) -> None:
    module = torch_module(load_text(SYMBOLS).net())
    x = torch.randn(2, height, width, 16)
    with torch.no_grad():
        assert torch.allclose(module(x), module.a(x), atol=1e-6)


def test_windows_are_what_torch_makes_of_the_same_steps() -> None:
    module = torch_module(load_text(WINDOWS).net())
    state = list(module.state_dict().values())
    x = torch.randn(2, 8, 8, 16)
    with torch.no_grad():
        first = _windows(x, 2, *state[:2])
        mixed = torch.nn.functional.conv2d(first, *state[2:4])
        assert torch.allclose(module(x), _windows(mixed, 4, *state[4:]), atol=1e-5)


def _windows(x: torch.Tensor, size: int, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    batch, first, second, third = x.shape
    parts = x.reshape(batch, first // size, size, second // size, size, third).transpose(2, 3)
    return torch.nn.functional.linear(parts.reshape(batch, -1, third), weight, bias).reshape(x.shape)


FEEDING = """
net N(classes = 4, width = 8, rows = 6, hidden = 2 * width) {
  input x [width, H = 8, W = 6], y [rows, width]
  a: x -> conv(hidden, 3, pad=1) -> maxpool(2)
  output z: a -> conv(classes, 1)
  output mid: y -> linear(hidden + classes)
}
"""
LOADED = {
    "feeding": partial(load_net, FEEDING),
    **{title: partial(load_net, text) for title, (text, _) in KEPT.items()},
    **{name: partial(load, path, name) for path, name in NETS if name in QUICK - {"UNetSame"}},
}


@pytest.mark.parametrize("title", LOADED)
def test_a_docstring_says_shapes_in_the_words_of_the_arguments(title: str) -> None:
    """At every other value that the text takes: the words come to the shapes of the text with that setting."""
    emitted = Emitted(LOADED[title]())
    arguments = emitted.arguments()
    said = _told_shapes(emitted)
    assert _in_numbers(said, emitted.net, arguments) == _shapes(emitted.net)
    for word in [w for w in arguments if w in emitted.net.settings]:
        for value in others(arguments[word]):
            try:
                net = LOADED[title](**{word: value})
            except NetError:
                continue
            assert _in_numbers(said, net, {**arguments, word: value}) == _shapes(net), (word, value)


def test_a_docstring_names_settings() -> None:
    said = _told_shapes(Emitted(load_net(FEEDING)))
    assert said == ["width, H, W", "6, width", "classes, H // 2, W // 2", "6, 2 * width + classes"]


def _told_shapes(emitted: Emitted) -> list[str]:
    doc = next(c.__doc__ or "" for c in emitted.classes() if c.__name__ == emitted.net.name)
    return re.findall(r"\[([^\]]*)\]", doc.split("\n\n")[0])


def _in_numbers(said: list[str], net: Net, arguments: dict[str, object]) -> list[tuple[int, ...]]:
    known = {**dict.fromkeys(net.symbols, 64), **net.defaults, **arguments, "ceil": math.ceil}
    return [tuple(int(n) for n in eval(f"[{inside}]", {}, known)) for inside in said]


def _shapes(net: Net) -> list[tuple[int, ...]]:
    known = {**dict.fromkeys(net.symbols, 64), **net.defaults}
    values = [*net.inputs, *(o.value for o in net.outputs if not o.aux)]
    return [tuple(int(at(e, known)) for e in v.shape) for v in values]


LAID_OUT = """
block unit() {
  input x
  x + (x -> layernorm -> linear(2 * x.shape[2], axis=-1) -> gelu -> linear(x.shape[2], axis=-1))
}
block seen(c) { relu -> conv(c, 3, pad=1) -> batchnorm }
block mixed() { input x
 x + (x -> linear(x.features)) }
net N {
  input x [8, 6, 16], image [3, 9, 9], words [5, 4]
  a: x -> unit
  b: a -> slice(0, start=0, end=4) -> unit
  c: image -> seen(4) -> seen(8) -> flatten
  d: words -> mixed
  output y: (b -> flatten -> linear(2)) + (c -> linear(2)) + (d -> flatten -> linear(2))
}
"""


def test_axes_are_called_as_the_body_reads_them() -> None:
    """Features last where a body takes the last axis for them, as attention over windows does; else channels first."""
    source = torch_source(load_text(LAID_OUT).net())
    assert '"""x [H, 6, in_features] -> [H, 6, in_features]"""' in source
    assert '"""x [in_channels, 9, 9] -> [c, 9, 9]"""' in source
    assert '"""x [5, in_features] -> [5, in_features]"""' in source
    assert source.count("def __init__(self, in_features: int) -> None:") == 2
