"""Calls of every word that the tables know, with numbers that no example has, and what became of those numbers."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal

from netdsl.ops import REGISTRY
from netdsl.ops.base import INTERNAL
from netdsl.ops.fields import BoolKind, ChoiceKind, FloatKind, InitKind, IntKind
from netdsl.text import foreign
from netdsl.text.foreign.conversions import AXES
from netdsl.text.foreign.rows import kept, leading
from netdsl.text.foreign.settings import RENAMED

WHOLE = ("41", "5", "3", "23", "9")
"""Numbers for what is counted, none of them a number of the tables' texts but one of a kernel."""
PLACES = ("1", "2")
"""Numbers for one axis: that of an axis that the input lacks is corrected, and is no number to keep."""
SPELLINGS = ("{}", "{}", "nn.{}", "tf.keras.layers.{}", "F.{}")
WORDS = ('"same"', "same", '"relu"', "relu", '"valid"', "true", "False", "None")
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e-?\d+)?(?![\w.])|(?<=\w\()-?\d+")


def spelt(chance: random.Random, word: str) -> str:
    form = chance.choice([word, word, word.lower(), word.upper()])
    return chance.choice(SPELLINGS).format(form)


def foreign_names(setting: str) -> list[str]:
    return [setting, *RENAMED.get(setting, "").split()]


def named(chance: random.Random, layer: str) -> list[str]:
    """Some settings of a layer by name, as they are called here or elsewhere, each with a value of its kind."""
    fields = list(REGISTRY[layer].settings()) if layer in REGISTRY else []
    found = []
    for field in fields:
        if chance.random() < (0.7 if field.required else 0.2):
            text = value(chance, field.kind) if field.name != "axis" else chance.choice(PLACES)
            found.append(f"{chance.choice(foreign_names(field.name))}={text}")
    if chance.random() < 0.15:
        found.append(chance.choice(['activation="relu"', "activation=tanh", 'name="a1"', "use_bias=False"]))
    chance.shuffle(found)
    return found


def value(chance: random.Random, kind: object) -> str:
    if isinstance(kind, BoolKind):
        return chance.choice(["true", "false", "True", "False"])
    if isinstance(kind, ChoiceKind):
        word = chance.choice(kind.choices)
        return chance.choice([word, f'"{word}"'])
    if isinstance(kind, FloatKind):
        return chance.choice(["0.37", "0.23"])
    if isinstance(kind, InitKind):
        return chance.choice(["he_normal", '"glorot_uniform"'])
    if isinstance(kind, IntKind):
        return chance.choice(WHOLE)
    return chance.choice([*WHOLE, "(5, 3)"])


def sizes(on: str) -> list[str]:
    return re.findall(r"\d+", on.partition("[")[2].partition("]")[0])


def arguments(chance: random.Random, word: str, layer: str, on: str) -> str:
    """By place, by name or both; where PyTorch is told the size of the input, that is said as it is."""
    row = foreign.way(word)
    along = [f.name in AXES for f in REGISTRY[layer].settings()] if layer in REGISTRY else []
    count = chance.choice([0, 1, 1, 2, 2, 3])
    first = [chance.choice(PLACES if axis else WHOLE) for axis in [*along, *[False] * count][:count]]
    if row is not None and 0 <= row.inferred < len(first) and "Lazy" not in word:
        channels = sizes(on)
        first[row.inferred] = channels[-1] if layer in OF_FEATURES and len(channels) < 3 else channels[0]
    if first and chance.random() < 0.2:
        first.append(chance.choice(WORDS))
    rest = named(chance, layer) if chance.random() < 0.5 or not first else []
    return ", ".join([*first, *rest])


OF_FEATURES = ("linear", "lstm", "gru", "rnn", "layernorm", "rmsnorm", "multihead_attention")


def words() -> Iterator[tuple[str, str, str]]:
    """Each word with the layer that it means and an input for that: those of the tables, then those of the language."""
    for row in foreign.WAYS:
        for word in row.words.split():
            yield word, leading(row.write) or "", row.on
    for missing in foreign.MISSING:
        for word in missing.words.split():
            yield word, "", missing.on
    for name in sorted({op.name for op in REGISTRY.values()} - {"per_sample", "free_param", "constant", *INTERNAL}):
        whole = "x int[16]" if name in ("embedding", "one_hot") else ""
        yield name, name, whole or ("x [16, 64]" if name in OF_FEATURES else "x [16, 32, 32]")


def call(chance: random.Random, word: str, layer: str, on: str) -> str:
    form = word if word in REGISTRY else spelt(chance, word)
    return f"{form}({arguments(chance, word, layer, on)})"


# ---------------------------------------------------------------- what became of it


def numbers(text: str) -> list[Decimal]:
    return [Decimal(n) for n in NUMBER.findall(text)]


def own_numbers(word: str) -> set[Decimal]:
    """The numbers that a word says by itself: the dilation of `atrous_conv`, the kernel of `conv1x1`."""
    row = foreign.way(word)
    return set(numbers(" ".join(kept(row).values()))) if row is not None and "(" in row.write else set()


LAWFUL = {
    "axes are counted without the batch": lambda n: n - 1,
    "Keras says the share of the old, where this language has that of the new": lambda n: 1 - n,
}
"""How a number may come out as another, each with its reason. A pad that is causal is worked out of its kernel."""


LONG = ("narrow", "select")
"""Words for a part that is said by where it begins and how long it is; a slice is told where it ends."""


def not_written(word: str, written: str, got: str) -> list[Decimal]:
    """Numbers of a text that its author did not write, in any lawful way; none of a call that says no number."""
    given = numbers(written)
    if "same" in written.lower():
        got = re.sub(
            r"(pad|margin)=\((\(\d+, \d+\),? ?)+\)", "", got
        )  # reckoned from the sizes of the arrow and the kernel
    if not given:
        return []  # the example of the table: what a word needs, of which nothing was said
    lawful = {*given, *own_numbers(word), *(change(n) for n in given for change in LAWFUL.values())}
    lawful |= {(a - 1) * b for a in given for b in [*given, Decimal(1)]}
    if foreign.plain(word) in LONG:
        lawful |= {a + b for a in given for b in [*given, Decimal(1)]}
    return [n for n in numbers(got) if n not in lawful and n != 0]


FIRST = {"batchnorm": (1, 3), "stack": (1,), "concat": (1,)}
"""What the axis is called elsewhere that goes without saying here: the first, behind a batch or channels last."""


def lost(written: str, got: str, on: str, said: Sequence[str]) -> list[Decimal]:
    """Numbers of the author that stand nowhere, are not the size of the input, and of which nothing was said."""
    if "per_channel=true" in got or "instancenorm" in got:
        return []  # the slopes are as many as the channels; what is averaged over one picture has no momentum
    if any("; " in s.partition("write ")[2] or "inferred" in s or "counted" in s for s in said):
        return []
    first = {Decimal(n) for layer, places in FIRST.items() if got.startswith(layer) for n in places}
    left = numbers(got)
    lawful = {*left, *first, *(n + 1 for n in left), *(1 - n for n in left), *map(Decimal, sizes(on))}
    return [n for n in numbers(written) if n not in lawful]
