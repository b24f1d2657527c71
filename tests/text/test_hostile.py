"""Texts that mean harm, or that a cat walked over: every one ends soon, in small memory, with a message."""

from __future__ import annotations

import json
import random
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from netdsl.graph.invariants import verify
from netdsl.program import Program, check_program, check_text, load_file, load_text
from netdsl.reports.plain import render
from netdsl.text.diagnostics import Diagnostic, NetError

ROOT = Path(__file__).parents[2]
PATIENCE = 120
"""Seconds for all limits together, many times what they take: a machine under load must not fail the test."""
MEMORY = 600 * 2**20
"""Bytes of address space."""


def nested(count: int, base: str, step: str) -> str:
    """Blocks that use the one before: `b0`, `b1` …"""
    blocks = [f"block b0 {{ {base} }}", *(f"block b{i} {{ {step.format(i - 1)} }}" for i in range(1, count + 1))]
    return "\n".join(blocks) + f"\nnet X {{\n  input x [4]\n  b{count}\n}}"


def rows(*lines: str, inputs: str = "x [4]") -> str:
    return "\n".join(["net X {", f"  input {inputs}", *lines, "}"])


HARMFUL = {
    "repetition": ("too-many-layers", rows("linear(4) * 1M")),
    "repetitions": ("too-many-layers", rows("linear(4) * 11999", "linear(4) * 11999")),
    "loops": (
        "too-many-layers",
        rows("for a in range(1000) { for b in range(1000) { for c in range(1000) { linear(4) } } }"),
    ),
    "empty loops": ("too-much-work", rows(*["for a in range(9000) { let b = 2 * a + 3 * a + 4 * a }"] * 30)),
    "doubling": ("too-many-layers", nested(40, "linear(4)", "b{0} -> b{0}")),
    "deep blocks": ("nested-too-deep", nested(100, "linear(4)", "b{0}")),
    "deep branches": ("nested-too-deep", nested(58, "linear(4)", "if true {{ if true {{ y: if true {{ b{0} }} }} }}")),
    "range": ("too-many-layers", rows("for i in range(10 ** 12) { linear(4) }")),
    "list": ("too-many-layers", rows("let a = [1] * 10 ** 12", "linear(4)")),
    "lists": ("too-much-work", rows(*(f"let a{i} = [0] * 29000" for i in range(200)), "linear(4)")),
    "doubled list": (
        "too-many-layers",
        rows("let a0 = [1]", *(f"let a{i} = a{i - 1} + a{i - 1}" for i in range(1, 60)), "linear(4)"),
    ),
    "list of lists": (
        "too-many-layers",
        rows("let a0 = [1]", *(f"let a{i} = [a{i - 1}, a{i - 1}]" for i in range(1, 60)), "linear(4)"),
    ),
    "deep list": (
        "nested-too-deep",
        rows("let a0 = [1]", *(f"let a{i} = [a{i - 1}]" for i in range(1, 900)), "linear(4)"),
    ),
    "bundles": (
        "too-many-layers",
        rows("a0: (x, x)", *(f"a{i}: (a{i - 1}, a{i - 1})" for i in range(1, 60)), "a59 -> add"),
    ),
    "wide joins": (
        "too-much-work",
        rows("a0: (x, x)", *(f"a{i}: (a{i - 1}, a{i - 1})" for i in range(1, 13)), *["a12 -> add"] * 300),
    ),
    "nothing, often": (
        "too-much-work",
        "\n".join(
            [
                "block b0(f: layer) { f -> f }",
                *(f"block b{i}(f: layer) {{ b{i - 1}(f -> f) }}" for i in range(1, 40)),
                rows("b39(relu * 0)"),
            ]
        ),
    ),
    "brackets": ("nested-too-deep", rows(f"linear({'(' * 3000}3{')' * 3000})")),
    "sum": ("nested-too-deep", rows(f"linear({' + '.join(['1'] * 5000)})")),
    "power": ("number-too-large", rows("linear(2 ** 2 ** 2 ** 2 ** 2 ** 2)")),
    "powers": ("number-too-large", rows("linear((10 ** 29) ** 99)")),
    "fraction power": ("number-too-large", rows("linear(1e29 ** 99)")),
    "prime strides": (
        "size-too-complex",
        rows("maxpool(1, stride=7919) -> maxpool(1, stride=7907)", inputs="image [3, H, W]"),
    ),
    "mistakes": ("too-many-mistakes", rows(*(f"a{i}: cnov(3)" for i in range(3000)))),
    "parts": ("wrong-setting", rows("split(1000000000) -> concat", inputs="x [1000000000]")),
    "text": ("wrong-kind", rows(f'linear("{"z" * 40_000}")')),
}

CHECK = """
import json, sys
from netdsl.text.diagnostics import NetError
from netdsl.program import check_text
from netdsl.reports.plain import render
for name, text in json.load(sys.stdin).items():
    try:
        found = check_text(text, name)
    except NetError as error:
        found = error.diagnostics
    print(json.dumps([name, [d.code for d in found], len(render(found)), all(d.labels for d in found)]), flush=True)
"""


def confine() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def test_limits_hold_in_small_memory() -> None:
    texts = json.dumps({name: text for name, (_, text) in HARMFUL.items()})
    done = subprocess.run(
        [sys.executable, "-c", CHECK], input=texts, text=True, capture_output=True, timeout=PATIENCE, cwd=ROOT,
        preexec_fn=confine, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert {name: HARMFUL[name][0] in codes for name, codes, _, _ in said} == dict.fromkeys(HARMFUL, True)
    assert all(size < 100_000 and located for _, _, size, located in said)


def test_a_large_honest_network_is_within_the_limits() -> None:
    assert len(load_text(rows("linear(4) * 5000 -> relu")).net().nodes) == 5001


# ---------------------------------------------------------------- files beside

USES = 'use "{0}" {{ unit }}\nnet X {{\n  input x [4]\n  unit(3)\n}}\n'
UNIT = "block unit(c) { linear(c) }\n"


def checked(folder: Path, path: str, monkeypatch: pytest.MonkeyPatch) -> list[Diagnostic]:
    """What is said about a file that uses another one by a path."""
    (folder / "main.net").write_text(USES.format(path), encoding="utf-8")
    monkeypatch.chdir(folder)
    return check_program(load_file("main.net"))


def test_a_neighbour_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "unit.net").write_text('use "../other.net" { other }\nblock unit(c) { other(c) }\n')
    (tmp_path / "other.net").write_text("block other(c) { linear(c) }\n")
    assert checked(tmp_path, "./parts/unit.net", monkeypatch) == []


def test_an_error_names_a_neighbour_as_seen_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "unit.net").write_text("block unit(c) { rellu }\n")
    (found,) = checked(tmp_path, "./parts/unit.net", monkeypatch)
    assert found.span.place == "parts/unit.net:1:17"


@pytest.mark.parametrize("path", ["../outside.net", "/etc/passwd", "parts/../../outside.net"])
def test_imports_stay_in_their_folder(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "outside.net").write_text(UNIT)
    (tmp_path / "inside" / "parts").mkdir(parents=True)
    (found,) = checked(tmp_path / "inside", path, monkeypatch)
    assert found.code == "import-outside-folder"


def test_a_link_does_not_lead_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "outside.net").write_text(UNIT)
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "link.net").symlink_to(tmp_path / "outside.net")
    (tmp_path / "inside" / "folder").symlink_to(tmp_path)
    for path in ("./link.net", "./folder/outside.net"):
        (found,) = checked(tmp_path / "inside", path, monkeypatch)
        assert found.code == "import-outside-folder"


def test_a_neighbour_that_is_not_utf8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "unit.net").write_bytes(b"# caf\xe9\nblock unit(c) { linear(c) }\n")
    (found,) = checked(tmp_path, "./unit.net", monkeypatch)
    assert found.code == "not-utf8"
    assert found.span.place == "unit.net:1:6"


def test_a_file_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "main.net").write_bytes(b"net X {\n  input x\xff [4]\n}\n")
    with pytest.raises(NetError) as caught:
        load_file(tmp_path / "main.net")
    (found,) = caught.value.diagnostics
    assert (found.code, found.span.line) == ("not-utf8", 2)
    assert "byte 17 is 0xff" in found.message


def test_a_folder_is_no_neighbour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "unit.net").mkdir()
    (found,) = checked(tmp_path, "./unit.net", monkeypatch)
    assert found.code == "unknown-import"


def test_a_text_has_no_neighbours() -> None:
    (found,) = check_text(USES.format("./unit.net"))
    assert found.code == "unknown-import"
    assert "a text without a file" in found.message


# ---------------------------------------------------------------- mutations

WORD = re.compile(r"\s+|#[^\n]*|\"[^\"\n]*\"|[A-Za-z_]\w*|[0-9][0-9_.]*[KMG]?|->|\*\*|//|[=!<>]=|.")
VALUES = (
    "0", "1", "-1", "3", "999999999999", "0.5", '"a"', "true", "[1, 2]", "(3, 3)", "H", "x", "relu", "conv(3, 3)", "_", "1e30",
    "same", "min(2)", "range(3)", "x.height", "image.width // 2", "x.shape", "normal(x)", "a * b", "()", "{ x }",
)  # fmt: skip
NAMES = (
    "relu", "conv", "linear", "concat", "x", "image", "H", "maxpool", "batchnorm", "flatten", "add", "split", "lstm", "attention",
    "matmul", "crop", "resize", "reshape", "transpose", "slice", "min", "max", "len", "range", "zip", "same", "state", "next",
    "if", "else", "each", "for", "in", "let", "set", "param", "assert", "shared", "output", "aux", "input", "cross_entropy",
    "accuracy", "digits", "shape", "channels", "height", "dropout", "embedding", "one_hot", "argmax", "mean", "last", "max_unpool",
)  # fmt: skip

EVERYTHING = """
let base = 4
block unit(c, stride = 1, act: layer = relu) {
  input x
  main: conv(c, 3, stride=stride, pad=1) -> bn -> act
  skip: if stride != 1 or x.channels != c { x -> conv(c, 1, stride=stride) } else { x }
  main + skip -> act
}
recurrent cell(n) {
  input y, h0
  state h [n] = h0
  next h: (y -> linear(n)) * (h -> linear(n) -> sigmoid)
  output h
}
net X(classes = 10, widths = [4, 8]) {
  input image [3, H = 64, W], tokens int[T], start [5]
  shared tower: conv(base, 1) -> relu
  a: image -> tower -> unit(4) * 2
  for (w, s) in [(4, 2), (8, 2)] { unit(w, stride=s, act=silu) }
  parts: each b in [1, 2] { _ -> adaptive_avgpool(b) -> flatten }
  (small, large): parts
  param position [8, 12] = normal(0.02)
  set linear(bias=false)
  seq: (tokens -> embedding(10, 4), start) -> cell(5)
  assert classes > 1 and W % 4 == 0, "two classes"
  output aux side: large -> linear(classes)
  output logits: small -> linear(classes)
  output tail: seq -> last -> [5]
  assert params < 300M
}
train X {
  data digits
  loss (logits, label) -> cross_entropy
  metric (logits, label) -> accuracy
  optimizer sgd(lr=0.05)
  epochs 10
}
"""


def mutated(text: str, chance: random.Random) -> str:
    """A text with one to three of its words deleted, doubled, swapped or replaced."""
    words = WORD.findall(text)
    for _ in range(chance.choice((1, 1, 2, 3))):
        place, other = chance.randrange(len(words)), chance.randrange(len(words))
        kind = chance.randrange(6)
        if kind == 0:
            del words[place]
        elif kind == 1:
            words.insert(place, words[other])
        elif kind == 2:
            words[place], words[other] = words[other], words[place]
        else:
            known = [i for i, w in enumerate(words) if w[0].isdigit() or w[0].isalpha()]
            words[chance.choice(known)] = chance.choice((VALUES, NAMES, VALUES)[kind - 3])
    return "".join(words)


def exercise(text: str) -> None:
    """Check a text and, when it is right, build its nets; only `NetError` may come of it."""
    try:
        found = check_text(text, "mutated.net")
        render(found)
        if not any(d.severity == "error" for d in found):
            build(load_text(text))
    except NetError as error:
        render(error.diagnostics)


def build(program: Program) -> None:
    for name in program.names:
        verify(program.net(name))


def test_the_seed_of_the_mutations_is_right() -> None:
    found = [d for d in check_text(EVERYTHING) if d.severity == "error"]
    assert [d.code for d in found] == ["wrong-data"]  # `digits` has one input, the net three


@pytest.mark.parametrize("seed", range(8))
def test_mutations_end_in_a_message(seed: int) -> None:
    chance = random.Random(seed)
    texts = [
        EVERYTHING,
        *((ROOT / "specs" / f"{n}.net").read_text(encoding="utf-8") for n in ("alexnet", "char_rnn", "lenet")),
    ]
    for _ in range(25):
        text = mutated(chance.choice(texts), chance)
        try:
            exercise(text)
        except Exception as error:
            pytest.fail(f"{type(error).__name__}: {error}\n{text}")
