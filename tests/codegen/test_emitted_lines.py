"""Lines of emitted source: none longer than 88 columns, broken as a formatter breaks them, whatever a text calls things."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from drawn_nets import Drawing
from test_arguments import KEPT, NETS, names_of, parameterised
from test_docs import READ, blocks
from test_pytorch import CONTRIVED
from test_stdlib import USES

from netdsl.codegen.python.text import WIDTH
from netdsl.codegen.pytorch.source import torch_source
from netdsl.graph import Net
from netdsl.surface import load, load_text
from netdsl.text.diagnostics import NetError

LONG = "a_rather_long_name_of_a_row_that_says_all_of_it"
BLOCK = """
block a_block_of_a_very_long_name(first_setting_of_it, second_setting_of_it, third_setting) {
  input x
  x + (x -> linear(first_setting_of_it) -> linear(second_setting_of_it) -> linear(third_setting))
}
"""
CELL = """
recurrent cell(hidden_size_of_the_cell) {
  input the_first_sequence_of_inputs [A], the_second_sequence_of_inputs [B], third [D]
  state first_state [hidden_size_of_the_cell] = 0
  state second_state_of_the_cell [hidden_size_of_the_cell] = 0.125
  step: (the_first_sequence_of_inputs -> linear(hidden_size_of_the_cell)) + (third -> linear(hidden_size_of_the_cell))
  next first_state: step + (first_state -> linear(hidden_size_of_the_cell)) -> tanh
  next second_state_of_the_cell: (the_second_sequence_of_inputs -> linear(hidden_size_of_the_cell)) + second_state_of_the_cell
  output first_state
  output second_state_of_the_cell
}
net N(hidden_size_of_the_cell = 6) {
  input the_first_sequence_of_inputs [T = 4, 3], the_second_sequence_of_inputs [T, 3], third [T, 5]
  (a, b): (the_first_sequence_of_inputs, the_second_sequence_of_inputs, third) -> cell(hidden_size_of_the_cell)
  output y: a + b
}
"""
CONDITION = """
block b(c, some_other_setting_of_it = 3, and_yet_another_setting = 4) {
  input x
  skip: if c != x.channels or some_other_setting_of_it > 5 or and_yet_another_setting < 2 { x -> conv(c, 1) } else { x }
  main: x -> conv(c, 3, pad=1)
  skip + main
}
net N(a = 8) {
  input x [3, 8, 8]
  output y: b(a) -> b(a) -> b(a, 7, 1)
}
net One(a = 3) {
  input x [3, 8, 8]
  output y: b(a, some_other_setting_of_it=1, and_yet_another_setting=20)
}
"""
NUMBERED = [f"setting_number_{i}" for i in range(12)]
PARTS = [f"part_number_{i}" for i in range(14)]
NARROW = {
    "settings": f"""
net N({", ".join(f"{s} = {i + 2}" for i, s in enumerate(NUMBERED))}) {{
  input x [4]
  a: linear({" + ".join(NUMBERED[:5])})
  b: linear({" + ".join(NUMBERED)})
  output y: dropout(setting_number_3 / 100) -> linear({NUMBERED[3]} * ({NUMBERED[4]} + {NUMBERED[5]} * {NUMBERED[6]}))
}}
""",
    "labels": f"""
net N {{
  input {LONG}_in [4]
  {LONG}: {LONG}_in -> linear(4)
  {LONG}2: {LONG} -> linear(4)
  {LONG}3: {LONG}2 -> linear(4) -> relu -> linear(4)
  output {LONG}4: {LONG} + {LONG}2 * {LONG}3 - {LONG}_in
  output power: ({LONG} + {LONG}_in) ** 2
  output minus: -({LONG} * {LONG}_in - {LONG}2)
}}
""",
    "outputs": "".join(
        [
            "net N {\n  input x [4]\n",
            *(f"  o{i}: x -> linear({i + 4})\n  output {LONG[:36]}{i}: o{i} -> relu\n" for i in range(4)),
            *(f"  output aux {LONG[:36]}{i}_aux: o{i} -> linear(2)\n" for i in range(4)),
            "}\n",
        ]
    ),
    "bundle": "".join(
        [
            "block b() {\n  input x\n",
            *(f"  o{i}: x -> linear(4)\n" for i in range(14)),
            *(f"  output o{i}\n" for i in range(14)),
            "}\nnet N {\n  input x [4]\n",
            f"  ({', '.join(PARTS)}): b\n  output y: {' + '.join(PARTS)}\n}}\n",
        ]
    ),
    "nest": f"net N {{\n  input x [4]\n  output y: {' -> '.join(['relu', 'tanh', 'sigmoid', 'gelu', 'exp'] * 6)}\n}}\n",
    "sum": "net N {\n  input image_of_something [4], another_image_of_something [4]\n  output y: "
    + " + ".join(["image_of_something", "another_image_of_something * 2.5"] * 5)
    + "\n}\n",
    "cell": CELL,
    "condition": CONDITION,
    "counted": f"""{BLOCK}
net N(width = 8, depth_of_the_network = 3, wider = 4) {{
  input x [8]
  {LONG}: a_block_of_a_very_long_name(width * 4, second_setting_of_it=width * 16, third_setting=8) * (depth_of_the_network * 2)
  output y: a_block_of_a_very_long_name(8, 16, 8) * (wider * 3 + depth_of_the_network)
}}
""",
    "copies": f"""{BLOCK}
net N {{
  input x [8]
  output {LONG}: a_block_of_a_very_long_name(32, second_setting_of_it=128, third_setting=8) * 7
}}
""",
    "starts": f"""
net N {{
  input x [40000000, 4]
  param {LONG} [4] = uniform(0.25)
  param {LONG}2 [4] = truncated_normal(0.0123456789123)
  output y: x * {LONG} + {LONG}2 * {LONG}
}}
""",
    "sizes": """
net N {
  input x [3, a_long_height_of_it, another_long_width_of_it]
  y: reshape((3 * a_long_height_of_it, another_long_width_of_it)) -> slice(0, start=0, end=2 * a_long_height_of_it)
  output z: reshape((a_long_height_of_it, 2, another_long_width_of_it))
}
""",
    "slices": """
net N(keep = 2, features_that_are_left_out = 1) {
  input x [4, 9]
  output y: slice(1, start=features_that_are_left_out, end=features_that_are_left_out + keep)
  output z: x -> slice(1, start=0, end=keep) -> slice(1, start=keep - 1)
}
""",
    "branches": "net N {\n  input x [4]\n  parts: each i in range(9) { x -> linear(4) }\n  output y: parts -> concat\n}\n",
}
"""Texts that leave no room."""


def narrow() -> Iterator[tuple[str, Net]]:
    for title, text in NARROW.items():
        yield from ((f"{title}, {name}", load_text(text, name)) for name in names_of(text))


def pages() -> Iterator[tuple[str, Net]]:
    for block in [b for page in READ for b in blocks(page) if b.kind == "net"]:
        yield from ((f"{block.id}, {name}", load_text(block.whole, name)) for name in names_of(block.whole))


def ours() -> Iterator[tuple[str, Net]]:
    yield from ((name, load(path, name)) for path, name in NETS)
    yield from ((str(use), load_text(parameterised(use))) for use in USES)


def contrived() -> Iterator[tuple[str, Net]]:
    yield from ((title, load_text(text, title)) for title, text in CONTRIVED)
    yield from ((title, load_text(text)) for title, (text, _) in KEPT.items())


def drawn() -> Iterator[tuple[str, Net]]:
    for seed in range(24):
        try:
            yield f"seed {seed}", load_text(Drawing(seed).text())
        except NetError:
            continue


EACH = [narrow, pages, pytest.param(ours, marks=pytest.mark.slow), contrived, drawn]


@pytest.mark.parametrize("nets", EACH, ids=lambda f: f.__name__)
def test_lines_fit_and_are_as_a_formatter_has_them(nets: object, tmp_path: Path) -> None:
    for number, (title, net) in enumerate(nets()):  # type: ignore[operator]
        source = torch_source(net)
        ast.parse(source)
        assert not [line for line in source.split("\n") if len(line) > WIDTH], title
        assert number % 5 or torch_source(net) == source, title
        (tmp_path / f"n{number}.py").write_text(source)
    options = ["--isolated", "--line-length", str(WIDTH), "--diff"]
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "format", *options, str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[:4000] or done.stderr
