"""Source text that is too long for a line, cut where a formatter would: before operators, between items of a list."""

from __future__ import annotations

import ast
from collections.abc import Iterator


def parts_of_sum(text: str) -> list[str]:
    """An expression at its outermost operators, each part beginning with its own: `a`, `+ b`, `- c`.

    One part when it has no such operator.
    """
    try:
        node = ast.parse(text, mode="eval").body
    except SyntaxError:
        start, colon, end = text.partition(" : ")  # of a slice, whose end may be a sum
        first, *rest = parts_of_sum(end) if colon else [text]
        return [f"{start}{colon}{first}", *rest] if colon else [text]
    cuts = sorted(_cuts(node, text)) if text.isascii() and "\n" not in text else []
    return [text[a:b].strip() for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def _cuts(node: ast.expr, text: str) -> Iterator[int]:
    """Where the outermost operators stand."""
    if isinstance(node, ast.BoolOp):
        word = "or" if isinstance(node.op, ast.Or) else "and"
        pairs = zip(node.values, node.values[1:], strict=False)
        yield from (text.index(word, a.end_col_offset or 0, b.col_offset) for a, b in pairs)
    elif isinstance(node, ast.BinOp):
        between = text[node.left.end_col_offset : node.right.col_offset]
        yield (node.left.end_col_offset or 0) + between.index(between.strip("() ")[0])
        opened = between.lstrip().startswith(")")
        if isinstance(node.left, ast.BinOp) and not opened and _level(node.left.op) == _level(node.op):
            yield from _cuts(node.left, text)


def _level(operator: ast.operator) -> int:
    """Operators of one level stand in one sum."""
    return 0 if isinstance(operator, ast.Add | ast.Sub) else 2 if isinstance(operator, ast.Pow) else 1


def slices(text: str) -> tuple[str, list[str]] | None:
    """What is sliced, and the slices: `x` and `:`, `a : b` of `x[:, a : b]`; None for what is no such thing."""
    try:
        node = ast.parse(text, mode="eval").body
    except SyntaxError:
        return None
    if not isinstance(node, ast.Subscript) or not isinstance(node.slice, ast.Tuple) or not text.isascii():
        return None
    found = [ast.get_source_segment(text, item) or ":" for item in node.slice.elts]
    value = ast.get_source_segment(text, node.value) or ""
    return (value, found) if f"{value}[{', '.join(found)}]" == text else None


def pieces_of_string(text: str, width: int) -> list[str]:
    """The literals, side by side, that make one long literal; itself where it is no plain string."""
    try:
        node = ast.parse(text, mode="eval").body
    except SyntaxError:
        return [text]
    plain = isinstance(node, ast.Constant) and isinstance(node.value, str) and "\\" not in text
    if not plain or len(text) <= width:
        return [text]
    found, rest, most = [], text[1:-1], width - 2
    while len(rest) > most:
        end = rest.rfind(" ", 1, most) + 1 or most
        found.append(f'"{rest[:end]}"')
        rest = rest[end:]
    return [*found, f'"{rest}"']
