"""What a help offers is the net that was written: calls of PyTorch give what PyTorch gives, and no number changes.

Calls are drawn, the text that each message offers is put in the place that it marks, and what comes out is compared.
"""

from __future__ import annotations

import inspect
import random
import re
import warnings
from collections.abc import Iterator

import pytest
import torch
from drawn_calls import IMAGE, ROW, Called, call_of, computed, functions, modules, parameters
from drawn_words import call, lost, not_written, words
from followed import Followed, follow
from following import Emitted
from torch import nn

from netdsl.dims import at
from netdsl.text.foreign.signatures import PYTORCH

FEW, MANY = 3, 60

ELSEWHERE = {
    "CrossMapLRN2d": "PyTorch's own old form of LocalResponseNorm differs from it",
    "Conv padding_mode": "a border that no text stands for is said to be left out",
    "dropout": "what is dropped between layers is said to be left out",
}
"""Where numbers may differ, and why; shapes and weights may not."""


def differs(called: Called) -> tuple[Followed, str]:
    """What an author gets who follows the helps, and in what it is another net; "" where it is none."""
    found = follow(called.input, called.row)
    if found.net is None:
        return found, "" if found.wordless else "it never checks"
    sizes = tuple(at(e, {}) for e in found.net.outputs[0].value.shape)
    weights = sum(w.elements for _, w in found.net.weights() if not w.buffer)
    if (sizes, weights) != (called.result, called.weights):
        return found, f"{sizes} and {weights} weights, not {called.result} and {called.weights}"
    left_out = any("`; " in said for said in found.said) or "CrossMapLRN2d" in called.row
    return found, "" if left_out or same_numbers(found, called) else "other numbers"


def same_numbers(found: Followed, called: Called) -> bool:
    """With PyTorch's own weights."""
    assert found.net is not None
    module = Emitted(found.net)()
    ours, theirs = module.state_dict(), called.module.state_dict() if called.module is not None else {}
    if [v.shape for v in ours.values()] != [v.shape for v in theirs.values()]:
        return False
    module.load_state_dict(dict(zip(ours, theirs.values(), strict=True)))
    with torch.no_grad():
        result = module(called.given)
    return torch.allclose(result, called.values, rtol=1e-3, atol=1e-4, equal_nan=True)


def strays(name: str, count: int) -> Iterator[str]:
    """Calls of a layer of PyTorch that another net came of."""
    chance = random.Random(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(count):
            called = call_of(chance, name)
            if called is None:
                return
            found, why = differs(called)
            if why:
                yield f"{called.input}: {found}: {why}"


@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", modules())
def test_layers_of_pytorch_become_what_they_are(name: str, count: int) -> None:
    assert list(strays(name, count)) == []


def fits(text: str, on: tuple[int, ...]) -> bool:
    """Whether a function is one of inputs with so many axes; as many indices as axes leave none for the batch."""
    if text.startswith("x[") and text.count(",") + 1 == len(on):
        return False
    axes = re.search(r"([123])d\(", text)
    return axes is None or len(on) == int(axes[1]) + 1


@pytest.mark.parametrize("text", functions())
def test_functions_of_pytorch_become_what_they_are(text: str) -> None:
    for on in (IMAGE, ROW, ROW[-1:]):
        called = computed(text, on) if fits(text, on) else None
        if called is not None:
            found, why = differs(called)
            assert why == "", f"{called.input}: {found}: {why}"


def test_what_is_drawn_is_enough() -> None:
    chance = random.Random(0)
    built = [name for name in modules() if call_of(chance, name) is not None]
    assert len(built) > 80
    tried = [text for text in functions() if any(computed(text, on) for on in (IMAGE, ROW, ROW[-1:]))]
    assert len(tried) > 180


# ---------------------------------------------------------------- signatures


@pytest.mark.parametrize("words", PYTORCH)
def test_signatures_are_those_of_pytorch(words: str) -> None:
    for word in words.split():
        if not word.startswith("Lazy"):
            theirs = [p for p in parameters(getattr(nn, word)) if p.name not in UNTOLD]
            assert [spelt(p) for p in theirs] == PYTORCH[words].split(), word


UNTOLD = ("device", "dtype", "_weight", "_freeze", "min_value", "max_value")
"""Parameters of PyTorch that say nothing of what is computed."""


def spelt(parameter: inspect.Parameter) -> str:
    return parameter.name if parameter.default is parameter.empty else f"{parameter.name}={parameter.default}"


# ---------------------------------------------------------------- words

WORDS = list(words())


def changed(word: str, layer: str, on: str, count: int) -> Iterator[str]:
    """Calls of a word in whose place other numbers were offered, or fewer of which nothing was said."""
    chance = random.Random(word)
    for _ in range(count):
        row = call(chance, word, layer, on)
        found = follow(on, row)
        if found.net is None and not found.wordless:
            yield f"{on}: {found}: it never checks"
        if found.net is None or len(found.rows) == 1:
            continue
        other, gone = not_written(word, row, found.row), lost(row, found.row, on, found.said)
        if other or gone:
            yield f"{on}: {found}: {[str(n) for n in other]} not written, {[str(n) for n in gone]} lost"


@pytest.mark.parametrize("count", [1, pytest.param(30, marks=pytest.mark.slow)])
@pytest.mark.parametrize("part", range(8))
def test_no_number_of_a_call_changes(part: int, count: int) -> None:
    assert [said for word, layer, on in WORDS[part::8] for said in changed(word, layer, on, count)] == []
