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


def test_which_of_two_settings_is_meant_is_left_to_the_author() -> None:
    assert said(["data digits", "optimizer adam(lr=0.01)", "lr 0.1"]) == [
        "it is a setting of the optimizer, which has `lr=0.01` already: leave the row out, or write `optimizer adam(lr=0.1)`"
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


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("what", "name"), KINDS, ids=lambda v: v)
def test_a_setting_of_another_program_leads_to_what_checks_or_to_words(what: str, name: str) -> None:
    first = FIRST.get(name, "")
    without = said(rows_with(what, f"{name}({first})"))
    for word in WORDS:
        if word in [f.name for f in TABLES[what][name].settings()]:
            continue
        value = "false" if word in ("centered",) else "2" if "batch" in word else "0.25"
        help = said(rows_with(what, f"{name}({', '.join(filter(None, [first, f'{word}={value}']))})"))[0]
        offered = re.search("write `([^`]*)`", help)
        if offered is None or offered[1].split()[0] in ("loss", "metric", "augment", *TABLES):
            continue
        assert value in offered[1] or offered[1].startswith("precision "), (word, help)
        if not help.startswith("it is a row of the recipe"):
            assert said(rows_with(what, offered[1])) == without, (word, help)
        elif value == "2":
            assert said([*rows_with(what, f"{name}({first})"), offered[1]]) == without, (word, help)


# ---------------------------------------------------------------- values of other programs

NUMBERS = {
    "lr": "0.37",
    "momentum": "0.83",
    "nesterov": "true",
    "weight_decay": "0.013",
    "beta1": "0.71",
    "eps": "1e-7",
}
NUMBERS |= {"beta2": "0.72", "alpha": "0.73", "lr_decay": "0.02", "every": "7", "factor": "0.41", "power": "1.7"}
NUMBERS |= {"floor": "0.05", "warmup": "2", "folder": '"p/q"', "file": '"p/q.txt"', "validation": "0.21"}
PROGRAMS = {
    "optimizer": ("{}", '"{}"', "optim.{}", "torch.optim.{}", "tf.keras.optimizers.{}"),
    "schedule": ("{}", '"{}"', "lr_scheduler.{}", "torch.optim.lr_scheduler.{}"),
    "data": ("{}", "datasets.{}", "torchvision.datasets.{}"),
}
HEADS = {"optimizer": "optim", "schedule": "lr_scheduler", "data": "dataset"}
NAMED = [(what, here, word) for what, here in KINDS for word in (here, *settings.DECLARED.get(here, "").split())]


def declared(what: str, call: str) -> tuple[object, list[str]]:
    """What a row declares, and the helps of the errors."""
    rows = [LOSS, *rows_with(what, call)]
    program = load_source(as_source("n.net", f"{NET}train N {{\n  {chr(10).join(rows)}\n}}\n"))
    found = [d.help or d.message for d in program.check() if d.severity is Severity.ERROR]
    return (getattr(program.net("N").recipe, what) if not found else None), found


def offered_row(what: str, row: str) -> str | None:
    """The value of the row that is offered for another; None where it is told in words."""
    rows = [row] + ["data digits"] * (what != "data")
    help = next(iter(said(rows)), "")
    found = re.match(rf"write `{what} ([^`]*)`", help)
    assert found or help.startswith("here it is `"), (row, help)
    return found[1] if found else None


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("what", "here", "word"), NAMED, ids=lambda v: v)
def test_a_value_of_another_program_keeps_its_numbers(what: str, here: str, word: str) -> None:
    names = [f.name for f in TABLES[what][here].settings() if f.name in NUMBERS]
    needed = [n for n in names if n in ("lr", "momentum", "every", "folder", "file")]
    for given in ([], names[:1], needed, names):
        numbers = {name: NUMBERS[name] for name in given}
        call = ", ".join(f"{name}={text}" for name, text in numbers.items())
        for form in PROGRAMS[what] if not given else [f for f in PROGRAMS[what] if f[0] != '"']:
            text = form.format(word) + (f"({call})" if given else "")
            for head in (what, HEADS[what]) if text.partition("(")[0] != here else (HEADS[what],):
                value = offered_row(what, f"{head} {text}")
                if value is None:
                    continue
                assert all(f"{name}={number}" in value for name, number in numbers.items()), (text, value)
                found, errors = declared(what, value)
                read, others = declared(what, f"{here}({call})")
                assert set(errors) <= set(others), (text, value)
                for name in numbers if found else ():
                    assert getattr(found, name) == getattr(read, name), (text, value)


PLACED = {
    "optimizer SGD(model.parameters(), 0.37, 0.83, 0, 0.013, true)": "sgd(lr=0.37, momentum=0.83, nesterov=true, weight_decay=0.013)",
    "optimizer torch.optim.Adam(params, 0.37, (0.71, 0.72), 1e-7, 0.013)": "adam(lr=0.37, beta1=0.71, beta2=0.72, eps=1e-7, weight_decay=0.013)",
    "optimizer RMSprop(params, 0.37, 0.73, 1e-7, 0.013, 0.83)": "rmsprop(lr=0.37, alpha=0.73, eps=1e-7, momentum=0.83, weight_decay=0.013)",
    "optimizer keras.optimizers.RMSprop(0.37, 0.73, 0.83)": "rmsprop(lr=0.37, alpha=0.73, momentum=0.83)",
    "optimizer keras.optimizers.Adam(0.37, 0.71, 0.72)": "adam(lr=0.37, beta1=0.71, beta2=0.72)",
    "optimizer keras.optimizers.AdamW(0.37, 0.013)": "adamw(lr=0.37, weight_decay=0.013)",
    "optimizer SGD(0.37, 0.83)": "sgd(lr=0.37, momentum=0.83)",
    "optimizer RMSprop(0.37, 0.73, 0.83)": None,
    "optimizer Adam(0.37, 0.71)": None,
    "schedule StepLR(optimizer, 7, 0.41)": "step(every=7, factor=0.41)",
    "lr_scheduler StepLR(7)": "step(every=7)",
    "schedule CosineAnnealingLR(optimizer, 50)": "cosine",
    "schedule CosineAnnealingWarmRestarts(optimizer, 10, 2)": "cosine(every=10, growth=2)",
    "lr_scheduler CosineAnnealingWarmRestarts(T_0=10)": "cosine(every=10)",
    "schedule OneCycleLR(optimizer, pct_start=0.2)": "onecycle(rise=0.2)",
    "schedule ReduceLROnPlateau(optimizer, factor=0.2)": "plateau(factor=0.2)",
    "schedule CosineDecay(0.1, 1000, 0.05)": "cosine(floor=0.05)",
    "schedule PolynomialLR(optimizer, 5, 1.7)": "polynomial(power=1.7)",
    "schedule PolynomialLR(optimizer, 5)": "polynomial(power=1)",
    'data torchvision.datasets.MNIST("p/q", true)': 'mnist(folder="p/q")',
}  # fmt: skip


@pytest.mark.parametrize("row", PLACED)
def test_settings_by_place_are_those_of_the_program_that_is_meant(row: str) -> None:
    what = row.split()[0].removeprefix("lr_").replace("scheduler", "schedule")
    assert offered_row(what, row) == PLACED[row]


SINGLE = {
    "amp bf16": "precision bf16", "amp true": "precision fp16", "mixed_precision mixed_float16": "precision fp16",
    'precision "bf16-mixed"': "precision bf16", "precision 16": "precision fp16", "precision 32": "precision no",
    "bf16 true": "precision bf16", 'batch_size "96"': "batch 96", "num_train_epochs 3.0": "epochs 3.0",
    "seed_everything(42)": "seed 42", "max_epochs 2 * 10": "epochs 2 * 10", "grad_clip none": "clip none",
    'epochs "20"': "epochs 20", "num_workers 0": "workers 0",
}  # fmt: skip


@pytest.mark.parametrize("row", SINGLE)
def test_a_row_with_a_single_value_keeps_it(row: str) -> None:
    assert said(["data digits", row]) == [f"write `{SINGLE[row]}`"]
    assert said(["data digits", SINGLE[row]]) == []


@pytest.mark.parametrize("row", ["amp false", "fp16 0", 'mixed_precision "no"'])
def test_what_asks_for_float32_needs_no_row(row: str) -> None:
    assert said(["data digits", row]) == ["numbers are float32 unless a row says otherwise: leave the row out"]


# ---------------------------------------------------------------- losses and metrics

TERMS = {
    "metric (logits, label) -> top_k_categorical_accuracy(k=3)": "top_k_accuracy(3)",
    "metric topk_accuracy(3)": "metric (logits, label) -> top_k_accuracy(3)",
    "metrics top3": "metric (logits, label) -> top_k_accuracy(3)",
    "metric Accuracy(task=\"multiclass\", num_classes=10, top_k=3)": "metric (logits, label) -> top_k_accuracy(3)",
    "metrics \"accuracy\"": "metric (logits, label) -> accuracy",
    "metric (logits, label) -> acc(ignore_index=3)": "accuracy(ignore=3)",
    "loss \"sparse_categorical_crossentropy\"": "loss (logits, label) -> cross_entropy",
    "loss nn.CrossEntropyLoss(ignore_index=3)": "loss (logits, label) -> cross_entropy(ignore=3)",
    "loss (logits, label) -> CrossEntropyLoss(label_smoothing=0.2)": "cross_entropy(smoothing=0.2)",
    "criterion (logits, label) -> cross_entropy(smoothing=0.2)": "loss (logits, label) -> cross_entropy(smoothing=0.2)",
    "criterion nn.CrossEntropyLoss(label_smoothing=0.2)": "loss (logits, label) -> cross_entropy(smoothing=0.2)",
    "loss F.cross_entropy(logits, label, label_smoothing=0.2)": "loss (logits, label) -> cross_entropy(smoothing=0.2)",
    "loss (logits, label) -> MultiMarginLoss(margin=0.3)": "multi_margin(margin=0.3)",
    "loss (logits, target) -> bce_with_logits": "binary_cross_entropy_with_logits",
    "loss (logits, target) -> BinaryCrossentropy(from_logits=true)": "binary_cross_entropy_with_logits",
}  # fmt: skip
ASIDE = "net N { input image [1, 8, 8]\n flatten\n output logits: linear(10)\n output target: linear(10) }\n"


@pytest.mark.parametrize("row", TERMS)
def test_losses_and_metrics_of_other_programs_keep_their_numbers(row: str) -> None:
    def helps(term: str) -> list[str]:
        rows = [term, *[LOSS] * (not term.startswith(("loss", "criterion"))), "data digits"]
        text = f"{ASIDE}train N {{\n  {chr(10).join(rows)}\n}}\n"
        found = load_source(as_source("n.net", text)).check()
        return [d.help or d.message for d in found if d.severity is Severity.ERROR]

    assert helps(row) == [f"write `{TERMS[row]}`"]
    whole = TERMS[row] if TERMS[row].startswith(("loss", "metric ")) else f"{row.rpartition('-> ')[0]}-> {TERMS[row]}"
    assert helps(whole) == []


FOCAL = "add `use std.losses { focal }` at the top of the file, and write `(logits, label) -> focal`"


def test_what_a_loss_does_not_take_is_said() -> None:
    told = said(["data digits", 'loss (logits, label) -> CrossEntropyLoss(reduction="sum")'])
    assert told == ["write `cross_entropy`; a loss is the mean over what counts: leave `reduction` out"]
    told = said(["data digits", "loss (logits, label) -> CrossEntropyLoss(wibble=3)"])
    assert told == ["here it is `cross_entropy`, which takes no `wibble`"]
    assert said(["data digits", "metric mae"]) == ["write `metric (logits, label) -> mae`"]
    assert said(["data digits", "metric hinge"]) == ["`hinge` is a loss, and no metric measures it yet"]
    assert said(["data digits", 'criterion "mse"'])[0] == "write `loss (…, …) -> mse`"
    assert "no such loss" in said(["data digits", "criterion CTCLoss(blank=2)"])[0]
    assert said(["data digits", "loss FocalLoss"]) == [FOCAL]
    assert FOCAL in said(["data digits", "criterion FocalLoss(gamma=2)"])[0]


def test_values_that_are_written_as_other_things() -> None:
    assert said(["data digits", "schedule warmup(5) -> cosine"]) == ["write `schedule cosine(warmup=5)`"]
    assert said(["data digits", "schedule warmup(5) -> step(3)"]) == ["write `schedule step(every=3, warmup=5)`"]
    assert said(["metric logits, label -> accuracy"]) == ["write `metric (logits, label) -> accuracy`"]
    assert said(["data digits", "early_stopping(patience=5)"]) == ["write `patience 5`"]
    assert said(["data digits", "EarlyStopping(monitor=loss, patience=5)"]) == ["write `patience 5`"]
    assert said(["data digits", "model_ema 0.99"]) == ["write `ema 0.99`"]
    told = said(["data digits", "schedule OneCycleLR(max_lr=0.1)"])
    assert told == ["write `schedule onecycle`; the highest rate is `lr=` of the optimizer: leave `max_lr` out"]
    assert said(["data digits", "batch_size = 3"]) == ["here the row is called `batch`, as in `batch 64`"]
    assert said(["data digits", "early_stopping 7"]) == ["write `patience 7`"]
