"""Recurrent layers: back-propagation through time (Werbos, 1990), step by step from the last to the first."""

from __future__ import annotations

from netdsl.lesson.algebra import Formula, Indicator, Letter, Numeral, SumOver, Transposed, called
from netdsl.lesson.wording.table import Board, Worded, says
from netdsl.ops.recurrent import Gru, Lstm, Recurrence, Rnn

ONE, ZERO = Numeral(1), Numeral(0)
StepLines = tuple[tuple[Letter, Formula], ...]


def at(name: str, when: int = 0) -> Letter:
    """A letter at a step, counted from the one at hand."""
    return Letter(name, when)


X, H, BEFORE, DELTA, DH = at("x"), at("h"), at("h", -1), at("δ"), at("dh")
IN, BACK = Letter("W"), Letter("U")
COMES = at("∂J/∂y")
"""What arrives at a step from outside; `dh` is that with what the step behind gives back."""


def _sums(term: Formula, letters: str = "t") -> Formula:
    return SumOver(term, (0,) if letters == "t" else (0, 1), letters)


def _weights(op: Recurrence, recurrent: Formula = DELTA, bias: Formula = DELTA) -> dict[str, Formula]:
    """Sums over all steps: the same weights work at each of them."""
    found: dict[str, Formula] = {
        "weight_ih": _sums(Transposed(DELTA) @ X),
        "weight_hh": _sums(Transposed(recurrent) @ BEFORE),
        "x": DELTA @ IN,
    }
    both = {"bias_ih": _sums(DELTA, "tn"), "bias_hh": _sums(bias, "tn")}
    return found | dict(list(both.items())[: op.biases])


def _notes(op: Recurrence) -> tuple[str, ...]:
    """How several layers, or both directions of one, hang together."""
    found = []
    names = {1: "", 3: "rzn", 4: "ifgo"}[op.gates]
    if names:
        order = ", ".join(f"W_{name}" for name in names)
        found.append(f"{order} are the rows of W from top to bottom; so with U and b")
    if op.biases == 2:
        found.append("b in these lines is b + b′" + (", but b′_n stands alone" if "n" in names else ""))
    if op.layers > 1:
        found.append("layers from the last to the first: what one gives its x(t) is the ∂J/∂y(t) of the one below")
    if op.bidirectional:
        found.append(
            "either direction has half of ∂J/∂y; `reverse` has the same formulas with the steps turned round; both add "
            "to ∂J/∂x"
        )
    return tuple(found)


def _gate(name: str, function: str, biases: int, before: Formula = BEFORE) -> tuple[Letter, Formula]:
    total: Formula = X @ Transposed(Letter(f"W_{name}")) + before @ Transposed(Letter(f"U_{name}"))
    return at(name), called(function, total + Letter(f"b_{name}") if biases else total)


@says(Rnn)
def rnn(op: Rnn, board: Board) -> Worded:
    total: Formula = X @ Transposed(IN) + BEFORE @ Transposed(BACK)
    tanh = op.activation == "tanh"
    y = called("tanh", total + Letter("b")) if op.biases else called("tanh", total)
    if not tanh:
        y = called("max", ZERO, total + Letter("b") if op.biases else total)
    slope: Formula = ONE - H**2 if tanh else Indicator(H, ">", ZERO)
    steps: StepLines = ((DH, COMES + at("δ", 1) @ BACK), (DELTA, DH * slope))
    return Worded(y, _weights(op), steps=steps, forward=((H, y),), notes=_notes(op))


@says(Lstm)
def lstm(op: Lstm, board: Board) -> Worded:
    i, f, g, o, c = map(at, "ifgoc")
    tanh = called("tanh", c)
    forward: StepLines = (
        *(_gate(name, "tanh" if name == "g" else "σ", op.biases) for name in "ifgo"),
        (c, f * at("c", -1) + i * g),
        (H, o * tanh),
    )
    dc = at("dc")
    steps: StepLines = (
        (DH, COMES + at("δ", 1) @ BACK),
        (dc, DH * o * (ONE - tanh**2) + at("dc", 1) * at("f", 1)),
        (at("δi"), dc * g * i * (ONE - i)),
        (at("δf"), dc * at("c", -1) * f * (ONE - f)),
        (at("δg"), dc * i * (ONE - g**2)),
        (at("δo"), DH * tanh * o * (ONE - o)),
        (DELTA, called("joined", at("δi"), at("δf"), at("δg"), at("δo"), axis=-1)),
    )
    return Worded(o * tanh, _weights(op), steps=steps, forward=forward, notes=_notes(op))


@says(Gru)
def gru(op: Gru, board: Board) -> Worded:
    r, z, n, part = map(at, ("r", "z", "n", "a"))
    inner: Formula = BEFORE @ Transposed(Letter("U_n"))
    new: Formula = X @ Transposed(Letter("W_n"))
    part_of = inner + Letter("b′_n") if op.biases == 2 else inner
    new = new + Letter("b_n") if op.biases else new
    y = (ONE - z) * n + z * BEFORE
    forward: StepLines = (
        *(_gate(name, "σ", op.biases) for name in "rz"),
        (part, part_of),
        (n, called("tanh", new + r * part)),
        (H, y),
    )
    steps: StepLines = (
        (DH, COMES + at("dh", 1) * at("z", 1) + at("ε", 1) @ BACK),
        (at("δn"), DH * (ONE - z) * (ONE - n**2)),
        (at("δz"), DH * (BEFORE - n) * z * (ONE - z)),
        (at("δr"), at("δn") * part * r * (ONE - r)),
        (DELTA, called("joined", at("δr"), at("δz"), at("δn"), axis=-1)),
        (at("ε"), called("joined", at("δr"), at("δz"), at("δn") * r, axis=-1)),
    )
    return Worded(y, _weights(op, at("ε"), at("ε")), steps=steps, forward=forward, notes=_notes(op))
