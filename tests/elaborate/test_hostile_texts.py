"""Every construct of the grammar, as often as the limits of a text allow and beyond: `check` answers soon and small.

A line may take ten times what is promised. Those of one text at the limits share a process; so do all quick ones.
"""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from netdsl.program import check_text
from netdsl.text.diagnostics import Collector, NetError
from netdsl.text.formatter import formatted
from netdsl.text.limits import BYTES, LINE, MESSAGE, MISTAKES, NAME, NETS, USES, WORDS
from netdsl.text.parser import parse
from netdsl.text.source import Source

ROOT = Path(__file__).parents[2]
SECONDS = 10
"""CPU time for a text that takes about one on an unloaded core."""
SPACE = 600 * 2**20
"""Bytes of address space."""
PEAK = 256 * 1024
"""KiB of memory in use."""
QUICK = 3_000
"""Words of a text of the quick test."""

Unit = str | Callable[[int], str]
NET = "net X {\n  input x [4]\n"
END = "linear(3)\n}\n"

CONSTRUCTS: dict[str, tuple[str, Unit, str]] = {
    "file": ("", lambda i: f"let a{i} = 1\nblock b{i} {{ relu }}\n", NET + END),
    "definition": ("", lambda i: f"net b{i} {{\ninput x [4]\nrelu }}\n", ""),
    "definition, empty": ("", lambda i: f"net b{i} {{}}\n", ""),
    "definition, bad": ("", lambda i: f"net b{i} {{\ninput x [4]\nrellu }}\n", ""),
    "definition, same": ("", "net X {\ninput x [4]\nrelu }\n", ""),
    "definition, recurrent": ("", lambda i: f"recurrent b{i} {{\n state h [4] = 0\n next h: h\n h }}\n", NET + END),
    "parameters": ("net X(\n", lambda i: f"a{i} = 1,\n", f"b = 1) {NET[5:]}{END}"),
    "parameter": ("net X(\n", "a: int = 1,\n", f"b = 1) {NET[5:]}{END}"),
    "train": (NET + END, "train X { epochs 1 }\n", ""),
    "train, named": (NET + END, lambda i: f"train a{i} of X {{ epochs 1 }}\n", ""),
    "train, other": (NET + END, lambda i: f"train Y{i} {{ epochs 1 }}\n", ""),
    "recipe": (NET + END + "train X {\n", lambda i: f"data digits\nloss (x{i}, label) -> mse\n", "}\n"),
    "recipe_row": (NET + END + "train X {\n", "epochs 1\n", "}\n"),
    "turn": (NET + END + "train X {\n", lambda i: f"part a{i} {{ moves x }}\n", "}\n"),
    "turn, inside another": (NET + END + "train X {\n", "part a { moves x\n", "}\n"),
    "turn, of many rows": (NET + END + "train X { part a { moves (", "linear, ", "linear) } }\n"),
    "common": ("", lambda i: f"shared a{i}: linear(3)\n", NET + END),
    "use": ("", lambda i: f'use "./a{i}.net" {{ a }}\n', NET + END),
    "use, same": ("", 'use "./a.net" { a }\n', NET + END),
    "module_path": ("", "use std.prelude { a }\n", NET + END),
    "file_path": ("", 'use "a/../a/../a.net" { a }\n', NET + END),
    "taken": ('use "./a.net" {', lambda i: f"a{i},\n", "b }\n" + NET + END),
    "taken, of the library": ("use std.resnet {", lambda i: f"a{i},\n", "b }\n" + NET + END),
    "names": (NET + "output a", lambda i: f", b{i}\n", "\n" + END),
    "body": (NET, "for i in [1] { x }\n", END),
    "input": (NET, lambda i: f"input a{i} [1]\n", END),
    "input_item": (NET + "input y [1]", lambda i: f", a{i} [1]\n", "\n" + END),
    "batch_input": ("block b {\n", lambda i: f"batch input a{i} [N]\n", "x\n}\n" + NET + END),
    "bare_input": (NET + "input y [1]", lambda i: f", a{i}\n", "\n" + END),
    "shaped_input": (NET + "input y [1]", lambda i: f", a{i} int[D{i}]\n", "\n" + END),
    "sizes": ("net X {\n input x [", "1,\n", "1]\n" + END),
    "sized_symbol": ("net X {\n input x [", lambda i: f"D{i} = 3,\n", "1]\n" + END),
    "size": ("net X {\n input x [", lambda i: f"D{i},\n", "1]\n" + END),
    "output": (NET, "output x\n", END),
    "output_names": (NET, "output aux x\n", END),
    "output_row": (NET, lambda i: f"output a{i}: x -> relu\n", END),
    "layer": (NET, "relu\n", END),
    "plain_row": (NET, "x\n", END),
    "named_row": (NET, lambda i: f"a{i}: relu\n", END),
    "bundle_row": (NET, lambda i: f"(a{i}, b{i}): x -> split(2)\n", END),
    "shared_row": (NET, lambda i: f"shared a{i}: relu\n", END),
    "let": (NET, lambda i: f"let a{i} = 1\n", END),
    "param": (NET, lambda i: f"param a{i} [1]\n", END),
    "const": (NET, lambda i: f"const a{i} [4] = [1, 2, 3, 4]\n", END),
    "const, one list": (NET + "const a [1] = [", "1,\n", "1]\n" + END),
    "const, of sizes": ("net X {\n  input x [T]\n", lambda i: f"const a{i} [T] = arange\n", "x\n}\n"),
    "frozen": (NET, "frozen linear(4)\n", END),
    "frozen, again": (NET, "frozen ", "linear(4)\n" + END),
    "frozen, nothing": (NET, "frozen let a = 1\n", END),
    "set": (NET, "set linear(bias=false)\n", END),
    "set, behind layers": (NET, "set linear(bias=false)\nrelu\n", END),
    "assert": (NET, 'assert true, "so"\n', END),
    "sized_assert": (NET, lambda i: f"assert macs < {i} at batch = {i + 1}\n", END),
    "at": (NET + "assert macs < 1", " at batch = 1,\n", "batch = 2\n" + END),
    "for": (NET, "for i in range(2) { relu }\n", END),
    "target": (NET, "for (a, b) in [[1, 2]] { relu }\n", END),
    "state": (NET, lambda i: f"state h{i} [4] = 0\n", END),
    "bare_state": (NET, lambda i: f"state h{i} = 0\n", END),
    "shaped_state": (NET, lambda i: f"state h{i} int[4] = 0\n", END),
    "given": ("recurrent b {\n input x [4]\n", lambda i: f"given a{i} [1]\n", "x\n}\n" + NET + END),
    "steps": ("recurrent b {\n", "steps = 3\n", "x\n}\n" + NET + END),
    "next": (NET, "next h: x\n", END),
    "dims": (NET + "param a [", "1,\n", "1]\n" + END),
    "pipeline": (NET + "x ", "-> relu\n", END),
    "stage": (NET + "x ", "-> relu -> [4]\n", END),
    "claim": (NET + "x ", "-> [4]\n", END),
    "plain_claim": (NET + "x -> [", "4,\n", "4]\n" + END),
    "kind_claim": (NET + "x ", "-> float[4]\n", END),
    "disjunction": (NET + "assert true ", "or\n true ", "\n" + END),
    "conjunction": (NET, "assert true and true and true\n", END),
    "negation": (NET + "assert ", "not ", "true\n" + END),
    "comparison": (NET, "assert 1 < 2\n", END),
    "binary": (NET + "linear(1", "+\n1", ")\n" + END),
    "unary": (NET + "linear(", "-", "1)\n" + END),
    "outside": (NET, "assert 1 not in [2, 3]\n", END),
    "sum": (NET, "let a = 1 + 2 + 3 - 4\n", END),
    "product": (NET, "let a = 1 * 2 // 3 % 4\n", END),
    "signed": (NET, "let a = - - - 1\n", END),
    "power": (NET, "let a = 9 ** 9 ** 2\n", END),
    "postfix": (NET + "relu", "()", "\n" + END),
    "call": (NET + "linear(3", ", relu()\n", ")\n" + END),
    "attribute": (NET + "x", ".a", "\n" + END),
    "index": (NET + "let a = [1]", "[0]", "\n" + END),
    "arguments": (NET + "linear(3", lambda i: f",\na{i}=1", ")\n" + END),
    "argument": (NET + "linear(3", ",\nbias=true", ")\n" + END),
    "positional": (NET + "linear(3", ",\n1", ")\n" + END),
    "keyword": (NET, "linear(bias=true, features=3)\n", END),
    "atom": (NET, "x * x + x\n", END),
    "name": (NET, lambda i: f"a{i}\n", END),
    "previous": (NET, "_ + _\n", END),
    "number": (NET, "let a = 99_999.5e9\n", END),
    "text": (NET + "let a = [", '"so",\n', '""]\n' + END),
    "truth": (NET + "let a = [", "true, false,\n", "true]\n" + END),
    "list": (NET + "let a = [", "[1],\n", "1]\n" + END),
    "tuple": (NET + "(x", ", x\n", ") -> add\n" + END),
    "tuple, of layers": (NET + "(x", ", (relu -> relu)\n", ") -> add\n" + END),
    "part": (NET + "(*(x, x)", ", x\n", ") -> add\n" + END),
    "spread": (NET + "(x", ", *(x, x)\n", ") -> add\n" + END),
    "group": (NET, "(((x)))\n", END),
    "if": (NET, "if true { x }\n", END),
    "if, with names": (NET, lambda i: f"a{i}: x\nif true {{ b{i}: x }}\n", END),
    "otherwise": (NET, "if false { x } else if false { x } else { x }\n", END),
    "each": (NET, "each i in [1, 2] { x } -> add\n", END),
    "value": (NET, "let a = relu -> relu\n", END),
    # what is no rule: comments, letters, lines, slips
    "comments": (NET, "#\n", END),
    "blank lines": (NET, "\n  \n", END),
    "letters of a comment": (NET + "#", "c" * 1000 + "\n#", "\n" + END),
    "letters of a text": (NET, f'assert 1 == 2, "{"z" * 49_000}"\n', END),
    "escapes": (NET, 'assert true, "' + "\\\\" * 24_000 + '"\n', END),
    "letters of a name": (NET, f"{'n' * 49_000}\n", END),
    "letters of a size": ("net X {\n  input x [", f"{'D' * 49_000},\n", "4]\n" + END),
    "digits": (NET, f"linear({'9' * 49_000})\n", END),
    "open brackets": (NET, "(\n", ""),
    "closing brackets": (NET, ")\n", ""),
    "open texts": (NET, '"\n', ""),
    "words": (NET, "a b\n", END),
    "slips of the pen": (NET, lambda i: f"a{i} = relu\n", END),
    "control characters": ("", "\0\n", ""),
    "foreign signs": (NET, "x → relu\n", END),
    "semicolons": (NET, ";;;;\n", END),
    "commas": (NET + "linear(", ",\n", ")\n" + END),
}
"""Head, what is repeated, tail. A name before a comma is that of a rule of the grammar."""

WORKER = """
import contextlib, io, json, resource, sys
from netdsl.cli import attempt
for line in sys.stdin:
    command, path, seconds = json.loads(line)
    used = resource.getrusage(resource.RUSAGE_SELF)
    end = int(used.ru_utime + used.ru_stime) + seconds + 1
    resource.setrlimit(resource.RLIMIT_CPU, (end, resource.RLIM_INFINITY))
    open("/proc/self/clear_refs", "w").write("5")  # the peak is that of this line
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = attempt([*command.split(), path])
    said = out.getvalue()
    peak = next(int(l.split()[1]) for l in open("/proc/self/status") if l.startswith("VmHWM"))
    print(json.dumps([path, code, len(said), peak, "unexpectedly" in said]), flush=True)
"""


def text(name: str, words: int) -> str:
    """A construct as often as so many words hold."""
    head, unit, tail = CONSTRUCTS[name]
    one = unit if isinstance(unit, str) else unit(10_000)
    each = len(re.findall(r"\w+|[^\w ]", one))
    count = min(words // each, (min(BYTES, 10 * words) - len(head) - len(tail) - 100) // len(one.encode())) or 1
    return head + "".join(one if isinstance(unit, str) else unit(10_000 + i) for i in range(count)) + tail


class Asked(NamedTuple):
    """A command on a file, the seconds of CPU time that it may take, and the letters that it may print."""

    command: str
    file: Path
    seconds: int = SECONDS
    letters: int = 60_000


def confine() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (SPACE, SPACE))


def answers(asked: Sequence[Asked]) -> list[int]:
    """Hold commands to their limits, one after the other in one process; the exit codes."""
    lines = "".join(json.dumps([a.command, str(a.file), a.seconds]) + "\n" for a in asked)
    done = subprocess.run(
        [sys.executable, "-c", WORKER], input=lines, text=True, capture_output=True, check=False, preexec_fn=confine
    )
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(said) == len(asked), f"{asked[len(said)]}: {done.returncode} {done.stderr[-500:]}"
    pairs = zip(said, asked, strict=True)
    wrong = [s for s, a in pairs if s[1] not in (0, 1) or s[2] > a.letters or s[3] > PEAK or s[4]]
    assert not wrong
    return [s[1] for s in said]


def written(folder: Path, name: str, words: int) -> Path:
    path = folder / f"{re.sub(r'[^a-z]+', '_', name)}.net"
    path.write_text(text(name, words), encoding="utf-8")
    return path


def rules() -> set[str]:
    """The rules of the grammar, and the names that it gives to their alternatives."""
    grammar = re.sub(r"//[^\n]*", "", (ROOT / "netdsl/grammar.lark").read_text(encoding="utf-8"))
    return set(re.findall(r"^\??([a-z_]+):", grammar, re.MULTILINE)) | set(re.findall(r"-> ([a-z_]+)$", grammar, re.M))


def test_every_rule_of_the_grammar_has_a_text() -> None:
    made = {name.partition(",")[0] for name in CONSTRUCTS}
    assert rules() - made == {"path", "item", "row", "term"}  # said by their alternatives, the last by options alone


def test_each_construct_is_answered(tmp_path: Path) -> None:
    files = [written(tmp_path, name, QUICK) for name in CONSTRUCTS]
    answers([Asked(command, file) for command in ("check", "fmt") for file in files])


REPORTS = ("report", "report --explain", "report --format json", "report --format markdown", "compile --to pytorch")


@pytest.mark.slow
@pytest.mark.parametrize("words", [WORDS - 1000, 4 * WORDS], ids=["allowed", "beyond"])
@pytest.mark.parametrize("name", CONSTRUCTS)
def test_each_construct_at_the_limits(name: str, words: int, tmp_path: Path) -> None:
    file = written(tmp_path, name, words)
    right = answers([Asked("check", file)])
    letters = 60_000 + 45 * file.stat().st_size
    shown = [Asked(command, file, 3 * SECONDS, letters) for command in REPORTS if right == [0]]
    assert answers([*shown, Asked("fmt", file), Asked("check", file)])[-1:] == right


# ---------------------------------------------------------------- the limits themselves

LIMITS = {
    "words": ("file-too-long", NET + "relu\n" * WORDS + "}\n"),
    "line": ("line-too-long", NET + f"  # {'c' * LINE}\n  relu\n}}\n"),
    "name": ("name-too-long", NET + f"  {'n' * (NAME + 1)}: relu\n}}\n"),
    "nets": ("file-too-long", "".join(f"net N{i} {{\ninput x [4]\nrelu }}\n" for i in range(NETS + 1))),
    "uses": ("file-too-long", "use std.transformer { encoder_layer }\n" * (USES + 1)),
}


@pytest.mark.parametrize("limit", LIMITS)
def test_what_passes_a_limit_is_told(limit: str) -> None:
    code, given = LIMITS[limit]
    assert code in [d.code for d in check_text(given)]


@pytest.mark.parametrize(("code", "given"), [
    ("file-too-long", text("definition, recurrent", WORDS - 1000)),
    ("line-too-long", f"{NET}#{'c' * (LINE - 1)}\nrelu\n}}\n"),
    ("file-too-large", NET + f"#{'c' * 480}\n" * 2070 + "relu\n}\n"),
])  # fmt: skip
def test_the_canonical_form_stays_within_the_limits(code: str, given: str) -> None:
    source = Source("a.net", given)
    assert len(given) <= BYTES
    assert parse(source, Collector()).items
    with pytest.raises(NetError) as told:
        formatted(source)
    assert [d.code for d in told.value.diagnostics] == [code]


def test_what_stands_at_a_limit_is_read() -> None:
    name = "n" * NAME
    assert check_text(f"{NET}  # {'c' * (LINE - 10)}\n  {name}: relu\n  output {name}\n}}\n") == []


@pytest.mark.parametrize("given", [
    NET + "cnov(3)\n" * 200 + "}\n",
    NET + "relu relu\n" * 200 + "}\n",
    NET + "→\n" * 200 + "}\n",
    "".join(f"net N{i} {{\ninput x [4]\nrellu }}\n" for i in range(200)),
    "".join(f"net N{i} {{}}\n" for i in range(200)),
    "".join(f"train N{i} {{ epochs 1 }}\n" for i in range(200)),
    "".join(f'use "./a{i}.net" {{ a }}\n' for i in range(200)),
])  # fmt: skip
def test_twenty_mistakes_and_that_there_are_more(given: str) -> None:
    codes = [d.code for d in check_text(given) if d.severity == "error"]
    assert len(codes) == MISTAKES + 1
    assert codes.count("too-many-mistakes") == 1


def test_exactly_twenty_mistakes_are_all() -> None:
    rows = "".join(f"a{i}: x -> cnov(3)\n" for i in range(MISTAKES))
    assert [d.code for d in check_text(NET + rows + "}\n")] == ["unknown-layer"] * MISTAKES


@pytest.mark.parametrize("given", [
    NET + f'  assert 1 == 2, "{"z " * 5000}"\n  relu\n}}\n',
    NET + f"  {'n' * 5000}(3)\n}}\n",
    f"net X {{\n  input x [{'1, ' * 5000}1]\n  linear(3)\n}}\n",
    f'use "./{"n" * 5000}.net" {{ a }}\n',
])  # fmt: skip
def test_a_message_is_of_bounded_length(given: str) -> None:
    found = check_text(given)
    assert found
    for d in found:
        assert all(len(t) <= MESSAGE + 10 for t in (d.message, d.help or "", *d.notes, *(x.text for x in d.labels)))
