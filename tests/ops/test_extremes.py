"""Numbers at the edge of what engines hold, in every setting of every operation: refused in words, or survived."""

from __future__ import annotations

import re
import sys
from argparse import Action, ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netdsl
from netdsl import cli
from netdsl.analyzer import analyze
from netdsl.base.errors import ArgumentError
from netdsl.cli.app import COMMANDS
from netdsl.codegen.onnx.model import draft_model
from netdsl.codegen.pytorch.source import torch_source
from netdsl.dims.tensors import MOST
from netdsl.ops.base import Op, RuleError, read_setting
from netdsl.ops.declared import Field
from netdsl.ops.fields import (
    ExtentKind,
    ExtentsKind,
    FloatKind,
    InitKind,
    IntKind,
    ListKind,
    PaddingKind,
    SizesKind,
)
from netdsl.program import check_text, load_text
from netdsl.reference.operations import example_net, operations
from netdsl.text.diagnostics import NetError

WHOLE = (
    "0",
    "-1",
    "2147483647",
    "2147483648",
    f"{MOST}",
    f"{MOST + 1}",
    "9" * 30,
    "-" + "9" * 30,
    'int("' + "9" * 39 + '")',
)
REAL = ("0.0", "-1.5", "9e29", "-9e29", "1e-30", "1e-39", "1e-320", "1e308 * 10", "2 ** 99 / 2 ** -99")
NUMBERS = {
    IntKind: WHOLE, ExtentKind: WHOLE, SizesKind: WHOLE, ExtentsKind: WHOLE, PaddingKind: WHOLE, FloatKind: REAL,
    InitKind: tuple(f"normal({v})" for v in REAL),
}  # fmt: skip
SETTINGS = [(op, f) for op in operations() for f in op.settings()]


def numbers(field: Field) -> tuple[str, ...]:
    kind = field.kind.item if isinstance(field.kind, ListKind) else field.kind
    return NUMBERS.get(type(kind), ())


TABLE = [pytest.param(op, f, id=f"{op.name}-{f.name}") for op, f in SETTINGS if numbers(f)]
UNCALLED = {"constant", "free_param"}
"""What no text calls by name: a number, and a `param`."""
CALLED = [p for p in TABLE if p.values[0].name not in UNCALLED]  # type: ignore[attr-defined]


def split(text: str) -> Iterator[str]:
    """Arguments of a call, at the commas that stand in no bracket."""
    depth, part = 0, ""
    for letter in text:
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and not depth:
            yield part.strip()
            part = ""
        else:
            part += letter
    if part.strip():
        yield part.strip()


def call_of(text: str, name: str) -> tuple[int, int, str]:
    """Where a layer stands in a text, from its name to its last bracket, and what is in the brackets."""
    found = [
        m for m in re.finditer(rf"(?<![\w.]){name}(?![\w:])", text) if "input" not in text[: m.start()].splitlines()[-1]
    ]
    start, end = found[-1].span()
    if text[end : end + 1] != "(":
        return start, end, ""
    close, depth = end, 0
    while True:
        depth += (text[close] in "([") - (text[close] in ")]")
        close += 1
        if not depth:
            return start, close, text[end + 1 : close - 1]


def with_setting(op: type[Op], name: str, value: str) -> str:
    """The example of an operation, without its claim, with one setting at another value."""
    text = re.sub(r" -> (int|bool)?\[[^\]]*\]\n  output", "\n  output", example_net(op))
    start, end, inside = call_of(text, op.name)
    names = iter([f.name for f in op.settings()])
    given = dict(a.split("=", 1) if re.match(r"\w+ *=[^=]", a) else (next(names), a) for a in split(inside))
    given = {k.strip(): v.strip() for k, v in given.items()} | {name: value}
    return text[:start] + f"{op.name}({', '.join(f'{k}={v}' for k, v in given.items())})" + text[end:]


@pytest.mark.parametrize(("op", "field"), CALLED)
def test_every_number_is_refused_or_survived(op: type[Op], field: Field) -> None:
    for value in numbers(field):
        text = with_setting(op, field.name, value)
        errors = [d for d in check_text(text) if d.severity == "error"]
        assert all(d.code not in SYNTAX and d.span.line > 1 for d in errors), (text, errors)
        if not errors:
            survive(text)


SYNTAX = {"unexpected-token", "unknown-layer", "unknown-name", "unknown-setting", "repeated-setting", "missing-setting"}
"""Of these the table itself would be to blame."""


def survive(text: str) -> None:
    net = load_text(text).net()
    try:
        analyze(net)
        torch_source(net)
        draft_model(net)
    except NetError as error:
        refused = error.diagnostics
    else:
        refused = []
    assert all(d.span.line > 1 for d in refused), text


@pytest.mark.parametrize(("op", "field"), TABLE)
def test_no_setting_holds_what_engines_do_not(op: type[Op], field: Field) -> None:
    """Whatever kind a setting is of, an operation added later included."""
    whole = (10**29, -(10**29), 10**400) if numbers(field) is WHOLE else ()
    for value in (*whole, float("inf"), float("-inf"), float("nan"), 1e39, 1e-45):
        given: Any = value if not isinstance(field.kind, ListKind) else [value]
        with pytest.raises(RuleError):
            read_setting(field, given)


SIZES = (0, -1, True, 1.5, float("nan"), float("inf"), "7", None, 10**19, 10**400)


@pytest.mark.parametrize("value", SIZES, ids=[str(v)[:20] for v in SIZES])
def test_sizes_and_batches_from_python(value: Any) -> None:
    net = netdsl.load_text("net N {\n  input x [3, H]\n  relu\n}\n")
    for given in ({"batch": value}, {"sizes": {"H": value}}):
        left_out = value is None and "batch" in given  # of a report it may be
        for ask in (netdsl.analyze, *([] if left_out else [netdsl.report])):
            with pytest.raises((NetError, ArgumentError)) as error:
                ask(net, **given)
            if isinstance(error.value, NetError):
                assert error.value.diagnostics[0].span.source.text


def test_sizes_of_numpy_are_numbers() -> None:
    net = netdsl.load_text("net N {\n  input x [3, H]\n  relu\n}\n")
    for kind in (np.int8, np.uint8, np.int64):
        found = netdsl.analyze(net, sizes={"H": kind(100)})  # type: ignore[dict-item]
        assert (found.at, type(found.at["H"]), found.totals.flops) == ({"H": 100}, int, 300)
    with pytest.raises(NetError, match="whole number"):
        netdsl.analyze(net, sizes={"H": np.float32(100)})  # type: ignore[dict-item]


GIVEN = (
    0,
    -1,
    True,
    10**29,
    10**30,
    10**5000,
    1e300,
    float("nan"),
    float("inf"),
    "relu",
    "1 +",
    '"',
    "x\n}",
    None,
    [10**400],
)


@pytest.mark.parametrize(
    "value", GIVEN, ids=[repr(v)[:20] if v != 10**5000 and v != [10**400] else "long" for v in GIVEN]
)
def test_settings_from_python(value: Any) -> None:
    text = "net N(n = 4, k: number = 2) {\n  input x [3]\n  y: linear(n)\n  y * k\n}\n"
    for name in ("n", "k"):
        try:
            found = netdsl.analyze(netdsl.load_text(text, **{name: value})).totals.params
        except NetError as error:
            found = len(error.diagnostics)
        except ArgumentError as error:
            found = len(str(error))
        assert found


LARGE = ("10 ** 18 + 1", "9" * 30, 'int("' + "9" * 30 + '")', "10 ** 17 * 100", "len([0] * 1000) * 10 ** 16", "2 ** 60", "2000000000G",
         "round(2.0 ** 80)", "max(1, 10 ** 20)", "10 ** 25 // 2")  # fmt: skip
PLACES = (
    "input x [1, {}]\n  relu", "input x [1, H = {}]\n  relu", "input x [1]\n  param p [{}]\n  relu",
    "input x [{}, 2]\n  steps", "input x [2, 2]\n  carry({})", "input x int[3]\n  embedding({}, 2)", "input x [2]\n  linear({})",
)  # fmt: skip
BLOCKS = """recurrent steps { input a [N]
  state h [N] = 0
  next h: h + a
  output h
}
recurrent carry(n) { input a
  state h [n] = 0
  next h: h + 1
  output h
}
"""


@pytest.mark.parametrize("size", LARGE)
@pytest.mark.parametrize("place", PLACES)
def test_no_size_is_beyond_what_a_tensor_holds(place: str, size: str) -> None:
    errors = [d for d in check_text(f"{BLOCKS}net N {{\n  {place.format(size)}\n}}\n") if d.severity == "error"]
    assert errors
    assert errors[0].code in ("size-too-large", "number-too-large"), errors


NUMERALS = ('int("{}")', 'int("-{}")', "int({}.0)", "{}", "{}.5", "-{}", "{} * {}", "2.0 * {}", "{} ** 2", "{} + {}", "max({}, 1)",
            "round({}.0)", "[{}][0]", "{}K", "{}M", 'int(" {} ")', "floor({}.5)", "ceil({}.5)", "x.width * {}", "(x.width + {}) * {}")  # fmt: skip


@pytest.mark.parametrize("numeral", NUMERALS)
@pytest.mark.parametrize("digits", [30, 31, 39, 400, 5000])
def test_no_number_is_beyond_reason(numeral: str, digits: int) -> None:
    rows = f"let a = {numeral.replace('{}', '9' * digits)}\n  let b = a * 10\n  relu"
    errors = [d for d in check_text(f"net N {{\n  input x [1, H]\n  {rows}\n}}\n") if d.severity == "error"]
    assert {d.code for d in errors} == {"number-too-large"}


SMALL = "net N {\n  input x [1, H]\n  relu\n}\n"
TRIED = (
    "0",
    "-1",
    "9" * 18,
    "9" * 19,
    "9" * 400,
    "9" * 5000,
    "nan",
    "inf",
    "-inf",
    "1e400",
    "1e-400",
    "",
    "\u0663",
    "x",
)


def numeric(action: Action) -> bool:
    """Whether an option takes a number: what its declaration makes of one."""
    try:
        return action.type is not None and isinstance(action.type("7"), int | float)  # type: ignore[operator]
    except ArgumentTypeError:
        return False


def options() -> Iterator[tuple[str, str]]:
    """The options of every command that take a number, and `--size`, as argparse has them."""
    for command in COMMANDS:
        parser = ArgumentParser()
        import_module(f"netdsl.cli.{command}").add_arguments(parser)
        for action in parser._actions:
            if action.option_strings and (numeric(action) or action.dest == "size"):
                yield command, action.option_strings[0]


def test_options_are_found() -> None:
    assert {("report", "--width"), ("report", "--size"), ("parity", "--tolerance"), ("train", "--steps")} <= {
        *options()
    }


@pytest.mark.parametrize(("command", "option"), options())
def test_numbers_of_options(
    command: str, option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "small.net"
    file.write_text(SMALL, encoding="utf-8")
    more = {"compile": ["--to", "pytorch"], "train": ["--folder", str(tmp_path / "run")]}.get(command, [])
    for value in TRIED:
        given = f"{option}={'H=' * (option == '--size')}{value}"
        monkeypatch.setattr(sys, "argv", ["netdsl", command, str(file), *more, given])
        try:
            code = cli.main()
        except SystemExit as end:
            code = end.code  # type: ignore[assignment]
        said = capsys.readouterr()
        assert code in ((0, 1, 2) if value in TRIED[:3] else (1, 2)), (given[:40], said)
        assert "unexpectedly" not in said.err
        assert "Traceback" not in said.err
        assert len(said.out + said.err) < 100_000
