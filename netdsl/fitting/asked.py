"""What is asked about a fit: the words of the net's own recipe, with those given beside it in their place."""

from __future__ import annotations

import re
from collections.abc import Sequence

from netdsl.base.asking import unknown_word
from netdsl.base.errors import RunError
from netdsl.fitting.cards import CARDS, CardSheet
from netdsl.fitting.fit import StepAsked
from netdsl.fitting.naming import cards_with, find_cards, memory_alone
from netdsl.graph import Net
from netdsl.ops.base import RuleError, read_setting
from netdsl.recipe.optimizers import OPTIMIZERS, Optimizer

PRECISIONS = ("no", "fp16", "bf16")
RATE = 0.1
"""A learning rate for optimizers that need one, which changes no memory."""
SETTING = re.compile(r"\s*(\w+)\s*=\s*([\w.+-]+)\s*")
ANY_MEMORY = "`8GB`"
MEMORY_WORD = re.compile(r"\d+(\.\d+)?\s*[gm](i?b)?", re.IGNORECASE)
LONGEST = 60
"""Letters of a word that a message shows."""


def asked(
    net: Net,
    *,
    training: bool = True,
    batch: int | None = None,
    precision: str | None = None,
    optimizer: str | Optimizer | None = None,
    device: str | None = None,
    checkpoint: Sequence[str] | None = None,
) -> StepAsked:
    """What a step shall be. Raises `RunError` for a word that nothing is called."""
    stray = next((name for name, word in (("optimizer", optimizer), ("checkpoint", checkpoint)) if word), None)
    if stray is not None and not training:
        raise RunError(f"`{stray}` is about training: ask for that, too, or leave it out")
    recipe = net.recipe if training else None
    own = recipe.settings if recipe is not None else {}
    chosen = read_optimizer(optimizer) if isinstance(optimizer, str) else optimizer
    if chosen is None:
        chosen = recipe.turns[0].optimizer if recipe is not None else OPTIMIZERS["adam"]()
    return StepAsked(
        batch=batch if batch is not None else own.get("batch", 1),
        training=training,
        precision=_precision(own.get("precision", "no") if precision is None else precision),
        optimizer=chosen,
        card=None if device is None else read_card(device),
        accumulate=own.get("accumulate", 1),
        average=own.get("ema") is not None,
        checkpoint=tuple(own.get("checkpoint", ()) if checkpoint is None else checkpoint),
    )


def _precision(word: str) -> str:
    if word in PRECISIONS:
        return word
    from netdsl.text.foreign import training  # late: right words need none

    meant = next((own for own, words in training.PRECISIONS.items() if word.strip().lower() in words.split()), None)
    raise unknown_word("precision", word, PRECISIONS, meant)


def _one_of(word: str, known: tuple[str, ...], what: str) -> str:
    if word not in known:
        raise unknown_word(what, word, known)
    return word


def read_card(name: str) -> CardSheet:
    """A card by its name or a driver's, by as much of it as no other has, or a memory alone, such as `8GB`."""
    alone = memory_alone(name)
    if alone is not None:
        return alone
    found = find_cards(name)
    if len(found) > 1:
        raise RunError(f"`{name[:LONGEST]}` is more than one device: say {' or '.join(c.name for c in found)}")
    if not found:
        raise _no_card(name)
    return found[0]


def _no_card(name: str) -> RunError:
    near, said, short = cards_with(name), f"no device is called `{name[:LONGEST]}`", name.strip()[:LONGEST]
    if not near and short.isdecimal():
        return RunError(f"{said}: a memory is told with its unit, `{short[:5]}GB`")
    if not near and MEMORY_WORD.fullmatch(short):
        return RunError(
            f"`{short}` is the memory of no card: that is more than the 1 GiB kept for the CUDA context, and below "
            "100,000 GiB"
        )
    if near:
        names = " or ".join(f"`{card.name}`" for card in near)
        return RunError(f"{said}: did you mean {names}? Of any other, say how much memory it has: {ANY_MEMORY}")
    known = unknown_word("device", name, tuple(c.name for c in CARDS))
    return RunError(f"{known}; of any other, say how much memory it has: {ANY_MEMORY}")


def read_optimizer(text: str) -> Optimizer:
    """`adamw`, or with settings `sgd(lr=0.1, momentum=0.9)`; a rate may be left out here."""
    name, bracket, rest = text.strip().partition("(")
    kind = OPTIMIZERS.get(_one_of(name.strip(), tuple(OPTIMIZERS), "optimizer"))
    assert kind is not None
    if bracket and not rest.endswith(")"):
        raise RunError(f"`{text[:LONGEST]}` is no optimizer: write `{name}(momentum=0.9)`")
    given = dict(_pair(text, part) for part in rest.removesuffix(")").split(",") if part.strip())
    known = {field.name: field for field in kind.settings()}
    try:
        settings = {
            word: read_setting(known[_one_of(word, tuple(known), f"setting of `{name}`")], value)
            for word, value in given.items()
        }
        return kind(**({"lr": RATE} | settings))
    except RuleError as error:
        raise RunError(f"`{name}`: {error}") from None


def _pair(text: str, part: str) -> tuple[str, object]:
    found = SETTING.fullmatch(part)
    if found is None:
        raise RunError(f"`{text[:LONGEST]}` is no optimizer: its settings are such as `momentum=0.9`")
    word, value = found.groups()
    if value in ("true", "false"):
        return word, value == "true"
    try:
        return word, float(value)
    except ValueError:
        raise RunError(f"`{word}` of `{text[:LONGEST]}` takes a number, not `{value[:LONGEST]}`") from None
