"""Initial values as other programs write them, `RandomNormal(mean=0, stddev=0.02)`, as they are written here.

Read when a mistake is made."""

from __future__ import annotations

import re
from collections.abc import Sequence

from netdsl.ops.fields import INITIALISERS
from netdsl.text.foreign.pieces import given, parts
from netdsl.text.foreign.special import GivenArgument
from netdsl.text.foreign.values import known_value

CALL = re.compile(r"(?:\w+\.)*(\w+?)_?(?:\((.*)\))?", re.DOTALL)
NUMBER = re.compile(r"-?\d*\.?\d+(?:e-?\d+)?")
ORDER = {"normal": "mean std", "truncated_normal": "mean std", "uniform": "low high", "constant": "value"}
"""What the numbers are, in the order of other programs."""
NAMES = {"mean": "mean loc mu", "std": "std stddev sigma scale", "low": "a minval low min", "high": "b maxval high max",
         "value": "value val c"}  # fmt: skip
USUAL = {"mode": ("fan_in",), "nonlinearity": ("relu", "leaky_relu"), "gain": ("1", "1.0"), "seed": (), "a": ("0",)}
"""Settings that say nothing more with such values; with none, whatever the value."""


def told(text: str) -> str | None:
    """Help for a call with settings that no initial value here takes; None for what is not known elsewhere either."""
    found = CALL.fullmatch(text.strip("\"'"))
    name = known_value(found[1], list(INITIALISERS)) if found else None
    if found is None or not name:
        return None
    arguments = [given(p) for p in parts(found[2] or "")]
    if found[1].lower().startswith("random") and not [a for a in arguments if a.name != "seed"]:
        return f"write `{name}(0.05)`"  # what Keras takes
    if found[1] == "randn" and not arguments:
        return "write `normal(1)`"
    if name in ORDER:
        written, why = _numbered(name, arguments)
    else:
        strange = next((a for a in arguments if not _usual(a)), None)
        written = None if strange else name
        why = f"`{name}` takes no `{strange.name or strange.value}`: there is no such variant yet" if strange else ""
    return f"write `{written}`" if written else why


def _usual(argument: GivenArgument) -> bool:
    usual = USUAL.get(argument.name or "")
    return usual is not None and (not usual or argument.value.strip("\"'") in usual)


def _numbered(name: str, arguments: Sequence[GivenArgument]) -> tuple[str | None, str]:
    """The text for one that takes a number, or why there is none."""
    order = ORDER[name].split()
    numbers: dict[str, str] = {}
    alone = len(arguments) == 1 and arguments[0].name is None
    for place, argument in enumerate(arguments):
        if argument.name == "seed":
            continue
        here = next((n for n in order if argument.name in NAMES[n].split()), None)
        here = here or (order[-1 if alone else place] if argument.name is None and place < len(order) else None)
        if here is None or not NUMBER.fullmatch(argument.value):
            return None, f"`{name}` takes one number, as in `{name}(0.02)`: `{argument.name or argument.value}` is none"
        numbers[here] = argument.value
    if float(numbers.get("mean", "0")) != 0:
        return None, f"`{name}` is around 0: there is none around `{numbers['mean']}` yet"
    if (
        name == "uniform"
        and numbers
        and not alone
        and float(numbers.get("low", "0")) != -float(numbers.get("high", "1"))
    ):
        return None, "`uniform(0.1)` lies from -0.1 to 0.1: there is none with other ends yet"
    return (f"{name}({numbers[order[-1]]})", "") if order[-1] in numbers else (name, "")


def misnamed(text: str) -> bool:
    """Whether the one number of a call is no number that it takes here: `normal(mean=0.5)`."""
    found = CALL.fullmatch(text)
    arguments = [given(p) for p in parts(found[2] or "")] if found else []
    number = ORDER.get(found[1], "").split()[-1:] if found else []
    return any(a.name and not any(n != "high" and a.name in NAMES[n].split() for n in number) for a in arguments)
