"""The fuzzer itself: what it ever found, a little of what it draws, and that it would see what is wrong."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest
from fuzz import FINDINGS, oracle
from fuzz.grammar import rules, sentence
from fuzz.oracle import CHECK, COMPILE, FORMAT, PLAIN, REPORT, SHAPES, Answer
from fuzz.registry import Drawing, declarations, uses
from fuzz.shrink import shrunk
from fuzz.texts import text
from fuzz.worker import SECONDS, Worker

from netdsl.reference.operations import operations

FOUND = sorted(FINDINGS.glob("*.net"))
FEW = 6


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker() as made:
        yield made


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_what_was_found_is_cured(path: Path, worker: Worker) -> None:
    head, _, data = path.read_bytes().partition(b"\n")
    assert head.startswith(b"# ")
    assert worker.judge(data) is None


@pytest.mark.parametrize("numbers", [range(FEW), pytest.param(range(FEW, 60), marks=pytest.mark.slow)], ids=str)
def test_a_few_texts_break_no_rule(numbers: range, worker: Worker) -> None:
    found = {number: worker.judge(text(1, number)) for number in numbers}
    assert {number: breach for number, breach in found.items() if breach} == {}


# ---------------------------------------------------------------- what is drawn


def test_a_seed_gives_the_same_texts() -> None:
    assert [text(5, n) for n in range(30)] == [text(5, n) for n in range(30)]
    assert text(5, 3) != text(6, 3)


def test_every_operation_and_setting_is_drawn() -> None:
    assert {op.name for op in operations()} - {use.op.name for use in uses()} == {
        "constant",
        "free_param",
        "per_sample",
    }
    missing = []
    for declared in declarations():
        drawn = " ".join(Drawing(random.Random(i)).settings(declared) for i in range(150))
        missing += [f"{declared.name}.{f.name}" for f in declared.settings() if f"{f.name}=" not in drawn]
    assert missing == []


def test_every_word_and_sign_is_drawn() -> None:
    chance = random.Random(0)
    _, words = rules()
    missing = {word for name, word in words.items() if name != "_NL"}
    for _ in range(400):
        missing.difference_update(sentence(chance).split())
        if not missing:
            break
    assert missing == set()


# ---------------------------------------------------------------- what is seen

RIGHT = b"# A net.\nnet N {\n  input x [4]\n  a: x->linear(3)\n  output y: relu\n}\n"
WRONG = b"net N {\n  input x [4]\n  linear(3) -> rellu\n}\n"


def on(command: Sequence[str], **changes: Callable[[str], object]) -> Callable[[Sequence[str], Answer], Answer]:
    """A fault in what one command gives."""

    def changed(arguments: Sequence[str], answer: Answer) -> Answer:
        if tuple(arguments) != tuple(command):
            return answer
        return answer._replace(**{name: change(getattr(answer, name)) for name, change in changes.items()})

    return changed


def edited(**changes: object) -> Callable[[str], str]:
    """Diagnostics in JSON of which the first is changed."""
    return lambda out: json.dumps([{**json.loads(out)[0], **changes}, *json.loads(out)[1:]])


FAULTS = {
    "code 2": ("exit code", RIGHT, on(REPORT, code=lambda code: 2)),
    "a right text fails": ("exit code", RIGHT, on(CHECK, code=lambda code: 1)),
    "the two checks differ": ("codes differ", RIGHT, on(PLAIN, code=lambda code: 1)),
    "unexpected": ("internal", RIGHT, on(COMPILE, err=lambda err: "netdsl failed unexpectedly: KeyError: 3")),
    "a traceback": ("internal", RIGHT, on(REPORT, err=lambda err: "Traceback (most recent call last)")),
    "an object": ("internal", RIGHT, on(oracle.REPORTS[0], out=lambda out: out + "Layer(object at 0x7f)")),
    "a Python value": ("internal", WRONG, on(PLAIN, out=lambda out: out + "takes None")),
    "an escape sequence": ("control characters", RIGHT, on(oracle.REPORTS[1], out=lambda out: out + "\x1b[31m")),
    "a hidden letter": ("control characters", RIGHT, on(COMPILE, out=lambda out: out + "# \u202e\n")),
    "a place outside": ("place", WRONG, on(CHECK, out=edited(line=9, end_line=9))),
    "a column outside": ("place", WRONG, on(CHECK, out=edited(column=99, end_column=99))),
    "an end before its start": ("place", WRONG, on(CHECK, out=edited(end_column=1))),
    "another file": ("place", WRONG, on(CHECK, out=edited(file="lib.net"))),
    "no message": ("message", WRONG, on(CHECK, out=edited(message=" "))),
    "no code": ("message", WRONG, on(CHECK, out=edited(code="E17"))),
    "a long message": ("flood", WRONG, on(CHECK, out=edited(message="x" * 10_000))),
    "many": ("flood", WRONG, on(CHECK, out=lambda out: json.dumps(json.loads(out) * 100))),
    "twice": ("said twice", WRONG, on(CHECK, out=lambda out: json.dumps(json.loads(out) * 2))),
    "no report": ("checks but has no report", RIGHT, on(REPORT, code=lambda code: 1)),
    "a negative count": ("negative count", RIGHT, on(REPORT, out=lambda out: out.replace('"params": 15', '"params": -15'))),
    "no place": ("declined without a place", RIGHT, on(COMPILE, code=lambda code: 1)),
    "no Python": ("no Python", RIGHT, on(COMPILE, out=lambda out: out + "class 3:\n")),
    "no format": ("checks but is not formatted", RIGHT, on(FORMAT, code=lambda code: 1)),
    "no shapes": ("no shapes", RIGHT, on(SHAPES, code=lambda code: 1)),
    "wrong shapes": ("shapes that do not hold", RIGHT, on(SHAPES, out=lambda out: out.replace("[3]", "[5]"))),
    "another format each time": ("formatted twice", RIGHT, on(FORMAT, out=lambda out: out + "# more\n")),
    "a row lost": ("formatted otherwise", RIGHT, on(FORMAT, out=lambda out: out.replace("  a: x -> linear(3)\n", ""))),
    "a row broken": ("formatted otherwise", RIGHT, on(FORMAT, out=lambda out: out.replace("relu", "rellu"))),
}  # fmt: skip


@cache
def answer(arguments: Sequence[str], data: bytes) -> Answer:
    """What a command says, which every fault spoils in another way."""
    return oracle.ask(arguments, data)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_seen(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rule, data, change = FAULTS[name]
    monkeypatch.chdir(tmp_path)
    oracle.prepare(tmp_path)
    assert oracle.judge(data, answer) is None
    seen = oracle.breaches(data, lambda arguments, data: change(arguments, answer(arguments, data)))
    assert rule in {breach.rule for breach in seen}


def test_an_exception_is_seen() -> None:
    def fails(arguments: Sequence[str], data: bytes) -> Answer:
        raise KeyError(3)

    breach = oracle.judge(RIGHT, fails)
    assert breach is not None
    assert breach.rule == "raised"


# ---------------------------------------------------------------- bounds

ENDLESS = """
import sys
from fuzz import oracle, worker
def ask(arguments, data):
    while True: {0}
oracle.ask = ask
worker.serve({1}, 2**28)
"""


@pytest.mark.parametrize(("does", "rule"), [("pass", "too long"), ("import os; os.abort()", "died")])
def test_a_process_that_dies_is_a_finding(does: str, rule: str) -> None:
    with Worker(program=("-c", ENDLESS.format(does, 0))) as made:
        breaches = [made.judge(RIGHT) for _ in range(2 if rule == "died" else 1)]
    assert {breach and breach.rule for breach in breaches} == {rule}


def test_memory_has_a_bound() -> None:
    greedy = ENDLESS.format("data += b'x' * 2**24", SECONDS)
    with Worker(program=("-c", greedy)) as made:
        breach = made.judge(RIGHT)
    assert breach is not None
    assert (breach.rule, breach.said[:11]) == ("raised", "MemoryError")


def test_every_sign_of_the_grammar_can_be_drawn() -> None:
    expansions, fixed = rules()
    signs = {s.name for ways in expansions.values() for way in ways for s in way if s.is_term}
    assert signs - set(fixed) == {"NAME", "NUMBER", "STRING"}


# ---------------------------------------------------------------- the smallest text


def test_a_text_becomes_as_small_as_it_can() -> None:
    long = b"".join(b"  row%d: conv(%d, 3) -> relu\n" % (i, i) for i in range(200)) + b"\xff linear(3) # here\n"
    small = shrunk(long, lambda data: b"conv(77" in data and b"\xff" in data)
    assert small == b"conv(77\xff"
