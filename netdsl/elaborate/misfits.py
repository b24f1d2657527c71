"""Values that a setting does not take, but another framework does, another setting, or a layer joined by an arrow.

Read when a mistake is made.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import netdsl.elaborate.made as made
from netdsl.elaborate.context import Site
from netdsl.elaborate.reading import reader
from netdsl.ops.declared import Declared, Field
from netdsl.ops.fields import BoolKind, ChoiceKind, TextKind
from netdsl.text import syntax

BORDERS = ("reflect", "replicate", "symmetric", "circular", "edge", "zeros", "constant")


def misfit(site: Site, op: type[Declared], matched: Mapping[str, syntax.Argument], name: str) -> str | None:
    """Help for the value of the setting `name` among those of a call; None where nothing is known of it."""
    argument, fields = matched[name], {f.name: f for f in op.settings()}
    text = argument.value.span.text
    word = text.strip('"')
    if name == "pad" and word.lower() == "causal":
        return f"write `pad={_causal(matched)}`: so no step reads a later one"
    if op.name == "noise" and len(matched) == 1 and (drawn := made.valued(site, argument)):
        return drawn
    if name == "pad" and word in BORDERS and not isinstance(fields[name].kind, ChoiceKind):
        return f"a layer before this one says what a border holds, `pad(…, mode={word})`"
    other = next((n for n, f in fields.items() if n != name and _words(f, word)), None)
    if other is not None and not site.scope.find(word):
        return f"`{word}` is a value of `{other}`: write `{other}={word}`"
    layer = _layer(site, op.name, text, name == next(iter(fields))) if argument.name is None else None
    return _number(fields[name], text) or layer


def _words(field: Field, word: str) -> bool:
    return field.kind is not None and word in field.kind.words()


def _number(field: Field, text: str) -> str | None:
    """`"8"` for a number, `1` for a switch, `true` for one of two words."""
    if isinstance(field.kind, BoolKind) and text in ("0", "1"):
        return f"write `{'true' if text == '1' else 'false'}`"
    if isinstance(field.kind, ChoiceKind) and text == "true" and "none" in field.kind.choices:
        others = [c for c in field.kind.choices if c != "none"]
        return f"write `{others[0]}`" if len(others) == 1 else None
    quoted = re.fullmatch(r'"(\d+(?:\.\d+)?)(?:x(\d+))?"', text)
    if quoted is None or isinstance(field.kind, TextKind):
        return None
    both = f"({quoted[1]}, {quoted[2]})" if quoted[2] and quoted[2] != quoted[1] else quoted[1]
    return f"numbers stand without quotes: write `{both}`"


def _layer(site: Site, title: str, text: str, first: bool) -> str | None:
    """`maxpool(conv(3, 3))`: a layer in the place of a number, of the first or another."""
    stage = reader(site).stage(text.strip('"'))
    joined = f"{stage} -> {title}(…)" if first else f"{title}(…) -> {stage}"
    return f"`{text}` is a layer, and layers are joined by arrows: `{joined}`" if stage is not None else None


def _causal(matched: Mapping[str, syntax.Argument]) -> str:
    """What goes before a sequence, so that a window ends at its own step."""
    kernel, dilation = (matched[n].value.span.text if n in matched else "1" for n in ("kernel", "dilation"))
    if kernel.isdecimal() and dilation.isdecimal():
        return f"(({(int(kernel) - 1) * int(dilation)}, 0),)"
    width = kernel if kernel.isidentifier() else f"({kernel})"
    step = "" if dilation == "1" else f" * {dilation if dilation.isidentifier() else f'({dilation})'}"
    return f"((({width} - 1){step}, 0),)"
