"""Layers and blocks as an author would write them: `conv(96, 11, stride=4)`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netdsl.dims import Dim
from netdsl.dims.tensors import Init
from netdsl.graph import Block, Node
from netdsl.ops.base import Op
from netdsl.ops.fields import TextKind
from netdsl.ops.value import WeightOf
from netdsl.text import syntax
from netdsl.text.written import Written

FEW = 4
"""How many items of a constant's list a row shows."""

Given = Mapping[str, syntax.Expr]
"""The author's expression of each setting that was given."""


def layer_text(node: Node, written: Written) -> str:
    """The call that makes it: leading settings by place if required or so written, others by name unless defaults.

    A number that its author wrote is there in any case: `lrn(5)`, though 5 is what it is without.
    """
    given = written.given(node.written)
    if isinstance(node.op, Op) and node.op.name == "const":
        return f"const({_start_text(node.op.start)})"  # type: ignore[attr-defined]
    if isinstance(node.op, WeightOf):
        return f"{node.keyed or node.owner.name}.{node.op.key}"
    if isinstance(node.op, Block):
        positional, named = _block_settings(node.op, given, written.definitions.get(node.op.span))
    else:
        positional, named = _op_settings(node.op, given)
    parts = [*positional, *(f"{name}={text}" for name, text in named)]
    word = node.op.word if isinstance(node.op, Op) and node.op.word else node.kind
    return f"{word}({', '.join(parts)})" if parts else word


def _start_text(start: object) -> str:
    """What a constant is; of a list no more than a row has room for."""
    if not isinstance(start, tuple):
        return value_text(start)
    inner = [_start_text(item) for item in start[:FEW]]
    return f"[{', '.join([*inner, '…'] if len(start) > FEW else inner)}]"


def _op_settings(op: Op, given: Given) -> tuple[list[str], list[tuple[str, str]]]:
    positional: list[str] = []
    named: list[tuple[str, str]] = []
    leading = True
    for declared in op.settings():
        value = getattr(op, declared.name)
        text = f'"{value}"' if isinstance(declared.kind, TextKind) else value_text(value)
        shown = declared.required or value != declared.default or _is_number(given.get(declared.name))
        leading = leading and (declared.required or (shown and _by_place(given.get(declared.name))))
        if leading:
            positional.append(text)
        elif shown:
            named.append((declared.name, text))
    return positional, named


def _block_settings(
    block: Block, given: Given, definition: syntax.Definition | None
) -> tuple[list[str], list[tuple[str, str]]]:
    defaults = {p.name.id: p.default for p in definition.parameters} if definition else {}
    positional: list[str] = []
    named: list[tuple[str, str]] = []
    leading = True
    for name, value in block.settings.items():
        default = defaults.get(name)
        shown = not _is_default(default, value) or _is_number(given.get(name))
        leading = leading and ((name in defaults and default is None) or (shown and _by_place(given.get(name))))
        if leading:
            positional.append(value_text(value))
        elif shown:
            named.append((name, value_text(value)))
    return positional, named


def _is_number(expression: syntax.Expr | None) -> bool:
    """Whether a setting was given as such, rather than by a word for what its block was given."""
    return isinstance(expression, syntax.Literal | syntax.TupleOf)


def _by_place(expression: syntax.Expr | None) -> bool:
    """Whether a setting was given without its name."""
    if expression is None:
        return False
    text, place = expression.span.source.text, expression.span.start
    while place and text[place - 1].isspace():
        place -= 1
    return text[place - 1 : place] in ("(", ",")


def _is_default(default: syntax.Expr | None, value: object) -> bool:
    if isinstance(default, syntax.Literal):
        return bool(default.value == value) and isinstance(default.value, bool) == isinstance(value, bool)
    return default is not None and default.span.text.strip() == value_text(value)


def value_data(value: object) -> Any:
    """One compile-time value as JSON holds it: numbers, truth values, texts and lists as they are, the rest as text."""
    if isinstance(value, list | tuple):
        return [value_data(v) for v in value]
    return value if isinstance(value, bool | int | float | str) else value_text(value)


def value_text(value: object) -> str:
    """One compile-time value as the language spells it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(int(value)) if value.is_integer() and abs(value) < 1e6 else repr(value)
    if isinstance(value, Init):
        return value.kind + (f"({', '.join(map(value_text, value.values))})" if value.values else "")
    if isinstance(value, tuple):
        return value_text(value[0]) if len(value) == 1 else "(" + ", ".join(map(value_text, value)) + ")"
    if isinstance(value, list):
        return "[" + ", ".join(map(value_text, value)) + "]"
    if isinstance(value, (int, str, Dim)) or value is None:
        return str(value)
    return str(getattr(value, "text", value))
