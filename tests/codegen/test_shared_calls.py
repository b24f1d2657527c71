"""Layers that no module holds, shared at the top of a file: they are written where they are used."""

from __future__ import annotations

import pytest
import torch

from netdsl.codegen.pytorch.module import torch_module, torch_source
from netdsl.program import load_text

TEXT = """
shared twist: {layer}

block turned {{
  input x
  x -> twist -> abs
}}
recurrent stepped {{
  input x
  state h [4] = 0
  next h: h + (x -> {step} -> abs)
  output h
}}
net Whole {{
  input x [4, 4]
  first: x -> twist
  output a: first -> abs
  output b: turned
  output c: x -> stepped
}}
"""
LAYERS = ["transpose", "sin", "sort", "detach", "roll(1, axis=0)", "reverse", "cumsum", "softmax", "relu"]


@pytest.mark.parametrize("layer", LAYERS)
def test_it_is_what_it_is_without_a_name(layer: str) -> None:
    step = "twist" if layer in ("sin", "sort", "detach", "relu") else "sin"
    named = load_text(TEXT.format(layer=layer, step=step)).net()
    plain = (
        TEXT.format(layer=layer, step=step).replace("-> twist", f"-> {layer}").replace("shared twist:", "shared left:")
    )
    x = torch.rand(2, 4, 4)
    found, wanted = (torch_module(net, 0)(x) for net in (named, load_text(plain).net()))
    assert all(torch.equal(found[name], wanted[name]) for name in "abc")


def test_numbers_are_drawn_anew_at_each_use() -> None:
    net = load_text("shared drawn: noise(normal, always=true)\nnet N {\n input x [8]\n"
                    " a: x -> drawn\n b1: x -> drawn\n output d: a - b1\n}").net()  # fmt: skip
    assert "self.drawn" not in torch_source(net)
    assert (torch_module(net, 0)(torch.zeros(2, 8)) != 0).all()
