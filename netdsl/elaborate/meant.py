"""Whether a setting can take what is written for it: values of texts, as far as they are known. Read when a mistake is
made."""

from __future__ import annotations

import re
from collections.abc import Sequence

from netdsl.dims import Dim
from netdsl.elaborate.context import Site
from netdsl.elaborate.functions import FUNCTIONS
from netdsl.elaborate.reading import definitions
from netdsl.elaborate.values import LAYERS, UNKNOWN
from netdsl.ops import REGISTRY
from netdsl.ops.base import RuleError, read_setting
from netdsl.ops.declared import Declared, Field
from netdsl.ops.fields import BoolKind, ExtentsKind, FloatKind, InitKind, IntKind, Kind, TextKind, Word
from netdsl.text import syntax
from netdsl.text.foreign.inflow import ONE_OF
from netdsl.text.foreign.pieces import given_in, parts

ANY = object()
"""What is known only when it is worked out."""


def whole(text: str) -> bool:
    return re.fullmatch(r"-?\d+", text) is not None


def value_of(site: Site, text: str) -> object:
    """A value as it is written in a text: a name of the file is what it stands for, any other word a `Word`."""
    if text in ("true", "false"):
        return text == "true"
    if text[:1] == text[-1:] and text[:1] in ('"', "'"):
        return text[1:-1]
    if text[:1] in ("(", "[") and text[-1:] in (")", "]"):
        items = [value_of(site, p) for p in parts(text[1:-1])]
        return ANY if any(i is ANY for i in items) else items
    if whole(text):
        return int(text)
    if re.fullmatch(r"-?\d*\.?\d+(e-?\d+)?", text):
        return float(text)
    return _named(site, text)


def _named(site: Site, text: str) -> object:
    found = site.scope.find(text)
    if found is not None:
        return ANY if found.value is UNKNOWN or isinstance(found.value, Dim) else found.value
    words = re.findall(r'(?<![\w."])[A-Za-z_]\w*(?!\w*\s*=)', text)
    if words and text not in FUNCTIONS and all(w in FUNCTIONS or site.scope.find(w) for w in words):
        return ANY
    call = re.fullmatch(r"([a-z_]\w*)\(([^()]*)\)", text)
    numbers = [value_of(site, p) for p in parts(call[2])] if call else []
    return Word(call[1], tuple(numbers)) if call else Word(text)


class BlockKind(Kind):
    """What a parameter of a block is declared to be, where no operation has such a setting."""

    def __init__(self, *accepted: type) -> None:
        self.accepted = accepted

    def read(self, value: object) -> object:
        layer = LAYERS[0] in self.accepted and isinstance(value, Word) and value.name in REGISTRY
        if layer or isinstance(value, self.accepted):
            return value
        raise self.refuse(value)


KINDS: dict[str, Kind] = {
    "int": IntKind(), "size": ExtentsKind(), "float": FloatKind(), "number": FloatKind(), "bool": BoolKind(),
    "text": TextKind(), "init": InitKind(), "word": BlockKind(Word), "list": BlockKind(list),
    "layer": BlockKind(*LAYERS),
}  # fmt: skip


def fields_of(site: Site, title: str, declared: type[Declared] | None) -> dict[str, Field]:
    """The settings of a layer, a block or a word of a recipe, by name."""
    if declared is not None:
        return {f.name: f for f in declared.settings()}
    block = definitions(site).get(title)
    return {p.name.id: _parameter(p) for p in block.parameters} if block is not None else {}


def _parameter(parameter: syntax.Parameter) -> Field:
    """A parameter of a block as the setting that it is like: by its kind, its default, or its name elsewhere."""
    if parameter.kind is not None:
        return Field(parameter.name.id, KINDS.get(parameter.kind.id))
    if isinstance(parameter.default, syntax.Literal):
        said = {bool: "bool", int: "number", float: "number", str: "text"}[type(parameter.default.value)]
        return Field(parameter.name.id, KINDS[said])
    if isinstance(parameter.default, syntax.ListOf):
        return Field(parameter.name.id, KINDS["list"])
    alike = (f.kind for op in REGISTRY.values() for f in op.settings() if f.name == parameter.name.id)
    return Field(parameter.name.id, next(alike, None))


def reads(site: Site, field: Field, text: str) -> bool:
    """Whether a setting can take a text."""
    value = value_of(site, text)
    if value is ANY or field.kind is None:
        return True
    try:
        read_setting(field, value)
    except RuleError:
        return False
    return True


def fits(site: Site, title: str, declared: type[Declared] | None, written: str) -> bool:
    """Whether every setting of a layer in a text that a help offers is of a kind that it may have."""
    fields = fields_of(site, title, declared)
    calls = (part for part in written.split(" -> ") if re.match(rf"{title}\b", part))
    call = next(calls, title)
    texts = given_in(call)
    names = [g.name or name for g, name in zip(texts, [*fields, *[""] * len(texts)], strict=False)]
    both = [n for n in ONE_OF.get(title, ()) if n in names and n in ("size", "scale", "margin")]
    known = all(n in fields and reads(site, fields[n], g.value) for n, g in zip(names, texts, strict=True))
    return len(both) < 2 and len(set(names)) == len(names) and known


def takes(title: str, names: Sequence[str]) -> str:
    return f"`{title}` takes " + (", ".join(names) if names else "no settings")
