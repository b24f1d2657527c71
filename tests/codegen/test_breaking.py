"""Lines that are too long, drawn of all that a source is made of, as a formatter has them."""

from __future__ import annotations

import ast
import random
import subprocess
import sys
from collections.abc import Callable
from functools import partial

import pytest

from netdsl.codegen.python.text import INDENT, WIDTH, Atom, lay

WORDS = [
    "x",
    "y",
    "h",
    "kept",
    "scale",
    "memory",
    "r6_squeeze",
    "position_of_it",
    "self.gamma",
    "self.attention_heads",
    "torch.float32",
    "größe",
]
LONG = ["the_share_of_what_is_kept_of_it", "self.encoder_layers.self_attention.out_projection.weight_of_it"]
NUMBERS = ["0", "1", "2", "-1", "0.5", "1e-05", "128"]
FUNCTIONS = ["self.conv1", "torch.tanh", "F.relu", "self.blocks[0]", "torch.cat", "self.word_embedding", "range"]
METHODS = ["mean", "unsqueeze", "reshape", "flatten", "transpose", "masked_fill"]
STARTS = ["x = ", "next_kept = ", "self.running_share_of_it = ", "return ", "if ", "for turn in "]
CALLED = ["a, b = ", 'self.parts[f"linear{i}"] = ', "raise ", ""]
"""What stands before a call alone in a source."""
LONGEST = 500
Draw = random.Random
Maker = Callable[[Draw, int], str]


def term(draw: Draw, depth: int) -> str:
    """What binds tighter than any operator."""
    if depth <= 0 or draw.random() < 0.5:
        return draw.choice(draw.choice([WORDS, WORDS, NUMBERS, LONG]))
    return draw.choice((call, call, method, subscript, enclosed, listed, signed))(draw, depth - 1)


def operators(draw: Draw, depth: int) -> str:
    signs = draw.choice([["+", "-"], ["*", "/"], ["+", "*"], ["*", "-", "@", "+"]])
    found = term(draw, depth)
    for _ in range(draw.choice([1, 1, 1, 2, 3])):
        found += f" {draw.choice(signs)} {term(draw, depth)}"
    return found


def compared(draw: Draw, depth: int) -> str:
    return f"{draw.choice((term, operators))(draw, depth)} {draw.choice(('<', '==', '>=', 'is not', 'in'))} {operators(draw, depth)}"


def logic(draw: Draw, depth: int) -> str:
    sides = [draw.choice((term, compared, denied))(draw, depth) for _ in range(draw.randint(2, 4))]
    return f" {draw.choice(('and', 'or'))} ".join(sides)


def denied(draw: Draw, depth: int) -> str:
    return f"not {term(draw, depth)}"


def choice(draw: Draw, depth: int) -> str:
    sides = [draw.choice((term, operators))(draw, depth) for _ in range(2)]
    return f"{sides[0]} if {draw.choice((term, compared))(draw, depth)} else {sides[1]}"


def signed(draw: Draw, depth: int) -> str:
    return f"-{draw.choice((call, method, enclosed))(draw, depth)}"


def call(draw: Draw, depth: int) -> str:
    return f"{draw.choice(FUNCTIONS)}({items(draw, depth, draw.choice([0, 1, 1, 2, 3, 5]))})"


def method(draw: Draw, depth: int) -> str:
    """One call or more on what is a name, a call or in brackets."""
    base = draw.choice((call, enclosed, subscript))(draw, depth) if draw.random() < 0.5 else draw.choice(WORDS)
    for _ in range(draw.choice([1, 1, 2, 3])):
        base += f".{draw.choice(METHODS)}({items(draw, depth, draw.choice([0, 1, 2]))})"
    return base + draw.choice(["", "", ".T", "[0]", ".shape[1]"])


def subscript(draw: Draw, depth: int) -> str:
    axes = [draw.choice((partial(axis, draw), partial(term, draw)))(depth) for _ in range(draw.randint(1, 4))]
    return f"{draw.choice(WORDS)}[{', '.join(axes)}]"


def axis(draw: Draw, depth: int) -> str:
    end = operators(draw, depth)
    return draw.choice([":", "0", "None", f"{draw.choice(WORDS)} : {end}", f": {end}"])


def enclosed(draw: Draw, depth: int) -> str:
    return f"({draw.choice((operators, operators, choice, compared))(draw, depth)})"


def listed(draw: Draw, depth: int) -> str:
    kind = draw.randint(0, 3)
    if kind == 0:
        return f"[{items(draw, depth, draw.randint(1, 9), keywords=False)}]"
    if kind == 1:
        return f"({items(draw, depth, draw.randint(2, 9), keywords=False)})"
    item, loop = expression(draw, depth), f"for i in range({operators(draw, depth)})"
    return f"[{item} {loop}]" if kind == 2 else "{" + f'f"block{{i}}": {item} {loop}' + "}"


def items(draw: Draw, depth: int, count: int, keywords: bool = True) -> str:
    found = [expression(draw, depth) for _ in range(count)]
    named = draw.randint(0, count) if keywords else 0
    first = count - named
    starred = [f"*{draw.choice(WORDS)}.shape[:2]"] * (draw.random() < 0.1)
    return ", ".join([*found[:first], *starred, *(f"keepdim{i}={v}" for i, v in enumerate(found[first:]))])


def expression(draw: Draw, depth: int) -> str:
    makers: tuple[Maker, ...] = (term, term, operators, call, method)
    if depth <= 0:
        return term(draw, depth)
    return draw.choice((*makers, choice, logic, compared))(draw, depth - 1)


def statement(seed: int) -> tuple[str, str, int]:
    """An expression with what stands before it, and its depth."""
    draw = Draw(seed)
    alone = draw.random() < 0.2
    before = draw.choice(CALLED if alone else STARTS)
    makers = (call, method) if alone or before.startswith("for") else (operators, operators, expression)
    return before, draw.choice(makers)(draw, draw.choice([1, 1, 2])), draw.randint(2, 3)


def function(seed: int) -> str:
    """A function with one statement; empty where that fits into a line or is longer than any of a source."""
    before, text, depth = statement(seed)
    after = ":" if before in ("if ", "for turn in ") else ""
    lines = lay(Atom(text), before, after, depth)
    if len(lines) == 1 or len(text) > LONGEST or ast.unparse(ast.parse(text)).startswith("(") < text.startswith("("):
        return ""
    around = [f"def f{seed}():", *(f"{INDENT * i}if x:" for i in range(1, depth))]
    return "\n".join([*around, *lines, *([f"{INDENT * (depth + 1)}pass"] if after else [])])


@pytest.mark.parametrize("seeds", [range(4000), pytest.param(range(4000, 60_000), marks=pytest.mark.slow)], ids=len)
def test_lines_are_cut_where_a_formatter_cuts_them(seeds: range) -> None:
    ours = [text for seed in seeds if (text := function(seed))]
    assert len(ours) > len(seeds) / 4
    words = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length", str(WIDTH), "-"]
    done = subprocess.run(words, input="\n\n\n".join(ours), capture_output=True, text=True)
    theirs = done.stdout.rstrip("\n").split("\n\n\n")
    assert len(theirs) == len(ours), done.stderr
    assert not [f"{a}\n\n{b}" for a, b in zip(ours, theirs, strict=True) if a != b][:3]


def test_what_is_cut_says_the_same() -> None:
    for seed in range(1000):
        before, text, depth = statement(seed)
        if before == "x = ":
            joined = "\n".join(lay(Atom(text), before, "", depth)).strip()
            assert ast.dump(ast.parse(joined)) == ast.dump(ast.parse(f"{before}{text}"))
