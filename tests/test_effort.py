"""Lists, strings and arrows are work by their length: what a file may cost is spent, whatever looks at them."""

from __future__ import annotations

import pytest
from calls import counted

from netdsl.program import check_text

LOOKS = (
    "max(r)", "min(r)", "len(r)", "-1 in r", "-1 not in r", "r == s", "r != s", "[*r]", "r + s", "range(29000)",
    "enumerate(r)",
)  # fmt: skip


@pytest.mark.parametrize("look", LOOKS)
def test_a_look_at_a_long_list_is_work(look: str) -> None:
    text = f"let r = range(29000)\nlet s = range(29000)\nnet N {{\n  input x [4]\n  for i in range(29000) {{ let q = {look} }}\n  linear(4)\n}}\n"
    with counted() as calls:
        codes = {d.code for d in check_text(text) if d.severity == "error"}
    assert codes, "a look was free"
    assert calls[0] < 12_000_000


def test_one_item_is_looked_at_as_one() -> None:
    text = "let r = range(5000)\nnet N {\n  input x [4]\n  for i in range(5000) { let q = r[i] }\n  linear(4)\n}\n"
    assert not [d for d in check_text(text) if d.severity == "error"]


def work(text: str) -> int:
    with counted() as calls:
        check_text(text)
    return calls[0]


@pytest.mark.parametrize("rows", ["a: each i in range({n}) {{ x -> relu }}\n  a -> add", "linear(4) * {n}"])
def test_twice_as_many_rows_are_twice_the_work(rows: str) -> None:
    few, many = (work(f"net N {{\n  input x [4]\n  {rows.format(n=n)}\n}}\n") for n in (200, 400))
    assert many < 2.3 * few


def test_axes_have_a_bound() -> None:
    (found,) = [d for d in check_text("net N {\n  input x [4]\n  unsqueeze(0) * 5000\n}\n") if d.severity == "error"]
    assert found.code == "wrong-rank"
    assert "32 at most" in found.message
