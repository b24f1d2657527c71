"""Settings of a recipe that stand elsewhere, or are called otherwise: what is offered for them, put in place, checks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product

import pytest

from netdsl.program import load_source
from netdsl.recipe import DATA, OPTIMIZERS, SCHEDULES
from netdsl.text.diagnostics import Severity
from netdsl.text.foreign import settings
from netdsl.text.source import as_source

LOSS = "loss (logits, label) -> cross_entropy"
NET = "net N { input image [1, 8, 8]\n flatten\n output logits: linear(10) }\n"
VALUES = {"nesterov": "true", "every": "3", "warmup": "2", "factor": "0.5", "power": "2"}
"""What a setting is given; 0.25 where nothing is said."""


def said(rows: Sequence[str]) -> list[str]:
    """The helps of the errors of a recipe."""
    body = "\n  ".join([LOSS, *rows])
    found = load_source(as_source("n.net", f"{NET}train N {{\n  {body}\n}}\n")).check()
    return [d.help or d.message for d in found if d.severity is Severity.ERROR]


# ---------------------------------------------------------------- settings in rows of their own

PRESENT = {
    "optimizer": (
        *("", "sgd(lr=0.1)", "sgd(0.1, momentum=0.9)", "adam", "adam(lr=0.01, beta1=0.8)", "adamw(0.01)", "rmsprop"),
        *("adagrad(lr=0.1)", "AdamW(learning_rate=0.1)"),
    ),
    "schedule": (
        "",
        "constant",
        "cosine",
        "cosine(warmup=1)",
        "step",
        "step(every=4)",
        "step(4)",
        "polynomial",
        "linear",
    ),
}
STRAYS = [(part, word) for part, words in settings.PARTS.items() for word in words.split()]


@pytest.mark.parametrize(("part", "word"), STRAYS, ids=lambda v: v)
def test_a_setting_in_a_row_of_its_own_joins_the_row_that_holds_it(part: str, word: str) -> None:
    what, _, name = part.partition(".")
    value = VALUES.get(name, "0.25")
    taken = 0
    for present in PRESENT[what]:
        rows = [f"{what} {present}"] * bool(present) + ["data digits", "epochs 3"]
        help = next(h for h in said([*rows, f"{word} {value}"]) if "it is a setting of the" in h)
        offered = re.search(rf"write `({what} [^`]*)`", help)
        if offered is None:
            assert "write" not in help, help
            assert not re.fullmatch(r".*: ", help)
            continue
        assert f"{name}={value}" in offered[1]
        assert said([offered[1], "data digits", "epochs 3"]) == [], offered[1]
        if present and present[0].islower():
            assert offered[1].startswith(f"{what} {present.partition('(')[0]}"), "the one that the recipe has"
        taken += 1
    assert taken or name == "nesterov"


@pytest.mark.parametrize("rate", ["0.1", "1e-3"])
def test_rows_of_one_part_are_told_together(rate: str) -> None:
    rows = [f"lr {rate}", "momentum 0.9", "nesterov true", "weight_decay 1e-4", "data digits"]
    offered = {re.findall("`(optimizer [^`]*)`", h)[0] for h in said(rows)}
    assert offered == {f"optimizer sgd(lr={rate}, momentum=0.9, nesterov=true, weight_decay=1e-4)"}


def test_a_setting_that_is_there_already_is_not_replaced() -> None:
    assert said(["data digits", "optimizer adam(lr=0.01)", "lr 0.1"]) == [
        "it is a setting of the optimizer, which has `lr=0.01` already: leave the row out"
    ]


# ---------------------------------------------------------------- settings under other names

FIRST = {"sgd": "lr=0.1", "step": "every=3", "mnist": '"x"', "cifar10": '"x"', "imagefolder": '"x"', "text": '"x"'}
"""What must be given."""
KINDS = [*product(["optimizer"], OPTIMIZERS), *product(["schedule"], SCHEDULES), *product(["data"], DATA)]
TABLES = {"optimizer": OPTIMIZERS, "schedule": SCHEDULES, "data": DATA}
OWN = {f.name for table in TABLES.values() for kind in table.values() for f in kind.settings()}
WORDS = sorted(
    {word for name, words in settings.RENAMED.items() if name in OWN for word in words.split()}
    | {word for part in settings.SAID.values() for words in part.values() for word in words.split()}
    | {row.words.split()[0] for row in settings.ROWS}
    | {words.split()[0] for words in (*settings.PARTS.values(), *settings.NO_ROWS.values())}
)


def rows_with(what: str, call: str) -> list[str]:
    return [f"{what} {call}"] + ["data digits"] * (what != "data")


@pytest.mark.parametrize(("what", "name"), KINDS, ids=lambda v: v)
def test_a_setting_of_another_program_leads_to_what_checks_or_to_words(what: str, name: str) -> None:
    first = FIRST.get(name, "")
    without = said(rows_with(what, f"{name}({first})"))
    for word in WORDS:
        if word in [f.name for f in TABLES[what][name].settings()]:
            continue
        value = "false" if word in ("flip", "centered") else "2" if "batch" in word else "0.25"
        help = said(rows_with(what, f"{name}({', '.join(filter(None, [first, f'{word}={value}']))})"))[0]
        offered = re.search("write `([^`]*)`", help)
        if offered is None or offered[1].split()[0] in ("loss", "metric", *TABLES):
            continue
        assert value in offered[1] or offered[1].startswith("precision "), (word, help)
        if not help.startswith("it is a row of the recipe"):
            assert said(rows_with(what, offered[1])) == without, (word, help)
        elif value == "2":
            assert said([*rows_with(what, f"{name}({first})"), offered[1]]) == without, (word, help)
