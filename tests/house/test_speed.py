"""What keeps a report quick, held without a clock: what it imports, how its work grows, what it allocates."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netdsl.analyzer import analyze
from netdsl.program import load_text
from netdsl.reports import render

ROOT = Path(__file__).parents[2]

WIDTH, LAYERS, VOCAB = 26_624, 120, 65_536
TRILLION = f"""
use std.transformer {{ encoder_layer }}

net Trillion {{
  input tokens int[T = 2048]
  x: embedding({VOCAB}, {WIDTH})
  for i in range({LAYERS}) {{
    encoder_layer({WIDTH // 128}, {4 * WIDTH}, causal=true, first=true)
  }}
  output logits: linear({VOCAB}, bias=false)
}}
"""

LISTED = """
import sys
from netdsl.cli import main
sys.argv = ["netdsl", "report", *sys.argv[1:]]
try:
    main()
finally:
    print(*sys.modules, file=sys.stderr)
"""


def test_a_report_imports_only_what_it_needs(tmp_path: Path) -> None:
    whole = (ROOT / "specs/alexnet.net").read_text(encoding="utf-8")
    (tmp_path / "alexnet.net").write_text(whole.partition("\ntrain ")[0], encoding="utf-8")
    asked = [sys.executable, "-c", LISTED, str(tmp_path / "alexnet.net")]
    done = subprocess.run(asked, capture_output=True, text=True, cwd=ROOT, check=True)
    assert "62,378,344" in done.stdout
    modules = set(done.stderr.split())
    foreign = {"torch", "numpy", "onnx", "onnxruntime", "pydantic", "rich", "lark", "dataclasses", "inspect", "shutil"}
    assert not modules & foreign
    own = [m for m in modules if m.startswith(("netdsl.passes", "netdsl.codegen", "netdsl.runtime", "netdsl.recipe"))]
    assert not [*own, *(m for m in modules if m.startswith("netdsl.ops.") and m.endswith("backward"))]


LEFT = """
import atexit, os, sys
from netdsl.cli import leave

class Kept:
    def __del__(self, write=os.write):
        write(1, b"taken down")

atexit.register(print, "taken leave", end=" ")
kept = Kept()
if len(sys.argv) > 1:
    sys.setprofile(lambda *event: None)
leave(3, owned=True)
"""


@pytest.mark.parametrize(("watching", "said"), [([], ""), (["profile"], "taken down")], ids=["alone", "profiled"])
def test_a_command_ends_without_taking_the_interpreter_down(watching: list[str], said: str) -> None:
    """What is to be done at exit is done, what was printed is written, and the code is kept."""
    done = subprocess.run([sys.executable, "-c", LEFT, *watching], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (3, f"taken leave {said}".strip()), done.stderr


def test_no_import_waits_for_a_wording() -> None:
    """Imports ask packages for names that are not there yet: a hundred times for one report."""
    asked = "import netdsl; netdsl._meant = None; import netdsl.elaborate.blocks, netdsl.cli.report"
    subprocess.run([sys.executable, "-c", asked], cwd=ROOT, check=True)


def chain(layers: int) -> str:
    rows = "".join(f"  c{i}: conv(16, 3, pad=1) -> batchnorm -> relu\n" for i in range(layers // 3))
    return f"net Long {{\n  input image [16, 32, 32]\n{rows}  output result: conv(1, 1)\n}}\n"


def sums(layers: int) -> str:
    rows = "".join(f"  a{i + 1}: conv(16, 3, pad=1)\n  s{i + 1}: s{i} + a{i + 1}\n" for i in range(layers // 2))
    return f"net Long {{\n  input image [16, 32, 32]\n  s0: relu\n{rows}  output result: conv(1, 1)\n}}\n"


def unrolled(layers: int) -> str:
    loop = f"  for i in range({layers // 3}) {{\n    conv(16, 3, pad=1) -> batchnorm -> relu\n  }}\n"
    return f"net Long {{\n  input x [16, H, W]\n{loop}  output result: conv(1, 1)\n}}\n"


def calls(text: str) -> int:
    """How many functions are called to read and report a text."""
    count = 0

    def note(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        render(analyze(load_text(text).net()))
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("write", [chain, sums, unrolled])
def test_work_grows_with_the_length_of_the_text(write: Callable[[int], str]) -> None:
    calls(write(10))
    short, long = calls(write(60)), calls(write(600))
    assert 5 * short < long <= 10.5 * short


def test_a_trillion_parameters_are_counted_without_allocating_them() -> None:
    tracemalloc.start()
    try:
        report = analyze(load_text(TRILLION).net())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Attention with four projections and two linear layers, all with biases, and two norms.
    layer = (4 * WIDTH**2 + 4 * WIDTH) + (8 * WIDTH**2 + 5 * WIDTH) + 4 * WIDTH
    assert report.totals.params == 2 * VOCAB * WIDTH + LAYERS * layer > 10**12
    assert report.totals.model_bytes == 4 * report.totals.params
    assert f"{report.totals.params:,}" in render(report)
    assert peak < 30e6
