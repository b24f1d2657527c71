"""A module follows `.double()`, `.half()` and `.bfloat16()`: nothing in emitted source is of a fixed kind of number."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from netdsl.codegen.pytorch.module import torch_module
from netdsl.dims import at
from netdsl.dims.tensors import DType
from netdsl.graph import Net
from netdsl.ops.metric import Metric
from netdsl.program import load_file, load_text
from netdsl.reference.operations import example_net, operations

torch.set_num_threads(1)
SPECS = Path(__file__).parent.parent.parent / "specs"

MORE = {
    "look-up": "net N { input x int[5]\n x -> one_hot(4) -> linear(3) }",
    "look-up along the front": "net N { input x int[5, 5]\n x -> one_hot(4, axis=0) -> conv(3, 1) }",
    "look-up in a block": "block b { input x\n x -> one_hot(4) }\nnet N { input x int[5]\n x -> b -> linear(3) }",
    "states of a text": """
recurrent cell {
  input x
  state h [6] = 0.5
  seen: x -> one_hot(4) -> linear(6)
  next h: seen + (h -> linear(6)) -> tanh
  output h
}
net N { input x int[5]\n x -> cell }
""",
    "states without weights": """
recurrent cell {
  input x
  state h [4] = 0.0
  next h: (x -> one_hot(4)) + h
  output h
}
net N { input x int[5]\n x -> cell -> linear(2) }
""",
    "a number for every sample": "net N { input x int[5]\n param s []\n (x -> one_hot(4)) * s\n output t: (s, x) -> per_sample }",
    "a plain number for every sample": "net N { input x [5]\n output y: linear(2)\n output t: (0.5, x) -> per_sample }",
    "numbers": "net N { input x [5]\n 2 * x - 0.5 -> clamp(0, 1)\n output y: (x, 0.5) -> maximum }",
    "truth values": "net N { input x bool[5]\n a: x -> to(float) -> linear(2)\n b: (x, 1, 0) -> where -> linear(2)\n a + b }",
    "whole numbers or not": "net N { input x int[5]\n (x > 0, x, 0.5) -> where -> linear(2) }",
    "attention": "net N { input x [6, 8]\n x -> multihead_attention(2, causal=true)\n }",
    "bilinear": "net N { input x [2, 4, 4]\n x -> conv_transpose(2, 4, stride=2, pad=1, init=bilinear) }",
    "constants": """
net N {
  input x int[T = 5]
  const step [T, 3] = arange
  const same [T, T] = eye
  const half [T, 1] = 0.3
  const none [T, 3] = 0
  const row  [3, T] = [0.1, 0.2, 0.3]
  output y: (same, step) -> matmul -> linear(2)
  output z: half * (x -> embedding(5, 3)) + none + (row -> transpose) + step
}
""",
    "one bias": "net N { input x [6, 8]\n x -> lstm(4, biases=1) -> gru(4, biases=1) }",
}
TEXTS = {
    **{op.name: example_net(op) for op in operations() if not issubclass(op, Metric)},
    **MORE,
}


def inputs_of(net: Net, kind: torch.dtype) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    known = {**dict.fromkeys(net.symbols, 8), **net.defaults}
    made = []
    for value in net.inputs:
        shape = [2, *(at(e, known) for e in value.shape)]
        whole = torch.randint(0, 2, shape, generator=generator)
        kinds = {DType.INT: whole, DType.BOOL: whole > 0}
        made.append(kinds.get(value.type.dtype, torch.rand(shape, generator=generator).to(kind)))
    return made


def results(text: str, kind: torch.dtype) -> list[torch.Tensor]:
    return [*ran(load_text(text).net(), kind)]


def ran(net: Net, kind: torch.dtype) -> Iterator[torch.Tensor]:
    module: Any = torch_module(net, seed=1).eval().to(kind)
    found = module(*inputs_of(net, kind))
    yield from found.values() if isinstance(found, dict) else [found]


@pytest.mark.parametrize("name", TEXTS)
def test_module_follows_the_kind_that_it_is_given(name: str) -> None:
    plain, double = results(TEXTS[name], torch.float), results(TEXTS[name], torch.double)
    for single, exact in zip(plain, double, strict=True):
        assert exact.dtype == (torch.double if single.is_floating_point() else single.dtype)
        torch.testing.assert_close(single.double(), exact.double(), rtol=1e-3, atol=1e-4)


READERS = [
    "gpt GPTChars",
    "llama LlamaChars",
    "bert BERTChars",
    "t5 T5Chars",
    "whisper WhisperChars",
    "mamba MambaChars",
]


@pytest.mark.parametrize("name", [*READERS, "moe MixtralChars"])
def test_what_reads_tokens_follows_narrow_kinds(name: str) -> None:
    """Real numbers that are made of no weight, such as angles of places, are of the kind of the module too."""
    spec, _, title = name.partition(" ")
    net = load_file(SPECS / f"{spec}.net", {"depth": "1"}).net(title)
    plain, narrow = ([*ran(net, kind)] for kind in (torch.float, torch.bfloat16))
    for single, found in zip(plain, narrow, strict=True):
        assert found.dtype == torch.bfloat16
        torch.testing.assert_close(found.float(), single, rtol=0.1, atol=0.1)


@pytest.mark.parametrize("kind", [torch.half, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", TEXTS)
def test_module_follows_narrow_kinds_too(name: str, kind: torch.dtype) -> None:
    try:
        found = results(TEXTS[name], kind)
    except (NotImplementedError, RuntimeError) as error:
        if "not implemented for" not in str(error):
            raise
        pytest.skip(f"PyTorch has no such kernel here: {error}")
    for value in found:
        assert value.dtype == kind or not value.is_floating_point()
