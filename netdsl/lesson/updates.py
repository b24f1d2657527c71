"""How weights follow their gradients: each optimizer's rule with its numbers, in PyTorch's order."""

from __future__ import annotations

import re
from collections.abc import Iterator

from netdsl.analysis.lesson import UpdateRule
from netdsl.analysis.settings import value_text
from netdsl.graph import Part
from netdsl.lesson.algebra import Formula, Letter, Numeral, Raised, called, times
from netdsl.lesson.writing import number_text, written
from netdsl.recipe import Optimizer
from netdsl.recipe.optimizers import Adagrad, Adam, Adamw, Rmsprop, Sgd

W, GRADIENT, ALPHA, STEP = Letter("w"), Letter("∂J/∂w"), Letter("α", single=True), Letter("t", single=True)
G, M, V = Letter("g"), Letter("m"), Letter("v")
ONE = Numeral(1)

RuleLines = list[tuple[Letter, Formula]]
"""What becomes of what, in order. What is remembered of a weight is zero at first, and `t` counts updates from 1."""


def less(share: float) -> Numeral:
    """`1 − share`, without what binary fractions add to it."""
    return Numeral(float(f"{1 - share:.12g}"))


def decayed(optimizer: Optimizer) -> tuple[Formula, RuleLines]:
    """The gradient, with the weight's own share added where that is how it decays."""
    if not optimizer.weight_decay:
        return GRADIENT, []
    return G, [(G, GRADIENT + Numeral(optimizer.weight_decay) * W)]


def sgd(optimizer: Sgd) -> RuleLines:
    g, lines = decayed(optimizer)
    if not optimizer.momentum:
        return [*lines, (W, W - ALPHA * g)]
    momentum = Numeral(optimizer.momentum)
    direction = g + momentum * V if optimizer.nesterov else V
    return [*lines, (V, momentum * V + g), (W, W - ALPHA * direction)]


def adam(optimizer: Adam) -> RuleLines:
    apart = isinstance(optimizer, Adamw)
    g, lines = (GRADIENT, []) if apart else decayed(optimizer)
    if apart and optimizer.weight_decay:
        lines = [(W, W - times(ALPHA, Numeral(optimizer.weight_decay), W))]
    mean, square = Numeral(optimizer.beta1), Numeral(optimizer.beta2)
    whole, wide = Letter("m̂"), Letter("v̂")
    return [
        *lines,
        (M, mean * M + less(optimizer.beta1) * g),
        (V, square * V + less(optimizer.beta2) * g**2),
        (whole, M / (ONE - Raised(mean, STEP))),
        (wide, V / (ONE - Raised(square, STEP))),
        (W, W - times(ALPHA, whole) / (called("√", wide) + Numeral(optimizer.eps))),
    ]


def rmsprop(optimizer: Rmsprop) -> RuleLines:
    g, lines = decayed(optimizer)
    share = Numeral(optimizer.alpha)
    lines += [(V, share * V + less(optimizer.alpha) * g**2)]
    spread: Formula = V
    if optimizer.centered:
        lines += [(M, share * M + less(optimizer.alpha) * g)]
        spread = V - M**2
    direction = g / (called("√", spread) + Numeral(optimizer.eps))
    if not optimizer.momentum:
        return [*lines, (W, W - ALPHA * direction)]
    moved = Letter("u")
    return [*lines, (moved, Numeral(optimizer.momentum) * moved + direction), (W, W - ALPHA * moved)]


def adagrad(optimizer: Adagrad) -> RuleLines:
    g, lines = decayed(optimizer)
    rate: Formula = ALPHA
    if optimizer.lr_decay:
        rate = ALPHA / (ONE + Numeral(optimizer.lr_decay) * (STEP - ONE))
    return [*lines, (V, V + g**2), (W, W - times(rate, g / (called("√", V) + Numeral(optimizer.eps))))]


def rule(optimizer: Optimizer) -> RuleLines:
    """What an update does, line by line. Raises `LookupError` for an optimizer without a rule."""
    match optimizer:
        case Sgd():
            return sgd(optimizer)
        case Adam():
            return adam(optimizer)
        case Rmsprop():
            return rmsprop(optimizer)
        case Adagrad():
            return adagrad(optimizer)
    raise LookupError(f"nothing is said of how {optimizer.name} moves a weight")


def of_weight(name: str, optimizer: Optimizer) -> str:
    """The rule for one number of a name: `v ← 0.9·v + ∂J/∂m,  m ← m − α·v`."""
    lines = [f"{target.name} ← {written(formula)}" for target, formula in rule(optimizer)]
    return ",  ".join(re.sub(r"\bw\b", name, line) for line in lines)


def update_rule(part: Part) -> UpdateRule:
    """The rule of a part of a recipe as text."""
    optimizer = part.optimizer
    given = [f"{name}={value_text(value)}" for name, value in optimizer.given().items()]
    return UpdateRule(
        optimizer=f"{optimizer.name}({', '.join(given)})",
        lines=tuple(f"{target.name} ← {written(formula)}" for target, formula in rule(optimizer)),
        where=tuple(_where(part)),
        source=(optimizer.__doc__ or "").split("\n\n")[0].replace("\n", " ").strip(),
    )


def _where(part: Part) -> Iterator[str]:
    optimizer = part.optimizer
    rate = f"α = {number_text(optimizer.lr)}"
    yield (
        rate
        if part.schedule.name == "constant" and not part.schedule.warmup
        else (f"{rate} times what the schedule `{part.schedule!r}` makes of it".replace("()`", "`"))
    )
    remembered = sorted({t.name for t, _ in rule(optimizer)} & {"m", "v", "u"})
    if remembered:
        has, are = ("has", "is") if len(remembered) == 1 else ("have", "are")
        yield f"{' and '.join(remembered)} {has} the shape of w and {are} 0 at first"
    if any("t" in _letters(formula) for _, formula in rule(optimizer)):
        yield "t counts the updates from 1"
    if part.clip is not None:
        yield f"before that all gradients are shortened together until their norm is at most {number_text(part.clip)}"
    if optimizer.weight_decay and optimizer.no_decay:
        yield "weights of fewer than two axes (biases, γ and β) do not decay: 0 in the place of that share"
    if optimizer.layer_decay != 1:
        yield f"α is multiplied by {number_text(optimizer.layer_decay)} once more with each layer towards the first"


def _letters(formula: object) -> set[str]:
    """The letters of a formula."""
    if isinstance(formula, Letter):
        return {formula.name}
    if isinstance(formula, tuple):
        return {name for part in formula for name in _letters(part)}
    return {name for part in getattr(formula, "__match_args__", ()) for name in _letters(getattr(formula, part))}
