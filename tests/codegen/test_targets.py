"""Targets: one table that commands, pages and tests read, and one way to say where something is that they cannot say."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from one_more import EVERY, PLACE

import netdsl
from netdsl.base.files import WriteError
from netdsl.cli.app import run
from netdsl.cli.compile import OPTIONS
from netdsl.codegen.onnx.step import onnx_step
from netdsl.codegen.target import TARGETS
from netdsl.graph import Net
from netdsl.ops import REGISTRY
from netdsl.ops.base import NoGradient, RuleError
from netdsl.program import load_file
from netdsl.text.diagnostics import Diagnostic, NetError
from netdsl.weights.files import WeightsError

PACKAGE = Path(netdsl.__file__).parent
SPEC = PACKAGE.parent / "specs" / "lenet.net"
HEAD = "net N {\n  input x [1, 8, 8]\n"
REST = (
    "  output y: flatten -> linear(10)\n}\n"
    "train N {\n  data digits\n  optimizer adam\n  loss (y, label) -> cross_entropy\n}\n"
)
UNIT = "block unit(c) {\n  conv(c, K)\n}\n"
CELL = "recurrent cell {\n  input x\n  state h [8, 8] = 0\n  next h: (x -> conv(8, K)) + h\n  output h\n}\n"

PLACES: dict[str, tuple[str, str, str, list[str]]] = {
    "a row of the net": (f"{HEAD}  x -> conv(4, K)\n{REST}", "  x -> ", "conv(4, K)", []),
    "a block of the library": (
        f"{HEAD}  x -> conv_bn_relu(4, K, pad=0)\n{REST}",
        "  x -> ",
        "conv_bn_relu(4, K, pad=0)",
        ["inside `conv_bn_relu("],
    ),
    "a block of the author's": (f"{UNIT}{HEAD}  x -> unit(4)\n{REST}", "  ", "conv(c, K)", ["in `unit("]),
    "a block in a block": (
        f"{UNIT}block two(c) {{\n  unit(c) -> tanh\n}}\n{HEAD}  x -> two(4)\n{REST}",
        "  ",
        "conv(c, K)",
        ["in `unit(", "in `two("],
    ),
    "the library in a block": (
        f"block unit(c) {{\n  conv_bn_relu(c, K, pad=0)\n}}\n{HEAD}  x -> unit(4)\n{REST}",
        "  ",
        "conv_bn_relu(c, K, pad=0)",
        ["inside `conv_bn_relu(", "in `unit("],
    ),
    "a block in the library": (
        f"{UNIT}{HEAD}  x -> residual(unit(1))\n{REST}",
        "  x -> ",
        "residual(unit(1))",
        ["inside `residual("],
    ),
    "an import": (
        f'use "./std.units.net" {{ imported }}\n{HEAD}  x -> imported(4)\n{REST}',
        "  ",
        "conv(c, K)",
        ["in `imported("],
    ),
    "a recurrent block": (
        f"{CELL}{HEAD}  x -> cell\n{REST}",
        "  next h: (x -> ",
        "conv(8, K)",
        ["in `cell"],
    ),
}
"""Where an operation stands, by name: a text with `K` for its window, what stands before the place and at it, how the
notes begin."""


@pytest.fixture(autouse=True)
def one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A target that somebody else has added, which has to do as well."""
    monkeypatch.setitem(TARGETS.places, "jax", PLACE)


def net_of(name: str, folder: Path, window: int = 1) -> Net:
    (folder / "std.units.net").write_text(UNIT.replace("unit", "imported").replace("K", str(window)))
    (folder / "n.net").write_text(PLACES[name][0].replace("K", str(window)))
    return load_file(folder / "n.net").net()


def told(failing: Callable[[], object], code: str) -> list[Diagnostic]:
    with pytest.raises(NetError) as caught:
        failing()
    assert {d.code for d in caught.value.diagnostics} == {code}
    return caught.value.diagnostics


def write(target: str, net: Net, folder: Path) -> None:
    options = dict.fromkeys(EVERY[target].options)
    EVERY[target].write(net, folder / "made", options | {"seed": 0})


def check_place(found: list[Diagnostic], name: str, window: int = 1) -> None:
    """The place is that of the layer, or of the setting in it that is wrong."""
    _, before, at, notes = PLACES[name]
    (problem,) = found
    span, layer = problem.span, at.replace("K", str(window))
    assert span.source.line(span.line).startswith(before + layer)
    assert span.text == (layer if window == 1 or (notes[:1] and notes[0].startswith("inside")) else str(window))
    assert span.source.name.endswith("std.units.net" if name == "an import" else "n.net")
    assert [note.startswith(text) for note, text in zip(problem.notes, notes, strict=True)] == [True] * len(notes)


@pytest.mark.parametrize("name", PLACES)
def test_what_is_wrong_is_shown_there_by_the_elaborator(name: str, tmp_path: Path) -> None:
    with pytest.raises(NetError) as caught:
        net_of(name, tmp_path, 50)
    check_place(caught.value.diagnostics, name, 50)


@pytest.mark.parametrize("target", EVERY)
@pytest.mark.parametrize("name", PLACES)
def test_what_a_target_lacks_is_shown_there(
    name: str, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = net_of(name, tmp_path)
    monkeypatch.delitem(EVERY[target].rules().table, "conv")
    check_place(told(lambda: write(target, net, tmp_path), "not-supported-by-target"), name)


@pytest.mark.parametrize("target", EVERY)
@pytest.mark.parametrize("name", PLACES)
def test_what_a_target_cannot_say_is_shown_there(
    name: str, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RuleError("not here", help="elsewhere")

    net = net_of(name, tmp_path)
    monkeypatch.setitem(EVERY[target].rules().table, "conv", refuse)
    found = told(lambda: write(target, net, tmp_path), "not-supported-by-target")
    check_place(found, name)
    assert (found[0].message, found[0].help) == ("not here", "elsewhere")


@pytest.mark.parametrize("name", PLACES)
def test_what_has_no_gradient_is_shown_there(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise NoGradient("not back")

    net = net_of(name, tmp_path)
    monkeypatch.setattr(REGISTRY["conv"], "gradient", refuse)
    check_place(told(lambda: onnx_step(net), "no-gradient"), name)


# ---------------------------------------------------------------- the table


@pytest.mark.parametrize("name", EVERY)
def test_a_target_says_what_commands_ask_of_it(name: str) -> None:
    target = EVERY[name]
    assert target.name == name
    assert target.title
    assert target.makes
    assert target.ending.startswith(".")
    assert (target.emit is None) is (target.save is not None)
    assert target.options <= {"weights", *OPTIONS}


def test_names_and_declarations_of_targets_are_had_without_their_libraries() -> None:
    code = (
        "import sys\nfrom netdsl.codegen.target import TARGETS\nassert len(list(TARGETS)) == len(TARGETS) > 2\n"
        "assert not [m for m in sys.modules if m.startswith(('netdsl.codegen.pytorch', 'netdsl.codegen.onnx'))]\n"
        "assert all(t.title for t in TARGETS.values())\n"
        "assert not {'torch', 'onnx', 'numpy'} & {m.partition('.')[0] for m in sys.modules}\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


ENGINES = {"onnx"}
"""Names of targets that are names of engines too."""
OWN = (
    "codegen/target.py",
    *(place.rpartition(".")[0].removeprefix("netdsl.").replace(".", "/") for place in EVERY.places.values()),
)
"""The table, and the folder of each target."""


def test_nobody_but_its_own_room_names_a_target() -> None:
    """A command that compares with a name would have to know every target."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        place = path.relative_to(PACKAGE).as_posix()
        words = {*TARGETS, *(t.title for t in TARGETS.values())} - (ENGINES if place != "cli/compile.py" else set())
        if not place.startswith(OWN):
            nodes = ast.walk(ast.parse(path.read_text("utf-8")))
            found += [f"{place}: {n.value}" for n in nodes if isinstance(n, ast.Constant) and n.value in words]
    assert found == []


@pytest.mark.parametrize("target", EVERY)
def test_every_option_is_taken_or_refused(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    made = EVERY[target]
    for option, value in {"weights": "none.safetensors", "device": "cpu"}.items():
        with pytest.raises((SystemExit, WeightsError, WriteError)):
            run(["compile", str(SPEC), "--to", target, "-o", str(PACKAGE), f"--{option}", value])
        assert (f"--{option}: " in capsys.readouterr().err) is (option not in made.options)


@pytest.mark.parametrize("target", EVERY)
def test_what_is_no_text_needs_a_file(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    made = EVERY[target]
    if not made.needs_file:
        assert run(["compile", str(SPEC), "--to", target]) == 0
        return
    with pytest.raises(SystemExit):
        run(["compile", str(SPEC), "--to", target])
    assert f"{made.makes} needs a file: -o model{made.ending}" in capsys.readouterr().err
