"""Lists, texts, arrows, layers and symbols are work: what a file may cost is spent, whatever looks at them."""

from __future__ import annotations

import pytest
from calls import counted

from netdsl.elaborate.core import EVALUATE
from netdsl.elaborate.functions import FUNCTIONS
from netdsl.elaborate.operators import ARITHMETIC, COMPARISONS
from netdsl.program import check_text

FREE, SPENT = (), ("too-much-work",)
WORDS = {
    "min": ("min(r)", SPENT), "max": ("max(r)", SPENT), "len": ("len(r)", SPENT), "range": ("range(9000)", SPENT),
    "zip": ("zip(r, s)", SPENT), "enumerate": ("enumerate(r)", SPENT), "reversed": ("reversed(r)", SPENT),
    "round": ("round(1.5)", FREE), "floor": ("floor(1.5)", FREE), "ceil": ("ceil(1.5)", FREE), "int": ("int(1.5)", FREE),
    "+": ("r + s", SPENT), "*": ("r * 3", SPENT), "-": ("7 - 2", FREE), "/": ("7 / 2", FREE), "//": ("7 // 2", FREE),
    "%": ("7 % 2", FREE), "**": ("7 ** 2", FREE), "==": ("r == s", SPENT), "!=": ("r != s", SPENT), "<": ("1 < 2", FREE),
    "<=": ("1 <= 2", FREE), ">": ("1 > 2", FREE), ">=": ("1 >= 2", FREE), "in": ("-1 in r", SPENT),
    "not in": ("-1 not in r", SPENT), "and": ("true and r == s", SPENT), "or": ("false or r == s", SPENT),
    "not": ("not (r == s)", SPENT),
}  # fmt: skip
"""An expression for each function and operator, and what is said of 9,000 times it, of lists of 9,000 items."""
KINDS = {
    "Name": ("r", FREE), "Literal": ('"' + "letters " * 1000 + '"', SPENT), "ListOf": ("[r, s]", SPENT),
    "TupleOf": ("(r, s)", SPENT), "Unary": ("-7", FREE), "Binary": ("7 + i", FREE), "Attribute": ("x.shape", FREE),
    "Index": ("r[i]", FREE), "Call": ("len(r + s)", SPENT), "If": ("if i == 0 { r } else { s }", SPENT),
}  # fmt: skip
"""As `WORDS`, for each kind of expression."""
ARROWS = {"Previous", "Pipeline", "Each"}
"""Kinds that only arrows come of; each makes a layer or joins some."""


def looping(look: str) -> str:
    lists = "let r = range(9000)\nlet s = range(9000)\n"
    return f"{lists}net N {{\n  input x [4]\n  for i in range(9000) {{ let q = {look} }}\n  linear(4)\n}}\n"


def codes(text: str) -> set[str]:
    return {d.code for d in check_text(text) if d.severity == "error"}


def test_every_word_and_kind_has_a_case() -> None:
    assert {*FUNCTIONS, *ARITHMETIC, *COMPARISONS} <= set(WORDS)
    assert {kind.__name__ for kind in EVALUATE} == {*KINDS, *ARROWS}


@pytest.mark.parametrize(("look", "said"), [*WORDS.values(), *KINDS.values()], ids=[*WORDS, *KINDS])
def test_a_look_at_a_long_list_is_work(look: str, said: tuple[str, ...]) -> None:
    once = looping(look).replace("range(9000) {", "range(1) {")
    assert codes(once) == set(), "the case itself is wrong"
    assert codes(looping(look)) == set(said)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("look", [look for look, said in WORDS.values() if said], ids=[w for w in WORDS if WORDS[w][1]])
def test_work_that_is_refused_is_not_done(look: str) -> None:
    with counted() as calls:
        assert codes(looping(look)) == {"too-much-work"}
    assert calls[0] < 2_000_000


def net(rows: str, inputs: str = "x [4, H, W]", before: str = "") -> str:
    return f"{before}net N {{\n  input {inputs}\n  {rows}\n}}\n"


def each(text: str, count: int, start: int = 0) -> str:
    return "\n  ".join(text.format(i=i, j=i - 1) for i in range(start, count))


GROWING = {
    "branches": lambda n: net(f"a: each i in range({n}) {{ x -> relu }}\n  a -> add"),
    "joined": lambda n: net(f"a: each i in range({n}) {{ x -> relu }}\n  a -> concat"),
    "repeated": lambda n: net(f"linear(4) * {n}", "x [4]"),
    "symbolic": lambda n: net(f"for i in range({n}) {{ conv(4, 3, pad=1) -> maxpool(3, stride=1, pad=1) }}"),
    "claims": lambda n: net(each("relu -> [4, H, W]", n)),
    "asserts": lambda n: net("relu\n  " + each("assert H > {i}", n)),
    "lets": lambda n: net("let a0 = x.height\n  " + each("let a{i} = (a{j} + {i}) % 9 + x.height", n, 1) + "\n  relu"),
    "sets": lambda n: net(each("set layernorm(eps=1e-{i})", n) + "\n  layernorm", "x [4]"),
    "unread": lambda n: net(each("y{i}: x -> linear(4)", n), "x [4]"),
    "outputs": lambda n: net(each("output y{i}: x -> linear(4)", n), "x [4]"),
    "params": lambda n: net("param s0 [4]\n  " + each("param p{i} [4]\n  s{i}: s{j} * p{i}", n, 1) + "\n  x + s1", "x [4]"),
    "blocks": lambda n: net(each("b{i}", n), "x [4]", each("block b{i} {{ input x\n linear(4) }}", n) + "\n"),
    "settings": lambda n: net(f"for i in range({n}) {{ b(i + 1) }}", "x [4]", "block b(k: int) { linear(k) -> linear(4) }\n"),
    "choices": lambda n: net(each("if {i} < 5 {{ linear(4) }}", n), "x [4]"),
    "shared": lambda n: net("shared s: linear(4)\n  " + each("s", n), "x [4]"),
    "nets": lambda n: "".join(f"net N{i} {{\n  input x [4]\n  linear(4)\n}}\n" for i in range(n)),
    "recurrent": lambda n: net(f"for i in range({n}) {{ r }}", "x [T, 4]", "recurrent r { input a\n state h [4] = 0\n next h: h + a\n output h }\n"),
    "states": lambda n: net(each("state h{i} [4] = 0", n) + "\n  " + each("next h{i}: h{i} + x + x + x + x", n), "x [4]"),
    "unread inputs": lambda n: net(f"(*each i in range({n}) {{ x }}, x) -> b", "x [4]", "block b {\n  input " + each("a{i} [S{i}],", n) + " c [4]\n  c -> linear(4)\n}\n"),
    "parts": lambda n: net(f"split({2 * n}) -> add", f"x [{2 * n}, 4]"),
    "listed parts": lambda n: net("split(ones) -> add", f"x [{2 * n}, 4]", f"let ones = [{', '.join('1' * 2 * n)}]\n"),
    "slices": lambda n: net(f"a: each i in range({n}) {{ x -> slice(1, start=i, end=i + 1) }}\n  a -> add", f"x [4, {n}]"),
    "lost": lambda n: net(each("maxpool(2, stride=3, pad=0) -> resize(3) -> conv(4, 2, pad=1)", n), "x [4, 32, 32]"),
}  # fmt: skip


def work(text: str) -> int:
    with counted() as calls:
        check_text(text)
    return calls[0]


@pytest.mark.parametrize("rows", GROWING)
def test_twice_as_many_rows_are_twice_the_work(rows: str) -> None:
    text = GROWING[rows](4)
    assert codes(text) == set(), check_text(text)
    few, many = work(GROWING[rows](100)), work(GROWING[rows](200))
    assert many < 2.3 * few


def tied(count: int, shape: str, layers: str, join: str = "concat") -> str:
    inputs, rows = each(f"input x{{i}} {shape}", count), each(f"y{{i}}: x{{i}} -> {layers}", count)
    return f"net N {{\n  {inputs}\n  {rows}\n  ({', '.join(f'y{i}' for i in range(count))}) -> {join}\n}}\n"


SYMBOLS = {
    "halves": tied(40, "[4, S{i}]", "maxpool(2)"),
    "two axes": tied(24, "[4, H{i}, W{i}]", "maxpool(2)"),
    "one size": tied(100, "[4, S{i}]", "relu"),
    "lengths": tied(100, "[S{i}, 4]", "relu"),
    "chains": tied(24, "[4, S{i}]", "conv(4, 3) -> maxpool(3) -> conv(4, 5, stride=2)"),
    "alone": "net N {\n  " + each("input x{i} [4, S{i}]\n  output y{i}: x{i} -> maxpool(2)", 200) + "\n}\n",
}
INTRICATE = {
    "too many tied": tied(60, "[4, S{i}]", "maxpool(2)"),
    "too many": "net N {\n  " + each("input x{i} [4, S{i}]\n  output y{i}: x{i} -> maxpool(2)", 300) + "\n}\n",
    "products": net("relu\n  " + each("assert H * W != {i}", 300, 7)),
    "quotients": net("relu\n  " + each("assert (H // {i}) * (W // {j}) < 9999", 300, 3)),
    "slopes": net("relu\n  " + each("assert H + {i} <= W * {i}", 300, 2)),
    "remainders": net("relu\n  " + each("assert H % {i} != 1", 60, 2)),
    "long period": net("maxpool(1, stride=99991)\n  for i in range(300) { pad(1) -> conv(4, 3) }", "x [4, H]"),
    "powers": net("let a0 = x.height\n  " + each("let a{i} = a{j} * x.width + 1", 100, 1) + "\n  relu"),
}


@pytest.mark.sampled(2)
@pytest.mark.parametrize("text", [*SYMBOLS.values(), *INTRICATE.values()], ids=[*SYMBOLS, *INTRICATE])
def test_symbols_take_a_second_at_most(text: str) -> None:
    with counted() as calls:
        found = codes(text)
    assert found == ({"size-too-complex"} if text in INTRICATE.values() else set())
    assert calls[0] < 4_500_000


def test_layers_have_a_bound() -> None:
    assert codes(net("relu * 10001", "x [4]")) == set()
    assert codes(net("relu * 12001", "x [4]")) == {"too-many-layers"}
    assert codes(net("lstm(4, layers=100) * 121", "x [T, 4]")) == {"too-many-layers"}


@pytest.mark.parametrize("layers", ["relu * {n}", "conv(4, 3, pad=1) * {n}", "b * {m}"])
def test_layers_of_open_sizes_cost_more(layers: str) -> None:
    block = "block b {\n  input x\n  conv(4, 3, pad=1) * 100\n}\n"

    def said(count: int) -> set[str]:
        return codes(net(layers.format(n=count, m=count // 100), before=block))

    assert said(4000) == set()
    assert said(11_900) == {"too-much-work"}


def test_axes_have_a_bound() -> None:
    (found,) = [d for d in check_text(net("unsqueeze(0) * 5000", "x [4]")) if d.severity == "error"]
    assert found.code == "wrong-rank"
    assert "32 at most" in found.message
