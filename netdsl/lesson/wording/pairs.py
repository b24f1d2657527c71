"""What joins several values element by element: sums, products, powers, the larger of two."""

from __future__ import annotations

from netdsl.dims.tensors import Value
from netdsl.lesson.algebra import Added, Formula, Indicator, Letter, Numeral, Raised, called, times
from netdsl.lesson.wording.table import Board, Worded, fitted, says
from netdsl.ops.arithmetic import Add, Div, Maximum, Minimum, Mul, Power, Sub

Y = Letter("y")


def _many(op: Add | Mul, board: Board) -> tuple[Formula, ...]:
    """`a`, `b`, `c`: a letter for each of several values."""
    return tuple(board.letter(f"x{place}") for place in range(1, len(op.x) + 1))


@says(Add)
def add(op: Add, board: Board) -> Worded:
    found = tuple(fitted(board.dy, op.result(), v.type) for v in op.x)
    return Worded(Added(_many(op, board)), {"x": found})


@says(Mul)
def mul(op: Mul, board: Board) -> Worded:
    names = _many(op, board)
    others = [times(board.dy, *names[:place], *names[place + 1 :]) for place in range(len(names))]
    found = tuple(fitted(o, op.result(), v.type) for o, v in zip(others, op.x, strict=True))
    return Worded(times(*names), {"x": found})


def _two(op: Sub | Div | Power | Maximum | Minimum, board: Board, y: Formula, a: Formula, b: Formula) -> Worded:
    kind = op.result()
    return Worded(y, {"a": fitted(a, kind, op.a.type), "b": fitted(b, kind, op.b.type)})


@says(Sub)
def sub(op: Sub, board: Board) -> Worded:
    return _two(op, board, board.letter("a") - board.letter("b"), board.dy, -board.dy)


@says(Div)
def div(op: Div, board: Board) -> Worded:
    a, b = board.letter("a"), board.letter("b")
    return _two(op, board, a / b, board.dy / b, -((board.dy * Y) / b))


@says(Power)
def power(op: Power, board: Board) -> Worded:
    a, b, dy = board.letter("a"), board.letter("b"), board.dy
    less = Numeral(b.value - 1) if isinstance(b, Numeral) else b - Numeral(1)
    base = times(b, dy) if less == Numeral(0) else times(b, dy, a if less == Numeral(1) else Raised(a, less))
    return _two(op, board, Raised(a, b), base, dy * Y * called("log", a))


def _taken(own: Value, other: Value, names: tuple[Formula, Formula], relation: str) -> Formula:
    """1 where one of two values is taken; equal ones have half each, beside one number the value has it all."""
    lone, met = (v.type.rank == 0 and not v.type.batched for v in (own, other))
    won = Indicator(names[0], relation, names[1])
    if lone == met:
        return won + Indicator(names[0], "=", names[1]) / Numeral(2)
    return won if lone else Indicator(names[0], {">": "≥", "<": "≤"}[relation], names[1])


def _larger(op: Maximum | Minimum, board: Board, relation: str, name: str) -> Worded:
    names = board.letter("a"), board.letter("b")
    first, second = (op.a, op.b), (op.b, op.a)
    a = board.dy * _taken(*first, names, relation)
    b = board.dy * _taken(*second, (names[1], names[0]), relation)
    return _two(op, board, called(name, *names), a, b)


@says(Maximum)
def maximum(op: Maximum, board: Board) -> Worded:
    return _larger(op, board, ">", "max")


@says(Minimum)
def minimum(op: Minimum, board: Board) -> Worded:
    return _larger(op, board, "<", "min")
